"""Bad input of a single statistic is refused in words, never with a library's traceback or a silent NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.agreement import icc_1_1, icc_table
from voxomics.study.checks import unique_ids
from voxomics.study.combat import ComBat
from voxomics.study.concordance import concordance, time_dependent_auc
from voxomics.study.correlation import correlation, correlation_table
from voxomics.study.cox import ScreenedCox, cox
from voxomics.study.fdr import q_values
from voxomics.study.folds import fold_vector, leave_one_centre_out
from voxomics.study.groups import mann_whitney
from voxomics.study.hazards import proportional_hazards
from voxomics.study.logistic import ScreenedLogistic, logistic
from voxomics.study.metrics import continuous_scores
from voxomics.study.nested import cross_predict
from voxomics.study.qpcr import log_marker, relative_expression
from voxomics.study.regression import ScreenedRegression, linear_model
from voxomics.study.resampling import permutation_test
from voxomics.study.roc import YoudenThreshold, delong_test, roc
from voxomics.study.screen import CorrelationScreen
from voxomics.study.survival import kaplan_meier, log_rank

NAN = float("nan")
X6 = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 4.0], [4.0, 1.5], [5.0, 5.0], [6.0, 2.0]])
Y6 = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 6.0])
E6 = np.array([0, 1, 0, 1, 1, 0])
T6 = np.array([5.0, 3.0, 6.0, 2.0, 1.0, 4.0])
GAP = np.where(np.arange(6)[:, None] == 2, NAN, X6)
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    # missing values, text, shapes
    "missing marker": (lambda: correlation([1, NAN, 3], [1, 2, 3]), "x: 1 missing or infinite values, in rows 1"),
    "missing feature": (lambda: correlation_table(pd.DataFrame(GAP, columns=["a", "b"]), Y6), "in columns a, b"),
    "missing feature in a screen": (lambda: CorrelationScreen().fit(GAP, Y6), "SimpleImputer"),
    "missing feature in a fold": (lambda: cross_predict(ScreenedRegression(), GAP, Y6, [0, 0, 0, 1, 1, 1]), "fold 0: .*NaN"),
    "missing outcome": (lambda: cross_predict(ScreenedRegression(), X6, [1, 2, NAN, 4, 5, 6], [0, 1] * 3), "y: 1 missing"),
    "missing covariate": (lambda: cox(GAP, T6, E6), "missing or infinite values in columns x0, x1"),
    "missing label": (lambda: roc([0, 1, None, 1], [1, 2, 3, 4]), "labels: missing in rows 2"),
    "missing group": (lambda: log_rank(T6, E6, [0, 1, None, 1, 0, 1]), "group: missing values"),
    "missing rating": (lambda: icc_1_1([[1, NAN], [2, 3]]), "missing or infinite"),
    "missing centre": (lambda: leave_one_centre_out(["A", None]), "centre: missing in rows 1"),
    "text": (lambda: correlation(["high", "low", "low"], [1, 2, 3]), "x: expected numbers"),
    "two columns": (lambda: correlation(X6, Y6), r"expected one column, got an array of shape \(6, 2\)"),
    "lengths": (lambda: correlation([1, 2, 3], [1, 2, 3, 4]), "lengths differ: x 3, y 4"),
    # constants
    "constant feature": (lambda: correlation([2, 2, 2], [1, 2, 3]), "one of them has a single value"),
    "constant up to rounding": (lambda: correlation([0.3, 0.1 + 0.2, 0.3], [1, 2, 3]), "one of them has a single value"),
    "constant marker": (lambda: correlation_table(X6, np.ones(6)), "the marker has a single value"),
    "constant marker in a screen": (lambda: CorrelationScreen().fit(X6, np.ones(6)), "the marker has a single value"),
    "constant y": (lambda: linear_model(X6, np.ones(6)), "y has a single value"),
    "one value in both groups": (lambda: mann_whitney([2, 2], [2, 2, 2]), "the same single value"),
    "constant covariate": (lambda: cox(np.ones((6, 1)), T6, E6), "no covariate varies"),
    "covariate that differs in nobody at risk": (lambda: cox([[0], [0], [1]], [5, 9, 2], [1, 1, 0]), "among those at risk"),
    # outcomes
    "all censored, Cox": (lambda: cox(X6, T6, np.zeros(6)), "all patients are censored"),
    "all censored, log-rank": (lambda: log_rank(T6, np.zeros(6), [0, 1] * 3), "all patients are censored"),
    "all censored, fold": (lambda: cross_predict(ScreenedCox(), X6, np.column_stack([T6, T6 * 0]), [0, 1] * 3), "fold 0: all"),
    "all censored, concordance": (lambda: concordance(Y6, T6, np.zeros(6)), "no two patients can be compared"),
    "all censored, zph": (lambda: proportional_hazards(X6, T6, np.zeros(6)), "all patients are censored"),
    "one event, zph": (lambda: proportional_hazards(X6[:, :1], T6, [0, 0, 0, 0, 0, 1]), "events at two times or more"),
    "one event, last": (lambda: cox(X6, T6, T6 == 6), "among those at risk when the 1 events happen"),
    "event 2": (lambda: kaplan_meier([1, 2], [1, 2]), "event: expected 0"),
    "negative time": (lambda: kaplan_meier([-1, 2], [1, 0]), "time: 1 negative"),
    "one group": (lambda: log_rank(T6, E6, np.zeros(6)), "all 6 patients are in the same one"),
    "no case by then": (lambda: time_dependent_auc(Y6, T6, E6, [0.5]), "at 0.5: 0 cases"),
    "one class": (lambda: roc([1, 1, 1], [1, 2, 3]), "expected two classes, got 1"),
    "three classes": (lambda: logistic(X6, [0, 1, 2, 0, 1, 2]), "expected two classes, got 3"),
    "one class in a fold": (lambda: cross_predict(ScreenedLogistic(), X6, [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1]), "one class"),
    "other patients": (lambda: delong_test(roc(E6, Y6), roc([0, 1, 1], [1, 2, 3])), "different groups"),
    "the same order": (lambda: delong_test(roc(E6, Y6), roc(E6, 2 * Y6)), "order all patients in the same way"),
    "useless threshold": (lambda: YoudenThreshold("<").fit([1, 2, 3, 4], [1, 1, 0, 0]), "no threshold separates"),
    # ids, folds, centres
    "ids twice": (lambda: unique_ids(["P1", "P2", "P1"]), "more than once: P1"),
    "no id": (lambda: unique_ids(["P1", None]), "1 patients have no id"),
    "fewer patients than folds": (lambda: fold_vector(6, 10, np.random.default_rng(0)), "6 patients cannot fill 10 folds"),
    "one fold": (lambda: cross_predict(ScreenedRegression(), X6, Y6, np.zeros(6)), "one fold"),
    "folds of other patients": (lambda: cross_predict(ScreenedRegression(), X6, Y6, [0, 1]), "2 folds for 6 rows"),
    "one centre": (lambda: leave_one_centre_out(["A", "A"]), "all 2 patients come from one"),
    "no centre named": (lambda: ComBat().fit(X6), "either as batch_column"),
    "small centre": (lambda: ComBat().fit(X6, batch=[0, 0, 0, 0, 0, 1]), "fewer than 3 rows to learn from: 1"),
    "new centre": (lambda: ComBat().fit(X6, batch=[0, 1] * 3).transform(X6, batch=[2, 1] * 3), "not fitted to: 2"),
    "centre is a covariate": (lambda: ComBat().fit(X6, batch=[0, 1] * 3, covariates=[0, 1] * 3), "told apart from the centres"),
    "no such centre column": (lambda: ComBat("site").fit(pd.DataFrame(X6)), "'site' is not a column"),
    "uneven ratings": (lambda: icc_table(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), ["p", "p", "q"]), "q was measured 1 times"),
    # markers
    "zeros": (lambda: log_marker([1.0, 0.0]), "rows 1"),
    "undetermined": (lambda: relative_expression([24.0, "Undetermined"], [20.0, 20.0]), "rows 1"),
    "cycles": (lambda: relative_expression([24.0, -1.0], [20.0, 20.0]), "positive number; rows 1"),
    "p": (lambda: q_values([0.1, 1.2]), "between 0 and 1"),
    "no residual": (lambda: linear_model(X6[:3], [1, 2, 4]), "no residual degree of freedom"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_words(case: str) -> None:
    call, text = REFUSED[case]
    with pytest.raises(InputError, match=text):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: cox(X6, T6, E6, ties="exact"),
        lambda: roc(E6, Y6, direction="up"),  # type: ignore[arg-type]
        lambda: kaplan_meier(T6, E6, interval="plain"),  # type: ignore[arg-type]
        lambda: correlation(Y6, T6, method="kendall"),  # type: ignore[arg-type]
        lambda: relative_expression([20], [20], undetermined="zero"),  # type: ignore[arg-type]
        lambda: ComBat(otherwise="mean").fit(X6, batch=[0, 1] * 3),  # type: ignore[arg-type]
        lambda: permutation_test(ScreenedRegression(), X6, Y6, [0, 1] * 3, continuous_scores, statistics=("auc",)),
        lambda: permutation_test(ScreenedRegression(), X6, Y6, [0, 1] * 3, continuous_scores, n=0),
    ],
)
def test_unknown_settings_are_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(SettingsError):
        call()
