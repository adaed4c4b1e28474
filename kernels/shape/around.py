"""What lies around a VOI: its convex hull, and the smallest box and the smallest ellipsoid around that."""

from __future__ import annotations

import numpy as np

from voxomics.kernels.shape.box import smallest_box
from voxomics.kernels.shape.diameter import diameter
from voxomics.kernels.shape.ellipsoid import enclosing_ellipsoid, semi_axes
from voxomics.kernels.shape.hull import convex_hull, corners, hull_size
from voxomics.kernels.shape.outline import hull_candidates

BOX, ELLIPSOID, DIAMETER = 1, 2, 4
"""What `around` finds beside the hull, bits."""
HULL_VOLUME, HULL_AREA, LARGEST_DIAMETER, BOX_VOLUME, BOX_AREA, SEMI_MAJOR, SEMI_MINOR, SEMI_LEAST = range(8)
N_AROUND = SEMI_LEAST + 1


def around(region, start, shape, vois, pad, spacing, wanted):
    """Sizes of what lies around each VOI, in mm.

    The loop is Python's: compiled as one kernel, its steps would be optimised again as a whole, for half as long as all
    of them take one by one, and calling them costs a few microseconds a VOI.

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

    Returns
    -------
    ndarray float64 [k, 8]
        Places HULL_VOLUME (mm³) to SEMI_LEAST (mm, of the ellipsoid); what is not wanted is NaN.
    """
    out = np.full((len(vois), N_AROUND), np.nan)
    matrices = np.zeros((len(vois), 3, 3))
    for k, i in enumerate(vois):
        points = hull_candidates(region, start[i], *shape[i].astype(np.int64), pad)
        facets = convex_hull(points)
        place = np.empty(points.shape[0], np.int64)
        position = corners(points, facets, spacing[k], place)
        out[k, HULL_VOLUME], out[k, HULL_AREA] = hull_size(facets, spacing[k])
        if wanted & DIAMETER:
            out[k, LARGEST_DIAMETER] = diameter(position)
        if wanted & BOX:
            out[k, BOX_VOLUME], out[k, BOX_AREA] = smallest_box(position, facets, place, spacing[k])
        if wanted & ELLIPSOID:
            enclosing_ellipsoid(position, matrices[k])
    if wanted & ELLIPSOID:
        out[:, SEMI_MAJOR:] = semi_axes(matrices)
    return out
