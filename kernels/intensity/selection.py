"""Exact order statistics of the values of each VOI.

Values are never sorted as a whole. A monotone map sends them to buckets, the buckets that hold a wanted rank are
gathered and searched in the same way, each 1024 times narrower than the range before, until they are small: so
percentiles stand on the true order statistics, and no distribution is slow.

On a GPU they are searched digit by digit: the bits of a float64 make an integer of the same order, and eight times the
values that share the digits found so far are counted by their next eight bits. Blocks work on tiles of a VOI's values.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, sorting
from voxomics.kernels.intensity.percentiles import N_RANKS

BUCKETS = 1024
SMALL = 128  # so many values are sorted outright
VOI, FIRST, LAST, BELOW = range(4)
"""Columns of a segment: k, first and last (exclusive) place, and how many values of the VOI are below the segment's."""
N_COLUMNS = BELOW + 1


@jit.cpu
def refine(x, segments, ranks, found, pool, finer):
    """One step of the search for order statistics.

    Small segments are sorted. Of the others, the buckets that hold wanted ranks are copied to `pool` and become its
    segments.

    Parameters
    ----------
    x : ndarray float64 [voxels]
        Finite values, in the image's unit; only read.
    segments : ndarray int64 [s, 4]
        Columns VOI to BELOW; the places are those of x.
    ranks : ndarray int64 [k, r]
        Wanted ranks among the VOI's values, from 0.
    found : ndarray float64 [k, r]
        Set to the value of a rank where a small segment holds it.
    pool : ndarray float64 [≥ values of all segments]
        Written.
    finer : ndarray int64 [k · r, 4]
        Written: the segments of `pool`, in the form of `segments`.

    Returns
    -------
    int
        How many segments were written to `finer`.
    """
    end = np.empty(BUCKETS, np.int64)
    place = np.empty(BUCKETS, np.int64)  # where the next value of a wanted bucket goes, or -1
    filled = np.int64(0)  # a plain 0 has a type of its own, for which `sort` would be compiled once more
    n_finer = 0
    for s in range(segments.shape[0]):
        k, first, last, base = segments[s, VOI], segments[s, FIRST], segments[s, LAST], segments[s, BELOW]
        low = high = x[first]
        for j in range(first, last):
            low = min(low, x[j])
            high = max(high, x[j])
        width = 0.5 * high - 0.5 * low  # halves cannot overflow
        if last - first <= SMALL or width < 1e-300:  # the scale would overflow
            for j in range(first, last):
                pool[filled + j - first] = x[j]
            if low < high:
                sorting.heap(pool, filled, filled + last - first)
            for j in range(ranks.shape[1]):
                if base <= ranks[k, j] and ranks[k, j] < base + last - first:
                    found[k, j] = pool[filled + ranks[k, j] - base]
            continue
        for b in range(BUCKETS):
            end[b] = 0
            place[b] = -1
        scale = BUCKETS / width
        for j in range(first, last):
            end[min(np.int64((0.5 * x[j] - 0.5 * low) * scale), BUCKETS - 1)] += 1
        for b in range(1, BUCKETS):
            end[b] += end[b - 1]
        for j in range(ranks.shape[1]):
            rank = ranks[k, j] - base
            if 0 <= rank and rank < last - first:
                b = 0
                while end[b] <= rank:
                    b += 1
                if place[b] < 0:
                    below = end[b - 1] if b > 0 else 0
                    place[b] = filled
                    filled += end[b] - below
                    finer[n_finer, VOI] = k
                    finer[n_finer, FIRST] = place[b]
                    finer[n_finer, LAST] = filled
                    finer[n_finer, BELOW] = base + below
                    n_finer += 1
        for j in range(first, last):
            b = min(np.int64((0.5 * x[j] - 0.5 * low) * scale), BUCKETS - 1)
            if place[b] >= 0:
                pool[place[b]] = x[j]
                place[b] += 1
    return n_finer


@jit.cpu
def order_statistics(value, value_start, vois, ranks):
    """Values of given ranks, exact.

    Parameters
    ----------
    value : ndarray float64 [voxels]
        Finite.
    value_start : ndarray int64 [n + 1]
        VOI i owns value[value_start[i] : value_start[i + 1]].
    vois : ndarray int64 [k]
        The VOIs to look at.
    ranks : ndarray int64 [k, r]
        From 0, in any order.

    Returns
    -------
    ndarray float64 [k, r]
        NaN for a VOI without voxels.
    """
    found = np.empty(ranks.shape)
    segments = np.empty((max(vois.size, ranks.size), N_COLUMNS), np.int64)
    n = np.int64(0)
    for k in range(vois.size):
        for j in range(ranks.shape[1]):
            found[k, j] = np.nan
        first, last = value_start[vois[k]], value_start[vois[k] + 1]
        if first < last:
            segments[n, VOI], segments[n, FIRST], segments[n, LAST], segments[n, BELOW] = k, first, last, 0
            n += 1
    while n > 0:
        values = np.int64(0)
        for s in range(n):
            values += segments[s, LAST] - segments[s, FIRST]
        pool, finer = np.empty(values), np.empty((ranks.size, N_COLUMNS), np.int64)
        n = refine(value, segments[:n], ranks, found, pool, finer)
        value, segments = pool, finer
    return found


