"""The seam to ITK: open, measure, read, and put its errors in plain words."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError, ResourceError
from voxomics.engine.volume import PhysicalGrid
from voxomics.io.grid import check_grid

# SimpleITK generates its classes: they have no types. A Reader is an ImageFileReader (or, for its grid, an Image).
Reader = Any


def _warning_switch() -> Any:
    import SimpleITK as sitk

    return sitk.ProcessObject


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_before = True
_own_blocks = threading.local()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep ITK's warnings off the terminal inside the block.

    ITK has one switch for the whole process, so blocks of several threads are counted: the first one in
    switches off and the last one out puts back what it found.
    """
    switch = _warning_switch()
    global _quiet_depth, _quiet_before
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_before = switch.GetGlobalWarningDisplay()
            switch.SetGlobalWarningDisplay(False)
        _quiet_depth += 1
        _own_blocks.depth = _own_depth() + 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            _own_blocks.depth -= 1
            if _quiet_depth == 0:
                switch.SetGlobalWarningDisplay(_quiet_before)


def _own_depth() -> int:
    return int(getattr(_own_blocks, "depth", 0))


def _before_fork() -> None:
    """Wait for what other threads would leave locked in a child for ever: modules they import, and the lock above."""
    for name, module in list(sys.modules.items()):
        if getattr(getattr(module, "__spec__", None), "_initializing", False):
            with contextlib.suppress(Exception):
                importlib.import_module(name)  # returns when the other thread is done
    _quiet_lock.acquire()


def _in_child() -> None:
    """Blocks of threads that the child does not have have ended."""
    global _quiet_depth
    if _quiet_depth and not _own_depth():
        _warning_switch().SetGlobalWarningDisplay(_quiet_before)
    _quiet_depth = _own_depth()
    _quiet_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_quiet_lock.release, after_in_child=_in_child)


def path_text(path: Path) -> str:
    """A path as ITK takes it, which ends the whole process on text that is not UTF-8; InputError instead."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        name = readable(path.name)
        part = "its name" if name != path.name else "the name of a folder on its path"
        raise InputError(f"{name}: {part} is not UTF-8 text, which cannot be read. Rename it.") from None
    return text


def readable(text: str) -> str:
    """The text with U+FFFD for each byte that was not UTF-8, so that it can be printed and written."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def shown(value: str) -> str:
    """A value of a header as an error text gives it: as far as it looks like one.

    Where a byte of a damaged header made one line of two, what follows may be the name of a patient.

    Examples
    --------
    >>> shown("0.5 0.5 nan"), shown("MET_SHORT?PatientName = Doe"), shown('"cm" "cm"')
    ('0.5 0.5 nan', 'MET_SHORT…', '"cm" "cm"')
    """
    start = re.match(r'[\w.,+\-()" ]{0,60}', value)
    found = start[0] if start else ""
    return found if found == value else f"{found}…"


def metadata(source: Reader) -> dict[str, str]:
    """Keys and values of an opened file or an ITK image that tell of segments; see `voxomics.io.slicer`."""
    keys = [key for key in source.GetMetaDataKeys() if key.startswith("Segment") and key == readable(key)]
    return {key: readable(source.GetMetaData(key)) for key in keys}


def open_header(path: Path, image_io: str) -> Reader:
    """Reader of a file whose header has been read, and nothing but its header."""
    import SimpleITK as sitk

    reader: Reader = sitk.ImageFileReader()
    reader.SetImageIO(image_io)
    reader.SetFileName(path_text(path))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(
            f"{path.name}: the header cannot be read as {image_io.removesuffix('ImageIO')} "
            f"({reason(error, path.parent)}). The file is damaged, truncated or of another format: write or download it again."
        ) from error
    return reader


def read_voxels(reader: Reader, name: str, folder: Path | None = None) -> Any:
    """Image of a file: its voxels, and its header if that has not been read yet."""
    try:
        with quiet():
            return reader.Execute()
    except (RuntimeError, MemoryError) as error:
        said = reason(error, folder or Path(reader.GetFileName()).parent)
        raise InputError(
            f"{name}: the voxels cannot be read ({said}). The file is truncated or damaged: write or download it again."
        ) from error


def read_stack(paths: list[Path], dtype: np.dtype[Any], name: str) -> npt.NDArray[Any]:
    """Voxels [z, y, x] of DICOM slices in the order given, each converted to `dtype` from its own type."""
    import SimpleITK as sitk

    reader: Reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames([path_text(p) for p in paths])
    # ITK would convert every slice to the type of the first.
    reader.SetOutputPixelType(sitk.GetImageFromArray(np.zeros((1, 1, 1), dtype)).GetPixelID())
    return shared_array(read_voxels(reader, name, paths[0].parent))


def reader_grid(reader: Reader, name: str) -> tuple[PhysicalGrid, bool]:
    """`spatial_grid` of an opened file or of an ITK image."""
    size = tuple(map(int, reader.GetSize()))
    direction = np.array(reader.GetDirection(), float).reshape(len(size), len(size))
    return spatial_grid(size, tuple(reader.GetSpacing()), tuple(reader.GetOrigin()), direction, name)


