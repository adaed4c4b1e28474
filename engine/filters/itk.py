"""Filters of SimpleITK, on arrays. The one file of the engine that imports it."""

from __future__ import annotations

from typing import Any

import numpy as np

from voxomics.engine.volume import Triple

_FLOATS = (np.float32, np.float64)


def laplacian_of_gaussian(array: np.ndarray, spacing_mm: Triple, sigma_mm: float, threads: int = 1) -> np.ndarray:
    """Laplacian of a Gaussian, times sigma², by ITK's recursive filter (LaplacianRecursiveGaussian).

    Parameters
    ----------
    array : ndarray [z, y, x]
        At least 4 voxels along each axis.
    spacing_mm : (float, float, float)
        Voxel size (z, y, x).
    sigma_mm : float
        Standard deviation of the Gaussian in mm.
    threads : int
        Changes no bit of the result.

    Returns
    -------
    ndarray float32 [z, y, x]
        In the unit of the intensities. A voxel depends on all voxels of the image; one NaN makes all NaN.
    """
    import SimpleITK as sitk

    chosen = sitk.LaplacianRecursiveGaussianImageFilter()
    chosen.SetNormalizeAcrossScale(True)
    chosen.SetSigma(float(sigma_mm))
    return _filtered(chosen, array, spacing_mm, threads)


def gradient_magnitude(array: np.ndarray, spacing_mm: Triple, use_spacing: bool = True, threads: int = 1) -> np.ndarray:
    """Length of the gradient from central differences; at the image's faces a voxel continues with its own value.

    Parameters
    ----------
    array : ndarray [z, y, x]
    spacing_mm : (float, float, float)
        Voxel size (z, y, x).
    use_spacing : bool
        Differences per mm; else per voxel.
    threads : int
        Changes no bit of the result.

    Returns
    -------
    ndarray float32 [z, y, x]
        Intensity per mm, or per voxel.
    """
    import SimpleITK as sitk

    chosen = sitk.GradientMagnitudeImageFilter()
    chosen.SetUseImageSpacing(use_spacing)
    return _filtered(chosen, array, spacing_mm, threads)


def _filtered(chosen: Any, array: np.ndarray, spacing_mm: Triple, threads: int) -> np.ndarray:
    """The result of a filter that looks at voxels and their size alone, not at origin and direction."""
    import SimpleITK as sitk

    known = array.dtype.kind in "iu" or array.dtype.type in _FLOATS
    image = sitk.GetImageFromArray(array.astype(array.dtype.newbyteorder("=") if known else np.float64, copy=False))
    image.SetSpacing(spacing_mm[::-1])
    chosen.SetNumberOfThreads(threads)
    chosen.SetNumberOfWorkUnits(threads)
    found: np.ndarray = sitk.GetArrayFromImage(chosen.Execute(image))
    return found
