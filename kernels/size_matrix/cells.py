"""A matrix as the list of its non-empty cells, on the CPU: made from a dense matrix or from sorted codes, and measured.

Arguments
---------
The functions here take these arguments in this form. L: grey levels present in the VOI.

rank, size : int64 [≥ n_cells]
    Rank 1..L of each cell's grey level, and its size ≥ 1.
count : float64 [≥ n_cells]
    Its count > 0: a whole number, or weighted by distance.
n_cells : int
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.entropy import LOG2, bits_of
from voxomics.kernels.size_matrix import features, slots


@jit.body
def cells_of_matrix(matrix, n_rows, n_columns, rank, size, count):
    """List the cells of a dense matrix, by rank and size; returns how many there are.

    Parameters
    ----------
    matrix : float64 [≥ n_rows · n_columns]
        By rank and size; row and column 0 are ignored.
    n_rows, n_columns : int
    """
    n_cells = np.int64(0)
    for a in range(1, n_rows):
        for s in range(1, n_columns):
            x = matrix[a * n_columns + s]
            if x > 0.0:
                rank[n_cells] = a
                size[n_cells] = s
                count[n_cells] = x
                n_cells += 1
    return n_cells


@jit.body
def cells_of_codes(codes, n, bits, weight, rank, size, count):
    """Fold sorted codes into cells, by rank and size; returns how many there are. `rank` may be `codes` itself.

    Parameters
    ----------
    codes : int64 [≥ n]
        (rank · 2³² + size) · 2^bits + d, ascending.
    n, bits : int
    weight : float64 [2^bits or less]
        What a code with that d counts for.
    """
    n_cells = np.int64(0)
    x = 0.0
    last = (1 << bits) - 1
    for k in range(n):
        cell = codes[k] >> bits
        x += weight[codes[k] & last]
        if k + 1 == n or codes[k + 1] >> bits != cell:
            rank[n_cells] = cell >> 32
            size[n_cells] = cell & 0xFFFFFFFF
            count[n_cells] = x
            n_cells += 1
            x = 0.0
    return n_cells


@jit.body
def voxels_of(size, count, n_cells, by_size):
    """The voxels that the counts stand for, summed over the matrices merged. by_size : bool, a count is of `size`."""
    n = 0.0
    for c in range(n_cells):
        n += count[c] * (size[c] if by_size else 1)
    return n


@jit.body
def measure(rank, size, count, n_cells, level_of, n_voxels, rows, columns, out):
    """Features of one matrix; all NaN if there is no cell.

    Parameters
    ----------
    rank, size, count, n_cells
        In any fixed order, each (rank, size) once.
    level_of : int64 [L]
        The VOI's grey levels.
    n_voxels : float
        Divides the number of runs or zones in the percentage.
    rows : float64 [≥ L], columns : float64 [≥ largest size]
        Working memory; what it held is overwritten.
    out : float64 [N_SLOTS]
        See features.py.
    """
    total = 0.0
    largest = np.int64(0)
    for c in range(n_cells):
        total += count[c]
        largest = max(largest, size[c])
    if total == 0.0:
        out[:] = np.nan
        return
    for a in range(level_of.size):
        rows[a] = 0.0
    for s in range(largest):
        columns[s] = 0.0
    out[:] = 0.0
    log2_total = math.log2(total)
    mean_level = 0.0
    mean_size = 0.0
    for c in range(n_cells):
        rows[rank[c] - 1] += count[c]
        columns[size[c] - 1] += count[c]
        p = count[c] / total
        i = float(level_of[rank[c] - 1])
        j = float(size[c])
        mean_level += i * p
        mean_size += j * p
        features.add(i, j, p, bits_of(count[c], total, log2_total, LOG2), out)
    out[slots.LEVEL_NON_UNIFORMITY] = features.non_uniformity(rows, level_of.size, total, 0, 1)
    out[slots.SIZE_NON_UNIFORMITY] = features.non_uniformity(columns, largest, total, 0, 1)
    out[slots.ENERGY] = features.energy(count, n_cells, total, 0, 1)
    features.finish(total, n_voxels, out)
    for c in range(n_cells):
        p = count[c] / total
        features.spread(float(level_of[rank[c] - 1]), float(size[c]), p, mean_level, mean_size, out)
