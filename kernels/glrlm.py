"""Grey level run length matrix (GLRLM, IBSI TP0I): maximal rows of voxels of one grey level, along each direction.

A voxel continues its predecessor's run or starts one, so its run length so far is known from two voxels, without a
branch. Along the usual 13 directions a vectorised loop makes these lengths of a whole slice, in bytes, and each voxel
is counted under its length so far: voxels of length r less those of length r + 1 are the runs that end at r. Where a
run may be too long for that, directions are few or slices are kept apart, the box is walked once per direction, two
planes of lengths are kept, and a run is counted where the successor differs. (A thread per run start that walks
forward, the GPU's way, counts the same and takes five times as long here: its branches cannot be predicted.) Row and
column 0 of a matrix hold voxels outside the mask, or nothing. Matrices are measured by kernels/size_matrix.

Where dense matrices would be larger than the runs themselves (engine/families/glrlm.py), the runs of a matrix are
sorted and counted. Both ways list the same cells in the same order: equal to the last bit.

On a GPU a block takes the runs that start in a tile, along one direction, and follows them out of it.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit, sorting
from voxomics.kernels.grouping import DIRECTION, DIRECTION_BITS, DIRECTION_END, SLICE, SLICE_END, VOI, group_of, step_of
from voxomics.kernels.size_matrix import cells, table

PLANE = 66_112
"""Room for the lengths of a slice: 257 voxels square. No power of two, or its parts would share the cache's lines."""
ROW = 320
"""Room for the lengths of a row of at most 255 voxels, and a place at either end."""
ONE = np.uint64(1)


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
        if dirs.shape[0] == 13 and not per_slice and columns <= 256 and ny * nx <= PLANE:
            count_usual(level, start[i], nz, ny, nx, pad, dirs, counts, counts_start[k], size, columns)
        else:
            count_any(
                level, start[i], nz, ny, nx, pad, dirs, n_planar, per_slice, counts, counts_start[k], size, columns
            )


@jit.body
def count_any(level, base, nz, ny, nx, pad, dirs, n_planar, per_slice, counts, first, size, columns):
    """Count a VOI's runs along any directions.

    Parameters
    ----------
    level, pad, dirs, n_planar, per_slice
        See kernels/grouping.py.
    base, nz, ny, nx : int
        Where the VOI's box begins in `level`, and its size.
    counts : int32
        As for `count`; the VOI's begin at counts[first].
    first, size, columns : int
        `size` and `columns`: cells of a group, and R + 1.
    """
    length = np.zeros(2 * ny * nx, np.int32)
    low, high = np.empty(nz * ny, np.int64), np.empty(nz * ny, np.int64)
    for row in range(nz * ny):
        low[row], high[row] = extent(level, base + row * nx, nx)
    for d in range(dirs.shape[0]):
        flat = dirs[d, 1] * nx + dirs[d, 2]
        step = dirs[d, 0] * ny * nx + flat
        for z in range(pad, nz - pad):
            cell = np.uint64(first + group_of(d, z, n_planar, nz, per_slice) * size)
            plane = (z & 1) * ny * nx
            before = plane if dirs[d, 0] == 0 else ny * nx - plane
            for y in range(pad, ny - pad):
                n = high[z * ny + y] - low[z * ny + y]
                if n > 0:
                    p = base + (z * ny + y) * nx + low[z * ny + y]
                    q = y * nx + low[z * ny + y]
                    # unsigned: an index that may be negative costs a test and keeps a loop from being vectorised
                    p0, p_before, p_after = np.uint64(p), np.uint64(p - step), np.uint64(p + step)
                    q0, q_before = np.uint64(plane + q), np.uint64(before + q - flat)
                    width = np.uint64(columns)
                    for x in range(np.uint64(n)):
                        a = level[p0 + x]
                        continues = np.int32((a == level[p_before + x]) & (a != 0))
                        length[q0 + x] = (length[q_before + x] & -continues) + 1
                    for x in range(np.uint64(n)):
                        a = level[p0 + x]
                        counts[cell + np.uint64(a) * width + np.uint64(length[q0 + x])] += a != level[p_after + x]


@jit.body
def lengthen(level, p, p_before, n, length, q, q_before):
    """Lengths so far of voxels that lie one after the other, along one direction.

    An old length counts only where the predecessor has the same level, so that none need be cleared.

    Parameters
    ----------
    level
        See kernels/grouping.py.
    p, p_before, n : uint64
        Places in `level` of the first voxel and of its predecessor, and the number of voxels.
    length : uint8 [any]
        length[q : q + n] receive the lengths; those of the predecessors begin at length[q_before].
    q, q_before : uint64
    """
    for x in range(n):
        a = level[p + x]
        continues = np.uint8((a == level[p_before + x]) & (a != 0))
        length[q + x] = np.uint8(length[q_before + x] & np.uint8(-continues)) + np.uint8(1)


