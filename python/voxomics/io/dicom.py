"""A folder that holds one DICOM series: read slice by slice, sorted by position, gaps measured.

ITK's series reader skips slices that it cannot read, only warns when slices are missing, and casts all slices to
the type of the first one (a PET slice with its own rescale slope loses its fractions). None of that happens here.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.io import itk
from voxomics.io.grid import PhysicalGrid, check_grid
from voxomics.io.source import Source, Volume

# Gaps that differ from their median by less than this share are rounding in the headers (as dcm2niix, highdicom).
GAP_NOTED = 0.01
# Up to this share the series is read on a uniform grid with a warning; above it a slice is missing or misplaced.
GAP_REFUSED = 0.1
# Slices may move sideways by this share of a voxel over the whole series; more is a gantry tilt.
DRIFT_TOLERANCE_VOXELS = 0.1
# Slices of one series may be turned against each other by header rounding only.
TURN_TOLERANCE = 1e-3

SERIES, DESCRIPTION, MODALITY, UNITS = "0020|000e", "0008|103e", "0008|0060", "0054|1001"
# SOP classes without pixels that may lie beside a series: reports, presentation states, RTSTRUCT, RTPLAN, DICOMDIR …
NOT_IMAGES = re.compile(rb"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(66|67|66\.[1235]|481\.[34589]|(9|11|68|88|104)(\.\d+)*))$")
SEGMENTATION = b"1.2.840.10008.5.1.4.1.1.66.4"


@dataclass(frozen=True)
class Slice:
    """One file of a series, its header read."""

    path: Path
    series: str
    label: str
    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: npt.NDArray[np.float64]
    direction: tuple[float, ...]
    dtype: np.dtype[Any]
    units: str


def is_folder(source: Source) -> bool:
    """Whether it is a folder."""
    return source.path is not None and source.path.is_dir()


def is_file(source: Source) -> bool:
    """Whether it is a DICOM file."""
    return source.start[128:132] == b"DICM"


def series_files(source: Source) -> list[Path]:
    """The files of a folder that are looked at, in name order: not the hidden ones, not those of its subfolders."""
    return sorted(path for path in source.file.iterdir() if path.is_file() and not path.name.startswith("."))


def read_series(source: Source) -> Volume:
    """Read a folder that holds exactly one DICOM series of one scalar image per file.

    ITK opens each file itself, so all files that are looked at are hashed in a pass of their own, when the headers are
    known to be right.

    Parameters
    ----------
    source : Source
        The folder; its subfolders are not searched.

    Returns
    -------
    Volume
        Array [z, y, x] with the modality's rescaling applied; slices ordered along the normal of the image plane.

    Raises
    ------
    InputError
        No series or several, unreadable, doubled or missing slices, gantry tilt, multi-frame files.
    ResourceError
        Above the source's `max_bytes`.
    """
    name, paths = source.name, series_files(source)
    slices = _one_series(_slices(paths, name), name)
    _check_alike(slices, name)
    slices, gap = _ordered(slices, name)
    first = slices[0]
    if first.units not in ("", "GML"):
        warnings.warn(f"{name}: PET in units {first.units}, read as stored; convert it to SUV for values in SUV.", stacklevel=2)
    x, y = first.size[:2]
    dtype = np.result_type(*{s.dtype for s in slices})
    origin = tuple(float(v) for v in first.origin)
    grid = PhysicalGrid((len(slices), y, x), (gap, first.spacing[1], first.spacing[0]), origin, first.direction)  # type: ignore[arg-type]
    check_grid(grid, name)
    itk.check_bytes(x * y * len(slices) * dtype.itemsize, source.max_bytes, name)
    source.hash(paths)
    return Volume(itk.read_stack([s.path for s in slices], dtype, name), grid, name)


def refuse_file(source: Source) -> Volume:
    """Raise the InputError for a DICOM file given in place of a folder."""
    raise _single_file(source.file)


def _single_file(path: Path) -> InputError:
    if (_sop_class(path) or b"") == SEGMENTATION:
        return InputError(
            f"{path.name}: DICOM SEG is not read. Convert it to a label image (.seg.nrrd with 3D Slicer, "
            ".nii.gz with dcmqi's segimage2itkimage)."
        )
    return InputError(
        f"{path.name}: one DICOM file. Give the folder that holds the whole series; for an enhanced multi-frame file, "
        "convert it to NIfTI first (dcm2niix)."
    )


def _slices(paths: list[Path], name: str) -> list[Slice]:
    """Every DICOM image among the files; an image that cannot be read is an error, other files are passed over."""
    slices: list[Slice] = []
    segmentations = []
    for path in paths:
        sop_class = _sop_class(path)
        if sop_class is not None and NOT_IMAGES.match(sop_class):
            continue
        if sop_class == SEGMENTATION:
            segmentations.append(path)
            continue
        itk.path_text(path)  # below, an error of a file that is not plainly DICOM would pass it over
        try:
            reader = itk.open_header(path, "GDCMImageIO")
        except InputError as error:
            if sop_class is None:
                continue
            raise InputError(
                f"{name}/{path.name}: a DICOM image that cannot be read: truncated or damaged. "
                "Copy it again; leaving it out would leave a hole in the volume."
            ) from error
        slices.append(_slice(path, reader, name))
    if segmentations and not slices:
        raise _single_file(segmentations[0])
    if not slices:
        raise InputError(f"{name}: this folder holds no DICOM images (subfolders are not searched).")
    return slices


def _slice(path: Path, reader: itk.Reader, name: str) -> Slice:
    itk.check_scalar(reader.GetNumberOfComponents(), f"{name}/{path.name}")
    size = tuple(int(n) for n in reader.GetSize())
    if len(size) > 2 and size[2] != 1:
        raise InputError(
            f"{name}/{path.name}: a multi-frame DICOM file with {size[2]} frames; one slice per file is needed. "
            "Convert the series to NIfTI (dcm2niix) or to single-frame DICOM."
        )
    if len(size) < 3:
        raise InputError(f"{name}/{path.name}: a DICOM image without a position in space; it cannot be stacked.")

    def tag(key: str) -> str:
        return itk.readable(reader.GetMetaData(key)).strip() if reader.HasMetaDataKey(key) else ""

    return Slice(
        path=path,
        series=tag(SERIES),
        label=f"{tag(MODALITY)} '{tag(DESCRIPTION)}'",
        size=size,
        spacing=tuple(reader.GetSpacing()),
        origin=np.array(reader.GetOrigin(), float),
        direction=tuple(reader.GetDirection()),
        dtype=itk.pixel_dtype(reader.GetPixelID()),
        units=tag(UNITS) if tag(MODALITY) == "PT" else "",
    )


def _sop_class(path: Path) -> bytes | None:
    """SOP class UID of the file's meta header (always explicit little-endian); None if it is no DICOM file."""
    with open(path, "rb") as file:
        start = file.read(1024)
    if start[128:132] != b"DICM":
        return None
    found = re.search(rb"\x02\x00\x02\x00UI(..)", start[132:], re.DOTALL)
    if found is None:
        return b""
    at = 132 + found.end()
    return start[at : at + int.from_bytes(found[1], "little")].rstrip(b"\0 ")


