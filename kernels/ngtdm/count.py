"""Counting of the neighbourhood grey tone difference matrix (NGTDM, IBSI IPET).

A voxel of level i with n neighbours of summed level S adds |n i - S| to an integer sum that belongs to (rank, n); only
when all voxels are counted is each sum divided by its n. So s_i is exact but for one rounding per n, whatever the order
of the voxels. S and n come from one moving sum over the box: of integers that hold the level, counted from the lowest
one present, in their high bits and 1 in their low bits. Its cost does not depend on the distance. Groups: the whole
volume, or one per padded slice.

On a GPU a thread looks at all neighbours of its voxel, and a block adds up one tile: as int32 in shared memory where
the table fits and no sum can leave them, else in the device's.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.grouping import step_of

COUNTING = 256
"""Threads of a block that counts."""


@jit.body
def bits_of(window):
    """Bits that hold a number of voxels.

    Parameters
    ----------
    window : int
        Largest number of voxels.
    """
    bits = np.int64(0)
    while window >> bits:
        bits += 1
    return bits


@jit.body
def tabulate(level, base, code, ny, nx, table):
    """Summed-area table of the codes in a plane.

    Parameters
    ----------
    level
        See kernels/grouping.py.
    base : int
        Where the plane begins in `level`.
    code : int64 [L + 1]
        By rank: (level less the lowest one) · 2^bits + 1; 0 outside.
    ny, nx : int
        Rows and columns.
    table : int64 [(ny + 1) (nx + 1)]
        table[y, x] receives the sum over rows < y, columns < x.
    """
    width = nx + 1
    for y in range(ny):
        row, above, here = np.uint64(base + y * nx), np.uint64(y * width + 1), np.uint64((y + 1) * width + 1)
        run = np.int64(0)
        for x in range(np.uint64(nx)):
            run += code[level[row + x]]
            table[here + x] = table[above + x] + run


@jit.body
def tally(level, base, code, ny, nx, pad, reach, bits, table, ring, slot, total, some, least, sums, cell, columns):
    """Move each voxel's sum over its window on by a plane: the tabulated one enters, the one at ring[slot:] leaves.

    Parameters
    ----------
    level, pad
        See kernels/grouping.py.
    base : int
        Where the plane for which `total` becomes complete begins in `level`.
    code, ny, nx, table
        As for `tabulate`; the table of the plane that enters.
    reach : int
        Distance of neighbours within the plane, in voxels.
    bits : int
        Low bits of a code that count voxels.
    ring : int64 [planes of the window · ny · nx]
        What each plane added to `total`.
    slot : int
        Where the plane that leaves begins in `ring`; the one that enters takes its place.
    total : int64 [ny · nx]
        Each voxel's sum of codes over its window.
    some : bool
        Add the voxels of the plane at `base` to the sums.
    least
        As for `count`.
    sums : int64 [sums of all groups of all VOIs]
        sums[cell + a · columns + n]: column 0 counts voxels of rank a, column n ≥ 1 sums |n i - S|.
    cell, columns : int
    """
    width = nx + 1
    mask = (np.int64(1) << bits) - 1
    for y in range(pad, ny - pad):
        first = y * nx + pad
        top, bottom = (y - reach) * width + pad, (y + reach + 1) * width + pad
        top_left, top_right = np.uint64(top - reach), np.uint64(top + reach + 1)
        bottom_left, bottom_right = np.uint64(bottom - reach), np.uint64(bottom + reach + 1)
        here, old, voxel = np.uint64(first), np.uint64(slot + first), np.uint64(base + first)
        count = np.uint64(nx - 2 * pad)
        for x in range(count):  # apart from the sums, so that it is vectorised
            value = table[bottom_right + x] - table[bottom_left + x] - table[top_right + x] + table[top_left + x]
            total[here + x] += value - ring[old + x]
            ring[old + x] = value
        for x in range(count if some else np.uint64(0)):
            a, window = np.int64(level[voxel + x]), total[here + x]
            n = (window & mask) - 1
            if a > 0 and n >= least:  # the difference is 0 where n is
                row = np.uint64(cell + a * columns)
                sums[row] += 1
                sums[row + np.uint64(n)] += abs((n + 1) * (code[a] >> bits) - (window >> bits))


@jit.body
def code_of(level_of, first, n_levels, bits):
    """By rank: (level less the lowest one) · 2^bits + 1; 0 outside. int64 [L + 1].

    Parameters
    ----------
    level_of
        See kernels/grouping.py.
    first, n_levels : int
        Where the VOI's levels begin in `level_of`, and L.
    bits : int
        As for `tally`.
    """
    code = np.zeros(n_levels + 1, np.int64)
    for a in range(n_levels):
        code[a + 1] = ((level_of[first + a] - level_of[first]) << bits) + 1
    return code


@jit.cpu
def count_near(
    level, start, shape, level_of, level_start, vois, pad, steps, per_slice, least, n_columns, sums, sums_start
):
    """As `count`, with the same arguments, for neighbours that are no whole window: each is looked at.

    Parameters
    ----------
    steps : int64 [neighbours, 3]
        From a voxel to each neighbour (dz, dy, dx).
    """
    bits = bits_of(steps.shape[0])
    mask = (np.int64(1) << bits) - 1
    offsets = np.empty(steps.shape[0], np.int64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        for m in range(offsets.size):
            offsets[m] = step_of(steps, m, ny, nx)
        n_levels = level_start[i + 1] - level_start[i]
        code = code_of(level_of, level_start[i], n_levels, bits)
        for z in range(pad, nz - pad):
            cell = sums_start[k] + (z if per_slice else 0) * (n_levels + 1) * n_columns[k]
            for y in range(pad, ny - pad):
                row = start[i] + (z * ny + y) * nx
                for p in range(row + pad, row + nx - pad):
                    a = np.int64(level[p])
                    if a > 0:
                        window = np.int64(0)
                        for m in range(offsets.size):
                            window += code[level[p + offsets[m]]]
                        n = window & mask
                        if n >= least:
                            at = cell + a * n_columns[k]
                            sums[at] += 1
                            sums[at + n] += abs(n * (code[a] >> bits) - (window >> bits))


@jit.cpu
def count(
    level, start, shape, level_of, level_start, vois, pad, distance, planar, per_slice, least, n_columns, sums,
    sums_start,
):  # fmt: skip
    """Count and sum.

    Parameters
    ----------
    level, start, shape, level_of, level_start, vois, pad, per_slice
        See kernels/grouping.py.
    distance : int
        Chebyshev distance of neighbours in voxels.
    planar : bool
        Neighbours in the voxel's own slice only.
    least : int
        Voxels with fewer neighbours are left out: 1, or 0 for none.
    n_columns : int64 [k]
        Numbers of neighbours possible, 0 included.
    sums : int64 [sums of all groups of all VOIs]
        sums[sums_start[k] + (group · (L+1) + a) · n_columns[k] + n] of VOI vois[k] and rank a: how many voxels there
        are (n = 0), and Σ |n i - S| over those with n ≥ 1 neighbours. A group is a padded slice if per_slice,
        else the volume.
    sums_start : int64 [≥ k]
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
        code = code_of(level_of, first, n_levels, bits)
        table = np.zeros((ny + 1) * (nx + 1), np.int64)
        ring, total = np.zeros(depth * plane, np.int64), np.zeros(plane, np.int64)
        for entering in range(pad - depth // 2, nz - pad + depth // 2):
            z = entering - depth // 2
            cell = sums_start[k] + (z if per_slice else 0) * (n_levels + 1) * n_columns[k]
            tabulate(level, start[i] + entering * plane, code, ny, nx, table)
            tally(
                level, start[i] + z * plane, code, ny, nx, pad, distance, bits, table,
                ring, (entering % depth) * plane, total, z >= pad, least, sums, cell, n_columns[k],
            )  # fmt: skip


@jit.gpu(
    "level[::1], i4[::1], i8[::1], i4[::1], i4[::1], i4[:, ::1], i8[::1], i8[::1], i4, b1, i4, i4, i8[::1], "
    "i8[::1], i8[::1]"
)
def count_gpu(
    level, tile_row, tile_first, tile_length, tile_z, shape, level_of, level_start, distance, planar, least, room,
    n_columns, sums, sums_start,
):  # fmt: skip
    """Count and sum a tile.

    Parameters
    ----------
    tile_row, tile_first, tile_length, tile_z
        See kernels/block.py; tile_z is the group.
    level, shape, level_of, level_start
        See kernels/grouping.py.
    distance, planar, least
        As for `count`.
    room : int
        Sums that shared memory holds, without rank 0; a larger table is added to in `sums` itself.
    n_columns : int64 [n]
        As for `count`, of each row.
    sums : int64 [sums of all groups of all VOIs]
        As for `count`, from sums_start[i] on for row i.
    sums_start : int64 [n + 1]
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
            if n >= least:  # the difference is 0 where n is
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
