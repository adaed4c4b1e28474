"""Files read once, front to back: every byte enters the source's digest, compressed ones are inflated and checked.

ITK ignores a compressed stream that breaks off or fails its checksum (NIfTI, MetaImage, NRRD) and leaves zeros or noise
behind; here both are errors. Memory stays bounded by what the header announces, whatever the stream expands to.
"""

from __future__ import annotations

import bz2
import importlib
import io
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError, ResourceError

CHUNK = 2**18
BUFFER = 2**16
# Deflate cannot expand by more (1032 : 1), bzip2 not by 2**26 : 1, so a header that announces more than this is wrong.
EXPANSION_LIMIT = {"deflate": 1032, "bzip2": 2**26}
# Bytes that may follow the last voxel of a compressed stream, all of them 0, or its end: some writers pad.
# Behind plain voxels nothing may follow: a header with a dimension too small, or line ends converted, would show as that.
PADDING = 1024
# zlib's code for "gzip or zlib wrapper, whichever is there".
ANY_WRAPPER = 47
# Arrays smaller than this are made without a look at the free memory.
UNASKED_BYTES = 2**28
MEMBER_STARTS = {"deflate": b"\x1f\x8b", "bzip2": b"BZh"}

Codec = Literal["deflate", "bzip2"]


def _fastest_inflate() -> Any:
    """The fastest of the interchangeable inflate modules: isal and zlib-ng if they are installed, else Python's own."""
    for name in ("isal.isal_zlib", "zlib_ng.zlib_ng"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return importlib.import_module("zlib")


inflate = _fastest_inflate()


class Stream:
    """A file read front to back, whose bytes enter a digest as they are read.

    Parameters
    ----------
    path : Path
        The file; it is opened here.
    digest : xxhash.xxh3_128
        What every byte is added to, once and in the file's order.
    name : str
        File name for error texts.
    """

    def __init__(self, path: Path, digest: Any, name: str) -> None:
        self.name = name
        self.file = io.BufferedReader(io.FileIO(path), BUFFER)
        self.size = os.fstat(self.file.fileno()).st_size
        self.position = 0
        self._digest = digest

    def peek(self, count: int) -> bytes:
        """The next bytes, at most `count`, without moving on."""
        return self.file.peek(count)[:count]

    def read(self, most: int) -> bytes:
        """Up to `most` bytes; b"" only at the end."""
        piece = self.file.read(most)
        self._passed(piece)
        return piece

    def readline(self, most: int) -> bytes:
        """Up to `most` bytes, to the end of the line."""
        piece = self.file.readline(most)
        self._passed(piece)
        return piece

    def readinto(self, target: memoryview) -> int:
        """Fill `target` (bytes) as far as the file goes; returns the number of bytes written."""
        done = 0
        while done < len(target):
            piece = target[done : done + 4 * CHUNK]  # hashed while it is still in the processor's cache
            count = self.file.readinto(piece)
            if not count:
                break
            self._passed(piece[:count])
            done += count
        return done

    def expect(self, wanted: int, padding: int = 0) -> None:
        """Raise InputError unless the file goes on for `wanted` bytes, and no more, before memory is taken."""
        held = self.size - self.position
        if held < wanted:
            raise too_short(held, wanted, self.name)
        if held > wanted + padding:
            raise _too_long(held, wanted, self.name)

    def finish(self, padding: int = PADDING) -> None:
        """Run to the end of the file, at most `padding` bytes away."""
        _run_out(self, padding)

    def drain(self) -> None:
        """Run to the end of the file, however far away."""
        while self.read(CHUNK):
            pass

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _passed(self, piece: bytes | memoryview) -> None:
        self._digest.update(piece)
        self.position += len(piece)


class Inflate:
    """Reads a compressed stream front to back.

    Parameters
    ----------
    stream : Stream
        Positioned at the compressed data's first byte.
    codec : "deflate" or "bzip2"
        Deflate is taken in a gzip or a zlib wrapper.
    """

    def __init__(self, stream: Stream, codec: Codec = "deflate") -> None:
        self.stream, self.name, self.codec = stream, stream.name, codec
        self.held = stream.size - stream.position
        self.waiting = b""
        self._start()

    def _start(self) -> None:
        self.member: Any = inflate.decompressobj(ANY_WRAPPER) if self.codec == "deflate" else bz2.BZ2Decompressor()
        self.more = False  # whether the member may hold output that needs no further input

    def read(self, most: int) -> bytes:
        """Up to `most` bytes of the expanded stream; b"" only at its end. InputError if it is cut off or damaged."""
        while True:
            if self.member.eof and not self._next_member():
                return b""
            if not self.waiting and not self.more:
                self.waiting = self.stream.read(CHUNK)
                if not self.waiting:
                    raise InputError(
                        f"{self.name}: truncated: the compressed data break off before their end. "
                        "Write or download the file again."
                    )
            try:
                piece: bytes = self.member.decompress(self.waiting, most)
            except (inflate.error, OSError, ValueError) as error:
                raise InputError(
                    f"{self.name}: damaged: the compressed data fail their check ({error}). "
                    "Write or download the file again."
                ) from error
            self.waiting = getattr(self.member, "unconsumed_tail", b"")  # bzip2 keeps it to itself
            self.more = len(piece) == most
            if piece:
                return piece

    def readinto(self, target: memoryview) -> int:
        """Fill `target` (bytes) as far as the stream goes; returns the number of bytes written."""
        done = 0
        while done < len(target):
            piece = self.read(min(len(target) - done, 4 * CHUNK))
            if not piece:
                break
            target[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def expect(self, wanted: int, padding: int = PADDING) -> None:
        """Raise InputError if the compressed bytes cannot expand to the `wanted` ones, before memory is taken."""
        if wanted > self.held * EXPANSION_LIMIT[self.codec]:
            raise InputError(
                f"{self.name}: truncated or damaged: its header announces {wanted:,} bytes of voxels, "
                f"{self.held:,} compressed bytes cannot hold them. Write or download the file again."
            )

    def finish(self, padding: int = PADDING) -> None:
        """Run to the stream's end, at most `padding` zeros away, so that its checksum has been compared."""
        _run_out(self, padding, zeros=True)
        self.stream.finish()

    def _next_member(self) -> bool:
        """Go on to the next member of a file (bgzip writes many); False at the end or at padding."""
        rest: bytes = self.member.unused_data
        while len(rest) < 3 and (piece := self.stream.read(CHUNK)):  # the mark may lie across two pieces
            rest += piece
        if not rest.startswith(MEMBER_STARTS[self.codec]):
            return False
        self._start()
        self.waiting = rest
        return True


def skip(stream: Stream | Inflate, count: int) -> None:
    """Read past `count` bytes; InputError if there are fewer."""
    while count:
        piece = stream.read(min(count, 4 * CHUNK))
        if not piece:
            raise InputError(
                f"{stream.name}: truncated: it ends before its first voxel. Write or download the file again."
            )
        count -= len(piece)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> npt.NDArray[Any]:
    """An array for voxels; ResourceError if there is no memory for it.

    Linux promises memory that it does not have and ends the process that uses it, so large arrays are compared with
    what is free before.
    """
    wanted = number_of_bytes(shape, dtype)
    if wanted > UNASKED_BYTES and wanted > free_bytes():
        raise ResourceError(
            f"{name}: there is no memory for its {wanted:,} bytes of voxels, {free_bytes():,} are free. "
            "Crop the image, or use a machine with more memory."
        )
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise ResourceError(
            f"{name}: there is no memory for its voxels, {' × '.join(map(str, shape))} of {dtype.itemsize} bytes. "
            "Crop the image, or use a machine with more memory."
        ) from error


def free_bytes() -> int:
    """Memory that this process may still take, as far as Linux says; without limit elsewhere."""
    free = 2**63
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        free = 1024 * int(fields["MemAvailable"].split()[0])
        with open("/sys/fs/cgroup/memory.max") as limit, open("/sys/fs/cgroup/memory.current") as used:
            free = min(free, int(limit.read()) - int(used.read()))
    except (OSError, KeyError, ValueError):  # no Linux, no control group, or "max"
        pass
    return free


def fill(target: memoryview, stream: Stream | Inflate, padding: int = PADDING) -> None:
    """Fill `target` (bytes) with the voxels that end a stream, but for padding, and compare the stream's checksum."""
    done = stream.readinto(target)
    if done < len(target):
        raise too_short(done, len(target), stream.name)
    stream.finish(padding)


def read_voxels(stream: Stream | Inflate, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Voxels that end a file.

    Parameters
    ----------
    stream : Stream or Inflate
        Positioned at the first voxel.
    shape : tuple of int
        Slowest axis first.
    dtype : dtype
        As stored, byte order included.

    Returns
    -------
    ndarray
        In this machine's byte order.

    Raises
    ------
    InputError
        Fewer voxels, or bytes after them, but for the padding of a compressed stream; damaged.
    ResourceError
        No memory.
    """
    stream.expect(number_of_bytes(shape, dtype))
    array = empty(shape, dtype, stream.name)
    fill(bytes_of(array), stream)
    return native(array)


def number_of_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes of an array, exact for any numbers that a header holds."""
    total = dtype.itemsize
    for n in shape:
        total *= int(n)
    return total


def bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """Memory of a C-contiguous array as bytes."""
    return array.reshape(-1).view(np.uint8).data


def native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array in this machine's byte order, swapped in place."""
    swapped = array if array.dtype.isnative else array.byteswap(inplace=True)
    return swapped.view(array.dtype.newbyteorder("="))


def _run_out(stream: Stream | Inflate, padding: int, zeros: bool = False) -> None:
    left = padding
    while piece := stream.read(left + 1):
        left -= len(piece)
        if left < 0 or (zeros and any(piece)):
            raise InputError(
                f"{stream.name}: damaged: it goes on behind the last voxel that its header announces. "
                "Correct the header, or write the file again."
            )


def too_short(held: int, wanted: int, name: str) -> InputError:
    """The error for a file that holds fewer bytes than its header announces."""
    return InputError(
        f"{name}: truncated: {held:,} bytes of voxels where its header announces {wanted:,}. "
        "Write or download the file again."
    )


def _too_long(held: int, wanted: int, name: str) -> InputError:
    return InputError(
        f"{name}: damaged: {held:,} bytes of voxels where its header announces {wanted:,}. "
        "Correct the header, or write the file again."
    )
