"""Grey level run length matrix (GLRLM, IBSI TP0I): maximal rows of voxels of one grey level, along each direction.

Counting walks the box once per direction. A voxel continues its predecessor's run or starts one, so its run length so
far is known from two voxels, without a branch, and a run is counted where the successor differs. Two planes of lengths
are kept. (A thread per run start that walks forward, the GPU's way, counts the same and takes five times as long here:
its branches cannot be predicted.) Row and column 0 of a matrix hold voxels outside the mask. Matrices are measured by
kernels/size_matrix.

Where dense matrices would be larger than the runs themselves (engine/families/glrlm.py), the runs of a matrix are
sorted and counted. Both ways list the same cells in the same order: equal to the last bit.

On a GPU a block takes the runs that start in a tile, along one direction, and follows them out of it.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, sorting
from voxomics.kernels.grouping import DIRECTION, DIRECTION_BITS, DIRECTION_END, SLICE, SLICE_END, VOI, group_of, step_of
from voxomics.kernels.size_matrix import cells, table


@jit.body
def extent(level, first, n):
    """Offsets of the first voxel of a row that is set, and of the one after the last: 0, 0 if none is.

    Parameters
    ----------
    level
        See kernels/grouping.py.
    first, n : int
        Where the row begins in `level`, and its voxels.
    """
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
    """Count runs.

    Parameters
    ----------
    level, start, shape, level_start, vois, pad, dirs, n_planar, per_slice, counts_start
        See kernels/grouping.py.
    counts : int32
        counts[counts_start[k] + (group · (L+1) + a) · (R+1) + r] is raised for VOI vois[k] by each run of rank a and
        length r. R is the longest side of the box without its padding.
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
                        # unsigned: an index that may be negative costs a test and keeps the first loop from being
                        # vectorised
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


@jit.body
def length_of(level, p, step):
    """Length, int32, of the run along `step` (int, voxels) whose first voxel stands at `p` (int) in `level`."""
    a = level[p]
    length = np.int32(1)
    while level[p + step] == a:
        p += step
        length += 1
    return length


@jit.body
def runs(level, base, shape, pad, dirs, d, z_first, z_last, codes, n):
    """Append the runs along one direction that start in some slices; returns the new n.

    Parameters
    ----------
    level, pad, dirs
        See kernels/grouping.py.
    base : int
        Where the VOI's box begins in `level`.
    shape : int32 [3]
        Its size.
    d : int
        Number of the direction.
    z_first, z_last : int
        Padded slices, the last one exclusive.
    codes : int64
        codes[n:] receive (rank · 2³² + length) · 2^DIRECTION_BITS + d.
    n : int
        Codes so far.
    """
    ny, nx = np.int64(shape[1]), np.int64(shape[2])
    step = step_of(dirs, d, ny, nx)
    for z in range(z_first, z_last):
        for y in range(pad, ny - pad):
            row = base + (z * ny + y) * nx
            for p in range(row + pad, row + nx - pad):
                a = np.int64(level[p])
                if a > 0 and level[p - step] != a:
                    codes[n] = ((a << 32) + length_of(level, p, step) << DIRECTION_BITS) + d
                    n += 1
    return n


@jit.cpu
def measure_sparse(level, start, shape, level_of, level_start, vois, pad, dirs, weight, work, most, feature):
    """Features of every matrix of the work list, each from its sorted runs: memory follows their number.

    N_v is the sum of the runs' lengths: each voxel lies in one run per direction, and merging matrices sums N_v.

    Parameters
    ----------
    level, start, shape, level_of, level_start, vois, pad, dirs, weight, work, feature
        See kernels/grouping.py; feature [m, size_matrix.slots.N_SLOTS]. The work list keeps slices.
    most : int
        Runs that a matrix may have.
    """
    codes, spare, digits = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(256, np.int64)
    count = np.empty(most)
    most_levels, longest = np.int64(0), np.int64(0)
    for k in range(vois.size):
        most_levels = max(most_levels, level_start[vois[k] + 1] - level_start[vois[k]])
        longest = max(longest, np.int64(shape[vois[k]].max()))
    rows, columns = np.empty(most_levels), np.empty(longest)
    for m in range(work.shape[0]):
        k = work[m, VOI]
        i = vois[k]
        z_first, z_last = max(work[m, SLICE], pad), min(work[m, SLICE_END], shape[i, 0] - pad)
        n = np.int64(0)
        for d in range(work[m, DIRECTION], work[m, DIRECTION_END]):
            n = runs(level, start[i], shape[i], pad, dirs, d, z_first, z_last, codes, n)
        sorting.radix(codes, spare, n, digits)
        rank, size = codes, spare  # from here on
        n_cells = cells.cells_of_codes(codes, n, DIRECTION_BITS, weight[k], rank, size, count)
        levels = level_of[level_start[i] : level_start[i + 1]]
        n_voxels = cells.voxels_of(size, count, n_cells, True)
        cells.measure(rank, size, count, n_cells, levels, n_voxels, rows, columns, feature[m])


@jit.gpu(
    "level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i4[:, ::1], i4, b1, i4[::1], i4, "
    "i4[::1], i8[::1]"
)
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_start, dirs, n_planar, per_slice, largest, room,
    counts, counts_start,
):  # fmt: skip
    """Count the runs that start in a tile along a direction. Grid (tiles, directions); a thread for each such run.

    Parameters
    ----------
    tile_row, tile_first, tile_length, tile_z
        See kernels/block.py.
    level, shape, level_start, dirs, n_planar, per_slice, counts_start
        See kernels/grouping.py.
    largest : int32 [n]
        Longest run possible in each row.
    room : int
        Cells of shared memory.
    counts : int32
        counts[counts_start[i] + (group · L + a - 1) · largest[i] + r - 1] is raised by each run of rank a and length r
        of row i.
    """
    shared = jit.cuda.shared.array(0, np.int32)
    tile, d = jit.cuda.blockIdx.x, jit.cuda.blockIdx.y
    i = tile_row[tile]
    step = step_of(dirs, d, shape[i, 1], shape[i, 2])
    n_levels, longest = np.int32(level_start[i + 1] - level_start[i]), largest[i]
    group = np.int64(group_of(d, tile_z[tile], n_planar, shape[i, 0], per_slice))
    matrix = counts_start[i] + group * n_levels * longest
    width = table.open_table(shared, room, n_levels, longest)
    q, n, first = np.int32(jit.cuda.threadIdx.x), tile_length[tile], tile_first[tile]
    while q < n:
        p = first + q
        a = level[p]
        if a > 0 and level[p - step] != a:
            table.enter(np.int32(a), length_of(level, p, step), shared, width, longest, counts, matrix)
        q += jit.cuda.blockDim.x
    table.close_table(shared, width, n_levels, longest, counts, matrix)
