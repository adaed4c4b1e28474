"""One DICOM image of a folder: what kind it is, whether its numbers can be trusted, and what slices must agree in."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.io import itk, rle
from voxomics.io.elements import Elements

SOP_CLASS, META_SOP_CLASS, SERIES, MODALITY = 0x00080016, 0x00020002, 0x0020000E, 0x00080060
IMAGE_TYPE, THICKNESS, BETWEEN = 0x00080008, 0x00180050, 0x00180088
POSITION, ORIENTATION, PIXEL_SPACING = 0x00200032, 0x00200037, 0x00280030
SAMPLES, PHOTOMETRIC, FRAMES, ROWS, COLUMNS = 0x00280002, 0x00280004, 0x00280008, 0x00280010, 0x00280011
ALLOCATED, STORED, HIGH_BIT, SIGNED = 0x00280100, 0x00280101, 0x00280102, 0x00280103
INTERCEPT, SLOPE, LOOK_UP, UNITS = 0x00281052, 0x00281053, 0x00283000, 0x00541001

# What slices of one series agree in, by the name that an error gives it. Their values appear in no text: some identify.
ALIKE = {
    "SOP class": SOP_CLASS,
    "modality": MODALITY,
    "patient": 0x00100020,
    "patient's name": 0x00100010,
    "patient's birth date": 0x00100030,
    "frame of reference": 0x00200052,
    "BitsAllocated": ALLOCATED,
    "BitsStored": STORED,
    "HighBit": HIGH_BIT,
    "PixelRepresentation": SIGNED,
    "photometric interpretation": PHOTOMETRIC,
    "units": UNITS,
    "rescale type": 0x00281054,
    "b-value": 0x00189087,
    "Siemens' b-value": 0x0019100C,
    "Philips' b-value": 0x20011003,
    "echo number": 0x00180086,
    "echo time": 0x00180081,
    "temporal position": 0x00200100,
    "decay correction": 0x00541102,
}
# What they agree in where both say it: a scanner or an archive may leave it out, and says nothing by that.
ALIKE_IF_SAID = {"study": 0x0020000D, "convolution kernel": 0x00181210, "kVp": 0x00180060}
# Private elements mean what they do here only under the name of the maker who reserved their block.
MAKERS = {0x0019100C: (0x00190010, "SIEMENS MR HEADER"), 0x20011003: (0x20010010, "Philips Imaging DD 001")}
TAGS = frozenset(
    {
        META_SOP_CLASS,
        SERIES,
        IMAGE_TYPE,
        THICKNESS,
        BETWEEN,
        POSITION,
        ORIENTATION,
        PIXEL_SPACING,
        SAMPLES,
        FRAMES,
        ROWS,
    }
    | {COLUMNS, INTERCEPT, SLOPE, LOOK_UP}
    | set(ALIKE.values())
    | set(ALIKE_IF_SAID.values())
    | {block for block, _ in MAKERS.values()}
)
STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATION, LABELMAP, RTSTRUCT = STORAGE + "66.4", STORAGE + "66.7", STORAGE + "481.3"
SEGMENTATIONS = (SEGMENTATION, LABELMAP)
DOSE = STORAGE + "481.2"
# Modalities by name; any other text of the header stays out of messages.
MODALITIES = ("CT", "MR", "PT", "NM", "CR", "DX", "XA", "US", "MG", "OT")
# Slices of one series may be turned against each other by header rounding only.
TURN_TOLERANCE = 1e-3


@dataclass(frozen=True)
class DicomImage:
    """A file with pixels and what it says about itself."""

    path: Path
    elements: Elements
    sop_class: str


@dataclass(frozen=True)
class Slice:
    """One slice: its pixels' size (x, y) and type, and where it lies; ITK has read its header too."""

    path: Path
    elements: Elements
    size: tuple[int, int]
    spacing: tuple[float, float]
    origin: npt.NDArray[np.float64]
    direction: tuple[float, ...]
    dtype: np.dtype[Any]
    units: str


def class_of(elements: Elements) -> str:
    """SOP class UID of a data set, or of the header in front of it."""
    return elements.text(SOP_CLASS) or elements.text(META_SOP_CLASS)


def beside(image: DicomImage) -> str:
    """What an image is that may lie beside a series and is no slice of one; "" for all others."""
    if image.sop_class == DOSE:
        return "RT dose"
    return "localizer" if "LOCALIZER" in image.elements.text(IMAGE_TYPE).upper().split("\\") else ""


