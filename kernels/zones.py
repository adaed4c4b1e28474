"""Zones: connected voxels of one grey level, their sizes, and their distances to the edge of the VOI.

GLSZM (IBSI 9SAK) and GLDZM (IBSI VMDZ) count the same zones, so they are found once for both. A *run* is a stretch of equal
levels along x; union-find joins runs. Whether a voxel must be joined to one of its 13 earlier neighbours is a coin flip that no
branch predictor wins, so the levels are compared first, a slice at a time and without a branch, and only the joins that no
chain of other neighbours makes anyway are left: about one for every two voxels. A run's parent is never a later run: zones
come in raster order of their first voxels, and those of one slice stand together when linked in plane.

A matrix is a list of zones, never a dense table: sizes go into the millions.

On a GPU, union-find runs over voxels, a thread each: runs get their first voxel for a parent, neighbours are joined with atomic
operations, every run is added to the tally of its root, the roots are listed. The list's codes are sorted, once by matrix, level
and size, once by matrix and size, and a block measures each matrix: equal codes stand together, and are counted by a search.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, emphasis, jit, sorting
from voxomics.kernels.emphasis import N_FEATURES

MAX_VOXELS = 2**31 - 1
"""Voxels that a VOI may have: runs are numbered in int32, and no distance within so many voxels exceeds uint16."""
EARLIER = np.array([
    (-1, 0, 0), (0, -1, 0), (0, -1, 1), (0, -1, -1), (-1, 0, 1), (-1, 0, -1),
    (-1, -1, 0), (-1, -1, -1), (-1, -1, 1), (-1, 1, 0), (-1, 1, -1), (-1, 1, 1),
])  # fmt: skip
"""Offsets (dz, dy, dx) of the earlier neighbours: bit k of `joins_of` stands for EARLIER[k]. (0, 0, -1) needs none."""


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
def joins_of(box, p, row, slab, one, deep):
    """Which earlier neighbours voxel p must be joined to: bits, as in EARLIER. row, slab, one: steps along y, z and x.

    w is the voxel before; c the one at the same place in the slice before; n, nw, ne those in the row before; u and d the rows
    around c. Neighbours that touch each other are joined already, so of w, c, n, ne, nw and the others, in this order, each is
    needed only if it touches none of the earlier ones; w is the same run. c touches all. Where w has the same neighbour to its
    own west, the runs have been joined there.
    """
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
    return flags


@jit.body
def compare(box, first, count, nx, plane, planar, joins):
    """`joins_of` the voxels box[first : first + count], all of one slice: joins [count]."""
    # unsigned: an index that may be negative would keep the loop from being vectorised
    row, slab, one = np.uint64(nx), np.uint64(plane), np.uint64(1)
    deep = not planar
    for x in range(count):
        joins[x] = joins_of(box, np.uint64(first + x), row, slab, one, deep)


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
    feature = np.empty(N_FEATURES)
    for k in range(vois.size):
        level = level_of[level_start[vois[k]] : level_start[vois[k] + 1]]
        t = zone_start[k]
        end = t + n_zones[k]
        matrices = 0
        for f in range(N_FEATURES):
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
            for f in range(N_FEATURES):
                out[k, f] += feature[f]
            matrices += 1
        for f in range(N_FEATURES):
            out[k, f] = out[k, f] / matrices if matrices else np.nan


THREADS = 256
"""Threads of a block that counts."""
MEASURING = 128
"""Threads of a block that measures."""
FAR = 65535
"""No distance reaches it."""


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], i4, u2[::1]")
def sweep_gpu(region, tile_row, tile_first, tile_length, start, place, shape, axis, depth):
    """`depths` along one axis, a thread for a line of voxels. Sweeps along x (axis 2), y and, unless in plane, z are exact.

    Along x, lengths within the mask; then, along each other axis, the least of a length and of a neighbour's plus 1. A tile is
    some lines of a VOI, of as many as the axis with the most has.
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


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[::1], i4[::1], i4[::1]")
def runs_gpu(level, tile_row, tile_first, tile_length, start, place, parent, size, near):
    """Give every voxel the first of its run for a parent, and every run an empty tally. The thread of that first voxel does it.

    place : int64 [n + 1], where a VOI's voxels stand in `parent`, `size` and `near`: that of voxel p of box i is place[i] + p.
    """
    tile, q = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x)
    i = tile_row[tile]
    box = level[start[i] : start[i + 1]]
    begin, length = np.int32(tile_first[tile] - start[i]), tile_length[tile]
    while q < length:
        p = begin + q
        v = box[p]
        if v > 0 and box[p - 1] != v:
            size[place[i] + p] = 0
            if near.size > 0:
                near[place[i] + p] = FAR
            r = p
            while box[r] == v:
                parent[place[i] + r] = p
                r += 1
        q += jit.cuda.blockDim.x


@jit.body
def root_of(parent, a):
    """The first voxel on the way up from voxel a that is its own parent."""
    b = parent[a]
    while b != a:
        a = b
        b = parent[a]
    return a


