"""Read tables from CSV or Parquet. Cells are text; an unknown column raises an error that suggests the nearest one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError, nearest
from voxomics.engine.table import IDENTITY
from voxomics.io.delimited import read_delimited
from voxomics.study.cells import REMEDY, Cells, Missing, are_codes, looks_like_a_number, row_numbers, writes_decimal_commas
from voxomics.study.checks import Bools, Floats, listed
from voxomics.study.qpcr import is_not_seen, relative_expression
from voxomics.study.settings import Clinical, Controls, Features, Qpcr, _Source

Remark = Callable[[str], None]
_IMAGE_TYPE_PARTS = 3  # original.glcm.contrast...: a column of ours has at least these
_DISCRETISED = re.compile(r"\.(fbn|fbs|bounds)[^.]*(\.[^.]*)*$|\.none$")


def read_table(path: Path, missing_values: Sequence[str] = ()) -> Cells:
    """A CSV (comma, semicolon or tab; decimal points or commas; gzip) or Parquet table.

    Parameters
    ----------
    path : Path
    missing_values : sequence of str
        Words that stand for a missing value, beside the empty cell. No other word does: a treatment may be called None.

    Returns
    -------
    Cells

    Raises
    ------
    InputError
        A file that cannot be read, is empty, or is not a table in UTF-8.
    """
    missing = Missing(frozenset(missing_values))
    what = f"table {path.name}"
    if path.suffix == ".parquet":
        return _parquet(path, missing, what)
    found = read_delimited(path, what)
    if not found.header:
        raise InputError(f"{what}: cannot be read (it is empty); give a CSV file in UTF-8, or Parquet")
    columns: dict[str, list[str | None]] = {}
    unnamed, doubled = [], set()
    for k, name in enumerate(found.header):
        cells = [row[k] for row in found.rows]
        if not name:
            if not any(cells):
                continue
            unnamed.append(name := f"Unnamed: {k}")
        column = [None if missing.is_missing(cell) else cell for cell in cells]
        if columns.setdefault(name, column) != column:
            doubled.add(name)
    frame = pd.DataFrame(columns, dtype=object)
    counts = row_numbers(frame, unnamed)
    return Cells(path.name, frame, writes_decimal_commas(frame, found.separator), counts, frozenset(doubled))


def _parquet(path: Path, missing: Missing, what: str) -> Cells:
    try:
        names = pd.Index(_names_of_parquet(path))
        frame = pd.read_parquet(path) if names.is_unique else pd.DataFrame()
    except (OSError, ImportError, ValueError) as error:
        raise InputError(f"{what}: cannot be read ({error}); give a CSV file in UTF-8, or Parquet") from None
    if not names.is_unique:
        raise InputError(f"{what}: columns of one name: {listed(list(names[names.duplicated()]))}; rename them")
    if not isinstance(frame.index, pd.RangeIndex):
        if any(name is None for name in frame.index.names):
            raise InputError(f"{what}: its rows have names in no column; give these names a column")
        frame = frame.reset_index()
    frame.columns = frame.columns.astype(str)
    typed = {name: _typed(frame[name], missing) for name in frame.columns}
    frame = pd.DataFrame(typed, index=frame.index)
    return Cells(path.name, frame, writes_decimal_commas(frame, ","), row_numbers(frame, ()))


def _names_of_parquet(path: Path) -> list[str]:
    """Names of the columns; where two are alike, pandas stops in words of its own."""
    from pyarrow import parquet

    return list(parquet.read_schema(path).names)


def _typed(column: pd.Series, missing: Missing) -> pd.Series:
    """A column of Parquet: numbers and dates as they are, all else as text."""
    if pd.api.types.is_numeric_dtype(column):
        return column.mask(column.isin(missing.numbers)) if missing.numbers else column
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return column
    texts = [None if gone else str(cell).strip() for cell, gone in zip(column, column.isna(), strict=True)]
    cells = [None if text is None or missing.is_missing(text) else text for text in texts]
    return pd.Series(cells, index=column.index, dtype=object)


def rows_by_id(source: _Source, what: str, missing_values: Sequence[str] = ()) -> Cells:
    """The rows of a source that count, named by patient id.

    Raises
    ------
    InputError
        Columns that do not exist, ids that are missing, occur twice, or do not fit the pattern.
    """
    keys = _keys(source)
    table = read_table(source.table, missing_values)
    if keys:  # without ids rows are joined by their number, so that none may go
        table = table.rows(table.frame.notna().any(axis=1).to_numpy())
    for name, wanted in source.where.items():
        kept = (table.text(name) == wanted).to_numpy() if isinstance(wanted, str) else table.parsed(name)[0] == wanted
        if not kept.any():
            there = listed(list(table.text(name).unique()))
            quote = "" if isinstance(wanted, str) else " (YAML reads yes and no as 1 and 0: put text in quotes)"
            raise InputError(f"{what}: no row of {source.table.name} has {name} = {wanted!r}{quote}; it has {there}")
        table = table.rows(kept)
    if table.frame.empty:
        raise InputError(f"{what}: table {source.table.name} has no rows")
    if not keys:
        return table.named(str(i) for i in range(1, len(table.frame) + 1))
    columns = [table.text(key) for key in keys]
    missing = np.logical_or.reduce([c.isna().to_numpy() for c in columns])
    if missing.any():
        raise InputError(f"{what}: {int(missing.sum())} rows of {source.table.name} have no id in {', '.join(keys)}; fill it in")
    ids = ["_".join(row) for row in zip(*columns, strict=True)]
    if source.id_pattern is not None:
        ids = [_matched(source.id_pattern, text, f"{what}: id_pattern") for text in ids]
    twice = sorted({one for one, n in zip(*np.unique(ids, return_counts=True), strict=True) if n > 1})
    if twice:
        raise InputError(
            f"{what}: ids that occur more than once in {source.table.name}: {listed(twice)}; keep one row for each patient, "
            f"or choose rows with {what}.where, for example one VOI's label"
        )
    return table.named(ids)


def _keys(source: _Source) -> tuple[str, ...]:
    return (source.id,) if isinstance(source.id, str) else source.id or ()


def _matched(pattern: str, text: str, what: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise InputError(f"{what} {pattern!r} does not fit {text!r}; its first group, or its whole match, is taken")
    return str(found[1] if found.re.groups else found[0])


def centres_of(table: Cells, clinical: Clinical) -> pd.Series | None:
    """Centre of each row as text; missing stays missing."""
    if clinical.centre is None:
        return None
    pattern = clinical.centre_pattern or ".*"
    found = table.text(clinical.centre)
    named = [None if text is None else _matched(pattern, text, "clinical.centre_pattern") for text in found]
    return pd.Series(named, index=found.index, dtype=object)


def marker_of(table: Cells, source: Clinical | Controls, remark: Remark) -> Floats:
    """The marker as measured, or from threshold cycles; NaN where it is missing or was excluded by the rule."""
    if source.qpcr is None:
        return table.numbers(source.marker or "", f"marker {source.marker}")
    return _expression(table, source.qpcr, remark)


def _expression(table: Cells, qpcr: Qpcr, remark: Remark) -> Floats:
    target, reference = _cycles(table, qpcr.target), _cycles(table, qpcr.reference)
    found = relative_expression(target, reference, scale=qpcr.scale, undetermined=qpcr.undetermined, cycles=qpcr.cycles)
    if found.undetermined.any():
        ids = listed(list(table.frame.index[found.undetermined]))
        remark(f"{table.name}: {qpcr.target} was not detected in {ids}; rule: {qpcr.undetermined}")
    return found.value


def _cycles(table: Cells, name: str) -> Floats:
    """Threshold cycles; NaN where nothing was detected, in the machine's words or in an empty cell."""
    values, odd = table.parsed(name)
    odd &= ~np.array([is_not_seen(cell) for cell in table.column(name)], bool)
    if odd.any():
        raise InputError(f"threshold cycles {name}: expected numbers, but {table.quoted(name, odd)}; {REMEDY}")
    return values


