"""Run every family on a batch: chunks on the pool, refusals named, nothing lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import offload, plan, pool
from voxomics.engine.batch import F64, I64, Channel
from voxomics.engine.errors import VoxomicsError, text_of_bytes
from voxomics.engine.feature import UNCOUNTABLE
from voxomics.engine.prepare import Prepared, channel
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

logger = logging.getLogger("voxomics")

TEXTURES = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
_ANY_LEVEL = -(1 << 62)  # the intensity-volume histogram accepts levels of any sign


@dataclass
class Measured:
    """Values of a batch and why some are missing.

    Attributes
    ----------
    values : ndarray float64 [n, columns]
        NaN where undefined or refused.
    causes : dict (row, compute function, discretisation name) -> str
        Why a call gave no values for a VOI, where it is not the feature's own definition.
    failed : dict row -> str
        VOIs without any value, and why.
    """

    values: F64
    causes: dict[tuple[int, Callable[..., F64], str], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def measure(
    prepared: Prepared,
    calls: list[plan.Call],
    settings: Settings,
    threads: int,
    progress: Callable[[float], None] | None = None,
    device: Device | None = None,
) -> Measured:
    """All columns of a batch.

    Parameters
    ----------
    prepared : Prepared
    calls : list of Call
        From `plan.calls`; their targets are the columns.
    settings : Settings
    threads : int
    progress : callable, optional
        Told the fraction of the work that is done, from the caller's thread.
    device : Device, optional
        Does what it can, while the CPU does the rest.

    Returns
    -------
    Measured
    """
    batch = prepared.batch
    n_columns = sum(len(call.target) for call in calls)
    result = Measured(np.full((len(batch), n_columns), np.nan))
    _fail(prepared, settings, result)
    alive = np.array([i for i in range(len(batch)) if i not in result.failed], dtype=np.int64)
    large: list[pool.Task] = []
    small: list[pool.Task] = []
    orders: list[offload.Order] = []
    keep = _keeper(result)
    for call in calls:
        levels, refused = _channel_of(call, prepared, settings, threads)
        vois = _fit(call, alive, refused, prepared, settings, result)
        if device:
            order, vois = offload.order(call, levels, vois, batch, settings, device)
            orders += [order] if order else []
        need = call.family.need(batch, levels, settings, call.aggregations)
        too_large = need[vois] > settings.memory_bytes
        for i in vois[too_large]:
            _refuse(result, call, int(i), _too_large(int(need[i]), call, settings))
        share = settings.memory_bytes // threads
        for part in plan.chunks(vois[~too_large], need, batch.geometry.n_morphological, share):
            bag = large if need[part].sum() > share else small
            bag.append(_task(call, part, levels, prepared, settings, keep))
    done = _Done(progress)
    beside, pieces = offload.tasks(orders, batch, settings, device, keep, done.count) if device else ([], 0)
    done.total = len(large) + len(small) + pieces
    with ThreadPoolExecutor(1) as executor:
        on_device = executor.submit(pool.run, beside, offload.STREAMS) if beside else None
        pool.run(large, 1, done.advance)  # each of them may take the whole memory
        pool.run(small, threads, done.advance)
        while on_device and not on_device.done():
            wait([on_device], 0.1)
            done.tell()
    if on_device:
        on_device.result()
    done.tell()
    return result


class _Done:
    """How much of the work is done."""

    def __init__(self, progress: Callable[[float], None] | None) -> None:
        self.progress = progress
        self.total = self.finished = 0
        self.lock = threading.Lock()

    def count(self) -> None:
        """One piece more, from any thread."""
        with self.lock:
            self.finished += 1

    def tell(self) -> None:
        """Report, from the caller's thread."""
        if self.progress and self.total:
            self.progress(self.finished / self.total)

    def advance(self) -> None:
        """Both."""
        self.count()
        self.tell()


def _keeper(result: Measured) -> offload.Keep:
    """Runs computations from several threads and keeps their values, or why there are none."""
    lock = threading.Lock()

    def keep(call: plan.Call, part: I64, compute: Callable[[], F64]) -> None:
        try:
            found = compute()
        except (ArithmeticError, MemoryError, ValueError, VoxomicsError) as error:
            # a fault in one family must not cost the others; it is logged and named in the row, never turned into a number
            logger.exception("%s failed on %d VOIs", call.family.name, len(part))
            with lock:
                for i in part:
                    _refuse(result, call, int(i), f"{type(error).__name__}: {error}")
            return
        result.values[part[:, None], call.target] = found.reshape(len(part), -1)[:, call.source]

    return keep


