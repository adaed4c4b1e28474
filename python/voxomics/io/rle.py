"""Run lengths of DICOM (RLE Lossless): whether they decode to the pixels that the header announces.

Compressed DICOM carries no checksum. GDCM fills up a run of bytes that is too short and cuts one that is too long, so a flipped
bit in a length would shift the rest of a slice without a word.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from voxomics.io.elements import Elements

SYNTAX_UID = "1.2.840.10008.1.2.5"
HEADER_BYTES = 64  # the number of segments, and where 15 of them begin


def damage(path: Path, elements: Elements, pixels: int, bytes_per_pixel: int) -> str:
    """What is wrong with the compressed pixels of a slice, or "".

    Parameters
    ----------
    path : Path
    elements : Elements
        Of the file.
    pixels, bytes_per_pixel : int
        What the header announces. Each byte of a pixel has a segment of its own.

    Returns
    -------
    str
    """
    if len(elements.fragments) != 2:
        return f"{len(elements.fragments) - 1} pieces of run lengths where one slice has 1"
    at, length = elements.fragments[1]
    with open(path, "rb") as file:
        file.seek(at)
        packed = file.read(length)
    starts = [int.from_bytes(packed[k : k + 4], "little") for k in range(0, HEADER_BYTES, 4)]
    if len(packed) < HEADER_BYTES or starts[0] != bytes_per_pixel or any(starts[1 + bytes_per_pixel :]):
        return "the header of its run lengths does not fit its pixels"
    bounds = [*starts[1 : 1 + bytes_per_pixel], len(packed)]
    for start, stop in itertools.pairwise(bounds):
        if not HEADER_BYTES <= start <= stop or not _decodes_to(packed[start:stop], pixels):
            return "its run lengths do not give the pixels that its header announces"
    return ""


def _decodes_to(segment: bytes, wanted: int) -> bool:
    """Whether a segment, but for zeros behind it and a byte that evens it out, decodes to so many bytes."""
    at = held = 0
    end = len(segment)
    while held < wanted and at < end:
        code = segment[at]
        if code < 128:
            at += code + 2
            held += code + 1
        else:
            at += 2 if code > 128 else 1
            held += 257 - code if code > 128 else 0
    return 0 <= held - wanted <= 1 and at <= end and not any(segment[at:])
