"""Which files a path stands for, and names that ITK cannot take."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from files import FORMATS, dicom_slice, voxels, written
from volumes import noise_and_box
from voxomics import extract
from voxomics.engine.errors import InputError
from voxomics.io import input_files, read_image, read_mask

NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 5 4\nspacings: 1 1 1\nencoding: raw\nendian: little\n"
META = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 6 5 4\nElementSpacing = 1 1 1\nElementType = MET_SHORT\n"


def write_series(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for k in range(3):
        dicom_slice(folder / f"{2 - k}.dcm", k)


def names(path: Path) -> list[str]:
    found = input_files(path)
    assert all(one.is_file() for one in found)
    return [one.name for one in found]


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_one_file_stands_for_itself(tmp_path, name):
    assert names(written(tmp_path / name, voxels())) == [name]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
def test_a_detached_header_and_its_data(tmp_path, ending, compress):
    found = names(written(tmp_path / f"a.{ending}", voxels(), compress))
    assert found[0] == f"a.{ending}" and len(found) == 2
    assert set(found) == {one.name for one in tmp_path.iterdir()}


@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
def test_the_input_hash_follows_the_voxels_of_a_detached_header(tmp_path, ending):
    image, mask = noise_and_box()
    settings, hashes = {"features": ["intensity_statistics.mean"]}, []
    for offset in (0, 5):
        sitk.WriteImage(sitk.GetImageFromArray(image + offset), str(tmp_path / f"i.{ending}"))
        found = extract(tmp_path / f"i.{ending}", sitk.GetImageFromArray(mask), settings=settings)
        hashes.append(found.attrs["voxomics"]["inputs"]["image"]["xxh3_128"])
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("which", ["a.hdr", "a.img"])
def test_both_halves_of_a_nifti(tmp_path, which):
    nib.save(nib.Nifti1Pair(voxels().T, np.eye(4)), tmp_path / "a.hdr")
    assert names(tmp_path / which) == ["a.hdr", "a.img"]


def slices(folder: Path, numbers: range) -> list[str]:
    for number, plane in zip(numbers, voxels(), strict=True):
        (folder / f"s{number:03d}.raw").write_bytes(plane.tobytes())
    return [f"s{number:03d}.raw" for number in numbers]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a.nhdr", NRRD + "data file: s%03d.raw 3 9 2\n"),
        ("a.nhdr", NRRD + "data file: LIST\ns003.raw\ns005.raw\ns007.raw\ns009.raw\n"),
        ("a.nrrd", NRRD + "datafile: ./s%03d.raw 3 9 2\n\n"),
        ("a.mhd", META + "ElementDataFile = s%03d.raw 3 9 2\n"),
        ("a.mhd", META + "ElementDataFile = LIST\ns003.raw\ns005.raw\ns007.raw\ns009.raw\n"),
    ],
)
def test_a_file_for_each_slice(tmp_path, name, header):
    planes = slices(tmp_path, range(3, 10, 2))
    (tmp_path / name).write_text(header)
    np.testing.assert_array_equal(read_image(tmp_path / name).array, voxels())
    assert names(tmp_path / name) == [name, *planes]
    (tmp_path / "s007.raw").unlink()
    with pytest.raises(InputError, match=r"'s007\.raw' does not exist"):
        input_files(tmp_path / name)


@pytest.mark.parametrize("numbers", ["", " 1", " 1 4 1"])
def test_a_pattern_of_metaimage_may_leave_numbers_out(tmp_path, numbers):
    planes = slices(tmp_path, range(1, 5))
    (tmp_path / "a.mhd").write_text(META + f"ElementDataFile = s%03d.raw{numbers}\n")
    assert names(tmp_path / "a.mhd") == ["a.mhd", *planes]


@pytest.mark.parametrize("data", ["s%03d.raw 1 x 1", "s%03d.raw 1 999999999 1", "../s%03d.raw 1 4 1", "absent.raw"])
@pytest.mark.parametrize(("name", "header", "key"), [("a.nhdr", NRRD, "data file: "), ("a.mhd", META, "ElementDataFile = ")])
def test_data_files_that_cannot_be(tmp_path, name, header, key, data):
    (tmp_path / name).write_text(f"{header}{key}{data}\n")
    with pytest.raises(InputError):
        input_files(tmp_path / name)
    with pytest.raises(InputError):
        input_files(tmp_path / "absent.nrrd")


def test_a_dicom_folder_is_its_files_in_name_order(tmp_path):
    write_series(tmp_path)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "inner").mkdir()
    found = names(tmp_path)
    assert found == ["0.dcm", "1.dcm", "2.dcm"]


# ---------------------------------------------------------------- names that are not UTF-8


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("where", ["file", "folder", "mask"])
def test_a_name_that_is_not_utf8_is_an_input_error(tmp_path, where):
    """In a process of its own: ITK would end it."""
    folder = os.path.join(os.fsencode(tmp_path), b"f\xff" if where == "folder" else b"f")
    os.mkdir(folder)
    write_series(tmp_path / "series")
    shutil.copy(tmp_path / "series" / "0.dcm", tmp_path / "a")  # no ending: ITK looks inside
    sources = [tmp_path / "a", tmp_path / "series" / "1.dcm", *(written(tmp_path / name, voxels()) for name in FORMATS)]
    before = b"" if where == "folder" else b"\xfc"
    paths = [os.path.join(folder, before + os.fsencode(source.name)) for source in sources]
    for source, path in zip(sources, paths, strict=True):
        shutil.copy(source, path)
    code = (
        "import os, sys, numpy as np; from voxomics import InputError; from voxomics.io import read_image, read_mask\n"
        "image = read_image(np.zeros((4, 5, 6)), (1, 1, 1))\n"
        "for path in (os.fsdecode(bytes.fromhex(text)) for text in sys.argv[2:]):\n"
        "    try: read_mask(path, image) if sys.argv[1] == 'mask' else read_image(path)\n"
        "    except InputError as error: print(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, where, *(p.hex() for p in paths)], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr[-300:]
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(paths)
    for line in lines:
        assert "is not UTF-8 text" in line and ("the name of a folder" in line) == (where == "folder")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_slice_whose_name_is_not_utf8_is_an_input_error(tmp_path):
    write_series(tmp_path)
    first = os.fsencode(next(tmp_path.glob("*.dcm")))
    os.rename(first, os.path.join(os.fsencode(tmp_path), b"\xff.dcm"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_image(tmp_path)


def test_text_of_a_header_that_is_not_utf8_can_be_written(tmp_path):
    mask = sitk.GetImageFromArray(voxels("u1") // 200 + 1)
    for key, text in (("Name", "NAME"), ("LabelValue", "1"), ("Layer", "0")):
        mask.SetMetaData(f"Segment0_{key}", text)
    sitk.WriteImage(mask, str(tmp_path / "m.nrrd"))
    content = (tmp_path / "m.nrrd").read_bytes().replace(b"NAME", b"\xd6dem").replace(b"\n\n", b"\nk\xff:=v\n\n", 1)
    (tmp_path / "m.nrrd").write_bytes(content)
    stack = read_mask(tmp_path / "m.nrrd", read_image(voxels("f4"), (1, 1, 1)))
    assert stack.names == {(0, 1): "\N{REPLACEMENT CHARACTER}dem"}
