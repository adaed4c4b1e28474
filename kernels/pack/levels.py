"""From intensities to grey levels, and to the ranks of the levels that are present in a VOI.

Arguments of several functions
------------------------------
value : ndarray float64 [voxels]
    Intensities, in the image's unit.
value_start : ndarray int64 [n + 1]
    The intensities of VOI i begin at value[value_start[i]].
start : ndarray int64 [n + 1]
    VOI i owns region[start[i] : start[i + 1]].
vois : ndarray int64 [k]
    The VOIs to do.
region : ndarray uint8 [total]
    Padded boxes in C order: bit 0 marks the mask, bit 1 the intensity mask.
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
_TABLE = 1 << 22  # widest range of levels ranked by a table; beyond it levels are sorted


@jit.body
def level_of_value(v, method, bins, width, low, high):
    """Grey level, int64, of an intensity (IBSI K15C and Q3RU).

    Parameters
    ----------
    v : float64
        Intensity, in the image's unit.
    method, bins, width
        See the module's text.
    low, high : float64
        Extremes of the VOI under FBN, bounds under BOUNDS; `low` is the origin under FBS. In the image's unit.
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
    """Rank the levels of one VOI's voxels; returns how many levels are present.

    Parameters
    ----------
    levels, rank, number
        Written as `discretise` says.
    first, last : int64
        The VOI's voxels, `last` exclusive.
    lowest, highest : int64
        The VOI's lowest and highest level.
    table : ndarray int64 [≥ highest - lowest + 1]
        A place for each level in between; 0 before and after.
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
    """Write the rank of the grey level of every voxel of the intensity masks.

    Parameters
    ----------
    region, start, vois, rank, value_start, n_present
        See the module's text.
    level : ndarray uint8 or uint16 [total]
        Written: ranks, in the order of `region`; other voxels are left as they are.
    """
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
    source, target : ndarray number [items]
        Of the same type; target is written.
    source_start, target_start : ndarray int64 [n]
        Where each segment begins.
    number : ndarray int64 [n]
    """
    for i in range(number.size):
        for j in range(number[i]):
            target[target_start[i] + j] = source[source_start[i] + j]
