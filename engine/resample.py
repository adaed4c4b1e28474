"""A new voxel grid for an image (IBSI VTM2), once per image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

import numpy as np

from voxomics.engine.batch import F64
from voxomics.engine.settings import Resampling
from voxomics.engine.volume import Image, Index, Triple

_ORDER: dict[str, Literal[0, 1, 3]] = {"nearest": 0, "linear": 1, "cubic_spline": 3}
_WHOLE = 1e-6  # a size this close to a whole number is that number: ceil(40 · 0.5 / 0.1) must be 200, not 201


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a new grid lie on an old one: old index = new index · step + offset, axis by axis.

    Attributes
    ----------
    shape : (int, int, int)
        New size (z, y, x).
    spacing_mm : (float, float, float)
        New voxel size (z, y, x).
    step, offset : (float, float, float)
        In old voxels.
    """

    shape: Index
    spacing_mm: Triple
    step: Triple
    offset: Triple


def grid(shape: tuple[int, ...], spacing_mm: Triple, chosen: Resampling) -> Grid | None:
    """The new grid: aligned with the old at the centre, its size rounded up; None when nothing changes.

    Parameters
    ----------
    shape : (int, int, int)
        Size (z, y, x) of the image.
    spacing_mm : (float, float, float)
        Its voxel size.
    chosen : Resampling

    Returns
    -------
    Grid or None

    Examples
    --------
    >>> grid((4, 4, 4), (3.0, 3.0, 3.0), Resampling(spacing_mm=(2.0, 2.0, None))).shape
    (6, 6, 4)
    """
    wanted = tuple(new or old for new, old in zip(chosen.spacing_mm or (None,) * 3, spacing_mm, strict=True))
    if wanted == tuple(spacing_mm):
        return None
    step = tuple(new / old for new, old in zip(wanted, spacing_mm, strict=True))
    size = tuple(ceil(n / s - _WHOLE) for n, s in zip(shape, step, strict=True))
    offset = tuple(((n - 1) - (m - 1) * s) / 2.0 for n, m, s in zip(shape, size, step, strict=True))
    return Grid(size, wanted, step, offset)  # type: ignore[arg-type]


def resample(image: Image, new: Grid, chosen: Resampling) -> Image:
    """An image on a new grid, float64; NaN where a voxel that is not finite lies among the (linear) neighbours.

    Parameters
    ----------
    image : Image
    new : Grid
    chosen : Resampling
        Its interpolation.

    Returns
    -------
    Image
    """
    from scipy import ndimage

    def onto(array: F64, order: Literal[0, 1, 3]) -> F64:
        return ndimage.affine_transform(array, np.array(new.step), new.offset, new.shape, order=order, mode="nearest")

    before = image.array.astype(np.float64)
    finite = np.isfinite(before)
    if finite.all():
        array = onto(before, _ORDER[chosen.image])
    else:  # a spline would carry one NaN through the whole image, and SciPy counts a neighbour of weight 0
        array = onto(np.where(finite, before, 0.0), _ORDER[chosen.image])
        array[onto((~finite).astype(np.float64), min(_ORDER[chosen.image], 1)) > _WHOLE] = np.nan
    axes = np.array(image.direction).reshape(3, 3)
    shift = axes @ (np.array(new.offset)[::-1] * np.array(image.spacing_mm)[::-1])
    origin = tuple(float(o + d) for o, d in zip(image.origin_mm, shift, strict=True))
    return replace(image, array=array, spacing_mm=new.spacing_mm, origin_mm=origin)  # type: ignore[arg-type]
