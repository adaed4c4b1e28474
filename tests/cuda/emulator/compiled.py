"""A kernel as machine code of this computer, and the runtime it calls."""

from __future__ import annotations

import ctypes
import functools
import inspect
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from emulator import checks, driverless, ir

# libdevice's functions are libm's: __nv_log2 is log2, __nv_log2f is log2f.
_LIBM = """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp10 exp2 expm1 fabs floor fma fmax fmin
    fmod hypot ldexp lgamma llrint llround log log10 log1p log2 nearbyint pow remainder rint round sin sinh sqrt tan tanh tgamma
    trunc
"""
_TESTS = {"__nv_isnand": "gpu_isnan", "__nv_isinfd": "gpu_isinf", "__nv_isfinited": "gpu_isfinite"}
_CONSTANT = re.compile(r"^(@\S+) = (?:private|internal) .*?constant ((?:\[\d+ x )+\w+\]+) ", re.MULTILINE)


@dataclass(frozen=True)
class Compiled:
    """Machine code of a kernel, and what a launch must know of it."""

    entry: int
    parameters: dict[str, Any]  # numba's types
    shared: ir.SharedLayout
    constants: list[tuple[int, int]]  # address and size of the tables that the kernel reads
    engine: llvm.ExecutionEngine  # owns the code


@functools.cache
def runtime() -> ctypes.CDLL:
    """The C files, compiled once a process."""
    sources = [str(Path(__file__).with_name(name)) for name in ("runtime.c", "detector.c")]
    with tempfile.TemporaryDirectory() as folder:  # a loaded library needs its file no longer
        library = Path(folder) / "runtime.so"
        options = ["-O2", "-shared", "-fPIC", "-pthread", "-ftls-model=initial-exec"]  # quick access to the current thread
        subprocess.run(["gcc", *options, *sources, "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library))


@functools.cache
def compiled(function: Callable[..., Any], signature: str, checked: bool) -> Compiled:
    """The kernel for these parameter types, compiled once a process."""
    symbol, modules = driverless.nvvm_ir(function, signature)
    modules, shared = ir.translated(modules)
    text = ir.optimised(modules, symbol, _machine())
    if checked:
        text = checks.instrumented(text)
    constants = _CONSTANT.findall(text)
    module = llvm.parse_assembly(text + _table_of(constants))
    module.link_in(llvm.parse_assembly(_entry(module.get_function(symbol))))
    module.verify()
    _bind(module)
    engine = llvm.create_mcjit_compiler(module, _machine())
    engine.finalize_object()
    table = (ctypes.c_int64 * (2 * len(constants))).from_address(engine.get_global_value_address("gpu_constants"))
    parameters = dict(zip(inspect.signature(function).parameters, driverless.argument_types(signature), strict=True))
    return Compiled(
        entry=engine.get_function_address("gpu_entry"),
        parameters=parameters,
        shared=shared,
        constants=list(zip(table[0::2], table[1::2], strict=True)),
        engine=engine,
    )


def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(opt=2, jit=True)


def _table_of(constants: list[tuple[str, str]]) -> str:
    """Address and size of each constant array, to be read once the code has its place."""
    rows = ", ".join(f"{{ptr, i64}} {{ptr {name}, i64 {checks.bytes_of(kind)}}}" for name, kind in constants)
    return f"\n@gpu_constants = constant [{len(constants)} x {{ptr, i64}}] [{rows}]\n"


def _entry(kernel: llvm.ValueRef) -> str:
    """A function that takes the kernel's arguments from a table of 64-bit words and calls it."""
    types = [str(argument.type) for argument in kernel.arguments]
    loads = "".join(
        f"  %slot.{i} = getelementptr i64, ptr %arguments, i64 {i}\n  %value.{i} = load {kind}, ptr %slot.{i}\n"
        for i, kind in enumerate(types)
    )
    values = ", ".join(f"{kind} %value.{i}" for i, kind in enumerate(types))
    return (
        f'declare void @"{kernel.name}"({", ".join(types)})\n'
        f'define void @gpu_entry(ptr %arguments) {{\n{loads}  call void @"{kernel.name}"({values})\n  ret void\n}}\n'
    )


def _bind(module: llvm.ModuleRef) -> None:
    """Tell LLVM where the functions are that the module calls."""
    libm = ctypes.CDLL("libm.so.6")
    known = {f"__nv_{name}{suffix}": (libm, f"{name}{suffix}") for name in _LIBM.split() for suffix in ("", "f")}
    known |= {libdevice: (runtime(), name) for libdevice, name in _TESTS.items()}
    for function in module.functions:
        name = function.name
        if not function.is_declaration or name.startswith("llvm."):
            continue
        library, real = (runtime(), name) if name.startswith("gpu_") else known.get(name, (None, ""))
        if library is None:
            raise NotImplementedError(f"the emulator does not know this function of the kernel: {name}")
        llvm.add_symbol(name, ctypes.cast(getattr(library, real), ctypes.c_void_p).value)
