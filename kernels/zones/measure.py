"""Measuring of zones: from lists of zones to the features of GLSZM and GLDZM.

On a GPU the codes of a list are sorted, once by matrix, level and size, once by matrix and size, and a block measures
each matrix: equal codes stand together, and are counted by a search.

Arguments
---------
The GPU's functions take these arguments in this form.

rank_bits, column_bits : int
    Bits of a code that hold a rank, and a column: a size or a distance.
entries : int64 [zones]
    (matrix · 2^rank_bits + rank) · 2^column_bits + column.
columns : int64 [zones]
    matrix · 2^(rank_bits + column_bits) + column.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit, sorting
from voxomics.kernels.grouping import SLICE, SLICE_END, VOI
from voxomics.kernels.search import first_of
from voxomics.kernels.size_matrix import cells, features, slots
from voxomics.kernels.size_matrix.slots import N_SLOTS

CODING = 256
"""Threads of a block that codes zones."""
MEASURING = 128
"""Threads of a block that measures."""


@jit.cpu
def measure(zone_start, n_zones, zone_rank, column, size, slice_of, level_of, level_start, vois, work, feature):
    """Features of every matrix of the work list, by grey level and column.

    Parameters
    ----------
    zone_start, n_zones, zone_rank, size, slice_of
        From `runs.find`.
    column : int32 [zone_start[k]]
        The second axis of the matrix: sizes or distances.
    level_of, level_start, vois, work, feature
        See kernels/grouping.py; feature [m, N_SLOTS]. The work list keeps slices.
    """
    most, largest, levels = 0, 0, 0
    for k in range(vois.size):
        most = max(most, n_zones[k])
        levels = max(levels, level_start[vois[k] + 1] - level_start[vois[k]])
        for t in range(zone_start[k], zone_start[k] + n_zones[k]):
            largest = max(largest, column[t])
    codes, spare, digits = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(256, np.int64)
    count, one = np.empty(most), np.ones(1)
    rows, columns = np.empty(levels), np.empty(largest)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        last = zone_start[k] + n_zones[k]
        first = first_of(slice_of, zone_start[k], last, work[m, SLICE])
        n = first_of(slice_of, first, last, work[m, SLICE_END]) - first
        voxels = 0.0
        for t in range(n):
            codes[t] = (np.int64(zone_rank[first + t]) << 32) + column[first + t]
            voxels += size[first + t]
        sorting.radix(codes, spare, n, digits)
        n_cells = cells.cells_of_codes(codes, n, 0, one, codes, spare, count)
        level = level_of[level_start[vois[k]] : level_start[vois[k] + 1]]
        cells.measure(codes, spare, count, n_cells, level, voxels, rows, columns, feature[m])


@jit.gpu("i4[::1], i4[::1], i4[::1], i4[::1], i8[::1], b1, i4, i4, i8[::1], i8[::1]")
def code_gpu(row, slice_of, zone_rank, column, matrix_start, by_slice, rank_bits, column_bits, entries, columns):
    """Codes of zones: entries by matrix, rank and column, columns by matrix and column; a thread for a zone.

    Parameters
    ----------
    row, slice_of, zone_rank, column : int32 [zones]
        From `union.list_gpu`; column : sizes or distances.
    matrix_start : int64 [n]
        The row's first matrix; by_slice : that of padded slice 0.
    by_slice : bool
        One matrix for each slice.
    entries, columns : int64 [zones]
        Receive the codes.
    """
    t = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if t < row.size:
        m = matrix_start[row[t]] + (slice_of[t] if by_slice else 0)
        entries[t] = (((m << rank_bits) | zone_rank[t]) << column_bits) | column[t]
        columns[t] = (m << rank_bits << column_bits) | column[t]


@jit.body
def alike(codes, k, first, last, shift):
    """How many of the ascending codes[first:last] agree with codes[k] in the bits from `shift` on.

    Only the first of them is told; the others are told 0. Strides double until one leads too far: what it costs grows
    with the logarithm of the answer.

    Parameters
    ----------
    codes : int64 [≥ last]
        Ascending.
    k, first, last, shift : int
    """
    code = codes[k] >> shift
    if k > first and codes[k - 1] >> shift == code:
        return np.int64(0)
    stride = np.int64(1)
    while k + stride < last and codes[k + stride] >> shift == code:
        stride <<= 1
    return first_of(codes, k + (stride >> 1), min(k + stride, last), (code + 1) << shift) - k


@jit.body
def measure_list(entries, columns, first, last, rank_bits, column_bits, levels, room, out):
    """The sums of `cells.measure` over the zones [first, last) > 0 of both lists, by all threads of a block together.

    Parameters
    ----------
    entries, columns
        Sorted.
    first, last : int
    levels : int64 [L]
        The VOI's grey levels.
    room : float64, shared memory [≥ threads]
    out : float64 [N_SLOTS]
        Each thread's own; all get the sums.

    Returns
    -------
    float
        Σ sizes, or Σ distances.
    """
    thread, threads = jit.cuda.threadIdx.x, jit.cuda.blockDim.x
    last_rank, last_column = (1 << rank_bits) - 1, (np.int64(1) << column_bits) - 1
    total = float(last - first)
    of_levels, of_columns = 0.0, 0.0
    k = first + thread
    while k < last:
        of_levels += levels[((entries[k] >> column_bits) & last_rank) - 1]
        of_columns += entries[k] & last_column
        k += threads
    mean_level = block.sum_of(of_levels, room) / total
    of_columns = block.sum_of(of_columns, room)
    for f in range(N_SLOTS):
        out[f] = 0.0
    k = first + thread
    while k < last:
        same = alike(entries, k, first, last, 0)
        if same > 0:
            level, column = (
                float(levels[((entries[k] >> column_bits) & last_rank) - 1]),
                float(entries[k] & last_column),
            )
            p = same / total
            features.add(level, column, p, -math.log2(p), out)
            features.spread(level, column, p, mean_level, of_columns / total, out)
            out[slots.ENERGY] += p * p
        of_rank, of_column = (
            float(alike(entries, k, first, last, column_bits)),
            float(alike(columns, k, first, last, 0)),
        )
        out[slots.LEVEL_NON_UNIFORMITY] += of_rank * of_rank / total
        out[slots.SIZE_NON_UNIFORMITY] += of_column * of_column / total
        k += threads
    for f in range(N_SLOTS):
        out[f] = block.sum_of(out[f], room)
    return of_columns


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i4, i4, i8[::1], i8[::1], i8[::1], i4[:, ::1], f8[:, ::1], f8[:, ::1]",
    registers=128,
    because="seventeen sums in float64, and searches in int64",
)
def measure_gpu(
    size_entries, size_columns, distance_entries, distance_columns, rank_bits, column_bits, level_of, level_start, vois,
    work, feature, distance_feature,
):  # fmt: skip
    """Features of every matrix of the work list, a block each.

    Parameters
    ----------
    size_entries, size_columns, distance_entries, distance_columns : int64 [zones]
        From `code_gpu`, each list sorted; all four hold a matrix's zones at the same places. Without distances the last
        two are empty.
    level_of, level_start, vois, work, feature
        See kernels/grouping.py; feature [m, N_SLOTS], by size.
    distance_feature : float64 [m, N_SLOTS]
        By distance; empty without distances.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    own = jit.cuda.local.array(N_SLOTS, np.float64)
    m, thread = np.int64(jit.cuda.blockIdx.x), jit.cuda.threadIdx.x
    i = vois[work[m, VOI]]
    levels = level_of[level_start[i] : level_start[i + 1]]
    first = first_of(size_entries, 0, size_entries.size, m << rank_bits << column_bits)
    last = first_of(size_entries, first, size_entries.size, (m + 1) << rank_bits << column_bits)
    if first == last and thread < N_SLOTS:
        feature[m, thread] = np.nan
        if distance_entries.size > 0:
            distance_feature[m, thread] = np.nan
    if first < last:
        n_voxels = measure_list(size_entries, size_columns, first, last, rank_bits, column_bits, levels, room, own)
        features.finish(float(last - first), n_voxels, own)
        f = 0
        while thread == 0 and f < N_SLOTS:
            feature[m, f] = own[f]
            f += 1
        if distance_entries.size > 0:
            measure_list(distance_entries, distance_columns, first, last, rank_bits, column_bits, levels, room, own)
            features.finish(float(last - first), n_voxels, own)
            f = 0
            while thread == 0 and f < N_SLOTS:
                distance_feature[m, f] = own[f]
                f += 1