def flat(image: DicomImage) -> bool:
    """Whether an image cannot belong to any volume: in colour, or one frame without a position."""
    elements = image.elements
    lone = elements.text(FRAMES) in ("", "1") and not elements.text(POSITION)
    return elements.whole(SAMPLES) not in (None, 1) or lone


def called(image: DicomImage) -> str:
    """The modality of an image, if it is a usual one."""
    modality = image.elements.text(MODALITY)
    return modality if modality in MODALITIES else "other modality"


def short(uid: str) -> str:
    """Eight digits that tell UIDs apart without giving them away."""
    return hashlib.sha256(uid.encode()).hexdigest()[:8]


def lost_slice(path: Path, name: str, why: str) -> InputError:
    """The error for a slice that cannot be read."""
    return InputError(
        f"{name}/{path.name}: a DICOM image that cannot be read: truncated or damaged ({why}). "
        "Copy it again; leaving it out would leave a hole in the volume."
    )


def read_slice(image: DicomImage, name: str) -> Slice:
    """Check an image's header, and have ITK read it."""
    path, elements = image.path, image.elements
    said = f"{name}/{path.name}"
    size = _pixels(image, name)
    position, orientation = elements.numbers(POSITION), elements.numbers(ORIENTATION)
    if len(position) != 3 or len(orientation) != 6:
        raise InputError(f"{said}: a DICOM image without a position in space; it cannot be stacked.")
    spacing = elements.numbers(PIXEL_SPACING)
    if len(spacing) != 2 or min(spacing) <= 0:
        raise InputError(
            f"{said}: Pixel Spacing (0028,0030) is missing or no two numbers above 0. Correct the header, or pass the "
            "voxels as an array with spacing_mm."
        )
    _check_rescale(elements, said)
    try:
        reader = itk.open_header(path, "GDCMImageIO")
    except InputError as error:
        raise lost_slice(path, name, "ITK cannot read its header") from error
    itk.check_scalar(reader.GetNumberOfComponents(), said)
    if tuple(reader.GetSize()[:2]) != size:
        raise lost_slice(path, name, "Rows and Columns do not fit its pixels")
    return Slice(
        path=path,
        elements=elements,
        size=size,
        spacing=(spacing[1], spacing[0]),
        origin=np.array(position, float),
        direction=_direction(orientation, reader, said),
        dtype=itk.pixel_dtype(reader.GetPixelID()),
        units=elements.text(UNITS) if elements.text(MODALITY) == "PT" else "",
    )


