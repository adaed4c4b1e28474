"""Delimited text in: the rows of a CSV file as text, cell by cell. No word means "missing" here, and no cell is a number."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from voxomics.engine.errors import InputError
from voxomics.io.formulas import unguarded

SEPARATORS = ",;\t"
MAX_BYTES = 1 << 30
"""A table that is longer, as it is or inflated, is refused: a few kB may inflate to more than any memory."""
_PACKED: dict[bytes, Callable[[IO[bytes]], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_NAMED_SEPARATOR = re.compile(r"sep=([,;\t])(\r\n?|\n)", re.IGNORECASE)
_FEW = 3  # fields: with fewer, a comment of several lines may look like rows


@dataclass(frozen=True, eq=False)
class Delimited:
    """A table as it stands in its file.

    Attributes
    ----------
    header : list of str
        Names of the columns; empty for an empty file.
    rows : list of list of str
        As many cells as the header has names. Blank lines are rows without any text, but not those at the end.
    lines : list of int
        Line of the file in which each row ends, from 1.
    separator : {",", ";", tab}
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str
    short: int  #: rows that had fewer cells in the file; the last ones are empty


def read_delimited(path: Path, what: str) -> Delimited:
    """Read a CSV file: commas, semicolons or tabs; UTF-8; as it is, or in gzip, bzip2 or xz.

    Parameters
    ----------
    path : Path
    what : str
        What the messages call the file.

    Returns
    -------
    Delimited
        Cells without the spaces around them.

    Raises
    ------
    InputError
        A file that cannot be read or is no such text, a quote that does not close, or a row with more fields than the header.
    """
    text = _text(path, what)
    if excel := _NAMED_SEPARATOR.match(text):
        found = _parsed(text[excel.end() :], excel[1], what, 1)
    else:
        found = _best(text, what)
    while found.rows and not any(found.rows[-1]):
        found.rows.pop()
        found.lines.pop()
    return found


def _text(path: Path, what: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        for mark, opened in _PACKED.items():
            if content.startswith(mark):
                with opened(io.BytesIO(content)) as packed:
                    content = packed.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
        if content.startswith(b"PK"):
            raise ValueError("it is a workbook or a ZIP archive")
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it is not text: it holds NUL bytes")
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        why = getattr(error, "strerror", None) or error
        if isinstance(error, UnicodeDecodeError):
            why = "it is in another encoding than UTF-8; a spreadsheet can save it as CSV UTF-8"
        raise InputError(f"{what}: cannot be read ({why}); a CSV file in UTF-8 is needed") from error
    return text


def _best(text: str, what: str) -> Delimited:
    """The table by the separator that its rows agree on."""
    head = _QUOTED.sub("", text.lstrip("\r\n").split("\n", 1)[0])
    likely = [mark for mark in SEPARATORS if mark in head] or [SEPARATORS[0]]
    if "|" in head and not any(mark in head for mark in SEPARATORS):
        raise InputError(f"{what}: '|' separates its columns; commas, semicolons or tabs are needed. Write it with one of these")
    if len(likely) == 1:
        return _parsed(text, likely[0], what)
    readings: list[tuple[tuple[bool, int], Delimited]] = []
    refused = None
    for mark in likely:
        try:
            found = _parsed(text, mark, what)
        except InputError as error:
            refused = refused or error
            continue
        readings.append(((not found.short, len(found.header)), found))
    if not readings:
        assert refused is not None
        raise refused
    readings.sort(key=lambda one: one[0], reverse=True)
    if len(readings) > 1 and readings[0][0] == readings[1][0] and readings[0][1].rows:
        one, other = (readings[k][1].separator for k in (0, 1))
        raise InputError(f"{what}: {one!r} and {other!r} both make columns of it; quote the cells that hold one of them")
    return readings[0][1]


def _parsed(text: str, separator: str, what: str, before: int = 0) -> Delimited:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=separator != "\t")
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    last, short = before, 0
    try:
        for cells in reader:
            line, first = reader.line_num + before, last + 1
            last = line
            row = [unguarded(cell.strip()) for cell in cells]
            if not header:
                header = row
                continue
            _check_row(row, len(header), separator, f"{what}, line {first}")
            short += len(row) < len(header)
            rows.append(row + [""] * (len(header) - len(row)))
            lines.append(line)
    except csv.Error as error:
        raise InputError(f"{what}, line {reader.line_num + before}: cannot be read as CSV ({error}); check its quotes") from None
    return Delimited(header, rows, lines, separator, short)


def _check_row(row: list[str], width: int, separator: str, where: str) -> None:
    """Refuse a row that holds more than its own cells."""
    if len(row) > width:
        raise InputError(f"{where}: more fields than the header has names; name every column, and quote what holds the separator")
    for cell in row if width >= _FEW else []:
        if any(line.count(separator) >= width - 1 for line in cell.splitlines()[1:]):
            raise InputError(f"{where}: a quote opens here and closes lines later, so that a cell holds whole rows; close it")
