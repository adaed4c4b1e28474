"""Diameters in planes, the shape of a slice, and the mesh with holes: naive twins, closed forms and PyRadiomics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import planar as naive
from naive.terms import assert_twin
from voxomics.engine.families import morphology, planar_diameters, planar_morphology
from voxomics.kernels.shape import complementary, mesh

SPACING = (2.5, 0.8, 1.1)


def measured(family, volumes, spacing=SPACING, options=None):
    """Features [k, features] of the voxels > 0 of some volumes, in one batch."""
    batch, options = batch_of(volumes, options, spacing)
    return family.compute(batch, None, np.arange(len(batch)), options, ())[:, 0]


def by_name(family, volumes, *more):
    names = [feature.name for feature in family.FEATURES]
    return [dict(zip(names, row, strict=True)) for row in measured(family, volumes, *more)]


def check(volumes, spacing=SPACING):
    for family, twin in (
        (planar_diameters, naive.planar_diameters),
        (planar_morphology, naive.planar_morphology),
    ):
        for k, row in enumerate(measured(family, volumes, spacing)):
            assert_twin(row, twin(volumes[k] > 0, np.array(spacing)), f"VOI {k}")


@settings(max_examples=20, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 5)] * 3),
    fill=st.sampled_from([0.1, 0.3, 0.6, 0.9, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(size, fill, seed):
    rng = np.random.default_rng(seed)
    sizes = (size, (1, *size[1:]), size[::-1])
    check([random_volume(rng, s, 9, fill) for s in sizes], tuple(rng.uniform(0.5, 3, 3)))


def test_scattered_voxels_equal_the_twin():
    """Far apart in neighbouring slices, so that planes between slices hold the farthest two vertices."""
    rng = np.random.default_rng(10)
    check([random_volume(rng, shape, 9, 0.06) for shape in ((4, 9, 9), (9, 4, 9), (9, 9, 4), (1, 12, 9))])
    two = np.zeros((2, 9, 9), int)
    two[0, 0, 0] = two[1, 8, 8] = 1
    across = by_name(planar_diameters, [two], (1.0, 1.0, 1.0))[0]
    for name, expected in (("slice", np.hypot(8, 8)), ("column", 1.0), ("row", 1.0)):
        assert across[f"maximum_2d_diameter_{name}"] == pytest.approx(expected, rel=1e-14)


def test_a_voi_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(13)
    volumes = [random_volume(rng, shape, 9, 0.5) for shape in ((3, 4, 5), (1, 6, 7), (4, 4, 4), (1, 3, 2))]
    for family, options in ((planar_diameters, {}), (planar_morphology, {}), (morphology, {"mesh": "complementary"})):
        whole = measured(family, volumes, SPACING, {"morphology": options})
        for k, volume in enumerate(volumes):
            alone = measured(family, [np.pad(volume, 1)], SPACING, {"morphology": options, "glcm": {"distance": 1 + k}})
            np.testing.assert_array_equal(alone[0], whole[k])


def test_a_line_a_rectangle_and_one_pixel():
    one, line, box = by_name(planar_morphology, [np.ones((1, *n), int) for n in ((1, 1), (1, 4), (3, 5))], (9.0, 2.0, 1.0))
    assert one["mesh_surface"] == 1.0 and one["pixel_surface"] == 2.0 and one["maximum_diameter"] == 2.0
    assert one["major_axis_length"] == one["minor_axis_length"] == 0 and np.isnan(one["elongation"])
    assert line["minor_axis_length"] == line["elongation"] == 0 and line["maximum_diameter"] == 4.0
    assert line["major_axis_length"] == pytest.approx(4 * np.sqrt(15 / 12), rel=1e-14)
    assert box["mesh_surface"] == 2 * (15 - 4 / 8)
    assert box["perimeter"] == pytest.approx(2 * (2 * 2 + 4) + 2 * np.sqrt(5), rel=1e-14)
    assert box["sphericity"] * box["spherical_disproportion"] == pytest.approx(1, rel=1e-14)


def test_a_thick_mask_has_no_planar_shape():
    thick, thin = measured(planar_morphology, [np.ones((2, 3, 3), int), np.ones((1, 3, 3), int)])
    assert np.isnan(thick).all() and np.isfinite(thin).all()


def test_an_irregular_outline_as_pyradiomics_measures_it():
    """PyRadiomics 3.1.4, RadiomicsShape2D, spacing 0.8 and 1.1 mm."""
    got = by_name(planar_morphology, [(np.random.default_rng(12).random((1, 9, 8)) < 0.6).astype(int)])[0]
    assert got == pytest.approx(SHAPE_2D, rel=1e-12)


def holes(region, pad):
    found = np.zeros(1, np.int64)
    shape = np.array([region.shape], np.int32)
    complementary.count_holes(
        region.ravel(), np.array([0, region.size]), shape, np.array([0]), pad, complementary.SKEW, found
    )
    return found[0]


def test_holes_are_placed_in_the_box_of_the_mask():
    """More padding, or a box that is larger than the mask, changes nothing."""
    rng = np.random.default_rng(11)
    for _ in range(20):
        mask = np.pad(random_volume(rng, (4, 5, 6), 1, 0.5), 1).astype(np.uint8)
        assert holes(mask, 1) == holes(np.pad(mask, 2), 3) == holes(np.pad(mask, ((1, 0), (0, 2), (3, 1))), 1)


def test_the_mesh_without_diagonals_has_no_holes():
    solid = np.ones((4, 5, 6), int)
    closed, other = (
        by_name(morphology, [solid], SPACING, {"morphology": {"mesh": kind}})[0] for kind in ("closed", "complementary")
    )
    assert other == pytest.approx(closed, rel=1e-13)


def test_the_two_halves_of_the_table():
    """A closed mesh counts what faces add; turned over, a cell's volume is what its complement leaves."""
    assert complementary.VOLUME[mesh.FULL] == 48 and complementary.VOLUME[0] == 0
    assert complementary.JOINED.any((1, 2)).sum() == 60
    parted = np.arange(mesh.CONFIGURATIONS) == complementary.LIKE
    np.testing.assert_array_equal(parted, np.arange(mesh.CONFIGURATIONS) >> 6 & 1 == 0)


