"""The lifex profile against LIFEx's own submission to IBSI (2018-12-10) on the digital phantom."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from shared import shared
from volumes import noise_and_box
from voxomics import Extractor, SettingsError, extract

PHANTOM = ("data", "ibsi1", "digital_phantom")
UNDISCRETISED = {"discretisation": [{"method": "none"}], "lifex": {"columns": "all46"}}


@pytest.fixture(scope="module")
def phantom():
    folder = shared(*PHANTOM)
    ours = Extractor("lifex", UNDISCRETISED)
    return ours.extract(folder / "image.nii.gz", folder / "mask.nii.gz").iloc[0]


@pytest.fixture(scope="module")
def expected():
    return json.loads(shared("oracle", "ibsi_digital_phantom_expected.json").read_text())


def test_38_of_the_39_submitted_values_and_sphericity_is_known_not_to(phantom, expected):
    submitted = expected["lifex_submission_20181210"]
    assert len(submitted) == 39
    misses = {name: (phantom[name], value) for name, value in submitted.items() if abs(phantom[name] - value) > 1e-4}
    assert set(misses) == {"SHAPE_Sphericity"}
    assert phantom["SHAPE_Sphericity"] == pytest.approx(0.8429401437, abs=1e-9)  # LIFEx's 0.9633 has an unknown surface


def test_all_46_equal_the_oracle(phantom, expected):
    ours = {name: value for name, value in expected["ours"].items() if not name.startswith("_")}
    assert len(ours) == 46
    for name, value in ours.items():
        assert phantom[name] == pytest.approx(value, rel=1e-9), name


def test_columns_are_those_of_the_documented_table():
    with shared("docs", "lifex_features.csv").open() as stream:
        table = list(csv.DictReader(stream))
    every = [row["lifex_name"] for row in table]
    assert Extractor("lifex", {"lifex": {"columns": "all46"}}).columns == every
    assert Extractor("lifex").columns == [r["lifex_name"] for r in table if r["in_hoshino45"] != "reading R2 only"]
    other = Extractor("lifex", {"lifex": {"columns": "hoshino45_excess_kurtosis"}})
    assert other.columns == [r["lifex_name"] for r in table if r["in_hoshino45"] != "reading R1 only"]
    assert len(other.columns) == len(Extractor("lifex").columns) == 45


def test_the_papers_bounds_truncate_and_never_reindex():
    image = np.array([[[-2000.0, -1000.0, -968.76, -968.75, 0.0, 999.0, 1000.0, 3000.0]]])
    row = Extractor("lifex").extract(image, np.ones(image.shape, int), spacing_mm=(1, 1, 1)).iloc[0]
    levels = np.array([1, 1, 1, 2, 33, 64, 64, 64])
    assert row["GLZLM_HGZE"] == pytest.approx(np.mean(np.array([1, 2, 33, 64]) ** 2.0))
    assert row["HISTO_Energy"] == pytest.approx(np.sum((np.bincount(levels) / 8) ** 2))


def test_a_setting_that_starves_a_lifex_feature_is_refused():
    with pytest.raises(SettingsError, match=r"needs glcm\.contrast"):
        Extractor("lifex", {"exclude": ["glcm.contrast"]})
    with pytest.raises(SettingsError, match="one discretisation"):
        Extractor("lifex", {"discretisation": [{"method": "none"}, {"method": "fbn", "bins": 8}]})
    for image_types in ("pyradiomics_square", ["original", "pyradiomics_square"], {"type": "original", "percentile": "lower"}):
        with pytest.raises(SettingsError, match="profile lifex measures the original image alone"):
            Extractor("lifex", {"image_types": image_types})


def test_two_clusters_are_remarked_on():
    image = np.arange(27.0).reshape(3, 3, 3)
    mask = np.zeros((3, 3, 3), int)
    mask[0] = mask[2] = 1
    row = Extractor("lifex").extract(image, mask, spacing_mm=(1, 1, 1)).iloc[0]
    assert row["reason"].endswith("; 2 separate clusters of voxels; LIFEx expects one")


def test_suv_in_bounds_meant_for_hu_is_remarked_on():
    image = np.random.default_rng(0).gamma(2.0, 2.0, (5, 5, 5))
    row = Extractor("lifex").extract(image, np.ones(image.shape, int), spacing_mm=(4, 4, 4)).iloc[0]
    assert "all intensities are in at most two levels of bounds64_-1000_1000" in row["reason"]
    suv = {"discretisation": [{"method": "bounds", "bins": 64, "low": 0, "high": 20}]}
    assert Extractor("lifex", suv).extract(image, np.ones(image.shape, int), spacing_mm=(4, 4, 4)).loc[0, "reason"] == ""


def test_a_failed_row_of_the_lifex_profile_has_no_feature():
    image, mask = noise_and_box()
    image[4, 4, 4] = np.nan
    row = extract(image, mask, spacing_mm=(1, 1, 1), profile="lifex").iloc[0]
    assert row["status"] == "failed"
    assert row.iloc[7:].isna().all()
