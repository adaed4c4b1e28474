"""Files in: every format gives the same voxels and the same geometry, and nothing wrong passes in silence."""

from __future__ import annotations

import numpy as np
import pytest

from files import FORMATS, ORIGIN, SPACING_XYZ, TURNED, itk_image, voxels, written
from voxomics.engine.errors import InputError
from voxomics.io import read_image

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
        (voxels()[0], (1, 1, 1), "three axes"),
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
