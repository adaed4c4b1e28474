"""What a header declares is used or refused; names of data files stay in their folder; bytes and header agree."""

from __future__ import annotations

import bz2
import gzip
import os
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from files import ORIGIN, SPACING_XYZ, drawn, itk_image, saved_nifti, voxels, written
from voxomics.engine.errors import InputError, ResourceError
from voxomics.io import read_image, read_mask, streams

META = "ObjectType = Image\nNDims = 3\nBinaryData = True\nElementSpacing = 1 2 3\n{more}DimSize = 6 5 4\n"
META_END = "ElementType = MET_SHORT\nElementDataFile = {data}\n"
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 6 5 4\nspacings: 1 2 3\nendian: little\n{more}encoding: raw\n"


def meta(path: Path, more: str = "", data: str = "LOCAL", body: bytes | None = None) -> Path:
    header = (META + META_END).format(more=more, data=data)
    path.write_bytes(header.encode() + (voxels().tobytes() if body is None else body))
    return path


def nrrd(path: Path, more: str = "", body: bytes | None = None) -> Path:
    path.write_bytes((NRRD.format(more=more) + "\n").encode() + (voxels().tobytes() if body is None else body))
    return path


# ---------------------------------------------------------------- MetaImage


@pytest.mark.parametrize(
    "more",
    [
        "",
        "Offset = 4 5 6\n",
        "Position = 4 5 6\nTransformMatrix = 0 1 0 0 0 1 1 0 0\n",
        "Origin = 4 5 6\nRotation = 0 1 0 0 0 -1 1 0 0\n",
        "Orientation = 0 1 0 0 0 1 1 0 0\nCenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\n",
        "ElementSize = 7 8 9\n",
        "Modality = MET_MOD_CT\nmy own key = 5\nDistanceUnits = mm\n",
    ],
)
def test_the_geometry_of_a_metaimage_is_itks(tmp_path, more):
    image, judge = read_image(meta(tmp_path / "a.mha", more)), sitk.ReadImage(str(tmp_path / "a.mha"))
    np.testing.assert_array_equal(image.array, sitk.GetArrayFromImage(judge))
    assert image.spacing_mm == judge.GetSpacing()[::-1]
    assert image.origin_mm == judge.GetOrigin() and image.direction == judge.GetDirection()


@pytest.mark.parametrize(("unit", "mm"), [("mm", 1), ("cm", 10), ("um", 1e-3)])
def test_the_unit_of_a_metaimage_counts(tmp_path, unit, mm):
    """ITK leaves it out."""
    image = read_image(meta(tmp_path / "a.mha", f"DistanceUnits = {unit}\nOffset = 4 5 6\n"))
    assert image.spacing_mm == (3 * mm, 2 * mm, mm) and image.origin_mm == (4 * mm, 5 * mm, 6 * mm)


def test_a_metaimage_without_spacing_warns(tmp_path):
    path = meta(tmp_path / "a.mha")
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 1 2 3\n", b""))
    with pytest.warns(UserWarning, match="1 mm is assumed"):
        assert read_image(path).spacing_mm == (1, 1, 1)
    path = meta(tmp_path / "b.mha", "ElementSize = 1 2 3\n")
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 1 2 3\n", b""))
    assert read_image(path).spacing_mm == (3, 2, 1)


@pytest.mark.parametrize(("text", "means"), [("T", 1), ("t", 1), ("1", 1), ("true", 1), ("F", 0), ("0", 0), ("False", 0)])
def test_booleans_of_a_metaimage_are_metaios(tmp_path, text, means):
    body = voxels().astype(">i2" if means else "<i2").tobytes()
    path = meta(tmp_path / "a.mha", f"ElementByteOrderMSB = {text}\n", body=body)
    np.testing.assert_array_equal(read_image(path).array, voxels())
    body = zlib.compress(voxels().tobytes()) if means else voxels().tobytes()
    path = meta(tmp_path / "a.mha", f"CompressedData = {text}\n", body=body)
    np.testing.assert_array_equal(read_image(path).array, voxels())


