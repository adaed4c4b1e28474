"""The nested procedure: every step that uses the outcome is repeated in every training fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, Ints, as_floats, column, same_length
from voxomics.study.folds import check_folds
from voxomics.study.roc import Direction, YoudenThreshold


@dataclass(frozen=True, eq=False)
class CrossPrediction:
    """Out-of-fold predictions of one fold vector, pooled."""

    prediction: Floats  #: [n]
    folds: Ints  #: [n], 0..k − 1
    selected: Bools | None  #: [k, p]; None where the estimator selects nothing
    notes: list[str]  #: "fold 3: ..." for each fallback an estimator took


def as_table(X: ArrayLike) -> Any:
    """A DataFrame as it is, for estimators that ask for names; anything else as an array [n, p]."""
    if isinstance(X, pd.DataFrame):
        return X.reset_index(drop=True)
    values = np.asarray(X)
    if values.ndim != 2:
        raise InputError(f"X: expected rows and columns, got an array of shape {values.shape}; one column is X[:, None]")
    return values


def rows_of(X: Any, rows: Any) -> Any:
    """Rows of what `as_table` gave, by numbers or by a mask."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def as_outcome(y: ArrayLike, n: int) -> Any:
    """The outcome as an array with n rows: numbers, classes, or time and event [n, 2]."""
    outcome = as_floats(y, "y") if isinstance(y, pd.DataFrame) else np.asarray(y)
    if len(outcome) != n:
        raise InputError(f"lengths differ: X {n}, y {len(outcome)}")
    missing = pd.isna(outcome)
    if missing.any():
        raise InputError(f"y: {int(missing.sum())} missing values; drop these patients first")
    return outcome


def cross_predict(estimator: Any, X: ArrayLike, y: ArrayLike, folds: ArrayLike) -> CrossPrediction:
    """Fit on all folds but one, predict that one, for every fold.

    Parameters
    ----------
    estimator : scikit-learn estimator or Pipeline
        Cloned for every fold. Everything that learns (imputing, harmonising, screening) has to be a step of it. A classifier
        predicts the probability of its second class.
    X : DataFrame or array-like [n, p]
    y : array-like [n], or [n, 2] for time and event
    folds : array-like [n]

    Returns
    -------
    CrossPrediction

    Raises
    ------
    InputError
        What the estimator refuses, with the fold named; folds that do not fit.

    Examples
    --------
    >>> from voxomics.study.regression import ScreenedRegression
    >>> X, y = np.arange(12.0)[:, None], np.arange(12.0)
    >>> cross_predict(ScreenedRegression(), X, y, np.arange(12) % 3).prediction.round(6).tolist()[:4]
    [0.0, 1.0, 2.0, 3.0]
    """
    values = as_table(X)
    fold, outcome = check_folds(folds, len(values)), as_outcome(y, len(values))
    prediction, notes, masks = np.full(len(values), np.nan), [], []
    for k in range(int(fold.max()) + 1):
        held, train = fold == k, fold != k
        try:
            fitted = clone(estimator).fit(rows_of(values, train), outcome[train])
            prediction[held] = predicted(fitted, rows_of(values, held))
        except ValueError as error:  # an InputError of ours, or what another library's estimator refuses
            raise InputError(f"fold {k}: {error}") from error
        if not np.isfinite(prediction[held]).all():
            raise InputError(f"fold {k}: {type(_last(fitted)).__name__} predicted missing or infinite values")
        masks.append(selection(fitted, values.shape[1]))
        notes += [f"fold {k}: {note}" for note in getattr(_last(fitted), "notes_", [])]
    chosen = None if any(mask is None for mask in masks) else np.array(masks, dtype=bool)
    return CrossPrediction(prediction, fold, chosen, notes)


def _last(fitted: Any) -> Any:
    return fitted[-1] if isinstance(fitted, Pipeline) else fitted


