"""The patients whose images a report shows: chosen by rule, and found in the list of images before any long work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from voxomics.cases import Case, read_cases
from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image
from voxomics.io import read_image, read_mask
from voxomics.study.checks import Bools


def middle_patients(patients: pd.DataFrame) -> dict[str, int]:
    """Row numbers (from 0) of the patient in the middle of the high and of the low group, so that nobody picks them.

    Parameters
    ----------
    patients : DataFrame
        Columns protocol_real_high and truth, protocol_predicted_high and protocol_prediction, as in the table of patients.

    Returns
    -------
    dict of str to int
        High and low are the real marker's groups; without a real marker, the prediction's. With an even number of patients it
        is the one below the middle. Empty where there are no groups.

    Examples
    --------
    >>> middle_patients(pd.DataFrame({"protocol_real_high": [True, False, True, True], "truth": [3.0, 1.0, 5.0, 4.0]}))
    {'high': 3, 'low': 1}
    """
    for side, values in (("protocol_real_high", "truth"), ("protocol_predicted_high", "protocol_prediction")):
        if side in patients and patients[side].notna().all():
            high = patients[side].astype(bool)
            ordered = {
                group: patients.loc[mine, values].sort_values(kind="stable")
                for group, mine in (("high", high), ("low", ~high))
            }
            return {group: int(rows.index[(len(rows) - 1) // 2]) for group, rows in ordered.items() if len(rows)}
    return {}


def pictured(table: Path, patients: pd.DataFrame) -> dict[str, list[Case]]:
    """The cases of the patients in the middle, several where the list names several labels of one image.

    Parameters
    ----------
    table : Path
        List of cases, see `voxomics.cases.read_cases`.
    patients : DataFrame
        As for `middle_patients`, with the column id.

    Raises
    ------
    InputError
        If the list cannot be read or lacks a patient. Patients are named by their row alone.
    """
    cases = read_cases(table)
    found = {}
    for group, row in middle_patients(patients).items():
        found[group] = [case for case in cases if case.id == str(patients["id"].iloc[row])]
        if not found[group]:
            raise InputError(
                f"table of images {table.name} has no row for the study's patient in row {row + 1}; use the same ids "
                "as the study"
            )
    return found


def read_pictured(cases: list[Case], row: int) -> tuple[Image, Bools]:
    """Image of a patient, and the voxels [z, y, x] of the VOIs that are shown.

    Parameters
    ----------
    cases : list of Case
        Of one image and mask.
    row : int
        Of the patient, from 0, for messages.

    Raises
    ------
    InputError
        If a file cannot be read or no voxel is in the mask.
    """
    image = read_image(cases[0].image)
    mask = read_mask(cases[0].mask, image)
    labels = {case.label for case in cases} - {None}
    voi = np.zeros(image.array.shape, bool)
    for k, layer in enumerate(mask.layers):
        there = [int(value) for value in np.unique(layer) if value > 0]
        shown = [value for value in there if not labels or value in labels or mask.names.get((k, value)) in labels]
        box = tuple(slice(c, c + n) for c, n in zip(mask.corner, layer.shape, strict=True))
        voi[box] |= np.isin(layer, shown)
    if not voi.any():
        what = f"no voxel of label {', '.join(map(str, sorted(labels, key=str)))}" if labels else "no voxel"
        raise InputError(f"mask of the patient in row {row + 1} has {what}")
    return image, voi
