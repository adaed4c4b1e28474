"""The places where kernels write features are those of the catalogue."""

from __future__ import annotations

import importlib

import pytest

from voxomics.engine import families

SLOTS = {
    "intensity_statistics": "intensity.moments",
    "intensity_histogram": "histogram",
}


@pytest.mark.parametrize("family", SLOTS)
def test_every_feature_has_its_own_place(family):
    kernel = importlib.import_module(f"voxomics.kernels.{SLOTS[family]}")
    features = importlib.import_module(f"voxomics.engine.families.{family}").FEATURES
    assert [getattr(kernel, feature.name.upper()) for feature in features] == list(range(len(features)))
    assert {feature.name for feature in features} <= {feature.name for one in families.FAMILIES for feature in one.features}
