"""The mask of a VOI: its surface (marching cubes at 0.5) and its moments.

What the surface contributes inside a cell of 2 × 2 × 2 voxels depends on which of the eight are inside and on the spacing alone.
So cells are counted by configuration, in integers; area and volume are sums over the 256 counts, the same in whatever order the
cells came. Volume adds up cell by cell because neighbouring cells cut their common face alike.

On a GPU a block works on a tile of a box. What it counts is integer and added up by atomics; its sums of intensities are kept and
added in tile order.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.marching_cubes import NORMALS, VOLUME

N_MOMENTS = 10


@jit.body
def count_cells(region, base, nz, ny, nx, pad, counts):
    """Cells of one VOI by configuration into counts[256] (configuration 0 left out); bit 0 of `region` is inside."""
    for z in range(pad - 1, nz - pad):
        for y in range(pad - 1, ny - pad):
            near = base + (z * ny + y) * nx
            far = near + ny * nx
            before = 0
            full = 0
            for x in range(pad, nx - pad + 1):
                now = (
                    (region[near + x] & 1)
                    | (region[near + nx + x] & 1) << 2
                    | (region[far + x] & 1) << 4
                    | (region[far + nx + x] & 1) << 6
                )
                configuration = before | now << 1
                before = now
                if configuration == 255:
                    full += 1
                elif configuration != 0:
                    counts[configuration] += 1
            counts[255] += full


def cell_areas(spacing_mm):
    """Area in mm² of the surface in a cell of each configuration, float64 [images, 256]; spacing_mm [images, 3]."""
    z, y, x = spacing_mm.T
    scaled = NORMALS * np.stack((y * x, z * x, z * y), axis=1)[:, None, None]
    return np.sqrt((scaled**2).sum(3)).sum(2) / 8.0


def surface(counts, image_of, spacing_mm):
    """Area in mm² and volume in mm³ of meshes whose cells are counted, float64 [k] each; counts [k, 256], image_of [k]."""
    area, of_cell = np.empty(len(counts)), cell_areas(spacing_mm)
    for image in set(image_of.tolist()):
        here = image_of == image
        area[here] = (counts[here] * of_cell[image]).sum(1)
    return area, volume_mm3((counts * VOLUME).sum(1), spacing_mm[image_of])


def volume_mm3(parts, spacing):
    """Volume in mm³ from 48ths of a voxel; parts int64 [k], spacing [k, 3]."""
    return parts / 48.0 * (spacing[:, 0] * spacing[:, 1] * spacing[:, 2])


@jit.body
def row_moments(region, row, first, last, middle):
    """Voxels of one row within first..last, Σx and Σx², x from the box's middle; integers."""
    n, sx, sxx = np.int64(0), np.int64(0), np.int64(0)
    for x in range(first, last + 1):
        inside = np.int64(region[row + x] & 1)
        u = x - middle
        n += inside
        sx += inside * u
        sxx += inside * u * u
    return n, sx, sxx


@jit.body
def row_intensities(region, row, first, last, middle, value, j):
    """ΣX and ΣXx over the intensity mask's voxels of one row, whose intensities begin at value[j]; where the next row's begin."""
    total, along = 0.0, 0.0
    for x in range(first, last + 1):
        if region[row + x] & 2:
            total += value[j]
            along += value[j] * (x - middle)
            j += 1
    return total, along, j


@jit.body
def add_row(n, sx, sxx, uz, uy, m):
    """Add n voxels of a row at (uz, uy), their Σx and Σx², to the moments m [10]."""
    m[0] += n
    m[1] += n * uz
    m[2] += n * uy
    m[3] += sx
    m[4] += n * uz * uz
    m[5] += n * uy * uy
    m[6] += sxx
    m[7] += n * uz * uy
    m[8] += sx * uz
    m[9] += sx * uy


@jit.body
def add_intensities(total, along, uz, uy, w):
    """Add a row's ΣX and ΣXx at (uz, uy) to the weighted moments w [4]."""
    w[0] += total
    w[1] += total * uz
    w[2] += total * uy
    w[3] += along


