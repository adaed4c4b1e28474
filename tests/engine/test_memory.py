"""The memory limit: what does not fit costs only itself, or is refused with the setting to change."""

from __future__ import annotations

import numpy as np
import pytest

from voxomics import ResourceError, extract

ONE = (1.0, 1.0, 1.0)


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
    settings = {"features": ["intensity_statistics.mean"], "resampling": {"spacing_mm": [0.005] * 3}}
    with pytest.raises(ResourceError, match=r"memory.*spacing_mm|spacing_mm.*memory"):
        extract(image, mask, spacing_mm=ONE, settings=settings)
