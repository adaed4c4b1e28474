"""Discretisation: no intensity takes a level that its bins do not have, and each family reads its own bins."""

from __future__ import annotations

import numpy as np
import pytest

from volumes import noise_and_box
from voxomics import Extractor, SettingsError, extract
from voxomics.engine.batch import VoiBatch
from voxomics.engine.discretise import channel
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Discretisation, Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.kernels.pack import levels

ONE = (1.0, 1.0, 1.0)


@pytest.mark.parametrize("bins", [3, 24, 48, 64, 1000])
def test_fixed_bin_number_has_no_level_above_the_last(bins):
    rng = np.random.default_rng(bins)
    for _ in range(200):
        low = rng.normal() * 10
        high = low + abs(rng.normal()) * 10
        beside = np.nextafter(high, low)
        level = levels.level_of_value.py_func(beside, levels.FBN, bins, 0.0, low, high)
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


TEXTURE = {"features": ["glcm.joint_average"], "discretisation": [{"method": "fbs", "width": 25, "origin": -300}]}


def test_the_histograms_own_discretisation_never_reaches_the_textures():
    image, mask = noise_and_box()
    own = {
        **TEXTURE,
        "features": ["glcm.joint_average", "intensity_histogram.maximum"],
        "histogram_discretisation": [{"method": "fbn", "bins": 7}],
    }
    both = extract(image, mask, spacing_mm=ONE, settings=own).iloc[0]
    column = "original.glcm.joint_average.3d_merged.fbs25"
    assert both[column] == extract(image, mask, spacing_mm=ONE, settings=TEXTURE).loc[0, column]
    assert both["original.intensity_histogram.maximum.fbn7"] == 7


def test_two_discretisations_with_one_name_are_refused():
    """A column would not say which of the two origins it has."""
    own = {
        **TEXTURE,
        "features": ["glcm.joint_average", "intensity_histogram.maximum"],
        "histogram_discretisation": [{"method": "fbs", "width": 25, "origin": 0}],
    }
    with pytest.raises(SettingsError, match="fbs25"):
        Extractor(settings=own)


def packed(image: np.ndarray, mask: np.ndarray) -> VoiBatch:
    stack = MaskStack((mask,))
    return build(Image(image, ONE), stack, find_vois(stack), Settings()).batches["original"]


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("width", [20.0, 0.05, 1e-4])  # dozens of levels, more than a block of voxels, and more than 16 bits
def test_levels_ranks_and_counts_by_their_definition(width, places):
    rng = np.random.default_rng(7)
    mask = rng.integers(0, 3, (16, 24, 30)).astype(np.uint8)
    mask[0, 0, 0] = 9
    batch = packed(rng.normal(0, 60, mask.shape), mask)
    chosen = Discretisation(method="fbs", width=width, origin=-30)
    found, refused, below = channel(batch, chosen, Settings(), places=places)
    assert not refused.any()
    for i in range(len(batch)):
        value = batch.value[batch.value_start[i] : batch.value_start[i + 1]]
        raw = np.floor((value + 30) / width).astype(np.int64) + 1
        level, rank, count = np.unique(np.maximum(raw, 1), return_inverse=True, return_counts=True)
        own = slice(found.level_start[i], found.level_start[i + 1])
        np.testing.assert_array_equal(found.level_of[own], level)
        np.testing.assert_array_equal(found.count[own], count)
        assert below[i] == (raw < 1).sum() and found.n_nominal[i] == level[-1]
        if places:
            box = found.level[batch.geometry.start[i] : batch.geometry.start[i + 1]]
            np.testing.assert_array_equal(box[box > 0], rank + 1)


def test_a_range_beyond_float64_has_a_fixed_number_of_bins_and_no_bins_of_fixed_size():
    image, mask = noise_and_box()
    image = image.astype(np.float64)
    image[mask > 0] = 1e308 * np.linspace(-1, 1, int((mask > 0).sum()))
    batch = packed(image, mask)
    found, refused, _ = channel(batch, Discretisation(method="fbn", bins=32), Settings())
    assert refused.tolist() == [0] and found.level_of.tolist() == list(range(1, 33))
    found, refused, _ = channel(batch, Discretisation(method="fbs", width=1e-9, origin=0), Settings())
    assert refused.tolist() == [levels.TOO_WIDE] and not found.n_present.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("chosen", [{"width": 0.1}, {"width": 0.3}, {"width": 25.0}, {"bins": 1}, {"bins": 7}, {"bins": 64}])
def test_edges_of_pyradiomics_are_numpys(dtype, chosen):
    rng = np.random.default_rng(11)
    on_edges = [np.arange(-30, 30) * 0.1, np.arange(-20, 20) * 0.3, np.arange(-60, 60, 5.0)]
    grid = np.concatenate((*on_edges, rng.normal(size=400) * 40))
    array = rng.permutation(grid)[:480].astype(dtype).reshape(8, 6, 10)
    labels = np.ones(array.shape, np.uint8)
    labels[4:] = 2
    stack = MaskStack((labels,))
    settings = Settings.of({"discretisation": [{"method": "pyradiomics", **chosen}], "features": ["glcm"]})
    batch = build(Image(array, ONE), stack, find_vois(stack), settings).batches["original"]
    (name,) = batch.channels
    found = batch.channels[name]
    for i, own in enumerate((array[:4].ravel(), array[4:].ravel())):
        if "width" in chosen:
            edges = np.arange(own.min() - own.min() % chosen["width"], own.max() + 2 * chosen["width"], chosen["width"])
        else:
            edges = np.histogram(own, chosen["bins"])[1]
            edges[-1] += 1
        levels, number = np.unique(np.digitize(own, edges), return_counts=True)
        part = slice(found.level_start[i], found.level_start[i + 1])
        assert found.level_of[part].tolist() == levels.tolist()
        assert found.count[part].tolist() == number.tolist()
        assert found.n_nominal[i] == levels.max()
