"""Huge VOIs cut into slabs, so that one of them keeps every thread of a pool busy.

A slab is some slices of a VOI's box, with the `pad` slices on either side of them. So it is a box itself, and a kernel
that looks no further than `pad` slices takes slabs as it takes VOIs. Where slabs begin follows from the box alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voxomics.engine import pool
from voxomics.engine.batch import I32, I64, Geometry, offsets

SLAB_VOXELS = 1 << 18
"""Box voxels of a slab: it takes a fraction of a millisecond to begin one."""
_LEAST_SLICES = 8
"""Slices of a slab for each slice of padding, which some kernels look at once more."""


@dataclass(frozen=True)
class Slabs:
    """Slabs of n VOIs, those of a VOI in the order of their slices.

    Attributes
    ----------
    start : ndarray int64 [s]
        Where each slab begins in `Geometry.region`, padding included.
    shape : ndarray int32 [s, 3]
        Size (z, y, x), padding included.
    corner : ndarray int32 [s, 3]
        Index (z, y, x) in the image of its voxel [0, 0, 0].
    cut : ndarray int64 [s + 1]
        Where slabs without the slices they share begin in `Geometry.region`. The first and the last of a VOI have its
        padding.
    row : ndarray int64 [s]
        The VOI of each.
    """

    start: I64
    shape: I32
    corner: I32
    cut: I64
    row: I64

    @property
    def voxels(self) -> I64:
        """Box voxels of each slab without the slices that it shares, int64 [s]."""
        return self.cut[1:] - self.cut[:-1]

    @property
    def are_vois(self) -> bool:
        """Whether each VOI is one slab."""
        return not len(self.row) or int(self.row[-1]) == len(self.row) - 1

    def of_vois(self, number: I64) -> I64:
        """Sums over the slabs of each VOI, int64 [n], of numbers of slabs, int64 [s]."""
        if self.are_vois:
            return number
        found: I64 = np.add.reduceat(number, np.flatnonzero(np.diff(self.row, prepend=-1)))
        return found

    def first_of(self, place: I64, number: I64) -> I64:
        """Of each VOI the place that its first slab with a number above 0 has, int64 [n, 3]; 0 where none has."""
        if self.are_vois:
            return place
        found = np.zeros((self.row[-1] + 1, 3), np.int64)
        some = np.flatnonzero(number)[::-1]
        found[self.row[some]] = place[some]  # of several the last is kept
        return found


def cut(start: I64, shape: I32, corner: I32, pad: int, threads: int) -> Slabs:
    """Cut the boxes of VOIs into slabs; with one thread each VOI is one slab.

    Parameters
    ----------
    start, shape, corner, pad
        As in `Geometry`.
    threads : int
    """
    n = len(shape)
    if threads == 1 or (start[1:] - start[:-1]).max(initial=0) < 2 * SLAB_VOXELS:
        return Slabs(start[:-1], shape, corner, start, np.arange(n))
    plane = shape[:, 1].astype(np.int64) * shape[:, 2]
    inner = shape[:, 0].astype(np.int64) - 2 * pad
    slices = np.maximum(-(-SLAB_VOXELS // plane), _LEAST_SLICES * pad)
    number = np.maximum(-(-inner // slices), 1)
    row = np.repeat(np.arange(n), number)
    index = np.arange(len(row)) - offsets(number)[row]
    first = index * slices[row]
    last = np.where(index + 1 == number[row], inner[row], first + slices[row])
    shapes, corners = shape[row], corner[row]
    shapes[:, 0] = last - first + 2 * pad
    corners[:, 0] += first
    begin = start[row] + first * plane[row]
    inside = np.append(begin + np.where(index > 0, pad * plane[row], 0), start[-1])
    return Slabs(begin, shapes, corners, inside, row)


def add_counts(
    count: Callable[[I64, I32, np.ndarray], None], geometry: Geometry, vois: I64, per_slice: bool, found: np.ndarray
) -> None:
    """Count integers of some VOIs; those of one huge VOI slab by slab, on every thread that is free.

    Parameters
    ----------
    count : callable
        ``count(start, shape, found)`` adds the counts of boxes to `found`, where the arrays are as in `Geometry`.
    geometry : Geometry
    vois : ndarray int64 [k]
        The VOIs that `count` counts.
    per_slice : bool
        Whether counts are kept slice by slice: such a VOI is counted as a whole.
    found : ndarray of integers
        0 at first. Each slab in work takes as much again, so above four bytes for each of its voxels none is cut.
    """
    g, threads, first = geometry, pool.helpers(), int(vois[0])
    is_small = g.start[first + 1] - g.start[first] < 2 * SLAB_VOXELS
    if threads == 1 or len(vois) > 1 or is_small or per_slice or found.nbytes > 4 * SLAB_VOXELS:
        count(g.start, g.shape, found)
        return
    i = slice(first, first + 1)
    slabs = cut(g.start[i.start : i.stop + 1], g.shape[i], g.corner[i], g.pad, threads)
    lock = threading.Lock()

    def add(slab: int) -> None:
        start, shape, own = g.start.copy(), g.shape.copy(), np.zeros_like(found)
        start[i], shape[i] = slabs.start[slab], slabs.shape[slab]
        count(start, shape, own)
        with lock:
            np.add(found, own, out=found)

    pool.for_tiles(len(slabs.row), add)
