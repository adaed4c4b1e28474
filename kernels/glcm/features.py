"""The GLCM's formulas, for both targets. engine/families/glcm.py defines each feature.

Arguments
---------
The functions here take these arguments in this form. L: grey levels present in the VOI.

level_of : int64 [L]
    The VOI's grey levels, ascending.
n_nominal : int
    Its number of grey levels N_g, present or not.
total : float
    Sum of the matrix.
marginal : float64 [L]
    Sums of its rows.
column : float64 [L], or [0]
    Sums of its columns; none for a symmetric matrix, whose columns are its rows.
difference_of, sum_of : int64 [differences], int64 [sums]
    Ascending, from spans.py: the differences of levels, and the sums less twice the lowest level, that difference[c]
    and sums[c] belong to. Empty where they belong to c itself.
difference, sums : float64 [differences], float64 [sums]
    Sums of the matrix's cells by difference and by sum of their levels.
log2_of : float64 [any]
    See kernels/entropy.py.
largest, bits, squares : float
    Of all cells x: the largest, Σ -x log2 p, and Σ x².
out : float64 [N_SLOTS]
    The features, by the names of slots.py.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.entropy import bits_of
from voxomics.kernels.glcm import slots
from voxomics.kernels.search import first_of

ROUNDING = 1e-14
"""Entropies that differ by less are equal; the root in information correlation 2 would make 1e-8 of their rounding."""


@jit.body
def number_of(values, place):
    """The number at a place of a list, or the place itself if the list is empty.

    Parameters
    ----------
    values : int64 [any]
        Ascending.
    place : int
        From 0.
    """
    return float(values[place]) if values.size > 0 else float(place)


@jit.body
def tally(x, weight, minus, plus, total, log2_total, difference, sums, log2_of, largest, bits, squares):
    """Add one cell to the distributions of differences and sums; returns the new largest, bits and squares.

    Parameters
    ----------
    x : float
        Its entry of the matrix, > 0.
    weight : int
        2 for a cell and its mirror image, 1 for a cell alone.
    minus, plus : int
        Places of its difference and its sum in `difference` and `sums`.
    log2_total : float
        log2 of `total`.
    """
    both = weight * x
    difference[minus] += both
    sums[plus] += both
    return max(largest, x), bits + both * bits_of(x, total, log2_total, log2_of), squares + both * x


@jit.body
def places_of(a, b, level_of, difference_of, sum_of):
    """Places of a difference and a sum of levels in `difference` and `sums`. a, b : int, ranks from 0, a ≤ b."""
    minus, plus = level_of[b] - level_of[a], (level_of[a] - level_of[0]) + (level_of[b] - level_of[0])
    if difference_of.size > 0:
        minus = first_of(difference_of, np.int64(0), np.int64(difference_of.size - 1), minus)
        plus = first_of(sum_of, np.int64(0), np.int64(sum_of.size - 1), plus)
    return minus, plus


@jit.body
def tally_row(
    cells, a, thread, threads, level_of, total, log2_total, difference_of, difference, sum_of, sums, log2_of,
    largest, bits, squares,
):  # fmt: skip
    """`tally` the cells of one lower rank; returns the new largest, bits and squares.

    No two cells of a row have the same difference, or the same sum.

    Parameters
    ----------
    cells : float64 [L - a]
        One-way counts of a and b ≥ a, both ways together.
    a : int
        Rank from 0.
    thread, threads : int
        This thread takes each `threads`-th cell from `thread` on; 0 and 1 take all.
    """
    b = a + thread
    while b < level_of.size:
        x = cells[b - a]
        if x > 0.0:
            weight = 2 if b > a else 1
            x = x if b > a else 2.0 * x
            if difference_of.size > 0:
                minus, plus = places_of(a, b, level_of, difference_of, sum_of)
            else:
                minus, plus = level_of[b] - level_of[a], (level_of[a] - level_of[0]) + (level_of[b] - level_of[0])
            largest, bits, squares = tally(
                x, weight, minus, plus, total, log2_total, difference, sums, log2_of, largest, bits, squares
            )
        b += threads
    return largest, bits, squares


@jit.body
def finish(
    level_of, n_nominal, total, marginal, column, difference_of, difference, sum_of, sums, log2_of, largest, bits,
    squares, out,
):  # fmt: skip
    """All features, once every cell is tallied."""
    out[:] = 0.0
    out[slots.JOINT_MAXIMUM] = largest / total
    out[slots.JOINT_ENTROPY] = bits / total
    out[slots.ANGULAR_SECOND_MOMENT] = squares / total / total
    mean, variance, entropy = levels_alone(level_of, total, marginal, log2_of)
    mean_y, variance_y, entropy_y = mean, variance, entropy
    if column.size > 0:
        mean_y, variance_y, entropy_y = levels_alone(level_of, total, column, log2_of)
    differences_alone(n_nominal, total, difference_of, difference, log2_of, out)
    sums_alone(mean + mean_y, total, sum_of, sums, log2_of, out)
    average, average_y = level_of[0] + mean, level_of[0] + mean_y
    out[slots.JOINT_AVERAGE], out[slots.JOINT_VARIANCE] = average, variance
    out[slots.SUM_AVERAGE] = average + average_y
    # Σ(i-μ_x)(j-μ_y)p and Σ ij p from (i+j)² - (i-j)² = 4ij
    covariance = (out[slots.CLUSTER_TENDENCY] - out[slots.CONTRAST] + (mean - mean_y) ** 2) / 4.0
    out[slots.AUTOCORRELATION] = covariance + average * average_y
    spread = math.sqrt(variance * variance_y)
    out[slots.CORRELATION] = covariance / spread if spread > 0.0 else np.nan
    # HXY1 = HXY2 = HX + HY
    joint, entropies, larger = out[slots.JOINT_ENTROPY], entropy + entropy_y, max(entropy, entropy_y)
    out[slots.INFORMATION_CORRELATION_1] = (joint - entropies) / larger if larger > 0.0 else np.nan
    gap = entropies - joint
    out[slots.INFORMATION_CORRELATION_2] = math.sqrt(1.0 - math.exp(-2.0 * gap)) if gap > ROUNDING else 0.0


@jit.body
def levels_alone(level_of, total, marginal, log2_of):
    """The mean of p_x, counted from the lowest level, its variance and its entropy."""
    mean = 0.0
    for a in range(level_of.size):
        mean += (level_of[a] - level_of[0]) * (marginal[a] / total)
    variance, bits, log2_total = 0.0, 0.0, math.log2(total)
    for a in range(level_of.size):
        if marginal[a] > 0:
            variance += (level_of[a] - level_of[0] - mean) ** 2 * (marginal[a] / total)
            bits += marginal[a] * bits_of(marginal[a], total, log2_total, log2_of)
    return mean, variance, bits / total


@jit.body
def differences_alone(n_nominal, total, difference_of, difference, log2_of, out):
    """The features of p_{x-y}."""
    log2_total = math.log2(total)
    for c in range(difference.size):
        if difference[c] > 0:
            k = number_of(difference_of, c)
            p = difference[c] / total
            out[slots.DIFFERENCE_AVERAGE] += k * p
            out[slots.DIFFERENCE_ENTROPY] += p * bits_of(difference[c], total, log2_total, log2_of)
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
def sums_alone(mean, total, sum_of, sums, log2_of, out):
    """The features of p_{x+y}.

    Parameters
    ----------
    mean : float
        Mean of p_{x+y}, counted from twice the lowest level.
    total, sum_of, sums, log2_of, out
        As above.
    """
    log2_total = math.log2(total)
    for c in range(sums.size):
        if sums[c] > 0:
            p = sums[c] / total
            centred = number_of(sum_of, c) - mean
            out[slots.SUM_ENTROPY] += p * bits_of(sums[c], total, log2_total, log2_of)
            out[slots.CLUSTER_TENDENCY] += centred**2 * p
            out[slots.CLUSTER_SHADE] += centred**3 * p
            out[slots.CLUSTER_PROMINENCE] += centred**4 * p
    out[slots.SUM_VARIANCE] = out[slots.CLUSTER_TENDENCY]
