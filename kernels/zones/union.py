"""Zones on a GPU: union-find over voxels, a thread each.

Runs get their first voxel for a parent, neighbours are joined with atomic operations, every run is added to the tally
of its root, the roots are listed. runs.py does the same on the CPU.

Arguments
---------
The functions here take these arguments in this form. level, start, shape: see kernels/grouping.py. tile_row,
tile_first, tile_length: see kernels/block.py.

place : int64 [n + 1]
    Where a row's voxels stand in the arrays below: that of voxel p of box i is place[i] + p.
parent : int32
    Of each voxel: an earlier voxel of the same zone, or itself.
size : int32
    Of each zone, at its root: its voxels.
near : int32
    Of each zone, at its root: its smallest depth; empty where none is wanted.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.zones.depth import FAR
from voxomics.kernels.zones.joins import EARLIER, joins_of

THREADS = 256
"""Threads of a block that counts."""


@jit.gpu("level[::1], i4[::1], i8[::1], i4[::1], i8[::1], i8[::1], i4[::1], i4[::1], i4[::1]")
def runs_gpu(level, tile_row, tile_first, tile_length, start, place, parent, size, near):
    """Give every voxel the first of its run for a parent, and every run an empty tally.

    The thread of that first voxel does it.
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
    """The first voxel on the way up from voxel a (int32) that is its own parent."""
    b = parent[a]
    while b != a:
        a = b
        b = parent[a]
    return a


@jit.body
def climb(parent, a):
    """`root_of` while other threads join zones.

    Parents on the way become grandparents, which keeps paths short in any order.

    a : int32, a voxel.
    """
    b = parent[a]
    while b != a:
        c = parent[b]
        if c != b:
            jit.cuda.atomic.min(parent, a, c)
        a, b = b, c
    return a


@jit.body
def unite(parent, a, b):
    """Join the zones of two voxels while other threads join theirs (Komura, CPC 2015; Playne and Hawick, TPDS 2018).

    The later root gets the earlier one for a parent. If another thread was faster, what it had for a parent is left to
    be joined: an earlier voxel, so that this ends whatever the other threads do. A parent only ever becomes an earlier
    voxel that is, in the end, of the same zone. So parents may be read without an atomic operation, and from a cache:
    an old one leads to the same zone, and the atomic operation, which sees the memory itself, has the last word on what
    is a root.

    a, b : int32, voxels.
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
    """Join every voxel to the earlier neighbours that `joins_of` names. Reads of `parent` are relaxed: see `unite`.

    planar : bool, join within slices only.
    """
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
    """Add every run to the tally of its root: voxels and smallest depth.

    Parameters
    ----------
    depth : uint16
        From `depth.sweep_gpu`, laid out like `parent`; or empty.
    n_zones : int64 [t]
        Receives the roots of each tile.
    """
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
    """List the zones as `runs.find` does, those of a tile together, in any order.

    Parameters
    ----------
    zone_start : int64 [≥ t]
        Where the zones of each tile begin.
    row, slice_of, zone_rank, zone_size : int32 [zones]
        Receive the row of the batch, the padded slice of the first voxel, the rank of the level and the voxels of each
        zone.
    distance : int32 [zones]
        Receives its smallest depth, where `near` is not empty.
    """
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
