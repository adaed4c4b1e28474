"""Which files a path stands for: what a hash must cover, so that it follows the voxels and not only their header."""

from __future__ import annotations

import os
from pathlib import Path

from voxomics.engine.errors import InputError
from voxomics.io.dicom import series_files
from voxomics.io.headers import meta_data_files, nrrd_data_files
from voxomics.io.nifti import pair


def input_files(path: str | os.PathLike[str]) -> list[Path]:
    """Every file that an image or mask at `path` is read from.

    Parameters
    ----------
    path : path
        What `read_image` or `read_mask` was given.

    Returns
    -------
    list of Path
        A header, then its data files in the header's order (.nhdr, .mhd, .hdr + .img); the files of a DICOM folder in name
        order, hidden ones left out; for everything else the path itself.

    Raises
    ------
    InputError
        It or one of its data files is missing, unreadable or outside of the header's folder.
    """
    source = Path(path)
    try:
        return series_files(source) if source.is_dir() else _with_data(source)
    except OSError as error:
        raise InputError(f"{source.name}: cannot be read: {error.strerror or type(error).__name__}.") from error


def _with_data(path: Path) -> list[Path]:
    with open(path, "rb") as file:
        start = file.read(4)
    lower = path.name.lower()
    if start == b"NRRD":
        return [path, *nrrd_data_files(path)]
    if lower.endswith((".mha", ".mhd")):
        return [path, *meta_data_files(path)]
    if lower.endswith((".hdr", ".img", ".img.gz")):
        return list(pair(path))
    return [path]
