"""Masks: labels, extents, grids, resampling."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from files import SPACING_XYZ, drawn, itk_image, saved_nifti, voxels, written
from voxomics.engine.errors import InputError, ResourceError
from voxomics.io import read_image, read_mask


@pytest.fixture
def image():
    return read_image(itk_image(voxels("f4", (8, 9, 10))))


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "i8", "f4", "f8", "bool"])
@pytest.mark.parametrize("name", [None, "m.nii", "m.nii.gz", "m.nrrd", "m.mha", "m.mhd"])
def test_label_images_of_every_type_and_format(tmp_path, image, name, dtype):
    labels = drawn() > 0 if dtype == "bool" and name is None else drawn().astype("u1" if dtype == "bool" else dtype)
    stack = read_mask(labels if name is None else written(tmp_path / name, labels), image)
    assert len(stack.layers) == 1 and stack.layers[0].dtype.kind in "iu" and stack.corner == (0, 0, 0)
    np.testing.assert_array_equal(stack.layers[0], labels.astype(int))
    assert stack.name == (name or "") and not stack.names and stack.declared == ()
    if dtype in ("f4", "f8"):
        assert stack.layers[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.5, r"1 voxels are no whole numbers .*first 0.5 at \[z, y, x\] = \[1, 2, 3\]"),
        (np.nan, r"1 voxels are no whole numbers .*first nan at \[z, y, x\] = \[1, 2, 3\]"),
        (np.inf, "first inf"),
        (3e9, "no whole numbers .or above 2147483647."),
        (-1, r"1 voxels are negative, first -1 at \[z, y, x\] = \[1, 2, 3\]"),
    ],
)
def test_values_that_are_no_labels(tmp_path, image, value, says):
    labels = drawn().astype("f4")
    labels[1, 2, 3] = value
    for source in (labels, saved_nifti(tmp_path / "m.nii", labels)):
        on_it = image if source is labels else read_image(saved_nifti(tmp_path / "i.nii", image.array))
        with pytest.raises(InputError, match=says):
            read_mask(source, on_it)


def test_negative_integers_are_no_labels(image):
    with pytest.raises(InputError, match="720 voxels are negative"):
        read_mask(np.full((8, 9, 10), -1, np.int16), image)


def test_an_array_must_have_the_images_shape(image):
    with pytest.raises(InputError, match=r"shape \(8, 9, 9\), the image has \(8, 9, 10\)"):
        read_mask(drawn()[..., 1:], image)


def cut(labels: np.ndarray, z: int, y: int, x: int, nz: int, ny: int, nx: int) -> sitk.Image:
    """The box of a mask that begins at index (z, y, x), padded with 0 where it leaves the image; own origin."""
    padded = np.pad(labels, 20)[z + 20 : z + 20 + nz, y + 20 : y + 20 + ny, x + 20 : x + 20 + nx]
    mask = itk_image(np.ascontiguousarray(padded))
    mask.SetOrigin(itk_image(labels).TransformContinuousIndexToPhysicalPoint((float(x), float(y), float(z))))
    return mask


@pytest.mark.parametrize(
    "box",
    [(2, 3, 4, 4, 3, 4), (-3, -2, -1, 12, 12, 12), (0, 0, 0, 8, 9, 10), (1, -5, 2, 7, 30, 7), (2, 3, 3, 20, 20, 20)],
)
def test_a_mask_of_another_extent_is_placed(image, box):
    stack = read_mask(cut(drawn(), *box), image)
    whole = np.zeros((8, 9, 10), int)
    z, y, x = stack.corner
    layer = stack.layers[0]
    assert min(stack.corner) >= 0 and layer.flags.c_contiguous
    whole[z : z + layer.shape[0], y : y + layer.shape[1], x : x + layer.shape[2]] = layer
    np.testing.assert_array_equal(whole, drawn())


def test_mask_voxels_outside_of_the_image_are_counted(image):
    shifted = itk_image(drawn())
    shifted.SetOrigin(itk_image(drawn()).TransformContinuousIndexToPhysicalPoint((4.0, 0.0, 0.0)))
    with pytest.raises(InputError, match=r"12 mask voxels lie outside .*offset \(0, 0, 4\)"):
        read_mask(shifted, image)  # columns 6 and 7 of the 2 × 3 × 4 block
    shifted.SetOrigin((1000.0, 0.0, 0.0))
    with pytest.raises(InputError, match=r"wholly outside|not on the grid"):
        read_mask(shifted, image)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.SetSpacing((0.8, 0.9, 3.0)), r"spacing \(z, y, x\) \(3, 0.9, 0.8\) against \(2.5, 0.9, 0.8\) mm"),
        (lambda m: m.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, 1)), "direction turned by up to 17.19 degrees"),
        (
            lambda m: m.SetOrigin(m.TransformContinuousIndexToPhysicalPoint((0.5, 0.0, -0.25))),
            r"origin offset \(z, y, x\) \(-0.25, .*0.5\) voxels",
        ),
    ],
)
def test_another_grid_is_spelled_out(image, change, says):
    mask = itk_image(drawn())
    change(mask)
    with pytest.raises(InputError, match=says) as caught:
        read_mask(mask, image)
    assert "--resample-mask" in str(caught.value) and "resample_mask=True" in str(caught.value)
    assert read_mask(mask, image, resample=True).layers[0].any()


def test_rounding_of_headers_is_tolerated_and_a_twentieth_of_a_voxel_is_the_limit(image):
    for shift, accepted in ((0.04, True), (0.06, False)):
        mask = itk_image(drawn())
        mask.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint((shift, 0.0, 0.0)))
        if accepted:
            assert read_mask(mask, image).corner == (0, 0, 0)
        else:
            with pytest.raises(InputError, match="origin offset"):
                read_mask(mask, image)


def test_drift_over_the_extent_counts_not_the_first_voxel_alone():
    """Spacing off by 0.09 %: nothing at one corner, 0.09 voxels at the other of 100."""
    labels = np.zeros((1, 1, 101), np.uint8)
    labels[0, 0, 40] = 1
    mask = sitk.GetImageFromArray(labels)
    mask.SetSpacing((1.0009, 1, 1))
    image = read_image(np.zeros((1, 1, 110), "f4"), (1, 1, 1))
    with pytest.raises(InputError, match="spacing"):
        read_mask(mask, image)
    assert read_mask(mask[10:50], image).corner == (0, 0, 10)


def test_a_thin_mask_of_another_spacing_is_another_grid(image):
    mask = itk_image(drawn()[:1])
    mask.SetSpacing((0.8, 0.9, 5.0))
    with pytest.raises(InputError, match="spacing"):
        read_mask(mask, image)


def test_resampling_is_nearest_neighbour_at_the_images_voxel_centres(image):
    """A mask on half the spacing: each image voxel takes the label at its own centre."""
    fine = np.kron(drawn(), np.ones((3, 3, 3), np.uint8))
    mask = itk_image(fine)
    mask.SetSpacing(tuple(s / 3 for s in SPACING_XYZ))
    mask.SetOrigin(itk_image(drawn()).TransformContinuousIndexToPhysicalPoint((-1 / 3, -1 / 3, -1 / 3)))
    stack = read_mask(mask, image, resample=True)
    np.testing.assert_array_equal(stack.layers[0], drawn())
    assert stack.corner == (0, 0, 0) and stack.declared == ((0, 1), (0, 7))


def test_resampling_a_flipped_grid_is_exact_and_covers_only_the_masks_box(image):
    flipped = sitk.Flip(itk_image(drawn())[3:9, 2:8, 1:7], [True, False, True])
    stack = read_mask(flipped, image, resample=True)
    whole = np.zeros((8, 9, 10), int)
    z, y, x = stack.corner
    layer = stack.layers[0]
    whole[z : z + layer.shape[0], y : y + layer.shape[1], x : x + layer.shape[2]] = layer
    np.testing.assert_array_equal(whole, drawn())
    assert layer.size < drawn().size


def test_a_label_that_resampling_loses_stays_declared(image):
    fine = np.zeros((16, 18, 20), np.uint8)
    fine[4:8, 6:12, 8:16] = 1
    fine[11, 11, 11] = 7  # its voxel centre is no image voxel's, and no image voxel's centre lies in it
    mask = itk_image(fine)
    mask.SetSpacing(tuple(s / 2.5 for s in SPACING_XYZ))
    stack = read_mask(mask, image, resample=True)
    assert stack.declared == ((0, 1), (0, 7))
    assert set(np.unique(stack.layers[0])) == {0, 1}


def test_resampling_does_not_cut_a_voi(image):
    mask = itk_image(drawn())
    mask.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint((4.3, 0.0, 0.0)))
    with pytest.raises(InputError, match="12 mask voxels lie outside"):
        read_mask(mask, image, resample=True)


def test_masks_say_mask_in_their_errors(tmp_path, image):
    with pytest.raises(InputError, match="no such mask file"):
        read_mask(tmp_path / "no.nii", image)
    with pytest.raises(ResourceError, match="719"):
        read_mask(written(tmp_path / "m.nii", drawn()), image, max_bytes=719)
    vector = sitk.GetImageFromArray(np.zeros((8, 9, 10, 2), "u1"), isVector=True)
    vector.CopyInformation(itk_image(drawn()))
    with pytest.raises(InputError, match="no segments declared"):
        read_mask(vector, image)
