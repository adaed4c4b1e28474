"""Image and masks as they are read: a volume on a grid, and label volumes on the same grid."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Triple = tuple[float, float, float]
Index = tuple[int, int, int]
F64 = npt.NDArray[np.float64]
T = TypeVar("T")
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def exchanged(triple: tuple[T, T, T], axis: int) -> tuple[T, T, T]:
    """A triple (z, y, x) with its first element and that of `axis` exchanged.

    Examples
    --------
    >>> exchanged((1, 2, 3), 2)
    (3, 2, 1)
    """
    result = list(triple)
    result[0], result[axis] = result[axis], result[0]
    z, y, x = result
    return z, y, x


@dataclass(frozen=True)
class PhysicalGrid:
    """Size and place of a volume; shape and spacing are (z, y, x), origin and direction are ITK's (x, y, z; LPS)."""

    shape: Index
    spacing_mm: Triple
    origin_mm: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY

    @property
    def axes(self) -> F64:
        """Matrix [3, 3] from an (x, y, z) index to mm: columns are the steps along x, y and z."""
        axes: F64 = np.array(self.direction, float).reshape(3, 3) * np.array(self.spacing_mm[::-1], float)
        return axes

    def points(self, indices: npt.ArrayLike) -> F64:
        """Points [n, 3] in mm (x, y, z) of indices [n, 3] in voxels (z, y, x)."""
        points: F64 = np.asarray(indices, float)[:, ::-1] @ self.axes.T + np.array(self.origin_mm, float)
        return points

    def indices(self, points: F64) -> F64:
        """Continuous indices [n, 3] (z, y, x) of points [n, 3] in mm (x, y, z)."""
        xyz = np.linalg.solve(self.axes, (points - np.array(self.origin_mm, float)).T).T
        return np.asarray(xyz[:, ::-1])

    def corners(self, margin: float = 0.0) -> F64:
        """Indices [8, 3] (z, y, x) of the corner voxels' centres, moved outwards by `margin` voxels."""
        return np.array(list(itertools.product(*((-margin, n - 1 + margin) for n in self.shape))), float)


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
    direction: tuple[float, ...] = IDENTITY
    name: str = ""
    digest: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def grid(self) -> PhysicalGrid:
        """Where its voxels lie."""
        z, y, x = self.array.shape
        return PhysicalGrid((z, y, x), self.spacing_mm, self.origin_mm, self.direction)

    def turned(self, axis: int) -> Image:
        """The image with its slices along another axis: axis 0 and `axis` exchanged. Origin and direction stay as they were."""
        array = np.ascontiguousarray(self.array.swapaxes(0, axis))
        return replace(self, array=array, spacing_mm=exchanged(self.spacing_mm, axis))


@dataclass(frozen=True)
class MaskStack:
    """Label volumes; several layers when VOIs overlap.

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
    grid : PhysicalGrid, optional
        Where the layers lie, if that is not on the image's grid; `corner` is 0 then.
    """

    layers: tuple[npt.NDArray[np.integer], ...]
    corner: Index = (0, 0, 0)
    names: Mapping[tuple[int, int], str] = field(default_factory=dict)
    name: str = ""
    declared: tuple[tuple[int, int], ...] = ()
    digest: str = ""
    remarks: tuple[str, ...] = ()
    grid: PhysicalGrid | None = None

    def turned(self, axis: int) -> MaskStack:
        """The layers with their slices along another axis: axis 0 and `axis` exchanged."""
        layers = tuple(np.ascontiguousarray(layer.swapaxes(0, axis)) for layer in self.layers)
        return replace(self, layers=layers, corner=exchanged(self.corner, axis))
