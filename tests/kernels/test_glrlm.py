"""GLRLM against its naive twin; GLRLM, NGTDM and NGLDM against the standard's digital phantom."""

from __future__ import annotations

import csv

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import glrlm as naive
from naive.terms import assert_twin
from shared import shared
from voxomics import ibsi_check
from voxomics.engine.directions import directions
from voxomics.engine.families import glrlm, ngldm, ngtdm
from voxomics.engine.feature import DIRECTIONAL, ZONAL

NAMES = [f.name for f in glrlm.FEATURES]
AGGREGATIONS = glrlm.FAMILY.aggregations
CODES = ("BTW3", "SUJT", "JJUI", "ZW7Z", "ITBB", "IAZD", "8QNN", "62GR", "KOBO")
AGGREGATION_OF = dict(zip(CODES, DIRECTIONAL + ZONAL, strict=True))


def features(volumes, aggregations=AGGREGATIONS, **more):
    batch, options = batch_of(volumes, **more)
    return glrlm.compute(batch, batch.channels["none"], np.arange(len(batch)), options, aggregations)


def check(volumes, aggregations=AGGREGATIONS):
    got = features(volumes, aggregations)
    for k, volume in enumerate(volumes):
        for j, aggregation in enumerate(aggregations):
            twin = naive.glrlm(volume, aggregation)
            assert list(twin) == NAMES
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")



@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, shape, n, fill) for n in (n_levels, 2)])


THREE_D = ("3d_averaged", "3d_merged")
"""Without an aggregation by slice, runs are counted by lengths so far."""


@pytest.mark.parametrize("aggregations", [THREE_D, AGGREGATIONS[:4]], ids=["3D", "in plane"])
@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 2, 40), (5, 1, 3), (6, 6, 1)])
def test_directions_in_space_and_in_plane_alone_equal_the_twin(shape, aggregations):
    rng = np.random.default_rng(12)
    check([random_volume(rng, shape, n, fill) for n, fill in ((1, 0.9), (2, 0.9), (3, 0.6), (9, 1.0))], aggregations)


@pytest.mark.parametrize("longest", [255, 256])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_runs_as_long_as_a_byte_holds_and_longer_equal_the_twin(longest, axis):
    volume = np.moveaxis(np.ones((longest, 2, 2), int), 0, axis)
    volume[0, 0, 0] = 2
    check([volume], THREE_D)


@pytest.mark.parametrize("pad", [1, 3])
def test_counts_equal_the_twin(pad):
    volume = random_volume(np.random.default_rng(3), (4, 5, 7), 3, 0.9)
    batch, _ = batch_of([volume], {"ngtdm": {"distance": pad}})
    channel = batch.channels["none"]
    found, start, columns = glrlm.counts(batch, channel, np.arange(1), ("3d_averaged",))
    found = found[start[0] : start[1]].reshape(13, int(channel.n_present[0]) + 1, columns[0])
    assert columns.tolist() == [7 + 1]
    levels = channel.level_of.tolist()
    twin = naive.matrices(volume, "3d_averaged")
    for d, offset in enumerate(directions(1)):
        key = tuple(offset) if tuple(offset) in twin else tuple(-offset)
        cells = {(levels[a], r + 1): n for (a, r), n in np.ndenumerate(found[d, 1:, 1:]) if n}
        assert cells == twin[key][0]


def test_sorted_runs_give_the_same_bits_as_dense_matrices(monkeypatch):
    rng = np.random.default_rng(4)
    volumes = [random_volume(rng, (5, 6, 7), n) for n in (1, 4, 40)]
    dense, by_length = features(volumes), features(volumes, THREE_D)
    monkeypatch.setattr(glrlm, "_is_dense", lambda batch, vois, cells: np.zeros(len(vois), bool))
    np.testing.assert_array_equal(features(volumes), dense)
    np.testing.assert_array_equal(features(volumes, THREE_D), by_length)
    check(volumes)


def test_more_than_a_thousand_levels_take_little_memory_and_equal_the_twin():
    volume = random_volume(np.random.default_rng(8), (12, 12, 12), 5000, 0.9)
    batch, options = batch_of([volume])
    assert batch.channels["none"].n_present[0] > 1024
    few = ("2d_averaged", "3d_merged")
    assert glrlm.need(batch, batch.channels["none"], options, few)[0] < 2_000_000
    check([volume], few)


def test_sparse_levels_equal_the_twin():
    volume = random_volume(np.random.default_rng(5), (4, 4, 4), 6)
    check([np.where(volume > 0, volume**6 + 20_000, 0)])


def test_hollow_and_nearly_empty_boxes_equal_the_twin():
    cups = [np.ones((n, 7, 7), int) for n in (6, 7)]  # what lies in the hollow must not grow a run into another row
    for cup in cups:
        cup[:-1, 1:-1, 1:-1] = 0
    corners = np.zeros((12, 3, 3), int)
    corners[::11, ::2, ::2] = 1
    volumes = [*cups, corners, random_volume(np.random.default_rng(11), (9, 9, 9), 2, 0.05)]
    check(volumes)
    check(volumes, THREE_D)


def test_one_voxel_two_in_a_line_constant_and_one_long_run():
    check([np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.full((2, 2, 2), 4)])
    got = features([np.full((1, 1, 70_000), 2)], ("3d_averaged",))[0, 0]
    lines = np.r_[[70_000], np.ones(12)]  # lengths: one run along x, 70,000 single voxels along each other direction
    assert got[NAMES.index("long_runs_emphasis")] == pytest.approx(np.mean(lines**2), rel=1e-12)


def test_a_refused_voi_has_no_features():
    assert np.isnan(features([np.array([[[0.5, 1.5]]])], ("3d_merged",))).all()


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_a_voi_is_the_same_alone_and_in_a_batch(aggregation):
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (4, 5, 6), n) for n in (3, 9, 5)]
    whole = features(volumes, (aggregation,))
    for k, volume in enumerate(volumes):
        np.testing.assert_array_equal(features([volume], (aggregation,))[0], whole[k])


@pytest.mark.parametrize("family", [glrlm, ngtdm, ngldm], ids=lambda family: family.FAMILY.name)
def test_the_digital_phantom_has_the_standards_values_in_every_aggregation(family):
    folder = shared("data", "ibsi1")
    image, mask = (
        np.asarray(nibabel.load(folder / "digital_phantom" / f"{name}.nii.gz").dataobj).T for name in ("image", "mask")
    )
    batch, options = batch_of([image.astype(int)], masks=[mask > 0])
    aggregations = family.FAMILY.aggregations
    got = family.compute(batch, batch.channels["none"], np.arange(1), options, aggregations)[0]
    column = {feature.ibsi: f for f, feature in enumerate(family.FEATURES)}
    with (folder / "ibsi1_reference_digital_A_C_D.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["config"] == "digital" and r["family_code"] == family.FAMILY.ibsi]
    assert len(rows) == len(aggregations) * len(family.FEATURES)
    for row in rows:
        value = got[aggregations.index(AGGREGATION_OF[row["aggregation_code"]]), column[row["ibsi_code"]]]
        assert ibsi_check.agrees(value, row["value"], float(row["tolerance"])), (row["feature"], row["aggregation"], value)
