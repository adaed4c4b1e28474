"""The sixteen features that GLRLM, GLSZM, GLDZM and NGLDM share: each is a matrix of counts, grey level by a size.

The size is a run's length, a zone's number of voxels, a zone's distance to the border or a number of dependent voxels. The
matrix comes as the list of its non-empty cells, dense or not, so that memory follows what was found and not the largest size.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.glcm import group_of

FEATURES = (
    "small_emphasis",
    "large_emphasis",
    "low_grey_level",
    "high_grey_level",
    "small_low",
    "small_high",
    "large_low",
    "large_high",
    "level_non_uniformity",
    "normalised_level_non_uniformity",
    "size_non_uniformity",
    "normalised_size_non_uniformity",
    "percentage",
    "level_variance",
    "size_variance",
    "entropy",
)
N_FEATURES = len(FEATURES)


@jit.body
def add(i, j, p, out):
    """Add a cell of level i, size j and probability p to the features that are sums over cells."""
    ii = i * i
    jj = j * j
    out[0] += p / jj
    out[1] += p * jj
    out[2] += p / ii
    out[3] += p * ii
    out[4] += p / (ii * jj)
    out[5] += p * ii / jj
    out[6] += p * jj / ii
    out[7] += p * ii * jj
    out[15] -= p * math.log2(p)


@jit.body
def spread(i, j, p, mean_level, mean_size, out):
    """Add a cell to the variances, once the means are known."""
    out[13] += (i - mean_level) * (i - mean_level) * p
    out[14] += (j - mean_size) * (j - mean_size) * p


@jit.body
def measure(rank, size, count, n_cells, level_of, n_voxels, rows, columns, out):
    """The sixteen features of one matrix, in the order of FEATURES.

    Parameters
    ----------
    rank, size : int64 [≥ n_cells], count : float64 [≥ n_cells]
        The non-empty cells in any fixed order, each (rank, size) once: rank 1..L of the grey level, size ≥ 1, count > 0: a whole
        number, or weighted by distance.
    n_cells : int64
    level_of : int64 [L]
        Grey level of each rank: of this VOI alone.
    n_voxels : float
        Divides the number of runs or zones in the percentage.
    rows : float64 [≥ L], columns : float64 [≥ largest size]
        Working memory; what it held is overwritten.
    out : float64 [≥ 16]

    Returns
    -------
    bool
        False, and `out` untouched, if there is no cell.
    """
    total = 0.0
    largest = np.int64(0)
    for c in range(n_cells):
        total += count[c]
        largest = max(largest, size[c])
    if total == 0.0:
        return False
    for a in range(level_of.size):
        rows[a] = 0.0
    for s in range(largest):
        columns[s] = 0.0
    for f in range(N_FEATURES):
        out[f] = 0.0
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
        add(i, j, p, out)
    for a in range(level_of.size):
        out[8] += rows[a] * rows[a] / total
    for s in range(largest):
        out[10] += columns[s] * columns[s] / total
    out[9] = out[8] / total
    out[11] = out[10] / total
    out[12] = total / n_voxels
    for c in range(n_cells):
        p = count[c] / total
        spread(float(level_of[rank[c] - 1]), float(size[c]), p, mean_level, mean_size, out)
    return True


@jit.body
def cells_of(codes, weight, n, rank, size, count):
    """Fold the sorted codes rank · 2³² + size, int64 [≥ n], into cells; returns how many. `rank` may be `codes` itself.

    weight : float64, of each code, or [0] for a weight of 1.
    """
    n_cells = np.int64(0)
    run = 0.0
    for k in range(n):
        code = codes[k]
        run += weight[k] if weight.size > 0 else 1.0
        if k + 1 == n or codes[k + 1] != code:
            rank[n_cells] = code >> 32
            size[n_cells] = code & 0xFFFFFFFF
            count[n_cells] = run
            n_cells += 1
            run = 0.0
    return n_cells


@jit.body
def voxels_of(size, count, n_cells, by_size):
    """Entries of a matrix, each `size` times if by_size: the voxels they stand for, summed over the matrices merged."""
    n = 0.0
    for c in range(n_cells):
        n += count[c] * (size[c] if by_size else 1)
    return n


@jit.body
def energy(count, n_cells):
    """Σ p² of a matrix's cells."""
    total = 0.0
    squares = 0.0
    for c in range(n_cells):
        total += count[c]
        squares += count[c] * count[c]
    return squares / total / total


