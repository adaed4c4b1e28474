"""Cox's partial likelihood: for every event, the weighted mean of those at risk, and sums of their covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Bools, Floats

TIES = ("efron", "breslow")


@dataclass(frozen=True, eq=False)
class EventTerms:
    """One row for each event, in order of decreasing time."""

    loglik: float
    mean: Floats  #: [events, p] weighted mean of the covariates at risk
    weight: Floats  #: [n] relative hazard
    total: Floats  #: [events] sum of the weights at risk


class PartialLikelihood:
    """Partial likelihood of one data set, sorted once.

    Parameters
    ----------
    X : ndarray float64 [n, p]
    time : ndarray float64 [n]
    event : ndarray bool [n]
    ties : {"efron", "breslow"}
        How events at the same time are treated. The exact method is not offered.

    Raises
    ------
    InputError
        All patients are censored.
    SettingsError
        Another method of ties.
    """

    def __init__(self, X: Floats, time: Floats, event: Bools, ties: str = "efron") -> None:
        if ties not in TIES:
            raise SettingsError(f"ties={ties!r}; accepted: {', '.join(TIES)} (R's exact method is not offered)")
        if not event.any():
            raise InputError("all patients are censored: a Cox model needs events")
        order = np.argsort(-time, kind="stable")
        self.X, self.time = X[order], time[order]
        self.deaths = np.flatnonzero(event[order])
        moments = self.time[self.deaths]
        self.last = np.searchsorted(-self.time, -moments, side="right") - 1  # everybody up to here is at risk
        _, start, self.tie, count = np.unique(-moments, return_index=True, return_inverse=True, return_counts=True)
        self.start = start
        rank = np.arange(len(moments)) - start[self.tie]
        self.part = rank / count[self.tie] if ties == "efron" else np.zeros(len(moments))

    def _at_risk(self, weighted: Floats) -> Floats:
        """Sum over those at risk, less Efron's part of those who die together."""
        total = np.cumsum(weighted, axis=0)[self.last]
        if not self.part.any():
            return total
        dying = np.add.reduceat(weighted[self.deaths], self.start, axis=0)[self.tie]
        return np.asarray(total - self.part.reshape(-1, *[1] * (weighted.ndim - 1)) * dying)

    def terms(self, beta: Floats) -> EventTerms:
        """Log-likelihood and means at beta; so far out that all weights vanish the likelihood is not finite."""
        eta = self.X @ beta
        highest = eta.max()
        w = np.exp(eta - highest)
        s0 = self._at_risk(w)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self._at_risk(w[:, None] * self.X) / s0[:, None]
            loglik = float((eta[self.deaths] - highest - np.log(s0)).sum())
        return EventTerms(loglik, mean, w, s0)

    def covariance(self, at: EventTerms, g: Floats) -> Floats:
        """Sum over the events of g times the covariance of those at risk [p, p].

        Summed by patient, not by event: how often each one counts, times x·xᵀ, needs no array [events, p, p].
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # weights vanish under perfect separation
            share = g / at.total
            counts = np.cumsum(np.bincount(self.last, share, minlength=len(self.X))[::-1])[::-1].copy()
            counts[self.deaths] -= np.bincount(self.tie, share * self.part)[self.tie]
            return np.asarray((self.X.T * (at.weight * counts)) @ self.X - (at.mean.T * g) @ at.mean)

    def objective(self, beta: Floats, ridge: float = 0.0) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient and information at beta, less ridge/2·|beta|²."""
        at = self.terms(beta)
        gradient = (self.X[self.deaths] - at.mean).sum(axis=0) - ridge * beta
        information = self.covariance(at, np.ones(len(self.deaths))) + ridge * np.eye(len(beta))
        return at.loglik - ridge / 2 * float(beta @ beta), gradient, information

    def univariate_scores(self) -> tuple[Floats, Floats]:
        """Gradient and information of each covariate alone, at 0 [p], [p]."""
        s0 = self._at_risk(np.ones(len(self.X)))
        mean = self._at_risk(self.X) / s0[:, None]
        spread = self._at_risk(self.X**2) / s0[:, None] - mean**2
        return (self.X[self.deaths] - mean).sum(axis=0), spread.sum(axis=0)

    def differences(self) -> Floats:
        """Covariates of each event minus those of everybody at risk with it [pairs, p]."""
        return np.concatenate(
            [self.X[row] - self.X[: last + 1] for row, last in zip(self.deaths, self.last, strict=True)], dtype=float
        )
