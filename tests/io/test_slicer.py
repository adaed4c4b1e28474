"""3D Slicer's .seg.nrrd, written here line by line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from files import SPACING_XYZ, TURNED, drawn, itk_image, voxels
from voxomics.engine.errors import InputError
from voxomics.io import read_image, read_mask


@pytest.fixture
def image():
    return read_image(itk_image(voxels("f4", (8, 9, 10))))


def seg_nrrd(path: Path, array: np.ndarray, corner_zyx: tuple[int, int, int], segments: list[dict[str, object]]) -> Path:
    """A .seg.nrrd as 3D Slicer writes it, array [z, y, x] or [z, y, x, layer], in the frame of `itk_image`."""
    frame = itk_image(np.zeros((2, 2, 2), "u1"))
    origin = frame.TransformContinuousIndexToPhysicalPoint(tuple(float(c) for c in corner_zyx[::-1]))
    columns = np.array(TURNED).reshape(3, 3) * SPACING_XYZ
    vectors = ["(" + ",".join(f"{v:.17g}" for v in column) + ")" for column in columns.T]
    layered = array.ndim == 4
    sizes = array.shape[2::-1]
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "type: unsigned char",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        "sizes: " + " ".join(str(n) for n in ((array.shape[3], *sizes) if layered else sizes)),
        "space directions: " + " ".join((["none"] if layered else []) + vectors),
        "kinds: " + " ".join((["list"] if layered else []) + ["domain"] * 3),
        "encoding: gzip",
        "space origin: (" + ",".join(f"{v:.17g}" for v in origin) + ")",
    ]
    for number, segment in enumerate(segments):
        lines += [f"Segment{number}_{key}:={value}" for key, value in {"ID": f"Segment_{number + 1}", **segment}.items()]
    lines += ["Segmentation_MasterRepresentation:=Binary labelmap", "", ""]
    path.write_bytes("\n".join(lines).encode() + gzip.compress(np.ascontiguousarray(array, np.uint8).tobytes()))
    return path


def test_slicer_segmentation_with_its_own_extent(tmp_path, image):
    path = seg_nrrd(
        tmp_path / "m.seg.nrrd",
        drawn()[2:6, 3:7, 4:9],
        (2, 3, 4),
        [
            {"Name": "nodule", "LabelValue": 7, "Layer": 0},
            {"Name": "Lunge, größer", "LabelValue": 1, "Layer": 0},
            {"Name": "empty", "LabelValue": 3, "Layer": 0},
        ],
    )
    stack = read_mask(path, image)
    assert stack.corner == (2, 3, 4) and stack.name == "m.seg.nrrd"
    np.testing.assert_array_equal(stack.layers[0], drawn()[2:6, 3:7, 4:9])
    assert stack.names == {(0, 7): "nodule", (0, 1): "Lunge, größer", (0, 3): "empty"}
    assert stack.declared == ((0, 7), (0, 1), (0, 3))


def layered() -> np.ndarray:
    layers = np.zeros((5, 6, 7, 2), np.uint8)
    layers[1:4, 1:4, 1:4, 0] = 1
    layers[2:5, 2:5, 2:6, 1] = 1
    layers[0, 0, 0, 1] = 2
    return layers


def test_slicer_segments_that_overlap_lie_in_layers(tmp_path, image):
    segments = [
        {"Name": "tumour", "LabelValue": 1, "Layer": 1},
        {"Name": "organ", "LabelValue": 1, "Layer": 0},
        {"Name": "node", "LabelValue": 2, "Layer": 1},
    ]
    stack = read_mask(seg_nrrd(tmp_path / "m.seg.nrrd", layered(), (1, 0, 2), segments), image)
    assert stack.corner == (1, 0, 2) and len(stack.layers) == 2
    for layer in range(2):
        np.testing.assert_array_equal(stack.layers[layer], layered()[..., layer])
        assert stack.layers[layer].flags.c_contiguous
    assert stack.names == {(1, 1): "tumour", (0, 1): "organ", (1, 2): "node"}
    assert stack.declared == ((1, 1), (0, 1), (1, 2))


def test_slicer_files_of_before_4_11_have_one_layer_a_segment(tmp_path, image):
    stack = read_mask(seg_nrrd(tmp_path / "m.seg.nrrd", layered(), (1, 0, 2), [{"Name": "a"}, {"Name": "b"}]), image)
    assert stack.names == {(0, 1): "a", (1, 1): "b"} and stack.declared == ((0, 1), (1, 1))


def test_slicer_layers_are_cut_and_resampled_alike(tmp_path, image):
    segments = [{"Name": "a", "LabelValue": 1, "Layer": 0}, {"Name": "b", "LabelValue": 1, "Layer": 1}]
    with pytest.raises(InputError, match=r"1 mask voxels lie outside"):
        read_mask(seg_nrrd(tmp_path / "m.seg.nrrd", layered(), (-1, 0, 2), segments), image)
    far = layered()
    far[0, 0, 0, 1] = 0
    stack = read_mask(seg_nrrd(tmp_path / "m.seg.nrrd", far, (-1, 0, 2), segments), image)
    assert stack.corner == (0, 0, 2) and [a.shape for a in stack.layers] == [(4, 6, 7)] * 2
    other = read_image(itk_image(voxels("f4", (8, 9, 10))))
    moved = read_image(itk_image(other.array, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)))
    path = seg_nrrd(tmp_path / "m.seg.nrrd", far, (2, 2, 1), segments)
    assert [bool(a.any()) for a in read_mask(path, moved, resample=True).layers] == [True, True]


@pytest.mark.parametrize(
    ("segments", "says"),
    [
        ([{"LabelValue": 1, "Layer": 2}], "value 1 of layer 2; the file has layers 0 to 1"),
        ([{"LabelValue": 0, "Layer": 0}], "values start at 1"),
        ([{"LabelValue": "one", "Layer": 0}], "Segment0_LabelValue is 'one'"),
        ([{"LabelValue": 1, "Layer": 0}, {"LabelValue": 1, "Layer": 0}], "two segments are declared as value 1"),
    ],
)
def test_slicer_headers_that_cannot_be_right(tmp_path, image, segments, says):
    with pytest.raises(InputError, match=says):
        read_mask(seg_nrrd(tmp_path / "m.seg.nrrd", layered(), (0, 0, 0), segments), image)


def test_slicer_segmentations_that_are_no_label_map(tmp_path, image):
    path = seg_nrrd(tmp_path / "m.seg.nrrd", drawn(), (0, 0, 0), [{"Name": "a"}])
    path.write_bytes(path.read_bytes().replace(b"Binary labelmap", b"Fractional labelmap"))
    with pytest.raises(InputError, match="'Fractional labelmap'; a binary labelmap is needed"):
        read_mask(path, image)
