"""What NRRD and MetaImage have in common: text headers that may name data files.

A detached header names its data file. A header from a stranger could name any file of this machine, so a data file
must lie in the header's own folder or below it, and so must what it is a link to: a folder may come with links, too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.io.source import Source
from voxomics.io.streams import (
    PADDING,
    Codec,
    Inflate,
    Stream,
    bytes_of,
    empty,
    fill,
    native,
    number_of_bytes,
    skip,
    too_short,
)

# No honest header comes near this; it bounds what a hostile one makes us read.
MAX_HEADER_BYTES = 64 * 2**20
# Voxels as text are small and rare.
MAX_TEXT_BYTES = 2**26
# The field behind which names of data files follow, line by line.
LISTED = re.compile(r"(data ?file\s*:|element_?data_?file\s*=)\s*LIST\b", re.IGNORECASE)
# The number in a pattern of file names, as C's printf has it: its width, padded with 0.
PATTERN = re.compile(r"%(0?\d{0,2})[diu]")


def header_lines(stream: Stream, end: str) -> tuple[list[str], list[str]]:
    """Header lines up to and with the one that starts with `end` (NRRD: the empty line), then the file names of a LIST.

    The stream is left at the first byte behind the header.
    """
    lines: list[str] = []
    while stream.position < MAX_HEADER_BYTES:
        raw = stream.readline(MAX_HEADER_BYTES)
        if b"\r" in raw.rstrip(b"\r\n") or b"\r\r" in raw or b"\0" in raw:
            # Readers disagree on where such a line ends, so on which data file the header names.
            raise InputError(f"{stream.name}: control characters within its header; the file is damaged.")
        line = raw.decode("utf-8", "replace").strip()
        if not raw or (not end and not line):
            break
        lines.append(line)
        if end and re.sub(r"[\s_]", "", line).lower().startswith(end):
            break
        if LISTED.match(line):
            break
    else:
        raise InputError(f"{stream.name}: no end of the header within {MAX_HEADER_BYTES:,} bytes; the file is damaged.")
    if not (lines and LISTED.match(lines[-1])):
        return lines, []
    rest = stream.read(MAX_HEADER_BYTES).decode("utf-8", "replace").splitlines()
    return lines, [line.strip() for line in rest if line.strip()]


def data_files(header: Path, names: list[str], slices: int) -> list[Path]:
    """Data files by name, all of them there; a pattern ("%03d.raw 1 60 1") becomes the files it stands for.

    Parameters
    ----------
    header : Path
        The header's file.
    names : list of str
        As the header has them.
    slices : int
        Number of slices, from which MetaImage's patterns without a last number follow.

    Returns
    -------
    list of Path
        In the header's order.

    Raises
    ------
    InputError
        A file is missing, is named twice, or lies outside of the header's folder.
    """
    _check_inside(header, names)
    found = []
    for name in names:
        words = name.split()
        if words and PATTERN.search(words[0]) and not (header.parent / _slashes(name)).is_file():
            found += [header.parent / _slashes(one) for one in _numbered(header, words, slices)]
        else:
            found.append(header.parent / _slashes(name))
    for one in found:
        if not one.is_file():
            raise _missing(header, one.name)
        check_real(header, one)
    if len(set(found)) < len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise InputError(f"{header.name}: its header names the data file '{twice.name}' twice. Correct the header.")
    return found


@dataclass(frozen=True)
class Stored:
    """How a header says that voxels are stored.

    Attributes
    ----------
    shape : tuple of int
        Slowest axis first.
    dtype : dtype
        Byte order included.
    codec : "deflate", "bzip2" or None
        How each data file is compressed.
    lines_before, bytes_before : int
        Lines, then plain bytes, to pass over in each data file; -1 bytes: the voxels end the file.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    codec: Codec | None = None
    lines_before: int = 0
    bytes_before: int = 0


