"""Agreement of repeated measurements: the intraclass correlation."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from voxomics.engine.errors import InputError
from voxomics.study.checks import as_floats, same_length
from voxomics.study.folds import Labels, codes


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC(1,1) with its exact interval."""

    icc: float  #: NaN where nothing varies
    ci_low: float
    ci_high: float
    f: float
    p: float
    n_targets: int
    n_ratings: int


def icc_1_1(ratings: ArrayLike, *, level: float = 0.95) -> IntraclassCorrelation:
    """ICC(1,1): one-way random effects, single measurement.

    Each target is measured k times under conditions that are exchangeable, as perturbed outlines of one tumour are.

    Parameters
    ----------
    ratings : array-like [n, k]
        Row = target, column = measurement.
    level : float

    Returns
    -------
    IntraclassCorrelation
        Where all ratings are the same number the ratio is undefined: NaN. Without any error inside targets it is 1.

    Raises
    ------
    InputError
        Fewer than 2 targets or 2 ratings, or missing values.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 86:420-428 (1979).

    Examples
    --------
    >>> round(icc_1_1([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]).icc, 3)
    0.166
    """
    values = as_floats(ratings, "ratings")
    if values.ndim != 2 or min(values.shape) < 2:
        raise InputError(f"ratings: at least 2 targets and 2 ratings are needed, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("ratings: missing or infinite values; use the targets that were measured every time")
    n, k = values.shape
    df1, df2 = n - 1, n * (k - 1)
    means = values.mean(axis=1)
    between = k * float(((means - means.mean()) ** 2).sum()) / df1
    within = float(((values - means[:, None]) ** 2).sum()) / df2
    if np.ptp(values) == 0:
        return IntraclassCorrelation(np.nan, np.nan, np.nan, np.nan, np.nan, n, k)
    if within == 0:
        return IntraclassCorrelation(1.0, 1.0, 1.0, float("inf"), 0.0, n, k)
    f = between / within
    low, high = f / stats.f.ppf((1 + level) / 2, df1, df2), f * stats.f.ppf((1 + level) / 2, df2, df1)
    icc, lower, upper = ((ratio - 1) / (ratio + k - 1) for ratio in (f, low, high))
    return IntraclassCorrelation(icc, float(lower), float(upper), f, float(stats.f.sf(f, df1, df2)), n, k)


def icc_table(features: pd.DataFrame, target: Labels, *, level: float = 0.95) -> pd.DataFrame:
    """ICC(1,1) of every feature.

    Parameters
    ----------
    features : DataFrame [n · k, p]
        One row for each measurement.
    target : sequence [n · k]
        Which target a row measures; all targets the same number of times.
    level : float

    Returns
    -------
    DataFrame
        Row = feature; icc, ci_low, ci_high, f, p, n_targets, n_ratings, left_out (targets on which the feature was not
        defined every time), message ("" or why there is no ICC).

    Raises
    ------
    InputError
        Targets measured different numbers of times.

    Examples
    --------
    >>> table = icc_table(pd.DataFrame({"a": [1.0, 1.1, 3.0, 3.2, 5.0, 5.1]}), ["p", "p", "q", "q", "r", "r"])
    >>> table["icc"].round(3).tolist()
    [0.998]
    """
    number, names = codes(target, "target")
    same_length(features=features.to_numpy(), target=number)
    times = np.bincount(number)
    if len(set(times.tolist())) > 1:
        few, many = names[int(times.argmin())], names[int(times.argmax())]
        raise InputError(
            f"target {few} was measured {times.min()} times and {many} {times.max()} times; all need the same number"
        )
    values = as_floats(features, "features")[np.argsort(number, kind="stable")].reshape(len(names), int(times[0]), -1)
    rows = {}
    for j, name in enumerate(features.columns):
        whole = np.isfinite(values[:, :, j]).all(axis=1)
        row: dict[str, object] = {"left_out": int((~whole).sum()), "message": ""}
        try:
            found = icc_1_1(values[whole, :, j], level=level)
            row |= asdict(found)
            row["message"] = "all values are the same" if np.isnan(found.icc) else ""
        except InputError as error:
            row["message"] = str(error)
        rows[str(name)] = row
    columns = ["icc", "ci_low", "ci_high", "f", "p", "n_targets", "n_ratings", "left_out", "message"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
