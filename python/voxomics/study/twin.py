"""The nested twin: repeated cross-validation of the whole procedure, its permutation test and its bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import clone

from voxomics.engine.errors import InputError
from voxomics.study.checks import Floats, Ints
from voxomics.study.cohort import Cohort, FollowUp
from voxomics.study.correlation import correlation
from voxomics.study.figures import calibration_table, roc_tables
from voxomics.study.models import TASKS, outcome_of, procedure, strata_of
from voxomics.study.nested import CrossPrediction, cross_predict, predicted, selection_frequency
from voxomics.study.prognosis import Resampled, Split, areas_in_time, compare_survival, mark_circular, regress_survival
from voxomics.study.protocol import kept_patients, threshold_of
from voxomics.study.resampling import Bootstrap, PermutationTest, bootstrap, permutation_test
from voxomics.study.results import Part, StudyResults
from voxomics.study.roc import roc
from voxomics.study.settings import StudySettings

Stage: TypeAlias = Callable[[str, int, int], None]  #: what is being done, how many are done, of how many
_OPTIMISM = 200  # bootstrap samples of a Cox model


@dataclass(frozen=True, eq=False)
class Assessment:
    """The nested procedure on one cohort, with one set of folds."""

    runs: list[CrossPrediction]
    scores: pd.DataFrame  #: row = repeat, column = score
    permutation: PermutationTest | None

    @property
    def mean(self) -> dict[str, float]:
        """Scores, mean over the repeats."""
        return {str(name): float(value) for name, value in self.scores.mean().items()}

    def p(self, score: str) -> float | None:
        """Of the permutation test."""
        return None if self.permutation is None else self.permutation.p.get(score)

    @property
    def n_selected(self) -> float:
        """Features selected, mean over the training folds; NaN where the model selects none."""
        masks = [run.selected.sum(axis=1) for run in self.runs if run.selected is not None]
        return float(np.concatenate(masks).mean()) if masks else float("nan")

    @property
    def test(self) -> str:
        """What the p-value is."""
        if self.permutation is None:
            return ""
        return f"permutation of the whole nested procedure, B = {self.permutation.n}, one repeat"


def assess(
    cohort: Cohort, settings: StudySettings, folds: Ints, stage: Stage, what: str, *, combat: bool, within: Ints | None = None
) -> Assessment:
    """Repeated nested cross-validation and its permutation test.

    Parameters
    ----------
    cohort : Cohort
    settings : StudySettings
    folds : ndarray int64 [repeats, n]
        The permutation test uses the first row.
    stage : callable
        Progress.
    what : str
        What the progress calls it.
    combat : bool
    within : ndarray int64 [n], optional
        Permute inside these centres only.
    """
    task, outcome = TASKS[settings.endpoint], outcome_of(cohort, settings.endpoint)
    estimator, X = procedure(cohort, settings, combat=combat)
    runs = []
    for i, fold in enumerate(folds):
        runs.append(cross_predict(estimator, X, outcome, fold))
        stage(f"{what}: repeats", i + 1, len(folds))
    scores = pd.DataFrame([task.score(outcome, run.prediction) for run in runs])
    permutation = None
    if settings.twin.permutations:
        permutation = permutation_test(
            estimator,
            X,
            outcome,
            folds[0],
            task.score,
            statistics=task.tested,
            n=settings.twin.permutations,
            seed=settings.twin.seed,
            within=within,
            n_jobs=settings.twin.threads,
            progress=partial(stage, f"{what}: permutations"),
        )
    return Assessment(runs, scores, permutation)


def run_twin(
    cohort: Cohort, settings: StudySettings, folds: Ints, results: StudyResults, stage: Stage
) -> tuple[Assessment, list[Split]]:
    """The twin's part of the results."""
    part, twin, task = results.part("twin"), settings.twin, TASKS[settings.endpoint]
    found = assess(cohort, settings, folds, stage, "twin", combat=settings.centres.combat)
    estimator, X = procedure(cohort, settings, combat=settings.centres.combat)
    resampled = None
    if twin.bootstrap:
        try:
            resampled = bootstrap(
                estimator,
                X,
                outcome_of(cohort, settings.endpoint),
                task.score,
                k=int(folds[0].max()) + 1,
                labels=strata_of(cohort, settings.endpoint),
                n=twin.bootstrap,
                seed=twin.seed,
                n_jobs=twin.threads,
                progress=partial(stage, "twin: bootstrap"),
            )
        except InputError as error:
            results.note("twin", f"no bootstrap interval: {error}")
    _numbers(part, found, resampled, settings)
    _tables(part, cohort, settings, found, resampled)
    _notes(results, settings, found, resampled)
    prediction = np.mean([run.prediction for run in found.runs], axis=0)
    if settings.protocol.exclude_above is not None:
        kept, values = kept_patients(cohort, settings), []
        for run in found.runs:
            try:
                values.append(correlation(run.prediction[kept], cohort.truth[kept]).r)
            except InputError:
                values.append(0.0)  # a constant prediction orders nobody, as in continuous_scores
        part.number("r_kept", float(np.mean(values)), test="mean of the repeats; no test")
    if settings.endpoint != "survival":
        calibration_table(part, cohort.truth, prediction, classes=settings.endpoint == "binary")
    return found, _groups(part, cohort, settings, found, prediction, results)


