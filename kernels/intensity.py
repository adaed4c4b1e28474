"""Intensity statistics (IBSI UHIW): moments and exact percentiles of the intensities of each VOI.

Values are never sorted as a whole. A monotone map sends them to buckets, the buckets that hold a wanted rank are gathered and
searched in the same way, each 1024 times narrower than the range before, until they are small: so percentiles stand on the true
order statistics, and no distribution is slow.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, sorting

PERCENTILE_RULES = ("linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf")
"""Rules between two order statistics, under NumPy's names."""
PERCENTS = (10.0, 25.0, 50.0, 75.0, 90.0)
BUCKETS = 1024
SMALL = 128  # so many values are sorted outright

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
    "interquartile_range",
    "range",
    "mean_absolute_deviation",
    "robust_mean_absolute_deviation",
    "median_absolute_deviation",
    "coefficient_of_variation",
    "quartile_coefficient_of_dispersion",
    "energy",
    "root_mean_square",
)


def positions(n, rule):
    """Where PERCENTS lie among n sorted values: value number floor(position), from 0, and the fraction of the way to the next.

    Parameters
    ----------
    n : ndarray int64 [k]
    rule : str
        One of PERCENTILE_RULES. The median is the sample median (the mean of the middle two) under each.

    Returns
    -------
    ndarray float64 [k, 5]
    """
    q = np.array(PERCENTS) / 100.0
    n = np.maximum(np.asarray(n), 1)[:, None]
    at = (n - 1) * q
    median = at[:, 2].copy()
    if rule == "lower":
        at = np.floor(at)
    elif rule == "higher":
        at = np.ceil(at)
    elif rule == "nearest":
        at = np.rint(at)
    elif rule == "midpoint":
        at = (np.floor(at) + np.ceil(at)) / 2.0
    elif rule == "inverted_cdf":
        at = np.maximum(np.ceil(n * q) - 1.0, 0.0)
    at[:, 2] = median
    return at


def ranks(at, n):
    """The ranks below and above each position, int64 [k, 10], from positions float64 [k, 5] among n int64 [k] values."""
    below = at.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n - 1, 0)[:, None])
    return np.stack((below, above), axis=2).reshape(len(at), 2 * at.shape[1])


@jit.body
def between(a, b, fraction):
    """The point a fraction of the way from a to b, rounded as NumPy does."""
    if fraction < 0.5:
        return a + (b - a) * fraction
    return b - (b - a) * (1.0 - fraction)


@jit.cpu
def refine(x, segments, ranks, found, pool, finer):
    """One step of the search for order statistics. Returns how many segments are left, written to `finer`.

    segments : int64 [s, 4]; VOI k, first and last (exclusive) in x, and how many values of the VOI are below the segment's.
    x is finite and only read. found[k, j] is set to the value of rank ranks[k, j] (from 0) where a small segment holds it; of the
    others, the buckets that hold wanted ranks are copied to `pool`, as large as x, and become the segments `finer` of it.
    """
    end = np.empty(BUCKETS, np.int64)
    place = np.empty(BUCKETS, np.int64)  # where the next value of a wanted bucket goes, or -1
    filled = np.int64(0)  # a plain 0 has a type of its own, for which `sort` would be compiled once more
    n_finer = 0
    for s in range(segments.shape[0]):
        k, first, last, base = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        low = high = x[first]
        for j in range(first, last):
            low = min(low, x[j])
            high = max(high, x[j])
        width = 0.5 * high - 0.5 * low  # halves cannot overflow
        if last - first <= SMALL or width < 1e-300:  # the scale would overflow
            for j in range(first, last):
                pool[filled + j - first] = x[j]
            if low < high:
                sorting.heap(pool, filled, filled + last - first)
            for j in range(ranks.shape[1]):
                if base <= ranks[k, j] and ranks[k, j] < base + last - first:
                    found[k, j] = pool[filled + ranks[k, j] - base]
            continue
        for b in range(BUCKETS):
            end[b] = 0
            place[b] = -1
        scale = BUCKETS / width
        for j in range(first, last):
            end[min(np.int64((0.5 * x[j] - 0.5 * low) * scale), BUCKETS - 1)] += 1
        for b in range(1, BUCKETS):
            end[b] += end[b - 1]
        for j in range(ranks.shape[1]):
            rank = ranks[k, j] - base
            if 0 <= rank and rank < last - first:
                b = 0
                while end[b] <= rank:
                    b += 1
                if place[b] < 0:
                    below = end[b - 1] if b > 0 else 0
                    place[b] = filled
                    filled += end[b] - below
                    finer[n_finer, 0] = k
                    finer[n_finer, 1] = place[b]
                    finer[n_finer, 2] = filled
                    finer[n_finer, 3] = base + below
                    n_finer += 1
        for j in range(first, last):
            b = min(np.int64((0.5 * x[j] - 0.5 * low) * scale), BUCKETS - 1)
            if place[b] >= 0:
                pool[place[b]] = x[j]
                place[b] += 1
    return n_finer


