"""Work cut to measure: how many bytes it takes, known before any is allocated, and parts of it that fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import images
from voxomics.engine.batch import I64, VoiBatch, sizes

if TYPE_CHECKING:
    from voxomics.engine.prepare import Voi
    from voxomics.engine.settings import Settings
    from voxomics.engine.volume import Triple

CHUNK_VOXELS = 1 << 16
"""Voxels after which a call is closed: large enough to hide a call's cost, small enough to keep every thread busy."""
PACKED_VOXELS = 1 << 18
"""Box voxels that one task packs."""
_BYTES_PER_BOX_VOXEL = 8  # its bits, and a level of one or two bytes under some discretisations
_BYTES_PER_VOXEL = 64  # its intensity, its ranks, and the lists of levels while they are found


def parts(rows: I64, limits: Sequence[tuple[I64, float]]) -> Iterator[I64]:
    """Cut rows into parts, in their order, whose sums stay within limits.

    Parameters
    ----------
    rows : ndarray int64 [k]
    limits : sequence of (ndarray int64 [n], number)
        What each row of 0 .. n - 1 takes of something, and how much of it a part may take. A row that takes more than a part may
        has a part of its own.

    Yields
    ------
    ndarray int64
        Never empty.

    Examples
    --------
    >>> [part.tolist() for part in parts(np.arange(4), [(np.array([3, 3, 9, 1]), 6)])]
    [[0, 1], [2], [3]]
    """
    if not len(rows):
        return
    if all(np.add.reduce(size[rows], dtype=np.float64) <= most for size, most in limits):
        yield rows
        return
    sums = [(np.add.accumulate(size[rows], dtype=np.float64), most) for size, most in limits]
    first = 0
    while first < len(rows):
        last = len(rows)
        for total, most in sums:
            before = total[first - 1] if first else 0.0
            last = min(last, int(np.searchsorted(total, before + most, side="right")))
        last = max(last, first + 1)
        yield rows[first:last]
        first = last


def packed_bytes(vois: Sequence[Voi], spacing_mm: Triple, settings: Settings, n_columns: int) -> I64:
    """Memory that each VOI takes in a batch, whatever is measured on it, int64 [n].

    Parameters
    ----------
    vois : sequence of Voi
    spacing_mm : (float, float, float)
        Voxel size (z, y, x) of the image as it was read.
    settings : Settings
    n_columns : int
    """
    new = settings.resampling.spacing_mm or (None,) * 3
    finer = prod(old / size if size else 1.0 for old, size in zip(spacing_mm, new, strict=True))
    images_of, more = len(images.names(settings)), 1 + 2 * settings.pad

    def one(voi: Voi) -> int:
        (za, ya, xa), (zb, yb, xb) = voi.low, voi.high
        box = (zb - za + more) * (yb - ya + more) * (xb - xa + more)
        voxels = finer * (box * _BYTES_PER_BOX_VOXEL + voi.n_voxels * _BYTES_PER_VOXEL) * images_of
        return int(voxels) + 2 * 8 * n_columns  # the values, and those of a part of a batch

    return np.array([one(voi) for voi in vois], dtype=np.int64)


def resident_bytes(batch: VoiBatch) -> I64:
    """Bytes of each row's part of a batch on a device, int64 [n]."""
    per_voxel = 1 + sum(channel.level.itemsize for channel in batch.channels.values())
    levels = sum(24 * channel.n_present for channel in batch.channels.values())
    total: I64 = batch.geometry.box_voxels * per_voxel + sizes(batch.value_start) * 8 + levels + 256
    return total
