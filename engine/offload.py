"""Run calls on a device: the batch in pieces that fit its memory, two streams so that one copies while the other counts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import plan, pool
from voxomics.engine.batch import I64, Channel, VoiBatch
from voxomics.engine.errors import BackendError, VoxomicsError
from voxomics.engine.feature import OnDevice
from voxomics.engine.resident import SCRATCH, Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

STREAMS = 2
"""Pieces of a batch that are on the device at a time."""
PIECE = 1 << 28
"""Bytes beyond which a batch is cut for the streams' sake: one copies while the other counts."""
SHARE = 0.8
"""Part of the device's free memory that is used; the rest is for its own housekeeping."""

Keep = Callable[[plan.Call, I64, Callable[[], np.ndarray]], None]
"""Told a call, rows of the batch and how to compute them: computes, and keeps the values or the reason why there are none."""


@dataclass(frozen=True)
class Order:
    """A call that a device does for some rows.

    Attributes
    ----------
    call : plan.Call
    family : OnDevice
    levels : Channel or None
    rows : ndarray int64 [k]
        Ascending.
    need : ndarray int64 [n]
        Bytes of device memory for each row of the batch, beside the batch itself.
    """

    call: plan.Call
    family: OnDevice
    levels: Channel | None
    rows: I64
    need: I64


def order(
    call: plan.Call, levels: Channel | None, rows: I64, batch: VoiBatch, settings: Settings, device: Device
) -> tuple[Order | None, I64]:
    """What a device takes of a call, and the rows it leaves to the CPU."""
    family = call.family.device
    if family is None:
        return None, rows
    need = family.need(batch, levels, settings, call.aggregations)
    fits = (need + _resident(batch))[rows] <= limit(device, settings)[0]
    return Order(call, family, levels, rows[fits], need), rows[~fits]


def limit(device: Device, settings: Settings) -> tuple[int, int]:
    """Bytes that one stream may hold on the device for a piece, and float64 for its kernels' scratch.

    Together they are the stream's part of the free memory, or of the settings' `memory` where that is less.
    """
    with _named(device):
        free = device.free_bytes()
    share = int(min(SHARE * free, settings.memory_bytes)) // STREAMS
    scratch = min(SCRATCH, share // 4 // 8)
    return share - 8 * scratch, scratch


def tasks(
    orders: list[Order], batch: VoiBatch, settings: Settings, device: Device, keep: Keep, advance: Callable[[], None]
) -> tuple[list[pool.Task], int]:
    """One task for each stream; they share the pieces. The second value is how often `advance` will be called."""
    most, scratch = limit(device, settings)
    pieces = list(_pieces(orders, batch, most))
    waiting, lock = iter(pieces), threading.Lock()

    def work() -> None:
        with _named(device), device.stream():
            while True:
                with lock:
                    piece = next(waiting, None)
                if piece is None:
                    return
                _run(orders, batch, settings, device, scratch, *piece, keep)
                advance()

    return [pool.Task(0.0, work) for _ in range(min(STREAMS, len(pieces)))], len(pieces)


@contextlib.contextmanager
def _named(device: Device) -> Iterator[None]:
    """What CuPy, Numba and the driver raise, each its own kind, becomes a BackendError: that costs a family, and not the run."""
    try:
        yield
    except (MemoryError, VoxomicsError):
        raise
    except Exception as error:
        raise BackendError(f"{device.name} failed: {type(error).__name__}: {error}") from error


def _run(
    orders: list[Order], batch: VoiBatch, settings: Settings, device: Device, scratch: int, first: int, last: int, keep: Keep
) -> None:
    resident = Resident(device, batch.part(first, last), scratch)
    channels: dict[int, Channel] = {}
    for one in orders:
        rows = one.rows[np.searchsorted(one.rows, first) : np.searchsorted(one.rows, last)]
        if len(rows) == 0:
            continue
        levels = one.levels and channels.setdefault(id(one.levels), one.levels.part(batch.geometry, first, last))

        def compute(one: Order = one, levels: Channel | None = levels, rows: I64 = rows) -> np.ndarray:
            with _named(device):
                return one.family.compute(resident, levels, rows - first, settings, one.call.aggregations)

        keep(one.call, rows, compute)


def _pieces(orders: list[Order], batch: VoiBatch, most: int) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) rows of pieces that take `most` bytes or less, each call's memory being free for the next.

    A large batch that would fit makes some pieces for each stream all the same.
    """
    size = np.zeros(len(batch), np.int64)
    wanted = np.zeros(len(batch), bool)
    for one in orders:
        size[one.rows] = np.maximum(size[one.rows], one.need[one.rows])
        wanted[one.rows] = True
    size += _resident(batch)
    most = min(most, max(PIECE, int(size[wanted].sum()) // (2 * STREAMS)))
    for part in plan.chunks(np.flatnonzero(wanted), size, np.zeros(len(batch), np.int64), most):
        # rows between that the device does not take are copied with the others, unless they stand apart
        ends = np.flatnonzero(np.diff(part) > 1)
        for piece in np.split(part, ends + 1) if size[part[0] : part[-1] + 1].sum() > most else [part]:
            yield int(piece[0]), int(piece[-1]) + 1


def _resident(batch: VoiBatch) -> I64:
    """Bytes of each row's part of the batch on a device, int64 [n]."""
    per_voxel = 1 + sum(channel.level.itemsize for channel in batch.channels.values())
    levels = sum(24 * channel.n_present for channel in batch.channels.values())
    total: I64 = np.diff(batch.geometry.start) * per_voxel + np.diff(batch.value_start) * 8 + levels + 256
    return total
