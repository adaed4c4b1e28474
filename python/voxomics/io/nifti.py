"""NIfTI-1: geometry by ITK, voxels by us: ITK's reader turns NaN and infinity into 0 and pads truncated files."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import PhysicalGrid
from voxomics.io import itk, others
from voxomics.io.grid import ORTHONORMAL_TOLERANCE, Float, check_grid
from voxomics.io.headers import check_real
from voxomics.io.source import Source, Volume
from voxomics.io.streams import ANY_WRAPPER, Inflate, Stream, empty, number_of_bytes, read_voxels, skip

HEADER_BYTES = 348
# A file begins with the size of its header, in either byte order: NIfTI-1 and Analyze 7.5, NIfTI-2.
SIZES = {size.to_bytes(4, order) for size in (HEADER_BYTES, 540) for order in ("little", "big")}
GZIP = b"\x1f\x8b"
PAIRS = (
    (".hdr", (".img", ".img.gz")),
    (".hdr.gz", (".img.gz", ".img")),
    (".img", (".hdr", ".hdr.gz")),
    (".img.gz", (".hdr", ".hdr.gz")),
)
# What may follow the header in the header file of a pair.
MAX_EXTENSION_BYTES = 64 * 2**20
DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# qform and sform agree when no corner of the volume differs by more than this: the quaternion's rounding
# reaches 0.15 voxels at the far corner of 512 slices, real contradictions start at half a voxel.
TRANSFORM_TOLERANCE_VOXELS = 0.25

# Fields of the 348-byte header that are used here: type, count, offset.
FIELDS = {
    "dim": ("i2", 8, 40),
    "datatype": ("i2", 1, 70),
    "bitpix": ("i2", 1, 72),
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


def is_nifti(source: Source) -> bool:
    """Whether a file, or what a gzip file expands to, begins with the size of a NIfTI (or Analyze) header."""
    start = source.start
    if start.startswith(GZIP):
        try:
            start = zlib.decompressobj(ANY_WRAPPER).decompress(start, HEADER_BYTES)
        except zlib.error:
            return False  # damaged: its name decides
    return start[:4] in SIZES


def nifti_files(source: Source) -> list[Path]:
    """The file itself; header, then voxels, for a pair."""
    header, data = _pair(source.file)
    return [header] if header == data else [header, data]


def read_nifti(source: Source) -> Volume:
    """Read a NIfTI-1 file (.nii, .nii.gz, .hdr + .img).

    Parameters
    ----------
    source : Source
        The file; for a pair the header or the image.

    Returns
    -------
    Volume
        Array [z, y, x] in the file's type; scaled integers are float32, or float64 above 16 bits.

    Raises
    ------
    InputError
        Truncated, damaged, not 3D, not scalar, or with a contradictory geometry.
    ResourceError
        Above the source's `max_bytes`, or more than the machine's memory.
    """
    name = source.name
    header_path, data_path = _pair(source.file)
    stream = _plain(source.open(header_path))
    start = _start(stream)
    _check_content(start, isinstance(stream, Inflate), name)
    _check_name(header_path, isinstance(stream, Inflate))
    header, order = _header(start, name)
    shape = _shape(header, name)
    dtype = np.dtype(DTYPES[int(header["datatype"])]).newbyteorder(order)
    itk.check_bytes(number_of_bytes(shape, dtype), source.max_bytes, name)
    ahead = _ahead(header, single=header_path == data_path, name=name)
    if header_path != data_path:
        stream.finish(MAX_EXTENSION_BYTES)
        stream = _plain(source.open(data_path))
    stream.expect(ahead + number_of_bytes(shape, dtype))
    skip(stream, ahead)
    array = _scaled(read_voxels(stream, shape, dtype), *_scaling(header, name), name)
    grid, flat, remarks = _grid(header, header_path, name)
    if not flat:
        _check_transforms(header, grid, name)
    return Volume(array, grid, name, remarks=remarks, flat=flat)


def _grid(header: Any, path: Path, name: str) -> tuple[PhysicalGrid, bool, tuple[str, ...]]:
    """ITK's grid, whether it is one slice without a height, and remarks; ITK refuses any shear, we allow rounding."""
    _check_forms(header, name)
    shear = 0.0
    if int(header["qform_code"]) <= 0 and int(header["sform_code"]) > 0:
        axes = np.asarray(header["srow"], float).reshape(3, 4)[:, :3]
        lengths = np.linalg.norm(axes, axis=0)
        cosines = axes / lengths
        shear = float(np.abs(cosines.T @ cosines - np.eye(3)).max())
        if shear > ORTHONORMAL_TOLERANCE:
            raise InputError(
                f"{name}: its sform shears the grid: the axes are off a right angle by "
                f"{np.degrees(np.arcsin(min(shear, 1))):.3g} degrees. Resample the image onto an orthogonal grid."
            )
    try:
        return *itk.reader_grid(itk.open_header(path, "NiftiImageIO"), name), ()
    except InputError:
        if not shear:
            raise
    u, _, v = np.linalg.svd(cosines)
    unit = UNIT_MM[int(header["xyzt_units"]) & 7]
    spacing = tuple(float(s) * unit for s in header["pixdim"][3:0:-1])
    flip = np.array([[-1.0], [-1.0], [1.0]])  # RAS to LPS
    origin = np.asarray(header["srow"], float).reshape(3, 4)[:, 3:] * flip * unit
    shape = _shape(header, name)
    direction = tuple(float(c) for c in ((u @ v) * flip).ravel())
    grid = PhysicalGrid(shape, spacing, tuple(float(c) for c in origin.ravel()), direction)  # type: ignore[arg-type]
    check_grid(grid, name)
    return grid, False, (f"sform orthogonal up to {shear:.1g}, read as orthogonal",)


