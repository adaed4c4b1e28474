"""Settings of the textures in which PyRadiomics differs from the standard, one by one and together, against the twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import batch_of, random_volume
from naive import glcm as naive_glcm
from naive import ngtdm as naive_ngtdm
from suite import RANGE, Voi, check, measured
from voxomics.engine.directions import directions, shell, shell_directions
from voxomics.engine.errors import SettingsError
from voxomics.engine.families import glcm, glrlm, maximal_correlation, ngldm, ngtdm
from voxomics.engine.settings import Settings

SHELLS = (None, [1], [2], [1, 2], [1, 3])
WEIGHTS = ({}, {"weighting": {"function": "distance", "norm": "chebyshev", "unit": "mm"}})


@st.composite
def vois(draw):
    """Three small VOIs, which may be one slice, one row, or one level; the drawn mask is larger than the levels'."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found = []
    for _ in range(3):
        shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
        levels = random_volume(rng, shape, draw(st.integers(1, 6)), draw(st.sampled_from([0.2, 0.6, 1.0])))
        found.append(Voi(levels, (levels > 0) | (rng.random(shape) < 0.3)))
    return found


@pytest.fixture(params=["dense", "sparse"])
def path(request, monkeypatch):
    """Both ways that the matrices of GLCM and GLRLM take."""
    if request.param == "sparse":
        monkeypatch.setattr(glcm, "DENSE_LEVELS", 1)
        monkeypatch.setattr(glrlm, "_is_dense", lambda batch, vois, cells: np.zeros(len(cells), bool))


@pytest.mark.parametrize("sparse", [False, True])
@settings(max_examples=25, deadline=None)
@given(
    vois=vois(),
    shells=st.sampled_from(SHELLS),
    symmetric=st.booleans(),
    weights=st.sampled_from(WEIGHTS),
    degenerate=st.sampled_from(["undefined", "conventional"]),
    aggregation=st.sampled_from(glcm.FAMILY.aggregations),
)
def test_glcm(sparse, vois, shells, symmetric, weights, degenerate, aggregation):
    options = {"glcm": {"shells": shells, "symmetric": symmetric, **weights}, "degenerate": degenerate}
    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(glcm, "DENSE_LEVELS", 1)
        check(glcm.FAMILY, aggregation, vois, options)
    check(maximal_correlation.FAMILY, aggregation, vois, options)


@pytest.mark.parametrize("sparse", [False, True])
@settings(max_examples=25, deadline=None)
@given(
    vois=vois(),
    directions=st.sampled_from(["all", "aligned"]),
    weights=st.sampled_from(WEIGHTS),
    aggregation=st.sampled_from(glrlm.FAMILY.aggregations),
)
def test_glrlm(sparse, vois, directions, weights, aggregation):
    with pytest.MonkeyPatch.context() as patch:
        if sparse:
            patch.setattr(glrlm, "_is_dense", lambda batch, vois, cells: np.zeros(len(cells), bool))
        check(glrlm.FAMILY, aggregation, vois, {"glrlm": {"directions": directions, **weights}})


@settings(max_examples=40, deadline=None)
@given(
    vois=vois(),
    shells=st.sampled_from(SHELLS),
    isolated=st.sampled_from(["left_out", "counted"]),
    coarseness=st.integers(0, 1),
    degenerate=st.sampled_from(["undefined", "conventional"]),
    aggregation=st.sampled_from(ngtdm.FAMILY.aggregations),
)
def test_ngtdm_and_ngldm(vois, shells, isolated, coarseness, degenerate, aggregation):
    options = {"ngtdm": {"shells": shells, "isolated": isolated}, "degenerate": degenerate}
    check(ngtdm.FAMILY, aggregation, vois, options)
    check(ngldm.FAMILY, aggregation, vois, {"ngldm": {"shells": shells, "coarseness": coarseness}})


def test_shells_are_all_voxels_at_their_distances():
    assert [len(shell_directions((d,))) for d in (1, 2, 3)] == [13, 49, 109]
    np.testing.assert_array_equal(shell_directions((1,)), directions(1))
    for shells in ((2,), (1, 3)):
        for planar in (False, True):
            half = shell_directions(shells, planar)
            assert (half[: int((half[:, 0] == 0).sum()), 0] == 0).all()  # those within the slice first
            twin = [d for d in naive_glcm.shell_directions(shells) if not (planar and d[0])]
            assert sorted(map(tuple, half.tolist())) == sorted(twin)
            both = {tuple(d) for d in half.tolist()} | {tuple(d) for d in (-half).tolist()}
            assert both == {tuple(d) for d in shell(shells, planar).tolist()}


def test_all_offsets_up_to_the_largest_distance_have_a_code():
    assert len(shell_directions(tuple(range(1, 21)))) < 1 << 16


def test_a_hundred_offsets_equal_the_twin(path):
    volume = random_volume(np.random.default_rng(1), (4, 7, 8), 6, 0.9)
    check(glcm.FAMILY, "3d_averaged", [Voi(volume, volume > 0)], {"glcm": {"shells": [3, 6]}})


@pytest.mark.parametrize("symmetric", [True, False])
def test_more_than_a_thousand_levels_equal_the_twin(symmetric):
    volume = random_volume(np.random.default_rng(9), (11, 11, 11), 20_000, 0.9)
    assert len(np.unique(volume)) > glcm.DENSE_LEVELS + 1
    options = {"glcm": {"symmetric": symmetric, "shells": [2]}}
    check(glcm.FAMILY, "2_5d_merged", [Voi(volume, volume > 0)], options)
    batch, chosen = batch_of([volume], options)
    assert maximal_correlation.need(batch, batch.channels["none"], chosen, ("3d_merged",))[0] >= 1 << 60


