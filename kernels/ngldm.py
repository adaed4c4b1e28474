"""Neighbouring grey level dependence matrix (NGLDM, IBSI REK0).

It counts how many voxels around a voxel have a similar grey level.

Levels within the coarseness of a level are a range of ranks, so a neighbour depends on the centre where its rank lies
between two bounds; outside the mask rank 0 never does. The box is walked in tiles of consecutive voxels: bounds for the
tile, then one vectorised loop per offset of the window, then the tally. Without coarseness the neighbour's rank must be
the centre's, and bounds are not needed. Groups: the whole volume, or one per padded slice. The matrix is measured by
kernels/size_matrix.

On a GPU a block takes a tile, a thread a voxel with its window.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.size_matrix import table

TILE = 2048
"""Voxels that the CPU looks at together."""
MOST_IN_BYTES = 255
"""Voxels of a window whose number fits uint8."""


@jit.body
def lowest(levels, a, coarseness):
    """Lowest rank whose level is within the coarseness of that of rank a; ranks from 0.

    Levels are whole numbers and differ, so it is at most `coarseness` ranks away.

    Parameters
    ----------
    levels : int64 [L]
        The VOI's grey levels, ascending.
    a : int
    coarseness : int
        How far a level may lie from the voxel's own.
    """
    first, last = max(a - coarseness, 0), a
    while first < last:
        middle = (first + last) >> 1
        if levels[a] - levels[middle] > coarseness:
            first = middle + 1
        else:
            last = middle
    return first


@jit.body
def highest(levels, a, coarseness):
    """As `lowest`, with the same arguments: the highest rank."""
    first, last = a, min(a + coarseness, levels.size - 1)
    while first < last:
        middle = (first + last + 1) >> 1
        if levels[middle] - levels[a] > coarseness:
            last = middle - 1
        else:
            first = middle
    return first


@jit.body
def dependence(level, base, n, offsets, low, high, tile_low, tile_high, number):
    """Count the dependent voxels, itself included, of each voxel of a tile; false if none of them is in the mask.

    Parameters
    ----------
    level
        See kernels/grouping.py.
    base, n : int
        Where the tile begins in `level`, and its voxels.
    offsets : int64 [window]
        From a voxel to each voxel of its window.
    low, high : int32 [L + 1]
        By rank: lowest and highest rank that a voxel depends on.
    tile_low, tile_high : int32 [≥ n]
        Working memory: the same, by voxel.
    number : int32 [≥ n]
        Receives the dependent voxels of each voxel.
    """
    some = False
    first = np.uint64(base)
    for q in range(np.uint64(n)):
        a = level[first + q]
        tile_low[q] = low[a]
        tile_high[q] = high[a]
        number[q] = 0
        some |= a != 0
    if some:
        for m in range(offsets.size):
            there = np.uint64(base + offsets[m])
            for q in range(np.uint64(n)):
                b = level[there + q]
                number[q] += np.int32((b >= tile_low[q]) & (b <= tile_high[q]))
    return some


@jit.body
def equality(level, base, n, offsets, number):
    """As `dependence`, for coarseness 0: count the voxels of equal rank, in bytes, which make the widest vectors.

    What is counted for a voxel outside the mask means nothing.

    Parameters
    ----------
    level, base, n, offsets
        As for `dependence`; at most MOST_IN_BYTES offsets.
    number : uint8 [≥ n]
        Receives the voxels of each voxel's rank in its window.
    """
    some = False
    first = np.uint64(base)
    for q in range(np.uint64(n)):
        number[q] = 0
        some |= level[first + q] != 0
    if some:
        for m in range(offsets.size):
            there = np.uint64(base + offsets[m])
            for q in range(np.uint64(n)):
                number[q] += np.uint8(level[there + q] == level[first + q])
    return some


@jit.body
def tally(level, base, n, number, cell, columns, counts):
    """Raise the counts by the voxels of a tile.

    Parameters
    ----------
    level, base, n, number
        As for `dependence`, or `equality`.
    cell : int
        Where the group begins in `counts`.
    columns : int
        Highest dependence possible + 1.
    counts
        As for `count`.
    """
    first = np.uint64(base)
    for q in range(np.uint64(n)):
        a = np.int64(level[first + q])
        if a > 0:
            counts[np.uint64(cell + a * columns + number[q])] += 1


@jit.body
def list_offsets(steps, ny, nx, offsets):
    """Write the places from a voxel to each voxel of its window.

    Parameters
    ----------
    steps
        As for `count`.
    ny, nx : int
        Rows and columns of the box.
    offsets : int64 [window]
    """
    for m in range(offsets.size):
        offsets[m] = (steps[m, 0] * ny + steps[m, 1]) * nx + steps[m, 2]


@jit.cpu
def count(
    level, start, shape, level_of, level_start, vois, pad, steps, per_slice, coarseness, n_columns, counts, counts_start
):
    """Count voxels.

    Parameters
    ----------
    level, start, shape, level_of, level_start, vois, pad, per_slice, counts_start
        See kernels/grouping.py.
    steps : int64 [window, 3]
        From a voxel to each of its window (dz, dy, dx), itself among them.
    coarseness : int
        How far the level of a dependent voxel may lie from the voxel's own.
    n_columns : int64 [k]
        Highest dependence possible + 1.
    counts : int32
        counts[counts_start[k] + (group · (L+1) + a) · n_columns[k] + d] is raised for VOI vois[k] by each voxel of rank
        a with d dependent voxels, itself included. A group is a padded slice if per_slice, else the volume.
    """
    tile_low, tile_high, number = np.empty(TILE, np.int32), np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    small_number = np.empty(TILE, np.uint8)
    offsets = np.empty(steps.shape[0], np.int64)
    by_equality = coarseness == 0 and offsets.size <= MOST_IN_BYTES
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        list_offsets(steps, ny, nx, offsets)
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels = levels.size
        low, high = np.empty(n_levels + 1, np.int32), np.empty(n_levels + 1, np.int32)
        low[0], high[0] = 1, 0  # nothing depends on a voxel outside the mask
        for a in range(0 if by_equality else n_levels):
            low[a + 1], high[a + 1] = lowest(levels, a, coarseness) + 1, highest(levels, a, coarseness) + 1
        for z in range(pad, nz - pad):
            cell = counts_start[k] + (z if per_slice else 0) * (n_levels + 1) * n_columns[k]
            first = start[i] + (z * ny + pad) * nx + pad
            last = start[i] + (z * ny + ny - pad) * nx - pad
            for base in range(first, last, TILE):
                n = min(TILE, last - base)
                if by_equality:
                    if equality(level, base, n, offsets, small_number):
                        tally(level, base, n, small_number, cell, n_columns[k], counts)
                elif dependence(level, base, n, offsets, low, high, tile_low, tile_high, number):
                    tally(level, base, n, number, cell, n_columns[k], counts)


@jit.body
def depending(level, first, depth, distance, ny, nx, low, high):
    """Voxels of some ranks in a window.

    Parameters
    ----------
    level
        See kernels/grouping.py.
    first : int
        Place of the window's first voxel in `level`.
    depth, distance : int32
        Slices that the window reaches up and down; rows and columns that it reaches to each side.
    ny, nx : int32
        Rows and columns of the box.
    low, high : int32
        The lowest and the highest rank.
    """
    side = 2 * distance + 1
    to_row, to_slice = np.uint64(nx - side), np.uint64((ny - side) * nx)
    p, one = np.uint64(first), np.uint64(1)  # unsigned: an index that may be negative costs a test
    number, z = np.int32(0), np.int32(0)
    while z <= 2 * depth:
        y = np.int32(0)
        while y < side:
            x = np.int32(0)
            while x < side:
                b = np.int32(level[p])
                number += np.int32((b >= low) & (b <= high))
                p += one
                x += 1
            p += to_row
            y += 1
        p += to_slice
        z += 1
    return number


@jit.gpu(
    "level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i8[::1], i4, i4, i8, i4[::1], i4, "
    "i4[::1], i8[::1]"
)
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_of, level_start, depth, distance, coarseness,
    largest, room, counts, counts_start,
):  # fmt: skip
    """Count the voxels of a tile.

    Parameters
    ----------
    tile_row, tile_first, tile_length, tile_z
        See kernels/block.py; tile_z is the group.
    level, shape, level_of, level_start, counts_start
        See kernels/grouping.py.
    depth, distance : int
        Slices that the window reaches up and down; rows and columns that it reaches to each side.
    coarseness : int
        As for `count`.
    largest : int32 [n]
        Highest dependence possible in each row.
    room : int
        Cells of shared memory.
    counts : int32
        counts[counts_start[i] + (group · L + a - 1) · largest[i] + d - 1] is raised by each voxel of rank a with d
        dependent voxels of row i.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile = jit.cuda.blockIdx.x
    i = tile_row[tile]
    levels = level_of[level_start[i] : level_start[i + 1]]
    ny, nx = shape[i, 1], shape[i, 2]
    n_levels, most = np.int32(levels.size), largest[i]
    matrix = counts_start[i] + np.int64(tile_z[tile]) * n_levels * most
    width = table.open_table(shared, room, n_levels, most)
    q, n, first = np.int32(jit.cuda.threadIdx.x), tile_length[tile], tile_first[tile]
    while q < n:
        a = np.int32(level[first + q])
        if a > 0:
            low = np.int32(lowest(levels, a - 1, coarseness) + 1)
            high = np.int32(highest(levels, a - 1, coarseness) + 1)
            number = depending(
                level, first + q - (depth * ny + distance) * nx - distance, depth, distance, ny, nx, low, high
            )
            table.enter(a, number, shared, width, most, counts, matrix)
        q += jit.cuda.blockDim.x
    table.close_table(shared, width, n_levels, most, counts, matrix)
