"""Morphological features (IBSI HCUG) of VOIs, from what the other files found about them."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.shape import ellipsoid
from voxomics.kernels.shape.around import BOX_AREA, BOX_VOLUME, HULL_AREA, HULL_VOLUME, LARGEST_DIAMETER
from voxomics.kernels.shape.moments import TOTAL, TOTAL_Z, XX, YX, YY, ZX, ZY, ZZ, N, Z

(
    VOLUME_MESH,
    VOLUME_VOXEL_COUNTING,
    SURFACE_AREA,
    SURFACE_TO_VOLUME_RATIO,
    COMPACTNESS_1,
    COMPACTNESS_2,
    SPHERICAL_DISPROPORTION,
    SPHERICITY,
    ASPHERICITY,
    CENTRE_OF_MASS_SHIFT,
    MAXIMUM_3D_DIAMETER,
    MAJOR_AXIS_LENGTH,
    MINOR_AXIS_LENGTH,
    LEAST_AXIS_LENGTH,
    ELONGATION,
    FLATNESS,
    VOLUME_DENSITY_AABB,
    AREA_DENSITY_AABB,
    VOLUME_DENSITY_OMBB,
    AREA_DENSITY_OMBB,
    VOLUME_DENSITY_AEE,
    AREA_DENSITY_AEE,
    VOLUME_DENSITY_MVEE,
    AREA_DENSITY_MVEE,
    VOLUME_DENSITY_CONVEX_HULL,
    AREA_DENSITY_CONVEX_HULL,
    INTEGRATED_INTENSITY,
) = range(27)  # places of the features; the family's catalogue has them in the same order


@jit.cpu
def covariances(moments, spacing, out):
    """Write the covariance (n - 1) of the voxel centres of each VOI; 0 for one voxel, which has none.

    Parameters
    ----------
    moments : ndarray int64 [k, 10]
        From `moments.survey`.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    out : ndarray float64 [k, 3, 3]
        Written, mm².
    """
    for k in range(moments.shape[0]):
        n = float(moments[k, N])
        for i, j, sums in ((0, 0, ZZ), (1, 1, YY), (2, 2, XX), (0, 1, ZY), (0, 2, ZX), (1, 2, YX)):
            value = (moments[k, sums] - moments[k, Z + i] / n * moments[k, Z + j]) / max(n - 1.0, 1.0)
            out[k, i, j] = out[k, j, i] = value * (spacing[k, i] * spacing[k, j])


@jit.body
def of_surface(area, volume, size, out):
    """Features of the surface alone.

    Parameters
    ----------
    area, volume : float64
        Of the mesh, mm² and mm³.
    size : tuple of float64 [3]
        Extent (z, y, x) of the mask, mm.
    out : ndarray float64 [features]
        Written.
    """
    z, y, x = size
    ball = np.cbrt(36.0 * np.pi * volume * volume)  # area of the ball with the same volume
    out[VOLUME_MESH] = volume
    out[SURFACE_AREA] = area
    out[SURFACE_TO_VOLUME_RATIO] = area / volume
    out[COMPACTNESS_1] = volume / (np.sqrt(np.pi) * area * np.sqrt(area))
    out[COMPACTNESS_2] = 36.0 * np.pi * volume * volume / (area * area * area)
    out[SPHERICAL_DISPROPORTION] = area / ball
    out[SPHERICITY] = ball / area
    out[ASPHERICITY] = area / ball - 1.0
    out[VOLUME_DENSITY_AABB] = volume / (z * y * x)
    out[AREA_DENSITY_AABB] = area / (2.0 * (z * y + z * x + y * x))


@jit.body
def of_ellipsoids(area, volume, axes, enclosing, out):
    """Features of the ellipsoid with the principal axes, and of the smallest one around the mesh.

    Parameters
    ----------
    area, volume : float64
        Of the mesh, mm² and mm³.
    axes, enclosing : ndarray float64 [3]
        Semi-axes, descending, mm.
    out : ndarray float64 [features]
        Written.
    """
    a, b, c = axes[0], axes[1], axes[2]
    out[MAJOR_AXIS_LENGTH] = 2.0 * a
    out[MINOR_AXIS_LENGTH] = 2.0 * b
    out[LEAST_AXIS_LENGTH] = 2.0 * c
    out[ELONGATION] = b / a
    out[FLATNESS] = c / a
    out[VOLUME_DENSITY_AEE] = volume / (4.0 / 3.0 * np.pi * a * b * c) if c > 0.0 else np.nan
    out[AREA_DENSITY_AEE] = area / ellipsoid.area(a, b, c) if b > 0.0 else np.nan
    a, b, c = enclosing[0], enclosing[1], enclosing[2]
    out[VOLUME_DENSITY_MVEE] = volume / (4.0 / 3.0 * np.pi * a * b * c) if c > 0.0 else np.nan
    out[AREA_DENSITY_MVEE] = area / ellipsoid.area(a, b, c) if c > 0.0 else np.nan


@jit.body
def of_mass(volume, moments, weighted, n_intensity, spacing, out):
    """Features of the voxels and of their intensities.

    Parameters
    ----------
    volume : float64
        Of the mesh, mm³.
    moments : ndarray int64 [10]
    weighted : ndarray float64 [4]
        From `moments.survey`.
    n_intensity : int64
        Voxels of the intensity mask.
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    out : ndarray float64 [features]
        Written.
    """
    n, total = float(moments[N]), weighted[TOTAL]
    shift = 0.0
    for axis in range(spacing.size):
        weighted_centre = weighted[TOTAL_Z + axis] / total if total != 0.0 else np.nan
        shift += ((moments[Z + axis] / n - weighted_centre) * spacing[axis]) ** 2
    out[CENTRE_OF_MASS_SHIFT] = np.sqrt(shift)
    out[VOLUME_VOXEL_COUNTING] = n * (spacing[0] * spacing[1] * spacing[2])
    out[INTEGRATED_INTENSITY] = volume * (total / n_intensity) if n_intensity > 0 else np.nan


@jit.cpu
def measure(area, volume, moments, weighted, axes, around, enclosing, extent, n_intensity, spacing, out):
    """Compute the features.

    Parameters
    ----------
    area, volume : ndarray float64 [k]
        Of the mesh, mm² and mm³.
    moments : ndarray int64 [k, 10]
    weighted : ndarray float64 [k, 4]
        From `moments.survey`.
    axes : ndarray float64 [k, 3]
        √λ of the voxel centres' covariance, descending, mm; doubled.
    around : ndarray float64 [k, 5]
        From `around`; NaN where it was not wanted.
    enclosing : ndarray float64 [k, 3]
        Semi-axes of the smallest ellipsoid around the mesh, descending, mm; 0 where they were not wanted.
    extent : ndarray int64 [k, 3]
        Size (z, y, x) of the mask, voxels.
    n_intensity : ndarray int64 [k]
        Voxels of the intensity mask.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    out : ndarray float64 [k, features]
        Written; places VOLUME_MESH to INTEGRATED_INTENSITY. NaN where an intensity or its sum left float64.
    """
    for k in range(area.size):
        size = (extent[k, 0] * spacing[k, 0], extent[k, 1] * spacing[k, 1], extent[k, 2] * spacing[k, 2])
        of_surface(area[k], volume[k], size, out[k])
        for axis in range(3):
            axes[k, axis] = 2.0 * axes[k, axis] if moments[k, N] > 1 else np.nan
        of_ellipsoids(area[k], volume[k], axes[k], enclosing[k], out[k])
        of_mass(volume[k], moments[k], weighted[k], n_intensity[k], spacing[k], out[k])
        out[k, MAXIMUM_3D_DIAMETER] = around[k, LARGEST_DIAMETER]
        out[k, VOLUME_DENSITY_OMBB] = volume[k] / around[k, BOX_VOLUME]
        out[k, AREA_DENSITY_OMBB] = area[k] / around[k, BOX_AREA]
        out[k, VOLUME_DENSITY_CONVEX_HULL] = volume[k] / around[k, HULL_VOLUME]
        out[k, AREA_DENSITY_CONVEX_HULL] = area[k] / around[k, HULL_AREA]
        for f in range(out.shape[1]):
            if np.isinf(out[k, f]):
                out[k, f] = np.nan
