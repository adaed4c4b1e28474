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
_BYTES_PER_VOXEL = 8 + 2 + 24  # its intensity, its rank, and the three lists in which levels far apart are sorted


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
    from voxomics.kernels.pack.levels import MAX_PRESENT

    new = settings.resampling.spacing_mm or (None,) * 3
    finer = prod(old / size if size else 1.0 for old, size in zip(spacing_mm, new, strict=True))
    ends = np.array([(voi.low, voi.high) for voi in vois], dtype=np.int64).reshape(-1, 2, 3)
    number = finer * np.array([voi.n_voxels for voi in vois], dtype=np.float64)
    boxes = finer * (ends[:, 1] - ends[:, 0] + 1 + 2 * settings.pad).prod(1)
    channels = len({*settings.discretisation, *settings.for_histogram})
    levels = 16 * (channels + 1) * np.minimum(number, MAX_PRESENT)  # with their voxels; once more while they are found
    packed = boxes * (1 + 2 * channels) + number * _BYTES_PER_VOXEL + levels  # a voxel's level takes two bytes at most
    need: I64 = (packed * len(images.names(settings))).astype(np.int64)
    return need + 2 * 8 * n_columns  # the values, and those of a part of a batch


def resident_bytes(batch: VoiBatch) -> I64:
    """Bytes of each row's part of a batch on a device, int64 [n]."""
    per_voxel = 1 + sum(channel.level.itemsize for channel in batch.channels.values())
    levels = sum(24 * channel.n_present for channel in batch.channels.values())
    total: I64 = batch.geometry.box_voxels * per_voxel + sizes(batch.value_start) * 8 + levels + 256
    return total
