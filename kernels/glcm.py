"""Grey level co-occurrence matrix (GLCM, IBSI LFYI): pairs of grey levels of neighbouring voxels.

Counting visits each voxel once and looks along all directions; row and column 0 of a matrix collect the pairs that leave the
mask, which spares the inner loop a branch. A direction is counted one way: the symmetric matrix of the standard is C + Cᵀ.
Matrices are counted per *group*: a direction that leaves the slice is one group, a direction within the slice is one group, or
one per slice where an aggregation by slice is wanted. Every aggregation is a sum of groups, each times its direction's weight
(1 without distance weighting, so that sums of counts stay exact integers in float64).

Above DENSE_LEVELS levels present, matrices are sparse: the pairs of a group are sorted and counted.

Differences and sums of levels are tallied by their number. Where levels lie so far apart that this would take long, they are
tallied at their place in the ascending list of those that can occur, so that a wide span costs nothing.

On a GPU a block counts one tile along one direction, in shared memory where a triangle of the pairs a ≤ b fits, else in the
device's. A block measures one matrix: its threads add up the triangle row by row, so that every sum is taken in the order of the
CPU, and one of them finishes.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit

DENSE_LEVELS = 1024
ROUNDING = 1e-14
"""Entropies that differ by less are equal; the root in information correlation 2 would make 1e-8 of their rounding."""

ROOM = 64
"""A span is wide beyond twice the number of pairs of levels and this."""

FEATURES = (
    "joint_maximum",
    "joint_average",
    "joint_variance",
    "joint_entropy",
    "difference_average",
    "difference_variance",
    "difference_entropy",
    "sum_average",
    "sum_variance",
    "sum_entropy",
    "angular_second_moment",
    "contrast",
    "dissimilarity",
    "inverse_difference",
    "normalised_inverse_difference",
    "inverse_difference_moment",
    "normalised_inverse_difference_moment",
    "inverse_variance",
    "correlation",
    "autocorrelation",
    "cluster_tendency",
    "cluster_shade",
    "cluster_prominence",
    "information_correlation_1",
    "information_correlation_2",
)
N_FEATURES = len(FEATURES)


@jit.body
def group_of(direction, z, n_planar, n_slices, per_slice):
    """Group of the pairs along `direction` that start in padded slice z; the first n_planar directions lie in plane."""
    if not per_slice:
        return direction
    if direction < n_planar:
        return z * n_planar + direction
    return n_slices * n_planar + direction - n_planar


@jit.cpu
def count(level, start, shape, level_start, vois, pad, dirs, n_planar, per_slice, counts, counts_start):
    """Count pairs: counts[counts_start[k] + (group · (L+1) + a) · (L+1) + b] of VOI vois[k]; ranks a, b in 0..L, 0 = outside."""
    n_dirs = dirs.shape[0]
    step = np.empty(n_dirs, np.int64)
    cell = np.empty(n_dirs, np.int64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        width = level_start[i + 1] - level_start[i] + 1
        for d in range(n_dirs):
            step[d] = (dirs[d, 0] * ny + dirs[d, 1]) * nx + dirs[d, 2]
        for z in range(pad, nz - pad):
            for d in range(n_dirs):
                cell[d] = counts_start[k] + group_of(d, z, n_planar, nz, per_slice) * width * width
            for y in range(pad, ny - pad):
                row = start[i] + (z * ny + y) * nx
                for p in range(row + pad, row + nx - pad):
                    a = np.int64(level[p])
                    if a > 0:
                        for d in range(n_dirs):
                            counts[cell[d] + a * width + level[p + step[d]]] += 1


@jit.cpu
def pairs(level, base, shape, pad, step, z_first, z_last, codes):
    """Write the codes a · 2³² + b (ranks a ≤ b) of the pairs at offset `step` whose first voxel lies in slices z_first..z_last-1
    to `codes`, and return how many there are."""
    n = 0
    ny, nx = shape[1], shape[2]
    for z in range(z_first, z_last):
        for y in range(pad, ny - pad):
            row = base + (z * ny + y) * nx
            for p in range(row + pad, row + nx - pad):
                a, b = np.int64(level[p]), np.int64(level[p + step])
                if a > 0 and b > 0:
                    codes[n] = (min(a, b) << 32) + max(a, b)
                    n += 1
    return n


def is_wide(span, n_pairs):
    """Whether differences and sums are tallied by place: the highest level less the lowest, and how many pairs there may be."""
    return span > 2 * n_pairs + ROOM


def differences_and_sums(a, b, lowest):
    """The differences and the sums (less twice the lowest level) of levels a ≤ b, each once and ascending."""
    return np.unique(b - a), np.unique((a - lowest) + (b - lowest))


@jit.body
def place_of(values, v):
    """Where v stands in an ascending list that holds it."""
    first, last = np.int64(0), np.int64(values.size - 1)
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < v:
            first = middle + 1
        else:
            last = middle
    return first


@jit.body
def number_of(values, place):
    """What stands at a place of the list, or the place if the list is empty."""
    return float(values[place]) if values.size > 0 else float(place)


@jit.body
def tally(a, b, x, level_of, total, difference_of, difference, sum_of, sums, out):
    """Add the cell (a, b), a ≤ b, of the symmetric matrix, where x = P_ab · total, to the distributions of differences and sums
    and to the features that need every cell."""
    weight = 1 if a == b else 2
    p = x / total
    minus, plus = level_of[b] - level_of[a], (level_of[a] - level_of[0]) + (level_of[b] - level_of[0])
    if difference_of.size > 0:
        minus, plus = place_of(difference_of, minus), place_of(sum_of, plus)
    difference[minus] += weight * x
    sums[plus] += weight * x
    out[0] = max(out[0], p)
    out[3] -= weight * p * math.log2(p)
    out[10] += weight * p * p


@jit.body
def finish(level_of, n_nominal, total, marginal, difference_of, difference, sum_of, sums, out):
    """The features that follow from the three marginal distributions; see engine/families/glcm.py for each definition.

    difference_of, sum_of : int64, ascending: what difference[c] and sums[c] belong to, or empty: c. Sums are less twice the
    lowest level.
    """
    mean = 0.0  # from the lowest level
    for a in range(level_of.size):
        mean += (level_of[a] - level_of[0]) * (marginal[a] / total)
    variance = 0.0
    entropy = 0.0
    for a in range(level_of.size):
        if marginal[a] > 0:
            p = marginal[a] / total
            variance += (level_of[a] - level_of[0] - mean) ** 2 * p
            entropy -= p * math.log2(p)
    out[1] = level_of[0] + mean
    out[2] = variance
    for c in range(difference.size):
        if difference[c] > 0:
            k = number_of(difference_of, c)
            p = difference[c] / total
            out[4] += k * p
            out[6] -= p * math.log2(p)
            out[11] += k * k * p
            out[13] += p / (1.0 + k)
            out[14] += p / (1.0 + k / n_nominal)
            out[15] += p / (1.0 + k * k)
            out[16] += p / (1.0 + (k / n_nominal) ** 2)
            if k > 0:
                out[17] += p / (k * k)
    out[12] = out[4]
    for c in range(difference.size):
        if difference[c] > 0:
            k = number_of(difference_of, c)
            out[5] += (k - out[4]) ** 2 * (difference[c] / total)
    out[7] = 2.0 * out[1]
    for c in range(sums.size):
        if sums[c] > 0:
            p = sums[c] / total
            centred = number_of(sum_of, c) - 2.0 * mean
            out[9] -= p * math.log2(p)
            out[20] += centred**2 * p
            out[21] += centred**3 * p
            out[22] += centred**4 * p
    out[8] = out[20]
    # Σ(i-μ)(j-μ)p and Σ ij p from (i+j)² - (i-j)² = 4ij
    covariance = (out[20] - out[11]) / 4.0
    out[19] = covariance + out[1] * out[1]
    out[18] = covariance / variance if variance > 0.0 else np.nan
    # P is symmetric, so HXY1 = HXY2 = 2 HX
    out[23] = (out[3] - 2.0 * entropy) / entropy if entropy > 0.0 else np.nan
    gap = 2.0 * entropy - out[3]
    out[24] = math.sqrt(1.0 - math.exp(-2.0 * gap)) if gap > ROUNDING else 0.0


@jit.body
def measure_dense(matrix, width, level_of, n_nominal, marginal, difference_of, difference, sum_of, sums, out):
    """Features of one matrix of one-way counts, float64 [width · width], row and column 0 unused. False if it holds no pair."""
    total = 0.0
    for a in range(1, width):
        for b in range(1, width):
            total += 2.0 * matrix[a * width + b]
    if total == 0.0:
        return False
    marginal[:] = 0.0
    difference[:] = 0.0
    sums[:] = 0.0
    out[:] = 0.0
    for a in range(1, width):
        for b in range(a, width):
            x = matrix[a * width + b] + matrix[b * width + a]
            if x > 0.0:
                tally(a - 1, b - 1, x, level_of, total, difference_of, difference, sum_of, sums, out)
                marginal[a - 1] += x
                if a != b:
                    marginal[b - 1] += x
    finish(level_of, n_nominal, total, marginal, difference_of, difference, sum_of, sums, out)
    return True


@jit.cpu
def measure_sparse(codes, weight, level_of, n_nominal, difference_of, sum_of, out):
    """Features of one matrix given as the sorted codes of its pairs (see `pairs`), int64 [pairs > 0], and the weight of each;
    difference_of and sum_of are from `differences_and_sums`, or empty."""
    span = level_of[-1] - level_of[0]
    marginal = np.zeros(level_of.size)
    difference = np.zeros(difference_of.size if difference_of.size > 0 else span + 1)
    sums = np.zeros(sum_of.size if sum_of.size > 0 else 2 * span + 1)
    out[:] = 0.0
    total = 2.0 * weight.sum()
    x = 0.0
    for k in range(codes.size):
        x += weight[k]
        if k + 1 == codes.size or codes[k + 1] != codes[k]:
            a, b = (codes[k] >> 32) - 1, (codes[k] & 0xFFFFFFFF) - 1
            x = 2.0 * x if a == b else x
            tally(a, b, x, level_of, total, difference_of, difference, sum_of, sums, out)
            marginal[a] += x
            if a != b:
                marginal[b] += x
            x = 0.0
    finish(level_of, n_nominal, total, marginal, difference_of, difference, sum_of, sums, out)


@jit.cpu
def measure(
    counts, counts_start, level_of, level_start, values, values_start, n_nominal, shape, vois, n_planar, weight, per_slice,
    aggregations, out,
):  # fmt: skip
    """Features of every VOI for every aggregation.

    values : int64; VOI vois[k]'s differences are values[values_start[k, 0] : values_start[k, 1]], its sums end at
    values_start[k, 2]; both are empty unless its levels lie far apart. weight : float64 [k, D] of each direction.
    aggregations : int64 [A, 3], flags planar (directions in plane alone), by slice, by direction. out : float64 [k, A, features],
    the mean over an aggregation's matrices, each feature over those where it is defined; NaN where there is none.
    """
    n_dirs = weight.shape[1]
    feature = np.empty(N_FEATURES)
    number = np.empty(N_FEATURES, np.int64)
    for k in range(vois.size):
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        width = levels.size + 1
        if width == 1:
            out[k] = np.nan
            continue
        span = levels[-1] - levels[0]
        difference_of = values[values_start[k, 0] : values_start[k, 1]]
        sum_of = values[values_start[k, 1] : values_start[k, 2]]
        marginal = np.empty(levels.size)
        difference = np.empty(difference_of.size if difference_of.size > 0 else span + 1)
        sums = np.empty(sum_of.size if sum_of.size > 0 else 2 * span + 1)
        matrix = np.empty(width * width)
        for j in range(aggregations.shape[0]):
            last = n_planar if aggregations[j, 0] else n_dirs
            n_slices = np.int64(shape[i, 0]) if per_slice else np.int64(1)
            outer_slices = n_slices if aggregations[j, 1] else 1
            outer_dirs = last if aggregations[j, 2] else 1
            number[:] = 0
            out[k, j] = 0.0
            for z in range(outer_slices):
                for d in range(outer_dirs):
                    matrix[:] = 0.0
                    for dd in range(d, d + 1 if aggregations[j, 2] else last):
                        for zz in range(z, z + 1 if aggregations[j, 1] else (n_slices if dd < n_planar else 1)):
                            first = counts_start[k] + group_of(dd, zz, n_planar, n_slices, per_slice) * width * width
                            for c in range(width * width):
                                matrix[c] += weight[k, dd] * counts[first + c]
                    if measure_dense(
                        matrix, width, levels, n_nominal[i], marginal, difference_of, difference, sum_of, sums, feature
                    ):
                        for f in range(N_FEATURES):
                            if feature[f] == feature[f]:
                                out[k, j, f] += feature[f]
                                number[f] += 1
            for f in range(N_FEATURES):
                out[k, j, f] = out[k, j, f] / number[f] if number[f] else np.nan


COUNTING = 256
"""Threads of a block that counts."""
MEASURING = 128
"""Threads of a block that measures."""


@jit.body
def cell_of(a, b, n_levels):
    """Place of the pair of ranks a ≤ b, from 0, in a triangle whose rows are one a each."""
    return (a * (2 * n_levels - a + 1) >> 1) + b - a


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i4[:, ::1], i4, b1, i4, i4[::1], i8[::1]")
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_start, dirs, n_planar, per_slice, room, counts, counts_start
):
    """Count pairs of a tile along a direction: counts[counts_start[i] + group · L(L+1)/2 + cell_of(a, b)], a ≤ b, of VOI i.

    Grid (tiles, directions). room : cells that shared memory holds; a larger triangle is counted in `counts` itself.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, d, thread = jit.cuda.blockIdx.x, jit.cuda.blockIdx.y, np.int32(jit.cuda.threadIdx.x)
    threads = np.int32(jit.cuda.blockDim.x)
    i = tile_row[tile]
    step = (dirs[d, 0] * shape[i, 1] + dirs[d, 1]) * shape[i, 2] + dirs[d, 2]
    n_levels = np.int32(level_start[i + 1] - level_start[i])
    cells = n_levels * (n_levels + 1) // 2
    table = counts_start[i] + np.int64(group_of(d, tile_z[tile], n_planar, shape[i, 0], per_slice)) * cells
    fits = cells <= room
    c = thread
    while fits and c < cells:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    q, length, first = thread, tile_length[tile], tile_first[tile]
    while q < length:
        a = np.int32(level[first + q])
        if a > 0:
            b = np.int32(level[first + q + step])
            if b > 0:
                c = cell_of(min(a, b) - 1, max(a, b) - 1, n_levels)
                if fits:
                    jit.cuda.atomic.add(shared, c, 1)
                else:
                    jit.cuda.atomic.add(counts, table + c, 1)
        q += threads
    jit.cuda.syncthreads()
    c = thread
    while fits and c < cells:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, table + c, shared[c])
        c += threads


