"""CLEAR and METRICS: what a run can answer is filled in with its numbers, the rest is left to the authors.

Item numbers are those of Kocak et al., Insights into Imaging 2023;14:75 (CLEAR) and 2024;15:8 (METRICS); the wording is ours.
A run never claims a point for the authors: METRICS is not summed here.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from voxomics.report.sentences import MAIN, estimate
from voxomics.report.tables import SCORE_NAMES, number
from voxomics.study.results import StudyResults

AUTHORS = "for the authors"


@dataclass(frozen=True)
class Item:
    """One item of a checklist, with the run's answer or none."""

    number: int
    section: str
    text: str
    answer: str = ""
    weight: float | None = None


_CLEAR = {
    "Title": ["Title names the radiomic method"],
    "Abstract": ["Structured summary"],
    "Keywords": ["Keywords on radiomics"],
    "Introduction": ["Background", "Why radiomics", "Objectives"],
    "Study design": [
        "Guidelines and checklists followed",
        "Ethics and data protection",
        "How the sample size came about",
        "Kind of study",
        "Who was eligible",
        "Flowchart of the method",
    ],
    "Data": [
        "Source of the data",
        "Overlap with earlier studies",
        "How data were split",
        "Imaging protocol",
        "Non-radiomic predictors defined",
        "Reference standard or outcome defined",
    ],
    "Segmentation": ["How VOIs were drawn", "Who drew them"],
    "Pre-processing": ["Image pre-processing", "Resampling", "Discretisation", "Image types (original, filtered)"],
    "Feature extraction": ["Software and method", "Feature classes", "Number of features", "What was left at its default"],
    "Data preparation": [
        "Missing data",
        "Class imbalance",
        "Reliability of the segmentation",
        "Scaling of features",
        "Dimension reduction",
    ],
    "Modelling": ["Algorithm", "Training and tuning", "Confounders", "Choice of the final model"],
    "Evaluation": [
        "How it was tested",
        "Performance measures",
        "Uncertainty",
        "Statistical comparison of performance",
        "Comparison with non-radiomic and combined models",
        "Interpretability",
    ],
    "Results": [
        "Characteristics of the patients",
        "Flowchart of eligibility",
        "Statistics of the features",
        "Performance of the model",
        "Non-radiomic and combined results",
    ],
    "Discussion": ["Main findings", "Earlier work", "Practical meaning", "Strengths and limits"],
    "Open science": [
        "Images and segmentations shared",
        "Features shared",
        "Pre-processing settings shared",
        "Modelling code shared",
        "Final model shared",
        "Ready-to-use system shared",
    ],
}

