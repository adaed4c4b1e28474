"""Masks that are no label volume: one box per region, put together into layers of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from voxomics.engine.volume import Index, MaskStack

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Region:
    """One region of interest on the image's grid.

    Attributes
    ----------
    voxels : ndarray of bool [z, y, x]
        Its voxels within a box; all False, or a shape with a 0, for a region that has none.
    corner : (int, int, int)
        Index (z, y, x) in the image of the box's first voxel; the box lies inside of the image.
    number : int
        Its label, 1 or more.
    name : str
        Its name, or "".
    """

    voxels: npt.NDArray[np.bool_]
    corner: Index
    number: int
    name: str = ""


def stacked(regions: Sequence[Region], name: str) -> MaskStack:
    """Regions as label layers, as few as it takes: regions that share a voxel or a number lie in different layers.

    Parameters
    ----------
    regions : sequence of Region
        In the order of their source.
    name : str
        File name of the mask.

    Returns
    -------
    MaskStack
        Layers cover the box around all regions; `declared` lists every region in the order given, empty ones too.

    Examples
    --------
    >>> one = Region(np.ones((1, 2, 2), bool), (0, 0, 0), 1, "tumour")
    >>> other = Region(np.ones((1, 2, 2), bool), (0, 1, 1), 2, "organ")
    >>> mask = stacked([one, other], "rois")
    >>> len(mask.layers), mask.layers[0].shape, mask.declared
    (2, (1, 3, 3), ((0, 1), (1, 2)))
    """
    filled = [region for region in regions if region.voxels.any()]
    low = np.min([region.corner for region in filled], axis=0, initial=2**31 - 1) if filled else np.zeros(3, int)
    high = np.max([np.add(r.corner, r.voxels.shape) for r in filled], axis=0, initial=0) if filled else np.ones(3, int)
    dtype = np.min_scalar_type(max((region.number for region in regions), default=1))
    layers: list[Labels] = [np.zeros(high - low, dtype)]
    taken: list[set[int]] = [set()]
    declared = []
    for region in regions:
        box = tuple(slice(c - f, c - f + n) for c, f, n in zip(region.corner, low, region.voxels.shape, strict=True))
        own = region.voxels if region.voxels.any() else None
        for layer, numbers in enumerate(taken):
            if region.number not in numbers and (own is None or not layers[layer][box][own].any()):
                break
        else:
            layer = len(layers)
            layers.append(np.zeros_like(layers[0]))
            taken.append(set())
        if own is not None:
            layers[layer][box][own] = region.number
        taken[layer].add(region.number)
        declared.append((layer, region.number))
    named = {place: region.name for place, region in zip(declared, regions, strict=True) if region.name}
    corner = (int(low[0]), int(low[1]), int(low[2]))
    return MaskStack(tuple(layers), corner, named, name, tuple(declared))
