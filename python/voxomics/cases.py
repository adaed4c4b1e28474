"""Many cases: a list of images and masks in, one table out. A case that fails is a row, and stops nothing."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voxomics.engine import run, table
from voxomics.engine.batch import F64
from voxomics.engine.errors import InputError, VoxomicsError
from voxomics.engine.select import checked
from voxomics.extractor import fingerprint
from voxomics.io.delimited import read_delimited
from voxomics.io.itk import readable

if TYPE_CHECKING:
    import os

    import pandas as pd

    from voxomics.engine.select import Labels
    from voxomics.engine.volume import Image, MaskStack
    from voxomics.extractor import Extractor, Progress

logger = logging.getLogger("voxomics")

COLUMNS = ("id", "image", "mask")
"""Columns that a list of cases needs. A column "label" chooses VOIs; others are left alone."""
_LABEL = re.compile(r"(-?[0-9]{1,18})(?:\.0*)?")  # 1.0 is how programs write 1 above an empty cell


@dataclass(frozen=True)
class Case:
    """An image and its mask.

    Attributes
    ----------
    id : str
    image, mask : Path
    label : int, str or None
        Number or segment name of the VOI that is measured; None: those of the call.
    """

    id: str
    image: Path
    mask: Path
    label: int | str | None = None

    def __post_init__(self) -> None:
        for name in ("image", "mask"):
            object.__setattr__(self, name, Path(getattr(self, name)))
        if self.label is not None:
            object.__setattr__(self, "label", (checked([self.label]) or [self.label])[0])


class _Reading:
    """Image and mask of rows that follow one another in a list: read for the first row, and let go after the last."""

    def __init__(self, extractor: Extractor, case: Case, rows: int) -> None:
        self.extractor, self.case, self.rows = extractor, case, rows
        self.found: tuple[Image, MaskStack] | None = None

    def __call__(self) -> tuple[Image, MaskStack]:
        found = self.found or self.extractor.read(self.case.image, self.case.mask)
        self.rows -= 1
        self.found = found if self.rows else None
        return found


def read_cases(path: str | os.PathLike[str]) -> list[Case]:
    """Read the cases of a CSV file with the columns id, image and mask, and where it has one, label.

    Parameters
    ----------
    path : path
        Files named in it are looked for beside it, unless their paths are absolute. A label is a number or a segment's name,
        and "name:" before it makes it a name in any case; an empty cell chooses nothing. An id may come several times, each
        with another label of the same image and mask.

    Returns
    -------
    list of Case

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing or there twice, a cell is empty, a row has too many, or an id comes
        twice without a label that tells its rows apart.
    """
    source = Path(path)
    found = read_delimited(source, f"list of cases {source.name}")
    if not found.rows:
        raise InputError(f"{source.name}: no cases; a list of cases has the columns {', '.join(COLUMNS)} and a row for each")
    header = found.header
    if absent := [name for name in COLUMNS if name not in header]:
        raise InputError(
            f"{source.name}: no column {' and no column '.join(absent)}; there are {', '.join(header)}. "
            f"A list of cases has {', '.join(COLUMNS)}"
        )
    if twice := [name for name in (*COLUMNS, "label") if header.count(name) > 1]:
        raise InputError(f"{source.name}: column {twice[0]} is there more than once; which one counts?")
    rows = [(dict(zip(header, cells, strict=True)), n) for cells, n in zip(found.rows, found.lines, strict=True) if any(cells)]
    cases = [_case(row, source.parent, f"{source.name}, line {line}") for row, line in rows]
    _check_ids(cases, source.name)
    return cases


def _case(row: dict[str, str], folder: Path, where: str) -> Case:
    """The case of a row."""
    for name in COLUMNS:
        if not row[name]:
            raise InputError(f"{where}: {name} is empty; each case needs {', '.join(COLUMNS)}")
    text = row.get("label", "")
    number = _LABEL.fullmatch(text)
    label = int(number[1]) if number else text.removeprefix("name:") or None
    return Case(row["id"], folder / row["image"], folder / row["mask"], label)


def _check_ids(cases: list[Case], name: str) -> None:
    """Refuse rows of one id that nothing tells apart, or that name different files."""
    first: dict[str, Case] = {}
    seen: set[tuple[str, int | str | None]] = set()
    twice, elsewhere = [], []
    for case in cases:
        other = first.setdefault(case.id, case)
        if (case.id, case.label) in seen or (other is not case and None in (case.label, other.label)):
            twice.append(case.id)
        elif (case.image, case.mask) != (other.image, other.mask):
            elsewhere.append(case.id)
        seen.add((case.id, case.label))
    if twice:
        raise InputError(
            f"{name}: id {', '.join(dict.fromkeys(twice[:5]))} comes more than once; each case needs an id of its own, or "
            "rows of one id a label each"
        )
    if elsewhere:
        raise InputError(
            f"{name}: id {', '.join(dict.fromkeys(elsewhere[:5]))} comes with several images or masks; labels of one id are "
            "labels of one image and mask, so give other files another id"
        )


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
        As for `Extractor.extract`, the same for each case that chooses none.
    include_paths : bool
        As for `Extractor.extract`.
    progress : callable, optional
        ``progress(fraction)``.

    Returns
    -------
    pandas.DataFrame
        As of `Extractor.extract`, with the case's id as first column. A case that cannot be read is one row of status "failed"
        with the label it chose, or 0; so is one that meets an error of ours, which is logged with its traceback.
        ``attrs["voxomics"]["inputs"]`` has the inputs of each case by its id, ``["internal_errors"]`` the ids of the latter.

    Raises
    ------
    InputError
        If `labels` chooses too where cases do.

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

    if labels != "all" and any(case.label is not None for case in cases):
        raise InputError("labels are chosen twice: by the list's column label, and by the call; leave one of them out")
    runs = []
    for _, same in groupby(cases, key=lambda case: (case.image, case.mask)):
        rows = list(same)
        read = _Reading(extractor, rows[0], len(rows))
        runs += [run.Case(case, read, labels if case.label is None else [case.label]) for case in rows]
    collected = _Collected(extractor, include_paths)
    for found in extractor.run(runs, inner):
        collected.add(found.case.key, found)
    return collected.table()


def why_failed(case: str, error: Exception) -> tuple[str, bool]:
    """Log why a case of a list failed, and say it in a sentence.

    Parameters
    ----------
    case : str
        Its id.
    error : Exception

    Returns
    -------
    reason : str
    is_internal : bool
        The error is a fault of the program; its traceback is logged. Else the input or the machine is the cause.
    """
    if isinstance(error, (VoxomicsError, MemoryError, OSError)):
        logger.warning("case %s failed: %s", case, error)
        return str(error) or type(error).__name__, False
    logger.error("case %s failed by an internal error", case, exc_info=error)
    return f"internal error, please report it: {type(error).__name__}: {error}", True


class _Collected:
    """Rows of cases until they are one table."""

    def __init__(self, extractor: Extractor, include_paths: bool) -> None:
        self.extractor = extractor
        self.include_paths = include_paths
        self.columns = (*table.IDENTITY, *extractor.details)
        self.identity: dict[str, list[Any]] = {name: [] for name in ("id", *self.columns)}
        self.values: list[F64] = []
        self.inputs: dict[str, Any] = {}
        self.internal: list[str] = []

    def add(self, case: Case, rows: run.Rows) -> None:
        """Take a case's rows, or the one row of a case that failed."""
        names = [readable(str(path) if self.include_paths else path.name) for path in (case.image, case.mask)]
        self.inputs[case.id] = {}
        if rows.error:
            reason, is_ours = why_failed(case.id, rows.error)
            self.internal += [case.id] if is_ours else []
            number, name = (case.label, "") if isinstance(case.label, int) else (0, case.label or "")
            cells = (*names, number, name, 0, "failed", reason)
            own: dict[str, Any] = {name: [cell] for name, cell in zip(table.IDENTITY, cells, strict=True)}
            own |= {name: [""] for name in self.extractor.details}
            self.values.append(np.full((1, len(self.extractor.columns)), np.nan))
        else:
            own = self.extractor.identity(rows, *names)
            self.values.append(self.extractor.values(rows))
            sources = {"image": (case.image, rows.image), "mask": (case.mask, rows.mask)}
            self.inputs[case.id] = {kind: fingerprint(path, *found) for kind, (path, found) in sources.items()}
        for name in self.columns:
            self.identity[name].extend(own[name])
        self.identity["id"] += [case.id] * len(own["label"])

    def table(self) -> pd.DataFrame:
        """All rows."""
        whole = {name: np.array(self.identity[name], dtype=np.int64) for name in ("label", "n_voxels")}
        meta = {**self.extractor.meta, "inputs": self.inputs, "internal_errors": self.internal}
        return table.frame({**self.identity, **whole}, np.concatenate(self.values), self.extractor.columns, meta)