@jit.body
def count_row(level, p, n, rows, w, planes, q, cell, columns, counts):
    """Add the voxels of a row to the cells of their lengths so far, along 13 directions; those along it are found here.

    The parts of `rows` and `planes` lie a constant number of places apart: twelve addresses to keep would take half as
    long again.

    Parameters
    ----------
    level, counts
        As for `count_any`.
    p, n : uint64
        Place in `level` of the row's first voxel, and their number.
    rows, planes : uint8 [any]
        Lengths so far along the directions of this slice and along those that leave it, from rows[w] and planes[q] on.
    w, q : uint64
    cell : uint64 [13]
        Where each direction's group begins in `counts`.
    columns : uint64
        R + 1.
    """
    c0, c1, c2, c3, c4, c5, c6 = cell[0], cell[1], cell[2], cell[3], cell[4], cell[5], cell[6]
    c7, c8, c9, c10, c11, c12 = cell[7], cell[8], cell[9], cell[10], cell[11], cell[12]
    next_row, next_plane = np.uint64(ROW), np.uint64(PLANE)
    last, run = np.uint64(0), np.uint64(0)
    for x in range(n):
        a = np.uint64(level[p + x])
        run = run * np.uint64(a == last) + ONE
        last = a
        if a > 0:
            a *= columns
            row, plane = w + x, q + x
            counts[c0 + (a + run)] += 1
            counts[c1 + (a + rows[row])] += 1
            counts[c2 + (a + rows[row + next_row])] += 1
            counts[c3 + (a + rows[row + next_row + next_row])] += 1
            counts[c4 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c5 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c6 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c7 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c8 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c9 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c10 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c11 + (a + planes[plane])] += 1
            plane += next_plane
            counts[c12 + (a + planes[plane])] += 1


@jit.body
def count_usual(level, base, nz, ny, nx, pad, dirs, counts, first, size, columns):
    """Count a VOI's runs along the 13 directions of engine/directions.py, one group each, by lengths so far.

    Parameters
    ----------
    level, base, nz, ny, nx, pad, dirs, counts, first, size
        As for `count_any`.
    columns : int
        R + 1, ≤ 256; a slice has at most PLANE voxels.
    """
    cell = np.empty(13, np.uint64)
    for d in range(13):
        cell[d] = first + d * size
    planes = np.empty(2 * 9 * PLANE, np.uint8)  # by parity of the slice, direction and place in the slice
    rows = np.empty(2 * 3 * ROW, np.uint8)  # by parity of the row, direction and place in the row
    for z in range(pad, nz - pad):
        p, q = base + (z * ny + pad) * nx + pad, pad * nx + pad
        now, then = (z & 1) * 9 * PLANE + q, (1 - (z & 1)) * 9 * PLANE + q
        n = np.uint64((ny - 2 * pad) * nx - 2 * pad)
        for d in range(9):
            flat = dirs[4 + d, 1] * nx + dirs[4 + d, 2]
            p_before, q_before = np.uint64(p - ny * nx - flat), np.uint64(then + d * PLANE - flat)
            lengthen(level, np.uint64(p), p_before, n, planes, np.uint64(now + d * PLANE), q_before)
        n = np.uint64(nx - 2 * pad)
        for y in range(pad, ny - pad):
            this, other = (y & 1) * 3 * ROW + 1, (1 - (y & 1)) * 3 * ROW + 1
            for d in range(3):
                p_before, q_before = np.uint64(p - nx - d + 1), np.uint64(other + d * ROW - d + 1)
                lengthen(level, np.uint64(p), p_before, n, rows, np.uint64(this + d * ROW), q_before)
            count_row(
                level, np.uint64(p), n, rows, np.uint64(this), planes, np.uint64(now), cell, np.uint64(columns), counts
            )
            p += nx
            now += nx
    for row in range(first, first + 13 * size, columns):
        for r in range(row + 1, row + columns - 1):
            counts[r] -= counts[r + 1]


@jit.cpu
def align(level, start, shape, vois, pad, dirs, aligned):
    """Say along which directions some line holds two voxels of a VOI or more, however far apart.

    Parameters
    ----------
    level, start, shape, vois, pad, dirs
        See kernels/grouping.py.
    aligned : bool [k, D]
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        for d in range(dirs.shape[0]):
            aligned[k, d] = False
            p = np.int64(0)
            while p < nz * ny * nx and not aligned[k, d]:
                if level[start[i] + p] > 0:
                    z, y, x = p // (ny * nx) + dirs[d, 0], p // nx % ny + dirs[d, 1], p % nx + dirs[d, 2]
                    while min(z, y, x) >= pad and z < nz - pad and y < ny - pad and x < nx - pad and not aligned[k, d]:
                        aligned[k, d] = level[start[i] + (z * ny + y) * nx + x] > 0
                        z, y, x = z + dirs[d, 0], y + dirs[d, 1], x + dirs[d, 2]
                p += 1


@jit.body
def length_of(level, p, step):
    """Length of a run in voxels, int32.

    Parameters
    ----------
    level : uint8 or uint16 [voxels]
        Ranks of the grey levels; see kernels/grouping.py.
    p : int
        Place of the run's first voxel in `level`.
    step : int
        Places from a voxel of the run to the next.
    """
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
    codes : int64 [≥ new n]
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
