"""The same study with other splits and other choices: centres left out, ComBat, Spearman, log marker, exclusion."""

from __future__ import annotations

from typing import Any

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.study.checks import Floats, Ints
from voxomics.study.cohort import Cohort
from voxomics.study.correlation import correlation
from voxomics.study.folds import check_folds
from voxomics.study.models import TASKS, outcome_of
from voxomics.study.protocol import kept_patients, leaky_predictions
from voxomics.study.qpcr import log_marker
from voxomics.study.results import Part, StudyResults
from voxomics.study.settings import StudySettings
from voxomics.study.twin import Assessment, Stage, assess

RANDOM, LEFT_OUT = "random folds", "leave one centre out"


def run_centres(
    cohort: Cohort, settings: StudySettings, folds: Ints, main: Assessment, results: StudyResults, stage: Stage
) -> None:
    """Tables designs and by_centre: random folds and every centre left out once, each with and without ComBat.

    Leaving a centre out is tested by permuting inside centres. Its pooled score holds differences between centres; the
    scores in each centre do not.
    """
    if cohort.centre is None:
        return
    part, task = results.part("centres"), TASKS[settings.endpoint]
    designs = [RANDOM] + ([LEFT_OUT] if settings.centres.leave_one_out else [])
    rows, inside = [], []
    for design in designs:
        for combat in (False, True) if settings.centres.combat else (False,):
            if design == RANDOM and combat == settings.centres.combat:
                found = main
            else:
                vectors = folds if design == RANDOM else check_folds(cohort.centre, cohort.n)[None, :]
                within = None if design == RANDOM else cohort.centre
                what = f"{design}{', ComBat' if combat else ''}"
                try:
                    found = assess(cohort, settings, vectors, stage, what, combat=combat, within=within)
                except InputError as error:
                    results.note("centres", f"{what} could not be done: {error}")
                    continue
            test = found.test + (", inside centres" if design == LEFT_OUT and found.test else "")
            rows += [
                {"design": design, "combat": combat, "score": score, "value": value, "p": found.p(score)}
                | {"test": test if found.p(score) is not None else ""}
                for score, value in found.mean.items()
            ]
            prediction = np.mean([run.prediction for run in found.runs], axis=0)
            inside += _by_centre(cohort, settings, prediction, {"design": design, "combat": combat, "score": task.main})
    part.table("designs", rows)
    part.table("by_centre", inside)
    sizes = np.bincount(cohort.centre)
    small = [f"{name} ({n})" for name, n in zip(cohort.centres, sizes, strict=True) if n < 3]
    if small and settings.centres.combat:
        results.note("centres", f"fewer than 3 patients, so never harmonised: {', '.join(small)}")
    if settings.centres.combat and settings.centres.leave_one_out:
        results.note("centres", "ComBat is not fitted to a centre that is left out: its features are used unchanged")


def _by_centre(cohort: Cohort, settings: StudySettings, prediction: Floats, what: dict[str, Any]) -> list[dict[str, Any]]:
    task, outcome = TASKS[settings.endpoint], outcome_of(cohort, settings.endpoint)
    rows = []
    for number, name in enumerate(cohort.centres):
        mine = np.asarray(cohort.centre == number)
        row = what | {"centre": name, "n": int(mine.sum())}
        try:
            row["value"] = task.score(outcome[mine], prediction[mine])[task.main]
        except InputError as error:
            row["message"] = str(error)
        rows.append(row)
    return rows


def run_sensitivity(
    cohort: Cohort, settings: StudySettings, folds: Ints, main: Assessment, results: StudyResults, stage: Stage
) -> None:
    """Table choices: protocol and twin once more for each choice, on the same folds."""
    rows = _compared("main", cohort, settings, folds, main)
    for name in settings.sensitivity:
        try:
            other, how, keep = _changed(name, cohort, settings)
            vectors = np.array([check_folds(fold[keep], other.n) for fold in folds])
            found = assess(other, how, vectors, stage, name, combat=settings.centres.combat)
            rows += _compared(name, other, how, vectors, found)
        except InputError as error:
            rows += [{"analysis": name, "side": side, "message": str(error)} for side in ("protocol", "twin")]
            results.note("sensitivity", f"{name} could not be done: {error}")
    part: Part = results.part("sensitivity")
    part.table("choices", rows)


def _changed(name: str, cohort: Cohort, settings: StudySettings) -> tuple[Cohort, StudySettings, Any]:
    """Cohort, settings, and which patients stay."""
    everybody = np.ones(cohort.n, bool)
    if name == "spearman":
        protocol = settings.protocol.model_copy(update={"method": "spearman"})
        return cohort, settings.model_copy(update={"protocol": protocol}), everybody
    if name == "log_marker":
        return cohort.with_truth(log_marker(cohort.truth)), settings, everybody
    keep = kept_patients(cohort, settings)
    return cohort.rows(keep), settings, keep


def _compared(name: str, cohort: Cohort, settings: StudySettings, folds: Ints, found: Assessment) -> list[dict[str, Any]]:
    screen, prediction = leaky_predictions(cohort, settings, folds[0])
    rows = []
    for score, value in TASKS[settings.endpoint].score(cohort.truth, prediction).items():
        row = {"analysis": name, "side": "protocol", "n": cohort.n, "n_selected": int(screen["selected"].sum())}
        p = None
        if score == "r" and value != 0:
            p = correlation(prediction, cohort.truth).p
        rows.append(row | {"score": score, "value": value, "p": p, "test": "cor.test, invalid" if p is not None else ""})
    for score, value in found.mean.items():
        row = {"analysis": name, "side": "twin", "n": cohort.n, "n_selected": found.n_selected}
        p = found.p(score)
        rows.append(row | {"score": score, "value": value, "p": p, "test": found.test if p is not None else ""})
    return rows
