"""Intensity histogram (IBSI ZVCW), from the voxels of each grey level present (Channel.count).

Only levels present are walked. Empty levels between them matter to gradients alone, and there every run of empty
levels is one candidate with gradient 0; so 70,000 nominal levels cost what the present ones do.

Arguments of several functions
------------------------------
level, counts : ndarray int64 [levels]
    Levels present of all VOIs, ascending, and voxels of each.
first, last : int64
    A VOI owns level[first:last] and as many counts.
out : ndarray float64 [features]
    The features of a VOI; places MEAN to MINIMUM_HISTOGRAM_GRADIENT_INTENSITY.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.intensity.features import undefined

(
    MEAN,
    VARIANCE,
    SKEWNESS,
    KURTOSIS,
    MEDIAN,
    MINIMUM,
    PERCENTILE_10,
    PERCENTILE_90,
    MAXIMUM,
    MODE,
    INTERQUARTILE_RANGE,
    RANGE,
    MEAN_ABSOLUTE_DEVIATION,
    ROBUST_MEAN_ABSOLUTE_DEVIATION,
    MEDIAN_ABSOLUTE_DEVIATION,
    COEFFICIENT_OF_VARIATION,
    QUARTILE_COEFFICIENT_OF_DISPERSION,
    ENTROPY,
    UNIFORMITY,
    MAXIMUM_HISTOGRAM_GRADIENT,
    MAXIMUM_HISTOGRAM_GRADIENT_INTENSITY,
    MINIMUM_HISTOGRAM_GRADIENT,
    MINIMUM_HISTOGRAM_GRADIENT_INTENSITY,
) = range(23)  # places of the features; the family's catalogue has them in the same order


@jit.body
def shape(level, counts, first, last, n_nominal, out):
    """Features that only a histogram has, from the levels level[first:last] present.

    Of several most frequent levels the mode is the nearest to the mean, then the lower; distances are compared as whole
    numbers, times N. Gradients are looked at where a level is present, beside it, and at the first level of each gap
    beyond; of several levels with the same gradient the lowest counts. n_nominal (int64) is the number of levels,
    absent ones included.
    """
    n = weighted = 0.0
    for r in range(first, last):
        n += counts[r]
        weighted += float(counts[r]) * (level[r] - level[first])
    best = first
    entropy = uniformity = nearest = 0.0
    for r in range(first, last):
        p = counts[r] / n
        entropy -= p * math.log2(p)
        uniformity += p * p
        distance = abs((level[r] - level[first]) * n - weighted)
        if r == first or counts[r] > counts[best] or (counts[r] == counts[best] and distance < nearest):
            best, nearest = r, distance
    out[MODE], out[ENTROPY], out[UNIFORMITY] = level[best], entropy, uniformity
    steepest = lowest = np.nan
    i = np.int64(1)
    for r in range(first, last + 1):
        g = level[r] if r < last else n_nominal + 2
        while i <= min(g + 1, n_nominal) and n_nominal > 1:
            slope = 0.0
            for s in range(max(r - 2, first), min(r + 3, last)):
                if level[s] == min(i + 1, n_nominal):
                    slope += counts[s]
                if level[s] == max(i - 1, 1):
                    slope -= counts[s]
            if 1 < i and i < n_nominal:
                slope /= 2.0
            if not slope <= steepest:
                steepest = slope
                out[MAXIMUM_HISTOGRAM_GRADIENT_INTENSITY] = i
            if not slope >= lowest:
                lowest = slope
                out[MINIMUM_HISTOGRAM_GRADIENT_INTENSITY] = i
            i = max(i + 1, g - 1)
    out[MAXIMUM_HISTOGRAM_GRADIENT], out[MINIMUM_HISTOGRAM_GRADIENT] = steepest, lowest


@jit.body
def level_of_voxel(level, counts, first, last, rank):
    """Level of the voxel of this rank (from 0, int64) among the sorted voxels of a VOI, float64.

    It is NaN where there is no such voxel.
    """
    r = first
    while r < last and rank >= counts[r]:
        rank -= counts[r]
        r += 1
    return float(level[r]) if r < last else np.nan


@jit.cpu
def measure(level, counts, start, n_nominal, ranks, found, out):
    """Features that only a histogram has; and the levels that moments and percentiles of it stand on.

    Parameters
    ----------
    level, counts : ndarray int64 [levels]
        Levels present of all VOIs, ascending, and voxels of each. VOI k owns start[k]:start[k + 1].
    start : ndarray int64 [k + 1]
    n_nominal : ndarray int64 [k]
        Number of levels, absent ones included.
    ranks : ndarray int64 [k, 10]
        From `percentiles.ranks`.
    found : ndarray float64 [k, 10]
        Written: levels of the voxels of these ranks.
    out : ndarray float64 [k, features]
        Written: the features that intensity statistics lack; NaN, all of them, without levels.
    """
    for k in range(out.shape[0]):
        undefined(out[k])
        for j in range(ranks.shape[1]):
            found[k, j] = level_of_voxel(level, counts, start[k], start[k + 1], ranks[k, j])
        if start[k] < start[k + 1]:
            shape(level, counts, start[k], start[k + 1], n_nominal[k], out[k])


COUNTING = 256
"""Threads of a block that counts."""
MOST_LEVELS = 4096
"""Levels of a VOI that a thread walks through."""


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4, i8[::1]")
def count_gpu(level, tile_row, tile_first, tile_length, level_start, room, counts):
    """Count a tile's voxels by the rank of their level.

    Parameters
    ----------
    level : device uint8 or uint16 [total]
        Channel.level: rank of each voxel's grey level, 0 outside the intensity mask.
    tile_row : device int32 [tiles]
        VOI of each tile; a block works on one.
    tile_first : device int64 [tiles]
        Where the tile begins in `level`.
    tile_length : device int32 [tiles]
        Number of its voxels.
    level_start : device int64 [n + 1]
        VOI i owns counts[level_start[i] : level_start[i + 1]].
    room : int
        Levels that shared memory holds; more of them are counted in `counts` itself.
    counts : device int64 [levels]
        Added to at level_start[i] + rank - 1.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    i = tile_row[tile]
    own, n_levels = level_start[i], np.int32(level_start[i + 1] - level_start[i])
    fits = n_levels <= room
    a = thread
    while fits and a < n_levels:
        shared[a] = 0
        a += threads
    jit.cuda.syncthreads()
    q, first, length = thread, tile_first[tile], tile_length[tile]
    while q < length:
        a = np.int32(level[first + q]) - 1
        if a >= 0:
            if fits:
                jit.cuda.atomic.add(shared, a, 1)
            else:
                jit.cuda.atomic.add(counts, own + a, 1)
        q += threads
    jit.cuda.syncthreads()
    a = thread
    while fits and a < n_levels:
        if shared[a] > 0:
            jit.cuda.atomic.add(counts, own + a, shared[a])
        a += threads


