"""Intensity histogram against its naive twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import histogram as naive
from naive.terms import assert_twin
from voxomics.engine.families import intensity_histogram as family
from voxomics.kernels.intensity.percentiles import PERCENTILE_RULES


def features_of(batch, options, channel=None):
    return family.compute(batch, channel or batch.channels["none"], np.arange(len(batch)), options, ())[:, 0]


def check(volumes, rule="linear", n_levels=None):
    batch, options = batch_of(volumes, {"percentile": rule})
    for k, (row, volume) in enumerate(zip(features_of(batch, options), volumes, strict=True)):
        twin = naive.histogram(volume[volume > 0].tolist(), int(volume.max()), rule)
        assert list(twin) == [f.name for f in family.FEATURES]
        assert_twin(row, twin, f"VOI {k}")


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.integers(1, 40),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    rule=st.sampled_from(PERCENTILE_RULES),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, rule, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, shape, n_levels, fill) for _ in range(3)], rule)


def test_counts_are_those_of_numpy():
    rng = np.random.default_rng(1)
    volumes = [random_volume(rng, (5, 6, 7), n) for n in (1, 9, 300)]
    batch, _ = batch_of(volumes)
    level, found, start = family.counts(batch.channels["none"], np.array([2, 0, 1]))
    for k, i in enumerate([2, 0, 1]):
        want = np.unique(volumes[i][volumes[i] > 0], return_counts=True)
        np.testing.assert_array_equal(level[start[k] : start[k + 1]], want[0])
        np.testing.assert_array_equal(found[start[k] : start[k + 1]], want[1])


@pytest.mark.parametrize(
    "levels", ["1", "7", "12", "35", "1122", "22449", "1115", "14", "15", "277", "666", "123499", "1357", "1177"]
)
def test_small_histograms_with_gaps_and_ties(levels):
    check([np.array([[[int(level) for level in levels]]])])


def test_the_mode_is_the_lower_of_two_at_the_same_distance_from_the_mean():
    batch, options = batch_of([np.array([[[1, 1, 2, 3, 3]]]), np.array([[[1, 1, 1, 4, 4, 4, 6, 6, 6]]])])
    assert features_of(batch, options)[:, 9].tolist() == [1, 4]


def test_sparse_and_many_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**5 + 20_000, 0)])
    many = np.random.default_rng(6).permutation(np.arange(1, 3001, 2)).reshape(10, 10, 15)
    assert len(np.unique(many)) > 1024
    check([many])


def test_absent_levels_cost_nothing():
    volume = np.array([[[1, 10**12, 10**12, 10**12 + 1]]])
    batch, options = batch_of([volume])
    row = features_of(batch, options)[0]
    # H' is greatest before the last level but one, where two voxels follow none, and least behind it and at level 1
    assert row[19:].tolist() == [1.0, 10**12 - 1, -1.0, 1.0]
    assert (row[8], row[9], row[4]) == (10**12 + 1, 10**12, 10**12)


def test_levels_above_the_highest_present_belong_to_the_histogram():
    volume = np.array([[[1.0, 2.0, 2.0]]])
    bounds = {"method": "bounds", "bins": 5, "low": 0.5, "high": 5.5}
    batch, options = batch_of([volume], {"discretisation": [bounds]})
    row = features_of(batch, options, next(iter(batch.channels.values())))[0]
    # H = 1 2 0 0 0, H' = 1 -0.5 -1 0 0
    assert row[19:].tolist() == [1.0, 1.0, -1.0, 3.0]


def test_a_voi_without_levels_is_undefined():
    volumes = [np.array([[[1.5, 2.5]]]), np.array([[[3, 4]]])]
    batch, options = batch_of(volumes)
    rows = features_of(batch, options)
    assert np.isnan(rows[0]).all() and not np.isnan(rows[1, :12]).any()
    empty, options = batch_of(volumes, {"resegmentation": {"range": [100, 200]}})
    assert np.isnan(features_of(empty, options)).all()


def test_a_voi_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(7)
    volumes = [random_volume(rng, (4, 5, 6), n) for n in (3, 200, 5)]
    together, options = batch_of(volumes)
    whole = features_of(together, options)
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(features_of(*batch_of([volume]))[0], whole[k])
