"""Kaplan–Meier curves and the log-rank test, as R's survfit and survdiff."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Bools, Floats, column, listed, same_length, survival_times

Interval = Literal["log", "log-log"]
_INTERVALS = ("log", "log-log")
_HALF = 1e-8  # R: a curve this close to one half has its median in the middle of the step


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """A survival curve; row = distinct time, seen or censored."""

    time: Floats
    n_risk: Floats
    n_event: Floats
    n_censor: Floats
    survival: Floats
    se_log: Floats  #: standard error of log survival (Greenwood); infinite after the last patient has died
    ci_low: Floats
    ci_high: Floats
    interval: str  #: "log" or "log-log"
    level: float
    n: int
    events: int
    median: float  #: NaN: not reached
    median_ci_low: float
    median_ci_high: float  #: NaN: not reached


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, interval: Interval = "log", level: float = 0.95) -> KaplanMeier:
    """Kaplan–Meier estimate with a pointwise interval.

    Parameters
    ----------
    time, event : array-like [n]
        Follow-up, and 1 for an event, 0 for a censored patient.
    interval : {"log", "log-log"}
        Scale of the interval. "log" is R's default, cut at 1; "log-log" is what lifelines draws.
    level : float

    Returns
    -------
    KaplanMeier
        Without any event the curve stays at 1 and no median is reached.

    Examples
    --------
    >>> kaplan_meier([1, 2, 3, 4], [1, 0, 1, 1]).survival.tolist()
    [0.75, 0.75, 0.375, 0.0]
    """
    if interval not in _INTERVALS:
        raise SettingsError(f"interval={interval!r}; accepted: {', '.join(_INTERVALS)}")
    times, seen = survival_times(time, event)
    distinct, place = np.unique(times, return_inverse=True)
    deaths = np.bincount(place, weights=seen.astype(float))
    leaving = np.bincount(place).astype(float)
    at_risk = np.cumsum(leaving[::-1])[::-1]
    curve = np.cumprod(1 - deaths / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(np.cumsum(np.where(deaths > 0, deaths / (at_risk * (at_risk - deaths)), 0.0)))
        low, high = _bounds(curve, se, interval, float(stats.norm.ppf((1 + level) / 2)))
    return KaplanMeier(
        time=distinct,
        n_risk=at_risk,
        n_event=np.asarray(deaths, dtype=float),
        n_censor=leaving - deaths,
        survival=curve,
        se_log=se,
        ci_low=low,
        ci_high=high,
        interval=interval,
        level=level,
        n=len(times),
        events=int(seen.sum()),
        median=_time_of_half(distinct, curve),
        median_ci_low=_time_of_half(distinct, low),
        median_ci_high=_time_of_half(distinct, high),
    )


def _bounds(curve: Floats, se: Floats, interval: str, z: float) -> tuple[Floats, Floats]:
    """Limits of the curve; NaN where it has come to 0, as R prints NA there."""
    if interval == "log":
        low, high = curve * np.exp(-z * se), np.minimum(curve * np.exp(z * se), 1.0)
    else:
        logarithm = np.log(curve)
        theta = z * se / logarithm
        low, high = np.exp(logarithm * np.exp(-theta)), np.exp(logarithm * np.exp(theta))
        low, high = np.where(curve == 1, 1.0, low), np.where(curve == 1, 1.0, high)
    return np.where(curve == 0, np.nan, low), np.where(curve == 0, np.nan, high)


def _time_of_half(time: Floats, curve: Floats) -> float:
    """First time at or below one half; the middle of the step where the curve runs along one half."""
    below = np.flatnonzero(curve <= 0.5 + _HALF)
    if not len(below):
        return float("nan")
    first = below[0]
    if abs(curve[first] - 0.5) < _HALF and len(later := np.flatnonzero(curve < curve[first] - _HALF)):
        return float((time[first] + time[later[0]]) / 2)
    return float(time[first])


def restricted_mean(curve: KaplanMeier, until: float) -> tuple[float, float]:
    """Mean survival up to a time, the area under the curve, and its standard error.

    Parameters
    ----------
    curve : KaplanMeier
    until : float
        R's summary(survfit) takes the longest follow-up of all groups.

    Returns
    -------
    mean, se : float
        In the unit of time.

    Examples
    --------
    >>> restricted_mean(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]), 4)[0]
    2.5
    """
    inside = curve.time <= until
    steps = np.diff(np.concatenate([[0.0], curve.time[inside], [until]]))
    areas = steps * np.concatenate([[1.0], curve.survival[inside]])
    later = np.cumsum(areas[::-1])[::-1][1:]
    deaths, at_risk = curve.n_event[inside], curve.n_risk[inside]
    left = at_risk - deaths
    hazard = np.divide(deaths, at_risk * left, out=np.zeros_like(deaths), where=left > 0)
    return float(areas.sum()), float(np.sqrt((later**2 * hazard).sum()))


def numbers_at_risk(curve: KaplanMeier, times: ArrayLike) -> list[int]:
    """Patients still at risk at given times, for the table under a curve.

    Examples
    --------
    >>> numbers_at_risk(kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1]), [0, 2, 5])
    [4, 3, 0]
    """
    at_risk = np.concatenate([curve.n_risk, [0.0]])
    return [int(n) for n in at_risk[np.searchsorted(curve.time, column(times, "times"))]]


@dataclass(frozen=True, eq=False)
class LogRank:
    """Log-rank test of two or more groups."""

    groups: list[Any]
    n: list[int]
    observed: Floats
    expected: Floats
    chi2: float
    df: int
    p: float


def log_rank(
    time: ArrayLike, event: ArrayLike, group: Sequence[Hashable] | NDArray[Any] | pd.Series, *, rho: float = 0.0
) -> LogRank:
    """Log-rank test, as R's survdiff.

    Parameters
    ----------
    time, event : array-like [n]
    group : sequence [n]
        Two groups or more.
    rho : float
        Weight S(t−)^rho: 0 is the log-rank test, 1 Peto and Peto's.

    Returns
    -------
    LogRank

    Raises
    ------
    InputError
        One group only, no event, or no time at which two groups were still at risk.

    Examples
    --------
    >>> round(log_rank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]).chi2, 3)
    5.052
    """
    times, seen = survival_times(time, event)
    labels = np.asarray(group)
    same_length(time=times, group=labels)
    if pd.isna(labels).any():
        raise InputError("group: missing values; drop these patients first")
    groups, member = np.unique(labels, return_inverse=True)
    if len(groups) < 2:
        raise InputError(
            f"a log-rank test compares groups; all {len(times)} patients are in the same one "
            f"({listed(groups.tolist())})"
        )
    if not seen.any():
        raise InputError("all patients are censored; survival can only be compared if there are events")
    at_risk, deaths = _risk_tables(times, seen, member, len(groups))
    total, dead = at_risk.sum(axis=1), deaths.sum(axis=1)
    before = np.concatenate([[1.0], np.cumprod(1 - dead / total)[:-1]])
    weight = before**rho
    share = at_risk / total[:, None]
    expected = weight @ (share * dead[:, None])
    spread = weight**2 * dead * np.divide(total - dead, total - 1, out=np.zeros_like(total), where=total > 1)
    variance = np.diag(spread @ share) - np.einsum("t,ti,tj->ij", spread, share, share)
    observed = weight @ deaths
    used = expected > 0
    if used.sum() < 2 or not (np.diag(variance)[used] > 0).any():
        raise InputError("no event occurred while two groups were at risk, so they cannot be compared")
    difference, df = (observed - expected)[used][1:], int(used.sum()) - 1
    chi2 = float(difference @ np.linalg.solve(variance[np.ix_(used, used)][1:, 1:], difference))
    n = np.bincount(member).tolist()
    return LogRank(groups.tolist(), n, observed, expected, chi2, df, float(stats.chi2.sf(chi2, df)))


def _risk_tables(times: Floats, seen: Bools, member: NDArray[np.intp], groups: int) -> tuple[Floats, Floats]:
    """Patients at risk and deaths, by event time and group."""
    distinct = np.unique(times[seen])
    at_risk, deaths = np.zeros((2, len(distinct), groups))
    for g in range(groups):
        mine = np.sort(times[member == g])
        at_risk[:, g] = len(mine) - np.searchsorted(mine, distinct, side="left")
        deaths[:, g] = np.bincount(np.searchsorted(distinct, times[(member == g) & seen]), minlength=len(distinct))
    return at_risk, deaths
