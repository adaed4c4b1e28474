"""The largest diameter: the largest distance between two vertices of a VOI's mesh."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit


@jit.body
def square(z, y, x):
    """Squared length of the vector (z, y, x), float64 each."""
    return z * z + y * y + x * x


@jit.cpu
def diameter(position):
    """Largest distance between two of the points `position`, float64 [h, 3], in mm."""
    largest = 0.0
    for i in range(position.shape[0]):
        for j in range(i):
            z, y, x = position[i, 0] - position[j, 0], position[i, 1] - position[j, 1], position[i, 2] - position[j, 2]
            largest = max(largest, square(z, y, x))
    return np.sqrt(largest)


PAIRING = 128
"""Threads of a block that measures distances."""


@jit.gpu("i4[:, ::1], i8[::1], i8[::1], f8[:, ::1], i4[::1], i4[::1], i4[::1], f8[::1]")
def pairs_gpu(points, points_start, number, spacing, row, part, parts, largest):
    """Largest squared distance of the pairs that a block is given.

    Parameters
    ----------
    points : device int32 [points, 3]
        Vertices in half voxels, from `outline.corners_gpu`.
    points_start : device int64 [n + 1]
        Those of VOI i begin at points_start[i].
    number : device int64 [n]
        How many it has.
    spacing : device float64 [n, 3]
        mm, (z, y, x).
    row : device int32 [blocks]
        The VOI of each block.
    part, parts : device int32 [blocks]
        Which of how many shares of the VOI's pairs the block takes.
    largest : device float64 [blocks]
        Written: mm².
    """
    room = jit.cuda.shared.array(PAIRING, np.float64)
    other = jit.cuda.shared.array((3, PAIRING), np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    b = jit.cuda.blockIdx.x
    i = row[b]
    first, n = points_start[i], number[i]
    dz, dy, dx = 0.5 * spacing[i, 0], 0.5 * spacing[i, 1], 0.5 * spacing[i, 2]
    found = 0.0
    tile = np.int64(part[b]) * threads
    while tile < n:
        p = first + min(tile + thread, n - 1)
        z, y, x = points[p, 0] * dz, points[p, 1] * dy, points[p, 2] * dx
        beside = np.int64(0)
        while beside <= tile:
            width = np.int32(min(np.int64(threads), n - beside))
            if thread < width:
                q = first + beside + thread
                other[0, thread], other[1, thread] = points[q, 0] * dz, points[q, 1] * dy
                other[2, thread] = points[q, 2] * dx
            jit.cuda.syncthreads()
            c = np.int32(0)
            while c < width:
                found = max(found, square(z - other[0, c], y - other[1, c], x - other[2, c]))
                c += 1
            jit.cuda.syncthreads()
            beside += threads
        tile += np.int64(parts[b]) * threads
    found = block.max_of(found, room)
    if thread == 0:
        largest[b] = found
