"""What the user gave to be read, looked at once; and what is read from it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import xxhash

from voxomics.engine.errors import InputError
from voxomics.engine.volume import PhysicalGrid
from voxomics.io import itk
from voxomics.io.streams import Stream

# What is looked at of a file to recognise it; DICOM's meta header lies in the first 1,024 bytes.
START_BYTES = 4096


@dataclass(frozen=True)
class Volume:
    """Voxels as read.

    Attributes
    ----------
    array : ndarray [z, y, x] or [z, y, x, layer]
        The latter for a layered segmentation.
    grid : PhysicalGrid or None
        None for a bare array.
    name : str
        File name without its folder, or "" for objects in memory.
    metadata : dict of str to str
        Keys and values of the header that tell of segments.
    remarks : tuple of str
        What a user should know about how the file was read; no name and no text of its header.
    flat : bool
        Whether it is one slice whose height is not known; the grid then says 1 mm.
    """

    array: npt.NDArray[Any]
    grid: PhysicalGrid | None
    name: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    flat: bool = False


class Source:
    """A path or an object in memory; see `opened`.

    Parameters
    ----------
    given : object
        What the user gave.
    what : str
        How error texts call it: "image" or "mask".
    max_bytes : int, optional
        Refuse a file whose header announces more bytes of voxels than this.

    Attributes
    ----------
    path : Path or None
        None for an object in memory.
    start : bytes
        The file's first bytes; empty for a folder and for an object in memory.
    digest : xxhash.xxh3_128
        Of all bytes read so far, through `open`.
    """

    def __init__(self, given: Any, what: str, max_bytes: int | None = None) -> None:
        self.given, self.what, self.max_bytes = given, what, max_bytes
        self.digest = xxhash.xxh3_128()
        self.path = _path(given, what)
        self.start = b""
        self._streams: dict[Path, Stream] = {}
        if self.path is not None:
            _check_exists(self.path, what)
            if not self.path.is_dir():
                self.start = self.open(self.path).peek(START_BYTES)

    def close(self) -> None:
        """Close the source's files."""
        for stream in self._streams.values():
            stream.close()

    @property
    def file(self) -> Path:
        """The path, for readers of files and folders."""
        assert self.path is not None
        return self.path

    @property
    def name(self) -> str:
        """Name for error texts and tables: the file's without its folder, "" in memory."""
        return "" if self.path is None else self.path.name or self.path.resolve().name

    def open(self, path: Path) -> Stream:
        """Stream of one of the source's files; each is opened once. Errors carry the name of the source."""
        if path not in self._streams:
            self._streams[path] = Stream(path, self.digest, self.name)
        return self._streams[path]

    def hash(self, paths: list[Path]) -> None:
        """Hash files that another library opens itself: a pass of their own, which brings them into the page cache."""
        for path in paths:
            stream = self.open(path)
            stream.drain()
            stream.close()

    @property
    def digest_text(self) -> str:
        """Digest of the bytes read so far as hexadecimal digits; "" for an object in memory."""
        return "" if self.path is None else self.digest.hexdigest()


@contextlib.contextmanager
def opened(given: Any, what: str, max_bytes: int | None = None) -> Iterator[Source]:
    """Context of a `Source`: an OSError inside becomes an InputError, and its files are closed at the end."""
    source: Source | None = None
    try:
        source = Source(given, what, max_bytes)
        yield source
    except OSError as error:
        name = source.name if source is not None else Path(os.fsdecode(given)).name
        raise InputError(f"{name}: the {what} cannot be read: {error.strerror or type(error).__name__}.") from error
    finally:
        if source is not None:
            source.close()


def _path(given: Any, what: str) -> Path | None:
    if not isinstance(given, (str, bytes, os.PathLike)):
        return None
    text = os.fsdecode(given)
    if not text:
        raise InputError(f"{what}: the path is empty. Give the path of a file or folder.")
    itk.path_text(Path(text))
    return Path(text)


def _check_exists(path: Path, what: str) -> None:
    if not path.exists():
        missing = "its folder exists" if path.parent.is_dir() else "its folder does not exist either"
        raise InputError(
            f"{path.name}: no such {what} file ({missing}). Check the path; it must be readable from here."
        )
    if not path.is_dir() and not path.is_file():
        raise InputError(
            f"{path.name}: the {what} is a pipe or a device, which cannot be read twice. Write it to a file first."
        )
    if not path.is_dir() and path.stat().st_size == 0:
        raise InputError(f"{path.name}: the {what} file is empty (0 bytes). Write or download it again.")
