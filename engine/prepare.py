"""From an image and its masks to packed VOIs: boxes, masks, re-segmentation, intensities, grey levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from voxomics.engine import images, pool
from voxomics.engine.batch import I64, Geometry, Surroundings, VoiBatch, offsets
from voxomics.engine.discretise import channel
from voxomics.engine.errors import ResourceError, text_of_bytes
from voxomics.engine.families import FAMILIES
from voxomics.engine.process import Processed, process
from voxomics.engine.settings import Settings
from voxomics.engine.slabs import SLAB_VOXELS, Slabs, cut
from voxomics.engine.volume import Image, MaskStack, exchanged
from voxomics.engine.work import PACKED_VOXELS

_TABLE_VALUES = 1 << 20  # label values looked up in a table; larger ones are first replaced by their rank


class Voi(NamedTuple):
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

    def turned(self, axis: int) -> Voi:
        """The VOI in a mask of which axis 0 and `axis` were exchanged."""
        return self._replace(low=exchanged(self.low, axis), high=exchanged(self.high, axis))


def find_vois(mask: MaskStack, threads: int = 1) -> list[Voi]:
    """Find every VOI of a mask in one pass over each layer, ordered by layer and label value; empty segments come last.

    Parameters
    ----------
    mask : MaskStack
    threads : int

    Returns
    -------
    list of Voi
    """
    found = []
    for layer, labels in enumerate(mask.layers):
        values, labels = _table_of_values(labels)
        number, low, high = _surveyed(labels, len(values), threads)
        there = number.nonzero()[0]
        lists = (a[there].tolist() for a in (values[1:], number, low, high))
        for value, n, (a, b, c), (d, e, f) in zip(*lists, strict=True):
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), n, (a, b, c), (d, e, f)))
    seen = {(voi.layer, voi.value) for voi in found} if mask.declared else set()
    for layer, value in mask.declared:
        if (layer, value) not in seen:
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), 0, (0, 0, 0), (-1, -1, -1)))
    return found


def _surveyed(labels: np.ndarray, n_values: int, threads: int) -> tuple[I64, I64, I64]:
    """Voxels of each label from 1 on, int64 [labels], and its lowest and highest index (z, y, x), int64 [labels, 3]."""
    from voxomics.kernels.pack import masks

    words, slot, nz = _words(labels), np.arange(-1, n_values - 1, dtype=np.int64), labels.shape[0]
    n = max(n_values - 1, 1)
    # every part keeps a table of all labels
    parts = 1 if threads == 1 or labels.size < 32 * SLAB_VOXELS + 64 * threads * n else min(4 * threads, nz)
    ends = [k * nz // parts for k in range(parts + 1)]
    number = np.zeros((parts, n), np.int64)
    low, high = np.full((parts, n, 3), np.iinfo(np.int64).max), np.full((parts, n, 3), -1, dtype=np.int64)

    def survey_part(k: int) -> None:
        own = slice(ends[k], ends[k + 1])
        masks.survey(labels[own], words[own], slot, number[k], low[k], high[k])
        some = number[k] > 0
        low[k, some, 0] += ends[k]
        high[k, some, 0] += ends[k]

    if parts == 1:
        masks.survey(labels, words, slot, number[0], low[0], high[0])
        return number[0], low[0], high[0]
    pool.run([pool.Task(1.0, partial(survey_part, k)) for k in range(parts)], threads)
    return number.sum(0), low.min(0), high.max(0)


def _table_of_values(labels: np.ndarray) -> tuple[I64, np.ndarray]:
    """Values 0..max when a table of them is small, else the distinct values and the labels replaced by their ranks."""
    top = int(labels.max(initial=0))
    if top < _TABLE_VALUES:
        return np.arange(top + 1), labels
    drawn = labels != 0
    values, ranks = np.unique(labels[drawn], return_inverse=True)
    ranked = np.zeros(labels.shape, np.int32)
    ranked[drawn] = ranks + 1
    return np.concatenate(([0], values)).astype(np.int64), ranked


def _words(labels: np.ndarray) -> np.ndarray:
    """Rows of labels as words of 8 bytes, uint64 [z, y, w]; w = 0 where they are no whole words in a row."""
    if labels.flags.c_contiguous and labels.shape[2] * labels.itemsize % 8 == 0:
        words = labels.view(np.uint64)
        if words.flags.aligned:
            return words
    return np.empty((*labels.shape[:2], 0), np.uint64)


@dataclass(frozen=True)
class View:
    """Some VOIs of a case, and what they are measured on.

    Attributes
    ----------
    rows : ndarray int64 [k]
        Which of the case's VOIs they are.
    vois : sequence of Voi
        The same as they lie in `masks`.
    processed : Processed
    masks : MaskStack
        On the grid that the image had before `processed` resampled it.
    kept : MaskStack, optional
        Voxels whose intensities count, beside settings.resegmentation; layer by layer as `masks`. None: all.
    details : tuple of dict
        What a profile tells of each VOI, by column of the table; () for nothing.
    """

    rows: I64
    vois: Sequence[Voi]
    processed: Processed
    masks: MaskStack
    kept: MaskStack | None = None
    details: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A VOI of a case that a profile does not measure: row number, why, and what it tells of it all the same."""

    row: int
    reason: str
    details: dict[str, Any]


