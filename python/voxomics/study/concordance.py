"""Concordance of a score with survival, as in R, and the time-dependent area under the ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, column, same_length, survival_times

_ROUNDING = 1e-12  # of the largest risk: patients alike are tied, though a matrix product may round them apart


def _ranked(risk: Floats) -> Floats:
    """Ranks from 0; values that differ by rounding alone share one."""
    order = np.argsort(risk, kind="stable")
    apart = np.diff(risk[order]) > _ROUNDING * np.abs(risk).max()
    ranks = np.empty(len(risk))
    ranks[order] = np.concatenate([[0], np.cumsum(apart)])
    return ranks


def concordance(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> tuple[float, float]:
    """Harrell's concordance of a risk score, with R's standard error.

    Parameters
    ----------
    risk : array-like [n]
        Higher means earlier death.
    time, event : array-like [n]

    Returns
    -------
    c, se : float
        Pairs with equal risk count half; two deaths at one time are not compared; the error is the infinitesimal jackknife.

    Raises
    ------
    InputError
        No pair can be compared.

    Notes
    -----
    Works on all pairs at once: n² bytes.

    Examples
    --------
    >>> concordance([3, 2, 1], [1, 2, 3], [1, 1, 0])[0]
    1.0
    """
    score = _ranked(column(risk, "risk"))
    times, seen = survival_times(time, event)
    same_length(risk=score, time=times)
    first = (times[:, None] < times) | ((times[:, None] == times) & ~seen)  # row dies before column is known to
    comparable = first & seen[:, None]
    win = comparable * (np.sign(score[:, None] - score) + 1) / 2
    pairs = int(comparable.sum())
    if not pairs:
        raise InputError("no two patients can be compared: an event with somebody still at risk is needed")
    c = float(win.sum() / pairs)
    mine = win.sum(axis=0) + win.sum(axis=1) - c * (comparable.sum(axis=0) + comparable.sum(axis=1))
    return c, float(np.sqrt((mine**2).sum()) / pairs)


def censoring_survival(time: Floats, event: Bools, at: Floats) -> Floats:
    """Probability of being uncensored just before each time: Kaplan–Meier of the censoring; at a tie the event comes first."""
    distinct, place = np.unique(time, return_inverse=True)
    leaving, deaths = np.bincount(place).astype(float), np.bincount(place, weights=event)
    at_risk = np.cumsum(leaving[::-1])[::-1] - deaths
    factor = 1 - np.divide(leaving - deaths, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    curve = np.concatenate([[1.0], np.cumprod(factor)])
    return np.asarray(curve[np.searchsorted(distinct, at, side="left")])


def time_dependent_auc(risk: ArrayLike, time: ArrayLike, event: ArrayLike, at: ArrayLike) -> Floats:
    """Cumulative/dynamic area under the ROC curve at given times, weighted for censoring.

    Cases died by t, each weighted by the inverse probability of having been uncensored until then; controls outlived t.

    Parameters
    ----------
    risk : array-like [n]
        Higher means earlier death.
    time, event : array-like [n]
    at : array-like [k]
        Times, in the unit of `time`.

    Returns
    -------
    ndarray float64 [k]

    Raises
    ------
    InputError
        A time with no case before it or no patient after it.

    References
    ----------
    Uno H et al. J Am Stat Assoc 102:527-537 (2007). Hung H, Chiang CT. Can J Stat 38:8-26 (2010).

    Examples
    --------
    >>> time_dependent_auc([4, 3, 1, 2], [1, 2, 3, 4], [1, 1, 1, 1], [2.5]).tolist()
    [1.0]
    """
    score, moments = _ranked(column(risk, "risk")), column(np.atleast_1d(np.asarray(at, dtype=float)), "at")
    times, seen = survival_times(time, event)
    same_length(risk=score, time=times)
    weight = np.zeros(len(times))
    weight[seen] = 1 / censoring_survival(times, seen, times[seen])
    found = np.empty(len(moments))
    for k, moment in enumerate(moments):
        case, control = seen & (times <= moment), times > moment
        if not (case.any() and control.any()):
            raise InputError(f"at {moment:g}: {int(case.sum())} cases and {int(control.sum())} controls; choose times with both")
        better = (np.sign(score[case][:, None] - score[control]) + 1).mean(axis=1) / 2
        found[k] = (weight[case] @ better) / weight[case].sum()
    return found
