"""GLRLM by its definition (IBSI TP0I): follows every line of voxels, sums over every run."""

from __future__ import annotations

from math import log2

import numpy as np

from naive.glcm import AGGREGATION_GROUPS, directions


def runs(levels, direction):
    """Runs (slice of the first voxel, level, length) of a level volume [z, y, x] (0 outside) along one direction."""

    def level(v):
        return int(levels[v]) if all(0 <= c < s for c, s in zip(v, levels.shape, strict=True)) else 0

    found = []
    for voxel in np.argwhere(levels > 0):
        v = tuple(int(c) for c in voxel)
        back = tuple(c - d for c, d in zip(v, direction, strict=True))
        if level(back) != level(v):
            length, w = 0, v
            while level(w) == level(v):
                length += 1
                w = tuple(c + d for c, d in zip(w, direction, strict=True))
            found.append((v[0], level(v), length))
    return found


def matrices(levels, aggregation, weight=lambda offset: 1):
    """Count matrices {key: ({(i, j): n}, voxels)} of a level volume; the voxels are summed when matrices are merged."""
    planar, key = AGGREGATION_GROUPS[aggregation]
    in_slice = {z: int((levels[z] > 0).sum()) for z in range(len(levels))}
    counts, voxels = {}, {}
    for direction in directions():
        if planar and direction[0] != 0:
            continue
        for z, i, j in runs(levels, direction):
            matrix = counts.setdefault(key(z, direction), {})
            matrix[i, j] = matrix.get((i, j), 0) + weight(direction)
        for z, n in in_slice.items():
            voxels[key(z, direction)] = voxels.get(key(z, direction), 0) + n * weight(direction)
    return {k: (matrix, voxels[k]) for k, matrix in counts.items()}


def sixteen(matrix, n_voxels):
    """The 16 features of one matrix {(grey level i, size j): n}, in the standard's order, without names."""
    total = sum(matrix.values())
    levels, sizes = {}, {}
    for (i, j), n in matrix.items():
        levels[i] = levels.get(i, 0) + n
        sizes[j] = sizes.get(j, 0) + n
    mean_level = sum(i * n for (i, _), n in matrix.items()) / total
    mean_size = sum(j * n for (_, j), n in matrix.items()) / total
    return [
        sum(n / j**2 for j, n in sizes.items()) / total,
        sum(n * j**2 for j, n in sizes.items()) / total,
        sum(n / i**2 for i, n in levels.items()) / total,
        sum(n * i**2 for i, n in levels.items()) / total,
        sum(n / (i**2 * j**2) for (i, j), n in matrix.items()) / total,
        sum(n * i**2 / j**2 for (i, j), n in matrix.items()) / total,
        sum(n * j**2 / i**2 for (i, j), n in matrix.items()) / total,
        sum(n * i**2 * j**2 for (i, j), n in matrix.items()) / total,
        sum(n**2 for n in levels.values()) / total,
        sum(n**2 for n in levels.values()) / total**2,
        sum(n**2 for n in sizes.values()) / total,
        sum(n**2 for n in sizes.values()) / total**2,
        total / n_voxels,
        sum((i - mean_level) ** 2 * n / total for (i, _), n in matrix.items()),
        sum((j - mean_size) ** 2 * n / total for (_, j), n in matrix.items()),
        -sum(n / total * log2(n / total) for n in matrix.values()),
    ]


NAMES = (
    "short_runs_emphasis",
    "long_runs_emphasis",
    "low_grey_level_run_emphasis",
    "high_grey_level_run_emphasis",
    "short_run_low_grey_level_emphasis",
    "short_run_high_grey_level_emphasis",
    "long_run_low_grey_level_emphasis",
    "long_run_high_grey_level_emphasis",
    "grey_level_non_uniformity",
    "normalised_grey_level_non_uniformity",
    "run_length_non_uniformity",
    "normalised_run_length_non_uniformity",
    "run_percentage",
    "grey_level_variance",
    "run_length_variance",
    "run_entropy",
)


def glrlm(levels, aggregation, weight=lambda offset: 1):
    """Features of a level volume: each the mean over the aggregation's matrices."""
    found = [sixteen(m, n) for m, n in matrices(levels, aggregation, weight).values()]
    return {name: sum(column) / len(found) for name, column in zip(NAMES, zip(*found, strict=True), strict=True)}
