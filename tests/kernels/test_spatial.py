"""Moran's I and Geary's C against their naive twin, each way of taking them, and the memory they take."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import spatial as naive
from naive.terms import assert_twin
from voxomics.engine.families import spatial_autocorrelation as family
from voxomics.kernels import spatial as kernel
from voxomics.kernels import spectra

SPACING = (2.5, 0.8, 1.1)


INF = np.inf
ONLY = {
    "pairs": np.array([0, INF, INF, INF, INF, INF]),
    "rows": np.array([INF, 0, INF, INF, INF, INF]),
    "lags": np.array([INF, INF, 0, 0, INF, 0]),
    "fft": np.array([INF, INF, INF, INF, 0, 0]),
}
"""In place of COST: one way costs nothing."""


def features_of(*volumes, spacing_mm=SPACING, masks=None):
    batch, options = batch_of(volumes, spacing_mm=spacing_mm, masks=masks)
    assert (family.need(batch, None, options, ()) > 0).all()
    return family.compute(batch, None, np.arange(len(batch)), options, ())[:, 0]


@settings(max_examples=15)
@given(size=st.tuples(*[st.integers(1, 6)] * 3), fill=st.sampled_from([0.2, 0.6, 1.0]), seed=st.integers(0, 2**32 - 1))
def test_random_vois_equal_the_twin(size, fill, seed):
    rng = np.random.default_rng(seed)
    volume, spacing_mm = random_volume(rng, size, 9, fill), tuple(rng.uniform(0.5, 3, 3))
    twin = naive.spatial_autocorrelation(volume, volume > 0, spacing_mm)
    assert list(twin) == [f.name for f in family.FEATURES]
    assert_twin(features_of(volume, spacing_mm=spacing_mm)[0], twin, volume.tolist())


@pytest.mark.parametrize("way", ONLY)
@settings(max_examples=15)
@given(
    size=st.tuples(*[st.integers(1, 7)] * 3),
    fill=st.sampled_from([0.1, 0.4, 1.0]),
    threshold=st.sampled_from([0, 3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_way_equals_the_twin(way, size, fill, threshold, seed):
    """Also where a mask has holes and where voxels of the drawn mask are gone."""
    rng = np.random.default_rng(seed)
    volume = random_volume(rng, size, 9, fill)
    volume.flat[rng.integers(volume.size)] = 9
    spacing_mm = tuple(rng.uniform(0.5, 3, 3))
    options = {"discretisation": "none", "resegmentation": {"range": [threshold, None]}}
    batch, options = batch_of([volume], options, spacing_mm)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "COST", ONLY[way])
        got = family.compute(batch, None, np.arange(1), options, ())[0, 0]
    assert_twin(got, naive.spatial_autocorrelation(volume, volume > max(threshold - 1, 0), spacing_mm), volume.tolist())


@pytest.mark.parametrize("way", ["rows", "lags", "fft"])
def test_many_frequencies_are_taken_in_parts(way, monkeypatch):
    """More than a block of them, more than are held at once, and rows of any length."""
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (3, 4, nx), 9, 0.5) for nx in (1, 2, 3, 37, 70, 131)]
    monkeypatch.setattr(kernel, "COST", ONLY["pairs"])
    expected = features_of(*volumes)
    monkeypatch.setattr(kernel, "COST", ONLY[way])
    monkeypatch.setattr(spectra, "SPECTRUM", 1)
    np.testing.assert_allclose(features_of(*volumes), expected, rtol=1e-11)


def test_the_other_vois_of_a_batch_change_no_bit():
    rng = np.random.default_rng(7)
    sizes = [(3, 4, 5), (3, 4, 5), (9, 20, 24), (1, 1, 60), (30, 31, 32), (3, 4, 5), (3, 5, 4), (2, 1, 1)]
    volumes = [random_volume(rng, size, 9, 0.8) for size in sizes]
    volumes[3][:, :, 1:-1] = 0
    volumes[3][0, 0, ::59] = 1, 2
    batch, options = batch_of(volumes, spacing_mm=SPACING)
    together = family.compute(batch, None, np.arange(len(batch)), options, ())[:, 0]
    for order in ([7, 0, 6, 1, 4, 3, 5, 2], [2], [1], [5, 3]):
        np.testing.assert_array_equal(family.compute(batch, None, np.array(order), options, ())[:, 0], together[order])
    for volume, row in zip(volumes, together, strict=True):
        np.testing.assert_array_equal(features_of(volume)[0], row)


def test_equal_boxes_on_images_of_different_spacing():
    rng = np.random.default_rng(10)
    volumes = [random_volume(rng, (3, 4, 5), 9, 0.8) for _ in range(3)]
    volumes = [np.where(volume, volume, 1) for volume in volumes]
    batch, options = batch_of(volumes)
    spacing_mm = np.array([SPACING, (1.0, 2.0, 1.5)])
    geometry = replace(batch.geometry, image_of=np.array([0, 1, 0], np.int32), spacing_mm=spacing_mm)
    rows = family.compute(replace(batch, geometry=geometry), None, np.arange(3), options, ())[:, 0]
    for row, volume, k in zip(rows, volumes, geometry.image_of, strict=True):
        assert_twin(row, naive.spatial_autocorrelation(volume, volume > 0, spacing_mm[k]))


def ways_of(*sizes):
    """The way that each box takes if all of its voxels are set."""
    batch, _ = batch_of([np.ones(size, int) for size in sizes])
    return family._ways(batch)[1].tolist()


def test_the_way_follows_from_the_box_and_the_number_of_voxels():
    assert ways_of((9, 15, 15), (20, 40, 50), (100, 20, 20)) == [kernel.ROWS, kernel.LAGS, kernel.FFT]
    few = np.zeros((40, 50, 60), int)
    few[::39, ::49, ::59] = 1
    assert family._ways(batch_of([few])[0])[1].tolist() == [kernel.PAIRS]


def test_constant_intensity_has_no_spatial_correlation(monkeypatch):
    for cost in ONLY.values():
        monkeypatch.setattr(kernel, "COST", cost)
        assert np.isnan(features_of(np.full((2, 3, 4), 3), np.ones((1, 1, 1), int))).all()


@pytest.mark.parametrize("size", [(40, 40, 40), (1, 150, 300), (150, 300, 1), (5, 6, 900), (70, 70, 70), (25, 45, 53)])
def test_the_spectra_stay_within_the_memory_asked_for(size):
    volume = np.random.default_rng(8).integers(1, 9, size)
    batch, options = batch_of([volume])
    family.compute(batch, None, np.arange(1), options, ())  # imports and compiles
    tracemalloc.start()
    family.compute(batch, None, np.arange(1), options, ())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < family.need(batch, None, options, ())[0] < 4 * peak


@pytest.mark.parametrize("way", ONLY)
@pytest.mark.parametrize(("shift", "scale"), [(1e9, 2.0**-10), (0.0, 1e-200), (0.0, 1e160), (0.0, 1e300), (-1e300, 1e299)])
def test_spatial_correlation_keeps_its_digits_wherever_the_intensities_lie(shift, scale, way, monkeypatch):
    monkeypatch.setattr(kernel, "COST", ONLY[way])
    values = np.random.default_rng(9).integers(1, 9, (6, 7, 8)).astype(float)
    inside = np.ones(values.shape, bool)
    expected = naive.spatial_autocorrelation(values, inside, SPACING)
    assert_twin(features_of(values, masks=[inside])[0], expected)
    assert_twin(features_of(values * scale + shift, masks=[inside])[0], expected)
