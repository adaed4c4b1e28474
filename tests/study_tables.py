"""Two small tables of a study, features and outcomes, and the study of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voxomics.study.results import StudyResults
from voxomics.study.run import study

N = 40


def features() -> pd.DataFrame:
    """Five features of N patients."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(N, 5)), columns=list("abcde"))
    return table.assign(id=[f"P{i:02d}" for i in range(N)])


def clinical() -> pd.DataFrame:
    """A marker that follows feature "a", a grade, follow-up and two covariates."""
    rng = np.random.default_rng(3)
    time = rng.exponential(20, N) + 1
    return pd.DataFrame(
        {
            "patient": [f"P{i:02d}" for i in range(N)],
            "marker": np.exp(features()["a"] + 0.5 * rng.normal(size=N)),
            "grade": np.where(rng.random(N) < 0.5, "II", "III"),
            "time": np.minimum(time, 40),
            "event": (time < 40).astype(int),
            "age": rng.normal(60, 8, N),
            "stage": np.where(rng.random(N) < 0.5, "I", "II"),
        }
    )


def changed(frame: pd.DataFrame, column: str, rows: Any, value: Any) -> pd.DataFrame:
    """The table with another value in some rows of a column."""
    frame = frame.astype({column: object})
    frame.loc[rows, column] = value
    return frame


def run(
    folder: Path, left: pd.DataFrame, right: pd.DataFrame, *, features: Any = None, clinical: Any = None, **more: Any
) -> StudyResults:
    """Study the features `left` and the outcomes `right`; the rest replaces or adds settings."""
    left.to_csv(folder / "f.csv", index=False)
    right.to_csv(folder / "c.csv", index=False)
    columns = {"marker": "marker", "time": "time", "event": "event", "covariates": {"age": "number", "grade": "category"}}
    return study(
        {
            "features": {"table": folder / "f.csv", "id": "id"} | (features or {}),
            "clinical": {"table": folder / "c.csv", "id": "patient"} | columns | (clinical or {}),
            "protocol": {"folds": 5},
            "twin": {"repeats": 1, "permutations": 0, "bootstrap": 0},
        }
        | more
    )


def notes(found: StudyResults) -> str:
    return "\n".join(note.text for note in found.notes)


def table(found: StudyResults, part: str, name: str) -> pd.DataFrame:
    return found.parts[part].tables[name].data
