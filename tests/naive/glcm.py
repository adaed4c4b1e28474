"""GLCM by its definition (IBSI LFYI): loops over voxels and cells, no shortcuts."""

from __future__ import annotations

from math import exp, nan, sqrt

import numpy as np

from naive.terms import (
    Value,
    cross_entropy,
    difference,
    entropy,
    image,
    mean_features,
    moment,
    product,
    quotient,
    total,
)

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
    """The 13 directions, one of each opposite pair, times the distance (manual, "Distances and distance weighting")."""
    found = []
    for dz in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dz, dy, dx) != (0, 0, 0) and (-dz, -dy, -dx) not in found:
                    found.append((dz, dy, dx))
    return [(dz * distance, dy * distance, dx * distance) for dz, dy, dx in found]


def matrices(levels, aggregation, distance=1, weight=lambda offset: 1):
    """Symmetric matrices {key: {(i, j): n}} of a level volume [z, y, x] (0 outside).

    weight : of each pair, by its direction.
    """
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


def deviations(distribution, centre):
    """(x - centre, p) for every x of a distribution {x: p}."""
    return [(difference(x, centre), p) for x, p in distribution.items()]


def distributions(p):
    """The marginal distribution of a symmetric matrix {(i, j): p}, and those of its differences and sums."""
    px, p_difference, p_sum = {}, {}, {}
    for (i, j), v in p.items():
        px[i] = px.get(i, 0.0) + v
        p_difference[abs(i - j)] = p_difference.get(abs(i - j), 0.0) + v
        p_sum[i + j] = p_sum.get(i + j, 0.0) + v
    return px, p_difference, p_sum


def correlations(p, px, mean, variance):
    """Correlation and the two measures of information correlation; the first two are undefined for one grey level."""
    covariance = moment([(product(difference(i, mean), difference(j, mean)), v) for (i, j), v in p.items()], 1)
    hxy, hx = entropy(p.values()), entropy(px.values())
    hxy1 = cross_entropy((v, px[i] * px[j]) for (i, j), v in p.items())
    hxy2 = cross_entropy((px[i] * px[j], px[i] * px[j]) for i in px for j in px)
    undefined = Value(nan, 0.0)
    return {
        "correlation": quotient(covariance, variance) if len(px) > 1 else undefined,
        "information_correlation_1": quotient(difference(hxy, hxy1), hx) if len(px) > 1 else undefined,
        # entropies that are equal but for rounding may differ by it either way: a root of less than 0 is 0
        "information_correlation_2": image(lambda gap: sqrt(1 - exp(-2 * max(gap, 0.0))), difference(hxy2, hxy)),
    }


def features(matrix, n_levels):
    """The 25 features of one symmetric count matrix {(i, j): n} with N_g = n_levels, in the standard's order."""
    number = sum(matrix.values())
    p = {ij: n / number for ij, n in matrix.items()}
    px, p_difference, p_sum = distributions(p)
    mean = total(i * v for i, v in px.items())
    variance = moment(deviations(px, mean), 2)
    difference_average = total(k * v for k, v in p_difference.items())
    sum_average = total(k * v for k, v in p_sum.items())
    twice_mean = Value(2 * mean.value, 2 * mean.terms)
    from_mean = [(difference(i + j, twice_mean), v) for (i, j), v in p.items()]
    related = correlations(p, px, mean, variance)
    return {
        "joint_maximum": total([max(p.values())]),
        "joint_average": mean,
        "joint_variance": variance,
        "joint_entropy": entropy(p.values()),
        "difference_average": difference_average,
        "difference_variance": moment(deviations(p_difference, difference_average), 2),
        "difference_entropy": entropy(p_difference.values()),
        "sum_average": sum_average,
        "sum_variance": moment(deviations(p_sum, sum_average), 2),
        "sum_entropy": entropy(p_sum.values()),
        "angular_second_moment": total(v**2 for v in p.values()),
        "contrast": total((i - j) ** 2 * v for (i, j), v in p.items()),
        "dissimilarity": total(abs(i - j) * v for (i, j), v in p.items()),
        "inverse_difference": total(v / (1 + abs(i - j)) for (i, j), v in p.items()),
        "normalised_inverse_difference": total(v / (1 + abs(i - j) / n_levels) for (i, j), v in p.items()),
        "inverse_difference_moment": total(v / (1 + (i - j) ** 2) for (i, j), v in p.items()),
        "normalised_inverse_difference_moment": total(v / (1 + (i - j) ** 2 / n_levels**2) for (i, j), v in p.items()),
        "inverse_variance": total(2 * v / (i - j) ** 2 for (i, j), v in p.items() if i < j),
        "correlation": related["correlation"],
        "autocorrelation": total(i * j * v for (i, j), v in p.items()),
        "cluster_tendency": moment(from_mean, 2),
        "cluster_shade": moment(from_mean, 3),
        "cluster_prominence": moment(from_mean, 4),
        "information_correlation_1": related["information_correlation_1"],
        "information_correlation_2": related["information_correlation_2"],
    }


def glcm(levels, n_levels, aggregation, distance=1, weight=lambda offset: 1):
    """Features of a level volume: each the mean over the aggregation's matrices where it is defined.

    None where there is no matrix.
    """
    found = matrices(levels, aggregation, distance, weight)
    return mean_features([features(matrix, n_levels) for matrix in found.values()])
