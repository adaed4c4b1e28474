"""The sixteen features that GLRLM, GLSZM, GLDZM and NGLDM share: each is a matrix of counts, grey level by a size.

The size is a run's length, a zone's number of voxels, a zone's distance to the border or a number of dependent voxels. The
matrix comes as the list of its non-empty cells, dense or not, so that memory follows what was found and not the largest size.

On a GPU the matrices of GLRLM and NGLDM are dense, without a row or column 0. Counting keeps small sizes in shared memory.
A block measures one matrix: the means come from the marginal sums, so that one walk over its cells is enough.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.glcm import group_of, merge

FEATURES = (
    "small_emphasis",
    "large_emphasis",
    "low_grey_level",
    "high_grey_level",
    "small_low",
    "small_high",
    "large_low",
    "large_high",
    "level_non_uniformity",
    "normalised_level_non_uniformity",
    "size_non_uniformity",
    "normalised_size_non_uniformity",
    "percentage",
    "level_variance",
    "size_variance",
    "entropy",
)
N_FEATURES = len(FEATURES)
WITH_ENERGY = N_FEATURES + 1


@jit.body
def add(i, j, p, out):
    """Add a cell of level i, size j and probability p to the features that are sums over cells."""
    ii = i * i
    jj = j * j
    out[0] += p / jj
    out[1] += p * jj
    out[2] += p / ii
    out[3] += p * ii
    out[4] += p / (ii * jj)
    out[5] += p * ii / jj
    out[6] += p * jj / ii
    out[7] += p * ii * jj
    out[15] -= p * math.log2(p)


@jit.body
def spread(i, j, p, mean_level, mean_size, out):
    """Add a cell to the variances, once the means are known."""
    out[13] += (i - mean_level) * (i - mean_level) * p
    out[14] += (j - mean_size) * (j - mean_size) * p


@jit.body
def non_uniformity(sums, n, total, first, step):
    """Σ s² / total of every `step`-th of n marginal sums, from `first` on: a thread's share of them, or all with 0 and 1."""
    x = 0.0
    while first < n:
        x += sums[first] * sums[first] / total
        first += step
    return x


@jit.body
def energy(count, n_cells, total, first, step):
    """Σ p² of a matrix's cells; first, step as for `non_uniformity`."""
    squares = 0.0
    while first < n_cells:
        squares += count[first] * count[first]
        first += step
    return squares / total / total


@jit.body
def finish(total, n_voxels, out):
    """The features that are ratios of sums over the whole matrix."""
    out[9] = out[8] / total
    out[11] = out[10] / total
    out[12] = total / n_voxels


@jit.body
def measure(rank, size, count, n_cells, level_of, n_voxels, rows, columns, out):
    """The sixteen features of one matrix, in the order of FEATURES.

    Parameters
    ----------
    rank, size : int64 [≥ n_cells], count : float64 [≥ n_cells]
        The non-empty cells in any fixed order, each (rank, size) once: rank 1..L of the grey level, size ≥ 1, count > 0: a whole
        number, or weighted by distance.
    n_cells : int64
    level_of : int64 [L]
        Grey level of each rank: of this VOI alone.
    n_voxels : float
        Divides the number of runs or zones in the percentage.
    rows : float64 [≥ L], columns : float64 [≥ largest size]
        Working memory; what it held is overwritten.
    out : float64 [≥ 16]

    Returns
    -------
    bool
        False, and `out` untouched, if there is no cell.
    """
    total = 0.0
    largest = np.int64(0)
    for c in range(n_cells):
        total += count[c]
        largest = max(largest, size[c])
    if total == 0.0:
        return False
    for a in range(level_of.size):
        rows[a] = 0.0
    for s in range(largest):
        columns[s] = 0.0
    for f in range(N_FEATURES):
        out[f] = 0.0
    mean_level = 0.0
    mean_size = 0.0
    for c in range(n_cells):
        rows[rank[c] - 1] += count[c]
        columns[size[c] - 1] += count[c]
        p = count[c] / total
        i = float(level_of[rank[c] - 1])
        j = float(size[c])
        mean_level += i * p
        mean_size += j * p
        add(i, j, p, out)
    out[8] = non_uniformity(rows, level_of.size, total, 0, 1)
    out[10] = non_uniformity(columns, largest, total, 0, 1)
    finish(total, n_voxels, out)
    for c in range(n_cells):
        p = count[c] / total
        spread(float(level_of[rank[c] - 1]), float(size[c]), p, mean_level, mean_size, out)
    return True


