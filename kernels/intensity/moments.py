"""Sums behind the first-order statistics, of values that may occur several times each.

Two passes over a VOI's values: `look` finds the mean and the range, `deviate` adds up distances to the mean.

On a GPU blocks work on tiles of a VOI's values, and the sums of its tiles are added in their order.

Arguments of several functions
------------------------------
value : ndarray float64
    Values of all VOIs, in the image's unit.
weight, stride : ndarray float64, int
    value[j] occurs weight[j · stride] times: stride 0 and a weight of 1 for voxels, 1 for a histogram.
origin : float
    A VOI's first value. Distances to it keep the digits of values that all lie near -1000.
low, median, high : float
    10th percentile, median and 90th percentile of the VOI.
found, at : ndarray float64 [k, 10] and [k, 5]
    Order statistics of each VOI, and positions between them; see kernels/intensity/percentiles.py, `percentile`.
seen : tuple of 8 floats, or a row of device float64 [k, 8]
    What `look` has summed up: places LOWEST to INSIDE_SHIFTED.
sums : tuple of 5 floats
    What `deviate` has summed up: places ABSOLUTE to ROBUST.
tile_voi : device int32 [tiles]
    k of each tile; a block works on one. The tiles of a VOI stand together.
tile_first : device int64 [tiles]
    Where a tile begins in `value`.
tile_length : device int32 [tiles]
    Number of its values.
tile_start : device int64 [k + 1]
    Where the tiles of each VOI begin.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.intensity.percentiles import N_PERCENTS, P10, P50, P90, percentiles

LOWEST, HIGHEST, NUMBER, SHIFTED, SQUARES, FROM_MEDIAN, INSIDE, INSIDE_SHIFTED = range(8)  # what `look` sees
ABSOLUTE, SQUARE, CUBE, FOURTH, ROBUST = range(5)  # what `deviate` adds up
N_SEEN, N_SUMS = INSIDE_SHIFTED + 1, ROBUST + 1


@jit.body
def look(v, w, origin, low, median, high, seen):
    """What is seen of some values and of one more, v, that occurs w times (float64 both).

    Lowest, highest, Σw, Σw(v - origin), Σwv², Σw|v - median|; and of those within low..high Σw, Σw(v - origin).
    """
    lowest, highest, n, shifted, squares, from_median, inside, total = seen
    within = (low <= v) & (v <= high)  # `and` would be a branch, which noise makes hard to predict
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
def look_along(value, weight, stride, first, last, step, origin, low, median, high):
    """`look` at value[first], value[first + step] ... before `last`, int64 places: what is seen of them."""
    seen = (origin, origin, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    j = first
    while j < last:
        seen = look(value[j], weight[j * stride], origin, low, median, high, seen)
        j += step
    return seen


@jit.body
def centre(seen):
    """Means of all values and of those within low..high, both from the origin; and a factor for deviations."""
    lowest, highest, n, shifted, _, _, inside, total = seen
    scale = 1.0
    span = highest - lowest
    if highest > lowest and not (1e-70 < span and span < 1e70):  # d⁴ must not under- or overflow
        scale = 1.0 / max(span, 1e-300)
    return shifted / n, total / inside, scale


@jit.body
def deviate(v, w, origin, low, high, middle, sums):
    """Add w times v (float64 both) to Σ|d|, Σd², Σd³, Σd⁴ and Σ|v - robust mean| within low..high.

    d is v's distance to the mean, scaled; `middle` is from `centre`. Distances of values that lie close together and
    far from 0 are exact from the origin, and not from a mean that was rounded.
    """
    mean, robust_mean, scale = middle
    m1, m2, m3, m4, robust = sums
    d = (v - origin - mean) * scale
    within = (low <= v) & (v <= high)
    return (
        m1 + w * abs(d),
        m2 + w * (d * d),
        m3 + w * (d * d * d),
        m4 + w * (d * d * (d * d)),
        robust + (w * abs(v - origin - robust_mean) if within else 0.0),
    )


@jit.body
def deviate_along(value, weight, stride, first, last, step, origin, low, high, middle):
    """`deviate` for value[first], value[first + step] ... before `last`, int64 places: their sums.

    `middle` is what `centre` returned.
    """
    sums = (0.0, 0.0, 0.0, 0.0, 0.0)
    j = first
    while j < last:
        sums = deviate(value[j], weight[j * stride], origin, low, high, middle, sums)
        j += step
    return sums


THREADS = 256
"""Threads of a block that works on a tile."""


@jit.body
def keep(x, part, tile, f):
    """part[tile, f] = x, by one thread; part float64 [tiles, sums]."""
    if jit.cuda.threadIdx.x == 0:
        part[tile, f] = x


_TILED = "f8[::1], f8[::1], i4, i4[::1], i8[::1], i4[::1], i8[::1], f8[:, ::1], f8[:, ::1]"


@jit.gpu(f"{_TILED}, f8[:, ::1]", registers=128, because="eight sums in float64")
def look_gpu(value, weight, stride, tile_voi, tile_first, tile_length, tile_start, found, at, part):
    """`look` at a tile's values: part[tile], device float64 [tiles, 8]."""
    room = jit.cuda.shared.array(THREADS, np.float64)
    p = jit.cuda.local.array(N_PERCENTS, np.float64)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int64(jit.cuda.threadIdx.x), np.int64(jit.cuda.blockDim.x)
    k, first = tile_voi[tile], tile_first[tile]
    origin = value[tile_first[tile_start[k]]]
    percentiles(found, at, k, p)
    low, median, high = p[P10], p[P50], p[P90]
    last = first + tile_length[tile]
    seen = look_along(value, weight, stride, first + thread, last, threads, origin, low, median, high)
    lowest, highest, n, shifted, squares, from_median, inside, total = seen
    keep(-block.max_of(-lowest, room), part, tile, LOWEST)
    keep(block.max_of(highest, room), part, tile, HIGHEST)
    keep(block.sum_of(n, room), part, tile, NUMBER)
    keep(block.sum_of(shifted, room), part, tile, SHIFTED)
    keep(block.sum_of(squares, room), part, tile, SQUARES)
    keep(block.sum_of(from_median, room), part, tile, FROM_MEDIAN)
    keep(block.sum_of(inside, room), part, tile, INSIDE)
    keep(block.sum_of(total, room), part, tile, INSIDE_SHIFTED)


