"""The protocol of the paper: select on all patients, cross-validate the regression, compare survival of high and low."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from voxomics.engine.errors import InputError
from voxomics.study.checks import Bools, Floats, Ints, constant_columns
from voxomics.study.cohort import Cohort
from voxomics.study.concordance import concordance
from voxomics.study.correlation import correlation
from voxomics.study.figures import calibration_table, roc_tables
from voxomics.study.groups import mann_whitney
from voxomics.study.models import TASKS, linear_model_of, outcome_of
from voxomics.study.nested import cross_predict
from voxomics.study.prognosis import Split, areas_in_time, compare_survival, mark_circular, regress_survival
from voxomics.study.results import Part, StudyResults
from voxomics.study.roc import Roc, YoudenThreshold, roc
from voxomics.study.screens import coefficient_table, screen_table
from voxomics.study.settings import StudySettings

TOO_GOOD = "invalid: the features were selected on the patients who are predicted here"
NOTHING_SELECTED = (
    "invalid: nothing is selected, and the mean of the other folds is negatively correlated with a patient's value"
)


def leaky_predictions(cohort: Cohort, settings: StudySettings, folds: Ints) -> tuple[pd.DataFrame, Floats]:
    """The screen on all patients, and out-of-fold predictions from the features it selected.

    With nothing selected the training mean (prevalence, or the same hazard) is predicted, as R's lm(y ~ 1).

    Returns
    -------
    screen : DataFrame
    prediction : ndarray float64 [n]
    """
    screen = screen_table(cohort, settings)
    chosen = cohort.filled.loc[:, screen["selected"].to_numpy()].to_numpy(dtype=float)
    X = chosen if chosen.shape[1] else np.zeros((cohort.n, 1))
    estimator = linear_model_of(settings, alpha=1.0)
    return screen, cross_predict(estimator, X, outcome_of(cohort, settings.endpoint), folds).prediction


def run_protocol(cohort: Cohort, settings: StudySettings, folds: Ints, results: StudyResults) -> list[Split]:
    """The protocol's part of the results.

    Returns
    -------
    list of Split
        Real (where there is one) and predicted, with their groups.
    """
    part = results.part("protocol")
    screen, prediction = leaky_predictions(cohort, settings, folds)
    selected = screen.loc[screen["selected"], "feature"].tolist()
    part.table("screen", screen)
    part.number("selected", len(selected))
    part.number("survivors_fdr", int((screen["q"] < settings.protocol.alpha).sum()))
    if selected:
        part.table("coefficients", coefficient_table(cohort, settings, selected))
    else:
        results.note("protocol", "no feature is selected: the mean of the training folds is predicted for every patient")
    event = None if cohort.follow_up is None else cohort.follow_up.event.astype(float)
    kept = kept_patients(cohort, settings)
    features = cohort.features
    known = {"id": cohort.ids, "truth": cohort.truth, "event": event}
    scatter = [pd.DataFrame({**known, "feature": name, "x": features[name].to_numpy()}) for name in selected]
    part.table("scatter", pd.concat(scatter, ignore_index=True) if scatter else [])
    part.table("predictions", pd.DataFrame({"repeat": 0, "fold": folds, "prediction": prediction, "kept": kept, **known}))
    _scores(part, cohort, settings, prediction, kept, results)
    if settings.endpoint != "survival":
        calibration_table(part, cohort.truth, prediction, classes=settings.endpoint == "binary")
    return _groups(part, cohort, settings, prediction, results)


def kept_patients(cohort: Cohort, settings: StudySettings) -> Bools:
    """Who stays under the exclusion that is declared post hoc."""
    above = settings.protocol.exclude_above
    return np.ones(cohort.n, bool) if above is None else cohort.truth <= above


def _scores(part: Part, cohort: Cohort, settings: StudySettings, prediction: Floats, kept: Bools, results: StudyResults) -> None:
    task = TASKS[settings.endpoint]
    found = task.score(outcome_of(cohort, settings.endpoint), prediction)
    tests: dict[str, dict[str, Any]] = {}
    if constant_columns(prediction[:, None])[0]:
        tests[task.main] = {"message": "the prediction is the same for every patient"}
    elif settings.endpoint == "continuous":
        tests["r"] = _correlated(prediction, cohort.truth)
    elif settings.endpoint == "binary":
        curve, case = roc(cohort.truth, prediction, direction="<"), cohort.truth == 1
        p = mann_whitney(prediction[case], prediction[~case]).p
        tests["auc"] = {"ci_low": curve.ci_low, "ci_high": curve.ci_high, "p": p, "test": f"DeLong, Mann–Whitney; {TOO_GOOD}"}
    elif cohort.follow_up is not None:
        c, se = concordance(prediction, cohort.follow_up.time, cohort.follow_up.event)
        z = float(stats.norm.ppf(0.975))
        two_sided = float(2 * stats.norm.sf(abs(c - 0.5) / se)) if se else None
        tests["c"] = {"ci_low": c - z * se, "ci_high": c + z * se, "p": two_sided, "test": f"normal; {TOO_GOOD}"}
    if not part.numbers["selected"].value and "test" in tests.get(task.main, {}):
        tests[task.main]["test"] = NOTHING_SELECTED
    for name, value in found.items():
        part.number(name, value, **tests.get(name, {}))
    if settings.protocol.exclude_above is not None:
        text = (
            f"{int((~kept).sum())} patients above {settings.protocol.exclude_above:g} are left out of r_kept, "
            "declared post hoc"
        )
        results.note("protocol", text)
        try:
            part.number(
                "r_kept", correlation(prediction[kept], cohort.truth[kept]).r, **_correlated(prediction[kept], cohort.truth[kept])
            )
        except InputError as error:
            part.number("r_kept", None, message=str(error))


def _correlated(prediction: Floats, truth: Floats) -> dict[str, Any]:
    found = correlation(prediction, truth)
    return {"ci_low": found.ci_low, "ci_high": found.ci_high, "p": found.p, "test": f"cor.test; {TOO_GOOD}"}


def threshold_of(rule: str | float, values: Floats, labels: Any, *, direction: Any = "auto") -> tuple[float, Roc | None]:
    """Threshold between high and low, and the curve it was read from."""
    if rule == "median":
        return float(np.median(values)), None
    if isinstance(rule, float | int):
        return float(rule), None
    if len(np.unique(labels)) < 2:
        raise InputError(
            "Youden's threshold needs patients with and without the event; "
            f"all {len(labels)} patients are in the same class"
        )
    found = YoudenThreshold(direction).fit(values, labels)
    return float(found.threshold_), found.roc_


def _groups(part: Part, cohort: Cohort, settings: StudySettings, prediction: Floats, results: StudyResults) -> list[Split]:
    """Thresholds as in the paper: of the real marker, applied to both; without a real marker of the prediction itself."""
    continuous = settings.endpoint == "continuous"
    follow_up, rule = cohort.follow_up, settings.protocol.threshold
    labels = cohort.truth if settings.endpoint == "binary" else None if follow_up is None else follow_up.event
    curves: dict[str, Roc] = {}
    against = "class" if settings.endpoint == "binary" else "event"
    threshold, message, high = float("nan"), "", None
    values = cohort.truth if continuous else prediction
    try:
        if labels is not None and len(np.unique(labels)) == 2:
            for name, scores in {"real": cohort.truth, "predicted": prediction}.items():
                if continuous or name == "predicted":
                    curves[f"{name} against {against}"] = roc(labels, scores, direction="auto" if name == "real" else "<")
        if labels is None and rule == "youden":
            raise InputError("Youden's threshold needs follow-up; give time and event, or choose median or a number")
        threshold, _ = threshold_of(rule, values, labels, direction="auto" if continuous else "<")
        high = prediction > threshold
    except InputError as error:
        message = str(error)
        results.note("protocol", f"no high and low group: {message}")
    roc_tables(part, curves)
    part.number("threshold", threshold, message=message)
    splits = [Split("predicted", prediction, high, threshold, message)]
    if continuous:
        splits.insert(0, Split("real", cohort.truth, None if high is None else cohort.truth > threshold, threshold, message))
    elif settings.endpoint == "binary":
        splits.insert(0, Split("real", cohort.truth, cohort.truth == 1, 0.5))
    if follow_up is not None:
        compare_survival(part, follow_up, splits)
        regress_survival(part, cohort, follow_up, splits, settings.protocol.alpha)
        areas_in_time(part, follow_up, splits)
        if settings.endpoint == "survival":
            mark_circular(part)
    return splits