@jit.body
def gather(counts, first, weight, merged, n_rows, n_columns, is_last, rank, size, count):
    """Add a group of counts, weighted, to `merged`; with the last one, list the sum's cells, clear it and return their number."""
    n_cells = np.int64(0)
    for a in range(1, n_rows):
        for r in range(1, n_columns):
            c = a * n_columns + r
            x = merged[c] + weight * counts[first + c]
            merged[c] = x
            if is_last:
                merged[c] = 0.0
                if x > 0.0:
                    rank[n_cells] = a
                    size[n_cells] = r
                    count[n_cells] = x
                    n_cells += 1
    return n_cells


@jit.cpu
def measure_dense(
    counts, counts_start, n_columns, level_of, level_start, shape, vois, n_planar, weight, per_slice, by_size, aggregations, out
):
    """Features of every VOI for every aggregation, from dense matrices per group (see kernels/glcm.py, group_of).

    Parameters
    ----------
    counts : int32 [total]
        Ragged [k][group, L + 1, n_columns[k]]: by rank and size. Row and column 0 are ignored.
    counts_start : int64 [k + 1]
    n_columns : int64 [k]
        Largest size possible + 1.
    level_of, level_start, shape, vois, n_planar, weight, per_slice
        As for GLCM; weight : float64 [k, D].
    by_size : bool
        N_v = Σ size · count: an entry stands for so many voxels. Else N_v = Σ count: an entry is a voxel.
    aggregations : int64 [A, 3]
        Flags planar (only directions in plane), by slice, by direction.
    out : float64 [k, A, 16 or 17]
        Mean over the matrices of an aggregation, those without an entry left out; NaN if all are. Number 17 is the energy Σ p².
    """
    feature = np.empty(N_FEATURES + 1)
    for k in range(vois.size):
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_rows = levels.size + 1
        merged = np.zeros(n_rows * n_columns[k])
        rank, size, count = np.empty(merged.size, np.int64), np.empty(merged.size, np.int64), np.empty(merged.size)
        rows, columns = np.empty(n_rows), np.empty(n_columns[k])
        for j in range(aggregations.shape[0]):
            by_slice, by_direction = aggregations[j, 1], aggregations[j, 2]
            last = n_planar if aggregations[j, 0] else weight.shape[1]
            n_slices = np.int64(shape[i, 0]) if per_slice else 1
            number = 0
            for f in range(out.shape[2]):
                out[k, j, f] = 0.0
            for z in range(n_slices if by_slice else 1):
                for d in range(last if by_direction else 1):
                    d_end = d + 1 if by_direction else last
                    n_cells = np.int64(0)
                    for dd in range(d, d_end):
                        z_end = z + 1 if by_slice else (n_slices if dd < n_planar else 1)
                        for zz in range(z, z_end):
                            first = counts_start[k] + group_of(dd, zz, n_planar, n_slices, per_slice) * merged.size
                            is_last = dd == d_end - 1 and zz == z_end - 1
                            w = weight[k, dd]
                            n_cells = gather(counts, first, w, merged, n_rows, n_columns[k], is_last, rank, size, count)
                    n_voxels = voxels_of(size, count, n_cells, by_size)
                    if measure(rank, size, count, n_cells, levels, n_voxels, rows, columns, feature):
                        feature[N_FEATURES] = energy(count, n_cells)
                        number += 1
                        for f in range(out.shape[2]):
                            out[k, j, f] += feature[f]
            for f in range(out.shape[2]):
                out[k, j, f] = out[k, j, f] / number if number else np.nan
