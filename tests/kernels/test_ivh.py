"""Intensity-volume histogram against its naive twin, and its range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import assert_close, batch_of, random_volume
from naive import ivh as naive
from naive.terms import assert_twin
from voxomics.engine.discretise import channel
from voxomics.engine.families import intensity_volume_histogram as family


def features_of(volumes, ivh, masks=None, **more):
    batch, options = batch_of(
        volumes, {"discretisation": [{"method": "fbn", "bins": 2}], "ivh_discretisation": ivh, **more}, masks=masks
    )
    levels, *_ = channel(batch, options.ivh_discretisation, options, level_min=-(2**62))
    return family.compute(batch, levels, np.arange(len(batch)), options, ())[:, 0]


def same(row, twin):
    assert list(twin) == [f.name for f in family.FEATURES]
    assert_twin(row, twin)


NONE = {"method": "none"}
volumes_of = st.builds(
    lambda seed, shape, n, fill: random_volume(np.random.default_rng(seed), shape, n, fill),
    st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 5)] * 3), st.integers(1, 30), st.sampled_from([0.3, 1.0]),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(volume=volumes_of, shift=st.sampled_from([0, -1000, 20_000]))
def test_none_without_a_range_runs_from_the_minimum_to_the_maximum(volume, shift):
    mask = volume > 0
    values = volume[mask] + shift
    row = features_of([volume + shift], NONE, [mask])[0]
    same(row, naive.ivh(values.tolist(), int(values.min()), int(values.max())))


@settings(max_examples=30, deadline=None)
@given(volume=volumes_of, low=st.sampled_from([None, -7, 1, 2.5, float("-inf")]), high=st.sampled_from([None, 31, 12, 40.5]))
def test_none_runs_over_the_resegmentation_range(volume, low, high):
    values = [v for v in volume[volume > 0].tolist() if (low is None or v >= low) and (high is None or v <= high)]
    row = features_of([volume], NONE, resegmentation={"range": [low, high]})[0]
    if not values:
        assert np.isnan(row).all()
        return
    first = min(values) if low is None or np.isinf(low) else int(np.ceil(low))
    last = max(values) if high is None else int(np.floor(high))
    same(row, naive.ivh(values, first, last))


@settings(max_examples=30, deadline=None)
@given(volume=volumes_of, width=st.sampled_from([1.0, 0.1, 2.5]), high=st.sampled_from([None, 30.0, 11.3]))
def test_fixed_bin_size_speaks_of_bin_centres(volume, width, high):
    x = volume * 1.37
    kept = x[(volume > 0) & (x <= (np.inf if high is None else high))]
    row = features_of([x], {"method": "fbs", "width": width}, [volume > 0], resegmentation={"range": [0, high]})[0]
    if not kept.size:
        assert np.isnan(row).all()
        return
    levels = np.floor(kept / width) + 1
    last = levels.max() if high is None else np.ceil(np.round(high / width, 9))
    same(row, naive.ivh(((levels - 0.5) * width).tolist(), 0.5 * width, (last - 0.5) * width, width))


@settings(max_examples=30, deadline=None)
@given(volume=volumes_of, bins=st.sampled_from([2, 9, 1000]))
def test_fixed_bin_number_runs_over_all_bins(volume, bins):
    x = volume[volume > 0].astype(float)
    levels = np.minimum(np.floor(bins * (x - x.min()) / max(np.ptp(x), 1e-9)), bins - 1) + 1 if np.ptp(x) else np.ones(x.size)
    same(features_of([volume], {"method": "fbn", "bins": bins})[0], naive.ivh(levels.tolist(), 1, bins))


def test_the_own_minimum_as_origin():
    x = np.array([[[3.25, 4.0, 5.5, 6.75]]])
    row = features_of([x], {"method": "fbs", "width": 0.5, "origin": "minimum"})[0]
    levels = np.floor((x.ravel() - 3.25) / 0.5) + 1
    same(row, naive.ivh((3.25 + (levels - 0.5) * 0.5).tolist(), 3.5, 3.25 + (levels.max() - 0.5) * 0.5, 0.5))


def test_an_origin_above_some_intensities():
    x = np.array([[[1.0, 2.0, 8.0, 9.0]]])
    row = features_of([x], {"method": "fbs", "width": 1.0, "origin": 5.0})[0]
    assert row[:4].tolist() == [0.5, 0.25, 10.5, 5.5]


def test_a_straight_curve_has_the_area_of_its_triangle():
    """Closed form: m equally filled steps, ν_k = 1 - k/m: V_x = 1 - ⌈x (m-1)⌉/m, area (m+1) / 2m."""
    for m in (2, 5, 11, 101):
        row = features_of([np.arange(1, m + 1).reshape(1, 1, m)], NONE)[0]
        v10, v90 = (1 - -(-p * (m - 1) // 100) / m for p in (10, 90))
        assert_close(row[[0, 1, 6]], [v10, v90, (m + 1) / (2 * m)])


@pytest.mark.parametrize("mode", [NONE, {"method": "fbn", "bins": 10}, {"method": "fbs", "width": 1.0, "origin": 0.0}])
def test_one_level(mode):
    row = features_of([np.full((2, 2, 2), 4)], mode)[0]
    assert row[6] == 0.0  # by definition
    assert np.isnan(row[[0, 1, 4]]).tolist() == [mode["method"] == "none"] * 3
    step = {"none": 5, "fbn": 2, "fbs": 5.5}[mode["method"]]  # the first that no voxel reaches
    assert row[2:4].tolist() == [step, step] and row[5] == 0.0


def test_sparse_levels_cost_nothing():
    far = 10**12
    row = features_of([np.array([[[1, far // 2, far]]])], NONE)[0]
    twin = [2 / 3, 1 / 3, far + 1, 2, 1 / 3, far - 1]
    assert_close(row[:6], twin)
    assert row[6] == pytest.approx(0.5, abs=1e-11)


def test_intensities_that_are_no_levels_are_undefined():
    rows = features_of([np.array([[[1.5, 2.0]]]), np.array([[[3.0, 4.0]]])], NONE)
    assert np.isnan(rows[0]).all() and not np.isnan(rows[1]).any()


def test_more_than_1024_levels_and_a_batch():
    rng = np.random.default_rng(3)
    volumes = [rng.integers(1, 5000, (10, 12, 13)), random_volume(rng, (3, 4, 5), 7)]
    assert len(np.unique(volumes[0])) > 1024
    whole = features_of(volumes, NONE)
    for k, volume in enumerate(volumes):
        values = volume[volume > 0].tolist()
        same(whole[k], naive.ivh(values, min(values), max(values)))
        np.testing.assert_array_equal(features_of([volume], NONE)[0], whole[k])
