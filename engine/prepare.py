"""From an image and its masks to packed VOIs: boxes, masks, re-segmentation, intensities, grey levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from voxomics.engine import images, pool
from voxomics.engine.batch import I64, Geometry, Surroundings, VoiBatch, offsets
from voxomics.engine.discretise import channel
from voxomics.engine.families import FAMILIES
from voxomics.engine.process import Processed, process
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.engine.work import PACKED_VOXELS

_TABLE_VALUES = 1 << 20  # label values looked up in a table; larger ones are first replaced by their rank
_FAR = np.iinfo(np.int64).max


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


def find_vois(mask: MaskStack) -> list[Voi]:
    """Find every VOI of a mask in one pass over each layer, ordered by layer and label value; empty segments come last.

    Parameters
    ----------
    mask : MaskStack

    Returns
    -------
    list of Voi
    """
    from voxomics.kernels.pack import masks

    found = []
    for layer, labels in enumerate(mask.layers):
        values, labels = _table_of_values(labels)
        slot = np.arange(-1, len(values) - 1)
        number = np.zeros(max(len(slot), 1), np.int64)
        low, high = np.empty((len(number), 3), np.int64), np.empty((len(number), 3), np.int64)
        low.fill(_FAR)
        high.fill(-1)
        masks.survey(labels, _words(labels), slot, number, low, high)
        there = number.nonzero()[0]
        lists = (a[there].tolist() for a in (values[1:], number, low, high))
        for value, n, (a, b, c), (d, e, f) in zip(*lists, strict=True):
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), n, (a, b, c), (d, e, f)))
    seen = {(voi.layer, voi.value) for voi in found} if mask.declared else set()
    for layer, value in mask.declared:
        if (layer, value) not in seen:
            found.append(Voi(layer, value, mask.names.get((layer, value), ""), 0, (0, 0, 0), (-1, -1, -1)))
    return found


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
            {key: np.concatenate([part.refused[key] for part in parts]) for key in first.refused},
            {key: np.concatenate([part.below[key] for part in parts]) for key in first.below},
        )


def build(image: Image | Processed, mask: MaskStack, vois: Sequence[Voi], settings: Settings, threads: int = 1) -> Prepared:
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

    Returns
    -------
    Prepared
    """
    processed = process(image, settings) if isinstance(image, Image) else image
    geometry = _marked(mask, vois, processed, settings, threads)
    nonfinite, first = _resegmented(geometry, processed.image, settings, threads)
    prepared = Prepared({}, nonfinite, first, {}, {}, {})
    for name, one in images.derived(processed.image, settings):
        batch, prepared.derived_nonfinite[name] = _gathered(geometry, one, settings, threads)
        prepared.batches[name] = batch
        sound = (prepared.derived_nonfinite[name] == 0).nonzero()[0]
        for chosen in dict.fromkeys((*settings.discretisation, *settings.for_histogram)):
            key = name, chosen.name
            found = channel(batch, chosen, settings, threads, rows=sound)
            batch.channels[chosen.name], prepared.refused[key], prepared.below[key] = found
    return prepared


def _resegmented(geometry: Geometry, image: Image, settings: Settings, threads: int) -> tuple[I64, I64]:
    """Set the intensity mask of a geometry; the numbers of voxels that are not finite, and where the first is."""
    from voxomics.kernels.pack import intensities

    g, n = geometry, len(geometry.label)
    nonfinite, first = np.zeros(n, np.int64), np.zeros((n, 3), np.int64)
    lower, upper = settings.resegmentation.range or (None, None)
    bounds = (-np.inf if lower is None else lower, np.inf if upper is None else upper)
    sigma = settings.resegmentation.outliers_sigma or 0.0

    def one_part(part: I64) -> None:
        intensities.resegment(
            image.array, g.corner, g.pad, g.start, g.shape, part, *bounds, sigma, g.region, g.n_intensity, nonfinite, first
        )

    pool.for_parts(g.box_voxels, PACKED_VOXELS, threads, one_part)
    return nonfinite, first


def _gathered(geometry: Geometry, image: Image, settings: Settings, threads: int) -> tuple[VoiBatch, I64]:
    """The intensities of one image type, and how many of each VOI's are not finite."""
    from voxomics.kernels.pack import intensities

    g = geometry
    value_start = offsets(g.n_intensity)
    values, nonfinite = np.empty(value_start[-1]), np.zeros(len(g.label), np.int64)

    def one_part(part: I64) -> None:
        intensities.gather(image.array, g.corner, g.pad, g.start, g.shape, part, g.region, values, value_start, nonfinite)

    pool.for_parts(g.box_voxels, PACKED_VOXELS, threads, one_part)
    return VoiBatch(geometry, values, value_start, _surroundings(geometry, image, settings)), nonfinite


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
        number[:] = 0
    sides = high - low + (1 + 2 * pad)
    shape, corner = sides.astype(np.int32), (low - pad).astype(np.int32)
    box_voxels = np.multiply.reduce(sides, 1)
    start = offsets(box_voxels)
    region = np.zeros(start[-1], np.uint8)

    def mark_part(part: I64) -> None:
        for index, labels in enumerate(mask.layers):
            some = part[layer[part] == index]
            if new:
                masks.mark_resampled(
                    labels, origin, size, value, offset, step, chosen.mask_threshold, chosen.mask == "nearest", corner, pad,
                    start, shape, some, region, number,
                )  # fmt: skip
            else:
                masks.mark(labels, value, (corner - origin).astype(np.int32), pad, start, shape, some, region)

    pool.for_parts(box_voxels, PACKED_VOXELS, threads, mark_part)
    spacing = np.array([processed.image.spacing_mm])
    return Geometry(region, start, shape, corner, value, pad, np.zeros(n, np.int32), spacing, number, np.zeros(n, np.int64))
