"""Perturbed masks against SimpleITK and distances, noise of known size, and stability against one extraction per perturbation."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage
from typer.testing import CliRunner

from shared import ROOT, shared
from voxomics import Extractor, InputError, SettingsError, phantom
from voxomics.cli import app
from voxomics.engine import run as engine_run
from voxomics.engine.prepare import find_vois
from voxomics.engine.volume import Image, MaskStack
from voxomics.study import stability as module
from voxomics.study.cutout import cut_out
from voxomics.study.perturbation import Amplitudes, Perturbation, draw, noise_sd, perturbed_mask, reach_voxels, with_noise
from voxomics.study.stability import Scan, read_scans, stability

CT = (5.0, 0.68, 0.68)
NONE = Amplitudes(0, 0, 0, 0)
VOLUME = "original.morphology.volume_voxel_counting"
MEAN = "original.intensity_statistics.mean"
LIGHT = {"features": ["morphology.volume_voxel_counting", "intensity_statistics"]}


def blob(seed: int = 0, shape: tuple[int, int, int] = (14, 40, 44)) -> np.ndarray:
    """A lumpy mask with room around it."""
    inside = np.zeros(shape, bool)
    inside[4:-4, 10:-10, 10:-10] = True
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3) + 0.02
    return inside & (field > 0)


def tumour(seed: int, radius: float = 9.0, shape: tuple[int, int, int] = (12, 60, 64)) -> Scan:
    """A textured ball in tissue, as int16 HU; image and mask in memory."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    mask = (z * 5) ** 2 + (y * 0.68) ** 2 + (x * 0.68) ** 2 < radius**2
    image = 40 + 30 * mask + ndimage.gaussian_filter(rng.normal(0, 60, shape), (0, 2, 2)) + rng.normal(0, 9, shape)
    return Scan(f"P{seed}", np.rint(image).astype(np.int16), mask.astype(np.uint8), CT)


# ---------------------------------------------------------------------- masks


def test_nothing_changes_nothing():
    assert (perturbed_mask(blob(), CT, Perturbation()) == blob()).all()
    assert (perturbed_mask(blob(), CT, Perturbation((0.0, 0.0, 1e-9), 0.0)) == blob()).all()
    assert (perturbed_mask(blob(), CT, Perturbation(angle_deg=1e-9)) == blob()).all()


@pytest.mark.parametrize("shift", [(0, 0, 1), (0, -3, 0), (2, 0, 0), (-2, 4, -5)])
def test_a_shift_by_whole_voxels_rolls_the_mask(shift):
    found = perturbed_mask(blob(), CT, Perturbation(tuple(map(float, shift))))
    assert (found == np.roll(blob(), shift, (0, 1, 2))).all()


@pytest.mark.parametrize("seed", range(6))
def test_shift_and_rotation_are_those_of_simpleitk(seed):
    rng = np.random.default_rng(seed)
    mask, spacing = blob(seed), tuple(rng.uniform(0.5, 5, 3))
    shift, angle = rng.uniform(-2, 2, 3), rng.uniform(-30, 30)
    image = sitk.GetImageFromArray(mask.astype(np.float32))
    image.SetSpacing(spacing[::-1])
    centre = [float(w.mean() * s) for w, s in zip(np.nonzero(mask), spacing, strict=True)]
    turn = sitk.Euler3DTransform(centre[::-1], 0.0, 0.0, float(np.deg2rad(angle)))
    move = sitk.TranslationTransform(3, [float(v) for v in (-shift * spacing)[::-1]])
    weight = sitk.GetArrayFromImage(sitk.Resample(image, image, sitk.CompositeTransform([turn, move]), sitk.sitkLinear, 0.0))
    clear = np.abs(weight - 0.5) > 1e-4  # beyond rounding of either
    found = perturbed_mask(mask, spacing, Perturbation(tuple(shift), angle))
    assert clear.mean() > 0.99
    assert (found == (weight >= 0.5))[clear].all()
    assert (found != mask).any()


