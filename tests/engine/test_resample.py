"""Resampling against its naive twin, closed forms, and SimpleITK for the cubic spline."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import resample as naive
from naive.terms import Value, is_close
from volumes import noise_and_box
from voxomics import Extractor, SettingsError, extract
from voxomics.engine import resample as module
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.resample import grid, resample
from voxomics.engine.settings import Resampling, Settings
from voxomics.engine.volume import Image, MaskStack

ONE = (1.0, 1.0, 1.0)
MEAN = {"features": ["intensity_statistics.mean"]}


def prepared(array, mask, spacing, chosen, **more):
    stack = MaskStack((mask.astype(np.int32),))
    return build(Image(array, spacing), stack, find_vois(stack), Settings.of({"resampling": chosen, **more})).batches["original"]


@settings(max_examples=20, deadline=None)
@given(
    shape=st.tuples(*[st.integers(2, 6)] * 3),
    spacing=st.tuples(*[st.sampled_from([0.7, 1.0, 2.5])] * 3),
    new=st.tuples(*[st.sampled_from([None, 0.9, 1.0, 2.0])] * 3),
    how=st.sampled_from(["linear", "nearest"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_image_and_mask_equal_the_twin(shape, spacing, new, how, seed):
    rng = np.random.default_rng(seed)
    array, mask = rng.normal(0, 100, shape), rng.random(shape) < 0.6
    mask[0, 0, 0] = True
    twin = getattr(naive, how)
    chosen = Resampling(spacing_mm=new, image=how, mask=how)
    to = grid(shape, spacing, chosen)
    expected, terms = naive.resample(array, spacing, new, twin)
    got = resample(Image(array, spacing), to, chosen).array if to else array
    assert got.shape == expected.shape
    near_half = _near_half(shape, spacing, new) if how == "nearest" else np.zeros(expected.shape, bool)
    for found, value, its_terms in zip(got[~near_half], expected[~near_half], terms[~near_half], strict=True):
        assert is_close(found, Value(value, its_terms))
    part, _ = naive.resample(mask, spacing, new, twin)
    wanted = part >= 0.5 - 1e-9
    if not wanted.any():
        return
    batch = prepared(array, mask, spacing, {"spacing_mm": new, "image": how, "mask": how})
    box = np.zeros(expected.shape, bool)
    g = batch.geometry
    for p in np.argwhere(g.region.reshape(g.shape[0]) & 1):
        box[tuple(p + g.corner[0])] = True
    assert (box == wanted)[~near_half].all()
    if not near_half.any():
        assert g.n_morphological[0] == wanted.sum()


def _near_half(shape, spacing, new):
    """New voxels half way between two old ones: the nearest of them is a matter of rounding."""
    halves = []
    for n, s, t in zip(shape, spacing, new, strict=True):
        at = np.array(naive.centres(n, s, t or s))
        halves.append(np.abs(at - np.floor(at) - 0.5) < 1e-9)
    z, y, x = halves
    return z[:, None, None] | y[:, None] | x


def test_the_grid_is_centred_and_its_size_is_rounded_up():
    to = grid((60, 201, 204), (3.0, 0.977, 0.977), Resampling(spacing_mm=(2, 2, 2)))
    assert to.shape == (90, 99, 100)
    for n, m, step, offset in zip((60, 201, 204), to.shape, to.step, to.offset, strict=True):
        assert (m - 1) / 2 * step + offset == pytest.approx((n - 1) / 2)
    assert grid((40, 40, 40), (0.5, 0.5, 0.5), Resampling(spacing_mm=(0.1, 0.1, 0.1))).shape == (200, 200, 200)


def test_an_axis_can_be_kept_and_nothing_to_do_is_nothing_done():
    assert grid((5, 6, 7), (3.0, 1.0, 1.0), Resampling(spacing_mm=(None, 2, 2))).shape == (5, 3, 4)
    assert grid((5, 6, 7), (3.0, 1.0, 1.0), Resampling(spacing_mm=(3, 1, 1))) is None
    assert grid((5, 6, 7), (3.0, 1.0, 1.0), Resampling()) is None


@pytest.mark.parametrize("how", ["linear", "cubic_spline"])
def test_a_linear_ramp_stays_one_inside(how):
    z, y, x = np.indices((12, 12, 12), dtype=float)
    ramp = 3 * z - 2 * y + 0.5 * x
    chosen = Resampling(spacing_mm=(0.8, 1.3, 1.0), image=how)
    to = grid(ramp.shape, ONE, chosen)
    got = resample(Image(ramp, ONE), to, chosen).array
    at = np.indices(to.shape, dtype=float) * np.array(to.step).reshape(3, 1, 1, 1) + np.array(to.offset).reshape(3, 1, 1, 1)
    inside = ((at >= 3) & (at <= 8)).all(0)
    expected = 3 * at[0] - 2 * at[1] + 0.5 * at[2]
    np.testing.assert_allclose(got[inside], expected[inside], atol=0.05 if how == "cubic_spline" else 1e-9)


def test_the_cubic_spline_is_itks_away_from_the_edge():
    array = np.random.default_rng(0).normal(0, 100, (24, 25, 26))
    chosen = Resampling(spacing_mm=(0.9, 1.1, 1.3), image="cubic_spline")
    to = grid(array.shape, ONE, chosen)
    ours = resample(Image(array, ONE), to, chosen)
    reference = sitk.Image([int(n) for n in to.shape[::-1]], sitk.sitkFloat64)
    reference.SetSpacing(to.spacing_mm[::-1])
    reference.SetOrigin(ours.origin_mm)
    theirs = sitk.GetArrayFromImage(sitk.Resample(sitk.GetImageFromArray(array), reference, sitk.Transform(), sitk.sitkBSpline3))
    inner = (slice(10, -10),) * 3
    np.testing.assert_allclose(ours.array[inner], theirs[inner], atol=0.05)


def test_rounding_comes_after_resampling():
    array = np.array([[[0.0, 1.0, 2.0, 7.0]]])
    batch = prepared(array, array >= 0, ONE, {"spacing_mm": [1, 1, 0.5]}, round_intensities=True)
    assert (batch.value == np.rint(batch.value)).all()
    assert len(batch.value) == 8


def test_a_voi_too_small_for_the_grid_is_a_failed_row():
    image = np.arange(1000.0).reshape(10, 10, 10)
    mask = np.zeros(image.shape, int)
    mask[3, 3, 3], mask[4:, 4:, 4:] = 1, 2
    ours = Extractor(settings={"resampling": {"spacing_mm": [4, 4, 4]}})
    found = ours.extract(image, mask, spacing_mm=ONE)
    assert found["status"].tolist()[0] == "failed"
    assert "resampling left no voxel" in found.loc[0, "reason"]
    assert found["n_voxels"].tolist()[0] == 0
    assert found.loc[1, "original.morphology.volume_voxel_counting"] > 0


def test_a_mask_of_another_extent_ends_at_its_own_edge():
    """Beyond a placed mask lies background; only the image's own edge is continued."""
    rng = np.random.default_rng(0)
    image, mask = rng.normal(size=(9, 10, 11)), np.zeros((9, 10, 11), np.int32)
    mask[2:7, 3:8, 4:9] = 1
    chosen = {"spacing_mm": [0.7, 0.8, 1.7]}
    whole = prepared(image, mask, ONE, chosen)
    part = MaskStack((np.ascontiguousarray(mask[2:7, 3:8, 4:9]),), corner=(2, 3, 4))
    placed = build(Image(image, ONE), part, find_vois(part), Settings.of({"resampling": chosen})).batches["original"]
    np.testing.assert_array_equal(placed.geometry.region, whole.geometry.region)
    np.testing.assert_array_equal(placed.geometry.corner, whole.geometry.corner)


