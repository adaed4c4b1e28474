"""The smallest box and the largest diameter leave out most of what they could try, and find what trying everything finds."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from voxomics.kernels.shape import bound, box, diameter, hull, outline


def hull_of(points, spacing):
    """What `smallest_box` is given for lattice points: corners in mm, facets, place, spacing."""
    place = np.empty(len(points), np.int64)
    facets, spacing = hull.convex_hull(points), np.array(spacing, float)
    return hull.corners(points, facets, spacing, place), facets, place, spacing


def hull_around(mask, spacing):
    """The hull of a mask's mesh."""
    inside = np.argwhere(mask)
    region = np.pad(mask[tuple(map(slice, inside.min(0), inside.max(0) + 1))], 1).astype(np.uint8)
    return hull_of(outline.hull_candidates(region.ravel(), 0, *region.shape, 1), spacing)


def ellipsoid(axes, turn=None, power=2):
    """A turned ellipsoid; with the power inf, a turned block."""
    n = int(2 * max(axes)) + 3
    turn = np.eye(3) if turn is None else turn
    grid = np.moveaxis(np.indices((n, n, n)) - n / 2 + 0.3, 0, -1) @ turn / axes
    return np.linalg.norm(grid, power, axis=-1) <= 1.0


def blob(rng, radius):
    """An ellipsoid with a wavy surface."""
    waves = ndimage.gaussian_filter(rng.standard_normal((26, 26, 26)), 2)
    return (np.linalg.norm(np.indices((26, 26, 26)) - 12.5, axis=0) / radius) ** 2 + 2 * waves < 0.8


def prism(longest):
    """Corners of a prism over a lattice polygon that has an edge along each direction up to a length."""
    steps = [(a, b) for a in range(-longest, longest + 1) for b in range(-longest, longest + 1) if np.gcd(a, b) == 1]
    polygon = np.cumsum(sorted(steps, key=lambda step: np.arctan2(*step)), axis=0)
    return np.array([(z, *corner) for z in (0, 50) for corner in polygon])


def random_hulls(kind, number):
    rng = np.random.default_rng(8)
    for _ in range(number):
        turn = Rotation.random(random_state=int(rng.integers(1 << 31))).as_matrix()
        mask = {
            "tilted ellipsoid": lambda turn=turn: ellipsoid(rng.uniform(1.2, 13.0, 3), turn),
            "tilted block": lambda turn=turn: ellipsoid(rng.uniform(0.9, 10.0, 3), turn, np.inf),
            "thin": lambda turn=turn: ellipsoid(rng.choice([0.9, 15.0], 3), turn),
            "block": lambda: np.ones(rng.integers(1, 20, 3), bool),
            "sphere": lambda: ellipsoid(np.full(3, rng.uniform(0.9, 12.0))),
            "blob": lambda: blob(rng, rng.uniform(4.0, 11.0)),
            "noise": lambda: rng.random(rng.integers(1, 9, 3)) < 0.5,
        }[kind]()
        mask.flat[0] |= not mask.any()
        yield hull_around(mask, (1.0, 1.0, 1.0) if kind == "sphere" else rng.uniform(0.5, 3.0, 3))


KINDS = ("tilted ellipsoid", "tilted block", "thin", "block", "sphere", "blob", "noise")
LARGE = {
    "an ellipsoid": lambda: hull_around(ellipsoid((12.5, 22.0, 26.0)), (2.5, 0.8, 0.8)),
    "more than MOST_FACETS": lambda: hull_around(ellipsoid((23.3, 25.1, 24.2)), (1.0, 1.0, 1.0)),
    "no gentle facet": lambda: hull_of(prism(16), (0.5, 1.0, 1.0)),
}


@numba.njit(error_model="numpy")
def on_facet(f, hull, unit, stride, best):
    """Try the boxes on a facet."""
    position, facets, place, _ = hull
    along = position @ unit[f]
    rim, flat, u, v = np.empty(len(facets), np.int64), np.empty((len(facets) + 1, 2)), np.empty(3), np.empty(3)
    m = box.outline(f, facets, unit, place, stride, rim)
    box.axes_across(unit[f], u, v)
    box.rectangles(flat, box.flatten(position, rim, m, u, v, flat), along.max() - along.min(), best)


