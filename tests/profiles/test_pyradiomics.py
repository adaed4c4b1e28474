"""Profile pyradiomics: its parameter files, several VOIs of one image, and what it tells of each. Values: tests/judges."""

import pickle

import numpy as np
import pytest
import SimpleITK as sitk

from voxomics import Extractor
from voxomics.cases import Case, extract_cases
from voxomics.engine.errors import ResourceError, SettingsError

SMALL = {"firstorder": ["Mean", "Energy", "Entropy"], "glcm": ["Contrast"], "shape": ["VoxelVolume", "Elongation"]}
RESAMPLED = {"resampledPixelSpacing": [1.5, 1.5, 1.5]}


@pytest.fixture(scope="module")
def pair():
    """An image of 16-bit integers and a mask with four labels, of which 4 is one voxel."""
    rng = np.random.default_rng(5)
    array = np.round(80 * rng.normal(size=(14, 26, 30))).astype(np.int16)
    mask = np.zeros(array.shape, np.uint8)
    mask[2:6, 3:10, 4:12] = 1
    mask[7:12, 12:20, 3:9] = 2
    mask[4:9, 5:14, 18:27] = 3
    mask[5, 7, 20:25] = 0
    mask[12, 22, 22] = 4
    images = [sitk.GetImageFromArray(a) for a in (array, mask)]
    for image in images:
        image.SetSpacing((0.9, 1.1, 2.5))
        image.SetOrigin((-20.0, 13.0, 7.5))
    return images


def extractor(setting, classes=SMALL, **more):
    return Extractor("pyradiomics", {"setting": setting, "featureClass": classes, **more}, "cpu", threads=1)


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"preCrop": True, "padDistance": 2},
        RESAMPLED,
        {"normalize": True, "binWidth": 0.1},
        {"resegmentRange": [-1, 2], "resegmentMode": "sigma"},
        {"resegmentRange": [-60], "resegmentShape": True, **RESAMPLED},
        {"force2D": True, "force2Ddimension": 1},
    ],
)
def test_several_labels_give_the_bits_of_each_alone(pair, setting):
    ours = extractor(setting)
    together = ours.extract(*pair)
    assert together["status"].tolist() == ["ok", "ok", "ok", "failed"]
    for row, label in enumerate((1, 2, 3)):
        alone = ours.extract(*pair, labels=label)
        names = [name for name in together.columns if name != "reason"]
        assert together.loc[row, names].tolist() == alone.loc[0, names].tolist()


def test_a_voi_that_pyradiomics_refuses_fails_alone_and_says_why(pair):
    row = extractor({"minimumROISize": 10**6}).extract(*pair, labels=[4]).iloc[0]
    assert row["status"] == "failed" and "one voxel" in row["reason"]
    assert row["diagnostics_Mask-original_VoxelNum"] == 1
    rows = extractor({"resegmentRange": [1000]}).extract(*pair)
    assert rows["status"].tolist() == ["failed"] * 4
    assert rows["reason"][0].startswith("re-segmentation left 0 of")


def test_the_label_of_the_parameter_file_is_measured_unless_others_are_asked_for(pair):
    ours = extractor({"label": 3})
    assert ours.extract(*pair)["label"].tolist() == [3]
    assert ours.extract(*pair, labels=[1, 2])["label"].tolist() == [1, 2]


def test_diagnostics_can_be_left_out(pair):
    table = extractor({"additionalInfo": False}).extract(*pair)
    assert not [name for name in table.columns if name.startswith("diagnostics_")]


def test_a_case_that_failed_has_every_column(pair, tmp_path):
    paths = [str(tmp_path / name) for name in ("image.nrrd", "mask.nrrd")]
    for image, path in zip(pair, paths, strict=True):
        sitk.WriteImage(image, path)
    cases = [Case("a", *paths), Case("b", tmp_path / "nothing.nrrd", paths[1])]
    table = extractor({"label": 1})
    found = extract_cases(table, cases)
    assert found["status"].tolist() == ["ok", "failed"]
    assert found["diagnostics_Image-original_Hash"].tolist() == [sitk.Hash(pair[0]), ""]


