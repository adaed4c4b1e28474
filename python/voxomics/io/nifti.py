"""NIfTI-1: geometry by ITK, voxels by us, because ITK's reader turns NaN and infinity into 0 and pads truncated files.

Integers without scaling, the usual CT and every mask, still go through ITK when they are compressed: its inflate is
twice as fast as Python's. The gzip trailer (length and checksum) then proves that ITK has read all of it correctly.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.grid import Float, Grid
from voxomics.io.streams import Inflate, check_expansion, too_short

HEADER_BYTES = 348
DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
UNIT_MM = {1: 1000.0, 2: 1.0, 3: 0.001}
# qform and sform agree when no corner of the volume differs by more than this: the quaternion's rounding
# reaches 0.15 voxels at the far corner of 512 slices, real contradictions start at half a voxel.
TRANSFORM_TOLERANCE_VOXELS = 0.25

# Fields of the 348-byte header that are used here: type, count, offset.
FIELDS = {
    "dim": ("i2", 8, 40),
    "datatype": ("i2", 1, 70),
    "pixdim": ("f4", 8, 76),
    "vox_offset": ("f4", 1, 108),
    "scl_slope": ("f4", 1, 112),
    "scl_inter": ("f4", 1, 116),
    "xyzt_units": ("u1", 1, 123),
    "qform_code": ("i2", 1, 252),
    "sform_code": ("i2", 1, 254),
    "quatern": ("f4", 3, 256),
    "qoffset": ("f4", 3, 268),
    "srow": ("f4", 12, 280),
}


def read_nifti(path: Path, max_bytes: int | None = None) -> itk.Volume:
    """Read a NIfTI-1 file (.nii, .nii.gz, .hdr + .img).

    Parameters
    ----------
    path : Path
        The file; for a pair the header or the image.
    max_bytes : int, optional
        Refuse files whose header announces more bytes of voxels than this.

    Returns
    -------
    Volume
        Array [z, y, x] in the file's type; scaled integers are float32, or float64 above 16 bits.

    Raises
    ------
    InputError
        Truncated, damaged, not 3D, not scalar, or with a contradictory geometry.
    ResourceError
        Above `max_bytes`.
    """
    header_path, data_path = pair(path)
    with _opened(header_path) as (stream, _):
        start = _take(stream, HEADER_BYTES, path.name)
    header, order = _header(start, path.name)
    shape = _shape(header, path.name)
    dtype = np.dtype(DTYPES[int(header["datatype"])]).newbyteorder(order)
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    itk.check_bytes(wanted, max_bytes, path.name)
    slope, inter = _scaling(header)
    skip = _skip(header, single=header_path == data_path, name=path.name)
    array, read = None, None
    if dtype.kind in "iu" and order == "<" and sys.byteorder == "little" and (slope, inter) == (1, 0):
        array, read = _by_itk(data_path, dtype, shape, skip)
    if array is None:
        array = _scaled(_voxels(data_path, dtype, shape, skip, path.name), slope, inter)
    grid = itk.reader_grid(read or itk.open_header(header_path, "NiftiImageIO"), path.name)
    _check_transforms(header, grid, path.name)
    return itk.Volume(array, grid, path.name)


def pair(path: Path) -> tuple[Path, Path]:
    """Header file and voxel file of a NIfTI; the same one for .nii and .nii.gz."""
    lower = path.name.lower()
    for ending, twins in ((".hdr", (".img", ".img.gz")), (".img", (".hdr",)), (".img.gz", (".hdr", ".hdr.gz"))):
        if lower.endswith(ending):
            stem = path.name[: -len(ending)]
            for twin in twins:
                other = path.with_name(stem + twin)
                if other.is_file():
                    return (path, other) if ending == ".hdr" else (other, path)
            raise InputError(f"{path.name}: its other half {stem}{twins[0]} is missing; put both files in one folder.")
    return path, path


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO | Inflate, bool]]:
    """The file's plain bytes, whether it is compressed or not (told by its first bytes, not by its name)."""
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        yield (Inflate(file, path.name) if compressed else file), compressed


