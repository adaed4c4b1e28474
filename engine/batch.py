"""Many VOIs of many images in flat arrays: where their voxels lie, and what each image type has there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from voxomics.engine.volume import Index

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

MORPHOLOGICAL = 1
"""Bit of `Geometry.region`: the voxel lies in the mask as it was drawn."""
INTENSITY = 2
"""Bit of `Geometry.region`: the voxel is also left after re-segmentation."""


@dataclass(frozen=True)
class Geometry:
    """Positions of the voxels of n VOIs, shared by every image type, discretisation and backend.

    Attributes
    ----------
    region : ndarray uint8 [total]
        The padded boxes of all VOIs, one after the other, each in C order (z, y, x). Bits MORPHOLOGICAL and INTENSITY.
    start : ndarray int64 [n + 1]
        Where each box begins in `region`; start[n] = total.
    shape : ndarray int32 [n, 3]
        Padded box sizes (z, y, x).
    corner : ndarray int32 [n, 3]
        Index (z, y, x) in the image of each padded box's voxel [0, 0, 0] (negative where the padding leaves the image).
    label : ndarray int64 [n]
        Label number of each VOI.
    pad : int
        Empty voxels on every side: the largest neighbour distance of the run, so that no neighbour needs a bounds test.
    image_of : ndarray int32 [n]
        Which image each VOI lies on.
    spacing_mm : ndarray float64 [images, 3]
        Voxel size (z, y, x) of each image in mm.
    n_morphological, n_intensity : ndarray int64 [n]
        Voxels of the two masks.
    """

    region: U8
    start: I64
    shape: I32
    corner: I32
    label: I64
    pad: int
    image_of: I32
    spacing_mm: F64
    n_morphological: I64
    n_intensity: I64

    @cached_property
    def box_voxels(self) -> I64:
        """Voxels of each padded box, int64 [n]."""
        return sizes(self.start)

    @cached_property
    def sides(self) -> I64:
        """`shape` as int64 [n, 3], for products of sides."""
        return self.shape.astype(np.int64)

    @cached_property
    def n_slices(self) -> I64:
        """Slices of each box without its padding, int64 [n]."""
        return self.sides[:, 0] - 2 * self.pad

    def part(self, first: int, last: int) -> Geometry:
        """Rows first to last - 1, without copying their voxels."""
        rows = slice(first, last)
        return replace(
            self,
            region=self.region[self.start[first] : self.start[last]],
            start=self.start[first : last + 1] - self.start[first],
            shape=self.shape[rows],
            corner=self.corner[rows],
            label=self.label[rows],
            image_of=self.image_of[rows],
            n_morphological=self.n_morphological[rows],
            n_intensity=self.n_intensity[rows],
        )

    @classmethod
    def join(cls, parts: Sequence[Geometry]) -> Geometry:
        """The VOIs of several geometries of one `pad`, in their order; images are numbered on from part to part."""
        first_image = np.cumsum([0, *(len(part.spacing_mm) for part in parts[:-1])], dtype=np.int32)
        return cls(
            region=np.concatenate([part.region for part in parts]),
            start=offsets(np.concatenate([part.box_voxels for part in parts])),
            shape=np.concatenate([part.shape for part in parts]),
            corner=np.concatenate([part.corner for part in parts]),
            label=np.concatenate([part.label for part in parts]),
            pad=parts[0].pad,
            image_of=np.concatenate([part.image_of + first for part, first in zip(parts, first_image, strict=True)]),
            spacing_mm=np.concatenate([part.spacing_mm for part in parts]),
            n_morphological=np.concatenate([part.n_morphological for part in parts]),
            n_intensity=np.concatenate([part.n_intensity for part in parts]),
        )


@dataclass(frozen=True)
class Channel:
    """Grey levels of one image type under one discretisation.

    Attributes
    ----------
    level : ndarray uint8 or uint16 [total]
        Laid out like Geometry.region. 0 outside the intensity mask, else the rank 1..n_present of the voxel's grey level. Empty
        for the intensity-volume histogram, which has no use for places.
    level_of : ndarray int64 [sum of n_present]
        Ragged: the grey level of each rank, ascending; VOI i owns level_of[level_start[i]:level_start[i + 1]].
    level_start : ndarray int64 [n + 1]
    count : ndarray int64 [sum of n_present]
        Voxels of each rank, laid out like level_of: the grey level histogram.
    n_nominal : ndarray int64 [n]
        Number of grey levels N_g of the discretisation, present or not (the highest level possible).
    """

    level: npt.NDArray[np.unsignedinteger]
    level_of: I64
    level_start: I64
    count: I64
    n_nominal: I64

    @cached_property
    def n_present(self) -> I64:
        """Grey levels present in each VOI, int64 [n]."""
        return sizes(self.level_start)

    @cached_property
    def span(self) -> I64:
        """The highest level present in each VOI less the lowest, int64 [n]; 0 without a level."""
        first, last = self.level_start[:-1], self.level_start[1:]
        filled = self.n_present > 0
        if np.count_nonzero(filled) == len(filled):
            return self.level_of[last - 1] - self.level_of[first]
        span = np.zeros(len(filled), np.int64)
        span[filled] = self.level_of[last[filled] - 1] - self.level_of[first[filled]]
        return span

    def part(self, geometry: Geometry, first: int, last: int) -> Channel:
        """Rows first to last - 1, without copying; `geometry` is that of the whole batch."""
        own = slice(self.level_start[first], self.level_start[last])
        return Channel(
            self.level[geometry.start[first] : geometry.start[last]],
            self.level_of[own],
            self.level_start[first : last + 1] - self.level_start[first],
            self.count[own],
            self.n_nominal[first:last],
        )

    @classmethod
    def join(cls, parts: Sequence[Channel]) -> Channel:
        """The VOIs of several channels of one discretisation, in their order."""
        return cls(
            np.concatenate([part.level for part in parts]),
            np.concatenate([part.level_of for part in parts]),
            offsets(np.concatenate([part.n_present for part in parts])),
            np.concatenate([part.count for part in parts]),
            np.concatenate([part.n_nominal for part in parts]),
        )


@dataclass(frozen=True)
class Surroundings:
    """The part of an image that its VOIs and what lies around them take up.

    Attributes
    ----------
    array : ndarray [z, y, x]
        Intensities, in the image's own type.
    corner : (int, int, int)
        Index (z, y, x) in the image of the array's voxel [0, 0, 0].
    """

    array: npt.NDArray[np.generic]
    corner: Index


@dataclass(frozen=True)
class VoiBatch:
    """n VOIs as one image type shows them. The batches of other image types share the geometry.

    Attributes
    ----------
    geometry : Geometry
    value : ndarray float64 [voxels]
        Intensities of the intensity masks, each VOI's in box order.
    value_start : ndarray int64 [n + 1]
    images : tuple of Surroundings
        One for each image, where a family looks outside the mask (local intensity does); else none.
    channels : dict str -> Channel
        Keyed by the discretisation's name as it stands in column names, for example "fbn32".
    """

    geometry: Geometry
    value: F64
    value_start: I64
    images: tuple[Surroundings, ...] = ()
    channels: dict[str, Channel] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.geometry.label)

    def part(self, first: int, last: int, geometry: Geometry | None = None) -> VoiBatch:
        """Rows first to last - 1, without copying their voxels; `geometry` is that of these rows, if known already."""
        channels = {name: channel.part(self.geometry, first, last) for name, channel in self.channels.items()}
        own = slice(self.value_start[first], self.value_start[last])
        start = self.value_start[first : last + 1] - self.value_start[first]
        return VoiBatch(geometry or self.geometry.part(first, last), self.value[own], start, self.images, channels)

    @classmethod
    def join(cls, parts: Sequence[VoiBatch], geometry: Geometry) -> VoiBatch:
        """The VOIs of several batches of one image type, in their order; `geometry` is their geometries joined."""
        return cls(
            geometry,
            np.concatenate([part.value for part in parts]),
            offsets(np.concatenate([sizes(part.value_start) for part in parts])),
            tuple(image for part in parts for image in part.images),
            {name: Channel.join([part.channels[name] for part in parts]) for name in parts[0].channels},
        )


def offsets(number: I64) -> I64:
    """Where ragged parts of these sizes begin, one after the other, and where the last ends: int64 [n + 1]."""
    found = np.zeros(len(number) + 1, np.int64)
    np.add.accumulate(number, out=found[1:])
    return found


def sizes(start: I64) -> I64:
    """Sizes of ragged parts that begin at `start`, int64 [n + 1] with the end of the last: the reverse of `offsets`."""
    return start[1:] - start[:-1]