def _one_series(slices: list[Slice], name: str) -> list[Slice]:
    groups: dict[str, list[Slice]] = {}
    for one in slices:
        groups.setdefault(one.series, []).append(one)
    if len(groups) > 1:
        listed = "; ".join(f"{g[0].label}, {len(g)} slices, UID {uid or 'missing'}" for uid, g in sorted(groups.items()))
        raise InputError(
            f"{name}: this folder holds {len(groups)} DICOM series: {listed}. Exactly one is accepted: "
            "put each series in its own folder."
        )
    return slices


def _check_alike(slices: list[Slice], name: str) -> None:
    first = slices[0]
    for one in slices:
        same_size = one.size == first.size and np.allclose(one.spacing[:2], first.spacing[:2], rtol=1e-4)
        if not same_size or not np.allclose(one.direction, first.direction, atol=TURN_TOLERANCE):
            raise InputError(
                f"{name}: slices {first.path.name} and {one.path.name} differ in size, pixel spacing or orientation: "
                f"{first.size[:2]} and {one.size[:2]} pixels, {first.spacing[:2]} and {one.spacing[:2]} mm. "
                "Take localizers and other reconstructions out of the folder."
            )


def _ordered(slices: list[Slice], name: str) -> tuple[list[Slice], float]:
    """Slices sorted along their normal, and the distance between them in mm."""
    normal = np.array(slices[0].direction, float).reshape(3, 3)[:, 2]
    slices = sorted(slices, key=lambda s: float(s.origin @ normal))
    if len(slices) == 1:
        return slices, float(slices[0].spacing[2])
    origins = np.array([s.origin for s in slices])
    along = origins @ normal
    _check_drift(origins - np.outer(along - along[0], normal), slices[0], name)
    gaps = np.diff(along)
    median = float(np.median(gaps))
    doubled = np.flatnonzero(gaps <= 1e-3 * max(median, 1e-3))
    if doubled.size:
        at = int(doubled[0])
        raise InputError(
            f"{name}: {doubled.size + 1} or more slices at the same position, first {slices[at].path.name} and "
            f"{slices[at + 1].path.name}: several time points, echoes or copies in one series, or no position in the "
            "headers. Put each volume in its own folder."
        )
    _check_gaps(gaps, median, slices, name)
    return slices, float((along[-1] - along[0]) / (len(slices) - 1))


def _check_drift(origins: npt.NDArray[np.float64], first: Slice, name: str) -> None:
    drift = float(np.linalg.norm(origins - origins[0], axis=1).max())
    if drift > DRIFT_TOLERANCE_VOXELS * min(first.spacing[:2]):
        raise InputError(
            f"{name}: slices move sideways by up to {drift:.4g} mm along the series (gantry tilt): the voxels form no "
            "rectangular grid. Resample the series first (dcm2niix corrects the tilt)."
        )


def _check_gaps(gaps: npt.NDArray[np.float64], median: float, slices: list[Slice], name: str) -> None:
    apart = np.abs(gaps - median) / median
    worst = int(apart.argmax())
    pair = f"{slices[worst].path.name} and {slices[worst + 1].path.name}"
    if apart[worst] > GAP_REFUSED:
        missing = sum(max(round(float(g) / median) - 1, 0) for g in gaps[apart > GAP_REFUSED])
        raise InputError(
            f"{name}: slices are {median:.6g} mm apart, but {gaps[worst]:.6g} mm between {pair}; "
            f"{int((apart > GAP_REFUSED).sum())} of {len(gaps)} gaps are off by more than {GAP_REFUSED:.0%}"
            + (f", about {missing} slices are missing" if missing else "")
            + ". Complete the series, or split it where the distance changes."
        )
    if apart[worst] > GAP_NOTED:
        warnings.warn(
            f"{name}: slices are not evenly spaced: {gaps.min():.6g} to {gaps.max():.6g} mm, most between {pair}; "
            f"read with the mean, {gaps.mean():.6g} mm.",
            UserWarning,
            stacklevel=2,
        )
