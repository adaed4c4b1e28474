"""Cells of a table: what is missing, what is a number, what is text. A cell that is neither is never dropped unseen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError, nearest
from voxomics.study.checks import Bools, Floats, as_floats, listed

_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_ALL_NUMBERS = re.compile(rf"(?:{_NUMBER}\n)*", re.ASCII)
_ONE_NUMBER = re.compile(rf"{_NUMBER}|[+-]?(?i:inf|infinity)", re.ASCII)
_WITH_POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?|[+-]?\d+\.", re.ASCII)
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", re.ASCII)
_GROUP_OF_THREE = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # 1,234: a decimal or a thousands mark
_LEADING_ZERO = re.compile(r"[+-]?0\d", re.ASCII)
_ALMOST = re.compile(  # a number with something around or inside it: <0.5, 1.234,5, 12 000, 5 %; and a spreadsheet's error
    r"(?:[<>≤≥~≈±=]\s*)?[+\-−–]?(?:\d+(?:[.,]\d*)?|[.,]\d+|\d{1,3}(?:[.,'’_\s\u00a0\u202f]\d{3})+(?:[.,]\d*)?)(?:[eE][+\-−–]?\d+)?\s*[%*]?"
    r"|#[A-Z0-9/]+[!?]?",
    re.ASCII,
)
_TRUTH = {"true": "1", "false": "0"}
_ROW_NAMES = {
    "x", "index", "row", "rows", "rowid", "rownames", "row.names", "row_names", "rownumber", "row_number", "level_0", "v1", "nr",
    "no", "no.", "#",
}  # fmt: skip
_COUNTING = 3  # rows: from here on 1, 2, 3 are the numbers of the rows


@dataclass(frozen=True, eq=False)
class Missing:
    """What counts as missing beside the empty cell: words as they stand, and numbers by their value."""

    words: frozenset[str] = frozenset()

    @cached_property
    def numbers(self) -> frozenset[float]:
        """Words that are numbers."""
        return frozenset(float(word) for word in self.words if _ONE_NUMBER.fullmatch(word))

    def is_missing(self, cell: str) -> bool:
        """Whether a cell of text is missing."""
        if not cell or cell in self.words:
            return True
        return bool(self.numbers) and bool(_ONE_NUMBER.fullmatch(cell)) and float(cell) in self.numbers


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of a table whose cells are text until a column is asked for as numbers.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    frame : DataFrame
        Text, None where it is missing; columns of Parquet may have types.
    decimal_comma : bool
        Whether the table writes decimal commas.
    row_numbers : frozenset of str
        Columns that number the rows, as R and pandas write them.
    doubled : frozenset of str
        Names of several columns that differ; none of them can be asked for.
    """

    name: str
    frame: pd.DataFrame
    decimal_comma: bool = False
    row_numbers: frozenset[str] = frozenset()
    doubled: frozenset[str] = frozenset()

    def column(self, name: str) -> pd.Series:
        """One column as it is; an error where its name stands twice, or in no column: that one offers the nearest."""
        if name not in self.frame.columns:
            raise InputError(f"table {self.name} has no column {name!r}; {nearest(name, [str(c) for c in self.frame.columns])}")
        if name in self.doubled:
            raise InputError(f"table {self.name}: column {name!r} is there more than once, and nothing says which one counts")
        return self.frame[name]

    def text(self, name: str) -> pd.Series:
        """One column as text, None where it is missing: 1.10 is not 1.1, and 01 is not 1."""
        found = self.column(name)
        texts = [None if missing else _plain_text(cell) for cell, missing in zip(found, found.isna(), strict=True)]
        return pd.Series(texts, index=found.index, dtype=object)

    def parsed(self, name: str) -> tuple[Floats, Bools]:
        """One column as numbers, and which cells are none; NaN there and where they are missing."""
        return parsed(self.column(name), self.decimal_comma)

    def numbers(self, name: str, what: str) -> Floats:
        """One column as numbers, NaN where they are missing.

        Raises
        ------
        InputError
            Something is not a number; names the rows.
        """
        values, odd = self.parsed(name)
        if odd.any():
            raise InputError(f"{what}: expected numbers, but {self.quoted(name, odd)}; {REMEDY}")
        return values

    def quoted(self, name: str, rows: Bools) -> str:
        """Cells of some rows, each with its row's name."""
        cells = self.column(name)[rows]
        return listed([f"{str(cell)!r} ({row})" for row, cell in cells.items()])

    def rows(self, wanted: Bools | Sequence[str]) -> Cells:
        """Some of the rows: a mask, or their names."""
        frame = self.frame[wanted] if isinstance(wanted, np.ndarray) else self.frame.loc[list(wanted)]
        return replace(self, frame=frame)

    def named(self, ids: Iterable[str]) -> Cells:
        """The same with names of the rows."""
        return replace(self, frame=self.frame.set_axis(list(ids), axis=0))


REMEDY = (
    "correct these cells (one decimal mark, no thousands marks, no units), or list the words that stand for a missing value in "
    "missing_values"
)


