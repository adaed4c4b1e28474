"""Intensity-volume histogram by its definition (IBSI P88C): the curve at every step of the range, absent or not."""

from __future__ import annotations

from itertools import pairwise

from naive.terms import Value, difference, total

UNDEFINED = Value(float("nan"), 0.0)


def ivh(discretised, low, high, width=1.0):
    """The 7 values of a list of discretised intensities, {name: Value}; G runs from low to high in steps of width.

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
        curve.append((k, at_least))

    def volume(percent):
        if steps == 1:
            return UNDEFINED
        return total([max(at_least / n for k, at_least in curve if 100 * k >= percent * (steps - 1))])

    def intensity(percent):
        k = min(k for k, at_least in curve if 100 * at_least <= percent * n)
        return total([low, k * width])

    if len(set(discretised)) == 1:
        area = Value(0.0, 0.0)
    elif steps == 1:
        area = UNDEFINED
    else:
        inside = [at_least / n for k, at_least in curve if k < steps]
        area = total((a + b) / 2 / (steps - 1) for a, b in pairwise(inside))
    return {
        "volume_at_intensity_fraction_10": volume(10),
        "volume_at_intensity_fraction_90": volume(90),
        "intensity_at_volume_fraction_10": intensity(10),
        "intensity_at_volume_fraction_90": intensity(90),
        "volume_fraction_difference_10_90": difference(volume(10), volume(90)),
        "intensity_fraction_difference_10_90": difference(intensity(10), intensity(90)),
        "area_under_curve": area,
    }
