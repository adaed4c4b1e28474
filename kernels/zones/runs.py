"""Zones on the CPU: connected voxels of one grey level, their sizes, and their distances to the edge of the VOI.

GLSZM (IBSI 9SAK) and GLDZM (IBSI VMDZ) count the same zones, so they are found once for both. A *run* is a stretch of
equal levels along x; union-find joins runs, a slice at a time. A run's parent is never a later run: zones come in
raster order of their first voxels, and those of one slice stand together when linked in plane. union.py does the same
on a GPU.

A matrix is a list of zones, never a dense table: sizes go into the millions.

Arguments
---------
The functions here take these arguments in this form.

box : uint8 or uint16
    Levels of a VOI's box, in (z, y, x) order.
nx, plane : int
    Voxels of a row and of a slice of it.
joins : uint16
    What `joins_of` says of each voxel of a slice.
rank, length, near : int32 [≥ runs]
    Rank of each run's level, its voxels, and its smallest depth where `depth` is not empty.
parent : int32 [≥ runs]
    Of each run: an earlier run of the same zone, or itself.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.zones.joins import EARLIER, joins_of


@jit.body
def compare(box, first, count, nx, plane, planar, joins):
    """`joins_of` the voxels box[first : first + count], all of one slice.

    Parameters
    ----------
    first, count, nx, plane : int
        plane : voxels of a slice.
    planar : bool
    joins : uint16 [≥ count]
    """
    # unsigned: an index that may be negative would keep the loop from being vectorised
    row, slab, one = np.uint64(nx), np.uint64(plane), np.uint64(1)
    deep = not planar
    for x in range(count):
        joins[x] = joins_of(box, np.uint64(first + x), row, slab, one, deep)


@jit.body
def link(parent, a, b):
    """Join the zones of two runs, `a` and `b` (int); the earlier root stays. Paths are halved on the way up."""
    if parent[a] == parent[b]:
        return
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    while parent[b] != b:
        parent[b] = parent[parent[b]]
        b = parent[b]
    parent[max(a, b)] = min(a, b)


@jit.body
def number_runs(box, first, count, depth, n, run, run_first, rank, length, near, parent):
    """Append the runs of box[first : first + count] to runs 0..n - 1; returns the new n.

    Parameters
    ----------
    first, count, n : int
    depth : uint16, like `box`, or empty
    run : int32
        run[run_first:] receive the run of each voxel.
    run_first : int
    """
    begin = first
    nearest = 0
    for p in range(first, first + count):
        v = box[p]
        if v == 0:
            continue
        new = box[p - 1] != v
        n += new
        begin = p if new else begin
        if depth.size > 0:
            nearest = depth[p] if new else min(nearest, depth[p])
            near[n - 1] = nearest
        rank[n - 1] = v
        length[n - 1] = p - begin + 1
        parent[n - 1] = n - 1
        run[run_first + p - first] = n - 1
    return n


@jit.body
def join_runs(joins, count, nx, run, here, before, parent, step):
    """Make the joins of one slice.

    Parameters
    ----------
    count, nx : int
    run : int32
        Run of each voxel: of this slice from `here` on, of the slice before from `before` on.
    here, before : int
    step : int64 [12]
        Working memory: from a voxel to each of EARLIER in `run`.
    """
    for k in range(step.size):
        step[k] = EARLIER[k, 1] * nx + EARLIER[k, 2] + (before - here if EARLIER[k, 0] < 0 else 0)
    for x in range(here, here + count):
        flags = joins[x - here]
        k = 0
        while flags > 0:
            if flags & 1:
                link(parent, run[x], run[x + step[k]])
            flags >>= 1
            k += 1


@jit.body
def list_zones(slice_end, z_first, z_last, rank, length, near, parent, base, zone_rank, size, distance, slice_of):
    """Gather the runs into zones base, base + 1 ...; returns how many.

    Parameters
    ----------
    slice_end : int64
        slice_end[z]: runs up to the end of padded slice z.
    z_first, z_last : int
        Padded slices, the last one exclusive.
    base : int
    zone_rank, size, distance, slice_of
        As for `find`.
    """
    zones = 0
    r = 0
    for z in range(z_first, z_last):
        while r < slice_end[z]:
            if parent[r] == r:
                t = base + zones
                parent[r] = zones
                zone_rank[t] = rank[r]
                size[t] = length[r]
                slice_of[t] = z
                if distance.size > 0:
                    distance[t] = near[r]
                zones += 1
            else:  # a parent comes before its run, so its zone is numbered already
                parent[r] = parent[parent[r]]
                t = base + parent[r]
                size[t] += length[r]
                if distance.size > 0:
                    distance[t] = min(distance[t], near[r])
            r += 1
    return zones


@jit.cpu
def find(
    level, start, shape, vois, pad, planar, depth, depth_start, zone_start, n_zones, zone_rank, size, distance, slice_of
):
    """Zones of every VOI: 26 neighbours, or the 8 in plane.

    Parameters
    ----------
    level, start, shape, vois, pad
        See kernels/grouping.py.
    planar : bool
        Link within slices only.
    depth, depth_start : uint16 [total], int64 [k + 1]
        From `depth.depths`; depth is empty, as are the distances, when none are wanted.
    zone_start : int64 [k + 1]
        Zones of VOI vois[k] go to zone_start[k] .. + n_zones[k]; there is room for as many as it has voxels.
    n_zones : int64 [k]
    zone_rank, size, distance, slice_of : int32 [zone_start[k]]
        Rank of the grey level, voxels, smallest depth, padded slice of the first voxel.
    """
    most, slices, largest = 0, 0, 0
    for k in range(vois.size):
        i = vois[k]
        most = max(most, zone_start[k + 1] - zone_start[k])
        slices = max(slices, shape[i, 0])
        largest = max(largest, np.int64(shape[i, 1]) * shape[i, 2])
    joins = np.empty(largest, np.uint16)
    run = np.empty(2 * largest, np.int32)  # of each voxel of two slices
    rank = np.empty(most, np.int32)
    length = np.empty(most, np.int32)
    near = np.empty(most, np.int32)
    parent = np.empty(most, np.int32)
    slice_end = np.empty(slices, np.int64)
    step = np.empty(EARLIER.shape[0], np.int64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        plane = ny * nx
        corner = pad * nx + pad
        count = plane - 2 * corner
        box = level[start[i] : start[i + 1]]
        box_depth = depth[depth_start[k] : depth_start[k + 1]]
        n = np.int64(0)
        for z in range(pad, nz - pad):
            first = z * plane + corner
            here, before = (z & 1) * plane + corner, (1 - (z & 1)) * plane + corner
            n = number_runs(box, first, count, box_depth, n, run, here, rank, length, near, parent)
            compare(box, first, count, nx, plane, planar, joins)
            join_runs(joins, count, nx, run, here, before, parent, step)
            slice_end[z] = n
        n_zones[k] = list_zones(
            slice_end, pad, nz - pad, rank, length, near, parent, zone_start[k], zone_rank, size, distance, slice_of
        )
