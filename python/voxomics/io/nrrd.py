"""NRRD (.nrrd, .nhdr, .seg.nrrd): geometry and key-value pairs by ITK, voxels by us.

ITK's reader of NRRD verifies no checksum: a flipped bit in compressed voxels would give another image or mask.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.headers import Stored, data_files, header_lines, read_numbers, read_stored
from voxomics.io.source import Source, Volume
from voxomics.io.streams import Codec

CODECS: dict[str, Codec | None] = {
    "raw": None, "gzip": "deflate", "gz": "deflate", "bzip2": "bzip2", "bz2": "bzip2"
}  # fmt: skip
TEXT = {"txt": 10, "text": 10, "ascii": 10, "hex": 16}
# Units of space in which numbers are taken as they are.
MILLIMETRES = {"mm", "millimeter", "millimeters", "millimetre", "millimetres", "", "???", "none"}
# Kinds of axes in space (NRRD has time among them, see `_check_axes`); another kind runs over the values of one voxel.
SPATIAL = ("domain", "space", "time", "???", "none")
# ITK's parser ends the process when it has to complain about a line, or a path, of about 1,000 bytes.
MAX_FIELD_BYTES, MAX_PATH_BYTES = 512, 900
# It compares each key with all before it; a segmentation of 100 structures has 1,000.
MAX_LINES = 2**14


@dataclass(frozen=True)
class NrrdHeader:
    """Fields of an NRRD header, their names without spaces and in lower case, and where the voxels are."""

    values: dict[str, str]
    data: list[Path]  # none if the voxels follow the header


def is_nrrd(source: Source) -> bool:
    """Whether a file begins as every NRRD does."""
    return source.start.startswith(b"NRRD")


def nrrd_files(source: Source) -> list[Path]:
    """The header, then the files that hold the voxels in the header's order."""
    return [source.file, *_header(source).data]


def read_nrrd(source: Source) -> Volume:
    """Read an NRRD: array [z, y, x], or [z, y, x, layer] if each voxel has several values; errors as `read_nifti`."""
    header = _header(source)
    _check_axes(header.values, source.name)
    _check_spacing(header.values, source.name)
    _check_declared(header.values, source.name)
    reader = itk.open_header(source.file, "NrrdImageIO")
    if "spacings" not in header.values and "spacedirections" not in header.values:
        warnings.warn(
            f"{source.name}: its header has neither 'spacings' nor 'space directions'; "
            "1 mm is assumed along each axis.",
            UserWarning,
            stacklevel=2,
        )
    grid, flat = itk.reader_grid(reader, source.name)
    itk.check_bytes(itk.reader_bytes(reader), source.max_bytes, source.name)
    encoding = header.values.get("encoding", "").lower()
    metadata = itk.metadata(reader)
    if encoding not in CODECS and encoding not in TEXT:
        raise InputError(
            f"{source.name}: encoding '{itk.shown(encoding)}' in its header; raw, gzip, bzip2, text or hex is needed."
        )
    order = {"little": "<", "big": ">"}.get(header.values.get("endian", "").lower(), "=")
    dtype = itk.pixel_dtype(reader.GetPixelID()).newbyteorder(order)  # type: ignore[arg-type]
    shape, values_axis = _shape(header.values, grid.shape, reader, source.name)
    if encoding in TEXT:
        if {"lineskip", "byteskip"} & header.values.keys():
            raise InputError(f"{source.name}: voxels as text behind lines or bytes to skip. Write them as raw data.")
        array = read_numbers(source, header.data, shape, dtype, TEXT[encoding])
    else:
        array = read_stored(source, header.data, _stored(header.values, shape, dtype, encoding, source.name))
    array = array if values_axis is None else np.moveaxis(array, values_axis, -1)
    return Volume(array, grid, source.name, metadata, flat=flat)


def _stored(
    values: dict[str, str], shape: tuple[int, ...], dtype: np.dtype[Any], encoding: str, name: str
) -> Stored:
    least = 0 if CODECS[encoding] else -1
    lines, ahead = _whole(values, "lineskip", 0, name), _whole(values, "byteskip", least, name)
    return Stored(shape, dtype, CODECS[encoding], lines, ahead)


def _header(source: Source) -> NrrdHeader:
    lines, listed = header_lines(source.open(source.file), end="")
    if len(lines) > MAX_LINES:
        raise InputError(f"{source.name}: {len(lines):,} lines in its header; at most {MAX_LINES:,} are read. Shorten it.")
    values = {}
    for number, line in enumerate(lines, 1):
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):  # comments and key:=value pairs
            key = key.replace(" ", "").lower()
            if key in values:
                raise InputError(f"{source.name}: its header says '{itk.shown(key)}' twice. Correct the header.")
            values[key] = value.strip()
            if key == "content":
                continue
        if len(line.encode()) > MAX_FIELD_BYTES and not line.startswith("#") and ":=" not in line:
            raise InputError(
                f"{source.name}: line {number} of its header has {len(line.encode()):,} bytes; at most {MAX_FIELD_BYTES} are "
                "read. The file is damaged: write or download it again."
            )
    named = values.get("datafile")
    names = [] if named is None else listed if named.split()[:1] == ["LIST"] else [named]
    found = data_files(source.file, names, slices=0)
    if any(len(os.fsencode(path)) > MAX_PATH_BYTES for path in (source.file, *found)):
        raise InputError(
            f"{source.name}: its path, or that of its data, is longer than {MAX_PATH_BYTES} bytes, which the reader of NRRD "
            "cannot take. Move it to a folder with a shorter path, or give a relative path."
        )
    return NrrdHeader(values, found)


