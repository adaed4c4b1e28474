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
n_present : ndarray int64 [n]
    Number of levels present.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, search, sorting

FBN, FBS, BOUNDS, NONE = 0, 1, 2, 3
"""Discretisation methods as `discretise` knows them."""
BELOW_ONE, NOT_INTEGER, TOO_MANY, TOO_WIDE = 1, 2, 3, 4
"""Why `discretise` refused a VOI."""
MAX_PRESENT = 65535
"""Grey levels present that a channel can hold. Where levels lie within as wide a range, they are ranked by a table."""
_WIDEST = 2.0**53  # levels must be exact in float64
_BLOCK = 4096  # voxels whose codes stay in the cache until they are counted


@jit.body
def level_of_value(v, method, bins, width, low, high):
    """Grey level, a whole float64, of an intensity (IBSI K15C and Q3RU). It never falls where v rises.

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
            return np.float64(bins) if high > low else 1.0
        # rounding may lift a value just under the maximum into a level that does not exist
        return min(np.floor(bins * (v - low) / (high - low)) + 1.0, np.float64(bins))
    if method == FBS:
        return np.floor((v - low) / width) + 1.0
    if method == BOUNDS:
        v = min(max(v, low), high)
        return min(np.floor((v - low) / ((high - low) / bins)) + 1.0, np.float64(bins))
    return v


@jit.body
def extremes(x, first, last):
    """Lowest and highest of x[first:last].

    Parameters
    ----------
    x : ndarray float64 [voxels]
        Finite.
    first, last : int64
    """
    low = high = x[first]
    for j in range(first, last):
        low = min(low, x[j])
        high = max(high, x[j])
    return low, high


@jit.body
def refusal(value, first, last, least, most, method, bins, width, low, high, level_min):
    """Why a VOI has no levels, or 0.

    Parameters
    ----------
    value : ndarray float64 [voxels]
        Intensities, in the image's unit; the VOI owns value[first:last].
    first, last : int64
    least, most : float64
        The lowest and the highest of them.
    method, bins, width, low, high
        See `level_of_value`.
    level_min : int64
        Lowest level accepted.
    """
    if method == FBS:
        return TOO_WIDE if max(abs(least - low), abs(most - low)) > _WIDEST * width else 0
    if method == FBN or method == BOUNDS:
        return TOO_WIDE if not np.isfinite(bins * (high - low)) else 0
    for j in range(first, last):
        if np.floor(value[j]) != value[j]:
            return NOT_INTEGER
    if max(abs(least), abs(most)) > _WIDEST:
        return TOO_WIDE
    return BELOW_ONE if least < level_min else 0


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
    place,
    n_present,
    n_nominal,
    below,
    refused,
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
    rank, n_present
        Written: rank[j] in 1..n_present[i]. An empty `rank` is left empty.
    levels, number : ndarray int64 [levels]
        Written: the level of rank r of VOI i, and its voxels, at place[i] + r - 1.
    place : ndarray int64 [n]
        There is room for as many levels as the VOI can have: voxels, bins, MAX_PRESENT.
    n_nominal : ndarray int64 [n]
        Written: number of levels, absent ones included.
    below : ndarray int64 [n]
        Written: intensities that took `level_min`.
    refused : ndarray uint8 [n]
        Written: why a VOI has no levels: BELOW_ONE, NOT_INTEGER, TOO_MANY, TOO_WIDE; else 0.
    """
    table, new_rank, block = np.zeros(0, np.int64), np.empty(0, np.uint16), np.empty(_BLOCK, np.uint16)
    for k in range(vois.size):
        i = vois[k]
        first, last = value_start[i], value_start[i + 1]
        if first == last:
            continue
        least, most = extremes(value, first, last)
        if method == FBN:
            low, high = least, most
        elif method == FBS:
            low = least if origin != origin else origin
        refused[i] = refusal(value, first, last, least, most, method, bins, width, low, high, level_min)
        if refused[i] != 0:
            continue
        lowest = max(level_of_value(least, method, bins, width, low, high), np.float64(level_min))
        highest = max(level_of_value(most, method, bins, width, low, high), lowest)
        n_nominal[i] = bins if method == FBN or method == BOUNDS else np.int64(highest)
        n_codes = np.int64(highest) - np.int64(lowest) + 1
        if n_codes <= MAX_PRESENT:
            if table.size < n_codes:
                table, new_rank = np.zeros(n_codes, np.int64), np.empty(n_codes, np.uint16)
            for j in range(first, last, _BLOCK):
                n = min(_BLOCK, last - j)
                code = block[:n] if rank.size == 0 else rank[j : j + n]
                below[i] += codes(value[j : j + n], method, bins, width, low, high, lowest, code)
                for c in code:
                    table[c] += 1
            n_present[i] = ranks_of(table, n_codes, np.int64(lowest), place[i], levels, number, new_rank)
            for j in range(first, last if rank.size > 0 else first):
                rank[j] = new_rank[rank[j]]
        else:
            spread = np.empty(last - first, np.int64)
            for j in range(first, last):
                g = level_of_value(value[j], method, bins, width, low, high)
                below[i] += g < lowest
                spread[j - first] = np.int64(max(g, lowest)) - np.int64(lowest)
            n_present[i] = ranks_by_sorting(spread, np.int64(lowest), place[i], levels, number, rank[first:last])
        if n_present[i] > MAX_PRESENT:
            refused[i] = TOO_MANY
            n_present[i] = 0