@pytest.mark.parametrize("text", ["Y", "yes", "on", "2", "-1", ""])
@pytest.mark.parametrize("key", ["BinaryData", "CompressedData", "ElementByteOrderMSB", "BinaryDataByteOrderMSB"])
def test_booleans_that_are_none(tmp_path, key, text):
    path = meta(tmp_path / "a.mha", "" if key == "BinaryData" else f"{key} = {text}\n")
    if key == "BinaryData":
        path.write_bytes(path.read_bytes().replace(b"BinaryData = True", f"BinaryData = {text}".encode()))
    with pytest.raises(InputError, match="True or False is needed"):
        read_image(path)


def test_raw_voxels_called_compressed_are_refused(tmp_path):
    with pytest.raises(InputError, match="damaged"):
        read_image(meta(tmp_path / "a.mha", "CompressedData = T\n"))


@pytest.mark.parametrize(
    "line",
    [
        "NDims = -1", "NDims = 0", "NDims = 100", "NDims = 2147483648", "NDims = 1e9", "NDims =", "DimSize = 6 5",
        "DimSize = 6 5 -4", "DimSize = 6 5 0", "DimSize = 6 5 4 1", "DimSize = 6 5 nan", "DimSize = 999999999 999999999 4",
        "ElementSpacing = 1 2", "ElementSpacing = 1 2 0", "ElementSpacing = 1 2 -3", "ElementSpacing = 1 2 inf",
        "ElementSpacing = 1,0 2 3", "ElementType = MET_FLOAT_ARRAY", "ElementType = MET_STRING", "ElementType = short",
        "ElementNumberOfChannels = 3", "ElementNumberOfChannels = -1", "HeaderSize = -7", "HeaderSize = 5",
        "DistanceUnits = inch", "ElementToIntensityFunctionSlope = 2", "ElementToIntensityFunctionOffset = 1",
        "TransformMatrix = 1 0 0 0 1 0 0 0 0", "TransformMatrix = 1 0.3 0 0 1 0 0 0 1", "TransformMatrix = 1 0 0",
        "Offset = 1 2 x", "ObjectType = Tube", "elementspacing = 9 9 9", "Element_Spacing = 9 9 9", "no equals sign",
        "AnatomicalOrientation = LPS", "CompressedDataSize = x\nCompressedData = True",
        "ElementDataFile = LOCAL\nElementDataFile = b",
    ],
)  # fmt: skip
def test_metaimage_headers_that_are_refused(tmp_path, line):
    """Some of them end ITK's process."""
    path = meta(tmp_path / "a.mha")
    key = line.split(" =")[0].encode()
    text, count = re.subn(rb"(?m)^" + re.escape(key) + rb" = .*$", line.encode(), path.read_bytes(), count=1)
    path.write_bytes(text if count else text.replace(b"DimSize", line.encode() + b"\nDimSize", 1))
    with pytest.raises(InputError):
        read_image(path)


@pytest.mark.parametrize("more", ["Offset = 1 2 3\nPosition = 3 2 1\n", "ElementSpacing = 1 1 1\n", "NDims = 2\n"])
def test_a_metaimage_that_contradicts_itself(tmp_path, more):
    with pytest.raises(InputError, match=r"contradict each other|twice"):
        read_image(meta(tmp_path / "a.mha", more))


# ---------------------------------------------------------------- NRRD


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('units: "cm" "cm" "cm"\n', "mm is needed"),
        ('space dimension: 3\nspace units: "um" "um" "um"\n', "mm is needed"),
        ("old min: -1000\n", "not applied"),
        ("sizes: 6 5 4\n", "twice"),
        ("SIZES: 6 5 4\n", "twice"),
        ("datafile: a.raw\ndata file: b.raw\n", "twice|does not exist"),
        ("kinds: domain domain vector\n", "accepted"),
    ],
)
def test_nrrd_headers_that_are_refused(tmp_path, more, says):
    with pytest.raises(InputError, match=says):
        read_image(nrrd(tmp_path / "a.nrrd", more))