def order_statistics(value, value_start, vois, ranks):
    """Values of given ranks, exact.

    Parameters
    ----------
    value : ndarray float64 [voxels]
        Finite.
    value_start : ndarray int64 [n + 1]
    vois : ndarray int64 [k]
    ranks : ndarray int64 [k, r]
        From 0, in any order.

    Returns
    -------
    ndarray float64 [k, r]
        NaN for a VOI without voxels.
    """
    found = np.full(ranks.shape, np.nan)
    first, last = value_start[vois], value_start[vois + 1]
    segments = np.stack((np.arange(len(vois)), first, last, np.zeros(len(vois), np.int64)), axis=1)[last > first]
    while len(segments):
        pool = np.empty(int((segments[:, 2] - segments[:, 1]).sum()))
        finer = np.empty((ranks.size, 4), np.int64)
        segments = finer[: refine(value, segments, ranks, found, pool, finer)]
        value = pool
    return found


@jit.body
def describe(n, low, high, mean, scale, m1, m2, m3, m4, p, n_robust, robust, from_median, out):
    """The sixteen features that intensities and grey levels have in common, in the order of FEATURES.

    m1..m4 : Σ|d|, Σd², Σd³, Σd⁴ of the distances d to the mean times `scale`. p : PERCENTS. n_robust : values within p[0]..p[4],
    robust : Σ of their distances to their mean. from_median : Σ of all distances to the median.
    """
    variance = m2 / n
    out[0] = mean
    out[1] = variance / scale / scale
    out[2] = m3 / n / (variance * np.sqrt(variance)) if variance > 0.0 else 0.0
    out[3] = m4 / n / (variance * variance) - 3.0 if variance > 0.0 else 0.0
    out[4] = p[2]
    out[5] = low
    out[6] = p[0]
    out[7] = p[4]
    out[8] = high
    out[9] = p[3] - p[1]
    out[10] = high - low
    out[11] = m1 / n / scale
    out[12] = robust / n_robust if n_robust > 0.0 else np.nan
    out[13] = from_median / n
    out[14] = np.sqrt(variance) / scale / mean if mean != 0.0 else np.nan
    out[15] = (p[3] - p[1]) / (p[3] + p[1]) if p[3] + p[1] != 0.0 else np.nan


@jit.cpu
def measure(value, weight, stride, start, vois, found, at, out):
    """Features of every VOI, float64 [k, features]; NaN where it has no value.

    value, weight : float64; value[j] occurs weight[j * stride] times (stride 0 and a weight of 1 for voxels, 1 for a histogram);
    VOI i owns value[start[i] : start[i + 1]]. at [k, 5] from `positions`; found [k, 10]: the values of the ranks below and above
    each position.
    """
    p = np.empty(5)
    for k in range(vois.size):
        first, last = start[vois[k]], start[vois[k] + 1]
        if first == last:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
            continue
        for j in range(5):
            p[j] = between(found[k, 2 * j], found[k, 2 * j + 1], at[k, j] - np.floor(at[k, j]))
        low, median, high = p[0], p[2], p[4]
        origin = lowest = highest = value[first]
        n = shifted = squares = from_median = inside = total = 0.0
        for j in range(first, last):
            v, w = value[j], weight[j * stride]
            lowest = min(lowest, v)
            highest = max(highest, v)
            n += w
            shifted += w * (v - origin)  # keeps the digits of deviations where all values lie near -1000
            squares += w * (v * v)
            from_median += w * np.abs(v - median)
            within = low <= v and v <= high
            inside += w if within else 0.0
            total += w * (v - origin) if within else 0.0
        # distances of values that lie close together and far from 0 are exact from `origin`, and not from a mean that was rounded
        mean, robust_mean = shifted / n, total / inside
        scale = 1.0
        if highest > lowest and not (1e-70 < highest - lowest and highest - lowest < 1e70):  # d⁴ must not under- or overflow
            scale = 1.0 / max(highest - lowest, 1e-300)
        m1 = m2 = m3 = m4 = robust = 0.0
        for j in range(first, last):
            v, w = value[j], weight[j * stride]
            d = (v - origin - mean) * scale
            m1 += w * np.abs(d)
            m2 += w * (d * d)
            m3 += w * (d * d * d)
            m4 += w * (d * d * (d * d))
            robust += w * np.abs(v - origin - robust_mean) if low <= v and v <= high else 0.0
        describe(n, lowest, highest, origin + mean, scale, m1, m2, m3, m4, p, inside, robust, from_median, out[k])
        out[k, 16] = squares
        out[k, 17] = np.sqrt(squares / n)
