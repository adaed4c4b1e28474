"""Run calls on a device, in pieces that fit its memory and on two streams: one copies while the other counts."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import pool, work
from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.errors import BackendError, VoxomicsError
from voxomics.engine.feature import OnDevice
from voxomics.engine.plan import Call
from voxomics.engine.prepare import Prepared
from voxomics.engine.resident import SCRATCH, Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

logger = logging.getLogger("voxomics")

STREAMS = 2
"""Pieces of a batch that are on the device at a time."""
PIECE = 1 << 28
"""Bytes beyond which a batch is cut for the streams' sake: one copies while the other counts."""
SHARE = 0.8
"""Part of the device's free memory that is used; the rest is for its own housekeeping."""
_OURS = (TypeError, ValueError, LookupError, AttributeError, NameError, AssertionError, ArithmeticError)

Keep = Callable[[Call, I64, F64], None]
"""Told a call, rows of the batch and their values, float64 [k, aggregations, features]."""


@dataclass(frozen=True, eq=False)
class Order:
    """A call that a device runs for some rows.

    Attributes
    ----------
    call : Call
    family : OnDevice
    levels : Channel or None
    rows : ndarray int64 [k]
        Ascending.
    need : ndarray int64 [n]
        Bytes of device memory for each row of the batch, beside the batch itself.
    """

    call: Call
    family: OnDevice
    levels: Channel | None
    rows: I64
    need: I64


@dataclass
class Piece:
    """Rows first .. last - 1, and what is still to be done for them.

    Attributes
    ----------
    first, last : int
    left : list of (Order, ndarray int64)
        Orders and their rows among those of the piece. What the device has done is taken out of it.
    """

    first: int
    last: int
    left: list[tuple[Order, I64]]


@dataclass
class Offload:
    """What a device does of one `measure`.

    Attributes
    ----------
    orders : list of Order
    prepared : Prepared
    settings : Settings
    device : Device
    pieces : list of Piece
    errors : list of Exception
        Why the device left something.
    """

    orders: list[Order]
    prepared: Prepared
    settings: Settings
    device: Device
    pieces: list[Piece] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tasks(self, keep: Keep, advance: Callable[[], None]) -> list[pool.Task]:
        """One task for each stream; they share the pieces. `advance` is called once for each piece."""
        most, scratch = limit(self.device, self.settings)
        self.pieces = list(_pieces(self.orders, self.prepared, most))
        waiting = iter(self.pieces)

        def stream() -> None:
            with self._kept(), _named(self.device), self.device.stream():
                while True:
                    with self._lock:
                        piece = next(waiting, None)
                    if piece is None:
                        return
                    self._run(piece, scratch, keep)
                    advance()

        return [pool.Task(0.0, stream) for _ in range(min(STREAMS, len(self.pieces)))]

    def left(self) -> list[tuple[Order, I64]]:
        """Orders and rows that the device did not do."""
        return [item for piece in self.pieces for item in piece.left]

    def _run(self, piece: Piece, scratch: int, keep: Keep) -> None:
        """Do a piece's orders; an order that fails stays left."""
        part = _part_of(self.prepared, piece)
        residents: dict[str, Resident] = {}
        channels: dict[int, Channel] = {}
        geometry = self.prepared.geometry
        for order, rows in list(piece.left):
            image = order.call.image
            if image not in residents:
                residents[image] = Resident(self.device, part[image], scratch, next(iter(residents.values()), None))
            levels = order.levels and channels.setdefault(
                id(order.levels), order.levels.part(geometry, piece.first, piece.last)
            )
            with self._kept(), _named(self.device):
                call = order.call
                found = order.family.compute(residents[image], levels, rows - piece.first, call.settings, call.aggregations)
                keep(call, rows, found)
                piece.left.remove((order, rows))

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep the error of a device that fails: its work is left to others."""
        try:
            yield
        except (MemoryError, BackendError) as error:
            logger.debug("work left by the device", exc_info=True)
            with self._lock:
                self.errors.append(error)


def order(
    call: Call, levels: Channel | None, rows: I64, prepared: Prepared, settings: Settings, device: Device
) -> tuple[Order | None, I64]:
    """Split a call into the rows that the device measures and the rows that the CPU measures."""
    family = call.family.device
    if family is None:
        return None, rows
    need = family.need(prepared.batches[call.image], levels, call.settings, call.aggregations)
    fits = (need + resident_bytes(prepared))[rows] <= limit(device, settings)[0]
    return Order(call, family, levels, rows[fits], need), rows[~fits]


def resident_bytes(prepared: Prepared) -> I64:
    """Bytes of each row on a device, in all its image types, int64 [n]."""
    total: I64 = np.sum([work.resident_bytes(batch) for batch in prepared.batches.values()], axis=0, dtype=np.int64)
    return total


def limit(device: Device, settings: Settings) -> tuple[int, int]:
    """Bytes that one stream may hold on the device for a piece, and float64 for its kernels' scratch.

    Together they are the stream's part of the free memory, or of the settings' `memory` where that is less.
    """
    with _named(device):
        free = device.free_bytes()
    share = int(min(SHARE * free, settings.memory_bytes)) // STREAMS
    scratch = min(SCRATCH, share // 4 // 8)
    return share - 8 * scratch, scratch


@contextlib.contextmanager
def _named(device: Device) -> Iterator[None]:
    """Turn errors of CuPy, Numba and the driver into a BackendError; errors of our own code stay as they are."""
    try:
        yield
    except (MemoryError, VoxomicsError, *_OURS):
        raise
    except Exception as error:
        raise BackendError(f"{device.name} failed: {type(error).__name__}: {error}") from error


def _part_of(prepared: Prepared, piece: Piece) -> dict[str, VoiBatch]:
    """The rows of a piece in every image type; one geometry for all."""
    geometry = prepared.geometry.part(piece.first, piece.last)
    return {name: batch.part(piece.first, piece.last, geometry) for name, batch in prepared.batches.items()}


def _pieces(orders: list[Order], prepared: Prepared, most: int) -> Iterator[Piece]:
    """Pieces that take `most` bytes or less, each call's memory being free for the next.

    A large batch that would fit makes some pieces for each stream all the same.
    """
    size = np.zeros(len(prepared), np.int64)
    wanted = np.zeros(len(prepared), bool)
    for one in orders:
        size[one.rows] = np.maximum(size[one.rows], one.need[one.rows])
        wanted[one.rows] = True
    size += resident_bytes(prepared)
    most = min(most, max(PIECE, int(size[wanted].sum()) // (2 * STREAMS)))
    for part in work.parts(np.flatnonzero(wanted), [(size, most)]):
        # rows between that the device does not take are copied with the others, unless they stand apart
        ends = np.flatnonzero(np.diff(part) > 1)
        for rows in np.split(part, ends + 1) if size[part[0] : part[-1] + 1].sum() > most else [part]:
            first, last = int(rows[0]), int(rows[-1]) + 1
            mine = [(one, one.rows[np.searchsorted(one.rows, first) : np.searchsorted(one.rows, last)]) for one in orders]
            yield Piece(first, last, [(one, rows) for one, rows in mine if len(rows)])
