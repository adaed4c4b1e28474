"""Intensity-volume histogram (IBSI P88C): the fraction of a VOI that has at least an intensity.

Everything happens on whole steps of the discretisation, compared as integers; the family turns steps into intensities. Steps
without a voxel cost nothing: between two levels present the curve is flat.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

FEATURES = (
    "volume_at_intensity_fraction_10",
    "volume_at_intensity_fraction_90",
    "intensity_at_volume_fraction_10",
    "intensity_at_volume_fraction_90",
    "volume_fraction_difference_10_90",
    "intensity_fraction_difference_10_90",
    "area_under_curve",
)


@jit.body
def curve(level, counts, first, last, low, high, out):
    """Features of one VOI whose levels present are level[first:last], int64 ascending; the curve runs over the steps low..high.

    Intensities come out as steps. ν of step i is the share of voxels at step i or above.
    """
    n = np.int64(0)
    for r in range(first, last):
        n += counts[r]
    for which in range(2):
        percent = 10 + 80 * which
        # the first step whose intensity fraction (i - low) / (high - low) is at least percent / 100; split to stay within int64
        span = high - low
        step = low + span // 100 * percent + (span % 100 * percent + 99) // 100
        volume = n
        steepest = low  # the first step that at most percent / 100 of the voxels reach
        reach = n  # voxels at level r or above
        for r in range(first, last):
            if level[r] < step:
                volume -= counts[r]
            if reach * 100 > n * percent:
                steepest = max(low, level[r] + 1)
            reach -= counts[r]
        out[which] = volume / n if high > low else np.nan
        out[2 + which] = steepest
    out[4] = out[0] - out[1]
    out[5] = out[2] - out[3]
    # trapezoids of the width of a step: Σ over all steps less half of both ends; a voxel at level v counts at the steps low..v
    area = 0.0
    for r in range(first, last):
        if level[r] >= low:
            steps = float(min(level[r], high) - low) + 1.0
            area += counts[r] * (steps - 0.5 - (0.5 if level[r] >= high else 0.0))
    out[6] = area / n / (high - low) if high > low else np.nan
    if last - first == 1:
        out[6] = 0.0


@jit.cpu
def measure(level, counts, start, low, high, out):
    """`curve` of every VOI: VOI k owns level[start[k] : start[k + 1]]; out float64 [k, features], NaN without levels."""
    for k in range(out.shape[0]):
        if start[k] == start[k + 1]:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
        else:
            curve(level, counts, start[k], start[k + 1], low[k], high[k], out[k])
