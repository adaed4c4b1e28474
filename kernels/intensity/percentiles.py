"""Percentiles between two order statistics, under the rules of NumPy."""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit

PERCENTILE_RULES = ("linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf")
"""Rules between two order statistics, under NumPy's names."""
PERCENTS = (10.0, 25.0, 50.0, 75.0, 90.0)
P10, P25, P50, P75, P90 = range(5)  # their places
N_PERCENTS = P90 + 1
_Q = np.array(PERCENTS) / 100.0
N_RANKS = 2 * len(PERCENTS)
"""Order statistics that a VOI's percentiles stand on."""


def positions(n, rule):
    """Where PERCENTS lie among n sorted values.

    A position is a value's number, from 0, and the fraction of the way to the next.

    Parameters
    ----------
    n : ndarray int64 [k]
        Number of values.
    rule : str
        One of PERCENTILE_RULES. The median is the sample median (the mean of the middle two) under each.

    Returns
    -------
    ndarray float64 [k, 5]
    """
    n = np.maximum(n, 1)[:, None]
    at = (n - 1) * _Q
    if rule == "linear":
        return at
    median = at[:, P50].copy()
    if rule == "lower":
        at = np.floor(at)
    elif rule == "higher":
        at = np.ceil(at)
    elif rule == "nearest":
        at = np.rint(at)
    elif rule == "midpoint":
        at = (np.floor(at) + np.ceil(at)) / 2.0
    elif rule == "inverted_cdf":
        at = np.maximum(np.ceil(n * _Q) - 1.0, 0.0)
    at[:, P50] = median
    return at


@jit.cpu
def ranks(at, n):
    """The ranks below and above each position.

    Parameters
    ----------
    at : ndarray float64 [k, 5]
        From `positions`.
    n : ndarray int64 [k]
        Number of values.

    Returns
    -------
    ndarray int64 [k, 10]
        From 0: of PERCENTS[j] ranks 2 j and 2 j + 1.
    """
    found = np.empty((at.shape[0], 2 * at.shape[1]), np.int64)
    for k in range(at.shape[0]):
        for j in range(at.shape[1]):
            below = np.int64(at[k, j])  # rounded down
            found[k, 2 * j] = below
            found[k, 2 * j + 1] = min(below + 1, max(n[k] - 1, 0))
    return found


@jit.body
def between(a, b, fraction):
    """The point a fraction of the way from a to b; rounded as NumPy does.

    Parameters
    ----------
    a, b : float64
        Two order statistics, in the unit of the values.
    fraction : float64
        From 0 to below 1.
    """
    if math.isinf(b - a):  # -1.7e308 and 1.7e308
        step = (0.5 * b - 0.5 * a) * fraction
        return a + step + step
    if fraction < 0.5:
        return a + (b - a) * fraction
    return b - (b - a) * (1.0 - fraction)


@jit.body
def percentile(found, at, k, j):
    """PERCENTS[j] of VOI k.

    Parameters
    ----------
    found : ndarray float64 [k, 10]
        Values of the ranks below and above each position.
    at : ndarray float64 [k, 5]
        From `positions`.
    k, j : int
        Row and percentile.
    """
    return between(found[k, 2 * j], found[k, 2 * j + 1], at[k, j] - math.floor(at[k, j]))


@jit.body
def percentiles(found, at, k, p):
    """PERCENTS of VOI k.

    Parameters
    ----------
    found, at, k
        See `percentile`.
    p : ndarray float64 [5]
        Written, in the unit of the values.
    """
    for j in range(p.shape[0]):
        p[j] = percentile(found, at, k, j)
