"""Features of a mask that is one slice thick: its outline is drawn by marching squares at 0.5.

In the cells of marching cubes (mesh.py) with no voxel of the upper slice inside, the lower four voxels are the corners
of a square. So the squares of a slice are counted already: configurations 1 to 15.
Two pixels that share only a corner are apart. Their square then has two separate segments, as in PyRadiomics.
"""

from __future__ import annotations

import numpy as np

(
    MESH_SURFACE,
    PIXEL_SURFACE,
    PERIMETER,
    PERIMETER_TO_SURFACE_RATIO,
    SPHERICITY,
    SPHERICAL_DISPROPORTION,
    MAXIMUM_DIAMETER,
    MAJOR_AXIS_LENGTH,
    MINOR_AXIS_LENGTH,
    ELONGATION,
) = range(10)  # places of the features; the family's catalogue has them in the same order
N_FEATURES = ELONGATION + 1

SQUARES = 16
"""Configurations of a square: bit 2 y + x is set where pixel (y, x) of it is inside."""
AREA = np.array([0, 1, 1, 4, 1, 4, 2, 7, 1, 2, 4, 7, 4, 7, 7, 8])
"""Inside area of a square in 8ths of a pixel, int64 [16]."""
OBLIQUE = np.array([0, 1, 1, 0, 1, 0, 2, 1, 1, 2, 0, 1, 0, 1, 1, 0])
ALONG_Y = np.array([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
ALONG_X = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
"""Segments of a square's outline that join the middles of neighbouring edges, or of opposite ones, int64 [16]."""


def measure(counts, n_pixels, axes, diameter, spacing):
    """Features of masks that are one slice thick, float64 [k, features].

    Parameters
    ----------
    counts : ndarray int64 [k, 256]
        Cells by configuration, from `mesh.count`.
    n_pixels : ndarray int64 [k]
        Of the mask.
    axes : ndarray float64 [k, 3]
        √λ of the covariance (n - 1) of the voxel centres, descending, mm.
    diameter : ndarray float64 [k]
        Largest distance between two vertices of the outline, mm.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    """
    out = np.empty((len(counts), N_FEATURES))
    y, x, squares = spacing[:, 1], spacing[:, 2], counts[:, :SQUARES]
    surface = (squares * AREA).sum(1) / 8.0 * (y * x)
    oblique, along_y, along_x = ((squares * segments).sum(1) for segments in (OBLIQUE, ALONG_Y, ALONG_X))
    perimeter = oblique * (np.sqrt(y * y + x * x) / 2.0) + along_y * y + along_x * x
    circle = 2.0 * np.sqrt(np.pi * surface)  # perimeter of the circle with the same surface
    of_all_pixels = np.sqrt(1.0 - 1.0 / n_pixels)  # covariance divided by n
    out[:, MESH_SURFACE] = surface
    out[:, PIXEL_SURFACE] = n_pixels * (y * x)
    out[:, PERIMETER] = perimeter
    out[:, PERIMETER_TO_SURFACE_RATIO] = perimeter / surface
    out[:, SPHERICITY] = circle / perimeter
    out[:, SPHERICAL_DISPROPORTION] = perimeter / circle
    out[:, MAXIMUM_DIAMETER] = diameter
    out[:, MAJOR_AXIS_LENGTH] = 4.0 * axes[:, 0] * of_all_pixels
    out[:, MINOR_AXIS_LENGTH] = 4.0 * axes[:, 1] * of_all_pixels
    out[:, ELONGATION] = np.divide(axes[:, 1], axes[:, 0], out=np.full(len(axes), np.nan), where=axes[:, 0] > 0.0)
    return out
