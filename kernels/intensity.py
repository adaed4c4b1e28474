"""Intensity statistics (IBSI UHIW): moments and exact percentiles of the intensities of each VOI.

Values are never sorted as a whole. A monotone map sends them to buckets, the buckets that hold a wanted rank are gathered and
searched in the same way, each 1024 times narrower than the range before, until they are small: so percentiles stand on the true
order statistics, and no distribution is slow.

On a GPU they are searched digit by digit: the bits of a float64 make an integer of the same order, and eight times the values
that share the digits found so far are counted by their next eight bits. Blocks work on tiles of a VOI's values.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit, sorting

PERCENTILE_RULES = ("linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf")
"""Rules between two order statistics, under NumPy's names."""
PERCENTS = (10.0, 25.0, 50.0, 75.0, 90.0)
BUCKETS = 1024
SMALL = 128  # so many values are sorted outright

FEATURES = (
    "mean",
    "variance",
    "skewness",
    "kurtosis",
    "median",
    "minimum",
    "percentile_10",
    "percentile_90",
    "maximum",
    "interquartile_range",
    "range",
    "mean_absolute_deviation",
    "robust_mean_absolute_deviation",
    "median_absolute_deviation",
    "coefficient_of_variation",
    "quartile_coefficient_of_dispersion",
    "energy",
    "root_mean_square",
)


def positions(n, rule):
    """Where PERCENTS lie among n sorted values: value number floor(position), from 0, and the fraction of the way to the next.

    Parameters
    ----------
    n : ndarray int64 [k]
    rule : str
        One of PERCENTILE_RULES. The median is the sample median (the mean of the middle two) under each.

    Returns
    -------
    ndarray float64 [k, 5]
    """
    q = np.array(PERCENTS) / 100.0
    n = np.maximum(np.asarray(n), 1)[:, None]
    at = (n - 1) * q
    median = at[:, 2].copy()
    if rule == "lower":
        at = np.floor(at)
    elif rule == "higher":
        at = np.ceil(at)
    elif rule == "nearest":
        at = np.rint(at)
    elif rule == "midpoint":
        at = (np.floor(at) + np.ceil(at)) / 2.0
    elif rule == "inverted_cdf":
        at = np.maximum(np.ceil(n * q) - 1.0, 0.0)
    at[:, 2] = median
    return at


def ranks(at, n):
    """The ranks below and above each position, int64 [k, 10], from positions float64 [k, 5] among n int64 [k] values."""
    below = at.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(n - 1, 0)[:, None])
    return np.stack((below, above), axis=2).reshape(len(at), 2 * at.shape[1])


@jit.body
def between(a, b, fraction):
    """The point a fraction of the way from a to b, rounded as NumPy does."""
    if fraction < 0.5:
        return a + (b - a) * fraction
    return b - (b - a) * (1.0 - fraction)


@jit.cpu
def refine(x, segments, ranks, found, pool, finer):
    """One step of the search for order statistics. Returns how many segments are left, written to `finer`.

    segments : int64 [s, 4]; VOI k, first and last (exclusive) in x, and how many values of the VOI are below the segment's.
    x is finite and only read. found[k, j] is set to the value of rank ranks[k, j] (from 0) where a small segment holds it; of the
    others, the buckets that hold wanted ranks are copied to `pool`, as large as x, and become the segments `finer` of it.
    """
    end = np.empty(BUCKETS, np.int64)
    place = np.empty(BUCKETS, np.int64)  # where the next value of a wanted bucket goes, or -1
    filled = np.int64(0)  # a plain 0 has a type of its own, for which `sort` would be compiled once more
    n_finer = 0
    for s in range(segments.shape[0]):
        k, first, last, base = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
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
                    finer[n_finer, 0] = k
                    finer[n_finer, 1] = place[b]
                    finer[n_finer, 2] = filled
                    finer[n_finer, 3] = base + below
                    n_finer += 1
        for j in range(first, last):
            b = min(np.int64((0.5 * x[j] - 0.5 * low) * scale), BUCKETS - 1)
            if place[b] >= 0:
                pool[place[b]] = x[j]
                place[b] += 1
    return n_finer


