"""The maximal correlation coefficient by its definition: Haralick's Q with the number that PyRadiomics adds."""

from __future__ import annotations

from math import nan, sqrt

import numpy as np

from naive.glcm import matrices
from naive.terms import Value, image, mean_features


def coefficient(matrix, present, conventional):
    """Of one count matrix {(i, j): n} of a VOI in which some levels are present."""
    if len(present) == 1:
        return Value(1.0 if conventional else nan, 0.0)
    p = np.zeros((len(present), len(present)))
    for (i, j), n in matrix.items():
        p[present.index(i), present.index(j)] = n / sum(matrix.values())
    px, py = p.sum(1), p.sum(0)
    q = np.zeros_like(p)
    for i in range(len(p)):
        for j in range(len(p)):
            q[i, j] = sum(p[i, k] * p[j, k] / (px[i] * py[k] + 2.0**-52) for k in range(len(p)))
    second = sorted(np.linalg.eigvals(q).real)[-2]
    return image(lambda x: sqrt(max(x, 0.0)), Value(float(second), 1.0))  # the eigenvalues are of the size of 1


def maximal_correlation(
    levels, aggregation, distance=1, weight=lambda offset: 1, shells=None, symmetric=True, conventional=False
):  # fmt: skip
    """The coefficient of a level volume, the mean over the aggregation's matrices; None where there is no matrix."""
    present = sorted({int(level) for level in levels[levels > 0]})
    found = matrices(levels, aggregation, distance, weight, shells, symmetric)
    return mean_features(
        [{"maximal_correlation_coefficient": coefficient(m, present, conventional)} for m in found.values()]
    )