@jit.body
def climb(parent, a):
    """`root_of` while other threads join zones. Parents on the way become grandparents, which keeps paths short in any order."""
    b = parent[a]
    while b != a:
        c = parent[b]
        if c != b:
            jit.cuda.atomic.min(parent, a, c)
        a, b = b, c
    return a


@jit.body
def unite(parent, a, b):
    """Join the zones of voxels a and b while other threads join theirs (Komura, CPC 2015; Playne and Hawick, TPDS 2018).

    The later root gets the earlier one for a parent. If another thread was faster, what it had for a parent is left to be joined:
    an earlier voxel, so that this ends whatever the other threads do. A parent only ever becomes an earlier voxel that is, in the
    end, of the same zone. So parents may be read without an atomic operation, and from a cache: an old one leads to the same
    zone, and the atomic operation, which sees the memory itself, has the last word on what is a root.
    """
    a, b = climb(parent, a), climb(parent, b)
    while a != b:
        late, early = max(a, b), min(a, b)
        before = jit.cuda.atomic.min(parent, late, early)
        if before == late:
            return
        a, b = climb(parent, before), climb(parent, early)


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], b1, i4[::1]", relaxed=("parent",))
def join_gpu(level, tile_row, tile_first, tile_length, start, place, shape, planar, parent):
    """Join every voxel to the earlier neighbours that `joins_of` names. Reads of `parent` are relaxed: see `unite`."""
    tile, q = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x)
    i = tile_row[tile]
    box, tree = level[start[i] : start[i + 1]], parent[place[i] : place[i + 1]]
    begin, length = np.int32(tile_first[tile] - start[i]), tile_length[tile]
    ny, nx = shape[i, 1], shape[i, 2]
    while q < length:
        p = begin + q
        if box[p] > 0:
            flags = joins_of(box, p, nx, nx * ny, 1, not planar)
            k = 0
            while flags > 0:
                if flags & 1:
                    unite(tree, p, p + (EARLIER[k, 0] * ny + EARLIER[k, 1]) * nx + EARLIER[k, 2])
                flags >>= 1
                k += 1
        q += jit.cuda.blockDim.x


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], u2[::1], i4[::1], i4[::1], i4[::1], i8[::1]")
def total_gpu(level, tile_row, tile_first, tile_length, start, place, depth, parent, size, near, n_zones):
    """Add every run to the tally of its root: voxels and smallest depth. n_zones : roots of each tile."""
    room = jit.cuda.shared.array(THREADS, np.int32)
    tile, q = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x)
    i = tile_row[tile]
    box, tree = level[start[i] : start[i + 1]], parent[place[i] : place[i + 1]]
    begin, length = np.int32(tile_first[tile] - start[i]), tile_length[tile]
    roots = 0
    while q < length:
        p = begin + q
        v = box[p]
        if v > 0 and box[p - 1] != v:
            root = root_of(tree, p)
            roots += root == p
            nearest = FAR
            r = p
            while box[r] == v:
                if near.size > 0:
                    nearest = min(nearest, depth[place[i] + r])
                r += 1
            jit.cuda.atomic.add(size, place[i] + root, r - p)
            if near.size > 0:
                jit.cuda.atomic.min(near, place[i] + root, nearest)
        q += jit.cuda.blockDim.x
    roots = block.sum_of(roots, room)
    if jit.cuda.threadIdx.x == 0:
        n_zones[tile] = roots


@jit.gpu(
    "level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[:, ::1], i4[::1], i4[::1], i4[::1], i8[::1], "
    "i4[::1], i4[::1], i4[::1], i4[::1], i4[::1]"
)  # fmt: skip
def list_gpu(
    level, tile_row, tile_first, tile_length, start, place, shape, parent, size, near, zone_start,
    row, slice_of, zone_rank, zone_size, distance,
):  # fmt: skip
    """List the zones as `find` does, those of a tile from zone_start[tile] on, in any order. row : int32, the VOI."""
    taken = jit.cuda.shared.array(1, np.int32)
    tile, q = jit.cuda.blockIdx.x, np.int32(jit.cuda.threadIdx.x)
    if q == 0:
        taken[0] = 0
    jit.cuda.syncthreads()
    i = tile_row[tile]
    box = level[start[i] : start[i + 1]]
    begin, length = np.int32(tile_first[tile] - start[i]), tile_length[tile]
    plane = shape[i, 1] * shape[i, 2]
    while q < length:
        p = begin + q
        if box[p] > 0 and parent[place[i] + p] == p:
            t = zone_start[tile] + jit.cuda.atomic.add(taken, 0, 1)
            row[t] = i
            slice_of[t] = p // plane
            zone_rank[t] = box[p]
            zone_size[t] = size[place[i] + p]
            if near.size > 0:
                distance[t] = near[place[i] + p]
        q += jit.cuda.blockDim.x


