"""The features that GLRLM, GLSZM, GLDZM and NGLDM share: each is a matrix of counts, grey level by a size.

The size is a run's length, a zone's number of voxels, a zone's distance to the border or a number of dependent voxels.
The matrix comes as the list of its non-empty cells, dense or not, so that memory follows what was found and not the
largest size.

Arguments
---------
The functions here take these arguments in this form.

i, j : float
    Grey level and size of a cell.
p : float
    Its count over the sum of all counts.
total : float
    The sum of all counts.
out : float64 [N_SLOTS]
    The features, by the names of slots.py.
thread, threads : int
    Where the threads of a block share a sum, this one adds each `threads`-th term from `thread` on; 0 and 1 add all.
"""

from __future__ import annotations

import math

from voxomics.kernels import jit
from voxomics.kernels.size_matrix import slots


@jit.body
def add(i, j, p, out):
    """Add a cell to the features that are sums over cells."""
    ii = i * i
    jj = j * j
    out[slots.SMALL_EMPHASIS] += p / jj
    out[slots.LARGE_EMPHASIS] += p * jj
    out[slots.LOW_GREY_LEVEL] += p / ii
    out[slots.HIGH_GREY_LEVEL] += p * ii
    out[slots.SMALL_LOW] += p / (ii * jj)
    out[slots.SMALL_HIGH] += p * ii / jj
    out[slots.LARGE_LOW] += p * jj / ii
    out[slots.LARGE_HIGH] += p * ii * jj
    out[slots.ENTROPY] -= p * math.log2(p)


@jit.body
def spread(i, j, p, mean_level, mean_size, out):
    """Add a cell to the variances, once `mean_level` and `mean_size` (float) are known."""
    out[slots.LEVEL_VARIANCE] += (i - mean_level) * (i - mean_level) * p
    out[slots.SIZE_VARIANCE] += (j - mean_size) * (j - mean_size) * p


@jit.body
def non_uniformity(sums, n, total, thread, threads):
    """Σ s² / total of the first `n` marginal sums in `sums` (float64 [≥ n]): a thread's share of it."""
    x = 0.0
    while thread < n:
        x += sums[thread] * sums[thread] / total
        thread += threads
    return x


@jit.body
def energy(count, n_cells, total, thread, threads):
    """Σ p² of the first `n_cells` counts in `count` (float64 [≥ n_cells]): a thread's share of it."""
    squares = 0.0
    while thread < n_cells:
        squares += count[thread] * count[thread]
        thread += threads
    return squares / total / total


@jit.body
def finish(total, n_voxels, out):
    """The features that are ratios of sums over the matrix. n_voxels : float, divides the number of runs or zones."""
    out[slots.NORMALISED_LEVEL_NON_UNIFORMITY] = out[slots.LEVEL_NON_UNIFORMITY] / total
    out[slots.NORMALISED_SIZE_NON_UNIFORMITY] = out[slots.SIZE_NON_UNIFORMITY] / total
    out[slots.PERCENTAGE] = total / n_voxels
