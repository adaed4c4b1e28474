"""What lies around a VOI: the ellipsoid of its principal axes, its convex hull, the smallest box and the smallest ellipsoid."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, ellipsoid, jit
from voxomics.kernels.box import smallest_box
from voxomics.kernels.hull import CORNER, NORMAL, OFFSET, convex_hull
from voxomics.kernels.outline import hull_candidates

FEATURES = (
    "volume_mesh",
    "volume_voxel_counting",
    "surface_area",
    "surface_to_volume_ratio",
    "compactness_1",
    "compactness_2",
    "spherical_disproportion",
    "sphericity",
    "asphericity",
    "centre_of_mass_shift",
    "maximum_3d_diameter",
    "major_axis_length",
    "minor_axis_length",
    "least_axis_length",
    "elongation",
    "flatness",
    "volume_density_aabb",
    "area_density_aabb",
    "volume_density_ombb",
    "area_density_ombb",
    "volume_density_aee",
    "area_density_aee",
    "volume_density_mvee",
    "area_density_mvee",
    "volume_density_convex_hull",
    "area_density_convex_hull",
    "integrated_intensity",
)
BOX, ELLIPSOID, DIAMETER = 1, 2, 4
"""What `around` finds beside the hull, bits."""


def axes(moments, spacing):
    """Semi-axes 2 √λ in mm of the voxel centres' covariance (n - 1), [k, 3] descending; NaN for one voxel, which has none.

    moments : int64 [k, 10] as `mesh.survey` counts them. spacing : float64 [k, 3].
    """
    n = moments[:, 0].astype(float)
    covariance = np.empty((len(n), 3, 3))
    for i, j, sums in ((0, 0, 4), (1, 1, 5), (2, 2, 6), (0, 1, 7), (0, 2, 8), (1, 2, 9)):
        value = (moments[:, sums] - moments[:, 1 + i] / n * moments[:, 1 + j]) / np.maximum(n - 1.0, 1.0)
        covariance[:, i, j] = covariance[:, j, i] = value * (spacing[:, i] * spacing[:, j])
    found = 2.0 * ellipsoid.semi_axes(covariance)
    found[n < 2] = np.nan
    return found


@jit.cpu
def corners(points, facets, spacing, place):
    """Corners of the hull in mm [h, 3]; place[p] is the row of point p."""
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


@jit.body
def square(z, y, x):
    """Squared length."""
    return z * z + y * y + x * x


@jit.cpu
def diameter(position):
    """Largest distance between two of the positions [h, 3]."""
    largest = 0.0
    for i in range(position.shape[0]):
        for j in range(i):
            z, y, x = position[i, 0] - position[j, 0], position[i, 1] - position[j, 1], position[i, 2] - position[j, 2]
            largest = max(largest, square(z, y, x))
    return np.sqrt(largest)


PAIRING = 128
"""Threads of a block that measures distances."""


@jit.gpu("i4[:, ::1], i8[::1], i8[::1], f8[:, ::1], i4[::1], i4[::1], i4[::1], f8[::1]")
def pairs_gpu(points, points_start, number, spacing, row, part, parts, largest):
    """Largest squared distance in mm² of the pairs that a block is given; points and number are from `outline.corners_gpu`.

    row, part, parts [b] : the VOI of each block, and which of how many shares of its pairs. spacing [n, 3]. largest [b].
    """
    room = jit.cuda.shared.array(PAIRING, np.float64)
    other = jit.cuda.shared.array((3, PAIRING), np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    b = jit.cuda.blockIdx.x
    i = row[b]
    first, n = points_start[i], number[i]
    dz, dy, dx = 0.5 * spacing[i, 0], 0.5 * spacing[i, 1], 0.5 * spacing[i, 2]
    found = 0.0
    tile = np.int64(part[b]) * threads
    while tile < n:
        p = first + min(tile + thread, n - 1)
        z, y, x = points[p, 0] * dz, points[p, 1] * dy, points[p, 2] * dx
        beside = np.int64(0)
        while beside <= tile:
            width = np.int32(min(np.int64(threads), n - beside))
            if thread < width:
                q = first + beside + thread
                other[0, thread], other[1, thread], other[2, thread] = points[q, 0] * dz, points[q, 1] * dy, points[q, 2] * dx
            jit.cuda.syncthreads()
            c = np.int32(0)
            while c < width:
                found = max(found, square(z - other[0, c], y - other[1, c], x - other[2, c]))
                c += 1
            jit.cuda.syncthreads()
            beside += threads
        tile += np.int64(parts[b]) * threads
    found = block.max_of(found, room)
    if thread == 0:
        largest[b] = found


@jit.cpu
def hull_size(facets, spacing):
    """Volume in mm³ and area in mm² of the hull."""
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


def around(region, start, shape, vois, pad, spacing, wanted):
    """Hull volume and area, diameter, volume and area of the smallest box, semi-axes of the smallest ellipsoid: [k, 8], mm.

    wanted : BOX, ELLIPSOID, DIAMETER, added up; what is not is NaN.

    The loop is Python's: compiled as one kernel, its steps would be optimised again as a whole, for half as long as all of them
    take one by one, and calling them costs a few microseconds a VOI.
    """
    out = np.full((len(vois), 8), np.nan)
    matrices = np.zeros((len(vois), 3, 3))
    for k, i in enumerate(vois):
        points = hull_candidates(region, start[i], *shape[i].astype(np.int64), pad)
        facets = convex_hull(points)
        place = np.empty(points.shape[0], np.int64)
        position = corners(points, facets, spacing[k], place)
        out[k, :2] = hull_size(facets, spacing[k])
        if wanted & DIAMETER:
            out[k, 2] = diameter(position)
        if wanted & BOX:
            out[k, 3:5] = smallest_box(position, facets, place, spacing[k])
        if wanted & ELLIPSOID:
            ellipsoid.enclosing_ellipsoid(position, matrices[k])
    if wanted & ELLIPSOID:
        out[:, 5:] = ellipsoid.semi_axes(matrices)
    return out


def measure(area, volume, moments, weighted, axes, around, extent, n_intensity, spacing, out):
    """The features into out [k, 27], from what the other functions found; arguments [k] or [k, n]."""
    n, total = moments[:, 0].astype(float), weighted[:, 0]
    ball = np.cbrt(36.0 * np.pi * volume * volume)  # area of the ball with the same volume
    a, b, c = axes.T
    aee_area, mvee_area = ellipsoid.area(np.concatenate((axes, around[:, 5:]))).reshape(2, -1)
    z, y, x = (extent * spacing).T
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        apart = (moments[:, 1:4] / n[:, None] - np.where(total == 0, np.nan, weighted[:, 1:].T / total).T) * spacing
        aee = np.where(c > 0, 4.0 / 3.0 * np.pi * a * b * c, np.nan)
        mean = np.where(n_intensity > 0, total / n_intensity, np.nan)
        shift = np.sqrt(apart[:, 0] ** 2 + apart[:, 1] ** 2 + apart[:, 2] ** 2)
        integrated = volume * mean
    columns = (
        volume,
        n * (spacing[:, 0] * spacing[:, 1] * spacing[:, 2]),
        area,
        area / volume,
        volume / (np.sqrt(np.pi) * area * np.sqrt(area)),
        36.0 * np.pi * volume * volume / (area * area * area),
        area / ball,
        ball / area,
        area / ball - 1.0,
        shift,
        around[:, 2],
        2.0 * a,
        2.0 * b,
        2.0 * c,
        b / a,
        c / a,
        volume / (z * y * x),
        area / (2.0 * (z * y + z * x + y * x)),
        volume / around[:, 3],
        area / around[:, 4],
        volume / aee,
        area / np.where(b > 0, aee_area, np.nan),
        volume / (4.0 / 3.0 * np.pi * around[:, 5] * around[:, 6] * around[:, 7]),
        area / mvee_area,
        volume / around[:, 0],
        area / around[:, 1],
        integrated,
    )
    for j, column in enumerate(columns):
        out[:, j] = column
