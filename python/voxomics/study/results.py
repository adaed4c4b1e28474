"""Results of a study: parts of numbers and tables, each with its meaning, as one JSON file and a folder of CSV tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError
from voxomics.io.formulas import csv_bytes
from voxomics.io.outputs import RECORD, check_writable, write_whole
from voxomics.study.catalogue import COLUMNS, NUMBERS, PARTS, TABLES, TableSpec

SCHEMA = 2
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class Number:
    """One number of the study."""

    value: float | None  #: None: undefined; `message` says why
    meaning: str
    ci_low: float | None = None
    ci_high: float | None = None
    p: float | None = None
    test: str = ""  #: what the interval and the p-value are
    message: str = ""


@dataclass(frozen=True, eq=False)
class Table:
    """One table of the study; the data of a figure is a table too."""

    name: str
    data: pd.DataFrame  #: columns as in `catalogue.TABLES[name]`, index 0..n − 1

    @property
    def spec(self) -> TableSpec:
        """Title, what a row is, and the columns."""
        return TABLES[self.name]

    @property
    def meanings(self) -> dict[str, str]:
        """What each column means."""
        return {name: COLUMNS[name] for name in self.spec.columns}


@dataclass(frozen=True, eq=False)
class Part:
    """One part of the study: cohort, controls, protocol, twin, centres or sensitivity."""

    name: str
    numbers: dict[str, Number] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def meaning(self) -> str:
        """What the part is."""
        return PARTS[self.name]

    def number(self, name: str, value: float | None, **more: Any) -> None:
        """Add a number of the catalogue; one that is not finite becomes None."""
        bare = {key: _plain(item) for key, item in {"value": value, **more}.items()}
        self.numbers[name] = Number(meaning=NUMBERS[name], **bare)

    def table(self, name: str, rows: pd.DataFrame | Sequence[dict[str, Any]]) -> None:
        """Add a table of the catalogue; its columns are put in the catalogue's order, absent ones are empty."""
        columns = list(TABLES[name].columns)
        frame = pd.DataFrame(rows)
        if unknown := [str(c) for c in frame.columns if c not in columns]:
            raise KeyError(f"table {name}: the catalogue has no column {', '.join(unknown)}")
        self.tables[name] = Table(name, frame.reindex(columns=columns).reset_index(drop=True))


@dataclass(frozen=True)
class Note:
    """What readers should know: a fallback that was used, rows that were left out, or a choice."""

    where: str  #: name of a part, or "input"
    text: str


@dataclass(eq=False)
class StudyResults:
    """Everything a study found.

    Attributes
    ----------
    title : str
    endpoint : {"continuous", "binary", "survival"}
    names : dict
        How the study calls things: marker, unit, positive (the second class), time, event.
    settings : dict
        The settings in force, as in the YAML file.
    versions : dict
        Of voxomics, Python and the libraries that computed.
    parts : dict of str to Part
        "cohort", "protocol" and "twin" always; "controls", "centres", "sensitivity" where the study has them.
    notes : list of Note
    """

    title: str
    endpoint: str
    names: dict[str, str]
    settings: dict[str, Any]
    versions: dict[str, str]
    parts: dict[str, Part] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def part(self, name: str) -> Part:
        """The part of this name, made where it is new."""
        return self.parts.setdefault(name, Part(name))

    def note(self, where: str, text: str) -> None:
        """Write something down, once."""
        if (note := Note(where, text)) not in self.notes:
            self.notes.append(note)

    def to_json(self) -> str:
        """The whole object; NaN is null, infinite numbers are "Infinity" and "-Infinity"."""
        content = {
            "schema": SCHEMA,
            **{key: getattr(self, key) for key in ("title", "endpoint", "names", "settings", "versions")},
            "notes": [asdict(note) for note in self.notes],
            "parts": {name: _part_content(part) for name, part in self.parts.items()},
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)

    def write(self, folder: Path, *, overwrite: bool = False) -> None:
        """Write results.json and tables/PART_TABLE.csv, and list them in voxomics.json.

        Parameters
        ----------
        folder : Path
            Made where it does not exist.
        overwrite : bool
            Replace files that voxomics did not write, or that have changed since.

        Raises
        ------
        InputError
            A place that cannot be written to, or a file that would be lost.
        """
        make_folder(folder, overwrite=overwrite)
        contents = {folder / "results.json": self.to_json().encode()}
        for part in self.parts.values():
            for name, table in part.tables.items():
                contents[folder / "tables" / f"{part.name}_{name}.csv"] = csv_bytes(table.data)
        write_whole(contents, record=folder / RECORD, overwrite=overwrite)

    @classmethod
    def read(cls, path: Path) -> StudyResults:
        """Results from a results.json.

        Raises
        ------
        InputError
            Not such a file, or of another schema.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path.name} cannot be read as a results.json ({error})") from None
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise InputError(f"{path.name} does not have schema {SCHEMA}; run the study again with this version")
        parts = {name: _part_of(name, item) for name, item in content.pop("parts").items()}
        notes = [Note(**note) for note in content.pop("notes")]
        del content["schema"]
        return cls(**content, parts=parts, notes=notes)


def make_folder(folder: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """Create the folder of the results before the work begins, so that an error is reported early.

    Parameters
    ----------
    folder : Path
    inputs : iterable of Path
        Files that the study reads. None of them is replaced, whatever `overwrite` says.
    overwrite : bool
        As of `StudyResults.write`.

    Raises
    ------
    InputError
    """
    try:
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        if (folder / "figures").exists() and not (folder / "figures").is_dir():
            raise InputError(f"output {folder.name!r}: figures is a file there, and a folder of this name is needed; remove it")
    except OSError as error:
        raise InputError(f"output {folder.name!r} cannot be created ({error.strerror}); choose another folder") from None
    names = {f"{part}_{name}.csv" for part in PARTS for name in TABLES}
    there = [path for path in (folder / "tables").glob("*.csv") if path.name in names]
    there += [path for ending in ("svg", "png") for path in (folder / "figures").glob(f"*.{ending}")]
    # One new file in each folder, which may be a link to a place that takes none.
    tried = [folder / "tables" / f"new-{uuid4().hex}.csv"]
    tried += [folder / "figures" / f"new-{uuid4().hex}.svg"] if (folder / "figures").is_dir() else []
    check_writable(
        folder / "results.json", folder / "report.html", *there, *tried,
        inputs=inputs, record=folder / RECORD, overwrite=overwrite,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """A number as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)) else value


def _part_content(part: Part) -> dict[str, Any]:
    tables = {
        name: {
            "title": table.spec.title,
            "row": table.spec.row,
            "meanings": table.meanings,
            "columns": {str(column): [_cell(v) for v in table.data[column]] for column in table.data},
        }
        for name, table in part.tables.items()
    }
    return {
        "meaning": part.meaning,
        "numbers": {name: asdict(number) for name, number in part.numbers.items()},
        "tables": tables,
    }


def _part_of(name: str, content: dict[str, Any]) -> Part:
    part = Part(name, {key: Number(**number) for key, number in content["numbers"].items()})
    for key, table in content["tables"].items():
        columns = {column: _column(values) for column, values in table["columns"].items()}
        part.tables[key] = Table(key, pd.DataFrame(columns, columns=list(TABLES[key].columns)))
    return part


def _column(values: list[Any]) -> pd.Series:
    found = [_INFINITE.get(value, value) if isinstance(value, str) else value for value in values]
    numeric = found and all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in found)
    return pd.Series(found, dtype=float if numeric and any(isinstance(v, float) or v is None for v in found) else None)
