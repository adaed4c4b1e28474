"""Measure every call on packed VOIs, in chunks on the thread pool and on a device.

Every missing value has a reason.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import magnitude, offload, pool, work
from voxomics.engine.backends import Backend
from voxomics.engine.batch import F64, I64, Channel
from voxomics.engine.discretise import channel
from voxomics.engine.errors import BackendError, VoxomicsError, text_of_bytes
from voxomics.engine.feature import UNCOUNTABLE
from voxomics.engine.plan import Call, Plan
from voxomics.engine.prepare import Prepared
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

logger = logging.getLogger("voxomics")

_ANY_LEVEL = -(1 << 62)  # the intensity-volume histogram accepts levels of any sign
_CPU = Backend("cpu", None)


@dataclass
class Measured:
    """Values of packed VOIs, and the reasons for missing ones.

    Attributes
    ----------
    values : ndarray float64 [n, columns]
        NaN where undefined or refused.
    causes : dict (row, number of the call) -> str
        Why a call gave no values for a VOI, where it is not the feature's own definition.
    failed : dict row -> str
        VOIs without any value, and why.
    """

    values: F64
    causes: dict[tuple[int, int], str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def refuse(self, call: Call, rows: I64, text: Callable[[int], str]) -> None:
        """Store the reason why a call has no values for some rows; ``text(row)`` is that of a row."""
        for i in rows.tolist():
            self.causes[i, call.number] = text(i)


def measure(
    prepared: Prepared,
    plan: Plan,
    settings: Settings,
    threads: int,
    progress: Callable[[float], None] | None = None,
    backend: Backend = _CPU,
) -> Measured:
    """All columns of packed VOIs.

    Parameters
    ----------
    prepared : Prepared
    plan : Plan
    settings : Settings
    threads : int
    progress : callable, optional
        Told the fraction of the work that is done, from the caller's thread.
    backend : Backend
        Its device does what it can, while the CPU does the rest.

    Returns
    -------
    Measured

    Raises
    ------
    BackendError
        The device failed, and it was asked for by name.
    Exception
        What a programming error in a family raises.
    """
    result = Measured(np.full((len(prepared), len(plan.columns)), np.nan))
    _fail(prepared, settings, result)
    alive = np.arange(len(prepared))
    if result.failed:
        alive = np.delete(alive, list(result.failed))
    jobs: list[_Job] = []
    orders: list[offload.Order] = []
    device = backend.device  # once: it may be lost meanwhile
    sound = _are_sound(prepared, settings)
    for call in plan.calls:
        levels, refused = _channel_of(call, prepared, settings, threads)
        some_refused = refused is not None and np.count_nonzero(refused) > 0
        vois = alive if sound and not some_refused else _fit(call, alive, refused, prepared, settings, result)
        if device:
            order, vois = _ordered(call, levels, vois, prepared, settings, backend, device)
            orders += [order] if order else []
        jobs.append(_Job(call, levels, vois))
    done = _Done(progress)
    run = _Run(prepared, settings, threads, result, done)
    left = _beside(run, jobs, offload.Offload(orders, prepared, settings, device), backend) if device and orders else jobs
    run.on_cpu(left)
    return result


def _ordered(
    call: Call, levels: Channel | None, vois: I64, prepared: Prepared, settings: Settings, backend: Backend, device: Device
) -> tuple[offload.Order | None, I64]:
    """Split a call into what the backend's device measures and the rows that the CPU measures."""
    try:
        return offload.order(call, levels, vois, prepared, settings, device)
    except BackendError as error:
        backend.failed(error)
        return None, vois


def _beside(run: _Run, jobs: list[_Job], given: offload.Offload, backend: Backend) -> list[_Job]:
    """Run the orders on the device while the CPU runs the jobs; return jobs for what the device has not done."""
    with ThreadPoolExecutor(1) as executor:
        try:
            tasks = given.tasks(run.keep, run.done.count)
        except BackendError as error:
            backend.failed(error)
            return [*jobs, *(_Job(order.call, order.levels, order.rows) for order in given.orders)]
        on_device = executor.submit(pool.run, tasks, offload.STREAMS)
        run.on_cpu(jobs, len(given.pieces))
        while not on_device.done():
            wait([on_device], 0.1)
            run.done.tell()
    on_device.result()
    for failure in given.errors:
        backend.failed(failure)
    return [_Job(order.call, order.levels, rows) for order, rows in given.left()]


@dataclass(frozen=True)
class _Job:
    """A call and the rows that the CPU measures."""

    call: Call
    levels: Channel | None
    vois: I64


