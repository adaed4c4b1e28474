"""Text cells of CSV files: a spreadsheet runs a cell that begins like a formula, so such a text is written with a ' before it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import pandas as pd

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)

T = TypeVar("T")


def guarded(cell: T) -> T | str:
    """A cell as it is written to CSV: a text that a spreadsheet would run gets a ' before it, a number never.

    Examples
    --------
    >>> guarded("=A1"), guarded("-001"), guarded("+1.5e3"), guarded("a=b"), guarded(-1.5)
    ("'=A1", '-001', '+1.5e3', 'a=b', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def unguarded(cell: T) -> T | str:
    """A cell of a CSV file as it was before `guarded`.

    Examples
    --------
    >>> unguarded("'=A1"), unguarded("-001"), unguarded("'tis"), unguarded(guarded("'=A1"))
    ('=A1', '-001', "'tis", "'=A1")
    """
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and _is_formula(cell) else cell


def _is_formula(text: str) -> bool:
    return _FORMULA.match(text) is not None and _NUMBER.fullmatch(text.lstrip("'").strip(" ")) is None


def guarded_table(table: pd.DataFrame) -> pd.DataFrame:
    """A table with every text cell and column name `guarded`; numbers are shared with the original."""
    return _mapped(table, guarded)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """A table without its index as CSV in UTF-8, its text cells guarded.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    bytes
        Lines end in LF; in CR LF only where a cell holds a CR, which is then quoted.
    """
    plain = guarded_table(table)
    texts = (cell for k in _texts(plain) for cell in plain.iloc[:, k])
    has_return = any(isinstance(cell, str) and "\r" in cell for cell in (*plain.columns, *texts))
    return plain.to_csv(index=False, lineterminator="\r\n" if has_return else "\n").encode()


def _mapped(table: pd.DataFrame, change: Any) -> pd.DataFrame:
    plain = table.copy(deep=False)
    plain.columns = pd.Index([change(name) for name in table.columns], dtype=object)
    for k in _texts(table):
        column = table.iloc[:, k]
        changed = column.map(change, na_action="ignore")
        if not changed.equals(column):
            plain.isetitem(k, changed.array)
    return plain


def _texts(table: pd.DataFrame) -> list[int]:
    """Places of the columns that may hold text."""
    return [k for k, dtype in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