def _task(
    call: plan.Call, part: I64, levels: Channel | None, prepared: Prepared, settings: Settings, keep: offload.Keep
) -> pool.Task:
    batch = prepared.batch

    def work() -> None:
        keep(call, part, lambda: call.family.compute(batch, levels, part, settings, call.aggregations))

    return pool.Task(float(batch.geometry.n_morphological[part].sum()), work)


def _refuse(result: Measured, call: plan.Call, i: int, text: str) -> None:
    result.causes[i, call.family.compute, call.discretisation.name if call.discretisation else ""] = text


def _channel_of(
    call: plan.Call, prepared: Prepared, settings: Settings, threads: int
) -> tuple[Channel | None, np.ndarray | None]:
    """The channel a call reads and why VOIs have no levels on it; the IVH's own channel is made here."""
    if call.discretisation is None:
        return None, None
    if call.family.channel == "ivh":
        return channel(prepared.batch, call.discretisation, settings, threads, _ANY_LEVEL, places=False)[:2]
    name = call.discretisation.name
    return prepared.batch.channels[name], prepared.refused[name]


def _fail(prepared: Prepared, settings: Settings, result: Measured) -> None:
    for i in np.flatnonzero(prepared.batch.geometry.n_morphological == 0):
        result.failed[int(i)] = "resampling left no voxel: the VOI is smaller than a new voxel; choose a finer spacing_mm"
    if settings.nonfinite == "exclude":
        return
    for i in np.flatnonzero(prepared.nonfinite):
        z, y, x = (int(v) for v in prepared.first_nonfinite[i])
        result.failed[int(i)] = (
            f"{prepared.nonfinite[i]} of {prepared.batch.geometry.n_morphological[i]} voxels are NaN or infinite, the first at "
            f"(z, y, x) = ({z}, {y}, {x}); repair the image, or set `nonfinite: exclude` to leave them out"
        )


def _fit(
    call: plan.Call, alive: I64, refused: np.ndarray | None, prepared: Prepared, settings: Settings, result: Measured
) -> I64:
    """VOIs a call can measure; the others get their cause."""
    batch = prepared.batch
    number = batch.geometry.n_intensity
    fit = np.ones(len(batch), bool)
    if call.family.channel != "mask":
        for i in alive[number[alive] == 0]:
            fit[i] = False
            _refuse(result, call, int(i), "re-segmentation left no voxel")
    if refused is not None and call.discretisation is not None:
        for i in alive[refused[alive] > 0]:
            fit[i] = False
            _refuse(result, call, int(i), _refusal(int(refused[i]), call.discretisation.name))
    if call.family.name in TEXTURES and settings.min_voxels_texture:
        for i in alive[fit[alive] & (number[alive] < settings.min_voxels_texture)]:
            fit[i] = False
            text = f"{number[i]} voxels are fewer than min_voxels_texture = {settings.min_voxels_texture}"
            _refuse(result, call, int(i), text)
    return alive[fit[alive]]


def _too_large(need: int, call: plan.Call, settings: Settings) -> str:
    if need >= UNCOUNTABLE:
        return "more voxels, or levels further apart, than can be counted exactly" + (
            "; choose fewer, wider bins" if call.discretisation else ""
        )
    size = text_of_bytes(1.005 * need)  # rounded up: "needs 12 GB, the limit is 12GB" would be no reason
    text = f"needs {size}, the limit is {settings.memory}; raise `memory`"
    return text + (" or choose fewer, wider bins" if call.discretisation else "")


def _refusal(code: int, name: str) -> str:
    from voxomics.kernels import pack

    return {
        pack.BELOW_ONE: f"intensities below 1 are no grey levels, which discretisation {name} needs; choose fbn, fbs or bounds",
        pack.NOT_INTEGER: f"intensities are not integers, which discretisation {name} needs; choose fbn, fbs or bounds",
        pack.TOO_MANY: f"more than {pack.MAX_PRESENT:,} grey levels present under {name}; choose fewer, wider bins",
        pack.TOO_WIDE: f"grey levels beyond 2^53 under {name}; choose wider bins",
    }[code]