def _pixels(image: DicomImage, name: str) -> tuple[int, int]:
    """Columns and rows, after a look at whether the pixel data can be what the header says."""
    elements, said = image.elements, f"{name}/{image.path.name}"
    if elements.whole(SAMPLES) is None:
        raise lost_slice(image.path, name, "its header does not describe its pixels")
    itk.check_scalar(elements.whole(SAMPLES) or 0, said)
    frames = elements.text(FRAMES) or "1"
    if frames != "1":
        many = f"{frames} frames" if frames.isdecimal() and len(frames) < 8 else "an odd number of frames"
        raise InputError(
            f"{said}: a multi-frame DICOM file with {many}; one slice per file is needed. "
            "Convert the series to NIfTI (dcm2niix) or to single-frame DICOM."
        )
    rows, columns = elements.whole(ROWS), elements.whole(COLUMNS)
    bits, used, top = elements.whole(ALLOCATED), elements.whole(STORED), elements.whole(HIGH_BIT)
    if not rows or not columns or not bits or not used or top is None or elements.whole(SIGNED) not in (0, 1):
        raise lost_slice(image.path, name, "its header does not describe its pixels")
    if bits not in (8, 16, 32) or not used <= bits or top != used - 1:
        raise InputError(
            f"{said}: {used} bits of {bits}, the highest of them number {top}; 8, 16 or 32 bits with the lowest ones in use "
            "are read. Write the series again."
        )
    if elements.text(PHOTOMETRIC) != "MONOCHROME2":
        # ITK turns the numbers of MONOCHROME1 around, which is meant for display only.
        raise InputError(f"{said}: photometric interpretation MONOCHROME2 is needed. Write the series again.")
    wanted = rows * columns * bits // 8
    if not elements.encapsulated and elements.pixel_bytes not in (wanted, wanted + wanted % 2):
        raise lost_slice(
            image.path, name, f"{elements.pixel_bytes:,} bytes of pixels where its header announces {wanted:,}"
        )
    if elements.encapsulated and elements.syntax == rle.SYNTAX_UID:
        damage = rle.damage(image.path, elements, rows * columns, bits // 8)
        if damage:
            raise lost_slice(image.path, name, damage)
    return columns, rows


def _check_rescale(elements: Elements, said: str) -> None:
    if LOOK_UP in elements.values:
        raise InputError(
            f"{said}: a modality look-up table, which is not applied. Write the series with rescaled values."
        )
    for tag, called_ in ((SLOPE, "Rescale Slope (0028,1053)"), (INTERCEPT, "Rescale Intercept (0028,1052)")):
        numbers = elements.numbers(tag)
        if tag in elements.values and (len(numbers) != 1 or (tag == SLOPE and numbers[0] == 0)):
            raise InputError(f"{said}: {called_} is no number, or 0. Correct the header.")
    if (SLOPE in elements.values) != (INTERCEPT in elements.values):
        raise InputError(
            f"{said}: of Rescale Slope and Intercept (0028,1053 and 1052) one is missing. Correct the header."
        )


def _direction(orientation: tuple[float, ...], reader: itk.Reader, said: str) -> tuple[float, ...]:
    """Direction cosines; ITK's, which makes the axes exactly orthogonal, unless it did not read the orientation."""
    rows = np.array(orientation, float).reshape(2, 3)
    lengths = np.linalg.norm(rows, axis=1)
    if np.abs(lengths - 1).max() > TURN_TOLERANCE or abs(float(rows[0] @ rows[1])) > TURN_TOLERANCE:
        raise InputError(
            f"{said}: Image Orientation (0020,0037) is not two unit vectors at a right angle. Correct the header."
        )
    x, y = rows / lengths[:, None]
    own = tuple(float(v) for v in np.column_stack([x, y, np.cross(x, y)]).ravel())
    found = tuple(float(v) for v in reader.GetDirection())
    return found if len(found) == 9 and np.allclose(found, own, rtol=0, atol=TURN_TOLERANCE) else own


def check_alike(slices: list[Slice], name: str) -> None:
    """Raise InputError unless slices agree in all on which a number, or its place, hangs."""
    first = slices[0]
    for one in slices[1:]:
        files = f"{name}: slices {first.path.name} and {one.path.name} differ in"
        same_size = one.size == first.size and np.allclose(one.spacing, first.spacing, rtol=1e-4, atol=0)
        if not same_size or not np.allclose(one.direction, first.direction, atol=TURN_TOLERANCE):
            raise InputError(
                f"{files} size, pixel spacing or orientation: "
                f"{first.size} and {one.size} pixels, {first.spacing} and {one.spacing} mm. "
                "Take localizers and other reconstructions out of the folder."
            )
        for what, tag in ALIKE.items():
            if not _same(first.elements, one.elements, tag):
                raise InputError(
                    f"{files} {what} (one of them may lack it): they are no one volume. Take one set out of the folder."
                )
        if (SLOPE in first.elements.values) != (SLOPE in one.elements.values):
            raise InputError(
                f"{files} rescaling: one has Rescale Slope and Intercept, the other has not. Correct the header."
            )
    for what, tag in ALIKE_IF_SAID.items():
        said = [one for one in slices if one.elements.text(tag)]
        for one in said[1:]:
            if not _same(said[0].elements, one.elements, tag):
                raise InputError(
                    f"{name}: slices {said[0].path.name} and {one.path.name} differ in {what}: they are no one volume. "
                    "Take one set out of the folder."
                )


def _same(first: Elements, other: Elements, tag: int) -> bool:
    if tag in MAKERS and not any(one.text(MAKERS[tag][0]) == MAKERS[tag][1] for one in (first, other)):
        return True
    if first.order == other.order and first.values.get(tag) == other.values.get(tag):
        return True
    if first.order != other.order and first.whole(tag) is not None and first.whole(tag) == other.whole(tag):
        return True
    numbers = first.numbers(tag), other.numbers(tag)
    if len(numbers[0]) == len(numbers[1]) == 1 and "." in first.text(tag) + other.text(tag):
        return math.isclose(numbers[0][0], numbers[1][0], rel_tol=1e-4)
    return first.text(tag) == other.text(tag)


def only_gap(one: Slice, name: str) -> tuple[float, str]:
    """Extent in mm of a single slice along its normal, and a remark on where it comes from."""
    for tag, called_ in ((BETWEEN, "Spacing Between Slices"), (THICKNESS, "Slice Thickness")):
        numbers = one.elements.numbers(tag)
        if len(numbers) == 1 and numbers[0] > 0:
            return numbers[0], f"one slice: its extent of {numbers[0]:g} mm is its {called_}"
    raise InputError(
        f"{name}: one slice without Slice Thickness or Spacing Between Slices: the voxels' height is unknown. "
        "Pass the voxels as an array with spacing_mm."
    )
