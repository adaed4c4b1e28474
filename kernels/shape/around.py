"""Shapes around a VOI: its convex hull, and the smallest box and the smallest ellipsoid around that."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.shape.box import smallest_box
from voxomics.kernels.shape.diameter import diameter
from voxomics.kernels.shape.ellipsoid import enclosing_ellipsoid
from voxomics.kernels.shape.hull import convex_hull, corners, hull_size
from voxomics.kernels.shape.outline import hull_candidates

BOX, ELLIPSOID, DIAMETER = 1, 2, 4
"""What `around` finds beside the hull, bits."""
HULL_VOLUME, HULL_AREA, LARGEST_DIAMETER, BOX_VOLUME, BOX_AREA = range(5)
N_AROUND = BOX_AREA + 1


@jit.cpu
def around(region, start, shape, vois, pad, spacing, wanted, out, matrices):
    """Sizes of what lies around each VOI, in mm.

    Parameters
    ----------
    region : ndarray uint8 [total]
        Geometry.region: padded boxes in C order; bit 0 marks the mask.
    start : ndarray int64 [n + 1]
    shape : ndarray int32 [n, 3]
    vois : ndarray int64 [k]
        Rows of the batch.
    pad : int
        Padding of the boxes.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    wanted : int
        BOX, ELLIPSOID, DIAMETER, added up.
    out : ndarray float64 [k, 5]
        Written: places HULL_VOLUME (mm³) to BOX_AREA (mm²). What is not wanted stays as it is.
    matrices : ndarray float64 [k, 3, 3]
        Written: of the smallest ellipsoid, mm²; 0 where it is not wanted.
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        points = hull_candidates(region, start[i], nz, ny, nx, pad)
        facets = convex_hull(points)
        place = np.empty(points.shape[0], np.int64)
        position = corners(points, facets, spacing[k], place)
        out[k, HULL_VOLUME], out[k, HULL_AREA] = hull_size(facets, spacing[k])
        if wanted & DIAMETER:
            out[k, LARGEST_DIAMETER] = diameter(position)
        if wanted & BOX:
            out[k, BOX_VOLUME], out[k, BOX_AREA], _ = smallest_box(position, facets, place, spacing[k])
        if wanted & ELLIPSOID:
            enclosing_ellipsoid(position, matrices[k])