def _numbers(part: Part, found: Assessment, resampled: Bootstrap | None, settings: StudySettings) -> None:
    for name, value in found.mean.items():
        low, high = (None, None) if resampled is None else resampled.interval[name]
        tests = ["" if resampled is None else f"percentiles of {len(resampled.samples[name])} bootstrap samples, one repeat"]
        tests.append(found.test if found.p(name) is not None else "")
        part.number(name, value, ci_low=low, ci_high=high, p=found.p(name), test="; ".join(t for t in tests if t))
    part.number("selected", found.n_selected, message="" if found.n_selected >= 0 else "this model selects no features")
    part.number("repeats", len(found.runs))
    part.number("permutations", 0 if found.permutation is None else found.permutation.n)
    part.number("bootstrap", 0 if resampled is None else len(next(iter(resampled.samples.values()))))


def _tables(part: Part, cohort: Cohort, settings: StudySettings, found: Assessment, resampled: Bootstrap | None) -> None:
    event = None if cohort.follow_up is None else cohort.follow_up.event.astype(float)
    known = {"id": cohort.ids, "truth": cohort.truth, "event": event, "kept": kept_patients(cohort, settings)}
    runs = [pd.DataFrame({"repeat": i, "fold": r.folds, "prediction": r.prediction, **known}) for i, r in enumerate(found.runs)]
    part.table("predictions", pd.concat(runs, ignore_index=True))
    part.table("scores", found.scores.rename_axis("repeat").reset_index().melt("repeat", var_name="score"))
    if all(run.selected is not None for run in found.runs):
        names = [str(c) for c in cohort.features.columns]
        extra = ["centre"] if settings.centres.combat else []
        share = selection_frequency(found.runs, names + extra)
        part.table("selection", share.drop(extra).rename_axis("feature").reset_index())
    for name, drawn in (
        ("permutation", found.permutation and found.permutation.null),
        ("bootstrap", resampled and resampled.samples),
    ):
        if drawn:
            part.table(name, pd.DataFrame(drawn).rename_axis("draw").reset_index().melt("draw", var_name="score"))


def _notes(results: StudyResults, settings: StudySettings, found: Assessment, resampled: Bootstrap | None) -> None:
    twin = settings.twin
    for few, text in (
        (twin.repeats < 20, f"{twin.repeats} repeats; 20 or more are advised"),
        (twin.permutations < 999, f"{twin.permutations} permutations; 999 or more are advised"),
        (twin.bootstrap < 999, f"{twin.bootstrap} bootstrap samples; 999 or more are advised"),
        (settings.model != "linear", f"the model is {settings.model}; the protocol remains linear"),
        (settings.centres.combat, "ComBat is fitted in each training fold; the protocol does not harmonise"),
    ):
        if few:
            results.note("twin", text)
    fallbacks = pd.Series([note.split(": ", 1)[1] for run in found.runs for note in run.notes], dtype=object).value_counts()
    total = sum(int(run.folds.max()) + 1 for run in found.runs)
    for fallback, count in fallbacks.items():
        results.note("twin", f"in {count} of {total} training folds: {fallback}")
    if resampled is not None and resampled.failed:
        results.note("twin", f"{len(resampled.failed)} bootstrap samples could not be used: {resampled.failed[0]}")


