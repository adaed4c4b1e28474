"""Rows of tables that several parts share: ROC curves, calibration, operating points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy import stats

from voxomics.study.checks import Floats
from voxomics.study.logistic import calibration
from voxomics.study.results import Part
from voxomics.study.roc import Roc

_BINS = 5


def roc_tables(part: Part, curves: Mapping[str, Roc]) -> None:
    """Tables roc, roc_areas and operating_points of named curves."""
    points, areas, best = [], [], []
    for name, curve in curves.items():
        columns = {"threshold": curve.thresholds, "sensitivity": curve.sensitivities, "specificity": curve.specificities}
        points.append(pd.DataFrame(columns).assign(curve=name))
        limits = {"value": curve.auc, "ci_low": curve.ci_low, "ci_high": curve.ci_high, "direction": curve.direction}
        areas.append({"curve": name, **limits, "n_cases": curve.n_cases, "n_controls": curve.n_controls})
        for i, point in enumerate(curve.best):
            kept = {key: value for key, value in asdict(point).items() if key not in ("tp", "tn", "fp", "fn")}
            best.append({"curve": name, **kept, "chosen": i == 0})
    part.table("roc", pd.concat(points, ignore_index=True) if points else [])
    part.table("roc_areas", areas)
    part.table("operating_points", best)


def calibration_table(part: Part, truth: Floats, prediction: Floats, *, classes: bool) -> None:
    """Table calibration: mean outcome in fifths of the prediction, with Student's or (for classes) Wilson's interval.

    For classes also the numbers slope and intercept; a marker has them among its scores.
    """
    rows = []
    for i, mine in enumerate(np.array_split(np.argsort(prediction, kind="stable"), min(_BINS, len(truth)))):
        n, mean = len(mine), float(truth[mine].mean())
        if classes:
            limits = stats.binomtest(int(truth[mine].sum()), n).proportion_ci(method="wilson")
            low, high = float(limits.low), float(limits.high)
        else:
            error = float(stats.sem(truth[mine])) if n > 1 else float("nan")
            half = float(stats.t.ppf(0.975, n - 1)) * error if n > 1 else float("nan")
            low, high = mean - half, mean + half
        expected = float(prediction[mine].mean())
        rows.append({"bin": i, "n": n, "expected": expected, "observed": mean, "ci_low": low, "ci_high": high})
    part.table("calibration", rows)
    if classes:
        model = calibration(truth, prediction) if np.ptp(prediction) > 0 else None
        for i, name in enumerate(("intercept", "slope")):
            if model is None:
                part.number(name, None, message="the prediction is the same for every patient")
            else:
                low, high = float(np.log(model.ci_low[i])), float(np.log(model.ci_high[i]))
                part.number(name, model.coef[i], ci_low=low, ci_high=high, test="Wald", message=model.message)
