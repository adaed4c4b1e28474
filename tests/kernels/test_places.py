"""The places where kernels write features are those of the catalogue."""

from __future__ import annotations

import importlib

import pytest

SLOTS = {
    "intensity_statistics": "intensity.features",
    "intensity_histogram": "histogram",
    "intensity_volume_histogram": "ivh",
    "local_intensity": "local",
    "morphology": "shape.features",
    "spatial_autocorrelation": "spatial",
}


@pytest.mark.parametrize("family", SLOTS)
def test_every_feature_has_its_own_place(family):
    kernel = importlib.import_module(f"voxomics.kernels.{SLOTS[family]}")
    features = importlib.import_module(f"voxomics.engine.families.{family}").FEATURES
    assert [getattr(kernel, feature.name.upper()) for feature in features] == list(range(len(features)))
