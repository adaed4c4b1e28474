"""Checks of the input of every statistic."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from voxomics.engine.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Ints: TypeAlias = NDArray[np.int64]

_LISTED = 10
_ROUNDING = 1e-13  # a centred column below this part of its own size is constant up to rounding


def listed(items: Sequence[Any]) -> str:
    """The first few items, and how many more there are.

    Examples
    --------
    >>> listed(["a", "b"])
    'a, b'
    """
    text = ", ".join(str(item) for item in items[:_LISTED])
    return text + (f" and {len(items) - _LISTED} more" if len(items) > _LISTED else "")


def as_floats(values: ArrayLike, name: str) -> Floats:
    """Array of float64 from numbers, booleans or a nullable pandas column; missing values become NaN.

    Raises
    ------
    InputError
        Something is not a number.
    """
    try:
        if isinstance(values, pd.Series | pd.DataFrame):
            return values.to_numpy(dtype=float, na_value=np.nan)
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers, but {error}; convert or remove what is not a number") from None


def column(values: ArrayLike, name: str, minimum: int = 1) -> Floats:
    """One column of finite numbers.

    Parameters
    ----------
    values : array-like [n]
    name : str
        What the messages call it.
    minimum : int
        Fewest values accepted.

    Returns
    -------
    ndarray float64 [n]

    Raises
    ------
    InputError
        Not one-dimensional, too short, or with missing or infinite values; their rows are named.

    Examples
    --------
    >>> column([1, 2], "marker").tolist()
    [1.0, 2.0]
    """
    found = as_floats(values, name)
    if found.ndim != 1:
        raise InputError(f"{name}: expected one column, got an array of shape {found.shape}")
    if wrong := np.flatnonzero(~np.isfinite(found)).tolist():
        raise InputError(
            f"{name}: {len(wrong)} missing or infinite values, in rows {listed(wrong)} (from 0); drop these rows or "
            "fill them in"
        )
    if len(found) < minimum:
        raise InputError(f"{name}: {len(found)} values; at least {minimum} are needed")
    return found


def matrix(X: ArrayLike, names: Sequence[str] | None = None) -> tuple[Floats, list[str]]:
    """A table of finite numbers and the names of its columns.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    names : sequence of str, optional
        By default the DataFrame's columns, or x0, x1, ...

    Returns
    -------
    values : ndarray float64 [n, p]
    names : list of str

    Raises
    ------
    InputError
        Missing or infinite values; the columns are named.
    """
    if names is None and isinstance(X, pd.DataFrame):
        names = [str(name) for name in X.columns]
    values = as_floats(X, "X")
    if values.ndim != 2:
        raise InputError(f"X: expected rows and columns, got an array of shape {values.shape}; one column is X[:, None]")
    found = [f"x{i}" for i in range(values.shape[1])] if names is None else list(names)
    if len(found) != values.shape[1]:
        raise InputError(f"{len(found)} names for {values.shape[1]} columns")
    if wrong := [found[j] for j in np.flatnonzero(~np.isfinite(values).all(axis=0))]:
        raise InputError(
            f"missing or infinite values in columns {listed(wrong)}; drop rows or columns, or impute inside the folds"
        )
    return values, found


def same_length(**arrays: Sequence[Any] | NDArray[Any]) -> None:
    """Refuse arrays of different lengths, naming them."""
    if len({len(array) for array in arrays.values()}) > 1:
        raise InputError("lengths differ: " + ", ".join(f"{name} {len(array)}" for name, array in arrays.items()))


def unique_ids(ids: Sequence[Hashable] | NDArray[Any]) -> None:
    """Refuse ids that occur twice, and missing ones.

    Raises
    ------
    InputError

    Examples
    --------
    >>> unique_ids(["P1", "P2"])
    """
    found = pd.Series(np.asarray(ids, dtype=object))
    if found.isna().any():
        raise InputError(f"{int(found.isna().sum())} patients have no id")
    if found.duplicated().any():
        twice = sorted(found[found.duplicated()].astype(str).unique())
        raise InputError(f"ids that occur more than once: {listed(twice)}; keep one row for each patient")


def complete_cases(*columns: ArrayLike) -> Bools:
    """Rows without a missing value in any column or table, as R's complete.cases.

    Examples
    --------
    >>> complete_cases([1.0, None, 3.0], [1, 2, 3]).tolist()
    [True, False, True]
    """
    keep = np.ones(len(np.asarray(columns[0])), bool)
    for given in columns:
        missing = pd.isna(np.asarray(given, dtype=object))
        keep &= ~(missing if missing.ndim == 1 else missing.any(axis=1))
    return keep


def two_classes(labels: ArrayLike, name: str = "labels") -> tuple[Bools, tuple[Any, Any]]:
    """Membership of the second of exactly two classes, in sorted order.

    Returns
    -------
    case : ndarray bool [n]
    classes : (control, case)

    Raises
    ------
    InputError
        Missing labels, or not exactly two classes.

    Examples
    --------
    >>> two_classes(["yes", "no"])[0].tolist()
    [True, False]
    """
    found = np.asarray(labels)
    if found.ndim != 1:
        raise InputError(f"{name}: expected one column, got an array of shape {found.shape}")
    if missing := np.flatnonzero(pd.isna(found)).tolist():
        raise InputError(f"{name}: missing in rows {listed(missing)} (from 0)")
    classes = np.unique(found)
    if len(classes) != 2:
        raise InputError(f"{name}: expected two classes, got {len(classes)} ({listed(classes.tolist())})")
    return found == classes[1], (classes[0], classes[1])


def survival_times(time: ArrayLike, event: ArrayLike) -> tuple[Floats, Bools]:
    """Follow-up times and events, checked.

    Parameters
    ----------
    time : array-like [n]
        Not negative.
    event : array-like [n]
        1 or True where the event was seen, 0 where the patient was censored.

    Raises
    ------
    InputError
    """
    times, events = column(time, "time"), column(event, "event")
    same_length(time=times, event=events)
    if not np.isin(events, (0.0, 1.0)).all():
        raise InputError(f"event: expected 0 (censored) and 1 (event), got {listed(np.unique(events).tolist())}")
    if (times < 0).any():
        raise InputError(f"time: {int((times < 0).sum())} negative values; follow-up must not be negative")
    return times, events == 1.0


def as_survival(y: ArrayLike) -> tuple[Floats, Bools]:
    """Times and events from an array [n, 2], the form that folds and permutations carry.

    Raises
    ------
    InputError
        Another shape, or what `survival_times` refuses.
    """
    outcome = as_floats(y, "y")
    if outcome.ndim != 2 or outcome.shape[1] != 2:
        raise InputError(f"y: expected two columns, time and event, got an array of shape {outcome.shape}")
    return survival_times(outcome[:, 0], outcome[:, 1])


def constant_columns(X: Floats) -> Bools:
    """Columns that hold one value, up to rounding.

    Examples
    --------
    >>> constant_columns(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [True, False]
    """
    if not X.size:
        return np.ones(X.shape[1], bool)
    return np.asarray(np.ptp(X, axis=0) <= _ROUNDING * np.abs(X).max(axis=0), dtype=bool)
