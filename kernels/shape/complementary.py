"""The mesh in which complementary configurations of a cell share one triangulation; it has holes.

Marching cubes with a table of 128 configurations draws the other 128 as their complements, turned over. A face of a
cell with two diagonal corners inside is then parted in one half of the table and joined in the other, and where two
neighbouring cells draw their common face differently, the mesh has a hole of half a face. Area does not mind. Volume is
the sum of the signed tetrahedra between the triangles and an origin, so a hole adds a third of its area times its
distance from the origin, which is the middle of the voxel before the first one of the mask's box, along every axis.

PyRadiomics has this mesh. Which half is turned over was found by experiment with PyRadiomics 3.1.4
(tools/find_complementary_mesh.py): the configurations with voxel (1, 1, 0) of the cell inside. The triangles of the
other half measure as those of marching_cubes.py do.

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
from voxomics.kernels.shape.mesh import ALL_FULL, CONFIGURATIONS, FULL, TILE, cell_areas, configure, volume_mm3

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


LOW, SUM, TOTAL, N_SUMS = 0, 3, 6, 7
"""Of `sums`: the first place (z, y, x) of a cell with a voxel inside, ΣSKEW (z, y, x), and ΣSKEW · place."""


@jit.body
def add_holes(cells, eights, n, place, z, nx, skew, sums):
    """Add some cells of a slice to the sums. Most are empty or full like their neighbours: eight are looked at together.

    Parameters
    ----------
    cells : uint8 [TILE]
        From `mesh.configure`; those from n on are overwritten.
    eights : uint64 [TILE / 8]
        The same memory.
    n : int
        Cells to add.
    place : int64
        Place of the first cell in its slice.
    z : int64
        The slice.
    nx : int64
        Voxels of a row of the padded box.
    skew : ndarray int64 [256, 3]
        SKEW.
    sums : ndarray int64 [7]
        Added to; places LOW to TOTAL.
    """
    n_eights = (n + 7) // 8
    for q in range(n, n_eights * 8):
        cells[q] = 0
    for e in range(n_eights):
        if eights[e] == 0 or eights[e] == ALL_FULL:
            continue
        for q in range(8 * e, 8 * e + 8):
            c = cells[q]
            if c == 0 or c == FULL:
                continue
            y = np.int64(np.uint32(place + q) // np.uint32(nx))
            at = (z, y, place + q - y * nx)
            for axis in range(3):
                sums[LOW + axis] = min(sums[LOW + axis], at[axis])
                sums[SUM + axis] += skew[c, axis]
                sums[TOTAL] += skew[c, axis] * at[axis]


@jit.cpu
def count_holes(region, start, shape, vois, pad, skew, holes):
    """What holes add to the volume of every VOI, beyond `VOLUME`.

    Parameters
    ----------
    region : ndarray uint8 [total]
        Geometry.region: padded boxes in C order; bit 0 marks the mask.
    start : ndarray int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    shape : ndarray int32 [n, 3]
        Size (z, y, x) of each padded box.
    vois : ndarray int64 [k]
        Rows of the batch.
    pad : int
        Padding of the boxes.
    skew : ndarray int64 [256, 3]
        SKEW.
    holes : ndarray int64 [k]
        Written: pyramids over half a face, one voxel high.
    """
    faces, cells, sums = np.empty(TILE + 1, np.uint8), np.empty(TILE, np.uint8), np.empty(N_SUMS, np.int64)
    eights = cells.view(np.uint64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        sums[:] = 0
        sums[LOW], sums[LOW + 1], sums[LOW + 2] = nz, ny, nx
        first, last = (pad - 1) * nx + pad - 1, (ny - pad) * nx - pad
        for z in range(pad - 1, nz - pad):
            base = start[i] + z * ny * nx
            for tile in range(first, last, TILE):
                n = min(TILE, last - tile)
                if configure(region, base + tile, n, nx, ny * nx, faces, cells):
                    add_holes(cells, eights, n, tile, z, nx, skew, sums)
        holes[k] = sums[TOTAL]
        for axis in range(3):
            holes[k] -= sums[LOW + axis] * sums[SUM + axis]


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
