"""The elements of a DICOM file that reading depends on, found before GDCM sees the file.

GDCM takes as much memory as the length of an element announces, gives defaults for elements that are missing, and fills
up pixel data that are too short. Here every length, nested ones too, must lie within the file, or the file is damaged.
"""

from __future__ import annotations

import io
import math
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Order = Literal["little", "big"]

UNDEFINED = 0xFFFFFFFF
PIXEL_DATA, SYNTAX = 0x7FE00010, 0x00020010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
# Value representations whose length has four bytes, behind two reserved ones.
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
IMPLICIT, BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
MAX_VALUE_BYTES = 4096
MAX_INFLATED_BYTES = 2**28
MAX_DEPTH = 32


class DamagedElementsError(ValueError):
    """A DICOM file whose elements do not fit into it."""


@dataclass
class Elements:
    """Elements of a data set's top level.

    Attributes
    ----------
    values : dict of int to bytes
        Values of the tags asked for, 0xGGGGEEEE; sequences as b"".
    order : "little" or "big"
        Byte order of numbers.
    syntax : str
        UID of the transfer syntax, "" if the file does not say.
    pixel_bytes : int or None
        Length of the pixel data; None without any.
    encapsulated : bool
        Whether the pixel data are compressed.
    fragments : list of (int, int)
        Where the pieces of compressed pixel data begin in the file, and how long they are; the first is their table of offsets.
    """

    values: dict[int, bytes] = field(default_factory=dict)
    order: Order = "little"
    syntax: str = ""
    pixel_bytes: int | None = None
    encapsulated: bool = False
    fragments: list[tuple[int, int]] = field(default_factory=list)

    def text(self, tag: int) -> str:
        """The value as text, without padding; "" if it is missing."""
        return self.values.get(tag, b"").decode("latin-1").strip(" \0")

    def numbers(self, tag: int) -> tuple[float, ...]:
        """The numbers of a decimal string; () if it is missing, empty or no text of finite numbers."""
        try:
            found = tuple(float(word) for word in self.text(tag).split("\\"))
        except ValueError:
            return ()
        return found if all(math.isfinite(v) for v in found) else ()

    def whole(self, tag: int) -> int | None:
        """The value of an unsigned short; None if it is missing or none."""
        value = self.values.get(tag, b"")
        return int.from_bytes(value, self.order) if len(value) == 2 else None


def read_elements(path: Path, wanted: frozenset[int]) -> Elements | None:
    """Elements of a DICOM file.

    Parameters
    ----------
    path : Path
        The file.
    wanted : frozenset of int
        Tags to keep, 0xGGGGEEEE.

    Returns
    -------
    Elements or None
        None if it is no DICOM file.

    Raises
    ------
    DamagedElementsError
        A length that goes beyond the file or the sequence around it, an element twice, or no element where one is due.
    """
    with open(path, "rb") as file:
        start = file.read(132)
        size = os.fstat(file.fileno()).st_size
        if start[128:132] == b"DICM":
            return _Walk(file, size, wanted).read(132)
        # Files of the time before the preamble begin with their first element, of group 8.
        if start[:2] != b"\x08\0" or start[2:4] > b"\xff\0":
            return None
        try:
            return _Walk(file, size, wanted).read(0)
        except DamagedElementsError:
            return None


