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
    """total[x] = Σ of `box` over the sphere around voxel x of a row, for x_first ≤ x < x_last.

    Parameters
    ----------
    box : ndarray float64 [≥ voxels]
        Intensities, in the image's unit. It reaches a half-width beyond x_first and x_last, and the sphere's height
        beyond the row.
    row : int64
        Which row of the box.
    ny, nx : int64
        Size of the box.
    x_first, x_last : int64
    rows : ndarray int64 [rows, 3]
        From `sphere`.
    sums : ndarray float64 [≥ nx]
        Scratch.
    total : ndarray float64 [≥ nx]
        Written.
    """
    widest = rows[0, HALF_WIDTH]
    sums[x_first - widest : x_last + widest] = 0.0
    total[x_first:x_last] = 0.0
    r, middle, number = 0, np.uint64(x_first), np.uint64(x_last - x_first)
    for h in range(widest, -1, -1):
        first, width = np.uint64(x_first - h), np.uint64(x_last - x_first + 2 * h)
        while r < rows.shape[0] and rows[r, HALF_WIDTH] == h:
            at = np.uint64((row + rows[r, DZ] * ny + rows[r, DY]) * nx) + first
            r += 1
            if r < rows.shape[0] and rows[r, HALF_WIDTH] == h:  # two rows at once, for half of the loads and stores
                other = np.uint64((row + rows[r, DZ] * ny + rows[r, DY]) * nx) + first
                r += 1
                for c in range(width):
                    sums[first + c] = sums[first + c] + box[at + c] + box[other + c]
            else:
                for c in range(width):
                    sums[first + c] += box[at + c]
        if h == 0:
            for c in range(number):
                total[middle + c] += sums[middle + c]
        else:
            right = first + np.uint64(2 * h)
            for c in range(number):
                total[middle + c] += sums[first + c] + sums[right + c]


@jit.body
def count_lacking(gone, lacks, row, ny, nx, x_first, x_last, rows, missing):
    """missing[x] = how many voxels the sphere around voxel x of a row lacks, for x_first ≤ x < x_last.

    Parameters
    ----------
    gone : ndarray uint8 [≥ voxels]
        In the rows that lack some voxels but not all: 1 where a voxel is lacking, else 0.
    lacks : ndarray int64 [≥ rows of the box]
        How many voxels of each row are lacking.
    row, ny, nx, x_first, x_last, rows
        As in `add_spheres`.
    missing : ndarray int64 [≥ nx]
        Written.
    """
    missing[x_first:x_last] = 0
    for r in range(rows.shape[0]):
        other, h = row + rows[r, DZ] * ny + rows[r, DY], rows[r, HALF_WIDTH]
        if lacks[other] == nx:
            for x in range(x_first, x_last):
                missing[x] += 2 * h + 1
        elif lacks[other] > 0:
            now = 0
            for x in range(x_first - h, x_first + h):
                now += gone[other * nx + x]
            for x in range(x_first, x_last):
                now += gone[other * nx + x + h]
                missing[x] += now
                now -= gone[other * nx + x - h]


@jit.body
def gather(image, corner, size, box, gone, lacks):
    """Copy a box of an image.

    Parameters
    ----------
    image : real [z, y, x]
    corner : tuple of 3 int64
        Where the box begins in the image; it may reach out of it.
    size : tuple of 3 int64
    box : ndarray float64 [≥ voxels]
        Written: intensities, 0 outside the image and where the intensity is not finite.
    gone : ndarray uint8 [≥ voxels]
        Written in the rows that lack some voxels but not all: 1 where the box has no voxel, else 0.
    lacks : ndarray int64 [≥ rows of the box]
        Written: how many voxels of each row are lacking.

    Returns
    -------
    int64
        How many voxels of the box are lacking.
    """
    nz, ny, nx = size
    first, last = max(corner[2], 0), min(corner[2] + nx, image.shape[2])
    source, before, number = np.uint64(first), np.uint64(first - corner[2]), np.uint64(max(0, last - first))
    all_lacking = 0
    for row in range(nz * ny):
        z, y, at = corner[0] + row // ny, corner[1] + row % ny, np.uint64(row * nx)
        lacks[row] = nx
        if number > 0 and 0 <= z < image.shape[0] and 0 <= y < image.shape[1]:
            bad = 0
            for c in range(number):
                v = np.float64(image[z, y, source + c])
                box[at + before + c] = v
                bad += not v - v == 0.0
            lacks[row] = nx - np.int64(number) + bad
        if lacks[row] > 0:
            for x in range(nx):
                p, inside = row * nx + x, first <= corner[2] + x < last and lacks[row] < nx
                gone[p] = not (inside and np.isfinite(box[p]))
                if gone[p]:
                    box[p] = 0.0
        all_lacking += lacks[row]
    return all_lacking


