"""Local intensity against its naive twin: spheres that leave the mask, the box and the image."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import random_volume
from naive import local as naive
from naive.terms import assert_twin
from voxomics.engine.batch import Surroundings
from voxomics.engine.families import local_intensity as family
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.kernels import local as kernel


def features_of(array, labels, spacing_mm, **options):
    options = Settings.of({"nonfinite": "exclude", **options})
    stack = MaskStack((labels.astype(np.int32),))
    batch = build(Image(array, spacing_mm), stack, find_vois(stack), options).batches["original"]
    assert (family.need(batch, None, options, ()) > 0).all()
    return family.compute(batch, None, np.arange(len(batch)), options, ())[:, 0]


def check(array, labels, spacing_mm):
    rows = features_of(array, labels, spacing_mm)
    for row, label in zip(rows, np.unique(labels[labels > 0]), strict=True):
        twin = naive.local_intensity(array, (labels == label) & np.isfinite(array), spacing_mm)
        assert list(twin) == [f.name for f in family.FEATURES]
        assert_twin(row, twin, f"VOI {label}, {spacing_mm}")


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    spacing_mm=st.tuples(*[st.sampled_from([0.9, 2.0, 2.5, 6.2, 7.0])] * 3),
    dtype=st.sampled_from([np.float64, np.float32, np.int16, ">i2", np.uint8]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, spacing_mm, dtype, seed):
    rng = np.random.default_rng(seed)
    array = rng.normal(50, 20, shape).clip(0, 200).astype(dtype).astype(np.dtype(dtype).newbyteorder("="))
    check(array, random_volume(rng, shape, 3, 0.4), spacing_mm)


def test_several_most_intense_voxels_and_missing_ones():
    rng = np.random.default_rng(1)
    array = rng.integers(0, 5, (6, 7, 8)).astype(np.float64)
    labels = random_volume(rng, array.shape, 2, 0.5)
    check(array, labels, (2.5, 1.5, 1.5))
    array[rng.random(array.shape) < 0.1] = np.nan
    array[0, 0, 0] = np.inf
    labels[2, 2, 2], labels[3, 3, 3] = 1, 2
    array[2, 2, 2] = array[3, 3, 3] = 2.0
    check(array, labels, (2.5, 1.5, 1.5))


def test_a_distant_huge_value_disturbs_nothing():
    """A running sum along the row would lose all digits."""
    array = np.random.default_rng(2).normal(0, 1, (3, 3, 60))
    array[1, 1, 3] = 1e300
    labels = np.zeros(array.shape, int)
    labels[1, 1, 30:35] = 1
    twin = naive.local_intensity(array, labels > 0, (1.0, 1.0, 1.0))
    assert_twin(features_of(array, labels, (1.0, 1.0, 1.0))[0], twin)


def test_the_sphere_is_a_cubic_centimetre():
    for spacing in [(2.0, 2.0, 2.0), (2.5, 0.8, 0.8), (0.5, 0.5, 0.5), (9.0, 9.0, 9.0), (9.0, 1.0, 7.0)]:
        rows = kernel.sphere(spacing)
        want = {
            (z, y, x)
            for z in range(-13, 14) for y in range(-13, 14) for x in range(-13, 14)
            if (z * spacing[0]) ** 2 + (y * spacing[1]) ** 2 + (x * spacing[2]) ** 2 <= kernel.RADIUS_MM**2
        }  # fmt: skip
        assert {(z, y, x) for h, z, y in rows.tolist() for x in range(-h, h + 1)} == want
        assert (np.diff(rows[:, 0]) <= 0).all()
    assert 4 / 3 * np.pi * kernel.RADIUS_MM**3 == pytest.approx(1000.0)


def test_fine_spacing_takes_the_memory_asked_for():
    rng = np.random.default_rng(5)
    array = rng.normal(50, 20, (14, 14, 14))
    labels = np.zeros(array.shape, np.int32)
    labels[3:11, 3:11, 3:11] = 1
    options, stack = Settings(), MaskStack((labels,))
    for spacing_mm in ((0.05, 0.05, 0.05), (0.3, 0.2, 0.2)):
        batch = build(Image(array, spacing_mm), stack, find_vois(stack), options).batches["original"]
        kernel.sphere.cache_clear()
        family.compute(batch, None, np.arange(1), options, ())
        kernel.sphere.cache_clear()
        tracemalloc.start()
        got = family.compute(batch, None, np.arange(1), options, ())[0, 0]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < family.need(batch, None, options, ())[0] < 6 * peak
    rows = features_of(array, labels, (0.05, 0.05, 0.05))[0]
    np.testing.assert_allclose(rows, array.mean(), rtol=1e-12)  # the sphere holds the whole image
    assert_twin(got, naive.local_intensity(array, labels > 0, spacing_mm))


def test_a_sum_beyond_float64_is_undefined():
    array = np.full((5, 5, 5), 1e308)
    assert np.isnan(features_of(array, np.ones(array.shape, int), (1.0, 1.0, 1.0))).all()


def test_slabs_neighbours_and_the_surrounding_image_change_no_bit(monkeypatch):
    rng = np.random.default_rng(3)
    array = rng.normal(0, 1, (12, 14, 15))
    labels = random_volume(rng, array.shape, 3, 0.3)
    labels[:, :, :8] = 0
    whole = features_of(array, labels, (2.5, 1.0, 1.0))
    for k in range(3):
        np.testing.assert_array_equal(features_of(array, labels == k + 1, (2.5, 1.0, 1.0))[0], whole[k])
    cropped = features_of(array[:, :, 1:].copy(), labels[:, :, 1:], (2.5, 1.0, 1.0))  # 1 mm beyond the reach
    np.testing.assert_array_equal(cropped, whole)
    monkeypatch.setattr(family, "_SLAB", 1)
    np.testing.assert_array_equal(features_of(array, labels, (2.5, 1.0, 1.0)), whole)


def test_a_voi_without_intensities_is_undefined():
    labels = np.array([[[1, 0, 2]]])
    rows = features_of(np.array([[[5.0, 1.0, 9.0]]]), labels, (9.0, 9.0, 9.0), resegmentation={"range": [0, 6]})
    assert rows[0].tolist() == [5.0, 5.0] and np.isnan(rows[1]).all()


def test_each_voi_is_measured_on_its_own_image():
    rng = np.random.default_rng(4)
    labels = random_volume(rng, (4, 5, 6), 2, 0.5)
    array = rng.integers(0, 50, labels.shape).astype(np.float64)
    stack = MaskStack((labels.astype(np.int32),))
    batch = build(Image(array, (1.0, 1.0, 1.0)), stack, find_vois(stack), Settings()).batches["original"]
    spacing_mm = np.array([[1.0, 1.0, 1.0], [3.0, 2.0, 2.0]])
    geometry = replace(batch.geometry, image_of=np.array([0, 1], np.int32), spacing_mm=spacing_mm)
    both = replace(batch, geometry=geometry, images=tuple(Surroundings(a, (0, 0, 0)) for a in (array, array.astype(np.int16))))
    rows = family.compute(both, None, np.arange(2), Settings(), ())[:, 0]
    for k in range(2):
        np.testing.assert_array_equal(rows[k], features_of(array, labels, tuple(spacing_mm[k]))[k])
    assert family.compute(both, None, np.arange(0), Settings(), ()).shape == (0, 1, 2)


def test_a_cut_out_surrounding_gives_the_bits_of_the_whole_image():
    """Near the image's edge and far from it, along every axis."""
    rng = np.random.default_rng(5)
    array, spacing_mm = rng.integers(0, 50, (40, 50, 60)).astype(np.int16), (1.5, 1.0, 2.0)
    labels = np.zeros(array.shape, np.int32)
    labels[0:3, 20:24, 57:60], labels[20:22, 0:2, 5:9], labels[38:40, 47:50, 30:33] = 1, 2, 3
    for chosen in ([1], [2], [3], [1, 2, 3]):
        stack = MaskStack((np.where(np.isin(labels, chosen), labels, 0),))
        batch = build(Image(array, spacing_mm), stack, find_vois(stack), Settings()).batches["original"]
        assert batch.images[0].array.size < array.size or len(chosen) == 3
        whole = replace(batch, images=(Surroundings(array, (0, 0, 0)),))
        rows = np.arange(len(chosen))
        np.testing.assert_array_equal(
            family.compute(batch, None, rows, Settings(), ()), family.compute(whole, None, rows, Settings(), ())
        )
