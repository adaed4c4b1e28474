"""Sorts that compile quickly; NumPy's inside a kernel cost seconds of compile time."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit


@jit.body
def heap(x, first, last):
    """Heap sort of x[first:last] in place: never worse than n log n, and little to compile.

    Parameters
    ----------
    x : any numbers [≥ last]
    first, last : int
    """
    n = last - first
    half = n >> 1
    for step in range(half + n):
        root, size = half - 1 - step, n
        if step >= half:
            root, size = 0, n - 1 - (step - half)
            x[first], x[first + size] = x[first + size], x[first]
        while 2 * root + 1 < size:
            child = 2 * root + 1
            if child + 1 < size and x[first + child] < x[first + child + 1]:
                child += 1
            if x[first + child] <= x[first + root]:
                break
            x[first + root], x[first + child] = x[first + child], x[first + root]
            root = child


@jit.body
def radix(codes, spare, n, tally):
    """Sort codes[:n] digit by digit; digits that all codes share are skipped.

    Parameters
    ----------
    codes : int64 [≥ n], all ≥ 0
    spare : int64 [≥ n]
        Working memory.
    n : int
    tally : int64 [256]
        Working memory.
    """
    varying = np.int64(0)
    for k in range(1, n):
        varying |= codes[k] ^ codes[0]
    shift = np.int64(0)
    while varying >> shift > 0:
        if (varying >> shift) & 255 > 0:
            for d in range(256):
                tally[d] = 0
            for k in range(n):
                tally[(codes[k] >> shift) & 255] += 1
            place = 0
            for d in range(256):
                place += tally[d]
                tally[d] = place - tally[d]
            for k in range(n):
                d = (codes[k] >> shift) & 255
                spare[tally[d]] = codes[k]
                tally[d] += 1
            for k in range(n):
                codes[k] = spare[k]
        shift += 8


@jit.body
def distinct(codes, spare, n, tally):
    """Sort codes[:n] and keep each value once, in place; returns how many there are. Arguments as for `radix`."""
    radix(codes, spare, n, tally)
    number = np.int64(0)
    for k in range(n):
        if k == 0 or codes[k] != codes[number - 1]:
            codes[number] = codes[k]
            number += 1
    return number
