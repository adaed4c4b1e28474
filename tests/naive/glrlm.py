"""GLRLM by its definition (IBSI TP0I): follows every line of voxels, sums over every run."""

from __future__ import annotations

import numpy as np

from naive.glcm import AGGREGATION_GROUPS, directions
from naive.terms import difference, entropy, mean_features, moment, total


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


def is_aligned(levels, direction):
    """Whether two voxels lie on one line along a direction: their difference is a multiple of it."""
    where = [tuple(int(c) for c in v) for v in np.argwhere(levels > 0)]
    steps = {tuple(b - a for a, b in zip(v, w, strict=True)) for v in where for w in where if v != w}
    return any(tuple(n * c for c in direction) in steps for n in range(1, max(levels.shape)))


def matrices(levels, aggregation, weight=lambda offset: 1, aligned=False):
    """Count matrices {key: ({(i, j): n}, voxels)} of a level volume; the voxels are summed when matrices are merged.

    aligned : leave out directions along which no two voxels lie on one line.
    """
    planar, key = AGGREGATION_GROUPS[aggregation]
    in_slice = {z: int((levels[z] > 0).sum()) for z in range(len(levels))}
    counts, voxels = {}, {}
    for direction in directions():
        if (planar and direction[0] != 0) or (aligned and not is_aligned(levels, direction)):
            continue
        for z, i, j in runs(levels, direction):
            matrix = counts.setdefault(key(z, direction), {})
            matrix[i, j] = matrix.get((i, j), 0) + weight(direction)
        for z, n in in_slice.items():
            voxels[key(z, direction)] = voxels.get(key(z, direction), 0) + n * weight(direction)
    return {k: (matrix, voxels[k]) for k, matrix in counts.items()}


def sixteen(matrix, n_voxels):
    """The 16 features of one matrix {(grey level i, size j): n}, in the standard's order, without names."""
    number = sum(matrix.values())
    p = {cell: n / number for cell, n in matrix.items()}
    levels, sizes = {}, {}
    for (i, j), n in matrix.items():
        levels[i] = levels.get(i, 0) + n
        sizes[j] = sizes.get(j, 0) + n
    mean_level = total(i * v for (i, _), v in p.items())
    mean_size = total(j * v for (_, j), v in p.items())
    return [
        total(n / j**2 / number for j, n in sizes.items()),
        total(n * j**2 / number for j, n in sizes.items()),
        total(n / i**2 / number for i, n in levels.items()),
        total(n * i**2 / number for i, n in levels.items()),
        total(v / (i**2 * j**2) for (i, j), v in p.items()),
        total(v * i**2 / j**2 for (i, j), v in p.items()),
        total(v * j**2 / i**2 for (i, j), v in p.items()),
        total(v * i**2 * j**2 for (i, j), v in p.items()),
        total(n**2 / number for n in levels.values()),
        total(n**2 / number**2 for n in levels.values()),
        total(n**2 / number for n in sizes.values()),
        total(n**2 / number**2 for n in sizes.values()),
        total([number / n_voxels]),
        moment([(difference(i, mean_level), v) for (i, _), v in p.items()], 2),
        moment([(difference(j, mean_size), v) for (_, j), v in p.items()], 2),
        entropy(p.values()),
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


def glrlm(levels, aggregation, weight=lambda offset: 1, aligned=False):
    """Features of a level volume: each the mean over the aggregation's matrices; None without a matrix."""
    found = matrices(levels, aggregation, weight, aligned)
    return mean_features([dict(zip(NAMES, sixteen(*matrix), strict=True)) for matrix in found.values()])
