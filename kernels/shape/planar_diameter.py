"""The largest distance between two vertices of the mesh that lie in one plane across an axis.

Planes lie in the middle of slices, and midway between them; here a slice is one voxel thick along any of the three axes.

In the middle of a slice the vertices lie half a voxel beside its outermost voxels. All lie inside the convex outline of
the slice's voxels, widened by half a voxel along either axis. So the farthest two lie beyond two corners of the outline
of the voxels, in opposite directions along one axis: a voxel more along that axis than the corners are apart.

Midway between two slices a vertex lies wherever one of them has a voxel and the other has none. Two such places that
belong to the same slice are nearer to each other than two vertices in its middle. So what counts is how far a voxel of
one slice is from a voxel of the other: at most as far as two corners of the two outlines. Where a corner belongs to both
slices there is no vertex, but then both corners belong to one slice, and the distance is too small to matter.

Arguments of several functions
------------------------------
region : ndarray uint8 [total]
    Geometry.region: padded boxes in C order; bit 0 marks the mask.
first : int64
    Place in `region` of the first voxel of a row, a slice or a box, without the padding.
slices, rows, places : int64
    Slices of a box across an axis, rows of a slice, and voxels of a row.
by_slice, by_row, by_place : int64
    How far apart neighbours along these three lie in `region`.
ends : ndarray int64 [2, ≥ rows]
    Where each row of a slice begins and ends; below 0 where it is empty.
corners, others : ndarray int64 [≥ 2 rows, 2]
    Row and place of voxels.
n, m : int64
    How many corners and others there are.
row_mm, place_mm : float64
    Distance of two rows, and of two voxels of a row.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.shape.outline import chain

LOW, HIGH = range(2)


@jit.body
def find_ends(region, first, rows, places, by_row, by_place, ends):
    """Write where the rows of a slice begin and end."""
    for r in range(rows):
        row = first + r * by_row
        a, b = np.int64(0), places - 1
        while a < places and region[row + a * by_place] & 1 == 0:
            a += 1
        if a == places:
            a = b = np.int64(-1)
        else:
            while region[row + b * by_place] & 1 == 0:
                b -= 1
        ends[LOW, r], ends[HIGH, r] = a, b


@jit.body
def find_corners(ends, rows, stack, corners):
    """Write the corners of a slice's convex outline; returns how many there are.

    Parameters
    ----------
    ends, rows, corners
        See the module's text.
    stack : ndarray int64 [≥ rows]
        Working memory.
    """
    n = np.int64(0)
    for side in range(2):
        for s in range(chain(ends[side], rows, 1 if side == HIGH else -1, stack)):
            corners[n, 0], corners[n, 1] = stack[s], ends[side, stack[s]]
            n += 1
    return n


@jit.body
def farthest_apart(corners, n, others, m, beyond, row_mm, place_mm):
    """Largest squared distance in mm² of a place from another one, 0 if there is none.

    Parameters
    ----------
    corners, n, others, m, row_mm, place_mm
        See the module's text.
    beyond : int
        Voxels that are added to the distance along one of the axes.
    """
    largest = 0.0
    for i in range(n):
        for j in range(m):
            u, v = abs(corners[i, 0] - others[j, 0]), abs(corners[i, 1] - others[j, 1])
            along_u, along_v = u * row_mm, v * place_mm
            longer_u, longer_v = (u + beyond) * row_mm, (v + beyond) * place_mm
            largest = max(largest, longer_u * longer_u + along_v * along_v, along_u * along_u + longer_v * longer_v)
    return largest


@jit.body
def diameter_across(region, first, slices, rows, places, by_slice, by_row, by_place, row_mm, place_mm):
    """Largest distance in mm between two vertices of one VOI that lie in one plane across an axis.

    Parameters
    ----------
    region, first, slices, rows, places, by_slice, by_row, by_place, row_mm, place_mm
        See the module's text.
    """
    ends, stack = np.empty((2, rows), np.int64), np.empty(rows, np.int64)
    before, now = np.empty((2 * rows, 2), np.int64), np.empty((2 * rows, 2), np.int64)
    n_before, largest = np.int64(0), 0.0
    for s in range(slices):
        find_ends(region, first + s * by_slice, rows, places, by_row, by_place, ends)
        n = find_corners(ends, rows, stack, now)
        largest = max(largest, farthest_apart(now, n, now, n, 1, row_mm, place_mm))
        largest = max(largest, farthest_apart(before, n_before, now, n, 0, row_mm, place_mm))
        before, now, n_before = now, before, n
    return np.sqrt(largest)


@jit.cpu
def planar_diameters(region, start, shape, vois, pad, spacing, out):
    """Largest distances in mm between two vertices with the same z, with the same y, and with the same x.

    Parameters
    ----------
    region
        See the module's text.
    start : ndarray int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    shape : ndarray int32 [n, 3]
        Size (z, y, x) of each padded box.
    vois : ndarray int64 [k]
        Rows of the batch.
    pad : int
        Padding of the boxes.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    out : ndarray float64 [k, axes]
        Written; the first axes alone where it has less than three columns.
    """
    for k in range(vois.size):
        i = vois[k]
        by_z, by_y = np.int64(shape[i, 1]) * np.int64(shape[i, 2]), np.int64(shape[i, 2])
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        first = start[i] + pad * (by_z + by_y + 1)
        z, y, x = spacing[k, 0], spacing[k, 1], spacing[k, 2]
        for axis in range(out.shape[1]):
            if axis == 0:
                out[k, axis] = diameter_across(region, first, nz, ny, nx, by_z, by_y, 1, y, x)
            elif axis == 1:
                out[k, axis] = diameter_across(region, first, ny, nz, nx, by_y, by_z, 1, z, x)
            else:
                out[k, axis] = diameter_across(region, first, nx, nz, ny, 1, by_z, by_y, z, y)
