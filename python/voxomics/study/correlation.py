"""Correlation of a marker with one feature or with all of them, as R's cor.test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Bools, Floats, column, constant_columns, matrix, same_length
from voxomics.study.fdr import q_values

Method = Literal["pearson", "spearman"]
_METHODS = ("pearson", "spearman")


@dataclass(frozen=True)
class Correlation:
    """One correlation with its test and confidence interval."""

    r: float
    t: float
    df: int
    p: float
    ci_low: float
    ci_high: float
    n: int
    method: str


def coefficients(X: Floats, y: Floats, method: Method = "pearson") -> tuple[Floats, Bools]:
    """Correlation of every column with y, and which columns vary; r is NaN for those that do not.

    Parameters
    ----------
    X : ndarray float64 [n, p]
    y : ndarray float64 [n]
    method : {"pearson", "spearman"}

    Returns
    -------
    r : ndarray float64 [p]
    varies : ndarray bool [p]
    """
    if method not in _METHODS:
        raise SettingsError(f"method={method!r}; accepted: {', '.join(_METHODS)}")
    varies = ~constant_columns(X)
    if method == "spearman":
        X, y = stats.rankdata(X, axis=0), stats.rankdata(y)
    centred, target = X - X.mean(axis=0), y - y.mean()
    scale = np.abs(centred).max(axis=0)
    centred = centred / np.where(varies, scale, 1.0)  # squares neither overflow nor vanish
    lengths = np.sqrt((centred**2).sum(axis=0) * (target @ target))
    r = np.full(X.shape[1], np.nan)
    r[varies] = np.clip((target @ centred)[varies] / lengths[varies], -1.0, 1.0)
    return r, varies


def tests_of(r: Floats, n: int) -> tuple[Floats, Floats]:
    """Student's t with n − 2 degrees of freedom, and its two-sided p-value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r * np.sqrt((n - 2) / ((1 - r) * (1 + r)))
    return t, np.asarray(2 * stats.t.sf(np.abs(t), n - 2))


def _interval(r: Floats, n: int, method: str, level: float) -> tuple[Floats, Floats]:
    """Fisher's z; for Spearman with Bonett and Wright's variance (Psychometrika 65:23-28, 2000)."""
    if n < 4:
        return np.full_like(r, -1.0), np.full_like(r, 1.0)
    variance = (1.0 + r**2 / 2 if method == "spearman" else 1.0) / (n - 3)
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt(variance)
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return np.tanh(z - half), np.tanh(z + half)


def correlation(x: ArrayLike, y: ArrayLike, *, method: Method = "pearson", level: float = 0.95) -> Correlation:
    """Correlation of two columns, its t-test and its interval, as R's cor.test.

    Parameters
    ----------
    x, y : array-like [n]
        Without missing values; `complete_cases` finds the rows to keep.
    method : {"pearson", "spearman"}
        Spearman's p-value is that of the t distribution. R uses exact tables where it can.
    level : float
        Of the interval: Fisher's z.

    Returns
    -------
    Correlation
        The interval is (−1, 1) when n = 3.

    Raises
    ------
    InputError
        Fewer than 3 pairs, missing values, or a constant column: the correlation is undefined.

    Examples
    --------
    >>> round(correlation([1, 2, 3, 4], [1, 2, 3, 5]).r, 4)
    0.9827
    """
    a, b = column(x, "x", 3), column(y, "y", 3)
    same_length(x=a, y=b)
    if constant_columns(np.column_stack([a, b])).any():
        raise InputError("a correlation needs two columns that vary; one of them has a single value")
    r, _ = coefficients(a[:, None], b, method)
    t, p = tests_of(r, len(a))
    low, high = _interval(r, len(a), method, level)
    return Correlation(float(r[0]), float(t[0]), len(a) - 2, float(p[0]), float(low[0]), float(high[0]), len(a), method)


def correlation_table(
    X: ArrayLike,
    y: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    method: Method = "pearson",
    alpha: float = 0.05,
    level: float = 0.95,
) -> pd.DataFrame:
    """Correlation of every feature with a marker.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    y : array-like [n]
    names : sequence of str, optional
        By default the DataFrame's columns.
    method : {"pearson", "spearman"}
    alpha : float
        A feature with p < alpha is selected.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        Row = feature; n, r, ci_low, ci_high, t, df, p, q (Benjamini–Hochberg over the features tested), selected, excluded
        (reason or ""). A constant feature is excluded, its numbers are NaN, and it is never selected.

    Raises
    ------
    InputError
        Missing values, a constant marker, fewer than 3 rows.

    Examples
    --------
    >>> table = correlation_table(pd.DataFrame({"a": [1, 2, 3, 4], "b": [5, 5, 5, 5]}), [1, 2, 3, 5])
    >>> table["excluded"].to_dict()
    {'a': '', 'b': 'constant'}
    """
    values, found = matrix(X, names)
    marker = column(y, "marker", 3)
    same_length(X=values, marker=marker)
    if constant_columns(marker[:, None])[0]:
        raise InputError("the marker has a single value, so nothing can correlate with it")
    r, varies = coefficients(values, marker, method)
    t, p = tests_of(r, len(marker))
    low, high = _interval(r, len(marker), method, level)
    columns = {"n": len(marker), "r": r, "ci_low": low, "ci_high": high, "t": t, "df": len(marker) - 2, "p": p, "q": q_values(p)}
    table = pd.DataFrame(columns, index=found)
    table["selected"] = p < alpha
    table["excluded"] = np.where(varies, "", "constant")
    return table
