"""First-order features (IBSI UHIW) from the sums of kernels/intensity/moments.py.

The intensity histogram measures its levels, each with its number of voxels, by the same code.

Arguments of several functions
------------------------------
value : ndarray float64 [values]
    Values of all VOIs, in the image's unit.
weight, stride : ndarray float64 [values] or [1], int
    value[j] occurs weight[j · stride] times: stride 0 and a weight of 1 for voxels, 1 for a histogram.
origin : float
    A VOI's first value.
found, at : ndarray float64 [k, 10] and [k, 5]
    Order statistics of each VOI, and positions between them; see `percentiles.percentile`.
seen, sums : tuples of 8 and of 5 floats; on a device `seen` is float64 [k, 8]
    What `moments.look` and `moments.deviate` have summed up.
tile_first : device int64 [tiles]
    Where a tile of a VOI's values begins.
tile_start : device int64 [k + 1]
    Where the tiles of each VOI begin.
p : ndarray float64 [5]
    Percentiles of the VOI; places P10 to P90.
out : ndarray float64 [k, features]
    Written; places MEAN to ROOT_MEAN_SQUARE.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.intensity.moments import (
    ABSOLUTE,
    CUBE,
    FOURTH,
    ROBUST,
    SQUARE,
    centre,
    deviate_along,
    look_along,
    seen_of,
)
from voxomics.kernels.intensity.percentiles import N_PERCENTS, P10, P25, P50, P75, P90, percentiles

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
    INTERQUARTILE_RANGE,
    RANGE,
    MEAN_ABSOLUTE_DEVIATION,
    ROBUST_MEAN_ABSOLUTE_DEVIATION,
    MEDIAN_ABSOLUTE_DEVIATION,
    COEFFICIENT_OF_VARIATION,
    QUARTILE_COEFFICIENT_OF_DISPERSION,
    ENERGY,
    ROOT_MEAN_SQUARE,
) = range(18)  # places of the features; the family's catalogue has them in the same order


LEAST, MOST = 2.0**-200, 2.0**200
"""Between them no power of an intensity, of a VOI's largest, leaves float64. Any float32 other than 0 lies between them."""
OUTLYING = 2.0**20
"""Ranges per distance from P10 to P90 beyond which an outlier may cost digits of what lies between these."""


@jit.body
def undefined(out):
    """NaN for every feature of a VOI without values; out float64 [features]."""
    for f in range(out.shape[0]):
        out[f] = np.nan


@jit.body
def describe(origin, seen, sums, p, out):
    """The features of a VOI from what `look` and `deviate` have summed up and its percentiles p.

    They go to `out`, float64 [features].
    """
    lowest, highest, n, _, squares, from_median, n_robust, _ = seen
    mean, _, scale = centre(seen)
    mean += origin
    m1, m2, m3, m4, robust = sums
    variance = m2 / n
    out[MEAN] = mean
    out[VARIANCE] = variance / scale / scale
    out[SKEWNESS] = m3 / n / (variance * math.sqrt(variance)) if variance > 0.0 else 0.0
    out[KURTOSIS] = m4 / n / (variance * variance) - 3.0 if variance > 0.0 else 0.0
    out[MEDIAN] = p[P50]
    out[MINIMUM] = lowest
    out[PERCENTILE_10] = p[P10]
    out[PERCENTILE_90] = p[P90]
    out[MAXIMUM] = highest
    out[INTERQUARTILE_RANGE] = p[P75] - p[P25]
    out[RANGE] = highest - lowest
    out[MEAN_ABSOLUTE_DEVIATION] = m1 / n / scale
    out[ROBUST_MEAN_ABSOLUTE_DEVIATION] = robust / n_robust if n_robust > 0.0 else np.nan
    out[MEDIAN_ABSOLUTE_DEVIATION] = from_median / n
    out[COEFFICIENT_OF_VARIATION] = math.sqrt(variance) / scale / mean if mean != 0.0 else np.nan
    unit = 0.25 if max(-p[P25], p[P75]) > 1e300 else 1.0  # neither their sum nor their difference leaves float64
    both = unit * p[P75] + unit * p[P25]
    out[QUARTILE_COEFFICIENT_OF_DISPERSION] = (unit * p[P75] - unit * p[P25]) / both if both != 0.0 else np.nan
    out[ENERGY] = squares
    out[ROOT_MEAN_SQUARE] = math.sqrt(squares / n)


@jit.cpu
def measure(value, weight, stride, start, vois, found, at, out):
    """Features of every VOI of `vois`; NaN where it has no value.

    Parameters
    ----------
    value, weight, stride, found, at, out
        See the module's text.
    start : ndarray int64 [n + 1]
        VOI i owns value[start[i] : start[i + 1]].
    vois : ndarray int64 [k]
        VOIs to measure.
    """
    p = np.empty(N_PERCENTS)
    one = np.int64(1)  # not the literal, for which the bodies would be compiled once more
    for k in range(vois.size):
        first, last = start[vois[k]], start[vois[k] + 1]
        if first == last:
            undefined(out[k])
            continue
        percentiles(found, at, k, p)
        low, median, high, origin = p[P10], p[P50], p[P90], value[first]
        seen = look_along(value, weight, stride, first, last, one, origin, low, median, high)
        sums = deviate_along(value, weight, stride, first, last, one, origin, low, high, centre(seen))
        describe(origin, seen, sums, p, out[k])


@jit.cpu
def ordinary(out):
    """Whether the features of every VOI have all their digits: no sum over- or underflows, and no outlier is far away.

    Parameters
    ----------
    out
        See the module's text.
    """
    for k in range(out.shape[0]):
        lowest, highest = out[k, MINIMUM], out[k, MAXIMUM]
        largest = max(-lowest, highest)
        if (0.0 < largest and largest < LEAST) or largest >= MOST:
            return False
        if highest - lowest > OUTLYING * (out[k, PERCENTILE_90] - out[k, PERCENTILE_10]):
            return False
    return True


@jit.gpu(
    "f8[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1]",
    registers=128,
    because="quotients and roots in float64",
)
def describe_gpu(value, tile_first, tile_start, found, at, seen, part, out):
    """Features, a thread for each VOI; NaN where it has no value.

    Parameters
    ----------
    value, tile_first, tile_start, found, at, seen, out
        See the module's text.
    part : device float64 [tiles, 5]
        From `moments.deviate_gpu`.
    """
    p = jit.cuda.local.array(N_PERCENTS, np.float64)
    k = jit.cuda.blockIdx.x * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if k < out.shape[0]:
        if tile_start[k] == tile_start[k + 1]:
            undefined(out[k])
        else:
            m1 = m2 = m3 = m4 = robust = 0.0
            for t in range(tile_start[k], tile_start[k + 1]):
                m1 += part[t, ABSOLUTE]
                m2 += part[t, SQUARE]
                m3 += part[t, CUBE]
                m4 += part[t, FOURTH]
                robust += part[t, ROBUST]
            percentiles(found, at, k, p)
            describe(value[tile_first[tile_start[k]]], seen_of(seen, k), (m1, m2, m3, m4, robust), p, out[k])
