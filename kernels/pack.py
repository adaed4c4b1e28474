"""From volumes to packed VOIs: boxes, masks, intensities and grey levels of a whole batch.

Volumes, boxes and places in them are ordered (z, y, x).

Arguments of several functions
------------------------------
labels : ndarray integer [z, y, x]
    Label image, or the part of one that holds all VOIs.
value : ndarray
    For `mark` and `mark_resampled` the label of each VOI, integer [n]. Below, float64 [voxels]: intensities, in the
    image's unit.
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
method : int
    FBN, FBS, BOUNDS or NONE.
bins : int
    Number of levels under FBN and BOUNDS.
width : float
    Width of a bin under FBS, in the image's unit.
rank : ndarray uint16 [voxels]
    Rank of each intensity's level among those present in its VOI, from 1.
levels : ndarray int64 [voxels]
    Levels present of each VOI, ascending, from levels[value_start[i]] on.
n_present : ndarray int64 [n]
    Number of levels present.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

FBN, FBS, BOUNDS, NONE = 0, 1, 2, 3
"""Discretisation methods as `discretise` knows them."""
BELOW_ONE, NOT_INTEGER, TOO_MANY, TOO_WIDE = 1, 2, 3, 4
"""Why `discretise` refused a VOI."""
MAX_PRESENT = 65535
"""Grey levels present that a channel can hold."""
_WIDEST = 2.0**53  # levels must be exact in float64
_HALF = 1e-9  # a partial volume this close to the threshold has reached it: weights of one half are not exact
_TABLE = 1 << 22  # widest range of levels ranked by a table; beyond it levels are sorted


@jit.cpu
def survey(labels, slot, number, low, high):
    """Voxels and bounding box of each label.

    Parameters
    ----------
    labels : ndarray integer [z, y, x]
    slot : ndarray int64 [values]
        slot[v] is the place of label v in the results; -1 leaves it out.
    number : ndarray int64 [slots]
        Added to: voxels.
    low, high : ndarray int64 [slots, 3]
        Updated: lowest and highest place along each axis, both inclusive.
    """
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                v = labels[z, y, x]
                if v != 0:
                    s = slot[v]
                    if s >= 0:
                        number[s] += 1
                        low[s, 0] = min(low[s, 0], z)
                        low[s, 1] = min(low[s, 1], y)
                        low[s, 2] = min(low[s, 2], x)
                        high[s, 0] = max(high[s, 0], z)
                        high[s, 1] = max(high[s, 1], y)
                        high[s, 2] = max(high[s, 2], x)


@jit.cpu
def mark(labels, value, corner, pad, start, shape, vois, region):
    """Set bit 0 of every VOI's box where labels == value[i]; `corner` is a place in `labels`."""
    for k in range(vois.size):
        i = vois[k]
        for z in range(pad, shape[i, 0] - pad):
            for y in range(pad, shape[i, 1] - pad):
                row = start[i] + (np.int64(z) * shape[i, 1] + y) * shape[i, 2]
                for x in range(pad, shape[i, 2] - pad):
                    if labels[corner[i, 0] + z, corner[i, 1] + y, corner[i, 2] + x] == value[i]:
                        region[row + x] = 1


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
    """Σ (v - origin - middle)² over the voxels of one box whose bit 1 is set; arguments as for `resegment`, of one VOI."""
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
    """Clear bit 1 of the voxels of one box that lie further than `limit` from origin + middle; returns how many."""
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


@jit.body
def level_of_value(v, method, bins, width, low, high):
    """Grey level, int64, of an intensity v, float64 (IBSI K15C and Q3RU).

    low and high (float64) are the extremes of the VOI under FBN, the bounds under BOUNDS; low is the origin under FBS.
    """
    if method == FBN:
        if v >= high:
            return np.int64(bins) if high > low else np.int64(1)
        # rounding may lift a value just under the maximum into a level that does not exist
        return min(np.int64(np.floor(bins * (v - low) / (high - low))) + 1, np.int64(bins))
    if method == FBS:
        return np.int64(np.floor((v - low) / width)) + 1
    if method == BOUNDS:
        v = min(max(v, low), high)
        return min(np.int64(np.floor((v - low) / ((high - low) / bins))) + 1, np.int64(bins))
    return np.int64(v)