def _take(stream: BinaryIO | Inflate, count: int, name: str) -> bytes:
    """Exactly `count` bytes from a stream, or an InputError."""
    parts = b""
    while len(parts) < count:
        piece = stream.read(count - len(parts))
        if not piece:
            raise InputError(f"{name}: truncated: it ends after {len(parts)} bytes, within the NIfTI header.")
        parts += piece
    return parts


def _header(start: bytes, name: str) -> tuple[Any, Literal["<", ">"]]:
    """Header fields and byte order; InputError unless it is NIfTI-1 with real numbers."""
    order: Literal["<", ">"] = "<" if int.from_bytes(start[:4], "little") == HEADER_BYTES else ">"
    size = int.from_bytes(start[:4], "little" if order == "<" else "big")
    if size != HEADER_BYTES or start[344:348] not in (b"n+1\0", b"ni1\0"):
        found = "NIfTI-2" if start[4:8] in (b"n+2\0", b"ni2\0") else "no NIfTI-1 (perhaps Analyze 7.5)"
        raise InputError(
            f"{name}: {found}, which is not read. Convert it to NIfTI-1 (nibabel: "
            "nibabel.Nifti1Image.from_image(nibabel.load(FILE)).to_filename('new.nii.gz'))."
        )
    layout = np.dtype(
        {
            "names": list(FIELDS),
            "formats": [(order + kind, (count,)) if count > 1 else order + kind for kind, count, _ in FIELDS.values()],
            "offsets": [offset for _, _, offset in FIELDS.values()],
            "itemsize": HEADER_BYTES,
        }
    )
    header = np.frombuffer(start, layout, count=1)[0]
    if int(header["datatype"]) not in DTYPES:
        raise InputError(
            f"{name}: voxels of NIfTI datatype {int(header['datatype'])} (complex, colour or unknown); "
            "integers or floating-point numbers are needed."
        )
    return header, order


def _shape(header: Any, name: str) -> tuple[int, int, int]:
    dim = [int(n) for n in header["dim"]]
    if not 1 <= dim[0] <= 7 or any(n < 1 for n in dim[1 : dim[0] + 1]):
        raise InputError(f"{name}: impossible size {dim} in its header; the file is damaged.")
    sizes = dim[1 : dim[0] + 1]
    if len(sizes) < 3 or any(n != 1 for n in sizes[3:]):
        raise InputError(
            f"{name}: {len(sizes)}D image of size (x, y, …) {tuple(sizes)}; a 3D image is needed. "
            + ("Take one time point or one channel out of it." if len(sizes) > 3 else "Stack the slices to a volume.")
        )
    spacing = header["pixdim"][1:4]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError(
            f"{name}: voxel spacing (z, y, x) {tuple(float(s) for s in spacing[::-1])} in its header; three finite "
            "numbers above 0 are needed. Correct the header, or pass the array with spacing_mm."
        )
    return sizes[2], sizes[1], sizes[0]


def _skip(header: Any, single: bool, name: str) -> int:
    """Bytes before the first voxel."""
    offset = float(header["vox_offset"])
    if not (np.isfinite(offset) and 0 <= offset < 2**31):
        raise InputError(f"{name}: impossible voxel offset {offset} in its header; the file is damaged.")
    return max(int(offset), 352) if single else int(offset)


def _scaling(header: Any) -> tuple[float, float]:
    """Slope and intercept; as the NIfTI library has it, no number counts as 0 and slope 0 means no scaling."""
    slope, inter = (float(v) if np.isfinite(v) else 0.0 for v in (header["scl_slope"], header["scl_inter"]))
    return (slope, inter) if slope != 0 else (1.0, 0.0)


def _by_itk(path: Path, dtype: np.dtype[Any], shape: tuple[int, int, int], skip: int) -> tuple[npt.NDArray[Any] | None, Any]:
    """Voxels and ITK's image if a gzip trailer proves them complete and right; else None, and the slow way decides."""
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return None, None
        file.seek(-8, os.SEEK_END)
        checksum, length = (int.from_bytes(file.read(4), "little") for _ in range(2))
        if length != (skip + wanted) % 2**32:
            return None, None
        check_expansion(wanted, file.tell(), path.name)
        file.seek(0)
        start = _take(Inflate(file, path.name), skip, path.name)
    try:
        image = itk.read_voxels(itk.reader_of(path, "NiftiImageIO"), path.name)
    except InputError:
        return None, None  # the slow way knows what is wrong with the stream, ITK does not
    array = itk.shared_array(image)
    if array.shape != shape or array.dtype != dtype or zlib.crc32(array.data, zlib.crc32(start)) != checksum:
        return None, None
    return array, image