def _outcomes(clinical: Clinical) -> list[str]:
    """Columns that tell the outcome or the patient; a copy of one is no feature."""
    named = (clinical.marker, clinical.label, clinical.time, clinical.event, clinical.fold)
    cycles = (clinical.qpcr.target, clinical.qpcr.reference) if clinical.qpcr else ()
    return [name for name in (*_keys(clinical), *named, *cycles) if name]


def _spoken_of(clinical: Clinical) -> set[str]:
    """Columns that the clinical settings name; never features by the way."""
    return {*_outcomes(clinical), *clinical.covariates, *(name for name in (clinical.stage, clinical.centre) if name)}


def chosen_features(
    table: Cells, features: Features, clinical: Clinical, known: Cells, remark: Remark
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The columns that are features, as numbers; infinite values become missing.

    Parameters
    ----------
    table : Cells
        Rows of the table of features.
    features, clinical : Features, Clinical
    known : Cells
        The same patients in the clinical table.
    remark : callable

    Returns
    -------
    values : DataFrame float64
    unused : dict of str to str
        Columns that were not asked to be left out and are no features, and why.

    Raises
    ------
    InputError
        A name or pattern that fits no column, a column with cells that are neither numbers nor missing, or no feature at all.
    """
    names = [str(c) for c in table.frame.columns]
    chosen, unused = _asked_for(names, features, clinical)
    exact = set(names) & set(features.columns) if features.columns != "all" else set()
    told = _told_apart(table, features, clinical, known)
    found: dict[str, Floats] = {}
    for name in chosen:
        values, odd = table.parsed(name)
        may_be_text = features.columns == "all"
        why = "" if name in exact and not odd.any() else _why_unused(table, name, values, odd, may_be_text, told)
        if why:
            unused[name] = why
        else:
            found[name] = values
    for why in dict.fromkeys(unused.values()):
        remark(f"{table.name}: columns that are no features, {why}: {listed([n for n in unused if unused[n] == why])}")
    if not found:
        raise InputError(
            f"features: no column of {features.table.name} is left; check columns, image_type, discretisation and drop"
        )
    return pd.DataFrame(found, index=table.frame.index).replace([np.inf, -np.inf], np.nan), unused


def _asked_for(names: list[str], features: Features, clinical: Clinical) -> tuple[list[str], dict[str, str]]:
    """Columns that the settings ask for, and those that only their names keep from being features."""
    unused: dict[str, str] = {}
    if features.columns == "all":
        if not set(names).issuperset(IDENTITY):
            unused |= dict.fromkeys((name for name in names if name in IDENTITY), "a name of voxomics' own columns")
        if features.table != clinical.table:
            unused |= dict.fromkeys((name for name in names if name in _spoken_of(clinical)), "a column of the clinical settings")
        others = {*_keys(features), *features.where, *IDENTITY, *_spoken_of(clinical)}
        chosen = [name for name in names if name not in others and not name.startswith("INFO_")]
        unused = {name: why for name, why in unused.items() if name not in (*_keys(features), *features.where)}
    else:
        chosen = list(dict.fromkeys(name for pattern in features.columns for name in _fitting(pattern, names, features)))
    if features.image_type is not None:
        chosen = [n for n in chosen if n.split(".")[0] == features.image_type and n.count(".") >= _IMAGE_TYPE_PARTS - 1]
    if features.discretisation is not None:
        discretised = [name for name in chosen if _DISCRETISED.search(name)]
        fitting = [name for name in discretised if name.endswith(f".{features.discretisation}")]
        if discretised and not fitting:
            there = sorted({name.rsplit(".", 1)[1] for name in discretised})
            raise InputError(
                f"features: no column of {features.table.name} has discretisation {features.discretisation!r}; "
                f"there are {listed(there)}"
            )
        chosen = [name for name in chosen if name in fitting or name not in discretised]
    dropped = {name for pattern in features.drop for name in _fitting(pattern, names, features)}
    unused = {name: why for name, why in unused.items() if name not in dropped}
    return [name for name in chosen if name not in dropped], unused


def _why_unused(
    table: Cells, name: str, values: Floats, odd: Bools, may_be_text: bool, told: dict[str, Floats]
) -> str:
    """Why a column is no feature; "" for a feature.

    Raises
    ------
    InputError
        Some cells are numbers and others are not, or cells look like numbers and cannot be read as such.
    """
    if odd.any():
        cells = table.column(name)
        almost = np.zeros(len(odd), bool)
        almost[odd] = [looks_like_a_number(str(cell)) for cell in cells[odd]]
        all_odd = odd.sum() == cells.notna().sum()
        if may_be_text and all_odd and not almost.any():
            return "text"
        raise InputError(
            f"feature {name}: expected numbers, but {table.quoted(name, almost if all_odd and almost.any() else odd)}; {REMEDY}; "
            "a column that is no feature can be left out by features.drop"
        )
    if name in table.row_numbers:
        return "numbers of rows"
    if are_codes(table.column(name)):
        return "codes with leading zeros"
    if len(np.unique(values[~np.isnan(values)])) < 2:
        return ""
    return next((f"a copy of {other}" for other, theirs in told.items() if np.array_equal(values, theirs, equal_nan=True)), "")


def _told_apart(table: Cells, features: Features, clinical: Clinical, known: Cells) -> dict[str, Floats]:
    """Ids and outcomes that are numbers: a column that repeats one, under any name, is no feature."""
    ids = Cells("", pd.DataFrame({"id": table.frame.index}, dtype=object))
    sources = [("the ids", ids.parsed("id"))]
    sources += [(name, table.parsed(name)) for name in _keys(features)]
    sources += [(name, known.parsed(name)) for name in _outcomes(clinical)]
    return {name: values for name, (values, odd) in sources if not odd.any()}


def _fitting(pattern: str, names: list[str], features: Features) -> list[str]:
    if pattern in names:
        return [pattern]
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise InputError(f"features: {pattern!r} fits no column of {features.table.name}; {nearest(pattern, names)}")
    return found
