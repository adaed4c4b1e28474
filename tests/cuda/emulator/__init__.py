"""numba-cuda kernels, run on CPU threads from the LLVM IR that numba-cuda compiled for a GPU. No driver, no GPU.

>>> kernel = Kernel(count_levels, "void(uint8[::1], int32[::1])")
>>> findings = kernel.launch(4, 128, levels, counts, order="random")  # 4 blocks of 128 threads
>>> assert findings.clean, findings.text

A CUDA thread is a fiber: it runs until it meets a barrier, then the next one does. A *checked* kernel reports each load, store
and atomic, and the runtime sees data races, accesses outside the arrays, barriers that part of a block misses, and shared
memory that is read before it is written. An unchecked one is fast.

What it cannot see: the GPU's weaker memory order; NVVM's own optimiser, which contracts a·b+c (floats agree to about 1e-12,
counts exactly); conversions of NaN and of floats too large for an integer. Warp intrinsics, grid sync and float atomics raise
NotImplementedError.
"""

from emulator.needs import unavailable

__all__ = ["Findings", "Kernel", "planted", "rebound", "unavailable"]

if not unavailable():
    from emulator.faults import planted, rebound
    from emulator.findings import Findings
    from emulator.launch import Kernel
else:

    def __getattr__(name: str) -> object:
        if name in __all__:
            raise ImportError(unavailable())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
