"""GLDZM by its definition (IBSI VMDZ): distances by eroding the mask until nothing is left."""

from __future__ import annotations

import numpy as np

from naive.glrlm import sixteen
from naive.glszm import matrices
from naive.terms import mean_features

NAMES = [
    "small_distance_emphasis",
    "large_distance_emphasis",
    "low_grey_level_zone_emphasis",
    "high_grey_level_zone_emphasis",
    "small_distance_low_grey_level_emphasis",
    "small_distance_high_grey_level_emphasis",
    "large_distance_low_grey_level_emphasis",
    "large_distance_high_grey_level_emphasis",
    "grey_level_non_uniformity",
    "normalised_grey_level_non_uniformity",
    "zone_distance_non_uniformity",
    "normalised_zone_distance_non_uniformity",
    "zone_percentage",
    "grey_level_variance",
    "zone_distance_variance",
    "zone_distance_entropy",
]


def distance_map(mask, planar):
    """The erosion by 6 neighbours (4 in plane) that removes each voxel of a mask [z, y, x], 1 on the edge; 0 outside."""
    left = np.array(mask, bool)
    result = np.zeros(left.shape, int)
    while left.any():
        result += left
        eroded = left.copy()
        for z, y, x in np.argwhere(left):
            for dz, dy, dx in ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)):
                if planar and dz:
                    continue
                w = (z + dz, y + dy, x + dx)
                if not all(0 <= c < s for c, s in zip(w, left.shape, strict=True)) or not left[w]:
                    eroded[z, y, x] = False
        left = eroded
    return result


def gldzm(levels, mask, aggregation):
    """Features of a level volume within a morphological mask: each the mean over the aggregation's matrices.

    None where there is no matrix.
    """
    distances = distance_map(mask, planar=aggregation != "3d")
    found = matrices(levels, aggregation, lambda zone: int(min(distances[v] for v in zone)))
    return mean_features([dict(zip(NAMES, sixteen(*matrix), strict=True)) for matrix in found.values()])
