"""The area of an ellipsoid, and the smallest ellipsoid around the corners of a convex hull.

Arguments of several functions
------------------------------
position : ndarray float64 [h, 3]
    Corners of the hull in mm.
q : ndarray float64 [h, 4]
    The same, scaled to -1..1 along each axis, and 1.
held : ndarray int64 [h + 6]
    Rows of the points that hold weight, n_held (int) of them.
weight : ndarray float64 [h + 6]
    Their weights, which add up to 1.
n_held : int
    How many points hold weight.
sums : ndarray float64 [4, 4]
    Scratch.
inverse : ndarray float64 [4, 4]
    From `inverse_of`.
matrix : ndarray float64 [3, 3]
    Of an ellipsoid, in mm².
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

LIFTED = 4
"""Numbers of a scaled corner, its 1 included; loops of a known length are unrolled."""
TERMS = 20
"""Last degree of the series for an ellipsoid's area."""
MVEE_TOLERANCE = 1e-9
"""How far outside the smallest ellipsoid a point may lie, squared distances relative to the surface's."""
MVEE_STEPS = 1000
STEP, EQUAL = range(2)  # right-hand sides of Newton's step: the gradient, and what keeps the sum of the weights


def semi_axes(matrix):
    """√λ of symmetric matrices, descending, float64 [..., 3].

    A λ below 1e-13 of the largest is rounding, and 0.

    Parameters
    ----------
    matrix : ndarray float64 [..., 3, 3]
        In mm²; the roots are in mm.
    """
    values = np.linalg.eigvalsh(matrix)[..., ::-1]
    values[values <= 1e-13 * values[..., :1]] = 0.0
    return np.sqrt(values)


@jit.cpu
def area(a, b, c):
    """Surface of an ellipsoid by the standard's Legendre series to degree 20, mm²; NaN where a = 0.

    Terms are scaled, t_ν = (αβ)^ν P_ν(x), so that nothing is divided by an eccentricity of 0: with e = (α² + β²) / 2 the
    recurrence of the polynomials becomes (ν+1) t_{ν+1} = (2ν+1) e t_ν - ν (αβ)² t_{ν-1}.

    Parameters
    ----------
    a, b, c : float64
        Semi-axes, descending, mm.
    """
    alpha2, beta2 = 1.0 - b * b / (a * a), 1.0 - c * c / (a * a)
    e, product2 = (alpha2 + beta2) / 2.0, alpha2 * beta2
    before, now, total = 0.0, 1.0, 0.0
    for v in range(TERMS + 1):
        total = total + now / (1.0 - 4.0 * v * v)
        before, now = now, ((2 * v + 1) * e * now - v * product2 * before) / (v + 1)
    return 4.0 * np.pi * a * b * total


@jit.body
def solve(a, x):
    """Solve a x = b by elimination without pivoting.

    Parameters
    ----------
    a : ndarray float64 [n, n]
        Positive definite; used up.
    x : ndarray float64 [n, m]
        Comes as b, and is overwritten by the solution.
    """
    n = a.shape[0]
    for r in range(n):
        for s in range(n):
            if s != r and a[s, r] != 0.0:
                factor = a[s, r] / a[r, r]
                for c in range(r + 1, n):
                    a[s, c] -= factor * a[r, c]
                for c in range(x.shape[1]):
                    x[s, c] -= factor * x[r, c]
    for r in range(n):
        for c in range(x.shape[1]):
            x[r, c] /= a[r, r]


@jit.body
def inverse_of(q, held, weight, n_held, sums, inverse):
    """Write the inverse of Σ weight q qᵀ over the points held."""
    for r in range(LIFTED):
        for c in range(LIFTED):
            sums[r, c] = 0.0
            inverse[r, c] = 1.0 if r == c else 0.0
            for k in range(n_held):
                sums[r, c] += weight[k] * q[held[k], r] * q[held[k], c]
    solve(sums, inverse)


@jit.body
def product(q, i, j, inverse):
    """q_iᵀ inverse q_j of two points.

    Parameters
    ----------
    q, inverse
        See the module's text.
    i, j : int
        Rows of `q`.
    """
    total = 0.0
    for r in range(LIFTED):
        along = 0.0
        for c in range(LIFTED):
            along += inverse[r, c] * q[j, c]
        total += along * q[i, r]
    return total