@numba.njit(error_model="numpy")
def exhaustive(hull, smallest):
    """Volume and area of the smallest box; every facet is tried. The smallest box on each facet is written, mm³."""
    position, facets, _, spacing = hull
    normal, steepness = np.empty((len(facets), 3), np.int64), np.empty(len(facets), np.int64)
    unit = box.unit_normals(facets, spacing, normal, steepness)
    best, size = np.full(2, np.inf), np.empty(3)
    box.extent(position, size)
    box.keep_smaller(size[0], size[1], size[2], best)
    steepest = box.gentle(steepness)
    smallest[:] = np.inf
    for f in range(len(facets)):
        if steepness[f] <= steepest:
            own = np.full(2, np.inf)
            on_facet(f, hull, unit, 1, own)
            on_facet(f, hull, unit, 1, best)
            smallest[f] = own[0]
    bounds = box.bounds_of(np.arange(len(facets)), unit, position, size)
    return best[0], best[1], bounds


def directions(facets):
    """How many directions facets have; opposite ones are the same."""
    normals = facets[:, hull.NORMAL : hull.NORMAL + 3] // np.gcd.reduce(facets[:, hull.NORMAL : hull.NORMAL + 3], 1)[:, None]
    return len({max(tuple(n), tuple(-n)) for n in normals})


def compare(found, what):
    """Facets tried, and directions that facets have."""
    smallest = np.empty(len(found[1]))
    volume, area, bounds = exhaustive(found, smallest)
    got_volume, got_area, tried = box.smallest_box(*found)
    assert abs(got_volume / volume - 1) < 1e-14 and abs(got_area / area - 1) < 1e-14, what
    assert (bounds <= smallest * (1 + 1e-12)).all(), what
    return tried, directions(found[1][smallest < np.inf])


@pytest.mark.parametrize("kind", KINDS)
def test_the_box_is_that_of_all_facets_and_no_bound_exceeds_a_facets_box(kind):
    tried = np.array([compare(found, f"{kind} {k}") for k, found in enumerate(random_hulls(kind, 45))])
    assert (tried[:, 0] <= tried[:, 1]).all()
    assert tried[:, 0].sum() < 0.5 * tried[:, 1].sum()


@pytest.mark.parametrize("kind", LARGE)
def test_the_box_of_a_large_hull_is_that_of_all_facets(kind):
    compare(LARGE[kind](), kind)


def test_few_facets_of_an_ellipsoid_are_tried():
    tried, there = compare(LARGE["an ellipsoid"](), "")
    assert tried <= 6 and there > 300


def test_no_bound_exceeds_a_box_at_any_angle():
    rng = np.random.default_rng(9)
    for kind in KINDS:
        for position, facets, _, spacing in random_hulls(kind, 4):
            f = rng.integers(len(facets))
            normal = facets[f, hull.NORMAL : hull.NORMAL + 3] / spacing
            normal /= np.linalg.norm(normal)
            u = np.linalg.svd(normal[None])[2][1]
            v, angles = np.cross(normal, u), np.linspace(0, np.pi / 2, 2000)[:, None]
            wide, high, deep = (
                np.ptp(position @ np.atleast_2d(d).T, axis=0)
                for d in (np.cos(angles) * u + np.sin(angles) * v, np.cos(angles) * v - np.sin(angles) * u, normal)
            )
            assert bound_of(normal, u, v, position) <= (wide * high * deep).min() * (1 + 1e-12), kind


@numba.njit(error_model="numpy")
def bound_of(normal, u, v, position):
    size = np.empty(3)
    box.extent(position, size)
    pairs = bound.outermost_pairs(position, size, 6)
    return bound.least_volume(normal, u, v, pairs, size, 6, bound.quarter_turn(8))


def clouds():
    """Points of which the two that are farthest apart are hard to find, and corners of hulls."""
    rng = np.random.default_rng(10)
    for n in (1, 2, 3, 5, 40):
        for _ in range(40):
            yield rng.normal(size=(n, 3)) * rng.choice([0.1, 1.0, 9.0], 3)
    for _ in range(40):  # on a ball, and on three arcs around the corners of a triangle: all diameters are nearly equal
        points = rng.normal(size=(60, 3))
        yield points / np.linalg.norm(points, axis=1, keepdims=True)
        angle, corner = rng.uniform(-np.pi / 6, np.pi / 6, 60), rng.integers(3, size=60) * 2 * np.pi / 3
        tips = np.stack((np.cos(corner), np.sin(corner)), 1) / -np.sqrt(3)
        yield np.column_stack((rng.uniform(0, 1e-3, 60), tips + np.stack((np.cos(corner + angle), np.sin(corner + angle)), 1)))
    for kind in KINDS:
        yield from (found[0] for found in random_hulls(kind, 20))


def test_the_diameter_is_that_of_all_pairs():
    for points in clouds():
        z, y, x = (points[:, None] - points).T
        assert diameter.diameter(points) == np.sqrt((z * z + y * y + x * x).max())
