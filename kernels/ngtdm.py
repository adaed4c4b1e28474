"""Neighbourhood grey tone difference matrix (NGTDM, IBSI IPET): how far grey levels lie from the mean of their neighbours.

A voxel of level i with n neighbours of summed level S adds |n i - S| to an integer sum that belongs to (rank, n); only when all
voxels are counted is each sum divided by its n. So s_i is exact but for one rounding per n, whatever the order of the voxels.
S and n come from one moving sum over the box: of integers that hold the level, counted from the lowest one present, in their
high bits and 1 in their low bits. Its cost does not depend on the distance.
Groups: the whole volume, or one per padded slice.

On a GPU a thread looks at all neighbours of its voxel, and a block adds up one tile: as int32 in shared memory where the table
fits and no sum can leave them, else in the device's. A block measures one matrix; what is one walk over the levels is left to
one of its threads, what is a walk for each level is spread over them.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit, sorting

FEATURES = ("coarseness", "contrast", "busyness", "complexity", "strength")
N_FEATURES = len(FEATURES)
MOST_COARSE = 1e6


@jit.body
def bits_of(window):
    """Bits that hold a number of voxels up to `window`."""
    bits = np.int64(0)
    while window >> bits:
        bits += 1
    return bits


@jit.body
def tabulate(level, base, code, ny, nx, table):
    """Summed-area table of the codes in the plane at `base`: table[y, x] is the sum over rows < y, columns < x."""
    width = nx + 1
    for y in range(ny):
        row, above, here = np.uint64(base + y * nx), np.uint64(y * width + 1), np.uint64((y + 1) * width + 1)
        run = np.int64(0)
        for x in range(np.uint64(nx)):
            run += code[level[row + x]]
            table[here + x] = table[above + x] + run


@jit.body
def tally(level, base, code, ny, nx, pad, reach, bits, table, ring, slot, total, some, sums, cell, columns):
    """Move `total`, each voxel's sum over its window, on by a plane: the tabulated one enters, the one at ring[slot:] leaves.

    If `some`, the voxels of the plane of levels at `base`, for which `total` is now complete, are added to the sums: column 0
    counts voxels with a neighbour, column n ≥ 1 sums |n i - S|.
    """
    width = nx + 1
    mask = (np.int64(1) << bits) - 1
    for y in range(pad, ny - pad):
        first = y * nx + pad
        top, bottom = (y - reach) * width + pad, (y + reach + 1) * width + pad
        top_left, top_right = np.uint64(top - reach), np.uint64(top + reach + 1)
        bottom_left, bottom_right = np.uint64(bottom - reach), np.uint64(bottom + reach + 1)
        here, old, voxel = np.uint64(first), np.uint64(slot + first), np.uint64(base + first)
        for x in range(np.uint64(nx - 2 * pad)):
            value = table[bottom_right + x] - table[bottom_left + x] - table[top_right + x] + table[top_left + x]
            window = total[here + x] + value - ring[old + x]
            total[here + x] = window
            ring[old + x] = value
            if some:
                a = np.int64(level[voxel + x])
                n = (window & mask) - 1
                if a > 0 and n > 0:
                    row = cell + a * columns
                    sums[row] += 1
                    sums[row + n] += abs((n + 1) * (code[a] >> bits) - (window >> bits))


@jit.cpu
def count(level, start, shape, level_of, level_start, vois, pad, distance, planar, per_slice, n_columns, sums, sums_start):
    """Count and sum into sums[sums_start[k] + (group · (L+1) + a) · n_columns[k] + n] for VOI vois[k]; see `tally`.

    planar : bool; neighbours in the voxel's own slice only. per_slice : bool; a group for each padded slice.
    """
    depth = 1 if planar else 2 * distance + 1
    bits = bits_of((2 * distance + 1) ** 2 * depth)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        plane = ny * nx
        first = level_start[i]
        n_levels = level_start[i + 1] - first
        if n_levels == 0:
            continue
        code = np.zeros(n_levels + 1, np.int64)
        for a in range(n_levels):
            code[a + 1] = ((level_of[first + a] - level_of[first]) << bits) + 1
        table = np.zeros((ny + 1) * (nx + 1), np.int64)
        ring, total = np.zeros(depth * plane, np.int64), np.zeros(plane, np.int64)
        for entering in range(pad - depth // 2, nz - pad + depth // 2):
            z = entering - depth // 2
            cell = sums_start[k] + (z if per_slice else 0) * (n_levels + 1) * n_columns[k]
            tabulate(level, start[i] + entering * plane, code, ny, nx, table)
            tally(
                level, start[i] + z * plane, code, ny, nx, pad, distance, bits, table,
                ring, (entering % depth) * plane, total, z >= pad, sums, cell, n_columns[k],
            )  # fmt: skip


@jit.body
def with_size(level_of, number, s, size, result):
    """Add to a result the terms (j - i) (n_i s_i + n_j s_j) / (n_i + n_j) of all levels i < j with n_i = size.

    They share their denominators, so that one walk over the levels in ascending order will do, with running sums of j - i and of
    (j - i) s_i over those i.
    """
    members, s_members, distance, s_distance, last = 0.0, 0.0, 0.0, 0.0, 0.0
    for b in range(level_of.size):
        if number[b] > 0:
            gap = level_of[b] - last
            last = float(level_of[b])
            distance += gap * members
            s_distance += gap * s_members
            result += (size * s_distance + number[b] * s[b] * distance) / (size + number[b])
            if number[b] == size:
                members += 1.0
                s_members += s[b]
    return result


@jit.body
def complexity(level_of, number, s):
    """Half of Σ_ij |i - j| (n_i s_i + n_j s_j) / (n_i + n_j) over pairs of levels that are counted.

    Distinct n are at most √(2 N_v): 60,000 levels cost no L².
    """
    result = 0.0
    size = np.int64(0)
    while True:
        least = np.int64(0)
        for a in range(level_of.size):
            if number[a] > size and (least == 0 or number[a] < least):
                least = number[a]
        if least == 0:
            return result
        size = least
        result = with_size(level_of, number, s, size, result)


@jit.body
def gather(sums, first, end, size, n_columns, a, number, s):
    """Write n_i and s_i of the level of rank a, from 0: of the groups of `size` sums each that stand in sums[first:end]."""
    s[a] = 0.0
    for n in range(n_columns):
        together = np.int64(0)
        for c in range(first + (a + 1) * n_columns + n, end, size):
            together += sums[c]
        if n == 0:
            number[a] = together
        elif together > 0:
            s[a] += together / n


@jit.body
def moments(level_of, number, s, products, out):
    """Write what the five features are made of: N_vc, N_gp, Σ p s, Σ s, Σ_ij p_i p_j (i-j)² and Σ_ij (p_i + p_j) (i-j)².

    products : float64 [≥ N_gp]; receives i n_i of the levels counted.
    """
    total, counted, mean, middle = 0.0, 0, 0.0, 0.0
    for a in range(level_of.size):
        if number[a] > 0:
            i, n = float(level_of[a]), float(number[a])
            products[counted] = i * n
            total += n
            counted += 1
            mean += (i - mean) * (n / total)
            middle += (i - middle) / counted
    weighted, differences, variance, spread, moved = 0.0, 0.0, 0.0, 0.0, 0.0
    for a in range(level_of.size):
        if number[a] > 0:
            p = number[a] / total
            from_mean, from_middle = level_of[a] - mean, level_of[a] - middle
            weighted += p * s[a]
            differences += s[a]
            variance += from_mean * from_mean * p
            spread += from_middle * from_middle
            moved += from_middle * from_middle * p
    out[0], out[1], out[2], out[3] = total, counted, weighted, differences
    out[4] = 2.0 * variance
    out[5] = 2.0 * (counted * moved + spread)


@jit.body
def five(moment, products, half_complexity, out):
    """The features from `moments`, the sorted products i n_i and `complexity`, for N_vc > 0."""
    total, counted, weighted, differences = moment[0], np.int64(moment[1]), moment[2], moment[3]
    busy = 0.0
    for k in range(1, counted):
        busy += (products[k] - products[k - 1]) * k * (counted - k)
    out[0] = min(1.0 / weighted, MOST_COARSE) if weighted > 0.0 else MOST_COARSE
    out[1], out[2] = 0.0, 0.0
    if counted > 1:
        out[1] = moment[4] / (moment[1] * (moment[1] - 1.0)) * (differences / total)
        out[2] = weighted / (2.0 * busy / total) if busy > 0.0 else np.nan
    out[3] = 2.0 * half_complexity / total
    out[4] = moment[5] / differences if differences > 0.0 else 0.0


@jit.cpu
def measure(sums, sums_start, n_columns, level_of, level_start, shape, vois, per_slice, merged, out):
    """Features of every VOI from the sums of `count`, out float64 [k, 5].

    merged : bool; of all groups together, else the mean over the groups, each feature over those where it is defined; NaN where
    there is none.
    """
    moment, feature = np.empty(6), np.empty(N_FEATURES)
    defined = np.empty(N_FEATURES, np.int64)
    for k in range(vois.size):
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels = levels.size
        number, s, products = np.empty(n_levels, np.int64), np.empty(n_levels), np.empty(n_levels)
        n_groups = np.int64(shape[i, 0]) if per_slice else np.int64(1)
        size = (n_levels + 1) * n_columns[k]
        for f in range(N_FEATURES):
            out[k, f] = 0.0
            defined[f] = 0
        for group in range(1 if merged else n_groups):
            first = sums_start[k] + group * size
            end = sums_start[k] + n_groups * size if merged else first + size
            for a in range(n_levels):
                gather(sums, first, end, size, n_columns[k], a, number, s)
            moments(levels, number, s, products, moment)
            if moment[0] > 0.0:
                sorting.heap(products, np.int64(0), np.int64(moment[1]))
                five(moment, products, complexity(levels, number, s), feature)
                for f in range(N_FEATURES):
                    if feature[f] == feature[f]:
                        out[k, f] += feature[f]
                        defined[f] += 1
        for f in range(N_FEATURES):
            out[k, f] = out[k, f] / defined[f] if defined[f] else np.nan


COUNTING = 256
"""Threads of a block that counts."""
MEASURING = 128
"""Threads of a block that measures."""
MOST_LEVELS = 4096
"""Levels of a VOI that a block measures: a thread looks through all of them for each of its own."""


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i8[::1], i4, b1, i4, i8[::1], i8[::1], i8[::1]")
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_of, level_start, distance, planar, room, n_columns, sums,
    sums_start,
):  # fmt: skip
    """Count and sum a tile into sums[sums_start[i] + (group · (L+1) + a) · n_columns[i] + n] for VOI i; see `tally`.

    tile_z : the group. room : sums that shared memory holds, without rank 0; a larger table is added to in `sums` itself.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, thread, threads = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    i = tile_row[tile]
    length, first = tile_length[tile], tile_first[tile]
    low, n_levels = level_start[i] - 1, np.int32(level_start[i + 1] - level_start[i])
    columns = np.int32(n_columns[i])
    cells = n_levels * columns
    table = sums_start[i] + tile_z[tile] * np.int64(cells + columns) + columns
    ny, nx = shape[i, 1], shape[i, 2]
    deep = np.int32(0) if planar else distance
    span = level_of[low + n_levels] - level_of[low + 1] if n_levels > 0 else np.int64(0)
    fits = cells <= room and span < (np.int64(1) << 31) // (np.int64(length) * columns)
    c = thread
    while fits and c < cells:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    q = thread
    while q < length:
        a = np.int32(level[np.uint64(first + q)])  # unsigned: indices from the end would cost registers
        if a > 0:
            n = np.int32(0)
            total = np.int64(0)  # of levels, the voxel's own among them; it may wrap around, the difference does not
            dz = -deep
            while dz <= deep:
                dy = -distance
                while dy <= distance:
                    p = q + (dz * ny + dy) * nx - distance
                    end = p + 2 * distance
                    while p <= end:
                        b = np.int32(level[np.uint64(first + p)])
                        if b > 0:
                            n += 1
                            total += level_of[np.uint64(low + b)]
                        p += 1
                    dy += 1
                dz += 1
            difference = abs(n * level_of[np.uint64(low + a)] - total)
            n -= 1
            if n > 0:
                c = (a - 1) * columns
                if fits:
                    jit.cuda.atomic.add(shared, c, 1)
                    jit.cuda.atomic.add(shared, c + n, np.int32(difference))
                else:
                    jit.cuda.atomic.add(sums, table + c, 1)
                    jit.cuda.atomic.add(sums, table + c + n, difference)
        q += threads
    jit.cuda.syncthreads()
    c = thread
    while fits and c < cells:
        if shared[c] > 0:
            jit.cuda.atomic.add(sums, table + c, shared[c])
        c += threads


