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

from voxomics.kernels import jit
from voxomics.kernels.size_matrix import slots


@jit.body
def add(i, j, p, bits, out):
    """Add a cell to the features that are sums over cells. bits : float, -log2 p."""
    ii, jj = i * i, j * j
    low, small = p / ii, 1.0 / jj
    high = p * ii
    out[slots.SMALL_EMPHASIS] += p * small
    out[slots.LARGE_EMPHASIS] += p * jj
    out[slots.LOW_GREY_LEVEL] += low
    out[slots.HIGH_GREY_LEVEL] += high
    out[slots.SMALL_LOW] += low * small
    out[slots.SMALL_HIGH] += high * small
    out[slots.LARGE_LOW] += low * jj
    out[slots.LARGE_HIGH] += high * jj
    out[slots.ENTROPY] += p * bits


@jit.body
def spread(i, j, p, mean_level, mean_size, out):
    """Add a cell to the variances.

    Parameters
    ----------
    i, j, p, out
        As above.
    mean_level, mean_size : float
        Means of i and of j over all cells, weighted by p.
    """
    out[slots.LEVEL_VARIANCE] += (i - mean_level) * (i - mean_level) * p
    out[slots.SIZE_VARIANCE] += (j - mean_size) * (j - mean_size) * p


@jit.body
def non_uniformity(sums, n, total, thread, threads):
    """Σ s² / total of marginal sums s: a thread's share of it.

    Parameters
    ----------
    sums : float64 [≥ n]
        Sums of the matrix's rows, or of its columns.
    n : int
        Number of marginal sums.
    total, thread, threads
        As above.
    """
    x = 0.0
    while thread < n:
        x += sums[thread] * sums[thread] / total
        thread += threads
    return x


@jit.body
def energy(count, n_cells, total, thread, threads):
    """Σ p² over the cells: a thread's share of it.

    Parameters
    ----------
    count : float64 [≥ n_cells]
        Count of each cell.
    n_cells : int
        Number of cells.
    total, thread, threads
        As above.
    """
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
