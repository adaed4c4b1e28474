"""The mask of a VOI: its surface (marching cubes at 0.5), its moments, and the points that may be corners of its convex hull.

What the surface contributes inside a cell of 2 × 2 × 2 voxels depends on which of the eight are inside and on the spacing alone.
So cells are counted by configuration, in integers; area and volume are sums over the 256 counts, the same in whatever order the
cells came. Volume adds up cell by cell because neighbouring cells cut their common face alike.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
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


def surface(counts, image_of, spacing_mm):
    """Area in mm² and volume in mm³ of meshes whose cells are counted, float64 [k] each; counts [k, 256], image_of [k]."""
    area, volume = np.empty(len(counts)), (counts * VOLUME).sum(1) / 48.0
    for image in set(image_of.tolist()):
        z, y, x = spacing_mm[image]
        here = image_of == image
        of_cell = np.sqrt(((NORMALS * (y * x, z * x, z * y)) ** 2).sum(2)).sum(1) / 8.0
        area[here] = (counts[here] * of_cell).sum(1)
        volume[here] *= z * y * x
    return area, volume


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


@jit.body
def chain(end, ny, sign, stack):
    """Rows whose ends are corners of the convex outline of a slice, on one side; end[y] < 0 = no row.

    sign: 1 for the outline's upper side, -1 for the lower. Returns how many rows were written to `stack`, ascending.
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
    """True when the voxel lies midway between two voxels of the mask of the slices before and after: no corner of the hull."""
    for dy in range(-1, 2):
        for dx in range(-1, 2):
            d = (ny + dy) * nx + dx
            if region[p + d] & region[p - d] & 1:
                return True
    return False


@jit.body
def tips(region, p, z, y, x, ny, nx, points, n):
    """Surface vertices beside a voxel that may be corners of the hull, in doubled coordinates, appended to points[n:]; the new n.

    The vertex half a voxel away in direction e can be left out when the voxel there, or one beside it across an edge of this
    voxel, is inside: then other vertices reach at least as far in every direction in which this one would be the outermost.
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
                total, along, j = row_intensities(region, row, pad, nx - pad - 1, nx // 2, value, j)
                w[0] += total
                w[1] += total * uz
                w[2] += total * uy
                w[3] += along
        for axis in range(3):
            extent[k, axis] = high[axis] - low[axis] + 1


@jit.cpu
def hull_candidates(region, base, nz, ny, nx, pad):
    """Mesh vertices of one VOI among which all corners of its convex hull are, int64 [n, 3], (z, y, x) in half
    voxels from the box's first voxel.

    A corner's voxel is a corner of the outline of its own slice and does not lie midway between two others.
    """
    first, last, stack = np.empty(ny, np.int64), np.empty(ny, np.int64), np.empty(ny, np.int64)
    found = np.empty((64, 3), np.int64)
    n = np.int64(0)
    for z in range(pad, nz - pad):
        for y in range(ny):
            row = base + (z * ny + y) * nx
            a, b = np.int64(0), nx - 1
            while a < nx and region[row + a] & 1 == 0:
                a += 1
            if a < nx:
                while region[row + b] & 1 == 0:
                    b -= 1
            first[y], last[y] = (a, b) if a < nx else (-1, -1)
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