@jit.body
def cells_of(codes, weight, n, rank, size, count):
    """Fold the sorted codes rank · 2³² + size, int64 [≥ n], into cells; returns how many. `rank` may be `codes` itself.

    weight : float64, of each code, or [0] for a weight of 1.
    """
    n_cells = np.int64(0)
    run = 0.0
    for k in range(n):
        code = codes[k]
        run += weight[k] if weight.size > 0 else 1.0
        if k + 1 == n or codes[k + 1] != code:
            rank[n_cells] = code >> 32
            size[n_cells] = code & 0xFFFFFFFF
            count[n_cells] = run
            n_cells += 1
            run = 0.0
    return n_cells


@jit.body
def voxels_of(size, count, n_cells, by_size):
    """Entries of a matrix, each `size` times if by_size: the voxels they stand for, summed over the matrices merged."""
    n = 0.0
    for c in range(n_cells):
        n += count[c] * (size[c] if by_size else 1)
    return n


@jit.body
def gather(counts, first, weight, merged, n_rows, n_columns, is_last, rank, size, count):
    """Add a group of counts, weighted, to `merged`; with the last one, list the sum's cells, clear it and return their number."""
    n_cells = np.int64(0)
    for a in range(1, n_rows):
        for r in range(1, n_columns):
            c = a * n_columns + r
            x = merged[c] + weight * counts[first + c]
            merged[c] = x
            if is_last:
                merged[c] = 0.0
                if x > 0.0:
                    rank[n_cells] = a
                    size[n_cells] = r
                    count[n_cells] = x
                    n_cells += 1
    return n_cells


@jit.cpu
def measure_dense(
    counts, counts_start, n_columns, level_of, level_start, shape, vois, n_planar, weight, per_slice, by_size, aggregations, out
):
    """Features of every VOI for every aggregation, from dense matrices per group (see kernels/glcm.py, group_of).

    Parameters
    ----------
    counts : int32 [total]
        Ragged [k][group, L + 1, n_columns[k]]: by rank and size. Row and column 0 are ignored.
    counts_start : int64 [k + 1]
    n_columns : int64 [k]
        Largest size possible + 1.
    level_of, level_start, shape, vois, n_planar, weight, per_slice
        As for GLCM; weight : float64 [k, D].
    by_size : bool
        N_v = Σ size · count: an entry stands for so many voxels. Else N_v = Σ count: an entry is a voxel.
    aggregations : int64 [A, 3]
        Flags planar (only directions in plane), by slice, by direction.
    out : float64 [k, A, 16 or 17]
        Mean over the matrices of an aggregation, those without an entry left out; NaN if all are. Number 17 is the energy Σ p².
    """
    feature = np.empty(WITH_ENERGY)
    for k in range(vois.size):
        i = vois[k]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_rows = levels.size + 1
        merged = np.zeros(n_rows * n_columns[k])
        rank, size, count = np.empty(merged.size, np.int64), np.empty(merged.size, np.int64), np.empty(merged.size)
        rows, columns = np.empty(n_rows), np.empty(n_columns[k])
        for j in range(aggregations.shape[0]):
            by_slice, by_direction = aggregations[j, 1], aggregations[j, 2]
            last = n_planar if aggregations[j, 0] else weight.shape[1]
            n_slices = np.int64(shape[i, 0]) if per_slice else 1
            number = 0
            for f in range(out.shape[2]):
                out[k, j, f] = 0.0
            for z in range(n_slices if by_slice else 1):
                for d in range(last if by_direction else 1):
                    d_end = d + 1 if by_direction else last
                    n_cells = np.int64(0)
                    for dd in range(d, d_end):
                        z_end = z + 1 if by_slice else (n_slices if dd < n_planar else 1)
                        for zz in range(z, z_end):
                            first = counts_start[k] + group_of(dd, zz, n_planar, n_slices, per_slice) * merged.size
                            is_last = dd == d_end - 1 and zz == z_end - 1
                            w = weight[k, dd]
                            n_cells = gather(counts, first, w, merged, n_rows, n_columns[k], is_last, rank, size, count)
                    n_voxels = voxels_of(size, count, n_cells, by_size)
                    if measure(rank, size, count, n_cells, levels, n_voxels, rows, columns, feature):
                        total = voxels_of(size, count, n_cells, False)
                        feature[N_FEATURES] = energy(count, n_cells, total, 0, 1)
                        number += 1
                        for f in range(out.shape[2]):
                            out[k, j, f] += feature[f]
            for f in range(out.shape[2]):
                out[k, j, f] = out[k, j, f] / number if number else np.nan


