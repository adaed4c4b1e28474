"""Scores of predictions: correlation, agreement, error and calibration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from voxomics.study.checks import Floats, as_survival, column, constant_columns, same_length, two_classes
from voxomics.study.concordance import concordance
from voxomics.study.correlation import coefficients
from voxomics.study.regression import least_squares
from voxomics.study.roc import roc

Score: TypeAlias = Callable[[Floats, Floats], dict[str, float]]  #: outcome, prediction -> named numbers


def continuous_scores(truth: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Scores of a predicted continuous marker.

    Parameters
    ----------
    truth, prediction : array-like [n]

    Returns
    -------
    dict
        r: Pearson's, 0 for a constant prediction, which orders nobody. q2: 1 − Σ(y − ŷ)²/Σ(y − ȳ)², below 0 where the mean
        would have been better. rmse, mae. slope, intercept: of y on ŷ; 1 and 0 when calibrated, slope 0 for a constant
        prediction.

    Raises
    ------
    InputError
        Missing values or fewer than 3 patients.

    Examples
    --------
    >>> continuous_scores([1.0, 2.0, 4.0], [1.0, 2.0, 4.0])["q2"]
    1.0
    """
    y, predicted = column(truth, "truth", 3), column(prediction, "prediction", 3)
    same_length(truth=y, prediction=predicted)
    error, total = y - predicted, float(((y - y.mean()) ** 2).sum())
    flat = bool(constant_columns(np.column_stack([predicted, y])).any())
    slope = 0.0 if flat else float(least_squares(predicted[:, None], y)[2].sum())
    return {
        "r": 0.0 if flat else float(coefficients(predicted[:, None], y)[0][0]),
        "q2": 1 - float(error @ error) / total if total else 0.0,
        "rmse": float(np.sqrt((error**2).mean())),
        "mae": float(np.abs(error).mean()),
        "slope": slope,
        "intercept": float(y.mean() - slope * predicted.mean()),
    }


def binary_scores(labels: ArrayLike, probability: ArrayLike) -> dict[str, float]:
    """Scores of a predicted probability of the second class.

    Parameters
    ----------
    labels : array-like [n]
        Two classes.
    probability : array-like [n]
        In 0..1.

    Returns
    -------
    dict
        auc (high probability = case, never turned round), brier, and brier_skill: 1 − Brier/Brier of the prevalence.

    Examples
    --------
    >>> binary_scores([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["auc"]
    0.75
    """
    case, _ = two_classes(labels)
    p = column(probability, "probability")
    same_length(labels=case, probability=p)
    brier, share = float(((p - case) ** 2).mean()), float(case.mean())
    return {"auc": roc(case, p, direction="<").auc, "brier": brier, "brier_skill": 1 - brier / (share * (1 - share))}


def survival_scores(outcome: ArrayLike, risk: ArrayLike) -> dict[str, float]:
    """Concordance of a predicted log hazard.

    Parameters
    ----------
    outcome : array-like [n, 2]
        Time and event.
    risk : array-like [n]
        Higher means earlier death.

    Returns
    -------
    dict
        c: Harrell's concordance.

    Examples
    --------
    >>> survival_scores([[1, 1], [2, 1], [3, 0]], [3, 2, 1])
    {'c': 1.0}
    """
    time, event = as_survival(outcome)
    return {"c": concordance(risk, time, event)[0]}
