"""A lower bound for the boxes on a facet of a convex hull, so that most of them need not be tried.

A hull is at least as wide in a direction as any two of its corners are apart in it. `outermost_pairs` notes the two
outermost corners in some directions, as the vector between them. In any other direction, the vector of a direction near
it gives a lower bound of the width.

A box on a facet has the facet's normal as one direction; the other two, d and e, turn in the facet's plane. A quarter
turn is enough, since the next one swaps d and e. It is cut into intervals, and each interval has one vector p for d and
one vector q for e. At the angle t, p · d = P cos(t - a) and q · e = Q cos(t - b), where P and Q are the lengths of the
shadows of p and q in the plane. The logarithm of a positive cosine is a concave function of t, and so is the sum of two.
So where neither cosine changes its sign in an interval, |p · d| |q · e| is nowhere in it smaller than at the smaller one
of its ends. An interval is shorter than half a turn: a cosine with the same sign at both ends has it in between, too.
Where a sign differs, the bound is 0. `least_volume` returns the least bound of all intervals, times that of the depth.

Arguments of several functions
------------------------------
position : ndarray float64 [h, 3]
    Corners of the hull in mm, from `hull.corners`.
size : ndarray float64 [3]
    Extent (z, y, x) of the hull, mm.
z, y, x : float64
    A direction, of any length but 0.
n_cells : int
    Cells along an edge of the cube that directions point to.
pairs : ndarray float64 [3 n_cells², 3]
    From `outermost_pairs`, mm.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

MANY_CORNERS = 400
FEW, MANY = (6, 8), (10, 16)
"""Cells along an edge of the cube, and intervals of a quarter turn, for hulls of few and of many corners."""


@jit.body
def outermost(position, z, y, x):
    """Rows of the first corner that lies farthest in a direction, and of the first that lies farthest against it."""
    p, q = 0, 0
    top = bottom = z * position[0, 0] + y * position[0, 1] + x * position[0, 2]
    for i in range(1, position.shape[0]):
        along = z * position[i, 0] + y * position[i, 1] + x * position[i, 2]
        p, q = i if along > top else p, i if along < bottom else q
        top, bottom = along if along > top else top, along if along < bottom else bottom
    return p, q


@jit.body
def cell_of(z, y, x, size, n_cells):
    """The cell of a cube that a direction, or the opposite one, points to, int.

    Directions are scaled by the hull's size, as if the hull were as wide as it is high and deep.
    """
    z, y, x = z * size[0], y * size[1], x * size[2]
    if abs(z) >= abs(y) and abs(z) >= abs(x):
        face, u, v = 0, y / z, x / z
    elif abs(y) >= abs(x):
        face, u, v = 1, x / y, z / y
    else:
        face, u, v = 2, z / x, y / x
    row = min(int((u + 1.0) * (0.5 * n_cells)), n_cells - 1)
    return (face * n_cells + row) * n_cells + min(int((v + 1.0) * (0.5 * n_cells)), n_cells - 1)


@jit.body
def outermost_pairs(position, size, n_cells):
    """Vectors between the two outermost corners in the direction of the middle of each cell, float64 [3 n_cells², 3]."""
    pairs, direction = np.empty((3 * n_cells * n_cells, 3)), np.empty(3)
    for cell in range(pairs.shape[0]):
        face, row, column = cell // (n_cells * n_cells), cell // n_cells % n_cells, cell % n_cells
        direction[face] = 1.0
        direction[(face + 1) % 3] = (2 * row + 1) / n_cells - 1.0
        direction[(face + 2) % 3] = (2 * column + 1) / n_cells - 1.0
        p, q = outermost(position, direction[0] / size[0], direction[1] / size[1], direction[2] / size[2])
        for axis in range(3):
            pairs[cell, axis] = position[p, axis] - position[q, axis]
    return pairs


@jit.body
def quarter_turn(intervals):
    """Cosines and sines of the ends and the middles of the intervals, float64 [2 intervals + 1, 2].

    Parameters
    ----------
    intervals : int
        Of a quarter turn.
    """
    turn = np.empty((2 * intervals + 1, 2))
    for k in range(turn.shape[0]):
        turn[k, 0], turn[k, 1] = np.cos(k * np.pi / (4 * intervals)), np.sin(k * np.pi / (4 * intervals))
    return turn


@jit.body
def shadow(pairs, cell, direction):
    """Length of a pair's shadow along a direction, with its sign, mm.

    Parameters
    ----------
    pairs
        See the module's text.
    cell : int
        Row of `pairs`.
    direction : ndarray float64 [3]
        Of length 1, (z, y, x).
    """
    return pairs[cell, 0] * direction[0] + pairs[cell, 1] * direction[1] + pairs[cell, 2] * direction[2]


@jit.body
def least_volume(normal, u, v, pairs, size, n_cells, turn):
    """Lower bound of the volume of all boxes with a side at right angles to `normal`, mm³.

    Parameters
    ----------
    normal, u, v : ndarray float64 [3]
        Of length 1, (z, y, x), at right angles to each other.
    pairs, size, n_cells
        See the module's text.
    turn : ndarray float64 [2 intervals + 1, 2]
        From `quarter_turn`.
    """
    least = np.inf
    for k in range(0, turn.shape[0] - 1, 2):
        c, s = turn[k + 1, 0], turn[k + 1, 1]
        p = cell_of(c * u[0] + s * v[0], c * u[1] + s * v[1], c * u[2] + s * v[2], size, n_cells)
        q = cell_of(c * v[0] - s * u[0], c * v[1] - s * u[1], c * v[2] - s * u[2], size, n_cells)
        pu, pv, qu, qv = shadow(pairs, p, u), shadow(pairs, p, v), shadow(pairs, q, u), shadow(pairs, q, v)
        c, s = turn[k, 0], turn[k, 1]
        wide, high = c * pu + s * pv, c * qv - s * qu
        c, s = turn[k + 2, 0], turn[k + 2, 1]
        then_wide, then_high = c * pu + s * pv, c * qv - s * qu
        if wide * then_wide <= 0.0 or high * then_high <= 0.0:
            return 0.0
        least = min(least, abs(wide * high), abs(then_wide * then_high))
    return least * abs(shadow(pairs, cell_of(normal[0], normal[1], normal[2], size, n_cells), normal))
