"""Morphology by its definitions (IBSI HCUG): a mesh in millimetres, loops over triangles and voxels."""

from __future__ import annotations

import itertools
from math import hypot, pi, sqrt

import numpy as np
from scipy.spatial import ConvexHull
from scipy.special import eval_legendre

from naive.intensity import UNDEFINED
from naive.terms import Value, difference, image, product, quotient, total
from voxomics.kernels.shape.marching_cubes import EDGES, TRIANGLES


def complement_turned_over(configuration):
    """Letters of the triangles of a cell's complement, each the other way round."""
    letters = TRIANGLES[255 - configuration]
    return "".join(letters[k : k + 3][::-1] for k in range(0, len(letters), 3))


def mesh(mask, spacing, kind="closed"):
    """Triangles of a mask's surface at 0.5, float64 [triangles, 3 vertices, 3], mm: marching cubes, cell by cell.

    kind "complementary": a cell whose voxel (1, 1, 0) is inside has the triangles of its complement, turned over. The origin is
    the voxel before the first one of the mask's box, along every axis.
    """
    inside = np.argwhere(np.asarray(mask) > 0)
    box = tuple(slice(low, high + 1) for low, high in zip(inside.min(0), inside.max(0), strict=True))
    mask = np.pad(np.asarray(mask)[box] > 0, 1)
    found = []
    for z, y, x in itertools.product(*(range(n - 1) for n in mask.shape)):
        corners = itertools.product((0, 1), repeat=3)
        configuration = sum(int(mask[z + dz, y + dy, x + dx]) << (4 * dz + 2 * dy + dx) for dz, dy, dx in corners)
        is_turned = kind == "complementary" and mask[z + 1, y + 1, x]
        letters = complement_turned_over(configuration) if is_turned else TRIANGLES[configuration]
        for k in range(0, len(letters), 3):
            found.append([[(o + e / 2) * s for o, e, s in zip((z, y, x), EDGES[ord(c) - ord("a")], spacing, strict=True)]
                          for c in letters[k : k + 3]])  # fmt: skip
    return np.array(found)


def area_and_volume(triangles):
    """Σ |(b - a) × (c - a)| / 2 and Σ a · (b × c) / 6 over the triangles; only a mesh with holes may have a volume below 0."""
    area = total(np.linalg.norm(np.cross(b - a, c - a)) / 2 for a, b, c in triangles)
    volume = total(np.dot(a, np.cross(b, c)) / 6 for a, b, c in triangles)
    return area, volume


def ellipsoid_area(a, b, c):
    """IBSI's series, degrees 0 to 20."""
    alpha, beta = sqrt(1 - b**2 / a**2), sqrt(1 - c**2 / a**2)
    series = []
    for v in range(21):
        if alpha * beta > 1e-8:
            series.append(
                (alpha * beta) ** v / (1 - 4 * v**2) * eval_legendre(v, (alpha**2 + beta**2) / (2 * alpha * beta))
            )
        else:  # (αβ)^v P_v → leading coefficient of P_v times ((α² + β²) / 2)^v
            leading = np.polynomial.legendre.leg2poly([0] * v + [1])[-1]
            series.append(leading * ((alpha**2 + beta**2) / 2) ** v / (1 - 4 * v**2))
    return total(4 * pi * a * b * term for term in series)


def axes(points):
    """Major, minor and least axis length: 4 √λ of the sample covariance; a λ that is only rounding is 0.

    The terms of a λ are those of the largest: an eigenvalue moves by no more than the matrix does.
    """
    if len(points) < 2:
        return UNDEFINED, UNDEFINED, UNDEFINED
    values = np.sort(np.linalg.eigvalsh(np.cov(points.T)))[::-1]
    kept = [Value(v, values[0]) if v > 1e-12 * values[0] else Value(0.0, 0.0) for v in values]
    return tuple(product(Value(4.0, 0.0), image(sqrt, v)) for v in kept)


def box(extent):
    """Volume and area of a box from the lengths of its sides."""
    z, y, x = extent
    faces = [product(Value(2.0, 0.0), a, b) for a, b in ((z, y), (z, x), (y, x))]
    return product(z, y, x), Value(sum(f.value for f in faces), sum(f.terms for f in faces))


def extent_along(points, frame):
    """How far points reach along each row of a frame: largest less smallest projection."""
    along = points @ np.array(frame).T
    return [total([largest, -smallest]) for largest, smallest in zip(along.max(0), along.min(0), strict=True)]


def smallest_box(points):
    """(volume, area) of the smallest box: axis-aligned, or a side on a facet of the hull, another on an edge's shadow."""
    hull = ConvexHull(points)
    choices = [box(extent_along(points, np.eye(3)))]
    for normal in hull.equations[:, :3]:
        u = np.cross(normal, np.eye(3)[np.argmin(abs(normal))])
        u /= np.linalg.norm(u)
        v = np.cross(normal, u)
        shadow = ConvexHull(points @ np.array([u, v]).T)
        for p, q in shadow.equations[:, :2]:
            first = p * u + q * v
            choices.append(box(extent_along(points, [normal, first, np.cross(normal, first)])))
    smallest = min(volume.value for volume, _ in choices)
    return min((c for c in choices if c[0].value <= smallest * (1 + 1e-9)), key=lambda c: c[1].value)