def fold_thresholds(cohort: Cohort, settings: StudySettings, run: CrossPrediction) -> tuple[Floats, list[str]]:
    """Threshold of each patient, from the other folds alone.

    For a marker it is that of the real marker there. Otherwise it is that of what the model, fitted there, says of its own
    training patients.

    Returns
    -------
    threshold : ndarray float64 [n]
        NaN where none could be found; these patients count as low.
    notes : list of str
    """
    continuous, rule = settings.endpoint == "continuous", settings.protocol.threshold
    outcome = outcome_of(cohort, settings.endpoint)
    labels = cohort.truth if settings.endpoint == "binary" or cohort.follow_up is None else cohort.follow_up.event
    estimator, X = procedure(cohort, settings, combat=settings.centres.combat)
    threshold, notes = np.full(cohort.n, np.nan), []
    for k in range(int(run.folds.max()) + 1):
        train = run.folds != k
        try:
            here = cohort.truth[train] if continuous else predicted(clone(estimator).fit(X[train], outcome[train]), X[train])
            threshold[~train] = threshold_of(rule, here, labels[train], direction="auto" if continuous else "<")[0]
        except InputError as error:
            notes.append(f"fold {k} has no threshold, its patients count as low: {error}")
    return threshold, notes


def _groups(
    part: Part, cohort: Cohort, settings: StudySettings, found: Assessment, prediction: Floats, results: StudyResults
) -> list[Split]:
    follow_up, run = cohort.follow_up, found.runs[0]
    if follow_up is None and settings.endpoint == "continuous" and settings.protocol.threshold == "youden":
        message = "Youden's threshold needs follow-up"
        return [Split("real", cohort.truth, None, np.nan, message), Split("predicted", prediction, None, np.nan, message)]
    threshold, notes = fold_thresholds(cohort, settings, run)
    for note in notes:
        results.note("twin", note)
    missing = bool(np.isnan(threshold).all())
    message = "no training fold has a threshold" if missing else ""
    real = {"continuous": cohort.truth > threshold, "binary": cohort.truth == 1}.get(settings.endpoint)
    splits = [Split("predicted", prediction, None if missing else run.prediction > threshold, np.nan, message)]
    if real is not None:
        splits.insert(0, Split("real", cohort.truth, None if missing else real, np.nan, message))
    each = pd.DataFrame({"repeat": 0, "fold": run.folds, "threshold": threshold})
    part.table(
        "thresholds",
        each.drop_duplicates().sort_values("fold").assign(marker="real" if settings.endpoint == "continuous" else "predicted"),
    )
    curves = {}
    if settings.endpoint == "binary":
        curves["predicted against class"] = roc(cohort.truth, prediction, direction="<")
    if follow_up is not None:
        resampled = Resampled(min(_OPTIMISM, settings.twin.bootstrap), settings.twin.seed, settings.twin.threads)
        _events(part, cohort, follow_up, settings, splits, resampled)
        if settings.endpoint == "continuous" and follow_up.event.any() and not follow_up.event.all():
            curves["predicted against event"] = roc(follow_up.event, prediction, direction="<")
    roc_tables(part, curves)
    return splits


def _events(
    part: Part, cohort: Cohort, follow_up: FollowUp, settings: StudySettings, splits: list[Split], resampled: Resampled
) -> None:
    compare_survival(part, follow_up, splits)
    regress_survival(part, cohort, follow_up, splits, settings.protocol.alpha, resampled if resampled.n else None)
    areas_in_time(part, follow_up, splits)
    if settings.endpoint == "survival":
        mark_circular(part)
