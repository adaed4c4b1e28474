"""Cross-prediction fold by fold: what a fold lacks is named."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.engine.errors import InputError
from voxomics.study.metrics import continuous_scores
from voxomics.study.nested import cross_predict, selection_frequency, training_thresholds

NAN = float("nan")
X6 = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 4.0], [4.0, 1.5], [5.0, 5.0], [6.0, 2.0]])
Y6 = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0])
GAP = np.where(np.arange(6)[:, None] == 2, NAN, X6)


def test_folds_without_a_threshold_are_named() -> None:
    found = training_thresholds([1, 2, 3, 4], [0, 1, 0, 1], [0, 1, 0, 1], [1, 2, 3, 4])
    assert found.notes == [f"fold {k}: labels: expected two classes, got 1 ({1 - k})" for k in (0, 1)]
    assert np.isnan(found.threshold).all()


def test_what_another_librarys_estimator_refuses_names_the_fold() -> None:
    from sklearn.linear_model import ElasticNet

    with pytest.raises(InputError, match="fold 0: Input X contains NaN"):
        cross_predict(ElasticNet(), GAP, Y6, [0, 1] * 3)


def test_what_selects_nothing_has_no_frequency() -> None:
    from sklearn.linear_model import LinearRegression

    run = cross_predict(LinearRegression(), X6, Y6, [0, 1] * 3)
    assert run.selected is None
    with pytest.raises(InputError, match="selects no features"):
        selection_frequency([run], ["a", "b"])


def test_constant_prediction_orders_nobody() -> None:
    found = continuous_scores([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert (found["r"], found["q2"], found["slope"]) == (0.0, 0.0, 0.0)