@jit.body
def sort(x, n, ordered):
    """ordered[:n] = x[:n], sorted: each thread looks for the places of its own."""
    k = np.int32(jit.cuda.threadIdx.x)
    while k < n:
        before = np.int32(0)
        for other in range(n):
            if x[other] < x[k] or (x[other] == x[k] and other < k):
                before += 1
        ordered[before] = x[k]
        k += jit.cuda.blockDim.x


@jit.body
def own_complexity(level_of, number, s):
    """A thread's part of `complexity`: the n that its levels are the first to have."""
    result = 0.0
    a = np.int32(jit.cuda.threadIdx.x)
    while a < level_of.size:
        first = np.int32(0)
        while number[first] != number[a]:
            first += 1
        if first == a and number[a] > 0:
            result = with_size(level_of, number, s, number[a], result)
        a += jit.cuda.blockDim.x
    return result


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i4[:, ::1], i8[::1], i8[::1], f8[::1], f8[:, ::1]",
    registers=128,
    because="quotients in float64 of running sums",
)
def measure_gpu(sums, sums_start, n_columns, level_of, level_start, work, place, numbers, scratch, out):
    """Features of every matrix, a block each; out float64 [m, 5], NaN where no voxel has a neighbour.

    work : int32 [m, 5], see engine/directions.py, matrices. place : int64 [m], how many levels the matrices before have.
    numbers : a place for each level of each matrix; scratch : three.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    moment = jit.cuda.shared.array(6, np.float64)
    m, thread = np.int32(jit.cuda.blockIdx.x), np.int32(jit.cuda.threadIdx.x)
    i = work[m, 0]
    levels = level_of[level_start[i] : level_start[i + 1]]
    n_levels, columns = levels.size, n_columns[i]
    number = numbers[place[m] : place[m] + n_levels]
    mine = scratch[3 * place[m] : 3 * (place[m] + n_levels)]
    s, products, ordered = mine[:n_levels], mine[n_levels : 2 * n_levels], mine[2 * n_levels :]
    size = (n_levels + 1) * columns
    a = thread
    while a < n_levels:
        gather(sums, sums_start[i] + work[m, 1] * size, sums_start[i] + work[m, 2] * size, size, columns, a, number, s)
        a += jit.cuda.blockDim.x
    jit.cuda.syncthreads()
    if thread == 0:
        moments(levels, number, s, products, moment)
    jit.cuda.syncthreads()
    if moment[0] > 0.0:
        sort(products, np.int32(moment[1]), ordered)
        half_complexity = block.sum_of(own_complexity(levels, number, s), room)
        if thread == 0:
            five(moment, ordered, half_complexity, out[m])
    elif thread < N_FEATURES:
        out[m, thread] = np.nan
