"""From whatever the user has to an Image: files, folders, SimpleITK images, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image, PhysicalGrid
from voxomics.io import itk
from voxomics.io.grid import check_grid
from voxomics.io.memory import real_array
from voxomics.io.readers import read_volume
from voxomics.io.source import opened


def read_image(source: Any, spacing_mm: Sequence[float] | None = None, *, max_bytes: int | None = None) -> Image:
    """Read an image; NaN and infinity in it stay what they are.

    Parameters
    ----------
    source : str, path-like, SimpleITK.Image or ndarray [z, y, x]
        A NIfTI-1, NRRD or MetaImage file, a folder that holds one DICOM series,
        an image in memory, or an array [z, y, x] or [y, x] of real numbers: NumPy's, or another library's (DLPack,
        __cuda_array_interface__).
    spacing_mm : (float, float, float), optional
        Voxel size along (z, y, x) in mm; needed for an array and, for its thickness z, for a 2D image; not accepted for
        anything else.
    max_bytes : int, optional
        Refuse a file whose header announces more bytes of voxels than this, before reading them.

    Returns
    -------
    Image
        Voxels in the source's own type (int16 stays int16), C-contiguous. Arrays and SimpleITK images in memory are
        shared, not copied, where they can be; an array on a GPU is copied, as VOIs are found in host memory. Scaled NIfTI
        integers are float32 (float64 above 16 bits); float16 becomes float32 and bool uint8.
        `name` is the file's name without its folder, `digest` the XXH3-128 of the bytes that were read.

    Raises
    ------
    InputError
        Missing, unreadable, truncated or damaged; not 3D; not scalar; impossible spacing; a contradictory header.
    ResourceError
        Larger than `max_bytes`.

    Warns
    -----
    UserWarning
        qform and sform of a NIfTI contradict each other; DICOM slices that are 1 to 10 % unevenly spaced;
        an NRRD or MetaImage without spacing.

    Examples
    --------
    >>> import numpy as np
    >>> image = read_image(np.zeros((4, 5, 6), np.int16), spacing_mm=(2.5, 1, 1))
    >>> image.array.shape, str(image.array.dtype), image.spacing_mm
    ((4, 5, 6), 'int16', (2.5, 1.0, 1.0))
    """
    with opened(source, "image", max_bytes) as looked_at:
        volume = read_volume(looked_at)
    grid = volume.grid
    array = real_array(volume.array, volume.name or "image")
    if grid is None:
        array = array_3d(array)
        grid = _array_grid(array, spacing_mm)
    elif volume.flat:
        grid = _slice_grid(grid, spacing_mm, volume.name or "image")
    elif spacing_mm is not None:
        raise InputError(
            f"{volume.name or 'image'}: spacing_mm={tuple(spacing_mm)} was given, but the source has its own spacing "
            f"{grid.spacing_mm}. Leave spacing_mm out; it is for NumPy arrays."
        )
    if array.ndim != 3:
        itk.check_scalar(array.shape[3], volume.name or "image")
    return Image(
        array, grid.spacing_mm, grid.origin_mm, grid.direction, volume.name, looked_at.digest_text, volume.remarks
    )


def array_3d(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of one slice [y, x], or with trailing axes of 1, as [z, y, x]; any other as it is."""
    if array.ndim == 2:
        return array[None]
    return array.reshape(array.shape[:3]) if array.ndim > 3 and set(array.shape[3:]) == {1} else array


def _slice_grid(grid: PhysicalGrid, spacing_mm: Sequence[float] | None, name: str) -> PhysicalGrid:
    """Grid of a 2D image with the height that the user gives."""
    if spacing_mm is None:
        raise InputError(
            f"{name}: a 2D image carries no slice thickness; a 3D image is needed. Pass spacing_mm=(thickness, y, x) in mm "
            "for one slice, or stack the slices to a volume."
        )
    given = _three_numbers(spacing_mm)
    if not np.allclose(given[1:], grid.spacing_mm[1:], rtol=1e-4, atol=0):
        raise InputError(
            f"{name}: spacing_mm={given} was given, but the source has {grid.spacing_mm[1:]} along (y, x). "
            "Give the thickness beside these."
        )
    grid = replace(grid, spacing_mm=(given[0], *grid.spacing_mm[1:]))
    check_grid(grid, name)
    return grid


def _three_numbers(spacing_mm: Sequence[float]) -> tuple[float, float, float]:
    wrong = InputError(f"image: spacing_mm={spacing_mm!r}; three numbers (z, y, x) in mm are needed.")
    if isinstance(spacing_mm, (str, bytes, set, frozenset, dict)):  # no order, or letters taken for numbers
        raise wrong
    try:
        z, y, x = (float(s) for s in spacing_mm)
    except (TypeError, ValueError):
        raise wrong from None
    return z, y, x


def _array_grid(array: npt.NDArray[Any], spacing_mm: Sequence[float] | None) -> PhysicalGrid:
    if array.ndim != 3:
        raise InputError(f"image: array of shape {array.shape}; three axes [z, y, x] are needed.")
    if spacing_mm is None:
        raise InputError("image: an array carries no voxel size; pass spacing_mm=(z, y, x) in mm.")
    grid = PhysicalGrid(array.shape, _three_numbers(spacing_mm))
    check_grid(grid, "image")
    return grid
