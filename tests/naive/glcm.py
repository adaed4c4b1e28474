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


def shell_directions(shells):
    """Steps to the voxels at some Chebyshev distances, one of each opposite pair: the one that goes up."""
    reach = range(-max(shells), max(shells) + 1)
    every = [(dz, dy, dx) for dz in reach for dy in reach for dx in reach if max(abs(dz), abs(dy), abs(dx)) in shells]
    return [step for step in every if step > (0, 0, 0)]


def directions(distance=1):
    """The 13 directions, one of each opposite pair, times the distance (manual, "Distances and distance weighting")."""
    found = []
    for dz in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                if (dz, dy, dx) != (0, 0, 0) and (-dz, -dy, -dx) not in found:
                    found.append((dz, dy, dx))
    return [(dz * distance, dy * distance, dx * distance) for dz, dy, dx in found]


def matrices(levels, aggregation, distance=1, weight=lambda offset: 1, shells=None, symmetric=True):
    """Matrices {key: {(i, j): n}} of a level volume [z, y, x] (0 outside).

    weight : of each pair, by its direction. shells : instead of a distance. symmetric : pairs are counted both ways.
    """
    planar, key = AGGREGATION_GROUPS[aggregation]
    result = {}
    for step in shell_directions(shells) if shells else directions(distance):
        # of two opposite steps, the symmetric matrix may take either; one way is the one that goes up
        dz, dy, dx = step if symmetric else max(step, tuple(-c for c in step))
        if planar and dz != 0:
            continue
        for z, y, x in np.argwhere(levels > 0):
            w = (z + dz, y + dy, x + dx)
            if all(0 <= c < s for c, s in zip(w, levels.shape, strict=True)) and levels[w] > 0:
                matrix = result.setdefault(key(z, (dz, dy, dx)), {})
                i, j = int(levels[z, y, x]), int(levels[w])
                matrix[i, j] = matrix.get((i, j), 0) + weight((dz, dy, dx))
                if symmetric:
                    matrix[j, i] = matrix.get((j, i), 0) + weight((dz, dy, dx))
    return result


def deviations(distribution, centre):
    """(x - centre, p) for every x of a distribution {x: p}."""
    return [(difference(x, centre), p) for x, p in distribution.items()]


def distributions(p):
    """The marginal distributions of a matrix {(i, j): p}, and those of its differences and sums."""
    px, py, p_difference, p_sum = {}, {}, {}, {}
    for (i, j), v in p.items():
        px[i] = px.get(i, 0.0) + v
        py[j] = py.get(j, 0.0) + v
        p_difference[abs(i - j)] = p_difference.get(abs(i - j), 0.0) + v
        p_sum[i + j] = p_sum.get(i + j, 0.0) + v
    return px, py, p_difference, p_sum


def correlations(p, px, py, conventional):
    """Correlation and the two measures of information correlation; the first two are undefined for one grey level.

    conventional : PyRadiomics' values, 1 and 0, stand for undefined ones.
    """
    means = [total(i * v for i, v in one.items()) for one in (px, py)]
    variances = [moment(deviations(one, mean), 2) for one, mean in zip((px, py), means, strict=True)]
    covariance = moment([(product(difference(i, means[0]), difference(j, means[1])), v) for (i, j), v in p.items()], 1)
    spread = image(lambda x: sqrt(max(x, 0.0)), product(*variances)) if px != py else variances[0]
    hxy, hx, hy = entropy(p.values()), entropy(px.values()), entropy(py.values())
    hxy1 = cross_entropy((v, px[i] * py[j]) for (i, j), v in p.items())
    hxy2 = cross_entropy((px[i] * py[j], px[i] * py[j]) for i in px for j in py)
    larger = hx if hx.value >= hy.value else hy
    one, zero = Value(1.0 if conventional else nan, 0.0), Value(0.0 if conventional else nan, 0.0)
    return {
        "correlation": quotient(covariance, spread) if len(px) > 1 and len(py) > 1 else one,
        "information_correlation_1": quotient(difference(hxy, hxy1), larger) if max(len(px), len(py)) > 1 else zero,
        # entropies that are equal but for rounding may differ by it either way: a root of less than 0 is 0
        "information_correlation_2": image(lambda gap: sqrt(1 - exp(-2 * max(gap, 0.0))), difference(hxy2, hxy)),
    }


def features(matrix, n_levels, conventional=False):
    """The 25 features of one count matrix {(i, j): n} with N_g = n_levels, in the standard's order."""
    number = sum(matrix.values())
    p = {ij: n / number for ij, n in matrix.items()}
    px, py, p_difference, p_sum = distributions(p)
    mean = total(i * v for i, v in px.items())
    variance = moment(deviations(px, mean), 2)
    difference_average = total(k * v for k, v in p_difference.items())
    sum_average = total(k * v for k, v in p_sum.items())
    mean_y = total(j * v for j, v in py.items())
    both_means = Value(mean.value + mean_y.value, mean.terms + mean_y.terms)
    from_mean = [(difference(i + j, both_means), v) for (i, j), v in p.items()]
    related = correlations(p, px, py, conventional)
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
        "inverse_variance": total(v / (i - j) ** 2 for (i, j), v in p.items() if i != j),
        "correlation": related["correlation"],
        "autocorrelation": total(i * j * v for (i, j), v in p.items()),
        "cluster_tendency": moment(from_mean, 2),
        "cluster_shade": moment(from_mean, 3),
        "cluster_prominence": moment(from_mean, 4),
        "information_correlation_1": related["information_correlation_1"],
        "information_correlation_2": related["information_correlation_2"],
    }


def glcm(
    levels, n_levels, aggregation, distance=1, weight=lambda offset: 1, shells=None, symmetric=True, conventional=False
):  # fmt: skip
    """Features of a level volume: each the mean over the aggregation's matrices where it is defined.

    None where there is no matrix.
    """
    found = matrices(levels, aggregation, distance, weight, shells, symmetric)
    return mean_features([features(matrix, n_levels, conventional) for matrix in found.values()])
