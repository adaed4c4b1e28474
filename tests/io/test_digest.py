"""The digest of an image or a mask covers the files it was read from, each of which is opened once."""

from __future__ import annotations

import gzip
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import xxhash

from files import FORMATS, dicom_slice, itk_image, voxels, written
from voxomics.io import input_files, read_image, read_mask

NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 5 4\nspacings: 1 1 1\nencoding: raw\nendian: little\n"
META = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 6 5 4\nElementSpacing = 1 1 1\nElementType = MET_SHORT\n"

_opened: list[str] | None = None


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event == "open" and isinstance(arguments[0], (str, bytes, Path)):
        _opened.append(str(arguments[0]))


sys.addaudithook(_listen)  # it can never be taken off, only made to do nothing


def opened_by(path: Path) -> list[str]:
    """Names of the files in the path's folder, or in the path, that Python opens while it is read, in order."""
    global _opened
    _opened = []
    read_image(path)
    found, _opened = _opened, None
    folder = path if path.is_dir() else path.parent
    return [Path(one).name for one in found if Path(one).parent == folder]


def digest_of(*paths: Path) -> str:
    return xxhash.xxh3_128(b"".join(path.read_bytes() for path in paths)).hexdigest()


def as_file(folder: Path, name: str) -> Path:
    """A file of each way to store an image, by its name; with its data files beside it."""
    path = folder / name
    if name.startswith("pair"):
        nib.save(nib.Nifti1Pair(voxels().T, np.eye(4)), folder / "pair.hdr")
    elif name.startswith("slices"):
        for number, plane in enumerate(voxels()):
            (folder / f"s{number}.raw").write_bytes(plane.tobytes())
        key = NRRD + "data file: " if "nhdr" in name else META + "ElementDataFile = "
        path.write_text(key + "s%d.raw 0 3 1\n")
    elif name.startswith("text"):
        path.write_text(NRRD.replace("raw", "ascii") + "\n" + " ".join(str(v) for v in voxels().ravel()) + "\n")
    else:
        written(path, voxels(), compress=name.startswith("compressed"))
    return path


ALONE = [*FORMATS, "compressed.nrrd", "compressed.nhdr", "compressed.mha", "compressed.mhd"]
FILES = [*ALONE, "pair.hdr", "pair.img", "slices.nhdr", "slices.mhd", "text.nrrd"]


@pytest.mark.parametrize("name", FILES)
def test_the_digest_is_that_of_the_files_and_each_is_opened_once(tmp_path, name):
    path = as_file(tmp_path, name)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, voxels())
    assert image.digest == digest_of(*input_files(path))
    assert {one.name for one in input_files(path)} == {one.name for one in tmp_path.iterdir()}
    assert sorted(opened_by(path)) == sorted(one.name for one in tmp_path.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_the_digest_follows_each_byte_of_each_file(tmp_path, name):
    first = read_image(as_file(tmp_path, name)).digest
    assert len(first) == 32 and set(first) <= set("0123456789abcdef")
    again = tmp_path / "again"
    again.mkdir()
    for one in tmp_path.iterdir():
        if one.is_file():
            shutil.copy(one, again / one.name)
    assert read_image(again / name).digest == first
    if name in ("a.nii", "a.mha", "a.nrrd"):
        raw = bytearray((again / name).read_bytes())
        raw[-2] ^= 1
        (again / name).write_bytes(raw)
        assert read_image(again / name).digest == digest_of(again / name) != first


def test_bytes_around_the_voxels_count_too(tmp_path):
    """Padding, a header extension, and what follows a compressed stream."""
    path = written(tmp_path / "a.nii", voxels())
    packed = tmp_path / "b.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + bytes(100)) + gzip.compress(b"") + bytes(200))
    np.testing.assert_array_equal(read_image(packed).array, voxels())
    assert read_image(packed).digest == digest_of(packed)


def test_a_dicom_folder_is_hashed_in_name_order_with_all_that_lies_in_it(tmp_path):
    for k in range(4):
        dicom_slice(tmp_path / f"{3 - k}.dcm", k)
    (tmp_path / "notes.txt").write_text("not a slice")
    (tmp_path / ".hidden").write_text("not looked at")
    expected = digest_of(*(tmp_path / f"{k}.dcm" for k in range(4)), tmp_path / "notes.txt")
    assert read_image(tmp_path).digest == expected
    opens = opened_by(tmp_path)  # once for its elements, once to be hashed; ITK opens the slices itself
    names = [*(f"{k}.dcm" for k in range(4)), "notes.txt"]
    # Notes are looked at once more: they may be a slice that lost its start.
    assert {name: opens.count(name) for name in opens} == {**dict.fromkeys(names, 2), "notes.txt": 3}
    dicom_slice(tmp_path / "3.dcm", 0, StationName="another")
    assert read_image(tmp_path).digest != expected


@pytest.mark.parametrize("name", ["m.nii.gz", "m.nrrd", "m.mhd"])
def test_masks_have_the_digest_of_their_own_files(tmp_path, name):
    image = read_image(itk_image(voxels()))
    path = written(tmp_path / name, (voxels() > 50).astype("u1"), compress=True)
    assert read_mask(path, image).digest == digest_of(*input_files(path))


def test_objects_in_memory_have_none():
    image = read_image(voxels(), (1, 1, 1))
    assert image.digest == "" and read_image(itk_image(voxels())).digest == ""
    assert read_mask(voxels(), image).digest == ""
