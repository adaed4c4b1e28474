"""Cox regression as R's coxph: Efron's ties, tests, concordance, and a stated reason where there is no estimate."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, as_floats, as_survival, constant_columns, matrix, same_length, survival_times
from voxomics.study.collinear import independent_columns
from voxomics.study.concordance import concordance
from voxomics.study.estimators import checked, full_width
from voxomics.study.likelihood import is_unbounded, looks_unbounded, maximise
from voxomics.study.partial import PartialLikelihood

UNBOUNDED = (
    "the likelihood has no maximum (perfect separation): along some combination of {terms} every patient who dies "
    "does so in "
    "the order of risk, so a hazard ratio is infinite or 0. Use fewer covariates, merge categories or penalise"
)
SINGULAR = 1e-9  # information of standardised columns; about one for each event where there is any
NOT_CONVERGED = "Newton's method did not converge in {iterations} steps; the estimates are not given"


@dataclass(frozen=True)
class Test:
    """A chi-squared test."""

    __test__ = False  # not a test of pytest's

    chi2: float
    df: int
    p: float


@dataclass(frozen=True, eq=False)
class CoxModel:
    """A fitted Cox model; arrays have one value for each term."""

    terms: list[str]
    coef: Floats
    hr: Floats
    se: Floats
    z: Floats
    p: Floats  #: Wald
    ci_low: Floats  #: of the hazard ratio
    ci_high: Floats
    covariance: Floats
    loglik_null: float
    loglik: float
    likelihood_ratio: Test
    wald: Test | None
    score: Test
    concordance: float
    concordance_se: float
    n: int
    events: int
    events_per_variable: float
    ties: str
    dropped: list[str]  #: collinear or constant terms
    iterations: int
    status: str  #: "ok", "separated" or "not converged"
    message: str  #: "" or why the estimates are NaN

    def table(self) -> pd.DataFrame:
        """One row a term: coef, hr, ci_low, ci_high, se, z, p, and the message where there is no estimate."""
        columns = {name: getattr(self, name) for name in ("coef", "hr", "ci_low", "ci_high", "se", "z", "p")}
        return pd.DataFrame(columns, index=self.terms).assign(message=self.message)


def chi2_test(value: float, df: int) -> Test:
    """The upper tail of a chi-squared value."""
    return Test(float(value), df, float(stats.chi2.sf(value, df)))


def standardised(X: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns with mean 0 and standard deviation 1, and the means and deviations; a constant column becomes 0."""
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(constant_columns(X), 1.0, scale)
    return (X - mean) / scale, mean, scale


def cox(
    X: ArrayLike,
    time: ArrayLike,
    event: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    ties: str = "efron",
    level: float = 0.95,
) -> CoxModel:
    """Cox proportional hazards model.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
        Covariates as numbers; without missing values.
    time, event : array-like [n]
    names : sequence of str, optional
    ties : {"efron", "breslow"}
    level : float
        Of the hazard ratios' intervals.

    Returns
    -------
    CoxModel
        Under perfect separation, or without convergence, estimates are NaN and `status` and `message` say so; the
        likelihood-ratio test stays valid under separation and is given. Constant and collinear terms are `dropped`.

    Raises
    ------
    InputError
        Missing values, all patients censored, or no covariate that varies.

    References
    ----------
    Efron B. J Am Stat Assoc 72:557-565 (1977). Therneau TM, Grambsch PM. Modeling Survival Data (Springer, 2000).

    Examples
    --------
    >>> model = cox([[1.0], [3.0], [2.0], [4.0], [2.5]], [9, 3, 7, 4, 2], [1, 1, 0, 1, 1])
    >>> model.hr.round(3).tolist(), model.events_per_variable
    ([1.821], 4.0)
    """
    values, found = matrix(X, names)
    times, seen = survival_times(time, event)
    same_length(X=values, time=times)
    kept = independent_columns(values)
    if not len(kept):
        raise InputError(f"no covariate varies: {', '.join(found) or 'none given'}")
    terms = [found[j] for j in kept]
    scaled, _, scale = standardised(values[:, kept])
    likelihood = PartialLikelihood(scaled, times, seen, ties)
    null, gradient, information = likelihood.objective(np.zeros(len(kept)))
    if np.linalg.eigvalsh(information)[0] < SINGULAR:
        raise InputError(
            f"{', '.join(terms)}: no difference, or collinear, among those at risk when the {int(seen.sum())} events "
            "happen"
        )
    top = maximise(likelihood.objective, len(kept))
    status, message = "ok", ""
    if looks_unbounded(top, scaled) and is_unbounded(likelihood.differences()):
        status, message = "separated", UNBOUNDED.format(terms=", ".join(terms))
    elif not top.converged:
        status, message = "not converged", NOT_CONVERGED.format(iterations=top.iterations)
    covariance = np.full((len(kept),) * 2, np.nan) if message else np.linalg.inv(top.information) / np.outer(scale, scale)
    coef = np.full(len(kept), np.nan) if message else top.beta / scale
    se = np.sqrt(np.diag(covariance))
    half = stats.norm.ppf((1 + level) / 2) * se
    c, c_se = concordance(scaled @ top.beta, times, seen)
    return CoxModel(
        terms=terms,
        coef=coef,
        hr=np.exp(coef),
        se=se,
        z=coef / se,
        p=np.asarray(2 * stats.norm.sf(np.abs(coef / se))),
        ci_low=np.exp(coef - half),
        ci_high=np.exp(coef + half),
        covariance=covariance,
        loglik_null=null,
        loglik=top.loglik,
        likelihood_ratio=chi2_test(2 * (top.loglik - null), len(kept)),
        wald=None if message else chi2_test(float(top.beta @ top.information @ top.beta), len(kept)),
        score=chi2_test(float(gradient @ np.linalg.solve(information, gradient)), len(kept)),
        concordance=c,
        concordance_se=c_se,
        n=len(times),
        events=int(seen.sum()),
        events_per_variable=float(seen.sum() / len(kept)),
        ties=ties,
        dropped=[name for name in found if name not in terms],
        iterations=top.iterations,
        status=status,
        message=message,
    )


