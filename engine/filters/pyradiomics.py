"""Image types as PyRadiomics defines them (docs/image-types.md). Their images have PyRadiomics' names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, StrictFloat, StrictInt, field_validator

from voxomics.engine.filters import binary_patterns, intensities, itk, wavelets
from voxomics.engine.settings.image_types import ImageType

if TYPE_CHECKING:
    from voxomics.engine.volume import Image

_FEWEST = 4  # voxels along an axis, without which ITK's recursive filter cannot start


class Log(ImageType):
    """Laplacian of a Gaussian by ITK's recursive filter, times sigma²: images ``log-sigma-3-0-mm-3D``.

    It depends on the whole image. An image with too few voxels along an axis (4, or a sigma and one voxel) has none.

    Attributes
    ----------
    sigma_mm : list of float
        Standard deviations of the Gaussian in mm, one image each. A whole number and a decimal number, 1 and 1.0, give
        the names ``log-sigma-1-mm-3D`` and ``log-sigma-1-0-mm-3D``.
    """

    type: Literal["pyradiomics_log"] = "pyradiomics_log"
    sigma_mm: tuple[StrictInt | StrictFloat, ...] = Field(min_length=1)
    bytes_per_voxel: ClassVar[int] = 16

    @field_validator("sigma_mm")
    @classmethod
    def _positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < sigma < float("inf") for sigma in value):
            raise ValueError(f"standard deviations must be positive, got {list(value)}")
        return value

    @property
    def names(self) -> tuple[str, ...]:
        """One for each sigma."""
        return tuple(f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in self.sigma_mm)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """One image for each sigma."""
        for sigma in self.sigma_mm:
            wrong = _too_small(image, sigma)
            if wrong:
                yield wrong
            else:
                yield replace(image, array=itk.laplacian_of_gaussian(image.array, image.spacing_mm, sigma, threads))


def _too_small(image: Image, sigma_mm: float) -> str:
    for axis, size, spacing in zip("zyx", image.array.shape, image.spacing_mm, strict=True):
        least = max(_FEWEST, ceil(sigma_mm / spacing) + 1)
        if size < least:
            return f"the image has {size} voxels along {axis}, and a sigma of {sigma_mm:g} mm needs {least}"
    return ""


class Wavelet(ImageType):
    """Stationary wavelet transform, periodic: images ``wavelet-LLH`` … ``wavelet-LLL``, of level 2 ``wavelet2-LLH`` ….

    Attributes
    ----------
    wavelet : str
        PyWavelets' name of a discrete wavelet.
    level : int
        Number of levels. The approximation (LLL) is that of the last one.
    start_level : int
        Levels that come before and are not measured; names count from 1 all the same.
    axes : {"xyz", "xy", "xz", "yz"}
        Axes that are transformed. The first letter of a name (L low-pass, H high-pass) belongs to the first axis.
    """

    type: Literal["pyradiomics_wavelet"] = "pyradiomics_wavelet"
    wavelet: str = "coif1"
    level: int = Field(1, ge=1, le=20)
    start_level: int = Field(0, ge=0, le=20)
    axes: Literal["xyz", "xy", "xz", "yz"] = "xyz"
    bytes_per_voxel: ClassVar[int] = 80
    package: ClassVar[str] = "PyWavelets"

    @property
    def names(self) -> tuple[str, ...]:
        """Details of each level, and the last level's approximation."""
        *details, approximation = wavelets.letters(len(self.axes))
        levels = ["wavelet" if n == 1 else f"wavelet{n}" for n in range(1, self.level + 1)]
        return (*(f"{level}-{name}" for level in levels for name in details), f"{levels[-1]}-{approximation}")

    def check(self) -> None:
        """Ask PyWavelets for the wavelet."""
        wavelets.check(self.wavelet)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The decompositions."""
        for array in wavelets.transformed(image.array, self.wavelet, self.axes, self.level, self.start_level):
            yield replace(image, array=array)


class Square(ImageType):
    """(c x)² with c = 1 / √max|x|, the maximum taken over the whole image: image ``square``."""

    type: Literal["pyradiomics_square"] = "pyradiomics_square"
    bytes_per_voxel: ClassVar[int] = 16

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("square",)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        yield replace(image, array=intensities.square(image.array))


class SquareRoot(ImageType):
    """sign(x) √(|x| max|x|), the maximum taken over the whole image: image ``squareroot``."""

    type: Literal["pyradiomics_square_root"] = "pyradiomics_square_root"
    bytes_per_voxel: ClassVar[int] = 16

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("squareroot",)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        yield replace(image, array=intensities.square_root(image.array))


class Logarithm(ImageType):
    """sign(x) ln(|x| + 1), scaled to the largest magnitude of the whole image: image ``logarithm``."""

    type: Literal["pyradiomics_logarithm"] = "pyradiomics_logarithm"
    bytes_per_voxel: ClassVar[int] = 24

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("logarithm",)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        yield replace(image, array=intensities.logarithm(image.array))


class Exponential(ImageType):
    """exp(c x) with c = ln(max|x|) / max|x|, the maximum taken over the whole image: image ``exponential``."""

    type: Literal["pyradiomics_exponential"] = "pyradiomics_exponential"
    bytes_per_voxel: ClassVar[int] = 16

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("exponential",)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        yield replace(image, array=intensities.exponential(image.array))


class Gradient(ImageType):
    """Length of the gradient from central differences: image ``gradient``.

    Attributes
    ----------
    use_spacing : bool
        Per mm; else per voxel.
    """

    type: Literal["pyradiomics_gradient"] = "pyradiomics_gradient"
    use_spacing: bool = True
    bytes_per_voxel: ClassVar[int] = 16

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("gradient",)

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        yield replace(image, array=itk.gradient_magnitude(image.array, image.spacing_mm, self.use_spacing, threads))


class Lbp2D(ImageType):
    """Local binary pattern of each slice, in the image's own number type: image ``lbp-2D``.

    Attributes
    ----------
    radius : float
        Of the circle of neighbours, in voxels.
    samples : int
        Points on the circle.
    method : {"uniform", "default", "ror", "var"}
        scikit-image's names.
    across : {"z", "y", "x"}
        Axis that the slices follow one another along.
    """

    type: Literal["pyradiomics_lbp_2d"] = "pyradiomics_lbp_2d"
    radius: float = Field(1.0, gt=0, allow_inf_nan=False)
    samples: int = Field(8, ge=1, le=32)
    method: Literal["uniform", "default", "ror", "var"] = "uniform"
    across: Literal["z", "y", "x"] = "z"
    bytes_per_voxel: ClassVar[int] = 8
    package: ClassVar[str] = "scikit-image"

    @property
    def names(self) -> tuple[str, ...]:
        """PyRadiomics' name."""
        return ("lbp-2D",)

    def check(self) -> None:
        """Ask for scikit-image."""
        binary_patterns.check()

    def derive(self, image: Image, threads: int) -> Iterator[Image | str]:
        """The image."""
        array, largest = image.array, binary_patterns.largest_code(self.samples, self.method)
        if np.issubdtype(array.dtype, np.integer) and largest > np.iinfo(array.dtype.name).max:
            yield f"codes up to {largest} do not fit an image of {array.dtype.name}"
            return
        codes = binary_patterns.slice_patterns(array, self.radius, self.samples, self.method, "zyx".index(self.across))
        yield replace(image, array=codes)