def test_units_of_an_nrrd_in_mm_are_read(tmp_path):
    assert read_image(nrrd(tmp_path / "a.nrrd", 'units: "mm" "mm" "mm"\n')).spacing_mm == (3, 2, 1)


def test_nrrd_whose_axis_bounds_are_its_only_spacing(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", "axis maxs: 60 50 40\naxis mins: 0 0 0\n")
    path.write_bytes(path.read_bytes().replace(b"spacings: 1 2 3\n", b""))
    with pytest.raises(InputError, match="not applied"):
        read_image(path)


@pytest.mark.parametrize("kind", ["i2", "u1", "f4", "f8"])
@pytest.mark.parametrize("encoding", ["ascii", "hex"])
def test_voxels_as_text_are_itks(tmp_path, encoding, kind):
    names = {"i2": "short", "u1": "uchar", "f4": "float", "f8": "double"}
    array = voxels(kind) / (4 if kind[0] == "f" else 1)
    array = array.astype(kind)
    body = array.tobytes().hex() if encoding == "hex" else "\n".join(repr(v) for v in array.ravel().tolist())
    path = nrrd(tmp_path / "a.nrrd", body=body.encode() + b"\n")
    path.write_bytes(path.read_bytes().replace(b"raw", encoding.encode()).replace(b"short", names[kind].encode()))
    np.testing.assert_array_equal(read_image(path).array, array)
    np.testing.assert_array_equal(read_image(path).array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    for wrong in (body[: len(body) // 2], body + "\n00 11", body.replace("1", "x")):
        path.write_bytes(path.read_bytes().split(b"\n\n")[0] + b"\n\n" + wrong.encode())
        with pytest.raises(InputError):
            read_image(path)


# ---------------------------------------------------------------- NIfTI


def test_an_sform_that_is_orthogonal_but_for_rounding(tmp_path):
    """qform_code 0 and a shear of 1e-4 is what registration tools write; ITK calls it damaged."""
    affine = np.diag([0.8, 0.9, 2.5, 1.0])
    affine[:3, 3] = 10, -20, 30
    affine[0, 1] = 1e-4
    path = saved_nifti(tmp_path / "a.nii", voxels(), affine, qform_code=0, sform_code=1)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, voxels())
    np.testing.assert_allclose(image.spacing_mm, (2.5, 0.9, 0.8), rtol=1e-6)
    np.testing.assert_allclose(image.origin_mm, (-10, 20, 30), rtol=1e-6)
    judge = nib.load(path).affine[:3, :3] * [[-1], [-1], [1]]
    np.testing.assert_allclose(np.reshape(image.direction, (3, 3)) * image.spacing_mm[::-1], judge, atol=2e-4)
    assert "orthogonal up to 0.0001" in image.remarks[0]
    affine[0, 1] = 0.2
    with pytest.raises(InputError, match=r"shears the grid: .* 12\.\d degrees"):
        read_image(saved_nifti(tmp_path / "b.nii", voxels(), affine, qform_code=0, sform_code=1))


@pytest.mark.parametrize(("unit", "mm"), [(0, 1), (1, 1000), (2, 1), (3, 1e-3), (10, 1)])
def test_the_unit_of_a_nifti_counts(tmp_path, unit, mm):
    image = read_image(saved_nifti(tmp_path / "a.nii", voxels(), xyzt_units=unit))
    np.testing.assert_allclose(image.spacing_mm, np.array([2.5, 0.9, 0.8]) * mm, rtol=1e-6)


@pytest.mark.parametrize("field", [{"xyzt_units": 5}, {"bitpix": 8}, {"bitpix": -16}])
def test_nifti_headers_that_are_refused(tmp_path, field):
    path = saved_nifti(tmp_path / "a.nii", voxels(), **{k: v for k, v in field.items() if k != "bitpix"})
    if "bitpix" in field:
        raw = bytearray(path.read_bytes())
        raw[72:74] = np.array(field["bitpix"], "<i2").tobytes()
        path.write_bytes(raw)
    with pytest.raises(InputError, match=r"unknown unit|bitpix"):
        read_image(path)


# ---------------------------------------------------------------- bytes and header


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_line_ends_that_were_converted(tmp_path, name):
    """A transfer in text mode turns each byte 10 into 13 10."""
    path = written(tmp_path / name, voxels())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(InputError):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha", "a.nhdr", "a.mhd"])
def test_a_dimension_that_is_too_small(tmp_path, name):
    """A slice of 60 bytes less: far fewer than any padding."""
    path = written(tmp_path / name, voxels())
    raw = path.read_bytes().replace(b"6 5 4", b"6 5 3")
    path.write_bytes(raw[:46] + b"\3" + raw[47:] if name == "a.nii" else raw)
    with pytest.raises(InputError, match=r"announces 18\d\."):
        read_image(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_padding_of_compressed_voxels_holds_zeros_alone(tmp_path, name):
    path = written(tmp_path / name, voxels(), compress=True)
    raw = path.read_bytes()
    if name == "a.nii.gz":
        whole = bytearray(gzip.decompress(raw))
        whole[46] = 3
        path.write_bytes(gzip.compress(whole))
    else:
        path.write_bytes(raw.replace(b"6 5 4", b"6 5 3"))
    with pytest.raises(InputError, match="goes on behind the last voxel"):
        read_image(path)


# ---------------------------------------------------------------- doors


def detached(folder: Path, name: str, data: str) -> Path:
    path = folder / name
    if name.endswith("mhd"):
        return meta(path, data=data, body=b"")
    path.write_text(NRRD.format(more="") + f"data file: {data}\n")
    return path


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_a_data_file_that_is_a_link_to_elsewhere(tmp_path, name):
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(voxels().tobytes())
    (inside / "link.raw").symlink_to(tmp_path / "secret")
    (inside / "folder").symlink_to(tmp_path)
    (inside / "own").write_bytes(voxels().tobytes())
    (inside / "sub" / "back.raw").symlink_to(inside / "own")
    for data in ("link.raw", "folder/secret", "sub/../link.raw"):
        with pytest.raises(InputError, match="refused for safety"):
            read_image(detached(inside, name, data))
    np.testing.assert_array_equal(read_image(detached(inside, name, "sub/back.raw")).array, voxels())


def test_links_into_the_store_of_git_annex_are_read(tmp_path):
    store = tmp_path / ".git" / "annex" / "objects" / "x"
    store.mkdir(parents=True)
    (store / "key").write_bytes(voxels().tobytes())
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "a.raw").symlink_to(store / "key")
    np.testing.assert_array_equal(read_image(detached(tmp_path / "study", "a.mhd", "a.raw")).array, voxels())


def test_the_half_of_a_nifti_that_is_a_link_to_elsewhere(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    nib.save(nib.Nifti1Pair(voxels().T, np.eye(4)), inside / "p.hdr")
    (inside / "p.img").rename(tmp_path / "secret")
    (inside / "p.img").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="refused for safety"):
        read_image(inside / "p.hdr")


@pytest.mark.parametrize("end", ["\r", "\r\r\n", "\0\n"])
def test_line_ends_on_which_readers_disagree(tmp_path, end):
    """For one reader a comment, for another the key of a data file."""
    (tmp_path / "a.raw").write_bytes(voxels().tobytes())
    text = NRRD.format(more="") + f"# a comment{end}data file: ../secret\n"
    (tmp_path / "a.nhdr").write_bytes((text + "data file: a.raw\n").encode())
    (tmp_path / "a.mhd").write_bytes(
        META.format(more=f"Comment = x{end}ElementDataFile = ../secret\n").encode() + META_END.format(data="a.raw").encode()
    )
    for name in ("a.nhdr", "a.mhd"):
        with pytest.raises(InputError):
            read_image(tmp_path / name)


@pytest.mark.parametrize("key", ["elementdatafile", "ELEMENTDATAFILE", "ElementDatafile", "Element_DataFile"])
def test_a_second_data_file_spelled_otherwise(tmp_path, key):
    (tmp_path / "a.raw").write_bytes(voxels().tobytes())
    with pytest.raises(InputError):
        read_image(meta(tmp_path / "a.mhd", f"{key} = a.raw\n", "../secret.raw", b""))


@pytest.mark.parametrize(
    "data", ["%s.raw", "%n 1 4 1", "%*d.raw", "%99999d.raw 1 4 1", "%03d%03d 1 4 1", "/etc/passwd", "~/x", "a\tb"]
)
def test_names_that_are_no_plain_names(tmp_path, data):
    for name in ("a.mhd", "a.nhdr"):
        with pytest.raises(InputError):
            read_image(detached(tmp_path, name, data))


def test_hdf5_and_minc_are_not_opened(tmp_path):
    """Their voxels may lie in any file, by external storage, links and virtual data sets."""
    for name in ("a.h5", "a.mnc"):
        with pytest.raises(InputError, match="may take its voxels from other files"):
            read_image(written(tmp_path / name, voxels()))
        os.rename(tmp_path / name, tmp_path / "renamed")
        with pytest.raises(InputError, match="may take its voxels from other files"):
            read_image(tmp_path / "renamed")


# ---------------------------------------------------------------- what a file is


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.nii", "gzip-compressed NIfTI file. Rename it"),
        ("a.nii.bz2", "a bzip2 archive"),
        ("a.nrrd.gz", "a gzip archive"),
        ("a.zip", "a zip archive"),
        ("a.npy", "a NumPy file"),
        ("lfs.nii", "a pointer of Git LFS"),
        ("page.nrrd", "a web page"),
    ],
)
def test_a_file_is_called_what_it_is(tmp_path, name, says):
    plain = saved_nifti(tmp_path / "plain.nii", voxels()).read_bytes()
    path = tmp_path / name
    content = {
        "a.nii": gzip.compress(plain),
        "a.nii.bz2": bz2.compress(plain),
        "a.nrrd.gz": gzip.compress(nrrd(tmp_path / "p.nrrd").read_bytes()),
        "lfs.nii": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "page.nrrd": b"<!DOCTYPE html><html></html>",
    }
    if name == "a.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.nii", plain)
    elif name == "a.npy":
        np.save(path, voxels())
    else:
        path.write_bytes(content[name])
    with pytest.raises(InputError, match=says):
        read_image(path)


