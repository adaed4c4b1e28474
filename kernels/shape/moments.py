"""Moments of a VOI: number, centre and spread of its voxels, and the centre of its intensities.

Positions are counted in voxels from the middle of the box. Moments of the mask are integers; on a GPU a block works on
a tile of a box and adds them up by atomics. Its sums of intensities are kept and added in tile order.

Arguments of several functions
------------------------------
region : ndarray uint8 [total]
    Geometry.region: padded boxes in C order; bit 0 marks the mask, bit 1 the intensity mask.
start : ndarray int64 [n + 1]
    VOI i owns region[start[i] : start[i + 1]].
shape : ndarray int32 [n, 3]
    Size (z, y, x) of each padded box.
value : ndarray float64 [voxels]
    Intensities of the intensity masks, in box order.
value_start : ndarray int64 [n + 1]
    VOI i owns value[value_start[i] : value_start[i + 1]].
moments : ndarray int64 [k, 10]
    Of the mask; places N to YX.
weighted : ndarray float64 [k, 4]
    Of the intensity mask, in the image's unit; places TOTAL to TOTAL_X.
row : int64
    On the CPU the place in `region` where a row along x begins.
first, last : int
    On the CPU the first and the last voxel of a row, both inclusive, counted from `row`.
middle : int
    The voxel of a row from which x is counted.
uz, uy : int
    Place of a row, or of a voxel on a GPU, from the middle of the box, in voxels.
row, first, length : device int32, int64, int32 [tiles]
    On a GPU the VOI of each tile, where the tile begins in `region`, and the number of its voxels.
kept : device int32 [tiles]
    Voxels of each tile in the intensity mask.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.shape.tiles import add_up, position, sum_before

N, Z, Y, X, ZZ, YY, XX, ZY, ZX, YX = range(10)  # number of voxels, Σz, Σy, Σx, Σzz ...
N_MOMENTS = YX + 1
TOTAL, TOTAL_Z, TOTAL_Y, TOTAL_X = range(4)  # ΣI, ΣIz, ΣIy, ΣIx of the intensities I
N_WEIGHTED = TOTAL_X + 1


@jit.body
def row_moments(region, row, first, last, middle):
    """Voxels of one row of the mask, Σx and Σx², int64; x is counted from `middle`."""
    n, sx, sxx = np.int64(0), np.int64(0), np.int64(0)
    begin = np.uint64(row + first)  # unsigned: an index that may be negative would keep the loop from being vectorised
    for q in range(np.uint64(last - first + 1)):
        inside = np.int64(region[begin + q] & 1)
        u = inside * (np.int64(q) + first - middle)
        n += inside
        sx += u
        sxx += u * u
    return n, sx, sxx


@jit.body
def row_intensities(region, row, first, last, middle, value, j):
    """ΣI and ΣIx over one row of the intensity mask, and where the next row's intensities begin.

    Parameters
    ----------
    region, row, first, last, middle, value
        See the module's text.
    j : int64
        The row's intensities I begin at value[j].
    """
    total, along = 0.0, 0.0
    begin, one, at = np.uint64(row + first), np.uint64(1), np.uint64(j)
    for q in range(np.uint64(last - first + 1)):
        if region[begin + q] & 2:
            total += value[at]
            along += value[at] * (np.int64(q) + first - middle)
            at += one
    return total, along, np.int64(at)


@jit.body
def add_row(n, sx, sxx, uz, uy, m):
    """Add the voxels of a row to the moments of the mask.

    Parameters
    ----------
    n, sx, sxx : int
        Number of voxels, Σx and Σx² in voxels and voxels², from `row_moments`.
    uz, uy
        See the module's text.
    m : int64 [≥ 10]
        Added to; places N to YX.
    """
    m[N] += n
    m[Z] += n * uz
    m[Y] += n * uy
    m[X] += sx
    m[ZZ] += n * uz * uz
    m[YY] += n * uy * uy
    m[XX] += sxx
    m[ZY] += n * uz * uy
    m[ZX] += sx * uz
    m[YX] += sx * uy


@jit.body
def add_intensities(total, along, uz, uy, w):
    """Add the intensities of a row to the weighted moments.

    Parameters
    ----------
    total, along : float64
        ΣI and ΣIx of the row, from `row_intensities`.
    uz, uy
        See the module's text.
    w : float64 [4]
        Added to; places TOTAL to TOTAL_X.
    """
    w[TOTAL] += total
    w[TOTAL_Z] += total * uz
    w[TOTAL_Y] += total * uy
    w[TOTAL_X] += along


@jit.body
def widen(region, row, z, y, pad, nx, low, high):
    """Extend the bounds of a mask to include a row that is not empty.

    Parameters
    ----------
    region, row
        See the module's text.
    z, y : int
        Place of the row in the padded box.
    pad, nx : int
        Voxels of padding on either side of the row, and voxels of the row with them.
    low, high : ndarray int64 [3]
        Bounds (z, y, x) in the padded box, both inclusive; updated.
    """
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
def survey(region, start, shape, vois, pad, value, value_start, moments, weighted, extent):
    """Moments of every VOI, and the size of its mask.

    Parameters
    ----------
    region, start, shape, value, value_start, moments, weighted
        See above; the moments are 0 when given.
    vois : ndarray int64 [k]
        Rows of the batch.
    pad : int
        Padding of the boxes.
    extent : ndarray int64 [k, 3]
        Written: size (z, y, x) of the mask in voxels, which may be less than its box.
    """
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
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
"""Threads of a block that adds up a tile."""
RUN = 16
"""Voxels in a row that a thread adds up: few enough that threads side by side read memory side by side."""
N_SUMS = N_MOMENTS + 1
"""The moments and the number of voxels with an intensity."""
BELOW_Z, BELOW_Y, BELOW_X, ABOVE_Z, ABOVE_Y, ABOVE_X = range(6)  # of `reach`: shape - lowest place, highest place
N_REACH = ABOVE_X + 1


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], i8[:, ::1], i4[:, ::1], i4[::1]")
def moments_gpu(region, row, first, length, start, shape, moments, reach, kept):
    """Moments of the mask as `survey` has them, and voxels of each tile in the intensity mask (`kept`).

    A block for each tile.

    Parameters
    ----------
    region, row, first, length, start, shape
        See the module's text.
    moments : device int64 [n, 10]
        Added to; 0 before.
    reach : device int32 [n, 6]
        Raised; 0 before. The mask lies between shape - reach[:, :3] and reach[:, 3:], both inclusive.
    kept : device int32 [tiles]
        Written.
    """
    room = jit.cuda.shared.array((N_SUMS, COUNTING), np.int64)
    far = jit.cuda.shared.array(N_REACH, np.int32)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    tile = jit.cuda.blockIdx.x
    i = row[tile]
    nz, ny, nx = np.int32(shape[i, 0]), np.int32(shape[i, 1]), np.int32(shape[i, 2])
    if thread < N_REACH:
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
    if own[N] > 0:
        jit.cuda.atomic.max(far, BELOW_Z, nz - low_z)
        jit.cuda.atomic.max(far, BELOW_Y, ny - low_y)
        jit.cuda.atomic.max(far, BELOW_X, nx - low_x)
        jit.cuda.atomic.max(far, ABOVE_Z, high_z)
        jit.cuda.atomic.max(far, ABOVE_Y, high_y)
        jit.cuda.atomic.max(far, ABOVE_X, high_x)
    add_up(room)
    if thread < N_MOMENTS:
        jit.cuda.atomic.add(moments, (i, thread), room[thread, 0])
    elif thread == N_MOMENTS:
        kept[tile] = room[N_MOMENTS, 0]
    if thread < N_REACH:
        jit.cuda.atomic.max(reach, (i, thread), far[thread])


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], f8[::1], i8[::1], i4[::1], f8[:, ::1]")
def weigh_gpu(region, row, first, length, start, shape, value, value_start, kept, weighted):
    """Weighted moments of the intensity mask as `survey` has them, of each tile: weighted [tiles, 4].

    A block for each tile.

    Intensities stand in box order, so a tile's begin after those of the VOI's tiles before it, and a thread's after
    those of the threads before it; `kept` is from `moments_gpu`.
    """
    room = jit.cuda.shared.array((N_WEIGHTED, COUNTING), np.float64)
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
    own = jit.cuda.local.array(N_WEIGHTED, np.float64)
    for s in range(N_WEIGHTED):
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
    for s in range(N_WEIGHTED):
        room[s, thread] = own[s]
    add_up(room)
    if thread < N_WEIGHTED:
        weighted[tile, thread] = room[thread, 0]
