"""A mask of another grid, on the image's grid.

Nearest neighbour: an image voxel belongs to the VOI in which its centre lies. That is the rule by which contours are
rasterised; it keeps every label number, invents none, and its volume error has no direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Index, PhysicalGrid
from voxomics.io import itk
from voxomics.io.regions import Labels

# A mask voxel's centre this far beyond the edge of the image's last voxel still counts as inside: rounding.
EDGE_TOLERANCE_VOXELS = 1e-6


def resampled(layers: tuple[Labels, ...], mask: PhysicalGrid, image: PhysicalGrid, name: str) -> tuple[tuple[Labels, ...], Index]:
    """Layers on the image's grid, within the box of the image that the mask covers, and that box's corner.

    Parameters
    ----------
    layers : tuple of ndarray [z, y, x]
        Labels on the grid `mask`.
    mask, image : PhysicalGrid
        Where the layers are and where they go.
    name : str
        The mask's name for error texts.

    Returns
    -------
    layers, corner
        Layers of the same types; corner is the index (z, y, x) in the image of their first voxel.

    Raises
    ------
    InputError
        If voxels of a VOI have their centre outside of the image.
    """
    import SimpleITK as sitk

    reach = image.indices(mask.points(mask.corners(0.5)))
    low, high = reach.min(axis=0), reach.max(axis=0)
    if (low < -0.5).any() or (high > np.array(image.shape) - 0.5).any():
        _refuse_outside(layers, mask, image, name)
    first = np.clip(np.floor(low), 0, np.array(image.shape) - 1).astype(int)
    last = np.clip(np.ceil(high), 0, np.array(image.shape) - 1).astype(int)
    filter_: Any = sitk.ResampleImageFilter()
    filter_.SetInterpolator(sitk.sitkNearestNeighbor)
    filter_.SetSize([int(n) for n in (last - first + 1)[::-1]])
    filter_.SetOutputSpacing(image.spacing_mm[::-1])
    filter_.SetOutputOrigin([float(v) for v in image.points(first[None])[0]])
    filter_.SetOutputDirection(image.direction)
    done = []
    for layer in layers:
        source: Any = sitk.GetImageFromArray(layer)
        source.SetSpacing(mask.spacing_mm[::-1])
        source.SetOrigin(mask.origin_mm)
        source.SetDirection(mask.direction)
        done.append(itk.shared_array(filter_.Execute(source)))
    return tuple(done), (int(first[0]), int(first[1]), int(first[2]))


def _refuse_outside(layers: tuple[Labels, ...], mask: PhysicalGrid, image: PhysicalGrid, name: str) -> None:
    edge = 0.5 + EDGE_TOLERANCE_VOXELS
    outside = 0
    for layer in layers:
        at = image.indices(mask.points(np.argwhere(layer)))
        outside += int(((at < -edge) | (at > np.array(image.shape) - 1 + edge)).any(axis=1).sum())
    if outside:
        raise InputError(
            f"{name}: {outside:,} mask voxels lie outside of the image, so resampling would cut a VOI. "
            "Use the image that the mask was drawn on, or crop the mask."
        )
