"""GLCM against its naive twin."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import assert_close, batch_of, random_volume
from naive import glcm as naive
from voxomics.engine.directions import directions
from voxomics.engine.families import glcm

AGGREGATIONS = glcm.FAMILY.aggregations


def check(volumes, distance=1, aggregations=AGGREGATIONS, n_levels=None):
    batch, options = batch_of(volumes, {"glcm": {"distance": distance}})
    vois = np.arange(len(batch))
    got = glcm.compute(batch, batch.channels["none"], vois, options, aggregations)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.glcm(volume, volume.max(), aggregation, distance)
            if twin is None:
                assert np.isnan(got[k, j]).all()
            else:
                assert list(twin) == [f.name for f in glcm.FEATURES]
                scale = float(volume.max()) ** 4
                expected = np.array(list(twin.values()))
                # √ of a difference of entropies: where it is 0 but for rounding, the twin has up to √(2 · ROUNDING) per matrix
                assert abs(got[k, j, -1] - expected[-1]) <= 2e-7
                assert_close(got[k, j, :-1], expected[:-1], scale, f"VOI {k}, {aggregation}")


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, shape, n_levels, fill) for _ in range(3)])


def test_distance_two():
    check([random_volume(np.random.default_rng(2), (4, 5, 6), 5)], distance=2)


def test_counts_equal_the_twin():
    volume = random_volume(np.random.default_rng(3), (4, 5, 6), 7)
    batch, _ = batch_of([volume])
    channel = batch.channels["none"]
    found, start = glcm.counts(batch, channel, np.arange(1), 1, ("3d_averaged",))
    width = int(channel.n_present[0]) + 1
    found = found[start[0] : start[1]].reshape(13, width, width)[:, 1:, 1:]
    twin = naive.matrices(volume, "3d_averaged")
    assert found.sum() * 2 == sum(sum(m.values()) for m in twin.values())
    levels = channel.level_of.tolist()
    for d, offset in enumerate(directions(1)):
        symmetric = found[d] + found[d].T
        key = tuple(offset) if tuple(offset) in twin else tuple(-offset)
        assert {(levels[a], levels[b]): n for (a, b), n in np.ndenumerate(symmetric) if n} == twin[key]


def test_many_levels_take_the_sparse_path_and_equal_the_dense_one(monkeypatch):
    volume = random_volume(np.random.default_rng(4), (5, 6, 7), 40)
    batch, options = batch_of([volume])
    dense = glcm.compute(batch, batch.channels["none"], np.arange(1), options, AGGREGATIONS)
    monkeypatch.setattr(glcm, "DENSE_LEVELS", 2)
    sparse = glcm.compute(batch, batch.channels["none"], np.arange(1), options, AGGREGATIONS)
    assert_close(sparse, dense, 40.0**4)


def test_sparse_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)], aggregations=("3d_averaged", "3d_merged"))


def test_one_voxel_and_two_in_a_line():
    check([np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.full((2, 2, 2), 4)])


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_voi_is_the_same_alone_and_in_a_batch(aggregation):
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (4, 5, 6), n) for n in (3, 9, 5)]
    together, options = batch_of(volumes)
    whole = glcm.compute(together, together.channels["none"], np.arange(3), options, (aggregation,))
    for k, volume in enumerate(volumes):
        alone, options = batch_of([volume])
        np.testing.assert_array_equal(
            glcm.compute(alone, alone.channels["none"], np.arange(1), options, (aggregation,))[0], whole[k]
        )


def test_a_wide_span_of_levels_costs_nothing(monkeypatch):
    rng = np.random.default_rng(7)
    ranks = random_volume(rng, (6, 7, 8), 9)
    levels = np.concatenate(([0], np.sort(rng.choice(10**9, 9, replace=False)) + 1))
    batch, options = batch_of([levels[ranks], ranks])
    channel, vois = batch.channels["none"], np.arange(2)
    need = glcm.need(batch, channel, options, AGGREGATIONS)
    assert need[0] == need[1]
    start = time.process_time()
    dense = glcm.compute(batch, channel, vois, options, AGGREGATIONS)
    assert time.process_time() - start < 2
    check([levels[ranks] // 1000 + 1], aggregations=("3d_merged",))
    monkeypatch.setattr(glcm, "DENSE_LEVELS", 2)
    sparse = glcm.compute(batch, channel, vois, options, AGGREGATIONS)
    np.testing.assert_allclose(sparse, dense, rtol=1e-9, atol=1e-7)


def test_the_work_does_not_follow_the_span():
    rng = np.random.default_rng(8)
    volumes = [rng.integers(1, 28, (3, 3, 3)) for _ in range(200)]
    seconds = []
    for factor in (1, 10**7):
        batch, options = batch_of([volume * factor for volume in volumes])
        need = glcm.need(batch, batch.channels["none"], options, ("3d_merged",))
        assert need.max() < 200_000
        start = time.process_time()
        glcm.compute(batch, batch.channels["none"], np.arange(len(batch)), options, ("3d_averaged", "3d_merged"))
        seconds.append(time.process_time() - start)
    assert seconds[1] < 5 * seconds[0] + 0.2
