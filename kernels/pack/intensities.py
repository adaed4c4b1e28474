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

_FAR, _NEAR, _STEP = 2.0**400, 2.0**-300, 2.0**700  # between the first two, squares of what tells intensities apart are float64


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
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                line, own = row_of(image, region, corner[i], pad, start[i], shape[i], z, y)
                n, lost = keep(line, own, low, high)
                kept[i] += n
                if lost > 0 and nonfinite[i] == 0:
                    x = first_nonfinite(line, own)
                    first[i, 0], first[i, 1], first[i, 2] = corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + pad + x
                nonfinite[i] += lost
        if sigma > 0.0 and kept[i] > 0:
            kept[i] -= leave_out(image, corner[i], pad, start[i], shape[i], region, kept[i], sigma)


@jit.body
def row_of(image, region, corner, pad, start, shape, z, y):
    """A row of one box without its padding: the voxels in the image and in `region`.

    They are slices, whose places are never negative, so that loops over them are vectorised.

    Parameters
    ----------
    image : real [z, y, x]
    region : uint8 [total]
    corner : int32 [3]
        Index (z, y, x) in the image of the padded box's voxel [0, 0, 0].
    pad : int
        Empty voxels on every side of the box.
    start : int64
        Where the box begins in `region`.
    shape : int32 [3]
        Padded box size (z, y, x).
    z, y : int
        Which row of the padded box.
    """
    row = start + (np.int64(z) * shape[1] + y) * shape[2]
    line = image[corner[0] + z, corner[1] + y, corner[2] + pad : corner[2] + shape[2] - pad]
    return line, region[row + pad : row + shape[2] - pad]


@jit.body
def keep(line, own, low, high):
    """Set bit 1 of a row's drawn voxels whose intensity is finite and in low..high.

    Returns how many these are, and how many drawn voxels are not finite.

    Parameters
    ----------
    line : ndarray float32 or another type [nx]
        Intensities of the row, as the image holds them.
    own : ndarray uint8 [nx]
        Its stretch of `region`. Both come from `row_of`.
    low, high : float64
    """
    kept = lost = np.int64(0)
    for x in range(own.size):
        v = np.float64(line[x])
        drawn = own[x] & np.uint8(1)
        finite = np.uint8(abs(v) < np.inf)
        inside = drawn & finite & np.uint8((low <= v) & (v <= high))  # `and` would be a branch
        own[x] = drawn | inside << np.uint8(1)
        kept += inside
        lost += drawn & ~finite
    return kept, lost


@jit.body
def first_nonfinite(line, own):
    """Place in a row of the first drawn voxel that is not finite; there is one. Arguments as of `keep`."""
    x = 0
    while not (own[x] & 1 and not np.isfinite(np.float64(line[x]))):
        x += 1
    return x


@jit.body
def unit_of(image, corner, pad, start, shape, region):
    """A power of 2 by which squares of a box's intensities, whose bit 1 is set, neither overflow nor vanish; 1 for most.

    Parameters
    ----------
    image, corner, pad, start, shape, region
        See `row_of`.
    """
    largest = 0.0
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            line, own = row_of(image, region, corner, pad, start, shape, z, y)
            for x in range(own.size):
                if own[x] & 2:
                    largest = max(largest, abs(np.float64(line[x])))
    if largest > _FAR:
        return 1.0 / _STEP
    return _STEP if largest < _NEAR else 1.0


@jit.body
def leave_out(image, corner, pad, start, shape, region, number, sigma):
    """Clear bit 1 of the outliers of one box; returns how many.

    Parameters
    ----------
    image, corner, pad, start, shape, region
        See `row_of`.
    number : int64
        Voxels whose bit 1 is set, at least 1.
    sigma : float
        See `resegment`.
    """
    unit = unit_of(image, corner, pad, start, shape, region)
    seen = np.int64(0)
    origin = total = 0.0  # sums of distances to the first value: exact for a constant VOI, accurate far from 0
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            line, own = row_of(image, region, corner, pad, start, shape, z, y)
            for x in range(own.size):
                if own[x] & 2:
                    if seen == 0:
                        origin = np.float64(line[x]) * unit
                    total += np.float64(line[x]) * unit - origin
                    seen += 1
    middle = total / number
    squares = 0.0
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            line, own = row_of(image, region, corner, pad, start, shape, z, y)
            for x in range(own.size):
                if own[x] & 2:
                    squares += (np.float64(line[x]) * unit - origin - middle) ** 2
    limit = sigma * np.sqrt(squares / number)
    left_out = np.int64(0)
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            line, own = row_of(image, region, corner, pad, start, shape, z, y)
            for x in range(own.size):
                if own[x] & 2 and not np.abs(np.float64(line[x]) * unit - origin - middle) <= limit:
                    own[x] = 1
                    left_out += 1
    return left_out


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
        out, n = value[value_start[i] : value_start[i + 1]], np.uint64(0)
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                line, own = row_of(image, region, corner[i], pad, start[i], shape[i], z, y)
                for x in range(own.size):
                    if own[x] & 2:
                        v = np.float64(line[x])
                        nonfinite[i] += not np.isfinite(v)
                        out[n] = v
                        n += np.uint64(1)
