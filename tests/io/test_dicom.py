"""A folder with a DICOM series, and folders that only look like one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
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
        ({"SeriesInstanceUID": "1.2.4"}, "holds 2 DICOM series: CT 'chest', 6 slices, UID 1.2.3; CT 'chest', 1 slices"),
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
    with pytest.raises(ResourceError, match="the limit max_bytes is 239"):
        read_image(series, max_bytes=239)
