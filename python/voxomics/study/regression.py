"""Linear regression as R's lm, and the screened regression of the study."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError
from voxomics.study.checks import Floats, Ints, column, constant_columns, matrix, same_length
from voxomics.study.collinear import TOLERANCE, independent_columns
from voxomics.study.correlation import Method, coefficients, tests_of
from voxomics.study.estimators import checked, full_width


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Least squares with R's summary; index 0 of the arrays is the intercept, the rest are the kept terms."""

    terms: list[str]
    coef: Floats
    se: Floats
    t: Floats
    p: Floats
    ci_low: Floats
    ci_high: Floats
    dropped: list[str]  #: collinear or constant, NA in R
    sigma: float
    r2: float
    adj_r2: float
    f: float
    df_model: int
    df_residual: int
    f_p: float
    fitted: Floats
    n: int


def least_squares(X: Floats, y: Floats, tol: float = TOLERANCE) -> tuple[Ints, Floats, Floats, Floats]:
    """Kept columns, their means, coefficients, and R⁻¹ of the QR factors; columns standardised inside.

    With no column left the coefficients are empty: the prediction is the mean of y.
    """
    kept = independent_columns(X, tol=tol)
    mean = X[:, kept].mean(axis=0)
    centred = X[:, kept] - mean
    scale = np.abs(centred).max(axis=0, initial=0.0)
    q, r = np.linalg.qr(centred / scale)
    inverse = np.linalg.inv(r) / scale[:, None]  # SciPy's triangular solver would wait for its threads: 6 ms instead of 20 µs
    return kept, mean, inverse @ (q.T @ (y - y.mean())), inverse


def linear_model(X: ArrayLike, y: ArrayLike, *, names: Sequence[str] | None = None, level: float = 0.95) -> LinearModel:
    """Linear regression with standard errors and tests, as R's summary(lm).

    Columns are centred and scaled inside, so that features of very different size are solved as exactly as R does; the
    coefficients are those of the columns as given.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    y : array-like [n]
    names : sequence of str, optional
    level : float
        Of the coefficients' intervals.

    Returns
    -------
    LinearModel

    Raises
    ------
    InputError
        Missing values, a constant y, or no residual degree of freedom.

    Examples
    --------
    >>> linear_model(np.column_stack([[1, 2, 3, 4], [2, 4, 6, 8]]), [1, 2, 3, 5], names=["a", "twice"]).dropped
    ['twice']
    """
    values, found = matrix(X, names)
    target = column(y, "y", 2)
    same_length(X=values, y=target)
    if constant_columns(target[:, None])[0]:
        raise InputError("y has a single value, so there is nothing to fit")
    kept, mean, coef, inverse = least_squares(values, target)
    n, k = len(target), len(kept)
    if n - k - 1 < 1:
        raise InputError(f"{k} independent features and {n} rows leave no residual degree of freedom; use fewer features")
    fitted = target.mean() + (values[:, kept] - mean) @ coef
    residual, total = float(((target - fitted) ** 2).sum()), float(((target - target.mean()) ** 2).sum())
    df = n - k - 1
    sigma2 = residual / df
    covariance = sigma2 * inverse @ inverse.T
    beta = np.concatenate([[target.mean() - mean @ coef], coef])
    se = np.sqrt(np.concatenate([[sigma2 / n + mean @ covariance @ mean], np.diag(covariance)]))
    with np.errstate(divide="ignore", invalid="ignore"):  # an exact fit has no error: t is infinite
        t, f = beta / se, (total - residual) / k / sigma2 if k else np.nan
    half = stats.t.ppf((1 + level) / 2, df) * se
    r2 = 1 - residual / total
    return LinearModel(
        terms=["(Intercept)", *(found[j] for j in kept)],
        coef=beta,
        se=se,
        t=t,
        p=np.asarray(2 * stats.t.sf(np.abs(t), df)),
        ci_low=beta - half,
        ci_high=beta + half,
        dropped=[name for j, name in enumerate(found) if j not in set(kept.tolist())],
        sigma=float(np.sqrt(sigma2)),
        r2=r2,
        adj_r2=1 - (1 - r2) * (n - 1) / df,
        f=float(f),
        df_model=k,
        df_residual=df,
        f_p=float(stats.f.sf(f, k, df)) if k else float("nan"),
        fitted=fitted,
        n=n,
    )


class ScreenedRegression(RegressorMixin, BaseEstimator):
    """Screen by correlation, drop collinear columns, fit least squares: the paper's model as one estimator.

    Fitted on a training fold, it selects there: cross-validating it is the nested procedure. A duplicate passes the screen
    exactly when its original does, so duplicates are dropped among the selected columns, as R's lm drops them.

    Parameters
    ----------
    alpha : float, default=0.05
        A feature enters with p < alpha. 1 or more admits every feature that varies.
    method : {"pearson", "spearman"}, default="pearson"

    Attributes
    ----------
    support_ : ndarray bool [n_features_in_]
        Passed the screen.
    kept_ : ndarray int64 [k]
        Those of them that are independent.
    coef_ : ndarray float64 [n_features_in_]
        0 where not kept.
    intercept_ : float
    notes_ : list of str
        What was done in place of a regression: with nothing selected the training mean is predicted.

    Examples
    --------
    >>> X, y = np.array([[1.0, 5.0], [2.0, 3.0], [3.0, 4.0], [4.0, 4.0]]), [2.0, 4.0, 6.0, 8.0]
    >>> ScreenedRegression().fit(X, y).predict([[5.0, 0.0]]).round(9).tolist()
    [10.0]
    """

    def __init__(self, alpha: float = 0.05, method: Method = "pearson") -> None:
        self.alpha = alpha
        self.method = method

    def fit(self, X: ArrayLike, y: ArrayLike) -> ScreenedRegression:
        """Select and fit.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n]

        Returns
        -------
        self
        """
        values, target = checked(self, X, y, y_numeric=True, ensure_min_samples=2)
        target = np.asarray(target, dtype=float)
        self.notes_: list[str] = []
        if len(target) < 3 or constant_columns(target[:, None])[0]:
            self.support_ = np.zeros(values.shape[1], bool)
        else:
            r, varies = coefficients(values, target, self.method)
            self.support_ = varies & (tests_of(r, len(target))[1] < self.alpha) if self.alpha < 1 else varies
        selected = np.flatnonzero(self.support_)
        kept, self._mean, coef, _ = least_squares(values[:, selected], target)
        self.kept_ = selected[kept]
        if not len(self.kept_):
            self.notes_.append("no feature selected: the training mean is predicted")
        self.coef_ = full_width(coef, self.kept_, values.shape[1])
        self._level = float(target.mean())
        self.intercept_ = self._level - float(self._mean @ coef)
        return self

    def predict(self, X: ArrayLike) -> Floats:
        """Predicted marker.

        Parameters
        ----------
        X : array-like [n, p]

        Returns
        -------
        ndarray float64 [n]
        """
        check_is_fitted(self)
        values = checked(self, X, reset=False)
        return np.asarray(self._level + (values[:, self.kept_] - self._mean) @ self.coef_[self.kept_])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # the screen may select nothing
        return tags
