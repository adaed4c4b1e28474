"""A folder that holds one DICOM series: read slice by slice, sorted by position, gaps measured.

ITK's series reader skips slices that it cannot read, only warns when slices are missing, and casts all slices to
the type of the first one (a PET slice with its own rescale slope loses its fractions). None of that happens here.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import PhysicalGrid
from voxomics.io import itk
from voxomics.io.elements import DamagedElementsError, Elements, read_elements
from voxomics.io.grid import check_grid
from voxomics.io.slices import (
    META_SOP_CLASS,
    ROWS,
    RTSTRUCT,
    SEGMENTATION,
    SEGMENTATIONS,
    SERIES,
    SOP_CLASS,
    TAGS,
    DicomImage,
    Slice,
    beside,
    called,
    check_alike,
    class_of,
    flat,
    lost_slice,
    only_gap,
    read_slice,
    short,
)
from voxomics.io.source import Source, Volume
from voxomics.io.streams import empty

# Gaps that differ from their median by less than this share are rounding in the headers (as dcm2niix, highdicom).
GAP_NOTED = 0.01
# Up to this share the series is read on a uniform grid with a warning; above it a slice is missing or misplaced.
GAP_REFUSED = 0.1
# Slices may move sideways by this share of a voxel over the whole series; more is a gantry tilt.
DRIFT_TOLERANCE_VOXELS = 0.1
# SOP classes without pixels that may lie beside a series: reports, presentation states, RTPLAN, DICOMDIR …
NOT_IMAGES = re.compile(
    r"1\.2\.840\.10008\.(1\.3\.10|5\.1\.4\.1\.1\.(66|67|66\.[1235]|481\.[34589]|(9|11|68|88|104)(\.\d+)*))"
)
# Names by which a file that is no readable DICOM counts as a lost slice.
SLICE_SUFFIXES = (".dcm", ".ima", ".dicom")


def is_folder(source: Source) -> bool:
    """Whether it is a folder."""
    return source.path is not None and source.path.is_dir()


def is_file(source: Source) -> bool:
    """Whether it is a DICOM file; one of the time before the preamble must be whole."""
    if source.start[128:132] == b"DICM":
        return True
    with contextlib.suppress(DamagedElementsError):
        return source.start[:2] == b"\x08\0" and read_elements(source.file, frozenset()) is not None
    return False


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
        The folder; its subfolders are not searched. Dose grids, localizers, screenshots and objects without pixels are
        passed over, with a remark where they are images.

    Returns
    -------
    Volume
        Array [z, y, x] with the modality's rescaling applied; slices ordered along the normal of the image plane.

    Raises
    ------
    InputError
        No series or several; unreadable, doubled or missing slices; slices that differ in what makes their numbers;
        gantry tilt; multi-frame files.
    ResourceError
        Above the source's `max_bytes`.
    """
    name, paths = source.name, series_files(source)
    images, remarks = _one_series(_images(paths, name), name)
    slices = [read_slice(image, name) for image in images]
    check_alike(slices, name)
    slices, gap = _ordered(slices, name)
    if len(slices) == 1:
        gap, remark = only_gap(slices[0], name)
        remarks = (*remarks, remark)
    first = slices[0]
    if first.units not in ("", "GML"):
        warnings.warn(
            f"{name}: PET in units {first.units}, read as stored; convert it to SUV for values in SUV.", stacklevel=2
        )
    x, y = first.size
    dtype = np.result_type(*{s.dtype for s in slices})
    origin = tuple(float(v) for v in first.origin)
    grid = PhysicalGrid((len(slices), y, x), (gap, first.spacing[1], first.spacing[0]), origin, first.direction)  # type: ignore[arg-type]
    check_grid(grid, name)
    itk.check_bytes(x * y * len(slices) * dtype.itemsize, source.max_bytes, name)
    empty((len(slices), y, x), dtype, name)  # ITK makes the array; this says whether there is room for it
    source.hash(paths)
    return Volume(itk.read_stack([s.path for s in slices], dtype, name), grid, name, remarks=remarks)


def refuse_file(source: Source) -> Volume:
    """Raise the InputError for a DICOM file given in place of a folder."""
    raise _single_file(source.file)


