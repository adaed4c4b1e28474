"""Univariate screens as scikit-learn selectors."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, as_survival, constant_columns, two_classes
from voxomics.study.correlation import Method, coefficients, tests_of
from voxomics.study.cox import score_tests
from voxomics.study.estimators import checked
from voxomics.study.fdr import q_values
from voxomics.study.groups import mann_whitney_columns


class _Screen(SelectorMixin, BaseEstimator):
    """Selects the features with p < alpha; a constant feature is not tested and never selected."""

    alpha: float

    def _keep(self, p: Floats) -> None:
        self.p_values_ = p
        self.support_ = np.asarray(p < self.alpha)

    @property
    def q_values_(self) -> Floats:
        """Benjamini–Hochberg adjusted p-values [p]."""
        check_is_fitted(self)
        return q_values(self.p_values_)

    def _get_support_mask(self) -> Bools:
        check_is_fitted(self)
        return self.support_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class CorrelationScreen(_Screen):
    """Select the features that correlate with a continuous marker: p < alpha, as R's cor.test.

    Parameters
    ----------
    alpha : float, default=0.05
    method : {"pearson", "spearman"}, default="pearson"

    Attributes
    ----------
    correlations_, p_values_, q_values_ : ndarray float64 [n_features_in_]
        NaN for a constant feature.
    support_ : ndarray bool [n_features_in_]
        Selected.

    Examples
    --------
    >>> X = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]])
    >>> CorrelationScreen().fit(X, [1.0, 2.0, 3.0, 4.5]).get_support().tolist()
    [True, False]
    """

    def __init__(self, alpha: float = 0.05, method: Method = "pearson") -> None:
        self.alpha = alpha
        self.method = method

    def fit(self, X: ArrayLike, y: ArrayLike) -> CorrelationScreen:
        """Test every feature.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n]

        Returns
        -------
        self
        """
        values, marker = checked(self, X, y, y_numeric=True, ensure_min_samples=3)
        if constant_columns(marker[:, None])[0]:
            raise InputError("the marker has a single value, so nothing can correlate with it")
        self.correlations_, _ = coefficients(values, np.asarray(marker, dtype=float), self.method)
        self._keep(tests_of(self.correlations_, len(marker))[1])
        return self


class MannWhitneyScreen(_Screen):
    """Select the features that differ between two classes: Mann–Whitney p < alpha, with R's rules.

    Parameters
    ----------
    alpha : float, default=0.05

    Attributes
    ----------
    classes_ : ndarray [2]
    statistics_, p_values_, q_values_ : ndarray float64 [n_features_in_]
        U of the second class; NaN for a constant feature.
    support_ : ndarray bool [n_features_in_]
        Selected.

    Examples
    --------
    >>> X = np.arange(16.0).reshape(8, 2) % [16, 3]
    >>> MannWhitneyScreen().fit(X, [0, 0, 0, 0, 1, 1, 1, 1]).get_support().tolist()
    [True, False]
    """

    def __init__(self, alpha: float = 0.05) -> None:
        self.alpha = alpha

    def fit(self, X: ArrayLike, y: ArrayLike) -> MannWhitneyScreen:
        """Test every feature.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n]
            Two classes.

        Returns
        -------
        self
        """
        values, labels = checked(self, X, y, ensure_min_samples=2)
        case, classes = two_classes(labels)
        self.classes_ = np.array(classes)
        self.statistics_, p = mann_whitney_columns(values, case)
        self._keep(p)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags(multi_class=False)  # two classes, for scikit-learn's own checks
        return tags


class CoxScreen(_Screen):
    """Select the features associated with survival: score test of the univariate Cox model, p < alpha.

    The score test needs no iteration, so it never fails to converge; for two groups it is the log-rank test.

    Parameters
    ----------
    alpha : float, default=0.05
    ties : {"efron", "breslow"}, default="efron"

    Attributes
    ----------
    statistics_, p_values_, q_values_ : ndarray float64 [n_features_in_]
        χ² with 1 degree of freedom; NaN for a constant feature.
    support_ : ndarray bool [n_features_in_]
        Selected.

    Examples
    --------
    >>> X, y = np.array([[1.0], [3.0], [2.0], [4.0]]), [[9, 1], [3, 1], [7, 1], [1, 1]]
    >>> CoxScreen().fit(X, y).get_support().tolist()
    [True]
    """

    def __init__(self, alpha: float = 0.05, ties: str = "efron") -> None:
        self.alpha = alpha
        self.ties = ties

    def fit(self, X: ArrayLike, y: ArrayLike) -> CoxScreen:
        """Test every feature.

        Parameters
        ----------
        X : array-like [n, p]
        y : array-like [n, 2]
            Time and event (0 or 1).

        Returns
        -------
        self
        """
        values, outcome = checked(self, X, y, multi_output=True)
        time, event = as_survival(outcome)
        self.statistics_, p = score_tests(values, time, event, ties=self.ties)
        self._keep(p)
        return self
