"""MetaImage (.mha, .mhd): ITK reads it, but compressed voxels are ours: ITK ignores a stream that fails to inflate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.io import itk
from voxomics.io.headers import MetaHeader, read_meta_header
from voxomics.io.streams import Inflate, check_expansion, too_short


def read_meta(path: Path, max_bytes: int | None = None) -> itk.Volume:
    """Read a MetaImage; errors as `read_nifti`."""
    header = read_meta_header(path)
    reader: itk.Reader = itk.open_header(path, "MetaImageIO")
    grid = itk.reader_grid(reader, path.name)
    itk.check_scalar(reader.GetNumberOfComponents(), path.name)
    wanted = itk.reader_bytes(reader)
    itk.check_bytes(wanted, max_bytes, path.name)
    if header.data is None:
        # A list or a pattern of files, or text: ITK alone knows how to put it together.
        return itk.Volume(itk.shared_array(itk.read_voxels(reader, path.name)), grid, path.name)
    held = os.path.getsize(header.data) - header.position
    if header.compressed:
        check_expansion(wanted, held, path.name)
        return itk.Volume(_inflated(header, itk.pixel_dtype(reader.GetPixelID()), grid.shape, path.name), grid, path.name)
    if held < wanted:
        raise too_short(held, wanted, path.name)
    return itk.Volume(itk.shared_array(itk.read_voxels(reader, path.name)), grid, path.name)


def _inflated(header: MetaHeader, dtype: np.dtype[Any], shape: tuple[int, int, int], name: str) -> npt.NDArray[Any]:
    assert header.data is not None
    stored = dtype.newbyteorder(">" if header.big_endian else "<")
    array = np.empty(shape, stored)
    with open(header.data, "rb") as file:
        file.seek(header.position)
        stream = Inflate(file, name)
        done = stream.readinto(array.reshape(-1).view(np.uint8).data)
        if done < array.nbytes:
            raise too_short(done, array.nbytes, name)
        stream.verify()
    return array if stored.isnative else array.byteswap(inplace=True).view(dtype)