def order_statistics(value, value_start, vois, ranks):
    """Values of given ranks, exact.

    Parameters
    ----------
    value : ndarray float64 [voxels]
        Finite.
    value_start : ndarray int64 [n + 1]
    vois : ndarray int64 [k]
    ranks : ndarray int64 [k, r]
        From 0, in any order.

    Returns
    -------
    ndarray float64 [k, r]
        NaN for a VOI without voxels.
    """
    found = np.full(ranks.shape, np.nan)
    first, last = value_start[vois], value_start[vois + 1]
    segments = np.stack((np.arange(len(vois)), first, last, np.zeros(len(vois), np.int64)), axis=1)[last > first]
    while len(segments):
        pool = np.empty(int((segments[:, 2] - segments[:, 1]).sum()))
        finer = np.empty((ranks.size, 4), np.int64)
        segments = finer[: refine(value, segments, ranks, found, pool, finer)]
        value = pool
    return found


@jit.body
def percentile(found, at, k, j):
    """PERCENTS[j] of VOI k: at [k, 5] from `positions`; found [k, 10]: the values of the ranks below and above each position."""
    return between(found[k, 2 * j], found[k, 2 * j + 1], at[k, j] - math.floor(at[k, j]))


@jit.body
def look(v, w, origin, low, median, high, seen):
    """What is seen of some values and of one more, v, that occurs w times.

    Lowest, highest, Σw, Σw(v - origin), Σwv², Σw|v - median|; and of those within low..high Σw, Σw(v - origin). The origin is
    the first value: that keeps the digits of deviations where all values lie near -1000.
    """
    lowest, highest, n, shifted, squares, from_median, inside, total = seen
    within = low <= v and v <= high
    return (
        min(lowest, v),
        max(highest, v),
        n + w,
        shifted + w * (v - origin),
        squares + w * (v * v),
        from_median + w * abs(v - median),
        inside + (w if within else 0.0),
        total + (w * (v - origin) if within else 0.0),
    )


@jit.body
def centre(seen):
    """Means of all values and of those within low..high, both from the origin; and a factor for deviations."""
    lowest, highest, n, shifted, _, _, inside, total = seen
    scale = 1.0
    if highest > lowest and not (1e-70 < highest - lowest and highest - lowest < 1e70):  # d⁴ must not under- or overflow
        scale = 1.0 / max(highest - lowest, 1e-300)
    return shifted / n, total / inside, scale


@jit.body
def deviate(v, w, origin, low, high, middle, sums):
    """Add w times v to Σ|d|, Σd², Σd³, Σd⁴ and Σ|v - robust mean| within low..high; middle is from `centre`.

    d : v's distance to the mean, scaled. Distances of values that lie close together and far from 0 are exact from the origin,
    and not from a mean that was rounded.
    """
    mean, robust_mean, scale = middle
    m1, m2, m3, m4, robust = sums
    d = (v - origin - mean) * scale
    return (
        m1 + w * abs(d),
        m2 + w * (d * d),
        m3 + w * (d * d * d),
        m4 + w * (d * d * (d * d)),
        robust + (w * abs(v - origin - robust_mean) if low <= v and v <= high else 0.0),
    )