def test_a_quarter_turn_goes_from_y_to_x():
    mask = np.zeros((1, 21, 21), bool)
    mask[0, 10, 4:17] = True  # a line along x with a hook at its end towards larger y
    mask[0, 10:15, 16] = True
    found = perturbed_mask(mask, (1.0, 1.0, 1.0), Perturbation(angle_deg=90.0))
    rows, columns = np.nonzero(found[0])
    cut = found[0][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    rows, columns = np.nonzero(mask[0])
    assert (cut == np.rot90(mask[0][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])).all()


@pytest.mark.parametrize("spacing", [CT, (1.0, 1.0, 1.0), (0.9, 1.2, 0.7), (1.0, 0.3, 0.3000000001)])
@pytest.mark.parametrize("rim", [1, 2, 3])
def test_a_rim_is_a_distance_in_mm(spacing, rim):
    mask, radius = blob(), rim * min(spacing) * (1 + 1e-6)
    grown, shrunk = (perturbed_mask(mask, spacing, Perturbation(rim_voxels=sign * rim)) for sign in (1, -1))
    assert (grown == (ndimage.distance_transform_edt(~mask, spacing) <= radius)).all()
    assert (shrunk == (ndimage.distance_transform_edt(mask, spacing) > radius)).all()
    assert shrunk.sum() < mask.sum() < grown.sum()


def test_a_rim_on_thick_slices_stays_in_its_slice():
    grown = perturbed_mask(blob(), CT, Perturbation(rim_voxels=1))
    assert (grown.any((1, 2)) == blob().any((1, 2))).all()


def test_beyond_the_image_a_mask_goes_on():
    """So one slice keeps its slice, and a tumour that the scan cuts off does not shrink from the cut."""
    mask = np.zeros((1, 9, 9), bool)
    mask[:, 2:, 3:6] = True
    shrunk = perturbed_mask(mask, (1.0, 1.0, 1.0), Perturbation((0.4, 0.0, 0.0), rim_voxels=-1))
    assert np.argwhere(shrunk).tolist() == [[0, y, 4] for y in range(3, 9)]


def test_an_empty_mask_is_refused():
    with pytest.raises(InputError, match="empty"):
        perturbed_mask(np.zeros((3, 3, 3), bool), CT, Perturbation())


@pytest.mark.parametrize("amplitudes", [Amplitudes(), Amplitudes(1.5, 25.0, 3), Amplitudes(0, 45.0, 0)])
def test_the_room_left_around_a_voi_is_enough(amplitudes):
    """A long VOI, which swings far, cut out and in a large image."""
    rng = np.random.default_rng(1)
    mask = np.zeros((14, 90, 120), bool)
    mask[6:8, 44:46, 40:80] = True
    stack = MaskStack((mask.astype(np.uint8),))
    reach = reach_voxels((2, 2, 40), CT, amplitudes)
    cut = cut_out(Image(np.zeros(mask.shape), CT), stack, find_vois(stack)[0], reach, (0, 0, 0))
    assert cut.mask.shape == tuple(size + 2 * room for size, room in zip((2, 2, 40), reach, strict=True))
    corner = np.array([6, 44, 40]) - reach
    for _ in range(12):
        one = draw(amplitudes, rng)
        whole = np.argwhere(perturbed_mask(mask, CT, one))
        assert (np.argwhere(perturbed_mask(cut.mask, CT, one)) + corner).tolist() == whole.tolist()


def test_draws_fill_their_ranges_and_no_more():
    draws = [draw(Amplitudes(), np.random.default_rng(seed)) for seed in range(400)]
    shifts, angles = np.array([one.shift_voxels for one in draws]), np.array([one.angle_deg for one in draws])
    assert 0.49 < np.abs(shifts).max() <= 0.5 and 4.9 < np.abs(angles).max() <= 5
    assert np.abs(shifts.mean(0)).max() < 0.06 and np.abs(angles.mean()) < 0.6
    assert np.bincount([one.rim_voxels + 1 for one in draws]).min() > 100
    assert draw(NONE, np.random.default_rng(0)) == Perturbation()


@pytest.mark.parametrize(
    "wrong", [{"shift_voxels": -1}, {"angle_deg": 46}, {"rim_voxels": 0.5}, {"noise": np.inf}, {"noise": np.nan}]
)
def test_impossible_amplitudes_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} must be"):
        Amplitudes(**wrong)