class _Done:
    """Progress of the work."""

    def __init__(self, progress: Callable[[float], None] | None) -> None:
        self.progress = progress
        self.total = self.finished = 0
        self.lock = threading.Lock()

    def count(self) -> None:
        """Count one more finished piece; called from any thread."""
        with self.lock:
            self.finished += 1

    def tell(self) -> None:
        """Report the progress; called from the caller's thread."""
        if self.progress and self.total:
            self.progress(min(self.finished / self.total, 1.0))

    def advance(self) -> None:
        """Count one more finished piece and report the progress; called from the caller's thread."""
        self.count()
        self.tell()


@dataclass(frozen=True)
class _Run:
    """What the pieces of one `measure` share."""

    prepared: Prepared
    settings: Settings
    threads: int
    result: Measured
    done: _Done

    def on_cpu(self, jobs: list[_Job], pieces: int = 0) -> None:
        """Measure on the pool: first, one by one, what may take the whole memory; then the rest side by side.

        `pieces` are what a device does meanwhile.
        """
        large: list[pool.Task] = []
        jobs = [job for job in jobs if len(job.vois)]
        needs = [self._need(job) for job in jobs]
        if self._fit_together(needs):
            small = [self._task(job, job.vois, 0.0) for job in jobs]  # all of about the same cost
        else:
            large, small = self._cut(jobs, needs)
        self.done.total += len(large) + len(small) + pieces
        advance = self.done.advance if self.done.progress else None
        pool.run(large, self.threads, advance, one_by_one=True)
        pool.run(small, self.threads, advance)
        self.done.tell()

    @property
    def share(self) -> int:
        """Bytes that one of several parts measured side by side may take."""
        return self.settings.memory_bytes // self.threads

    def _need(self, job: _Job) -> I64:
        call = job.call
        return call.family.need(self.prepared.batches[call.image], job.levels, call.settings, call.aggregations)

    def _fit_together(self, needs: list[I64]) -> bool:
        """Whether the whole batch may be one part of every call, as it is for a few small VOIs."""
        if not needs or np.add.reduce(self.prepared.geometry.n_morphological) > work.CHUNK_VOXELS:
            return False
        return bool(np.add.reduce(np.maximum.reduce(needs), dtype=np.float64) <= self.share)

    def _cut(self, jobs: list[_Job], needs: list[I64]) -> tuple[list[pool.Task], list[pool.Task]]:
        """Parts of jobs: those of one VOI that takes more than its share of the memory, and the others."""
        large: list[pool.Task] = []
        small: list[pool.Task] = []
        voxels = self.prepared.geometry.n_morphological
        for job, need in zip(jobs, needs, strict=True):
            for part in self._parts(job, need):
                bag = large if len(part) == 1 and need[part[0]] > self.share else small
                bag.append(self._task(job, part, float(np.add.reduce(voxels[part]))))
        return large, small

    def _parts(self, job: _Job, need: I64) -> Iterator[I64]:
        """Parts of a job that fit; what fits nowhere is refused."""
        vois, memory = job.vois, self.settings.memory_bytes
        fits = need[vois] <= memory
        if not fits.all():
            self.result.refuse(job.call, vois[~fits], _too_large(need, job.call, self.settings))
            vois = vois[fits]
        voxels = self.prepared.geometry.n_morphological
        return work.parts(vois, ((need, self.share), (voxels, work.CHUNK_VOXELS)))

    def _task(self, job: _Job, part: I64, cost: float) -> pool.Task:
        """One chunk of a call. What the data cause is named in its rows; anything else is a fault of ours, and raises."""
        call, batch = job.call, self.prepared.batches[job.call.image]

        def compute() -> None:
            try:
                self.keep(call, part, call.family.compute(batch, job.levels, part, call.settings, call.aggregations))
            except (MemoryError, VoxomicsError) as error:
                logger.exception("%s could not be measured on %d VOIs", call.family.name, len(part))
                with self.done.lock:
                    said = f"{type(error).__name__}: {error}"
                    self.result.refuse(call, part, lambda i: said)

        return pool.Task(cost, compute)

    def keep(self, call: Call, rows: I64, found: F64) -> None:
        """Put a call's values, float64 [k, aggregations, features], into their columns."""
        from voxomics.kernels.columns import put

        magnitude.mend(call.family, self.prepared.batches[call.image], rows, call.settings, found)
        put(found.reshape(len(rows), -1), call.source, rows, call.target, self.result.values)


