"""The vertices of a VOI's surface among which all corners of its convex hull are: a few for each slice.

Along a row only the first and the last voxel can touch the hull, of those only the corners of the slice's convex
outline, and of those only what does not lie midway between two other voxels. The largest diameter joins two corners of
the hull, so it needs no other vertices: 574 for an ellipsoid of 30,000 voxels, where the ends of all rows of the mesh
would be 4,300.

On a GPU a block works on a slice: a thread for each row, one for each side of the outline, one for each of its corners.

Arguments of several functions
------------------------------
region : ndarray uint8 [total]
    Geometry.region: padded boxes in C order; bit 0 marks the mask.
p : int
    Place of a voxel in `region`.
z, y, x : int
    The voxel without the padding.
ny, nx : int
    Rows of a slice and voxels of a row of the padded box.
pad : int
    Padding of the boxes.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

TIPS = 6
"""Most vertices beside a voxel."""


@jit.body
def row_ends(region, row, nx):
    """First and last voxel inside, int64, of the row that begins at region[row] (int).

    Both are -1 where there is none.
    """
    a, b = np.int64(0), np.int64(nx - 1)
    while a < nx and region[row + a] & 1 == 0:
        a += 1
    if a == nx:
        return np.int64(-1), np.int64(-1)
    while region[row + b] & 1 == 0:
        b -= 1
    return a, b


@jit.body
def chain(end, ny, sign, stack):
    """Rows whose ends are corners of the convex outline of a slice, on one side.

    Parameters
    ----------
    end : ndarray int [ny]
        Where each row ends on this side; below 0 where it is empty.
    ny : int
    sign : int
        1 for the outline's upper side, -1 for the lower.
    stack : ndarray int [ny]
        Written: the rows, ascending.

    Returns
    -------
    int
        How many there are.
    """
    n = 0
    for y in range(ny):
        if end[y] < 0:
            continue
        while n > 1:
            a, b = stack[n - 2], stack[n - 1]
            if sign * ((b - a) * (end[y] - end[a]) - (y - a) * (end[b] - end[a])) < 0:
                break
            n -= 1
        stack[n] = y
        n += 1
    return n


@jit.body
def between(region, p, ny, nx):
    """True when the voxel lies midway between two of the slices before and after: no corner of the hull."""
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            d = (ny + dy) * nx + dx
            if region[p + d] & region[p - d] & 1:
                return True
    return False


@jit.body
def tips(region, p, z, y, x, ny, nx, points, n):
    """Surface vertices beside a voxel that may be corners of the hull, in doubled coordinates, appended to points[n:].

    Returns the new n.

    points is int [room, 3], n (int) the number of vertices in it.

    The vertex half a voxel away in direction e can be left out when the voxel there, or one beside it across an edge of
    this voxel, is inside: then other vertices reach at least as far in every direction in which this one would be the
    outermost.
    """
    for axis in range(3):
        e = ny * nx if axis == 0 else (nx if axis == 1 else 1)
        u = nx if axis == 0 else ny * nx
        v = nx if axis == 2 else 1
        for sign in range(-1, 2, 2):
            q = p + sign * e
            if (region[q] | region[q + u] | region[q - u] | region[q + v] | region[q - v]) & 1:
                continue
            points[n, 0], points[n, 1], points[n, 2] = 2 * z, 2 * y, 2 * x
            points[n, axis] += sign
            n += 1
    return n


@jit.cpu
def hull_candidates(region, base, nz, ny, nx, pad):
    """Mesh vertices of one VOI among which all corners of its convex hull are.

    The VOI's padded box of nz, ny, nx (int64) voxels begins at region[base] (int64). Returns int64 [n, 3], (z, y, x) in
    half voxels from the first voxel that is not padding. A corner's voxel is a corner of the outline of its own slice
    and does not lie midway between two others.
    """
    first, last, stack = np.empty(ny, np.int64), np.empty(ny, np.int64), np.empty(ny, np.int64)
    found = np.empty((64, 3), np.int64)
    n = np.int64(0)
    for z in range(pad, nz - pad):
        for y in range(ny):
            first[y], last[y] = row_ends(region, base + (z * ny + y) * nx, nx)
        for side in range(2):
            end = last if side else first
            for s in range(chain(end, ny, 1 if side else -1, stack)):
                y = stack[s]
                x = end[y]
                p = base + (z * ny + y) * nx + x
                if between(region, p, ny, nx):
                    continue
                if n + 6 > found.shape[0]:
                    wider = np.empty((2 * found.shape[0], 3), np.int64)
                    for c in range(n):  # a slice assignment would compile numba's text of its error, for seconds
                        wider[c, 0], wider[c, 1], wider[c, 2] = found[c, 0], found[c, 1], found[c, 2]
                    found = wider
                n = tips(region, p, z - pad, y - pad, x - pad, ny, nx, found, n)
    return found[:n]


SLICE = 64
"""Threads of a block that works on a slice."""
ENDS, CORNERS = 0, 2
"""Of a block's scratch: where rows begin and end, and rows whose ends are corners; lower side, then upper side."""


