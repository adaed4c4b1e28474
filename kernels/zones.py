"""Zones: connected voxels of one grey level, their sizes, and their distances to the edge of the VOI.

GLSZM (IBSI 9SAK) and GLDZM (IBSI VMDZ) count the same zones, so they are found once for both. A *run* is a stretch of equal
levels along x; union-find joins runs. Whether a voxel must be joined to one of its 13 earlier neighbours is a coin flip that no
branch predictor wins, so the levels are compared first, a slice at a time and without a branch, and only the joins that no
chain of other neighbours makes anyway are left: about one for every two voxels. A run's parent is never a later run: zones
come in raster order of their first voxels, and those of one slice stand together when linked in plane.

A matrix is a list of zones, never a dense table: sizes go into the millions.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import emphasis, jit, sorting

MAX_VOXELS = 2**31 - 1
"""Voxels that a VOI may have: runs are numbered in int32, and no distance within so many voxels exceeds uint16."""
EARLIER = np.array([
    (-1, 0, 0), (0, -1, 0), (0, -1, 1), (0, -1, -1), (-1, 0, 1), (-1, 0, -1),
    (-1, -1, 0), (-1, -1, -1), (-1, -1, 1), (-1, 1, 0), (-1, 1, -1), (-1, 1, 1),
])  # fmt: skip
"""Offsets (dz, dy, dx) of the earlier neighbours: bit k of `compare`'s flags stands for EARLIER[k]. (0, 0, -1) needs none."""


@jit.cpu
def depths(region, start, shape, vois, planar, depth_start, depth):
    """City-block distance of each voxel of the morphological masks to the nearest voxel outside, depth[depth_start[k] + ...].

    0 outside, 1 on the edge. One sweep forth and one back are exact for this distance. In plane, the neighbour in the next row
    stands in for the one in the next slice. The padding, at least one voxel on every side, is outside.
    """
    for k in range(vois.size):
        i = vois[k]
        mask = region[start[i] : start[i + 1]]
        box = depth[depth_start[k] : depth_start[k + 1]]
        nx = np.int64(shape[i, 2])
        plane = shape[i, 1] * nx
        across = nx if planar else plane
        for p in range(plane):
            box[p] = 0
            box[box.size - 1 - p] = 0
        left = 0
        for p in range(plane, box.size - plane):
            left = min(left, min(box[p - nx], box[p - across])) + 1 if mask[p] & 1 else 0
            box[p] = left
        for p in range(box.size - plane - 1, plane - 1, -1):
            left = min(box[p], min(left, min(box[p + nx], box[p + across])) + 1)
            box[p] = left


@jit.body
def compare(box, first, count, nx, plane, planar, joins):
    """Which earlier neighbours the voxels box[first : first + count], all of one slice, must be joined to: bits, joins [count].

    w is the voxel before; c the one at the same place in the slice before; n, nw, ne those in the row before; u and d the rows
    around c. Neighbours that touch each other are joined already, so of w, c, n, ne, nw and the others, in this order, each is
    needed only if it touches none of the earlier ones; w is the same run. c touches all. Where w has the same neighbour to its
    own west, the runs have been joined there.
    """
    # unsigned: an index that may be negative would keep the loop from being vectorised
    row, slab, one = np.uint64(nx), np.uint64(plane), np.uint64(1)
    deep = not planar
    for x in range(count):
        p = np.uint64(first + x)
        q = p - slab
        v = box[p]
        w, n, nw, ne = box[p - one] == v, box[p - row] == v, box[p - row - one] == v, box[p - row + one] == v
        c, cw, ce = (box[q] == v) & deep, box[q - one] == v, box[q + one] == v
        u, uw, ue = box[q - row] == v, box[q - row - one] == v, box[q - row + one] == v
        d, dw, de = box[q + row] == v, box[q + row - one] == v, box[q + row + one] == v
        free = v != 0 and not c
        below = free & deep
        upper = below & (not n)
        flags = np.uint16(c & (v != 0) & (not (w & cw)))
        flags |= np.uint16(free & n & (not (w & nw))) << np.uint16(1)
        flags |= np.uint16(free & (not n) & ne) << np.uint16(2)
        flags |= np.uint16(free & (not (n | w)) & nw) << np.uint16(3)
        flags |= np.uint16(upper & (not ne) & ce) << np.uint16(4)
        flags |= np.uint16(upper & (not (w | nw)) & cw) << np.uint16(5)
        flags |= np.uint16(upper & (not (w | nw | ne)) & u) << np.uint16(6)
        flags |= np.uint16(upper & (not (w | nw | cw | u)) & uw) << np.uint16(7)
        flags |= np.uint16(upper & (not (ne | ce | u)) & ue) << np.uint16(8)
        flags |= np.uint16(below & (not (w | cw | ce)) & d) << np.uint16(9)
        flags |= np.uint16(below & (not (w | cw | d)) & dw) << np.uint16(10)
        flags |= np.uint16(below & (not (ce | d)) & de) << np.uint16(11)
        joins[x] = flags