# ---------------------------------------------------------------------- noise


@pytest.mark.parametrize("sd", [0.8, 3.1, 9.0, 40.0])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize("scene", ["flat", "ramp", "blobs", "padded"])
def test_noise_is_found_within_ten_percent(sd, kind, scene):
    rng, shape = np.random.default_rng(7), (6, 70, 80)
    z, y, x = np.indices(shape)
    clean = {
        "flat": np.zeros(shape),
        "ramp": 3.0 * y - 2.0 * x + 10.0 * z,
        "blobs": 60.0 * (np.sin(x / 9) + np.cos(y / 11)) + 200 * (np.hypot(y - 35, x - 40) < 18),
        "padded": 5.0 * y,
    }[scene]
    image = clean + rng.normal(0, sd, shape)
    if scene == "padded":
        image[:, :, 45:] = -1024
    image = (np.rint(image) if kind == np.int16 else image).astype(kind)
    rounding = 1 / 12 if kind == np.int16 else 0
    assert noise_sd(image) == pytest.approx(np.sqrt(sd**2 + rounding), rel=0.1)


def test_no_noise_is_none():
    _, y, x = np.indices((3, 20, 20))
    assert noise_sd(np.full((3, 9, 9), -1024, np.int16)) == 0
    assert noise_sd(7.0 * y + 2.0 * x) == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError, match="3 × 3"):
        noise_sd(np.zeros((5, 2, 9)))


def test_noise_beside_nan_is_found():
    image = np.random.default_rng(1).normal(0, 5, (5, 40, 40))
    image[:, ::9, ::7] = np.nan
    assert noise_sd(image) == pytest.approx(5, rel=0.1)


def test_added_noise_has_its_size_type_and_floor():
    clean = np.full((20, 50, 50), 100, np.int16)
    noisy = with_noise(clean, 12.0, np.random.default_rng(0))
    assert noisy.dtype == np.int16 and noisy.std() == pytest.approx(12, rel=0.02) and noisy.mean() == pytest.approx(100, abs=0.3)
    assert with_noise(clean, 0.0, np.random.default_rng(0)) is clean
    assert with_noise(np.zeros(999, np.float32), 1.0, np.random.default_rng(0), floor=0.0).min() == 0
    whole = with_noise(np.tile(np.array([0, 255], np.uint8), 500), 9.0, np.random.default_rng(0)).reshape(-1, 2)
    assert whole[:, 0].max() < 60 and whole[:, 1].min() > 200  # no value wraps around


# ---------------------------------------------------------------------- stability


def placed(case: Scan, where: tuple[slice, slice, slice]) -> Scan:
    return replace(case, image=np.ascontiguousarray(case.image[where]), mask=np.ascontiguousarray(case.mask[where]))


@pytest.mark.parametrize(
    "where",
    [
        (slice(None), slice(None), slice(None)),  # room along y and x
        (slice(None), slice(None), slice(18, None)),  # the image ends in the tumour's side
        (slice(5, 6), slice(None), slice(None)),  # one slice
        (slice(None), slice(16, None), slice(None)),
    ],
)
def test_without_perturbation_the_values_are_those_of_extract(where):
    """Every feature to the last bit: what surrounds a copy is what surrounds the tumour, at the image's edge too."""
    ours, cases = Extractor("ibsi"), [placed(tumour(k, 8 + k), where) for k in range(2)]
    found = stability(cases, ours, perturbations=3, amplitudes=NONE)
    for case in cases:
        expected = ours.extract(case.image, case.mask, spacing_mm=CT)[ours.columns].to_numpy()
        values = found.measured.loc[found.measured["id"] == case.id, ours.columns].to_numpy()
        np.testing.assert_array_equal(values, np.repeat(expected, 3, axis=0))


