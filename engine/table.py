"""The table: rows with a status and a reason, columns that follow from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from voxomics.engine.batch import F64
from voxomics.engine.families import FAMILIES
from voxomics.engine.measure import Measured
from voxomics.engine.plan import Plan

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Version of the table's layout."""
IDENTITY = ("image", "mask", "label", "name", "n_voxels", "status", "reason")
"""Columns before the features."""
_NAMED = 3  # features a reason names before it only counts them


def explain(measured: Measured, plan: Plan) -> tuple[list[str], list[str]]:
    """Status and reason of every row.

    Parameters
    ----------
    measured : Measured
    plan : Plan

    Returns
    -------
    status : list of str
        "ok", "partial" (some features undefined) or "failed" (no feature).
    reason : list of str
        "" or what is missing and why, cause by cause.
    """
    missing = np.isnan(measured.values)
    status, reason = ["ok"] * len(missing), [""] * len(missing)
    for i in np.logical_or.reduce(missing, 1).nonzero()[0].tolist():
        status[i] = "failed" if missing[i].all() else "partial"
        reason[i] = measured.failed.get(i) or _reason(i, missing[i].nonzero()[0].tolist(), measured, plan)
    return status, reason


def _reason(i: int, missing: list[int], measured: Measured, plan: Plan) -> str:
    groups: dict[str, dict[str, None]] = {}  # the values are sets that keep their order
    for k in missing:
        column = plan.columns[k]
        cause = measured.causes.get((i, plan.call_of[k]))
        standard = (family.name for family in FAMILIES if family is column.family or family.features[0].ibsi)
        whole = cause is not None and sum(name == column.family.name for name in standard) == 1
        cause = cause or column.feature.undefined or "not a number"
        item = column.family.name if whole else f"{column.family.name}.{column.feature.name}"
        groups.setdefault(cause, {})[item] = None
    texts = []
    for cause, names in groups.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        texts.append(f"{cause}: {', '.join(list(names)[:_NAMED])}{more}")
    return "; ".join(texts)


@lru_cache(maxsize=16)
def _header(names: tuple[str, ...]) -> pd.Index[str]:
    """The columns of every table of an extractor; a table takes a view, which may get a name of its own."""
    import pandas as pd

    return pd.Index(names)


def frame(identity: dict[str, Any], values: F64, names: Sequence[str], meta: dict[str, Any]) -> pd.DataFrame:
    """The table of one run.

    Parameters
    ----------
    identity : dict
        A sequence per column before the features, in order: IDENTITY, and what stands before it; label and n_voxels are int64.
        An array, of objects where it is text, becomes the table's; pandas takes longer over a list.
    values : ndarray float64 [n, columns]
        Becomes the table's.
    names : sequence of str
    meta : dict
        Goes to ``attrs["voxomics"]``.

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    # The values of a million VOIs are two gigabytes: pandas 3 never copies them here, earlier versions unless told.
    as_it_is: dict[str, Any] = {"copy": False} if int(pd.__version__.split(".")[0]) < 3 else {}
    rows = pd.RangeIndex(len(values))
    parts = [pd.DataFrame(identity, rows, copy=False), pd.DataFrame(values, rows, copy=False)]
    table: pd.DataFrame = pd.concat(parts, axis=1, ignore_index=True, **as_it_is)
    table.columns = _header((*identity, *names)).view()
    table.attrs["voxomics"] = meta
    return table
