"""GLDZM against its naive twin: the zones are GLSZM's, the distances are tested here."""

from __future__ import annotations

import csv

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import gldzm as naive
from naive.glszm import zones as naive_zones
from naive.terms import assert_twin
from shared import shared
from voxomics import ibsi_check
from voxomics.engine.families.zones import GLDZM, GLSZM, cpu

AGGREGATIONS = GLDZM.aggregations
RANGE = {"resegmentation": {"range": [1, None]}}


def features(volumes, masks, aggregations=AGGREGATIONS):
    batch, options = batch_of(volumes, RANGE, masks=masks)
    found = GLDZM.compute(batch, batch.channels["none"], np.arange(len(batch)), options, aggregations)
    return found[:, :, GLDZM.first :]


def check(volumes, masks=None):
    masks = [v > 0 for v in volumes] if masks is None else masks
    got = features(volumes, masks)
    for k, (volume, mask) in enumerate(zip(volumes, masks, strict=True)):
        for j, aggregation in enumerate(AGGREGATIONS):
            twin = naive.gldzm(volume, mask, aggregation)
            assert_twin(got[k, j], twin, f"VOI {k}, {aggregation}")


def distances(volume, mask, planar):
    batch, _ = batch_of([volume], RANGE, masks=[mask])
    found = cpu.find(batch, batch.channels["none"], np.arange(1), planar, True)
    return found.distance[: found.number[0]].tolist()


def test_the_registry_names_the_features_in_the_twins_order():
    assert [f.name for f in GLDZM.features] == naive.NAMES
    assert len(GLSZM.features) == GLDZM.first


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 8)] * 3),
    n_levels=st.integers(1, 12),
    fill=st.sampled_from([0.5, 0.95, 1.0]),
    kept=st.sampled_from([0.1, 0.7, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(shape, n_levels, fill, kept, seed):
    """`kept` is the part of the morphological mask that the intensity mask keeps."""
    rng = np.random.default_rng(seed)
    volumes = [random_volume(rng, shape, n, fill) for n in (n_levels, 2)]
    masks = [v > 0 for v in volumes]
    check([v * (rng.random(shape) < kept) for v in volumes], masks)


@pytest.mark.parametrize("planar", [True, False])
def test_distances_of_single_voxels_equal_erosion(planar):
    """Every voxel a level of its own is a zone of its own: its distance is the distance map's."""
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[:9, :14, :15]
    ball = ((z - 4) / 4.6) ** 2 + ((y - 6) / 7) ** 2 + ((x - 7) / 7.6) ** 2 <= 1
    mask = ball & (rng.random(ball.shape) < 0.99)
    volume = np.where(mask, np.arange(mask.size).reshape(mask.shape) + 1, 0)
    assert distances(volume, mask, planar) == naive.distance_map(mask, planar)[mask].tolist()


def test_the_edge_of_the_image_counts_as_outside():
    block = np.ones((3, 5, 7), int)
    block[1, 2, 3] = 2
    assert distances(block, block > 0, False) == [1, 2]
    assert distances(block, block > 0, True) == [1, 1, 3, 1]


def test_a_hole_of_the_intensity_mask_is_no_edge_but_one_of_the_morphological_mask_is():
    volume = np.ones((7, 7, 7), int)
    volume[3, 3, 2] = 2
    volume[3, 3, 3] = 0
    assert distances(volume, np.ones(volume.shape, bool), False) == [1, 3]
    assert distances(volume, volume > 0, False) == [1, 1]


def test_one_voxel_two_in_a_line_and_a_constant_block():
    check([np.ones((1, 1, 1), int), np.array([[[3, 5]]]), np.array([[[4], [4]]]), np.full((3, 4, 2), 4)])


def test_a_voi_without_levels_is_undefined_and_leaves_the_others_alone():
    volume = random_volume(np.random.default_rng(2), (5, 6, 7), 4)
    nothing = np.zeros((3, 3, 3), int)
    got = features([nothing, volume], [nothing == 0, volume > 0])
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(got[1], features([volume], [volume > 0])[0])


def test_sparse_levels_and_many_levels_equal_the_twin():
    rng = np.random.default_rng(5)
    volume = random_volume(rng, (4, 4, 4), 6)
    many = random_volume(rng, (12, 12, 12), 3000, 0.97)
    assert len(np.unique(many)) > 1025
    check([np.where(volume > 0, volume**6 + 20_000, 0), many])


def test_glszm_alone_measures_no_distance_and_gives_the_same():
    volume = random_volume(np.random.default_rng(7), (4, 5, 6), 4)
    both, options = batch_of([volume])
    one, glszm_only = batch_of([volume], {"features": ["glszm"]})
    channel = both.channels["none"]
    whole = cpu.compute(both, channel, np.arange(1), options, AGGREGATIONS)
    part = cpu.compute(one, one.channels["none"], np.arange(1), glszm_only, AGGREGATIONS)
    np.testing.assert_array_equal(part[:, :, :16], whole[:, :, :16])
    assert np.isnan(part[:, :, 16:]).all() and not np.isnan(whole).any()
    assert cpu.need(one, channel, glszm_only, AGGREGATIONS)[0] < cpu.need(both, channel, options, AGGREGATIONS)[0]


def test_zone_lists_are_the_same_for_both_families():
    volume = random_volume(np.random.default_rng(8), (5, 6, 7), 3)
    batch, _ = batch_of([volume])
    found = cpu.find(batch, batch.channels["none"], np.arange(1), False, True)
    mapped = naive.distance_map(volume > 0, False)
    twin = [(len(zone), min(int(mapped[v]) for v in zone)) for _, zone in naive_zones(volume, False)]
    n = found.number[0]
    assert list(zip(found.size[:n].tolist(), found.distance[:n].tolist(), strict=True)) == twin


@pytest.mark.parametrize("family", [GLSZM, GLDZM], ids=lambda family: family.name)
def test_the_digital_phantom_has_the_standards_values_in_every_aggregation(family):
    folder = shared("data", "ibsi1")
    image, mask = (
        np.asarray(nibabel.load(folder / "digital_phantom" / f"{name}.nii.gz").dataobj).T for name in ("image", "mask")
    )
    batch, options = batch_of([image.astype(int)], masks=[mask > 0])
    got = family.compute(batch, batch.channels["none"], np.arange(1), options, AGGREGATIONS)[0, :, family.first :]
    column = {feature.ibsi: f for f, feature in enumerate(family.features)}
    with (folder / "ibsi1_reference_digital_A_C_D.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["config"] == "digital" and r["family_code"] == family.ibsi]
    assert len(rows) == 3 * 16
    for row in rows:
        value = got[("2D", "2.5D", "3D").index(row["aggregation"]), column[row["ibsi_code"]]]
        assert ibsi_check.agrees(value, row["value"], float(row["tolerance"])), (row["feature"], row["aggregation"], value)