def _pair(path: Path) -> tuple[Path, Path]:
    """Header file and voxel file of a NIfTI; the same one for .nii and .nii.gz."""
    lower = path.name.lower()
    for ending, twins in PAIRS:
        if lower.endswith(ending):
            stem = path.name[: -len(ending)]
            for twin in twins:
                other = path.with_name(stem + twin)
                if other.is_file():
                    check_real(path, other)
                    return (path, other) if ending.startswith(".hdr") else (other, path)
            raise InputError(f"{path.name}: its other half {stem}{twins[0]} is missing; put both files in one folder.")
    return path, path


def _check_forms(header: Any, name: str) -> None:
    """Refuse a qform that is no rotation, and an sform without axes, where the header says that they count."""
    if int(header["qform_code"]) > 0:
        squared = float(np.square(header["quatern"].astype(float)).sum())
        if not squared <= 1 + ORTHONORMAL_TOLERANCE or not np.isfinite(header["qoffset"]).all():
            raise InputError(f"{name}: its qform is no rotation (its numbers are too large or none). Correct its header.")
    if int(header["sform_code"]) > 0:
        rows = header["srow"].astype(float).reshape(3, 4)
        if not np.isfinite(rows).all() or not np.abs(rows[:, :3]).max(axis=0).all():
            raise InputError(f"{name}: its sform holds no axes (numbers missing or 0). Correct its header.")


def _check_name(path: Path, compressed: bool) -> None:
    """Refuse a name by which ITK, which reads the geometry, takes the file for something else."""
    lower = path.name.lower()
    if compressed and not lower.endswith(".gz"):
        raise InputError(f"{path.name}: a gzip-compressed NIfTI file. Rename it, so that its name ends in .nii.gz.")
    if not lower.endswith((".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz")):
        raise InputError(f"{path.name}: a NIfTI file by its content. Rename it, so that its name ends in .nii.")


def _plain(stream: Stream) -> Stream | Inflate:
    """The file's plain bytes, whether it is compressed or not (told by its first bytes, not by its name)."""
    return Inflate(stream) if stream.peek(2) == GZIP else stream


def _start(stream: Stream | Inflate) -> bytes:
    """The bytes of the header, fewer where the file ends within it."""
    parts = b""
    while len(parts) < HEADER_BYTES and (piece := stream.read(HEADER_BYTES - len(parts))):
        parts += piece
    return parts


