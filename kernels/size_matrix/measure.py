"""Measuring of dense matrices of grey level by a size: those of GLRLM and NGLDM.

On a GPU, matrices have no row or column 0. A block measures one matrix: the means come from the marginal sums, so that
one walk over its cells is enough.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.grouping import VOI, merge
from voxomics.kernels.size_matrix import cells, features, slots
from voxomics.kernels.size_matrix.slots import N_SLOTS

MEASURING = 128
"""Threads of a block that measures."""
MAX_CELLS = 1 << 26
"""Cells of a VOI's matrices that a device takes: 256 MB."""
MAX_PLACES = 1 << 19
"""Scratch for a matrix that a device takes, float64: 4 MB, so that several blocks can measure at a time."""


@jit.cpu
def measure(
    counts,
    counts_start,
    n_columns,
    level_of,
    level_start,
    shape,
    vois,
    work,
    weight,
    n_planar,
    per_slice,
    by_size,
    feature,
):
    """Features of every matrix of the work list.

    Parameters
    ----------
    counts : int32
        Ragged [VOI][group, L + 1, n_columns[k]], by rank and size. Row and column 0 are ignored.
    counts_start, level_of, level_start, shape, vois, work, weight, n_planar, per_slice, feature
        See kernels/grouping.py; feature [m, N_SLOTS].
    n_columns : int64 [k]
        Largest size possible + 1.
    by_size : bool
        N_v = Σ size · count: an entry stands for so many voxels. Else N_v = Σ count: an entry is a voxel.
    """
    most, most_rows, most_columns = np.int64(0), np.int64(0), np.int64(0)
    for k in range(vois.size):
        n_rows = level_start[vois[k] + 1] - level_start[vois[k]] + 1
        most = max(most, n_rows * n_columns[k])
        most_rows, most_columns = max(most_rows, n_rows), max(most_columns, n_columns[k])
    matrix, count = np.empty(most), np.empty(most)
    rank, size = np.empty(most, np.int64), np.empty(most, np.int64)
    rows, columns = np.empty(most_rows), np.empty(most_columns)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_rows, width = levels.size + 1, n_columns[k]
        n_slices = np.int64(shape[i, 0])
        merge(counts, counts_start[k], n_rows * width, work[m], n_slices, n_planar, per_slice, weight[k], 0, 1, matrix)
        n_cells = cells.cells_of_matrix(matrix, n_rows, width, rank, size, count)
        n_voxels = cells.voxels_of(size, count, n_cells, by_size)
        cells.measure(rank, size, count, n_cells, levels, n_voxels, rows, columns, feature[m])


@jit.body
def marginals(matrix, levels, n_columns, rows, columns):
    """Sums of rows and columns; a thread writes some of each, the ones `features.non_uniformity` asks it for.

    Parameters
    ----------
    matrix : float64 [L · n_columns]
        By rank and size, both less 1.
    levels : int64 [L]
        The VOI's grey levels.
    n_columns : int32
        The largest size possible.
    rows : float64 [L], columns : float64 [n_columns]
        Shared by the block's threads.

    Returns
    -------
    tuple of float
        This thread's share of Σ x, of Σ level · x and of Σ size · x.
    """
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    n_levels = np.int32(levels.size)
    entries, of_levels, of_sizes = 0.0, 0.0, 0.0
    a = thread
    while a < n_levels:
        x = 0.0
        for s in range(n_columns):
            x += matrix[a * n_columns + s]
        rows[a] = x
        entries += x
        of_levels += levels[a] * x
        a += threads
    s = thread
    while s < n_columns:
        x = 0.0
        for a in range(n_levels):
            x += matrix[a * n_columns + s]
        columns[s] = x
        of_sizes += (s + 1) * x
        s += threads
    return entries, of_levels, of_sizes


@jit.gpu(
    "i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], i8[::1], i4[:, ::1], f8[:, ::1], i4, b1, b1, f8[::1], "
    "i8, f8[:, ::1]",
    registers=128,
    because="twelve sums in float64, and some twenty addresses",
)  # fmt: skip
def measure_gpu(
    counts, counts_start, largest, level_of, level_start, shape, vois, work, weight, n_planar, per_slice, by_size,
    scratch, stride, feature,
):  # fmt: skip
    """Features of every matrix of the work list. Any number of blocks.

    Parameters
    ----------
    counts : int32
        Ragged [row][group, L, largest], by rank and size, both less 1.
    counts_start, level_of, level_start, shape, vois, work, weight, n_planar, per_slice, scratch, stride, feature
        See kernels/grouping.py; feature [m, N_SLOTS]. `stride` is `places` of the largest VOI.
    largest : int32 [k]
        Largest size possible.
    by_size : bool
        As for `measure`.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    own = jit.cuda.local.array(N_SLOTS, np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    mine = scratch[jit.cuda.blockIdx.x * stride : (jit.cuda.blockIdx.x + 1) * stride]
    m = np.int32(jit.cuda.blockIdx.x)
    while m < work.shape[0]:
        k = work[m, VOI]
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels, width = np.int32(levels.size), largest[k]
        n_cells = n_levels * width
        rows, columns = mine[n_cells : n_cells + n_levels], mine[n_cells + n_levels : n_cells + n_levels + width]
        merge(
            counts,
            counts_start[k],
            n_cells,
            work[m],
            shape[i, 0],
            n_planar,
            per_slice,
            weight[k],
            thread,
            threads,
            mine,
        )
        jit.cuda.syncthreads()
        entries, of_levels, of_sizes = marginals(mine, levels, width, rows, columns)
        total = block.sum_of(entries, room)
        mean_level = block.sum_of(of_levels, room) / total
        of_sizes = block.sum_of(of_sizes, room)
        mean_size = of_sizes / total
        for f in range(N_SLOTS):
            own[f] = 0.0
        if total > 0.0:
            own[slots.LEVEL_NON_UNIFORMITY] = features.non_uniformity(rows, n_levels, total, thread, threads)
            own[slots.SIZE_NON_UNIFORMITY] = features.non_uniformity(columns, width, total, thread, threads)
            own[slots.ENERGY] = features.energy(mine, n_cells, total, thread, threads)
            c = thread
            while c < n_cells:
                if mine[c] > 0.0:
                    level, size, p = float(levels[c // width]), float(c % width + 1), mine[c] / total
                    features.add(level, size, p, -math.log2(p), own)
                    features.spread(level, size, p, mean_level, mean_size, own)
                c += threads
            for f in range(N_SLOTS):
                own[f] = block.sum_of(own[f], room)
            features.finish(total, of_sizes if by_size else total, own)
        if thread == 0:
            for f in range(N_SLOTS):
                feature[m, f] = own[f] if total > 0.0 else np.nan
        m += jit.cuda.gridDim.x


def places(n_levels, n_columns):
    """Places of scratch for a matrix and its marginal sums, in the type of the arguments.

    Parameters
    ----------
    n_levels, n_columns : int or ndarray int64 [any]
        Rows of each matrix, and its largest size.
    """
    return n_levels * n_columns + n_levels + n_columns


def is_taken(n_cells, n_places, n_voxels):
    """Whether a device takes each VOI, bool [n].

    Parameters
    ----------
    n_cells : ndarray int64 [n]
        Cells of all matrices of the VOI.
    n_places : ndarray int64 [n]
        `places` of the VOI's largest matrix.
    n_voxels : ndarray int64 [n]
        Voxels of the VOI's padded box.
    """
    return (n_cells <= MAX_CELLS) & (n_places <= MAX_PLACES) & (n_voxels < 1 << 31)  # offsets in a box are int32
