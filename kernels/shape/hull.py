"""Convex hull of lattice points in exact integer arithmetic.

The mesh's vertices lie on a lattice of half voxels, so no tolerance decides what a facet is (boxes may be 2¹⁹ voxels
wide); scaling to millimetres comes afterwards and does not change which facets there are.

A facet is a row of one table: corners (indices of points, counter-clockwise from outside), the neighbours across the
edges from corner j to j + 1, the integer normal, the offset of its plane, the first point of the list of those still
waiting outside it, and the last point that saw it.

Arguments of several functions
------------------------------
points : ndarray int64 [n, 3]
    (z, y, x) in half voxels.
facets : ndarray int64 [facets, 12]
    The table, columns CORNER to SEEN_BY.
f : int64
    A facet.
p, q : int64
    Points.
following : ndarray int64 [n]
    The next point in the list that each point is in, -1 at its end.
lists : ndarray int64 [4, facets]
    Facets that are OPEN, SEEN, FRESH, UNUSED.
n_unused : int64
    How many are unused.
first_new : ndarray int64 [n]
    Scratch: the new facet that begins at each point of a rim.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

CORNER, BESIDE, NORMAL, OFFSET, WAITING, SEEN_BY, WIDTH = 0, 3, 6, 9, 10, 11, 12
OPEN, SEEN, FRESH, UNUSED = 0, 1, 2, 3  # lists of facets
TETRAHEDRON = np.array([(0, 1, 2, 1, 2, 3), (0, 3, 1, 3, 2, 0), (1, 3, 2, 1, 3, 0), (2, 3, 0, 2, 1, 0)])
"""Corners and neighbours of the facets of a tetrahedron whose corner 3 lies below corners 0, 1, 2."""


@jit.body
def span(points, a, b, c, f, facets):
    """Put facet f through three points.

    Parameters
    ----------
    a, b, c : int64
        Its corners, in this order.
    points, f, facets
        See the module's text.
    """
    facets[f, CORNER], facets[f, CORNER + 1], facets[f, CORNER + 2] = a, b, c
    offset = np.int64(0)
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        n = (points[b, u] - points[a, u]) * (points[c, v] - points[a, v])
        n -= (points[b, v] - points[a, v]) * (points[c, u] - points[a, u])
        facets[f, NORMAL + axis] = n
        offset += n * points[a, axis]
    facets[f, OFFSET] = offset
    facets[f, WAITING] = facets[f, SEEN_BY] = -1


@jit.body
def height(points, p, f, facets):
    """Above 0 where point p lies outside facet f, in units of the facet's normal."""
    return (
        facets[f, NORMAL] * points[p, 0]
        + facets[f, NORMAL + 1] * points[p, 1]
        + facets[f, NORMAL + 2] * points[p, 2]
        - facets[f, OFFSET]
    )


@jit.body
def simplex(points, facets):
    """Facets 0..3 of a first tetrahedron with large extent; points [n, 3] span space."""
    zero = np.int64(0)  # not the literal: numba compiles a function anew for every literal that it is called with
    corner = np.zeros(4, np.int64)
    for p in range(points.shape[0]):
        if points[p, 0] < points[corner[0], 0]:
            corner[0] = p
        if points[p, 0] > points[corner[1], 0]:
            corner[1] = p
    widest = -1.0
    for p in range(points.shape[0]):
        span(points, corner[0], corner[1], p, zero, facets)
        width = 0.0
        for axis in range(3):
            width += float(facets[0, NORMAL + axis]) ** 2
        if width > widest:
            corner[2], widest = p, width
    span(points, corner[0], corner[1], corner[2], zero, facets)
    tallest = zero
    for p in range(points.shape[0]):
        h = height(points, p, zero, facets)
        if abs(h) > abs(tallest):
            corner[3], tallest = p, h
    if tallest > 0:
        corner[1], corner[2] = corner[2], corner[1]
    for f in range(4):
        span(points, corner[TETRAHEDRON[f, 0]], corner[TETRAHEDRON[f, 1]], corner[TETRAHEDRON[f, 2]], f, facets)
        for j in range(3):
            facets[f, BESIDE + j] = TETRAHEDRON[f, 3 + j]


@jit.body
def hand_over(points, q, following, lists, of, n, facets):
    """Give the list of points that begins with q to facets, each point to the first facet that sees it.

    Points that no facet sees lie inside.

    Parameters
    ----------
    points, q, following, lists, facets
        See the module's text.
    of, n : int64
        The facets are lists[of, :n]; `of` is OPEN or FRESH.
    """
    while q >= 0:
        then = following[q]
        for m in range(n):
            f = lists[of, m]
            if height(points, q, f, facets) > 0:
                following[q] = facets[f, WAITING]
                facets[f, WAITING] = q
                break
        q = then