def test_filters_see_the_whole_image_of_a_copy():
    kinds = [{"type": "pyradiomics_log", "sigma_mm": [3.0]}, "pyradiomics_square", "pyradiomics_gradient"]
    ours = Extractor(settings={"features": ["intensity_statistics"], "image_types": kinds})
    cases = [tumour(k, 8 + k) for k in range(2)]
    found = stability(cases, ours, perturbations=2, amplitudes=NONE).measured
    for case in cases:
        expected = ours.extract(case.image, case.mask, spacing_mm=CT)[ours.columns].to_numpy()
        values = found.loc[found["id"] == case.id, ours.columns].to_numpy()
        np.testing.assert_array_equal(values, np.repeat(expected, 2, axis=0))


def test_a_mask_file_of_smaller_extent_lies_where_its_origin_says():
    case = tumour(5)
    image, mask = sitk.GetImageFromArray(case.image), sitk.GetImageFromArray(case.mask)
    for volume in (image, mask):
        volume.SetSpacing(CT[::-1])
    small = Scan(case.id, image, mask[14:50, 13:48, 2:11])
    whole, part = (stability([one, tumour(6)], Extractor(settings=LIGHT), 4).measured for one in (case, small))
    pd.testing.assert_frame_equal(whole, part, check_exact=True)


def test_the_noise_is_that_around_the_voi():
    image = np.random.default_rng(0).normal(0, np.where(np.arange(300) < 150, 4, 16), (3, 60, 300))
    mask = np.zeros(image.shape, np.uint8)
    mask[1, 28:34, 240:250] = 1
    image, mask = sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask)
    for volume in (image, mask):
        volume.SetSpacing(CT[::-1])
    near = Scan("near", image, mask[200:, 20:, :])
    found = stability([near, tumour(0)], Extractor(settings=LIGHT), 2)
    assert found.cases.loc[0, "noise_sd"] == pytest.approx(16, rel=0.1)


def test_where_the_image_ends_on_all_sides_only_the_local_peak_sees_it():
    ours = Extractor("ibsi")
    case = placed(tumour(0), (slice(4, 8), slice(18, 42), slice(20, 44)))
    found = stability([case, replace(case, id="again")], ours, perturbations=2, amplitudes=NONE).measured
    expected = ours.extract(case.image, case.mask, spacing_mm=CT)
    same = [name for name in ours.columns if "local_intensity" not in name]
    assert len(ours.columns) - len(same) == 2
    np.testing.assert_array_equal(found.loc[0, same].astype(float), expected.loc[0, same].astype(float))


def test_resampled_copies_differ_from_extract_by_the_place_of_the_grid():
    ours = Extractor("ibsi", {**LIGHT, "resampling": {"spacing_mm": [2.0, 1.0, 1.0], "image": "cubic_spline"}})
    cases = [tumour(k) for k in range(2)]
    found = stability(cases, ours, perturbations=2, amplitudes=NONE).measured
    for case in cases:
        expected = ours.extract(case.image, case.mask, spacing_mm=CT).loc[0]
        for _, row in found[found["id"] == case.id].iterrows():
            assert row[VOLUME] == pytest.approx(expected[VOLUME], rel=0.03)
            assert row[MEAN] == pytest.approx(expected[MEAN], rel=0.01)


def test_one_extraction_for_each_perturbation_gives_the_same():
    """Without noise: the perturbed mask in the whole image, one at a time."""
    ours, case = Extractor("lifex"), tumour(3)
    found = stability([case, tumour(4)], ours, amplitudes=replace(Amplitudes(), noise=0)).measured
    rows = found[found["id"] == case.id]
    assert len(rows) == 20 and rows["rim_voxels"].nunique() == 3
    for row in rows.itertuples(index=False):
        chosen = Perturbation((row.shift_z, row.shift_y, row.shift_x), row.angle_deg, row.rim_voxels)
        alone = ours.extract(case.image, perturbed_mask(case.mask > 0, CT, chosen), spacing_mm=CT)
        mine = rows.loc[rows["perturbation"] == row.perturbation, ours.columns]
        np.testing.assert_array_equal(mine.to_numpy(), alone[ours.columns].to_numpy())