def _voxels(path: Path, dtype: np.dtype[Any], shape: tuple[int, int, int], skip: int, name: str) -> npt.NDArray[Any]:
    """Voxels as stored, in this machine's byte order; the file's checksum is verified."""
    wanted = int(np.prod(shape, dtype=object)) * dtype.itemsize
    with _opened(path) as (stream, compressed):
        held = os.path.getsize(path)
        if compressed:
            check_expansion(wanted, held, name)
        elif held < skip + wanted:
            raise too_short(max(held - skip, 0), wanted, name)
        _take(stream, skip, name)
        array = np.empty(shape, dtype)
        done = stream.readinto(array.reshape(-1).view(np.uint8).data)  # type: ignore[union-attr]
        if done < wanted:
            raise too_short(done, wanted, name)
        if isinstance(stream, Inflate):
            stream.verify()
    return array if array.dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


def _scaled(array: npt.NDArray[Any], slope: float, inter: float) -> npt.NDArray[Any]:
    """Voxels × slope + intercept, computed in float64 slice by slice and kept in float32 where that is exact enough."""
    if (slope, inter) == (1.0, 0.0):
        return array
    wide = array.dtype.itemsize > (4 if array.dtype.kind == "f" else 2)
    scaled = np.empty(array.shape, np.float64 if wide else np.float32)
    for target, stored in zip(scaled, array, strict=True):
        target[...] = stored.astype(np.float64) * slope + inter
    return scaled


def _check_transforms(header: Any, grid: Grid, name: str) -> None:
    """Compare ITK's grid with the file's qform and sform: InputError if it is neither, warning if they contradict."""
    unit = UNIT_MM.get(int(header["xyzt_units"]) & 7, 1.0)
    said = {}
    if int(header["sform_code"]) > 0:
        said["sform"] = np.asarray(header["srow"], float).reshape(3, 4) * unit
    if int(header["qform_code"]) > 0:
        said["qform"] = _qform(header) * unit
    apart = {which: _apart_voxels(affine, grid) for which, affine in said.items()}
    agree = [which for which, voxels in apart.items() if voxels <= TRANSFORM_TOLERANCE_VOXELS]
    if said and not agree:
        raise InputError(
            f"{name}: its header contradicts itself: pixdim gives a spacing (z, y, x) of {grid.spacing_mm} mm, the "
            + " and the ".join(f"{which} places voxels {voxels:.3g} voxels away" for which, voxels in apart.items())
            + " (other spacing or shear). Resample the image onto an orthogonal grid, or correct its header."
        )
    for which, voxels in apart.items():
        if which not in agree:
            warnings.warn(
                f"{name}: qform and sform contradict each other by up to {voxels:.3g} voxels; the {agree[0]} is used, "
                "as ITK does. A mask drawn with software that prefers the other one will not match.",
                UserWarning,
                stacklevel=2,
            )


def _apart_voxels(affine: Float, grid: Grid) -> float:
    """Largest distance in voxels, over the volume's corners, between a RAS transform [3, 4] and ITK's LPS grid."""
    corners = grid.corners(0.5)
    points = (corners[:, ::-1] @ affine[:, :3].T + affine[:, 3]) * (-1, -1, 1)
    apart = np.abs(grid.indices(points) - corners).max()
    return float(apart) if np.isfinite(apart) else float("inf")


def _qform(header: Any) -> Float:
    """Transform [3, 4] from (x, y, z) indices to RAS of the quaternion, in the file's unit."""
    b, c, d = (float(v) for v in header["quatern"])
    a = float(np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d))))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    steps = np.asarray(header["pixdim"][1:4], float) * (1, 1, -1 if header["pixdim"][0] < 0 else 1)
    return np.column_stack([rotation * steps, np.asarray(header["qoffset"], float)])