@jit.body
def codes(value, method, bins, width, low, high, lowest, code):
    """Write how far the level of each intensity is above `lowest`; returns how many levels were below and took it.

    Parameters
    ----------
    value : ndarray float64 [n]
    method, bins, width, low, high
        See `level_of_value`.
    lowest : float64
        A level, less than MAX_PRESENT below the highest.
    code : ndarray uint16 [n]
        Written.
    """
    below = np.int64(0)
    for j in range(value.size):
        above = level_of_value(value[j], method, bins, width, low, high) - lowest
        below += above < 0.0
        code[j] = np.uint16(np.int32(max(above, 0.0)))
    return below


@jit.body
def ranks_of(table, n_codes, lowest, place, levels, number, new_rank):
    """Turn the voxels of each code into the levels present of a VOI; returns their number.

    Parameters
    ----------
    table : ndarray int64 [≥ n_codes]
        Voxels of each code. The last of them has some. Set to 0.
    n_codes, lowest : int64
        Number of codes, and the level of code 0.
    place, levels, number
        As of `discretise`; `place` is that of the VOI.
    new_rank : ndarray uint16 [≥ n_codes]
        Written: rank of each code that is present.
    """
    n = np.int64(0)
    for c in range(n_codes):
        # a branch would be hard to predict. What an absent code writes is overwritten, at the latest by the last code
        levels[place + n] = lowest + c
        number[place + n] = table[c]
        n += table[c] > 0
        new_rank[c] = np.uint16(n)
        table[c] = 0
    return n


@jit.body
def ranks_by_sorting(spread, lowest, place, levels, number, rank):
    """As `ranks_of`, for levels far apart: spread[j] is how far the level of the VOI's voxel j is above `lowest`.

    More than MAX_PRESENT levels are only counted.

    Parameters
    ----------
    spread : ndarray int64 [m]
    lowest, place, levels, number, rank
        See `ranks_of`.
    """
    present, spare = spread.copy(), np.empty_like(spread)
    n = sorting.distinct(present, spare, spread.size, np.empty(256, np.int64))
    if n > MAX_PRESENT:
        return n
    for r in range(n):
        levels[place + r] = present[r] + lowest
        number[place + r] = 0
    for j in range(spread.size):
        r = search.first_of(present, np.int64(0), n, spread[j])
        number[place + r] += 1
        if rank.size > 0:
            rank[j] = np.uint16(r + 1)
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
        own, out = region[start[i] : start[i + 1]], level[start[i] : start[i + 1]]
        ranks, n = rank[value_start[i] : value_start[i + 1]], np.uint64(0)  # a signed place costs a test
        for p in range(own.size):
            if own[p] & 2:
                out[p] = ranks[n]
                n += np.uint64(1)


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
