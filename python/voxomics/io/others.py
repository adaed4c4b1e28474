"""Formats that ITK alone reads: MINC and its own HDF5. ITK opens the file itself, so it is hashed in a pass before."""

from __future__ import annotations

from voxomics.engine.errors import InputError
from voxomics.io import dicom, itk
from voxomics.io.source import Source, Volume

# These formats carry no slice distance; ITK would make up 1 mm.
NO_SPACING = {"BMPImageIO", "JPEGImageIO", "JPEG2000ImageIO", "PNGImageIO", "TIFFImageIO"}
# ITK's readers of these say so when a file is cut off. Those of VTK, GIPL and MRC fill it up with zeros.
TRUSTED = {"MINCImageIO", "HDF5ImageIO"}
# Readers of their own; ITK's may recognise what they do not: an Analyze file, the voxel file of a pair.
ELSEWHERE = {"", "NiftiImageIO", "NrrdImageIO", "MetaImageIO"}


def is_known_to_itk(source: Source) -> bool:
    """Whether ITK recognises a file that no other reader does."""
    return source.path is not None and not source.path.is_dir() and itk.format_of(source.path) not in ELSEWHERE


def read_by_itk(source: Source) -> Volume:
    """Read a file as ITK does; InputError for the formats whose reader does not report what is wrong."""
    image_io = itk.format_of(source.file)
    kind = image_io.removesuffix("ImageIO")
    if image_io == "GDCMImageIO":
        return dicom.refuse_file(source)
    if image_io in NO_SPACING:
        raise InputError(
            f"{source.name}: {kind} files hold no slice distance. "
            "Pass the voxels as an array [z, y, x] with spacing_mm, or convert to NIfTI or NRRD."
        )
    if image_io not in TRUSTED:
        raise InputError(
            f"{source.name}: {kind} files are not read: a truncated one could not be told from a whole one. "
            "Convert it to NIfTI, NRRD or MetaImage."
        )
    reader = itk.open_header(source.file, image_io)
    grid = itk.reader_grid(reader, source.name)
    itk.check_bytes(itk.reader_bytes(reader), source.max_bytes, source.name)
    source.hash([source.file])
    return Volume(itk.shared_array(itk.read_voxels(reader, source.name)), grid, source.name, itk.metadata(reader))
