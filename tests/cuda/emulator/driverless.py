"""The one place that reaches into numba-cuda: its LLVM IR for a kernel, without a driver. Written against numba-cuda 0.30.4."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from numba.cuda import compiler, dispatcher
from numba.cuda.core import sigutils

COMPUTE_CAPABILITY = (9, 0)  # has no part in the IR of what we support


@contextlib.contextmanager
def _pretended_device() -> Iterator[None]:
    """A kernel that calls a device function makes numba-cuda ask the driver for the device; here is the answer."""
    real = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=COMPUTE_CAPABILITY)
    try:
        yield
    finally:
        dispatcher.get_current_device = real


def argument_types(signature: str) -> tuple[Any, ...]:
    """Numba's types of a kernel's parameters."""
    arguments, _ = sigutils.normalize_signature(signature)
    return tuple(arguments)


def nvvm_ir(function: Callable[..., Any], signature: str) -> tuple[str, list[str]]:
    """Name of the kernel's symbol, and the modules that numba-cuda would hand to NVVM: the kernel's and its device functions'."""
    with _pretended_device():
        library, _ = compiler._compile_pyfunc_with_fixup(function, signature, device=False, abi="numba", cc=COMPUTE_CAPABILITY)
    return library._entry_name, list(library.llvm_strs)