def test_each_copy_has_noise_of_its_own_and_of_the_images_size():
    ours = Extractor(settings={"features": ["intensity_statistics.mean", "intensity_statistics.variance"]})
    found = stability([tumour(1), tumour(2)], ours, perturbations=40, amplitudes=Amplitudes(0, 0, 0, 2.0))
    assert found.cases["noise_sd"].between(8, 10.5).all()
    for case, sd in zip((tumour(1), tumour(2)), found.cases["noise_sd"], strict=True):
        inside, rows = case.image[case.mask > 0], found.measured[found.measured["id"] == case.id]
        assert rows["n_voxels"].nunique() == 1 and rows[MEAN].nunique() > 30
        assert rows[MEAN].std() == pytest.approx(2 * sd / np.sqrt(inside.size), rel=0.3)
        added = rows["original.intensity_statistics.variance"].mean() - inside.var()
        assert added == pytest.approx(4 * sd**2, rel=0.06)


def test_icc_is_one_where_only_the_patient_counts_and_none_where_only_noise_does():
    cases = [tumour(k, 7 + 0.3 * k) for k in range(12)]
    ours = Extractor(settings=LIGHT)
    table = stability(cases, ours, amplitudes=Amplitudes(0, 0, 0, 1.0)).table
    assert table.loc[VOLUME, "icc"] == 1.0
    same = [replace(tumour(0), id=f"P{k}") for k in range(12)]
    table = stability(same, ours, amplitudes=Amplitudes(0, 0, 0, 5.0)).table
    assert table.loc[VOLUME, "message"] == "all values are the same"
    assert abs(table.loc[MEAN, "icc"]) < 0.12
    assert table.loc[MEAN, "ci_low"] < 0 < table.loc[MEAN, "ci_high"]


def test_a_case_depends_on_seed_and_id_alone():
    ours, cases = Extractor(settings=LIGHT), [tumour(k) for k in range(3)]

    def rows(found, name, n=4):
        return found.measured[(found.measured["id"] == name) & (found.measured["perturbation"] <= n)].reset_index(drop=True)

    first = stability(cases, ours, 4)
    turned = stability(cases[::-1][:2], ours, 6)
    pd.testing.assert_frame_equal(rows(first, "P2"), rows(turned, "P2"), check_exact=True)
    assert rows(first, "P0")["angle_deg"].tolist() != rows(first, "P1")["angle_deg"].tolist()
    assert rows(stability(cases, ours, 4, seed=1), "P0")[MEAN].tolist() != rows(first, "P0")[MEAN].tolist()


def test_the_copies_of_a_case_are_one_batch_and_little_memory_makes_more(monkeypatch):
    sizes, measure = [], engine_run.measure

    def counted(prepared, *given):
        sizes.append(len(prepared))
        return measure(prepared, *given)

    monkeypatch.setattr(engine_run, "measure", counted)
    cases = [tumour(k) for k in range(2)]
    whole = stability(cases, Extractor(settings=LIGHT))
    assert sizes == [20, 20]
    sizes.clear()
    parts = stability(cases, Extractor(settings={**LIGHT, "memory": "1MB"}))
    assert len(sizes) > 4 and sum(sizes) == 40
    pd.testing.assert_frame_equal(whole.measured, parts.measured, check_exact=True)


