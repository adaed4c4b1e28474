"""Collinear columns of a linear model, found as R finds them."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils.validation import check_is_fitted

from voxomics.study.checks import Bools, Floats, Ints
from voxomics.study.estimators import checked

TOLERANCE = 1e-7  # R's lm


def independent_columns(X: Floats, *, tol: float = TOLERANCE, intercept: bool = True) -> Ints:
    """Columns that R's lm would keep, in their order.

    A column goes when what the kept columns before it leave over is shorter than `tol` times the column itself: the
    limited pivoting of R's dqrdc2. Of two duplicates the first stays. No more columns stay than there are rows.

    Parameters
    ----------
    X : ndarray float64 [n, p]
        As measured: standardising first would change what counts as negligible.
    tol : float
    intercept : bool
        The model has a constant; constant columns then go.

    Returns
    -------
    ndarray int64 [k]

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> independent_columns(np.column_stack([x, 2 * x + 1, x**2])).tolist()
    [0, 2]
    """
    rest = np.column_stack([np.ones(len(X)), X]) if intercept else np.array(X, dtype=float)
    rest = rest / (np.abs(rest).max(axis=0, initial=0.0) + (rest == 0).all(axis=0))  # squares of large volumes stay finite
    negligible = tol * np.sqrt((rest**2).sum(axis=0))
    kept: list[int] = []
    for j in range(rest.shape[1]):
        if len(kept) == len(rest):
            break
        length = float(np.sqrt(rest[:, j] @ rest[:, j]))
        if length == 0 or length < negligible[j]:
            continue
        direction = rest[:, j] / length
        rest[:, j + 1 :] -= np.outer(direction, direction @ rest[:, j + 1 :])
        kept.append(j)
    return np.array(kept[1:], dtype=np.int64) - 1 if intercept else np.array(kept, dtype=np.int64)


class DropCollinear(SelectorMixin, BaseEstimator):
    """Drop constant and collinear columns, keeping the order, as R's lm does.

    Parameters
    ----------
    tol : float, default=1e-7
        See `independent_columns`.

    Attributes
    ----------
    support_ : ndarray bool [n_features_in_]
        Columns that stay.

    Examples
    --------
    >>> DropCollinear().fit_transform([[1.0, 2.0], [2.0, 4.0], [5.0, 10.0]]).tolist()
    [[1.0], [2.0], [5.0]]
    """

    def __init__(self, tol: float = TOLERANCE) -> None:
        self.tol = tol

    def fit(self, X: ArrayLike, y: Any = None) -> DropCollinear:
        """Find the columns that stay.

        Parameters
        ----------
        X : array-like [n, p]
        y : ignored

        Returns
        -------
        self
        """
        values = checked(self, X)
        self.support_ = np.zeros(values.shape[1], bool)
        self.support_[independent_columns(values, tol=self.tol)] = True
        return self

    def _get_support_mask(self) -> Bools:
        check_is_fitted(self)
        return self.support_
