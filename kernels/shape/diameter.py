"""The largest diameter: the largest distance between two vertices of a VOI's mesh."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit


@jit.body
def square(z, y, x):
    """Squared length of a vector.

    Parameters
    ----------
    z, y, x : float64
        Components, mm.
    """
    return z * z + y * y + x * x


@jit.body
def farthest(position, z, y, x):
    """Row of the point that is farthest from a place, and the squared distance in mm².

    Parameters
    ----------
    position : ndarray float64 [h, 3]
        (z, y, x) in mm.
    z, y, x : float64
        The place, mm.
    """
    p, largest = 0, -1.0
    for i in range(position.shape[0]):
        distance = square(position[i, 0] - z, position[i, 1] - y, position[i, 2] - x)
        p, largest = i if distance > largest else p, distance if distance > largest else largest
    return p, largest


@jit.body
def middle_of(position, axis):
    """Middle between the smallest and the largest coordinate, mm.

    Parameters
    ----------
    position : ndarray float64 [h, 3]
        (z, y, x) in mm.
    axis : int
    """
    low, high = position[0, axis], position[0, axis]
    for i in range(position.shape[0]):
        low, high = min(low, position[i, axis]), max(high, position[i, axis])
    return 0.5 * (low + high)


@jit.cpu
def diameter(position):
    """Largest distance between two points, in mm.

    Two points are no farther apart than the sum of their distances from the middle. So a point can be left out if its
    distance and the largest distance from the middle add up to less than a distance that was found between two points.
    One such distance joins a point to the point farthest from it, that one to the next, and so on while it grows.

    Parameters
    ----------
    position : ndarray float64 [h, 3]
        (z, y, x) in mm.
    """
    z, y, x = middle_of(position, 0), middle_of(position, 1), middle_of(position, 2)
    p, outermost = farthest(position, z, y, x)
    largest, before = 0.0, -1.0
    while largest > before:
        before = largest
        p, distance = farthest(position, position[p, 0], position[p, 1], position[p, 2])
        largest = max(largest, distance)
    least = np.sqrt(largest) * (1.0 - 1e-12) - np.sqrt(outermost)  # less than the exact value, whatever the rounding
    kept, n = np.empty(position.shape[0], np.int64), 0
    for i in range(position.shape[0]):
        if np.sqrt(square(position[i, 0] - z, position[i, 1] - y, position[i, 2] - x)) < least:
            continue
        for k in range(n):
            j = kept[k]
            dz, dy, dx = position[i, 0] - position[j, 0], position[i, 1] - position[j, 1], position[i, 2] - position[j, 2]
            largest = max(largest, square(dz, dy, dx))
        kept[n] = i
        n += 1
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