@jit.gpu("f8[:, ::1], i8[::1], f8[:, ::1]")
def join_gpu(part, tile_start, seen):
    """What is seen of a VOI, from its tiles (`part` of `look_gpu`) in their order, into `seen`; a thread for each VOI.

    Nothing is written for a VOI without values.
    """
    k = jit.cuda.blockIdx.x * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if k < seen.shape[0] and tile_start[k] < tile_start[k + 1]:
        for f in range(N_SEEN):
            seen[k, f] = part[tile_start[k], f]
        for t in range(tile_start[k] + 1, tile_start[k + 1]):
            seen[k, LOWEST] = min(seen[k, LOWEST], part[t, LOWEST])
            seen[k, HIGHEST] = max(seen[k, HIGHEST], part[t, HIGHEST])
            for f in range(NUMBER, N_SEEN):
                seen[k, f] += part[t, f]


@jit.body
def seen_of(x, k):
    """Row k of what `join_gpu` wrote, x float64 [k, 8], as `look` gives it."""
    return (
        x[k, LOWEST],
        x[k, HIGHEST],
        x[k, NUMBER],
        x[k, SHIFTED],
        x[k, SQUARES],
        x[k, FROM_MEDIAN],
        x[k, INSIDE],
        x[k, INSIDE_SHIFTED],
    )


@jit.gpu(f"{_TILED}, f8[:, ::1], f8[:, ::1]", registers=128, because="five sums in float64 of powers")
def deviate_gpu(value, weight, stride, tile_voi, tile_first, tile_length, tile_start, found, at, seen, part):
    """`deviate` for a tile's values: part[tile], device float64 [tiles, 5]."""
    room = jit.cuda.shared.array(THREADS, np.float64)
    p = jit.cuda.local.array(N_PERCENTS, np.float64)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int64(jit.cuda.threadIdx.x), np.int64(jit.cuda.blockDim.x)
    k, first = tile_voi[tile], tile_first[tile]
    origin = value[tile_first[tile_start[k]]]
    percentiles(found, at, k, p)
    low, high = p[P10], p[P90]
    last, middle = first + tile_length[tile], centre(seen_of(seen, k))
    sums = deviate_along(value, weight, stride, first + thread, last, threads, origin, low, high, middle)
    m1, m2, m3, m4, robust = sums
    keep(block.sum_of(m1, room), part, tile, ABSOLUTE)
    keep(block.sum_of(m2, room), part, tile, SQUARE)
    keep(block.sum_of(m3, room), part, tile, CUBE)
    keep(block.sum_of(m4, room), part, tile, FOURTH)
    keep(block.sum_of(robust, room), part, tile, ROBUST)