@jit.body
def describe(origin, seen, sums, p, out):
    """The features, in the order of FEATURES, from what `look` and `deviate` have summed up and the values of PERCENTS."""
    low, high, n, _, squares, from_median, n_robust, _ = seen
    mean, _, scale = centre(seen)
    mean += origin
    m1, m2, m3, m4, robust = sums
    variance = m2 / n
    out[0] = mean
    out[1] = variance / scale / scale
    out[2] = m3 / n / (variance * math.sqrt(variance)) if variance > 0.0 else 0.0
    out[3] = m4 / n / (variance * variance) - 3.0 if variance > 0.0 else 0.0
    out[4] = p[2]
    out[5] = low
    out[6] = p[0]
    out[7] = p[4]
    out[8] = high
    out[9] = p[3] - p[1]
    out[10] = high - low
    out[11] = m1 / n / scale
    out[12] = robust / n_robust if n_robust > 0.0 else np.nan
    out[13] = from_median / n
    out[14] = math.sqrt(variance) / scale / mean if mean != 0.0 else np.nan
    out[15] = (p[3] - p[1]) / (p[3] + p[1]) if p[3] + p[1] != 0.0 else np.nan
    out[16] = squares
    out[17] = math.sqrt(squares / n)


@jit.cpu
def measure(value, weight, stride, start, vois, found, at, out):
    """Features of every VOI, float64 [k, features]; NaN where it has no value.

    value, weight : float64; value[j] occurs weight[j * stride] times (stride 0 and a weight of 1 for voxels, 1 for a histogram);
    VOI i owns value[start[i] : start[i + 1]]. found, at : see `percentile`.
    """
    p = np.empty(5)
    for k in range(vois.size):
        first, last = start[vois[k]], start[vois[k] + 1]
        if first == last:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
            continue
        for j in range(5):
            p[j] = percentile(found, at, k, j)
        low, median, high = p[0], p[2], p[4]
        origin = value[first]
        seen = (origin, origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for j in range(first, last):
            seen = look(value[j], weight[j * stride], origin, low, median, high, seen)
        middle = centre(seen)
        sums = (0.0, 0.0, 0.0, 0.0, 0.0)
        for j in range(first, last):
            sums = deviate(value[j], weight[j * stride], origin, low, high, middle, sums)
        describe(origin, seen, sums, p, out[k])


THREADS = 256
"""Of a block that works on a tile."""
RANKS = 2 * len(PERCENTS)
DIGITS = 256
COUNTS = RANKS * DIGITS
SIGN = np.int64(-(1 << 63))


def tiles(first, last, size):
    """Cut stretches of an array into tiles of at most `size`: VOI k owns first[k]:last[k].

    Returns
    -------
    voi : ndarray int32 [t]
        k; ascending, its tiles in order.
    begin : ndarray int64 [t]
    length : ndarray int32 [t]
    tile_start : ndarray int64 [k + 1]
        Where the tiles of each VOI begin.
    """
    tile_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(-(-(last - first) // size))))
    voi = np.repeat(np.arange(len(first)), np.diff(tile_start))
    begin = first[voi] + (np.arange(len(voi)) - tile_start[voi]) * size
    return voi.astype(np.int32), begin, np.minimum(size, last[voi] - begin).astype(np.int32), tile_start


@jit.body
def key_of(bits):
    """The bits of a float64 as an integer of 64 bits whose digits, from the top, stand in the order of the numbers."""
    return ~bits if bits < 0 else bits ^ SIGN


@jit.body
def bits_of(key):
    """Inverse of `key_of`."""
    return key ^ SIGN if key < 0 else ~key


@jit.gpu("i8[::1], i4[::1], i8[::1], i4[::1], i8[:, ::1], i4[:, ::1], i4, i4[::1]")
def count_gpu(bits, tile_voi, tile_first, tile_length, key, same, shift, counts):
    """Count a tile's values by their digit above `shift`, of those that share the higher digits of key[k, j], for each rank j.

    bits : of the values. same : the first rank that has the same digits; only that one is counted.
    counts : [(k · RANKS + j) · DIGITS + digit].
    """
    shared = jit.cuda.shared.array(COUNTS, np.int32)
    known = jit.cuda.shared.array(RANKS, np.int64)
    rank = jit.cuda.shared.array(RANKS, np.int32)
    several = jit.cuda.shared.array(1, np.int32)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    k = np.int64(tile_voi[tile])
    if thread == 0:
        n = np.int32(0)
        for j in range(RANKS):
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
            jit.cuda.atomic.add(counts, (k * RANKS + rank[c // DIGITS]) * DIGITS + c % DIGITS, shared[c])
        c += threads


@jit.gpu("i8[:, ::1], i8[:, ::1], i4[:, ::1], i4, i4[::1]")
def choose_gpu(key, left, same, shift, counts):
    """Add the next digit to every key, a block for each VOI, and clear the counts. With the last one keys become bits of values.

    left : the rank among the values that share the digits. A key of a VOI without values becomes NaN.
    """
    known = jit.cuda.shared.array(RANKS, np.int64)
    k, j = np.int64(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    if j < RANKS:
        at = (k * RANKS + same[k, j]) * DIGITS
        digit = np.int64(0)
        rank = left[k, j]
        while digit < DIGITS - 1 and rank >= counts[at + digit]:
            rank -= counts[at + digit]
            digit += 1
        left[k, j] = rank
        known[j] = key[k, j] | (digit << shift)
    jit.cuda.syncthreads()
    if j < RANKS:
        first = np.int32(0)
        while known[first] != known[j]:
            first += 1
        same[k, j] = first
        key[k, j] = known[j] if shift > 0 else bits_of(known[j])
    c = j
    while c < COUNTS:
        counts[k * COUNTS + c] = 0
        c += jit.cuda.blockDim.x


def order_statistics_on_device(device, value, cut, ranks):
    """As `order_statistics`, device float64 [k, RANKS]. value is on the device, and `cut`, its `tiles`; ranks are on the host."""
    key, same = device.zeros(ranks.shape, np.int64), device.zeros(ranks.shape, np.int32)
    left = device.put(ranks)
    counts = device.zeros(ranks.size * DIGITS, np.int32)
    voi, first, length, _ = cut
    for shift in range(56, -1, -8):
        device.launch(count_gpu, voi.size, THREADS, value.view(np.int64), voi, first, length, key, same, shift, counts)
        device.launch(choose_gpu, len(ranks), 64, key, left, same, shift, counts)
    return key.view(np.float64)


@jit.body
def keep(x, part, tile, f):
    """part[tile, f] = x, by one thread."""
    if jit.cuda.threadIdx.x == 0:
        part[tile, f] = x


_TILED = "f8[::1], f8[::1], i4, i4[::1], i8[::1], i4[::1], i8[::1], f8[:, ::1], f8[:, ::1]"


@jit.gpu(f"{_TILED}, f8[:, ::1]", registers=128, because="eight sums in float64")
def look_gpu(value, weight, stride, tile_voi, tile_first, tile_length, tile_start, found, at, part):
    """`look` at a tile's values: part[tile]."""
    room = jit.cuda.shared.array(THREADS, np.float64)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    k, first, length = tile_voi[tile], tile_first[tile], tile_length[tile]
    origin = value[tile_first[tile_start[k]]]
    low, median, high = percentile(found, at, k, 0), percentile(found, at, k, 2), percentile(found, at, k, 4)
    seen = (origin, origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    q = thread
    while q < length:
        seen = look(value[first + q], weight[(first + q) * stride], origin, low, median, high, seen)
        q += threads
    lowest, highest, n, shifted, squares, from_median, inside, total = seen
    keep(-block.max_of(-lowest, room), part, tile, 0)
    keep(block.max_of(highest, room), part, tile, 1)
    keep(block.sum_of(n, room), part, tile, 2)
    keep(block.sum_of(shifted, room), part, tile, 3)
    keep(block.sum_of(squares, room), part, tile, 4)
    keep(block.sum_of(from_median, room), part, tile, 5)
    keep(block.sum_of(inside, room), part, tile, 6)
    keep(block.sum_of(total, room), part, tile, 7)


@jit.gpu("f8[:, ::1], i8[::1], f8[:, ::1]")
def join_gpu(part, tile_start, seen):
    """What is seen of a VOI's tiles, in their order, a thread for each VOI; nothing is written for one without values."""
    k = jit.cuda.blockIdx.x * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if k < seen.shape[0] and tile_start[k] < tile_start[k + 1]:
        for f in range(8):
            seen[k, f] = part[tile_start[k], f]
        for t in range(tile_start[k] + 1, tile_start[k + 1]):
            seen[k, 0] = min(seen[k, 0], part[t, 0])
            seen[k, 1] = max(seen[k, 1], part[t, 1])
            for f in range(2, 8):
                seen[k, f] += part[t, f]


@jit.body
def row(x, k):
    """What `look` saw, from a table."""
    return (x[k, 0], x[k, 1], x[k, 2], x[k, 3], x[k, 4], x[k, 5], x[k, 6], x[k, 7])


@jit.gpu(f"{_TILED}, f8[:, ::1], f8[:, ::1]", registers=128, because="five sums in float64 of powers")
def deviate_gpu(value, weight, stride, tile_voi, tile_first, tile_length, tile_start, found, at, seen, part):
    """`deviate` for a tile's values: part[tile]."""
    room = jit.cuda.shared.array(THREADS, np.float64)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    k, first, length = tile_voi[tile], tile_first[tile], tile_length[tile]
    origin = value[tile_first[tile_start[k]]]
    low, high = percentile(found, at, k, 0), percentile(found, at, k, 4)
    middle = centre(row(seen, k))
    sums = (0.0, 0.0, 0.0, 0.0, 0.0)
    q = thread
    while q < length:
        sums = deviate(value[first + q], weight[(first + q) * stride], origin, low, high, middle, sums)
        q += threads
    m1, m2, m3, m4, robust = sums
    keep(block.sum_of(m1, room), part, tile, 0)
    keep(block.sum_of(m2, room), part, tile, 1)
    keep(block.sum_of(m3, room), part, tile, 2)
    keep(block.sum_of(m4, room), part, tile, 3)
    keep(block.sum_of(robust, room), part, tile, 4)


@jit.gpu(
    "f8[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1], f8[:, ::1]",
    registers=128,
    because="quotients and roots in float64",
)
def describe_gpu(value, tile_first, tile_start, found, at, seen, part, out):
    """Features, a thread for each VOI, float64 [k, features]; NaN where it has no value."""
    p = jit.cuda.local.array(5, np.float64)
    k = jit.cuda.blockIdx.x * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if k < out.shape[0]:
        if tile_start[k] == tile_start[k + 1]:
            for f in range(out.shape[1]):
                out[k, f] = np.nan
        else:
            for j in range(5):
                p[j] = percentile(found, at, k, j)
            m1 = m2 = m3 = m4 = robust = 0.0
            for t in range(tile_start[k], tile_start[k + 1]):
                m1 += part[t, 0]
                m2 += part[t, 1]
                m3 += part[t, 2]
                m4 += part[t, 3]
                robust += part[t, 4]
            describe(value[tile_first[tile_start[k]]], row(seen, k), (m1, m2, m3, m4, robust), p, out[k])


def measure_on_device(device, value, weight, stride, cut, found, at):
    """As `measure`, device float64 [k, features]; everything is on the device, `cut` are `tiles`."""
    voi, first, _, start = cut
    n = at.shape[0]
    seen, out = device.empty((n, 8), np.float64), device.empty((n, len(FEATURES)), np.float64)
    part = device.empty((voi.size, 8), np.float64)
    device.launch(look_gpu, voi.size, THREADS, value, weight, stride, *cut, found, at, part)
    device.launch(join_gpu, -(-n // 128), 128, part, start, seen)
    part = device.empty((voi.size, 5), np.float64)
    device.launch(deviate_gpu, voi.size, THREADS, value, weight, stride, *cut, found, at, seen, part)
    device.launch(describe_gpu, -(-n // 128), 128, value, first, start, found, at, seen, part, out)
    return out