def test_touching_vois_are_resampled_each_on_its_own():
    image = np.zeros((4, 4, 8))
    mask = np.ones(image.shape, int)
    mask[:, :, 4:] = 2
    together = prepared(image, mask, ONE, {"spacing_mm": [1, 1, 0.8]}).geometry.n_morphological
    alone = [prepared(image, mask == v, ONE, {"spacing_mm": [1, 1, 0.8]}).geometry.n_morphological[0] for v in (1, 2)]
    assert together.tolist() == alone


def test_nan_outside_the_voi_stays_outside():
    image = np.ones((8, 8, 8))
    image[0, 0, 0] = np.nan
    mask = np.zeros(image.shape, int)
    mask[4:7, 4:7, 4:7] = 1
    row = Extractor(settings={"resampling": {"spacing_mm": [0.5, 0.5, 0.5]}, "features": ["intensity_statistics"]}).extract(
        image, mask, spacing_mm=ONE
    )
    assert row.loc[0, "original.intensity_statistics.mean"] == 1.0


@pytest.mark.parametrize("axis", range(3))
def test_a_neighbour_of_weight_zero_does_not_spread_its_nan(axis):
    image, mask = noise_and_box((12, 12, 12), 3)
    image[tuple(9 if a == axis else slice(None) for a in range(3))] = np.nan
    spacing = [None] * 3
    spacing[(axis + 1) % 3] = 0.5
    row = extract(image, mask, spacing_mm=ONE, settings={**MEAN, "resampling": {"spacing_mm": spacing}}).iloc[0]
    assert row["status"] == "ok", row["reason"]


def test_one_nan_far_away_does_not_fail_every_voi_of_a_spline():
    image, mask = noise_and_box((24, 24, 24), 9)
    image[0, 0, 0] = np.nan
    settings = {**MEAN, "resampling": {"spacing_mm": [0.7] * 3, "image": "cubic_spline"}}
    row = extract(image, mask, spacing_mm=ONE, settings=settings).iloc[0]
    assert row["status"] == "ok", row["reason"]


def test_an_image_is_resampled_once_however_many_batches_it_takes(monkeypatch):
    calls, before = [], module.resample
    monkeypatch.setattr(module, "resample", lambda *given: calls.append(1) or before(*given))
    mask = np.zeros((60, 60, 60), np.int32)
    places = [(z, y, x) for z in range(2, 56, 6) for y in range(2, 56, 6) for x in range(2, 56, 6)]
    for k, (z, y, x) in enumerate(places, 1):
        mask[z : z + 4, y : y + 4, x : x + 4] = k
    settings = {**MEAN, "memory": "8MB", "resampling": {"spacing_mm": [0.8] * 3}}
    found = extract(np.random.default_rng(0).normal(size=mask.shape), mask, spacing_mm=ONE, settings=settings)
    assert len(found) == len(places) and (found["status"] == "ok").all()
    assert len(calls) == 1


def test_wrong_spacing_is_refused():
    with pytest.raises(SettingsError, match="voxel sizes must be positive"):
        Settings.of({"resampling": {"spacing_mm": [0, 1, 1]}})
