"""Objects in memory: NumPy's arrays, other libraries' arrays, SimpleITK's images; shared where they can be."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.source import Source, Volume


def is_array(source: Source) -> bool:
    """Whether it is an array: NumPy's, or one that speaks DLPack or __cuda_array_interface__."""
    speaks = ("__dlpack_device__", "__cuda_array_interface__")
    return isinstance(source.given, np.ndarray) or any(hasattr(source.given, name) for name in speaks)


def read_array(source: Source) -> Volume:
    """An array without a grid: shared when it lies in host memory, copied from a GPU."""
    if isinstance(source.given, np.ma.MaskedArray):
        raise InputError(f"{source.what}: a masked array, whose mask would be lost. Pass .filled(value), or .data.")
    if isinstance(source.given, np.ndarray):
        return Volume(source.given, None)
    return Volume(_host_array(source.given, source.what), None)


def is_itk_image(source: Source) -> bool:
    """Whether it is a SimpleITK image."""
    sitk = sys.modules.get("SimpleITK")  # whoever holds such an image has imported it
    return sitk is not None and isinstance(source.given, sitk.Image)


def read_itk_image(source: Source) -> Volume:
    """A SimpleITK image: its memory, its grid and what it says of segments."""
    image = source.given
    if image.GetPixelIDTypeAsString().startswith("label of"):  # a LabelMap; its buffer would end the process
        raise InputError(
            f"{source.what}: a SimpleITK LabelMap, which has no voxels. Pass SimpleITK.LabelMapToLabel(image)."
        )
    grid, flat = itk.reader_grid(image, source.what)
    array = itk.shared_array(image)
    components = () if image.GetNumberOfComponentsPerPixel() == 1 else (image.GetNumberOfComponentsPerPixel(),)
    return Volume(array.reshape(*grid.shape, *components), grid, "", itk.metadata(image), flat=flat)


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


def _host_array(given: Any, what: str) -> npt.NDArray[Any]:
    on_host = hasattr(given, "__dlpack_device__") and given.__dlpack_device__()[0] == 1  # kDLCPU
    try:
        if on_host:
            return np.from_dlpack(given)
        import cupy

        return np.asarray(cupy.asnumpy(cupy.asarray(given)))
    except (BufferError, ImportError, RuntimeError, TypeError) as error:
        raise InputError(
            f"{what}: a {type(given).__name__} cannot be read ({error}). Pass it as a NumPy array."
        ) from error