MEASURING = 64
"""Threads of a block that looks at a VOI's histogram."""


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f8[:, ::1]",
    registers=128,
    because="entropy and gradients in float64",
)
def measure_gpu(level, counts, level_start, n_nominal, vois, ranks, value, weight, found, out):
    """As `measure`, a block for each VOI; and what kernels/intensity/moments.py needs to measure its histogram.

    Parameters
    ----------
    level, counts : device int64 [levels]
        Levels present of the batch's VOIs, ascending, and voxels of each. VOI i owns level_start[i]:level_start[i + 1].
    level_start : device int64 [n + 1]
    n_nominal : device int64 [n]
    vois : device int64 [k]
        Rows of the batch.
    ranks, found, out
        See `measure`.
    value, weight : device float64 [levels]
        Written: level and counts of these VOIs.
    """
    k, thread = np.int32(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    i = vois[k]
    first, last = level_start[i], level_start[i + 1]
    r = first + thread
    while r < last:
        value[r], weight[r] = float(level[r]), float(counts[r])
        r += MEASURING
    if thread < ranks.shape[1]:
        found[k, thread] = level_of_voxel(level, counts, first, last, ranks[k, thread])
    if thread == MEASURING - 1:  # of another warp, so that neither waits for the other
        undefined(out[k])
        if first < last:
            shape(level, counts, first, last, n_nominal[i], out[k])
