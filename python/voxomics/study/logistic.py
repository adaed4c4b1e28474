"""Logistic regression for a binary endpoint, with a stated reason where there is no estimate."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special, stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, column, constant_columns, matrix, same_length, two_classes
from voxomics.study.collinear import independent_columns
from voxomics.study.cox import NOT_CONVERGED, Test, chi2_test, standardised
from voxomics.study.estimators import checked, full_width
from voxomics.study.groups import mann_whitney_columns
from voxomics.study.likelihood import Maximum, Objective, is_unbounded, looks_unbounded, maximise

SEPARATED = (
    "the likelihood has no maximum (perfect separation): some combination of {terms} divides the two classes, so an odds ratio "
    "is infinite or 0. Use fewer covariates, merge categories or penalise"
)


@dataclass(frozen=True, eq=False)
class LogisticModel:
    """A fitted logistic model; index 0 of the arrays is the intercept."""

    terms: list[str]
    coef: Floats
    odds_ratio: Floats
    se: Floats
    z: Floats
    p: Floats  #: Wald
    ci_low: Floats  #: of the odds ratio
    ci_high: Floats
    loglik_null: float
    loglik: float
    likelihood_ratio: Test
    fitted: Floats  #: probability of the second class
    classes: tuple[Any, Any]
    n: int
    cases: int
    events_per_variable: float  #: the smaller class
    dropped: list[str]
    iterations: int
    status: str  #: "ok", "separated" or "not converged"
    message: str  #: "" or why the estimates are NaN

    def table(self) -> pd.DataFrame:
        """One row a term: coef, odds_ratio, ci_low, ci_high, se, z, p, and the message where there is no estimate."""
        columns = {name: getattr(self, name) for name in ("coef", "odds_ratio", "ci_low", "ci_high", "se", "z", "p")}
        return pd.DataFrame(columns, index=self.terms).assign(message=self.message)


def _objective(design: Floats, case: Bools, ridge: float = 0.0) -> Objective:
    """Log-likelihood with design[:, 0] = 1; the intercept is not penalised."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    signed = np.where(case, 1.0, -1.0)

    def at(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = design @ beta
        p = special.expit(eta)
        loglik = float(special.log_expit(signed * eta).sum() - penalty @ beta**2 / 2)
        return loglik, design.T @ (case - p) - penalty * beta, (design.T * (p * (1 - p))) @ design + np.diag(penalty)

    return at


def _separated(top: Maximum, design: Floats, case: Bools) -> bool:
    return looks_unbounded(top, design) and is_unbounded(np.where(case, 1.0, -1.0)[:, None] * design)


def logistic(X: ArrayLike, labels: ArrayLike, *, names: Sequence[str] | None = None, level: float = 0.95) -> LogisticModel:
    """Logistic regression without penalty, as R's glm(binomial).

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    labels : array-like [n]
        Two classes; the second in sorted order is modelled.
    names : sequence of str, optional
    level : float
        Of the odds ratios' intervals.

    Returns
    -------
    LogisticModel
        Under perfect separation, or without convergence, estimates are NaN and `status` and `message` say so.

    Raises
    ------
    InputError
        Missing values, not two classes, or no covariate that varies.

    Examples
    --------
    >>> logistic([[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1]).odds_ratio.round(3).tolist()
    [0.103, 2.48]
    >>> logistic([[1.0], [2.0], [3.0], [4.0]], [0, 0, 1, 1]).status
    'separated'
    """
    values, found = matrix(X, names)
    case, classes = two_classes(labels)
    same_length(X=values, labels=case)
    kept = independent_columns(values)
    if not len(kept):
        raise InputError(f"no covariate varies: {', '.join(found) or 'none given'}")
    terms = ["(Intercept)", *(found[j] for j in kept)]
    scaled, mean, scale = standardised(values[:, kept])
    design = np.column_stack([np.ones(len(scaled)), scaled])
    top = maximise(_objective(design, case), len(terms))
    status, message = "ok", ""
    if _separated(top, design, case):
        status, message = "separated", SEPARATED.format(terms=", ".join(terms[1:]))
    elif not top.converged:
        status, message = "not converged", NOT_CONVERGED.format(iterations=top.iterations)
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -mean / scale
    unknown = np.full(len(terms), np.nan)
    coef = unknown if message else back @ top.beta
    se = unknown if message else np.sqrt(np.diag(back @ np.linalg.inv(top.information) @ back.T))
    half = stats.norm.ppf((1 + level) / 2) * se
    share = case.mean()
    null = float(special.xlogy(case.sum(), share) + special.xlogy((~case).sum(), 1 - share))
    return LogisticModel(
        terms=terms,
        coef=coef,
        odds_ratio=np.exp(coef),
        se=se,
        z=coef / se,
        p=np.asarray(2 * stats.norm.sf(np.abs(coef / se))),
        ci_low=np.exp(coef - half),
        ci_high=np.exp(coef + half),
        loglik_null=null,
        loglik=top.loglik,
        likelihood_ratio=chi2_test(2 * (top.loglik - null), len(kept)),
        fitted=np.asarray(special.expit(design @ top.beta)),
        classes=classes,
        n=len(case),
        cases=int(case.sum()),
        events_per_variable=float(min(case.sum(), (~case).sum()) / len(kept)),
        dropped=[name for name in found if name not in terms],
        iterations=top.iterations,
        status=status,
        message=message,
    )


def calibration(labels: ArrayLike, probability: ArrayLike) -> LogisticModel:
    """Calibration of predicted probabilities: logistic regression of the class on their log odds.

    Parameters
    ----------
    labels : array-like [n]
        Two classes.
    probability : array-like [n]
        Of the second class; 0 and 1 are moved inwards by 1e-9.

    Returns
    -------
    LogisticModel
        coef[0] is the intercept, 0 when calibrated; coef[1], the term "log odds", is the slope, 1 when calibrated and below 1
        where predictions are too extreme.

    Examples
    --------
    >>> calibration([0, 1, 0, 1, 1, 0], [0.5, 0.5, 0.2, 0.2, 0.8, 0.8]).terms
    ['(Intercept)', 'log odds']
    """
    odds = special.logit(np.clip(column(probability, "probability"), 1e-9, 1 - 1e-9))
    return logistic(odds[:, None], labels, names=["log odds"])


class ScreenedLogistic(ClassifierMixin, BaseEstimator):
    """Screen by Mann–Whitney, drop collinear columns, fit a logistic regression without penalty.

    Parameters
    ----------
    alpha : float, default=0.05
        1 or more admits every feature that varies.

    Attributes
    ----------
    classes_ : ndarray [2]
    support_ : ndarray bool [n_features_in_]
        Passed the screen.
    kept_ : ndarray int64 [k]
    coef_ : ndarray float64 [1, n_features_in_]
        0 where not kept.
    intercept_ : ndarray float64 [1]
    notes_ : list of str
        Fallbacks used: the training prevalence for everybody when nothing is selected; a ridge penalty of 1 on standardised
        columns under perfect separation or without convergence.

    Examples
    --------
    >>> model = ScreenedLogistic(alpha=1).fit([[1.0], [2.0], [3.0], [4.0]], [0, 1, 0, 1])
    >>> model.predict_proba([[2.5]])[:, 1].round(3).tolist()
    [0.5]
    """

    def __init__(self, alpha: float = 0.05) -> None:
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: ArrayLike) -> ScreenedLogistic:
        """Select and fit.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n]
            Two classes.

        Returns
        -------
        self
        """
        values, labels = checked(self, X, y)
        case, self.classes_ = self._classes(labels)
        self.notes_: list[str] = []
        p = mann_whitney_columns(values, case)[1] if self.alpha < 1 else None
        self.support_ = np.asarray(p < self.alpha) if p is not None else ~constant_columns(values)
        selected = np.flatnonzero(self.support_)
        self.kept_ = selected[independent_columns(values[:, selected])]
        scaled, self._mean, scale = standardised(values[:, self.kept_])
        design = np.column_stack([np.ones(len(scaled)), scaled])
        if not len(self.kept_):
            self.notes_.append("no feature selected: the training prevalence is predicted")
        top = maximise(_objective(design, case), design.shape[1])
        if not top.converged or _separated(top, design, case):
            self.notes_.append("no finite maximum: fitted with a ridge penalty of 1 on standardised columns")
            top = maximise(_objective(design, case, ridge=1.0), design.shape[1])
        self._level, slopes = top.beta[0], top.beta[1:] / scale
        self.coef_ = full_width(slopes, self.kept_, values.shape[1])[None, :]
        self.intercept_ = np.array([self._level - self._mean @ slopes])
        return self

    def _classes(self, labels: Any) -> tuple[Bools, Any]:
        check_classification_targets(labels)
        classes = np.unique(labels)
        if len(classes) > 2:
            raise InputError(
                f"Only binary classification is supported. The type of the target is multiclass: {len(classes)} classes."
            )
        if len(classes) < 2:
            raise InputError(f"Classifier can't train when only one class is present: {classes[0]!r}; two are needed")
        return labels == classes[1], classes

    def decision_function(self, X: ArrayLike) -> Floats:
        """Log odds of the second class.

        Parameters
        ----------
        X : array-like [n, p]

        Returns
        -------
        ndarray float64 [n]
        """
        check_is_fitted(self)
        values = checked(self, X, reset=False)
        return np.asarray(self._level + (values[:, self.kept_] - self._mean) @ self.coef_[0, self.kept_])

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probability of each class.

        Returns
        -------
        ndarray float64 [n, 2]
        """
        p = special.expit(self.decision_function(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: ArrayLike) -> Any:
        """The more probable class."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = True  # the screen may select nothing
        return tags