@jit.body
def peaks_of_box(box, gone, lacks, lacking, size, region, mask, ny, nx, rows, full, reach, room, missing, top, out):
    """Update the peaks of a VOI by a box of it.

    Parameters
    ----------
    box, gone, lacks
        From `gather`: a part of the VOI dilated by `reach` on all sides.
    lacking : int64
        How many voxels the box lacks.
    size : tuple of 3 int64
        Size (z, y, x) of the box.
    region : ndarray uint8 [total]
        Geometry.region: bit 1 marks the intensity mask.
    mask : int64
        The voxel of `region` where the undilated box begins.
    ny, nx : int64
        Size of the whole padded box there.
    rows : ndarray int64 [rows, 3]
        The sphere, from `sphere`.
    full : float
        Its number of voxels.
    reach : ndarray int64 [3]
        How many voxels it reaches along (z, y, x).
    room : ndarray float64 [2, ≥ size along x]
    missing : ndarray int64 [≥ size along x]
        Scratch.
    top : float
        Highest intensity of the mask so far, -inf at first.
    out : ndarray float64 [features]
        The features so far, in the image's unit; NaN at first.

    Returns
    -------
    float
        `top` with this box.
    """
    sums, total = room[0], room[1]
    for z in range(reach[0], size[0] - reach[0]):
        for y in range(reach[1], size[1] - reach[1]):
            own = mask + ((z - reach[0]) * ny + y - reach[1]) * nx - reach[2]  # the region's voxel at x = 0 of this row
            x_first, x_last = size[2], np.int64(0)
            for x in range(reach[2], size[2] - reach[2]):
                if region[own + x] & 2:
                    x_first = min(x_first, x)
                    x_last = x + 1
            if x_last == 0:
                continue
            row = z * size[1] + y
            add_spheres(box, row, size[1], size[2], x_first, x_last, rows, sums, total)
            if lacking > 0:
                count_lacking(gone, lacks, row, size[1], size[2], x_first, x_last, rows, missing)
            for x in range(x_first, x_last):
                if region[own + x] & 2:
                    mean = total[x] / (full - missing[x] if lacking > 0 else full)
                    v = box[row * size[2] + x]
                    if v > top or (v == top and mean > out[LOCAL_INTENSITY_PEAK]):
                        top = v
                        out[LOCAL_INTENSITY_PEAK] = mean
                    if not mean <= out[GLOBAL_INTENSITY_PEAK]:
                        out[GLOBAL_INTENSITY_PEAK] = mean
    return top


