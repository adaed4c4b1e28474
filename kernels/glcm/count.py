"""Counting of the GLCM (IBSI LFYI): pairs of grey levels of neighbouring voxels.

On the CPU a kernel visits each voxel once and looks along all directions; row and column 0 of a matrix collect the
pairs that leave the mask, which spares the inner loop a branch. A direction is counted one way: the symmetric matrix of
the standard is C + Cᵀ. On a GPU a block counts one tile along one direction, in shared memory where a triangle of the
pairs a ≤ b fits, else in the device's.

Where there are too many levels for dense matrices (engine/families/glcm.py), pairs are listed as codes, which are
sorted.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.grouping import DIRECTION_BITS, group_of, step_of

COUNTING = 256
"""Threads of a block that counts."""


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
    step = np.empty(n_dirs, np.int64)
    cell = np.empty(n_dirs, np.int64)
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
                for p in range(row + pad, row + nx - pad):
                    a = np.int64(level[p])
                    if a > 0:
                        for d in range(n_dirs):
                            counts[cell[d] + a * width + level[p + step[d]]] += 1


@jit.body
def pairs(level, base, shape, pad, dirs, d, z_first, z_last, codes, n):
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
    codes : int64
        codes[n:] receive (a · 2³² + b) · 2^DIRECTION_BITS + d of the ranks a ≤ b.
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
                    codes[n] = ((min(a, b) << 32) + max(a, b) << DIRECTION_BITS) + d
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
