"""Read tables from CSV or Parquet. Ids are text; an unknown column raises an error that suggests the nearest one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError, nearest
from voxomics.engine.table import IDENTITY
from voxomics.io.formulas import unguarded_table
from voxomics.study.checks import Floats, as_floats, listed
from voxomics.study.qpcr import relative_expression
from voxomics.study.settings import Clinical, Controls, Features, Qpcr, _Source

Remark = Callable[[str], None]
_SEPARATORS = ",;\t"
_LOOKED_AT = 1000  # lines, for a decimal comma
_IMAGE_TYPE_PARTS = 3  # original.glcm.contrast...: a column of ours has at least these
_DISCRETISED = re.compile(r"\.(fbn|fbs|bounds)[^.]*(\.[^.]*)*$|\.none$")


def read_table(path: Path, texts: Iterable[str] = ()) -> pd.DataFrame:
    """A CSV (comma, semicolon or tab; decimal comma beside semicolons; gzip) or Parquet table.

    Parameters
    ----------
    path : Path
    texts : iterable of str
        Columns read as text, so that an id 007 stays 007.

    Raises
    ------
    InputError
        A file that cannot be read, is empty, or is not a table in UTF-8.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        head = pd.read_csv(path, sep="\0", header=None, nrows=_LOOKED_AT, dtype=str, encoding="utf-8-sig", engine="c")[0].tolist()
        separator = max(_SEPARATORS, key=str(head[0]).count)
        comma = separator == ";" and any(re.search(r"(^|;)-?\d+,\d", str(line)) for line in head[1:])
        found = pd.read_csv(
            path, sep=separator, decimal="," if comma else ".", dtype=dict.fromkeys(texts, str), encoding="utf-8-sig"
        )
    except (OSError, ImportError, UnicodeError, ValueError, pd.errors.ParserError) as error:
        raise InputError(f"table {path.name}: cannot be read ({error}); give a CSV file in UTF-8, or Parquet") from None
    if not isinstance(found.index, pd.RangeIndex):  # pandas takes what the header does not name for row names
        raise InputError(f"table {path.name}: rows have more fields than the header has names; name every column")
    return unguarded_table(found)


