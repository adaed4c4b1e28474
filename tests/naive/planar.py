"""Diameters in planes, and the shape of a single slice, by their definitions: loops over triangles, squares and pixels."""

from __future__ import annotations

import itertools
from math import hypot, pi, sqrt

import numpy as np

from naive.intensity import UNDEFINED
from naive.morphology import mesh
from naive.terms import Value, image, product, quotient, total

RING = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Corners (y, x) of a square, one after the other."""


def planar_diameters(mask, spacing):
    """Largest distance between two vertices of the surface mesh in one plane across each axis, {name: Value}."""
    vertices = np.unique((2 * mesh(mask, (1, 1, 1)).reshape(-1, 3)).round().astype(int), axis=0)  # half voxels
    found = {}
    for axis, name in enumerate(("slice", "column", "row")):
        apart = [(q - p) * spacing / 2 for p, q in itertools.product(vertices, repeat=2) if p[axis] == q[axis]]
        found[f"maximum_2d_diameter_{name}"] = total([max(hypot(*d) for d in apart)])
    return found


def outline(mask, spacing):
    """Segments (from, to) of a slice's outline in mm by marching squares at 0.5.

    In each square of four pixel centres a segment cuts off every run of inside corners, from where the run ends to where it
    begins; two inside corners that face each other are two runs.
    """
    mask, segments = np.pad(mask, 1), []
    for y, x in itertools.product(*(range(n - 1) for n in mask.shape)):
        corners = [(y + dy, x + dx) for dy, dx in RING]
        for k in range(4):
            if mask[corners[k - 1]] or not mask[corners[k]]:
                continue
            last = k
            while mask[corners[(last + 1) % 4]]:
                last += 1
            after, before = corners[(last + 1) % 4], corners[k - 1]
            ends = [np.add(corners[last % 4], after) / 2 * spacing, np.add(corners[k], before) / 2 * spacing]
            segments.append(ends)
    return segments


def axes(points):
    """Major and minor axis length: 4 √λ of the covariance of all pixels; a λ that is only rounding is 0."""
    deviations = points - points.mean(0)
    values = np.linalg.eigvalsh(deviations.T @ deviations / len(points))[::-1]
    kept = [Value(v, values[0]) if v > 1e-12 * values[0] else Value(0.0, 0.0) for v in values]
    return tuple(product(Value(4.0, 0.0), image(sqrt, v)) for v in kept)


NAMES = (
    "mesh_surface", "pixel_surface", "perimeter", "perimeter_to_surface_ratio", "sphericity", "spherical_disproportion",
    "maximum_diameter", "major_axis_length", "minor_axis_length", "elongation",
)  # fmt: skip


def planar_morphology(mask, spacing):
    """The features of a mask that is one slice thick, {name: Value}; all undefined where it is thicker."""
    slices = np.flatnonzero(mask.any((1, 2)))
    if len(slices) > 1:
        return dict.fromkeys(NAMES, UNDEFINED)
    mask, spacing = mask[slices[0]], np.array(spacing[1:], float)
    segments = outline(mask, spacing)
    surface = total((q[0] * p[1] - q[1] * p[0]) / 2 for p, q in segments)
    perimeter = total(hypot(*(q - p)) for p, q in segments)
    circle = product(Value(2 * sqrt(pi), 0.0), image(sqrt, surface))
    points = np.array(segments).reshape(-1, 2)
    centres = np.argwhere(mask) * spacing
    major, minor = axes(centres)
    return {
        "mesh_surface": surface,
        "pixel_surface": total([len(centres) * np.prod(spacing)]),
        "perimeter": perimeter,
        "perimeter_to_surface_ratio": quotient(perimeter, surface),
        "sphericity": quotient(circle, perimeter),
        "spherical_disproportion": quotient(perimeter, circle),
        "maximum_diameter": total([max(hypot(*(p - q)) for p in points for q in points)]),
        "major_axis_length": major,
        "minor_axis_length": minor,
        "elongation": quotient(minor, major) if len(centres) > 1 else UNDEFINED,
    }
