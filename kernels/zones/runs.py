"""Zones on the CPU: connected voxels of one grey level, their sizes, and their distances to the edge of the VOI.

GLSZM (IBSI 9SAK) and GLDZM (IBSI VMDZ) count the same zones, so they are found once for both. A *run* is a stretch of
equal levels along x; union-find joins runs, a slice at a time. A run's parent is never a later run: zones come in
raster order of their first voxels, and those of one slice stand together when linked in plane. union.py does the same
on a GPU.

A matrix is a list of zones, never a dense table: sizes go into the millions.

Arguments
---------
The functions here take these arguments in this form.

box : uint8 or uint16 [voxels of the box]
    Levels of a VOI's box, in (z, y, x) order.
nx, plane : int
    Voxels of a row and of a slice of it.
joins : uint16 [≥ voxels of a slice]
    What `joins_of` says of each voxel of a slice.
rank, length, near : int32 [≥ runs]
    Rank of each run's level, its voxels, and its smallest depth where `depth` is not empty.
parent : uint32 [≥ runs]
    Of each run: an earlier run of the same zone, or itself. Unsigned: an index that may be negative costs a test.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.zones.joins import EARLIER, LOWEST, joins_of


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
def root_of(parent, a):
    """First run of the zone of a run, as far as runs are joined; the way there is halved.

    Parameters
    ----------
    parent
        As above.
    a : uint32
        The run.
    """
    a = parent[a]
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@jit.body
def number_runs(box, first, count, depth, n, run, run_first, rank, length, near, parent):
    """Append the runs of box[first : first + count] to runs 0..n - 1; returns the new n.

    Where a run ends is as uncertain as where a zone does: what is known of a run is written again at each of its
    voxels, without a branch.

    Parameters
    ----------
    first, count, n : int
    depth : uint16 [voxels of the box, or 0]
        Laid out like `box`; from depth.py.
    run : uint32 [≥ run_first + count]
        run[run_first:] receive the run of each voxel.
    run_first : int
    """
    one, n, here = np.uint64(1), np.uint64(n), np.uint64(run_first)
    begin, nearest = np.uint64(first), np.uint16(0)
    for p in range(np.uint64(first), np.uint64(first + count)):
        v = box[p]
        if v != 0:
            new = box[p - one] != v
            n += np.uint64(new)
            r = n - one
            begin = p if new else begin
            if depth.size > 0:
                nearest = depth[p] if new else min(nearest, depth[p])
                near[r] = nearest
            rank[r] = v
            length[r] = p - begin + one
            parent[r] = r
            run[here] = r
        here += one
    return np.int64(n)


@jit.body
def list_joined(joins, count, listed):
    """List the voxels that must be joined to a neighbour, without a branch; returns how many.

    Parameters
    ----------
    joins
        As above.
    count : int
        Voxels to look at.
    listed : uint32 [≥ count]
        Receives their places in `joins`.
    """
    n = np.uint64(0)
    for x in range(np.uint64(count)):
        listed[n] = x
        n += np.uint64(joins[x] != 0)
    return n


@jit.body
def join_runs(joins, listed, n, nx, run, here, before, parent, step):
    """Join the runs of one slice: of two roots the earlier one becomes the other's parent.

    Parameters
    ----------
    listed, n : uint32 [≥ n], uint64
        From `list_joined`.
    nx : int
    run : uint32 [voxels of two slices]
        Run of each voxel: of this slice from `here` on, of the slice before from `before` on.
    here, before : int
    step : uint64 [12]
        Working memory: from a voxel to each of EARLIER in `run`; one back is 2⁶⁴ - 1.
    """
    one, here = np.uint64(1), np.uint64(here)
    for k in range(step.size):
        slab = np.int64(before) - np.int64(here) if EARLIER[k, 0] < 0 else 0
        step[k] = np.uint64(EARLIER[k, 1] * nx + EARLIER[k, 2] + slab)
    for m in range(n):
        x = np.uint64(listed[m])
        flags = np.uint64(joins[x])
        x += here
        a = root_of(parent, run[x])
        while flags != 0:
            other = run[x + step[LOWEST[flags]]]
            b = root_of(parent, other)
            parent[max(a, b)] = min(a, b)
            a = min(a, b)
            parent[other] = a
            flags &= flags - one
        parent[run[x]] = a


@jit.body
def list_zones(slice_end, z_first, z_last, rank, length, near, parent, base, zone_rank, size, distance, slice_of):
    """Gather the runs into zones base, base + 1 ...; returns how many.

    A parent comes before its run, so its zone is numbered already. Which runs are first of a zone is uncertain: no
    branch asks.

    Parameters
    ----------
    slice_end : int64 [padded slices]
        slice_end[z]: runs up to the end of padded slice z.
    z_first, z_last : int
        Padded slices, the last one exclusive.
    base : int
    zone_rank, size, distance, slice_of
        As for `find`.
    """
    zones, begin = np.uint64(0), np.uint64(0)
    for z in range(z_first, z_last):
        end = np.uint64(slice_end[z])
        for r in range(begin, end):
            is_first = parent[r] == r
            zone = zones if is_first else np.uint64(parent[parent[r]])
            zones += np.uint64(is_first)
            parent[r] = zone
            t = np.uint64(base) + zone
            zone_rank[t] = rank[r]
            size[t] = length[r] + (0 if is_first else size[t])
            slice_of[t] = z if is_first else slice_of[t]
            if distance.size > 0:
                distance[t] = near[r] if is_first else min(distance[t], near[r])
        begin = end
    return np.int64(zones)


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
    joins, listed = np.empty(largest, np.uint16), np.empty(largest, np.uint32)
    run = np.empty(2 * largest, np.uint32)  # of each voxel of two slices
    rank = np.empty(most, np.int32)
    length = np.empty(most, np.int32)
    near = np.empty(most, np.int32)
    parent = np.empty(most, np.uint32)
    slice_end = np.empty(slices, np.int64)
    step = np.empty(EARLIER.shape[0], np.uint64)
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
            n_joined = list_joined(joins, count, listed)
            join_runs(joins, listed, n_joined, nx, run, here, before, parent, step)
            slice_end[z] = n
        n_zones[k] = list_zones(
            slice_end, pad, nz - pad, rank, length, near, parent, zone_start[k], zone_rank, size, distance, slice_of
        )
