"""A VOI cut out of its image with the tissue around it."""

from __future__ import annotations

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
    """

    image: Voxels
    mask: Bools
    corner: Index
    spacing_mm: Triple


def cut_out(image: Image, masks: MaskStack, voi: Voi, reach: Index, context: Index) -> Cutout:
    """Cut a VOI out of an image, as far as the image goes.

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
    cut_low, cut_high = np.maximum(low - context, 0), np.minimum(high + context, size)
    array = image.array[_box(cut_low, cut_high)]
    mask = np.zeros(high - low, bool)
    inside = masks.layers[voi.layer][_box(np.array(voi.low), np.array(voi.high) + 1)] == voi.value
    mask[_box(first - low, last - low)] = inside
    corner = low - cut_low
    return Cutout(array, mask, (int(corner[0]), int(corner[1]), int(corner[2])), image.spacing_mm)


def _box(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[slice, ...]:
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
