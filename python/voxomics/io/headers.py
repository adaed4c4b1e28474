"""Checks on NRRD and MetaImage text headers that must come before ITK reads the voxels.

A detached header names its data file. A header from a stranger could name any file of this machine, so a data file
must lie in the header's own folder or below it; links on the disk are the user's own and are followed.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voxomics.engine.errors import InputError

# No honest header comes near this; it bounds what a hostile one makes us read.
MAX_HEADER_BYTES = 64 * 2**20
# The number in a pattern of file names, as C's printf has it: its width, padded with 0.
PATTERN = re.compile(r"%(0?\d{0,2})[diu]")


def check_nrrd(path: Path) -> None:
    """Refuse an NRRD whose data file lies elsewhere or whose spacing is not positive; warn if it has no spacing."""
    values, named = _nrrd(path)
    if not values:
        return  # ITK says that it is none
    _check_data_files(path, named)
    for number in values.get("spacings", "").split():
        # ITK replaces such a spacing by 1 mm without a word. NRRD writes nan for axes that are not spatial.
        if not _positive(number) and int(values.get("dimension", "3")) == 3:
            raise InputError(
                f"{path.name}: spacings '{values['spacings']}' in its header; three finite numbers above 0 are needed. "
                "Correct the header, or pass the array with spacing_mm."
            )
    if "spacings" not in values and "spacedirections" not in values:
        warnings.warn(
            f"{path.name}: its header has neither 'spacings' nor 'space directions'; 1 mm is assumed along each axis.",
            UserWarning,
            stacklevel=2,
        )


def nrrd_data_files(path: Path) -> list[Path]:
    """The files that hold an NRRD's voxels, in the order of its header; none if the voxels follow the header."""
    _, named = _nrrd(path)
    _check_data_files(path, named)
    return _expanded(path, named, slices=0)


def meta_data_files(path: Path) -> list[Path]:
    """The files that hold a MetaImage's voxels, in the order of its header; none if the voxels follow the header."""
    values, named, _ = _meta(path)
    _check_data_files(path, named)
    slices = values.get("dimsize", "").split()[-1:]
    return _expanded(path, named, int(slices[0]) if slices and slices[0].isdecimal() else 0)


def _nrrd(path: Path) -> tuple[dict[str, str], list[str]]:
    """Fields of an NRRD header, none if it is no NRRD, and the data files as it names them: names, or one pattern."""
    fields, rest, _ = _lines(path, end="")
    if not fields or not fields[0].startswith("NRRD"):
        return {}, []
    values = {key: value for key, value in (_nrrd_field(line) for line in fields) if key}
    named = values.get("datafile")
    return values, [] if named is None else rest if named.split()[:1] == ["LIST"] else [named]


def _meta(path: Path) -> tuple[dict[str, str], list[str], int]:
    """Fields of a MetaImage header, the data files as it names them (none if local), and where the header ends."""
    lines, rest, position = _lines(path, end="elementdatafile")
    values = {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    named = values.get("elementdatafile", "")
    if named.upper() == "LOCAL":
        return values, [], position
    return values, rest if named.upper().startswith("LIST") else [named], position


@dataclass(frozen=True)
class MetaHeader:
    """Where a MetaImage keeps its voxels; `data` is None if that is a list of files or text."""

    data: Path | None
    position: int
    compressed: bool
    big_endian: bool


def read_meta_header(path: Path) -> MetaHeader:
    """Find the voxels of a MetaImage; refuse one whose data file lies elsewhere or is missing."""
    values, listed, position = _meta(path)
    _check_data_files(path, listed)
    named = values.get("elementdatafile", "")
    local, many = named.upper() == "LOCAL", named.upper().startswith("LIST")
    big = values.get("binarydatabyteordermsb", values.get("elementbyteordermsb", "false"))
    plain = values.get("binarydata", "false").lower() == "true" and "headersize" not in values
    return MetaHeader(
        data=None if many or "%" in named or not plain else path if local else path.parent / named,
        position=position if local else 0,
        compressed=values.get("compresseddata", "false").lower() == "true",
        big_endian=big.lower() == "true",
    )


def _lines(path: Path, end: str) -> tuple[list[str], list[str], int]:
    """Header lines up to and with the one that starts with `end` (NRRD: the empty line), then those after it if few."""
    lines: list[str] = []
    with open(path, "rb") as file:
        while file.tell() < MAX_HEADER_BYTES:
            raw = file.readline(MAX_HEADER_BYTES)
            line = raw.decode("utf-8", "replace").strip()
            if not raw or (not end and not line):
                break
            lines.append(line)
            if end and re.sub(r"[\s_]", "", line).lower().startswith(end):
                break
            if re.match(r"data ?file:\s*LIST", line):
                break
        else:
            raise InputError(f"{path.name}: no end of the header within {MAX_HEADER_BYTES:,} bytes; the file is damaged.")
        position = file.tell()
        listed = bool(lines) and re.search(r"[:=]\s*LIST\b", lines[-1], re.IGNORECASE) is not None
        rest = file.read(MAX_HEADER_BYTES).decode("utf-8", "replace").splitlines() if listed else []
    return lines, [line.strip() for line in rest if line.strip()], position


def _nrrd_field(line: str) -> tuple[str, str]:
    """Name (no spaces, lower case) and value of a field line; ("", "") for comments and key:=value pairs."""
    key, colon, value = line.partition(":")
    if not colon or line.startswith("#") or value.startswith("="):
        return "", ""
    return key.replace(" ", "").lower(), value.strip()


def _check_data_files(path: Path, names: list[str]) -> None:
    folder = os.path.abspath(path.parent)
    for name in names:
        target = os.path.normpath(os.path.join(folder, _slashes(name)))
        if os.path.commonpath([folder, target]) != folder:
            raise InputError(
                f"{path.name}: its header names the data file '{os.path.basename(target)}' outside of the header's own "
                "folder, which is refused for safety. Put both files in one folder and name the data file alone."
            )
        # A pattern ("%03d.raw 1 60 1") names many files: ITK says which one is missing.
        if "%" not in name and not os.path.isfile(target):
            raise _missing(path, target)


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _expanded(path: Path, names: list[str], slices: int) -> list[Path]:
    """Data files by name; a pattern with its first, last and step ("%03d.raw 1 60 1") becomes the files it stands for."""
    found = []
    for name in names:
        words = name.split()
        if words and PATTERN.search(words[0]) and not (path.parent / _slashes(name)).is_file():
            found += [path.parent / _slashes(one) for one in _numbered(path, words, slices)]
        else:
            found.append(path.parent / _slashes(name))
    for one in found:
        if not one.is_file():
            raise _missing(path, one.name)
    return found


def _numbered(path: Path, words: list[str], slices: int) -> Iterator[str]:
    """Names that a pattern stands for; what it leaves out follows from the number of slices, as MetaIO has it."""
    if not all(re.fullmatch(r"-?\d{1,9}", word) for word in words[1:4]):
        raise InputError(f"{path.name}: its header names data files '{' '.join(words)}'; a pattern and numbers are needed.")
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


def _positive(number: str) -> bool:
    try:
        return math.isfinite(float(number)) and float(number) > 0
    except ValueError:
        return False
