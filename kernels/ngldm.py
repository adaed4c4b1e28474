"""Neighbouring grey level dependence matrix (NGLDM, IBSI REK0): how many voxels around one have about its grey level.

Levels within the coarseness of a level are a range of ranks, so a neighbour depends on the centre where its rank lies between two
bounds; outside the mask rank 0 never does. The box is walked in tiles of consecutive voxels: bounds for the tile, then one
vectorised loop per offset of the window, then the tally.
Groups: the whole volume, or one per padded slice. The matrix is measured by kernels/emphasis.py.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import emphasis, jit

FEATURES = (
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
N_FEATURES = len(FEATURES)
assert N_FEATURES == emphasis.N_FEATURES + 1
TILE = 2048


@jit.body
def rank_bounds(level_of, first, n_levels, coarseness, low, high):
    """Lowest and highest rank whose level is within `coarseness` of each rank's level; an empty range for rank 0."""
    low[0], high[0] = 1, 0
    below, above = np.int64(0), np.int64(0)
    for a in range(n_levels):
        while level_of[first + a] - level_of[first + below] > coarseness:
            below += 1
        while above + 1 < n_levels and level_of[first + above + 1] - level_of[first + a] <= coarseness:
            above += 1
        low[a + 1], high[a + 1] = below + 1, above + 1


@jit.body
def dependence(level, base, n, offsets, low, high, tile_low, tile_high, number):
    """Dependent voxels, the centre included, of n voxels from `base` on; false if none of them is in the mask."""
    some = False
    first = np.uint64(base)
    for q in range(np.uint64(n)):
        a = level[first + q]
        tile_low[q] = low[a]
        tile_high[q] = high[a]
        number[q] = 0
        some |= a != 0
    if some:
        for m in range(offsets.size):
            there = np.uint64(base + offsets[m])
            for q in range(np.uint64(n)):
                b = level[there + q]
                number[q] += np.int32((b >= tile_low[q]) & (b <= tile_high[q]))
    return some


@jit.cpu
def count(
    level, start, shape, level_of, level_start, vois, pad, distance, planar, per_slice, coarseness, n_columns, counts,
    counts_start,
):  # fmt: skip
    """Count voxels: counts[counts_start[k] + (group · (L+1) + a) · n_columns[k] + d] for VOI vois[k], rank a, dependence d.

    planar : bool; neighbours in the voxel's own slice only. per_slice : bool; a group for each padded slice.
    """
    tile_low, tile_high, number = np.empty(TILE, np.int32), np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    depth = 0 if planar else distance
    offsets = np.empty((2 * depth + 1) * (2 * distance + 1) ** 2, np.int64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        m = 0
        for dz in range(-depth, depth + 1):
            for dy in range(-distance, distance + 1):
                for dx in range(-distance, distance + 1):
                    offsets[m] = (dz * ny + dy) * nx + dx
                    m += 1
        n_levels = level_start[i + 1] - level_start[i]
        low, high = np.empty(n_levels + 1, np.int32), np.empty(n_levels + 1, np.int32)
        rank_bounds(level_of, level_start[i], n_levels, coarseness, low, high)
        for z in range(pad, nz - pad):
            cell = counts_start[k] + (z if per_slice else 0) * (n_levels + 1) * n_columns[k]
            first = start[i] + (z * ny + pad) * nx + pad
            last = start[i] + (z * ny + ny - pad) * nx - pad
            for base in range(first, last, TILE):
                n = min(TILE, last - base)
                if dependence(level, base, n, offsets, low, high, tile_low, tile_high, number):
                    for q in range(n):
                        a = np.int64(level[base + q])
                        counts[cell + a * n_columns[k] + number[q]] += a > 0
