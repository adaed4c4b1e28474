"""Place many versions of one VOI side by side in one image, each with the tissue around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxomics.engine.prepare import Voi
from voxomics.engine.volume import Image, Index, MaskStack, Triple
from voxomics.study.checks import Bools

Voxels = NDArray[np.generic]


@dataclass(frozen=True)
class Cutout:
    """A VOI and its surroundings.

    Attributes
    ----------
    image : ndarray [z, y, x]
        The VOI with all the tissue that its features may look at.
    mask : ndarray bool [z, y, x]
        The VOI, with the room that a perturbed mask may need.
    corner : (int, int, int)
        Index (z, y, x) in `image` of the mask's voxel [0, 0, 0].
    spacing_mm : (float, float, float)
    axis : int
        Copies are laid side by side along this axis.
    """

    image: Voxels
    mask: Bools
    corner: Index
    spacing_mm: Triple
    axis: int


def cut_out(image: Image, masks: MaskStack, voi: Voi, reach: Index, context: Index) -> Cutout:
    """Cut a VOI out of an image, as far as the image goes.

    Copies are joined along an axis on which all the context lies inside of the image, so that the image's edge is an edge of the
    joined copies too. If no axis is such, the edge's voxels are repeated along z.

    Parameters
    ----------
    image : Image
    masks : MaskStack
    voi : Voi
        From `find_vois(masks)`.
    reach : (int, int, int)
        Voxels (z, y, x) that a perturbed mask may go beyond the VOI's box.
    context : (int, int, int)
        Voxels (z, y, x) beyond that whose intensities matter.

    Returns
    -------
    Cutout
    """
    size, origin = np.array(image.array.shape), np.array(masks.corner)
    first, last = np.array(voi.low) + origin, np.array(voi.high) + origin + 1
    low, high = np.maximum(first - reach, 0), np.minimum(last + reach, size)
    wanted_low, wanted_high = low - context, high + context
    cut_low, cut_high = np.maximum(wanted_low, 0), np.minimum(wanted_high, size)
    array = image.array[_box(cut_low, cut_high)]
    mask = np.zeros(high - low, bool)
    inside = masks.layers[voi.layer][_box(np.array(voi.low), np.array(voi.high) + 1)] == voi.value
    mask[_box(first - low, last - low)] = inside
    corner = low - cut_low
    whole = np.flatnonzero((cut_low == wanted_low) & (cut_high == wanted_high))
    axis = int(whole[0]) if whole.size else 0
    if not whole.size:
        array = np.pad(array, ((context[0], context[0]), (0, 0), (0, 0)), mode="edge")
        corner[0] += context[0]
    return Cutout(array, mask, (int(corner[0]), int(corner[1]), int(corner[2])), image.spacing_mm, axis)


def side_by_side(cutout: Cutout, images: Sequence[Voxels], masks: Sequence[Bools]) -> tuple[Voxels, NDArray[np.int32]]:
    """Copies of a cutout as one image and one label image.

    Parameters
    ----------
    cutout : Cutout
    images : sequence of ndarray
        Versions of `cutout.image`.
    masks : sequence of ndarray bool
        Versions of `cutout.mask`, as many.

    Returns
    -------
    image : ndarray [z, y, x]
    labels : ndarray int32 [z, y, x]
        k + 1 where mask k is, in image k.

    Examples
    --------
    >>> one = Cutout(np.zeros((1, 2, 3)), np.ones((1, 1, 1), bool), (0, 1, 1), (1.0, 1.0, 1.0), 1)
    >>> side_by_side(one, [one.image, one.image], [one.mask, one.mask])[1][0].tolist()
    [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 2, 0]]
    """
    labels = np.zeros((len(masks), *cutout.image.shape), np.int32)
    corner = np.array(cutout.corner)
    for k, mask in enumerate(masks):
        labels[k][_box(corner, corner + mask.shape)] = np.where(mask, k + 1, 0)
    return np.concatenate(images, cutout.axis), np.concatenate(list(labels), cutout.axis)


def _box(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
