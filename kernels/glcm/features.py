"""The GLCM's formulas, for both targets. engine/families/glcm.py defines each feature.

Arguments
---------
The functions here take these arguments in this form. L: grey levels present in the VOI.

level_of : int64 [L]
    The VOI's grey levels, ascending.
n_nominal : int
    Its number of grey levels N_g, present or not.
total : float
    Sum of the symmetric matrix.
marginal : float64 [L]
    Sums of its rows.
difference_of, sum_of : int64, ascending; see spans.py
    The differences of levels, and the sums less twice the lowest level, that difference[c] and sums[c] belong to. Empty
    where they belong to c itself.
difference, sums : float64
    Sums of the matrix's cells by difference and by sum of their levels.
out : float64 [N_SLOTS]
    The features, by the names of slots.py.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.glcm import slots
from voxomics.kernels.search import first_of

ROUNDING = 1e-14
"""Entropies that differ by less are equal; the root in information correlation 2 would make 1e-8 of their rounding."""


@jit.body
def number_of(values, place):
    """The number at `place` (int) of the list `values` (int64, ascending), or the place itself if the list is empty."""
    return float(values[place]) if values.size > 0 else float(place)


@jit.body
def tally(a, b, x, level_of, total, difference_of, difference, sum_of, sums, out):
    """Add one cell to the distributions of differences and sums, and to the features that need every cell.

    Parameters
    ----------
    a, b : int
        Ranks from 0, a ≤ b: the cell and its mirror image.
    x : float
        Its entry of the symmetric matrix, > 0.
    """
    weight = 1 if a == b else 2
    p = x / total
    minus, plus = level_of[b] - level_of[a], (level_of[a] - level_of[0]) + (level_of[b] - level_of[0])
    if difference_of.size > 0:
        minus = first_of(difference_of, np.int64(0), np.int64(difference_of.size - 1), minus)
        plus = first_of(sum_of, np.int64(0), np.int64(sum_of.size - 1), plus)
    difference[minus] += weight * x
    sums[plus] += weight * x
    out[slots.JOINT_MAXIMUM] = max(out[slots.JOINT_MAXIMUM], p)
    out[slots.JOINT_ENTROPY] -= weight * p * math.log2(p)
    out[slots.ANGULAR_SECOND_MOMENT] += weight * p * p


@jit.body
def finish(level_of, n_nominal, total, marginal, difference_of, difference, sum_of, sums, out):
    """The features that follow from the three distributions. `out` holds those of `tally`, and 0 for the others."""
    mean, entropy = levels_alone(level_of, total, marginal, out)
    differences_alone(n_nominal, total, difference_of, difference, out)
    sums_alone(2.0 * mean, total, sum_of, sums, out)
    # Σ(i-μ)(j-μ)p and Σ ij p from (i+j)² - (i-j)² = 4ij
    variance, covariance = out[slots.JOINT_VARIANCE], (out[slots.CLUSTER_TENDENCY] - out[slots.CONTRAST]) / 4.0
    out[slots.AUTOCORRELATION] = covariance + out[slots.JOINT_AVERAGE] * out[slots.JOINT_AVERAGE]
    out[slots.CORRELATION] = covariance / variance if variance > 0.0 else np.nan
    # P is symmetric, so HXY1 = HXY2 = 2 HX
    joint = out[slots.JOINT_ENTROPY]
    out[slots.INFORMATION_CORRELATION_1] = (joint - 2.0 * entropy) / entropy if entropy > 0.0 else np.nan
    gap = 2.0 * entropy - joint
    out[slots.INFORMATION_CORRELATION_2] = math.sqrt(1.0 - math.exp(-2.0 * gap)) if gap > ROUNDING else 0.0


@jit.body
def levels_alone(level_of, total, marginal, out):
    """The features of p_x. Returns the mean, counted from the lowest level, and the entropy."""
    mean = 0.0
    for a in range(level_of.size):
        mean += (level_of[a] - level_of[0]) * (marginal[a] / total)
    variance = 0.0
    entropy = 0.0
    for a in range(level_of.size):
        if marginal[a] > 0:
            p = marginal[a] / total
            variance += (level_of[a] - level_of[0] - mean) ** 2 * p
            entropy -= p * math.log2(p)
    out[slots.JOINT_AVERAGE] = level_of[0] + mean
    out[slots.JOINT_VARIANCE] = variance
    out[slots.SUM_AVERAGE] = 2.0 * out[slots.JOINT_AVERAGE]
    return mean, entropy


@jit.body
def differences_alone(n_nominal, total, difference_of, difference, out):
    """The features of p_{x-y}."""
    for c in range(difference.size):
        if difference[c] > 0:
            k = number_of(difference_of, c)
            p = difference[c] / total
            out[slots.DIFFERENCE_AVERAGE] += k * p
            out[slots.DIFFERENCE_ENTROPY] -= p * math.log2(p)
            out[slots.CONTRAST] += k * k * p
            out[slots.INVERSE_DIFFERENCE] += p / (1.0 + k)
            out[slots.NORMALISED_INVERSE_DIFFERENCE] += p / (1.0 + k / n_nominal)
            out[slots.INVERSE_DIFFERENCE_MOMENT] += p / (1.0 + k * k)
            out[slots.NORMALISED_INVERSE_DIFFERENCE_MOMENT] += p / (1.0 + (k / n_nominal) ** 2)
            if k > 0:
                out[slots.INVERSE_VARIANCE] += p / (k * k)
    mean = out[slots.DIFFERENCE_AVERAGE]
    out[slots.DISSIMILARITY] = mean
    for c in range(difference.size):
        if difference[c] > 0:
            k = number_of(difference_of, c)
            out[slots.DIFFERENCE_VARIANCE] += (k - mean) ** 2 * (difference[c] / total)


@jit.body
def sums_alone(mean, total, sum_of, sums, out):
    """The features of p_{x+y}, whose mean is `mean`, counted from twice the lowest level."""
    for c in range(sums.size):
        if sums[c] > 0:
            p = sums[c] / total
            centred = number_of(sum_of, c) - mean
            out[slots.SUM_ENTROPY] -= p * math.log2(p)
            out[slots.CLUSTER_TENDENCY] += centred**2 * p
            out[slots.CLUSTER_SHADE] += centred**3 * p
            out[slots.CLUSTER_PROMINENCE] += centred**4 * p
    out[slots.SUM_VARIANCE] = out[slots.CLUSTER_TENDENCY]
