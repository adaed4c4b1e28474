"""Survival of high and low groups for protocol and twin: Kaplan–Meier, log-rank, Cox models, time-dependent AUC."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats
from voxomics.study.cohort import Cohort, FollowUp
from voxomics.study.concordance import time_dependent_auc
from voxomics.study.cox import CoxModel, ScreenedCox, cox
from voxomics.study.hazards import proportional_hazards
from voxomics.study.metrics import survival_scores
from voxomics.study.resampling import optimism
from voxomics.study.results import Part
from voxomics.study.survival import kaplan_meier, log_rank

Rows: TypeAlias = defaultdict[str, list[dict[str, Any]]]
_TICKS = (1, 2, 2.5, 3, 5, 6, 10)  # steps of a time axis, times a power of ten
_MOST_TICKS = 8
CIRCULAR = (
    "p is not valid: each patient was predicted from the survival of the other patients; "
    "use the permutation test of the concordance"
)


@dataclass(frozen=True, eq=False)
class Split:
    """A marker, and the patients that it calls high."""

    marker: str  #: "real" or "predicted"
    values: Floats
    high: Bools | None  #: None: no threshold could be found
    threshold: float  #: NaN where every fold has its own
    message: str = ""


@dataclass(frozen=True)
class Resampled:
    """How often models are resampled for their optimism, from which seed, by how many workers."""

    n: int
    seed: int
    threads: int


def ticks(end: float) -> Floats:
    """Round times from 0 to the end of follow-up.

    Examples
    --------
    >>> ticks(93.0).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if not end > 0:
        return np.zeros(1)
    power = 10.0 ** np.floor(np.log10(end / _MOST_TICKS))
    step = next(s * power for s in _TICKS if end / (s * power) <= _MOST_TICKS)
    return np.arange(0.0, end + step * 1e-9, step)


def compare_survival(part: Part, follow_up: FollowUp, splits: Sequence[Split]) -> None:
    """Tables km, at_risk, groups and log_rank of each marker's high and low group."""
    rows: Rows = defaultdict(list)
    moments = ticks(float(follow_up.time.max()))
    for split in splits:
        row: dict[str, Any] = {"marker": split.marker, "threshold": split.threshold, "message": split.message}
        rows["log_rank"].append(row)
        if split.high is None:
            continue
        expected: dict[Any, tuple[float, float]] = {}
        try:
            test = log_rank(follow_up.time, follow_up.event, split.high)
            row |= {"chi2": test.chi2, "df": test.df, "p": test.p}
            expected = {g: (o, e) for g, o, e in zip(test.groups, test.observed, test.expected, strict=True)}
        except InputError as error:
            row["message"] = str(error)
        for high in (True, False):
            if (mine := split.high == high).any():
                _curve(rows, follow_up[mine], split.marker, high, moments, expected.get(high))
    for name in ("km", "at_risk", "groups", "log_rank"):
        part.table(name, rows[name])


def _curve(rows: Rows, follow_up: FollowUp, marker: str, high: bool, moments: Floats, counts: tuple[float, float] | None) -> None:
    who = {"marker": marker, "group": "high" if high else "low"}
    time, event = follow_up.time, follow_up.event
    curve = kaplan_meier(time, event)
    rows["km"].append(who | {"time": 0.0, "survival": 1.0, "ci_low": 1.0, "ci_high": 1.0, "n_risk": len(time)} | _NOBODY)
    steps = (curve.time, curve.survival, curve.ci_low, curve.ci_high, curve.n_risk, curve.n_event, curve.n_censor)
    names = ("time", "survival", "ci_low", "ci_high", "n_risk", "n_event", "n_censor")
    rows["km"] += [who | dict(zip(names, step, strict=True)) for step in zip(*steps, strict=True)]
    rows["at_risk"] += [who | {"time": t, "n_risk": int((time >= t).sum())} for t in moments]
    observed, expected = counts or (float(event.sum()), float("nan"))
    rows["groups"].append(
        who
        | {"n": curve.n, "events": curve.events, "observed": observed, "expected": expected}
        | {"median": curve.median, "ci_low": curve.median_ci_low, "ci_high": curve.median_ci_high}
    )


_NOBODY = {"n_event": 0, "n_censor": 0}


def covariate_blocks(cohort: Cohort) -> dict[str, pd.DataFrame]:
    """Covariates as columns of numbers: a number is one column, a category one for each level but the first."""
    blocks = {}
    for name in cohort.covariates.columns:
        given = cohort.covariates[name]
        if name not in cohort.categories:
            blocks[str(name)] = pd.DataFrame({str(name): given.to_numpy(dtype=float)})
            continue
        levels = sorted(given.dropna().unique(), key=lambda level: (str(type(level)), level))
        columns = {f"{name}={level}": np.where(given.isna(), np.nan, given == level) for level in levels[1:]}
        columns = columns or {str(name): np.where(given.isna(), np.nan, 0.0)}  # one level alone: constant
        blocks[str(name)] = pd.DataFrame(columns, dtype=float)
    return blocks