@jit.gpu(
    "u1[::1], i4[::1], i4[::1], i8[::1], i4[:, ::1], i8, i4[:, :, ::1], i4[:, ::1], i8[::1], i8[::1]",
    registers=80,
    because="four lists of a slice and the neighbours of a voxel, all addressed in int64; it waits for memory, not for registers",
)
def corners_gpu(region, row, slice_of, start, shape, pad, scratch, points, points_start, number):
    """What `hull_candidates` finds, in any order. Any number of blocks.

    Parameters
    ----------
    region, pad
        See above; `region` is on the device.
    row : device int32 [slices]
        The VOI of every slice that is not padding.
    slice_of : device int32 [slices]
        The slice, counted in the padded box.
    start : device int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    shape : device int32 [n, 3]
        Size (z, y, x) of each padded box.
    scratch : device int32 [blocks, 4, rows]
        As many rows as the largest slice has.
    points : device int32 [room, 3]
        Written: vertices (z, y, x) in half voxels.
    points_start : device int64 [n + 1]
        Those of VOI i begin at points_start[i].
    number : device int64 [n]
        Added to: how many vertices each VOI has. 0 before.
    """
    found = jit.cuda.local.array((TIPS, 3), np.int32)
    size = jit.cuda.shared.array(2, np.int32)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    mine = scratch[jit.cuda.blockIdx.x]
    k = np.int64(jit.cuda.blockIdx.x)
    while k < row.size:
        i, z = row[k], np.int64(slice_of[k])
        ny, nx = np.int64(shape[i, 1]), np.int64(shape[i, 2])
        first = start[i] + z * ny * nx
        y = np.int64(thread)
        while y < ny:
            mine[ENDS, y], mine[ENDS + 1, y] = row_ends(region, first + y * nx, nx)
            y += threads
        jit.cuda.syncthreads()
        if thread < 2:
            size[thread] = chain(mine[ENDS + thread], ny, 2 * thread - 1, mine[CORNERS + thread])
        jit.cuda.syncthreads()
        s = thread
        while s < size[0] + size[1]:
            side = 0 if s < size[0] else 1
            y = np.int64(mine[CORNERS + side, s - side * size[0]])
            x = np.int64(mine[ENDS + side, y])
            p = first + y * nx + x
            if not between(region, p, ny, nx):
                n = tips(region, p, z - pad, y - pad, x - pad, ny, nx, found, 0)
                at = points_start[i] + jit.cuda.atomic.add(number, i, n)
                for c in range(n):
                    for axis in range(3):
                        points[at + c, axis] = found[c, axis]
            s += threads
        jit.cuda.syncthreads()
        k += jit.cuda.gridDim.x