def test_the_coefficient_of_hundreds_of_levels_equals_the_twin():
    volume = random_volume(np.random.default_rng(2), (9, 9, 9), 120, 0.95)
    for symmetric in (True, False):
        check(maximal_correlation.FAMILY, "3d_merged", [Voi(volume, volume > 0)], {"glcm": {"symmetric": symmetric}})


def test_one_way_counts_tell_up_from_down():
    """A ramp along x: each voxel's next one is higher, never lower."""
    levels = np.broadcast_to(np.arange(1, 6), (1, 1, 5)).copy()
    names = [f.name for f in glcm.FEATURES]
    got, _ = measured(glcm.FAMILY, "3d_averaged", [Voi(levels, levels > 0)], {"glcm": {"symmetric": False}})
    assert got[0, names.index("joint_average")] == 2.5  # of 1, 2, 3, 4
    assert got[0, names.index("correlation")] == pytest.approx(1.0, abs=1e-15)


def test_features_that_do_not_depend_on_the_order_of_a_pair_are_those_of_the_symmetric_matrix():
    volume = random_volume(np.random.default_rng(5), (4, 5, 6), 5)
    vois = [Voi(volume, volume > 0)]
    got = [measured(glcm.FAMILY, "3d_averaged", vois, {"glcm": {"symmetric": s}})[0][0] for s in (True, False)]
    changed = {f.name for f, a, b in zip(glcm.FEATURES, *got, strict=True) if not np.isclose(a, b, rtol=1e-12, atol=0)}
    assert changed == {
        "joint_maximum", "joint_average", "joint_variance", "joint_entropy", "angular_second_moment", "correlation",
        "information_correlation_1", "information_correlation_2",
    }  # fmt: skip


def test_directions_are_aligned_with_voxels_of_the_levels_not_of_the_mask():
    """Two voxels a knight's move apart are on no line; two with a gap between them are on one."""
    levels = np.zeros((3, 4, 5), int)
    levels[1, 0, 0] = levels[1, 1, 2] = 1
    for third, wanted in (((1, 0, 0), []), ((1, 0, 3), [(0, 0, 1), (0, 1, -1)]), ((1, 3, 3), [(0, 1, 1)])):
        levels[third] = 2
        batch, options = batch_of([levels], {**RANGE, "glrlm": {"directions": "aligned"}}, masks=[levels > -1])
        weight = glrlm._weights(directions(1), batch, batch.channels["none"], np.arange(1), options.glrlm)
        assert sorted(map(tuple, directions(1)[weight[0] > 0].tolist())) == wanted
        levels[third] = int(third == (1, 0, 0))


def test_nine_voxels_of_which_one_is_alone():
    """Counted by hand from the twin's sums: the lone voxel is among n_i and N_vc, with s = 0."""
    levels = np.zeros((1, 3, 6), int)
    levels[0, :, :3] = [[1, 2, 1], [2, 1, 2], [1, 2, 2]]
    levels[0, 0, 5] = 1
    got = {
        isolated: measured(ngtdm.FAMILY, "3d", [Voi(levels, levels > 0)], {"ngtdm": {"isolated": isolated}})[0][0, 0]
        for isolated in ("left_out", "counted")
    }
    (kept,) = naive_ngtdm.matrices(levels, "3d").values()
    (every,) = naive_ngtdm.matrices(levels, "3d", isolated=True).values()
    assert every[1][0] == kept[1][0] + 1 and every[1][1] == kept[1][1] and every[2] == kept[2]
    assert got["left_out"] == pytest.approx(9 / sum(n * s for n, s in kept.values()))
    assert got["counted"] == pytest.approx(10 / sum(n * s for n, s in every.values()))


def test_conventional_values_of_one_level():
    levels = np.full((2, 3, 3), 4)
    vois = [Voi(levels, levels > 0)]
    for degenerate, wanted in (("undefined", [np.nan, np.nan, np.nan]), ("conventional", [1.0, 0.0, 1.0])):
        options = {"degenerate": degenerate}
        textures, _ = measured(glcm.FAMILY, "3d_averaged", vois, options)
        names = [f.name for f in glcm.FEATURES]
        found = [textures[0, names.index(name)] for name in ("correlation", "information_correlation_1")]
        found.append(measured(maximal_correlation.FAMILY, "3d_averaged", vois, options)[0][0, 0])
        np.testing.assert_array_equal(found, wanted)


def test_a_conventional_value_is_no_value_of_an_empty_matrix():
    """Voxels too far apart for any pair have no GLCM, whatever stands for 0 / 0."""
    levels = np.zeros((1, 1, 5), int)
    levels[0, 0, [0, 4]] = 1, 2
    got, _ = measured(glcm.FAMILY, "3d_averaged", [Voi(levels, levels > 0)], {"degenerate": "conventional"})
    assert np.isnan(got).all()


@pytest.mark.parametrize("family", ["glcm", "ngtdm", "ngldm"])
def test_shells_that_cannot_be(family):
    for wrong, text in (({"shells": []}, "empty"), ({"shells": [0]}, "greater"), ({"shells": {1, 2}}, "no order")):
        with pytest.raises(SettingsError, match=text):
            Settings.of({family: wrong})
    with pytest.raises(SettingsError, match="give one of them"):
        Settings.of({family: {"distance": 2, "shells": [1]}})
    assert getattr(Settings.of({family: {"shells": [3, 1, 3]}}), family).shells == (1, 3)


def test_the_coefficient_is_measured_where_it_is_named():
    name = "glcm.maximal_correlation_coefficient"
    assert not Settings.of({}).wants(name) and not Settings.of({"features": ["glcm"]}).wants(name)
    assert Settings.of({"features": ["glcm", name]}).wants(name)
