"""Many cases: a list of images and masks in, one table out. A case that fails is a row, and stops nothing."""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voxomics.engine import run, table
from voxomics.engine.batch import F64
from voxomics.engine.errors import InputError, VoxomicsError
from voxomics.extractor import fingerprint
from voxomics.io.formulas import unguarded

if TYPE_CHECKING:
    import os

    import pandas as pd

    from voxomics.engine.select import Labels
    from voxomics.extractor import Extractor, Progress

logger = logging.getLogger("voxomics")

COLUMNS = ("id", "image", "mask")
"""Columns of a list of cases; others are left alone."""


@dataclass(frozen=True)
class Case:
    """An image and its mask.

    Attributes
    ----------
    id : str
    image, mask : Path
    """

    id: str
    image: Path
    mask: Path


def read_cases(path: str | os.PathLike[str]) -> list[Case]:
    """The cases of a CSV file with the columns id, image and mask.

    Parameters
    ----------
    path : path
        Files named in it are looked for beside it, unless their paths are absolute.

    Returns
    -------
    list of Case

    Raises
    ------
    InputError
        The file cannot be read, a column is missing or there twice, a cell is empty, a row has too many, or an id comes twice.
    """
    source = Path(path)
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
        separator = max(",;\t", key=lines[0].count) if lines else ","
        header = [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator), [])]
        reader = csv.DictReader(lines[1:], header, delimiter=separator)
        rows = [(reader.line_num + 1, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{source.name}: the list of cases cannot be read ({error}); a CSV file in UTF-8 is needed") from error
    if not rows:
        raise InputError(f"{source.name}: no cases; a list of cases has the columns {', '.join(COLUMNS)} and a row for each")
    if absent := [name for name in COLUMNS if name not in header]:
        raise InputError(
            f"{source.name}: no column {' and no column '.join(absent)}; there are {', '.join(header)}. "
            f"A list of cases has {', '.join(COLUMNS)}"
        )
    if twice := [name for name in COLUMNS if header.count(name) > 1]:
        raise InputError(f"{source.name}: column {twice[0]} is there more than once; which one counts?")
    cells = [_cells(row, f"{source.name}, line {line}") for line, row in rows]
    ids = [row["id"] for row in cells]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise InputError(f"{source.name}: id {', '.join(twice[:5])} comes more than once; each case needs an id of its own")
    return [Case(row["id"], source.parent / row["image"], source.parent / row["mask"]) for row in cells]


def _cells(row: dict[str, str | None], where: str) -> dict[str, str]:
    """The cells of a case, none of them empty."""
    if None in row:
        raise InputError(f"{where}: more fields than the header has names; quote a path that holds the separator")
    cells = {name: unguarded((row[name] or "").strip()) for name in COLUMNS}
    for name, text in cells.items():
        if not text or "\0" in text:
            raise InputError(f"{where}: {name} is {'not text' if text else 'empty'}; each case needs {', '.join(COLUMNS)}")
    return cells


def extract_cases(
    extractor: Extractor,
    cases: list[Case],
    labels: Labels = "all",
    *,
    include_paths: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Features of every VOI of every case.

    Parameters
    ----------
    extractor : Extractor
    cases : list of Case
    labels : "all", int, str or sequence of them
        As for `Extractor.extract`, the same for each case.
    include_paths : bool
        As for `Extractor.extract`.
    progress : callable, optional
        ``progress(fraction)``.

    Returns
    -------
    pandas.DataFrame
        As of `Extractor.extract`, with the case's id as first column. A case that cannot be read is one row of status "failed"
        with label 0; so is one that meets an error of ours, which is logged with its traceback.
        ``attrs["voxomics"]["inputs"]`` has the inputs of each case by its id, ``["internal_errors"]`` the ids of the latter.

    Examples
    --------
    >>> import tempfile
    >>> from voxomics import Extractor, phantom
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     image, mask = phantom.write(Path(folder))
    ...     cases = [Case("a", image, mask), Case("b", image, Path("absent.nii.gz"))]
    ...     ours = Extractor(settings={"features": ["morphology.volume_voxel_counting"]})
    ...     found = extract_cases(ours, cases, labels=1)
    >>> found[["id", "status"]].to_numpy().tolist()
    [['a', 'ok'], ['b', 'failed']]
    """
    def inner(done: float) -> None:
        if progress:
            progress(done / len(cases))

    runs = [run.Case(case, partial(extractor.read, case.image, case.mask), labels) for case in cases]
    collected = _Collected(extractor, include_paths)
    for rows in extractor.run(runs, inner):
        collected.add(rows.case.key, rows)
    return collected.table()


class _Collected:
    """Rows of cases until they are one table."""

    def __init__(self, extractor: Extractor, include_paths: bool) -> None:
        self.extractor = extractor
        self.include_paths = include_paths
        self.identity: dict[str, list[Any]] = {name: [] for name in ("id", *table.IDENTITY)}
        self.values: list[F64] = []
        self.inputs: dict[str, Any] = {}
        self.internal: list[str] = []

    def add(self, case: Case, rows: run.Rows) -> None:
        """Take a case's rows, or the one row of a case that failed."""
        names = [str(path) if self.include_paths else path.name for path in (case.image, case.mask)]
        self.inputs[case.id] = {}
        if rows.error:
            reason = self._failed(case, rows.error)
            cells = (*names, 0, "", 0, "failed", reason)
            own: dict[str, Any] = {name: [cell] for name, cell in zip(table.IDENTITY, cells, strict=True)}
            self.values.append(np.full((1, len(self.extractor.columns)), np.nan))
        else:
            own = self.extractor.identity(rows, *names)
            self.values.append(self.extractor.values(rows))
            sources = {"image": (case.image, rows.image), "mask": (case.mask, rows.mask)}
            self.inputs[case.id] = {kind: fingerprint(path, *found) for kind, (path, found) in sources.items()}
        for name in table.IDENTITY:
            self.identity[name].extend(own[name])
        self.identity["id"] += [case.id] * len(own["label"])

    def _failed(self, case: Case, error: Exception) -> str:
        """Log why a case failed, and say it in a sentence."""
        if isinstance(error, (VoxomicsError, MemoryError, OSError)):
            logger.warning("case %s failed: %s", case.id, error)
            return str(error) or type(error).__name__
        logger.error("case %s failed by an internal error", case.id, exc_info=error)
        self.internal.append(case.id)
        return f"internal error, please report it: {type(error).__name__}: {error}"

    def table(self) -> pd.DataFrame:
        """All rows."""
        whole = {name: np.array(self.identity[name], dtype=np.int64) for name in ("label", "n_voxels")}
        meta = {**self.extractor.meta, "inputs": self.inputs, "internal_errors": self.internal}
        return table.frame({**self.identity, **whole}, np.concatenate(self.values), self.extractor.columns, meta)