@jit.cpu
def discretise(
    value,
    value_start,
    vois,
    method,
    bins,
    width,
    origin,
    low,
    high,
    level_min,
    rank,
    levels,
    number,
    n_present,
    n_nominal,
    below,
    refused,
    spread,
):
    """Grey levels of every VOI, ranked.

    Parameters
    ----------
    value, value_start, vois, method, bins, width
        See the module's text.
    origin : float
        Where level 1 begins under FBS; NaN for the VOI's minimum.
    low, high : float
        Bounds under BOUNDS.
    level_min : int
        Lowest level accepted. Under FBS intensities below it take it; under NONE they are refused.
    rank, levels, n_present
        Written: rank[j] in 1..n_present[i], and the level of rank r in levels[value_start[i] + r - 1].
    number : ndarray int64 [voxels]
        Written: voxels of each level present, beside `levels`.
    n_nominal : ndarray int64 [n]
        Written: number of levels, absent ones included.
    below : ndarray int64 [n]
        Added to: intensities that took `level_min`.
    refused : ndarray uint8 [n]
        Written: why a VOI has no levels: BELOW_ONE, NOT_INTEGER, TOO_MANY, TOO_WIDE; else 0.
    spread : ndarray bool [n]
        Set where levels lie too far apart for a table; they are left unranked in `levels`, one a voxel.
    """
    table = np.zeros(0, np.int64)
    for k in range(vois.size):
        i = vois[k]
        first, last = value_start[i], value_start[i + 1]
        if first == last:
            continue
        if method == FBN or (method == FBS and origin != origin):
            low = high = value[first]
            for j in range(first, last):
                low = min(low, value[j])
                high = max(high, value[j])
        elif method == FBS:
            low = origin
        lowest = np.int64(1 << 62)
        highest = -lowest
        for j in range(first, last):
            if method == NONE and np.floor(value[j]) != value[j]:
                refused[i] = NOT_INTEGER
            if (method == FBS and np.abs(value[j] - low) > _WIDEST * width) or (method == NONE and np.abs(value[j]) > _WIDEST):
                refused[i] = TOO_WIDE
            g = level_of_value(value[j], method, bins, width, low, high)
            if method == FBS and g < level_min:
                g = np.int64(level_min)
                below[i] += 1
            levels[j] = g
            lowest = min(lowest, g)
            highest = max(highest, g)
        if lowest < level_min and refused[i] == 0:
            refused[i] = BELOW_ONE
        if refused[i] != 0:
            continue
        n_nominal[i] = bins if method == FBN or method == BOUNDS else highest
        if highest - lowest >= _TABLE:
            spread[i] = True
            continue
        if table.size < highest - lowest + 1:
            table = np.zeros(highest - lowest + 1, np.int64)
        n_present[i] = rank_by_table(levels, first, last, lowest, highest, table, rank, number)
        if n_present[i] > MAX_PRESENT:
            refused[i] = TOO_MANY
            n_present[i] = 0


@jit.body
def rank_by_table(levels, first, last, lowest, highest, table, rank, number):
    """Rank the levels of the voxels from first to last, exclusive (int64); returns how many are present.

    levels, rank and number are written as `discretise` says. The lowest and the highest level are given (int64); table,
    int64, has a place for each level between and is 0 before and after.
    """
    for j in range(first, last):
        table[levels[j] - lowest] += 1
    n = np.int64(0)
    for t in range(highest - lowest + 1):
        if table[t] > 0:
            number[first + n] = table[t]
            n += 1
            table[t] = n
    for j in range(first, last):
        rank[j] = table[levels[j] - lowest]
    for t in range(highest - lowest + 1):
        if table[t] > 0:
            levels[first + table[t] - 1] = t + lowest
            table[t] = 0
    return n


@jit.cpu
def scatter(region, start, vois, rank, value_start, n_present, level):
    """level[p], uint8 or uint16 [total], = rank of the voxel's grey level, for every voxel of the intensity masks."""
    for k in range(vois.size):
        i = vois[k]
        if n_present[i] == 0:
            continue
        j = value_start[i]
        for p in range(start[i], start[i + 1]):
            if region[p] & 2:
                level[p] = rank[j]
                j += 1


@jit.cpu
def compact(source, source_start, number, target, target_start):
    """Copy the first number[i] items of every segment, closing the gaps between them.

    Parameters
    ----------
    source, target : ndarray
        Of the same type; target is written.
    source_start, target_start : ndarray int64 [n]
        Where each segment begins.
    number : ndarray int64 [n]
    """
    for i in range(number.size):
        for j in range(number[i]):
            target[target_start[i] + j] = source[source_start[i] + j]
