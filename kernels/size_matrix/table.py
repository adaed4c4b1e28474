"""How a GPU's block counts a matrix of grey level by a size: small sizes in shared memory, larger ones in the device's.

Arguments
---------
The functions here take these arguments in this form; all threads of a block call `open_table` and `close_table`
together.

shared : int32, shared memory
    The block's table [rank - 1, size - 1].
width : int32
    Sizes that it has.
n_levels, n_columns : int32
    Rows of the matrix, and the largest size possible.
counts : int32
    Where the device counts: [rank - 1, size - 1] of n_columns, from `matrix` on.
matrix : int64
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

COUNTING = 256
"""Threads of a block that counts."""
ROOM = 4096
"""Cells at most of a block's table in shared memory: with 16 KB each, every multiprocessor can be full of threads."""


@jit.body
def open_table(shared, room, n_levels, n_columns):
    """Clear the block's table, and return its width: as many sizes as `room` (int32) cells allow."""
    width = min(n_columns, room // max(n_levels, np.int32(1)))
    c = np.int32(jit.cuda.threadIdx.x)
    while c < n_levels * width:
        shared[c] = 0
        c += jit.cuda.blockDim.x
    jit.cuda.syncthreads()
    return width


@jit.body
def enter(rank, size, shared, width, n_columns, counts, matrix):
    """Count an entry of some `rank` and `size` (int32): in shared memory if it has a column there, else in `counts`."""
    if size <= width:
        jit.cuda.atomic.add(shared, (rank - 1) * width + size - 1, 1)
    else:
        jit.cuda.atomic.add(counts, matrix + (rank - 1) * n_columns + size - 1, 1)


@jit.body
def close_table(shared, width, n_levels, n_columns, counts, matrix):
    """Add the block's table to its matrix."""
    jit.cuda.syncthreads()
    c = np.int32(jit.cuda.threadIdx.x)
    while c < n_levels * width:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, matrix + c // width * n_columns + c % width, shared[c])
        c += jit.cuda.blockDim.x