def regress_survival(
    part: Part, cohort: Cohort, follow_up: FollowUp, splits: Sequence[Split], alpha: float, resampled: Resampled | None = None
) -> None:
    """Cox models: each covariate and marker alone, then each marker beside the covariates with p < alpha.

    A category enters by its likelihood-ratio test. Every model uses the patients who have all its covariates. A covariate
    that is a feature too never stands beside the prediction that was made of it: given the covariate, an out-of-fold
    prediction tells which fold a patient was in, and so the outcome.
    """
    rows: Rows = defaultdict(list)
    covariates = covariate_blocks(cohort)
    markers = {split.marker: pd.DataFrame({split.marker: split.values}) for split in splits}
    significant = []
    for name, block in {**covariates, **markers}.items():
        model, have = _fit(rows, "univariate", block, follow_up)
        p = np.nan if model is None else model.p[0] if len(model.terms) == 1 else model.likelihood_ratio.p
        if name in covariates and p < alpha:
            significant.append(name)
    features = set(cohort.features.columns)
    together = {
        marker: [*(covariates[name] for name in significant if marker == "real" or name not in features), block]
        for marker, block in markers.items()
    }
    if significant and "real" not in markers:
        together = {"clinical": [covariates[name] for name in significant], **together}
    for name, blocks in together.items():
        table = pd.concat(blocks, axis=1)
        model, have = _fit(rows, name, table, follow_up)
        if model is not None:
            _describe(rows, name, model, table[have], follow_up[have], resampled)
    for name in ("cox", "cox_models", "proportional_hazards"):
        part.table(name, rows[name])


def _fit(rows: Rows, name: str, table: pd.DataFrame, follow_up: FollowUp) -> tuple[CoxModel | None, Bools]:
    have = table.notna().all(axis=1).to_numpy()
    who = {"model": name, "n": int(have.sum()), "events": int(follow_up.event[have].sum())}
    try:
        if not have.any():
            raise InputError("no patient has every covariate of this model")
        model = cox(table[have], follow_up.time[have], follow_up.event[have])
    except InputError as error:
        rows["cox"] += [who | {"term": term, "message": str(error)} for term in table.columns]
        return None, have
    estimates = model.table().rename_axis("term").reset_index().to_dict(orient="records")
    rows["cox"] += [who | {str(k): v for k, v in one.items()} | {"concordance": model.concordance} for one in estimates]
    rows["cox"] += [who | {"term": term, "message": "collinear or constant: left out"} for term in model.dropped]
    return model, have


def _describe(
    rows: Rows, name: str, model: CoxModel, table: pd.DataFrame, follow_up: FollowUp, resampled: Resampled | None
) -> None:
    row = {"model": name, "n": model.n, "events": model.events, "events_per_variable": model.events_per_variable}
    row |= {"concordance": model.concordance, "likelihood_ratio_p": model.likelihood_ratio.p, "message": model.message}
    X, y = table[model.terms].to_numpy(), follow_up.outcome
    if resampled is not None:
        n, seed, workers = resampled.n, resampled.seed, resampled.threads
        try:
            found = optimism(ScreenedCox(alpha=1), X, y, survival_scores, n=n, seed=seed, n_jobs=workers)
            row |= {"optimism": found.optimism["c"], "corrected": found.corrected["c"]}
        except InputError as error:
            row["message"] = f"no optimism: {error}"
    try:
        hazards = proportional_hazards(X, follow_up.time, follow_up.event, names=model.terms)
        tests = {**hazards.terms, "GLOBAL": hazards.overall}
        rows["proportional_hazards"] += [
            {"model": name, "term": term, "chi2": test.chi2, "df": test.df, "p": test.p} for term, test in tests.items()
        ]
    except InputError as error:
        row["message"] = row["message"] or f"no test of proportional hazards: {error}"
    rows["cox_models"].append(row)


def mark_circular(part: Part) -> None:
    """State in the tables cox and log_rank that the p-values of a prediction of survival itself are not valid.

    Out-of-fold predictions depend on each other through the outcome that is tested: without any association, 80 patients and
    20 features, a quarter of the p-values fell below 0.05 (tests/study/test_unusual_cohorts.py).
    """
    for table, column in (("cox", "term"), ("log_rank", "marker")):
        data = part.tables[table].data
        data.loc[(data[column] == "predicted") & data["p"].notna(), "message"] = CIRCULAR


def areas_in_time(part: Part, follow_up: FollowUp, splits: Sequence[Split]) -> None:
    """Table time_dependent_auc at the quartiles of the event times; high values mean early events."""
    rows = []
    moments = np.unique(np.quantile(follow_up.time[follow_up.event], [0.25, 0.5, 0.75])) if follow_up.event.any() else np.empty(0)
    usable = [t for t in moments if (follow_up.time > t).any()]
    for split in splits:
        if usable:
            areas = time_dependent_auc(split.values, follow_up.time, follow_up.event, usable)
            rows += [{"marker": split.marker, "time": t, "auc": a} for t, a in zip(usable, areas, strict=True)]
    part.table("time_dependent_auc", rows)
