"""Grey level run length matrix (GLRLM, IBSI TP0I): maximal rows of voxels of one grey level, along each direction.

Counting walks the box once per direction. A voxel continues its predecessor's run or starts one, so its run length so far is
known from two voxels, without a branch, and a run is counted where the successor differs. Two planes of lengths are kept. (A
thread per run start that walks forward, the GPU's way, counts the same and takes five times as long here: its branches cannot be
predicted.) Groups are those of the GLCM: kernels/glcm.py, group_of. Row and column 0 of a matrix hold voxels outside the mask.

Where dense matrices would be larger than the runs themselves (engine/families/glrlm.py), the runs of a group are sorted and
counted. Both ways hand the same cells in the same order to kernels/emphasis.py: equal to the last bit.

On a GPU a block takes the runs that start in a tile, along one direction, and follows them out of it.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import emphasis, jit
from voxomics.kernels.glcm import group_of

FEATURES = (
    "short_runs_emphasis",
    "long_runs_emphasis",
    "low_grey_level_run_emphasis",
    "high_grey_level_run_emphasis",
    "short_run_low_grey_level_emphasis",
    "short_run_high_grey_level_emphasis",
    "long_run_low_grey_level_emphasis",
    "long_run_high_grey_level_emphasis",
    "grey_level_non_uniformity",
    "normalised_grey_level_non_uniformity",
    "run_length_non_uniformity",
    "normalised_run_length_non_uniformity",
    "run_percentage",
    "grey_level_variance",
    "run_length_variance",
    "run_entropy",
)
N_FEATURES = len(FEATURES)


@jit.body
def extent(level, first, n):
    """Offsets of the first voxel of a row of n that is set, and of the one after the last: 0, 0 if none is."""
    low = 0
    while low < n and level[first + low] == 0:
        low += 1
    if low == n:
        return 0, 0
    high = n
    while level[first + high - 1] == 0:
        high -= 1
    return low, high


@jit.cpu
def count(level, start, shape, level_start, vois, pad, dirs, n_planar, per_slice, counts, counts_start):
    """Count runs: counts[counts_start[k] + (group · (L+1) + a) · (R+1) + r] for VOI vois[k], rank a, run length r.

    R is the longest side of the box without its padding. dirs : int64 [D, 3], each after (0, 0, 0) in (z, y, x) order.
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        columns = max(nz, ny, nx) - 2 * pad + 1
        size = (level_start[i + 1] - level_start[i] + 1) * columns
        length = np.zeros(2 * ny * nx, np.int32)
        low, high = np.empty(nz * ny, np.int64), np.empty(nz * ny, np.int64)
        for row in range(nz * ny):
            low[row], high[row] = extent(level, start[i] + row * nx, nx)
        for d in range(dirs.shape[0]):
            flat = dirs[d, 1] * nx + dirs[d, 2]
            step = dirs[d, 0] * ny * nx + flat
            for z in range(pad, nz - pad):
                cell = counts_start[k] + group_of(d, z, n_planar, nz, per_slice) * size
                plane = (z & 1) * ny * nx
                before = plane if dirs[d, 0] == 0 else ny * nx - plane
                for y in range(pad, ny - pad):
                    n = high[z * ny + y] - low[z * ny + y]
                    if n > 0:
                        p = start[i] + (z * ny + y) * nx + low[z * ny + y]
                        q = y * nx + low[z * ny + y]
                        # unsigned: an index that may be negative costs a test and keeps the first loop from being vectorised
                        p0, p_before, p_after = np.uint64(p), np.uint64(p - step), np.uint64(p + step)
                        q0, q_before = np.uint64(plane + q), np.uint64(before + q - flat)
                        first, width = np.uint64(cell), np.uint64(columns)
                        for x in range(np.uint64(n)):
                            a = level[p0 + x]
                            continues = np.int32((a == level[p_before + x]) & (a != 0))
                            length[q0 + x] = (length[q_before + x] & -continues) + 1
                        for x in range(np.uint64(n)):
                            a = level[p0 + x]
                            counts[first + np.uint64(a) * width + np.uint64(length[q0 + x])] += a != level[p_after + x]


@jit.cpu
def runs(level, base, shape, pad, step, z_first, z_last, codes):
    """Write codes rank · 2³² + length of the runs along `step` that start in slices z_first..z_last - 1; returns how many."""
    n = np.int64(0)
    ny, nx = np.int64(shape[1]), np.int64(shape[2])
    for z in range(z_first, z_last):
        for y in range(pad, ny - pad):
            row = base + (z * ny + y) * nx
            for p in range(row + pad, row + nx - pad):
                a = np.int64(level[p])
                if a > 0 and level[p - step] != a:
                    q = p + step
                    while level[q] == a:
                        q += step
                    codes[n] = (a << 32) + (q - p) // step
                    n += 1
    return n


@jit.cpu
def measure_sparse(codes, weight, level_of, out):
    """Features of one matrix given as the sorted codes of its runs (see `runs`), int64 [runs > 0], and the weight of each.

    N_v is the sum of the runs' lengths: each voxel lies in one run per direction, and merging matrices sums N_v.
    """
    rank, size, count = np.empty_like(codes), np.empty_like(codes), np.empty_like(weight)
    n_cells = emphasis.cells_of(codes, weight, codes.size, rank, size, count)
    rows, columns = np.empty(level_of.size), np.empty(size[:n_cells].max())
    n_voxels = emphasis.voxels_of(size, count, n_cells, True)
    emphasis.measure(rank, size, count, n_cells, level_of, n_voxels, rows, columns, out)


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i4[:, ::1], i4, b1, i4[::1], i4, i4[::1], i8[::1]")
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_start, dirs, n_planar, per_slice, largest, room, counts,
    counts_start,
):  # fmt: skip
    """Count runs that start in a tile: counts[counts_start[i] + (group · L + a - 1) · largest[i] + r - 1] of VOI i, rank a,
    run length r ≤ largest[i].

    Grid (tiles, directions); a thread for each voxel whose predecessor differs. room : cells of shared memory.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, d = jit.cuda.blockIdx.x, jit.cuda.blockIdx.y
    i = tile_row[tile]
    step = (dirs[d, 0] * shape[i, 1] + dirs[d, 1]) * shape[i, 2] + dirs[d, 2]
    n_levels, longest = np.int32(level_start[i + 1] - level_start[i]), largest[i]
    group = np.int64(group_of(d, tile_z[tile], n_planar, shape[i, 0], per_slice))
    matrix = counts_start[i] + group * n_levels * longest
    width = emphasis.open_table(shared, room, n_levels, longest)
    q, n, first = np.int32(jit.cuda.threadIdx.x), tile_length[tile], tile_first[tile]
    while q < n:
        p = first + q
        a = level[p]
        if a > 0 and level[p - step] != a:
            r = np.int32(1)
            while level[p + step] == a:
                p += step
                r += 1
            emphasis.enter(np.int32(a), r, shared, width, longest, counts, matrix)
        q += jit.cuda.blockDim.x
    emphasis.close_table(shared, width, n_levels, longest, counts, matrix)
