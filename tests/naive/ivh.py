"""Intensity-volume histogram by its definition (IBSI P88C): the curve at every step of the range, absent or not."""

from __future__ import annotations

from itertools import pairwise
from math import nan


def ivh(discretised, low, high, width=1.0):
    """The 7 values of a list of discretised intensities; G runs from low to high in steps of width.

    An intensity that at most x % of the volume has is looked for beyond `high` too, where no voxel is left.
    """
    n = len(discretised)
    steps = round((high - low) / width) + 1
    beyond = max(0, round((max(discretised) - high) / width)) + 1
    curve = []
    for k in range(steps + beyond):
        i = low + k * width
        # half a step: an intensity is a step's own or it is not
        at_least = sum(1 for x in discretised if x > i - width / 2)
        curve.append((i, at_least, k))

    def volume(percent):
        if steps == 1:
            return nan
        return max(at_least / n for _, at_least, k in curve if 100 * k >= percent * (steps - 1))

    def intensity(percent):
        return min(i for i, at_least, _ in curve if 100 * at_least <= percent * n)

    if len(set(discretised)) == 1:
        area = 0.0
    elif steps == 1:
        area = nan
    else:
        inside = [at_least / n for _, at_least, k in curve if k < steps]
        area = sum((a + b) / 2 for a, b in pairwise(inside)) / (steps - 1)
    return {
        "volume_at_intensity_fraction_10": volume(10),
        "volume_at_intensity_fraction_90": volume(90),
        "intensity_at_volume_fraction_10": intensity(10),
        "intensity_at_volume_fraction_90": intensity(90),
        "volume_fraction_difference_10_90": volume(10) - volume(90),
        "intensity_fraction_difference_10_90": intensity(10) - intensity(90),
        "area_under_curve": area,
    }