def column_of(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    """One column, or an error that offers the nearest name."""
    if name not in table.columns:
        raise InputError(f"table {path.name} has no column {name!r}; {nearest(name, [str(c) for c in table.columns])}")
    return table[name]


def rows_by_id(source: _Source, what: str) -> pd.DataFrame:
    """The rows of a source that count, indexed by patient id.

    Raises
    ------
    InputError
        Columns that do not exist, ids that are missing, occur twice, or do not fit the pattern.
    """
    keys = (source.id,) if isinstance(source.id, str) else source.id or ()
    table = read_table(source.table, keys)
    for name, wanted in source.where.items():
        found = column_of(table, name, source.table)
        kept = found == wanted if not isinstance(wanted, str) else found.astype(str) == wanted
        if not kept.any():
            raise InputError(
                f"{what}: no row of {source.table.name} has {name} = {wanted!r}; it has {listed(list(found.unique()))}"
            )
        table = table[kept]
    if table.empty:
        raise InputError(f"{what}: table {source.table.name} has no rows")
    if not keys:
        return table.set_axis([str(i) for i in range(1, len(table) + 1)], axis=0)
    columns = [column_of(table, key, source.table) for key in keys]
    missing = np.logical_or.reduce([c.isna().to_numpy() for c in columns])
    if missing.any():
        raise InputError(f"{what}: {int(missing.sum())} rows of {source.table.name} have no id in {', '.join(keys)}; fill it in")
    ids = ["_".join(str(part).strip() for part in row) for row in zip(*columns, strict=True)]
    if source.id_pattern is not None:
        ids = [_matched(source.id_pattern, text, f"{what}: id_pattern") for text in ids]
    twice = sorted({one for one, n in zip(*np.unique(ids, return_counts=True), strict=True) if n > 1})
    if twice:
        raise InputError(
            f"{what}: ids that occur more than once in {source.table.name}: {listed(twice)}; keep one row for each patient, "
            f"or choose rows with {what}.where, for example one VOI's label"
        )
    return table.set_axis(ids, axis=0)


def _matched(pattern: str, text: str, what: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise InputError(f"{what} {pattern!r} does not fit {text!r}; its first group, or its whole match, is taken")
    return str(found[1] if found.re.groups else found[0])


def centres_of(table: pd.DataFrame, clinical: Clinical) -> pd.Series | None:
    """Centre of each row as text; missing stays missing."""
    if clinical.centre is None:
        return None
    found = column_of(table, clinical.centre, clinical.table)
    pattern = clinical.centre_pattern or ".*"
    named = [
        None if missing else _matched(pattern, str(text).strip(), "clinical.centre_pattern")
        for text, missing in zip(found, found.isna(), strict=True)
    ]
    return pd.Series(named, index=table.index, dtype=object)


def marker_of(table: pd.DataFrame, source: Clinical | Controls, remark: Remark) -> Floats:
    """The marker as measured, or from threshold cycles; NaN where it is missing or was excluded by the rule."""
    if source.qpcr is None:
        return as_floats(column_of(table, source.marker or "", source.table), f"marker {source.marker}")
    return _expression(table, source.qpcr, source.table, remark)


def _expression(table: pd.DataFrame, qpcr: Qpcr, path: Path, remark: Remark) -> Floats:
    target, reference = column_of(table, qpcr.target, path), column_of(table, qpcr.reference, path)
    found = relative_expression(target, reference, scale=qpcr.scale, undetermined=qpcr.undetermined, cycles=qpcr.cycles)
    if found.undetermined.any():
        ids = listed(list(table.index[found.undetermined]))
        remark(f"{path.name}: {qpcr.target} was not detected in {ids}; rule: {qpcr.undetermined}")
    return found.value


def _own_columns(clinical: Clinical) -> set[str]:
    """Columns that the clinical settings speak of; never features where both are one table."""
    keys = (clinical.id,) if isinstance(clinical.id, str) else clinical.id or ()
    named = (clinical.marker, clinical.label, clinical.time, clinical.event, clinical.stage, clinical.centre, clinical.fold)
    cycles = (clinical.qpcr.target, clinical.qpcr.reference) if clinical.qpcr else ()
    return {name for name in (*keys, *named, *cycles, *clinical.covariates) if name}


def chosen_features(table: pd.DataFrame, features: Features, clinical: Clinical, remark: Remark) -> pd.DataFrame:
    """The columns that are features, as numbers; infinite values become missing.

    Raises
    ------
    InputError
        A name or pattern that fits no column, a named column that holds text, or no feature at all.
    """
    keys = (features.id,) if isinstance(features.id, str) else features.id or ()
    names = [str(c) for c in table.columns]
    if features.columns == "all":
        not_features = {*keys, *features.where, *IDENTITY, *_own_columns(clinical)}
        chosen = [name for name in names if name not in not_features and not name.startswith("INFO_")]
        texts = [name for name in chosen if not pd.api.types.is_numeric_dtype(table[name])]
        if texts:
            remark(f"{features.table.name}: columns that are not numbers are not features: {listed(texts)}")
        chosen = [name for name in chosen if name not in texts]
    else:
        chosen = list(dict.fromkeys(name for pattern in features.columns for name in _fitting(pattern, names, features)))
    if features.image_type is not None:
        chosen = [n for n in chosen if n.split(".")[0] == features.image_type and n.count(".") >= _IMAGE_TYPE_PARTS - 1]
    if features.discretisation is not None:
        chosen = [n for n in chosen if not _DISCRETISED.search(n) or n.endswith(f".{features.discretisation}")]
    dropped = {name for pattern in features.drop for name in _fitting(pattern, names, features)}
    chosen = [name for name in chosen if name not in dropped]
    if not chosen:
        raise InputError(
            f"features: no column of {features.table.name} is left; check columns, image_type, discretisation and drop"
        )
    found = pd.DataFrame({name: as_floats(table[name], f"feature {name}") for name in chosen}, index=table.index)
    return found.replace([np.inf, -np.inf], np.nan)


def _fitting(pattern: str, names: list[str], features: Features) -> list[str]:
    if pattern in names:
        return [pattern]
    found = [name for name in names if fnmatchcase(name, pattern)]
    if not found:
        raise InputError(f"features: {pattern!r} fits no column of {features.table.name}; {nearest(pattern, names)}")
    return found
