"""MetaImage (.mha, .mhd), read by us alone: its header ends ITK's process, its data file may be any file for ITK.

ITK ignores a compressed stream that fails to inflate, units of space and scaling, and makes up 1 mm in silence.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.engine.volume import PhysicalGrid
from voxomics.io import itk
from voxomics.io.headers import Stored, data_files, header_lines, read_numbers, read_stored
from voxomics.io.source import Source, Volume
from voxomics.io.streams import number_of_bytes, too_short

# The keys with which a MetaImage may begin.
FIRST_KEY = re.compile(
    rb"\s*(NDims|ObjectType|TransformType|ID|ParentID|BinaryData|Comment|AcquisitionDate|Modality)\s*[=:]"
)  # fmt: skip
MSB = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
ORIGIN, MATRIX = ("Offset", "Position", "Origin"), ("TransformMatrix", "Rotation", "Orientation")
SPACING = ("ElementSpacing", "ElementSize")
INTENSITY = ("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset")
# All that a reading depends on. Other keys are the writer's own and say nothing about voxels.
KEYS = {
    key.lower(): key
    for key in (
        *("ObjectType", "NDims", "DimSize", "ElementType", "ElementNumberOfChannels", "ElementDataFile", "HeaderSize"),
        *("BinaryData", "CompressedData", "CompressedDataSize", "DistanceUnits", "AnatomicalOrientation"),
        *(*MSB, *ORIGIN, *MATRIX, *SPACING, *INTENSITY),
    )
}
DTYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
UNIT_MM = {"": 1.0, "?": 1.0, "mm": 1.0, "um": 1e-3, "cm": 10.0}
MAX_AXES = 10


@dataclass(frozen=True)
class MetaHeader:
    """Values by key, and where the voxels are."""

    values: dict[str, str]
    data: list[Path]  # none if the voxels follow the header
    name: str

    def flag(self, *keys: str, default: bool = False) -> bool:
        """A boolean as MetaIO has it: its first letter counts."""
        text = self.one_of(keys)
        if text is None:
            return default
        if text[:1] not in ("T", "t", "1", "F", "f", "0"):
            raise InputError(f"{self.name}: {keys[0]} is '{itk.shown(text)}' in its header; True or False is needed.")
        return text[0] in "Tt1"

    def numbers(self, keys: tuple[str, ...], count: int) -> tuple[float, ...] | None:
        """Finite numbers, or None if no key is there."""
        text = self.one_of(keys)
        if text is None:
            return None
        try:
            found = tuple(float(word) for word in text.split())
        except ValueError:
            found = ()
        if len(found) != count or not all(math.isfinite(v) for v in found):
            raise InputError(f"{self.name}: {keys[0]} is '{itk.shown(text)}' in its header; {count} finite numbers are needed.")
        return found

    def whole(self, key: str, default: int) -> int:
        """A whole number."""
        text = self.values.get(key, str(default))
        if not re.fullmatch(r"[-+]?\d{1,18}", text):
            raise InputError(f"{self.name}: {key} is '{itk.shown(text)}' in its header; a whole number is needed.")
        return int(text)

    def one_of(self, keys: tuple[str, ...]) -> str | None:
        """Value of the key that is there; InputError if two say different things."""
        there = {self.values[key] for key in keys if key in self.values}
        if len(there) > 1 and keys is not SPACING:  # an element may be larger or smaller than the step between two
            raise InputError(f"{self.name}: {' and '.join(keys)} contradict each other in its header. Correct it.")
        return next((self.values[key] for key in keys if key in self.values), None)


def is_meta(source: Source) -> bool:
    """Whether a file begins with one of MetaImage's keys."""
    return FIRST_KEY.match(source.start) is not None


def meta_files(source: Source) -> list[Path]:
    """The header, then the files that hold the voxels in the header's order."""
    return [source.file, *_header(source).data]


def read_meta(source: Source) -> Volume:
    """Read a MetaImage; errors as `read_nifti`."""
    header = _header(source)
    grid, flat = _grid(header)
    kind = header.values.get("ElementType", "")
    if kind not in DTYPES:
        raise InputError(f"{source.name}: ElementType '{itk.shown(kind)}' in its header; one of {', '.join(DTYPES)} is needed.")
    itk.check_scalar(header.whole("ElementNumberOfChannels", 1), source.name)
    if (header.numbers(INTENSITY[:1], 1) or (1.0,)) != (1.0,) or (header.numbers(INTENSITY[1:], 1) or (0.0,)) != (0.0,):
        raise InputError(
            f"{source.name}: {INTENSITY[0]} and Offset in its header are not applied. Write scaled values."
        )
    dtype = np.dtype(DTYPES[kind]).newbyteorder(">" if header.flag(*MSB) else "<")
    itk.check_bytes(number_of_bytes(grid.shape, dtype), source.max_bytes, source.name)
    compressed = header.flag("CompressedData")
    if not header.flag("BinaryData", default=True) and not compressed:
        return Volume(read_numbers(source, header.data, grid.shape, dtype), grid, source.name, flat=flat)
    _check_packed(source, header, compressed)
    ahead = header.whole("HeaderSize", 0)
    if ahead < -1 or (ahead and (compressed or not header.data)):
        raise InputError(f"{source.name}: HeaderSize is {ahead} in its header. Write the image again as .mha.")
    stored = Stored(grid.shape, dtype, "deflate" if compressed else None, 0, ahead)
    return Volume(read_stored(source, header.data, stored), grid, source.name, flat=flat)