@jit.body
def merge(counts, first, cells, work, m, n_slices, n_planar, per_slice, weight, matrix):
    """matrix[c] = weighted sum of the triangles that matrix m of the work list is made of; every thread adds up its own cells."""
    c = np.int32(jit.cuda.threadIdx.x)
    while c < cells:
        x = 0.0
        for d in range(work[m, 3], work[m, 4]):
            for z in range(work[m, 1], work[m, 2] if per_slice and d < n_planar else work[m, 1] + 1):
                x += weight[d] * counts[first + np.int64(group_of(d, z, n_planar, n_slices, per_slice)) * cells + c]
        matrix[c] = x
        c += jit.cuda.blockDim.x
    jit.cuda.syncthreads()


@jit.body
def distribute(matrix, n_levels, level_of, total, marginal, difference_of, difference, sum_of, sums, own):
    """`tally` every cell of a triangle of one-way counts. No two cells of a row have the same difference, or the same sum."""
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    for a in range(n_levels):
        b = a + thread
        while b < n_levels:
            x = matrix[cell_of(a, b, n_levels)]
            if x > 0.0:
                tally(a, b, 2.0 * x if a == b else x, level_of, total, difference_of, difference, sum_of, sums, own)
            b += threads
        jit.cuda.syncthreads()
    a = thread
    while a < n_levels:
        x = 0.0
        for b in range(n_levels):
            x += matrix[cell_of(min(a, b), max(a, b), n_levels)] * (2.0 if a == b else 1.0)
        marginal[a] = x
        a += threads


