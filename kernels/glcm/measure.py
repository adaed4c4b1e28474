"""Measuring of the GLCM: from matrices, or from sorted pairs, to features.

On a GPU a block measures one matrix: its threads add up the triangle row by row, so that every sum is taken in the
order of the CPU, and one of them finishes.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit, sorting
from voxomics.kernels.entropy import LOG2
from voxomics.kernels.glcm import features, spans
from voxomics.kernels.glcm.count import OFFSET_BITS, ONE, RANK_BITS, cell_of, pairs
from voxomics.kernels.glcm.slots import N_SLOTS
from voxomics.kernels.grouping import DIRECTION, DIRECTION_END, SLICE, SLICE_END, VOI, merge

MEASURING = 128
"""Threads of a block that measures."""


@jit.body
def rooms(scratch, cells, levels, difference_of, sum_of):
    """Cut a matrix of `cells`, its marginal sums, differences and sums from working memory.

    Parameters
    ----------
    scratch : float64 [≥ cells + L + differences + sums]
    cells : int
    levels : int64 [L]
        The VOI's grey levels; none is cut like one.
    difference_of, sum_of : int64 [differences], int64 [sums]
        As for features.py.
    """
    span = levels[levels.size - 1] - levels[0] if levels.size > 0 else np.int64(0)
    at_difference = np.int64(cells + levels.size)
    at_sums = at_difference + (difference_of.size if difference_of.size > 0 else span + 1)
    end = at_sums + (sum_of.size if sum_of.size > 0 else 2 * span + 1)
    return scratch[:cells], scratch[cells:at_difference], scratch[at_difference:at_sums], scratch[at_sums:end]


@jit.body
def fold(matrix, n_levels, marginal):
    """Fold a square of one-way counts into the triangle of its first cells, and sum the symmetric matrix's rows.

    Parameters
    ----------
    matrix : float64 [(L + 1)²]
        As `count.count` lays it out. Its first cells receive the counts both ways, by `count.cell_of`; a row of the
        triangle ends before the rows of the square that are still to be read.
    n_levels : int
        L.
    marginal : float64 [L]
    """
    n = np.uint64(n_levels)  # unsigned: an index that may be negative costs a test
    width = n + ONE
    at, to = width + ONE, np.uint64(0)
    marginal[:] = 0.0
    for a in range(n):
        own = 2.0 * matrix[at]
        matrix[to] = matrix[at]
        to += ONE
        right, down = at, at
        for b in range(a + ONE, n):
            right += ONE
            down += width
            x = matrix[right] + matrix[down]
            matrix[to] = x
            to += ONE
            own += x
            marginal[b] += x
        marginal[a] += own
        at += width + ONE


@jit.body
def measure_square(matrix, level_of, n_nominal, marginal, difference_of, difference, sum_of, sums, out):
    """Features of one matrix of one-way counts; all NaN if it holds no pair.

    Parameters
    ----------
    matrix : float64 [(L + 1)²]
        As `count.count` lays it out; is overwritten.
    level_of, n_nominal, marginal, difference_of, difference, sum_of, sums, out
        As for features.py; what `marginal`, `difference`, `sums` and `out` hold is overwritten.
    """
    n_levels = np.int64(level_of.size)
    fold(matrix, n_levels, marginal)
    total = 0.0
    for a in range(n_levels):
        total += marginal[a]
    if total == 0.0:
        out[:] = np.nan
        return
    log2_total = math.log2(total)
    difference[:] = 0.0
    sums[:] = 0.0
    largest, bits, squares = 0.0, 0.0, 0.0
    for a in range(n_levels):
        first = cell_of(a, a, n_levels)
        largest, bits, squares = features.tally_row(
            matrix[first : first + n_levels - a], a, 0, 1, level_of, total, log2_total, difference_of, difference,
            sum_of, sums, LOG2, largest, bits, squares,
        )  # fmt: skip
    features.finish(
        level_of, n_nominal, total, marginal, matrix[:0], difference_of, difference, sum_of, sums, LOG2, largest, bits,
        squares, out,
    )  # fmt: skip


@jit.body
def measure_one_way(
    matrix, level_of, n_nominal, marginal, column, difference_of, difference, sum_of, sums, out
):  # fmt: skip
    """As `measure_square`, with the same arguments: features of the one-way counts themselves.

    Parameters
    ----------
    column : float64 [L]
        As for features.py; what it holds is overwritten.
    """
    n_levels = np.int64(level_of.size)
    width = n_levels + 1
    marginal[:] = 0.0
    column[:] = 0.0
    total = 0.0
    for a in range(n_levels):
        for b in range(n_levels):
            x = matrix[(a + 1) * width + b + 1]
            marginal[a] += x
            column[b] += x
        total += marginal[a]
    if total == 0.0:
        out[:] = np.nan
        return
    log2_total = math.log2(total)
    difference[:] = 0.0
    sums[:] = 0.0
    largest, bits, squares = 0.0, 0.0, 0.0
    for a in range(n_levels):
        for b in range(n_levels):
            x = matrix[(a + 1) * width + b + 1]
            if x > 0.0:
                minus, plus = features.places_of(min(a, b), max(a, b), level_of, difference_of, sum_of)
                largest, bits, squares = features.tally(
                    x, 1, minus, plus, total, log2_total, difference, sums, LOG2, largest, bits, squares
                )
    features.finish(
        level_of, n_nominal, total, marginal, column, difference_of, difference, sum_of, sums, LOG2, largest, bits,
        squares, out,
    )  # fmt: skip


@jit.cpu
def measure(
    counts, counts_start, level_of, level_start, values, values_start, n_nominal, shape, vois, work, weight, n_planar,
    per_slice, symmetric, room, feature,
):  # fmt: skip
    """Features of every matrix of the work list.

    Parameters
    ----------
    counts, counts_start
        From `count.count`.
    level_of, level_start, n_nominal, shape, vois, work, weight, n_planar, per_slice, feature
        See kernels/grouping.py; feature [m, N_SLOTS].
    values, values_start : int64; int64 [k, 3]
        From `spans.list_spans`.
    symmetric : bool
        Each pair is counted both ways.
    room : int
        Places of float64 that `rooms` takes of the largest VOI.
    """
    scratch, column = np.empty(room), np.empty(0 if symmetric else room)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        difference_of = values[values_start[k, 0] : values_start[k, 1]]
        sum_of = values[values_start[k, 1] : values_start[k, 2]]
        cells = (levels.size + 1) * (levels.size + 1)
        matrix, marginal, difference, sums = rooms(scratch, cells, levels, difference_of, sum_of)
        merge(
            counts, counts_start[k], cells, work[m], np.int64(shape[i, 0]), n_planar, per_slice, weight[k], 0, 1, matrix
        )
        if symmetric:
            measure_square(matrix, levels, n_nominal[i], marginal, difference_of, difference, sum_of, sums, feature[m])
        else:
            measure_one_way(
                matrix, levels, n_nominal[i], marginal, column[: levels.size], difference_of, difference, sum_of, sums,
                feature[m],
            )  # fmt: skip


@jit.body
def measure_codes(codes, n, weight, symmetric, level_of, n_nominal, difference_of, sum_of, out):
    """Features of one matrix given as the sorted codes of its pairs.

    Parameters
    ----------
    codes : int64 [≥ n]
        From `count.pairs`, sorted.
    n : int
        How many, > 0.
    weight : float64 [D]
    symmetric : bool
        Each pair is counted both ways, and stands in `codes` once.
    level_of, n_nominal, difference_of, sum_of, out
        As for features.py; what `out` holds is overwritten.
    """
    span = level_of[level_of.size - 1] - level_of[0]
    marginal, column = np.zeros(level_of.size), np.zeros(0 if symmetric else level_of.size)
    difference = np.zeros(difference_of.size if difference_of.size > 0 else span + 1)
    sums = np.zeros(sum_of.size if sum_of.size > 0 else 2 * span + 1)
    directions, ranks = (1 << OFFSET_BITS) - 1, (1 << RANK_BITS) - 1
    total = 0.0
    for k in range(n):
        total += weight[codes[k] & directions]
    total = 2.0 * total if symmetric else total
    log2_total = math.log2(total)
    x, largest, bits, squares = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        pair = codes[k] >> OFFSET_BITS
        x += weight[codes[k] & directions]
        if k + 1 == n or codes[k + 1] >> OFFSET_BITS != pair:
            a, b = (pair >> RANK_BITS) - 1, (pair & ranks) - 1
            x = 2.0 * x if symmetric and a == b else x
            minus, plus = features.places_of(min(a, b), max(a, b), level_of, difference_of, sum_of)
            largest, bits, squares = features.tally(
                x, 2 if symmetric and a != b else 1, minus, plus, total, log2_total, difference, sums, LOG2, largest,
                bits, squares,
            )  # fmt: skip
            marginal[a] += x
            if not symmetric:
                column[b] += x
            elif a != b:
                marginal[b] += x
            x = 0.0
    features.finish(
        level_of, n_nominal, total, marginal, column, difference_of, difference, sum_of, sums, LOG2, largest, bits,
        squares, out,
    )  # fmt: skip


@jit.cpu
def measure_sparse(
    level, start, shape, level_of, level_start, n_nominal, vois, pad, dirs, weight, symmetric, work, most, feature
):
    """Features of every matrix of the work list, each from its sorted pairs: memory follows their number.

    Parameters
    ----------
    level, start, shape, level_of, level_start, n_nominal, vois, pad, dirs, weight, work, feature
        See kernels/grouping.py; feature [m, N_SLOTS]. The work list keeps slices.
    symmetric : bool
        Each pair is counted both ways.
    most : int
        Pairs that a matrix may have.
    """
    codes, spare, digits = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(256, np.int64)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        z_first, z_last = max(work[m, SLICE], pad), min(work[m, SLICE_END], shape[i, 0] - pad)
        n = np.int64(0)
        for d in range(work[m, DIRECTION], work[m, DIRECTION_END]):
            n = pairs(level, start[i], shape[i], pad, dirs, d, z_first, z_last, symmetric, codes, n)
        if n == 0:
            feature[m] = np.nan
            continue
        sorting.radix(codes, spare, n, digits)
        difference_of, sum_of = spans.spans_of(codes, n, levels, spare, digits)
        measure_codes(codes, n, weight[k], symmetric, levels, n_nominal[i], difference_of, sum_of, feature[m])


@jit.body
def distribute(matrix, n_levels, level_of, total, marginal, difference_of, difference, sum_of, sums, log2_of):
    """Tally every cell of a triangle of one-way counts, by all threads of a block together, row by row.

    Parameters
    ----------
    matrix : float64 [L (L + 1) / 2]
        By `count.cell_of`.
    n_levels : int32
        L.
    level_of, total, marginal, difference_of, difference, sum_of, sums, log2_of
        As for features.py, shared by the block; `marginal` is written.

    Returns
    -------
    tuple of float
        This thread's largest, bits and squares.
    """
    log2_total = math.log2(total)
    largest, bits, squares = 0.0, 0.0, 0.0
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    for a in range(n_levels):
        first = cell_of(a, a, n_levels)
        largest, bits, squares = features.tally_row(
            matrix[first : first + n_levels - a], a, thread, threads, level_of, total, log2_total, difference_of,
            difference, sum_of, sums, log2_of, largest, bits, squares,
        )  # fmt: skip
        jit.cuda.syncthreads()
    a = thread
    while a < n_levels:
        x = 0.0
        for b in range(n_levels):
            x += matrix[cell_of(min(a, b), max(a, b), n_levels)] * (2.0 if a == b else 1.0)
        marginal[a] = x
        a += threads
    return largest, bits, squares


@jit.gpu(
    "i4[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], i8[::1], i4[:, ::1], i8[::1], i4[:, ::1], f8[:, ::1], "
    "i4, b1, f8[::1], i8, f8[:, ::1]",
    registers=128,
    because="entropies and quotients in float64, and some thirty addresses",
)  # fmt: skip
def measure_gpu(
    counts, counts_start, level_of, level_start, values, values_start, n_nominal, shape, vois, work, weight, n_planar,
    per_slice, scratch, stride, feature,
):  # fmt: skip
    """Features of every matrix of the work list. Any number of blocks.

    Parameters
    ----------
    counts : int32
        From `count.count_gpu`.
    counts_start, level_of, level_start, n_nominal, shape, vois, work, weight, n_planar, per_slice, scratch, stride,
    feature
        See kernels/grouping.py; feature [m, N_SLOTS]. `stride` is what `rooms` takes of the largest VOI.
    values, values_start : int64; int64 [k, 3]
        From `spans.list_spans`.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    out = jit.cuda.shared.array(N_SLOTS, np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    mine = scratch[jit.cuda.blockIdx.x * stride : (jit.cuda.blockIdx.x + 1) * stride]
    m = np.int32(jit.cuda.blockIdx.x)
    while m < work.shape[0]:
        k = work[m, VOI]
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels = np.int32(levels.size)
        cells = n_levels * (n_levels + 1) // 2
        difference_of = values[values_start[k, 0] : values_start[k, 1]]
        sum_of = values[values_start[k, 1] : values_start[k, 2]]
        matrix, marginal, difference, sums = rooms(mine, cells, levels, difference_of, sum_of)
        merge(
            counts,
            counts_start[k],
            cells,
            work[m],
            shape[i, 0],
            n_planar,
            per_slice,
            weight[k],
            thread,
            threads,
            matrix,
        )
        c = thread
        x = 0.0
        while c < cells:
            x += 2.0 * matrix[c]
            c += threads
        total = block.sum_of(x, room)
        if total > 0.0:
            c = thread
            while c < difference.size:
                difference[c] = 0.0
                c += threads
            c = thread
            while c < sums.size:
                sums[c] = 0.0
                c += threads
            jit.cuda.syncthreads()
            no_table = mine[:0]
            largest, bits, squares = distribute(
                matrix, n_levels, levels, total, marginal, difference_of, difference, sum_of, sums, no_table
            )
            largest = block.max_of(largest, room)
            bits = block.sum_of(bits, room)
            squares = block.sum_of(squares, room)
            if thread == 0:
                features.finish(
                    levels, n_nominal[i], total, marginal, no_table, difference_of, difference, sum_of, sums,
                    no_table, largest, bits, squares, out,
                )  # fmt: skip
            jit.cuda.syncthreads()
        f = thread
        while f < N_SLOTS:
            feature[m, f] = out[f] if total > 0.0 else np.nan
            f += threads
        jit.cuda.syncthreads()
        m += jit.cuda.gridDim.x