class _Walk:
    """One pass over the elements of a file."""

    def __init__(self, file: io.BufferedReader | io.BytesIO, size: int, wanted: frozenset[int]) -> None:
        self.file, self.size, self.wanted = file, size, wanted | {SYNTAX}
        self.found = Elements()
        self.explicit = True

    def read(self, at: int) -> Elements:
        """Elements of the file from a byte on."""
        at = self._meta(at) if at else at
        self.found.syntax = self.found.text(SYNTAX)
        if self.found.syntax == DEFLATED:
            at = self._inflate(at)
        if self.found.syntax:
            self.explicit = self.found.syntax != IMPLICIT
            self.found.order = "big" if self.found.syntax == BIG_ENDIAN else "little"
        else:  # the file does not say: its first element shows it
            self.file.seek(at + 4)
            self.explicit = self.file.read(2).isalpha()
        self._data_set(at, self.size, 0)
        return self.found

    def _meta(self, at: int) -> int:
        """Pass over group 2, which is explicit little-endian in every file; where the data set begins."""
        while True:
            self.file.seek(at)
            if self.file.read(2) != b"\x02\0":
                return at
            at = self._element(at, self.size, 0)

    def _inflate(self, at: int) -> int:
        self.file.seek(at)
        inflater = zlib.decompressobj(-15)
        try:
            plain = inflater.decompress(self.file.read(), MAX_INFLATED_BYTES)
        except zlib.error as error:
            raise DamagedElementsError("its deflated data set fails its check") from error
        if not inflater.eof:
            raise DamagedElementsError("its deflated data set breaks off, or is larger than any slice")
        self.file, self.size = io.BytesIO(plain), len(plain)
        return 0

    def _data_set(self, at: int, end: int, depth: int) -> int:
        """Pass over a data set that ends at `end`, or with its delimiter; returns where it ended."""
        while at < end:
            if depth == 0 and self.found.pixel_bytes is not None and self._only_zeros(at):
                return end
            tag = self._tag(at, end)
            if tag == ITEM_END and depth:
                return at + 8
            at = self._element(at, end, depth)
        return at

    def _element(self, at: int, end: int, depth: int) -> int:
        """Pass over an element, keeping its value if it is wanted; returns where the next one begins."""
        tag = self._tag(at, end)
        at, length, kind = self._length(at, end)
        if depth == 0:
            if tag in self.found.values or (tag == PIXEL_DATA and self.found.pixel_bytes is not None):
                raise DamagedElementsError(f"{_called(tag)} twice")
            if tag == PIXEL_DATA:
                self.found.pixel_bytes, self.found.encapsulated = length, length == UNDEFINED
        if length == UNDEFINED:
            if depth == 0 and tag in self.wanted:
                self.found.values[tag] = b""
            return self._items(at, end, depth, implicit=kind == b"UN", fragments=tag == PIXEL_DATA)
        if length > end - at:
            raise DamagedElementsError(f"{_called(tag)} goes beyond the end of the file")
        if kind == b"SQ" or (not self.explicit and length >= 8 and self._tag(at, end) == ITEM):
            self._items(at, at + length, depth)
            if depth == 0 and tag in self.wanted:
                self.found.values[tag] = b""
        elif depth == 0 and tag in self.wanted:
            if length > MAX_VALUE_BYTES:
                raise DamagedElementsError(f"{_called(tag)} has {length:,} bytes")
            self.file.seek(at)
            self.found.values[tag] = self.file.read(length)
        return at + length

    def _items(self, at: int, end: int, depth: int, implicit: bool = False, fragments: bool = False) -> int:
        """Pass over the items of a sequence up to its delimiter or to `end`."""
        if depth >= MAX_DEPTH:
            raise DamagedElementsError("sequences within sequences without end")
        explicit, self.explicit = self.explicit, self.explicit and not implicit
        while at < end:
            tag, length = self._tag(at, end), self._number(at + 4, 4)
            at += 8
            if tag == SEQUENCE_END:
                break
            if tag != ITEM or (length != UNDEFINED and length > end - at) or (fragments and length == UNDEFINED):
                raise DamagedElementsError("an item of a sequence goes beyond its end")
            if fragments:
                if depth == 0:
                    self.found.fragments.append((at, length))
                at += length
            else:
                at = self._data_set(at, end if length == UNDEFINED else at + length, depth + 1)
        self.explicit = explicit
        return at

    def _length(self, at: int, end: int) -> tuple[int, int, bytes]:
        """Where an element's value begins, its length, and its value representation (b"" if implicit)."""
        if not self.explicit:
            return at + 8, self._number(at + 4, 4), b""
        self.file.seek(at + 4)
        kind = self.file.read(2)
        if not (kind.isalpha() and kind.isupper()):
            raise DamagedElementsError("no element where one is due")
        if kind not in LONG:
            return at + 8, self._number(at + 6, 2), kind
        if at + 12 > end:
            raise DamagedElementsError("it ends within an element")
        return at + 12, self._number(at + 8, 4), kind

    def _tag(self, at: int, end: int) -> int:
        if at + 8 > end:
            raise DamagedElementsError("it ends within an element")
        return self._number(at, 2) << 16 | self._number(at + 2, 2)

    def _number(self, at: int, count: int) -> int:
        self.file.seek(at)
        return int.from_bytes(self.file.read(count), self.found.order)

    def _only_zeros(self, at: int) -> bool:
        """Whether nothing but padding follows."""
        self.file.seek(at)
        return self.size - at <= MAX_VALUE_BYTES and not any(self.file.read())


def _called(tag: int) -> str:
    return f"element ({tag >> 16:04x},{tag & 0xFFFF:04x})"
