"""From whatever the user has to an Image: files, folders, SimpleITK images, arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image
from voxomics.io import itk
from voxomics.io.grid import PhysicalGrid, check_grid
from voxomics.io.memory import real_array
from voxomics.io.readers import read_volume
from voxomics.io.source import opened


def read_image(source: Any, spacing_mm: Sequence[float] | None = None, *, max_bytes: int | None = None) -> Image:
    """Read an image; NaN and infinity in it stay what they are.

    Parameters
    ----------
    source : str, path-like, SimpleITK.Image or ndarray [z, y, x]
        A NIfTI-1, NRRD, MetaImage, MINC or ITK HDF5 file, a folder that holds one DICOM series,
        an image in memory, or an array of real numbers: NumPy's, or another library's (DLPack, __cuda_array_interface__).
    spacing_mm : (float, float, float), optional
        Voxel size along (z, y, x) in mm; needed for an array, not accepted for anything else.
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
        an NRRD without spacing.

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
        grid = _array_grid(array, spacing_mm)
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


def _array_grid(array: npt.NDArray[Any], spacing_mm: Sequence[float] | None) -> PhysicalGrid:
    if array.ndim != 3:
        raise InputError(f"image: array of shape {array.shape}; three axes [z, y, x] are needed.")
    if spacing_mm is None:
        raise InputError("image: an array carries no voxel size; pass spacing_mm=(z, y, x) in mm.")
    try:
        z, y, x = (float(s) for s in spacing_mm)
    except (TypeError, ValueError):
        raise InputError(f"image: spacing_mm={spacing_mm!r}; three numbers (z, y, x) in mm are needed.") from None
    grid = PhysicalGrid(array.shape, (z, y, x))
    check_grid(grid, "image")
    return grid
