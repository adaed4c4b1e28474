"""NGLDM against its naive twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import ngldm as naive
from naive.terms import assert_twin
from voxomics.engine.families import ngldm
from voxomics.kernels import ngldm as kernel

NAMES = [f.name for f in ngldm.FEATURES]
AGGREGATIONS = ngldm.FAMILY.aggregations


def features(volumes, aggregations=AGGREGATIONS, distance=1, coarseness=0, **more):
    batch, options = batch_of(volumes, {"ngldm": {"distance": distance, "coarseness": coarseness}, **more})
    return ngldm.compute(batch, batch.channels["none"], np.arange(len(batch)), options, aggregations)


def check(volumes, aggregations=AGGREGATIONS, distance=1, coarseness=0, **more):
    got = features(volumes, aggregations, distance, coarseness, **more)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.ngldm(volume, aggregation, distance, coarseness)
            assert list(twin) == NAMES
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")



@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    distance=st.sampled_from([1, 1, 2, 3]),
    coarseness=st.integers(0, 4),
    pad=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, distance, coarseness, pad, seed):
    rng = np.random.default_rng(seed)
    volumes = [random_volume(rng, shape, n, fill) for n in (n_levels, 2, 1)]
    check(volumes, distance=distance, coarseness=coarseness, glcm={"distance": pad})


@pytest.mark.parametrize("coarseness", [0, 3])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_counts_equal_the_twin(aggregation, coarseness):
    volume = random_volume(np.random.default_rng(3), (4, 5, 7), 5, 0.7) * 2  # levels 2, 4 … 10: nominal, not ranks
    batch, options = batch_of([volume], {"ngldm": {"coarseness": coarseness}})
    channel = batch.channels["none"]
    planar, per_slice = aggregation != "3d", aggregation == "2d"
    found, start, columns = ngldm.counts(batch, channel, np.arange(1), options, planar, per_slice)
    found = found[start[0] : start[1]].reshape(-1, int(channel.n_present[0]) + 1, int(columns[0]))
    assert not found[:, 0].any() and not found[:, :, 0].any()
    levels = channel.level_of.tolist()
    for key, matrix in naive.matrices(volume, aggregation, 1, coarseness).items():
        cells = found[key + 1 if per_slice else key, 1:]
        assert {(levels[a], j): n for (a, j), n in np.ndenumerate(cells) if n} == matrix


def test_slices_merged_are_the_same_bits_whether_or_not_slices_are_kept():
    volume = random_volume(np.random.default_rng(7), (5, 6, 7), 6, 0.6)
    np.testing.assert_array_equal(features([volume], ("2_5d",))[0, 0], features([volume], ("2d", "2_5d"))[0, 1])


@pytest.mark.parametrize("coarseness", [0, 1])
def test_a_box_larger_than_a_tile_equals_the_twin(coarseness):
    volume = np.random.default_rng(10).integers(1, 4, (2, 3, 800))
    assert volume[0].size > kernel.TILE
    check([volume], ("3d",), coarseness=coarseness)


def test_sparse_and_many_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)], coarseness=63)
    many = random_volume(np.random.default_rng(8), (11, 11, 11), 20_000, 0.9)
    assert len(np.unique(many)) > 1024
    check([many], ("3d", "2d"), coarseness=500)
    check([np.where(many % 3 == 1, 7, many)], ("3d", "2d"))


def test_windows_of_more_voxels_than_bytes_count_equal_the_twin():
    assert 5**3 <= kernel.MOST_IN_BYTES < 7**3
    for distance in (2, 3):
        check([np.full((7, 8, 9), 2)], ("3d",), distance)


def test_degenerate_vois():
    volumes = [np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.full((2, 2, 2), 4), np.array([[[2, 0, 7]]])]
    check(volumes)
    flat = features(volumes, ("3d",))[2, 0]
    assert flat[NAMES.index("high_dependence_emphasis")] == 64
    assert flat[NAMES.index("dependence_count_entropy")] == 0


def test_a_refused_voi_has_no_features():
    assert np.isnan(features([np.array([[[0.5, 1.5]]])])).all()


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_voi_is_the_same_alone_and_in_a_batch(aggregation):
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (4, 5, 6), n) for n in (3, 9, 5)]
    whole = features(volumes, (aggregation,))
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(features([volume], (aggregation,))[0], whole[k])
