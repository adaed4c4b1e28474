"""Logarithms of counts, which entropies are made of, for both targets."""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit

LOG2 = np.array([0.0] + [math.log2(n) for n in range(1, 4096)])
"""log2 of whole numbers, at their place; that of 0 is never asked for."""


@jit.body
def bits_of(x, total, log2_total, log2_of):
    """-log2 p of p = x / total.

    Parameters
    ----------
    x : float
        A count > 0, or a sum of weights.
    total, log2_total : float
        The sum of all, and its logarithm.
    log2_of : float64 [any]
        `LOG2`, which is faster than a logarithm; empty where a table would not be (on a GPU).
    """
    # near p = 1 the difference of two logarithms would be all rounding; weighted counts may be no whole numbers
    if x < log2_of.size and 2.0 * x <= total and np.int64(x) == x:
        return log2_total - log2_of[np.int64(x)]
    return -math.log2(x / total)
