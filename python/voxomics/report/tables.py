"""Tables of the page: few columns, rounded numbers, intervals in one cell, sortable."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from voxomics.study.catalogue import COLUMNS


@dataclass(frozen=True)
class Cell:
    """Text of a cell, and the key by which its column is sorted."""

    text: str
    key: float | str


@dataclass(frozen=True)
class Heading:
    """A column's name, what it means, and whether it holds numbers."""

    name: str
    meaning: str
    numeric: bool


@dataclass(frozen=True)
class Shown:
    """A table for the page."""

    headings: list[Heading]
    rows: list[list[Cell]]
    strong: list[bool]  #: rows to be set in bold, for example selected features


SCORE_NAMES = {
    "r": "correlation r",
    "r_kept": "r without those left out",
    "q2": "Q²",
    "rmse": "RMSE",
    "mae": "MAE",
    "slope": "calibration slope",
    "intercept": "calibration intercept",
    "auc": "AUC",
    "brier": "Brier score",
    "brier_skill": "Brier skill",
    "c": "concordance C",
}
NAMES = {
    "ci": "95 % CI", "q": "q (BH)", "hr": "HR", "coef": "coefficient", "W": "U", "auc": "AUC", "se": "SE",
    "chi2": "χ²", "df": "df", "sd": "SD", "n_controls": "controls", "n_cases": "cases", "superiority": "P(patient > control)",
    "median_controls": "median of controls", "events_per_variable": "events per variable",
    "likelihood_ratio_p": "likelihood ratio p", "n_selected": "features",
}  # fmt: skip
_WORDS = {
    "model": {name: f"multivariable, {name}" for name in ("real", "predicted", "clinical")},
    "term": {"GLOBAL": "all together"},
    "score": SCORE_NAMES,
    "analysis": {
        "main": "as set",
        "spearman": "Spearman's screen",
        "log_marker": "logarithm of the marker",
        "exclude_above": "highest values left out",
    },
}
_PROBABILITIES = {"p", "q", "likelihood_ratio_p"}
_WHOLE = {"n", "events", "df", "n_controls"}
_SHARES = {"share"}


def number(value: Any, digits: int = 3) -> str:
    """A number with so many significant digits but no more decimals than that, or – where there is none; small ones keep two.

    Examples
    --------
    >>> number(0.2567), number(0.0984), number(0.00534), number(1234.5), number(3.0), number(2.5e8), number(None)
    ('0.257', '0.098', '0.0053', '1234', '3', '2.5e8', '–')
    """
    if value is None or pd.isna(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-4:
        text = re.sub(r"e([-+])0*", lambda found: "e" + found[1].strip("+"), f"{value:.1e}")
    elif size >= 10 ** (digits - 1) or float(value).is_integer():
        text = f"{value:.0f}"
    else:
        power = math.floor(math.log10(size))
        text = f"{value:.{1 - power if size < 0.01 else min(digits - 1 - power, digits)}f}"
    return text.replace("-", "−")


def probability(value: Any) -> str:
    """A p-value.

    Examples
    --------
    >>> probability(0.03456), probability(0.5), probability(1e-7), probability(float("nan"))
    ('0.035', '0.50', '< 0.001', '–')
    """
    if value is None or pd.isna(value):
        return "–"
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def interval(low: Any, high: Any) -> str:
    """Both limits of an interval; – where there is none, and an open end in words.

    Examples
    --------
    >>> interval(0.012, 0.44), interval(32.6, None)
    ('0.012 to 0.440', '32.6 to –')
    """
    return "–" if pd.isna(low) and pd.isna(high) else f"{number(low)} to {number(high)}"


def percent(value: Any) -> str:
    """A share.

    Examples
    --------
    >>> percent(0.256)
    '25.6 %'
    """
    return "–" if value is None or pd.isna(value) else f"{100 * value:.1f} %"


def shown(data: pd.DataFrame, columns: Sequence[str], strong: pd.Series | None = None) -> Shown:
    """Columns of a table of the results; the word "ci" stands for both limits of the interval, empty columns are left out.

    Parameters
    ----------
    data : DataFrame
        A table of the catalogue.
    columns : sequence of str
        Names of the catalogue, and "ci".
    strong : Series of bool, optional
        Rows to be set in bold.
    """
    used = [name for name in columns if name == "ci" or (data[name].notna() & (data[name] != "")).any()]
    headings = [_heading(data, name) for name in used]
    rows = [[_cell(row, name) for name in used] for _, row in data.iterrows()]
    return Shown(headings, rows, [False] * len(rows) if strong is None else [bool(v) for v in strong])


def _heading(data: pd.DataFrame, name: str) -> Heading:
    meaning = "95 % confidence interval" if name == "ci" else COLUMNS.get(name, "")
    return Heading(
        NAMES.get(name, name.replace("_", " ")), meaning, name == "ci" or pd.api.types.is_numeric_dtype(data[name])
    )


def _cell(row: pd.Series, name: str) -> Cell:
    if name == "ci":
        return Cell(interval(row["ci_low"], row["ci_high"]), _key(row["ci_low"]))
    value = row[name]
    if isinstance(value, bool):
        return Cell("yes" if value else "no", str(value))
    if isinstance(value, str) or value is None:
        text = _WORDS.get(name, {}).get(value, value) if value else ""
        return Cell(text, text)
    return Cell(_format(name)(value), _key(value))


def _format(name: str) -> Callable[[Any], str]:
    if name in _PROBABILITIES:
        return probability
    if name in _SHARES:
        return percent
    return _count if name in _WHOLE else number


def _count(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0f}"


def _key(value: Any) -> float | str:
    return "" if value is None or pd.isna(value) else float(value)
