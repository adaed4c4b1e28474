"""Captions of the figures: what the numbers show, and what they do not show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxomics.report.tables import SCORE_NAMES, interval, number, percent, probability
from voxomics.study.results import Number, Part, StudyResults

MAIN = {"continuous": "r", "binary": "auc", "survival": "c"}
_LEVEL = 0.05  # of the verdict; the protocol's alpha is for its screen


def estimate(found: Number | None) -> str:
    """Write a number with its interval and p-value as in running text.

    Examples
    --------
    >>> estimate(Number(0.2567, "", 0.05, 0.44, 0.013))
    '0.257 (95 % CI 0.050 to 0.440; p = 0.013)'
    """
    if found is None or found.value is None:
        return "not defined" + (f" ({found.message})" if found is not None and found.message else "")
    inside = []
    if found.ci_low is not None or found.ci_high is not None:
        inside.append(f"95 % CI {interval(found.ci_low, found.ci_high)}")
    if found.p is not None:
        inside.append(p_words(found.p))
    return number(found.value) + (f" ({'; '.join(inside)})" if inside else "")


def p_words(p: float) -> str:
    """Write a p-value as in running text: p = 0.013, or p < 0.001."""
    text = probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def headline(results: StudyResults) -> list[str]:
    """Summarise the study in a few sentences that end with the result of the nested twin."""
    protocol, twin = results.parts["protocol"].numbers, results.parts["twin"].numbers
    main = MAIN[results.endpoint]
    name = SCORE_NAMES[main]
    alpha = results.settings["protocol"]["alpha"]
    n, p = results.parts["cohort"].numbers["patients"].value, results.parts["cohort"].numbers["features"].value
    said = [
        f"In {n:.0f} patients, {_of(protocol, 'selected')} of {p:.0f} features are associated with the outcome at "
        f"p < {alpha:g}; {_of(protocol, 'survivors_fdr')} remain after correction for the number of features tested.",
        f"The published protocol gives {name} = {estimate(protocol.get(main))}. {_why_not(protocol)}",
        f"If every step is repeated in each training fold (nested twin), {name} = {estimate(twin.get(main))}.",
    ]
    if main == "r" and (q2 := twin.get("q2")) and q2.value is not None:
        worth = (
            f"explains {percent(q2.value)} of the variance"
            if q2.value > 0
            else "is worse than predicting the mean for everyone"
        )
        said.append(f"For patients who were not used for the fit, this prediction {worth} (Q² = {number(q2.value)}).")
    said.append(_verdict(twin.get(main), main))
    return said


def _why_not(protocol: dict[str, Number]) -> str:
    if protocol["selected"].value == 0:
        return "No feature passed the screen, so every patient is predicted by the average of the other folds."
    return "It selects the features on all patients, so this value is too optimistic and its p-value is not valid."


def _of(numbers: dict[str, Number], name: str) -> str:
    found = numbers.get(name)
    return "–" if found is None or found.value is None else f"{found.value:.0f}"


def _verdict(found: Number | None, main: str) -> str:
    if found is None or found.p is None:
        return "No permutation test was run, so it is not known whether chance explains the result."
    if found.p >= _LEVEL:
        return (
            "The permutation test does not rule out chance: this cohort does not show that the features predict the "
            "outcome."
        )
    if found.value is None or found.value <= _NOTHING[main]:
        return (
            "Permuted outcomes score even lower, as is usual for such procedures, but the predictions order patients "
            "no better than guessing. This cohort does not show that the features predict the outcome."
        )
    said = "According to the permutation test, chance alone is an unlikely explanation"
    if found.ci_low is not None and _covers_nothing(found, main):
        said += ", but the interval includes the value of no association, so the strength remains uncertain"
    return said + ". This says nothing about other hospitals or scanners, or about the benefit for a patient."


def scatter(part: Part, alpha: float, drawn: int) -> tuple[str, str]:
    """Caption of figure 2A."""
    screen = part.tables["screen"].data
    chosen = screen[screen["selected"].astype(bool)]
    strongest = chosen.iloc[int(np.argmax(chosen["effect"].abs()))]
    limits = interval(strongest["ci_low"], strongest["ci_high"])
    ranks = " as ranks" if str(strongest["effect_name"]).startswith("Spearman") else ""
    shows = (
        f"{len(chosen)} of {len(screen)} features pass p < {alpha:g}. The strongest is {strongest['feature']} with "
        f"{strongest['effect_name']} = {number(strongest['effect'])} (95 % CI {limits}); its square, "
        f"{percent(float(strongest['effect']) ** 2)}, is the share of variance that feature and marker{ranks} have in "
        "common."
    )
    if drawn < len(chosen):
        shows += f" The {drawn} with the smallest p-values are shown."
    expected = alpha * screen["p"].notna().sum()
    limits = (
        f"Without any association, about {expected:.1f} features would pass by chance. The features are correlated "
        "with each other, and those shown were selected because of their p-value in these data. An association is "
        "not a cause."
    )
    return shows, limits


def predicted(results: StudyResults, side: str) -> tuple[str, str]:
    """Caption of figure 2B of the protocol or the twin."""
    numbers, main = results.parts[side].numbers, MAIN[results.endpoint]
    found, kept = numbers.get(main), numbers.get("r_kept")
    shows = f"{SCORE_NAMES[main][0].upper()}{SCORE_NAMES[main][1:]} of out-of-fold predictions: {estimate(found)}."
    if kept is not None and kept.value is not None:
        shows += f" Without the patients above {results.settings['protocol']['exclude_above']:g}: {number(kept.value)}."
    if side == "protocol" and numbers["selected"].value == 0:
        limits = (
            "No feature was selected. Each patient is predicted by the average of the other folds, which is lower if "
            "the patient's own fold is higher. This alone makes the agreement worse than guessing, and its p-value is "
            "not valid."
        )
    elif side == "protocol":
        limits = (
            "The features were selected on the same patients who are predicted here, so the agreement is too "
            "optimistic. Its p-value is not valid, with or without the highest values."
        )
    else:
        repeats = numbers["repeats"].value
        limits = (
            f"Each point is the mean of {repeats:.0f} repeats; the numbers are means over single repeats. "
            "There is no external cohort."
        )
    if kept is not None:
        limits += " The decision to leave out the highest values was made after seeing them."
    return shows, limits


def survival(results: StudyResults, side: str, marker: str) -> tuple[str, str]:
    """Caption of figure 3A or 3B."""
    part = results.parts[side]
    tests = part.tables["log_rank"].data
    test = tests[tests["marker"] == marker].iloc[0]
    groups = part.tables["groups"].data
    groups = groups[groups["marker"] == marker].set_index("group")
    p = float(test["p"])
    if np.isnan(p):
        return f"There is no test: {test['message']}.", "The groups cannot be compared."
    counted = ", ".join(
        f"{name}: {row['events']:.0f} events in {row['n']:.0f} patients" for name, row in groups.iterrows()
    )
    shows = f"{counted.capitalize()}. Log-rank χ² = {number(test['chi2'])}, {p_words(p)}."
    for observed, expected in groups.loc[groups.index == "high", ["observed", "expected"]].itertuples(index=False):
        shows += f" Without a difference, {expected:.1f} events are expected in the high group."
        if observed < expected and marker == "predicted" and results.endpoint == "survival":
            shows += " It has fewer: the prediction points in the wrong direction."
    return shows, _where_groups_come_from(results, side, marker)


def _where_groups_come_from(results: StudyResults, side: str, marker: str) -> str:
    if results.endpoint == "binary" and marker == "real":
        return "The groups are the classes themselves; they are not predicted."
    rule = results.settings["protocol"]["threshold"]
    if side == "twin":
        fixed = isinstance(rule, int | float)
        origin = f"The threshold was set to {rule}" if fixed else "Thresholds come from the training folds only"
        if results.endpoint == "survival":
            return (
                f"{origin}, in one repeat. The p-value is not valid: each patient was predicted from the survival of "
                "the others, and without any association far more than 5 % of such p-values are below 0.05. Use the "
                "permutation test of the concordance instead."
            )
        pooled = "" if marker == "real" else " The predictions of all folds are pooled, so the p-value is approximate."
        if results.endpoint == "binary":
            pooled = (
                " The predictions of all folds are pooled. As far as the class determines survival, the p-value is "
                "not valid."
            )
        return (
            f"{origin}, in one repeat.{pooled} Dividing a marker into two groups loses information; "
            "the Cox model of the continuous value is the main analysis."
        )
    chosen = "the threshold was chosen on these patients" if rule == "youden" else f"the threshold was set to {rule}"
    if marker == "real":
        consequence = (
            "so the p-value is, if anything, too small"
            if rule == "youden"
            else "and dividing a marker into two groups loses information"
        )
        return f"{chosen[0].upper()}{chosen[1:]}, {consequence}."
    return (
        f"The features were selected on these patients, and {chosen}; the p-value is, if anything, too small. "
        "The curves of the nested twin do not have this problem."
    )


_AREAS = {
    "": "",
    "protocol": " The features were selected on these patients, so the area of the prediction is too optimistic.",
    "twin": " The curve is that of the mean prediction over the repeats, and the interval treats the predictions as "
    "fixed. The main result is the score of the nested procedure with its permutation test.",
}


def roc(areas: pd.DataFrame, best: pd.DataFrame, side: str = "") -> tuple[str, str]:
    """Caption of the ROC curves of the protocol, of the twin, or of the controls."""
    shows = []
    for _, area in areas.iterrows():
        text = (
            f"{area['curve']}: AUC {number(area['value'])} (95 % CI {interval(area['ci_low'], area['ci_high'])}, "
            "DeLong)"
        )
        used = best[(best["curve"] == area["curve"]) & best["chosen"].astype(bool) & np.isfinite(best["threshold"])]
        where = "above" if area["direction"] == "<" else "below"
        for _, point in used.iterrows():
            text += (
                f"; if values {where} {number(point['threshold'], 4)} are called cases: sensitivity "
                f"{percent(point['sensitivity'])}"
            )
            text += f", specificity {percent(point['specificity'])}"
        shows.append(text)
    return (
        ". ".join(one[0].upper() + one[1:] for one in shows) + ".",
        "The thresholds are the best ones for these data; expect lower sensitivity and specificity in new "
        f"data.{_AREAS[side]}",
    )


def permutation(results: StudyResults) -> tuple[str, str]:
    """Caption of the histograms of permuted outcomes."""
    twin = results.parts["twin"]
    main = MAIN[results.endpoint]
    draws = twin.tables["permutation"].data
    values, found, seen = draws.loc[draws["score"] == main, "value"].dropna(), twin.numbers[main], tested(twin, main)
    mean = number(float(values.mean()))
    shows = (
        f"The outcome was permuted {len(values)} times. The nested procedure then gives a mean {SCORE_NAMES[main]} of "
        f"{mean}."
    )
    if found.p is not None:
        shows += (
            f" The first repeat of the study gives {number(seen)}; permuted outcomes reach this value with "
            f"{p_words(found.p)}."
        )
    limits = (
        "The test is one-sided and only tests whether chance explains the result. It compares single repeats on the "
        f"same folds; the mean over repeats, {number(found.value)}, was not tested. The smallest p-value possible "
        f"here is {probability(1 / (len(values) + 1))}."
    )
    return shows, limits


def tested(twin: Part, score: str) -> float:
    """Score of the first repeat, which the permutation test compares with its draws."""
    scores = twin.tables["scores"].data
    return float(scores.loc[(scores["repeat"] == 0) & (scores["score"] == score), "value"].iloc[0])


def bootstrap(results: StudyResults) -> tuple[str, str]:
    """Caption of the histograms of resampled patients."""
    twin, main = results.parts["twin"], MAIN[results.endpoint]
    found = twin.numbers[main]
    if _covers_nothing(found, main):
        wide = "includes the value of no association"
    elif found.ci_low is not None and found.ci_low > _NOTHING[main]:
        wide = "excludes the value of no association"
    else:
        wide = "lies below the value of no association: in resampled patients, the predictions are worse than guessing"
    limits = interval(found.ci_low, found.ci_high)
    shows = f"In the middle 95 % of the samples, {SCORE_NAMES[main]} is {limits}. This interval {wide}."
    limits = (
        "All copies of a patient are in one fold, but a sample has fewer different patients than the study, "
        "so the interval is approximate. It does not account for differences between hospitals."
    )
    return shows, limits


_NOTHING = {"r": 0.0, "auc": 0.5, "c": 0.5}  #: the score of no association


def _covers_nothing(found: Number, main: str) -> bool:
    return found.ci_low is None or found.ci_high is None or found.ci_low <= _NOTHING[main] <= found.ci_high


def selection(twin: Part) -> tuple[str, str]:
    """Caption of the selection frequencies."""
    found = twin.tables["selection"].data
    always, ever = int((found["frequency"] >= 0.9).sum()), int((found["frequency"] > 0).sum())
    what = "feature is" if always == 1 else "features are"
    shows = (
        f"{always} {what} selected in at least 90 % of the training folds, and {ever} of {len(found)} at least once."
    )
    limits = (
        "Training folds share most of their patients, so a high frequency is not evidence from different patients. "
        "Correlated features replace one another."
    )
    return shows, limits


def calibration(results: StudyResults) -> tuple[str, str]:
    """Caption of the calibration plot."""
    said = []
    for side in ("protocol", "twin"):
        if (slope := results.parts[side].numbers.get("slope")) is not None and slope.value is not None:
            said.append(
                f"{side} {number(slope.value)}"
                + (f" (95 % CI {interval(slope.ci_low, slope.ci_high)})" if slope.ci_low is not None else "")
            )
    shows = (
        f"Calibration slope: {', '.join(said)}. A slope of 1 is perfect. Between 0 and 1, predictions are too extreme; "
        "at 0 or below, they do not follow the outcome."
        if said
        else "Bins close to the dashed line are well calibrated."
    )
    return shows, "The bins are fifths of these patients. Calibration in other patients is not shown."
