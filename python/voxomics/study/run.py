"""Run a whole study: read the tables, run the protocol and the nested twin, and keep all results."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from threadpoolctl import threadpool_limits

from voxomics._version import __version__
from voxomics.engine.errors import InputError
from voxomics.study.checks import Ints
from voxomics.study.cohort import Cohort, read_cohort
from voxomics.study.figures import roc_tables
from voxomics.study.folds import repeated_folds
from voxomics.study.groups import against_controls
from voxomics.study.models import model_of, strata_of
from voxomics.study.prognosis import Split
from voxomics.study.protocol import kept_patients, run_protocol
from voxomics.study.results import StudyResults, make_folder
from voxomics.study.roc import roc
from voxomics.study.settings import StudySettings
from voxomics.study.twin import Assessment, Stage, run_twin
from voxomics.study.variants import run_centres, run_sensitivity

_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "lifelines")


def study(
    settings: StudySettings | Mapping[str, Any] | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    progress: Stage | None = None,
) -> StudyResults:
    """Run a study: the protocol of the paper and the nested twin.

    Parameters
    ----------
    settings : StudySettings, mapping or path of a STUDY.yaml
    out : path, optional
        Folder for results.json and tables/*.csv; made where it does not exist.
    progress : callable, optional
        Called with what is being done, how many are done, and of how many.

    Returns
    -------
    StudyResults
        The same for any number of threads.

    Raises
    ------
    SettingsError
        Settings that do not exist or contradict each other.
    InputError
        Tables that cannot be used; the message names columns and patients.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40)})
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "cohort.csv"
    >>> table.assign(marker=table["a"] + rng.normal(size=40)).to_csv(path, index=False)
    >>> found = study({"features": {"table": path}, "clinical": {"table": path, "marker": "marker"},
    ...                "twin": {"repeats": 2, "permutations": 19, "bootstrap": 0}})
    >>> found.parts["twin"].numbers["r"].p
    0.05
    """
    chosen = StudySettings.of(settings)
    results = StudyResults(chosen.title, chosen.endpoint, _names(chosen), chosen.shown(), _versions())
    if out is not None:
        make_folder(Path(out))
    # One BLAS thread: for matrices this small it is ten times as fast, and sums do not depend on the machine's cores.
    with threadpool_limits(1), parallel_config("loky", inner_max_num_threads=1):
        _run(chosen, results, progress if progress is not None else _silent)
    if out is not None:
        results.write(Path(out))
    return results


def _run(chosen: StudySettings, results: StudyResults, stage: Stage) -> None:
    for remark in chosen.remarks:
        results.note("input", remark)
    cohort = read_cohort(chosen, results)
    _refuse_hopeless(cohort, chosen)
    _describe(cohort, results)
    if cohort.controls is not None:
        _compare_with_controls(cohort, cohort.controls, results)
    folds = _folds(cohort, chosen)
    splits = run_protocol(cohort, chosen, folds[0], results)
    found, honest = run_twin(cohort, chosen, folds, results, stage)
    if chosen.centres.combat or chosen.centres.leave_one_out:
        run_centres(cohort, chosen, folds, found, results, stage)
    if chosen.sensitivity:
        run_sensitivity(cohort, chosen, folds, found, results, stage)
    _list_patients(cohort, chosen, folds, splits, found, honest, results)


def _silent(what: str, done: int, total: int) -> None:
    """No progress."""


def _names(settings: StudySettings) -> dict[str, str]:
    clinical = settings.clinical
    named = {
        "unit": settings.unit,
        "time": clinical.time,
        "event": clinical.event,
        "centre": clinical.centre,
        "stage": clinical.stage,
    }
    return {key: value for key, value in named.items() if value}


def _versions() -> dict[str, str]:
    found = {"voxomics": __version__, "python": platform.python_version()}
    return found | {name: metadata.version(name) for name in _LIBRARIES}


def _refuse_hopeless(cohort: Cohort, settings: StudySettings) -> None:
    """Refuse a cohort that no part of the study can analyse."""
    model_of(settings)
    k = settings.protocol.folds
    if cohort.n < 3:
        raise InputError(f"{cohort.n} patients are left; a study needs at least 3, and many more for a reliable result")
    if cohort.folds is None and cohort.n < k:
        raise InputError(f"{cohort.n} patients cannot fill {k} folds; set protocol.folds to {max(cohort.n // 2, 2)} or fewer")
    if settings.endpoint == "continuous":
        if np.ptp(cohort.truth) == 0:
            raise InputError("the marker has a single value, so nothing can correlate with it")
        return
    cases = int(cohort.truth.sum())
    if settings.endpoint == "survival" and cases < 2:
        raise InputError(f"{cases} events among {cohort.n} patients; a survival endpoint needs at least 2")
    if settings.endpoint == "binary" and min(cases, cohort.n - cases) < 2:
        raise InputError(f"{cases} cases and {cohort.n - cases} others; each class needs at least 2")


def _folds(cohort: Cohort, settings: StudySettings) -> Ints:
    """Fold vectors [repeats, n]; those of the table come first."""
    k = settings.protocol.folds if cohort.folds is None else int(cohort.folds.max()) + 1
    drawn = repeated_folds(cohort.n, k, settings.twin.repeats, settings.twin.seed, labels=strata_of(cohort, settings.endpoint))
    if cohort.folds is not None:
        drawn[0] = cohort.folds
    return drawn


def _describe(cohort: Cohort, results: StudyResults) -> None:
    part = results.part("cohort")
    part.number("patients", cohort.n)
    part.number("features", cohort.features.shape[1])
    if cohort.follow_up is not None:
        events = int(cohort.follow_up.event.sum())
        part.number("events", events)
        if events == 0:
            results.note("cohort", "all patients are censored: survival cannot be analysed")
    if results.endpoint == "binary":
        part.number("cases", int(cohort.truth.sum()))
    rows: list[dict[str, Any]] = []
    for name in cohort.covariates.columns:
        values = cohort.covariates[name].dropna()
        if name in cohort.categories:
            counts = values.astype(str).value_counts().sort_index()
            rows += [{"covariate": name, "level": level, "n": n, "share": n / len(values)} for level, n in counts.items()]
        else:
            numbers = values.astype(float)
            row = {"covariate": name, "level": "", "n": len(values), "share": 1.0}
            what = ("mean", "sd", "median", "minimum", "maximum")
            rows.append(row | dict(zip(what, numbers.agg(["mean", "std", "median", "min", "max"]), strict=True)))
        if len(values) < cohort.n:
            results.note("cohort", f"{name} is missing in {cohort.n - len(values)} patients; Cox models leave these out")
    part.table("baseline", rows)
    both = [str(name) for name in cohort.covariates.columns if name in cohort.features.columns]
    if both:
        results.note(
            "cohort",
            f"{', '.join(both)}: these covariates are features too, and are left out of the Cox model with the prediction",
        )


def _compare_with_controls(cohort: Cohort, controls: pd.Series, results: StudyResults) -> None:
    part = results.part("controls")
    part.number("controls", len(controls))
    try:
        tests = against_controls(cohort.truth, controls, cohort.stage)
    except InputError as error:
        results.note("controls", str(error))
        return
    part.table("against_controls", tests.rename_axis("group").reset_index())
    values = pd.DataFrame({"id": cohort.ids, "group": "patients", "value": cohort.truth})
    healthy = pd.DataFrame({"id": controls.index, "group": "controls", "value": controls.to_numpy()})
    part.table("values", pd.concat([values, healthy], ignore_index=True))
    labels = np.repeat([0, 1], [len(controls), cohort.n])
    curve = roc(labels, np.concatenate([controls, cohort.truth]))
    roc_tables(part, {"patients against controls": curve})
    part.number("threshold", curve.best[0].threshold)


def _list_patients(
    cohort: Cohort,
    settings: StudySettings,
    folds: Ints,
    splits: list[Split],
    found: Assessment,
    honest: list[Split],
    results: StudyResults,
) -> None:
    known: dict[str, Any] = {
        "id": cohort.ids,
        "truth": cohort.truth,
        "protocol_fold": folds[0],
        "kept": kept_patients(cohort, settings),
    }
    if cohort.follow_up is not None:
        known |= {"time": cohort.follow_up.time, "event": cohort.follow_up.event.astype(int)}
    if cohort.centre is not None:
        known["centre"] = np.array(cohort.centres)[cohort.centre]
    for side, groups in (("protocol", splits), ("twin", honest)):
        for split in groups:
            known[f"{side}_{split.marker}_high"] = split.high
            if split.marker == "predicted":
                known[f"{side}_prediction"] = split.values
    results.part("cohort").table("patients", pd.DataFrame(known))
