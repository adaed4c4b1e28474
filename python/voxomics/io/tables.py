"""Tables out: CSV, Parquet or JSON that read back equal, with their settings, versions and input hashes beside them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxomics.engine.errors import InputError, MissingExtraError
from voxomics.io import formulas, outputs

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".parquet", ".json")


def long(table: pd.DataFrame, described: dict[str, tuple[str, str]]) -> pd.DataFrame:
    """One row per VOI and feature.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `Extractor.extract`, or of many cases with their id.
    described : dict str -> (str, str)
        IBSI id and unit of each feature column.

    Returns
    -------
    pandas.DataFrame
        Columns: the table's own before its features, feature, ibsi_id, unit, value.
    """
    identity = [name for name in table.columns if name not in described]
    result = table.melt(id_vars=identity, var_name="feature", value_name="value", ignore_index=False)
    result = result.sort_index(kind="stable").reset_index(drop=True)
    result.insert(len(identity) + 1, "ibsi_id", [described[name][0] for name in result["feature"]])
    result.insert(len(identity) + 2, "unit", [described[name][1] for name in result["feature"]])
    result.attrs = dict(table.attrs)
    return result


def write(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    beside: Mapping[Path, pd.DataFrame] | None = None,
    inputs: Iterable[Path] = (),
    overwrite: bool = False,
) -> None:
    """Write a table as .csv, .parquet or .json, and its settings, versions and input hashes to PATH.meta.json beside it.

    PATH.meta.json also lists what was written, with digests. A file is replaced only if it is listed there and has not changed
    since, or with `overwrite`. Text in CSV that a spreadsheet would take for a formula begins with a ', see `formulas.guarded`.
    Floats read back to the last bit. JSON has no number for what is not finite: NaN is null there (in the settings that Parquet
    keeps, too) and infinity is the string "Infinity" or "-Infinity". Files appear whole or not at all; a link is written through.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `Extractor.extract`, `extract_cases` or `long`.
    path : path
        Its ending chooses the format.
    beside : mapping Path -> pandas.DataFrame, optional
        Further tables in the same folder, as CSV.
    inputs : iterable of Path
        What the table was made from; none of these files is replaced, whatever `overwrite` says.
    overwrite : bool
        Replace files that voxomics did not write, or that have changed since.

    Raises
    ------
    InputError
        Another ending, a folder that does not exist, a place that cannot be written to, or a file that would be lost.
    """
    target = Path(path)
    beside, inputs = beside or {}, list(inputs)
    check_target(target, *beside, inputs=inputs, overwrite=overwrite)
    meta = _finite(table.attrs.get("voxomics", {}))
    if target.suffix == ".csv":
        content = formulas.csv_bytes(table)
    elif target.suffix == ".json":
        content = _json({"voxomics": meta, "rows": _finite(table.to_dict(orient="records"))})
    else:
        content = _parquet(table, meta)
    contents = {target: content, **{place: formulas.csv_bytes(other) for place, other in beside.items()}}
    outputs.write_whole(contents, record=_meta_path(target), about=meta, inputs=inputs, overwrite=overwrite)


def check_target(
    path: str | os.PathLike[str], *beside: Path, inputs: Iterable[Path] = (), overwrite: bool = False
) -> None:
    """Raise InputError unless `write` can write there: a known ending, places that take files, nothing lost; tried now."""
    target = Path(path)
    if target.suffix not in FORMATS:
        raise InputError(f"output {target.name!r}: the ending chooses the format; accepted: {', '.join(FORMATS)}")
    outputs.check_writable(target, *beside, inputs=inputs, record=_meta_path(target), overwrite=overwrite)
    if target.suffix == ".parquet":
        _pyarrow()


def _meta_path(target: Path) -> Path:
    return target.with_name(target.name + ".meta.json")


def _finite(value: Any) -> Any:
    """The same with null for NaN and a string for infinity."""
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode()


def _parquet(table: pd.DataFrame, meta: dict[str, Any]) -> bytes:
    pyarrow, parquet = _pyarrow()
    plain = table.copy(deep=False)
    plain.attrs = {}
    content = pyarrow.Table.from_pandas(plain, preserve_index=False)
    content = content.replace_schema_metadata({**(content.schema.metadata or {}), b"voxomics": _json(meta)})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(content, sink)
    return bytes(sink.getvalue().to_pybytes())


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError("writing Parquet", "parquet") from None
    return pyarrow, parquet