@jit.body
def link(parent, a, b):
    """Join the zones of runs a and b; the earlier root stays. Paths are halved on the way up."""
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

    run [count] : run of each voxel, from run_first on. near : smallest depth[first + ...] along a run, where depth is not empty.
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
    """Make the joins of one slice; `run` holds it from `here` on, the slice before from `before` on. step : int64 [12]."""
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
    """Gather the runs into zones base, base + 1 ...; returns how many. slice_end[z]: runs up to the end of a slice."""
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
def find(level, start, shape, vois, pad, planar, depth, depth_start, zone_start, n_zones, zone_rank, size, distance, slice_of):
    """Zones of every VOI: 26 neighbours, or the 8 in plane.

    Parameters
    ----------
    planar : bool
        Link within slices only.
    depth, depth_start : uint16 [total], int64 [k + 1]
        From `depths`; depth is empty, as are the distances, when none are wanted.
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


@jit.cpu
def measure(zone_start, n_zones, zone_rank, column, size, slice_of, level_of, level_start, vois, by_slice, out):
    """Features of the matrix of (grey level, column) of every VOI's zones, out float64 [k, 16] in the order of emphasis.FEATURES.

    column : int32, like size
        The second axis of the matrix: sizes or distances.
    by_slice : bool
        One matrix for each slice, features averaged over the slices that have zones. NaN where a VOI has none.
    """
    most, largest, levels = 0, 0, 0
    for k in range(vois.size):
        most = max(most, n_zones[k])
        levels = max(levels, level_start[vois[k] + 1] - level_start[vois[k]])
        for t in range(zone_start[k], zone_start[k] + n_zones[k]):
            largest = max(largest, column[t])
    codes = np.empty(most, np.int64)
    cell_size = np.empty(most, np.int64)
    spare = np.empty(most, np.int64)
    count = np.empty(most)
    rows = np.empty(levels)
    columns = np.empty(largest)
    unweighted = np.empty(0)
    tally = np.empty(256, np.int64)
    feature = np.empty(emphasis.N_FEATURES)
    for k in range(vois.size):
        level = level_of[level_start[vois[k]] : level_start[vois[k] + 1]]
        t = zone_start[k]
        end = t + n_zones[k]
        matrices = 0
        for f in range(emphasis.N_FEATURES):
            out[k, f] = 0.0
        while t < end:
            n = 0
            voxels = 0.0
            z = slice_of[t]
            while t < end and (slice_of[t] == z or not by_slice):
                codes[n] = (np.int64(zone_rank[t]) << 32) + column[t]
                voxels += size[t]
                n += 1
                t += 1
            sorting.radix(codes, spare, n, tally)
            n = emphasis.cells_of(codes, unweighted, n, codes, cell_size, count)
            emphasis.measure(codes, cell_size, count, n, level, voxels, rows, columns, feature)
            for f in range(emphasis.N_FEATURES):
                out[k, f] += feature[f]
            matrices += 1
        for f in range(emphasis.N_FEATURES):
            out[k, f] = out[k, f] / matrices if matrices else np.nan
