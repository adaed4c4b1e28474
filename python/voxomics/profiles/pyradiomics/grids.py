"""Grids of images and masks, and SimpleITK's images of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.prepare import Voi
from voxomics.engine.volume import Image, PhysicalGrid

if TYPE_CHECKING:
    import SimpleITK as sitk

TOLERANCE = 1e-6  # SimpleITK's own, in voxels
_EDGE = 1e-3  # voxels by which a VOI may leave the image


def difference(own: PhysicalGrid, image: PhysicalGrid, tolerance: float) -> str:
    """In what a mask's grid differs from the image's by more than SimpleITK accepts, as text; "" for nothing."""
    coordinate = tolerance * image.spacing_mm[2]
    compared = (
        ("size", own.shape, image.shape, 0.0),
        ("origin", own.origin_mm, image.origin_mm, coordinate),
        ("voxel size", own.spacing_mm, image.spacing_mm, coordinate),
        ("direction", own.direction, image.direction, tolerance),
    )
    differs = [
        f"{name} {tuple(mine)} against {tuple(theirs)}"
        for name, mine, theirs, by in compared
        if np.abs(np.subtract(mine, theirs)).max() > by
    ]
    return "; ".join(differs)


def check_inside(voi: Voi, own: PhysicalGrid, image: Image) -> None:
    """Raise InputError unless the VOI's box, to the faces of its voxels, lies in the image."""
    corners = np.array([np.array(voi.low) - 0.5, np.array(voi.high) + 0.5])
    ends, size = image.grid.indices(own.points(corners)), np.array(image.array.shape)
    if (ends.min(axis=0) < -0.5 - _EDGE).any() or (ends.max(axis=0) > size - 0.5 + _EDGE).any():
        raise InputError(
            f"the VOI reaches out of the image: its box is {ends.min(axis=0).round(2).tolist()} to "
            f"{ends.max(axis=0).round(2).tolist()} in the image's voxels (z, y, x), of which there are {size.tolist()}"
        )


def itk_type(image: Image) -> int:
    """SimpleITK's number of the type of an image's voxels."""
    import SimpleITK as sitk

    return int(sitk.GetImageFromArray(np.zeros((1, 1, 1), image.array.dtype)).GetPixelID())


def itk_image(array: npt.NDArray[Any], grid: PhysicalGrid) -> sitk.Image:
    """An array [z, y, x] on a grid as SimpleITK's image."""
    import SimpleITK as sitk

    return located(sitk.GetImageFromArray(array), grid)


def located(image: sitk.Image, grid: PhysicalGrid) -> sitk.Image:
    """The image, put on a grid."""
    image.SetSpacing(grid.spacing_mm[::-1])
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image


def nearest(labels: npt.NDArray[Any], own: PhysicalGrid, image: Image) -> npt.NDArray[Any]:
    """Labels on an image's grid by nearest neighbour."""
    import SimpleITK as sitk

    reference = located(sitk.Image([int(n) for n in image.array.shape[::-1]], sitk.sitkUInt8), image.grid)
    moved = sitk.Resample(itk_image(labels, own), reference, sitk.Transform(), sitk.sitkNearestNeighbor)
    result: npt.NDArray[Any] = sitk.GetArrayFromImage(moved)
    return result