COUNTING = 256
"""Threads of a block that counts."""
MEASURING = 128
"""Threads of a block that measures."""
ROOM = 4096
"""Cells at most of a block's table in shared memory: with 16 KB each, every multiprocessor can be full of threads."""
MAX_CELLS = 1 << 26
"""Cells of a VOI's matrices that a device takes: 256 MB."""
MAX_PLACES = 1 << 19
"""Scratch for a matrix that a device takes, float64: 4 MB, so that several blocks can measure at a time."""


@jit.body
def open_table(shared, room, n_levels, n_columns):
    """Clear a table of n_levels rows in shared memory, and return how many sizes it has: as many as `room` cells allow."""
    width = min(n_columns, room // max(n_levels, np.int32(1)))
    c = np.int32(jit.cuda.threadIdx.x)
    while c < n_levels * width:
        shared[c] = 0
        c += jit.cuda.blockDim.x
    jit.cuda.syncthreads()
    return width


@jit.body
def enter(rank, size, shared, width, n_columns, counts, matrix):
    """Count one entry: in shared memory if its size has a column there, else in `counts`, where its matrix begins at `matrix`."""
    if size <= width:
        jit.cuda.atomic.add(shared, (rank - 1) * width + size - 1, 1)
    else:
        jit.cuda.atomic.add(counts, matrix + (rank - 1) * n_columns + size - 1, 1)


@jit.body
def close_table(shared, width, n_levels, n_columns, counts, matrix):
    """Add the table in shared memory to its matrix."""
    jit.cuda.syncthreads()
    c = np.int32(jit.cuda.threadIdx.x)
    while c < n_levels * width:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, matrix + c // width * n_columns + c % width, shared[c])
        c += jit.cuda.blockDim.x


@jit.body
def marginals(matrix, levels, n_columns, rows, columns):
    """Sums of rows and columns; a thread writes some of each, the ones `non_uniformity` asks it for.

    Returns its share of Σ x, of Σ level · x and of Σ size · x.
    """
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    n_levels = np.int32(levels.size)
    entries, of_levels, of_sizes = 0.0, 0.0, 0.0
    a = thread
    while a < n_levels:
        x = 0.0
        for s in range(n_columns):
            x += matrix[a * n_columns + s]
        rows[a] = x
        entries += x
        of_levels += levels[a] * x
        a += threads
    s = thread
    while s < n_columns:
        x = 0.0
        for a in range(n_levels):
            x += matrix[a * n_columns + s]
        columns[s] = x
        of_sizes += (s + 1) * x
        s += threads
    return entries, of_levels, of_sizes


@jit.gpu(
    "i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], i4[:, ::1], f8[:, ::1], i4, b1, b1, f8[::1], i8, f8[:, ::1]",
    registers=128,
    because="twelve sums in float64, and some twenty addresses",
)  # fmt: skip
def measure_dense_gpu(
    counts, counts_start, largest, level_of, level_start, shape, work, weight, n_planar, per_slice, by_size, scratch, stride, out
):
    """Features of every matrix, out float64 [m, 16 or 17]; NaN where it holds nothing. Any number of blocks.

    counts : int32, ragged [n][group, L, largest[i]]. largest : int32 [n], the largest
    size possible. work : int32 [m, 5], see
    engine/directions.py, matrices. weight : float64 [n, D]. by_size : as for `measure_dense`. scratch : `stride` places (see
    `places`) for each block.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    own = jit.cuda.local.array(WITH_ENERGY, np.float64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    mine = scratch[jit.cuda.blockIdx.x * stride : (jit.cuda.blockIdx.x + 1) * stride]
    m = np.int32(jit.cuda.blockIdx.x)
    while m < work.shape[0]:
        i = work[m, 0]
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_levels, width = np.int32(levels.size), largest[i]
        cells = n_levels * width
        rows, columns = mine[cells : cells + n_levels], mine[cells + n_levels : cells + n_levels + width]
        merge(counts, counts_start[i], cells, work, m, shape[i, 0], n_planar, per_slice, weight[i], mine)
        entries, of_levels, of_sizes = marginals(mine, levels, width, rows, columns)
        total = block.sum_of(entries, room)
        mean_level = block.sum_of(of_levels, room) / total
        of_sizes = block.sum_of(of_sizes, room)
        mean_size = of_sizes / total
        for f in range(WITH_ENERGY):
            own[f] = 0.0
        if total > 0.0:
            own[8] = non_uniformity(rows, n_levels, total, thread, threads)
            own[10] = non_uniformity(columns, width, total, thread, threads)
            if out.shape[1] == WITH_ENERGY:
                own[N_FEATURES] = energy(mine, cells, total, thread, threads)
            c = thread
            while c < cells:
                if mine[c] > 0.0:
                    level, size, p = float(levels[c // width]), float(c % width + 1), mine[c] / total
                    add(level, size, p, own)
                    spread(level, size, p, mean_level, mean_size, own)
                c += threads
            for f in range(WITH_ENERGY):
                own[f] = block.sum_of(own[f], room)
            finish(total, of_sizes if by_size else total, own)
        if thread == 0:
            for f in range(out.shape[1]):
                out[m, f] = own[f] if total > 0.0 else np.nan
        m += jit.cuda.gridDim.x


def places(n_levels, n_columns):
    """Scratch for a matrix and its marginal sums."""
    return n_levels * n_columns + n_levels + n_columns


def is_taken(n_cells, n_places, n_voxels):
    """Whether a device takes a VOI: cells of all its matrices, `places` of the largest, voxels of its box."""
    return (n_cells <= MAX_CELLS) & (n_places <= MAX_PLACES) & (n_voxels < 1 << 31)  # offsets in a box are int32


def mean_on_device(
    device, counts, counts_start, largest, level_of, level_start, shape, work, first, weight, n_planar, per_slice, by_size,
    scratch, stride, n_features,
):  # fmt: skip
    """`measure_dense_gpu` and the means over each aggregation's matrices: device float64 [VOIs · aggregations, n_features].

    work and first, from engine/directions.py, are in host memory, all other arrays on the device. scratch : float64 that the
    blocks share. stride : `places` of the largest matrix.
    """
    blocks = int(min(len(work), max(1, scratch // stride)))
    feature = device.empty((len(work), n_features), np.float64)
    device.launch(
        measure_dense_gpu, blocks, MEASURING, counts, counts_start, largest, level_of, level_start, shape, device.put(work),
        weight, n_planar, per_slice, by_size, device.empty(blocks * stride, np.float64), stride, feature,
    )  # fmt: skip
    return block.mean(device, feature, first, n_features)
