"""From whatever the user has to an Image: files, folders, SimpleITK images, arrays."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image
from voxomics.io import itk
from voxomics.io.dicom import read_series, single_file
from voxomics.io.grid import Grid, check_grid
from voxomics.io.headers import check_nrrd
from voxomics.io.metaimage import read_meta
from voxomics.io.nifti import read_nifti


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
        `name` is the file's name without its folder.

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
    volume = read_volume(source, "image", max_bytes)
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
    return Image(array, grid.spacing_mm, grid.origin_mm, grid.direction, volume.name)


def read_volume(source: Any, what: str, max_bytes: int | None = None) -> itk.Volume:
    """Voxels and grid of any source; `what` ("image" or "mask") is how error texts call it."""
    if isinstance(source, np.ma.MaskedArray):
        raise InputError(f"{what}: a masked array, whose mask would be lost. Pass .filled(value), or .data.")
    if isinstance(source, np.ndarray):
        return itk.Volume(source, None)
    if hasattr(source, "__dlpack_device__") or hasattr(source, "__cuda_array_interface__"):
        return itk.Volume(_host_array(source, what), None)
    sitk = sys.modules.get("SimpleITK")  # whoever holds such an image has imported it
    if sitk is not None and isinstance(source, sitk.Image):
        grid = itk.reader_grid(source, what)
        return itk.Volume(itk.shared_array(source), grid, "", itk.metadata(source))
    try:
        path = Path(os.fsdecode(source))
    except TypeError:
        raise InputError(f"{what}: a {type(source).__name__} is not accepted. " + itk.ACCEPTED) from None
    if not os.fsdecode(source):
        raise InputError(f"{what}: the path is empty. " + itk.ACCEPTED)
    try:
        return _read_path(path, what, max_bytes)
    except OSError as error:
        raise InputError(f"{path.name}: the {what} cannot be read: {error.strerror or type(error).__name__}.") from error


def _host_array(source: Any, what: str) -> npt.NDArray[Any]:
    """Another library's array: shared when it lies in host memory, copied from a GPU."""
    on_host = hasattr(source, "__dlpack_device__") and source.__dlpack_device__()[0] == 1  # kDLCPU
    try:
        if on_host:
            return np.from_dlpack(source)
        import cupy

        return np.asarray(cupy.asnumpy(cupy.asarray(source)))
    except (BufferError, ImportError, RuntimeError, TypeError) as error:
        raise InputError(f"{what}: a {type(source).__name__} cannot be read ({error}). Pass it as a NumPy array.") from error


def _read_path(path: Path, what: str, max_bytes: int | None) -> itk.Volume:
    itk.path_text(path)
    if path.is_dir():
        return read_series(path, max_bytes)
    if not path.exists():
        missing = "its folder exists" if path.parent.is_dir() else "its folder does not exist either"
        raise InputError(f"{path.name}: no such {what} file ({missing}). Check the path; it must be readable from here.")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name}: the {what} file is empty (0 bytes). Write or download it again.")
    with open(path, "rb"):
        pass  # a file without permission to read is an OSError here, "unknown format" in ITK
    lower = path.name.lower()
    if lower.endswith((".nii", ".nii.gz")):
        return read_nifti(path, max_bytes)
    if lower.endswith((".nrrd", ".nhdr")):
        return _read_itk(path, "NrrdImageIO", max_bytes)
    if lower.endswith((".mha", ".mhd")):
        return read_meta(path, max_bytes)
    image_io = itk.format_of(path)
    if image_io == "NiftiImageIO":
        return read_nifti(path, max_bytes)
    if image_io == "MetaImageIO":
        return read_meta(path, max_bytes)
    return _read_itk(path, image_io, max_bytes)


def _read_itk(path: Path, image_io: str, max_bytes: int | None) -> itk.Volume:
    """Read a file as ITK does; for the formats whose reader reports what is wrong."""
    if not image_io:
        raise InputError(f"{path.name}: no image format is recognised in this file. " + itk.ACCEPTED)
    if image_io == "GDCMImageIO":
        raise single_file(path)
    if image_io in itk.NO_SPACING:
        raise InputError(
            f"{path.name}: {image_io.removesuffix('ImageIO')} files hold no slice distance. "
            "Pass the voxels as an array [z, y, x] with spacing_mm, or convert to NIfTI or NRRD."
        )
    if image_io not in itk.TRUSTED:
        raise InputError(
            f"{path.name}: {image_io.removesuffix('ImageIO')} files are not read: a truncated one could not be "
            "told from a whole one. Convert it to NIfTI, NRRD or MetaImage. " + itk.ACCEPTED
        )
    if image_io == "NrrdImageIO":
        check_nrrd(path)
    reader = itk.open_header(path, image_io)
    grid = itk.reader_grid(reader, path.name)
    itk.check_bytes(itk.reader_bytes(reader), max_bytes, path.name)
    return itk.Volume(itk.shared_array(itk.read_voxels(reader, path.name)), grid, path.name, itk.metadata(reader))


def real_array(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """The array C-contiguous, in native byte order and in a type that kernels take; InputError unless real numbers."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise InputError(f"{name}: array of type {array.dtype}; integers or floating-point numbers are needed.")
    if 0 in array.shape:
        raise InputError(f"{name}: array of shape {array.shape} holds no voxels.")
    if array.dtype == np.bool_:
        return np.ascontiguousarray(array).view(np.uint8)
    dtype = np.dtype(np.float32) if array.dtype == np.float16 else array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, dtype)


def _array_grid(array: npt.NDArray[Any], spacing_mm: Sequence[float] | None) -> Grid:
    if array.ndim != 3:
        raise InputError(f"image: array of shape {array.shape}; three axes [z, y, x] are needed.")
    if spacing_mm is None:
        raise InputError("image: an array carries no voxel size; pass spacing_mm=(z, y, x) in mm.")
    try:
        z, y, x = (float(s) for s in spacing_mm)
    except (TypeError, ValueError):
        raise InputError(f"image: spacing_mm={spacing_mm!r}; three numbers (z, y, x) in mm are needed.") from None
    grid = Grid(array.shape, (z, y, x))
    check_grid(grid, "image")
    return grid
