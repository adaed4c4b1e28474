"""GLCM against its naive twin."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import glcm as naive
from naive.terms import assert_twin
from voxomics.engine.directions import directions
from voxomics.engine.families import glcm

AGGREGATIONS = glcm.FAMILY.aggregations


def check(volumes, distance=1, aggregations=AGGREGATIONS):
    batch, options = batch_of(volumes, {"glcm": {"distance": distance}})
    vois = np.arange(len(batch))
    got = glcm.compute(batch, batch.channels["none"], vois, options, aggregations)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.glcm(volume, volume.max(), aggregation, distance)
            assert twin is None or list(twin) == [f.name for f in glcm.FEATURES]
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")


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


def test_distance_two_equals_the_twin():
    check([random_volume(np.random.default_rng(2), (4, 5, 6), 5)], distance=2)


def test_directions_in_plane_alone_equal_the_twin():
    check([random_volume(np.random.default_rng(10), (4, 5, 6), 5)], aggregations=AGGREGATIONS[:4])


def test_counts_equal_the_twin():
    volume = random_volume(np.random.default_rng(3), (4, 5, 6), 7)
    batch, options = batch_of([volume])
    channel = batch.channels["none"]
    found, start = glcm.counts(batch, channel, np.arange(1), options.glcm, ("3d_averaged",))
    width = int(channel.n_present[0]) + 1
    found = found[start[0] : start[1]].reshape(13, width, width)[:, 1:, 1:]
    twin = naive.matrices(volume, "3d_averaged")
    assert found.sum() * 2 == sum(sum(m.values()) for m in twin.values())
    levels = channel.level_of.tolist()
    for d, offset in enumerate(directions(1)):
        symmetric = found[d] + found[d].T
        key = tuple(offset) if tuple(offset) in twin else tuple(-offset)
        assert {(levels[a], levels[b]): n for (a, b), n in np.ndenumerate(symmetric) if n} == twin[key]


@pytest.mark.parametrize("distance", [1, 2])
def test_the_sparse_path_equals_the_twin(monkeypatch, distance):
    monkeypatch.setattr(glcm, "DENSE_LEVELS", 2)
    rng = np.random.default_rng(4)
    check([random_volume(rng, (4, 5, 6), n) for n in (3, 40)], distance)


def test_more_than_a_thousand_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(9), (11, 11, 11), 20_000, 0.9)
    assert len(np.unique(volume)) > glcm.DENSE_LEVELS + 1
    check([volume], aggregations=("2_5d_merged",))


def test_sparse_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)])


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


def far_apart(ranks, rng):
    """The ranks of a volume, 0 left outside, become ascending levels of up to a billion."""
    levels = np.sort(rng.choice(10**9, ranks.max(), replace=False)) + 1
    return np.concatenate(([0], levels))[ranks]


@pytest.mark.parametrize("dense_levels", [glcm.DENSE_LEVELS, 2])
def test_a_wide_span_of_levels_equals_the_twin(monkeypatch, dense_levels):
    monkeypatch.setattr(glcm, "DENSE_LEVELS", dense_levels)
    rng = np.random.default_rng(7)
    ranks = random_volume(rng, (4, 5, 6), 9)
    levels = far_apart(ranks, rng)
    np.testing.assert_array_equal(levels > 0, ranks > 0)
    check([levels, ranks])


@pytest.mark.parametrize("dense_levels", [glcm.DENSE_LEVELS, 2])
def test_memory_does_not_follow_the_span(monkeypatch, dense_levels):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(glcm, "DENSE_LEVELS", dense_levels)
    rng = np.random.default_rng(8)
    ranks = random_volume(rng, (6, 7, 8), 27)
    volumes = [ranks, ranks * 10**7, far_apart(ranks, rng)]
    batch, options = batch_of(volumes)
    need = glcm.need(batch, batch.channels["none"], options, AGGREGATIONS)
    assert need[0] == need[1] == need[2]
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = glcm.compute(batch, batch.channels["none"], np.arange(3), options, AGGREGATIONS)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert np.isfinite(got).all()
    assert grown < 1e9  # tallies as long as the span of 26 · 10⁷ levels take 6 GB