NIFTI_BYTES = (348).to_bytes(4, "little") + bytes(344)
WITHIN_GZIP = {
    "gzip": (gzip.compress(NIFTI_BYTES), r"compressed twice: .*gzip -d"),
    "gzip in gzip": (gzip.compress(gzip.compress(NIFTI_BYTES)), r"compressed twice"),
    "bzip2": (bz2.compress(NIFTI_BYTES), r"a gzip file that holds a bzip2 archive, no NIfTI"),
    "zip": (b"PK\x03\x04" + bytes(400), r"holds a zip archive"),
    "tar": (bytes([65]) * 257 + b"ustar" + bytes(400), r"holds a tar archive"),
    "DICOM": (bytes(128) + b"DICM" + bytes(400), r"holds a DICOM file"),
    "NRRD": (b"NRRD0004\ntype: short\n" + bytes(400), r"holds NRRD"),
    "a web page": (b"<!DOCTYPE html>" + bytes(400), r"holds a web page"),
    "text": (b"hello world " * 90, r"what it holds begins with none of the headers of NIfTI"),
    "nothing": (b"", r"truncated: it ends after 0 bytes"),
    "half a header": (NIFTI_BYTES[:100], r"truncated: it ends after 100 bytes"),
}


@pytest.mark.parametrize("kind", WITHIN_GZIP)
def test_what_a_gzip_file_holds_is_called_what_it_is(tmp_path, kind):
    content, says = WITHIN_GZIP[kind]
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=says):
        read_image(tmp_path / "a.nii.gz")


