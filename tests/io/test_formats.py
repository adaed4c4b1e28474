"""Every file format gives the same voxels and geometry, and every wrong file raises an error."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from files import FORMATS, ORIGIN, SPACING_XYZ, TURNED, itk_image, voxels, written
from voxomics.engine.errors import InputError
from voxomics.io import read_image
from voxomics.io.readers import read_volume
from voxomics.io.source import opened

NRRD = "NRRD0004\ntype: {type}\ndimension: {axes}\nsizes: {sizes}\nspacings: {spacings}\nencoding: {encoding}\n{more}\n"
META = "ObjectType = Image\nNDims = 3\n{more}DimSize = 6 5 4\nElementSpacing = 1 1 1\nElementType = {type}\n"
META += "ElementDataFile = {data}\n"

# ---------------------------------------------------------------- images, each format


@pytest.mark.parametrize("dtype", ["i2", "u1", "f4", "f8"])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_image(tmp_path, name, dtype):
    image = read_image(written(tmp_path / name, voxels(dtype)))
    assert image.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(image.array, voxels(dtype))
    assert image.array.flags.c_contiguous and image.array.flags.writeable
    np.testing.assert_allclose(image.spacing_mm, SPACING_XYZ[::-1], rtol=1e-6)
    np.testing.assert_allclose(image.origin_mm, ORIGIN, rtol=1e-6)
    np.testing.assert_allclose(image.direction, TURNED, atol=1e-6)
    assert image.name == name


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.mhd", "a.nii.gz"])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_compressed_files_are_read_exactly(tmp_path, name, dtype):
    array = np.random.default_rng(0).integers(-1000, 1000, (20, 30, 40)).astype(dtype)
    np.testing.assert_array_equal(read_image(str(written(tmp_path / name, array, compress=True))).array, array)


# ---------------------------------------------------------------- ways to store voxels, judged by ITK


def nrrd(path: Path, array: np.ndarray, encoding: str = "raw", more: str = "", before: bytes = b"", kinds: str = "") -> Path:
    names = {"i2": "short", "u1": "uchar", "f8": "double", "i8": "long long int"}
    header = NRRD.format(
        type=names[array.dtype.str[1:]], axes=array.ndim, sizes=" ".join(str(n) for n in array.shape[::-1]),
        spacings=" ".join("nan" if kind in ("list", "vector") else "1.5" for kind in kinds.split() or ["domain"] * 3),
        encoding=encoding, more=f"endian: {'big' if array.dtype.byteorder == '>' else 'little'}\n{more}"
        + (f"kinds: {kinds}\n" if kinds else ""),
    )  # fmt: skip
    body = gzip.compress(before + array.tobytes()) if encoding == "gzip" else before + array.tobytes()
    path.write_bytes(header.encode() + body)
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "i8", "f8"])
@pytest.mark.parametrize(("more", "before"), [("", b""), ("byte skip: 7\n", b"1234567"), ("byteskip: -1\n", b"1234567")])
def test_nrrd_types_orders_and_skips(tmp_path, encoding, dtype, more, before):
    path = nrrd(tmp_path / "a.nrrd", voxels().astype(dtype), encoding, more, before)
    if encoding == "gzip" and "-1" in more:
        with pytest.raises(InputError, match="a whole number of at least 0"):
            read_image(path)
        return
    array = read_image(path).array
    assert array.dtype == np.dtype(dtype).newbyteorder("=") and array.dtype.isnative
    np.testing.assert_array_equal(array, voxels())
    np.testing.assert_array_equal(array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


def test_nrrd_lines_before_the_voxels(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", voxels(), more="line skip: 2\n", before=b"one\ntwo\n")
    np.testing.assert_array_equal(read_image(path).array, voxels())


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["list", "vector"])
@pytest.mark.parametrize("layers", [1, 3])
def test_nrrd_with_an_axis_of_layers_anywhere(tmp_path, axis, kind, layers):
    array = voxels(shape=(4, 5, 6 * layers)).reshape(4, 5, 6, layers)
    kinds = ["domain"] * 3
    kinds.insert(3 - axis, kind)
    path = nrrd(tmp_path / "a.nrrd", np.ascontiguousarray(np.moveaxis(array, 3, axis)), kinds=" ".join(kinds))
    with opened(path, "mask") as source:
        found = read_volume(source).array
    np.testing.assert_array_equal(found, array if layers > 1 else array[..., 0])
    np.testing.assert_array_equal(found, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("i2", "BinaryData = True\n"), ("i2", "BinaryData = T\n"), ("i2", ""),
        (">i2", "BinaryData = True\nBinaryDataByteOrderMSB = True\n"), ("i4", "BinaryData = True\nHeaderSize = -1\n"),
        ("i2", "BinaryData = True\nCompressedData = True\n"), ("i2", "BinaryData = True\nCompressedData = T\n"),
        ("i2", "BinaryData = True\nElementToIntensityFunctionSlope = 1\n"),
    ],
)  # fmt: skip
def test_metaimage_headers(tmp_path, kind, more):
    body = voxels().astype(kind).tobytes()
    (tmp_path / "a.raw").write_bytes(zlib.compress(body) if "Compressed" in more else body)
    header = META.format(type={"i2": "MET_SHORT", "i4": "MET_LONG"}[kind[-2:]], more=more, data="a.raw")
    (tmp_path / "a.mhd").write_text(header)
    array = read_image(tmp_path / "a.mhd").array
    np.testing.assert_array_equal(array, voxels())
    np.testing.assert_array_equal(array, sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "a.mhd"))))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
def test_slices_in_files_of_their_own_lie_where_the_header_says(tmp_path, ending, compressed):
    names = []
    for number, plane in enumerate(voxels()):
        names.append(f"s{number}")
        packed = gzip.compress(plane.tobytes()) if ending == "nhdr" else zlib.compress(plane.tobytes())
        (tmp_path / names[-1]).write_bytes(packed if compressed else plane.tobytes())

    def header(listed: list[str]) -> Path:
        path, lines = tmp_path / f"a.{ending}", "\n".join(listed)
        if ending == "nhdr":
            nrrd(path, voxels(), "gzip" if compressed else "raw", "data file: LIST\n")
            path.write_bytes(path.read_bytes().split(b"LIST\n")[0] + f"LIST\n{lines}\n".encode())
        else:
            more = "BinaryData = True\n" + ("CompressedData = True\n" if compressed else "")
            path.write_text(META.format(type="MET_SHORT", more=more, data=f"LIST\n{lines}"))
        return path

    np.testing.assert_array_equal(read_image(header(names)).array, voxels())
    np.testing.assert_array_equal(read_image(header(names[::-1])).array, voxels()[::-1])
    for wrong in (names[:3], names[:2], [*names, "s0"], [*names, "more"]):
        (tmp_path / "more").write_bytes((tmp_path / "s0").read_bytes())
        with pytest.raises(InputError):
            read_image(header(wrong))


def test_more_data_files_than_a_process_may_hold_open(tmp_path):
    resource = pytest.importorskip("resource")  # not on Windows
    array = voxels(shape=(200, 3, 2))
    for number, plane in enumerate(array):
        (tmp_path / f"s{number}").write_bytes(plane.tobytes())
    nrrd(tmp_path / "a.nhdr", array, more="data file: s%d 0 199 1\n")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, before[1]))
    try:
        found = read_image(tmp_path / "a.nhdr").array
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    np.testing.assert_array_equal(found, array)


def test_a_metaimage_that_is_cut_off_by_its_own_account(tmp_path):
    path = written(tmp_path / "a.mha", voxels(), compress=True)
    path.write_bytes(re.sub(rb"CompressedDataSize = \d+", b"CompressedDataSize = 99999", path.read_bytes()))
    with pytest.raises(InputError, match=r"truncated: .* announces 99,999"):
        read_image(path)
    path.write_bytes(path.read_bytes().replace(b"CompressedData = True", b"CompressedData = perhaps"))
    with pytest.raises(InputError, match="CompressedData is 'perhaps'"):
        read_image(path)


def test_an_array_lives_on_when_the_itk_image_is_changed_or_gone():
    source = itk_image(voxels())
    image = read_image(source)
    source[0, 0, 0] = 99
    del source
    np.testing.assert_array_equal(image.array, voxels())
    assert image.name == "" and image.spacing_mm == SPACING_XYZ[::-1]


@pytest.mark.parametrize(
    ("given", "kept"), [("bool", "u1"), ("f2", "f4"), (">i2", "i2"), (">f8", "f8"), ("f4", "f4"), ("i8", "i8")]
)
def test_arrays_keep_a_type_that_kernels_take(given, kept):
    array = (voxels() % 2).astype(given)
    image = read_image(array, (2.5, 1, 1))
    assert image.array.dtype == np.dtype(kept) and image.array.dtype.isnative
    np.testing.assert_array_equal(image.array, array.astype(kept))


def test_an_array_is_shared_not_copied_and_made_contiguous_when_needed():
    array = voxels("f4")
    assert np.shares_memory(read_image(array, (1, 1, 1)).array, array)
    assert read_image(array.transpose(2, 1, 0), (1, 1, 1)).array.flags.c_contiguous


@pytest.mark.parametrize(
    ("source", "spacing", "says"),
    [
        (voxels(), None, "pass spacing_mm"),
        (voxels(), (1, 1), "three numbers"),
        (voxels(), "abc", "three numbers"),
        (voxels(), (1, 0, 1), "above 0"),
        (voxels(), (1, -1, 1), "above 0"),
        (voxels(), (1, np.nan, 1), "above 0"),
        (voxels(), (1, np.inf, 1), "above 0"),
        (voxels()[0, 0], (1, 1, 1), "three axes"),
        (voxels(), {1, 2, 3}, "three numbers"),
        (voxels(), "111", "three numbers"),
        (voxels()[..., None].repeat(2, 3), (1, 1, 1), "three axes"),
        (voxels()[None], (1, 1, 1), "three axes"),
        (voxels()[:0], (1, 1, 1), "no voxels"),
        (voxels("c8"), (1, 1, 1), "complex64"),
        (voxels().astype(object), (1, 1, 1), "object"),
        (np.ma.masked_equal(voxels(), 3), (1, 1, 1), "masked array"),
        (3.5, None, "float is not accepted"),
        ("", None, "path is empty"),
    ],
)
def test_wrong_sources_are_refused(source, spacing, says):
    with pytest.raises(InputError, match=says):
        read_image(source, spacing)


class Foreign:
    """An array of another library, known by DLPack alone."""

    def __init__(self, array, device=None):
        self.array, self.device = array, device

    def __dlpack__(self, **more):
        return self.array.__dlpack__(**more)

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()


def test_an_array_of_another_library_is_shared():
    array = voxels()
    read = read_image(Foreign(array), (1, 1, 1)).array
    np.testing.assert_array_equal(read, array)
    assert np.shares_memory(read, array)


def test_an_array_on_a_gpu_that_cannot_be_read_is_an_input_error():
    with pytest.raises(InputError, match="a Foreign cannot be read"):
        read_image(Foreign(voxels(), (2, 0)), (1, 1, 1))


def test_spacing_beside_a_file_is_refused_not_ignored(tmp_path):
    with pytest.raises(InputError, match="its own spacing"):
        read_image(written(tmp_path / "a.nii", voxels()), (1, 1, 1))
