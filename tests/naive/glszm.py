"""GLSZM by its definition (IBSI 9SAK): floods every zone voxel by voxel."""

from __future__ import annotations

from itertools import product

import numpy as np

from naive.glrlm import sixteen
from naive.terms import mean_features

NAMES = [
    "small_zone_emphasis",
    "large_zone_emphasis",
    "low_grey_level_zone_emphasis",
    "high_grey_level_zone_emphasis",
    "small_zone_low_grey_level_emphasis",
    "small_zone_high_grey_level_emphasis",
    "large_zone_low_grey_level_emphasis",
    "large_zone_high_grey_level_emphasis",
    "grey_level_non_uniformity",
    "normalised_grey_level_non_uniformity",
    "zone_size_non_uniformity",
    "normalised_zone_size_non_uniformity",
    "zone_percentage",
    "grey_level_variance",
    "zone_size_variance",
    "zone_size_entropy",
]


def zones(levels, planar):
    """Zones of a level volume [z, y, x] (0 outside), in raster order of their first voxels: (level, list of voxels)."""
    seen, found = set(), []
    for first in map(tuple, np.argwhere(levels > 0).tolist()):
        if first in seen:
            continue
        seen.add(first)
        zone, waiting = [], [first]
        while waiting:
            voxel = waiting.pop()
            zone.append(voxel)
            for step in product((0,) if planar else (-1, 0, 1), (-1, 0, 1), (-1, 0, 1)):
                w = tuple(c + d for c, d in zip(voxel, step, strict=True))
                inside = all(0 <= c < s for c, s in zip(w, levels.shape, strict=True))
                if inside and w not in seen and levels[w] == levels[first]:
                    seen.add(w)
                    waiting.append(w)
        found.append((int(levels[first]), zone))
    return found


def matrices(levels, aggregation, column):
    """Count matrices {key: ({(level, column(zone)): zones}, voxels)}.

    column : maps a zone's voxels to the second axis.
    """
    result = {}
    for level, zone in zones(levels, planar=aggregation != "3d"):
        key = zone[0][0] if aggregation == "2d" else 0
        matrix, voxels = result.get(key, ({}, 0))
        cell = (level, column(zone))
        matrix[cell] = matrix.get(cell, 0) + 1
        result[key] = (matrix, voxels + len(zone))
    return result


def glszm(levels, aggregation):
    """Features of a level volume: each the mean over the aggregation's matrices; None without a matrix."""
    found = matrices(levels, aggregation, len)
    return mean_features([dict(zip(NAMES, sixteen(*matrix), strict=True)) for matrix in found.values()])