def one_view(image: Image, masks: MaskStack, vois: Sequence[Voi], settings: Settings) -> Iterator[View]:
    """All VOIs of a case on one image: the standard's way."""
    yield View(np.arange(len(vois), dtype=np.int64), vois, process(image, settings), masks)


@dataclass(frozen=True)
class Prepared:
    """Packed VOIs, and what was found while they were prepared.

    Attributes
    ----------
    batches : dict str -> VoiBatch
        By image type. All share one geometry.
    nonfinite : ndarray int64 [n]
        NaN or infinite voxels of the base image inside each drawn mask.
    first_nonfinite : ndarray int64 [n, 3]
        Image index (z, y, x) of the first of them.
    derived_nonfinite : dict str -> ndarray int64 [n]
        By image type: NaN or infinite values in the intensity mask, which only a derived image can have.
    absent : dict str -> tuple of n str
        By image type: why the image of a VOI has none of this type; "" where it has.
    refused : dict (str, str) -> ndarray uint8 [n]
        By image type and discretisation name: BELOW_ONE, NOT_INTEGER, TOO_MANY or TOO_WIDE of kernels/pack/levels.py where a
        VOI has no grey levels, else 0.
    below : dict (str, str) -> ndarray int64 [n]
        By image type and discretisation name: voxels under the origin of a fixed bin size, which took level 1.
    """

    batches: dict[str, VoiBatch]
    nonfinite: I64
    first_nonfinite: I64
    derived_nonfinite: dict[str, I64]
    absent: dict[str, tuple[str, ...]]
    refused: dict[tuple[str, str], np.ndarray]
    below: dict[tuple[str, str], I64]

    def __len__(self) -> int:
        return len(self.nonfinite)

    @cached_property
    def geometry(self) -> Geometry:
        """Where the voxels lie, in every image type."""
        return next(iter(self.batches.values())).geometry

    @classmethod
    def join(cls, parts: Sequence[Prepared]) -> Prepared:
        """The VOIs of several images, packed under the same settings, in their order."""
        if len(parts) == 1:
            return parts[0]
        geometry = Geometry.join([part.geometry for part in parts])
        first = parts[0]
        return cls(
            {name: VoiBatch.join([part.batches[name] for part in parts], geometry) for name in first.batches},
            np.concatenate([part.nonfinite for part in parts]),
            np.concatenate([part.first_nonfinite for part in parts]),
            {name: np.concatenate([part.derived_nonfinite[name] for part in parts]) for name in first.derived_nonfinite},
            {name: tuple(chain.from_iterable(part.absent[name] for part in parts)) for name in first.absent},
            {key: np.concatenate([part.refused[key] for part in parts]) for key in first.refused},
            {key: np.concatenate([part.below[key] for part in parts]) for key in first.below},
        )


