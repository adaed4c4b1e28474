"""Counting of the GLCM (IBSI LFYI): pairs of grey levels of neighbouring voxels.

On the CPU a kernel visits each voxel once and looks along all directions; row and column 0 of a matrix collect the
pairs that leave the mask, which spares the inner loop a branch. The usual 13 directions to the voxels around are
written out, which takes half the time of a loop over directions. A direction is counted one way: the symmetric matrix
of the standard is C + Cᵀ. On a GPU a block counts one tile along one direction, in shared memory where a triangle of
the pairs a ≤ b fits, else in the device's.

Where there are too many levels for dense matrices (engine/families/glcm.py), pairs are listed as codes, which are
sorted.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.grouping import group_of, step_of

COUNTING = 256
"""Threads of a block that counts."""
ONE = np.uint64(1)
RANK_BITS = 16
"""Bits of a rank in a pair's code: ranks are uint16 at most."""
OFFSET_BITS = 16
"""Low bits of a pair's code that hold the direction; all offsets up to a distance of 20 are 34,460."""


@jit.cpu
def count(level, start, shape, level_start, vois, pad, dirs, n_planar, per_slice, counts, counts_start):
    """Count pairs.

    Parameters
    ----------
    level, start, shape, level_start, vois, pad, dirs, n_planar, per_slice, counts_start
        See kernels/grouping.py.
    counts : int32
        counts[counts_start[k] + (group · (L+1) + a) · (L+1) + b] is raised for VOI vois[k] by each voxel of rank a
        whose neighbour has rank b. Row and column 0 collect pairs that leave the mask.
    """
    n_dirs = dirs.shape[0]
    is_usual = n_dirs == 13 and dirs[0, 2] == 1
    step = np.empty(n_dirs, np.int64)
    cell = np.empty(n_dirs, np.uint64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        width = level_start[i + 1] - level_start[i] + 1
        for d in range(n_dirs):
            step[d] = step_of(dirs, d, ny, nx)
        for z in range(pad, nz - pad):
            for d in range(n_dirs):
                cell[d] = counts_start[k] + group_of(d, z, n_planar, nz, per_slice) * width * width
            for y in range(pad, ny - pad):
                row = start[i] + (z * ny + y) * nx
                first, last = np.uint64(row + pad), np.uint64(row + nx - pad)
                if is_usual:
                    count_usual(level, first, last, np.uint64(nx), np.uint64(ny * nx), cell, np.uint64(width), counts)
                else:
                    count_any(level, first, last, step, cell, np.uint64(width), counts)


@jit.body
def count_any(level, first, last, step, cell, width, counts):
    """Count the pairs of a row's voxels along any directions.

    Parameters
    ----------
    level, counts
        As for `count`.
    first, last : uint64
        Where the row begins and ends in `level`, padding left out. Unsigned here and below: an index that may be
        negative costs a test.
    step : int64 [D]
        Places from a voxel to its neighbour along each direction.
    cell : uint64 [D]
        Where each direction's matrix begins in `counts`.
    width : uint64
        L + 1.
    """
    for p in range(first, last):
        a = np.uint64(level[p])
        if a > 0:
            for d in range(step.size):
                counts[cell[d] + a * width + level[p + np.uint64(step[d])]] += 1


@jit.body
def count_usual(level, first, last, nx, across, cell, width, counts):
    """As `count_any`, along the 13 directions of distance 1 in the order of engine/directions.py.

    Neighbours in a row are a constant apart, and the 13 additions to memory do not wait for each other.

    Parameters
    ----------
    level, counts
        As for `count`.
    first, last, cell, width
        As for `count_any`.
    nx, across : uint64
        Places from a row to the next, and from a slice to the next.
    """
    c0, c1, c2, c3, c4, c5, c6 = cell[0], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6]
    c7, c8, c9, c10, c11, c12 = cell[7], cell[8], cell[9], cell[10], cell[11], cell[12]
    for p in range(first, last):
        a = np.uint64(level[p])
        if a > 0:
            a *= width
            beside, above = p + nx, p + across
            before, after = above - nx, above + nx
            counts[c0 + (a + level[p + ONE])] += 1
            counts[c1 + (a + level[beside - ONE])] += 1
            counts[c2 + (a + level[beside])] += 1
            counts[c3 + (a + level[beside + ONE])] += 1
            counts[c4 + (a + level[before - ONE])] += 1
            counts[c5 + (a + level[before])] += 1
            counts[c6 + (a + level[before + ONE])] += 1
            counts[c7 + (a + level[above - ONE])] += 1
            counts[c8 + (a + level[above])] += 1
            counts[c9 + (a + level[above + ONE])] += 1
            counts[c10 + (a + level[after - ONE])] += 1
            counts[c11 + (a + level[after])] += 1
            counts[c12 + (a + level[after + ONE])] += 1


