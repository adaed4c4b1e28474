"""Truncated, damaged, foreign and hostile files: an InputError of one line, never noise or zeros."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import SimpleITK as sitk

from files import saved_nifti, voxels, written
from voxomics import Extractor
from voxomics.cases import Case, extract_cases
from voxomics.engine.errors import InputError, ResourceError
from voxomics.io import read_image, streams
from voxomics.io.itk import quiet


@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "ac.nrrd", "a.mha", "ac.mha"])
def test_truncated_files(tmp_path, name, dtype, keep):
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 30, 40)).astype(dtype)
    path = written(tmp_path / name, array, compress="c." in name)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(InputError, match=r"truncated|damaged") as caught:
        read_image(path)
    assert name in str(caught.value) and str(tmp_path) not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.mhd"])
def test_a_flipped_bit_in_compressed_voxels_is_noticed(tmp_path, name):
    for dtype in ("i2", "f4"):
        array = np.random.default_rng(0).integers(-1000, 1000, (20, 30, 40)).astype(dtype)
        path = written(tmp_path / name, array, compress=True)
        path = path.with_suffix(".zraw") if name == "a.mhd" else path
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 16
        path.write_bytes(raw)
        with pytest.raises(InputError, match="damaged"):
            read_image(tmp_path / name)


def test_missing_detached_data_is_named(tmp_path):
    for name, data in (("a.mhd", "a.raw"), ("a.nhdr", "a.raw")):
        written(tmp_path / name, voxels())
        (tmp_path / data).unlink()
        with pytest.raises(InputError, match=f"data file '{data}' does not exist"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_a_flipped_bit_that_only_the_checksum_shows_is_noticed(tmp_path, monkeypatch, dtype, apart):
    array = np.tile(voxels(dtype), (20, 20, 20))
    plain = saved_nifti(tmp_path / "a.nii", array).read_bytes()
    raw = bytearray(gzip.compress(plain, compresslevel=0))  # stored, not deflated: any bit is a valid stream
    if apart:  # the checksum arrives in a piece of its own, after the last voxel
        monkeypatch.setattr(streams, "CHUNK", len(raw) - 8)
    path = tmp_path / "b.nii.gz"
    path.write_bytes(raw)
    np.testing.assert_array_equal(read_image(path).array, array)
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"damaged: .*fail their check \(.*[Ii]ncorrect (data check|checksum)"):
        read_image(path)


def test_errors_do_not_carry_the_folder_which_may_name_a_patient(tmp_path):
    folder = tmp_path / "DOE John"
    folder.mkdir()
    for name in ("a.nii", "a.nrrd", "a.mha", "a.nii.gz"):
        path = written(folder / name, voxels("f4"))
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(InputError) as caught:
            read_image(path)
        assert "John" not in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
@pytest.mark.parametrize("where", ["{outside}/secret.raw", "../secret.raw", "sub/../../secret.raw", "LIST"])
def test_detached_data_outside_of_the_folder_is_refused(tmp_path, name, where):
    inside = tmp_path / "inside"
    inside.mkdir()
    written(inside / name, voxels())
    shutil.move(inside / "a.raw", tmp_path / "secret.raw")
    target = where.format(outside=tmp_path)
    header = (inside / name).read_text()
    (inside / name).write_text(header.replace("a.raw", target + ("\n../secret.raw" if target == "LIST" else "")))
    with pytest.raises(InputError, match="refused for safety"):
        read_image(inside / name)


def test_detached_data_below_the_folder_is_read(tmp_path):
    for name in ("a.mhd", "a.nhdr"):
        written(tmp_path / name, voxels())
        (tmp_path / "sub").mkdir(exist_ok=True)
        shutil.move(tmp_path / "a.raw", tmp_path / "sub" / "a.raw")
        (tmp_path / name).write_text((tmp_path / name).read_text().replace("a.raw", "sub/a.raw"))
        np.testing.assert_array_equal(read_image(tmp_path / name).array, voxels())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_max_bytes_is_checked_against_the_header(tmp_path, name):
    path = written(tmp_path / name, voxels("f4"), compress="gz" in name)
    np.testing.assert_array_equal(read_image(path, max_bytes=480).array, voxels("f4"))
    with pytest.raises(ResourceError, match=r"480 bytes of voxels, the limit is 479"):
        read_image(path, max_bytes=479)


@pytest.mark.parametrize("name", ["big.nii", "big.nrrd", "big.mha"])
def test_memory_guards_reading_too(tmp_path, name):
    small = written(tmp_path / f"small{name[3:]}", voxels("i2"))
    head = small.read_bytes()[: -voxels("i2").nbytes]
    if name == "big.nii":
        head = head[:42] + np.array([4096, 4096, 1000], "<i2").tobytes() + head[48:]
    else:
        head = head.replace(b" ".join(b"%d" % n for n in voxels().shape[::-1]), b"4096 4096 1000")
    big = tmp_path / name
    with open(big, "wb") as stream:  # sparse: 33 GB that take no room
        stream.write(head)
        stream.truncate(len(head) + 2 * 4096 * 4096 * 1000)
    extractor = Extractor(settings={"features": ["morphology.volume_mesh"], "memory": "2GB"})
    mask = written(tmp_path / f"mask{name[3:]}", np.ones(voxels().shape, np.uint8))
    for image, label in ((big, mask), (small, big)):
        with pytest.raises(ResourceError, match=r"announces 33,554,432,000 bytes of voxels, the limit is 4,294,967,296"):
            extractor.extract(image, label)
    rows = extract_cases(extractor, [Case("a", big, mask), Case("b", small, mask)])
    assert rows["status"].tolist() == ["failed", "ok"]
    assert "raise the limit (`memory`" in rows["reason"][0]


def test_a_header_that_announces_what_the_file_cannot_hold(tmp_path):
    for dtype in ("i2", "f4"):
        path = saved_nifti(tmp_path / "bomb.nii.gz", voxels(dtype))
        plain = bytearray(gzip.decompress(path.read_bytes()))
        plain[42:48] = np.array([32767, 32767, 32767], "<i2").tobytes()
        path.write_bytes(gzip.compress(bytes(plain)))
        with pytest.raises(InputError, match="cannot hold them"):
            read_image(path)


@pytest.mark.parametrize("name", ["text.nii", "text.nii.gz", "text.nrrd", "text.mha", "text.xyz", "text.dcm"])
def test_files_of_another_kind(tmp_path, name):
    (tmp_path / name).write_text("these are no voxels\n" * 40)
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value) and "/tmp" not in str(caught.value)


def test_missing_empty_and_forbidden_files(tmp_path):
    with pytest.raises(InputError, match=r"no.nii: no such image file \(its folder exists\)"):
        read_image(tmp_path / "no.nii")
    with pytest.raises(InputError, match="its folder does not exist either"):
        read_image(tmp_path / "none" / "no.nii")
    (tmp_path / "empty.nii").touch()
    with pytest.raises(InputError, match="0 bytes"):
        read_image(tmp_path / "empty.nii")
    with pytest.raises(InputError, match="holds no DICOM images"):
        read_image(tmp_path)


def test_images_without_slice_distance_are_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(voxels("u1")), str(tmp_path / "a.tif"))
    with pytest.raises(InputError, match="no slice distance"):
        read_image(tmp_path / "a.tif")


def test_formats_whose_truncation_itk_hides_are_refused(tmp_path):
    for name in ("a.vtk", "a.gipl", "a.mrc"):
        with pytest.raises(InputError, match="files are not read: a truncated one"):
            read_image(written(tmp_path / name, voxels("f4")))


def test_vector_images_are_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), "u1"), isVector=True), str(tmp_path / "v.nrrd"))
    with pytest.raises(InputError, match="3 values a voxel"):
        read_image(tmp_path / "v.nrrd")


NRRD = "NRRD0004\ntype: short\ndimension: 3\n{geometry}sizes: 6 5 4\nencoding: raw\nendian: little\n\n"


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        ("spacings: 1 nan 2\n", "three finite numbers above 0"),
        ("spacings: 1 0 2\n", "three finite numbers above 0"),
        ("space: left-posterior-superior\nspace directions: (1,0.3,0) (0,1,0) (0,0,2)\n", "not orthogonal"),
    ],
)
def test_nrrd_with_impossible_geometry(tmp_path, geometry, says):
    (tmp_path / "a.nrrd").write_bytes(NRRD.format(geometry=geometry).encode() + voxels().tobytes())
    with pytest.raises(InputError, match=says):
        read_image(tmp_path / "a.nrrd")


@pytest.mark.parametrize("sizes", ["6 5 4e0", "6 5 4%3"])
def test_nrrd_sizes_that_are_no_numbers(tmp_path, sizes):
    """ITK takes the digits in front."""
    header = NRRD.format(geometry="spacings: 1 1 1\n").replace("6 5 4", sizes)
    (tmp_path / "a.nrrd").write_bytes(header.encode() + voxels().tobytes())
    with pytest.raises(InputError, match=r"axes of sizes '6 5 4"):
        read_image(tmp_path / "a.nrrd")


def test_nrrd_without_spacing_warns(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(NRRD.format(geometry="").encode() + voxels().tobytes())
    with pytest.warns(UserWarning, match="1 mm is assumed"):
        np.testing.assert_array_equal(read_image(tmp_path / "a.nrrd").array, voxels())


def test_mha_with_zero_spacing(tmp_path):
    path = written(tmp_path / "a.mha", voxels())
    path.write_bytes(re.sub(rb"ElementSpacing = \S+", b"ElementSpacing = 0", path.read_bytes()))
    with pytest.raises(InputError, match="spacing"):
        read_image(path)


def test_reading_leaves_itk_as_it_was_from_many_threads(tmp_path):
    path = written(tmp_path / "a.nrrd", voxels())
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    with quiet():
        assert not sitk.ProcessObject.GetGlobalWarningDisplay()
    threads = [threading.Thread(target=lambda: [read_image(path) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sitk.ProcessObject.GetGlobalWarningDisplay()


def test_importing_the_readers_imports_no_itk():
    code = "import sys, voxomics.io; sys.exit(any(m in sys.modules for m in ('SimpleITK', 'nibabel', 'pydicom')))"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
