"""From an image and its masks to a VoiBatch: boxes, masks, re-segmentation, grey levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from voxomics.engine import pool
from voxomics.engine import resample as resampling
from voxomics.engine.batch import F64, I64, Channel, Geometry, VoiBatch
from voxomics.engine.errors import ResourceError, text_of_bytes
from voxomics.engine.settings import Discretisation, Settings
from voxomics.engine.volume import Image, MaskStack

_TABLE_VALUES = 1 << 20  # label values looked up in a table; larger ones are first replaced by their rank
_CHUNK = 1 << 18  # box voxels that one task packs


@dataclass(frozen=True)
class Voi:
    """One VOI found in a mask.

    Attributes
    ----------
    layer, value : int
        Which layer of the MaskStack, and the label value there.
    name : str
        Segment name, or "".
    n_voxels : int
    low, high : (int, int, int)
        Bounding box (z, y, x) in the layer, both ends inclusive.
    """

    layer: int
    value: int
    name: str
    n_voxels: int
    low: tuple[int, int, int]
    high: tuple[int, int, int]


def find_vois(mask: MaskStack) -> list[Voi]:
    """Every VOI of a mask in one pass over each layer: by layer, then by label value; declared segments that are empty last.

    Parameters
    ----------
    mask : MaskStack

    Returns
    -------
    list of Voi
    """
    from voxomics.kernels import pack

    found = []
    for layer, labels in enumerate(mask.layers):
        values, labels = _table_of_values(labels)
        slot = np.arange(-1, len(values) - 1, dtype=np.int64)
        number = np.zeros(max(len(slot), 1), np.int64)
        low = np.full((len(number), 3), np.iinfo(np.int64).max)
        high = np.full((len(number), 3), -1, dtype=np.int64)
        pack.survey(labels, slot, number, low, high)
        for s in np.flatnonzero(number):
            value = int(values[s + 1])
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), int(number[s]), _index(low[s]), _index(high[s])))
    seen = {(voi.layer, voi.value) for voi in found}
    for layer, value in mask.declared:
        if (layer, value) not in seen:
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), 0, (0, 0, 0), (-1, -1, -1)))
    return found


def _table_of_values(labels: np.ndarray) -> tuple[I64, np.ndarray]:
    """Values 0..max when a table of them is small, else the distinct values and the labels replaced by their ranks."""
    top = int(labels.max(initial=0))
    if top < _TABLE_VALUES:
        return np.arange(top + 1, dtype=np.int64), labels
    drawn = labels != 0
    values, ranks = np.unique(labels[drawn], return_inverse=True)
    ranked = np.zeros(labels.shape, np.int32)
    ranked[drawn] = ranks + 1
    return np.concatenate(([0], values)).astype(np.int64), ranked


def _index(row: I64) -> tuple[int, int, int]:
    return (int(row[0]), int(row[1]), int(row[2]))


@dataclass(frozen=True)
class Processed:
    """An image ready to be measured.

    Attributes
    ----------
    image : Image
    grid : Grid or None
        How it was resampled.
    old_shape : tuple of int
        Size (z, y, x) before that.
    """

    image: Image
    grid: resampling.Grid | None
    old_shape: tuple[int, ...]


@dataclass(frozen=True)
class Prepared:
    """A batch and what was noticed on the way.

    Attributes
    ----------
    batch : VoiBatch
    nonfinite : ndarray int64 [n]
        NaN or infinite voxels inside each drawn mask.
    first_nonfinite : ndarray int64 [n, 3]
        Image index (z, y, x) of the first of them.
    refused : dict str -> ndarray uint8 [n]
        Per discretisation name: kernels.pack.BELOW_ONE, NOT_INTEGER, TOO_MANY or TOO_WIDE where a VOI has no grey levels, else 0.
    below : dict str -> ndarray int64 [n]
        Per discretisation name: voxels under the origin of a fixed bin size, which took level 1.
    """

    batch: VoiBatch
    nonfinite: I64
    first_nonfinite: I64
    refused: dict[str, np.ndarray]
    below: dict[str, I64]


def process(image: Image, settings: Settings) -> Processed:
    """The image as it will be measured: on the new grid, rounded where asked for. Voxels that are not finite stay so.

    Parameters
    ----------
    image : Image
    settings : Settings

    Returns
    -------
    Processed

    Raises
    ------
    ResourceError
        The new grid does not fit the memory limit.
    """
    new = resampling.grid(image.array.shape, image.spacing_mm, settings.resampling)
    result = image
    if new:
        need = 8.0 * (prod(new.shape) + image.array.size)
        if need > settings.memory_bytes:
            raise ResourceError(
                f"resampling to {' × '.join(map(str, new.shape))} voxels needs {text_of_bytes(need)}, the limit is "
                f"{settings.memory}; raise `memory` or choose a coarser `resampling.spacing_mm`"
            )
        result = resampling.resample(image, new, settings.resampling)
    if settings.round_intensities and not np.issubdtype(result.array.dtype, np.integer):
        result = replace(result, array=np.rint(result.array))
    return Processed(result, new, image.array.shape)


def build(image: Image | Processed, mask: MaskStack, vois: Sequence[Voi], settings: Settings, threads: int = 1) -> Prepared:
    """Pack VOIs of one image: resampled, re-segmented, with one channel per discretisation.

    Parameters
    ----------
    image : Image or Processed
        The image as it was read; or, where several batches share it, as `process` made it.
    mask : MaskStack
        On the grid of the image as read (see MaskStack.corner).
    vois : sequence of Voi
        From `find_vois`, each with at least one voxel.
    settings : Settings
    threads : int

    Returns
    -------
    Prepared
    """
    from voxomics.kernels import pack

    processed = process(image, settings) if isinstance(image, Image) else image
    array = processed.image.array
    geometry = _marked(mask, vois, processed, settings, threads)
    n = len(vois)
    capacity = _offsets(geometry.n_morphological)
    values = np.empty(capacity[-1])
    kept = geometry.n_intensity
    nonfinite = np.zeros(n, np.int64)
    first = np.zeros((n, 3), np.int64)
    lower, upper = settings.resegmentation.range or (None, None)
    bounds = (-np.inf if lower is None else lower, np.inf if upper is None else upper)
    sigma = settings.resegmentation.outliers_sigma or 0.0
    g = geometry

    def collect_part(part: I64) -> None:
        pack.collect(
            array, g.corner, g.pad, g.start, g.shape, part, *bounds, sigma, g.region, values, capacity, kept,
            nonfinite, first,
        )  # fmt: skip

    _for_parts(np.diff(g.start), threads, collect_part)
    value_start = _offsets(kept)
    if value_start[-1] < capacity[-1]:
        closed = np.empty(value_start[-1])
        pack.compact(values, capacity, kept, closed, value_start)
        values = closed
    batch = VoiBatch(geometry, values, value_start, (array,))
    refused, below = {}, {}
    for chosen in dict.fromkeys((*settings.discretisation, *settings.for_histogram)):
        name = chosen.name
        batch.channels[name], refused[name], below[name] = channel(batch, chosen, settings, threads)
    return Prepared(batch, nonfinite, first, refused, below)


def _marked(mask: MaskStack, vois: Sequence[Voi], processed: Processed, settings: Settings, threads: int) -> Geometry:
    """Boxes on the prepared grid with the morphological mask in them; the intensity mask is still empty."""
    from voxomics.kernels import pack

    pad, n, chosen, new = settings.pad, len(vois), settings.resampling, processed.grid
    origin = np.array(mask.corner)
    low = np.array([voi.low for voi in vois], dtype=np.int64).reshape(n, 3) + origin
    high = np.array([voi.high for voi in vois], dtype=np.int64).reshape(n, 3) + origin
    if new:  # every new voxel within one old voxel of the box may take part of it, and at the image's edge every one beyond
        step, offset, size = np.array(new.step), np.array(new.offset), np.array(processed.old_shape)
        low = np.where(low == 0, 0, np.maximum(np.ceil((low - 1 - offset) / step), 0)).astype(np.int64)
        last = np.array(new.shape) - 1
        high = np.where(high == size - 1, last, np.minimum(np.floor((high + 1 - offset) / step), last)).astype(np.int64)
    shape = (high - low + 1 + 2 * pad).astype(np.int32)
    corner = (low - pad).astype(np.int32)
    start = _offsets(shape.astype(np.int64).prod(1))
    region = np.zeros(start[-1], np.uint8)
    layer = np.array([voi.layer for voi in vois], dtype=np.int64)
    value = np.array([voi.value for voi in vois], dtype=np.int64)
    number = np.zeros(n, np.int64) if new else np.array([voi.n_voxels for voi in vois], dtype=np.int64)

    def mark_part(part: I64) -> None:
        for index, labels in enumerate(mask.layers):
            some = part[layer[part] == index]
            if new:
                pack.mark_resampled(
                    labels, origin, size, value, offset, step, chosen.mask_threshold, chosen.mask == "nearest", corner, pad,
                    start, shape, some, region, number,
                )  # fmt: skip
            else:
                pack.mark(labels, value, (corner - origin).astype(np.int32), pad, start, shape, some, region)

    _for_parts(np.diff(start), threads, mark_part)
    spacing = np.array([processed.image.spacing_mm])
    return Geometry(region, start, shape, corner, value, pad, np.zeros(n, np.int32), spacing, number, np.zeros(n, np.int64))


def channel(
    batch: VoiBatch, chosen: Discretisation, settings: Settings, threads: int = 1, level_min: int = 1, places: bool = True
) -> tuple[Channel, np.ndarray, I64]:
    """Grey levels of a batch under one discretisation; the geometry is only read.

    Parameters
    ----------
    batch : VoiBatch
    chosen : Discretisation
    settings : Settings
        Its re-segmentation range is the origin of a fixed bin size that names none.
    threads : int
    level_min : int
        Lowest level accepted.
    places : bool
        Whether Channel.level is wanted.

    Returns
    -------
    Channel
    refused : ndarray uint8 [n]
        Why a VOI has no levels (see Prepared.refused); 0 where it has.
    below : ndarray int64 [n]
        See Prepared.below.
    """
    from voxomics.kernels import pack

    n = len(batch)
    method = {"fbn": pack.FBN, "fbs": pack.FBS, "bounds": pack.BOUNDS, "none": pack.NONE}[chosen.method]
    origin = chosen.origin if chosen.origin is not None else (settings.resegmentation.range or (None,))[0]
    size = len(batch.value)
    rank, levels, number = np.empty(size, np.uint16), np.empty(size, np.int64), np.empty(size, np.int64)
    n_present, n_nominal, below = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    refused, spread = np.zeros(n, np.uint8), np.zeros(n, np.bool_)

    def discretise_part(part: I64) -> None:
        pack.discretise(
            batch.value, batch.value_start, part, method, chosen.bins or 0, chosen.width or 0.0,
            np.nan if origin in (None, "minimum") else float(origin), chosen.low or 0.0, chosen.high or 0.0, level_min,
            rank, levels, number, n_present, n_nominal, below, refused, spread,
        )  # fmt: skip

    _for_parts(np.diff(batch.value_start), threads, discretise_part)
    for i in np.flatnonzero(spread):  # rare: levels millions apart
        own = slice(batch.value_start[i], batch.value_start[i + 1])
        present, ranks, counts = np.unique(levels[own], return_inverse=True, return_counts=True)
        if len(present) > pack.MAX_PRESENT:
            refused[i] = pack.TOO_MANY
            continue
        n_present[i] = len(present)
        rank[own] = ranks + 1
        levels[own][: len(present)] = present
        number[own][: len(present)] = counts
    level_start = _offsets(n_present)
    level_of, count = np.empty(level_start[-1], np.int64), np.empty(level_start[-1], np.int64)
    pack.compact(levels, batch.value_start, n_present, level_of, level_start)
    pack.compact(number, batch.value_start, n_present, count, level_start)
    level = _placed(batch, rank, n_present, threads) if places else np.empty(0, np.uint8)
    return Channel(level, level_of, level_start, count, n_nominal), refused, below


def _placed(batch: VoiBatch, rank: np.ndarray, n_present: I64, threads: int) -> np.ndarray:
    """Channel.level from the voxels' ranks, in the smallest type that holds them."""
    from voxomics.kernels import pack

    g = batch.geometry
    level = np.zeros(len(g.region), np.uint8 if n_present.max(initial=0) < 256 else np.uint16)

    def scatter_part(part: I64) -> None:
        pack.scatter(g.region, g.start, part, rank, batch.value_start, n_present, level)

    _for_parts(np.diff(g.start), threads, scatter_part)
    return level


def _offsets(sizes: I64 | F64) -> I64:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)))


def _for_parts(cost: I64, threads: int, call: Callable[[I64], None]) -> None:
    """Call with the indices of VOIs in parts of about _CHUNK cost, on the pool."""
    part_of = np.cumsum(cost) // _CHUNK
    parts = np.split(np.arange(len(cost)), np.flatnonzero(np.diff(part_of)) + 1) if len(cost) else []
    pool.run([pool.Task(float(cost[part].sum()), lambda part=part: call(part)) for part in parts], threads)  # type: ignore[misc]
