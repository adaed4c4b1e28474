"""CLEAR and METRICS: what a run can answer is filled in with its numbers, the rest is left to the authors.

Item numbers are those of Kocak et al., Insights into Imaging 2023;14:75 (CLEAR) and 2024;15:8 (METRICS); the wording is ours.
A run never claims a point for the authors: METRICS is not summed here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

import pandas as pd

from voxomics.report.sentences import MAIN, estimate
from voxomics.report.tables import SCORE_NAMES, number
from voxomics.study.results import StudyResults
from voxomics.study.variants import LEFT_OUT

AUTHORS = "for the authors"


@dataclass(frozen=True)
class Item:
    """One item of a checklist, with the answer of the run, if any."""

    number: int
    section: str
    text: str
    answer: str = ""
    weight: float = 0.0  #: of METRICS; 0 in CLEAR


_GAPS = {
    "error": "missing values are an error",
    "drop_features": "features with missing values are left out",
    "drop_patients": "patients with missing values are left out",
    "impute": "missing values are replaced by the median (in the twin, by that of the training folds)",
}
_MODELS = {
    "linear": "Features screened univariately at p < {alpha:g}, collinear columns dropped, then regression",
    "elastic_net": "Elastic net",
    "random_forest": "Random forest",
    "boosting": "Histogram gradient boosting",
    "cox_elastic_net": "Cox regression with an elastic net",
    "random_survival_forest": "Random survival forest",
}


def clear(results: StudyResults) -> list[Item]:
    """The 58 items of CLEAR."""
    return _items("CLEAR", _clear_answers(results))


def metrics(results: StudyResults) -> list[Item]:
    """The 30 items of METRICS with their weights."""
    return _items("METRICS", _metrics_answers(results))


def _items(checklist: str, answers: dict[int, str]) -> list[Item]:
    text = resources.files("voxomics.report").joinpath("checklists.csv").read_text(encoding="utf-8")
    return [
        Item(
            int(row["number"]),
            row["section"],
            row["item"],
            answers.get(int(row["number"]), ""),
            float(row["weight"] or 0),
        )
        for row in csv.DictReader(text.splitlines())
        if row["checklist"] == checklist
    ]


def _clear_answers(results: StudyResults) -> dict[int, str]:
    cohort, settings = results.parts["cohort"], results.settings
    gone = len(_table(results, "cohort", "left_out"))
    covariates = ", ".join(settings["clinical"]["covariates"])
    given = settings["features"]
    passed = results.parts["protocol"].numbers["selected"].value
    found = {
        15: _partition(results),
        17: f"Covariates: {covariates}." if covariates else "",
        27: (
            f"{number(cohort.numbers['features'].value)} features were analysed; {number(passed)} passed the screen "
            "on all patients."
        ),
        23: f"Features discretised by {given['discretisation']}." if given["discretisation"] else "",
        24: f"Features of the image type {given['image_type']}." if given["image_type"] else "",
        29: f"Features: {_GAPS[given['missing']]}. Outcomes: {_GAPS[settings['clinical']['missing']]}.",
        32: "ComBat is fitted in the training folds." if settings["centres"]["combat"] else "",
        33: _reduction(results),
        34: _model(results),
        35: f"Seed {settings['twin']['seed']}; libraries: "
        + ", ".join(f"{k} {v}" for k, v in results.versions.items())
        + ".",
        37: (
            f"One model, chosen in the settings ({settings['model'].replace('_', ' ')}); this run compared no other "
            "models."
        ),
        38: _partition(results),
        39: _measures(results),
        40: _uncertainty(results),
        42: _cox(results),
        43: "The coefficients, and how often each feature was selected." if settings["model"] == "linear" else "",
        45: (
            f"{number(cohort.numbers['patients'].value)} patients were analysed; {gone} ids were left out, with "
            "reasons."
        ),
        46: _selection(results),
        47: _performance(results),
        44: "See the table of patient characteristics." if _has(results, "cohort", "baseline") else "",
        48: _cox(results),
        56: "The settings of the run are on this page. Code: voxomics " + results.versions["voxomics"] + ".",
    }
    if results.endpoint == "binary":
        numbers = cohort.numbers
        found[30] = (
            f"{number(numbers['cases'].value)} cases among {number(numbers['patients'].value)}; folds are stratified."
        )
    if "centres" in results.parts:
        found[36] = "Centres: see the analysis by centre."
    return found


def _metrics_answers(results: StudyResults) -> dict[int, str]:
    cohort, settings = results.parts["cohort"].numbers, results.settings
    patients, features = cohort["patients"].value or 0, cohort["features"].value or 0
    found = {
        15: "Exactly collinear columns are dropped inside each training fold." if settings["model"] == "linear" else "",
        16: (
            f"{patients:.0f} patients, {features:.0f} candidate features: {patients / max(features, 1):.1f} patients "
            "per feature."
        ),
        18: _partition(results),
        20: _measures(results),
        21: _uncertainty(results),
        22: _calibration(results),
        24: _cox(results),
        25: "The model is itself a classical regression."
        if settings["model"] == "linear"
        else "The protocol uses classical regression.",
        26: f"Internal: {_partition(results)}",
        27: "Each centre was predicted from the others (internal–external validation). There is no external cohort."
        if _has_left_out_centres(results)
        else "",
    }
    if "centres" in results.parts:
        found[4] = f"{_table(results, 'cohort', 'patients')['centre'].nunique()} centres."
    return found


def _partition(results: StudyResults) -> str:
    repeats, folds = (
        results.parts["twin"].numbers["repeats"].value,
        _table(results, "twin", "predictions")["fold"].nunique(),
    )
    given = "" if results.settings["clinical"]["fold"] is None else " (the first with the folds of the clinical table)"
    return (
        f"{folds}-fold cross-validation, repeated {repeats:.0f} times{given}. Every step that uses the outcome is "
        "fitted in the training folds. The protocol, in contrast, selects features on all patients."
    )


def _reduction(results: StudyResults) -> str:
    if results.settings["model"] != "linear":
        return ""
    alpha = results.settings["protocol"]["alpha"]
    return f"Univariate screen at p < {alpha:g}, then removal of collinear columns, in each training fold."


def _model(results: StudyResults) -> str:
    return _MODELS[results.settings["model"]].format(alpha=results.settings["protocol"]["alpha"]) + "."


def _measures(results: StudyResults) -> str:
    names = [SCORE_NAMES[name] for name in results.parts["twin"].numbers if name in SCORE_NAMES]
    return ", ".join(names) + "."


def _uncertainty(results: StudyResults) -> str:
    numbers = results.parts["twin"].numbers
    samples, draws = (numbers[name].value if name in numbers else 0 for name in ("bootstrap", "permutations"))
    said = [
        f"bootstrap of {samples:.0f} samples" if samples else "",
        f"permutation test of {draws:.0f} draws" if draws else "",
    ]
    return ", ".join(one for one in said if one)


def _calibration(results: StudyResults) -> str:
    slope = results.parts["twin"].numbers.get("slope")
    if slope is not None:
        return f"Slope {estimate(slope)}, and a plot."
    return "Calibration plot and Brier score." if _has(results, "twin", "calibration") else ""


def _selection(results: StudyResults) -> str:
    if not _has(results, "twin", "selection"):
        return ""
    often = int((_table(results, "twin", "selection")["frequency"] >= 0.9).sum())
    return f"Selection frequency for every feature; {often} in at least 90 % of the training folds."


def _performance(results: StudyResults) -> str:
    main = MAIN[results.endpoint]
    return f"{SCORE_NAMES[main]}: nested {estimate(results.parts['twin'].numbers.get(main))}."


def _cox(results: StudyResults) -> str:
    if not results.settings["clinical"]["covariates"] or not _has(results, "twin", "cox"):
        return ""
    return "Cox models of the clinical covariates with and without the marker, with concordance."


def _has_left_out_centres(results: StudyResults) -> bool:
    return "centres" in results.parts and LEFT_OUT in set(_table(results, "centres", "designs")["design"])


def _has(results: StudyResults, part: str, table: str) -> bool:
    return table in results.parts[part].tables and not _table(results, part, table).empty


def _table(results: StudyResults, part: str, table: str) -> pd.DataFrame:
    return results.parts[part].tables[table].data
