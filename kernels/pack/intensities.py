"""Which voxels of a mask keep their intensity, and these intensities, gathered from images.

Volumes, boxes and places in them are ordered (z, y, x).

Arguments of several functions
------------------------------
corner : ndarray int32 [n, 3]
    Where voxel [0, 0, 0] of each padded box lies in the volume.
pad : int
    Voxels of padding around a box.
start : ndarray int64 [n + 1]
    VOI i owns region[start[i] : start[i + 1]].
shape : ndarray int32 [n, 3]
    Size of each padded box.
vois : ndarray int64 [k]
    The VOIs to do.
region : ndarray uint8 [total]
    Padded boxes in C order: bit 0 marks the mask, bit 1 the intensity mask.
value_start : ndarray int64 [n + 1]
    The intensities of VOI i begin at value[value_start[i]].
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit


@jit.cpu
def resegment(image, corner, pad, start, shape, vois, low, high, sigma, region, kept, nonfinite, first):
    """Set bit 1 of the mask's voxels whose intensity is finite, in [low, high], then within mean ± sigma · sd of those.

    Parameters
    ----------
    image : real [z, y, x]
        The base image.
    corner : int32 [n, 3]
        Index (z, y, x) in the image of each padded box's voxel [0, 0, 0].
    pad : int
        Empty voxels on every side of a box.
    start : int64 [n + 1]
        Where each box begins in `region`.
    shape : int32 [n, 3]
        Padded box sizes (z, y, x).
    vois : int64 [k]
        The boxes to do.
    low, high : float
        Inclusive bounds in intensity units.
    sigma : float
        Standard deviations (population) beyond which an intensity is an outlier; 0: none is.
    region : uint8 [total]
        Bit 0 is the mask as drawn; bit 1 is set here.
    kept : int64 [n]
        Set to the number of voxels whose bit 1 is set.
    nonfinite : int64 [n]
        NaN and infinite voxels of the mask are added to it.
    first : int64 [n, 3]
        Set to the image index (z, y, x) of the first of them.
    """
    for k in range(vois.size):
        i = vois[k]
        kept[i] = 0
        origin = 0.0  # sums of distances to the first value: exact for a constant VOI, accurate far from 0
        total = 0.0
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                for x in range(pad, shape[i, 2] - pad):
                    if region[row + x] & 1:
                        v = np.float64(image[corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + x])
                        if not np.isfinite(v):
                            if nonfinite[i] == 0:
                                first[i, 0] = corner[i, 0] + z
                                first[i, 1] = corner[i, 1] + y
                                first[i, 2] = corner[i, 2] + x
                            nonfinite[i] += 1
                        elif low <= v and v <= high:
                            region[row + x] = 3
                            if kept[i] == 0:
                                origin = v
                            total += v - origin
                            kept[i] += 1
        if sigma > 0.0 and kept[i] > 0:
            middle = total / kept[i]
            limit = sigma * np.sqrt(squares(image, corner[i], pad, start[i], shape[i], region, origin, middle) / kept[i])
            kept[i] -= leave_out(image, corner[i], pad, start[i], shape[i], region, origin, middle, limit)


@jit.body
def squares(image, corner, pad, start, shape, region, origin, middle):
    """Σ (v - origin - middle)² over the intensities v of the voxels of one box whose bit 1 is set.

    Parameters
    ----------
    image, pad, region
        See `resegment`.
    corner : int32 [3]
        Index (z, y, x) in the image of the padded box's voxel [0, 0, 0].
    start : int64
        Where the box begins in `region`.
    shape : int32 [3]
        Padded box size (z, y, x).
    origin, middle : float64
        An intensity of the VOI, and the distance of the mean from it, in the image's unit.
    """
    found = 0.0
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            row = start + (np.int64(z) * shape[1] + y) * shape[2]
            for x in range(pad, shape[2] - pad):
                if region[row + x] & 2:
                    found += (np.float64(image[corner[0] + z, corner[1] + y, corner[2] + x]) - origin - middle) ** 2
    return found


@jit.body
def leave_out(image, corner, pad, start, shape, region, origin, middle, limit):
    """Clear bit 1 of the voxels of one box that lie further than `limit` from origin + middle; returns how many.

    Parameters
    ----------
    image, corner, pad, start, shape, region, origin, middle
        See `squares`.
    limit : float64
        In the image's unit.
    """
    number = np.int64(0)
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            row = start + (np.int64(z) * shape[1] + y) * shape[2]
            for x in range(pad, shape[2] - pad):
                if region[row + x] & 2:
                    v = np.float64(image[corner[0] + z, corner[1] + y, corner[2] + x])
                    if not np.abs(v - origin - middle) <= limit:
                        region[row + x] = 1
                        number += 1
    return number


@jit.cpu
def gather(image, corner, pad, start, shape, vois, region, value, value_start, nonfinite):
    """Copy the intensities of the voxels whose bit 1 is set, in box order, to value[value_start[i] : value_start[i + 1]].

    Parameters
    ----------
    image : real [z, y, x]
        Any image on the grid of the base image.
    corner, pad, start, shape, vois, region
        As for `resegment`.
    value : float64 [voxels]
    value_start : int64 [n + 1]
    nonfinite : int64 [n]
        NaN and infinite values that were copied are added to it.
    """
    for k in range(vois.size):
        i = vois[k]
        out = value_start[i]
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                for x in range(pad, shape[i, 2] - pad):
                    if region[row + x] & 2:
                        v = np.float64(image[corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + x])
                        nonfinite[i] += not np.isfinite(v)
                        value[out] = v
                        out += 1
