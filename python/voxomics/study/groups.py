"""Two groups: Mann–Whitney U with R's rules."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, column, constant_columns, matrix, same_length, two_classes
from voxomics.study.fdr import q_values

Alternative = Literal["two-sided", "greater", "less"]
_EXACT_BELOW = 50  # R's wilcox.test: exact if both groups are smaller and no value is tied


@dataclass(frozen=True)
class MannWhitney:
    """Result of a Mann–Whitney U test."""

    statistic: float  #: U of x, R's W
    p: float
    method: str  #: "exact", "normal with continuity correction" or "normal"
    n_x: int
    n_y: int
    superiority: float  #: P(x > y) + P(x = y)/2 = U/(n_x·n_y), the area under the ROC curve
    alternative: str


def mann_whitney(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    exact: bool | None = None,
    continuity: bool = True,
) -> MannWhitney:
    """Mann–Whitney U test (Wilcoxon rank sum) as R's wilcox.test computes it.

    Parameters
    ----------
    x, y : array-like [n_x], [n_y]
    alternative : {"two-sided", "greater", "less"}
        Of x against y.
    exact : bool, optional
        By default exact where both groups have fewer than 50 values and none is tied, else the normal distribution with
        the variance corrected for ties.
    continuity : bool
        Correction of 0.5, for the normal distribution.

    Returns
    -------
    MannWhitney

    Raises
    ------
    InputError
        An empty group, missing values, exact with ties, or one single value everywhere: the p-value is undefined.

    Examples
    --------
    >>> mann_whitney([1.1, 2.3, 3.7], [4.2, 5.9]).p
    0.2
    """
    a, b = column(x, "x"), column(y, "y")
    together = np.concatenate([a, b])
    if np.ptp(together) == 0:
        raise InputError("both groups have the same single value, so nothing can be ranked")
    tied = len(np.unique(together)) < len(together)
    if exact is None:
        exact = max(len(a), len(b)) < _EXACT_BELOW and not tied
    elif exact and tied:
        raise InputError("an exact p-value needs values without ties; leave exact unset")
    if exact:
        found = stats.mannwhitneyu(a, b, alternative=alternative, method="exact")
        method = "exact"
    else:
        found = stats.mannwhitneyu(a, b, alternative=alternative, method="asymptotic", use_continuity=continuity)
        method = "normal with continuity correction" if continuity else "normal"
    u = float(found.statistic)
    return MannWhitney(u, float(found.pvalue), method, len(a), len(b), u / (len(a) * len(b)), alternative)


def against_controls(
    patients: ArrayLike, controls: ArrayLike, stage: Sequence[Hashable] | NDArray[Any] | pd.Series | None = None
) -> pd.DataFrame:
    """Compare patients with healthy controls, all together and by stage.

    Parameters
    ----------
    patients, controls : array-like [n], [m]
        The marker.
    stage : sequence [n], optional
        Stage of each patient; those without one are in "all" only.

    Returns
    -------
    DataFrame
        Rows "all" and the stages in order; n, median, n_controls, median_controls, W, p, method, superiority. Nothing is
        adjusted for the number of stages.

    Examples
    --------
    >>> against_controls([3.0, 4.0, 9.0], [1.0, 2.0], stage=["I", "I", "II"])["n"].to_dict()
    {'all': 3, 'I': 2, 'II': 1}
    """
    marker, healthy = column(patients, "patients"), column(controls, "controls")
    groups: dict[str, Floats] = {"all": marker}
    if stage is not None:
        stages = pd.Series(stage).reset_index(drop=True)
        same_length(patients=marker, stage=stages.to_numpy())
        for name in sorted(stages.dropna().unique()):
            groups[str(name)] = marker[(stages == name).to_numpy(dtype=bool)]
    rows = {}
    for name, values in groups.items():
        test = mann_whitney(values, healthy)
        rows[name] = {
            "n": len(values),
            "median": float(np.median(values)),
            "n_controls": len(healthy),
            "median_controls": float(np.median(healthy)),
            "W": test.statistic,
            "p": test.p,
            "method": test.method,
            "superiority": test.superiority,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


@lru_cache(maxsize=128)
def _tail(m: int, n: int) -> Floats:
    """P(U ≥ u) for groups of m and n without ties, u = 0..m·n: coefficients of the Gaussian binomial, in whole numbers."""
    ways = np.zeros(m * n + 1, dtype=object)
    ways[0] = 1
    for i in range(1, n + 1):
        if m + i <= m * n:
            ways[m + i :] = ways[m + i :] - ways[: -(m + i)]
        for first in range(i):
            ways[first::i] = np.cumsum(ways[first::i])
    return np.asarray(np.cumsum(ways[::-1])[::-1] / comb(m + n, n), dtype=float)


def mann_whitney_columns(X: Floats, case: Bools) -> tuple[Floats, Floats]:
    """U of the cases and its two-sided p-value for every column, with `mann_whitney`'s rules; constant columns are NaN.

    The same as calling `mann_whitney` for each column, 20 times as fast: the nested procedure does this in every fold.
    """
    m, n = int(case.sum()), int((~case).sum())
    ranks = stats.rankdata(X, axis=0)
    u = ranks[case].sum(axis=0) - m * (m + 1) / 2
    far = np.maximum(u, m * n - u)
    ordered = np.sort(ranks, axis=0)
    tied = (ordered[1:] == ordered[:-1]).any(axis=0)
    squares = (m + n) * ((m + n + 1) * (2 * (m + n) + 1)) / 6  # Σ rank² without ties; ties lower it by Σ(t³ − t)/12
    spread = m * n / 12 * ((m + n + 1) - 12 * (squares - (ranks**2).sum(axis=0)) / ((m + n) * (m + n - 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.norm.sf((far - m * n / 2 - 0.5) / np.sqrt(spread))
    if max(m, n) < _EXACT_BELOW and not tied.all():
        p[~tied] = 2 * _tail(m, n)[far[~tied].astype(int)]
    varies = ~constant_columns(X)
    return np.where(varies, u, np.nan), np.where(varies, np.minimum(p, 1.0), np.nan)


def mann_whitney_table(
    X: ArrayLike, labels: ArrayLike, *, names: Sequence[str] | None = None, alpha: float = 0.05
) -> pd.DataFrame:
    """Every feature between two classes.

    Parameters
    ----------
    X : DataFrame or array-like [n, p]
    labels : array-like [n]
        Two classes; the second in sorted order is the case.
    names : sequence of str, optional
        By default the DataFrame's columns.
    alpha : float
        A feature with p < alpha is selected.

    Returns
    -------
    DataFrame
        Row = feature; n, W (U of the cases), superiority, p, q (Benjamini–Hochberg), selected, excluded (reason or ""). A
        constant feature is excluded, its numbers are NaN, and it is never selected.

    Raises
    ------
    InputError
        Missing values, or not two classes.

    Examples
    --------
    >>> table = mann_whitney_table([[1.0, 2.0], [2.0, 2.0], [3.0, 2.0], [4.0, 2.0]], [0, 0, 1, 1], names=["a", "b"])
    >>> table["W"].tolist(), table["excluded"].tolist()
    ([4.0, nan], ['', 'constant'])
    """
    values, found = matrix(X, names)
    case, _ = two_classes(labels)
    same_length(X=values, labels=case)
    u, p = mann_whitney_columns(values, case)
    columns = {"n": len(case), "W": u, "superiority": u / (case.sum() * (~case).sum()), "p": p, "q": q_values(p)}
    table = pd.DataFrame(columns, index=found)
    table["selected"] = p < alpha
    table["excluded"] = np.where(np.isnan(p), "constant", "")
    return table
