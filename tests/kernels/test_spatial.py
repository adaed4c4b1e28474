"""Moran's I and Geary's C against their naive twin, by pairs and by FFT, and the memory they take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import spatial as naive
from naive.terms import assert_twin
from voxomics.engine.families import spatial_autocorrelation as family
from voxomics.kernels import spatial as kernel

SPACING = (2.5, 0.8, 1.1)


def features_of(volume, spacing_mm=SPACING):
    batch, options = batch_of([volume], spacing_mm=spacing_mm)
    return family.compute(batch, None, np.arange(1), options, ())[0, 0]


@settings(max_examples=15)
@given(size=st.tuples(*[st.integers(1, 6)] * 3), fill=st.sampled_from([0.2, 0.6, 1.0]), seed=st.integers(0, 2**32 - 1))
def test_random_vois_equal_the_twin(size, fill, seed):
    rng = np.random.default_rng(seed)
    volume, spacing_mm = random_volume(rng, size, 9, fill), tuple(rng.uniform(0.5, 3, 3))
    twin = naive.spatial_autocorrelation(volume, volume > 0, spacing_mm)
    assert list(twin) == [f.name for f in family.FEATURES]
    assert_twin(features_of(volume, spacing_mm), twin, volume.tolist())


@settings(max_examples=15)
@given(size=st.tuples(*[st.integers(1, 7)] * 3), fill=st.sampled_from([0.4, 1.0]), seed=st.integers(0, 2**32 - 1))
def test_both_ways_equal_the_twin(size, fill, seed):
    rng = np.random.default_rng(seed)
    inside = rng.random(size) < fill
    if inside.sum() > 1:
        g = rng.normal(size=inside.sum())
        g -= g.mean()
        twin = naive.moran_geary(np.argwhere(inside) * SPACING, g)
        assert_twin(kernel.by_fft(inside, g, SPACING), twin, "by FFT")
        assert_twin(kernel.by_pairs(inside, g, SPACING), twin, "by pairs")


def test_constant_intensity_has_no_spatial_correlation():
    assert np.isnan(features_of(np.full((2, 3, 4), 3))).all()


def test_memory_grows_with_the_padded_box():
    large = np.ones((20, 20, 20), int)
    batch, options = batch_of([large, np.ones((2, 2, 2), int)])
    need = family.need(batch, None, options, ())
    assert need.shape == (2,) and need.dtype == np.int64
    assert need[0] > 9 * 40**3 > need[1]


@pytest.mark.parametrize("size", [(40, 40, 40), (1, 150, 300), (150, 300, 1), (5, 6, 900)])
def test_the_spectra_stay_within_the_memory_asked_for(size):
    volume = np.random.default_rng(8).integers(1, 9, size)
    batch, options = batch_of([volume])
    family.compute(batch, None, np.arange(1), options, ())  # imports and compiles
    tracemalloc.start()
    family.compute(batch, None, np.arange(1), options, ())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < family.need(batch, None, options, ())[0] < 4 * peak


@pytest.mark.parametrize(
    ("shift", "scale"), [(1e9, 2.0**-10), (0.0, 1e-200), (0.0, 1e160), (0.0, 1e300), (-1e300, 1e299)]
)
@pytest.mark.parametrize("size", [(3, 4, 5), (12, 13, 14)])
def test_spatial_correlation_keeps_its_digits_wherever_the_intensities_lie(shift, scale, size):
    values = np.random.default_rng(9).integers(1, 9, size).ravel().astype(float)
    inside = np.ones(size, bool)
    method = kernel.by_pairs if inside.size < 100 else kernel.by_fft
    expected = method(inside, kernel.centred(values), SPACING)
    got = method(inside, kernel.centred(values * scale + shift), SPACING)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    g = values - values.mean()
    np.testing.assert_allclose(method(inside, g, SPACING), expected, rtol=1e-11)
