"""Where voxels lie, when two grids are the same, and in what they differ."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import IDENTITY, Index, PhysicalGrid

# Every voxel centre of a mask must lie within this share of a voxel of an image voxel's centre: far more than
# headers lose by rounding (float32, decimal text), far less than the half voxel at which a voxel changes its neighbour.
OFFSET_TOLERANCE_VOXELS = 0.05
# Voxel sizes may differ by this share, so that a mask too thin to drift still cannot have another spacing.
SPACING_TOLERANCE = 1e-3
# Axes may differ by this angle: NIfTI's quaternion loses up to 0.02° in float32.
ANGLE_TOLERANCE_DEG = 0.05
# Axes of one file must be orthogonal unit vectors to this accuracy; ITK itself keeps sheared axes without a word.
ORTHONORMAL_TOLERANCE = 1e-3

Float = npt.NDArray[np.float64]


def check_grid(grid: PhysicalGrid, name: str) -> None:
    """Raise InputError unless spacing is finite and positive, origin finite and the axes orthonormal."""
    if not all(math.isfinite(s) and s > 0 for s in grid.spacing_mm):
        raise InputError(
            f"{name}: voxel spacing (z, y, x) is {_numbers(grid.spacing_mm)} mm; three finite numbers above 0 are "
            "needed. Correct the header, or pass the array with spacing_mm."
        )
    if not all(map(math.isfinite, (*grid.direction, *grid.origin_mm))):
        raise InputError(f"{name}: origin or direction is not finite; correct the header.")
    if grid.direction == IDENTITY:
        return
    axes = [grid.direction[k::3] for k in range(3)]
    pairs = itertools.combinations_with_replacement(axes, 2)
    error = max(abs(a[0] * b[0] + a[1] * b[1] + a[2] * b[2] - (a is b)) for a, b in pairs)
    if not error <= ORTHONORMAL_TOLERANCE:
        raise InputError(
            f"{name}: the image axes are not orthogonal (their scalar products differ from 0 or 1 by {error:.3g}); "
            "sheared grids are not accepted. Resample the file onto an orthogonal grid first."
        )


def whole_voxel_offset(mask: PhysicalGrid, image: PhysicalGrid) -> Index | None:
    """Index (z, y, x) in `image` of the mask's first voxel if the voxels of both coincide, else None.

    Sizes may differ. The map between both indices is affine, so its largest deviation is found at a corner.
    """
    if (mask.spacing_mm, mask.origin_mm, mask.direction) == (image.spacing_mm, image.origin_mm, image.direction):
        return 0, 0, 0
    ratio = np.array(mask.spacing_mm) / np.array(image.spacing_mm)
    if np.abs(ratio - 1).max() > SPACING_TOLERANCE or _angle_deg(mask, image) > ANGLE_TOLERANCE_DEG:
        return None
    corners = mask.corners()
    offset = np.rint(image.indices(mask.points(corners[:1]))[0])
    drift = image.indices(mask.points(corners)) - corners - offset
    if np.abs(drift).max() > OFFSET_TOLERANCE_VOXELS:
        return None
    return int(offset[0]), int(offset[1]), int(offset[2])


def differences(mask: PhysicalGrid, image: PhysicalGrid) -> str:
    """Say in what two grids differ: size, spacing, origin, direction; one clause each."""
    said = []
    if mask.shape != image.shape:
        said.append(f"size (z, y, x) {_sizes(mask.shape)} against {_sizes(image.shape)} voxels")
    if np.abs(np.array(mask.spacing_mm) / np.array(image.spacing_mm) - 1).max() > 1e-6:
        said.append(f"spacing (z, y, x) {_numbers(mask.spacing_mm)} against {_numbers(image.spacing_mm)} mm")
    offset = image.indices(np.array([mask.origin_mm], float))[0]
    if np.abs(offset).max() > 1e-4:
        said.append(f"origin offset (z, y, x) {_numbers(offset)} voxels of the image")
    angle = _angle_deg(mask, image)
    if angle > 1e-3:
        said.append(f"direction turned by up to {angle:.4g} degrees")
    return "; ".join(said) or "none above rounding"


def _angle_deg(one: PhysicalGrid, other: PhysicalGrid) -> float:
    """Largest angle between like axes, in degrees; atan2 keeps small angles exact where arccos loses them."""
    a, b = (np.array(g.direction, float).reshape(3, 3).T for g in (one, other))
    sines = np.linalg.norm(np.cross(a, b), axis=1)
    return float(np.degrees(np.arctan2(sines, (a * b).sum(axis=1))).max())


def _numbers(values: npt.ArrayLike) -> str:
    return "(" + ", ".join(f"{v:.6g}" for v in np.asarray(values, float)) + ")"


def _sizes(shape: Index) -> str:
    return " × ".join(str(n) for n in shape)