def smallest_ellipsoid(points, tolerance=1e-9, steps=100_000):
    """Squared semi-axes, descending, of the smallest ellipsoid around points, to about the tolerance.

    Weight goes step by step to the point farthest outside, or away from the one farthest inside (Todd and Yıldırım 2007).
    """
    q = np.column_stack([points, np.ones(len(points))])
    weight = np.full(len(points), 1 / len(points))
    for _ in range(steps):
        distance = np.einsum("ij,jk,ik->i", q, np.linalg.inv((q.T * weight) @ q), q)
        far, near = np.argmax(distance), np.argmin(np.where(weight > 0, distance, np.inf))
        if distance[far] / 4 - 1 < tolerance and 1 - distance[near] / 4 < tolerance:
            break
        i = far if distance[far] / 4 - 1 > 1 - distance[near] / 4 else near
        all_of_it = -weight[i] / (1 - weight[i])
        share = (distance[i] - 4) / (4 * (distance[i] - 1)) if distance[i] > 1 else all_of_it
        share = max(share, all_of_it)
        weight *= 1 - share
        weight[i] += share
        if share == all_of_it:
            weight[i] = 0.0
    centre = weight @ points
    return np.linalg.eigvalsh(3 * ((points - centre).T * weight) @ (points - centre))[::-1]


def around(triangles, area, volume):
    """The features that compare the mesh with its convex hull and with bodies around it."""
    vertices = triangles.reshape(-1, 3)
    hull = ConvexHull(vertices)
    corners = vertices[hull.vertices]
    of_aabb, of_ombb = box(extent_along(vertices, np.eye(3))), smallest_box(corners)
    a, b, c = np.sqrt(smallest_ellipsoid(corners))
    of_mvee = 4 / 3 * pi * a * b * c, ellipsoid_area(a, b, c).value
    result = {"maximum_3d_diameter": total([max(hypot(*(p - q)) for p in corners for q in corners)])}
    for name, (its_volume, its_area) in {
        "aabb": of_aabb,
        "ombb": of_ombb,
        # not sums: both searches end when no point lies outside by more than 1e-9
        "mvee": tuple(Value(x, 1e4 * x) for x in of_mvee),
        "convex_hull": (total([hull.volume]), total([hull.area])),
    }.items():
        result[f"volume_density_{name}"] = quotient(volume, its_volume)
        result[f"area_density_{name}"] = quotient(area, its_area)
    return result


def centre_of_mass_shift(centres, where, values):
    """Length of the difference between the mask's centre and that of its intensities; NaN where these add up to 0."""
    apart = [
        difference(
            quotient(total(centres[:, axis]), total([len(centres)])),
            quotient(total(values * where[:, axis]), total(values)),
        )
        for axis in range(3)
    ]
    return Value(hypot(*(d.value for d in apart)), hypot(*(d.terms for d in apart)))


def shape(area, volume):
    """The features that follow from area and volume."""
    of_ball = image(
        lambda x: x ** (1 / 3), product(Value(36 * pi, 0.0), volume, volume)
    )  # area of the ball of this volume
    return {
        "surface_to_volume_ratio": quotient(area, volume),
        "compactness_1": quotient(volume, product(Value(sqrt(pi), 0.0), image(lambda x: x**1.5, area))),
        "compactness_2": quotient(product(Value(36 * pi, 0.0), volume, volume), product(area, area, area)),
        "spherical_disproportion": quotient(area, of_ball),
        "sphericity": quotient(of_ball, area),
        "asphericity": difference(quotient(area, of_ball), Value(1.0, 1.0)),
    }


def principal_axes(centres, area, volume):
    """The features of the ellipsoid that has the principal axes of the voxels' centres."""
    major, minor, least = axes(centres)
    ellipsoid = product(Value(pi / 6, 0.0), major, minor, least)
    around_it = ellipsoid_area(*(axis.value / 2 for axis in (major, minor, least))) if minor.value > 0 else UNDEFINED
    return {
        "major_axis_length": major,
        "minor_axis_length": minor,
        "least_axis_length": least,
        "elongation": quotient(minor, major),
        "flatness": quotient(least, major),
        "volume_density_aee": quotient(volume, ellipsoid) if least.value > 0 else UNDEFINED,
        "area_density_aee": quotient(area, around_it),
    }


NAMES = (
    "volume_mesh", "volume_voxel_counting", "surface_area", "surface_to_volume_ratio", "compactness_1", "compactness_2",
    "spherical_disproportion", "sphericity", "asphericity", "centre_of_mass_shift", "maximum_3d_diameter", "major_axis_length",
    "minor_axis_length", "least_axis_length", "elongation", "flatness", "volume_density_aabb", "area_density_aabb",
    "volume_density_ombb", "area_density_ombb", "volume_density_aee", "area_density_aee", "volume_density_mvee",
    "area_density_mvee", "volume_density_convex_hull", "area_density_convex_hull", "integrated_intensity",
)  # fmt: skip


def morphology(image, mask, intensity_mask, spacing, kind="closed"):
    """The 27 features but the two of naive/spatial.py, {name: Value}, in the standard's order."""
    spacing = np.array(spacing, float)
    triangles = mesh(mask, spacing, kind)
    area, volume = area_and_volume(triangles)
    centres = np.argwhere(mask) * spacing
    where = np.argwhere(intensity_mask) * spacing
    values = image[np.asarray(intensity_mask, bool)].astype(float)
    mean = quotient(total(values), Value(len(values), 0.0))
    found = {
        "volume_mesh": volume,
        "volume_voxel_counting": total([np.count_nonzero(mask) * np.prod(spacing)]),
        "surface_area": area,
        **shape(area, volume),
        "centre_of_mass_shift": centre_of_mass_shift(centres, where, values),
        **principal_axes(centres, area, volume),
        **around(triangles, area, volume),
        "integrated_intensity": product(volume, mean),
    }
    return {name: found[name] for name in NAMES}