def test_a_pipe_and_a_device_are_no_empty_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii")
    for path in (tmp_path / "pipe.nii", Path("/dev/zero")):
        with pytest.raises(InputError, match="the image is a pipe or a device"):
            read_image(path)


def test_a_bzip2_nrrd_is_read(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", body=bz2.compress(voxels().tobytes()))
    path.write_bytes(path.read_bytes().replace(b"encoding: raw", b"encoding: bzip2"))
    np.testing.assert_array_equal(read_image(path).array, voxels())


# ---------------------------------------------------------------- axes


def test_trailing_axes_of_one_are_left_out(tmp_path):
    for name in ("a.nii", "a.nrrd", "a.mha"):
        four = sitk.JoinSeries([itk_image(voxels())])
        sitk.WriteImage(four, str(tmp_path / name))
        image = read_image(tmp_path / name)
        np.testing.assert_array_equal(image.array, voxels())
        np.testing.assert_allclose(image.spacing_mm, SPACING_XYZ[::-1], rtol=1e-6)
        np.testing.assert_allclose(image.origin_mm, ORIGIN, rtol=1e-6)
        stack = read_mask(tmp_path / name, image)
        np.testing.assert_array_equal(stack.layers[0], voxels())
    image = read_image(four)
    np.testing.assert_array_equal(image.array, voxels())
    np.testing.assert_array_equal(read_mask(four, image).layers[0], voxels())
    for shape in ((4, 5, 6, 1), (4, 5, 6, 1, 1)):
        image = read_image(voxels().reshape(shape), (1, 1, 1))
        np.testing.assert_array_equal(image.array, voxels())
        np.testing.assert_array_equal(read_mask(voxels().reshape(shape), image).layers[0], voxels())
    with pytest.raises(InputError, match="4D image"):
        read_image(sitk.JoinSeries([itk_image(voxels())] * 2))


def test_one_slice_takes_its_thickness_from_the_user(tmp_path):
    plane = sitk.GetImageFromArray(voxels()[1])
    plane.SetSpacing((0.8, 0.9))
    sources = [plane]
    for name in ("a.nii", "a.nrrd", "a.mha"):
        sitk.WriteImage(plane, str(tmp_path / name))
        sources.append(tmp_path / name)
    for source in sources:
        image = read_image(source, (3.0, 0.9, 0.8))
        np.testing.assert_array_equal(image.array, voxels()[1:2])
        np.testing.assert_allclose(image.spacing_mm, (3.0, 0.9, 0.8), rtol=1e-6)
        np.testing.assert_array_equal(read_mask(source, image).layers[0], voxels()[1:2])
        with pytest.raises(InputError, match="no slice thickness"):
            read_image(source)
        with pytest.raises(InputError, match="Give the thickness beside these"):
            read_image(source, (3.0, 1.0, 0.8))
    image = read_image(voxels()[1], (3.0, 0.9, 0.8))
    assert image.array.shape == (1, 5, 6)
    np.testing.assert_array_equal(read_mask(voxels()[1], image).layers[0], voxels()[1:2])


# ---------------------------------------------------------------- masks and objects in memory


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4"])
def test_labels_that_an_integer_header_rounded(tmp_path, kind):
    """nibabel scales floats into integers; 1 comes back as 0.99985 or so."""
    labels = np.minimum(drawn(), 2).astype(float)
    image = read_image(saved_nifti(tmp_path / "i.nii", drawn()))
    slope = {"u1": 0.00993, "i2": 0.0022, "i4": 0.0011, "f4": 1.0}[kind]
    stored = np.rint(labels / slope).astype(kind) if kind != "f4" else (labels * 0.9999).astype("f4")
    path = saved_nifti(tmp_path / "m.nii", stored)
    raw = bytearray(path.read_bytes())
    raw[112:120] = np.array([slope, 0], "<f4").tobytes()
    path.write_bytes(raw)
    judge = nib.load(path).get_fdata().T
    assert 1e-5 < np.abs(judge - labels).max() < 0.01
    stack = read_mask(path, image)
    np.testing.assert_array_equal(stack.layers[0], labels)
    assert "rounded to whole numbers" in stack.remarks[0]


def test_the_limit_of_rounding(tmp_path):
    image = read_image(drawn(), (1, 1, 1))
    for off, accepted in ((0.0099, True), (-0.0099, True), (0.0101, False), (0.5, False)):
        mask = drawn() + np.where(drawn() == 7, off, 0)
        if accepted:
            np.testing.assert_array_equal(read_mask(mask, image).layers[0], drawn())
        else:
            with pytest.raises(InputError, match="no whole numbers"):
                read_mask(mask, image)
    assert read_mask(drawn().astype(float), image).remarks == ()


def test_a_label_map_object_is_refused_and_ends_no_process():
    code = (
        "import numpy as np, SimpleITK as sitk\nfrom voxomics import InputError\nfrom voxomics.io import read_image, read_mask\n"
        "given = sitk.LabelImageToLabelMapFilter().Execute(sitk.GetImageFromArray(np.ones((4, 5, 6), 'u1')))\n"
        "for read in (read_image, lambda m: read_mask(m, read_image(np.ones((4, 5, 6)), (1, 1, 1)))):\n"
        "    try: read(given)\n    except InputError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-300:]
    assert done.stdout.count("LabelMapToLabel") == 2


def test_a_simpleitk_image_is_not_copied():
    source = itk_image(voxels())
    before = sitk.GetArrayViewFromImage(source).ctypes.data
    image = read_image(source)
    assert image.array.ctypes.data == before
    source[0, 0, 0] = 99
    assert image.array[0, 0, 0] == 0


def test_labels_above_the_largest_are_refused_in_every_type():
    image = read_image(drawn(), (1, 1, 1))
    for kind in ("u4", "i8", "u8", "f8"):
        mask = drawn().astype(kind)
        mask[0, 0, 0] = 2**31
        with pytest.raises(InputError, match="above 2147483647"):
            read_mask(mask, image)


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_voxels_for_which_there_is_no_memory(tmp_path, name, monkeypatch):
    """A sparse file of 30 GB, say: Linux would promise the memory and end the process that uses it."""
    path = written(tmp_path / name, voxels())
    monkeypatch.setattr(streams, "UNASKED_BYTES", 100)
    monkeypatch.setattr(streams, "free_bytes", lambda: 239)
    with pytest.raises(ResourceError, match="no memory for its 240 bytes"):
        read_image(path)
    monkeypatch.setattr(streams, "free_bytes", lambda: 240)
    np.testing.assert_array_equal(read_image(path).array, voxels())
    monkeypatch.undo()
    assert streams.free_bytes() > 2**20


def test_30_gigabytes_in_a_sparse_file(tmp_path, monkeypatch):
    path = saved_nifti(tmp_path / "a.nii", voxels())
    raw = bytearray(path.read_bytes()[:352])
    raw[42:48] = np.array([2500, 2500, 2400], "<i2").tobytes()
    path.write_bytes(raw)
    os.truncate(path, 352 + 2 * 2500 * 2500 * 2400)
    monkeypatch.setattr(streams, "free_bytes", lambda: 2**31)
    with pytest.raises(ResourceError, match="no memory for its 30,000,000,000 bytes"):
        read_image(path)
