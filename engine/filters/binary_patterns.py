"""Local binary patterns of scikit-image, slice by slice."""

from __future__ import annotations

import numpy as np

from voxomics.engine.errors import MissingExtraError


def check() -> None:
    """Raise where scikit-image is not installed.

    Raises
    ------
    MissingExtraError
    """
    try:
        import skimage.feature  # noqa: F401
    except ImportError:
        raise MissingExtraError("the image type pyradiomics_lbp_2d", "filters") from None


def slice_patterns(array: np.ndarray, radius: float, samples: int, method: str, axis: int) -> np.ndarray:
    """Local binary pattern of each voxel among its neighbours in the slice.

    Parameters
    ----------
    array : ndarray [z, y, x]
    radius : float
        Of the circle of neighbours, in voxels.
    samples : int
        Points on the circle.
    method : {"default", "ror", "uniform", "var"}
        As in scikit-image.
    axis : int
        Across the slices: 0 (z), 1 (y) or 2 (x).

    Returns
    -------
    ndarray [z, y, x]
        Codes in the array's own type, which rounds those of method "var" towards zero if it is an integer type.
    """
    from skimage.feature import local_binary_pattern

    found = np.empty_like(array)
    # swapped, not moved to the front: slices across x are (y, z), and a pattern depends on where its circle begins
    for one, codes in zip(array.swapaxes(0, axis), found.swapaxes(0, axis), strict=True):
        codes[...] = local_binary_pattern(one, P=samples, R=radius, method=method)
    return found


def largest_code(samples: int, method: str) -> int:
    """Largest code of a method; 0 for "var", whose values are no codes.

    Examples
    --------
    >>> largest_code(8, "uniform"), largest_code(8, "default")
    (9, 255)
    """
    every: int = 2**samples - 1
    return {"default": every, "ror": every, "uniform": samples + 1, "var": 0}[method]
