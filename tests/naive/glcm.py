"""GLCM by its definition (IBSI LFYI): loops over voxels and cells, no shortcuts."""

from __future__ import annotations

from math import exp, log2, nan, sqrt

import numpy as np

AGGREGATION_GROUPS = {
    # key of the matrix that a pair (slice z, direction m) belongs to; only pairs within a slice where `planar`
    "2d_averaged": (True, lambda z, m: (z, m)),
    "2d_slice_merged": (True, lambda z, m: z),
    "2_5d_direction_merged": (True, lambda z, m: m),
    "2_5d_merged": (True, lambda z, m: 0),
    "3d_averaged": (False, lambda z, m: m),
    "3d_merged": (False, lambda z, m: 0),
}


def directions(distance=1):
    """The 13 directions, one of each opposite pair, each times the distance (manual, "Distances and distance weighting")."""
    found = []
    for dz in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dz, dy, dx) != (0, 0, 0) and (-dz, -dy, -dx) not in found:
                    found.append((dz, dy, dx))
    return [(dz * distance, dy * distance, dx * distance) for dz, dy, dx in found]


def matrices(levels, aggregation, distance=1, weight=lambda offset: 1):
    """Symmetric matrices {key: {(i, j): n}} of a level volume [z, y, x] (0 outside); each pair has its direction's weight."""
    planar, key = AGGREGATION_GROUPS[aggregation]
    result = {}
    for dz, dy, dx in directions(distance):
        if planar and dz != 0:
            continue
        for z, y, x in np.argwhere(levels > 0):
            w = (z + dz, y + dy, x + dx)
            if all(0 <= c < s for c, s in zip(w, levels.shape, strict=True)) and levels[w] > 0:
                matrix = result.setdefault(key(z, (dz, dy, dx)), {})
                i, j = int(levels[z, y, x]), int(levels[w])
                matrix[i, j] = matrix.get((i, j), 0) + weight((dz, dy, dx))
                matrix[j, i] = matrix.get((j, i), 0) + weight((dz, dy, dx))
    return result


def entropy(probabilities):
    return -sum(p * log2(p) for p in probabilities if p > 0)


def features(matrix, n_levels):
    """The 25 features of one symmetric count matrix {(i, j): n} with N_g = n_levels, in the standard's order."""
    total = sum(matrix.values())
    p = {ij: n / total for ij, n in matrix.items()}
    px, p_difference, p_sum = {}, {}, {}
    for (i, j), v in p.items():
        px[i] = px.get(i, 0.0) + v
        p_difference[abs(i - j)] = p_difference.get(abs(i - j), 0.0) + v
        p_sum[i + j] = p_sum.get(i + j, 0.0) + v
    mean = sum(i * v for (i, j), v in p.items())
    variance = sum((i - mean) ** 2 * v for (i, j), v in p.items())
    difference_average = sum(k * v for k, v in p_difference.items())
    sum_average = sum(k * v for k, v in p_sum.items())
    hxy = entropy(p.values())
    hx = entropy(px.values())
    hxy1 = -sum(v * log2(px[i] * px[j]) for (i, j), v in p.items())
    hxy2 = -sum(px[i] * px[j] * log2(px[i] * px[j]) for i in px for j in px)
    one_level = len(px) == 1
    return {
        "joint_maximum": max(p.values()),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": hxy,
        "difference_average": difference_average,
        "difference_variance": sum((k - difference_average) ** 2 * v for k, v in p_difference.items()),
        "difference_entropy": entropy(p_difference.values()),
        "sum_average": sum_average,
        "sum_variance": sum((k - sum_average) ** 2 * v for k, v in p_sum.items()),
        "sum_entropy": entropy(p_sum.values()),
        "angular_second_moment": sum(v**2 for v in p.values()),
        "contrast": sum((i - j) ** 2 * v for (i, j), v in p.items()),
        "dissimilarity": sum(abs(i - j) * v for (i, j), v in p.items()),
        "inverse_difference": sum(v / (1 + abs(i - j)) for (i, j), v in p.items()),
        "normalised_inverse_difference": sum(v / (1 + abs(i - j) / n_levels) for (i, j), v in p.items()),
        "inverse_difference_moment": sum(v / (1 + (i - j) ** 2) for (i, j), v in p.items()),
        "normalised_inverse_difference_moment": sum(v / (1 + (i - j) ** 2 / n_levels**2) for (i, j), v in p.items()),
        "inverse_variance": 2 * sum(v / (i - j) ** 2 for (i, j), v in p.items() if i < j),
        "correlation": nan if one_level else (sum((i - mean) * (j - mean) * v for (i, j), v in p.items()) / variance),
        "autocorrelation": sum(i * j * v for (i, j), v in p.items()),
        "cluster_tendency": sum((i + j - 2 * mean) ** 2 * v for (i, j), v in p.items()),
        "cluster_shade": sum((i + j - 2 * mean) ** 3 * v for (i, j), v in p.items()),
        "cluster_prominence": sum((i + j - 2 * mean) ** 4 * v for (i, j), v in p.items()),
        "information_correlation_1": nan if one_level else (hxy - hxy1) / hx,
        "information_correlation_2": sqrt(1 - exp(-2 * (hxy2 - hxy))) if hxy2 > hxy else 0.0,
    }


def glcm(levels, n_levels, aggregation, distance=1, weight=lambda offset: 1):
    """Features of a level volume: each the mean over the aggregation's matrices where it is defined, NaN where there is none."""
    found = [features(m, n_levels) for m in matrices(levels, aggregation, distance, weight).values()]
    if not found:
        return None
    result = {}
    for name in found[0]:
        defined = [f[name] for f in found if f[name] == f[name]]
        result[name] = sum(defined) / len(defined) if defined else nan
    return result
