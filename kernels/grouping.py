"""How matrices are counted and put together, for both targets; and the arguments that the texture kernels share.

A matrix is counted once for each *group*. A direction that leaves the slice is one group. A direction within the slice
is one group, or one group per slice where an aggregation by slice is wanted. Matrices without a direction have one
group per VOI, or one per slice. Every matrix that an aggregation averages over is a sum of groups, each times its
direction's weight (1 without distance weighting, so that sums of counts stay exact integers in float64). These sums are
listed in `work`: `merge` adds one up, its family measures it, and `means` averages what was measured.

Arguments
---------
Kernels that refer to this file take these arguments in this form. n: rows of the batch. k: VOIs asked for. D:
directions. L: grey levels present in a VOI. m: matrices to measure. Boxes lie in C order (z, y, x) with `pad` empty
voxels on every side.

level : uint8 or uint16 [voxels of all boxes]
    Rank 1..L of each voxel's grey level; 0 outside the intensity mask.
start : int64 [n + 1]
    Where each row's box begins in `level`.
shape : int32 [n, 3]
    Sizes (z, y, x) of each box in voxels, padding included.
level_of : int64 [sum of L]
    Grey level of each rank, ascending; that of row i begins at level_start[i].
level_start : int64 [n + 1]
n_nominal : int64 [n]
    Number of grey levels of the discretisation, present or not.
vois : int64 [k]
    The rows asked for. An array of k entries that a kernel takes beside it is about these VOIs, in this order.
pad : int
    Empty voxels on every side of a box; no neighbour is further away.
dirs : int64 or, on a GPU, int32 [D, 3]
    Steps (dz, dy, dx) in voxels, each after (0, 0, 0) in this order; the first n_planar have dz = 0.
n_planar : int
    Directions that lie within the slice.
per_slice : bool
    Whether groups within the slice are kept slice by slice, padded slices included.
counts : int32 [cells of all groups of all VOIs]
    Ragged [VOI][group, row, column]; each kernel says what a cell is.
counts_start : int64 [k], or [n] for kernels that count on a GPU
    Where the groups of each VOI, or row, begin in `counts`.
weight : float64 [k, D]
    What a count along each direction is multiplied by.
work : int32 [m, 5]
    Columns VOI (which of the k), SLICE and SLICE_END (padded slices, end exclusive; 0 and 1 where groups are not kept
    by slice), DIRECTION and DIRECTION_END. Ordered by VOI, aggregation, slice, direction; from `list_matrices`.
feature : float64 [m, slots]
    Receives the features of each matrix, NaN where they are undefined or the matrix is empty.
scratch, stride : float64 [blocks · stride], int
    Working memory of a GPU's blocks, `stride` places for each.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

VOI, SLICE, SLICE_END, DIRECTION, DIRECTION_END = range(5)
"""Columns of `work`."""

DIRECTION_BITS = 4
"""Low bits of a sparse matrix's code that hold the direction, of which there are 13."""


@jit.body
def group_of(direction, z, n_planar, n_slices, per_slice):
    """Group of what is counted along one direction and starts in one slice.

    Parameters
    ----------
    direction : int
        Row of `dirs`.
    z, n_slices : int
        The padded slice, and the number of padded slices.
    n_planar, per_slice
        As above.
    """
    if not per_slice:
        return direction
    if direction < n_planar:
        return z * n_planar + direction
    return n_slices * n_planar + direction - n_planar


@jit.body
def step_of(dirs, d, ny, nx):
    """Places in a box from a voxel to its neighbour along one direction.

    Parameters
    ----------
    dirs
        As above.
    d : int
        Row of `dirs`.
    ny, nx : int
        Rows of a slice, and voxels of a row, padding included.
    """
    return (dirs[d, 0] * ny + dirs[d, 1]) * nx + dirs[d, 2]