@jit.body
def better_weights(q, held, weight, n_held, inverse):
    """One damped Newton step of log det Σ weight q qᵀ over weights that add up to 1, stopped where one becomes 0.

    Gradient: d_i = q_iᵀ inverse q_i; Hessian: -(q_iᵀ inverse q_j)². Returns how many weights are left and the step's size.
    """
    hessian, x = np.empty((n_held, n_held)), np.empty((n_held, 2))
    for i in range(n_held):
        for j in range(i + 1):
            d = product(q, held[i], held[j], inverse)
            hessian[i, j] = hessian[j, i] = d * d
        x[i, STEP], x[i, EQUAL] = d, 1.0
        hessian[i, i] += 1e-11 * d * d  # more than ten points are dependent
    solve(hessian, x)
    shift, total = 0.0, 0.0
    for i in range(n_held):
        shift += x[i, STEP]
        total += x[i, EQUAL]
    shift /= total
    decrement = 0.0
    step, last = 1.0, -1
    for i in range(n_held):
        d = product(q, held[i], held[i], inverse)
        x[i, STEP] -= shift * x[i, EQUAL]
        decrement += x[i, STEP] * d
    decrement = np.sqrt(max(decrement, 0.0))
    if decrement > 0.25:
        step = 1.0 / (1.0 + decrement)
    for i in range(n_held):
        if weight[i] + step * x[i, STEP] <= 0.0:
            step, last = -weight[i] / x[i, STEP], i
    for i in range(n_held):
        weight[i] += step * x[i, STEP]
    if last >= 0:
        held[last], weight[last] = held[n_held - 1], weight[n_held - 1]
        return n_held - 1, 1.0
    return n_held, decrement


@jit.body
def lifted(position, q, held, weight):
    """q = (position scaled to -1..1 along each axis, 1); equal weights for the outermost points along each axis. Their number."""
    n_held = 0
    for axis in range(position.shape[1]):
        low, high = 0, 0
        for i in range(position.shape[0]):
            low = i if position[i, axis] < position[low, axis] else low
            high = i if position[i, axis] > position[high, axis] else high
        middle, half = position[low, axis] + position[high, axis], position[high, axis] - position[low, axis]
        for i in range(position.shape[0]):
            q[i, axis] = (2.0 * position[i, axis] - middle) / half
        held[n_held], held[n_held + 1] = low, high
        n_held += 2
    n = 0
    for k in range(n_held):
        again = False
        for m in range(n):
            again |= held[m] == held[k]
        if not again:
            held[n] = held[k]
            n += 1
    weight[:n] = 1.0 / n
    return n


@jit.cpu
def enclosing_ellipsoid(position, matrix):
    """Write the matrix of the smallest ellipsoid {x : (x - centre)ᵀ matrix⁻¹ (x - centre) ≤ 1} around the positions.

    Solves the dual problem: weights on the points that maximise log det Σ weight q qᵀ, q = (position, 1). Newton's method finds
    the weights of a few points held; the point farthest outside joins them, until none lies outside by more than
    MVEE_TOLERANCE. The positions must span space.
    """
    h, n = position.shape[0], LIFTED
    q, held, weight = np.ones((h, n)), np.empty(h + 6, np.int64), np.empty(h + 6)
    sums, inverse = np.empty((n, n)), np.empty((n, n))
    n_held = lifted(position, q, held, weight)
    if n_held < n:
        n_held = h
        for i in range(h):
            held[i], weight[i] = i, 1.0 / h
    for _ in range(MVEE_STEPS):
        inverse_of(q, held, weight, n_held, sums, inverse)
        n_left, size = better_weights(q, held, weight, n_held, inverse)
        settled = n_left == n_held and size < 1e-9
        n_held = n_left
        if size > 1e-2 and not settled:
            continue
        inverse_of(q, held, weight, n_held, sums, inverse)
        far, farthest = 0, 0.0
        for i in range(h):
            d = product(q, i, i, inverse)
            if d > farthest:
                far, farthest = i, d
        if farthest > n * (1.0 + MVEE_TOLERANCE):
            beta = (farthest - n) / (n * (farthest - 1.0))
            n_held = give(far, beta, held, weight, n_held)
        elif settled:
            break
    shape_of(position, held, weight, n_held, matrix)


@jit.body
def give(i, beta, held, weight, n_held):
    """Move the share beta of all weight to point i; returns how many points hold weight then.

    Parameters
    ----------
    i : int
        Row of `q`.
    beta : float64
        0 to 1.
    held, weight, n_held
        See the module's text.
    """
    at = n_held
    for k in range(n_held):
        weight[k] *= 1.0 - beta
        at = k if held[k] == i else at
    if at == n_held:
        held[at], weight[at] = i, 0.0
        n_held += 1
    weight[at] += beta
    return n_held


@jit.body
def shape_of(position, held, weight, n_held, matrix):
    """Write three times the covariance of the weighted points."""
    n = position.shape[1]
    centre = np.zeros(n)
    for k in range(n_held):
        for a in range(n):
            centre[a] += weight[k] * position[held[k], a]
    matrix[:] = 0.0
    for k in range(n_held):
        for a in range(n):
            for b in range(n):
                matrix[a, b] += n * weight[k] * (position[held[k], a] - centre[a]) * (position[held[k], b] - centre[b])