@jit.body
def pairs(level, base, shape, pad, dirs, d, z_first, z_last, symmetric, codes, n):
    """Append the pairs along one direction whose first voxel lies in some slices; returns the new n.

    Parameters
    ----------
    level, pad, dirs
        See kernels/grouping.py.
    base : int
        Where the VOI's box begins in `level`.
    shape : int32 [3]
        Its size.
    d : int
        Number of the direction.
    z_first, z_last : int
        Padded slices, the last one exclusive.
    symmetric : bool
        Of a pair's ranks, a is the lower one; else the first voxel's.
    codes : int64 [≥ new n]
        codes[n:] receive (a · 2^RANK_BITS + b) · 2^OFFSET_BITS + d of the ranks a and b.
    n : int
        Codes so far.
    """
    ny, nx = np.int64(shape[1]), np.int64(shape[2])
    step = step_of(dirs, d, ny, nx)
    for z in range(z_first, z_last):
        for y in range(pad, ny - pad):
            row = base + (z * ny + y) * nx
            for p in range(row + pad, row + nx - pad):
                a, b = np.int64(level[p]), np.int64(level[p + step])
                if a > 0 and b > 0:
                    if symmetric:
                        a, b = min(a, b), max(a, b)
                    codes[n] = ((a << RANK_BITS) + b << OFFSET_BITS) + d
                    n += 1
    return n


@jit.body
def cell_of(a, b, n_levels):
    """Place of a pair of ranks in a triangle whose rows are one lower rank each.

    a, b : int, ranks from 0, a ≤ b. n_levels : int, L.
    """
    return (a * (2 * n_levels - a + 1) >> 1) + b - a


@jit.gpu(
    "level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i4[:, ::1], i4, b1, i4, i4[::1], i8[::1]"
)
def count_gpu(
    level,
    tile_row,
    tile_first,
    tile_length,
    tile_z,
    shape,
    level_start,
    dirs,
    n_planar,
    per_slice,
    room,
    counts,
    counts_start,
):
    """Count pairs of a tile along a direction. Grid (tiles, directions).

    Parameters
    ----------
    tile_row, tile_first, tile_length, tile_z
        See kernels/block.py.
    level, shape, level_start, dirs, n_planar, per_slice, counts_start
        See kernels/grouping.py.
    room : int
        Cells that shared memory holds; a larger triangle is counted in `counts` itself.
    counts : int32
        counts[counts_start[i] + group · L (L + 1) / 2 + cell_of(a, b)] is raised by each pair of ranks a ≤ b, from 0,
        of row i.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, d, thread = jit.cuda.blockIdx.x, jit.cuda.blockIdx.y, np.int32(jit.cuda.threadIdx.x)
    threads = np.int32(jit.cuda.blockDim.x)
    i = tile_row[tile]
    step = step_of(dirs, d, shape[i, 1], shape[i, 2])
    n_levels = np.int32(level_start[i + 1] - level_start[i])
    cells = n_levels * (n_levels + 1) // 2
    table = counts_start[i] + np.int64(group_of(d, tile_z[tile], n_planar, shape[i, 0], per_slice)) * cells
    fits = cells <= room
    c = thread
    while fits and c < cells:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    q, length, first = thread, tile_length[tile], tile_first[tile]
    while q < length:
        a = np.int32(level[first + q])
        if a > 0:
            b = np.int32(level[first + q + step])
            if b > 0:
                c = cell_of(min(a, b) - 1, max(a, b) - 1, n_levels)
                if fits:
                    jit.cuda.atomic.add(shared, c, 1)
                else:
                    jit.cuda.atomic.add(counts, table + c, 1)
        q += threads
    jit.cuda.syncthreads()
    c = thread
    while fits and c < cells:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, table + c, shared[c])
        c += threads
