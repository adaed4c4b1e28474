"""The registry of readers: the one place where a path, a folder or an object in memory is recognised.

A new format is a module with its functions and one `Reader` in `READERS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image
from voxomics.io import dicom, memory, metaimage, nifti, nrrd, others
from voxomics.io.regions import Region
from voxomics.io.source import Source, Volume, opened


def itself(source: Source) -> list[Path]:
    """The path itself, for formats of one file."""
    return [source.file]


@dataclass(frozen=True)
class Reader:
    """How one kind of source is recognised and read.

    Attributes
    ----------
    name : str
        What error texts call it.
    accepts : str
        Its clause in the list of what is accepted; "" for a reader that only says why it cannot read something.
    recognise : callable
        ``recognise(source) -> bool``, by content. The first reader that says yes reads it.
    suffixes : tuple of str
        Lower-case ends of names that make it this reader's when no reader recognises the content: damaged files, the
        voxel file of a pair.
    read : callable, optional
        ``read(source) -> Volume``: voxels on their own grid; None for a source that holds no volume.
    regions : callable, optional
        ``regions(source, image, resample) -> sequence of Region``: the masks that the source holds, on the image's
        grid. None: a mask is a label volume, read as an image is.
    files : callable
        ``files(source) -> list of Path``: every file that the source is read from, in the order in which `read` and
        `regions` hash them.
    """

    name: str
    accepts: str
    recognise: Callable[[Source], bool]
    suffixes: tuple[str, ...] = ()
    read: Callable[[Source], Volume] | None = None
    regions: Callable[[Source, Image, bool], Sequence[Region]] | None = None
    files: Callable[[Source], list[Path]] = itself


READERS = (
    Reader(
        "NIfTI", "NIfTI-1 (.nii, .nii.gz, .hdr with .img)", nifti.is_nifti,
        (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz"), nifti.read_nifti, files=nifti.nifti_files,
    ),
    Reader(
        "NRRD", "NRRD (.nrrd, .nhdr, .seg.nrrd)", nrrd.is_nrrd, (".nrrd", ".nhdr"), nrrd.read_nrrd,
        files=nrrd.nrrd_files,
    ),
    Reader(
        "MetaImage", "MetaImage (.mha, .mhd)", metaimage.is_meta, (".mha", ".mhd"), metaimage.read_meta,
        files=metaimage.meta_files,
    ),
    Reader("DICOM file", "", dicom.is_file, read=dicom.refuse_file),
    Reader(
        "DICOM series", "a folder that holds one DICOM series", dicom.is_folder, read=dicom.read_series,
        files=dicom.series_files,
    ),
    Reader("SimpleITK image", "a SimpleITK image", memory.is_itk_image, read=memory.read_itk_image),
    Reader("array", "a NumPy array [z, y, x]", memory.is_array, read=memory.read_array),
    Reader("file of another kind", "", others.is_known, read=others.refuse_known),
)  # fmt: skip


def reader_of(source: Source) -> Reader:
    """The reader of a source, by its content first and by its name second.

    Raises
    ------
    InputError
        No reader takes it; says what is accepted.
    """
    for reader in READERS:
        if reader.recognise(source):
            return reader
    for reader in READERS:
        if reader.suffixes and source.path is not None and source.name.lower().endswith(reader.suffixes):
            return reader
    accepted = "Accepted: " + ", ".join(reader.accepts for reader in READERS if reader.accepts) + "."
    if source.path is None:
        raise InputError(f"{source.what}: a {type(source.given).__name__} is not accepted. {accepted}")
    raise InputError(f"{source.name}: no image format is recognised in this file. {accepted}")


def read_volume(source: Source, reader: Reader | None = None) -> Volume:
    """Voxels and grid of a source, by its reader if that is known already; InputError if it holds none."""
    reader = reader or reader_of(source)
    if reader.read is None:
        raise InputError(
            f"{source.name}: a {reader.name} holds masks, no volume of voxels. Give it as the mask of an image."
        )
    return reader.read(source)


def input_files(path: str | os.PathLike[str]) -> list[Path]:
    """Every file that an image or mask at `path` is read from.

    Parameters
    ----------
    path : path
        What `read_image` or `read_mask` was given.

    Returns
    -------
    list of Path
        In the order in which `Image.digest` takes them: a header, then its data files in the header's order (.nhdr,
        .mhd, .hdr + .img); the files of a DICOM folder in name order, hidden ones left out; otherwise the path itself.

    Raises
    ------
    InputError
        It or one of its data files is missing, unreadable or outside of the header's folder.
    """
    with opened(path, "image") as source:
        return reader_of(source).files(source)
