"""Morphological features (IBSI HCUG) of VOIs, from what the other files found about them."""

from __future__ import annotations

import numpy as np

from voxomics.kernels.shape import ellipsoid
from voxomics.kernels.shape.around import (
    BOX_AREA,
    BOX_VOLUME,
    HULL_AREA,
    HULL_VOLUME,
    LARGEST_DIAMETER,
    SEMI_LEAST,
    SEMI_MAJOR,
    SEMI_MINOR,
)
from voxomics.kernels.shape.moments import TOTAL, TOTAL_X, TOTAL_Z, XX, YX, YY, ZX, ZY, ZZ, N, X, Z

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


def axes(moments, spacing):
    """Semi-axes 2 √λ in mm of the voxel centres' covariance (n - 1), descending; NaN for one voxel, which has none.

    Parameters
    ----------
    moments : ndarray int64 [k, 10]
        From `moments.survey`.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).

    Returns
    -------
    ndarray float64 [k, 3]
    """
    n = moments[:, N].astype(float)
    covariance = np.empty((len(n), 3, 3))
    for i, j, sums in ((0, 0, ZZ), (1, 1, YY), (2, 2, XX), (0, 1, ZY), (0, 2, ZX), (1, 2, YX)):
        value = (moments[:, sums] - moments[:, Z + i] / n * moments[:, Z + j]) / np.maximum(n - 1.0, 1.0)
        covariance[:, i, j] = covariance[:, j, i] = value * (spacing[:, i] * spacing[:, j])
    found = 2.0 * ellipsoid.semi_axes(covariance)
    found[n < 2] = np.nan
    return found


def measure(area, volume, moments, weighted, axes, around, extent, n_intensity, spacing, out):
    """Compute the features.

    Parameters
    ----------
    area, volume : ndarray float64 [k]
        Of the mesh, mm² and mm³.
    moments : ndarray int64 [k, 10]
    weighted : ndarray float64 [k, 4]
        From `moments.survey`.
    axes : ndarray float64 [k, 3]
        From `axes`, mm.
    around : ndarray float64 [k, 8]
        From `around`; NaN where it was not wanted.
    extent : ndarray int64 [k, 3]
        Size (z, y, x) of the mask, voxels.
    n_intensity : ndarray int64 [k]
        Voxels of the intensity mask.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    out : ndarray float64 [k, features]
        Written; places VOLUME_MESH to INTEGRATED_INTENSITY.
    """
    n, total = moments[:, N].astype(float), weighted[:, TOTAL]
    ball = np.cbrt(36.0 * np.pi * volume * volume)  # area of the ball with the same volume
    a, b, c = axes.T
    aee_area, mvee_area = ellipsoid.area(np.concatenate((axes, around[:, SEMI_MAJOR:]))).reshape(2, -1)
    z, y, x = (extent * spacing).T
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        centre = moments[:, Z : X + 1] / n[:, None]
        weighted_centre = np.where(total == 0, np.nan, weighted[:, TOTAL_Z : TOTAL_X + 1].T / total).T
        apart = (centre - weighted_centre) * spacing
        mvee = 4.0 / 3.0 * np.pi * around[:, SEMI_MAJOR] * around[:, SEMI_MINOR] * around[:, SEMI_LEAST]
        aee = np.where(c > 0, 4.0 / 3.0 * np.pi * a * b * c, np.nan)
        mean = np.where(n_intensity > 0, total / n_intensity, np.nan)
        shift = np.sqrt(apart[:, 0] ** 2 + apart[:, 1] ** 2 + apart[:, 2] ** 2)
        integrated = volume * mean
    out[:, VOLUME_MESH] = volume
    out[:, VOLUME_VOXEL_COUNTING] = n * (spacing[:, 0] * spacing[:, 1] * spacing[:, 2])
    out[:, SURFACE_AREA] = area
    out[:, SURFACE_TO_VOLUME_RATIO] = area / volume
    out[:, COMPACTNESS_1] = volume / (np.sqrt(np.pi) * area * np.sqrt(area))
    out[:, COMPACTNESS_2] = 36.0 * np.pi * volume * volume / (area * area * area)
    out[:, SPHERICAL_DISPROPORTION] = area / ball
    out[:, SPHERICITY] = ball / area
    out[:, ASPHERICITY] = area / ball - 1.0
    out[:, CENTRE_OF_MASS_SHIFT] = shift
    out[:, MAXIMUM_3D_DIAMETER] = around[:, LARGEST_DIAMETER]
    out[:, MAJOR_AXIS_LENGTH] = 2.0 * a
    out[:, MINOR_AXIS_LENGTH] = 2.0 * b
    out[:, LEAST_AXIS_LENGTH] = 2.0 * c
    out[:, ELONGATION] = b / a
    out[:, FLATNESS] = c / a
    out[:, VOLUME_DENSITY_AABB] = volume / (z * y * x)
    out[:, AREA_DENSITY_AABB] = area / (2.0 * (z * y + z * x + y * x))
    out[:, VOLUME_DENSITY_OMBB] = volume / around[:, BOX_VOLUME]
    out[:, AREA_DENSITY_OMBB] = area / around[:, BOX_AREA]
    out[:, VOLUME_DENSITY_AEE] = volume / aee
    out[:, AREA_DENSITY_AEE] = area / np.where(b > 0, aee_area, np.nan)
    out[:, VOLUME_DENSITY_MVEE] = volume / mvee
    out[:, AREA_DENSITY_MVEE] = area / mvee_area
    out[:, VOLUME_DENSITY_CONVEX_HULL] = volume / around[:, HULL_VOLUME]
    out[:, AREA_DENSITY_CONVEX_HULL] = area / around[:, HULL_AREA]
    out[:, INTEGRATED_INTENSITY] = integrated
