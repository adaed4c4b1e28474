"""Smallest box around the convex hull of a VOI.

Boxes on a facet and on the opposite one are the same, so one facet of each direction is tried. A lower bound of its
boxes (bound.py) is found first. Then the facet with the least bound is tried, until the least bound is larger than the
smallest box: nothing that is left can be smaller.

Arguments of several functions
------------------------------
facets : ndarray int64 [facets, 12]
    Of `hull.convex_hull`.
position : ndarray float64 [h, 3]
    Corners of the hull in mm, from `hull.corners`.
place : ndarray int64 [points]
    Row of `position` of each point, from `hull.corners`.
spacing : ndarray float64 [3]
    mm, (z, y, x).
unit : ndarray float64 [facets, 3]
    Outward unit normals, from `unit_normals`.
normal : ndarray int64 [facets, 3]
    The smallest integer normal of each facet, the same for opposite facets.
steepness : ndarray int64 [facets]
    Its squared length.
f, g : int
    Facets.
stride : int
    How far the search for a rim jumps in the ring of facets; coprime to their number.
rim : ndarray int64 [facets]
    Rows of `position` along a rim.
flat : ndarray float64 [facets + 1, 2]
    A convex polygon in mm.
m : int
    How many corners of the rim or of the polygon there are.
best : ndarray float64 [2]
    Volume in mm³ and area in mm² of the smallest box so far.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.shape.bound import (
    FEW,
    MANY,
    MANY_CORNERS,
    least_volume,
    outermost,
    outermost_pairs,
    quarter_turn,
)
from voxomics.kernels.shape.hull import BESIDE, CORNER, NORMAL

VOLUME, AREA = range(2)  # of a box
MOST_FACETS = 1024
LEVEL = 1e-12
"""Two unit normals with a smaller scalar product are at right angles."""
MARGIN = 1e-11
"""How far a bound must exceed the smallest box, relative: more than rounding, and more than what `keep_smaller` calls equal."""


@jit.body
def divisor_of(a, b):
    """Greatest common divisor.

    Parameters
    ----------
    a, b : int64
        Not negative.
    """
    while b != 0:
        a, b = b, a % b
    return a


@jit.body
def unit_normals(facets, spacing, normal, steepness):
    """Outward unit normals in mm, equal to the last bit for facets in one plane; `normal` and `steepness` are written."""
    unit = np.empty((facets.shape[0], 3))
    for f in range(facets.shape[0]):
        divisor, first = np.int64(0), np.int64(0)
        for axis in range(spacing.size):
            n = facets[f, NORMAL + axis]
            divisor = divisor_of(divisor, abs(n))
            first = n if first == 0 else first
        steepness[f], length = 0, 0.0
        for axis in range(spacing.size):
            n = facets[f, NORMAL + axis] // divisor
            normal[f, axis] = n if first > 0 else -n
            steepness[f] += n * n
            unit[f, axis] = n / spacing[axis]
            length += unit[f, axis] ** 2
        length = np.sqrt(length)
        for axis in range(spacing.size):
            unit[f, axis] /= length
    return unit


@jit.body
def gentle(steepness):
    """Largest steepness of which no more than MOST_FACETS are at or below."""
    if steepness.size <= MOST_FACETS:
        return np.int64(1) << 62
    low, high = np.int64(0), np.int64(1) << 62
    while high - low > 1:
        middle = (low + high) // 2
        n = 0
        for f in range(steepness.size):
            n += steepness[f] <= middle
        if n <= MOST_FACETS:
            low = middle
        else:
            high = middle
    return low


@jit.body
def directions(normal, steepness, chosen):
    """Write the first facet of each direction to `chosen`, gentle ones only; returns their number.

    A hash table with open addressing finds equal normals.

    Parameters
    ----------
    normal, steepness
        See the module's text.
    chosen : ndarray int64 [facets]
        Written: facets, ascending.
    """
    room = 8
    while room < 2 * normal.shape[0]:
        room *= 2
    held = np.full(room, -1, np.int64)
    steepest, n = gentle(steepness), 0
    for f in range(normal.shape[0]):
        if steepness[f] > steepest:
            continue
        z, y, x = normal[f, 0], normal[f, 1], normal[f, 2]
        k = (z * 73856093 ^ y * 19349663 ^ x * 83492791) & (room - 1)
        g = held[k]
        while g >= 0 and (normal[g, 0] != z or normal[g, 1] != y or normal[g, 2] != x):
            k = (k + 1) & (room - 1)
            g = held[k]
        if g < 0:
            held[k] = chosen[n] = f
            n += 1
    return n


@jit.body
def faces_up(unit, f, g):
    """True when facet g looks to the side that facet f looks to."""
    return unit[f, 0] * unit[g, 0] + unit[f, 1] * unit[g, 1] + unit[f, 2] * unit[g, 2] > LEVEL


@jit.body
def next_facet(g, stride, n):
    """The facet a stride after g in a ring.

    Parameters
    ----------
    g, stride
        See the module's text.
    n : int
        Number of facets.
    """
    return g + stride if g + stride < n else g + stride - n


@jit.body
def outline(f, facets, unit, place, stride, rim):
    """Rows of the corners on the rim of the hull seen along the normal of facet f, counter-clockwise, into `rim`.

    Returns how many there are.

    The rim parts the facets that face up from the others. Neighbours have near numbers, so it is searched for in
    strides (coprime to the number of facets); then it is followed around its corners from edge to edge.
    """
    g, j, m = f, np.int64(0), 0
    while faces_up(unit, f, facets[g, BESIDE + j]):
        j += 1
        if j == 3:
            j = np.int64(0)
            g = next_facet(g, stride, facets.shape[0])
            while not faces_up(unit, f, g):
                g = next_facet(g, stride, facets.shape[0])
    first_facet, first_edge = g, j
    while True:
        rim[m] = place[facets[g, CORNER + j]]
        m += 1
        j = j + 1 if j < 2 else np.int64(0)
        while faces_up(unit, f, facets[g, BESIDE + j]):
            h, at = facets[g, BESIDE + j], facets[g, CORNER + j]
            j = np.int64(0)
            while facets[h, CORNER + j] != at:
                j += 1
            g = h
        if (g == first_facet and j == first_edge) or m == rim.size:
            return m


@jit.body
def axes_across(normal, u, v):
    """Write two directions at right angles to a normal and to each other.

    Parameters
    ----------
    normal, u, v : ndarray float64 [3]
        Of length 1, (z, y, x); `normal` is given.
    """
    axis = 0
    for a in range(1, normal.size):
        if abs(normal[a]) < abs(normal[axis]):
            axis = a
    length = np.sqrt(1.0 - normal[axis] ** 2)
    for a in range(normal.size):
        u[a] = ((1.0 if a == axis else 0.0) - normal[axis] * normal[a]) / length
    for a in range(normal.size):
        b, c = (a + 1) % 3, (a + 2) % 3
        v[a] = normal[b] * u[c] - normal[c] * u[b]


@jit.body
def flatten(position, rim, m, u, v, flat):
    """Write the positions of the rim in the plane of two directions to `flat`; returns their number.

    Those that coincide are taken once.

    Parameters
    ----------
    position, rim, m, flat
        See the module's text.
    u, v : ndarray float64 [3]
        From `axes_across`.
    """
    n = 0
    for k in range(m):
        flat[n, 0], flat[n, 1] = 0.0, 0.0
        for a in range(u.size):
            flat[n, 0] += position[rim[k], a] * u[a]
            flat[n, 1] += position[rim[k], a] * v[a]
        if n == 0 or abs(flat[n, 0] - flat[n - 1, 0]) + abs(flat[n, 1] - flat[n - 1, 1]) > 1e-9:
            n += 1
    return n - 1 if abs(flat[0, 0] - flat[n - 1, 0]) + abs(flat[0, 1] - flat[n - 1, 1]) <= 1e-9 else n


@jit.body
def rectangles(flat, m, depth, best):
    """Try the boxes over a convex polygon that have a side along an edge (rotating callipers).

    Parameters
    ----------
    flat, m, best
        See the module's text.
    depth : float64
        Extent of the boxes at right angles to the polygon, mm.
    """
    at, reach = np.zeros(3, np.int64), np.empty(3)  # the outermost corner ahead along the edge, across it, and behind
    for i in range(m):
        j = i + 1 if i + 1 < m else 0
        dx, dy = flat[j, 0] - flat[i, 0], flat[j, 1] - flat[i, 1]
        square = dx * dx + dy * dy
        for side in range(3):
            p = at[side]
            reach[side] = flat[p, 0] * dx + flat[p, 1] * dy
            for _ in range(m):
                q = p + 1 if p + 1 < m else 0
                further = flat[q, 0] * dx + flat[q, 1] * dy
                if i > 0 and further <= reach[side]:
                    break
                p = q
                if further > reach[side]:
                    at[side], reach[side] = q, further
            dx, dy = -dy, dx
        # dx, dy was turned three times by a right angle: it now points to the outside of edge i
        wide, high = reach[0] + reach[2], reach[1] + flat[i, 0] * dx + flat[i, 1] * dy
        if wide * high * depth < best[VOLUME] * (1.0 + 1e-12) * square:
            length = np.sqrt(square)
            keep_smaller(wide / length, high / length, depth, best)


@jit.body
def keep_smaller(a, b, c, best):
    """Keep a box if its volume is smaller, or equal but for rounding and its area smaller.

    Parameters
    ----------
    a, b, c : float64
        Edges, mm.
    best
        See the module's text.
    """
    volume, area = a * b * c, 2.0 * (a * b + a * c + b * c)
    if volume < best[VOLUME] * (1.0 - 1e-12) or (volume <= best[VOLUME] * (1.0 + 1e-12) and area < best[AREA]):
        best[VOLUME], best[AREA] = volume, area


@jit.body
def extent(position, size):
    """Write the extent (z, y, x) of the corners to `size`, float64 [3], mm.

    Parameters
    ----------
    position
        See the module's text.
    size : ndarray float64 [3]
    """
    for axis in range(size.size):
        low, high = position[0, axis], position[0, axis]
        for i in range(position.shape[0]):
            low, high = min(low, position[i, axis]), max(high, position[i, axis])
        size[axis] = high - low


@jit.body
def bounds_of(chosen, unit, position, size):
    """Lower bounds of the volumes of the boxes on facets, mm³.

    Parameters
    ----------
    chosen : ndarray int64 [n]
        Facets.
    unit, position
        See the module's text.
    size : ndarray float64 [3]
        From `extent`.

    Returns
    -------
    ndarray float64 [n]
    """
    n_cells, intervals = FEW if position.shape[0] < MANY_CORNERS else MANY
    pairs, turn = outermost_pairs(position, size, n_cells), quarter_turn(intervals)
    bound, u, v = np.empty(chosen.size), np.empty(3), np.empty(3)
    for c in range(chosen.size):
        axes_across(unit[chosen[c]], u, v)
        bound[c] = least_volume(unit[chosen[c]], u, v, pairs, size, n_cells, turn)
    return bound


@jit.cpu
def smallest_box(position, facets, place, spacing):
    """Volume and area of the smallest of the axis-aligned box and all with a side on a facet and another along an edge's shadow.

    The true minimum may touch facets with no side at all (O'Rourke 1985): this is an upper bound of it. Of more than
    MOST_FACETS triangles, those with the smallest integer normals are tried: they are the large ones of a lattice
    polytope.

    Returns
    -------
    volume, area : float64
        mm³, mm².
    tried : int
        How many facets were tried.
    """
    n = facets.shape[0]
    normal, steepness, chosen = np.empty((n, 3), np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    unit = unit_normals(facets, spacing, normal, steepness)
    chosen = chosen[: directions(normal, steepness, chosen)]
    best, size = np.array([np.inf, np.inf]), np.empty(3)
    extent(position, size)
    keep_smaller(size[0], size[1], size[2], best)
    stride = n * 5 // 8
    while divisor_of(stride, n) > 1:
        stride += 1
    rim, flat, u, v = np.empty(n, np.int64), np.empty((n + 1, 2)), np.empty(3), np.empty(3)
    bound = bounds_of(chosen, unit, position, size)
    for tried in range(chosen.size):
        c = 0
        for k in range(1, bound.size):
            c = k if bound[k] < bound[c] else c
        if bound[c] > best[VOLUME] * (1.0 + MARGIN):
            return best[VOLUME], best[AREA], tried
        f, bound[c] = chosen[c], np.inf
        p, q = outermost(position, unit[f, 0], unit[f, 1], unit[f, 2])
        top = unit[f, 0] * position[p, 0] + unit[f, 1] * position[p, 1] + unit[f, 2] * position[p, 2]
        bottom = unit[f, 0] * position[q, 0] + unit[f, 1] * position[q, 1] + unit[f, 2] * position[q, 2]
        m = outline(f, facets, unit, place, stride, rim)
        axes_across(unit[f], u, v)
        rectangles(flat, flatten(position, rim, m, u, v, flat), top - bottom, best)
    return best[VOLUME], best[AREA], chosen.size