def spatial_grid(
    size: tuple[int, ...],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    direction: npt.NDArray[np.float64],
    name: str,
) -> tuple[PhysicalGrid, bool]:
    """Checked grid of an image with two, three or more axes, and whether it is one slice without a height.

    Parameters
    ----------
    size, spacing, origin : tuple
        Along (x, y, z, …), in voxels and mm.
    direction : ndarray [n, n]
        Its columns are the axes.
    name : str
        For error texts.

    Returns
    -------
    grid, flat
        Axes behind the third must have one entry and are left out. A 2D image becomes one slice, 1 mm high until
        the caller knows better: `flat` is True.

    Raises
    ------
    InputError
        Several time points or channels; impossible geometry.
    """
    if len(size) < 2 or any(n != 1 for n in size[3:]):
        raise InputError(
            f"{name}: {len(size)}D image of size (x, y, …) {size}; a 3D image is needed. "
            + ("Take one time point or one channel out of it." if len(size) > 3 else "Stack the slices to a volume.")
        )
    axes = min(len(size), 3)
    matrix = direction[:3, :3]
    if axes == 2:
        matrix = np.diag((1.0, 1.0, np.linalg.det(direction)))  # keeps the axes right-handed
        matrix[:2, :2] = direction
    x, y, z = (*size[:axes], 1)[:3]
    grid = PhysicalGrid(
        (z, y, x),
        _triple((*spacing[:axes], 1.0)[2::-1]),
        _triple((*origin[:axes], 0.0)[:3]),
        tuple(matrix.ravel().tolist()),
    )
    check_grid(grid, name)
    return grid, axes == 2


def check_scalar(components: int, name: str) -> None:
    """Raise InputError for colour, vector and complex images."""
    if components != 1:
        raise InputError(
            f"{name}: {components} values a voxel (colour, vector or several channels); a scalar 3D image is needed. "
            "Take one channel out of it."
        )


def check_bytes(wanted: int, max_bytes: int | None, name: str) -> None:
    """Raise ResourceError if the voxels that a header announces take more memory than `max_bytes`."""
    if max_bytes is not None and wanted > max_bytes:
        raise ResourceError(
            f"{name}: its header announces {wanted:,} bytes of voxels, the limit is {max_bytes:,}. "
            "Nothing was read. If the file can be trusted, raise the limit (`memory`, or max_bytes), or crop the image."
        )


def reader_bytes(reader: Reader) -> int:
    """Bytes that the voxels of an opened file will take in memory."""
    voxels = 1
    for n in reader.GetSize():
        voxels *= int(n)
    return voxels * int(reader.GetNumberOfComponents()) * pixel_dtype(reader.GetPixelID()).itemsize


def pixel_dtype(pixel_id: int) -> np.dtype[Any]:
    """NumPy type of one component of an ITK pixel type."""
    import SimpleITK as sitk

    text: str = sitk.GetPixelIDValueAsString(pixel_id)
    found = re.search(r"(\d+)-bit (unsigned|signed|float)", text)
    if found is None:
        raise InputError(f"voxels of type '{text}'; integers or floating-point numbers are needed.")
    kind = {"unsigned": "u", "signed": "i", "float": "c" if text.startswith("complex") else "f"}[found[2]]
    bits = int(found[1]) * (2 if kind == "c" else 1)
    return np.dtype(f"{kind}{bits // 8}")


class _Shared:
    """Buffer of an ITK image for NumPy, without a copy.

    Holds a second handle of the image: ITK copies on write, so whoever changes the first handle afterwards
    gets a buffer of their own, and this one neither changes nor goes away while the array lives.
    """

    def __init__(self, image: Any) -> None:
        import SimpleITK as sitk

        # The view comes before the second handle: a view of an image that is shared would copy it.
        view = sitk.GetArrayViewFromImage(image)
        interface = view.__array_interface__
        del view
        self.image = sitk.Image(image)
        # Compiled kernels are typed by writability; a writable array spares them a second compilation.
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def shared_array(image: Any) -> npt.NDArray[Any]:
    """Voxels of an ITK image as an array [z, y, x] or [z, y, x, component] that shares its memory."""
    return np.asarray(_Shared(image))


def reason(error: BaseException, folder: Path) -> str:
    """The last line of ITK's text, without source paths, addresses and the file's folder (it may name a patient)."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[-1] if lines else type(error).__name__
    text = text.replace(os.path.join(folder, ""), "")
    text = re.sub(r"^(ITK|sitk::)?\s*ERROR:\s*", "", text)
    text = re.sub(r"\(0x[0-9a-f]+\)", "", text)
    text = re.sub(r"(?:[A-Za-z]:)?(?:[\\/][^\\/\s\"']+)+[\\/]", "", text)
    text = re.sub(r'"([^"]*)"', lambda quoted: f'"{shown(quoted[1])}"', text)
    return text.rstrip(". ")


def _triple(values: Any) -> tuple[float, float, float]:
    a, b, c = values
    return float(a), float(b), float(c)
