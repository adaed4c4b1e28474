"""NGLDM by its definition (IBSI REK0): every voxel and every neighbour."""

from __future__ import annotations

import numpy as np

from naive.glrlm import sixteen
from naive.ngtdm import neighbours
from naive.terms import mean_features, total

NAMES = (
    "low_dependence_emphasis",
    "high_dependence_emphasis",
    "low_grey_level_count_emphasis",
    "high_grey_level_count_emphasis",
    "low_dependence_low_grey_level_emphasis",
    "low_dependence_high_grey_level_emphasis",
    "high_dependence_low_grey_level_emphasis",
    "high_dependence_high_grey_level_emphasis",
    "grey_level_non_uniformity",
    "normalised_grey_level_non_uniformity",
    "dependence_count_non_uniformity",
    "normalised_dependence_count_non_uniformity",
    "dependence_count_percentage",
    "grey_level_variance",
    "dependence_count_variance",
    "dependence_count_entropy",
    "dependence_count_energy",
)


def matrices(levels, aggregation, distance=1, coarseness=0, shells=None):
    """NGLDMs {key: {(level, dependence): n}} of a level volume [z, y, x] (0 outside); one per slice for "2d"."""
    result = {}
    for voxel in np.argwhere(levels > 0):
        v = tuple(int(c) for c in voxel)
        i = int(levels[v])
        near = neighbours(levels, v, distance, aggregation != "3d", shells)
        j = 1 + sum(abs(i - other) <= coarseness for other in near)
        matrix = result.setdefault(v[0] if aggregation == "2d" else 0, {})
        matrix[i, j] = matrix.get((i, j), 0) + 1
    return result


def features(matrix):
    """The 17 features of one NGLDM; every voxel has a neighbourhood, so that N_v is N_s."""
    number = sum(matrix.values())
    values = [*sixteen(matrix, number), total((n / number) ** 2 for n in matrix.values())]
    return dict(zip(NAMES, values, strict=True))


def ngldm(levels, aggregation, distance=1, coarseness=0, shells=None):
    """Features of a level volume: each the mean over the aggregation's matrices; None without a matrix."""
    return mean_features([features(m) for m in matrices(levels, aggregation, distance, coarseness, shells).values()])
