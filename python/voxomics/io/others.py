"""Files that are not read, called by what they are instead of damaged.

ITK could open some of them, but not safely: an HDF5 or MINC file may take its voxels from any file of the machine,
and the readers of VTK, GIPL and MRC fill a truncated file up with zeros.
"""

from __future__ import annotations

from voxomics.engine.errors import InputError
from voxomics.io.source import Source, Volume

UNPACK = "Unpack it first."
CONVERT = "Convert it to NIfTI, NRRD or MetaImage."
AS_ARRAY = "Pass the voxels as an array [z, y, x] with spacing_mm, or convert to NIfTI or NRRD."
POINTER = "Fetch the file itself."
LINKED = f"is not read: it may take its voxels from other files. {CONVERT}"
HIDDEN = f"files are not read: a truncated one could not be told from a whole one. {CONVERT}"
FLAT = f"files hold no slice distance. {AS_ARRAY}"

# What a file is by its bytes at an offset, and what to do.
SIGNATURES = (
    (0, b"\x1f\x8b", "a gzip archive of no NIfTI", UNPACK),
    (128, b"DICM", "a DICOM file", UNPACK),
    (0, b"NRRD", "NRRD", UNPACK),
    (0, b"BZh", "a bzip2 archive", UNPACK),
    (0, b"PK\x03\x04", "a zip archive", UNPACK),
    (0, b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"Rar!", "a rar archive", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 (or MINC 2)", LINKED),
    (0, b"CDF\x01", "NetCDF (or MINC 1)", LINKED),
    (0, b"CDF\x02", "NetCDF (or MINC 1)", LINKED),
    (0, b"\x89PNG", "PNG", FLAT),
    (0, b"\xff\xd8\xff", "JPEG", FLAT),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000", FLAT),
    (0, b"BM", "BMP", FLAT),
    (0, b"GIF8", "GIF", FLAT),
    (0, b"II*\0", "TIFF", FLAT),
    (0, b"MM\0*", "TIFF", FLAT),
    (0, b"II+\0", "TIFF", FLAT),
    (0, b"# vtk DataFile", "VTK", HIDDEN),
    (252, b"\xef\xff\xe9\xb0", "GIPL", HIDDEN),
    (252, b"\x2a\xe3\x89\xb8", "GIPL", HIDDEN),
    (208, b"MAP ", "MRC", HIDDEN),
    (0, b"\x93NUMPY", "a NumPy file", "Load it with numpy.load and pass the array with spacing_mm."),
    (0, b"version https://git-lfs", "a pointer of Git LFS", POINTER),
    (0, b"/annex/objects/", "a pointer of git-annex", POINTER),
    (0, b"%PDF", "PDF", "An image is needed."),
    (0, b"<!DOCTYPE", "a web page", "Download the file again."),
    (0, b"<html", "a web page", "Download the file again."),
)


def signature(source: Source) -> tuple[str, str] | None:
    """What a file is that no reader takes, and what to do; None if its bytes do not say."""
    return next(((kind, advice) for at, mark, kind, advice in SIGNATURES if source.start[at : at + len(mark)] == mark), None)


def kind_of(start: bytes) -> str:
    """What a file, or what is packed in one, is by its first bytes; "" if they do not say."""
    return next((kind for at, mark, kind, _ in SIGNATURES if start[at : at + len(mark)] == mark), "")


def is_known(source: Source) -> bool:
    """Whether a file is something that is known and not read."""
    if source.path is None or source.path.is_dir():
        return False
    found = signature(source)
    # A damaged .nii.gz is a NIfTI file by its name.
    return found is not None and not (found[0].startswith("a gzip") and source.name.lower().endswith(NIFTI_PACKED))


NIFTI_PACKED = (".nii", ".nii.gz", ".img.gz", ".hdr.gz", ".img", ".hdr")


def refuse_known(source: Source) -> Volume:
    """Raise the InputError that says what the file is."""
    found = signature(source)
    assert found is not None
    kind, advice = found
    raise InputError(f"{source.name}: {kind} {advice}" if advice[0].islower() else f"{source.name}: {kind}. {advice}")
