"""Intensity histogram (IBSI ZVCW), from the voxels of each grey level present (Channel.count).

Only levels present are walked. Empty levels between them matter to gradients alone, and there every run of empty
levels is one candidate with gradient 0; so 70,000 nominal levels cost what the present ones do.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit

FEATURES = (
    "mean",
    "variance",
    "skewness",
    "kurtosis",
    "median",
    "minimum",
    "percentile_10",
    "percentile_90",
    "maximum",
    "mode",
    "interquartile_range",
    "range",
    "mean_absolute_deviation",
    "robust_mean_absolute_deviation",
    "median_absolute_deviation",
    "coefficient_of_variation",
    "quartile_coefficient_of_dispersion",
    "entropy",
    "uniformity",
    "maximum_histogram_gradient",
    "maximum_histogram_gradient_intensity",
    "minimum_histogram_gradient",
    "minimum_histogram_gradient_intensity",
)


@jit.body
def shape(level, counts, first, last, n_nominal, out):
    """Features that only a histogram has, from the levels level[first:last] present.

    out = mode, entropy, uniformity, greatest gradient, its level, least gradient, its level; the lowest level that has it.
    Of several most frequent levels the mode is the nearest to the mean, then the lower; distances are compared as whole numbers,
    times N. Gradients are looked at where a level is present, beside it, and at the first level of each gap beyond.
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
    out[0], out[1], out[2] = level[best], entropy, uniformity
    for f in range(3, 7):
        out[f] = np.nan
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
            if not slope <= out[3]:
                out[3], out[4] = slope, i
            if not slope >= out[5]:
                out[5], out[6] = slope, i
            i = max(i + 1, g - 1)


@jit.cpu
def shapes(level, counts, start, n_nominal, out):
    """`shape` of every VOI, float64 [k, 7]; NaN without levels. VOI k owns level[start[k] : start[k + 1]], and as many counts."""
    for k in range(out.shape[0]):
        if start[k] == start[k + 1]:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
        else:
            shape(level, counts, start[k], start[k + 1], n_nominal[k], out[k])


COUNTING = 256
"""Threads of a block that counts."""
MOST_LEVELS = 4096
"""Levels of a VOI that a thread walks through."""


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4, i8[::1]")
def count_gpu(level, tile_row, tile_first, tile_length, level_start, room, counts):
    """Count a tile's voxels by rank: counts[level_start[i] + rank - 1] of VOI i.

    room : levels that shared memory holds; more of them are counted in `counts` itself.
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


SHAPING = 64
"""Threads of a block that looks at a VOI's histogram."""


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], f8[::1], f8[::1], f8[:, ::1], f8[:, ::1]",
    registers=128,
    because="entropy and gradients in float64",
)
def shape_gpu(counts, level_of, level_start, n_nominal, vois, ranks, value, weight, found, out):
    """`shape` of every VOI, a block each, float64 [k, 7], NaN without levels; and what kernels/intensity.py needs to measure it.

    found : the levels of the voxels of ranks [k, r], from 0. value, weight : level and voxels of each rank.
    """
    k, thread = np.int32(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    i = vois[k]
    first, last = level_start[i], level_start[i + 1]
    r = first + thread
    while r < last:
        value[r], weight[r] = float(level_of[r]), float(counts[r])
        r += SHAPING
    if thread < ranks.shape[1]:
        r, left = first, ranks[k, thread]
        while r < last and left >= counts[r]:
            left -= counts[r]
            r += 1
        found[k, thread] = level_of[r] if r < last else np.nan
    if thread == SHAPING - 1:  # of another warp, so that neither waits for the other
        if first < last:
            shape(level_of, counts, first, last, n_nominal[i], out[k])
        else:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
