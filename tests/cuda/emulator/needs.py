"""What the emulator needs of a machine."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys

POINTERS = "LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS"


def unavailable() -> str:
    """Why kernels cannot be emulated here; "" when they can.

    The environment variable makes numba-cuda write LLVM's opaque pointers. llvmlite reads it once, when it is imported, so it
    must be set before Python starts; numba's own CPU compiler then works as ever.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the emulator switches stacks on x86-64 Linux only, this is {platform.machine()} {sys.platform}"
    if os.environ.get(POINTERS) != "0":
        return f"{POINTERS}=0 must be set before Python starts"
    if "llvmlite" in sys.modules and sys.modules["llvmlite"].ir_layer_typed_pointers_enabled:
        return f"{POINTERS}=0 was set after llvmlite had been imported"
    if importlib.util.find_spec("numba_cuda") is None:
        return "numba-cuda is not installed: pip install 'voxomics[cuda]'"
    if shutil.which("gcc") is None:
        return "gcc is not installed: the emulator's runtime is written in C"
    return ""
