"""From NVVM's LLVM IR to LLVM IR for this machine: one function, the kernel, in which everything it calls is inlined."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import llvmlite.binding as llvm

SIZES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "float": 4, "double": 8}
APART = 256  # bytes between two shared arrays, at the least, so that running off the end of one is seen

# Answers of the runtime. `memory(none)`: the same for a thread's whole life, so LLVM may ask once.
_ANSWERS = {
    f"llvm.nvvm.read.ptx.sreg.{register}.{axis}": f"gpu_{register}_{axis}"
    for register in ("tid", "ctaid", "ntid", "nctaid")
    for axis in "xyz"
}
_DYNAMIC_BYTES = 'asm sideeffect "mov.u32 $0, %dynamic_smem_size;", "=r"()'
_RUNTIME = """
declare ptr @gpu_shared(i64) memory(none) nounwind willreturn
declare i32 @gpu_dynamic_bytes() memory(none) nounwind willreturn
declare void @gpu_barrier(i32) convergent nounwind
""" + "".join(f"declare i32 @{name}() memory(none) nounwind willreturn\n" for name in _ANSWERS.values())

_SHARED = re.compile(r'^@"?([\w.$]+)"? = (?:external )?addrspace\(3\) global \[(\d+) x (\w+)\].*\n', re.MULTILINE)
_SHARED_USE = re.compile(r'addrspacecast ptr addrspace\(3\) @"?([\w.$]+)"? to ptr')
_CONSTANT_USE = re.compile(r'addrspacecast ptr addrspace\(4\) (@"[^"]+"|@[\w.$]+) to ptr')
_BARRIER = re.compile(r'call void @"llvm\.nvvm\.barrier0"\(\)')
_DROPPED = re.compile(r'^(?:target |!nvvm|@"?llvm\.used|declare void @"llvm\.nvvm\.barrier0").*\n', re.MULTILINE)
_DECLARED = re.compile(r"^declare [^\n@]*@\"?([\w.$]+)\"?\(.*\n", re.MULTILINE)
_DEFINED = re.compile(r"^define (?:linkonce_odr )?(.*\))\s*$", re.MULTILINE)


@dataclass(frozen=True)
class SharedArray:
    """A shared array of a kernel: where it lies in a block's shared memory. Length 0 is all of the dynamic memory."""

    name: str
    offset: int
    length: int
    itemsize: int


@dataclass
class SharedLayout:
    """The shared arrays of a kernel and of its device functions, laid out one behind the other."""

    arrays: dict[str, SharedArray] = field(default_factory=dict)
    static_bytes: int = APART

    @property
    def used(self) -> int:
        """Bytes of the arrays of fixed length."""
        return sum(array.length * array.itemsize for array in self.arrays.values())

    def add(self, symbol: str, length: int, element: str) -> None:
        if symbol in self.arrays:
            return
        if element not in SIZES:
            raise NotImplementedError(f"the emulator does not know shared arrays of {element}")
        itemsize = SIZES[element]
        name = f"shared array {len(self.arrays) + 1} ({length or 'dynamic'} x {element})"
        self.arrays[symbol] = SharedArray(name, self.static_bytes, length, itemsize)
        if length:
            self.static_bytes += -(-length * itemsize // APART) * APART + APART

    def offset(self, symbol: str) -> int:
        array = self.arrays[symbol]
        return array.offset if array.length else self.static_bytes


def translated(modules: list[str]) -> tuple[list[str], SharedLayout]:
    """The modules with NVVM's intrinsics, shared and constant memory replaced by what the runtime offers."""
    layout = SharedLayout()
    for text in modules:
        for symbol, length, element in _SHARED.findall(text):
            layout.add(symbol, int(length), element)
    barriers = itertools.count(1)
    return [_translated(text, layout, barriers) for text in modules], layout


def _translated(text: str, layout: SharedLayout, barriers: Iterator[int]) -> str:
    text = _SHARED.sub("", _DROPPED.sub("", text))
    text = _SHARED_USE.sub(lambda use: f"call ptr @gpu_shared(i64 {layout.offset(use[1])})", text)
    text = _CONSTANT_USE.sub(r"getelementptr i8, ptr \1, i64 0", text).replace("addrspace(4) constant", "constant")
    text = text.replace(_DYNAMIC_BYTES, "@gpu_dynamic_bytes()")
    text = _BARRIER.sub(lambda _: f"call void @gpu_barrier(i32 {next(barriers)})", text)  # LLVM may make one of two
    for intrinsic, name in _ANSWERS.items():
        text = text.replace(f'@"{intrinsic}"(', f"@{name}(")
    _refuse_the_rest(text)
    # `convergent` keeps LLVM from copying a barrier; `no-builtins` keeps it from turning loops into memset, which no check sees.
    text = _DEFINED.sub(r'define linkonce_odr \1 alwaysinline convergent "no-builtins"', text)
    return _declared_once(_RUNTIME + text)


def _declared_once(text: str) -> str:
    """Two intrinsics may have become one function of the runtime, and LLVM wants one declaration."""
    seen: set[str] = set()

    def first(found: re.Match[str]) -> str:
        known = found[1] in seen
        seen.add(found[1])
        return "" if known else found[0]

    return _DECLARED.sub(first, text)


def _refuse_the_rest(text: str) -> None:
    strange = re.search(r"call .*(llvm\.nvvm[\w.]+)|call .*(asm .*)|(addrspace\(\d\).*)|atomicrmw (f\w+) ", text)
    if strange:
        what = next(part for part in strange.groups() if part)
        raise NotImplementedError(f"the emulator does not know this instruction of the kernel: {what}")


def optimised(modules: list[str], kernel: str, machine: llvm.TargetMachine) -> str:
    """The modules linked and optimised, with everything inlined into the kernel."""
    whole = llvm.parse_assembly(modules[0])
    for text in modules[1:]:
        whole.link_in(llvm.parse_assembly(text))
    whole.triple, whole.data_layout = machine.triple, str(machine.target_data)
    for function in whole.functions:
        if not function.is_declaration:
            function.linkage = "external" if function.name == kernel else "internal"
    # Vectors would only make it harder to say which element was touched.
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(whole, builder)
    left = [function.name for function in whole.functions if not function.is_declaration and function.name != kernel]
    if left:
        raise NotImplementedError(f"the emulator inlines every device function, but could not inline (recursion?): {left}")
    return str(whole).replace("tail call void @gpu_barrier", "notail call void @gpu_barrier")  # the runtime asks who called