def test_cases_that_fail_are_named_and_the_others_measured(tmp_path):
    good = [tumour(k) for k in range(2)]
    twice = np.where(np.arange(64) < 32, good[0].mask, 2 * good[0].mask)
    broken = good[0].image.astype(np.float64)
    broken[5, 30, 30:32] = np.nan
    wrong = {
        "gone": (Scan("gone", tmp_path / "none.nii.gz", good[0].mask), "none.nii.gz"),
        "empty": (replace(good[0], id="empty", mask=0 * good[0].mask), "empty"),
        "two": (replace(good[0], id="two", mask=twice), "holds 2 VOIs.*1, 2"),
        "hole": (replace(good[0], id="hole", image=broken), "every perturbation failed: 2 of"),
    }
    found = stability([good[0], *(case for case, _ in wrong.values()), good[1]], Extractor(settings=LIGHT), 3)
    assert found.cases["id"].tolist() == ["P0", *wrong, "P1"]
    assert found.cases["status"].tolist() == ["ok", "failed", "failed", "failed", "failed", "ok"]
    for reason, (_, text) in zip(found.cases["reason"][1:-1], wrong.values(), strict=True):
        assert pd.Series(reason).str.contains(text).all(), reason
    assert found.table.loc[VOLUME, "n_targets"] == 2 and found.measured["id"].nunique() == 2
    chosen = stability([replace(case, mask=np.where(np.arange(64) < 32, case.mask, 2 * case.mask)) for case in good],
                       Extractor(settings=LIGHT), 3, label=2)  # fmt: skip
    assert chosen.cases["n_voxels"].tolist() == [int(case.mask[..., 32:].sum()) for case in good]


def test_an_internal_error_fails_its_case_alone_and_is_logged(monkeypatch, caplog):
    measure = module.measure_case

    def faulty(case, *rest):
        if case.id == "P1":
            raise TypeError("a fault of ours")
        return measure(case, *rest)

    monkeypatch.setattr(module, "measure_case", faulty)
    found = stability([tumour(k) for k in range(3)], Extractor(settings=LIGHT), 3)
    assert found.cases["status"].tolist() == ["ok", "failed", "ok"]
    assert found.cases["reason"][1] == "internal error, please report it: TypeError: a fault of ours"
    assert found.table.attrs["voxomics"]["internal_errors"] == ["P1"]
    assert "Traceback" in caplog.text


def test_a_mask_that_a_perturbation_empties_is_counted_and_drawn_again():
    small = replace(tumour(0), id="small", mask=np.zeros_like(tumour(0).mask))
    small.mask[5, 30:33, 30:33] = 1
    found = stability([small, tumour(1)], Extractor(settings=LIGHT), amplitudes=Amplitudes(0, 0, 2, 0))
    assert found.cases["emptied"].tolist()[0] > 0 and found.cases["emptied"].tolist()[1] == 0
    assert len(found.measured) == 40 and (found.measured["n_voxels"] > 0).all()
    assert (found.measured.loc[found.measured["id"] == "small", "rim_voxels"] >= -1).all()
    with pytest.raises(InputError, match="small: 20 of 20 perturbations leave nothing of the mask's 9 voxels"):
        stability([small, tumour(1)], Extractor(settings=LIGHT), 2, amplitudes=Amplitudes(1e4, 0, 0, 0))


def test_a_failed_perturbation_is_told():
    """NaN that only a grown mask reaches."""
    cases = [replace(tumour(k), image=tumour(k).image.astype(np.float64)) for k in range(3)]
    cases[0].image[perturbed_mask(cases[0].mask > 0, CT, Perturbation(rim_voxels=1)) & (cases[0].mask == 0)] = np.nan
    found = stability(cases, Extractor(settings=LIGHT), amplitudes=Amplitudes(0, 0, 1, 0))
    assert found.cases["status"].tolist() == ["partial", "ok", "ok"]
    assert "of 20 perturbations failed" in found.cases.loc[0, "reason"]
    assert found.table.loc[MEAN, ["n_targets", "left_out"]].tolist() == [2, 1]


def test_wrong_input_is_refused():
    good = [tumour(k) for k in range(2)]
    with pytest.raises(InputError, match="more than once: P0"):
        stability([good[0], good[0]])
    with pytest.raises(SettingsError, match="at least 2"):
        stability(good, perturbations=1)
    with pytest.raises(InputError, match=r"1 of 2 cases.*empty"):
        stability([good[0], replace(good[1], mask=0 * good[1].mask)], Extractor(settings=LIGHT), 2)


# ---------------------------------------------------------------------- cohorts and the command line


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return phantom.cohort(tmp_path_factory.mktemp("cohort"), 8, 1, seed=0)