def read_stored(source: Source, data: Sequence[Path], stored: Stored) -> npt.NDArray[Any]:
    """Voxels that lie behind a header, or in data files that share them equally.

    Padding may follow the voxels of one compressed file. Where there are several files it may not: their sizes alone
    show that the list in the header is complete, and in which of them a slice lies.

    Parameters
    ----------
    source : Source
        Its stream stands behind the header.
    data : sequence of Path
        Files with consecutive slices; empty if the voxels follow the header.
    stored : Stored
        How.

    Returns
    -------
    ndarray of shape ``stored.shape``
        In this machine's byte order.
    """
    if data:
        source.open(source.file).drain()
    parts = data or [source.file]
    share, odd = divmod(number_of_bytes(stored.shape, stored.dtype), len(parts))
    if odd:
        raise InputError(
            f"{source.name}: its voxels cannot be shared out among {len(parts)} data files. Correct the header."
        )
    array: npt.NDArray[Any] | None = None
    for number, path in enumerate(parts):
        plain = source.open(path)
        for _ in range(stored.lines_before):
            plain.readline(MAX_HEADER_BYTES)
        stream = Inflate(plain, stored.codec) if stored.codec else plain
        ahead = stored.bytes_before if stored.bytes_before >= 0 else max(plain.size - plain.position - share, 0)
        padding = PADDING if len(parts) == 1 and stored.codec else 0
        stream.expect(ahead + share, padding)
        skip(stream, ahead)
        if array is None:
            array = empty(stored.shape, stored.dtype, source.name)
        fill(bytes_of(array)[number * share : (number + 1) * share], stream, padding)
        if data:
            plain.close()  # a header may list more files than a process may hold open
    assert array is not None
    return native(array)


def read_numbers(
    source: Source, data: Sequence[Path], shape: tuple[int, ...], dtype: np.dtype[Any], base: int = 10
) -> npt.NDArray[Any]:
    """Voxels that are written as text, in decimal numbers or, with `base` 16, as hexadecimal digits of bytes."""
    if data:
        source.open(source.file).drain()
    wanted, parts = number_of_bytes(shape, dtype), []
    for path in data or [source.file]:
        stream = source.open(path)
        if stream.size - stream.position > MAX_TEXT_BYTES:
            raise InputError(f"{source.name}: voxels as text of more than {MAX_TEXT_BYTES:,} bytes. Write them as raw data.")
        parts.append(stream.read(MAX_TEXT_BYTES))
    text = b" ".join(parts)
    try:
        if base == 16:
            array = np.frombuffer(bytes.fromhex(text.decode("ascii")), dtype)
        else:
            kind = float if dtype.kind == "f" else int
            array = np.array([kind(word) for word in text.split()], dtype)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{source.name}: its voxels are no numbers of type {dtype.name}; the file is damaged.") from error
    if array.nbytes != wanted:
        raise too_short(array.nbytes, wanted, source.name)
    return native(array.reshape(shape).copy())


def check_real(header: Path, data: Path) -> None:
    """Raise InputError if a data file is a link to somewhere outside of the folder of its header.

    Data sets that git-annex keeps consist of links into its store, which is taken for a part of the folder.
    """
    target = os.path.realpath(data)
    folders = [os.path.realpath(header.parent), os.path.dirname(os.path.realpath(header))]
    stores = [os.path.join(folder, ".git", "annex", "objects") for folder in map(str, Path(folders[0], "x").parents)]
    if not any(os.path.commonpath([folder, target]) == folder for folder in (*folders, *stores)):
        raise _outside(header, data.name)


def _check_inside(path: Path, names: list[str]) -> None:
    folder = os.path.abspath(path.parent)
    for name in names:
        target = os.path.normpath(os.path.join(folder, _slashes(name)))
        if os.path.commonpath([folder, target]) != folder:
            raise _outside(path, os.path.basename(target))
        # A pattern ("%03d.raw 1 60 1") names many files: ITK says which one is missing.
        if "%" not in name and not os.path.isfile(target):
            raise _missing(path, target)


def _outside(path: Path, name: str) -> InputError:
    return InputError(
        f"{path.name}: its data file '{name}' lies outside of the header's own folder, which is refused for safety. "
        "Put both files in one folder and name the data file alone."
    )


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _numbered(path: Path, words: list[str], slices: int) -> Iterator[str]:
    """Names that a pattern stands for; what it leaves out follows from the number of slices, as MetaIO has it."""
    if not all(re.fullmatch(r"-?\d{1,9}", word) for word in words[1:4]):
        raise InputError(
            f"{path.name}: its header names data files '{' '.join(words)}'; a pattern and numbers are needed."
        )
    first, last, step = (*(int(word) for word in words[1:4]), *(None,) * 3)[:3]
    first = 1 if first is None else first
    last = first + slices - 1 if last is None else last
    step = step or 1
    for number in range(first, last + (1 if step > 0 else -1), step):
        name = PATTERN.sub(lambda found, n=number: f"{n:{found[1]}d}", words[0], count=1)  # type: ignore[misc]
        if not (path.parent / _slashes(name)).is_file():
            raise _missing(path, name)
        yield name


def _missing(path: Path, name: str) -> InputError:
    return InputError(
        f"{path.name}: its data file '{os.path.basename(name)}' does not exist. "
        "Put it beside the header, or write the image as one file (.nrrd, .mha)."
    )