def _check_axes(values: dict[str, str], name: str) -> None:
    """Refuse axes of time, axes without a direction that would pass for one in space with 1 mm steps, and flat images."""
    sizes, kinds = values.get("sizes", "").split(), values.get("kinds", "").lower().split()
    kinds += ["???"] * (len(sizes) - len(kinds))
    directions = re.findall(r"none|\([^)]*\)", values.get("spacedirections", ""))
    for axis, (size, kind) in enumerate(zip(sizes, kinds, strict=False)):
        only = axis >= 3 and size == "1" and not directions  # the one time point of a volume
        no_direction = axis < len(directions) and directions[axis] == "none"
        if (kind == "time" and not only) or (kind in SPATIAL and no_direction):
            raise InputError(
                f"{name}: axis {axis + 1} of {len(sizes)} in its header, of size {itk.shown(size)}, is "
                f"{'an axis of time' if kind == 'time' else 'without a direction in space'}; a 3D image is needed. "
                "Take one time point or one channel out of it, and write it with three axes."
            )
    in_space = sum(kind in SPATIAL for kind in kinds)
    if in_space == 2 and any(direction.count(",") == 2 for direction in directions):
        raise InputError(
            f"{name}: two axes in space in its header, with directions in three dimensions; a 3D image is needed. "
            "Write a slice with a third axis of size 1, or stack the slices to a volume."
        )


def _check_spacing(values: dict[str, str], name: str) -> None:
    """Refuse spacings that are not positive."""
    for number in values.get("spacings", "").split():
        # ITK replaces such a spacing by 1 mm without a word. NRRD writes nan for axes that are not spatial.
        if not _positive(number) and values.get("dimension", "3") == "3":
            raise InputError(
                f"{name}: spacings '{itk.shown(values['spacings'])}' in its header; three finite numbers above 0 are needed. "
                "Correct the header, or pass the array with spacing_mm."
            )


def _check_declared(values: dict[str, str], name: str) -> None:
    """Refuse what a header says about space and numbers that nobody would apply."""
    kinds = values.get("kinds", "").lower().split()
    for key in ("spaceunits", "units"):
        words = re.findall(r'"([^"]*)"|(\S+)', values.get(key, ""))
        for axis, (quoted, bare) in enumerate(words):
            spatial = key == "spaceunits" or axis >= len(kinds) or kinds[axis] in SPATIAL
            if spatial and (quoted or bare).strip().lower() not in MILLIMETRES:
                raise InputError(f"{name}: {key} '{itk.shown(values[key])}' in its header; mm is needed. Write the image in mm.")
    has_spacing = "spacings" in values or "spacedirections" in values
    for key in ("axismins", "axismaxs", "oldmin", "oldmax"):
        said = any(_number(word) for word in values.get(key, "").split())
        if said and (key.startswith("old") or not has_spacing):
            raise InputError(f"{name}: '{key}' in its header is not applied. Write the image again, with spacings.")


def _number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return True


def _shape(
    values: dict[str, str], grid: tuple[int, int, int], reader: itk.Reader, name: str
) -> tuple[tuple[int, ...], int | None]:
    """Shape of the stored array, slowest axis first, and which of its axes runs over the values of one voxel."""
    words = values.get("sizes", "").split()
    sizes = [int(word) for word in words] if all(word.isdecimal() for word in words) else []
    kinds = values.get("kinds", "").lower().split()
    other = [axis for axis, kind in enumerate(kinds) if kind not in SPATIAL]
    while len(sizes) > 3 and sizes[-1] == 1 and (len(other) != 1 or other[0] < len(sizes) - 1):
        sizes.pop()
    if len(sizes) in (2, 3) and not other and tuple(sizes[::-1]) == grid[3 - len(sizes) :]:
        return grid, None
    if len(sizes) == 4 and len(other) == 1:
        if other == [0] and itk.pixel_dtype(reader.GetPixelID()).kind == "c":
            return grid, None  # the kind "complex": refused later, as a complex array is
        if sizes[other[0]] == 1:
            return grid, None
        if sizes[other[0]] == reader.GetNumberOfComponents():
            return tuple(sizes[::-1]), 3 - other[0]
    raise InputError(
        f"{name}: axes of sizes '{itk.shown(' '.join(words))}' and kinds '{itk.shown(' '.join(kinds))}' in its header; "
        "three axes in space, and one of kind list or vector for layers, are accepted."
    )


def _whole(values: dict[str, str], key: str, least: int, name: str) -> int:
    text = values.get(key, "0")
    if not re.fullmatch(r"[-+]?\d{1,18}", text) or int(text) < least:
        raise InputError(f"{name}: {key} is '{itk.shown(text)}' in its header; a whole number of at least {least} is needed.")
    return int(text)


def _positive(number: str) -> bool:
    try:
        return math.isfinite(float(number)) and float(number) > 0
    except ValueError:
        return False
