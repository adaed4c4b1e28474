"""The surface of a VOI: marching cubes at 0.5 of its mask.

What the surface contributes inside a cell of 2 × 2 × 2 voxels depends on which of the eight are inside and on the
spacing alone. So cells are counted by configuration, in integers; area and volume are sums over the 256 counts, the
same in whatever order the cells came. Volume adds up cell by cell because neighbouring cells cut their common face
alike.

On a GPU a block works on a tile of a box. What it counts is added up by atomics.

Arguments of several functions
------------------------------
region : ndarray uint8 [total]
    Geometry.region: padded boxes in C order; bit 0 marks the mask.
start : ndarray int64 [n + 1]
    VOI i owns region[start[i] : start[i + 1]].
shape : ndarray int32 [n, 3]
    Size (z, y, x) of each padded box.
vois : ndarray int64 [k]
    Rows of the batch.
"""

from __future__ import annotations

import functools

import numpy as np

from voxomics.kernels import block, jit
from voxomics.kernels.shape.marching_cubes import NORMALS, VOLUME

CONFIGURATIONS = 256
"""Of a cell: bit 4 z + 2 y + x is set where voxel (z, y, x) of it is inside."""
FULL = CONFIGURATIONS - 1
ALL_FULL = np.uint64(2**64 - 1)
"""Eight full cells side by side."""
TILE = 2048
"""Cells that the CPU looks at together; a multiple of eight."""


@jit.body
def face(region, p, nx, plane):
    """Bits 0, 2, 4 and 6 of a cell's configuration, from the four voxels at its lower x.

    Those at its upper x are the face of the next cell, moved by one bit.

    Parameters
    ----------
    region
        See the module's text.
    p : int
        Place of the cell's first voxel in `region`.
    nx, plane : int
        Voxels of a row and of a slice of the padded box.
    """
    near = (region[p] & 1) | (region[p + nx] & 1) << 2
    far = (region[p + plane] & 1) | (region[p + plane + nx] & 1) << 2
    return near | far << 4


@jit.body
def configure(region, first, n, nx, plane, faces, cells):
    """Write the configurations of some cells; returns whether one of them is not 0.

    Parameters
    ----------
    region, nx, plane
        As for `face`.
    first, n : int
        Place of the first cell's first voxel in `region`, and the number of cells. Cells follow each other across rows:
        one that reaches around an edge of the box holds padding alone.
    faces : uint8 [≥ n + 1]
        Working memory.
    cells : uint8 [≥ n]
    """
    # unsigned: an index that may be negative would keep the loops from being vectorised
    first, n, one = np.uint64(first), np.uint64(n), np.uint64(1)
    some = np.uint8(0)
    for q in range(n + one):
        found = np.uint8(face(region, first + q, np.uint64(nx), np.uint64(plane)))
        faces[q] = found
        some |= found
    if some != 0:
        for q in range(n):
            cells[q] = faces[q] | faces[q + one] << 1
    return some != 0


@jit.body
def tally(cells, eights, n, counts):
    """Count cells by configuration. Most are empty or full like their neighbours, so eight are looked at together.

    Parameters
    ----------
    cells : uint8 [TILE]
        From `configure`; those from n on are overwritten.
    eights : uint64 [TILE / 8]
        The same memory.
    n : int
        Cells to count.
    counts
        As for `count_cells`.
    """
    n_eights = (n + 7) // 8
    for q in range(n, 8 * n_eights):
        cells[q] = 0
    full = np.int64(0)
    for e in range(np.uint64(n_eights)):
        if eights[e] == ALL_FULL:
            full += 8
        elif eights[e] != 0:
            first = e * np.uint64(8)
            for q in range(first, first + np.uint64(8)):
                counts[cells[q]] += 1
    counts[FULL] += full
    counts[0] = 0


@jit.body
def count_cells(region, base, nz, ny, nx, pad, faces, cells, eights, counts):
    """Count the cells of one VOI by configuration.

    Parameters
    ----------
    region
        See the module's text.
    base : int64
        Where the VOI's padded box begins in `region`.
    nz, ny, nx : int64
        Size of the padded box in voxels.
    pad : int64
        Voxels of padding on every side.
    faces : uint8 [TILE + 1]
        Working memory.
    cells, eights : uint8 [TILE], uint64 [TILE / 8]
        Working memory: the same bytes.
    counts : ndarray int64 [256]
        Added to; configuration 0 is left out.
    """
    for z in range(pad - 1, nz - pad):
        first = base + (z * ny + pad - 1) * nx + pad - 1
        last = base + (z * ny + ny - pad) * nx - pad
        for tile in range(first, last, TILE):
            n = min(TILE, last - tile)
            if configure(region, tile, n, nx, ny * nx, faces, cells):
                tally(cells, eights, n, counts)


@jit.cpu
def count(region, start, shape, vois, pad, counts):
    """Cells of every VOI by configuration.

    Parameters
    ----------
    region, start, shape, vois
        See above.
    pad : int
        Padding of the boxes.
    counts : ndarray int64 [k, 256]
        Added to; configuration 0 is left out.
    """
    faces, cells = np.empty(TILE + 1, np.uint8), np.empty(TILE, np.uint8)
    eights = cells.view(np.uint64)
    for k in range(vois.size):
        i = vois[k]
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        count_cells(region, start[i], nz, ny, nx, pad, faces, cells, eights, counts[k])


