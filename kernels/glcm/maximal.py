"""The GLCM's maximal correlation coefficient: an eigenvalue problem, on the CPU only.

Haralick's Q_ij = Σ_k p_ik p_jk / (p_x(i) p_y(k)) has the eigenvalues of A Aᵀ, A_ik = p_ik / √(p_x(i) p_y(k)): the squares
of A's singular values, of which the first is 1 and the second is the coefficient. Where the GLCM is symmetric, A is too,
and its singular values are the magnitudes of its own eigenvalues. The symmetric matrix is brought to tridiagonal form by
Householder's reflections, and the eigenvalue that is wanted is found by bisection with Sturm's count, so that no
library's number of threads can change a bit.

PyRadiomics adds 2⁻⁵² to each p_x(i) p_y(k). It does so here within the root, which changes the eigenvalues by the same
to first order.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.grouping import VOI, merge

PAIRS, COEFFICIENT = range(2)
"""What is written for each matrix: the sum of the matrix, NaN where it is empty, and the coefficient."""
ADDED = 2.0**-52
BISECTIONS = 62
"""Steps that bring an interval of 4 down to the rounding of 1."""


@jit.body
def correlate(matrix, n_levels, symmetric, rows, columns, a):
    """Write A without its empty rows and columns; returns how many are left of each, and the sum of the matrix.

    Parameters
    ----------
    matrix : float64 [(L + 1)²]
        As `count.count` lays it out.
    n_levels : int
        L.
    symmetric : bool
        A pair is counted both ways.
    rows, columns : float64 [L]
        Receive p_x and p_y.
    a : float64 [L, L]
    """
    width = n_levels + 1
    rows[:] = 0.0
    columns[:] = 0.0
    total = 0.0
    for i in range(n_levels):
        for j in range(n_levels):
            x = matrix[(i + 1) * width + j + 1] + (matrix[(j + 1) * width + i + 1] if symmetric else 0.0)
            rows[i] += x
            columns[j] += x
            total += x
    r = c = np.int64(0)
    for i in range(n_levels):
        if rows[i] > 0.0:
            c = np.int64(0)
            for j in range(n_levels):
                if columns[j] > 0.0:
                    x = matrix[(i + 1) * width + j + 1] + (matrix[(j + 1) * width + i + 1] if symmetric else 0.0)
                    a[r, c] = x / total / math.sqrt(rows[i] / total * (columns[j] / total) + ADDED)
                    c += 1
            r += 1
    return r, c, total


@jit.body
def tridiagonal(square, n, diagonal, beside, v, p):
    """Bring a symmetric matrix to tridiagonal form with the same eigenvalues.

    Parameters
    ----------
    square : float64 [≥ n, ≥ n]
        Is overwritten.
    n : int
    diagonal, beside : float64 [≥ n]
        Receive the diagonal and the n - 1 places beside it.
    v, p : float64 [≥ n]
        Working memory.
    """
    for k in range(n - 2):
        diagonal[k] = square[k, k]
        head, rest = square[k, k + 1], 0.0
        for i in range(k + 2, n):
            rest += square[k, i] * square[k, i]
        beside[k] = head
        if rest > 0.0:
            beside[k] = -math.copysign(math.sqrt(head * head + rest), head)
            v[k + 1] = head - beside[k]
            v[k + 2 : n] = square[k, k + 2 : n]
            beta = 2.0 / (rest + v[k + 1] * v[k + 1])
            along = 0.0
            for i in range(k + 1, n):
                x = 0.0
                for j in range(k + 1, n):
                    x += square[i, j] * v[j]
                p[i] = beta * x
                along += v[i] * p[i]
            for i in range(k + 1, n):
                p[i] -= 0.5 * beta * along * v[i]
            for i in range(k + 1, n):
                for j in range(k + 1, n):
                    square[i, j] -= v[i] * p[j] + p[i] * v[j]
    for k in range(max(n - 2, 0), n):
        diagonal[k] = square[k, k]
    if n > 1:
        beside[n - 2] = square[n - 2, n - 1]


@jit.body
def eigenvalue(diagonal, beside, n, place):
    """The eigenvalue of a tridiagonal matrix that is the place-th from above; its magnitude is at most 2.

    Parameters
    ----------
    diagonal, beside, n
        As for `tridiagonal`.
    place : int
        From 1.
    """
    low, high = -2.0, 2.0
    for _ in range(BISECTIONS):
        x = 0.5 * (low + high)
        above, pivot = np.int64(0), 1.0
        for k in range(n):
            pivot = diagonal[k] - x - (beside[k - 1] * beside[k - 1] / pivot if k > 0 else 0.0)
            if pivot == 0.0:
                pivot = 1e-300
            above += pivot > 0.0
        if above >= place:
            low = x
        else:
            high = x
    return 0.5 * (low + high)


@jit.body
def second_singular_value(a, r, c, symmetric, square, diagonal, beside, v, p):
    """The second largest singular value of a matrix, 0 if it has one row or column.

    Parameters
    ----------
    a : float64 [≥ r, ≥ c]
        Is overwritten if symmetric.
    r, c : int
    symmetric : bool
        Whether `a` is.
    square : float64 [≥ r, ≥ r], or [0, 0] if symmetric
        Working memory.
    diagonal, beside, v, p
        As for `tridiagonal`.
    """
    if min(r, c) < 2:
        return 0.0
    if symmetric:
        tridiagonal(a, r, diagonal, beside, v, p)
        return max(abs(eigenvalue(diagonal, beside, r, 2)), -eigenvalue(diagonal, beside, r, r))
    for i in range(r):
        for j in range(i, r):
            x = 0.0
            for k in range(c):
                x += a[i, k] * a[j, k]
            square[i, j] = x
            square[j, i] = x
    tridiagonal(square, r, diagonal, beside, v, p)
    return math.sqrt(max(eigenvalue(diagonal, beside, r, 2), 0.0))


@jit.cpu
def measure(counts, counts_start, level_start, shape, vois, work, weight, n_planar, per_slice, symmetric, feature):
    """The coefficient of every matrix of the work list, undefined for VOIs of one grey level.

    Parameters
    ----------
    counts, counts_start
        From `count.count`.
    level_start, shape, vois, work, weight, n_planar, per_slice
        See kernels/grouping.py.
    symmetric : bool
        Each pair is counted both ways.
    feature : float64 [m, 2]
        See PAIRS.
    """
    most = np.int64(0)
    for k in range(vois.size):
        most = max(most, level_start[vois[k] + 1] - level_start[vois[k]])
    matrix, a = np.empty((most + 1) * (most + 1)), np.empty((most, most))
    square = np.empty((0 if symmetric else most, 0 if symmetric else most))
    rows, columns, diagonal, beside = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    v, p = np.empty(most), np.empty(most)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        i = vois[k]
        n_levels = level_start[i + 1] - level_start[i]
        cells = (n_levels + 1) * (n_levels + 1)
        n_slices = np.int64(shape[i, 0])
        merge(counts, counts_start[k], cells, work[m], n_slices, n_planar, per_slice, weight[k], 0, 1, matrix)
        r, c, total = correlate(matrix, n_levels, symmetric, rows[:n_levels], columns[:n_levels], a)
        feature[m] = np.nan
        if total > 0.0:
            feature[m, PAIRS] = total
        if total > 0.0 and n_levels > 1:
            feature[m, COEFFICIENT] = second_singular_value(a, r, c, symmetric, square, diagonal, beside, v, p)
