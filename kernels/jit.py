"""Compile options of all kernels, with their reasons.

`body` marks arithmetic that CPU and CUDA share; `cpu` marks a loop over VOIs that runs on CPU threads; `gpu` marks a
kernel for a CUDA device. What a kernel needs of CUDA it reaches as ``jit.cuda``, the one import of numba.cuda: made
when a kernel is first compiled, because it takes two seconds, and because nobody without a GPU has to install it.

Options
-------
nogil : threads of our own pool run kernels side by side.
cache : compiled code is kept beside the source, or in the user's cache folder when the package is read-only, so that only the
    first call on a machine compiles.
error_model="numpy" : 0/0 is NaN, as on a GPU; the check for a zero divisor would cost a branch in every formula.
fastmath stays off : sums must not be reordered, results are bit-equal across batch sizes and threads.
parallel stays off : Numba's default threading layer aborts when two user threads enter it; engine/pool.py does the work.
no_cfunc_wrapper, no_cpython_wrapper : entry points that nobody calls are a fifth of the compile time.
boundscheck : off; NUMBA_BOUNDSCHECK=1 turns it on for a test run.

Environment variables
---------------------
VOXOMICS_COMPILE_WITH_GC : "1" leaves Python's garbage collector alone. By default it is held off in the whole process
    while one of our kernels compiles, by a listener that is registered with Numba when this module is imported.
VOXOMICS_HASH_SOURCES : "0" reads no source file. By default compiled code is used again only if every file of
    voxomics.kernels is what it was. The files are hashed once a process, when the first kernel is looked up on disk.
    Without the hash Numba compares the time and the size of a kernel's own file: enough for an installed package, too
    little for whoever edits a body.

Both are read when this module is imported.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event
from numba.core.compiler_lock import global_compiler_lock

from voxomics.kernels import cache

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


COMPILE_WITH_GC = os.environ.get("VOXOMICS_COMPILE_WITH_GC", "0") not in ("", "0")
HASH_SOURCES = os.environ.get("VOXOMICS_HASH_SOURCES", "1") not in ("", "0")


@functools.cache
def _sources() -> str:
    """Hash of every kernel file."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def __getattr__(name: str) -> Any:
    if name != "cuda":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import numba.cuda as cuda  # numba-cuda; its successor numba-cuda-mlir would be named in this line

    cuda.core.config.CUDA_LOW_OCCUPANCY_WARNINGS = 0  # else it warns of every launch of few blocks, and a batch may be small
    globals()["cuda"] = cuda
    return cuda


class _Undisturbed(event.Listener):
    """Disable Python's garbage collector while a kernel compiles, which saves a fifth of the time."""

    def __init__(self) -> None:
        self.depth = 0
        self.was_on = False

    def on_start(self, found: Any) -> None:
        if _is_ours(found):
            if self.depth == 0:
                self.was_on = gc.isenabled()
                gc.disable()
            self.depth += 1

    def on_end(self, found: Any) -> None:
        if _is_ours(found):
            self.depth -= 1
            if self.depth == 0 and self.was_on:
                gc.enable()


def _is_ours(found: Any) -> bool:
    return str(found.data["dispatcher"].py_func.__module__).startswith("voxomics.")


if not COMPILE_WITH_GC:
    event.register("numba:compile", _Undisturbed())  # Numba compiles under one lock, so the depth is that of one thread


if hasattr(os, "register_at_fork"):  # a child would wait for ever for a compilation of a thread that it does not have
    os.register_at_fork(
        before=global_compiler_lock.acquire, after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )  # fmt: skip


def cpu(function: F) -> F:
    """Compile a kernel that walks VOIs on a CPU thread."""
    return _kept(function)


def body(function: F) -> F:
    """Compile arithmetic that both targets share. Only kernels can call it; Python has no entry point.

    A CUDA kernel may call it too; numba-cuda compiles its source again.
    """
    return _kept(function, no_cpython_wrapper=True)


GPU_KERNELS: dict[str, Kernel] = {}
"""Every kernel for a GPU of the modules imported so far, by name (``glcm.count.count_gpu``)."""