THREADS = 256
"""Threads of a block that works on a tile."""
DIGITS = 256
"""Values of eight bits of a key."""
COUNTS = N_RANKS * DIGITS
"""Numbers that the search of a VOI's order statistics counts in."""
SIGN = np.int64(-(1 << 63))


@jit.body
def key_of(bits):
    """Map the bits of a float64 to an integer whose digits, from the top, have the order of the numbers.

    Parameters
    ----------
    bits : int64
        Bits of a float64.
    """
    return ~bits if bits < 0 else bits ^ SIGN


@jit.body
def bits_of(key):
    """Inverse of `key_of`: the bits of a float64 as int64.

    Parameters
    ----------
    key : int64
        From `key_of`.
    """
    return key ^ SIGN if key < 0 else ~key


@jit.gpu("i8[::1], i4[::1], i8[::1], i4[::1], i8[:, ::1], i4[:, ::1], i4, i4[::1]")
def count_gpu(bits, tile_voi, tile_first, tile_length, key, same, shift, counts):
    """Count a tile's values by their digit above `shift`: for each rank j those that share the higher digits of its key.

    Parameters
    ----------
    bits : device int64 [voxels]
        The bits of the values.
    tile_voi : device int32 [tiles]
        k of each tile; a block works on one.
    tile_first : device int64 [tiles]
        Where the tile begins in `bits`.
    tile_length : device int32 [tiles]
        Number of its values.
    key : device int64 [k, 10]
        The digits found so far of each rank's key, 0 below.
    same : device int32 [k, 10]
        The first rank that has the same digits; only that one is counted.
    shift : int
        Bits below the digit: 56, 48 ... 0.
    counts : device int32 [k · 10 · 256]
        Added to at (k · 10 + j) · 256 + digit.
    """
    shared = jit.cuda.shared.array(COUNTS, np.int32)
    known = jit.cuda.shared.array(N_RANKS, np.int64)
    rank = jit.cuda.shared.array(N_RANKS, np.int32)
    several = jit.cuda.shared.array(1, np.int32)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    k = np.int64(tile_voi[tile])
    if thread == 0:
        n = np.int32(0)
        for j in range(N_RANKS):
            if same[k, j] == j:
                known[n], rank[n] = key[k, j], j
                n += 1
        several[0] = n
    jit.cuda.syncthreads()
    n = several[0]
    c = thread
    while c < n * DIGITS:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    higher = -(np.int64(DIGITS) << shift)  # 0 for the highest digit
    q, first, length = thread, tile_first[tile], tile_length[tile]
    while q < length:
        mine = key_of(bits[first + q])
        j = np.int32(0)
        while j < n and mine & higher != known[j]:
            j += 1
        if j < n:
            jit.cuda.atomic.add(shared, j * DIGITS + np.int32((mine >> shift) & (DIGITS - 1)), 1)
        q += threads
    jit.cuda.syncthreads()
    c = thread
    while c < n * DIGITS:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, (k * N_RANKS + rank[c // DIGITS]) * DIGITS + c % DIGITS, shared[c])
        c += threads


@jit.gpu("i8[:, ::1], i8[:, ::1], i4[:, ::1], i4, i4[::1]")
def choose_gpu(key, left, same, shift, counts):
    """Add the next digit to every key, a block for each VOI, and clear the counts.

    With the last one keys become bits of values.

    Parameters
    ----------
    key : device int64 [k, 10]
        Digits found so far, updated; at last the bits of the value. Those of a VOI without values become NaN.
    left : device int64 [k, 10]
        The rank among the values that share the digits, updated.
    same : device int32 [k, 10]
        The first rank that has the same digits, updated.
    shift : int
        Bits below the digit that was counted.
    counts : device int32 [k · 10 · 256]
        From `count_gpu`; 0 afterwards.
    """
    known = jit.cuda.shared.array(N_RANKS, np.int64)
    k, j = np.int64(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    if j < N_RANKS:
        at = (k * N_RANKS + same[k, j]) * DIGITS
        digit = np.int64(0)
        rank = left[k, j]
        while digit < DIGITS - 1 and rank >= counts[at + digit]:
            rank -= counts[at + digit]
            digit += 1
        left[k, j] = rank
        known[j] = key[k, j] | (digit << shift)
    jit.cuda.syncthreads()
    if j < N_RANKS:
        first = np.int32(0)
        while known[first] != known[j]:
            first += 1
        same[k, j] = first
        key[k, j] = known[j] if shift > 0 else bits_of(known[j])
    c = j
    while c < COUNTS:
        counts[k * COUNTS + c] = 0
        c += jit.cuda.blockDim.x
