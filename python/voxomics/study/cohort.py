"""The cohort of a study: features and clinical table joined by id, with a record of what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError
from voxomics.study.cells import Cells
from voxomics.study.checks import Bools, Floats, Ints, constant_columns, in_order, listed, survival_times, two_classes
from voxomics.study.folds import check_folds, codes
from voxomics.study.results import StudyResults
from voxomics.study.settings import StudySettings
from voxomics.study.tables import centres_of, chosen_features, marker_of, rows_by_id


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Times and events, row by row."""

    time: Floats  #: in the unit of the clinical table
    event: Bools

    def __getitem__(self, rows: Bools) -> FollowUp:
        return FollowUp(self.time[rows], self.event[rows])

    @property
    def outcome(self) -> Floats:
        """Time and event [n, 2], the form that estimators take."""
        return np.column_stack([self.time, self.event])


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients with their features and clinical data, row by row."""

    ids: list[str]
    features: pd.DataFrame  #: float64 [n, p]; missing values only where they are to be imputed
    truth: Floats  #: marker; 1 or 0 of the class; or the event
    follow_up: FollowUp | None
    covariates: pd.DataFrame  #: as read; missing values allowed
    categories: frozenset[str]  #: covariates that are categories
    centre: Ints | None
    centres: list[str]
    stage: pd.Series | None
    folds: Ints | None  #: given by the clinical table
    controls: pd.Series | None
    left_out: list[dict[str, str]] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.ids)

    @property
    def filled(self) -> pd.DataFrame:
        """Features with the median of all patients in place of missing values, for what looks at all patients anyway."""
        return self.features.fillna(self.features.median())

    def with_truth(self, truth: Floats) -> Cohort:
        """The same with another marker."""
        return replace(self, truth=truth)

    def rows(self, keep: Bools) -> Cohort:
        """The same for some of the patients."""
        parts: dict[str, Any] = {
            name: None if (value := getattr(self, name)) is None else value[keep]
            for name in ("features", "truth", "follow_up", "covariates", "centre", "stage", "folds")
        }
        return replace(self, ids=[one for one, kept in zip(self.ids, keep, strict=True) if kept], **parts)


def read_cohort(settings: StudySettings, results: StudyResults) -> Cohort:
    """Read, join and check the tables of a study.

    Parameters
    ----------
    settings : StudySettings
    results : StudyResults
        Gets notes, and the tables left_out and features.

    Returns
    -------
    Cohort
        Patients in the clinical table's order.

    Raises
    ------
    InputError
        If a table cannot be used.
    """

    def remark(text: str) -> None:
        results.note("input", text)

    clinical = settings.clinical
    left_out: list[dict[str, str]] = []
    given = rows_by_id(settings.features, "features", settings.missing_values)
    known = rows_by_id(clinical, "clinical", settings.missing_values)
    ids = _matching(given.frame, known.frame, settings, results, left_out)
    table = known.rows(ids)
    follow_up = {name: table.numbers(name, name) for name in (clinical.time, clinical.event) if name}
    truth = _truth(table, settings, results, follow_up)
    centre = centres_of(table, clinical)
    fold = None if clinical.fold is None else _fold_numbers(table.text(clinical.fold))
    absent = _absent(truth, follow_up, centre, fold)
    features, unused = chosen_features(given.rows(ids), settings.features, clinical, table, remark)
    results.part("cohort").table("unused_columns", [{"feature": name, "reason": why} for name, why in unused.items()])
    keep = _without(absent, ids, settings, results, left_out)
    features, keep = _complete(features, keep, settings, results, left_out)
    covariates = pd.DataFrame(
        {
            name: table.text(name)
            if kind == "category"
            else table.numbers(name, f"covariate {name} (declare it a category if it is one)")
            for name, kind in clinical.covariates.items()
        },
        index=table.frame.index,
    )
    number, centres = (None, []) if centre is None else codes(centre[keep].astype(str), "centre")
    if len(centres) == 1 and (settings.centres.combat or settings.centres.leave_one_out):
        raise InputError(f"all patients come from one centre, {centres[0]}, so there is nothing to harmonise or to leave out")
    results.part("cohort").table("left_out", left_out)
    return Cohort(
        ids=[one for one, kept in zip(ids, keep, strict=True) if kept],
        features=features[keep],
        truth=truth[keep],
        follow_up=FollowUp(*survival_times(*(values[keep] for values in follow_up.values()))) if follow_up else None,
        covariates=covariates[keep],
        categories=frozenset(name for name, kind in clinical.covariates.items() if kind == "category"),
        centre=number,
        centres=centres,
        stage=None if clinical.stage is None else table.text(clinical.stage)[keep],
        folds=None if fold is None else check_folds(fold[keep], int(keep.sum())),
        controls=_controls(settings, results),
        left_out=left_out,
    )


def _fold_numbers(folds: pd.Series) -> pd.Series:
    """Folds as numbers from 0, in the order of their names; NaN where there is none."""
    return folds.map({name: k for k, name in enumerate(in_order(folds.dropna().unique()))})


def _absent(truth: Floats, follow_up: dict[str, Floats], centre: pd.Series | None, fold: pd.Series | None) -> dict[str, Bools]:
    """Patients who lack a value that the study needs."""
    found = {"no outcome": np.isnan(truth), "an infinite outcome": np.isinf(truth)}
    if follow_up:
        found["no follow-up"] = np.logical_or.reduce([~np.isfinite(values) for values in follow_up.values()])
    for reason, values in (("no centre", centre), ("no fold", fold)):
        if values is not None:
            found[reason] = values.isna().to_numpy()
    return found


def _matching(
    given: pd.DataFrame, known: pd.DataFrame, settings: StudySettings, results: StudyResults, left_out: list[dict[str, str]]
) -> list[str]:
    by_row = [name for name in ("features", "clinical") if not getattr(settings, name).id]
    if by_row and len(given) != len(known) and settings.features.table != settings.clinical.table:
        raise InputError(
            f"{' and '.join(by_row)} have no id, so rows are joined by their number, but there are {len(given)} rows "
            "of features "
            f"and {len(known)} of the clinical table; name the columns of ids"
        )
    if by_row and settings.features.table != settings.clinical.table:
        results.note("input", f"{' and '.join(by_row)}: joined by the row's number; nothing shows that rows belong together")
    ids = [str(one) for one in known.index if one in given.index]
    if not ids:
        raise InputError(
            f"no id of {settings.features.table.name} is in {settings.clinical.table.name}: features have "
            f"{listed(sorted(given.index)[:3])}, the clinical table has {listed(sorted(known.index)[:3])}; set id or "
            "id_pattern"
        )
    for source, here, there, text in (
        ("features", given, known, "not in the clinical table"),
        ("clinical", known, given, "no features"),
    ):
        alone = [str(one) for one in here.index if one not in there.index]
        left_out += [{"id": one, "source": source, "reason": text} for one in alone]
        if alone:
            results.note("input", f"{len(alone)} ids of the {source} table have no partner and are left out: {listed(alone)}")
    return ids


def _truth(table: Cells, settings: StudySettings, results: StudyResults, follow_up: dict[str, Floats]) -> Floats:
    clinical = settings.clinical
    if settings.endpoint == "continuous":
        results.names["marker"] = clinical.marker or "marker"  # of threshold cycles: expression, not the cycles
        return marker_of(table, clinical, lambda text: results.note("input", text))
    if settings.endpoint == "survival":
        return follow_up[str(clinical.event)]
    label = table.text(str(clinical.label))
    present = label.notna().to_numpy()
    _, classes = two_classes(label[present].to_numpy(str), str(clinical.label))
    positive = str(classes[1]) if clinical.positive is None else _class_of(clinical.positive, [str(one) for one in classes])
    if positive not in classes:
        raise InputError(
            f"clinical.positive: {positive!r} is not a class of {clinical.label}; it has "
            f"{listed(list(classes))}. Put it in quotes as it stands there: YAML reads yes and no as True and False"
        )
    results.names |= {"marker": str(clinical.label), "positive": positive}
    found = np.full(len(label), np.nan)
    found[present] = (label[present] == positive).to_numpy(dtype=float)
    return found


def _class_of(wanted: str, classes: list[str]) -> str:
    """The class as it stands in the table; 1 may stand there as 1.0, and true as TRUE."""
    alike = [one for one in classes if one.lower() == wanted.lower() or _same_number(one, wanted)]
    return alike[0] if wanted not in classes and len(alike) == 1 else wanted


def _same_number(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _without(
    absent: dict[str, Bools], ids: list[str], settings: StudySettings, results: StudyResults, left_out: list[dict[str, str]]
) -> Bools:
    qpcr = settings.clinical.qpcr
    by_rule = settings.endpoint == "continuous" and qpcr is not None and qpcr.undetermined == "exclude"
    keep = np.ones(len(ids), bool)
    for reason, rows in absent.items():
        who = [one for one, gone in zip(ids, rows & keep, strict=True) if gone]
        if who and settings.clinical.missing == "error" and not (by_rule and reason == "no outcome"):
            raise InputError(
                f"clinical: {reason} for {len(who)} patients ({listed(who)}); fill it in, or set missing: drop_patients"
            )
        if who:
            results.note("input", f"{len(who)} patients are left out, {reason}: {listed(who)}")
        left_out += [{"id": one, "source": "clinical", "reason": reason} for one in who]
        keep &= ~rows
    return keep


def _complete(
    features: pd.DataFrame, keep: Bools, settings: StudySettings, results: StudyResults, left_out: list[dict[str, str]]
) -> tuple[pd.DataFrame, Bools]:
    """Features and patients without missing values, by the rule; every feature is in the table of features."""
    rule, here = settings.features.missing, features[keep]
    gaps = here.isna()
    holes = [str(c) for c in here.columns[gaps.any()]]
    if holes and rule == "error":
        who = [str(one) for one in here.index[gaps.any(axis=1)]]
        raise InputError(
            f"features: {listed(holes)} are missing or infinite in {len(who)} patients ({listed(who)}); "
            "set features.missing to drop_features, drop_patients or impute, or drop these columns"
        )
    described = here.describe()
    constant = constant_columns(here.fillna(here.mean()).to_numpy())
    part = results.part("cohort")
    empty = [name for name in holes if gaps[name].all()]
    dropped = holes if rule == "drop_features" else empty
    reasons = {name: "constant" for name, flat in zip(here.columns, constant, strict=True) if flat} | dict.fromkeys(
        dropped, "missing values"
    )
    part.table(
        "features",
        pd.DataFrame(
            {
                "feature": [str(c) for c in here.columns],
                "n": described.loc["count"].to_numpy().astype(int),
                "missing": gaps.sum().to_numpy(),
                "minimum": described.loc["min"].to_numpy(),
                "median": described.loc["50%"].to_numpy(),
                "maximum": described.loc["max"].to_numpy(),
                "reason": [reasons.get(str(c), "") for c in here.columns],
            }
        ),
    )
    if dropped:
        results.note("input", f"{len(dropped)} features are left out for missing values: {listed(dropped)}")
    if rule == "drop_patients" and holes:
        rows = features.drop(columns=dropped).isna().any(axis=1).to_numpy() & keep
        who = [str(one) for one in features.index[rows]]
        left_out += [{"id": one, "source": "features", "reason": "missing features"} for one in who]
        if who:
            results.note("input", f"{len(who)} patients are left out for missing features: {listed(who)}")
        keep = keep & ~rows
    if rule == "impute" and (imputed := [name for name in holes if name not in dropped]):
        count = int(gaps[imputed].to_numpy().sum())
        results.note("input", f"{count} values of {listed(imputed)} are imputed by the median: of the training folds in the twin")
    if flat := [name for name, reason in reasons.items() if reason == "constant"]:
        results.note("input", f"constant features cannot be tested: {listed(flat)}")
    left = features.drop(columns=dropped)
    if left.shape[1] == 0 or not keep.any():
        raise InputError(
            f"features: {left.shape[1]} features and {int(keep.sum())} patients are left after {rule}; "
            "choose the other rule, or drop the columns with most missing values"
        )
    return left, keep


def _controls(settings: StudySettings, results: StudyResults) -> pd.Series | None:
    if settings.controls is None:
        return None
    rows = rows_by_id(settings.controls, "controls", settings.missing_values)
    values = marker_of(rows, settings.controls, lambda text: results.note("controls", text))
    names, gone = rows.frame.index, np.isnan(values)
    if gone.any():
        results.note("controls", f"{int(gone.sum())} controls have no marker and are left out: {listed(list(names[gone]))}")
    return pd.Series(values[~gone], index=names[~gone])