def _single_file(path: Path) -> InputError:
    try:
        elements = read_elements(path, frozenset({SOP_CLASS, META_SOP_CLASS, ROWS})) or Elements()
    except DamagedElementsError as error:
        return InputError(f"{path.name}: a DICOM file that is truncated or damaged ({error}). Copy it again.")
    sop_class = class_of(elements)
    if sop_class in SEGMENTATIONS:
        kind = "SEG" if sop_class == SEGMENTATION else "SEG with a label map (LABELMAP)"
        return InputError(
            f"{path.name}: DICOM {kind} is not read. Convert it to a label image (.seg.nrrd with 3D Slicer, "
            ".nii.gz with dcmqi's segimage2itkimage)."
        )
    if sop_class == RTSTRUCT:
        return InputError(
            f"{path.name}: DICOM RTSTRUCT holds contours and is not read. Convert it to a label image on the image's grid "
            "(.seg.nrrd with 3D Slicer, .nii.gz with plastimatch)."
        )
    if NOT_IMAGES.fullmatch(sop_class) or (elements.pixel_bytes is None and ROWS not in elements.values):
        return InputError(f"{path.name}: a DICOM object without voxels (a report, a plan, an index …), no image.")
    return InputError(
        f"{path.name}: one DICOM file. Give the folder that holds the whole series; for an enhanced multi-frame file, "
        "convert it to NIfTI first (dcm2niix)."
    )


def _images(paths: list[Path], name: str) -> list[DicomImage]:
    """Every DICOM image among the files; an image that cannot be read is an error, other files are passed over."""
    images: list[DicomImage] = []
    bare: list[DicomImage] = []
    others, masks = [], []
    for path in paths:
        itk.path_text(path)
        try:
            elements = read_elements(path, TAGS)
        except DamagedElementsError as error:
            raise lost_slice(path, name, str(error)) from error
        if elements is None:
            others.append(path)
            continue
        sop_class = class_of(elements)
        if sop_class in SEGMENTATIONS or sop_class == RTSTRUCT:
            masks.append(path)
        elif not NOT_IMAGES.fullmatch(sop_class):
            (bare if elements.pixel_bytes is None else images).append(DicomImage(path, elements, sop_class))
    _check_bare(bare, images, name)
    if not images and masks:
        raise _single_file(masks[0])
    if not images:
        raise InputError(f"{name}: this folder holds no DICOM images (subfolders are not searched).")
    _check_others(others, images, name)
    return images


def _check_bare(bare: list[DicomImage], images: list[DicomImage], name: str) -> None:
    """Refuse an object without pixels that is a slice which lost them: by its class, its series, or its rows and columns.

    All others (treatment records, raw data, protocols, the private objects of scanners) are no images.
    """
    series = {image.elements.text(SERIES) for image in images}
    classes = {image.sop_class for image in images}
    for one in bare:
        alike = one.elements.text(SERIES) in series or one.sop_class in classes
        if alike or (not images and ROWS in one.elements.values):
            raise lost_slice(one.path, name, "it holds no pixels")


def _check_others(others: list[Path], images: list[DicomImage], name: str) -> None:
    """Refuse a file that is no DICOM, but a damaged slice by its name or by the series that it names."""
    patterns = {_pattern(image.path) for image in images}
    series = {image.elements.values.get(SERIES, b"") for image in images} - {b""}
    for path in others:
        with open(path, "rb") as file:
            start = file.read(2**16)
        named = path.suffix.lower() in SLICE_SUFFIXES or _pattern(path) in patterns
        if named or any(uid.rstrip(b"\0 ") in start for uid in series):
            raise lost_slice(path, name, "it is no DICOM file")


def _pattern(path: Path) -> str:
    return re.sub(r"\d+", "#", path.name)


def _one_series(images: list[DicomImage], name: str) -> tuple[list[DicomImage], tuple[str, ...]]:
    """The images of the only series that may be a volume, and a remark on images that were passed over."""
    groups: dict[str, list[DicomImage]] = {}
    aside: dict[str, int] = {}
    for image in images:
        groups.setdefault(image.elements.text(SERIES), []).append(image)
    volumes = {uid: [i for i in group if not beside(i)] for uid, group in groups.items()}
    volumes = {uid: group for uid, group in volumes.items() if group and not all(flat(i) for i in group)}
    volumes = volumes or groups
    if len(volumes) > 1:
        listed = "; ".join(
            f"{called(group[0])}, {len(group)} slices, UID hash {short(uid)}" for uid, group in sorted(volumes.items())
        )
        raise InputError(
            f"{name}: this folder holds {len(volumes)} DICOM series: {listed}. Exactly one is accepted: "
            "put each series in its own folder."
        )
    (chosen,) = volumes.values()
    kept = {image.path for image in chosen}
    for image in images:
        if image.path not in kept:
            kind = beside(image) or "flat or colour"
            aside[kind] = aside.get(kind, 0) + 1
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(aside.items()))
    return chosen, (f"DICOM images passed over beside the series: {said}",) if said else ()


def _ordered(slices: list[Slice], name: str) -> tuple[list[Slice], float]:
    """Slices sorted along their normal, and the distance between them in mm."""
    normal = np.array(slices[0].direction, float).reshape(3, 3)[:, 2]
    slices = sorted(slices, key=lambda s: float(s.origin @ normal))
    if len(slices) == 1:
        return slices, float("nan")
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
