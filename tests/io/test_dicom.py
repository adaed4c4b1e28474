"""A folder with a DICOM series, and folders that only look like one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

from files import dicom_slice
from voxomics.engine.errors import InputError, ResourceError
from voxomics.io import read_image


def dicom_volume(slices: int) -> np.ndarray:
    return 1000 * np.arange(slices)[:, None, None] + 10 * np.arange(4)[:, None] + np.arange(5)


@pytest.fixture
def series(tmp_path) -> Path:
    """Six slices whose names do not sort as their positions do."""
    folder = tmp_path / "ct"
    folder.mkdir()
    for k in range(6):
        dicom_slice(folder / f"{(k * 5) % 6}.dcm", k)
    return folder


def test_dicom_series(series):
    (series / "notes.txt").write_text("not a slice")
    image = read_image(series)
    np.testing.assert_array_equal(image.array, dicom_volume(6))
    assert image.array.dtype == np.int16 and image.name == "ct"
    assert image.spacing_mm == (2.5, 0.9, 0.8) and image.origin_mm == (1, 2, 0)


def test_dicom_slices_keep_their_own_rescale_slope(tmp_path):
    """The first slice is whole-numbered; ITK's series reader would cut the others' fractions off."""
    for k in range(3):
        dicom_slice(tmp_path / f"{k}.dcm", k, slope=[1, 0.25, 0.5][k])
    array = read_image(tmp_path).array
    np.testing.assert_array_equal(array, dicom_volume(3) * np.array([1, 0.25, 0.5])[:, None, None])


def test_dicom_slice_that_is_truncated_is_named(series):
    path = series / "3.dcm"
    for keep in (0.99, 0.8):
        path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
        with pytest.raises(InputError, match=r"ct/3.dcm: a DICOM image that cannot be read"):
            read_image(series)


def test_dicom_missing_slice_is_named(series):
    (series / "3.dcm").unlink()  # k = 3: between k = 2 (4.dcm) and k = 4 (2.dcm)
    with pytest.raises(InputError, match=r"2.5 mm apart, but 5 mm between 4.dcm and 2.dcm.*1 slices are missing"):
        read_image(series)


def test_dicom_slices_unevenly_spaced_by_little_warn(series):
    dicom_slice(series / "3.dcm", 3, z=7.6)
    with pytest.warns(UserWarning, match=r"2.4 to 2.6 mm"):
        np.testing.assert_array_equal(read_image(series).array, dicom_volume(6))
    dicom_slice(series / "3.dcm", 3, z=7.505)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image(series)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"SeriesInstanceUID": "1.2.4"}, r"holds 2 DICOM series: CT, 6 slices, UID hash \w{8}; CT, 1 slices"),
        ({"ImagePositionPatient": [1, 2, 5.0]}, "same position"),
        ({"ImagePositionPatient": [3, 2, 15.0]}, "sideways by up to 2 mm"),
        ({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}, "differ in size, pixel spacing or orientation"),
        ({"PixelSpacing": [1, 1]}, "differ in size, pixel spacing or orientation"),
        ({"NumberOfFrames": 2, "PixelData": bytes(80)}, "multi-frame"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8,
          "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "PixelData": bytes(60)}, "3 values a voxel"),
    ],
)  # fmt: skip
def test_dicom_folders_that_are_no_volume(series, tags, says):
    dicom_slice(series / "odd.dcm", 6, **tags)
    with pytest.raises(InputError, match=says):
        read_image(series)


def test_one_dicom_file_and_max_bytes(series):
    with pytest.raises(InputError, match="Give the folder"):
        read_image(series / "0.dcm")
    assert read_image(series, max_bytes=240).array.nbytes == 240
    with pytest.raises(ResourceError, match="the limit is 239"):
        read_image(series, max_bytes=239)


def judged(folder: Path) -> np.ndarray:
    """Values by pydicom, in the order of their positions."""
    slices = sorted((pydicom.dcmread(path) for path in folder.glob("*.dcm")), key=lambda d: d.ImagePositionPatient[2])
    return np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices])


CT, MR, PET = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("2", "4", "128"))


@pytest.mark.parametrize("sop_class", [CT, MR, PET])
@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.37, 5), (2.5, -0.125)])
def test_rescaled_values_are_pydicoms(tmp_path, sop_class, slope, intercept):
    """MR too, whose slope some readers leave out."""
    for k in range(3):
        dicom_slice(tmp_path / f"{k}.dcm", k, slope=slope, RescaleIntercept=intercept, SOPClassUID=sop_class)
    np.testing.assert_array_equal(read_image(tmp_path).array, judged(tmp_path))


PIXELS = {
    "PixelRepresentation": 0,
    "BitsAllocated": 8,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelData": bytes(38),
    "PhotometricInterpretation": "MONOCHROME1",
    "Rows": 3,
    "Columns": 4,
}
ODD = {
    "RescaleIntercept": None,
    "RescaleSlope": None,
    "RescaleType": "US",
    "Units": "BQML",
    "PatientID": "another",
    "PatientName": "another",
    "FrameOfReferenceUID": "1.2.9",
    "DiffusionBValue": 800.0,
    "EchoNumbers": 2,
    "EchoTime": 80,
    "TemporalPositionIdentifier": 2,
    "Modality": "PT",
    "SOPClassUID": PET,
    "PixelSpacing": None,
    "ImageOrientationPatient": None,
    "ImagePositionPatient": None,
    "DecayCorrection": "NONE",
}


@pytest.mark.parametrize("tag", [*PIXELS, *ODD])
@pytest.mark.parametrize("where", [0, 3, 5])
def test_slices_that_differ_in_what_makes_their_numbers(series, tag, where):
    """One slice that lacks a tag, or has another value of it, in front, within and last."""
    value = {**PIXELS, **ODD}[tag]
    path = series / f"{(where * 5) % 6}.dcm"
    if value is None:
        changed = pydicom.dcmread(path)
        del changed[tag]
        changed.save_as(path)
    else:
        dicom_slice(path, where, **{tag: value})
    with pytest.raises(InputError, match=r"differ in|missing|cannot be read|position|multi|MONOCHROME2|without|bits") as caught:
        read_image(series)
    assert "another" not in str(caught.value)


def test_a_modality_look_up_table_is_refused(series):
    for k in range(6):
        dicom_slice(series / f"{(k * 5) % 6}.dcm", k, ModalityLUTSequence=[pydicom.Dataset()])
    with pytest.raises(InputError, match="modality look-up table"):
        read_image(series)


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"noise" * 100])
@pytest.mark.parametrize("name", ["5.dcm", "10.dcm", "x.IMA"])
def test_a_last_slice_that_is_lost_is_missed(series, name, content):
    """The volume would end a slice early, without a gap."""
    (series / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_image(series)


def test_a_slice_without_its_start_is_missed_by_its_series(series):
    whole = (series / "1.dcm").read_bytes()
    (series / "1.dcm").unlink()
    (series / "rescued").write_bytes(whole[200:])
    with pytest.raises(InputError, match="cannot be read"):
        read_image(series)


@pytest.mark.parametrize(
    ("tags", "z"),
    [({"SliceThickness": 3.5}, 3.5), ({"SpacingBetweenSlices": 2.25}, 2.25), ({"SliceThickness": None}, None)],
)
def test_one_slice_has_the_extent_that_its_header_says(tmp_path, tags, z):
    dicom_slice(tmp_path / "0.dcm", 1, **tags)
    if z is None:
        with pytest.raises(InputError, match="voxels' height is unknown"):
            read_image(tmp_path)
        return
    image = read_image(tmp_path)
    assert image.spacing_mm == (z, 0.9, 0.8) and image.array.shape == (1, 4, 5)
    assert f"{z:g} mm" in image.remarks[0]


def test_images_beside_a_series_are_passed_over(series):
    """A dose grid, a screenshot in colour, a localizer, a report and a structure set lie in many folders."""
    read_image(series)
    rgb = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "BitsAllocated": 8,
           "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "PixelData": bytes(60)}  # fmt: skip
    storage = "1.2.840.10008.5.1.4.1.1."
    dicom_slice(series / "dose", 1, SOPClassUID=storage + "481.2", SeriesInstanceUID="1.4", NumberOfFrames=2, PixelData=bytes(80))
    dicom_slice(series / "shot", 1, SOPClassUID=storage + "7", SeriesInstanceUID="1.5", **rgb)
    dicom_slice(series / "scout", 1, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    dicom_slice(series / "report", 1, SOPClassUID=storage + "88.22", SeriesInstanceUID="1.6")
    dicom_slice(series / "rois", 1, SOPClassUID=storage + "481.3", SeriesInstanceUID="1.7")
    image = read_image(series)
    np.testing.assert_array_equal(image.array, dicom_volume(6))
    assert image.remarks == ("DICOM images passed over beside the series: 1 RT dose, 1 flat or colour, 1 localizer",)


def test_no_text_of_a_header_enters_an_error(series):
    for uid in ("1.2.77", "1.2.78"):
        dicom_slice(series / uid, 6, SeriesInstanceUID=uid, SeriesDescription="DOE John", PatientName="DOE", Modality="DOE")
    with pytest.raises(InputError) as caught:
        read_image(series)
    assert "DOE" not in str(caught.value) and "1.2.7" not in str(caught.value)


def test_masks_of_dicom_are_called_what_they_are(tmp_path):
    kinds = {"66.4": "DICOM SEG is not read", "66.7": "LABELMAP", "481.3": "RTSTRUCT", "88.11": "without voxels"}
    for number, says in kinds.items():
        dicom_slice(tmp_path / "m.dcm", 1, SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{number}")
        with pytest.raises(InputError, match=says):
            read_image(tmp_path / "m.dcm")


def test_a_length_that_the_file_cannot_hold_costs_no_memory(series):
    """GDCM would take 4 GB, as the length announces."""
    path = series / "3.dcm"
    whole = path.read_bytes()
    at = whole.index(b"\x08\0\x3e\x10LO")  # Series Description, made an element of unknown kind and four length bytes
    for length in (0xFFFFFFF0, 0x7FFFFFFF, len(whole)):
        path.write_bytes(whole[: at + 4] + b"UN\0\0" + length.to_bytes(4, "little") + whole[at + 8 :])
        with pytest.raises(InputError, match=r"goes beyond the end"):
            read_image(series)


@pytest.mark.parametrize(
    ("tag", "values", "says"),
    [
        ("StudyInstanceUID", ["1.2.77", "1.2.78"], "study"),
        ("ConvolutionKernel", ["B30f", "B70f"], "convolution kernel"),
        ("ConvolutionKernel", [["I31f", "2"], ["I31f", "3"]], "convolution kernel"),
        ("KVP", ["120", "100"], "kVp"),
        ("KVP", ["120", "120.0"], None),
        ("ConvolutionKernel", ["B30f", "B30f "], None),
        ("ConvolutionKernel", ["B30f", None], None),
        ("KVP", [None, ""], None),
        ("StudyInstanceUID", ["1.2.77", None], None),
    ],
)
def test_slices_of_two_reconstructions_are_no_volume(series, tag, values, says):
    """A scanner may leave such a tag out, which says nothing; what all slices say must agree."""
    read_image(series)
    for k in range(6):
        dicom_slice(series / f"{(k * 5) % 6}.dcm", k, **({} if values[k == 4] is None else {tag: values[k == 4]}))
    if says is None:
        np.testing.assert_array_equal(read_image(series).array, dicom_volume(6))
    else:
        with pytest.raises(InputError, match=rf"slices .*\.dcm and 2\.dcm differ in {says}: they are no one volume"):
            read_image(series)


STORAGE = "1.2.840.10008.5.1.4.1.1."
WITHOUT_PIXELS = {
    "treatment record": STORAGE + "481.7",
    "radiation": STORAGE + "481.12",
    "tractography": STORAGE + "66.6",
    "protocol": STORAGE + "200.1",
    "hanging protocol": "1.2.840.10008.5.1.4.38.1",
    "microscopy annotations": STORAGE + "91.1",
    "a scanner's own": "1.3.12.2.1107.5.9.1",
    "unheard of": "1.2.3.4",
}


def without_pixels(path, sop_class, uid="1.9", preamble=True, **tags):
    dicom_slice(path, 1)
    ds = pydicom.dcmread(path)
    for name in ("PixelData", "Rows", "Columns", "BitsAllocated", "ImagePositionPatient", "ImageOrientationPatient"):
        del ds[name]
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class
    ds.SeriesInstanceUID = uid
    for name, value in tags.items():
        setattr(ds, name, value)
    if not preamble:
        del ds.file_meta
        ds.preamble = None
        ds.save_as(path, implicit_vr=True, little_endian=True)
        return
    ds.save_as(path)


@pytest.mark.parametrize("kind", WITHOUT_PIXELS)
def test_objects_without_pixels_of_any_class_are_passed_over(series, kind):
    without_pixels(series / "other.dcm", WITHOUT_PIXELS[kind])
    np.testing.assert_array_equal(read_image(series).array, dicom_volume(6))
    with pytest.raises(InputError, match="a DICOM object without voxels"):
        read_image(series / "other.dcm")


@pytest.mark.parametrize(("sop_class", "uid"), [(CT, "1.9"), (WITHOUT_PIXELS["unheard of"], "1.2.3")])
def test_a_slice_that_lost_its_pixels_is_missed(series, sop_class, uid):
    """By its class or by its series."""
    without_pixels(series / "other.dcm", sop_class, uid)
    with pytest.raises(InputError, match="it holds no pixels"):
        read_image(series)


@pytest.mark.parametrize(("number", "says"), [("66.4", "SEG is not read"), ("66.7", "LABELMAP"), ("481.3", "RTSTRUCT")])
@pytest.mark.parametrize("name", ["mask.dcm", "mask", "mask.nii"])
def test_masks_of_the_time_before_the_preamble(tmp_path, name, number, says):
    without_pixels(tmp_path / name, STORAGE + number, preamble=False)
    with pytest.raises(InputError, match=says):
        read_image(tmp_path / name)


def test_a_cut_dicom_mask_is_called_damaged(tmp_path):
    without_pixels(tmp_path / "mask.dcm", STORAGE + "66.4")
    whole = (tmp_path / "mask.dcm").read_bytes()
    (tmp_path / "mask.dcm").write_bytes(whole[:-3])
    with pytest.raises(InputError, match=r"mask\.dcm: a DICOM file that is truncated or damaged"):
        read_image(tmp_path / "mask.dcm")


def run_lengths(folder):
    """A series of four slices in RLE Lossless, compressed by pydicom."""
    folder.mkdir()
    for k in range(4):
        pixels = np.cumsum(np.random.default_rng(k).integers(-3, 4, (32, 31)), axis=1)
        dicom_slice(folder / f"{k}.dcm", k, Rows=32, Columns=31, PixelData=pixels.astype("<i2").tobytes())
        ds = pydicom.dcmread(folder / f"{k}.dcm")
        ds.compress(pydicom.uid.RLELossless)
        ds.save_as(folder / f"{k}.dcm")
    return folder


def test_run_lengths_are_pydicoms(tmp_path):
    folder = run_lengths(tmp_path / "ct")
    np.testing.assert_array_equal(read_image(folder).array, judged(folder))


def test_a_flipped_bit_in_run_lengths_shifts_no_pixels(tmp_path):
    """What no check can see is another value of a pixel; the pixels behind it stay in their places."""
    folder = run_lengths(tmp_path / "ct")
    path, right = folder / "2.dcm", read_image(folder).array
    whole = path.read_bytes()
    (fragment,) = pydicom.encaps.generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=1)
    start = whole.index(fragment)
    refused = 0
    for at in np.random.default_rng(0).integers(start, start + len(fragment), 300):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(at % 8)
        path.write_bytes(changed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = read_image(folder).array
            except InputError as error:
                assert "run lengths" in str(error) or "cannot be read" in str(error)
                refused += 1
                continue
        # A byte of a run of up to 128 equal bytes is another one.
        assert np.count_nonzero(found != right) <= 128
    assert refused > 50
    path.write_bytes(whole)
    np.testing.assert_array_equal(read_image(folder).array, right)
