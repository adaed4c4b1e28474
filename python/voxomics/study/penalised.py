"""Elastic nets for each endpoint, in the shape the nested procedure asks for: selected features and notes."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNetCV, LogisticRegressionCV
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError, MissingExtraError
from voxomics.study.checks import Floats, as_survival, constant_columns
from voxomics.study.cox import standardised
from voxomics.study.estimators import checked

_INNER_FOLDS = 5
_STEPS = 5000
# From 1.8 on scikit-learn reads the penalty from l1_ratios alone, and warns when it is named.
_PENALTY = (
    {"penalty": "elasticnet"} if parse_version(sklearn.__version__) < parse_version("1.8") else {"use_legacy_attributes": False}
)


class _Penalised(BaseEstimator):
    """Fits a scikit-learn estimator to standardised columns; what does not converge is noted."""

    def _fit(self, estimator: Any, X: Floats, y: Any) -> None:
        scaled, self._mean, self._scale = standardised(X)
        self.notes_: list[str] = []
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            self._fitted = estimator.fit(scaled, y)
        if any(issubclass(one.category, ConvergenceWarning) for one in caught):
            self.notes_.append(f"{type(estimator).__name__} did not converge in {_STEPS} steps; its last step is used")
        self.coef_ = np.asarray(self._fitted.coef_, dtype=float).reshape(-1) / self._scale
        self.support_ = (self.coef_ != 0) & ~constant_columns(X)

    def _scaled(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return np.asarray((checked(self, X, reset=False) - self._mean) / self._scale)


class ElasticNetRegression(RegressorMixin, _Penalised):
    """Elastic net for a continuous marker; the penalty is chosen by cross-validation inside the training rows.

    Parameters
    ----------
    l1_ratio : float, default=0.5
        1 is the lasso.

    Attributes
    ----------
    support_ : ndarray bool [n_features_in_]
        Coefficients that are not 0.
    coef_ : ndarray float64 [n_features_in_]
        For one unit of the feature.
    notes_ : list of str

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> ElasticNetRegression().fit(X, 3 * X[:, 0]).support_.tolist()[0]
    True
    """

    def __init__(self, l1_ratio: float = 0.5) -> None:
        self.l1_ratio = l1_ratio

    def fit(self, X: ArrayLike, y: ArrayLike) -> ElasticNetRegression:
        """Choose the penalty and fit."""
        values, target = checked(self, X, y, y_numeric=True, ensure_min_samples=_INNER_FOLDS)
        self._fit(ElasticNetCV(l1_ratio=self.l1_ratio, cv=_INNER_FOLDS, max_iter=_STEPS), values, target)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predicted marker [n]."""
        return np.asarray(self._fitted.predict(self._scaled(X)))


class ElasticNetLogistic(ClassifierMixin, _Penalised):
    """Logistic elastic net; the penalty is chosen by cross-validated log loss inside the training rows.

    Parameters
    ----------
    l1_ratio : float, default=0.5
    seed : int, default=0
        Of the solver.

    Attributes
    ----------
    support_, coef_, notes_
        As `ElasticNetRegression`; coef_ in log odds.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> ElasticNetLogistic().fit(X, X[:, 0] > 0).support_.tolist()[0]
    True
    """

    def __init__(self, l1_ratio: float = 0.5, seed: int = 0) -> None:
        self.l1_ratio = l1_ratio
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> ElasticNetLogistic:
        """Choose the penalty and fit."""
        values, labels = checked(self, X, y)
        self.classes_, sizes = np.unique(labels, return_counts=True)
        folds = min(_INNER_FOLDS, int(sizes.min()))
        if len(sizes) != 2 or folds < 2:
            raise InputError(f"an elastic net needs two classes with 2 patients each; there are {sizes.tolist()}")
        model = LogisticRegressionCV(
            Cs=5, l1_ratios=[self.l1_ratio], solver="saga", cv=folds, scoring="neg_log_loss", max_iter=_STEPS,
            tol=1e-3, random_state=self.seed, **_PENALTY,
        )  # fmt: skip
        self._fit(model, values, labels)
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probability of each class [n, 2]."""
        return np.asarray(self._fitted.predict_proba(self._scaled(X)))

    def predict(self, X: ArrayLike) -> Any:
        """The more probable class [n]."""
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


class CoxElasticNet(BaseEstimator):
    """Cox model of lifelines with a fixed elastic-net penalty on standardised columns; predicts log hazard.

    lifelines smooths the absolute value, so no coefficient is exactly 0 and nothing counts as selected.

    Parameters
    ----------
    penalizer : float, default=0.1
    l1_ratio : float, default=0.5

    Attributes
    ----------
    coef_ : ndarray float64 [n_features_in_]
    notes_ : list of str
        Fallback used: a ridge penalty where the elastic net did not converge.
    """

    def __init__(self, penalizer: float = 0.1, l1_ratio: float = 0.5) -> None:
        self.penalizer = penalizer
        self.l1_ratio = l1_ratio

    def fit(self, X: ArrayLike, y: ArrayLike) -> CoxElasticNet:
        """Fit to time and event [n, 2]."""
        try:
            from lifelines import CoxPHFitter
            from lifelines.exceptions import ConvergenceError
        except ImportError:
            raise MissingExtraError("model cox_elastic_net", "study") from None
        values, outcome = checked(self, X, y, multi_output=True)
        time, event = as_survival(outcome)
        scaled, self._mean, scale = standardised(values)
        varies = ~constant_columns(values)
        names = [f"x{j}" for j in np.flatnonzero(varies)]
        table = pd.DataFrame(scaled[:, varies], columns=names).assign(time=time, event=event)
        self.notes_: list[str] = []
        self.coef_ = np.zeros(values.shape[1])
        for l1_ratio in (self.l1_ratio, 0.0):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # lifelines' advice on collinear columns, which the penalty answers
                    model = CoxPHFitter(penalizer=self.penalizer, l1_ratio=l1_ratio).fit(table, "time", "event")
            except ConvergenceError:
                self.notes_.append(f"no convergence with l1_ratio {l1_ratio:g}")
                continue
            self.coef_[varies] = model.params_.to_numpy() / scale[varies]
            return self
        raise InputError("the penalised Cox model did not converge, not even with a ridge penalty; use fewer features")

    def predict(self, X: ArrayLike) -> Floats:
        """Log hazard relative to the mean training patient [n]."""
        check_is_fitted(self)
        return np.asarray((checked(self, X, reset=False) - self._mean) @ self.coef_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
