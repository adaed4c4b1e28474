"""Morphology by its definitions (IBSI HCUG): a mesh in millimetres, loops over triangles, voxels and pairs."""

from __future__ import annotations

from itertools import product
from math import hypot, nan, pi, sqrt

import numpy as np
from scipy.spatial import ConvexHull
from scipy.special import eval_legendre

from voxomics.kernels.shape.marching_cubes import EDGES, TRIANGLES


def mesh(mask, spacing):
    """Triangles of a mask's surface at 0.5, float64 [triangles, 3 vertices, 3] in mm: marching cubes, cell by cell."""
    mask = np.pad(np.asarray(mask) > 0, 1)
    found = []
    for z, y, x in product(*(range(n - 1) for n in mask.shape)):
        corners = product((0, 1), repeat=3)
        configuration = sum(int(mask[z + dz, y + dy, x + dx]) << (4 * dz + 2 * dy + dx) for dz, dy, dx in corners)
        letters = TRIANGLES[configuration]
        for k in range(0, len(letters), 3):
            found.append([[(o + e / 2) * s for o, e, s in zip((z, y, x), EDGES[ord(c) - ord("a")], spacing, strict=True)]
                          for c in letters[k : k + 3]])  # fmt: skip
    return np.array(found)


def area_and_volume(triangles):
    area, volume = 0.0, 0.0
    for a, b, c in triangles:
        area += np.linalg.norm(np.cross(b - a, c - a)) / 2
        volume += np.dot(a, np.cross(b, c)) / 6
    return area, abs(volume)


def ellipsoid_area(a, b, c):
    """IBSI's series, degrees 0 to 20."""
    alpha, beta = sqrt(1 - b**2 / a**2), sqrt(1 - c**2 / a**2)
    total = 0.0
    for v in range(21):
        if alpha * beta > 1e-8:
            total += (alpha * beta) ** v / (1 - 4 * v**2) * eval_legendre(v, (alpha**2 + beta**2) / (2 * alpha * beta))
        else:  # (αβ)^v P_v → leading coefficient of P_v times ((α² + β²) / 2)^v
            leading = np.polynomial.legendre.leg2poly([0] * v + [1])[-1]
            total += leading * ((alpha**2 + beta**2) / 2) ** v / (1 - 4 * v**2)
    return 4 * pi * a * b * total


def axes(points):
    """Major, minor and least axis length: 4 √λ of the sample covariance; a λ that is only rounding is 0."""
    if len(points) < 2:
        return nan, nan, nan
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    return tuple(4 * sqrt(v) if v > 1e-12 * values[0] else 0.0 for v in values)


def smallest_box(points):
    """(volume, area) of the smallest box: axis-aligned, or with a side on a facet of the hull, another on an edge's shadow."""

    def sides(frame):
        extent = np.ptp(points @ np.array(frame).T, axis=0)
        return np.prod(extent), 2 * (extent[0] * extent[1] + extent[0] * extent[2] + extent[1] * extent[2])

    hull = ConvexHull(points)
    choices = [sides(np.eye(3))]
    for normal in hull.equations[:, :3]:
        u = np.cross(normal, np.eye(3)[np.argmin(abs(normal))])
        u /= np.linalg.norm(u)
        v = np.cross(normal, u)
        shadow = ConvexHull(points @ np.array([u, v]).T)
        for p, q in shadow.equations[:, :2]:
            first = p * u + q * v
            choices.append(sides([normal, first, np.cross(normal, first)]))
    smallest = min(choices)[0]
    return min((c for c in choices if c[0] <= smallest * (1 + 1e-9)), key=lambda c: c[1])


def smallest_ellipsoid(points, tolerance=1e-4, steps=20_000):
    """Squared semi-axes of the ellipsoid around points, by multiplying weights with distances (Titterington): slow and sure."""
    q = np.column_stack([points, np.ones(len(points))])
    weight = np.full(len(points), 1 / len(points))
    for _ in range(steps):
        distance = np.einsum("ij,jk,ik->i", q, np.linalg.inv((q.T * weight) @ q), q) / 4
        if distance.max() < 1 + tolerance:
            break
        weight *= distance
    centre = weight @ points
    return np.linalg.eigvalsh(3 * ((points - centre).T * weight) @ (points - centre))[::-1]


def moran_geary(points, values):
    """Moran's I and Geary's C over all ordered pairs."""
    n = len(values)
    if n < 2 or np.all(values == values[0]):
        return nan, nan
    mean = sum(values) / n
    weights = products = differences = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                w = 1 / hypot(*(points[i] - points[j]))
                weights += w
                products += w * (values[i] - mean) * (values[j] - mean)
                differences += w * (values[i] - values[j]) ** 2
    square = sum((v - mean) ** 2 for v in values)
    return n / weights * products / square, (n - 1) / (2 * weights) * differences / square


def morphology(image, mask, intensity_mask, spacing):
    """The 29 features but MVEE's two, which are approximate: {name: value}, in the standard's order."""
    spacing = np.array(spacing, float)
    triangles = mesh(mask, spacing)
    area, volume = area_and_volume(triangles)
    vertices = triangles.reshape(-1, 3)
    centres = np.argwhere(mask) * spacing
    where = np.argwhere(intensity_mask) * spacing
    values = image[np.asarray(intensity_mask, bool)].astype(float)
    total = values.sum() if len(values) else 0.0
    shift = np.linalg.norm(centres.mean(0) - values @ where / total) if total != 0 else nan
    hull = ConvexHull(vertices)
    corners = vertices[hull.vertices]
    diameter = max(hypot(*(p - q)) for p in corners for q in corners)
    major, minor, least = axes(centres)
    extent = np.ptp(vertices, axis=0)
    box, box_area = smallest_box(corners)
    moran, geary = moran_geary(where, values)
    return {
        "volume_mesh": volume,
        "volume_voxel_counting": np.count_nonzero(mask) * np.prod(spacing),
        "surface_area": area,
        "surface_to_volume_ratio": area / volume,
        "compactness_1": volume / (pi**0.5 * area**1.5),
        "compactness_2": 36 * pi * volume**2 / area**3,
        "spherical_disproportion": area / (36 * pi * volume**2) ** (1 / 3),
        "sphericity": (36 * pi * volume**2) ** (1 / 3) / area,
        "asphericity": (area**3 / (36 * pi * volume**2)) ** (1 / 3) - 1,
        "centre_of_mass_shift": shift,
        "maximum_3d_diameter": diameter,
        "major_axis_length": major,
        "minor_axis_length": minor,
        "least_axis_length": least,
        "elongation": minor / major,
        "flatness": least / major,
        "volume_density_aabb": volume / np.prod(extent),
        "area_density_aabb": area / (2 * (extent[0] * extent[1] + extent[0] * extent[2] + extent[1] * extent[2])),
        "volume_density_ombb": volume / box,
        "area_density_ombb": area / box_area,
        "volume_density_aee": volume / (pi / 6 * major * minor * least) if least > 0 else nan,
        "area_density_aee": area / ellipsoid_area(major / 2, minor / 2, least / 2) if minor > 0 else nan,
        "volume_density_mvee": None,
        "area_density_mvee": None,
        "volume_density_convex_hull": volume / hull.volume,
        "area_density_convex_hull": area / hull.area,
        "integrated_intensity": volume * total / len(values) if len(values) else nan,
        "morans_i_index": moran,
        "gearys_c_measure": geary,
    }
