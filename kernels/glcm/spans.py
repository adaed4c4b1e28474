"""Levels that lie far apart: lists of the differences and sums that can occur.

Differences and sums of levels are tallied by their number. Where levels lie so far apart that this would take long,
they are tallied at their place in an ascending list of those that can occur, so that a wide span costs nothing. Sums
are less twice the lowest level, so that neither is larger than twice the span.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, sorting
from voxomics.kernels.glcm.count import OFFSET_BITS, RANK_BITS

ROOM = 64
"""A span is wide beyond twice the number of pairs of levels and this."""


def is_wide(span, n_pairs):
    """Whether differences and sums are tallied at their places in lists.

    Parameters
    ----------
    span : int, or ndarray int64
        The highest level less the lowest.
    n_pairs : int, or ndarray int64
        How many pairs of levels there may be.
    """
    return span > 2 * n_pairs + ROOM


is_span_wide = jit.body(is_wide)


@jit.cpu
def list_spans(level_of, level_start, vois, room_start, values, values_start):
    """List the differences and sums of all pairs of levels of each VOI that has room for them.

    Parameters
    ----------
    level_of, level_start, vois
        See kernels/grouping.py.
    room_start : int64 [k + 1]
        VOI vois[k] may fill values[room_start[k] : room_start[k + 1]]: L (L + 1) places where its span is wide, else
        none.
    values : int64 [room_start[k]]
    values_start : int64 [k, 3]
        Receives where the VOI's differences begin in `values`, where its sums begin, and where these end; all the same
        where it has no room.
    """
    most = np.int64(0)
    for k in range(vois.size):
        most = max(most, room_start[k + 1] - room_start[k])
    spare, digits = np.empty(most, np.int64), np.empty(256, np.int64)
    for k in range(vois.size):
        values_start[k] = room_start[k]
        room = values[room_start[k] : room_start[k + 1]]
        if room.size > 0:
            levels = level_of[level_start[vois[k]] : level_start[vois[k] + 1]]
            n = np.int64(0)
            for a in range(levels.size):
                for b in range(a, levels.size):
                    room[n] = levels[b] - levels[a]
                    n += 1
            number = sorting.distinct(room, spare, n, digits)
            values_start[k, 1] += number
            values_start[k, 2] += number
            room = values[values_start[k, 1] : room_start[k + 1]]
            n = np.int64(0)
            for a in range(levels.size):
                for b in range(a, levels.size):
                    room[n] = (levels[a] - levels[0]) + (levels[b] - levels[0])
                    n += 1
            values_start[k, 2] += sorting.distinct(room, spare, n, digits)


@jit.body
def spans_of(codes, n, levels, spare, digits):
    """Differences and sums of the pairs in sorted codes; two empty lists where the span is not wide.

    Parameters
    ----------
    codes : int64 [≥ n]
        From `count.pairs`, sorted.
    n : int
    levels : int64 [L]
        The VOI's grey levels.
    spare : int64 [≥ n]
        Working memory.
    digits : int64 [256]
        Working memory.
    """
    if not is_span_wide(levels[levels.size - 1] - levels[0], n):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    differences, sums = np.empty(n, np.int64), np.empty(n, np.int64)
    pairs = np.int64(0)
    for k in range(n):
        pair = codes[k] >> OFFSET_BITS
        if k == 0 or codes[k - 1] >> OFFSET_BITS != pair:
            a, b = levels[(pair >> RANK_BITS) - 1], levels[(pair & ((1 << RANK_BITS) - 1)) - 1]
            differences[pairs] = abs(b - a)
            sums[pairs] = (a - levels[0]) + (b - levels[0])
            pairs += 1
    n_differences = sorting.distinct(differences, spare, pairs, digits)
    n_sums = sorting.distinct(sums, spare, pairs, digits)
    return differences[:n_differences], sums[:n_sums]
