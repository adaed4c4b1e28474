"""Intensities of any magnitude: a feature grows as its unit says, or is missing with a reason; it is never 0 by underflow."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from naive import intensity as naive
from naive.terms import unlike
from voxomics import Extractor, SettingsError
from voxomics.engine import prepare
from voxomics.engine.families import intensity_statistics
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack

SPACING = (2.0, 2.0, 2.0)
POWER = {"intensity": 1, "intensity2": 2, "intensity mm3": 1}
RNG = np.random.default_rng(0)
MASK = np.ones((5, 6, 7), np.uint8)
MASK[0] = 0
IMAGE = RNG.integers(-20, 60, MASK.shape) + RNG.integers(0, 4, MASK.shape) / 4
SWEEP = (-1074, -1073, -1060, -1022, -800, -540, -201, -100, 200, 300, 510, 900, 1010, 1014, 1017, 1018)


def ldexp(values, k):
    return np.ldexp(np.ldexp(values, k // 2), k - k // 2)  # 2^1074 alone is no float64


def times(value, k):
    """Value · 2^k as the nearest float64; NaN beyond it, or where nothing but 0 is left."""
    try:
        found = float(Fraction(float(value)) * Fraction(2) ** k)
    except OverflowError:
        return math.nan
    return math.nan if found == 0 and value != 0 else found


@pytest.fixture(scope="module")
def extractor():
    settings = {
        "features": [
            "intensity_statistics", "morphology", "local_intensity", "intensity_histogram", "intensity_volume_histogram",
        ],
        "discretisation": "fbn:16",
        "ivh_discretisation": "fbn:100",
        "histogram_discretisation": "fbn:16",
    }
    return Extractor("ibsi", settings, backend="cpu", threads=1)


@pytest.mark.parametrize("k", SWEEP)
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_features_grow_as_their_units_say(extractor, k, offset):
    image = IMAGE / 64 + offset if offset else IMAGE
    if k > 1013 and offset:
        pytest.skip("the intensities themselves are beyond float64")
    scaled = np.ldexp(image, k)
    row = extractor.extract(scaled, MASK, spacing_mm=SPACING).iloc[0]
    plain = extractor.extract(ldexp(scaled, -k), MASK, spacing_mm=SPACING).iloc[0]  # 2^-1074 leaves few digits: of what is left
    for name in extractor.columns:
        levels = "histogram" in name  # fixed bin number: levels have no unit of intensity
        want = times(plain[name], 0 if levels else k * POWER.get(extractor.described[name][1], 0))
        got = row[name]
        assert (math.isnan(got) and math.isnan(want)) or abs(got - want) <= max(1e-12 * abs(want), 5e-324), (name, got, want)
        assert not math.isnan(got) or name.split(".", 1)[1] in row["reason"] or "more" in row["reason"]


HOSTILE = {
    "an outlier first": np.r_[1e12, RNG.normal(0, 1, 201)],
    "a fill value of float32": np.r_[-3.4028234663852886e38, RNG.normal(40, 10, 300)],
    "a fill value of float64": np.r_[-1.7976931348623157e308, RNG.normal(40, 10, 300)],
    "every magnitude": 2.0 ** RNG.integers(-1000, 1020, 200).astype(float),
    "1e-298": RNG.normal(1, 0.3, 99) * 1e-298,
    "both ends": [1.7e308, -1.7e308, 1.7e308],
    "the largest": [1.7976931348623157e308] * 5,
    "one beside denormals": np.r_[np.full(90, 5e-324), 1.0],
    "1e15 and eighths": 1e15 + RNG.integers(0, 5, 300) / 8,
    "equal but for a few": np.r_[0.1, np.full(70, 0.3), np.full(3, 9.0)],
    "quartiles whose sum overflows": np.r_[1.2e308, 1.5e308, 1.6e308, 1.7e308],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_statistics_are_those_of_exact_fractions(name):
    x = np.asarray(HOSTILE[name], float)
    image = x[None, None]
    table = Extractor("ibsi", {"features": ["intensity_statistics"]}, backend="cpu", threads=1).extract(
        image, np.ones(image.shape, np.uint8), spacing_mm=SPACING
    )
    got = table.iloc[0, 7:].to_numpy(float)
    exponent = math.frexp(np.abs(x).max())[1]  # the twin ends in floats too, so it works in the unit of the largest intensity
    twin = naive.statistics([Fraction(v) / Fraction(2) ** exponent for v in x.tolist()])
    exponents = [exponent * POWER.get(feature.unit, 0) for feature in intensity_statistics.FEATURES]
    for (feature, value), e, found in zip(twin.items(), exponents, got, strict=True):
        if math.isnan(times(value.value, e)):
            assert math.isnan(found), feature
        else:
            scaled = float(Fraction(float(found)) / Fraction(2) ** e)
            assert not unlike([scaled], {feature: value}), (feature, found, value)


def kept(x, sigma):
    """How many intensities are within sigma population standard deviations of their mean, by exact fractions."""
    exact = [Fraction(v) for v in x.tolist()]
    mean = sum(exact) / len(exact)
    square = sum((v - mean) ** 2 for v in exact) / len(exact)
    return sum((v - mean) ** 2 <= Fraction(sigma) ** 2 * square for v in exact)


def voxels_left(x, sigma):
    settings = Settings(resegmentation={"outliers_sigma": sigma})
    image = Image(x.reshape(1, 1, -1), SPACING)
    mask = MaskStack((np.ones(image.array.shape, np.uint8),))
    return int(prepare.build(image, mask, prepare.find_vois(mask), settings).geometry.n_intensity[0])


@pytest.mark.parametrize("sigma", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("name", HOSTILE)
def test_outliers_are_those_of_exact_fractions(name, sigma):
    x = np.asarray(HOSTILE[name], float)
    assert voxels_left(x, sigma) == kept(x, sigma)


@pytest.mark.parametrize("k", [-1070, -1000, -700, -537, -301, -299, 0, 399, 401, 511, 700, 1000, 1019])
def test_outliers_do_not_depend_on_the_unit(k):
    x = np.r_[RNG.integers(-8, 9, 200).astype(float), 15.0, -14.0]
    assert voxels_left(np.ldexp(x, k), 2.0) == kept(x, 2.0) < x.size


def test_peaks_beside_huge_intensities():
    image = np.full((9, 9, 9), 1.7e308)
    mask = np.zeros(image.shape, np.uint8)
    mask[4, 4, 3:6] = 1
    image[mask > 0] = 1.0
    row = Extractor("ibsi", {"features": ["local_intensity"]}, backend="cpu").extract(image, mask, spacing_mm=SPACING).iloc[0]
    sphere = np.sum((np.indices(image.shape) - 4) ** 2 * 4, axis=0) <= (3000 / (4 * np.pi)) ** (2 / 3)
    share = 1 - np.count_nonzero(mask[sphere]) / np.count_nonzero(sphere)
    assert row["original.local_intensity.global_intensity_peak"] == pytest.approx(1.7e308 * share, rel=1e-12)


@pytest.mark.parametrize("text", ["fbs:1e300:0", "fbs:25:-1e300", "bounds:64:-1.7e308:1.7e308", "fbs:1e-320:0"])
def test_widths_and_bounds_that_leave_float64_are_refused(text):
    with pytest.raises(SettingsError, match="give the image another unit of intensity"):
        Extractor("ibsi", {"discretisation": text})
