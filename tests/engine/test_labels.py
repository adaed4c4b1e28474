"""Labels, spacing and settings as Python gives them: what is meant is taken, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from voxomics import Extractor, InputError, SettingsError
from voxomics.engine.prepare import find_vois
from voxomics.engine.select import checked, select
from voxomics.engine.settings import Settings
from voxomics.engine.volume import MaskStack

ONE = (1.0, 1.0, 1.0)
IMAGE = np.arange(210.0).reshape(5, 6, 7)
MASK = np.zeros(IMAGE.shape, np.uint8)
MASK[:2], MASK[2:4], MASK[4] = 3, 1, 2
STACK = MaskStack((MASK,), names={(0, 1): "Tumour", (0, 3): "1"})


@pytest.fixture(scope="module")
def ours() -> Extractor:
    return Extractor(settings={"features": ["morphology.volume_voxel_counting"]}, threads=1)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("all", [1, 2, 3]),
        (2, [2]),
        (2.0, [2]),
        (np.uint8(2), [2]),
        (np.float32(2), [2]),
        (np.array(2), [2]),
        (Fraction(2), [2]),
        ([3, 1], [3, 1]),
        ((3.0, "Tumour"), [3, 1]),
        (np.array([3, 2]), [3, 2]),
        (np.array([3.0, 2.0]), [3, 2]),
        (pd.Series([3, 2], index=[7, 8]), [3, 2]),
        (pd.Series([3.0, 2.0]), [3, 2]),
        ({3: "a", 1: "b"}.keys(), [1, 3]),
        (range(2, 4), [2, 3]),
        ({3, 1}, [1, 3]),
        (frozenset({"Tumour", 3}), [1, 3]),
        ("1", [3]),
        ([2, 2], [2]),
    ],
)
def test_labels_that_are_meant(labels, expected):
    assert [voi.value for voi in select(find_vois(STACK), labels, STACK)] == expected


@pytest.mark.parametrize(
    "labels",
    [
        1.5, [1.5], float("nan"), [np.nan], float("inf"), None, [None], True, [True], np.True_, b"1", [b"1"], {1: "a"}, [[1]],
        np.array([[1]]), 1j, iter([1]), (one for one in [1]), object(), [np.array([1])], pd.NA, [pd.NA],
    ],
    ids=lambda labels: repr(labels).partition(" at 0x")[0],  # the same name in every process
)  # fmt: skip
def test_what_is_no_label_is_refused_before_anything_is_read(ours, labels):
    with pytest.raises(InputError, match='accepted: "all", a label number'):
        ours.extract("absent.nii.gz", "absent.nii.gz", labels)
    with pytest.raises(InputError, match='accepted: "all", a label number'):
        checked(labels)


@pytest.mark.parametrize("labels", [9, 9.0, [1, 9], {9}, "absent", 1e300, []])
def test_labels_that_are_absent_are_named(ours, labels):
    with pytest.raises(InputError, match=r"there are: 1, 2, 3|labels is empty"):
        ours.extract(IMAGE, MASK, labels, ONE)


@pytest.mark.parametrize("spacing", [(3, 1, 2), [3.0, 1.0, 2.0], *(of([3, 1, 2]) for of in (np.array, pd.Series, np.float32))])
def test_spacing_in_an_order_is_taken(ours, spacing):
    row = ours.extract(IMAGE, MASK, 2, spacing).iloc[0]
    assert row["original.morphology.volume_voxel_counting"] == 42 * 6.0


@pytest.mark.parametrize(
    "spacing",
    [
        {3.0, 1.0, 2.0}, frozenset({3.0, 1.0, 2.0}), {3.0: "z", 1.0: "y", 2.0: "x"}, {3: 0, 1: 0, 2: 0}.keys(), "111", b"111",
        ("1", "1", "1"), (True, 1, 1), 1.0, (1, 1), (1, 1, 1, 1), (1, None, 1), (1j, 1, 1), (10**400, 1, 1), np.ones((3, 3)),
    ],
    ids=lambda one: repr(one)[:40],
)  # fmt: skip
def test_spacing_without_an_order_or_in_letters_is_refused(ours, spacing):
    with pytest.raises(InputError, match=r"three numbers in the order \(z, y, x\)"):
        ours.extract(IMAGE, MASK, 2, spacing)


@pytest.mark.parametrize(
    "settings",
    [
        {"resampling": {"spacing_mm": {3.0, 1.0, 2.0}}},
        {"resegmentation": {"range": {-1000, 400}}},
        {"discretisation": {"fbn:32", "fbn:64"}},
        {"histogram_discretisation": frozenset({"fbn:32", "fbn:64"})},
    ],
)
def test_a_set_in_settings_where_the_order_counts_is_refused(settings):
    with pytest.raises(SettingsError, match="a set has no order; give a list"):
        Settings.of(settings)


def test_a_set_of_names_is_sorted():
    assert Settings.of({"features": {"ngtdm", "glcm"}, "exclude": {"ngtdm"}}).features == ("glcm", "ngtdm")