@jit.body
def cap(points, p, f, facets, lists, n_unused, first_new):
    """Join point p, outside facet f, to the rim of the patch of facets that it sees.

    Returns how many were seen and made.
    """
    n_seen, n_fresh, at = 1, 0, 0
    lists[SEEN, 0] = f
    facets[f, SEEN_BY] = p
    while at < n_seen:
        g = lists[SEEN, at]
        at += 1
        for j in range(3):
            h = facets[g, BESIDE + j]
            if facets[h, SEEN_BY] == p:
                continue
            if height(points, p, h, facets) > 0:
                facets[h, SEEN_BY] = p
                lists[SEEN, n_seen] = h
                n_seen += 1
                continue
            e = lists[UNUSED, n_unused - n_fresh - 1]
            a = facets[g, CORNER + j]
            span(points, a, facets[g, CORNER + (j + 1) % 3], p, e, facets)
            facets[e, BESIDE] = h
            for s in range(3):
                if facets[h, BESIDE + s] == g and facets[h, CORNER + (s + 1) % 3] == a:
                    facets[h, BESIDE + s] = e
            first_new[a] = e
            lists[FRESH, n_fresh] = e
            n_fresh += 1
    for k in range(n_fresh):
        e = lists[FRESH, k]
        after = first_new[facets[e, CORNER + 1]]
        facets[e, BESIDE + 1] = after
        facets[after, BESIDE + 2] = e
    return n_seen, n_fresh


@jit.body
def outermost(points, f, facets, following):
    """The waiting point that lies farthest outside facet f."""
    q = facets[f, WAITING]
    p, farthest = q, np.int64(0)
    while q >= 0:
        h = height(points, q, f, facets)
        if h > farthest:
            p, farthest = q, h
        q = following[q]
    return p


@jit.cpu
def convex_hull(points):
    """Quickhull in integers.

    The points must not all lie in one plane; duplicates may occur. Returns the table of facets, int64 [facets, 12]. A
    flat side comes as several triangles in one plane.
    """
    n = points.shape[0]
    room = 4 * n + 16
    facets, lists = np.empty((room, WIDTH), np.int64), np.empty((4, room), np.int64)
    following, first_new = np.empty(n, np.int64), np.empty(n, np.int64)
    alive, queued = np.zeros(room, np.uint8), np.zeros(room, np.uint8)
    simplex(points, facets)
    for k in range(room):
        lists[OPEN, k], lists[UNUSED, k] = k, room - 1 - k
    for q in range(n):
        following[q] = q - 1
    n_open, n_unused, open_, fresh = np.int64(4), room - 4, np.int64(OPEN), np.int64(FRESH)
    alive[:4] = 1
    queued[:4] = 1
    hand_over(points, n - 1, following, lists, open_, n_open, facets)
    while n_open > 0:
        n_open -= 1
        f = lists[OPEN, n_open]
        queued[f] = 0
        if alive[f] == 0 or facets[f, WAITING] < 0:
            continue
        n_seen, n_fresh = cap(points, outermost(points, f, facets, following), f, facets, lists, n_unused, first_new)
        n_unused -= n_fresh
        for k in range(n_seen):
            g = lists[SEEN, k]
            hand_over(points, facets[g, WAITING], following, lists, fresh, n_fresh, facets)
            alive[g] = 0
            lists[UNUSED, n_unused] = g
            n_unused += 1
        for k in range(n_fresh):
            e = lists[FRESH, k]
            alive[e] = 1
            if facets[e, WAITING] >= 0 and queued[e] == 0:
                queued[e] = 1
                lists[OPEN, n_open] = e
                n_open += 1
    return closed_up(alive, facets)


@jit.body
def closed_up(alive, facets):
    """The facets of the finished hull, renumbered.

    Parameters
    ----------
    alive : ndarray uint8 [facets]
        1 for each facet to keep.
    facets
        See the module's text.
    """
    number = np.empty(alive.size, np.int64)
    n = 0
    for f in range(alive.size):
        number[f] = n
        n += alive[f]
    kept = np.empty((n, WIDTH), np.int64)
    for f in range(alive.size):
        if alive[f]:
            for c in range(WIDTH):
                kept[number[f], c] = facets[f, c]
            for j in range(3):
                kept[number[f], BESIDE + j] = number[facets[f, BESIDE + j]]
    return kept


@jit.cpu
def corners(points, facets, spacing, place):
    """Corners of the hull in mm, float64 [h, 3] (z, y, x).

    Parameters
    ----------
    points, facets
        See the module's text.
    spacing : ndarray float64 [3]
        mm.
    place : ndarray int64 [n]
        Written: the row of each point, -1 for one that is no corner.
    """
    h = 0
    for p in range(place.size):
        place[p] = -1
    for f in range(facets.shape[0]):
        for j in range(3):
            p = facets[f, CORNER + j]
            if place[p] < 0:
                place[p] = h
                h += 1
    position = np.empty((h, 3))
    for p in range(place.size):
        if place[p] >= 0:
            for axis in range(3):
                position[place[p], axis] = points[p, axis] * (0.5 * spacing[axis])
    return position


@jit.cpu
def hull_size(facets, spacing):
    """Volume in mm³ and area in mm² of the hull; `facets` and `spacing` as for `corners`."""
    six = np.int64(0)
    area = 0.0
    cell = spacing[0] * spacing[1] * spacing[2]
    for f in range(facets.shape[0]):
        size = 0.0
        for axis in range(3):
            size += (facets[f, NORMAL + axis] * (cell / spacing[axis])) ** 2
        area += np.sqrt(size)
        six += facets[f, OFFSET]  # normal · corner = determinant of the three corners
    return six / 48.0 * cell, area / 8.0