def _channel_of(
    call: Call, prepared: Prepared, settings: Settings, threads: int
) -> tuple[Channel | None, np.ndarray | None]:
    """The channel a call reads and why VOIs have no levels on it; the IVH's own channel is made here."""
    if call.discretisation is None:
        return None, None
    batch, name = prepared.batches[call.image], call.discretisation.name
    if call.family.channel == "ivh":
        sound = (prepared.derived_nonfinite[call.image] == 0).nonzero()[0]
        return channel(batch, call.discretisation, settings, threads, _ANY_LEVEL, places=False, rows=sound)[:2]
    return batch.channels[name], prepared.refused[call.image, name]


def _fail(prepared: Prepared, settings: Settings, result: Measured) -> None:
    g = prepared.geometry
    for i in (g.n_morphological == 0).nonzero()[0]:
        result.failed[int(i)] = (
            "no voxel is left after resampling: the VOI is smaller than a new voxel; choose a finer spacing_mm"
        )
    if settings.nonfinite == "exclude":
        return
    for i in prepared.nonfinite.nonzero()[0]:
        z, y, x = (int(v) for v in prepared.first_nonfinite[i])
        result.failed[int(i)] = (
            f"{prepared.nonfinite[i]} of {g.n_morphological[i]} voxels are NaN or infinite, the first at "
            f"(z, y, x) = ({z}, {y}, {x}); repair the image, or set `nonfinite: exclude` to leave them out"
        )


def _are_sound(prepared: Prepared, settings: Settings) -> bool:
    """Whether no call need leave a VOI out for its number of voxels or for values that are not finite."""
    few = np.count_nonzero(prepared.geometry.n_intensity < max(1, settings.min_voxels_texture))
    return not few and not any(np.count_nonzero(lost) for lost in prepared.derived_nonfinite.values())


def _fit(
    call: Call, alive: I64, refused: np.ndarray | None, prepared: Prepared, settings: Settings, result: Measured
) -> I64:
    """VOIs that a call can measure; for the others the reason is stored."""
    for wrong, text in _obstacles(call, refused, prepared, settings):
        if np.count_nonzero(wrong):
            hit = wrong[alive]
            result.refuse(call, alive[hit], text)
            alive = alive[~hit]
    return alive


def _obstacles(
    call: Call, refused: np.ndarray | None, prepared: Prepared, settings: Settings
) -> Iterator[tuple[np.ndarray, Callable[[int], str]]]:
    """What keeps a call from measuring VOIs: whether it does, bool [n], and the reason of a row."""
    number, lost, absent = prepared.geometry.n_intensity, prepared.derived_nonfinite[call.image], prepared.absent[call.image]
    if call.family.channel != "mask":
        yield number == 0, lambda i: "no voxel is left after re-segmentation"
        yield lost > 0, lambda i: absent[i] or f"{lost[i]} values of the {call.image} image are NaN or infinite"
    if refused is not None and call.discretisation is not None:
        name = call.discretisation.name
        yield refused > 0, lambda i: _refusal(int(refused[i]), name)
    least = settings.min_voxels_texture
    if call.family.is_texture and least:
        yield number < least, lambda i: f"{number[i]} voxels, fewer than min_voxels_texture = {least}"


def _too_large(need: I64, call: Call, settings: Settings) -> Callable[[int], str]:
    """Why a call is not measured on a VOI that needs too much memory: the text of a row."""
    advice = "choose fewer, wider bins" if call.discretisation else ""

    def text(i: int) -> str:
        if need[i] >= UNCOUNTABLE:
            said = "too many voxels, or grey levels too far apart, to be counted exactly"
            return "; ".join(filter(None, (said, advice)))
        size = text_of_bytes(1.005 * need[i])  # rounded up: "needs 12 GB, but the limit is 12GB" would be no reason
        return " or ".join(filter(None, (f"needs {size}, but the limit is {settings.memory}; raise `memory`", advice)))

    return text


def _refusal(code: int, name: str) -> str:
    from voxomics.kernels.pack import levels

    scaled = "choose fbn, fbs or bounds"
    return {
        levels.BELOW_ONE: f"discretisation {name} needs grey levels ≥ 1, but there are lower values; {scaled}",
        levels.NOT_INTEGER: f"discretisation {name} needs integer intensities; {scaled}",
        levels.TOO_MANY: f"more than {levels.MAX_PRESENT:,} grey levels present under {name}; choose fewer, wider bins",
        levels.TOO_WIDE: f"grey levels beyond 2^53 under {name}; choose wider bins",
    }[code]
