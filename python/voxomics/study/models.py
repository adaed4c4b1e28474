"""The three endpoints: what is predicted, by which model, and how a prediction is scored."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from voxomics.engine.errors import SettingsError
from voxomics.study.checks import Floats, as_survival
from voxomics.study.cohort import Cohort
from voxomics.study.combat import ComBat
from voxomics.study.cox import ScreenedCox
from voxomics.study.estimators import checked
from voxomics.study.logistic import ScreenedLogistic
from voxomics.study.metrics import Score, binary_scores, continuous_scores, survival_scores
from voxomics.study.penalised import CoxElasticNet, ElasticNetLogistic, ElasticNetRegression
from voxomics.study.regression import ScreenedRegression
from voxomics.study.settings import StudySettings

_TREES = 200


@dataclass(frozen=True)
class Task:
    """What an endpoint asks of a procedure."""

    score: Score
    main: str  #: the score that headlines, and whose p-value is the study's
    tested: tuple[str, ...]  #: scores of the permutation test; larger is better


TASKS = {
    "continuous": Task(continuous_scores, "r", ("r", "q2")),
    "binary": Task(binary_scores, "auc", ("auc", "brier_skill")),
    "survival": Task(survival_scores, "c", ("c",)),
}


def outcome_of(cohort: Cohort, endpoint: str) -> Any:
    """The outcome as estimators take it: the marker, 0 and 1, or time and event [n, 2]."""
    if endpoint == "survival" and cohort.follow_up is not None:
        return cohort.follow_up.outcome
    return cohort.truth if endpoint == "continuous" else cohort.truth.astype(np.int64)


def strata_of(cohort: Cohort, endpoint: str) -> Any:
    """What folds are stratified by: nothing, the class, or the event."""
    return None if endpoint == "continuous" else cohort.truth.astype(np.int64)


def linear_model_of(settings: StudySettings, alpha: float | None = None) -> Any:
    """The paper's model: screen at alpha, drop collinear columns, fit."""
    level = settings.protocol.alpha if alpha is None else alpha
    if settings.endpoint == "continuous":
        return ScreenedRegression(level, settings.protocol.method)
    return ScreenedLogistic(level) if settings.endpoint == "binary" else ScreenedCox(level)


def model_of(settings: StudySettings) -> Any:
    """The twin's model, a step that learns from its training rows alone."""
    regress, seed = settings.endpoint == "continuous", settings.twin.seed
    if settings.model == "linear":
        return linear_model_of(settings)
    if settings.model == "elastic_net":
        return ElasticNetRegression() if regress else ElasticNetLogistic(seed=seed)
    if settings.model == "random_forest":
        return (RandomForestRegressor if regress else RandomForestClassifier)(_TREES, random_state=seed)
    if settings.model == "boosting":
        return (HistGradientBoostingRegressor if regress else HistGradientBoostingClassifier)(random_state=seed)
    if settings.model == "cox_elastic_net":
        return CoxElasticNet()
    if find_spec("sksurv") is None:
        raise SettingsError(
            "model random_survival_forest needs scikit-survival, which is GPL-3 and not part of any extra of voxomics; "
            "install it yourself (pip install scikit-survival), or choose linear or cox_elastic_net"
        )
    return SurvivalForest(seed=seed)


def procedure(cohort: Cohort, settings: StudySettings, *, combat: bool) -> tuple[Any, Floats]:
    """Estimator and its X for the nested procedure: impute, harmonise, model; for ComBat the centre is X's last column.

    A centre that a training fold does not know, or knows by fewer than 3 patients, is passed on as it is.
    """
    values, steps = cohort.features.to_numpy(dtype=float), [model_of(settings)]
    if combat and cohort.centre is not None:
        steps.insert(0, ComBat(batch_column=values.shape[1], otherwise="unchanged"))
        values = np.column_stack([values, cohort.centre])
    if np.isnan(values).any():
        steps.insert(0, SimpleImputer(strategy="median", keep_empty_features=True))
    return (make_pipeline(*steps) if len(steps) > 1 else steps[0]), values


class SurvivalForest(BaseEstimator):
    """Random survival forest of scikit-survival, a GPL-3 package that only its user installs; predicts risk.

    Parameters
    ----------
    trees : int, default=200
    seed : int, default=0
    """

    def __init__(self, trees: int = _TREES, seed: int = 0) -> None:
        self.trees = trees
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> SurvivalForest:
        """Fit to time and event [n, 2]."""
        ensemble, util = import_module("sksurv.ensemble"), import_module("sksurv.util")
        values, outcome = checked(self, X, y, multi_output=True)
        time, event = as_survival(outcome)
        labels = util.Surv.from_arrays(event, time)
        self._fitted = ensemble.RandomSurvivalForest(self.trees, random_state=self.seed).fit(values, labels)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Risk [n]: higher means earlier death."""
        return np.asarray(self._fitted.predict(checked(self, X, reset=False)))
