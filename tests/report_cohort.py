"""A small study with real results for the report's tests: the phantom's patients, and features that follow what was planted."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd

from voxomics.phantom import ct
from voxomics.phantom.clinical import control
from voxomics.phantom.dataset import population, scan
from voxomics.study.results import StudyResults
from voxomics.study.run import study

SEED, PATIENTS = 5, 60
IDS = [f"NAME-{k:03d}" for k in range(1, PATIENTS + 1)]  # as no number on the page is written
_COMMON: dict[str, Any] = {
    "unit": "relative expression",
    "twin": {"repeats": 3, "permutations": 39, "bootstrap": 40, "seed": 1},
}


@cache
def tables() -> Path:
    """Folder with features.csv, clinical.csv and controls.csv."""
    folder = Path(mkdtemp(prefix="report-cohort-"))
    people, rng = population(SEED, PATIENTS), np.random.default_rng(SEED)
    g, h, u = np.array([(p.truth.g, p.truth.h, p.truth.u) for p in people]).T
    noise = rng.normal(size=(PATIENTS, 8))
    features = pd.DataFrame(noise, columns=[f"NOISE_{k}" for k in range(8)])
    features["SHAPE_Volume"] = np.exp(2 + 0.6 * g + 0.3 * noise[:, 0])
    features["SHAPE_VolumeTwice"] = 2 * features["SHAPE_Volume"]
    features["GLRLM_RLNU"] = 100 + 20 * h + 10 * u + 5 * noise[:, 1]
    clinical = pd.DataFrame([person.row for person in people]).assign(
        mir1246=[p.truth.mir1246 for p in people], centre=[f"C{k % 2}" for k in range(PATIENTS)]
    )
    clinical["grade"] = np.where(clinical["N"] > 0, "positive", "negative")
    for name, table in (("features", features), ("clinical", clinical)):
        table.assign(id=IDS).to_csv(folder / f"{name}.csv", index=False)
    healthy = [control(np.random.default_rng(k)) for k in range(20)]
    cycles = pd.DataFrame(healthy)
    values = 1000 * 2 ** -(cycles["ct_mir1246"] - cycles["ct_cel39"])
    pd.DataFrame({"id": [f"H{k}" for k in range(20)], "mir1246": values}).to_csv(folder / "controls.csv", index=False)
    return folder


@cache
def results(endpoint: str) -> StudyResults:
    """Results of a study of this endpoint; "binary" has two centres, "continuous" controls, images and an exclusion."""
    folder = tables()
    clinical = {"table": folder / "clinical.csv", "id": "id", "time": "time_months", "event": "event"}
    covariates = {"covariates": {"age": "number", "sex": "category", "N": "number"}}
    chosen: dict[str, dict[str, Any]] = {
        "continuous": {
            "title": "Marker & features <test>",
            "clinical": {**clinical, **covariates, "marker": "mir1246", "stage": "stage"},
            "controls": {"table": folder / "controls.csv", "id": "id", "marker": "mir1246"},
            "protocol": {"exclude_above": 50},
            "sensitivity": ["log_marker"],
        },
        "binary": {
            "clinical": {**clinical, "label": "grade", "positive": "positive", "centre": "centre"},
            "centres": {"leave_one_out": True},
        },
        "survival": {"clinical": clinical},
    }
    settings = {**_COMMON, "endpoint": endpoint, "features": {"table": folder / "features.csv", "id": "id"}, **chosen[endpoint]}
    return study(settings)


def patients_of(found: StudyResults) -> pd.DataFrame:
    """The study's table of patients."""
    return found.parts["cohort"].tables["patients"].data


def write_images(folder: Path, rows: list[int]) -> Path:
    """CT and masks of some patients, by the phantom's scanner, and the table that lists them."""
    import SimpleITK as sitk

    people = population(SEED, PATIENTS)
    for row in rows:
        for kind, array in zip(("image", "mask"), scan(people[row], ct.Scanner()), strict=True):
            volume = sitk.GetImageFromArray(array)
            volume.SetSpacing(ct.SPACING_MM[::-1])
            sitk.WriteImage(volume, str(folder / f"{kind}{row}.nii.gz"), True)
    listed = [{"id": IDS[row], "image": f"image{row}.nii.gz", "mask": f"mask{row}.nii.gz"} for row in rows]
    path = folder / "images.csv"
    pd.DataFrame(listed).to_csv(path, index=False)
    return path
