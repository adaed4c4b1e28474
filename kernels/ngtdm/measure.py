"""Measuring of the NGTDM: from counts and integer sums to features.

On a GPU a block measures one matrix; what is one walk over the levels is left to one of its threads, what is a walk for
each level is spread over them.

Arguments
---------
The functions here take these arguments in this form. L: grey levels present in the VOI.

level_of : int64 [L]
    The VOI's grey levels, ascending.
number : int64 [L]
    n_i: voxels of each level with a neighbour.
s : float64 [L]
    s_i.
products : float64 [L]
    i n_i of the levels counted, as many as moment[N_COUNTED] says.
moment : float64 [N_MOMENTS]
    What the features are made of, by the names below.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit, sorting
from voxomics.kernels.grouping import SLICE, SLICE_END, VOI
from voxomics.kernels.ngtdm import slots

MOST_COARSE = 1e6
"""Coarseness of a volume whose sum p_i s_i is smaller than 1e-6."""
MEASURING = 128
"""Threads of a block that measures."""
MOST_LEVELS = 4096
"""Levels of a VOI that a block measures: a thread looks through all of them for each of its own."""

N_MOMENTS = 6
N_VOXELS, N_COUNTED, WEIGHTED, DIFFERENCES, VARIANCE, SPREAD = range(N_MOMENTS)
"""N_vc, N_gp, Σ p s, Σ s, Σ_ij p_i p_j (i-j)² and Σ_ij (p_i + p_j) (i-j)²."""


@jit.body
def with_size(level_of, number, s, size, result):
    """Add to a result the terms (j - i) (n_i s_i + n_j s_j) / (n_i + n_j) of all levels i < j with n_i = size.

    They share their denominators, so that one walk over the levels in ascending order will do, with running sums of
    j - i and of (j - i) s_i over those i.

    Parameters
    ----------
    size : int
    result : float
    """
    members, s_members, distance, s_distance, last = 0.0, 0.0, 0.0, 0.0, 0.0
    for b in range(level_of.size):
        if number[b] > 0:
            gap = level_of[b] - last
            last = float(level_of[b])
            distance += gap * members
            s_distance += gap * s_members
            result += (size * s_distance + number[b] * s[b] * distance) / (size + number[b])
            if number[b] == size:
                members += 1.0
                s_members += s[b]
    return result


@jit.body
def complexity(level_of, number, s):
    """Half of Σ_ij |i - j| (n_i s_i + n_j s_j) / (n_i + n_j) over pairs of levels that are counted.

    Distinct n are at most √(2 N_v): 60,000 levels cost no L².
    """
    result = 0.0
    size = np.int64(0)
    while True:
        least = np.int64(0)
        for a in range(level_of.size):
            if number[a] > size and (least == 0 or number[a] < least):
                least = number[a]
        if least == 0:
            return result
        size = least
        result = with_size(level_of, number, s, size, result)


@jit.body
def gather(sums, first, end, size, n_columns, a, number, s):
    """Write n_i and s_i of one level.

    Parameters
    ----------
    sums : int64
        From `count.count`.
    first, end : int
        Where the groups to be summed begin and end in `sums`.
    size : int
        Sums of a group.
    n_columns : int
        Numbers of neighbours possible, 0 included.
    a : int
        Rank of the level, from 0.
    """
    s[a] = 0.0
    for n in range(n_columns):
        together = np.int64(0)
        for c in range(first + (a + 1) * n_columns + n, end, size):
            together += sums[c]
        if n == 0:
            number[a] = together
        elif together > 0:
            s[a] += together / n


@jit.body
def moments(level_of, number, s, products, moment):
    """Write what the five features are made of, and the products."""
    total, counted, mean, middle = 0.0, 0, 0.0, 0.0
    for a in range(level_of.size):
        if number[a] > 0:
            i, n = float(level_of[a]), float(number[a])
            products[counted] = i * n
            total += n
            counted += 1
            mean += (i - mean) * (n / total)
            middle += (i - middle) / counted
    weighted, differences, variance, spread, moved = 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(level_of.size):
        if number[a] > 0:
            p = number[a] / total
            from_mean, from_middle = level_of[a] - mean, level_of[a] - middle
            weighted += p * s[a]
            differences += s[a]
            variance += from_mean * from_mean * p
            spread += from_middle * from_middle
            moved += from_middle * from_middle * p
    moment[N_VOXELS], moment[N_COUNTED], moment[WEIGHTED], moment[DIFFERENCES] = total, counted, weighted, differences
    moment[VARIANCE] = 2.0 * variance
    moment[SPREAD] = 2.0 * (counted * moved + spread)


@jit.body
def five(moment, products, half_complexity, out):
    """The features of a matrix with a voxel that has a neighbour.

    Parameters
    ----------
    products
        Sorted.
    half_complexity : float
        From `complexity`.
    out : float64 [N_SLOTS]
        The features, by the names of slots.py.
    """
    total, counted = moment[N_VOXELS], np.int64(moment[N_COUNTED])
    weighted, differences = moment[WEIGHTED], moment[DIFFERENCES]
    busy = 0.0
    for k in range(1, counted):
        busy += (products[k] - products[k - 1]) * k * (counted - k)
    out[slots.COARSENESS] = min(1.0 / weighted, MOST_COARSE) if weighted > 0.0 else MOST_COARSE
    out[slots.CONTRAST], out[slots.BUSYNESS] = 0.0, 0.0
    if counted > 1:
        pairs = moment[N_COUNTED] * (moment[N_COUNTED] - 1.0)
        out[slots.CONTRAST] = moment[VARIANCE] / pairs * (differences / total)
        out[slots.BUSYNESS] = weighted / (2.0 * busy / total) if busy > 0.0 else np.nan
    out[slots.COMPLEXITY] = 2.0 * half_complexity / total
    out[slots.STRENGTH] = moment[SPREAD] / differences if differences > 0.0 else 0.0


@jit.cpu
def measure(sums, sums_start, n_columns, level_of, level_start, vois, work, feature):
    """Features of every matrix of the work list.

    Parameters
    ----------
    sums, sums_start, n_columns
        From `count.count`.
    level_of, level_start, vois, work, feature
        See kernels/grouping.py; feature [m, N_SLOTS].
    """
    most = np.int64(0)
    for k in range(vois.size):
        most = max(most, level_start[vois[k] + 1] - level_start[vois[k]])
    moment = np.empty(N_MOMENTS)
    number, s, products = np.empty(most, np.int64), np.empty(most), np.empty(most)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        levels = level_of[level_start[vois[k]] : level_start[vois[k] + 1]]
        size = (levels.size + 1) * n_columns[k]
        first, end = sums_start[k] + work[m, SLICE] * size, sums_start[k] + work[m, SLICE_END] * size
        for a in range(levels.size):
            gather(sums, first, end, size, n_columns[k], a, number, s)
        moments(levels, number, s, products, moment)
        if moment[N_VOXELS] > 0.0:
            sorting.heap(products, np.int64(0), np.int64(moment[N_COUNTED]))
            five(moment, products, complexity(levels, number, s), feature[m])
        else:
            feature[m] = np.nan


@jit.body
def sort(x, n, ordered):
    """Sort some numbers: each thread looks for the places of its own.

    Parameters
    ----------
    x : float64 [≥ n]
    n : int32
    ordered : float64 [≥ n]
        Receives x[:n], sorted.
    """
    k = np.int32(jit.cuda.threadIdx.x)
    while k < n:
        before = np.int32(0)
        for other in range(n):
            if x[other] < x[k] or (x[other] == x[k] and other < k):
                before += 1
        ordered[before] = x[k]
        k += jit.cuda.blockDim.x


@jit.body
def own_complexity(level_of, number, s):
    """A thread's part of `complexity`: the n that its levels are the first to have."""
    result = 0.0
    a = np.int32(jit.cuda.threadIdx.x)
    while a < level_of.size:
        first = np.int32(0)
        while number[first] != number[a]:
            first += 1
        if first == a and number[a] > 0:
            result = with_size(level_of, number, s, number[a], result)
        a += jit.cuda.blockDim.x
    return result


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[:, ::1], i8[::1], i8[::1], f8[::1], f8[:, ::1]",
    registers=128,
    because="quotients in float64 of running sums",
)
def measure_gpu(sums, sums_start, n_columns, level_of, level_start, vois, work, place, numbers, scratch, feature):
    """Features of every matrix of the work list, a block each.

    Parameters
    ----------
    sums, sums_start, n_columns : int64; int64 [k]; int64 [k]
        From `count.count_gpu`.
    level_of, level_start, vois, work, feature
        See kernels/grouping.py; feature [m, N_SLOTS].
    place : int64 [m]
        How many levels the matrices before have.
    numbers : int64 [levels of all matrices]
        Working memory.
    scratch : float64 [3 · levels of all matrices]
        Working memory.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    moment = jit.cuda.shared.array(N_MOMENTS, np.float64)
    m, thread = np.int32(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    k = work[m, VOI]
    i = vois[k]
    levels = level_of[level_start[i] : level_start[i + 1]]
    n_levels, columns = levels.size, n_columns[k]
    number = numbers[place[m] : place[m] + n_levels]
    mine = scratch[3 * place[m] : 3 * (place[m] + n_levels)]
    s, products, ordered = mine[:n_levels], mine[n_levels : 2 * n_levels], mine[2 * n_levels :]
    size = (n_levels + 1) * columns
    first, end = sums_start[k] + work[m, SLICE] * size, sums_start[k] + work[m, SLICE_END] * size
    a = thread
    while a < n_levels:
        gather(sums, first, end, size, columns, a, number, s)
        a += jit.cuda.blockDim.x
    jit.cuda.syncthreads()
    if thread == 0:
        moments(levels, number, s, products, moment)
    jit.cuda.syncthreads()
    if moment[N_VOXELS] > 0.0:
        sort(products, np.int32(moment[N_COUNTED]), ordered)
        half_complexity = block.sum_of(own_complexity(levels, number, s), room)
        if thread == 0:
            five(moment, ordered, half_complexity, feature[m])
    elif thread < slots.N_SLOTS:
        feature[m, thread] = np.nan