def _plain_text(cell: Any) -> str:
    """1.0 of a typed column with missing values was 1."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def parsed(cells: pd.Series, decimal_comma: bool = False) -> tuple[Floats, Bools]:
    """Cells as numbers, and which of them are none.

    Parameters
    ----------
    cells : Series
        Text, None where it is missing; or of a type.
    decimal_comma : bool
        Whether the table is known to write decimal commas.

    Returns
    -------
    values : ndarray float64 [n]
        Each the number nearest to its text; NaN where a cell is missing or is no number.
    odd : ndarray bool [n]
        Cells that are not missing and no number.

    Examples
    --------
    >>> values, odd = parsed(pd.Series(["1.5", "<0.5", None]))
    >>> values.tolist(), odd.tolist()
    ([1.5, nan, nan], [False, True, False])
    """
    if cells.dtype != object and not isinstance(cells.dtype, pd.StringDtype):
        if pd.api.types.is_numeric_dtype(cells):
            return as_floats(cells, str(cells.name)), np.zeros(len(cells), bool)
        return np.full(len(cells), np.nan), cells.notna().to_numpy()
    present = cells.notna().to_numpy()
    values, odd = np.full(len(cells), np.nan), np.zeros(len(cells), bool)
    texts = [str(cell) for cell in cells[present]]
    joined = "".join(text + "\n" for text in texts)
    in_doubt = decimal_comma and "." in joined
    if not in_doubt and joined.count("\n") == len(texts) and _ALL_NUMBERS.fullmatch(joined):
        values[present] = [float(text) for text in texts]
        return values, odd
    rewritten = _in_english([text.replace("−", "-") for text in texts], decimal_comma)
    is_number = [bool(_ONE_NUMBER.fullmatch(text)) for text in rewritten]
    values[present] = [float(text) if good else np.nan for text, good in zip(rewritten, is_number, strict=True)]
    odd[present] = np.logical_not(is_number)
    return values, odd


def _in_english(texts: list[str], decimal_comma: bool) -> list[str]:
    """Numbers of one column with a decimal point; those whose mark is in doubt stay what no number is."""
    if all(text.lower() in _TRUTH for text in texts):
        return [_TRUTH[text.lower()] for text in texts]
    points = [bool(_WITH_POINT.fullmatch(text)) for text in texts]
    commas = [bool(_WITH_COMMA.fullmatch(text)) for text in texts]
    mark = "," if sum(commas) > sum(points) else "."
    marked = [text for text, point, comma in zip(texts, points, commas, strict=True) if (comma if mark == "," else point)]
    other = "," if decimal_comma else "."
    if mark != other and marked and all(_GROUP_OF_THREE.fullmatch(text) for text in marked):
        mark = ""  # 1,234 alone in a table with decimal points, or 1.234 in one with commas: a thousand or one and a bit
    return [
        "?" if (point and mark != ".") or (comma and mark != ",") else text.replace(",", ".") if comma else text
        for text, point, comma in zip(texts, points, commas, strict=True)
    ]


def writes_decimal_commas(frame: pd.DataFrame, separator: str) -> bool:
    """Whether numbers have decimal commas: one that cannot be read otherwise, or no points where ; or tabs separate."""
    if not any("," in text for name in frame.columns for text in frame[name] if isinstance(text, str)):
        return False
    comma = point = False
    for name in frame.columns:
        texts = [text for text in frame[name] if isinstance(text, str) and ("," in text or "." in text)]
        for text in texts:
            plain = text.replace("−", "-")
            clear = not _GROUP_OF_THREE.fullmatch(plain)
            if _WITH_COMMA.fullmatch(plain):
                if clear:
                    return True
                comma = True
            elif clear and _WITH_POINT.fullmatch(plain):
                point = True
    return comma and not point and separator != ","


def looks_like_a_number(text: str) -> bool:
    """Whether a cell that is no number was meant as one: <0.5, 1.234,5, 12 000, 5 %, #DIV/0!.

    Examples
    --------
    >>> [looks_like_a_number(text) for text in ("<0.5", "1,234.5", "#N/A", "none", "2020-01-02")]
    [True, True, True, False, False]
    """
    return bool(_ALMOST.fullmatch(text))


def are_codes(texts: pd.Series) -> bool:
    """Whether a column of numbers holds codes: 007 measures nothing."""
    return any(isinstance(text, str) and _LEADING_ZERO.match(text) for text in texts)


def row_numbers(frame: pd.DataFrame, unnamed: Iterable[str]) -> frozenset[str]:
    """Columns that number the rows of a file: unnamed ones, names that R and pandas give, and 1, 2, 3 down the whole file."""
    found = set(unnamed)
    for name in frame.columns:
        known = str(name).lower() in _ROW_NAMES
        if known or _counts(frame[name].head(_COUNTING)):
            values, odd = parsed(frame[name])
            whole = not odd.any() and bool(np.isfinite(values).all() and (values == np.round(values)).all())
            if _counts(frame[name]) or (known and whole and len(np.unique(values)) == len(values)):
                found.add(str(name))
    return frozenset(found)


def _counts(cells: pd.Series) -> bool:
    values, odd = parsed(cells)
    return len(values) >= _COUNTING and not odd.any() and bool(np.isfinite(values).all() and (np.diff(values) == 1).all())
