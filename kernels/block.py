"""What the blocks of a GPU kernel have in common: tiles of VOIs, sums over a block's threads, means over matrices.

A *tile* is a stretch of a VOI's padded box, in box order; a block works on one. Where matrices are kept slice by slice, a tile
lies within one slice. Counts are integers, so tiles add to them in any order; sums of floats are kept tile by tile and added in
tile order, so that a VOI's bits depend on nothing but itself.
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
    """Sum of a value over the threads of a block, in a fixed tree; every thread gets it. Threads: a power of two.

    room : shared memory, one place a thread, of the value's type. All threads of the block call this together.
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
    """As `sum_of`, the largest value."""
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


@jit.gpu("f8[:, ::1], i8[::1], f8[:, ::1]")
def mean_gpu(feature, first, out):
    """out[g] = mean of the rows feature[first[g] : first[g + 1]], each feature where it is not NaN; a thread for each."""
    at = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    n_features = out.shape[1]
    if at < out.shape[0] * n_features:
        g, f = at // n_features, at % n_features
        total, number = 0.0, 0
        for m in range(first[g], first[g + 1]):
            if feature[m, f] == feature[m, f]:
                total += feature[m, f]
                number += 1
        out[g, f] = total / number if number > 0 else np.nan


def mean(device, feature, first, n_features):
    """Means over the matrices of each VOI and aggregation, on the device: float64 [groups, n_features].

    feature : device float64 [matrices, n_features]. first : host int64 [groups + 1], where each group's matrices begin.
    """
    groups = len(first) - 1
    out = device.empty((groups, n_features), np.float64)
    device.launch(mean_gpu, -(-groups * n_features // 128), 128, feature, device.put(first), out)
    return out
