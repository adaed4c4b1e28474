"""From the engine's columns to those of a profile."""

from __future__ import annotations

import numpy as np

from voxomics.engine.columns import ColumnKey
from voxomics.profiles.profile import N_VOXELS, Output, are_engines, values_of

MEAN, SD = ColumnKey("original", "statistics", "mean"), ColumnKey("original", "statistics", "sd")
PLACE = {MEAN: 0, SD: 1}
VALUES = np.array([[1.0, 2.0], [3.0, 4.0]])


def output(*sources, derive=None):
    return Output("a", "", "1", "", sources, derive)


def test_columns_that_are_all_the_engines_in_their_order_are_told_from_others():
    assert are_engines([output(MEAN), output(SD)], PLACE)
    assert not are_engines([output(SD), output(MEAN)], PLACE)
    assert not are_engines([output(MEAN)], PLACE)
    assert not are_engines([output(MEAN), output(SD, derive=np.sqrt)], PLACE)


def test_renamed_columns_and_a_derived_one_stand_in_the_profiles_order():
    outputs = [output(MEAN), output(SD), output(SD, MEAN, derive=lambda a, b: a / b), output(N_VOXELS)]
    found = values_of(outputs, PLACE, VALUES, {N_VOXELS: np.array([5, 6])})
    np.testing.assert_array_equal(found, [[1.0, 2.0, 2.0, 5.0], [3.0, 4.0, 4 / 3, 6.0]])


def test_the_engines_columns_in_another_order_are_moved():
    found = values_of([output(SD), output(MEAN)], PLACE, VALUES, {N_VOXELS: np.array([5, 6])})
    np.testing.assert_array_equal(found, VALUES[:, ::-1])
