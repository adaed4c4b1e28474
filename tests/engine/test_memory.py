"""The memory limit: what does not fit costs only itself, or is refused with the setting to change."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from voxomics import ResourceError, extract
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.engine.work import packed_bytes

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


@pytest.mark.parametrize(
    "given",
    [["fbs:25:0"], ["fbn:32", "fbs:10:0", "fbs:0.01:0", "fbn:300"], ["fbs:0.000001:0"]],
    ids=["usual", "many channels", "sorted levels"],
)
@pytest.mark.parametrize("side", [40, 70])
def test_packing_stays_within_the_memory_asked_for(given, side):
    rng = np.random.default_rng(1)
    image, mask = Image(rng.normal(100, 40, (side,) * 3), ONE), np.zeros((side,) * 3, np.uint8)
    mask[1:-1, 1:-1, 1:-1] = 1
    options, stack = Settings.of({"discretisation": given, "exclude": ["local_intensity"]}), MaskStack((mask,))
    vois = find_vois(stack)
    build(image, stack, vois, options)  # imports and compiles
    tracemalloc.start()
    build(image, stack, vois, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < packed_bytes(vois, ONE, options, 0)[0] < 4 * peak
