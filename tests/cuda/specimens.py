"""Small kernels, written to try the emulator on."""

from __future__ import annotations

import importlib
import types
from typing import Any

import numba
import numpy as np
from numba import cuda

LEVELS = 32
TABLE = np.arange(12, dtype=np.int32).reshape(4, 3) * 7


def _numba_cuda(name: str) -> Any:
    if name == "cuda":
        return importlib.import_module("numba.cuda")
    raise AttributeError(name)


lazy = types.ModuleType("lazy")  # kernels/jit.py gets numba.cuda like this, so that importing it costs nothing
lazy.__getattr__ = _numba_cuda  # type: ignore[method-assign]


# ---- sound ones


def where_am_i(ids):
    t = (cuda.threadIdx.z * cuda.blockDim.y + cuda.threadIdx.y) * cuda.blockDim.x + cuda.threadIdx.x
    b = (cuda.blockIdx.z * cuda.gridDim.y + cuda.blockIdx.y) * cuda.gridDim.x + cuda.blockIdx.x
    ids[b, t] = b * 1000 + t


def histogram(levels, counts):
    hist = cuda.shared.array(LEVELS, np.int32)
    t = cuda.threadIdx.x
    i = t
    while i < LEVELS:
        hist[i] = 0
        i += cuda.blockDim.x
    cuda.syncthreads()
    i = cuda.blockIdx.x * cuda.blockDim.x + t
    while i < levels.size:
        cuda.atomic.add(hist, levels[i], 1)
        i += cuda.gridDim.x * cuda.blockDim.x
    cuda.syncthreads()
    if t < LEVELS:
        cuda.atomic.add(counts, t, hist[t])


@numba.njit
def block_sum(value, partial):
    t = cuda.threadIdx.x
    partial[t] = value
    cuda.syncthreads()
    n = cuda.blockDim.x >> 1
    while n > 0:
        if t < n:
            partial[t] += partial[t + n]
        cuda.syncthreads()
        n >>= 1
    total = partial[0]
    cuda.syncthreads()
    return total


@numba.njit(error_model="numpy")
def moments(x):
    return x, x * x


def sums(values, starts, out):
    partial = lazy.cuda.shared.array(64, np.float64)
    v = lazy.cuda.blockIdx.x
    voi = values[starts[v] : starts[v + 1]]
    first, second = 0.0, 0.0
    i = lazy.cuda.threadIdx.x
    while i < voi.size:
        x, square = moments(voi[i])
        first += x
        second += square
        i += lazy.cuda.blockDim.x
    first = block_sum(first, partial)
    second = block_sum(second, partial)
    if lazy.cuda.threadIdx.x == 0:
        out[v, 0] = first
        out[v, 1] = second


def workspace(out, bytes_of_ints):
    ints = cuda.shared.array(0, np.int32)
    floats = cuda.shared.array(0, np.float64)[bytes_of_ints // 8 :]
    small = cuda.shared.array((4, 8), np.uint8)
    local = cuda.local.array(8, np.int64)
    t = cuda.threadIdx.x
    ints[t] = t
    floats[t] = 0.5 * t
    small[t // 8, t % 8] = t
    for i in range(8):
        local[(i + t) % 8] = i
    cuda.syncthreads()
    u = 31 - t
    out[t] = ints[u] + floats[u] + small[u // 8, u % 8] + local[u % 8]


def tables(out):
    t = cuda.threadIdx.x
    copied = cuda.const.array_like(TABLE)
    out[t] = TABLE[t // 3, t % 3] + copied[t // 3, t % 3]


def roots(parent, edges):
    """Union-find: the smaller root wins."""
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < edges.shape[0]:
        a, b = edges[i, 0], edges[i, 1]
        while True:
            while parent[a] < a:
                a = parent[a]
            while parent[b] < b:
                b = parent[b]
            if a == b:
                break
            if a < b:
                a, b = b, a
            seen = cuda.atomic.min(parent, a, b)
            if seen == a:
                break
            a = seen


def claim(owners, wins):
    i = cuda.grid(1)
    if cuda.atomic.cas(owners, i % owners.size, -1, i) == -1:
        cuda.atomic.add(wins, 0, 1)


def mixed(flag, small, big, ratio, strided, out):
    if flag:
        out[0] = small
        out[1] = big >> 60
        out[2] = ratio * 4
    for i in range(strided.shape[0]):
        out[3] += strided[i]


def halves(first, second):
    t = cuda.threadIdx.x
    second[t + 1] = first[t]


def come(counter, came):
    came[cuda.grid(1)] = cuda.atomic.add(counter, 0, 1)


# ---- faulty ones


def far_away(out):
    out[cuda.threadIdx.x - 100_000_000] = 1
    out[0] = out[1_000_000_000_000]


def local_overrun(out):
    local = cuda.local.array(4, np.int64)
    for i in range(out[0]):
        local[i] = i
    out[0] = local[out[1]]


def neighbour_block(out):
    b = cuda.blockIdx.x
    out[b] = b
    out[b + cuda.gridDim.x] = out[(b + 1) % cuda.gridDim.x]


def many_read_one_writes(out, writer):
    t = cuda.threadIdx.x
    out[t + 1] = out[0]
    if t == writer:
        out[0] = 1


def first_reads_last_writes(out):
    t = cuda.threadIdx.x
    out[t + 40] = out[0]
    if t == 0:
        for _ in range(70_000):  # long enough for the others to come and go
            cuda.atomic.add(out, 1, 1)
        out[0] = 1


def blocks_read_last_writes(out):
    b = cuda.blockIdx.x
    out[b + 1] = out[0]
    if b == cuda.gridDim.x - 1:
        out[0] = 1


def wait_for_ever(flag):
    if cuda.threadIdx.x == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass


def float_atomic(out):
    cuda.atomic.add(out, 0, 1.0)


def shuffle(out):
    out[cuda.threadIdx.x] = cuda.shfl_down_sync(0xFFFFFFFF, cuda.threadIdx.x, 1)


def two_barriers(out):
    if cuda.threadIdx.x < 32:
        cuda.syncthreads()
        return
    cuda.syncthreads()


def past_the_table(out):
    out[0] = TABLE[out[1], 0]
