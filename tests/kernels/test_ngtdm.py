"""NGTDM against its naive twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import ngtdm as naive
from naive.terms import assert_twin
from voxomics.engine.families import ngtdm

NAMES = [f.name for f in ngtdm.FEATURES]
AGGREGATIONS = ngtdm.FAMILY.aggregations


def features(volumes, aggregations=AGGREGATIONS, distance=1, **more):
    batch, options = batch_of(volumes, {"ngtdm": {"distance": distance}, **more})
    return ngtdm.compute(batch, batch.channels["none"], np.arange(len(batch)), options, aggregations)


def check(volumes, aggregations=AGGREGATIONS, distance=1, **more):
    got = features(volumes, aggregations, distance, **more)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.ngtdm(volume, aggregation, distance)
            assert twin is None or list(twin) == NAMES
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")



@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.1, 0.3, 0.8, 1.0]),
    distance=st.sampled_from([1, 1, 2, 3]),
    pad=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, distance, pad, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, shape, n, fill) for n in (n_levels, 2, 1)], distance=distance, glcm={"distance": pad})


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_counts_and_sums_equal_the_twin(aggregation):
    volume = random_volume(np.random.default_rng(3), (4, 5, 7), 5, 0.5)
    batch, options = batch_of([volume])
    channel = batch.channels["none"]
    planar, per_slice = aggregation != "3d", aggregation == "2d"
    sums, start, columns = ngtdm.counts(batch, channel, np.arange(1), options.ngtdm, planar, per_slice)
    sums = sums[start[0] : start[1]].reshape(-1, int(channel.n_present[0]) + 1, int(columns[0]))
    for key, matrix in naive.matrices(volume, aggregation).items():
        found = sums[key + 1 if per_slice else key, 1:]
        for a, level in enumerate(channel.level_of.tolist()):
            n, s = matrix.get(level, (0, 0.0))
            assert found[a, 0] == n
            assert (found[a, 1:] / np.arange(1, columns[0])).sum() == pytest.approx(s, rel=1e-12)


def test_slices_merged_are_the_same_bits_whether_or_not_slices_are_kept():
    volume = random_volume(np.random.default_rng(7), (5, 6, 7), 6, 0.6)
    np.testing.assert_array_equal(features([volume], ("2_5d",))[0, 0], features([volume], ("2d", "2_5d"))[0, 1])


def test_sparse_and_many_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)])
    many = random_volume(np.random.default_rng(8), (11, 11, 11), 20_000, 0.9)
    assert len(np.unique(many)) > 1024
    check([many], ("3d",))


def test_every_pair_of_sixty_thousand_levels_is_quick():
    volume = np.random.default_rng(9).permutation(60_000).reshape(30, 40, 50) + 1
    got = features([volume], ("3d",))[0, 0]
    n = 60_000  # each level once: p = 1/n; Σ_ij (i-j)² = n²(n²-1)/6, Σ_ij |i-j| = n(n²-1)/3
    s = naive_sums(volume)
    order = np.argsort(volume.ravel())
    i, s_i = volume.ravel()[order], s.ravel()[order]
    distance = (i - 1) * i / 2 + (n - i) * (n - i + 1) / 2  # Σ_j |i - j|
    expected = {
        "coarseness": 1 / s.mean(),
        "contrast": (n**2 - 1) / 6 / (n * (n - 1)) * s.mean(),
        "busyness": s.mean() / ((n**2 - 1) / 3),
        "complexity": (distance * s_i).sum() / n,
        "strength": 2 / n * n**2 * (n**2 - 1) / 6 / s.sum(),
    }
    assert dict(zip(NAMES, got, strict=True)) == pytest.approx(expected, rel=1e-10)


def naive_sums(volume):
    """|i - mean of the neighbours| of every voxel of a full box."""
    padded, inside = np.pad(volume.astype(float), 1), np.pad(np.ones(volume.shape), 1)
    total, number = np.zeros(volume.shape), np.zeros(volume.shape)
    for z in range(3):
        for y in range(3):
            for x in range(3):
                if (z, y, x) != (1, 1, 1):
                    box = tuple(slice(c, c + s) for c, s in zip((z, y, x), volume.shape, strict=True))
                    total += padded[box]
                    number += inside[box]
    return np.abs(volume - total / number)


def test_degenerate_vois():
    one, line, flat = np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.full((2, 2, 2), 4)
    apart = np.array([[[2, 0, 7]]])
    balanced = np.array([[[1, 2, 1]]])  # i p_i is 2/3 for both levels
    check([one, line, flat, apart, balanced])
    got = features([one, flat, balanced], ("3d",))[:, 0]
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(got[1], [1e6, 0, 0, 0, 0])
    assert np.isnan(got[2, 2]) and np.isfinite(np.delete(got[2], 2)).all()


def test_levels_too_far_apart_for_exact_sums_are_refused():
    volume = np.ones((3, 3, 3), int)
    volume[0, 0, 0] = 2**52
    batch, options = batch_of([volume])
    assert ngtdm.need(batch, batch.channels["none"], options, ("3d",))[0] > 1e18


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_voi_is_the_same_alone_and_in_a_batch(aggregation):
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (4, 5, 6), n) for n in (3, 9, 5)]
    whole = features(volumes, (aggregation,))
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(features([volume], (aggregation,))[0], whole[k])
