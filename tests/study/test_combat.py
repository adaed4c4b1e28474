"""ComBat where centres are small, alone, unknown or copies of one patient."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.engine.errors import InputError
from voxomics.study.combat import ComBat


def test_combat_learns_nothing_from_copies_of_one_patient() -> None:
    """A bootstrap sample may hold a centre as copies of a single patient: its variance is 0."""
    rng = np.random.default_rng(0)
    X, batch = rng.normal(size=(24, 3)), np.repeat(["A", "B"], [20, 4])
    X[20:] = X[20]
    learned = ComBat(otherwise="unchanged").fit(X, batch=batch)
    assert learned.centres_.tolist() == ["A"]
    np.testing.assert_allclose(learned.transform(X, batch=batch), X, rtol=1e-12)
    with pytest.raises(InputError, match="copies count once"):
        ComBat().fit(X, batch=batch)


def test_combat_leaves_one_feature_that_is_constant_in_a_centre_finite() -> None:
    """The other feature varies and has no part in it, as where everything else is constant."""
    X = np.column_stack([np.random.default_rng(0).normal(size=20), np.repeat(1.0, 20)])
    X[10:, 0], X[10:, 1] = 3.0, 1.0
    batch = np.repeat(["A", "B"], 10)
    assert np.isfinite(ComBat(otherwise="unchanged").fit_transform(X, batch=batch)).all()


def test_combat_of_one_centre_changes_nothing() -> None:
    """Else training rows are rescaled and the centre that is left out is not."""
    X = np.random.default_rng(1).normal(size=(10, 3))
    np.testing.assert_allclose(ComBat().fit_transform(X, batch=["A"] * 10), X, rtol=1e-12)


def test_centres_that_cannot_be_learned_are_left_alone_when_asked() -> None:
    rng = np.random.default_rng(1)
    X, centre = rng.normal(size=(40, 5)), np.repeat(["A", "B", "C"], [20, 18, 2])
    combat = ComBat(otherwise="unchanged").fit(X, batch=centre)
    assert combat.corrected(["A", "C", "new"]).tolist() == [True, False, False]
    fixed = combat.transform(X, batch=centre)
    np.testing.assert_array_equal(fixed[38:], X[38:])
    assert (fixed[:38] != X[:38]).all()
