"""A run: images are read, processed, packed into batches and measured, and each image gives its rows.

The stages are generators, each over the one before. With several images they run side by side: while one batch is measured, the
next is packed and the images after it are read. A batch may hold VOIs of many images. Extraction from one image, from a list of
cases and from perturbed copies all are this run.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voxomics.engine import work
from voxomics.engine.backends import Backend
from voxomics.engine.batch import F64, I64, VoiBatch
from voxomics.engine.errors import text_of_bytes
from voxomics.engine.measure import measure
from voxomics.engine.plan import Plan
from voxomics.engine.prepare import Prepared, Refusal, View, Voi, build, find_vois, one_view
from voxomics.engine.remarks import remarks
from voxomics.engine.select import Labels, select
from voxomics.engine.settings import Settings
from voxomics.engine.stages import ahead
from voxomics.engine.table import explain
from voxomics.engine.volume import Image, MaskStack

logger = logging.getLogger("voxomics")

JOINED_VOXELS = 1 << 20
"""Voxels of VOIs after which a batch of several images is closed on the CPU. A device takes as many as memory allows."""
PART_VOXELS = 1 << 21
"""Voxels of one image's VOIs that are packed at a time on the CPU, for each thread.

Their intensities take 16 MB. The C library gives arrays above 32 MB back to the system at once, so that the next part would
pay for fresh pages again."""
_EMPTY = "no voxel has this label: the segment is empty, or too small for the new grid"


@dataclass(frozen=True)
class Case:
    """One image with its masks, not read yet.

    Attributes
    ----------
    key : object
        By which the caller knows it.
    read : callable
        ``read() -> (Image, MaskStack)``; called once, from any thread.
    labels : "all", int, str or sequence of them
        VOIs to measure.
    """

    key: Any
    read: Callable[[], tuple[Image, MaskStack]]
    labels: Labels = "all"


@dataclass(frozen=True)
class Recipe:
    """How every image of a run is measured.

    Attributes
    ----------
    settings : Settings
    plan : Plan
    backend : Backend
    threads : int
    prepare : callable
        ``prepare(image, masks, vois, settings) -> iterator of View and Refusal``: each VOI is in one of them.
    remarks : callable, optional
        ``remarks(batch) -> list of str``: one more remark on each VOI, "" for none.
    labels : "all", int, str or sequence of them
        VOIs to measure of a case that says "all".
    """

    settings: Settings
    plan: Plan
    backend: Backend
    threads: int
    prepare: Callable[[Image, MaskStack, Sequence[Voi], Any], Iterator[View | Refusal]] = one_view
    remarks: Callable[[VoiBatch], list[str]] | None = None
    labels: Labels = "all"


@dataclass
class Rows:
    """What one case gave.

    Attributes
    ----------
    case : Case
    image, mask : (str, str)
        Name and digest of each; "" where there is none.
    vois : list of Voi
    values : ndarray float64 [n, columns]
        Engine columns; NaN where `reason` says why.
    n_voxels, n_intensity : ndarray int64 [n]
        Voxels of each mask, and of the intensity mask.
    status, reason : list of str
    details : list of dict
        What the profile tells of each VOI, by column.
    remarks : tuple of str
        What a reader of the values should know of the image and of the mask.
    error : Exception, optional
        Why the whole case failed; it has no rows then.
    """

    case: Case
    image: tuple[str, str] = ("", "")
    mask: tuple[str, str] = ("", "")
    vois: list[Voi] = field(default_factory=list)
    values: F64 = field(default_factory=lambda: np.empty((0, 0)))
    n_voxels: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    n_intensity: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    status: list[str] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    details: list[dict[str, Any]] = field(default_factory=list)
    remarks: tuple[str, ...] = ()
    error: Exception | None = None


@dataclass
class _Part:
    """Some VOIs of a case, packed: rows[k] of the case is row k of `prepared`. `share` is how much of the case they are."""

    rows_of: Rows
    rows: I64
    prepared: Prepared | None
    share: float
    bytes: int = 0
    voxels: int = 0
    is_last: bool = False


def run(cases: Iterable[Case], recipe: Recipe, progress: Callable[[float], None] | None = None) -> Iterator[Rows]:
    """Measure cases.

    Parameters
    ----------
    cases : iterable of Case
        One sequence of one case is measured in the caller's thread; else images are read and packed ahead in threads.
    recipe : Recipe
    progress : callable, optional
        ``progress(done)``: how many cases, or parts of one, are done.

    Yields
    ------
    Rows
        In the order of the cases. A case that fails has an `error` and stops no other.
    """
    alone = isinstance(cases, Sequence) and len(cases) < 2
    opened = ahead(_opened(cases, recipe), 0 if alone else 1)
    batches = ahead(_batches(opened, recipe, 1 if alone else 3), 0 if alone else 1)
    with contextlib.closing(batches):
        yield from _each_measured(batches, recipe, progress)


def _each_measured(
    batches: Iterable[list[_Part]], recipe: Recipe, progress: Callable[[float], None] | None
) -> Iterator[Rows]:
    """Measure batches, and give the rows of every case that a batch completes."""
    done = share = 0.0

    def inner(fraction: float) -> None:
        assert progress is not None
        progress(done + fraction * share)

    for batch in batches:
        share = sum(part.share for part in batch)
        _measure(batch, recipe, inner if progress else None)
        done += share
        if progress:
            inner(0.0)
        for part in batch:
            part.prepared = None  # rows wait for their case, packed voxels need not
            if part.is_last:
                yield part.rows_of


@dataclass(frozen=True)
class _Opened:
    """A case that has been read: `todo` are the rows of `views`, those that have a voxel."""

    rows: Rows
    todo: I64 = field(default_factory=lambda: np.empty(0, np.int64))
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    views: Iterator[View | Refusal] = field(default_factory=lambda: iter(()))


def _opened(cases: Iterable[Case], recipe: Recipe) -> Iterator[_Opened]:
    """Read each case, and prepare its first view."""
    for case in cases:
        try:
            opened = _open(case, recipe)
        except Exception as error:  # noqa: BLE001 - the case's caller is told, and the other cases go on
            opened = _Opened(Rows(case, error=error))
        yield opened


def _open(case: Case, recipe: Recipe) -> _Opened:
    image, masks = case.read()
    asked = recipe.labels if isinstance(case.labels, str) and case.labels == "all" else case.labels
    vois = select(find_vois(masks, recipe.threads), asked, masks)
    n = len(vois)
    reason = ["" if voi.n_voxels else _EMPTY for voi in vois]
    rows = Rows(
        case=case,
        image=(image.name, image.digest),
        mask=(masks.name, masks.digest),
        vois=vois,
        values=np.full((n, len(recipe.plan.columns)), np.nan),
        n_voxels=np.array([voi.n_voxels for voi in vois], dtype=np.int64),
        n_intensity=np.zeros(n, np.int64),
        status=["failed" if text else "" for text in reason],
        reason=reason,
        details=[{} for _ in vois],
        remarks=(*image.remarks, *masks.remarks),
    )
    todo = np.array([k for k, text in enumerate(reason) if not text], dtype=np.int64)
    views = recipe.prepare(image, masks, [vois[k] for k in todo], recipe.settings) if len(todo) else iter(())
    first = list(itertools.islice(views, 1))
    return _Opened(rows, todo, image.spacing_mm, itertools.chain(first, views))


def _batches(cases: Iterable[_Opened], recipe: Recipe, in_memory: int) -> Iterator[list[_Part]]:
    """Parts of cases that are measured together; `in_memory` of these batches may be held at a time."""
    waiting: list[_Part] = []
    taken = voxels = 0
    most_voxels = np.inf if recipe.backend.device else JOINED_VOXELS
    for case in cases:
        columns = 8 * len(recipe.plan.columns) * len(case.rows.vois)
        memory = recipe.settings.memory_bytes
        limit = max(memory - columns, memory // 4) // (2 * in_memory)
        for part in _parts(case, recipe, limit):
            if waiting and (taken + part.bytes > limit or voxels + part.voxels > most_voxels):
                yield waiting
                waiting, taken, voxels = [], 0, 0
            waiting.append(part)
            taken, voxels = taken + part.bytes, voxels + part.voxels
    if waiting:
        yield waiting


def _parts(case: _Opened, recipe: Recipe, limit: float) -> Iterator[_Part]:
    """A case's VOIs, packed in parts of at most `limit` bytes, and an empty part that closes the case."""
    logger.info("measuring %d VOIs, %d columns, %d threads", len(case.todo), len(recipe.plan.columns), recipe.threads)
    try:
        for view in case.views:
            yield from _view_parts(view, case, recipe, limit)
    except Exception as error:  # noqa: BLE001 - as above
        case.rows.error = error
    yield _Part(case.rows, np.empty(0, np.int64), None, 0.0 if len(case.todo) else 1.0, is_last=True)