def test_parameter_files_are_read_and_written_back(tmp_path):
    text = """
imageType:
  Original:
    binWidth: 12.5
featureClass:
  shape:
  glcm: [Contrast, Correlation]
setting:
  resampledPixelSpacing: [2, 2, 0]
  interpolator: null
  voxelArrayShift: 300
voxelSetting:
  kernelRadius: 2
"""
    (tmp_path / "Params.yaml").write_text(text)
    ours = Extractor("pyradiomics", tmp_path / "Params.yaml")
    assert ours.columns[-2:] == ["original_glcm_Contrast", "original_glcm_Correlation"]
    (tmp_path / "again.yaml").write_text(ours.settings.to_yaml())
    again = Extractor("pyradiomics", tmp_path / "again.yaml")
    assert not again.settings.parameters.setting.resamples
    assert again.settings == ours.settings == pickle.loads(pickle.dumps(ours)).settings
    (tmp_path / "Params.json").write_text('{"setting": {"binCount": 16}, "featureClass": {"glcm": null}}')
    assert Extractor("pyradiomics", tmp_path / "Params.json").settings.discretisation[0].bins == 16


@pytest.mark.parametrize(
    "given,said",
    [
        ({"settings": {}}, "did you mean 'setting'"),
        ({"features": ["glcm"]}, "did you mean 'featureClass'"),
        ({"setting": {"binWidht": 25}}, "did you mean 'binWidth'"),
        ({"setting": {"binWidth": "25"}}, "got '25'"),
        ({"setting": {"binWidth": 0}}, "greater than 0"),
        ({"setting": {"label": 1.5}}, "got 1.5"),
        ({"setting": {"resegmentRange": [1, 2, 3]}}, "one or two thresholds"),
        ({"setting": {"interpolator": 3}}, "write sitkBSpline"),
        ({"setting": {"interpolator": "sitkBspline"}}, "did you mean 'sitkBSpline'"),
        ({"setting": {"resampledPixelSpacing": [1, 1]}}, "three voxel sizes"),
        ({"imageType": {"Wavlet": {}}}, "did you mean 'Wavelet'"),
        ({"imageType": {"LoG": {"sigmas": [1]}}}, "did you mean 'sigma'"),
        ({"featureClass": {"gclm": None}}, "did you mean"),
        ({"featureClass": {"glcm": ["Contrasty"]}}, "did you mean 'Contrast'"),
    ],
)
def test_what_a_parameter_file_may_not_hold(given, said):
    with pytest.raises(SettingsError, match=said):
        Extractor("pyradiomics", given)


def test_slices_along_another_axis_are_those_of_the_turned_image():
    rng = np.random.default_rng(3)
    image, mask = rng.normal(size=(7, 9, 11)), (rng.random((7, 9, 11)) < 0.7).astype(np.uint8)
    image[2, 3, 4] = np.nan
    aggregations = ["2d_averaged", "2_5d_merged", "2d"]
    chosen = {"features": ["glcm", "glszm", "gldzm"], "aggregations": aggregations, "nonfinite": "exclude"}
    for axis, name in ((1, "y"), (2, "x")):
        ours = Extractor(settings={**chosen, "slice_axis": name}).extract(image, mask, spacing_mm=(1, 2, 3))
        turned = [np.ascontiguousarray(a.swapaxes(0, axis)) for a in (image, mask)]
        theirs = Extractor(settings=chosen).extract(*turned, spacing_mm=(1, 2, 3))
        names = [column for column in ours.columns if column.startswith("original.")]
        assert ours[names].equals(theirs[names])
    failed = Extractor(settings={"features": ["glcm"], "slice_axis": "x"}).extract(image, mask, spacing_mm=(1, 2, 3)).iloc[0]
    assert mask[2, 3, 4] and "(2, 3, 4)" in failed["reason"]


def test_what_is_made_of_the_whole_image_stays_within_the_memory(pair):
    ours = Extractor("pyradiomics", {"setting": {**RESAMPLED, "normalize": True}, "memory": "300KB"})
    with pytest.raises(ResourceError, match=r"normalising and resampling an image of .* needs 437 KB"):
        ours.extract(*pair)
