"""NRRD (.nrrd, .nhdr, .seg.nrrd): geometry and key-value pairs by ITK, voxels by us.

ITK's reader of NRRD verifies no checksum: a flipped bit in compressed voxels would give another image or mask.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.headers import Stored, data_files, header_lines, read_stored
from voxomics.io.source import Source, Volume
from voxomics.io.streams import Codec

CODECS: dict[str, Codec | None] = {
    "raw": None, "gzip": "deflate", "gz": "deflate", "bzip2": "bzip2", "bz2": "bzip2"
}  # fmt: skip
TEXT = ("txt", "text", "ascii", "hex")
# Kinds of axes in space; an axis of another kind runs over the values of one voxel.
SPATIAL = ("domain", "space", "time", "???", "none")


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
    _check_spacing(header.values, source.name)
    reader = itk.open_header(source.file, "NrrdImageIO")
    if "spacings" not in header.values and "spacedirections" not in header.values:
        warnings.warn(
            f"{source.name}: its header has neither 'spacings' nor 'space directions'; "
            "1 mm is assumed along each axis.",
            UserWarning,
            stacklevel=2,
        )
    grid = itk.reader_grid(reader, source.name)
    itk.check_bytes(itk.reader_bytes(reader), source.max_bytes, source.name)
    encoding = header.values.get("encoding", "").lower()
    metadata = itk.metadata(reader)
    if encoding in TEXT:
        # Numbers as text: slow, small and rare. ITK opens the files itself, so they are hashed in a pass before.
        source.hash([source.file, *header.data])
        return Volume(itk.shared_array(itk.read_voxels(reader, source.name)), grid, source.name, metadata)
    if encoding not in CODECS:
        raise InputError(
            f"{source.name}: encoding '{encoding}' in its header; raw, gzip, bzip2, text or hex is needed."
        )
    order = {"little": "<", "big": ">"}.get(header.values.get("endian", "").lower(), "=")
    shape, values_axis = _shape(header.values, grid.shape, reader, source.name)
    stored = Stored(
        shape,
        itk.pixel_dtype(reader.GetPixelID()).newbyteorder(order),  # type: ignore[arg-type]
        CODECS[encoding],
        _whole(header.values, "lineskip", 0, source.name),
        _whole(header.values, "byteskip", 0 if CODECS[encoding] else -1, source.name),
    )
    array = read_stored(source, header.data, stored)
    return Volume(array if values_axis is None else np.moveaxis(array, values_axis, -1), grid, source.name, metadata)


def _header(source: Source) -> NrrdHeader:
    lines, listed = header_lines(source.open(source.file), end="")
    values = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):  # comments and key:=value pairs
            values[key.replace(" ", "").lower()] = value.strip()
    named = values.get("datafile")
    names = [] if named is None else listed if named.split()[:1] == ["LIST"] else [named]
    return NrrdHeader(values, data_files(source.file, names, slices=0))


def _check_spacing(values: dict[str, str], name: str) -> None:
    """Refuse spacings that are not positive."""
    for number in values.get("spacings", "").split():
        # ITK replaces such a spacing by 1 mm without a word. NRRD writes nan for axes that are not spatial.
        if not _positive(number) and values.get("dimension", "3") == "3":
            raise InputError(
                f"{name}: spacings '{values['spacings']}' in its header; three finite numbers above 0 are needed. "
                "Correct the header, or pass the array with spacing_mm."
            )


def _shape(
    values: dict[str, str], grid: tuple[int, int, int], reader: itk.Reader, name: str
) -> tuple[tuple[int, ...], int | None]:
    """Shape of the stored array, slowest axis first, and which of its axes runs over the values of one voxel."""
    words = values.get("sizes", "").split()
    sizes = [int(word) for word in words] if all(word.isdecimal() for word in words) else []
    kinds = values.get("kinds", "").lower().split()
    other = [axis for axis, kind in enumerate(kinds) if kind not in SPATIAL]
    if len(sizes) == 3:
        return grid, None
    if len(sizes) == 4 and len(other) == 1:
        if other == [0] and itk.pixel_dtype(reader.GetPixelID()).kind == "c":
            return grid, None  # the kind "complex": refused later, as a complex array is
        if sizes[other[0]] == 1:
            return grid, None
        if sizes[other[0]] == reader.GetNumberOfComponents():
            return tuple(sizes[::-1]), 3 - other[0]
    raise InputError(
        f"{name}: axes of sizes '{values.get('sizes', '')}' and kinds '{values.get('kinds', '')}' in its header; "
        "three axes in space, and one of kind list or vector for layers, are accepted."
    )


def _whole(values: dict[str, str], key: str, least: int, name: str) -> int:
    text = values.get(key, "0")
    if not re.fullmatch(r"[-+]?\d{1,18}", text) or int(text) < least:
        raise InputError(f"{name}: {key} is '{text}' in its header; a whole number of at least {least} is needed.")
    return int(text)


def _positive(number: str) -> bool:
    try:
        return math.isfinite(float(number)) and float(number) > 0
    except ValueError:
        return False