def predicted(fitted: Any, X: Any) -> Floats:
    """Probability of the second class from a classifier, else the prediction."""
    found = fitted.predict_proba(X)[:, 1] if is_classifier(fitted) else fitted.predict(X)
    return np.asarray(found, dtype=float)


def selection(fitted: Any, width: int) -> Bools | None:
    """Columns of X that the last step selected, traced back through the steps before it."""
    mask = getattr(_last(fitted), "support_", None)
    if mask is None:
        return None
    if not isinstance(fitted, Pipeline) or len(fitted) == 1:
        return np.asarray(mask, dtype=bool)
    given = (
        np.array([f"x{i}" for i in range(width)]) if not hasattr(fitted[0], "feature_names_in_") else fitted[0].feature_names_in_
    )
    reached = fitted[:-1].get_feature_names_out(given)
    return np.isin(given, reached[np.asarray(mask, dtype=bool)])


def repeated_cross_predict(estimator: Any, X: ArrayLike, y: ArrayLike, folds: ArrayLike) -> list[CrossPrediction]:
    """`cross_predict` for every row of a matrix of folds.

    Parameters
    ----------
    estimator, X, y
        As `cross_predict`.
    folds : array-like [repeats, n]

    Returns
    -------
    list of CrossPrediction
    """
    with sklearn.config_context(skip_parameter_validation=True):
        return [cross_predict(estimator, X, y, fold) for fold in np.asarray(folds)]


def selection_frequency(runs: Sequence[CrossPrediction], names: Sequence[str]) -> pd.Series:
    """Share of all training folds of all repeats in which a feature was selected, most frequent first.

    Raises
    ------
    InputError
        The estimator selects nothing.

    Examples
    --------
    >>> run = CrossPrediction(np.zeros(2), np.array([0, 1]), np.array([[True, False], [True, True]]), [])
    >>> selection_frequency([run], ["a", "b"]).to_dict()
    {'a': 1.0, 'b': 0.5}
    """
    masks = [run.selected for run in runs if run.selected is not None]
    if len(masks) < len(runs) or not masks:
        raise InputError("this estimator selects no features (it has no support_): there is no selection frequency")
    share = pd.Series(np.concatenate(masks).mean(axis=0), index=list(names), name="frequency")
    return share.sort_values(ascending=False, kind="stable")


@dataclass(frozen=True, eq=False)
class TrainingThresholds:
    """Groups whose threshold never saw the patient it is applied to."""

    threshold: Floats  #: [n] of the row's own fold; NaN where none could be found
    high: Bools  #: [n] prediction > threshold
    notes: list[str]  #: folds without a threshold; their patients count as low


def training_thresholds(
    marker: ArrayLike, labels: ArrayLike, folds: ArrayLike, prediction: ArrayLike, *, direction: Direction = "auto"
) -> TrainingThresholds:
    """Youden threshold of the real marker in the other folds, applied to the prediction of this one.

    Parameters
    ----------
    marker : array-like [n]
    labels : array-like [n]
        Two classes, such as death.
    folds : array-like [n]
    prediction : array-like [n]
        Out-of-fold predictions of the marker; the marker itself for its own honest groups.
    direction : {"auto", "<", ">"}

    Returns
    -------
    TrainingThresholds

    Examples
    --------
    >>> found = training_thresholds([1, 2, 3, 4, 1, 4], [0, 0, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 1, 4])
    >>> found.high.tolist()
    [False, False, True, True, False, True]
    """
    values, guess, event = column(marker, "marker"), column(prediction, "prediction"), np.asarray(labels)
    same_length(marker=values, prediction=guess, labels=event)
    fold = check_folds(folds, len(values))
    threshold, notes = np.full(len(values), np.nan), []
    for k in range(int(fold.max()) + 1):
        train = fold != k
        try:
            threshold[fold == k] = YoudenThreshold(direction).fit(values[train], event[train]).threshold_
        except InputError as error:
            notes.append(f"fold {k}: {error}")
    return TrainingThresholds(threshold, guess > threshold, notes)
