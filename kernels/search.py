"""Searches in ascending lists."""

from __future__ import annotations

from voxomics.kernels import jit


@jit.body
def first_of(values, first, last, least):
    """The first place of an ascending values[first:last] that holds `least` or more; `last` if none does.

    Parameters
    ----------
    values : int32 or int64 [≥ last]
    first, last : int
    least : int
    """
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < least:
            first = middle + 1
        else:
            last = middle
    return first
