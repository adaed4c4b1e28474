"""Intensity statistics against their naive twin and NumPy's order statistics."""

from __future__ import annotations

import csv
import importlib

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive import intensity as naive
from naive.terms import assert_twin
from shared import shared
from voxomics.engine.discretise import channel
from voxomics.engine.families import intensity_statistics as family
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.kernels import sorting
from voxomics.kernels.intensity import features, moments, percentiles, selection

NONE = {"method": "none"}
NAMES = [feature.name for feature in family.FEATURES]


class Values:
    """The part of a batch that the statistics read."""

    def __init__(self, *sets):
        self.value = np.concatenate([np.asarray(s, float) for s in sets] or [np.empty(0)])
        self.value_start = np.concatenate(([0], np.cumsum([len(s) for s in sets]))).astype(np.int64)


def features_of(*sets, rule="linear"):
    return family.compute(Values(*sets), None, np.arange(len(sets)), Settings(percentile=rule), ())[:, 0]


def check(*sets, rule="linear"):
    for row, values in zip(features_of(*sets, rule=rule), sets, strict=True):
        twin = naive.statistics([float(v) for v in values], rule)
        assert list(twin) == NAMES
        assert_twin(row, twin, values)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 300), spread=st.sampled_from([1, 3, 50, 1000]), offset=st.sampled_from([0, -1000, 0.1]),
    whole=st.booleans(), rule=st.sampled_from(percentiles.PERCENTILE_RULES), seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_random_values_equal_the_twin(n, spread, offset, whole, rule, seed):
    rng = np.random.default_rng(seed)
    sets = [rng.normal(offset, spread, max(1, n // k)) for k in (1, 2, 7)]
    check(*[np.round(s) if whole else s for s in sets], rule=rule)


@pytest.mark.parametrize(("shift", "scale"), [(1e9, 2.0**-10), (0.0, 1e-200), (0.0, 1e160), (-1e300, 1e299)])
def test_moments_keep_their_digits_wherever_the_values_lie(shift, scale):
    values = np.random.default_rng(5).integers(1, 50, 1000) ** 2.0
    plain, moved = features_of(values, values * scale + shift)
    ratios = [NAMES.index(name) for name in ("skewness", "kurtosis")]
    np.testing.assert_allclose(moved[ratios], plain[ratios], rtol=1e-10)
    lengths = [NAMES.index(name) for name in ("mean_absolute_deviation", "robust_mean_absolute_deviation")]
    np.testing.assert_allclose(moved[lengths], plain[lengths] * scale, rtol=1e-10)


def test_what_leaves_float64_is_undefined_and_warns_nobody():
    row = dict(zip(NAMES, features_of([1e160, -3e160, 2e160, 2e160])[0], strict=True))
    assert {name for name, value in row.items() if not np.isfinite(value)} == {"variance", "energy", "root_mean_square"}
    assert not np.isinf(features_of([1.7e308, -1.7e308, 1.7e308])).any()


AWKWARD = {
    "one": [5.0],
    "two": [1.0, 2.0],
    "constant": np.full(2000, 0.1),
    "ties": np.repeat([1.0, 2.0, 2.5], 700),
    "outlier": np.r_[np.random.default_rng(0).normal(0, 1, 20_000), 1e12],
    "powers": 2.0 ** -np.arange(1000.0),
    "extremes": np.r_[np.linspace(-1.0, 1.0, 500) * 1.7e308, 0.0],
    "denormal": np.r_[np.arange(400) * 5e-324, 0.0],
    "denormal among others": np.r_[np.arange(400) * 5e-324, 1.0],
    "sorted": np.arange(5000.0),
    "reversed": np.arange(5000.0)[::-1],
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("rule", percentiles.PERCENTILE_RULES)
def test_percentiles_are_numpys_to_the_last_bit(name, rule):
    x = np.ascontiguousarray(AWKWARD[name])
    n = np.array([len(x)])
    at = percentiles.positions(n, rule)
    found = selection.order_statistics(x, np.array([0, len(x)]), np.arange(1), percentiles.ranks(at, n))[0]
    whole = np.sort(x)[percentiles.ranks(at, n)[0]]
    np.testing.assert_array_equal(found, whole)
    if name != "extremes":  # their differences overflow
        got = features_of(x, rule=rule)[0]
        assert got[6] == np.percentile(x, 10, method=rule)
        assert got[7] == np.percentile(x, 90, method=rule)
        assert got[4] == np.median(x)


@pytest.mark.parametrize("rule", percentiles.PERCENTILE_RULES)
def test_positions_are_numpys_for_every_number_of_values(rule):
    for n in range(1, 400):
        at = percentiles.positions(np.array([n]), rule)[0]
        want = np.percentile(np.arange(float(n)), percentiles.PERCENTS, method=rule)
        want[2] = (n - 1) / 2
        np.testing.assert_allclose(at, want, rtol=0, atol=1e-12, err_msg=str(n))


def test_moments_keep_their_digits_far_from_zero():
    x = -1000 + np.random.default_rng(1).normal(0, 0.01, 30_000)
    shifted = x + 1000  # exact: Sterbenz
    a, b = features_of(x)[0], features_of(shifted)[0]
    np.testing.assert_allclose(a[[1, 2, 3, 9, 11, 12, 13]], b[[1, 2, 3, 9, 11, 12, 13]], rtol=1e-9, atol=1e-9)


def test_where_a_feature_is_undefined_and_where_it_is_zero():
    assert family.compute(Values([1.0]), None, np.arange(0), Settings(), ()).shape == (0, 1, 18)
    constant, empty, zeros, pair = features_of([7.0] * 9, [], [0.0, 0.0], [0.0, 1.0])
    assert constant[[1, 2, 3, 9, 10, 11, 12, 13, 14, 15]].tolist() == [0.0] * 10
    assert np.isnan(empty).all()
    assert np.isnan(zeros[[14, 15]]).all() and not np.isnan(np.delete(zeros, [14, 15])).any()
    assert np.isnan(pair[12])  # neither of two values lies between their 10th and 90th percentile
    assert np.isnan(features_of([-1.0, 1.0])[0, [14, 15]]).all()


def test_a_voi_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(2)
    sets = [rng.normal(0, 1, n) for n in (1, 5000, 127, 129, 0, 2000)]
    whole = features_of(*sets)
    for k, values in enumerate(sets):
        np.testing.assert_array_equal(features_of(values)[0], whole[k])
    batch = Values(*sets)
    some = family.compute(batch, None, np.array([5, 1]), Settings(), ())
    np.testing.assert_array_equal(some[:, 0], whole[[5, 1]])


def test_no_kernel_is_compiled_twice():
    features_of([1.0, 2.0, 3.0])
    for function in (
        selection.refine,
        features.measure,
        features.describe,
        percentiles.between,
        percentiles.percentile,
        moments.look_along,
        sorting.heap,
    ):
        assert len(function.signatures) <= 1, function  # 0: inlined code from the cache


FAMILIES = {
    "local_intensity": "9ST6",
    "intensity_statistics": "UHIW",
    "intensity_histogram": "ZVCW",
    "intensity_volume_histogram": "P88C",
}


def volume(*parts):
    return np.ascontiguousarray(np.asarray(nibabel.load(shared("data", "ibsi1", *parts)).dataobj).T)


@pytest.fixture(scope="module")
def digital():
    image, mask = volume("digital_phantom", "image.nii.gz"), volume("digital_phantom", "mask.nii.gz")
    return prepared(Image(image, (2.0, 2.0, 2.0)), mask, {"discretisation": [NONE], "ivh_discretisation": NONE})


@pytest.fixture(scope="module")
def configuration_a():
    image, mask = volume("ct_phantom", "nifti", "image.nii.gz"), volume("ct_phantom", "nifti", "mask.nii.gz")
    spacing = nibabel.load(shared("data", "ibsi1", "ct_phantom", "nifti", "image.nii.gz")).header.get_zooms()[::-1]
    settings = {
        "discretisation": [{"method": "fbs", "width": 25}],
        "ivh_discretisation": NONE,
        "resegmentation": {"range": [-500, 400]},
    }
    return prepared(Image(np.rint(image).astype(np.int16), tuple(float(s) for s in spacing)), mask, settings)


def prepared(image, mask, settings):
    stack = MaskStack(((mask > 0).astype(np.uint8),))
    options = Settings.of(settings)
    return build(image, stack, find_vois(stack), options).batches["original"], options


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("config", ["digital", "A"])
def test_reference_values_of_the_standard(name, config, request):
    batch, options = request.getfixturevalue("digital" if config == "digital" else "configuration_a")
    module = importlib.import_module(f"voxomics.engine.families.{name}")
    level = {"value": None, "level": next(iter(batch.channels.values()))}
    if module.FAMILY.channel == "ivh":
        level["ivh"], *_ = channel(batch, options.ivh_discretisation, options, level_min=-(2**62))
    got = module.compute(batch, level[module.FAMILY.channel], np.arange(1), options, ())[0, 0]
    with open(shared("data", "ibsi1", "ibsi1_reference_digital_A_C_D.csv"), encoding="utf-8") as lines:
        rows = [r for r in csv.DictReader(lines) if r["config"] == config and r["family_code"] == FAMILIES[name]]
    assert len(rows) >= len(module.FEATURES) - 1  # the area under the curve stands in the manual only
    assert [r["ibsi_code"] for r in rows] == [f.ibsi for f in module.FEATURES][: len(rows)]
    for row, value in zip(rows, got, strict=False):
        want, tolerance = float(row["value"]), float(row["tolerance"])
        digits = max(len(row["value"].lower().split("e")[0].replace(".", "").lstrip("-0")), 3)
        assert f"{value:.{digits}g}" == f"{want:.{digits}g}" or abs(value - want) <= tolerance, (row["feature"], value)
    if (name, config) == ("intensity_volume_histogram", "digital"):
        assert f"{got[6]:.2g}" == "0.32"
