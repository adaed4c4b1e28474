"""The registry of readers: content before name, and masks that are no label volume."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from files import FORMATS, dicom_slice, itk_image, voxels, written
from voxomics.engine.errors import InputError
from voxomics.engine.volume import MaskStack
from voxomics.io import input_files, read_image, read_mask, readers
from voxomics.io.regions import Region, stacked
from voxomics.io.source import opened


@pytest.mark.parametrize("wrong", ["x.nii", "x.nrrd", "x.mha", "x.dcm", "x"])
@pytest.mark.parametrize("name", FORMATS)
def test_content_counts_before_the_name(tmp_path, name, wrong):
    """What a header, or a compressed file, holds decides; ITK, which reads the geometry, is told the format."""
    path = written(tmp_path / name, voxels())
    shutil.move(path, tmp_path / wrong)
    try:
        np.testing.assert_array_equal(read_image(tmp_path / wrong).array, voxels())
    except InputError as error:  # ITK's NIfTI headers are read by suffix alone
        assert "Rename it" in str(error) and name.split(".")[1] == "nii"


def test_a_name_counts_when_the_content_says_nothing(tmp_path):
    for name, kind in (("a.nii", "NIfTI"), ("a.nii.gz", "NIfTI"), ("a.nrrd", "NRRD"), ("a.mha", "MetaImage")):
        (tmp_path / name).write_bytes(b"no image at all " * 30)
        with opened(tmp_path / name, "image") as source:
            assert readers.reader_of(source).name == kind


def test_what_is_accepted_is_listed_from_the_registry(tmp_path):
    (tmp_path / "a.xyz").write_text("nothing")
    for source in (tmp_path / "a.xyz", 3.5):
        with pytest.raises(InputError, match=r"Accepted: NIfTI-1 \(.nii.*NRRD.*MetaImage.*DICOM series.*NumPy"):
            read_image(source)


# ---------------------------------------------------------------- regions


def test_regions_that_share_no_voxel_lie_in_one_layer():
    rng = np.random.default_rng(3)
    for _ in range(50):
        whole = np.zeros((6, 7, 8), int)
        regions = []
        for number in range(1, int(rng.integers(2, 8))):
            low = rng.integers(0, 4, 3)
            box = tuple(slice(int(a), int(a + n)) for a, n in zip(low, rng.integers(1, 4, 3), strict=True))
            inside = (rng.random(whole[box].shape) < 0.5) & (whole[box] == 0)
            whole[box][inside] = number
            regions.append(Region(inside, tuple(int(a) for a in low), number))
        stack = stacked(regions, "m")
        assert len(stack.layers) == 1 and stack.declared == tuple((0, region.number) for region in regions)
        np.testing.assert_array_equal(placed(stack, 0, whole.shape), whole)


def placed(stack: MaskStack, layer: int, shape: tuple[int, ...]) -> np.ndarray:
    whole = np.zeros(shape, int)
    box = tuple(slice(c, c + n) for c, n in zip(stack.corner, stack.layers[layer].shape, strict=True))
    whole[box] = stack.layers[layer]
    return whole


def test_regions_that_overlap_keep_all_their_voxels():
    rng = np.random.default_rng(4)
    for _ in range(50):
        regions = [
            Region(rng.random((3, 3, 3)) < 0.6, tuple(int(a) for a in rng.integers(0, 3, 3)), int(number))
            for number in rng.choice([1, 2, 300, 70000], 5)
        ]
        stack = stacked(regions, "m")
        assert len(set(stack.declared)) == len(regions)
        for region, (layer, number) in zip(regions, stack.declared, strict=True):
            alone = np.zeros((6, 6, 6), bool)
            alone[tuple(slice(c, c + 3) for c in region.corner)] = region.voxels
            assert number == region.number
            np.testing.assert_array_equal(placed(stack, layer, alone.shape) == number, alone)
        assert all(layer.dtype.kind == "u" and layer.flags.c_contiguous for layer in stack.layers)


def test_regions_without_a_voxel_are_declared():
    empty = Region(np.zeros((0, 3, 3), bool), (2, 2, 2), 4, "gone")
    stack = stacked([Region(np.ones((1, 1, 2), bool), (3, 4, 5), 2), empty], "m")
    assert stack.corner == (3, 4, 5) and stack.layers[0].shape == (1, 1, 2)
    assert stack.declared == ((0, 2), (0, 4)) and stack.names == {(0, 4): "gone"}
    assert not stacked([empty], "m").layers[0].any() and stacked([], "m").declared == ()


def outlines() -> readers.Reader:
    """A reader of masks alone, as those of contours are: one line a region, its number, its name and one voxel."""

    def regions(source, image, resample):
        lines = source.open(source.file).read(10_000).decode().splitlines()[1:]
        words = [line.split() for line in lines]
        return [Region(np.ones((1, 1, 1), bool), (int(z), int(y), int(x)), int(n), name) for n, name, z, y, x in words]

    def recognise(source):
        return source.start.startswith(b"OUTLINES")

    return readers.Reader("list of outlines", "outlines (.out)", recognise, regions=regions)


def test_a_reader_of_masks_alone(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(readers, "READERS", (*readers.READERS, outlines()))
    path = tmp_path / "m.out"
    path.write_text("OUTLINES\n7 nodule 1 2 3\n2 organ 1 2 3\n3 node 2 4 4\n")
    stack = read_mask(path, read_image(itk_image(voxels())))
    assert len(stack.layers) == 2 and stack.name == "m.out" and len(stack.digest) == 32
    assert stack.names == {(0, 7): "nodule", (1, 2): "organ", (0, 3): "node"}
    assert placed(stack, 0, (4, 5, 6))[1, 2, 3] == 7 and placed(stack, 1, (4, 5, 6))[1, 2, 3] == 2
    assert input_files(path) == [path]
    with pytest.raises(InputError, match=r"m.out: a list of outlines holds masks, no volume"):
        read_image(path)


def test_a_dicom_file_is_told_by_its_content(tmp_path):
    dicom_slice(tmp_path / "slice", 1)
    with pytest.raises(InputError, match="Give the folder"):
        read_image(tmp_path / "slice")