_METRICS = {
    "Study design": [
        ("Follows a radiomics or machine-learning guideline", 0.0368),
        ("Eligibility gives a representative sample", 0.0735),
        ("High-quality reference standard", 0.0919),
    ],
    "Imaging data": [
        ("More than one centre", 0.0438),
        ("Imaging source suits clinical use", 0.0292),
        ("Acquisition protocol given", 0.0438),
        ("Time between imaging and reference", 0.0292),
    ],
    "Segmentation": [
        ("Segmentation described", 0.0337),
        ("Automated segmentation evaluated", 0.0225),
        ("Test masks by one reader or tool", 0.0112),
    ],
    "Image processing and extraction": [
        ("Pre-processing suitable and described", 0.0622),
        ("Standardised extraction software", 0.0311),
        ("Extraction parameters reported", 0.0415),
    ],
    "Feature processing": [
        ("Non-robust features removed", 0.0200),
        ("Redundant features removed", 0.0200),
        ("Number of features suits the number of patients", 0.0300),
        ("Robustness of an end-to-end network", 0.0200),
    ],
    "Preparation for modelling": [("Data partitioned properly", 0.0599), ("Confounders handled", 0.0300)],
    "Metrics and comparison": [
        ("Suitable performance measures", 0.0352),
        ("Uncertainty considered", 0.0234),
        ("Calibration assessed", 0.0176),
        ("One imaging parameter, or proof that it is inferior", 0.0117),
        ("Comparison with a non-radiomic approach", 0.0293),
        ("Comparison with simple or classical models", 0.0176),
    ],
    "Testing": [("Internal testing", 0.0375), ("External testing", 0.0749)],
    "Open science": [("Data available", 0.0075), ("Code available", 0.0075), ("Model available", 0.0075)],
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
    answers = _clear_answers(results)
    rows = [(section, text) for section, texts in _CLEAR.items() for text in texts]
    return [Item(i, section, text, answers.get(i, "")) for i, (section, text) in enumerate(rows, 1)]


def metrics(results: StudyResults) -> list[Item]:
    """The 30 items of METRICS with their weights."""
    answers = _metrics_answers(results)
    rows = [(section, text, weight) for section, pairs in _METRICS.items() for text, weight in pairs]
    return [Item(i, section, text, answers.get(i, ""), weight) for i, (section, text, weight) in enumerate(rows, 1)]


def _clear_answers(results: StudyResults) -> dict[int, str]:
    cohort, settings = results.parts["cohort"], results.settings
    gone = cohort.tables.get("left_out")
    found = {
        15: _partition(results),
        17: ", ".join(settings["clinical"]["covariates"]) and f"Covariates: {', '.join(settings['clinical']['covariates'])}.",
        27: f"{number(cohort.numbers['features'].value)} features entered; {number(results.parts['protocol'].numbers['selected'].value)} passed the screen on all patients.",
        29: f"Rule for features: {settings['features']['missing']}; for outcomes: {settings['clinical']['missing']}. "
        f"{0 if gone is None else len(gone.data)} ids were left out.",
        32: "ComBat inside the training folds." if settings["centres"]["combat"] else "",
        33: _reduction(results),
        34: _model(results),
        35: f"Seed {settings['twin']['seed']}; libraries: " + ", ".join(f"{k} {v}" for k, v in results.versions.items()) + ".",
        37: "One model, fixed in the settings before the run; no choice among models on the results.",
        38: _partition(results),
        39: _measures(results),
        40: _uncertainty(results),
        46: _selection(results),
        47: _performance(results),
        44: "See the table of patient characteristics." if _has(results, "cohort", "baseline") else "",
        48: _cox(results),
        56: "The settings of the run are printed on this page; code: voxomics " + results.versions["voxomics"] + ".",
    }
    if results.endpoint == "binary":
        numbers = cohort.numbers
        found[30] = f"{number(numbers['cases'].value)} cases among {number(numbers['patients'].value)}; folds are stratified."
    if "centres" in results.parts:
        found[36] = "Centres: see the analysis by centre."
    return found


def _metrics_answers(results: StudyResults) -> dict[int, str]:
    cohort, settings = results.parts["cohort"].numbers, results.settings
    patients, features = cohort["patients"].value or 0, cohort["features"].value or 0
    found = {
        15: "Exactly collinear columns are dropped inside each training fold." if settings["model"] == "linear" else "",
        16: f"{patients:.0f} patients, {features:.0f} candidate features: {patients / max(features, 1):.1f} patients a feature.",
        18: _partition(results),
        20: _measures(results),
        21: _uncertainty(results),
        22: _calibration(results),
        24: _cox(results),
        25: "The model is itself a classical regression." if settings["model"] == "linear" else "The protocol's regression stands beside it.",
        26: f"Internal: {_partition(results)}",
        27: "" if "centres" not in results.parts else "Each centre was predicted by the others; this is internal–external, not an outside cohort.",
    }
    if "centres" in results.parts:
        found[4] = f"{_table(results, 'cohort', 'patients')['centre'].nunique()} centres."
    return found


def _partition(results: StudyResults) -> str:
    repeats, folds = results.parts["twin"].numbers["repeats"].value, results.settings["protocol"]["folds"]
    return (
        f"{folds}-fold cross-validation, repeated {repeats:.0f} times; everything that looks at the outcome is learned inside the "
        "training folds (the protocol beside it selects on all patients)."
    )


def _reduction(results: StudyResults) -> str:
    if results.settings["model"] != "linear":
        return ""
    return f"Univariate screen at p < {results.settings['protocol']['alpha']:g}, then collinear columns dropped, inside each training fold."


def _model(results: StudyResults) -> str:
    return _MODELS[results.settings["model"]].format(alpha=results.settings["protocol"]["alpha"]) + "."


def _measures(results: StudyResults) -> str:
    names = [SCORE_NAMES[name] for name in results.parts["twin"].numbers if name in SCORE_NAMES]
    return ", ".join(names) + "."


def _uncertainty(results: StudyResults) -> str:
    numbers = results.parts["twin"].numbers
    samples, draws = (numbers[name].value if name in numbers else 0 for name in ("bootstrap", "permutations"))
    said = [f"bootstrap of {samples:.0f} samples" if samples else "", f"permutation test of {draws:.0f} draws" if draws else ""]
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
    return "Cox models of the clinical covariates alone and beside the marker, with concordance."


def _has(results: StudyResults, part: str, table: str) -> bool:
    return table in results.parts[part].tables and not _table(results, part, table).empty


def _table(results: StudyResults, part: str, table: str) -> pd.DataFrame:
    return results.parts[part].tables[table].data
