"""City-block distance of each voxel of a morphological mask to the nearest voxel outside: 0 outside, 1 on the edge.

The padding, at least one voxel on every side, is outside.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

FAR = 65535
"""No distance reaches it."""


@jit.cpu
def depths(region, start, shape, vois, planar, depth_start, depth):
    """Distances of every VOI. One sweep forth and one back are exact for this distance.

    In plane, the neighbour in the next row stands in for the one in the next slice.

    Parameters
    ----------
    region : uint8 [voxels of all boxes]
        Laid out like `level`. Bit 0: the voxel lies in the morphological mask.
    start, shape, vois
        See kernels/grouping.py.
    planar : bool
        Distances within the slice.
    depth_start : int64 [k + 1]
        Where the box of VOI vois[k] begins in `depth`.
    depth : uint16 [depth_start[k]]
        Receives the distance of each voxel.
    """
    for k in range(vois.size):
        i = vois[k]
        mask = region[start[i] : start[i + 1]]
        box = depth[depth_start[k] : depth_start[k + 1]]
        # unsigned: an index that may be negative costs a test
        nx, last = np.uint64(shape[i, 2]), np.uint64(box.size - 1)
        plane = np.uint64(shape[i, 1]) * nx
        across = nx if planar else plane
        for p in range(plane):
            box[p] = 0
            box[last - p] = 0
        left = np.int64(0)
        for p in range(plane, np.uint64(box.size) - plane):
            left = min(left, np.int64(min(box[p - nx], box[p - across]))) + 1 if mask[p] & 1 else 0
            box[p] = left
        for q in range(plane, np.uint64(box.size) - plane):
            p = last - q
            left = min(np.int64(box[p]), min(left, np.int64(min(box[p + nx], box[p + across]))) + 1)
            box[p] = left


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], i4, u2[::1]")
def sweep_gpu(region, tile_row, tile_first, tile_length, start, place, shape, axis, depth):
    """`depths` along one axis, a thread for a line of voxels.

    Sweeps along x (axis 2), y and, unless in plane, z are exact.
    Along x, lengths within the mask; then, along each other axis, the least of a length and of a neighbour's plus 1.

    Parameters
    ----------
    region, start, shape
        As for `depths`.
    tile_row, tile_first, tile_length
        See kernels/block.py, but in lines: a tile is some lines of a VOI, of as many as the axis with the most has.
    place : int64 [n + 1]
        Where each row's box begins in `depth`.
    axis : int
    depth : uint16 [place[n]]
        The distance of each voxel, as far as the sweeps before know it.
    """
    i, t = tile_row[jit.cuda.blockIdx.x], jit.cuda.threadIdx.x
    line = tile_first[jit.cuda.blockIdx.x] + t
    nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
    n = np.int64(shape[i, axis])
    if t < tile_length[jit.cuda.blockIdx.x] and line * n < nz * ny * nx:
        step = np.int64(1) if axis == 2 else nx if axis == 1 else nx * ny
        first = (line // step) * step * n + line % step
        mask = region[start[i] : start[i + 1]]
        box = depth[place[i] : place[i + 1]]
        left = 0
        for k in range(n):
            p = first + k * step
            here = np.int64(box[p]) if axis < 2 else FAR if mask[p] & 1 else 0
            left = min(here, left + 1)
            box[p] = left
        for k in range(n - 1, -1, -1):
            p = first + k * step
            left = min(np.int64(box[p]), left + 1)
            box[p] = left