@jit.body
def widen(region, row, z, y, pad, nx, low, high):
    """Let the bounds (z, y, x), both ends inclusive, hold a row that is not empty."""
    low[0], high[0] = min(low[0], z), max(high[0], z)
    low[1], high[1] = min(low[1], y), max(high[1], y)
    x = pad
    while x < low[2] and region[row + x] & 1 == 0:
        x += 1
    low[2] = x
    x = nx - pad - 1
    while x > high[2] and region[row + x] & 1 == 0:
        x -= 1
    high[2] = x


@jit.cpu
def survey(region, start, shape, vois, pad, value, value_start, counts, moments, weighted, extent):
    """What one pass over each VOI's box finds.

    Counts of cells [k, 256]; moments [k, 10] of the mask (N, Σz, Σy, Σx, Σzz, Σyy, Σxx, Σzy, Σzx, Σyx; int64) and weighted ones
    [k, 4] of the intensity mask (ΣX, ΣXz, ΣXy, ΣXx; float64), positions in voxels from the middle of the box; all 0 when given.
    extent [k, 3]: size of the mask in voxels, which may be less than its box.
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        count_cells(region, start[i], nz, ny, nx, pad, counts[k])
        m, w = moments[k], weighted[k]
        low, high = np.array([nz, ny, nx]), np.array([-1, -1, -1])
        j = value_start[i]
        for z in range(pad, nz - pad):
            for y in range(pad, ny - pad):
                row = start[i] + (z * ny + y) * nx
                n, sx, sxx = row_moments(region, row, pad, nx - pad - 1, nx // 2)
                if n == 0:
                    continue
                widen(region, row, z, y, pad, nx, low, high)
                uz, uy = z - nz // 2, y - ny // 2
                add_row(n, sx, sxx, uz, uy, m)
                total, along, j = row_intensities(region, row, pad, nx - pad - 1, nx // 2, value, j)
                add_intensities(total, along, uz, uy, w)
        for axis in range(3):
            extent[k, axis] = high[axis] - low[axis] + 1


COUNTING = 256
"""Threads of a block that counts or adds up a tile."""
RUN = 16
"""Voxels in a row that a thread adds up: few enough that threads side by side read memory side by side."""
N_SUMS = N_MOMENTS + 1
"""The moments and the number of voxels with an intensity."""


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], i4[:, ::1]")
def count_gpu(region, row, first, length, start, shape, counts):
    """Cells of every VOI by configuration into counts [n, 256], zero before; configuration 0 is left out. A block for each tile.

    A cell belongs to its first voxel. Whatever a cell beyond the padding reaches around an edge of the box is padding too.
    """
    shared = jit.cuda.shared.array(256, np.int32)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    tile = jit.cuda.blockIdx.x
    i = row[tile]
    nx = np.int32(shape[i, 2])
    plane = np.int32(shape[i, 1]) * nx
    c = thread
    while c < 256:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    last = min(np.int64(length[tile]), start[i + 1] - first[tile] - plane - nx - 1)  # the last slice is empty
    full = 0
    q = thread
    while q < last:
        near = first[tile] + q
        far = near + plane
        configuration = (
            (region[near] & 1)
            | (region[near + 1] & 1) << 1
            | (region[near + nx] & 1) << 2
            | (region[near + nx + 1] & 1) << 3
            | (region[far] & 1) << 4
            | (region[far + 1] & 1) << 5
            | (region[far + nx] & 1) << 6
            | (region[far + nx + 1] & 1) << 7
        )
        if configuration == 255:
            full += 1
        elif configuration != 0:
            jit.cuda.atomic.add(shared, configuration, 1)
        q += threads
    if full > 0:
        jit.cuda.atomic.add(shared, 255, full)
    jit.cuda.syncthreads()
    c = thread
    while c < 256:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, (i, c), shared[c])
        c += threads


@jit.gpu("i4[:, ::1], i8[::1], f8[:, ::1], i8[::1], i4[::1], f8[::1], i8[::1]")
def surface_gpu(counts, vois, of_cell, of_volume, image_of, area, parts):
    """Area in mm² and volume in 48ths of a voxel of VOIs whose cells are counted; a block of a power of two up to 256 each.

    of_cell : `cell_areas`. of_volume : VOLUME. area, parts : [n].
    """
    room = jit.cuda.shared.array(COUNTING, np.float64)
    room_of_parts = jit.cuda.shared.array(COUNTING, np.int64)
    i = vois[jit.cuda.blockIdx.x]
    own, own_parts = 0.0, np.int64(0)
    c = np.int32(jit.cuda.threadIdx.x)
    while c < 256:
        own += counts[i, c] * of_cell[image_of[i], c]
        own_parts += counts[i, c] * of_volume[c]
        c += jit.cuda.blockDim.x
    total, total_parts = block.sum_of(own, room), block.sum_of(own_parts, room_of_parts)
    if jit.cuda.threadIdx.x == 0:
        area[i], parts[i] = total, total_parts


@jit.body
def add_up(room):
    """room[s, 0] = sum of room[s], one place a thread, in a fixed tree; all threads of the block call this together."""
    thread = jit.cuda.threadIdx.x
    jit.cuda.syncthreads()
    half = jit.cuda.blockDim.x >> 1
    while half > 0:
        if thread < half:
            for s in range(room.shape[0]):
                room[s, thread] += room[s, thread + half]
        jit.cuda.syncthreads()
        half >>= 1


@jit.body
def sum_before(value, room):
    """Sum of the value over the threads before this one, and over all of them; room: shared memory, one place a thread."""
    thread = jit.cuda.threadIdx.x
    room[thread] = value
    jit.cuda.syncthreads()
    step = 1
    while step < jit.cuda.blockDim.x:
        other = room[thread - step] if thread >= step else 0
        jit.cuda.syncthreads()
        room[thread] += other
        jit.cuda.syncthreads()
        step <<= 1
    through, total = room[thread], room[jit.cuda.blockDim.x - 1]
    jit.cuda.syncthreads()
    return through - value, total


@jit.body
def position(p, ny, nx):
    """(z, y, x) of a voxel of a box, whose place p is below 2³¹. Unsigned: a signed division takes four times as long."""
    at = np.uint32(p) // np.uint32(nx)
    z = np.uint32(at) // np.uint32(ny)
    x = np.uint32(p) - np.uint32(at) * np.uint32(nx)
    y = np.uint32(at) - np.uint32(z) * np.uint32(ny)
    return np.int32(z), np.int32(y), np.int32(x)


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], i8[:, ::1], i4[:, ::1], i4[::1]")
def moments_gpu(region, row, first, length, start, shape, moments, reach, kept):
    """Moments of the mask as `survey` has them, [n, 10], and voxels of each tile in the intensity mask, kept [tiles].

    reach [n, 6]: the mask lies between shape - reach[:, :3] and reach[:, 3:], both inclusive. All but kept are zero before.
    """
    room = jit.cuda.shared.array((N_SUMS, COUNTING), np.int64)
    far = jit.cuda.shared.array(6, np.int32)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    tile = jit.cuda.blockIdx.x
    i = row[tile]
    nz, ny, nx = np.int32(shape[i, 0]), np.int32(shape[i, 1]), np.int32(shape[i, 2])
    if thread < 6:
        far[thread] = 0
    jit.cuda.syncthreads()
    own = jit.cuda.local.array(N_SUMS, np.int64)
    for s in range(N_SUMS):
        own[s] = 0
    low_z, low_y, low_x = nz, ny, nx
    high_z, high_y, high_x = np.int32(0), np.int32(0), np.int32(0)
    p = np.int32(first[tile] - start[i]) + thread
    end = np.int32(first[tile] - start[i]) + length[tile]
    while p < end:
        bits = region[start[i] + p]
        if bits & 1:
            z, y, x = position(p, ny, nx)
            ux = x - nx // 2
            add_row(1, ux, ux * ux, z - nz // 2, y - ny // 2, own)
            low_z, low_y, low_x = min(low_z, z), min(low_y, y), min(low_x, x)
            high_z, high_y, high_x = max(high_z, z), max(high_y, y), max(high_x, x)
            own[N_MOMENTS] += bits >> 1 & 1
        p = np.int32(p + threads)
    for s in range(N_SUMS):
        room[s, thread] = own[s]
    if own[0] > 0:
        jit.cuda.atomic.max(far, 0, nz - low_z)
        jit.cuda.atomic.max(far, 1, ny - low_y)
        jit.cuda.atomic.max(far, 2, nx - low_x)
        jit.cuda.atomic.max(far, 3, high_z)
        jit.cuda.atomic.max(far, 4, high_y)
        jit.cuda.atomic.max(far, 5, high_x)
    add_up(room)
    if thread < N_MOMENTS:
        jit.cuda.atomic.add(moments, (i, thread), room[thread, 0])
    elif thread == N_MOMENTS:
        kept[tile] = room[N_MOMENTS, 0]
    if thread < 6:
        jit.cuda.atomic.max(reach, (i, thread), far[thread])


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], f8[::1], i8[::1], i4[::1], f8[:, ::1]")
def weigh_gpu(region, row, first, length, start, shape, value, value_start, kept, weighted):
    """Weighted moments of the intensity mask as `survey` has them, of each tile, weighted [tiles, 4]. A block for each tile.

    Intensities stand in box order, so a tile's begin after those of the VOI's tiles before it, and a thread's after those of the
    threads before it; `kept` is from `moments_gpu`.
    """
    room = jit.cuda.shared.array((4, COUNTING), np.float64)
    numbers = jit.cuda.shared.array(COUNTING, np.int64)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    tile = jit.cuda.blockIdx.x
    i = row[tile]
    nz, ny, nx = np.int32(shape[i, 0]), np.int32(shape[i, 1]), np.int32(shape[i, 2])
    earlier = np.int64(0)
    t = np.int32(tile - 1) - thread
    while t >= 0 and row[t] == i:
        earlier += kept[t]
        t -= threads
    j = value_start[i] + block.sum_of(earlier, numbers)
    own = jit.cuda.local.array(4, np.float64)
    for s in range(4):
        own[s] = 0.0
    stretch = np.int32(0)
    while stretch < length[tile]:
        q = stretch + RUN * thread
        n, inside = np.int64(0), np.uint32(0)  # a bit for each voxel of the run
        p = min(q + RUN, length[tile]) - 1
        while p >= q:
            bit = region[first[tile] + p] >> 1 & 1
            n += bit
            inside = np.uint32(inside << 1 | bit)
            p -= 1
        mine, total = sum_before(n, numbers)
        mine += j
        while inside != 0:
            if inside & 1:
                z, y, x = position(first[tile] - start[i] + q, ny, nx)
                add_intensities(value[mine], value[mine] * (x - nx // 2), z - nz // 2, y - ny // 2, own)
                mine += 1
            inside = np.uint32(inside >> 1)
            q += 1
        j += total
        stretch += RUN * threads
    for s in range(4):
        room[s, thread] = own[s]
    add_up(room)
    if thread < 4:
        weighted[tile, thread] = room[thread, 0]


@jit.gpu("i4[::1], i8[::1], i8[::1], f8[:, ::1], f8[:, ::1]")
def total_gpu(row, first, start, of_tile, out):
    """out[i] = sum over the VOI's tiles of of_tile [tiles, m], in their order; a thread for each first tile and column."""
    at = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    t, s = at // of_tile.shape[1], at % of_tile.shape[1]
    if t < row.size and first[t] == start[row[t]]:
        i = row[t]
        total = 0.0
        while t < row.size and row[t] == i:
            total += of_tile[t, s]
            t += 1
        out[i, s] = total
