"""Image and masks as they are read: a volume on a grid, and label volumes on the same grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Triple = tuple[float, float, float]
Index = tuple[int, int, int]


@dataclass(frozen=True)
class Image:
    """A scalar volume and its grid.

    Attributes
    ----------
    array : ndarray [z, y, x]
        Intensities (any real dtype), C-contiguous.
    spacing_mm : (float, float, float)
        Voxel size along (z, y, x) in mm.
    origin_mm : (float, float, float)
        Physical point (x, y, z; ITK's LPS) of the centre of voxel [0, 0, 0].
    direction : tuple of 9 floats
        Direction cosines as ITK gives them: row-major 3 × 3, columns are the x, y and z index axes.
    name : str
        File name without its folder, or "" for arrays in memory.
    digest : str
        XXH3-128, as 32 hexadecimal digits, of the bytes of all files that the image was read from, one file after the
        other in the order of `voxomics.io.input_files`; "" for objects in memory.
    remarks : tuple of str
        What a user should know about how it was read, for its rows; no name and no text of its header.
    """

    array: npt.NDArray[np.generic]
    spacing_mm: Triple
    origin_mm: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    name: str = ""
    digest: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaskStack:
    """Label volumes on the image's grid; several layers when VOIs overlap.

    Attributes
    ----------
    layers : tuple of ndarray [z, y, x] of an integer dtype
        0 is background. All layers share one shape, which may be smaller than the image's.
    corner : (int, int, int)
        Index (z, y, x) in the image of the layers' voxel [0, 0, 0].
    names : mapping (layer, value) -> str
        Names of the VOIs that have one.
    name : str
        File name without its folder, or "".
    declared : tuple of (layer, value)
        VOIs the file says it holds, in its order, even if no voxel carries the value: an empty Slicer segment, or a label too
        small to survive resampling. Each becomes a failed row rather than vanish.
    digest : str
        As `Image.digest`, of the mask's files.
    remarks : tuple of str
        As `Image.remarks`, of the mask.
    """

    layers: tuple[npt.NDArray[np.integer], ...]
    corner: Index = (0, 0, 0)
    names: Mapping[tuple[int, int], str] = field(default_factory=dict)
    name: str = ""
    declared: tuple[tuple[int, int], ...] = ()
    digest: str = ""
    remarks: tuple[str, ...] = ()
