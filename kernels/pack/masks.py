"""From label images to packed VOIs: which labels there are, and the mask of each in its padded box.

Volumes, boxes and places in them are ordered (z, y, x).

Arguments of several functions
------------------------------
labels : ndarray integer [z, y, x]
    Label image, or the part of one that holds all VOIs.
value : ndarray integer [n]
    The label of each VOI.
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
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

_HALF = 1e-9  # a partial volume this close to the threshold has reached it: weights of one half are not exact


@jit.body
def add_run(label, z, y, first, last, slot, number, low, high):
    """Add voxels first to last of a row, all of one label, to what `survey` knows of it.

    Parameters
    ----------
    label, z, y, first, last : int
    slot, number, low, high
        See `survey`.
    """
    if label == 0 or slot[label] < 0:
        return
    s = slot[label]
    number[s] += last + 1 - first
    low[s, 0], high[s, 0] = min(low[s, 0], z), max(high[s, 0], z)
    low[s, 1], high[s, 1] = min(low[s, 1], y), max(high[s, 1], y)
    low[s, 2], high[s, 2] = min(low[s, 2], first), max(high[s, 2], last)


@jit.cpu
def survey(labels, words, slot, number, low, high):
    """Voxels and bounding box of each label.

    Parameters
    ----------
    labels : ndarray integer [z, y, x]
    words : ndarray uint64 [z, y, w]
        The same bytes: a row whose words are all 0 is left out. Without words, w = 0, no row is.
    slot : ndarray int64 [values]
        slot[v] is the place of label v in the results; -1 leaves it out.
    number : ndarray int64 [slots]
        Added to: voxels.
    low, high : ndarray int64 [slots, 3]
        Updated: lowest and highest place along each axis, both inclusive.
    """
    for z in range(labels.shape[0] if labels.size else 0):
        for y in range(labels.shape[1]):
            some = np.uint64(words.shape[2] == 0)
            for w in range(words.shape[2]):
                some |= words[z, y, w]
            if some == 0:
                continue
            run, first = labels[z, y, 0], 0
            for x in range(1, labels.shape[2]):
                if labels[z, y, x] != run:
                    add_run(run, z, y, first, x - 1, slot, number, low, high)
                    run, first = labels[z, y, x], x
            add_run(run, z, y, first, labels.shape[2] - 1, slot, number, low, high)


@jit.cpu
def mark(labels, value, corner, pad, start, shape, vois, region):
    """Set bit 0 of every VOI's box where labels == value[i].

    All arguments are described in the module's text; `corner` is a place in `labels`.
    """
    for k in range(vois.size):
        i = vois[k]
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                own = region[row + pad : row + shape[i, 2] - pad]
                line = labels[corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + pad : corner[i, 2] + shape[i, 2] - pad]
                for x in range(own.size):  # slices, whose places are never negative, so that rows are vectorised
                    own[x] = line[x] == value[i]


@jit.cpu
def keep(labels, value, corner, pad, start, shape, vois, region, number):
    """Clear bit 1 of every VOI's box where labels != value[i].

    Parameters
    ----------
    labels, value, corner, pad, start, shape, vois, region
        See the module's text; `corner` is a place in `labels`.
    number : ndarray int64 [n]
        Written: voxels of the intensity mask.
    """
    for k in range(vois.size):
        i = vois[k]
        kept = np.int64(0)
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                for x in range(pad, shape[i, 2] - pad):
                    if labels[corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + x] != value[i]:
                        region[row + x] &= 1
                    kept += region[row + x] >> 1
        number[i] = kept


@jit.cpu
def mark_resampled(
    labels, origin, size, value, offset, step, threshold, nearest, corner, pad, start, shape, vois, region, number
):
    """`mark` for a new grid: old index = new index · step + offset.

    The VOI's mask of 0 and 1 is interpolated, and the image's outermost voxels are continued beyond its edge. `corner`
    is a place on the new grid.

    Parameters
    ----------
    labels, value, corner, pad, start, shape, vois, region
        See the module's text.
    origin : ndarray int64 [3]
        The voxel of the old image that is voxel [0, 0, 0] of `labels`.
    size : ndarray int64 [3]
        Size of the old image.
    offset, step : ndarray float64 [3]
        In voxels of the old image.
    threshold : float
        A voxel is set from this interpolated value on.
    nearest : bool
        Take the nearest voxel instead of interpolating between eight.
    number : ndarray int64 [n]
        Added to: voxels set.
    """
    low = np.empty(3, np.int64)
    far = np.empty(3)
    for k in range(vois.size):
        i = vois[k]
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                for x in range(pad, shape[i, 2] - pad):
                    for axis in range(3):
                        here = z if axis == 0 else (y if axis == 1 else x)
                        at = (corner[i, axis] + here) * step[axis] + offset[axis]
                        if nearest:
                            at = np.floor(at + 0.5)
                        low[axis] = np.int64(np.floor(at))
                        far[axis] = at - low[axis]
                    part = 0.0
                    for corner_bits in range(8):
                        dz, dy, dx = corner_bits >> 2, (corner_bits >> 1) & 1, corner_bits & 1
                        weight = (far[0] if dz else 1.0 - far[0]) * (far[1] if dy else 1.0 - far[1])
                        weight *= far[2] if dx else 1.0 - far[2]
                        if weight > 0.0:
                            a = min(max(low[0] + dz, 0), size[0] - 1) - origin[0]
                            b = min(max(low[1] + dy, 0), size[1] - 1) - origin[1]
                            c = min(max(low[2] + dx, 0), size[2] - 1) - origin[2]
                            inside = 0 <= a < labels.shape[0] and 0 <= b < labels.shape[1] and 0 <= c < labels.shape[2]
                            if inside and labels[a, b, c] == value[i]:
                                part += weight
                    if part >= threshold - _HALF:
                        region[row + x] = 1
                        number[i] += 1