@jit.gpu("i4[::1], i4[::1], i4[::1], i4[::1], i8[::1], b1, i4, i4, i8[::1], i8[::1]")
def code_gpu(row, slice_of, zone_rank, column, matrix_start, by_slice, rank_bits, column_bits, entries, columns):
    """Codes of zones: entries by matrix, rank and column (a size or a distance), columns by matrix and column.

    matrix_start : int64 [n], the VOI's first matrix; by_slice: that of padded slice 0.
    """
    t = np.int64(jit.cuda.blockIdx.x) * jit.cuda.blockDim.x + jit.cuda.threadIdx.x
    if t < row.size:
        m = matrix_start[row[t]] + (slice_of[t] if by_slice else 0)
        entries[t] = (((m << rank_bits) | zone_rank[t]) << column_bits) | column[t]
        columns[t] = (m << rank_bits << column_bits) | column[t]


@jit.body
def first_of(codes, first, last, code):
    """The first place of an ascending codes[first:last] that holds `code` or more; `last` if none does."""
    while first < last:
        middle = (first + last) >> 1
        if codes[middle] < code:
            first = middle + 1
        else:
            last = middle
    return first


@jit.body
def alike(codes, k, first, last, shift):
    """How many of the ascending codes[first:last] agree with codes[k] in the bits from `shift` on, told to the first of them; 0
    to the others. Strides double until one leads too far: what it costs grows with the logarithm of the answer."""
    code = codes[k] >> shift
    if k > first and codes[k - 1] >> shift == code:
        return np.int64(0)
    stride = np.int64(1)
    while k + stride < last and codes[k + stride] >> shift == code:
        stride <<= 1
    return first_of(codes, k + (stride >> 1), min(k + stride, last), (code + 1) << shift) - k


@jit.body
def measure_list(entries, columns, first, last, rank_bits, column_bits, level_of, room, own):
    """The sums of `emphasis.measure` over the zones [first, last) > 0 of both lists of codes, by all threads of a block together.

    own : float64 [16], each thread's; all get the sums. Returns Σ sizes, or Σ distances.
    """
    thread, threads = jit.cuda.threadIdx.x, jit.cuda.blockDim.x
    last_rank, last_column = (1 << rank_bits) - 1, (np.int64(1) << column_bits) - 1
    total = float(last - first)
    of_levels, of_columns = 0.0, 0.0
    k = first + thread
    while k < last:
        of_levels += level_of[((entries[k] >> column_bits) & last_rank) - 1]
        of_columns += entries[k] & last_column
        k += threads
    mean_level = block.sum_of(of_levels, room) / total
    of_columns = block.sum_of(of_columns, room)
    for f in range(N_FEATURES):
        own[f] = 0.0
    k = first + thread
    while k < last:
        same = alike(entries, k, first, last, 0)
        if same > 0:
            level, column = float(level_of[((entries[k] >> column_bits) & last_rank) - 1]), float(entries[k] & last_column)
            emphasis.add(level, column, same / total, own)
            emphasis.spread(level, column, same / total, mean_level, of_columns / total, own)
        of_rank, of_column = float(alike(entries, k, first, last, column_bits)), float(alike(columns, k, first, last, 0))
        own[8] += of_rank * of_rank / total
        own[10] += of_column * of_column / total
        k += threads
    for f in range(N_FEATURES):
        own[f] = block.sum_of(own[f], room)
    return of_columns


@jit.gpu(
    "i8[::1], i8[::1], i8[::1], i8[::1], i4, i4, i8[::1], i8[::1], i4[:, ::1], f8[:, ::1]",
    registers=128,
    because="sixteen sums in float64, and searches in int64",
)
def measure_gpu(
    size_entries, size_columns, distance_entries, distance_columns, rank_bits, column_bits, level_of, level_start, work, out
):
    """Features of every matrix, a block each: out float64 [m, 16 or 32], by size and by distance; NaN where there is no zone.

    Codes are those of `code_gpu`, sorted; all four lists hold a matrix's zones at the same places. work : int32 [m, 5], see
    engine/directions.py, matrices.
    """
    room = jit.cuda.shared.array(MEASURING, np.float64)
    own = jit.cuda.local.array(N_FEATURES, np.float64)
    m, thread = np.int64(jit.cuda.blockIdx.x), jit.cuda.threadIdx.x
    i = work[m, 0]
    levels = level_of[level_start[i] : level_start[i + 1]]
    first = first_of(size_entries, 0, size_entries.size, m << rank_bits << column_bits)
    last = first_of(size_entries, first, size_entries.size, (m + 1) << rank_bits << column_bits)
    f = thread
    while first == last and f < out.shape[1]:
        out[m, f] = np.nan
        f += jit.cuda.blockDim.x
    if first < last:
        n_voxels = measure_list(size_entries, size_columns, first, last, rank_bits, column_bits, levels, room, own)
        emphasis.finish(float(last - first), n_voxels, own)
        f = 0
        while thread == 0 and f < N_FEATURES:
            out[m, f] = own[f]
            f += 1
        if distance_entries.size > 0:
            measure_list(distance_entries, distance_columns, first, last, rank_bits, column_bits, levels, room, own)
            emphasis.finish(float(last - first), n_voxels, own)
            f = 0
            while thread == 0 and f < N_FEATURES:
                out[m, N_FEATURES + f] = own[f]
                f += 1
