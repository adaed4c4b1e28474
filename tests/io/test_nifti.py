"""NIfTI: voxels, scaling and geometry, in every way in which the header can be odd."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from files import saved_nifti, voxels, written
from voxomics.engine.errors import InputError
from voxomics.io import input_files, read_image, streams


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_nan_and_infinity_survive(tmp_path, name, dtype):
    array = voxels(dtype)
    array[1, 2, 3], array[0, 0, 0], array[3, 4, 5] = np.nan, np.inf, -np.inf
    path = saved_nifti(tmp_path / name, array) if ".nii" in name else written(tmp_path / name, array)
    np.testing.assert_array_equal(read_image(path).array, array)


@pytest.mark.parametrize(("dtype", "kept"), [("u1", "f4"), ("i2", "f4"), ("u2", "f4"), ("i4", "f8"), ("f4", "f4"), ("f8", "f8")])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_scaling(tmp_path, name, dtype, kept):
    image = nib.Nifti1Image(np.zeros((6, 5, 4), dtype), np.eye(4))
    nib.save(image, tmp_path / name)
    raw = tmp_path / name
    plain = bytearray(gzip.decompress(raw.read_bytes()) if name.endswith("gz") else raw.read_bytes())
    plain[112:120] = np.array([0.1, -1], "<f4").tobytes()
    plain[352:] = voxels(dtype).tobytes()
    raw.write_bytes(gzip.compress(bytes(plain)) if name.endswith("gz") else bytes(plain))
    array = read_image(raw).array
    assert array.dtype == np.dtype(kept)
    np.testing.assert_array_equal(array, (voxels("f8") * np.float64(np.float32(0.1)) - 1).astype(kept))
    # ITK makes float32 of any scaled integer, which loses digits above 16 bits
    np.testing.assert_allclose(array, sitk.GetArrayFromImage(sitk.ReadImage(str(raw))), rtol=1e-6)


@pytest.mark.parametrize("slope_inter", [(np.nan, 5), (0, 5), (np.inf, 5), (1, np.nan)])
def test_a_nifti_scaling_that_is_no_number_means_unscaled(tmp_path, slope_inter):
    path = saved_nifti(tmp_path / "a.nii", voxels())
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array(slope_inter, "<f4").tobytes()
    path.write_bytes(raw)
    array = read_image(path).array
    assert array.dtype == np.int16
    np.testing.assert_array_equal(array, voxels())


@pytest.mark.parametrize(("slope", "inter"), [(1e38, 0), (1e-40, 0), (-2e35, 1), (1, 3e38), (1e-45, 0)])
def test_scaled_values_that_float32_does_not_hold_are_float64(tmp_path, slope, inter):
    path = saved_nifti(tmp_path / "a.nii", voxels())
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, inter], "<f4").tobytes()
    path.write_bytes(raw)
    slope, inter = np.array([slope, inter], "<f4").astype(float)
    array = read_image(path).array
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, voxels("f8") * slope + inter)


@pytest.mark.parametrize("inter", [np.inf, -np.inf])
def test_an_infinite_intercept_is_refused(tmp_path, inter):
    path = saved_nifti(tmp_path / "a.nii", voxels())
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([1, inter], "<f4").tobytes()
    path.write_bytes(raw)
    with pytest.raises(InputError, match="scl_inter is infinite"):
        read_image(path)


def test_big_endian_nifti(tmp_path):
    for dtype in ("i2", "f4"):
        header = nib.Nifti1Header(endianness=">")
        header.set_data_dtype(dtype)
        nib.save(nib.Nifti1Image(voxels(dtype).T, np.eye(4), header), tmp_path / "b.nii.gz")
        assert gzip.decompress((tmp_path / "b.nii.gz").read_bytes())[:4] == b"\0\0\x01\x5c"
        array = read_image(tmp_path / "b.nii.gz").array
        assert array.dtype == np.dtype(dtype) and array.dtype.isnative
        np.testing.assert_array_equal(array, voxels(dtype))


@pytest.mark.parametrize("half", ["p.hdr", "p.img"])
def test_nifti_pair(tmp_path, half):
    array = voxels("f4")
    array[0, 0, 1] = np.nan
    nib.save(nib.Nifti1Pair(array.T, np.eye(4)), tmp_path / "p.hdr")
    np.testing.assert_array_equal(read_image(tmp_path / half).array, array)
    (tmp_path / {"p.hdr": "p.img", "p.img": "p.hdr"}[half]).unlink()
    with pytest.raises(InputError):
        read_image(tmp_path / half)


def test_gzip_of_several_members_is_read_whole(tmp_path):
    """As bgzip writes them; the last trailer then says nothing about the whole."""
    plain = saved_nifti(tmp_path / "a.nii", voxels()).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(b"".join(gzip.compress(plain[i : i + 100]) for i in range(0, len(plain), 100)))
    np.testing.assert_array_equal(read_image(tmp_path / "b.nii.gz").array, voxels())


@pytest.mark.parametrize("codec", ["zlib", "isal.isal_zlib", "zlib_ng.zlib_ng"])
def test_gzip_members_may_end_anywhere_in_a_piece_of_the_file(tmp_path, monkeypatch, codec):
    monkeypatch.setattr(streams, "inflate", pytest.importorskip(codec))
    plain = saved_nifti(tmp_path / "a.nii", voxels()).read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(b"".join(gzip.compress(plain[i : i + 100]) for i in range(0, len(plain), 100)))
    for size in range(1, 150):
        monkeypatch.setattr(streams, "CHUNK", size)
        np.testing.assert_array_equal(read_image(tmp_path / "b.nii.gz").array, voxels())


@pytest.mark.parametrize("data", ["p.img", "p.img.gz"])
def test_the_voxels_of_a_pair_may_be_compressed(tmp_path, data):
    nib.save(nib.Nifti1Pair(voxels().T, np.eye(4)), tmp_path / "p.hdr")
    if data == "p.img.gz":
        (tmp_path / data).write_bytes(gzip.compress((tmp_path / "p.img").read_bytes()))
        (tmp_path / "p.img").unlink()
    for half in ("p.hdr", data):
        np.testing.assert_array_equal(read_image(tmp_path / half).array, voxels())
        assert [one.name for one in input_files(tmp_path / half)] == ["p.hdr", data]


def test_nifti_of_four_dimensions_with_one_time_point_is_3d(tmp_path):
    nib.save(nib.Nifti1Image(voxels("f4").T[..., None], np.eye(4)), tmp_path / "a.nii")
    np.testing.assert_array_equal(read_image(tmp_path / "a.nii").array, voxels("f4"))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (nib.Nifti1Image(np.zeros((6, 5, 4, 2), "f4"), np.eye(4)), "4D image of size .*Take one time point"),
        (nib.Nifti1Image(np.zeros((6, 5), "f4"), np.eye(4)), "2D image carries no slice thickness"),
        (nib.Nifti1Image(np.zeros((6, 5, 4), "c8"), np.eye(4)), "datatype 32 .complex"),
        (nib.Nifti1Image(np.zeros((6, 5, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), np.eye(4)), "datatype 128"),
        (nib.Nifti2Image(np.zeros((6, 5, 4), "f4"), np.eye(4)), "NIfTI-2, which is not read"),
    ],
)
def test_nifti_that_is_no_scalar_volume(tmp_path, image, says):
    nib.save(image, tmp_path / "a.nii")
    with pytest.raises(InputError, match=says):
        read_image(tmp_path / "a.nii")


def nifti_with_forms(path: Path, qform: np.ndarray | None, sform: np.ndarray | None, sform_code: int = 1) -> Path:
    image = nib.Nifti1Image(voxels("f4").T, np.diag([1.0, 2.0, 3.0, 1.0]))
    image.set_qform(qform, 1 if qform is not None else 0)
    image.set_sform(sform, sform_code if sform is not None else 0)
    image.header["pixdim"][1:4] = 1, 2, 3
    nib.save(image, path)
    return path


def test_nifti_whose_transforms_contradict(tmp_path, capfd):
    plain = np.diag([1.0, 2.0, 3.0, 1.0])
    moved, sheared, stretched = plain.copy(), plain.copy(), plain.copy()
    moved[0, 3], sheared[0, 1], stretched[0, 0] = 40, 0.8, 1.5
    with pytest.warns(UserWarning, match="contradict each other by up to 40 voxels; the sform is used"):
        assert read_image(nifti_with_forms(tmp_path / "a.nii", plain, moved)).origin_mm[0] == -40
    with pytest.warns(UserWarning, match="the qform is used"):
        assert read_image(nifti_with_forms(tmp_path / "a.nii", plain, moved, 4)).origin_mm[0] == 0
    with pytest.warns(UserWarning, match="the qform is used"):
        read_image(nifti_with_forms(tmp_path / "a.nii", plain, sheared))
    for wrong in (sheared, stretched):
        with pytest.raises(InputError, match=r"contradicts itself|shears the grid"):
            read_image(nifti_with_forms(tmp_path / "a.nii", None, wrong))
    assert capfd.readouterr().err == ""  # ITK prints its own warnings for these


def test_nifti_with_no_transform_or_equal_ones_is_silent(tmp_path):
    plain = np.diag([1.0, 2.0, 3.0, 1.0])
    for qform, sform in ((None, None), (plain, plain), (plain, None), (None, plain)):
        assert read_image(nifti_with_forms(tmp_path / "a.nii", qform, sform)).spacing_mm == (3, 2, 1)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_nifti_with_impossible_spacing(tmp_path, bad):
    path = saved_nifti(tmp_path / "a.nii", voxels("f4"))
    raw = bytearray(path.read_bytes())
    raw[84:88] = np.array([bad], "<f4").tobytes()
    path.write_bytes(raw)
    with pytest.raises(InputError, match="three finite numbers above 0"):
        read_image(path)