def build(
    image: Image | Processed, mask: MaskStack, vois: Sequence[Voi], settings: Settings, threads: int = 1,
    kept: MaskStack | None = None,
) -> Prepared:  # fmt: skip
    """Pack VOIs of one image: resampled, re-segmented, with a batch per image type and a channel per discretisation.

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
    kept : MaskStack, optional
        See `View.kept`.

    Returns
    -------
    Prepared
    """
    processed = process(image, settings) if isinstance(image, Image) else image
    derived = images.derived(processed.image, settings, threads)
    axis = "zyx".index(settings.slice_axis)
    if axis:
        processed, mask, vois = processed.turned(axis), mask.turned(axis), [voi.turned(axis) for voi in vois]
        kept = kept and kept.turned(axis)
    geometry = _marked(mask, vois, processed, settings, threads)
    boxes = _boxes(geometry, settings, threads)
    nonfinite, first, number = _resegmented(geometry, boxes, processed.image, settings, threads)
    first[:, [0, axis]] = first[:, [axis, 0]]
    if kept:
        _keep(geometry, boxes, kept, vois, threads, number)
    prepared = Prepared({}, nonfinite, first, {}, {}, {}, {})
    settings_of = settings.by_image
    for name, one in derived:
        own = settings_of[name]
        if isinstance(one, Image):
            one = one.turned(axis) if axis else one
            batch, prepared.derived_nonfinite[name] = _gathered(geometry, boxes, number, one, own, threads)
            prepared.absent[name], dtype = ("",) * len(vois), one.array.dtype
        else:
            batch, prepared.derived_nonfinite[name] = _missing(geometry, processed.image, own)
            prepared.absent[name], dtype = (one,) * len(vois), np.dtype(np.float64)
        prepared.batches[name] = batch
        _check_held(prepared, settings)
        sound = (prepared.derived_nonfinite[name] == 0).nonzero()[0]
        for chosen in dict.fromkeys((*own.discretisation, *own.for_histogram)):
            key = name, chosen.name
            found = channel(batch, chosen, own, threads, rows=sound, dtype=dtype)
            batch.channels[chosen.name], prepared.refused[key], prepared.below[key] = found
    return prepared


def _boxes(geometry: Geometry, settings: Settings, threads: int) -> Slabs:
    """Boxes that are filled side by side: slabs of huge VOIs; whole ones where outliers depend on all their voxels."""
    g = geometry
    return cut(g.start, g.shape, g.corner, g.pad, 1 if settings.resegmentation.outliers_sigma else threads)


def _resegmented(
    geometry: Geometry, boxes: Slabs, image: Image, settings: Settings, threads: int
) -> tuple[I64, I64, I64]:
    """Set the intensity mask; voxels that are not finite, where the first is, and how many voxels each box keeps."""
    from voxomics.kernels.pack import intensities

    g, n = geometry, len(boxes.row)
    kept, nonfinite, first = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((n, 3), np.int64)
    lower, upper = settings.resegmentation.range or (None, None)
    bounds = (-np.inf if lower is None else lower, np.inf if upper is None else upper)
    sigma = settings.resegmentation.outliers_sigma or 0.0

    def one_part(part: I64) -> None:
        intensities.resegment(
            image.array, boxes.corner, g.pad, boxes.start, boxes.shape, part, *bounds, sigma, g.region, kept, nonfinite,
            first,
        )  # fmt: skip

    pool.for_parts(boxes.voxels, PACKED_VOXELS, threads, one_part)
    g.n_intensity[:] = boxes.of_vois(kept)
    return boxes.of_vois(nonfinite), boxes.first_of(first, nonfinite), kept


def _keep(geometry: Geometry, boxes: Slabs, kept: MaskStack, vois: Sequence[Voi], threads: int, number: I64) -> None:
    """Leave of the intensity mask of each VOI what lies in another mask too; `number` is how many voxels each box keeps."""
    from voxomics.kernels.pack import masks

    g = geometry
    layer = np.array([voi.layer for voi in vois], dtype=np.int64)[boxes.row]
    label, corner = g.label[boxes.row], (boxes.corner - np.array(kept.corner)).astype(np.int32)

    def one_part(part: I64) -> None:
        for index, labels in enumerate(kept.layers):
            some = part[layer[part] == index]
            masks.keep(labels, label, corner, g.pad, boxes.start, boxes.shape, some, g.region, number)

    pool.for_parts(boxes.voxels, PACKED_VOXELS, threads, one_part)
    g.n_intensity[:] = boxes.of_vois(number)


def _gathered(
    geometry: Geometry, boxes: Slabs, kept: I64, image: Image, settings: Settings, threads: int
) -> tuple[VoiBatch, I64]:
    """The intensities of one image type, and how many of each VOI's are not finite; `kept` are each box's voxels."""
    from voxomics.kernels.pack import intensities

    g = geometry
    start = offsets(kept)
    values, nonfinite = np.empty(start[-1]), np.zeros(len(boxes.row), np.int64)

    def one_part(part: I64) -> None:
        intensities.gather(
            image.array, boxes.corner, g.pad, boxes.start, boxes.shape, part, g.region, values, start, nonfinite
        )

    pool.for_parts(boxes.voxels, PACKED_VOXELS, threads, one_part)
    batch = VoiBatch(geometry, values, offsets(g.n_intensity), _surroundings(geometry, image, settings))
    return batch, boxes.of_vois(nonfinite)