def test_meshes_as_pyradiomics_measures_them():
    """PyRadiomics 3.1.4 (bhklab), cShape.calculate_coefficients: area, volume, diameters with equal z, equal y, equal x."""
    rng = np.random.default_rng(8)
    volumes = [(rng.random(shape) < fill).astype(int) for shape, fill, *_ in PYRADIOMICS]
    for options in ({}, {"glcm": {"distance": 2}}):  # another padding
        options |= {"morphology": {"mesh": "complementary"}}
        surfaces = by_name(morphology, volumes, SPACING, options)
        across = measured(planar_diameters, volumes, SPACING, options)
        for found, diameters, (_, _, area, volume, *expected) in zip(surfaces, across, PYRADIOMICS, strict=True):
            assert found["surface_area"] == pytest.approx(area, rel=1e-12)
            assert found["volume_mesh"] == pytest.approx(volume, rel=1e-12)
            assert found["sphericity"] == pytest.approx(np.cbrt(36 * np.pi * volume**2) / area, rel=1e-12)
            np.testing.assert_allclose(diameters, expected, rtol=1e-12)


PYRADIOMICS = (
    ((3, 4, 5), 0.4, 123.01587074573335, 49.316666666666684, 6.000833275471, 8.69540108333135, 7.668767828015137),
    ((5, 4, 3), 0.5, 133.80599531083266, 58.39166666666667, 4.080441152620634, 12.69212354178764, 12.7283148923964),
    ((4, 4, 4), 0.6, 176.60230664233146, 66.55000000000003, 5.011985634456668, 10.530432089900206, 10.283968105745952),
    ((6, 7, 5), 0.5, 444.7858566285826, 189.93333333333325, 7.300000000000002, 15.632018423735305, 15.749285698088025),
)
SHAPE_2D = {
    "mesh_surface": 28.159999999999982,
    "pixel_surface": 32.56,
    "perimeter": 62.02397037358578,
    "perimeter_to_surface_ratio": 2.202555766107451,
    "sphericity": 0.3032925159104042,
    "spherical_disproportion": 3.297146970469296,
    "maximum_diameter": 10.023971268913336,
    "major_axis_length": 9.5754119578771,
    "minor_axis_length": 8.65674047600703,
    "elongation": 0.9040593254983317,
}