def _view_parts(view: View | Refusal, case: _Opened, recipe: Recipe, limit: float) -> Iterator[_Part]:
    """The VOIs of one view; those that cannot be measured get their reason."""
    rows = case.rows
    if isinstance(view, Refusal):
        k = case.todo[view.row]
        rows.status[k], rows.reason[k], rows.details[k] = "failed", view.reason, view.details
        return
    settings, own = recipe.settings, case.todo[view.rows]
    for k, details in zip(own, view.details, strict=False):
        rows.details[k] = details
    need = work.packed_bytes(view.vois, case.spacing_mm, settings, len(recipe.plan.columns))
    for k in np.flatnonzero(need > settings.memory_bytes):
        size = text_of_bytes(float(need[k]))
        rows.status[own[k]] = "failed"
        rows.reason[own[k]] = f"needs {size} to be packed, but the limit is {settings.memory}; raise `memory`"
    voxels = np.array([voi.n_voxels for voi in view.vois], dtype=np.int64)
    most_voxels = np.inf if recipe.backend.device else PART_VOXELS * recipe.threads
    fits = np.flatnonzero(need <= settings.memory_bytes)
    for some in work.parts(fits, [(need, limit), (voxels, most_voxels)]) if len(fits) else ():
        prepared = build(view.processed, view.masks, [view.vois[i] for i in some], settings, recipe.threads, view.kept)
        share = len(some) / len(case.todo)
        yield _Part(rows, own[some], prepared, share, int(need[some].sum()), int(voxels[some].sum()))