@jit.body
def slab(nz, ny, nx, reach, most):
    """Slices that are taken at once, so that a dilated slab is not much larger than `most` voxels.

    Parameters
    ----------
    nz, ny, nx : int64
        Size of a VOI's box.
    reach : ndarray int64 [3]
    most : int64
    """
    plane = (ny + 2 * reach[1]) * (nx + 2 * reach[2])
    return min(nz, max(most // plane - 2 * reach[0], 1 + max(most // plane // 4, reach[0] // 2)))


@jit.cpu
def largest_slab(shape, pad, vois, chosen, reach, most):
    """Voxels of the largest dilated slab, and rows along x of the one that has most, of what `peaks` is asked to do."""
    voxels, lines = 0, 0
    for k in chosen:
        nz, ny, nx = shape[vois[k], 0] - 2 * pad, shape[vois[k], 1] - 2 * pad, shape[vois[k], 2] - 2 * pad
        n = (slab(nz, ny, nx, reach, most) + 2 * reach[0]) * (ny + 2 * reach[1])
        voxels, lines = max(voxels, n * (nx + 2 * reach[2])), max(lines, n)
    return voxels, lines


@jit.cpu
def bytes_needed(shape, pad, image_of, spacing, last, most, held):
    """Memory that `sphere` and `peaks` take for each VOI.

    Parameters
    ----------
    shape, pad, image_of : as in Geometry
    spacing : ndarray float64 [images, 3]
        mm, (z, y, x).
    last : ndarray int64 [images, 3]
        Last voxel of each image.
    most : int64
        See `peaks`.
    held : ndarray int64 [n]
        Written: bytes.
    """
    reach = np.empty(3, np.int64)
    for i in range(held.size):
        image = image_of[i]
        for axis in range(3):
            reach[axis] = np.int64(RADIUS_MM / spacing[image, axis])
        sphere_rows = np.int64((2 * RADIUS_MM / spacing[image, 0] + 3) * (2 * RADIUS_MM / spacing[image, 1] + 3))
        reach[0], reach[1] = min(reach[0], last[image, 0]), min(reach[1], last[image, 1])
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        lines = (slab(nz, ny, nx, reach, most) + 2 * reach[0]) * (ny + 2 * reach[1])
        held[i] = 2048 + (lines + 3) * (9 * (nx + 2 * reach[2]) + 8) + 64 * sphere_rows


@jit.cpu
def peaks(image, origin, corner, region, start, shape, pad, vois, chosen, rows, reach, most, box, gone, lacks, out):
    """Local and global peak of VOIs on one image.

    Parameters
    ----------
    image : real [z, y, x]
    origin : tuple of 3 int
        Index (z, y, x) of the image's first voxel where `corner` counts from.
    corner, region, start, shape, pad
        As in Geometry.
    vois : ndarray int64 [k]
    chosen : ndarray int64
        Which of `vois` lie on this image.
    rows : ndarray int64 [rows, 3]
        The sphere, from `sphere`.
    reach : ndarray int64 [3]
        How many voxels it reaches along (z, y, x).
    most : int64
        Voxels of a VOI's dilated box that are gathered at once, see `slab`.
    box : ndarray float64
        Scratch for the largest dilated slab.
    gone : ndarray uint8
        As large.
    lacks : ndarray int64
        Scratch for its rows along x.
    out : ndarray float64 [k, 1, features]
        Written, in the image's unit; NaN at first, and left so for a VOI without intensities.
    """
    longest, full = 1, 0.0
    for k in chosen:
        longest = max(longest, shape[vois[k], 2] + 2 * reach[2])
    for r in range(rows.shape[0]):
        full += 2 * rows[r, HALF_WIDTH] + 1
    room, missing = np.empty((2, longest)), np.empty(longest, np.int64)
    for k in chosen:
        i, top = vois[k], -np.inf
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        slices = slab(nz, ny, nx, reach, most)
        for first in range(0, nz, slices):
            size = (min(slices, nz - first) + 2 * reach[0], ny + 2 * reach[1], nx + 2 * reach[2])
            low = (
                corner[i, 0] + pad + first - reach[0] - origin[0],
                corner[i, 1] + pad - reach[1] - origin[1],
                corner[i, 2] + pad - reach[2] - origin[2],
            )
            lacking = gather(image, low, size, box, gone, lacks)
            mask = start[i] + ((pad + first) * shape[i, 1] + pad) * shape[i, 2] + pad
            top = peaks_of_box(
                box, gone, lacks, lacking, size, region, mask, shape[i, 1], shape[i, 2], rows, full, reach, room, missing,
                top, out[k, 0],
            )  # fmt: skip
