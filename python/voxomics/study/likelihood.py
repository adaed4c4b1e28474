"""Maximum likelihood with step-halving, and a test of whether a maximum exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import optimize

from voxomics.study.checks import Floats

Objective: TypeAlias = Callable[[Floats], tuple[float, Floats, Floats]]  #: log-likelihood, gradient, information
_HALVINGS = 30
_FINE = 1e-9  # a smaller last step: Newton squares it, so what is left is rounding
_RUNAWAY = 100.0  # standard deviations: the likelihood has become flat, and there is no maximum ahead
_FAR = 15.0  # a linear predictor that spans more is looked at: does the maximum exist?


@dataclass(frozen=True, eq=False)
class Maximum:
    """Where Newton's method ended."""

    beta: Floats
    loglik: float
    gradient: Floats
    information: Floats
    iterations: int
    converged: bool


def maximise(objective: Objective, size: int, max_iterations: int = 50) -> Maximum:
    """Newton's method from 0, halving a step that lowers the likelihood.

    Parameters
    ----------
    objective : callable
        Concave; at beta [size] its value, gradient [size] and information [size, size].
    size : int
    max_iterations : int

    Returns
    -------
    Maximum
        `converged` is False where the information became singular or the iterations ran out.
    """
    beta = np.zeros(size)
    value, gradient, information = objective(beta)
    for iteration in range(1, max_iterations + 1):
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            return Maximum(beta, value, gradient, information, iteration, False)
        if np.abs(step).max(initial=0.0) > _RUNAWAY:
            return Maximum(beta, value, gradient, information, iteration, False)
        for _ in range(_HALVINGS):
            found = objective(beta + step)
            if np.isfinite(found[0]) and found[0] >= value - 1e-10 * (abs(value) + 1):
                break
            step = step / 2
        else:
            return Maximum(beta, value, gradient, information, iteration, False)
        beta = beta + step
        value, gradient, information = found
        if np.abs(step).max(initial=0.0) < _FINE:
            return Maximum(beta, value, gradient, information, iteration, True)
    return Maximum(beta, value, gradient, information, max_iterations, False)


def is_unbounded(differences: Floats) -> bool:
    """Whether a direction exists along which no row falls and some row rises: then a likelihood has no maximum.

    Parameters
    ----------
    differences : ndarray float64 [m, p]
        Logistic: (2y − 1)·x with the intercept. Cox: x of an event minus x of everybody at risk with it.

    Returns
    -------
    bool

    References
    ----------
    Albert A, Anderson JA. Biometrika 71:1-10 (1984). As a linear program: Konis K, thesis, Oxford (2007).

    Examples
    --------
    >>> is_unbounded(np.array([[1.0, 2.0], [-1.0, 1.0]])), is_unbounded(np.array([[1.0], [-1.0]]))
    (True, False)
    """
    if not differences.size:
        return False
    rows = np.unique(differences / np.abs(differences).max(axis=0, initial=1e-300), axis=0)
    found = optimize.linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1), method="highs")
    return bool(found.status == 0 and float(rows.sum(axis=0) @ found.x) > 1e-7)


def looks_unbounded(maximum: Maximum, X: Floats) -> bool:
    """Whether it is worth asking `is_unbounded`: Newton did not converge, or went very far."""
    return not maximum.converged or bool(np.ptp(X @ maximum.beta) > _FAR)