def _measure(batch: list[_Part], recipe: Recipe, progress: Callable[[float], None] | None) -> None:
    """Fill the rows of a batch's parts. An error is that of the part which raises it again when it is measured alone."""
    parts = [part for part in batch if part.prepared and not part.rows_of.error]
    if not parts:
        return
    try:
        prepared = Prepared.join([part.prepared for part in parts if part.prepared])
        found = measure(prepared, recipe.plan, recipe.settings, recipe.threads, progress, recipe.backend)
        noted = remarks(prepared, recipe.settings)
        own = recipe.remarks(next(iter(prepared.batches.values()))) if recipe.remarks else [""] * len(prepared)
    except Exception as error:  # noqa: BLE001 - as above
        if len(parts) == 1:
            parts[0].rows_of.error = error
            return
        for part in parts:
            _measure([part], recipe, progress)
        return
    status, reason = explain(found, recipe.plan)
    first = 0
    for part in parts:
        for place, k in enumerate(part.rows, start=first):
            texts = [reason[place], *noted[place], own[place], *part.rows_of.remarks]
            part.rows_of.status[k] = status[place]
            part.rows_of.reason[k] = "; ".join(filter(None, texts))
            if any(texts[1:]):
                logger.info("label %d: %s", part.rows_of.vois[k].value, part.rows_of.reason[k])
        last = first + len(part.rows)
        part.rows_of.values[part.rows] = found.values[first:last]
        part.rows_of.n_voxels[part.rows] = prepared.geometry.n_morphological[first:last]
        part.rows_of.n_intensity[part.rows] = prepared.geometry.n_intensity[first:last]
        first = last