def _check_packed(source: Source, header: MetaHeader, compressed: bool) -> None:
    """Refuse a file that holds fewer compressed bytes than its header says."""
    packed = header.whole("CompressedDataSize", 0)
    if packed and compressed and len(header.data) < 2:
        stream = source.open(header.data[0] if header.data else source.file)
        if stream.size - stream.position < packed:
            raise too_short(stream.size - stream.position, packed, source.name)


def _header(source: Source) -> MetaHeader:
    """Values of a header; refuse one whose data file lies elsewhere or is missing, or that says a thing twice."""
    name = source.name
    lines, listed = header_lines(source.open(source.file), end="elementdatafile")
    values: dict[str, str] = {}
    for line in filter(None, lines):
        found = re.match(r"([^=:]*?)\s*[=:]\s*(.*)", line)
        if found is None:
            raise InputError(f"{name}: a line of its header has no '='; the file is damaged or of another format.")
        key = found[1]
        if KEYS.get(key.replace("_", "").replace(" ", "").lower(), key) != key:
            known = KEYS[key.replace("_", "").replace(" ", "").lower()]
            raise InputError(f"{name}: '{itk.shown(key)}' in its header; the key is spelled {known}. Correct the header.")
        if key in values and key in KEYS.values():
            raise InputError(f"{name}: its header says {itk.shown(key)} twice. Correct the header.")
        values[key] = found[2].strip()
    if values.get("ObjectType", "Image") != "Image":
        raise InputError(f"{name}: a MetaIO file of another object than an image.")
    named = values.get("ElementDataFile", "")
    if not named:
        raise InputError(f"{name}: its header names no ElementDataFile; the file is truncated or damaged.")
    names = [] if named.upper() == "LOCAL" else listed if named.split()[0].upper() == "LIST" else [named]
    slices = values.get("DimSize", "").split()[-1:]
    files = data_files(source.file, names, int(slices[0]) if slices and re.fullmatch(r"\d{1,9}", slices[0]) else 0)
    return MetaHeader(values, files, name)


def _grid(header: MetaHeader) -> tuple[PhysicalGrid, bool]:
    """Checked grid, and whether the image is one slice without a height."""
    name, axes = header.name, header.whole("NDims", 0)
    if not 2 <= axes <= MAX_AXES:
        raise InputError(f"{name}: NDims is {axes} in its header; 3 is needed. The file is damaged, or no volume.")
    words = header.values.get("DimSize", "").split()
    if len(words) != axes or not all(re.fullmatch(r"\d{1,9}", word) and int(word) for word in words):
        raise InputError(
            f"{name}: DimSize is '{itk.shown(' '.join(words))}' in its header; {axes} whole numbers above 0 are needed."
        )
    spacing = header.numbers(SPACING, axes)
    if spacing is None:
        spacing = (1.0,) * axes
        warnings.warn(
            f"{name}: its header has no ElementSpacing; 1 mm is assumed along each axis.", UserWarning, stacklevel=2
        )
    matrix = header.numbers(MATRIX, axes * axes)
    if matrix is None and header.values.get("AnatomicalOrientation", "RAI") not in ("RAI", "???", "?"):
        raise InputError(f"{name}: AnatomicalOrientation without TransformMatrix in its header. Write the image again.")
    unit = header.values.get("DistanceUnits", "")
    if unit not in UNIT_MM:
        raise InputError(f"{name}: DistanceUnits is '{itk.shown(unit)}' in its header; mm, um or cm is needed.")
    mm = UNIT_MM[unit]
    direction = np.eye(axes) if matrix is None else np.reshape(matrix, (axes, axes)).T
    origin = header.numbers(ORIGIN, axes) or (0.0,) * axes
    return itk.spatial_grid(
        tuple(int(word) for word in words),
        tuple(v * mm for v in spacing),
        tuple(v * mm for v in origin),
        direction,
        name,
    )
