"""Our estimators behave as scikit-learn's do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from sklearn.impute import SimpleImputer
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from voxomics.study.collinear import DropCollinear
from voxomics.study.combat import ComBat
from voxomics.study.cox import ScreenedCox
from voxomics.study.logistic import ScreenedLogistic
from voxomics.study.nested import cross_predict, selection
from voxomics.study.regression import ScreenedRegression
from voxomics.study.screen import CorrelationScreen, CoxScreen, MannWhitneyScreen

pytestmark = pytest.mark.filterwarnings(
    "ignore:No features were selected:UserWarning",  # scikit-learn's own data are not made for a screen at 0.05
    "ignore:Skipping check:sklearn.exceptions.SkipTestWarning",  # checks of what an estimator does not claim
)


@parametrize_with_checks([CorrelationScreen(), MannWhitneyScreen(), DropCollinear(), ScreenedRegression(), ScreenedLogistic()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def data(seed: int = 0, n: int = 60, p: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    X[:, 7] = 3 * X[:, 2] - 5  # collinear
    X[:, 9] = 4.0  # constant
    return X, X[:, 2] + X[:, 5] + rng.normal(size=n)


def test_nested_is_what_scikit_learn_does_with_the_same_folds() -> None:
    """Its own cross-validation of its own pieces: screen by f_regression's p-value, plain least squares."""
    from sklearn.feature_selection import SelectFpr, f_regression
    from sklearn.linear_model import LinearRegression

    X, y = data()
    X = X[:, [0, 1, 2, 3, 4, 5, 6]]
    folds = np.arange(60) % 6
    ours = cross_predict(ScreenedRegression(), X, y, folds)
    theirs = cross_val_predict(
        make_pipeline(SelectFpr(f_regression, alpha=0.05), LinearRegression()), X, y, cv=PredefinedSplit(folds)
    )
    np.testing.assert_allclose(ours.prediction, theirs, rtol=1e-9)


def test_pipeline_selects_in_names_of_the_input() -> None:
    X, y = data()
    X[3, 4] = np.nan
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(12)])
    fitted = make_pipeline(SimpleImputer(), DropCollinear(), ScreenedRegression()).fit(frame, y)
    mask = selection(fitted, 12)
    assert mask is not None
    assert {"f2", "f5"} <= set(frame.columns[mask])
    assert not mask[[7, 9]].any()  # the duplicate and the constant went before the screen
    array = selection(make_pipeline(SimpleImputer(), DropCollinear(), ScreenedRegression()).fit(X, y), 12)
    assert array is not None
    assert array.tolist() == mask.tolist()


@pytest.mark.parametrize("column", [0, "centre"])
def test_combat_is_a_pipeline_step_with_the_centre_as_a_column(column: int | str) -> None:
    X, y = data()
    centre = np.repeat([1.0, 2.0, 7.0], 20)
    X[centre == 7] += 10
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(12)])
    frame.insert(0, "centre", centre)
    whole: Any = frame if column == "centre" else frame.to_numpy()
    folds = np.arange(60) % 5
    run = cross_predict(make_pipeline(ComBat(column), ScreenedRegression()), whole, y, folds)
    held = folds == 0  # by hand: learned on the training rows, applied to the held-out ones
    combat = ComBat().fit(X[~held], batch=centre[~held])
    model = ScreenedRegression().fit(combat.transform(X[~held], batch=centre[~held]), y[~held])
    np.testing.assert_allclose(run.prediction[held], model.predict(combat.transform(X[held], batch=centre[held])), rtol=1e-9)
    assert run.selected is not None
    assert run.selected.shape == (5, 13)
    assert not run.selected[:, 0].any()
    assert run.selected[:, 3].all()  # f2, which the outcome was made of


def test_combat_takes_names_of_centres_from_a_table() -> None:
    X, _ = data()
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(12)]).assign(centre=["a", "b", "c"] * 20)
    fitted = ComBat("centre").fit(frame)
    assert fitted.get_feature_names_out().tolist() == [f"f{j}" for j in range(12)]
    np.testing.assert_array_equal(fitted.transform(frame), ComBat().fit_transform(X, batch=["a", "b", "c"] * 20))


def test_screens_of_survival_select_what_kills() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(120, 6))
    time = rng.exponential(np.exp(-X[:, 1]))
    y = np.column_stack([np.minimum(time, 2.0), time < 2.0])
    assert CoxScreen(alpha=1e-4).fit(X, y).get_support().tolist() == [False, True, False, False, False, False]
    assert ScreenedCox(alpha=1e-4).fit(X, y).coef_[1] > 0.5


@pytest.mark.parametrize("estimator", [CorrelationScreen(), ScreenedRegression(), ScreenedLogistic(), MannWhitneyScreen()])
def test_a_constant_feature_is_never_selected(estimator: Any) -> None:
    X, y = data()
    fitted = estimator.set_params(alpha=2.0).fit(X, (y > 0) if "W" in repr(estimator) or "Log" in repr(estimator) else y)
    assert not fitted.support_[9]
    assert fitted.support_[2]
