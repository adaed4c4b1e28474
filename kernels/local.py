"""Local intensity (IBSI 9ST6): means over a sphere of 1 cm³ around voxels.

A sphere is a stack of rows along x, each with a half-width. For a row of centres, the rows of the image under the
sphere are added up, the widest first; after all rows of half-width ≥ h, the sum shifted by ±h is added to the result.
So a centre costs about one addition per row of the sphere instead of one per voxel, rows are added as wholes, and
nothing is ever subtracted, which a running sum would do. A centre's additions come in an order that depends on the
sphere alone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from voxomics.kernels import jit

LOCAL_INTENSITY_PEAK, GLOBAL_INTENSITY_PEAK = range(2)  # places of the features, in the order of the family's catalogue
RADIUS_MM = 10.0 * (3.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
"""Radius of a sphere of 1 cm³, about 6.2 mm."""
HALF_WIDTH, DZ, DY = range(3)
"""Columns of a row of the sphere."""


@lru_cache(maxsize=8)
def sphere(spacing_mm):
    """Rows along x of the voxels whose centres lie within RADIUS_MM.

    Parameters
    ----------
    spacing_mm : tuple of 3 floats
        (z, y, x).

    Returns
    -------
    ndarray int64 [rows, 3]
        Half-width, dz, dy; the widest first. The distance is compared as it is: the radius is irrational, so no voxel
        of a grid lies exactly on the sphere.
    """
    sz, sy, sx = (float(s) for s in spacing_mm)
    z, y = (np.arange(-int(RADIUS_MM / s) - 1, int(RADIUS_MM / s) + 2) for s in (sz, sy))
    z, y = (side.ravel() for side in np.meshgrid(z, y, indexing="ij"))
    square = (z * sz) ** 2 + (y * sy) ** 2
    inside = square <= RADIUS_MM**2
    z, y, square = z[inside], y[inside], square[inside]
    half_width = np.floor(np.sqrt(RADIUS_MM**2 - square) / sx).astype(np.int64)
    half_width += square + ((half_width + 1) * sx) ** 2 <= RADIUS_MM**2  # where the root was rounded
    half_width -= square + (half_width * sx) ** 2 > RADIUS_MM**2
    rows = np.stack((half_width, z, y), axis=1)
    return rows[np.argsort(-half_width, kind="stable")]


@jit.body
def add_spheres(box, row, ny, nx, x_first, x_last, rows, sums, total):
    """total[x] = Σ of `box` over the sphere around voxel `row + x`, for x_first ≤ x < x_last.

    Parameters
    ----------
    box : ndarray float64
        Intensities of boxes, or 0 and 1. This box reaches a half-width beyond x_first and x_last, and the sphere's
        height beyond the row.
    row : int64
        Place of x = 0 in `box`.
    ny, nx : int64
        Size of this box.
    x_first, x_last : int64
    rows : ndarray int64 [rows, 3]
        From `sphere`.
    sums : ndarray float64
        Scratch, as long as a row.
    total : ndarray float64
        Written; as long as a row.
    """
    widest = rows[0, HALF_WIDTH]
    for x in range(x_first - widest, x_last + widest):
        sums[x] = 0.0
    for x in range(x_first, x_last):
        total[x] = 0.0
    r = 0
    for h in range(widest, -1, -1):
        while r < rows.shape[0] and rows[r, HALF_WIDTH] == h:
            other = row + (rows[r, DZ] * ny + rows[r, DY]) * nx
            for x in range(x_first - h, x_last + h):
                sums[x] += box[other + x]
            r += 1
        if h == 0:
            for x in range(x_first, x_last):
                total[x] += sums[x]
        else:
            for x in range(x_first, x_last):
                total[x] += sums[x - h] + sums[x + h]


@jit.cpu
def peaks(box, gone, lacking, box_start, box_size, region, region_start, region_shape, voi, rows, reach, top, out):
    """Local and global peak, updated box by box; several boxes (slabs of slices) may belong to one VOI.

    Parameters
    ----------
    box : ndarray float64
        Intensities. Box t begins at box_start[t] and holds box_size[t] = (z, y, x) voxels: a part of a VOI dilated by
        `reach` on all sides, 0 where there is no voxel.
    gone : ndarray float64
        1 where `box` has no voxel (outside the image, or not finite), else 0.
    lacking : ndarray int64 [t]
        How many voxels each box lacks; `gone` is read where it is more than 0.
    box_start : ndarray int64 [t]
    box_size : ndarray int64 [t, 3]
    region : ndarray uint8 [total]
        Geometry.region: bit 1 marks the intensity mask.
    region_start : ndarray int64 [t]
        The voxel of `region` where the undilated box begins.
    region_shape : ndarray int64 [t, 3]
        Size (z, y, x) of the whole padded box there.
    voi : ndarray int64 [t]
        Row of `top` and `out` that a box belongs to.
    rows : ndarray int64 [rows, 3]
        The sphere, from `sphere`.
    reach : ndarray int64 [3]
        How many voxels it reaches along (z, y, x).
    top : ndarray float64 [k]
        Highest intensity of the mask so far, -inf at first.
    out : ndarray float64 [k, features]
        The features so far, in the image's unit; NaN at first.
    """
    longest = 1
    for t in range(voi.size):
        longest = max(longest, box_size[t, 2])
    sums, total, missing = np.empty(longest), np.empty(longest), np.empty(longest)
    full = 0.0
    for r in range(rows.shape[0]):
        full += 2 * rows[r, HALF_WIDTH] + 1
    for t in range(voi.size):
        k = voi[t]
        ny, nx = box_size[t, 1], box_size[t, 2]
        for z in range(reach[0], box_size[t, 0] - reach[0]):
            for y in range(reach[1], ny - reach[1]):
                row = box_start[t] + (z * ny + y) * nx
                # the region's voxel below x = 0 of this row
                mask = region_start[t] - reach[2]
                mask += ((z - reach[0]) * region_shape[t, 1] + y - reach[1]) * region_shape[t, 2]
                x_first, x_last = nx, np.int64(0)
                for x in range(reach[2], nx - reach[2]):
                    if region[mask + x] & 2:
                        x_first = min(x_first, x)
                        x_last = x + 1
                if x_last == 0:
                    continue
                add_spheres(box, row, ny, nx, x_first, x_last, rows, sums, total)
                if lacking[t] > 0:
                    add_spheres(gone, row, ny, nx, x_first, x_last, rows, sums, missing)
                for x in range(x_first, x_last):
                    if region[mask + x] & 2:
                        mean = total[x] / (full - missing[x] if lacking[t] > 0 else full)
                        v = box[row + x]
                        if v > top[k] or (v == top[k] and mean > out[k, LOCAL_INTENSITY_PEAK]):
                            top[k] = v
                            out[k, LOCAL_INTENSITY_PEAK] = mean
                        if not mean <= out[k, GLOBAL_INTENSITY_PEAK]:
                            out[k, GLOBAL_INTENSITY_PEAK] = mean