class Kernel:
    """A kernel for a GPU: a plain Python function, compiled when a device first launches it.

    Attributes
    ----------
    function : callable
    name : str
        Module below `voxomics.kernels` and function: ``glcm.count.count_gpu``.
    signatures : tuple of str
        What it is compiled for, in Numba's notation; `tools/cuda_gate.py` compiles each of them on machines without a
        GPU.
    registers : int
        How many it may take of a thread's.
    because : str
        Why it may take more than 64.
    relaxed : tuple of str
        Parameters whose elements are read while other threads update them by atomic operations.
    """

    def __init__(
        self, function: Callable[..., None], signature: str, registers: int, because: str, relaxed: tuple[str, ...] = ()
    ) -> None:
        self.function = function
        self.name = f"{function.__module__.removeprefix('voxomics.kernels.')}.{function.__name__}"
        types = ("u1", "u2") if "level" in signature else ("",)
        self.signatures = tuple(f"void({signature.replace('level', level)})" for level in types)
        self.registers = registers
        self.because = because
        self.relaxed = relaxed
        functools.update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> None:
        """Raise: a kernel is launched through a device (kernels/device.py)."""
        raise TypeError(f"{self.name} runs on a device: device.launch({self.name}, blocks, threads, ...)")

    @functools.cached_property
    def compiled(self) -> Any:
        """The kernel compiled for the present device, for every signature and no other types."""
        from numba.core import sigutils

        kernel = __getattr__("cuda").jit(self.function)
        _keep(kernel)
        for signature in self.signatures:
            kernel.compile(sigutils.normalize_signature(signature)[0])
        kernel.disable_compile()
        return kernel


def gpu(
    signature: str, registers: int = 64, because: str = "", relaxed: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Kernel]:
    """Declare a kernel for a GPU by the types of its arguments.

    Parameters
    ----------
    signature : str
        Types in Numba's short notation, separated by commas: ``i4`` int32, ``i8[::1]`` a contiguous vector of int64,
        ``f8[:, ::1]`` a table of float64 in C order. ``level`` stands for uint8 and for uint16: the kernel is compiled
        for both.
    registers : int
        The most it may take; a counting kernel keeps within 64, a measuring kernel within 128.
    because : str
        The reason for more than 64.
    relaxed : tuple of str
        Parameters whose elements may be read while other threads update them by atomic operations, as union-find does:
        the kernel says why an old value does no harm. The checks of tests/cuda call every other such read a race.
    """
    if registers > 64 and not because:
        raise ValueError("a kernel with more than 64 registers must give a reason")

    def declare(function: Callable[..., None]) -> Kernel:
        kernel = Kernel(function, signature, registers, because, relaxed)
        GPU_KERNELS[kernel.name] = kernel
        return kernel

    return declare


def _kept(function: Any, **more: bool) -> Any:
    """Compiled on first use and kept on disk."""
    kernel = numba.njit(**_OPTIONS, **more)(function)
    if not numba.config.DISABLE_JIT:
        _keep(kernel)
    return kernel


def _keep(kernel: Any) -> None:
    """Keep a kernel's compiled code on disk.

    Cached code depends on every kernel file: Numba alone looks at a kernel's own file, not at the bodies it calls.
    """
    try:
        with cache.real_folders():
            kernel.enable_caching()
    except RuntimeError:  # neither the package's folder nor one of the user's can be written to
        _warn_once()
        return
    cache.guard(kernel._cache, _sources if HASH_SOURCES else None)


@functools.cache
def _warn_once() -> None:
    warnings.warn(
        "no folder for compiled kernels can be written to, so every run compiles them again (up to a minute); "
        "set NUMBA_CACHE_DIR to a writable folder",
        stacklevel=1,
    )


def cache_folder(kernel: Callable[..., Any]) -> str:
    """Folder in which the compiled code of a kernel is kept; "" when there is none."""
    return str(getattr(getattr(kernel, "stats", None), "cache_path", None) or "")


def is_cached(kernel: Callable[..., Any]) -> bool:
    """True when compiled code of this kernel, from the present sources, is kept on disk."""
    file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    return bool(file and file._load_index())
