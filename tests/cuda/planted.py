"""Kernels that the compile gate must refuse, and one that it must not; run by test_gate.py in a process of its own.
python tests/cuda/planted.py all|good [arguments of tools/cuda_gate.py]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import cuda_gate

from voxomics.kernels import jit


def crowd(number: int):
    """A kernel that keeps `number` float64 alive, two registers each."""
    names = [f"x{k}" for k in range(number)]
    lines = ["def crowd_gpu(a):", "    t = jit.cuda.threadIdx.x"]
    lines += [f"    {name} = a[t + {k} * 128]" for k, name in enumerate(names)]
    lines += ["    n = 0", "    while n < a.size:"]
    lines += [f"        {name} = {name} * a[n] + {names[k - 1]}" for k, name in enumerate(names)]
    lines += ["        n += 1"]
    lines += [f"    a[t + {k} * 128] = {name}" for k, name in enumerate(names)]
    scope = {"jit": jit, "__name__": "planted"}
    exec("\n".join(lines), scope)
    return scope["crowd_gpu"]


def add(a):
    a[jit.cuda.threadIdx.x] += 1.0


def store(a):
    room = jit.cuda.shared.array(7000, np.float64)
    t = jit.cuda.threadIdx.x
    room[t] = a[t]
    jit.cuda.syncthreads()
    a[t] = room[127 - t]


def tally(a):
    jit.cuda.atomic.add(a, 0, 1.0)


def pass_on(a):
    t = jit.cuda.threadIdx.x
    a[t] = jit.cuda.shfl_down_sync(0xFFFFFFFF, a[t], 1)


def wait(a):
    jit.cuda.cg.this_grid().sync()
    a[jit.cuda.threadIdx.x] += 1.0


def guess(a):
    a[0] = unknown  # noqa: F821


PLANTED = {
    "good": (add, 64),
    "registers": (crowd(40), 64),
    "declared": (crowd(40), 128),
    "spills": (crowd(160), 128),
    "unheard": (add, 200),
    "shared": (store, 64),
    "atomic": (tally, 64),
    "warp": (pass_on, 64),
    "grid": (wait, 64),
    "untyped": (guess, 64),
}


def main(which: str, *arguments: str) -> int:
    """Put the planted kernels in the place of ours, and run the gate."""
    cuda_gate.import_kernels()
    jit.GPU_KERNELS.clear()
    for name, (function, registers) in PLANTED.items():
        if which in ("all", name):
            function.__name__ = function.__qualname__ = f"{name}_gpu"
            kernel = jit.Kernel(function, "f8[::1]", registers, "planted" if registers > 64 else "")
            jit.GPU_KERNELS[f"planted.{name}"] = kernel
    return cuda_gate.main(["--processes", "1", *arguments])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
