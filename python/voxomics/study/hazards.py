"""Test of proportional hazards: the score test of R's cox.zph (survival 3.0 and later)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, matrix, same_length, survival_times
from voxomics.study.collinear import independent_columns
from voxomics.study.cox import Test, chi2_test, standardised
from voxomics.study.likelihood import maximise
from voxomics.study.partial import PartialLikelihood


@dataclass(frozen=True)
class ProportionalHazards:
    """Tests of proportional hazards; a small p-value says that an effect changes with time."""

    terms: dict[str, Test]
    overall: Test


def proportional_hazards(
    X: ArrayLike, time: ArrayLike, event: ArrayLike, *, names: Sequence[str] | None = None, ties: str = "efron"
) -> ProportionalHazards:
    """Score test of an added covariate x·g(t), g = 1 − Kaplan–Meier just before t, for each term and for all.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    time, event : array-like [n]
    names : sequence of str, optional
    ties : {"efron", "breslow"}

    Returns
    -------
    ProportionalHazards

    Raises
    ------
    InputError
        All censored, one event, a model that does not converge, or no covariate that varies.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 81:515-526 (1994).

    Examples
    --------
    >>> X = [[1.0], [3.0], [2.0], [4.0], [2.5], [3.5]]
    >>> round(proportional_hazards(X, [9, 3, 7, 4, 2, 5], [1, 1, 0, 1, 1, 1]).overall.p, 3)
    0.179
    """
    values, found = matrix(X, names)
    times, seen = survival_times(time, event)
    same_length(X=values, time=times)
    kept = independent_columns(values)
    likelihood = PartialLikelihood(standardised(values[:, kept])[0], times, seen, ties)
    top = maximise(likelihood.objective, len(kept))
    if not len(kept) or not top.converged or len(np.unique(times[seen])) < 2:
        raise InputError("proportional hazards are tested on a Cox model that converged, with events at two times or more")
    g = _before(times, seen, likelihood.time[likelihood.deaths])
    g = g - g.mean()
    at = likelihood.terms(top.beta)
    score = g @ (likelihood.X[likelihood.deaths] - at.mean)
    crossed, squared = likelihood.covariance(at, g), likelihood.covariance(at, g**2)
    left = squared - crossed @ np.linalg.solve(top.information, crossed)
    terms = {found[j]: chi2_test(score[i] ** 2 / left[i, i], 1) for i, j in enumerate(kept)}
    return ProportionalHazards(terms, chi2_test(float(score @ np.linalg.solve(left, score)), len(kept)))


def _before(times: Floats, seen: Bools, moments: Floats) -> Floats:
    """1 − Kaplan–Meier just before each moment."""
    distinct, place = np.unique(times, return_inverse=True)
    at_risk = len(times) - np.searchsorted(np.sort(times), distinct)
    curve = np.concatenate([[1.0], np.cumprod(1 - np.bincount(place, weights=seen) / at_risk)])
    return 1 - curve[np.searchsorted(distinct, moments, side="left")]
