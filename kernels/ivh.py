"""Intensity-volume histogram (IBSI P88C): the fraction ν of the voxels of a VOI whose intensity
is at least a given value.

Everything happens on whole steps of the discretisation, compared as integers, which become intensities at the end.
Steps without a voxel cost nothing: between two levels present the curve is flat.

Arguments of several functions
------------------------------
level, counts : ndarray int64 [levels]
    Levels present of all VOIs, ascending, and voxels of each.
first, last : int64
    A VOI owns level[first:last] and as many counts.
low, high : int64
    First and last step of the range of its curve.
percent : int64
    0 to 100.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.intensity.features import undefined

(
    VOLUME_AT_INTENSITY_FRACTION_10,
    VOLUME_AT_INTENSITY_FRACTION_90,
    INTENSITY_AT_VOLUME_FRACTION_10,
    INTENSITY_AT_VOLUME_FRACTION_90,
    VOLUME_FRACTION_DIFFERENCE_10_90,
    INTENSITY_FRACTION_DIFFERENCE_10_90,
    AREA_UNDER_CURVE,
) = range(7)  # places of the features; the family's catalogue has them in the same order


@jit.body
def volume_at(level, counts, first, last, low, high, percent):
    """Share of the voxels at or above the step at `percent` of the way from low to high.

    It is NaN if these are the same.
    """
    # first step whose intensity fraction (i - low) / (high - low) is at least percent / 100; split to stay within int64
    span = high - low
    step = low + span // 100 * percent + (span % 100 * percent + 99) // 100
    n = above = np.int64(0)
    for r in range(first, last):
        n += counts[r]
        if level[r] >= step:
            above += counts[r]
    return above / n if high > low else np.nan


@jit.body
def intensity_at(level, counts, first, last, low, percent):
    """The first step, from low on, that at most `percent` of the voxels reach."""
    n = np.int64(0)
    for r in range(first, last):
        n += counts[r]
    step, reach = low, n  # reach: voxels at level r or above
    for r in range(first, last):
        if reach * 100 > n * percent:
            step = max(low, level[r] + 1)
        reach -= counts[r]
    return step


@jit.body
def area_under(level, counts, first, last, low, high):
    """Area under the curve over its range as 1, by trapezoids of the width of a step; 0 if one level is present."""
    if last - first == 1:
        return 0.0
    if high <= low:
        return np.nan
    n = np.int64(0)
    area = 0.0  # Σ over all steps less half of both ends; a voxel at level v counts at the steps low..v
    for r in range(first, last):
        n += counts[r]
        if level[r] >= low:
            steps = float(min(level[r], high) - low) + 1.0
            area += counts[r] * (steps - 0.5 - (0.5 if level[r] >= high else 0.0))
    return area / n / (high - low)


@jit.body
def curve(level, counts, first, last, low, high, zero, width, out):
    """Features of one VOI.

    Parameters
    ----------
    level, counts, first, last, low, high
        See the module's text.
    zero, width : float64
        Intensity of step 0, and from one step to the next.
    out : ndarray float64 [features]
        Written; NaN where an intensity is beyond float64.
    """
    few, many = np.int64(10), np.int64(90)
    v10 = out[VOLUME_AT_INTENSITY_FRACTION_10] = volume_at(level, counts, first, last, low, high, few)
    v90 = out[VOLUME_AT_INTENSITY_FRACTION_90] = volume_at(level, counts, first, last, low, high, many)
    i10 = float(intensity_at(level, counts, first, last, low, few))
    i90 = float(intensity_at(level, counts, first, last, low, many))
    out[INTENSITY_AT_VOLUME_FRACTION_10], out[INTENSITY_AT_VOLUME_FRACTION_90] = zero + i10 * width, zero + i90 * width
    out[VOLUME_FRACTION_DIFFERENCE_10_90] = v10 - v90
    out[INTENSITY_FRACTION_DIFFERENCE_10_90] = (i10 - i90) * width
    out[AREA_UNDER_CURVE] = area_under(level, counts, first, last, low, high)
    for f in range(out.size):
        if math.isinf(out[f]):
            out[f] = np.nan


@jit.cpu
def measure(level, counts, start, low, high, zero, width, out):
    """`curve` of every VOI.

    Parameters
    ----------
    level, counts
        See the module's text.
    start : ndarray int64 [k + 1]
        VOI k owns start[k]:start[k + 1].
    low, high : ndarray int64 [k]
        First and last step of the range of each curve.
    zero : ndarray float64 [k]
        Intensity of step 0.
    width : float64
        Intensity from one step to the next.
    out : ndarray float64 [k, features]
        Written; NaN without levels, and where an intensity is beyond float64.
    """
    for k in range(out.shape[0]):
        if start[k] == start[k + 1]:
            undefined(out[k])
        else:
            curve(level, counts, start[k], start[k + 1], low[k], high[k], zero[k], width, out[k])