@jit.gpu(
    "i4[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1], i8[::1], i4[:, ::1], i4[:, ::1], f8[:, ::1], i4, b1, f8[::1], i8, "
    "f8[:, ::1]",
    registers=128,
    because="entropies and quotients in float64, and some thirty addresses",
)  # fmt: skip
def measure_gpu(
    counts, counts_start, level_of, level_start, values, values_start, n_nominal, shape, work, weight, n_planar, per_slice,
    scratch, stride, out,
):  # fmt: skip
    """Features of every matrix, out float64 [m, features]; NaN where it holds no pair. Any number of blocks.

    work : int32 [m, 5], see engine/directions.py, matrices. weight : float64 [n, D]. values, values_start : as for `measure`, of
    every VOI. scratch : `stride` places for each block.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    feature = jit.cuda.shared.array(N_FEATURES, np.float64)
    own = jit.cuda.local.array(N_FEATURES, np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    mine = scratch[jit.cuda.blockIdx.x * stride : (jit.cuda.blockIdx.x + 1) * stride]
    m = np.int32(jit.cuda.blockIdx.x)
    while m < work.shape[0]:
        i = work[m, 0]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels = np.int32(levels.size)
        cells = n_levels * (n_levels + 1) // 2
        difference_of = values[values_start[i, 0] : values_start[i, 1]]
        sum_of = values[values_start[i, 1] : values_start[i, 2]]
        span = levels[n_levels - 1] - levels[0]
        at_difference = np.int64(cells + n_levels)
        at_sums = at_difference + (difference_of.size if difference_of.size > 0 else span + 1)
        end = at_sums + (sum_of.size if sum_of.size > 0 else 2 * span + 1)
        merge(counts, counts_start[i], cells, work, m, shape[i, 0], n_planar, per_slice, weight[i], mine)
        c = thread
        x = 0.0
        while c < cells:
            x += 2.0 * mine[c]
            c += threads
        total = block.sum_of(x, room)
        if total > 0.0:
            c = np.int64(cells + thread)
            while c < end:
                mine[c] = 0.0
                c += threads
            for f in range(N_FEATURES):
                own[f] = 0.0
            jit.cuda.syncthreads()
            marginal, difference, sums = mine[cells:at_difference], mine[at_difference:at_sums], mine[at_sums:end]
            distribute(mine, n_levels, levels, total, marginal, difference_of, difference, sum_of, sums, own)
            largest, entropy, energy = block.max_of(own[0], room), block.sum_of(own[3], room), block.sum_of(own[10], room)
            if thread == 0:
                for f in range(N_FEATURES):
                    feature[f] = 0.0
                feature[0], feature[3], feature[10] = largest, entropy, energy
                finish(levels, n_nominal[i], total, marginal, difference_of, difference, sum_of, sums, feature)
            jit.cuda.syncthreads()
        f = thread
        while f < N_FEATURES:
            out[m, f] = feature[f] if total > 0.0 else np.nan
            f += threads
        jit.cuda.syncthreads()
        m += jit.cuda.gridDim.x