def test_the_synthetic_cohort_gives_plausible_iccs(cohort):
    found = stability(read_scans(cohort.clinical), Extractor("lifex"))
    icc = found.table["icc"]
    assert icc["SHAPE_Volume(mL)"] > 0.9 and icc["CONVENTIONAL_HUmean"] > 0.9
    assert icc["CONVENTIONAL_HUmax"] < icc["SHAPE_Volume(mL)"]
    assert found.cases["noise_sd"].between(8, 11).all()  # planted: 9 HU, and the tumour's texture
    assert len(found.table) == 45 and (found.table["left_out"] == 0).all()


def test_real_pet_gives_plausible_iccs():
    folder = shared("data", "cohort_sts_pet")
    cases = [
        Scan(f"{k:03d}", *(folder / f"STS_{k:03d}" / f"PET_{what}.nii.gz" for what in ("image", "mask"))) for k in range(1, 7)
    ]
    settings = {**LIGHT, "resegmentation": {"range": [0, None]}}
    found = stability(cases, Extractor("ibsi", settings))
    assert (found.cases["status"] == "ok").all() and (found.cases["noise_sd"] > 0).all()
    assert found.table.loc[VOLUME, "icc"] > 0.95
    assert found.table.loc["original.intensity_statistics.maximum", "icc"] > 0.95


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "voxomics.cli", "stability", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_writes_features_cases_and_values(cohort, tmp_path):
    rows = pd.read_csv(cohort.clinical)[["id", "image", "mask"]].head(3)
    rows.loc[3] = ["P999", "images/none.nii.gz", "masks/none.nii.gz"]
    rows.to_csv(cohort.folder / "few.csv", index=False)
    done = run(cohort.folder / "few.csv", "-o", tmp_path / "s.csv", "-n", "4", "--seed", "5", "--rim", "0", "-p", "lifex")
    assert done.returncode == 0, done.stderr
    assert "3 of 4 cases were measured" in done.stderr and "P999 failed" in done.stderr
    found = stability(read_scans(cohort.folder / "few.csv"), Extractor("lifex"), 4, 5, amplitudes=Amplitudes(rim_voxels=0))
    written = pd.read_csv(tmp_path / "s.csv", index_col="feature", float_precision="round_trip")
    np.testing.assert_array_equal(written["icc"], found.table["icc"])
    assert pd.read_csv(tmp_path / "s.cases.csv")["status"].tolist() == ["ok", "ok", "ok", "failed"]
    assert len(pd.read_csv(tmp_path / "s.measured.csv")) == 12
    assert f'"amplitudes": {{\n   "shift_voxels": {astuple(Amplitudes())[0]}' in (tmp_path / "s.csv.meta.json").read_text()


def test_the_command_ends_with_one_message(tmp_path):
    done = CliRunner().invoke(app, ["stability", str(tmp_path / "none.csv"), "-o", str(tmp_path / "s.csv")])
    assert done.exit_code == 2 and done.stderr.startswith("error: list of cases none.csv: cannot be read")


def test_a_list_may_choose_the_label_of_each_case(tmp_path, monkeypatch):
    """It was ignored, so that a mask of two VOIs failed, or the call's label was measured."""
    (tmp_path / "cases.csv").write_text("id,image,mask,label\na,i.nii,m.nii,2\nb,j.nii,n.nii,Tumour\nc,k.nii,o.nii,\n")
    scans = read_scans(tmp_path / "cases.csv")
    assert [scan.label for scan in scans] == [2, "Tumour", None]
    asked = []

    def measured(case, extractor, perturbations, seed, amplitudes, label, progress):
        asked.append(label)
        raise InputError("not here")

    monkeypatch.setattr("voxomics.study.stability.measure_case", measured)
    with pytest.raises(InputError, match="0 of 3 cases"):
        stability(scans)
    assert asked == [2, "Tumour", None]
    with pytest.raises(InputError, match="labels are chosen twice"):
        stability(scans, label=1)