def _check_content(start: bytes, compressed: bool, name: str) -> None:
    """Refuse what does not begin as a NIfTI file, called by what it is, and one that ends within its header."""
    if start[:4] not in SIZES and len(start) >= 4:
        if compressed and start.startswith(GZIP):
            raise InputError(f"{name}: compressed twice: a gzip file within a gzip file. Unpack it once (gzip -d).")
        if compressed and (kind := others.kind_of(start)):
            raise InputError(f"{name}: a gzip file that holds {kind}, no NIfTI. Unpack it, and convert it if it is an image.")
        raise InputError(
            f"{name}: {'what it holds begins' if compressed else 'it begins'} with none of the headers of NIfTI: the file is "
            "damaged, or of another format. Write or download it again."
        )
    if len(start) < HEADER_BYTES:
        raise InputError(f"{name}: truncated: it ends after {len(start)} bytes, within the NIfTI header.")


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
    bits = 8 * np.dtype(DTYPES[int(header["datatype"])]).itemsize
    if int(header["bitpix"]) not in (0, bits):
        raise InputError(
            f"{name}: damaged: datatype {int(header['datatype'])} has {bits} bits, bitpix in its header is "
            f"{int(header['bitpix'])}. Write or download it again."
        )
    return header, order


def _shape(header: Any, name: str) -> tuple[int, int, int]:
    dim = [int(n) for n in header["dim"]]
    if not 1 <= dim[0] <= 7 or any(n < 1 for n in dim[1 : dim[0] + 1]):
        raise InputError(f"{name}: impossible size {dim} in its header; the file is damaged.")
    sizes = dim[1 : dim[0] + 1]
    if len(sizes) < 2 or any(n != 1 for n in sizes[3:]):
        raise InputError(
            f"{name}: {len(sizes)}D image of size (x, y, …) {tuple(sizes)}; a 3D image is needed. "
            + ("Take one time point or one channel out of it." if len(sizes) > 3 else "Stack the slices to a volume.")
        )
    spacing = header["pixdim"][1 : min(len(sizes), 3) + 1]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise InputError(
            f"{name}: voxel spacing (z, y, x) {tuple(float(s) for s in spacing[::-1])} in its header; three finite "
            "numbers above 0 are needed. Correct the header, or pass the array with spacing_mm."
        )
    if int(header["xyzt_units"]) & 7 not in UNIT_MM:
        raise InputError(f"{name}: unknown unit of space {int(header['xyzt_units']) & 7} in its header. Correct it.")
    x, y, z = (*sizes[:3], 1)[:3]
    return z, y, x


def _ahead(header: Any, single: bool, name: str) -> int:
    """Bytes from the header's end, or from the start of a voxel file, to the first voxel."""
    offset = float(header["vox_offset"])
    if not (np.isfinite(offset) and 0 <= offset < 2**31):
        raise InputError(f"{name}: impossible voxel offset {offset} in its header; the file is damaged.")
    return max(int(offset), 352) - HEADER_BYTES if single else int(offset)


def _scaling(header: Any, name: str) -> tuple[float, float]:
    """Slope and intercept; as the NIfTI library has it, no number counts as 0 and slope 0 means no scaling."""
    slope, inter = (float(v) if np.isfinite(v) else 0.0 for v in (header["scl_slope"], header["scl_inter"]))
    if slope == 0:
        return 1.0, 0.0
    if np.isinf(header["scl_inter"]):  # NaN is how programs write nothing
        raise InputError(
            f"{name}: damaged: scl_inter is infinite in its header; a finite number is needed. Write or download it again."
        )
    return slope, inter


def _scaled(array: npt.NDArray[Any], slope: float, inter: float, name: str) -> npt.NDArray[Any]:
    """Voxels × slope + intercept, computed in float64 slice by slice and kept in float32 where that is exact enough."""
    if (slope, inter) == (1.0, 0.0):
        return array
    far = 2.0**100  # an int16 by a slope beyond may leave the numbers that float32 holds with all their digits
    wide = array.dtype.itemsize > (4 if array.dtype.kind == "f" else 2) or not 1 / far < abs(slope) < far or abs(inter) > far
    scaled = empty(array.shape, np.dtype(np.float64 if wide else np.float32), name)
    for target, stored in zip(scaled, array, strict=True):
        target[...] = stored.astype(np.float64) * slope + inter
    return scaled


def _check_transforms(header: Any, grid: PhysicalGrid, name: str) -> None:
    """Compare ITK's grid with the file's qform and sform: InputError if it is neither, warning if they contradict."""
    unit = UNIT_MM[int(header["xyzt_units"]) & 7]
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


def _apart_voxels(affine: Float, grid: PhysicalGrid) -> float:
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
