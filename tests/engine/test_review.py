"""What a hostile reading found: each test is a bug that was there."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from voxomics import Extractor, InputError, ResourceError, SettingsError, extract
from voxomics.engine import resample
from voxomics.io import tables as table
from voxomics.kernels import pack

ONE = (1.0, 1.0, 1.0)
MEAN = {"features": ["intensity_statistics.mean"]}


def box(shape=(12, 13, 14), margin=2):
    mask = np.zeros(shape, np.uint8)
    mask[margin:-margin, margin:-margin, margin:-margin] = 1
    return np.random.default_rng(0).normal(0, 50, shape), mask


# --- numbers


@pytest.mark.parametrize("bins", [3, 24, 48, 64, 1000])
def test_fixed_bin_number_has_no_level_above_the_last(bins):
    rng = np.random.default_rng(bins)
    for _ in range(200):
        low = rng.normal() * 10
        high = low + abs(rng.normal()) * 10
        beside = np.nextafter(high, low)
        level = pack.level_of_value.py_func(beside, pack.FBN, bins, 0.0, low, high)
        assert 1 <= level <= bins


@pytest.mark.parametrize("seed", range(4))
def test_a_saturated_plateau_that_was_resampled_stays_in_the_last_bin(seed):
    image = np.random.default_rng(seed).integers(-100, 3000, (20, 20, 20)).astype(np.int16)
    image[6:14, 6:14, 6:14] = 3071
    mask = np.zeros(image.shape, np.uint8)
    mask[3:17, 3:17, 3:17] = 1
    chosen = [{"method": "fbn", "bins": bins} for bins in range(20, 130)]
    settings = {
        "features": ["intensity_histogram.maximum"],
        "discretisation": chosen,
        "resampling": {"spacing_mm": [0.8] * 3},
    }
    row = extract(image, mask, spacing_mm=ONE, settings=settings).iloc[0]
    for one in chosen:
        assert row[f"original.intensity_histogram.maximum.fbn{one['bins']}"] == one["bins"]


def test_the_histograms_own_discretisation_never_reaches_the_textures():
    image, mask = box()
    texture = {"features": ["glcm.joint_average"], "discretisation": [{"method": "fbs", "width": 25, "origin": -300}]}
    both = {
        **texture,
        "features": ["glcm.joint_average", "intensity_histogram.mean"],
        "histogram_discretisation": [{"method": "fbs", "width": 25, "origin": 0}],
    }
    try:
        found = extract(image, mask, spacing_mm=ONE, settings=both)
    except SettingsError:
        return  # refusing two meanings of one name is right as well
    column = "original.glcm.joint_average.3d_merged.fbs25"
    assert found.loc[0, column] == extract(image, mask, spacing_mm=ONE, settings=texture).loc[0, column]


@pytest.mark.parametrize("sigma", [0.3, 0.9, 1.0, 3.0])
def test_a_constant_voi_has_no_outliers(sigma):
    _, mask = box()
    settings = {**MEAN, "resegmentation": {"outliers_sigma": sigma}}
    row = extract(np.full(mask.shape, 0.1), mask, spacing_mm=ONE, settings=settings).iloc[0]
    assert row["status"] == "ok"


@pytest.mark.parametrize("axis", range(3))
def test_a_neighbour_of_weight_zero_does_not_spread_its_nan(axis):
    image, mask = box((12, 12, 12), 3)
    image[tuple(9 if a == axis else slice(None) for a in range(3))] = np.nan
    spacing = [None] * 3
    spacing[(axis + 1) % 3] = 0.5
    row = extract(image, mask, spacing_mm=ONE, settings={**MEAN, "resampling": {"spacing_mm": spacing}}).iloc[0]
    assert row["status"] == "ok", row["reason"]


def test_one_nan_far_away_does_not_fail_every_voi_of_a_spline():
    image, mask = box((24, 24, 24), 9)
    image[0, 0, 0] = np.nan
    settings = {**MEAN, "resampling": {"spacing_mm": [0.7] * 3, "image": "cubic_spline"}}
    row = extract(image, mask, spacing_mm=ONE, settings=settings).iloc[0]
    assert row["status"] == "ok", row["reason"]


def test_a_failed_row_of_the_lifex_profile_has_no_feature():
    image, mask = box()
    image[4, 4, 4] = np.nan
    row = extract(image, mask, spacing_mm=ONE, profile="lifex").iloc[0]
    assert row["status"] == "failed"
    assert row.iloc[7:].isna().all()


# --- memory and work


def test_morans_i_that_does_not_fit_costs_no_other_feature():
    rng = np.random.default_rng(0)
    mask = np.zeros((64, 64, 64), np.uint8)
    mask[2:62, 2:62, 2:62] = 1
    settings = {"features": ["morphology"], "memory": "24MB"}
    row = extract(rng.normal(size=mask.shape), mask, spacing_mm=ONE, settings=settings).iloc[0]
    assert row["original.morphology.volume_voxel_counting"] == 60**3
    assert row["original.morphology.sphericity"] > 0


def test_a_grid_that_does_not_fit_is_refused_with_the_setting():
    image = np.zeros((60, 60, 60))
    mask = np.zeros(image.shape, np.uint8)
    mask[30, 30, 30] = 1
    settings = {**MEAN, "resampling": {"spacing_mm": [0.005] * 3}}
    with pytest.raises(ResourceError, match=r"memory.*spacing_mm|spacing_mm.*memory"):
        extract(image, mask, spacing_mm=ONE, settings=settings)


def test_an_image_is_resampled_once_however_many_batches_it_takes(monkeypatch):
    calls, before = [], resample.resample
    monkeypatch.setattr(resample, "resample", lambda *given: calls.append(1) or before(*given))
    mask = np.zeros((60, 60, 60), np.int32)
    places = [(z, y, x) for z in range(2, 56, 6) for y in range(2, 56, 6) for x in range(2, 56, 6)]
    for k, (z, y, x) in enumerate(places, 1):
        mask[z : z + 4, y : y + 4, x : x + 4] = k
    settings = {**MEAN, "memory": "8MB", "resampling": {"spacing_mm": [0.8] * 3}}
    found = extract(np.random.default_rng(0).normal(size=mask.shape), mask, spacing_mm=ONE, settings=settings)
    assert len(found) == len(places) and (found["status"] == "ok").all()
    assert len(calls) == 1


# --- settings


@pytest.mark.parametrize(
    "settings",
    [
        {"resegmentation": {"range": [None, float("nan")]}},
        {"discretisation": [{"method": "fbs", "width": 25, "origin": float("nan")}]},
        {"discretisation": [{"method": "fbs", "width": 25}], "resegmentation": {"range": [float("-inf"), 400]}},
        {"discretisation": [{"method": "fbn", "bins": 10**30}]},
        {"ngldm": {"coarseness": 10**30}},
    ],
)
def test_settings_without_meaning_are_refused(settings):
    with pytest.raises(SettingsError):
        Extractor(settings=settings)


# --- files


def test_an_infinite_bound_of_the_range_is_written_as_json_that_others_read(tmp_path):
    image, mask = box()
    found = extract(image, mask, spacing_mm=ONE, settings={**MEAN, "resegmentation": {"range": [0, float("inf")]}})

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    for name in ("a.json", "a.csv"):
        table.write(found, tmp_path / name)
        json.loads((tmp_path / f"{name}.meta.json").read_text(), parse_constant=refuse)


def test_an_infinite_value_is_no_reason_to_lose_the_table(tmp_path):
    image, mask = box()
    found = extract(image * 1e160, mask, spacing_mm=ONE, settings={"features": ["intensity_statistics.energy"]})
    table.write(found, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["rows"]


def test_an_output_that_cannot_be_written_is_an_input_error(tmp_path):
    image, mask = box()
    found = extract(image, mask, spacing_mm=ONE, settings=MEAN)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError):
        table.write(found, tmp_path / "folder.csv")
    with pytest.raises(InputError):
        table.write(found, tmp_path / ("a" * 245 + ".csv"))


def test_a_link_to_the_table_stays_a_link(tmp_path):
    image, mask = box()
    (tmp_path / "real").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "a.csv")
    table.write(extract(image, mask, spacing_mm=ONE, settings=MEAN), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").is_symlink() and (tmp_path / "real" / "a.csv").stat().st_size > 0


@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
def test_the_input_hash_follows_the_voxels_of_a_detached_header(tmp_path, ending):
    image, mask = box()
    hashes = []
    for offset in (0, 5):
        sitk.WriteImage(sitk.GetImageFromArray(image + offset), str(tmp_path / f"i.{ending}"))
        found = extract(tmp_path / f"i.{ending}", sitk.GetImageFromArray(mask), settings=MEAN)
        hashes.append(found.attrs["voxomics"]["inputs"]["image"]["sha256"])
    assert hashes[0] != hashes[1]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_file_name_that_is_not_utf8_does_not_end_the_process(tmp_path):
    name = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 4, 4), np.int16)), str(tmp_path / "a.nii.gz"))
    os.rename(tmp_path / "a.nii.gz", name)
    code = (
        "import sys, os; from voxomics import InputError; from voxomics.io import read_image\n"
        "try: read_image(os.fsdecode(bytes.fromhex(sys.argv[1])))\n"
        "except InputError: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code, name.hex()], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr[-300:]


@pytest.mark.parametrize("label", ["²", "--5"])
def test_a_label_that_is_no_number_is_an_input_error(tmp_path, label):
    from voxomics.cli import app

    image, mask = box()
    for name, array in (("i.nii.gz", image), ("m.nii.gz", mask)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / name))
    files = [str(tmp_path / "i.nii.gz"), str(tmp_path / "m.nii.gz"), "-o", str(tmp_path / "t.csv")]
    assert CliRunner().invoke(app, ["extract", *files, f"--labels={label}", "-q"]).exit_code == 2
