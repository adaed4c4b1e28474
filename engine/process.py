"""The image as it will be measured: resampled and rounded, once for all its VOIs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from voxomics.engine import resample as resampling
from voxomics.engine.errors import ResourceError, text_of_bytes
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, Index, exchanged


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
    old_shape: Index

    def turned(self, axis: int) -> Processed:
        """The same with slices along another axis: axis 0 and `axis` exchanged."""
        grid = self.grid
        if grid:
            parts = (grid.shape, grid.spacing_mm, grid.step, grid.offset)
            grid = resampling.Grid(*(exchanged(part, axis) for part in parts))  # type: ignore[arg-type]
        return Processed(self.image.turned(axis), grid, exchanged(self.old_shape, axis))


def process(image: Image, settings: Settings) -> Processed:
    """Prepare an image: resample it, and round it if requested. Voxels that are not finite stay so.

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
                f"resampling to {' × '.join(map(str, new.shape))} voxels needs {text_of_bytes(need)}, but the limit is "
                f"{settings.memory}; raise `memory` or choose a coarser `resampling.spacing_mm`"
            )
        result = resampling.resample(image, new, settings.resampling)
    if settings.round_intensities and not np.issubdtype(result.array.dtype, np.integer):
        result = replace(result, array=np.rint(result.array))
    return Processed(result, new, image.grid.shape)
