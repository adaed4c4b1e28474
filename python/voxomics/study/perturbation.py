"""Small changes of an outline and of an image, like those between two readers or two scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from voxomics.engine.errors import InputError, SettingsError
from voxomics.engine.volume import Triple
from voxomics.study.checks import Bools

_NORMAL_MAD = 0.6744897501960817  # median of |z| for a standard normal z
_GAIN = 6.0  # root of the sum of squares of the kernel: SD of its response to white noise of SD 1


@dataclass(frozen=True)
class Amplitudes:
    """How far perturbations go; 0 leaves one out.

    Attributes
    ----------
    shift_voxels : float
        Shift along each axis, uniform in ± this.
    angle_deg : float
        Rotation in plane about the mask's centre of mass, uniform in ± this.
    rim_voxels : int
        The outline grows or shrinks by a whole number of voxels, uniform in ± this; a voxel is as long as its shortest side.
    noise : float
        SD of the added white noise, in units of the image's own.

    Raises
    ------
    SettingsError
        A negative or infinite number, an angle above 45 degrees, or a rim that is not a whole number.
    """

    shift_voxels: float = 0.5
    angle_deg: float = 5.0
    rim_voxels: int = 1
    noise: float = 1.0

    def __post_init__(self) -> None:
        for name, top in (("shift_voxels", np.inf), ("angle_deg", 45.0), ("rim_voxels", np.inf), ("noise", np.inf)):
            value = getattr(self, name)
            if not (0 <= value <= top and np.isfinite(value)):
                raise SettingsError(f"{name} must be a finite number from 0" + f" to {top:g}" * (top < np.inf) + f", got {value}")
        if self.rim_voxels != int(self.rim_voxels):
            raise SettingsError(f"rim_voxels must be a whole number, got {self.rim_voxels}")


@dataclass(frozen=True)
class Perturbation:
    """One perturbation: the mask is shifted and turned, then grown or shrunk.

    Attributes
    ----------
    shift_voxels : (float, float, float)
        Along (z, y, x).
    angle_deg : float
        From the y to the x axis.
    rim_voxels : int
        > 0 grows, < 0 shrinks.
    """

    shift_voxels: Triple = (0.0, 0.0, 0.0)
    angle_deg: float = 0.0
    rim_voxels: int = 0


def draw(amplitudes: Amplitudes, rng: np.random.Generator) -> Perturbation:
    """One perturbation at random; all its parts at once, so that repeated draws are exchangeable, as ICC(1,1) asks.

    Parameters
    ----------
    amplitudes : Amplitudes
    rng : numpy.random.Generator

    Returns
    -------
    Perturbation

    Examples
    --------
    >>> abs(draw(Amplitudes(), np.random.default_rng(0)).angle_deg) <= 5
    True
    """
    z, y, x = rng.uniform(-1.0, 1.0, 3) * amplitudes.shift_voxels
    angle = float(rng.uniform(-1.0, 1.0)) * amplitudes.angle_deg
    rim = int(rng.integers(-int(amplitudes.rim_voxels), int(amplitudes.rim_voxels) + 1))
    return Perturbation((float(z), float(y), float(x)), angle, rim)


def perturbed_mask(mask: Bools, spacing_mm: Triple, chosen: Perturbation) -> Bools:
    """A mask shifted, turned in plane, and grown or shrunk.

    Shift and turn take the mask as 0 and 1, interpolate linearly and keep what is 0.5 or more. Growing adds every voxel whose
    centre is no further than the rim from a voxel of the mask, in mm; shrinking removes as much from the other side. The
    rim is a whole number of times the voxel's shortest side: voxels of 0.68 × 0.68 × 5 mm gain or lose 0.68 mm in plane, and
    never a slice of 5 mm. Beyond the array a mask goes on as at the array's edge, so leave room around it unless the edge is the
    image's.

    Parameters
    ----------
    mask : ndarray bool [z, y, x]
        Not empty.
    spacing_mm : (float, float, float)
    chosen : Perturbation

    Returns
    -------
    ndarray bool [z, y, x]
        May be empty.

    Raises
    ------
    InputError
        The mask is empty.

    References
    ----------
    Zwanenburg A et al. Assessing robustness of radiomic features by image perturbation. Sci Rep 9:614 (2019): translation,
    rotation and volume adaptation. There the volume changes by a random share; here the outline moves by a known length.

    Examples
    --------
    >>> mask = np.zeros((1, 5, 5), bool)
    >>> mask[0, 2, 2] = True
    >>> int(perturbed_mask(mask, (5.0, 1.0, 1.0), Perturbation(rim_voxels=1)).sum())
    5
    """
    if not mask.any():
        raise InputError("the mask to be perturbed is empty")
    found = mask
    if chosen.angle_deg or any(chosen.shift_voxels):
        found = _moved(mask, spacing_mm, chosen)
    if chosen.rim_voxels > 0:
        found = ndimage.binary_dilation(found, _ball(chosen.rim_voxels, spacing_mm))
    elif chosen.rim_voxels < 0:
        found = ndimage.binary_erosion(found, _ball(-chosen.rim_voxels, spacing_mm), border_value=1)
    return np.asarray(found, dtype=bool)


def _moved(mask: Bools, spacing_mm: Triple, chosen: Perturbation) -> Bools:
    """For each voxel the mask at the place that is moved there."""
    angle = np.deg2rad(chosen.angle_deg)
    back = np.eye(3)
    back[1:, 1:] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    spacing = np.array(spacing_mm)
    matrix = back * spacing / spacing[:, None]  # turned in mm, applied to indices
    centre = np.array([where.mean() for where in np.nonzero(mask)])
    offset = centre - matrix @ (centre + np.array(chosen.shift_voxels))
    weight = ndimage.affine_transform(mask.astype(np.float32), matrix, offset, order=1, mode="nearest")
    return np.asarray(weight >= 0.5, dtype=bool)


def _ball(rim_voxels: int, spacing_mm: Triple) -> Bools:
    """Voxel offsets no longer than the rim."""
    spacing = np.array(spacing_mm)
    radius = rim_voxels * spacing.min() * (1 + 1e-6)  # spacings from files carry rounding
    half = np.floor(radius / spacing).astype(int)
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in half), indexing="ij"), axis=-1)
    return np.asarray(((offsets * spacing) ** 2).sum(-1) <= radius**2, dtype=bool)


def reach_voxels(shape: Sequence[int], spacing_mm: Triple, amplitudes: Amplitudes) -> tuple[int, int, int]:
    """How far beyond its bounding box a perturbed mask can go.

    Parameters
    ----------
    shape : sequence of int
        The box's size (z, y, x).
    spacing_mm : (float, float, float)
    amplitudes : Amplitudes

    Returns
    -------
    (int, int, int)
        Voxels (z, y, x).

    Examples
    --------
    >>> reach_voxels((10, 40, 40), (5.0, 1.0, 1.0), Amplitudes())
    (1, 7, 7)
    """
    spacing = np.array(spacing_mm)
    _, y, x = np.array(shape) * spacing
    swing = np.array([0.0, 1.0, 1.0]) * np.hypot(y, x) * np.deg2rad(amplitudes.angle_deg)
    reach = np.ceil(amplitudes.shift_voxels + (swing + amplitudes.rim_voxels * spacing.min() * (1 + 1e-6)) / spacing)
    return (int(reach[0]), int(reach[1]), int(reach[2]))


def noise_sd(image: NDArray[np.generic]) -> float:
    """Standard deviation of the noise in an image, from the image alone.

    In every slice the second difference along y and x (Immerkær's mask) takes away structure that changes linearly along
    either axis. The median of its absolute values (Donoho and Johnstone's rule) is not moved by the few places where an edge
    is left. Voxels in a constant neighbourhood (padding, clipped air) and those beside NaN say nothing and are not counted.
    The noise is taken as white: where a reconstruction has smoothed it, only its fine part is seen and the estimate is too
    small.

    Parameters
    ----------
    image : ndarray [z, y, x]
        At least 3 voxels along y and x.

    Returns
    -------
    float
        In the image's unit; 0 where no place tells.

    Raises
    ------
    InputError
        Fewer than 3 voxels along y or x.

    References
    ----------
    Immerkær J. Comput Vis Image Underst 64:300-302 (1996). Donoho DL, Johnstone IM. Biometrika 81:425-455 (1994). Chang SG
    et al. IEEE Trans Image Process 9:1532-1546 (2000) apply the median to wavelets' diagonal detail; this is its short cousin.

    Examples
    --------
    >>> image = np.random.default_rng(0).normal(100, 12, (4, 50, 50))
    >>> abs(noise_sd(image) - 12) < 0.6
    True
    """
    if min(image.shape[1:]) < 3:
        raise InputError(f"noise needs slices of 3 × 3 voxels or more, got {image.shape[1]} × {image.shape[2]}")
    array = np.asarray(image, dtype=np.float64)
    array = np.where(np.isfinite(array), array, np.nan)
    response = array
    for axis in (1, 2):
        before, here, after = (np.take(response, np.arange(k, response.shape[axis] - 2 + k), axis) for k in range(3))
        response = before + after - 2.0 * here
    flat = _spread(array) == 0
    told = np.abs(response[np.isfinite(response) & ~flat])
    if not told.size:
        return 0.0
    whole = np.issubdtype(image.dtype, np.integer)
    return (_grouped_median(told) if whole else float(np.median(told))) / (_NORMAL_MAD * _GAIN)


def _grouped_median(values: NDArray[np.float64]) -> float:
    """Median of magnitudes that were rounded to integers: rounding alone would make the SD a multiple of 0.25."""
    middle = float(np.median(values))
    low, high = max(middle - 0.5, 0.0), middle + 0.5
    below, within = float((values < low).mean()), float(((values >= low) & (values <= high)).mean())
    return low + (high - low) * (0.5 - below) / within


def _spread(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maximum minus minimum of each 3 × 3 neighbourhood that lies in its slice."""
    inside = (slice(None), slice(1, -1), slice(1, -1))
    size = (1, 3, 3)
    return np.asarray(ndimage.maximum_filter(array, size)[inside] - ndimage.minimum_filter(array, size)[inside])


def with_noise(image: NDArray[np.generic], sd: float, rng: np.random.Generator, floor: float = -np.inf) -> NDArray[np.generic]:
    """An image with white Gaussian noise added.

    Parameters
    ----------
    image : ndarray
    sd : float
        In the image's unit, ≥ 0.
    rng : numpy.random.Generator
    floor : float
        Least value there can be: 0 for PET and MR.

    Returns
    -------
    ndarray
        In the image's own type: integers (CT) stay integers, rounded.

    Examples
    --------
    >>> with_noise(np.array([0, 200], np.uint8), 3.0, np.random.default_rng(0)).dtype
    dtype('uint8')
    """
    if not sd:
        return image
    noisy = image.astype(np.float64) + sd * rng.standard_normal(image.shape)
    if not np.issubdtype(image.dtype, np.integer):
        return np.asarray(noisy.clip(floor), dtype=image.dtype)
    limits = np.iinfo(str(image.dtype))
    return np.asarray(np.rint(noisy).clip(max(floor, limits.min), limits.max), dtype=image.dtype)
