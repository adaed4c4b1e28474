"""ROC curves with pROC's conventions, DeLong's interval and test, Youden's threshold."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Bools, Floats, column, same_length, two_classes

Direction = Literal["auto", "<", ">"]
_DIRECTIONS = ("auto", "<", ">")


@dataclass(frozen=True)
class OperatingPoint:
    """One threshold of a ROC curve. A ratio without a denominator is NaN: its group was never predicted."""

    threshold: float
    sensitivity: float
    specificity: float
    accuracy: float
    ppv: float
    npv: float
    tp: int
    tn: int
    fp: int
    fn: int
    youden: float  #: sensitivity + specificity, as pROC prints it; Youden's J is this minus 1


@dataclass(frozen=True, eq=False)
class Roc:
    """A ROC curve, its area with DeLong's interval, and every threshold that maximises Youden's index."""

    auc: float
    ci_low: float
    ci_high: float
    variance: float
    direction: str  #: "<": cases have the higher values; ">": the lower ones
    classes: tuple[Any, Any]  #: control, case
    n_controls: int
    n_cases: int
    thresholds: Floats  #: midpoints between neighbouring values, from the one that calls everybody a case
    sensitivities: Floats
    specificities: Floats
    best: list[OperatingPoint]  #: all maxima of sensitivity + specificity, in the curve's order; the first is taken
    placements: tuple[Floats, Floats] = field(repr=False)  #: DeLong's structural components of cases and controls


def roc(labels: ArrayLike, scores: ArrayLike, *, direction: Direction = "auto", level: float = 0.95) -> Roc:
    """ROC curve of a score for two classes.

    Parameters
    ----------
    labels : array-like [n]
        Two classes; the second in sorted order is the case.
    scores : array-like [n]
    direction : {"auto", "<", ">"}
        Whether the cases have the higher ("<") or the lower (">") scores; "auto" compares the medians, as pROC does. For a
        score whose direction was fixed beforehand, such as a prediction, give it: "auto" can only flatter.
    level : float
        Of DeLong's interval, which is cut at 0 and 1.

    Returns
    -------
    Roc

    Raises
    ------
    InputError
        Not two classes, or missing values.

    References
    ----------
    Robin X et al. BMC Bioinformatics 12:77 (2011). DeLong ER et al. Biometrics 44:837-845 (1988).

    Examples
    --------
    >>> curve = roc([0, 0, 1, 1, 0, 1], [1, 2, 3, 4, 5, 6])
    >>> round(curve.auc, 4), curve.best[0].threshold
    (0.7778, 2.5)
    """
    if direction not in _DIRECTIONS:
        raise SettingsError(f"direction={direction!r}; accepted: {', '.join(_DIRECTIONS)}")
    case, classes = two_classes(labels)
    values = column(scores, "scores")
    same_length(labels=case, scores=values)
    if direction == "auto":
        direction = ">" if np.median(values[~case]) > np.median(values[case]) else "<"
    sign = 1.0 if direction == "<" else -1.0
    thresholds, tp, fp = _counts(sign * values, case)
    p, n = int(case.sum()), int((~case).sum())
    of_cases, of_controls = _placements(sign * values, case)
    auc, variance = float(of_cases.mean()), _variance(of_cases) + _variance(of_controls)
    half = float(stats.norm.ppf((1 + level) / 2) * np.sqrt(variance))
    youden = tp * n + (n - fp) * p  # whole numbers: equal maxima are exactly equal
    best = [_point(float(sign * thresholds[i]), int(tp[i]), int(fp[i]), p, n) for i in np.flatnonzero(youden == youden.max())]
    return Roc(
        auc=auc,
        ci_low=max(0.0, auc - half),
        ci_high=min(1.0, auc + half),
        variance=variance,
        direction=direction,
        classes=classes,
        n_controls=n,
        n_cases=p,
        thresholds=sign * thresholds,
        sensitivities=tp / p,
        specificities=(n - fp) / n,
        best=best,
        placements=(of_cases, of_controls),
    )


def _counts(values: Floats, case: Bools) -> tuple[Floats, Any, Any]:
    """Thresholds, and cases and controls at or above each of them."""
    distinct, place = np.unique(values, return_inverse=True)
    middle = distinct[:-1] / 2 + distinct[1:] / 2
    middle = np.where(middle < distinct[1:], middle, distinct[:-1])  # neighbours in floating point: high is value > threshold
    cases, controls = np.bincount(place[case], minlength=len(distinct)), np.bincount(place[~case], minlength=len(distinct))
    above = [np.concatenate([np.cumsum(count[::-1])[::-1], [0]]) for count in (cases, controls)]
    return np.concatenate([[-np.inf], middle, [np.inf]]), above[0], above[1]


def _point(threshold: float, tp: int, fp: int, p: int, n: int) -> OperatingPoint:
    tn, fn = n - fp, p - tp
    ppv = tp / (tp + fp) if tp + fp else float("nan")
    npv = tn / (tn + fn) if tn + fn else float("nan")
    return OperatingPoint(threshold, tp / p, tn / n, (tp + tn) / (p + n), ppv, npv, tp, tn, fp, fn, tp / p + tn / n)


def _placements(values: Floats, case: Bools) -> tuple[Floats, Floats]:
    """For each case the share of controls below it, for each control the share of cases above it; ties count half."""
    p, n = int(case.sum()), int((~case).sum())
    ranks = stats.rankdata(values)
    of_cases = (ranks[case] - stats.rankdata(values[case])) / n
    of_controls = 1 - (ranks[~case] - stats.rankdata(values[~case])) / p
    return of_cases, of_controls


def _variance(components: Floats) -> float:
    return float(np.var(components, ddof=1) / len(components)) if len(components) > 1 else float("nan")


@dataclass(frozen=True)
class DeLongTest:
    """Two areas on the same patients."""

    difference: float
    z: float
    p: float


def delong_test(first: Roc, second: Roc) -> DeLongTest:
    """DeLong's test of two ROC curves of the same patients, in the same order.

    Parameters
    ----------
    first, second : Roc

    Returns
    -------
    DeLongTest

    Raises
    ------
    InputError
        The curves have different patients, or orders everybody the same way, so that there is nothing to compare.

    Examples
    --------
    >>> labels = [0, 0, 0, 1, 1, 1]
    >>> round(delong_test(roc(labels, [1, 2, 4, 3, 5, 6]), roc(labels, [1, 5, 2, 6, 3, 4])).p, 3)
    0.763
    """
    if (first.n_cases, first.n_controls) != (second.n_cases, second.n_controls):
        raise InputError("DeLong's test compares two scores of the same patients; the two curves have different groups")
    variance = sum(_variance(a - b) for a, b in zip(first.placements, second.placements, strict=True))
    difference = first.auc - second.auc
    if not variance > 0:
        raise InputError(
            "the two scores order all patients in the same way, or a group has one patient: there is no variance to test"
        )
    z = difference / float(np.sqrt(variance))
    return DeLongTest(difference, z, float(2 * stats.norm.sf(abs(z))))


class YoudenThreshold(BaseEstimator):
    """Threshold of one marker that maximises sensitivity + specificity; high is value > threshold.

    Parameters
    ----------
    direction : {"auto", "<", ">"}, default="auto"
        As `roc`.

    Attributes
    ----------
    threshold_ : float
        The first of the maxima: a midpoint between two observed values.
    roc_ : Roc

    Examples
    --------
    >>> YoudenThreshold().fit([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]).predict([2.4, 2.6]).tolist()
    [False, True]
    """

    def __init__(self, direction: Direction = "auto") -> None:
        self.direction = direction

    def fit(self, values: ArrayLike, labels: ArrayLike) -> YoudenThreshold:
        """Find the threshold.

        Parameters
        ----------
        values : array-like [n]
        labels : array-like [n]
            Two classes.

        Raises
        ------
        InputError
            No threshold between the values does better than calling everybody the same.
        """
        curve = roc(labels, values, direction=self.direction)
        if not np.isfinite(curve.best[0].threshold):
            raise InputError("no threshold separates the classes better than chance, so there is no high and no low group")
        self.roc_, self.threshold_ = curve, curve.best[0].threshold
        return self

    def predict(self, values: ArrayLike) -> Bools:
        """High, for each value.

        Returns
        -------
        ndarray bool [n]
        """
        check_is_fitted(self)
        return column(values, "values") > self.threshold_