def _check_held(prepared: Prepared, settings: Settings) -> None:
    """Raise where the derived images around VOIs, which stay in memory while VOIs are measured, exceed the memory limit."""
    derived = [batch for name, batch in prepared.batches.items() if name != images.BASE]
    held = float(sum(around.array.nbytes for batch in derived for around in batch.images))
    if held > settings.memory_bytes:
        raise ResourceError(
            f"local intensity keeps {len(derived)} derived images in memory, {text_of_bytes(held)} or more, but the limit is "
            f"{settings.memory}; put local_intensity in `exclude`, or raise `memory`"
        )


def _missing(geometry: Geometry, base: Image, settings: Settings) -> tuple[VoiBatch, I64]:
    """As `_gathered`, for an image that has none of a type: NaN."""
    value_start = offsets(geometry.n_intensity)
    values = np.full(value_start[-1], np.nan)
    return VoiBatch(geometry, values, value_start, _surroundings(geometry, base, settings)), geometry.n_intensity.copy()


def _surroundings(geometry: Geometry, image: Image, settings: Settings) -> tuple[Surroundings, ...]:
    """The image around its VOIs as far as a family looks; a copy where that lets go of most of the image."""
    far = max((f.surroundings_mm for f in FAMILIES if settings.wants(f.name)), default=0.0)
    if not far or not len(geometry.label):
        return ()
    reach = np.floor(far / np.array(image.spacing_mm)).astype(np.int64)
    low = np.maximum((geometry.corner + geometry.pad).min(axis=0) - reach, 0)
    high = np.minimum((geometry.corner + geometry.shape - geometry.pad).max(axis=0) + reach, image.array.shape)
    array = image.array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    if 2 * array.size < image.array.size:
        array = array.copy()
    z, y, x = (int(v) for v in low)
    return (Surroundings(array, (z, y, x)),)


def _marked(mask: MaskStack, vois: Sequence[Voi], processed: Processed, settings: Settings, threads: int) -> Geometry:
    """Boxes on the prepared grid that contain the morphological mask; the intensity mask is still empty."""
    from voxomics.kernels.pack import masks

    pad, n, chosen, new = settings.pad, len(vois), settings.resampling, processed.grid
    origin = np.array(mask.corner)
    given = np.array([(*voi.low, *voi.high, voi.layer, voi.value, voi.n_voxels) for voi in vois], np.int64).reshape(n, 9)
    low, high = given[:, :3] + origin, given[:, 3:6] + origin
    layer, value, number = given[:, 6:].T.copy()
    if new:  # every new voxel within one old voxel of the box may take part of it, and at the image's edge every one beyond
        step, offset, size = np.array(new.step), np.array(new.offset), np.array(processed.old_shape)
        low = np.where(low == 0, 0, np.maximum(np.ceil((low - 1 - offset) / step), 0)).astype(np.int64)
        last = np.array(new.shape) - 1
        high = np.where(high == size - 1, last, np.minimum(np.floor((high + 1 - offset) / step), last)).astype(np.int64)
    sides = high - low + (1 + 2 * pad)
    shape, corner = sides.astype(np.int32), (low - pad).astype(np.int32)
    box_voxels = np.multiply.reduce(sides, 1)
    start = offsets(box_voxels)
    region = np.zeros(start[-1], np.uint8)

    boxes = cut(start, shape, corner, pad, threads)
    layer, label, found = layer[boxes.row], value[boxes.row], np.zeros(len(boxes.row), np.int64)

    def mark_part(part: I64) -> None:
        for index, labels in enumerate(mask.layers):
            some = part[layer[part] == index]
            if new:
                masks.mark_resampled(
                    labels, origin, size, label, offset, step, chosen.mask_threshold, chosen.mask == "nearest",
                    boxes.corner, pad, boxes.start, boxes.shape, some, region, found,
                )  # fmt: skip
            else:
                masks.mark(
                    labels, label, (boxes.corner - origin).astype(np.int32), pad, boxes.start, boxes.shape, some, region
                )

    pool.for_parts(boxes.voxels, PACKED_VOXELS, threads, mark_part)
    if new:
        number = boxes.of_vois(found)
    spacing = np.array([processed.image.spacing_mm])
    return Geometry(region, start, shape, corner, value, pad, np.zeros(n, np.int32), spacing, number, np.zeros(n, np.int64))