COUNTING = 256
"""Threads of a block that counts a tile."""


@jit.gpu("u1[::1], i4[::1], i8[::1], i4[::1], i8[::1], i4[:, ::1], i4[:, ::1]")
def count_gpu(region, row, first, length, start, shape, counts):
    """As `count`, a block for each tile. A cell belongs to its first voxel.

    Whatever a cell beyond the padding reaches around an edge of the box is padding too.

    Parameters
    ----------
    region, start, shape
        As above, on the device.
    row : device int32 [tiles]
        VOI of each tile.
    first : device int64 [tiles]
        Where the tile begins in `region`.
    length : device int32 [tiles]
        Number of its voxels.
    counts : device int32 [n, 256]
        Added to; 0 before.
    """
    shared = jit.cuda.shared.array(CONFIGURATIONS, np.int32)
    thread, threads = np.int32(jit.cuda.threadIdx.x), np.int32(jit.cuda.blockDim.x)
    tile = jit.cuda.blockIdx.x
    i = row[tile]
    nx = np.int32(shape[i, 2])
    plane = np.int32(shape[i, 1]) * nx
    c = thread
    while c < CONFIGURATIONS:
        shared[c] = 0
        c += threads
    jit.cuda.syncthreads()
    last = min(np.int64(length[tile]), start[i + 1] - first[tile] - plane - nx - 1)  # the last slice is empty
    full = 0
    q = thread
    while q < last:
        near = first[tile] + q
        configuration = face(region, near, nx, plane) | face(region, near + 1, nx, plane) << 1
        if configuration == FULL:
            full += 1
        elif configuration != 0:
            jit.cuda.atomic.add(shared, configuration, 1)
        q += threads
    if full > 0:
        jit.cuda.atomic.add(shared, FULL, full)
    jit.cuda.syncthreads()
    c = thread
    while c < CONFIGURATIONS:
        if shared[c] > 0:
            jit.cuda.atomic.add(counts, (i, c), shared[c])
        c += threads


def cell_areas(spacing_mm):
    """Area in mm² of the surface in a cell of each configuration, float64 [images, 256].

    Parameters
    ----------
    spacing_mm : ndarray float64 [images, 3]
        (z, y, x).
    """
    return np.array([_cell_areas(*spacing) for spacing in spacing_mm.tolist()])


@functools.lru_cache(maxsize=256)
def _cell_areas(z, y, x):
    """The same for one image. Kept, because it takes longer than all else that is done with the counts of a VOI.

    Parameters
    ----------
    z, y, x : float64
        Spacing, mm.
    """
    scaled = NORMALS * np.array((y * x, z * x, z * y))
    return np.sqrt((scaled**2).sum(2)).sum(1) / 8.0


def surface(counts, image_of, spacing_mm):
    """Area in mm² and volume in mm³ of meshes whose cells are counted, float64 [k] each.

    Parameters
    ----------
    counts : ndarray int64 [k, 256]
        From `count`.
    image_of : ndarray int32 [k]
        The image of each VOI.
    spacing_mm : ndarray float64 [images, 3]
        (z, y, x).
    """
    area = np.add.reduce(counts * cell_areas(spacing_mm)[image_of], 1)
    return area, volume_mm3(counts @ VOLUME, spacing_mm[image_of])


def volume_mm3(parts, spacing):
    """Volume in mm³, float64 [k].

    Parameters
    ----------
    parts : ndarray int64 [k]
        Volume in 48ths of a voxel.
    spacing : ndarray float64 [k, 3]
        mm, (z, y, x).
    """
    return parts / 48.0 * np.multiply.reduce(spacing, 1)


@jit.gpu("i4[:, ::1], i8[::1], f8[:, ::1], i8[::1], i4[::1], f8[::1], i8[::1]")
def surface_gpu(counts, vois, of_cell, of_volume, image_of, area, parts):
    """Area and volume of VOIs whose cells are counted; a block of a power of two up to 256 each.

    Parameters
    ----------
    counts : device int32 [n, 256]
        From `count_gpu`.
    vois : device int64 [k]
    of_cell : device float64 [images, 256]
        `cell_areas`, mm².
    of_volume : device int64 [256]
        VOLUME, 48ths of a voxel.
    image_of : device int32 [n]
        The image of each VOI.
    area : device float64 [n]
        Written: mm².
    parts : device int64 [n]
        Written: volume in 48ths of a voxel.
    """
    room = jit.cuda.shared.array(COUNTING, np.float64)
    room_of_parts = jit.cuda.shared.array(COUNTING, np.int64)
    i = vois[jit.cuda.blockIdx.x]
    own, own_parts = 0.0, np.int64(0)
    c = np.int32(jit.cuda.threadIdx.x)
    while c < CONFIGURATIONS:
        own += counts[i, c] * of_cell[image_of[i], c]
        own_parts += counts[i, c] * of_volume[c]
        c += jit.cuda.blockDim.x
    total, total_parts = block.sum_of(own, room), block.sum_of(own_parts, room_of_parts)
    if jit.cuda.threadIdx.x == 0:
        area[i], parts[i] = total, total_parts
