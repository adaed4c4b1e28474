"""Bytes of a gzip or zlib stream into memory that is already there, with the stream's checksum verified.

ITK ignores a stream that breaks off or fails its checksum in NIfTI and MetaImage and leaves zeros or noise behind;
here both are errors. Memory stays bounded by what the header announces, whatever the stream expands to.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO

from voxomics.engine.errors import InputError

CHUNK = 2**18
# Deflate cannot expand by more (1032 : 1), so a header that announces more than this is wrong.
DEFLATE_LIMIT = 1032
# zlib's code for "gzip or zlib wrapper, whichever is there".
ANY_WRAPPER = 47


class Inflate:
    """Reads a compressed file front to back.

    Parameters
    ----------
    file : binary file
        Positioned at the stream's first byte.
    name : str
        File name for error texts.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name = file, name
        self.stream = zlib.decompressobj(ANY_WRAPPER)
        self.waiting = b""

    def read(self, most: int) -> bytes:
        """Up to `most` bytes of the expanded stream; b"" only at its end. InputError if it is cut off or damaged."""
        while True:
            if not self.waiting and not self.stream.eof:
                self.waiting = self.file.read(CHUNK)
                if not self.waiting:
                    raise InputError(
                        f"{self.name}: truncated: the compressed data break off before their end. "
                        "Write or download the file again."
                    )
            if self.stream.eof and not self._next_member():
                return b""
            try:
                piece = self.stream.decompress(self.waiting, most)
            except zlib.error as error:
                raise InputError(
                    f"{self.name}: damaged: the compressed data fail their check ({error}). Write or download the file again."
                ) from error
            self.waiting = self.stream.unconsumed_tail
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

    def verify(self) -> None:
        """Run to the stream's end, so that its checksum has been compared."""
        while self.read(4 * CHUNK):
            pass

    def _next_member(self) -> bool:
        """Go on to the next member of a gzip file (bgzip writes many); False at the end or at padding."""
        rest = self.stream.unused_data or self.file.read(CHUNK)
        if not rest.startswith(b"\x1f\x8b"):
            return False
        self.stream, self.waiting = zlib.decompressobj(ANY_WRAPPER), rest
        return True


def check_expansion(wanted: int, held: int, name: str) -> None:
    """Raise InputError if `held` compressed bytes cannot expand to the `wanted` ones, before memory is taken."""
    if wanted > held * DEFLATE_LIMIT:
        raise InputError(
            f"{name}: truncated or damaged: its header announces {wanted:,} bytes of voxels, "
            f"{held:,} compressed bytes cannot hold them. Write or download the file again."
        )


def too_short(held: int, wanted: int, name: str) -> InputError:
    """The error for a file that holds fewer voxels than its header announces."""
    return InputError(
        f"{name}: truncated: {held:,} bytes of voxels where its header announces {wanted:,}. Write or download the file again."
    )
