"""What the blocks of a GPU kernel have in common: tiles of VOIs, and sums over a block's threads.

A *tile* is a stretch of a VOI's padded box, in box order; a block works on one. Where matrices are kept slice by slice,
a tile lies within one slice. Counts are integers, so tiles add to them in any order; sums of floats are kept tile by
tile and added in tile order, so that a VOI's bits depend on nothing but itself.

Arguments
---------
Kernels that refer to this file take a list of t tiles in this form; `tiles` makes it.

tile_row : int32 [t]
    Row of the batch.
tile_first : int64 [t]
    Where the tile begins in the boxes of all rows.
tile_length : int32 [t]
    Voxels.
tile_z : int32 [t]
    The padded slice that a tile lies in where matrices are kept slice by slice, else 0.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit


def tiles(start, shape, vois, per_slice, size):
    """Cut VOIs into tiles; the VOI with the largest box comes first, and its tiles stand together in box order.

    Parameters
    ----------
    start : ndarray int64 [n + 1]
    shape : ndarray int32 [n, 3]
    vois : ndarray int64 [k]
    per_slice : bool
        No tile crosses from one padded slice to the next.
    size : int
        Most voxels of a tile.

    Returns
    -------
    row : ndarray int32 [t]
        The VOI.
    first : ndarray int64 [t]
        Where its tile begins.
    length : ndarray int32 [t]
    z : ndarray int32 [t]
        The padded slice where per_slice, else 0.
    """
    vois = np.asarray(vois, np.int64)
    vois = vois[np.argsort(start[vois] - start[vois + 1], kind="stable")]
    boxes = shape[vois].astype(np.int64)
    slices = boxes[:, 0] if per_slice else np.ones(len(vois), np.int64)
    stretch = boxes.prod(1) // slices
    of_stretch = -(-stretch // size)
    row = np.repeat(vois, slices * of_stretch)
    own = np.repeat(np.arange(len(vois)), slices * of_stretch)
    number = np.arange(len(row)) - np.repeat(np.cumsum(slices * of_stretch) - slices * of_stretch, slices * of_stretch)
    z, part = number // of_stretch[own], number % of_stretch[own]
    first = start[row] + z * stretch[own] + part * size
    length = np.minimum(size, stretch[own] - part * size)
    return row.astype(np.int32), first, length.astype(np.int32), z.astype(np.int32)


@jit.body
def sum_of(value, room):
    """Sum of a value over the threads of a block, in a fixed tree; every thread gets it.

    All threads of the block call this together; their number is a power of two.

    Parameters
    ----------
    value : number
        This thread's.
    room : shared memory, of the value's type [≥ threads]
    """
    t = jit.cuda.threadIdx.x
    room[t] = value
    jit.cuda.syncthreads()
    half = jit.cuda.blockDim.x >> 1
    while half > 0:
        if t < half:
            room[t] += room[t + half]
        jit.cuda.syncthreads()
        half >>= 1
    total = room[0]
    jit.cuda.syncthreads()  # before anyone writes to the room again
    return total


@jit.body
def max_of(value, room):
    """As `sum_of`, with the same arguments: the largest value."""
    t = jit.cuda.threadIdx.x
    room[t] = value
    jit.cuda.syncthreads()
    half = jit.cuda.blockDim.x >> 1
    while half > 0:
        if t < half:
            room[t] = max(room[t], room[t + half])
        jit.cuda.syncthreads()
        half >>= 1
    largest = room[0]
    jit.cuda.syncthreads()
    return largest
