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
VOI, Z, Y, X, NZ, NY, NX, MASK = range(8)
"""Columns of a slab, which is some slices of a VOI's box, dilated by the sphere's reach: which of the VOIs asked for,
where it begins in the image, its size, and the voxel of Geometry.region where the slab without the dilation begins."""


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
    box : ndarray float64 [voxels]
        Intensities, in the image's unit. The box of this row reaches a half-width beyond x_first and x_last, and the
        sphere's height beyond the row.
    row : int64
        Place of x = 0 in `box`.
    ny, nx : int64
        Size of this box.
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
            at = np.uint64(row + (rows[r, DZ] * ny + rows[r, DY]) * nx) + first
            r += 1
            if r < rows.shape[0] and rows[r, HALF_WIDTH] == h:  # two rows at once, for half of the loads and stores
                other = np.uint64(row + (rows[r, DZ] * ny + rows[r, DY]) * nx) + first
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
def count_lacking(gone, lacks, row, line, ny, nx, x_first, x_last, rows, sums, missing):
    """missing[x] = how many voxels the sphere around voxel x of a row lacks, for x_first ≤ x < x_last.

    Parameters
    ----------
    gone : ndarray uint8
    lacks : ndarray int64
        From `gather`.
    line : int64
        Place of the row in `lacks`.
    row, ny, nx, x_first, x_last, rows, sums
        As in `add_spheres`.
    missing : ndarray float64 [≥ nx]
        Written.
    """
    widest = rows[0, HALF_WIDTH]
    sums[x_first - widest : x_last + widest] = 0.0
    missing[x_first:x_last] = 0.0
    r, everywhere, some = 0, 0.0, False
    for h in range(widest, -1, -1):
        first, width = np.uint64(x_first - h), np.uint64(x_last - x_first + 2 * h)
        while r < rows.shape[0] and rows[r, HALF_WIDTH] == h:
            away = rows[r, DZ] * ny + rows[r, DY]
            r += 1
            if lacks[line + away] == nx:
                everywhere += 2 * h + 1
            elif lacks[line + away] > 0:
                some, at = True, np.uint64(row + away * nx) + first
                for c in range(width):
                    sums[first + c] += gone[at + c]
        if some:
            for x in range(x_first, x_last):
                missing[x] += sums[x - h] + (sums[x + h] if h > 0 else 0.0)
    for x in range(x_first, x_last):
        missing[x] += everywhere


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
def bytes_needed(shape, pad, image_of, spacing, last, most, held):
    """Memory that `sphere` and `peaks` take for each VOI.

    Parameters
    ----------
    shape : ndarray int32 [n, 3]
        Size of each padded box.
    pad : int
    image_of : ndarray int64 [n]
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
def gather(image, slabs, box, gone, lacks, lacking):
    """Copy slabs of an image, one after the other. Only this kernel is compiled for each type of image.

    Parameters
    ----------
    image : real [z, y, x]
    slabs : ndarray int64 [t, 8]
        From `slabs_of`; they may reach out of the image.
    box : ndarray float64 [≥ voxels]
        Written: intensities, 0 outside the image and where the intensity is not finite.
    gone : ndarray uint8 [≥ voxels]
        Written in the rows that lack some voxels but not all: 1 where there is no voxel, else 0.
    lacks : ndarray int64 [≥ rows along x]
        Written: how many voxels of each row are lacking.
    lacking : ndarray int64 [t]
        Written: how many voxels of each slab are lacking.
    """
    start, line = 0, 0
    for t in range(lacking.size):
        ny, nx, x_corner = slabs[t, NY], slabs[t, NX], slabs[t, X]
        first, last = max(x_corner, 0), min(x_corner + nx, image.shape[2])
        source, before, number = np.uint64(first), np.uint64(first - x_corner), np.uint64(max(0, last - first))
        lacking[t] = 0
        for row in range(slabs[t, NZ] * ny):
            z, y, at, lack = slabs[t, Z] + row // ny, slabs[t, Y] + row % ny, np.uint64(start), nx
            if number > 0 and 0 <= z < image.shape[0] and 0 <= y < image.shape[1]:
                bad = 0
                for c in range(number):
                    v = np.float64(image[z, y, source + c])
                    box[at + before + c] = v
                    bad += not v - v == 0.0
                lack = nx - np.int64(number) + bad
            if lack > 0:
                for x in range(nx):
                    inside = first <= x_corner + x < last and lack < nx
                    gone[start + x] = not (inside and np.isfinite(box[start + x]))
                    if gone[start + x]:
                        box[start + x] = 0.0
            lacks[line] = lack
            lacking[t] += lack
            start += nx
            line += 1


@jit.cpu
def slabs_of(shape, corner, start, pad, vois, chosen, reach, origin, most):
    """Cut the boxes of VOIs on one image into slabs.

    Parameters
    ----------
    shape, corner : ndarray int32 [n, 3]
        Size of each padded box, and where its first voxel lies in the image.
    start : ndarray int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    pad : int
    vois : ndarray int64 [k]
    chosen : ndarray int64
        Which of them.
    reach : ndarray int64 [3]
        How many voxels the sphere reaches along (z, y, x).
    origin : tuple of int [3]
        Index (z, y, x) of the image's first voxel where `corner` counts from.
    most : int64
        See `slab`.

    Returns
    -------
    ndarray int64 [t, 8]
        Columns VOI to MASK.
    """
    number = 0
    for k in chosen:
        nz, ny, nx = shape[vois[k], 0] - 2 * pad, shape[vois[k], 1] - 2 * pad, shape[vois[k], 2] - 2 * pad
        slices = slab(nz, ny, nx, reach, most)
        number += (nz + slices - 1) // slices
    found, t = np.empty((number, 8), np.int64), 0
    for k in chosen:
        i = vois[k]
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        slices = slab(nz, ny, nx, reach, most)
        for first in range(0, nz, slices):
            found[t, VOI] = k
            found[t, Z] = corner[i, 0] + pad + first - reach[0] - origin[0]
            found[t, Y] = corner[i, 1] + pad - reach[1] - origin[1]
            found[t, X] = corner[i, 2] + pad - reach[2] - origin[2]
            found[t, NZ] = min(slices, nz - first) + 2 * reach[0]
            found[t, NY] = ny + 2 * reach[1]
            found[t, NX] = nx + 2 * reach[2]
            found[t, MASK] = start[i] + ((pad + first) * shape[i, 1] + pad) * np.int64(shape[i, 2]) + pad
            t += 1
    return found


@jit.cpu
def peaks(box, gone, lacks, lacking, slabs, region, shape, vois, rows, reach, top, out):
    """Local and global peak, updated slab by slab.

    Parameters
    ----------
    box, gone, lacks, lacking
        From `gather`.
    slabs : ndarray int64 [t, 8]
        From `slabs_of`.
    region : ndarray uint8 [total]
        Padded boxes in C order: bit 0 marks the mask, bit 1 the intensity mask.
    shape : ndarray int32 [n, 3]
        Size of each padded box.
    vois : ndarray int64 [k]
    rows : ndarray int64 [rows, 3]
        The sphere, from `sphere`.
    reach : ndarray int64 [3]
        How many voxels it reaches along (z, y, x).
    top : ndarray float64 [k]
        Highest intensity of the mask so far, -inf at first.
    out : ndarray float64 [k, features]
        The features so far, in the image's unit; NaN at first.
    """
    longest, full, start, line = np.int64(1), 0.0, 0, 0
    for t in range(lacking.size):
        longest = max(longest, slabs[t, NX])
    for r in range(rows.shape[0]):
        full += 2 * rows[r, HALF_WIDTH] + 1
    sums, total, missing = np.empty(longest), np.empty(longest), np.empty(longest)
    for t in range(lacking.size):
        k, ny, nx = slabs[t, VOI], slabs[t, NY], slabs[t, NX]
        for row in range(slabs[t, NZ] * ny):
            z, y = row // ny - reach[0], row % ny - reach[1]
            if not (0 <= z < slabs[t, NZ] - 2 * reach[0] and 0 <= y < ny - 2 * reach[1]):
                continue
            # the region's voxel at x = 0 of this row
            mask = slabs[t, MASK] + (z * shape[vois[k], 1] + y) * shape[vois[k], 2] - reach[2]
            x_first, x_last = nx, np.int64(0)
            for x in range(reach[2], nx - reach[2]):
                if region[mask + x] & 2:
                    x_first = min(x_first, x)
                    x_last = x + 1
            if x_last == 0:
                continue
            here = start + row * nx
            add_spheres(box, here, ny, nx, x_first, x_last, rows, sums, total)
            if lacking[t] > 0:
                count_lacking(gone, lacks, here, line + row, ny, nx, x_first, x_last, rows, sums, missing)
            for x in range(x_first, x_last):
                if region[mask + x] & 2:
                    mean = total[x] / (full - missing[x] if lacking[t] > 0 else full)
                    v = box[here + x]
                    if v > top[k] or (v == top[k] and mean > out[k, LOCAL_INTENSITY_PEAK]):
                        top[k] = v
                        out[k, LOCAL_INTENSITY_PEAK] = mean
                    if not mean <= out[k, GLOBAL_INTENSITY_PEAK]:
                        out[k, GLOBAL_INTENSITY_PEAK] = mean
        start += slabs[t, NZ] * ny * nx
        line += slabs[t, NZ] * ny
