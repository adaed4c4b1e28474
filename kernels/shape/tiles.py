"""What GPU kernels on tiles of a box have in common: places, sums over a block's threads, sums over a VOI's tiles."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit


@jit.body
def add_up(room):
    """room[s, 0] = sum of room[s], in a fixed tree; all threads of the block call this together.

    room is shared memory [sums, threads].
    """
    thread = jit.cuda.threadIdx.x
    jit.cuda.syncthreads()
    half = jit.cuda.blockDim.x >> 1
    while half > 0:
        if thread < half:
            for s in range(room.shape[0]):
                room[s, thread] += room[s, thread + half]
        jit.cuda.syncthreads()
        half >>= 1


@jit.body
def sum_before(value, room):
    """Sum of the value over the threads before this one, and over all of them.

    room is shared memory of the value's type, a place for each thread. All threads of the block call this together.
    """
    thread = jit.cuda.threadIdx.x
    room[thread] = value
    jit.cuda.syncthreads()
    step = 1
    while step < jit.cuda.blockDim.x:
        other = room[thread - step] if thread >= step else 0
        jit.cuda.syncthreads()
        room[thread] += other
        jit.cuda.syncthreads()
        step <<= 1
    through, total = room[thread], room[jit.cuda.blockDim.x - 1]
    jit.cuda.syncthreads()
    return through - value, total


@jit.body
def position(p, ny, nx):
    """(z, y, x) of place p, below 2³¹, of a box of rows of nx and slices of ny · nx voxels, int32 all.

    Unsigned, because a signed division takes four times as long.
    """
    at = np.uint32(p) // np.uint32(nx)
    z = np.uint32(at) // np.uint32(ny)
    x = np.uint32(p) - np.uint32(at) * np.uint32(nx)
    y = np.uint32(at) - np.uint32(z) * np.uint32(ny)
    return np.int32(z), np.int32(y), np.int32(x)


@jit.gpu("i4[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1]")
def total_gpu(row, first, start, of_tile, out):
    """Add up what a VOI's tiles have, in their order; a thread for each VOI's first tile and each column.

    Parameters
    ----------
    row : device int32 [tiles]
        VOI of each tile.
    first : device int64 [tiles]
        Where the tile begins.
    start : device int64 [n + 1]
        Where each VOI's box begins.
    of_tile : device float64 [tiles, m]
    out : device float64 [n, m]
        Written where a VOI has tiles.
    """
    at = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    t, s = at // of_tile.shape[1], at % of_tile.shape[1]
    if t < row.size and first[t] == start[row[t]]:
        i = row[t]
        total = 0.0
        while t < row.size and row[t] == i:
            total += of_tile[t, s]
            t += 1
        out[i, s] = total
