"""Checks of the input of our scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from voxomics.engine.errors import InputError
from voxomics.study.checks import Floats

_MISSING = "; drop these rows or columns, or impute inside the folds: make_pipeline(SimpleImputer(), ...)"


def checked(estimator: Any, X: ArrayLike, y: Any = "no_validation", *, reset: bool = True, **options: Any) -> Any:
    """X, or X and y, validated by scikit-learn; what it refuses becomes an InputError.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets n_features_in_ and feature_names_in_, or is compared with them.
    X : array-like [n, p]
    y : array-like
        None is refused by an estimator whose tags require y.
    reset : bool
        True in fit, False afterwards.
    options
        Of sklearn.utils.validation.validate_data.

    Returns
    -------
    X : ndarray float64 [n, p]
    y : ndarray, if given
    """
    try:
        return validate_data(estimator, X, y, reset=reset, dtype=np.float64, **options)
    except InputError:
        raise
    except ValueError as error:
        text = str(error)
        raise InputError(text + _MISSING if "NaN" in text else text) from None


def full_width(columns: Floats, kept: Any, width: int) -> Floats:
    """Values of the kept columns at their places among `width`, 0 elsewhere."""
    wide = np.zeros(width)
    wide[kept] = columns
    return wide
