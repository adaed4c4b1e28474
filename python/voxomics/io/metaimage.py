"""MetaImage (.mha, .mhd): geometry by ITK, voxels by us: ITK ignores a compressed stream that fails to inflate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.headers import Stored, data_files, header_lines, read_stored
from voxomics.io.source import Source, Volume
from voxomics.io.streams import too_short

# The keys with which ITK lets a MetaImage begin.
FIRST_KEY = re.compile(
    rb"\s*(NDims|ObjectType|TransformType|ID|ParentID|BinaryData|Comment|AcquisitionDate|Modality)\s*="
)  # fmt: skip


@dataclass(frozen=True)
class MetaHeader:
    """Where a MetaImage keeps its voxels, and how."""

    data: list[Path]  # none if the voxels follow the header
    compressed: bool
    compressed_bytes: int  # 0 if the header does not say
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
    if header.compressed_bytes and len(header.data) < 2:
        stream = source.open(header.data[0] if header.data else source.file)
        if stream.size - stream.position < header.compressed_bytes:
            raise too_short(stream.size - stream.position, header.compressed_bytes, source.name)
    stored = Stored(grid.shape, dtype, "deflate" if header.compressed else None)
    return Volume(read_stored(source, header.data, stored), grid, source.name)


def _header(source: Source) -> MetaHeader:
    """Find the voxels of a MetaImage; refuse one whose data file lies elsewhere or is missing."""
    lines, listed = header_lines(source.open(source.file), end="elementdatafile")
    values = {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    named = values.get("elementdatafile", "")
    names = [] if named.upper() == "LOCAL" else listed if named.upper().startswith("LIST") else [named]
    slices = values.get("dimsize", "").split()[-1:]

    def flag(*keys: str) -> bool:
        text = next((values[key] for key in keys if key in values), "false")
        if text[:1].lower() not in ("t", "f", "1", "0", "y", "n"):
            raise InputError(f"{source.name}: {keys[0]} is '{text}' in its header; True or False is needed.")
        return text[0].lower() in "t1y"

    packed = values.get("compresseddatasize", "")
    return MetaHeader(
        data=data_files(source.file, names, int(slices[0]) if slices and slices[0].isdecimal() else 0),
        compressed=flag("compresseddata"),
        compressed_bytes=int(packed) if re.fullmatch(r"\d{1,18}", packed) else 0,
        big_endian=flag("binarydatabyteordermsb", "elementbyteordermsb"),
        odd=not flag("binarydata") or "headersize" in values,
    )
