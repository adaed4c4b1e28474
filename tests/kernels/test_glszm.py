"""GLSZM, and the zones it shares with GLDZM, against the naive twin and the standard's digital phantom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import glszm as naive
from naive.terms import assert_twin
from voxomics.engine.families.zones import GLSZM, cpu

AGGREGATIONS = GLSZM.aggregations


def features(volumes, aggregations=AGGREGATIONS, **more):
    batch, options = batch_of(volumes, **more)
    return cpu.compute(batch, batch.channels["none"], np.arange(len(batch)), options, aggregations)[:, :, :16]


def zones_of(batch, k, planar):
    """(level, size, slice in the box without padding) of VOI k's zones, in the order found."""
    channel = batch.channels["none"]
    found = cpu.find(batch, channel, np.arange(len(batch)), planar, False)
    part = slice(found.start[k], found.start[k] + found.number[k])
    levels = channel.level_of[channel.level_start[k] : channel.level_start[k + 1]]
    slices = found.slice_of[part] - batch.geometry.pad
    return list(zip(levels[found.rank[part] - 1].tolist(), found.size[part].tolist(), slices.tolist(), strict=True))


def cropped(volume):
    """The volume within the bounding box of its voxels, as the engine sees it."""
    where = np.argwhere(volume > 0)
    return volume[tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))]


def check(volumes, aggregations=AGGREGATIONS):
    batch, _ = batch_of(volumes)
    for k, volume in enumerate(volumes):
        for planar in (True, False):
            twin = [(level, len(zone), zone[0][0]) for level, zone in naive.zones(cropped(volume), planar)]
            assert zones_of(batch, k, planar) == twin
    got = features(volumes, aggregations)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.glszm(volume, aggregation)
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")


def test_the_registry_names_the_features_in_the_twins_order():
    assert [f.name for f in GLSZM.features] == naive.NAMES


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, shape, n, fill) for n in (n_levels, 2, 1)])


@pytest.mark.parametrize("pad", [1, 3])
def test_large_winding_zones_equal_the_twin(pad):
    rng = np.random.default_rng(pad)
    volumes = [random_volume(rng, (7, 12, 13), 3, fill) for fill in (0.25, 0.6, 1.0)]
    batch, _ = batch_of(volumes, {"ngtdm": {"distance": pad}})
    for k, volume in enumerate(volumes):
        for planar in (True, False):
            twin = [(level, len(zone), zone[0][0]) for level, zone in naive.zones(cropped(volume), planar)]
            assert zones_of(batch, k, planar) == twin


def test_every_pair_of_neighbours_is_linked():
    """Two voxels of level 1 at each of the 26 offsets, with level 2 around: one zone in 3D; in plane, one where dz = 0."""
    for step in np.ndindex(3, 3, 3):
        if step == (1, 1, 1):
            continue
        volume = np.full((3, 3, 3), 2)
        volume[1, 1, 1] = volume[step] = 1
        batch, _ = batch_of([volume])
        assert [size for level, size, _ in zones_of(batch, 0, False) if level == 1] == [2]
        assert len([1 for level, _, _ in zones_of(batch, 0, True) if level == 1]) == (1 if step[0] == 1 else 2)


def test_one_voxel_two_in_a_line_and_a_constant_block():
    check([np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.array([[[4], [4]]]), np.full((3, 4, 2), 4)])
    one = dict(zip(naive.NAMES, features([np.full((3, 4, 2), 4)], ("3d",))[0, 0], strict=True))
    assert one["large_zone_emphasis"] == 24**2 and one["zone_percentage"] == 1 / 24 and one["zone_size_entropy"] == 0


def test_a_voi_without_levels_is_undefined():
    """Re-segmentation leaves nothing of the first VOI; the second is as if it were alone."""
    volume = random_volume(np.random.default_rng(1), (3, 4, 5), 4)
    options = {"resegmentation": {"range": [1, None]}}
    got = features([np.zeros((2, 2, 2), int), volume], masks=[np.ones((2, 2, 2), bool), volume > 0], settings=options)
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(got[1], features([volume])[0])


def test_sparse_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)])


def test_more_than_a_thousand_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(8), (12, 12, 12), 3000, 0.9)
    batch, _ = batch_of([volume])
    assert batch.channels["none"].n_present[0] > 1024
    check([volume])


def test_a_voi_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, shape, n) for shape, n in (((4, 5, 6), 3), ((2, 9, 3), 9), ((6, 6, 6), 300))]
    whole = features(volumes)
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(features([volume])[0], whole[k])
    np.testing.assert_array_equal(features(volumes[::-1])[::-1], whole)


def test_a_zone_of_many_bytes_is_sorted_and_counted():
    """Sizes beyond one and two digits of the sort, each several times."""
    volume = np.zeros((1, 3, 1400), int)
    for row, level in ((0, 7), (2, 3)):
        edges = np.cumsum([1, 300, 1, 300, 1, 2, 70, 2, 70, 1, 300])
        volume[0, row] = level
        volume[0, row, edges] = 9 - row
    volume[0, 1] = np.arange(1400) % 2 + 1
    check([volume], ("3d",))


def test_a_refused_voi_and_an_empty_call():
    assert np.isnan(features([np.array([[[0.5, 1.5]]])], ("3d",))).all()
    batch, options = batch_of([np.ones((2, 2, 2), int)])
    found = cpu.compute(batch, batch.channels["none"], np.arange(0), options, AGGREGATIONS)
    assert found.shape == (0, 3, 32)
