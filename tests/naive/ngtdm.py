"""NGTDM by its definition (IBSI IPET): every voxel, every neighbour, every pair of levels."""

from __future__ import annotations

import numpy as np

from naive.terms import mean_features, product, quotient, total


def neighbours(levels, v, distance, planar, shells=None):
    """Levels of the voxels in the mask around v, itself left out.

    Those within a Chebyshev distance, or at one of the distances `shells`.
    """
    distances = shells or range(1, distance + 1)
    reach = range(-max(distances), max(distances) + 1)
    found = []
    for dz in (0,) if planar else reach:
        for dy in reach:
            for dx in reach:
                w = (v[0] + dz, v[1] + dy, v[2] + dx)
                if max(abs(dz), abs(dy), abs(dx)) not in distances:
                    continue
                if all(0 <= c < s for c, s in zip(w, levels.shape, strict=True)) and levels[w] > 0:
                    found.append(int(levels[w]))
    return found


def matrices(levels, aggregation, distance=1, shells=None, isolated=False):
    """NGTDMs {key: {level: (n_i, s_i)}} of a level volume [z, y, x] (0 outside); one per slice for "2d".

    isolated : voxels without a neighbour are counted too.
    """
    result = {}
    for v in np.argwhere(levels > 0):
        near = neighbours(levels, [int(c) for c in v], distance, aggregation != "3d", shells)
        if near or isolated:
            i = int(levels[tuple(v)])
            matrix = result.setdefault(int(v[0]) if aggregation == "2d" else 0, {})
            n, s = matrix.get(i, (0, 0.0))
            from_mean = abs(i * len(near) - sum(near)) / max(len(near), 1)  # |i - mean| of integers: no difference is rounded
            matrix[i] = (n + 1, s + from_mean)
    return result


def features(matrix, conventional=False):
    """The five features of one NGTDM; `conventional`: busyness is 0 where PyRadiomics makes it 0."""
    counted = sum(n for n, _ in matrix.values())
    p = {i: n / counted for i, (n, _) in matrix.items()}
    s = {i: s for i, (_, s) in matrix.items()}
    pairs = [(i, j) for i in p for j in p]
    weighted = total(p[i] * s[i] for i in p)
    differences = total(s.values())
    contrast = busyness = strength = total([])
    coarseness = total([1e6])
    if 1e6 * weighted.value > 1:
        coarseness = quotient(total([1.0]), weighted)
    if len(p) > 1:
        dynamic = total(p[i] * p[j] * (i - j) ** 2 / (len(p) * (len(p) - 1)) for i, j in pairs)
        contrast = product(dynamic, total(s[i] / counted for i in p))
        busy = total(abs(i * matrix[i][0] - j * matrix[j][0]) / counted for i, j in pairs)  # integers: 0 means 0
        busyness = quotient(weighted, busy) if busy.value > 0 or not conventional else total([])
    if differences.value > 0:
        strength = quotient(total((p[i] + p[j]) * (i - j) ** 2 for i, j in pairs), differences)
    return {
        "coarseness": coarseness,
        "contrast": contrast,
        "busyness": busyness,
        "complexity": total(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) / counted for i, j in pairs),
        "strength": strength,
    }


def ngtdm(levels, aggregation, distance=1, shells=None, isolated=False, conventional=False):
    """Features of a level volume, each the mean over the matrices where it is defined, else NaN.

    None where there is no matrix.
    """
    found = matrices(levels, aggregation, distance, shells, isolated)
    return mean_features([features(matrix, conventional) for matrix in found.values()])
