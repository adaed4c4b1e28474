"""MetaImage (.mha, .mhd): geometry by ITK, voxels by us: ITK ignores a compressed stream that fails to inflate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.headers import Stored, data_files, header_lines, read_stored
from voxomics.io.source import Source, Volume

# The keys with which ITK lets a MetaImage begin.
FIRST_KEY = re.compile(
    rb"\s*(NDims|ObjectType|TransformType|ID|ParentID|BinaryData|Comment|AcquisitionDate|Modality)\s*="
)  # fmt: skip


@dataclass(frozen=True)
class MetaHeader:
    """Where a MetaImage keeps its voxels, and how."""

    data: list[Path]  # none if the voxels follow the header
    compressed: bool
    big_endian: bool
    odd: bool  # text, or a HeaderSize: rare, and left to ITK


def is_meta(source: Source) -> bool:
    """Whether a file begins with one of MetaImage's keys."""
    return FIRST_KEY.match(source.start) is not None


def meta_files(source: Source) -> list[Path]:
    """The header, then the files that hold the voxels in the header's order."""
    return [source.file, *_header(source).data]


def read_meta(source: Source) -> Volume:
    """Read a MetaImage; errors as `read_nifti`."""
    header = _header(source)
    reader = itk.open_header(source.file, "MetaImageIO")
    grid = itk.reader_grid(reader, source.name)
    itk.check_scalar(reader.GetNumberOfComponents(), source.name)
    itk.check_bytes(itk.reader_bytes(reader), source.max_bytes, source.name)
    if header.odd:
        if header.compressed:
            raise InputError(f"{source.name}: compressed, with a HeaderSize or as text. Write the image again as .mha.")
        source.hash([source.file, *header.data])  # ITK opens the files itself
        return Volume(itk.shared_array(itk.read_voxels(reader, source.name)), grid, source.name)
    dtype = itk.pixel_dtype(reader.GetPixelID()).newbyteorder(">" if header.big_endian else "<")
    stored = Stored(grid.shape, dtype, "deflate" if header.compressed else None)
    return Volume(read_stored(source, header.data, stored), grid, source.name)


def _header(source: Source) -> MetaHeader:
    """Find the voxels of a MetaImage; refuse one whose data file lies elsewhere or is missing."""
    lines, listed = header_lines(source.open(source.file), end="elementdatafile")
    values = {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    named = values.get("elementdatafile", "")
    names = [] if named.upper() == "LOCAL" else listed if named.upper().startswith("LIST") else [named]
    slices = values.get("dimsize", "").split()[-1:]
    return MetaHeader(
        data=data_files(source.file, names, int(slices[0]) if slices and slices[0].isdecimal() else 0),
        compressed=values.get("compresseddata", "false").lower() == "true",
        big_endian=values.get("binarydatabyteordermsb", values.get("elementbyteordermsb", "false")).lower() == "true",
        odd=values.get("binarydata", "false").lower() != "true" or "headersize" in values,
    )
