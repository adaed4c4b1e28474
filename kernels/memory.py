"""Memory that the kernels take for each VOI, known before any is allocated: bounds in bytes.

Arguments of several functions
------------------------------
shape : ndarray int32 [n, 3]
    Sizes (z, y, x) of each box in voxels, padding included.
level_of, level_start : ndarray int64 [levels], int64 [n + 1]
    Grey levels present in VOI i: level_of[level_start[i] : level_start[i + 1]].
n_intensity, n_morphological : ndarray int64 [n]
    Voxels of the two masks.
pad : int
    Empty voxels on every side of a box.
n_planar, n_dirs, per_slice : int, int, bool
    Directions within the slice, and all; whether groups within the slice are kept slice by slice. See
    kernels/grouping.py.
of_slice, of_volume : int
    Bytes of the work list and of the features, for each slice and for each VOI.
kinds : ndarray int64 [m, 4]
    Of each neighbourhood that is counted: voxels of its window, whether slices are kept apart, of_slice, of_volume.
distance : int
    How many voxels away a neighbour may lie.
most : int
    What a VOI needs that cannot be counted.
held : ndarray int64 [n]
    Written: bytes.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit
from voxomics.kernels.glcm.spans import ROOM


def is_dense(cells, n_intensity, least):
    """Whether dense matrices of runs take no more memory than the runs may.

    Parameters
    ----------
    cells : int, or ndarray int64
        Cells of all matrices of a VOI.
    n_intensity : int, or ndarray int64
        Its voxels, in each of which a run along each of 13 directions may begin.
    least : int
        So many cells may always be dense.
    """
    return cells <= least + 4 * 13 * n_intensity


is_run_dense = jit.body(is_dense)


@jit.cpu
def glcm(
    shape, level_start, n_intensity, pad, n_planar, n_dirs, per_slice, symmetric, most_levels, of_slice, of_volume, held
):
    """Bytes of the co-occurrence matrices.

    Parameters
    ----------
    shape, level_start, n_intensity, pad, n_planar, n_dirs, per_slice, of_slice, of_volume, held
        See the module's text.
    symmetric : bool
        Whether every pair counts in both orders.
    most_levels : int
        Grey levels beyond which pairs are sorted.
    """
    column = 0 if symmetric else 24  # sums of columns take no more than a matrix and its tallies
    for i in range(held.size):
        nz, n = np.int64(shape[i, 0]), level_start[i + 1] - level_start[i]
        groups = (nz if per_slice else 1) * n_planar + n_dirs - n_planar
        if n > most_levels:
            memory = (40 + 48 + 16) * n_intensity[i] * n_dirs  # 16: sorting them
        else:  # lists of differences and sums with their tallies: three times the span, which is limited
            memory = (4 * groups + 24 + column) * (n + 1) * (n + 1) + 40 * n * n
        held[i] = memory + 48 * ROOM + 8 * n + of_slice * (nz - 2 * pad) + of_volume


@jit.cpu
def glrlm(shape, level_start, n_intensity, pad, n_planar, n_dirs, per_slice, least, of_slice, of_volume, held):
    """Bytes of the run length matrices.

    Parameters
    ----------
    shape, level_start, n_intensity, pad, n_planar, n_dirs, per_slice, of_slice, of_volume, held
        See the module's text.
    least : int
        See `is_dense`.
    """
    for i in range(held.size):
        nz, ny, nx = np.int64(shape[i, 0]), np.int64(shape[i, 1]), np.int64(shape[i, 2])
        n, longest = level_start[i + 1] - level_start[i], max(nz, ny, nx)
        one = (n + 1) * (longest - 2 * pad + 1)
        cells = ((nz if per_slice else 1) * n_planar + n_dirs - n_planar) * one
        if is_run_dense(cells, n_intensity[i], least):
            # beside them lengths of a few slices, whose 18 parts begin on memory pages of their own, the ends of rows
            memory = 4 * cells + 32 * one + 26 * ny * nx + 16 * nz * ny + 18 * 4096
        else:  # one direction; all, sorted, weighted; their cells
            memory = (1 + 5 * 13 + 3 * 13) * 8 * n_intensity[i]
        held[i] = memory + 16 * (n + longest) + of_slice * (nz - 2 * pad) + of_volume


@jit.cpu
def zones(shape, level_start, n_intensity, n_morphological, pad, kinds, distances, most_voxels, most, held):
    """Bytes of the lists of zones.

    Parameters
    ----------
    shape, level_start, n_intensity, n_morphological, pad, kinds, most, held
        See the module's text.
    distances : bool
        Whether distances to the edge are wanted.
    most_voxels : int
        Voxels of a VOI that can be numbered.
    """
    lists = (4 + 4) * 4 + 3 * 8  # four int32 of runs, four of zones, three int64 of cells; each at most one per voxel
    for i in range(held.size):
        nz, plane = np.int64(shape[i, 0]), np.int64(shape[i, 1]) * shape[i, 2]
        memory = lists * n_intensity[i] + 8 * (n_morphological[i] + level_start[i + 1] - level_start[i])
        memory += (2 * nz * plane if distances else 0) + (2 + 3 * 4) * plane + 8 * nz
        for kind in range(kinds.shape[0]):
            memory += kinds[kind, 2] * (nz - 2 * pad) + kinds[kind, 3]
        held[i] = most if n_morphological[i] > most_voxels else memory


@jit.cpu
def ngtdm(shape, level_of, level_start, n_intensity, pad, kinds, distance, most, held):
    """Bytes of the sums of the neighbourhood grey tone difference matrices.

    Levels may lie so far apart that sums of differences leave 64 bits (a span of 10¹¹ with two million voxels and
    distance 1). Then a VOI needs more than any machine has, so that it is refused and not measured wrong.

    Parameters
    ----------
    shape, level_of, level_start, n_intensity, pad, kinds, distance, most, held
        See the module's text.
    """
    side = np.int64(2 * distance + 1)
    window = float(side * side * side)
    for i in range(held.size):
        nz, plane = np.int64(shape[i, 0]), np.int64(shape[i, 1]) * shape[i, 2]
        first, last = level_start[i], level_start[i + 1]
        memory = 8 * plane * (side + 3) + 40 * (last - first)
        for kind in range(kinds.shape[0]):
            columns = min(kinds[kind, 0], max(n_intensity[i], 1))
            memory += 8 * (nz if kinds[kind, 1] else 1) * (last - first + 1) * columns
            memory += kinds[kind, 2] * (nz - 2 * pad) + kinds[kind, 3]
        span = float(level_of[last - 1] - level_of[first]) if last > first else 0.0
        is_too_wide = span * window * max(2.0 * window, float(n_intensity[i])) >= 2.0**62
        held[i] = most if is_too_wide else memory


@jit.cpu
def ngldm(shape, level_start, n_intensity, pad, kinds, distance, held):
    """Bytes of the dependence matrices.

    Parameters
    ----------
    shape, level_start, n_intensity, pad, kinds, distance, held
        See the module's text.
    """
    side = np.int64(2 * distance + 1)
    for i in range(held.size):
        nz, n = np.int64(shape[i, 0]), level_start[i + 1] - level_start[i]
        held[i] = 24 * n + 8 * side * side * side
        for kind in range(kinds.shape[0]):
            highest = min(kinds[kind, 0], n_intensity[i])
            held[i] += (n + 1) * (highest + 1) * (4 * (nz if kinds[kind, 1] else 1) + 32)
            held[i] += kinds[kind, 2] * (nz - 2 * pad) + kinds[kind, 3]


@jit.cpu
def morphology(shape, with_hull, held):
    """Bytes of the corners of convex hulls, and of what is found between them.

    Parameters
    ----------
    shape, held
        See the module's text.
    with_hull : bool
        Whether hulls are wanted.
    """
    for i in range(held.size):
        nz, ny, nx = float(shape[i, 0]), float(shape[i, 1]), float(shape[i, 2])
        # a convex polygon on an m × m lattice has at most about 3.5 m^(2/3) corners; up to six vertices lie beside each
        outline = min(2.0 * ny, 4.0 * max(ny, nx) ** (2.0 / 3.0) + 8.0)
        held[i] = 12_288 + (700 * np.int64(6.0 * nz * outline) if with_hull else 0)  # most: vectors between corners
