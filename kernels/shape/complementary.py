"""The mesh in which complementary configurations of a cell share one triangulation; it has holes.

Marching cubes with a table of 128 configurations draws the other 128 as their complements, turned over. A face of a cell
with two diagonal corners inside is then parted in one half of the table and joined in the other, and where two
neighbouring cells draw their common face differently, the mesh has a hole of half a face. Area does not mind. Volume is
the sum of the signed tetrahedra between the triangles and an origin, so a hole adds a third of its area times its
distance from the origin, which is the middle of the voxel before the first one of the mask's box, along every axis.

PyRadiomics has this mesh. Which half is turned over was found by experiment with PyRadiomics 3.1.4
(tools/find_complementary_mesh.py): the configurations with voxel (1, 1, 0) of the cell inside. The triangles of the other
half measure as those of marching_cubes.py do.

Cells are counted by `mesh.count`, and what they need beyond the counts are integers, too.

Arguments of several functions
------------------------------
counts : ndarray int64 [k, 256]
    Cells of each VOI by configuration, from `mesh.count`.
holes : ndarray int64 [k]
    From `count_holes`.
image_of : ndarray int32 [k]
    The image of each VOI.
spacing_mm : ndarray float64 [images, 3]
    (z, y, x).
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.shape.marching_cubes import VOLUME as VOLUME_WHEN_CLOSED
from voxomics.kernels.shape.mesh import CONFIGURATIONS, FULL, cell_areas, face, volume_mm3

CORNER = 6
"""Configurations with this bit set, voxel (1, 1, 0) of the cell, are drawn as their complements turned over."""
TURNED = np.arange(CONFIGURATIONS) >> CORNER & 1
LIKE = np.where(TURNED, FULL - np.arange(CONFIGURATIONS), np.arange(CONFIGURATIONS))
"""The configuration whose triangles are drawn, int64 [256]."""
HALF_FACE = 8
"""A pyramid over half a face, one voxel high, in 48ths of a voxel."""


def _joined_faces():
    """Faces across each axis on which a cell joins diagonal corners, below and above, int64 [256, 3, 2]."""
    inside = np.arange(CONFIGURATIONS)[:, None] >> np.arange(8) & 1
    corner = inside.reshape(CONFIGURATIONS, 2, 2, 2)
    found = np.zeros((CONFIGURATIONS, 3, 2), np.int64)
    for axis in range(3):
        for side in range(2):
            a, b, c, d = np.moveaxis(corner.take(side, axis + 1).reshape(CONFIGURATIONS, 4), 1, 0)
            found[:, axis, side] = TURNED & (a == d) & (b == c) & (a != b)
    return found


JOINED = _joined_faces()
SKEW = JOINED[:, :, 1] - JOINED[:, :, 0]
"""Joined faces above less those below, across each axis, int64 [256, 3]."""
VOLUME = np.where(TURNED, 48 - VOLUME_WHEN_CLOSED[LIKE], VOLUME_WHEN_CLOSED) - HALF_FACE * JOINED[:, :, 1].sum(1)
"""Inside volume of each configuration in 48ths of a cell, as if its first voxel were the origin, int64 [256].

The cell's faces are closed as a mesh without holes closes them, so what neighbours add for their common face cancels.
"""


@jit.body
def holes_of(region, base, nz, ny, nx, pad, skew):
    """What holes add to the volume of one VOI, beyond `VOLUME`, int64.

    Parameters
    ----------
    region : ndarray uint8 [total]
        Geometry.region: padded boxes in C order; bit 0 marks the mask.
    base : int64
        Where the VOI's padded box begins in `region`.
    nz, ny, nx : int64
        Size of the padded box in voxels.
    pad : int64
        Voxels of padding on every side.
    skew : ndarray int64 [256, 3]
        SKEW.

    Returns
    -------
    int64
        Pyramids over half a face, one voxel high.
    """
    low_z, low_y, low_x = nz, ny, nx  # the first cells with an inside corner
    sum_z, sum_y, sum_x, total = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for z in range(pad - 1, nz - pad):
        for y in range(pad - 1, ny - pad):
            row = base + (z * ny + y) * nx
            before = face(region, row + pad - 1, nx, ny * nx)
            for x in range(pad - 1, nx - pad):
                after = face(region, row + x + 1, nx, ny * nx)
                c = before | after << 1
                before = after
                if c == 0 or c == FULL:
                    continue
                low_z, low_y, low_x = min(low_z, z), min(low_y, y), min(low_x, x)
                sum_z, sum_y, sum_x = sum_z + skew[c, 0], sum_y + skew[c, 1], sum_x + skew[c, 2]
                total += z * skew[c, 0] + y * skew[c, 1] + x * skew[c, 2]
    return total - low_z * sum_z - low_y * sum_y - low_x * sum_x


@jit.cpu
def count_holes(region, start, shape, vois, pad, skew, holes):
    """What holes add to the volume of every VOI.

    Parameters
    ----------
    region, pad, skew
        As for `holes_of`.
    start : ndarray int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    shape : ndarray int32 [n, 3]
        Size (z, y, x) of each padded box.
    vois : ndarray int64 [k]
        Rows of the batch.
    holes : ndarray int64 [k]
        Written: pyramids over half a face, one voxel high.
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        holes[k] = holes_of(region, start[i], nz, ny, nx, pad, skew)


def areas(spacing_mm):
    """Area in mm² of the surface in a cell of each configuration, float64 [images, 256]."""
    return cell_areas(spacing_mm).take(LIKE, axis=1)


def surface(counts, holes, image_of, spacing_mm):
    """Area in mm² and volume in mm³ of meshes whose cells are counted, float64 [k] each."""
    area = (counts * areas(spacing_mm)[image_of]).sum(1)
    return area, volume_of((counts * VOLUME).sum(1), holes, spacing_mm[image_of])


def volume_of(parts, holes, spacing):
    """Volume in mm³, float64 [k].

    Parameters
    ----------
    parts : ndarray int64 [k]
        Cells counted times VOLUME.
    holes
        See above.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    """
    return volume_mm3(parts - HALF_FACE * holes, spacing)