@jit.cpu
def list_matrices(shape, vois, pad, flags, n_planar, n_dirs, per_slice):
    """List the matrices that every VOI and aggregation averages over.

    Parameters
    ----------
    shape, vois, pad, n_planar, per_slice
        See kernels/grouping.py.
    flags : int64 [A, 3]
        Of each aggregation: directions in plane alone, a matrix for each slice, a matrix for each direction.
    n_dirs : int
        Directions, or 1 for matrices without a direction.

    Returns
    -------
    work : int32 [m, 5]
    first : int64 [k · A + 1]
        Where the matrices of each VOI and aggregation begin.
    """
    first = np.zeros(vois.size * flags.shape[0] + 1, np.int64)
    for g in range(first.size - 1):
        planar, by_slice, by_direction = flags[g % flags.shape[0]]
        slices = np.int64(shape[vois[g // flags.shape[0]], 0]) - 2 * pad if by_slice else 1
        first[g + 1] = first[g] + slices * ((n_planar if planar else n_dirs) if by_direction else 1)
    work = np.empty((first[-1], 5), np.int32)
    for g in range(first.size - 1):
        k = g // flags.shape[0]
        planar, by_slice, by_direction = flags[g % flags.shape[0]]
        last = n_planar if planar else n_dirs
        of_slice = last if by_direction else 1
        for m in range(first[g], first[g + 1]):
            z, d = (m - first[g]) // of_slice + pad, (m - first[g]) % of_slice
            work[m, VOI] = k
            work[m, SLICE] = z if by_slice else 0
            work[m, SLICE_END] = z + 1 if by_slice else (shape[vois[k], 0] if per_slice else 1)
            work[m, DIRECTION] = d
            work[m, DIRECTION_END] = d + 1 if by_direction else last
    return work, first


@jit.cpu
def begin(shape, level_start, vois, columns, n_planar, n_dirs, per_slice, counts_start):
    """Write where the groups of each VOI begin in `counts`, if rows stand for the ranks from 0 to L.

    Parameters
    ----------
    shape, level_start, vois, n_planar, per_slice
        See kernels/grouping.py.
    columns : int64 [k]
        Of a group.
    n_dirs : int
        Directions, or 1 for matrices without a direction.
    counts_start : int64 [k + 1]
        Its last entry is the number of all cells.
    """
    counts_start[0] = 0
    for k in range(vois.size):
        i = vois[k]
        groups = (np.int64(shape[i, 0]) if per_slice else 1) * n_planar + n_dirs - n_planar
        counts_start[k + 1] = counts_start[k] + groups * (level_start[i + 1] - level_start[i] + 1) * columns[k]


@jit.body
def merge(counts, first, cells, one, n_slices, n_planar, per_slice, weight, thread, threads, matrix):
    """Write the weighted sum of the groups that one matrix is made of.

    Parameters
    ----------
    counts, n_planar, per_slice
        See kernels/grouping.py.
    first : int
        Where the VOI's groups begin in `counts`.
    cells : int
        Cells of a group.
    one : int32 [5]
        The matrix's row of `work`.
    n_slices : int
        Padded slices of the VOI.
    weight : float64 [D]
        The VOI's row of weights.
    thread, threads : int
        This thread writes each `threads`-th cell from `thread` on; 0 and 1 write all.
    matrix : float64 [≥ cells]
    """
    c = thread
    while c < cells:
        matrix[c] = 0.0
        c += threads
    for d in range(one[DIRECTION], one[DIRECTION_END]):
        for z in range(one[SLICE], one[SLICE_END] if per_slice and d < n_planar else one[SLICE] + 1):
            group = counts[first + np.int64(group_of(d, z, n_planar, n_slices, per_slice)) * cells :]
            c = thread
            while c < cells:
                matrix[c] += weight[d] * group[c]
                c += threads


@jit.body
def mean_of(feature, first, last, f, convention):
    """Mean of a feature over some matrices, without those for which it is NaN; NaN if it is NaN for all.

    Parameters
    ----------
    feature
        As above. Slot 0 is NaN for empty matrices alone.
    first, last : int
        The matrices, `last` exclusive.
    f : int
        Slot of the feature.
    convention : float64 [slots]
        What stands for NaN of a matrix that is not empty; NaN for nothing.
    """
    total, number = 0.0, 0
    for m in range(first, last):
        x = feature[m, f]
        if x != x and feature[m, 0] == feature[m, 0]:
            x = convention[f]
        if x == x:
            total += x
            number += 1
    return total / number if number > 0 else np.nan


@jit.cpu
def means(feature, first, slots, convention, out, chosen, column):
    """Write the means over the matrices of each VOI and aggregation.

    Parameters
    ----------
    feature : float64 [m, slots]
    first : int64 [k · a + 1]
        Where the matrices of each VOI and aggregation begin.
    slots : int64 [features]
        Those that are wanted.
    convention : float64 [slots]
        As for `mean_of`.
    out : float64 [k, A, ≥ column + features]
        Written: features from `column` on, of the aggregations that are chosen.
    chosen : int64 [a]
        Which of A these are.
    column : int
    """
    for g in range(first.size - 1):
        k, a = g // chosen.size, chosen[g % chosen.size]
        for f in range(slots.size):
            out[k, a, column + f] = mean_of(feature, first[g], first[g + 1], slots[f], convention)


@jit.gpu("f8[:, ::1], i8[::1], f8[::1], f8[:, ::1]")
def means_gpu(feature, first, convention, out):
    """As `means`, of every slot and in the order of `first`; a thread for each number of `out`, float64 [g, slots]."""
    at = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if at < out.shape[0] * out.shape[1]:
        g, f = at // out.shape[1], at % out.shape[1]
        out[g, f] = mean_of(feature, first[g], first[g + 1], f, convention)
