"""NGTDM by its definition (IBSI IPET): every voxel, every neighbour, every pair of levels."""

from __future__ import annotations

from math import nan

import numpy as np


def neighbours(levels, v, distance, planar):
    """Levels of the voxels in the mask within a Chebyshev distance of v, v itself left out."""
    reach = range(-distance, distance + 1)
    found = []
    for dz in (0,) if planar else reach:
        for dy in reach:
            for dx in reach:
                w = (v[0] + dz, v[1] + dy, v[2] + dx)
                if w != tuple(v) and all(0 <= c < s for c, s in zip(w, levels.shape, strict=True)) and levels[w] > 0:
                    found.append(int(levels[w]))
    return found


def matrices(levels, aggregation, distance=1):
    """NGTDMs {key: {level: (n_i, s_i)}} of a level volume [z, y, x] (0 outside); one per slice for "2d"."""
    result = {}
    for v in np.argwhere(levels > 0):
        near = neighbours(levels, [int(c) for c in v], distance, aggregation != "3d")
        if near:
            i = int(levels[tuple(v)])
            matrix = result.setdefault(int(v[0]) if aggregation == "2d" else 0, {})
            n, s = matrix.get(i, (0, 0.0))
            matrix[i] = (n + 1, s + abs(i - sum(near) / len(near)))
    return result


def features(matrix):
    """The five features of one NGTDM."""
    n_counted = sum(n for n, _ in matrix.values())
    p = {i: n / n_counted for i, (n, _) in matrix.items()}
    s = {i: s for i, (_, s) in matrix.items()}
    pairs = [(i, j) for i in p for j in p]
    weighted = sum(p[i] * s[i] for i in p)
    several = len(p) > 1
    contrast = busyness = 0.0
    if several:
        dynamic = sum(p[i] * p[j] * (i - j) ** 2 for i, j in pairs) / (len(p) * (len(p) - 1))
        contrast = dynamic * sum(s.values()) / n_counted
        busy = sum(abs(i * matrix[i][0] - j * matrix[j][0]) for i, j in pairs) / n_counted  # integers: 0 means 0
        busyness = weighted / busy if busy else nan
    total = sum(s.values())
    return {
        "coarseness": 1e6 if weighted == 0 else min(1 / weighted, 1e6),
        "contrast": contrast,
        "busyness": busyness,
        "complexity": sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i, j in pairs) / n_counted,
        "strength": sum((p[i] + p[j]) * (i - j) ** 2 for i, j in pairs) / total if total else 0.0,
    }


def ngtdm(levels, aggregation, distance=1):
    """Features of a level volume, each the mean over the matrices where it is defined, else NaN; None without a matrix."""
    found = [features(m) for m in matrices(levels, aggregation, distance).values()]
    if not found:
        return None
    result = {}
    for name in found[0]:
        defined = [f[name] for f in found if f[name] == f[name]]
        result[name] = sum(defined) / len(defined) if defined else nan
    return result