def cox_univariate(
    X: ArrayLike, time: ArrayLike, event: ArrayLike, *, names: Sequence[str] | None = None, ties: str = "efron"
) -> pd.DataFrame:
    """Cox model of each covariate alone, on the patients who have it.

    Returns
    -------
    DataFrame
        Row = covariate; n, events, coef, hr, ci_low, ci_high, se, z, p, concordance, message. A covariate that cannot be
        fitted has NaN and the reason in `message`.
    """
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(as_floats(X, "X"), columns=None if names is None else list(names))
    times, seen = survival_times(time, event)
    rows: dict[str, dict[str, object]] = {}
    for name in frame.columns:
        values = as_floats(frame[name], str(name))
        have = ~np.isnan(values)
        try:
            model = cox(values[have, None], times[have], seen[have], names=[str(name)], ties=ties)
        except InputError as error:
            rows[str(name)] = {"n": int(have.sum()), "events": int(seen[have].sum()), "message": str(error)}
            continue
        first = {str(key): value for key, value in model.table().iloc[0].items()}
        rows[str(name)] = {"n": model.n, "events": model.events, "concordance": model.concordance, **first}
    columns = ["n", "events", "coef", "hr", "ci_low", "ci_high", "se", "z", "p", "concordance", "message"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)


def score_tests(X: Floats, time: Floats, event: Bools, *, ties: str = "efron") -> tuple[Floats, Floats]:
    """Score test of every column alone: χ² [p] and p-values [p]; NaN for a constant column."""
    scaled, _, _ = standardised(X)
    gradient, information = PartialLikelihood(scaled, time, event, ties).univariate_scores()
    tested = ~constant_columns(X) & (information > 1e-12)
    chi2 = np.full(X.shape[1], np.nan)
    chi2[tested] = gradient[tested] ** 2 / information[tested]
    return chi2, np.asarray(stats.chi2.sf(chi2, 1))


class ScreenedCox(BaseEstimator):
    """Screen by the univariate score test, drop collinear columns, fit a Cox model; predicts log hazard.

    Parameters
    ----------
    alpha : float, default=0.05
        1 or more admits every feature that varies.
    ties : {"efron", "breslow"}, default="efron"

    Attributes
    ----------
    support_ : ndarray bool [n_features_in_]
        Passed the screen.
    kept_ : ndarray int64 [k]
    coef_ : ndarray float64 [n_features_in_]
        0 where not kept.
    notes_ : list of str
        Fallbacks used: log hazard 0 for everybody when nothing is selected; a ridge penalty of 1 on standardised columns
        when the likelihood has no maximum or Newton's method did not converge.

    Examples
    --------
    >>> X, y = np.array([[1.0], [3.0], [2.0], [4.0], [2.5]]), [[9, 1], [3, 1], [7, 0], [4, 1], [2, 1]]
    >>> ScreenedCox(alpha=1).fit(X, y).predict([[5.0]]).round(3).tolist()
    [1.498]
    """

    def __init__(self, alpha: float = 0.05, ties: str = "efron") -> None:
        self.alpha = alpha
        self.ties = ties

    def fit(self, X: ArrayLike, y: ArrayLike) -> ScreenedCox:
        """Select and fit.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n, 2]
            Time and event (0 or 1).

        Returns
        -------
        self
        """
        values, outcome = checked(self, X, y, multi_output=True)
        time, event = as_survival(outcome)
        self.notes_: list[str] = []
        _, p = score_tests(values, time, event, ties=self.ties)
        self.support_ = ~np.isnan(p) if self.alpha >= 1 else np.asarray(p < self.alpha)
        selected = np.flatnonzero(self.support_)
        self.kept_ = selected[independent_columns(values[:, selected])]
        scaled, self._mean, scale = standardised(values[:, self.kept_])
        if not len(self.kept_):
            self.notes_.append("no feature selected: the same hazard is predicted for every patient")
        likelihood = PartialLikelihood(scaled, time, event, self.ties)
        top = maximise(likelihood.objective, len(self.kept_))
        if not top.converged or (looks_unbounded(top, scaled) and is_unbounded(likelihood.differences())):
            self.notes_.append("no finite maximum: fitted with a ridge penalty of 1 on standardised columns")
            top = maximise(partial(likelihood.objective, ridge=1.0), len(self.kept_))
        self.coef_ = full_width(top.beta / scale, self.kept_, values.shape[1])
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Log hazard relative to the mean training patient.

        Parameters
        ----------
        X : array-like [n, p]

        Returns
        -------
        ndarray float64 [n]
        """
        check_is_fitted(self)
        values = checked(self, X, reset=False)
        return np.asarray((values[:, self.kept_] - self._mean) @ self.coef_[self.kept_])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
