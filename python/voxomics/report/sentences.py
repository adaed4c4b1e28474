"""Plain words under every figure: what its numbers show, and what they cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxomics.report.tables import SCORE_NAMES, interval, number, percent, probability
from voxomics.study.results import Number, Part, StudyResults

MAIN = {"continuous": "r", "binary": "auc", "survival": "c"}


def estimate(found: Number | None) -> str:
    """A number with its interval and p-value, as in running text.

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
    """A p-value in running text: p = 0.013, or p < 0.001."""
    text = probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def headline(results: StudyResults) -> list[str]:
    """The study in a few sentences; the twin has the last word."""
    protocol, twin = results.parts["protocol"].numbers, results.parts["twin"].numbers
    main = MAIN[results.endpoint]
    name = SCORE_NAMES[main]
    alpha = results.settings["protocol"]["alpha"]
    n, p = results.parts["cohort"].numbers["patients"].value, results.parts["cohort"].numbers["features"].value
    said = [
        f"In {n:.0f} patients, {_of(protocol, 'selected')} of {p:.0f} features are associated with the outcome at "
        f"p < {alpha:g}; {_of(protocol, 'survivors_fdr')} remain when corrected for their number.",
        f"The published protocol gives {name} = {estimate(protocol.get(main))}. {_why_not(protocol)}",
        f"With everything learned anew in each training fold, {name} = {estimate(twin.get(main))}.",
    ]
    if main == "r" and (q2 := twin.get("q2")) and q2.value is not None:
        worth = (
            f"removes {percent(q2.value)} of the variance" if q2.value > 0 else "is worse than predicting the mean for everybody"
        )
        said.append(f"As a prediction of patients that the fit has not seen it {worth} (Q² = {number(q2.value)}).")
    said.append(_verdict(twin.get(main), main, alpha))
    return said


def _why_not(protocol: dict[str, Number]) -> str:
    if protocol["selected"].value == 0:
        return "No feature passed the screen, so everybody is predicted the same."
    return "It chose the features with every patient in view, which favours it, and its p-value does not hold."


def _of(numbers: dict[str, Number], name: str) -> str:
    found = numbers.get(name)
    return "–" if found is None or found.value is None else f"{found.value:.0f}"


def _verdict(found: Number | None, main: str, alpha: float) -> str:
    if found is None or found.p is None:
        return "Without a permutation test nothing is said about chance."
    if found.p >= alpha:
        return "The permutation test does not rule out chance: on this cohort the features are not shown to predict the outcome."
    said = "The permutation test speaks against chance as the whole explanation"
    if found.ci_low is not None and _covers_nothing(found, main):
        said += ", yet the interval includes no association: how strong it is, these patients do not settle"
    return said + ". Nothing is said of other hospitals or scanners, nor of use for a patient."


def scatter(part: Part, alpha: float, drawn: int) -> tuple[str, str]:
    """Under figure 2A."""
    screen = part.tables["screen"].data
    chosen = screen[screen["selected"].astype(bool)]
    strongest = chosen.iloc[int(np.argmax(chosen["effect"].abs()))]
    limits = interval(strongest["ci_low"], strongest["ci_high"])
    shows = (
        f"{len(chosen)} of {len(screen)} features pass p < {alpha:g}. The strongest is {strongest['feature']} with "
        f"{strongest['effect_name']} = {number(strongest['effect'])} (95 % CI {limits}); "
        f"its square, {percent(float(strongest['effect']) ** 2)}, is the share of variance the two have in common."
    )
    if drawn < len(chosen):
        shows += f" The {drawn} with the smallest p-values are drawn."
    expected = alpha * screen["p"].notna().sum()
    limits = (
        f"Without any association about {expected:.1f} features would pass by chance. The features overlap in what they measure, "
        "and the ones shown were picked because they look good here; an association is not a cause."
    )
    return shows, limits


def predicted(results: StudyResults, side: str) -> tuple[str, str]:
    """Under figure 2B of the protocol or the twin."""
    numbers, main = results.parts[side].numbers, MAIN[results.endpoint]
    found, kept = numbers.get(main), numbers.get("r_kept")
    shows = f"{SCORE_NAMES[main][0].upper()}{SCORE_NAMES[main][1:]} of out-of-fold predictions: {estimate(found)}."
    if kept is not None and kept.value is not None:
        shows += f" Without the patients above {results.settings['protocol']['exclude_above']:g}: {number(kept.value)}."
    if side == "protocol":
        limits = (
            "The patients predicted here had a say in which features were chosen, so agreement is too good; "
            "its p-value does not hold, with or without the highest values."
        )
    else:
        repeats = numbers["repeats"].value
        limits = (
            f"Each point is the mean of {repeats:.0f} repeats; the numbers are means over single repeats. "
            "No outside cohort is involved."
        )
    if kept is not None:
        limits += " Leaving out the highest values was decided after seeing them."
    return shows, limits


def survival(results: StudyResults, side: str, marker: str) -> tuple[str, str]:
    """Under figure 3A or 3B."""
    part = results.parts[side]
    tests = part.tables["log_rank"].data
    test = tests[tests["marker"] == marker].iloc[0]
    groups = part.tables["groups"].data
    groups = groups[groups["marker"] == marker].set_index("group")
    p = float(test["p"])
    if np.isnan(p):
        return f"No test: {test['message']}.", "Groups that cannot be compared show nothing."
    counted = ", ".join(f"{name}: {row['events']:.0f} events in {row['n']:.0f} patients" for name, row in groups.iterrows())
    shows = f"{counted.capitalize()}. Log-rank χ² = {number(test['chi2'])}, {p_words(p)}."
    for expected in groups.loc[groups.index == "high", "expected"]:
        shows += f" Without a difference {expected:.1f} events would be expected in the high group."
    return shows, _where_groups_come_from(results, side, marker)


def _where_groups_come_from(results: StudyResults, side: str, marker: str) -> str:
    if results.endpoint == "binary" and marker == "real":
        return "The groups are the classes themselves; nothing was predicted here."
    if side == "twin":
        return (
            "Thresholds come from the training folds alone, in one repeat. Cutting a marker in two loses information; "
            "the Cox model on the continuous value is the main analysis."
        )
    rule = results.settings["protocol"]["threshold"]
    chosen = "the threshold was chosen to separate these very patients" if rule == "youden" else f"the threshold was set: {rule}"
    if marker == "real":
        consequence = (
            "so the p-value is, if anything, too small" if rule == "youden" else "and cutting a marker in two loses information"
        )
        return f"{chosen[0].upper()}{chosen[1:]}, {consequence}."
    return (
        f"The features were chosen with these patients in view, and {chosen}; "
        "the p-value is, if anything, too small. The twin's curves are free of this."
    )


def roc(areas: pd.DataFrame, best: pd.DataFrame) -> tuple[str, str]:
    """Under a figure of ROC curves."""
    shows = []
    for _, area in areas.iterrows():
        text = f"{area['curve']}: AUC {number(area['value'])} (95 % CI {interval(area['ci_low'], area['ci_high'])}, DeLong)"
        used = best[(best["curve"] == area["curve"]) & best["chosen"].astype(bool) & np.isfinite(best["threshold"])]
        for _, point in used.iterrows():
            text += f"; at {number(point['threshold'], 4)} sensitivity {percent(point['sensitivity'])}"
            text += f", specificity {percent(point['specificity'])}"
        shows.append(text)
    return (
        ". ".join(one[0].upper() + one[1:] for one in shows) + ".",
        "Thresholds, and the sensitivity and specificity at them, are the best of these data and will be worse in new ones.",
    )


def permutation(results: StudyResults) -> tuple[str, str]:
    """Under the histograms of permuted outcomes."""
    twin = results.parts["twin"]
    main = MAIN[results.endpoint]
    draws = twin.tables["permutation"].data
    values, found = draws.loc[draws["score"] == main, "value"].dropna(), twin.numbers[main]
    mean = number(float(values.mean()))
    shows = f"With the outcome shuffled {len(values)} times, the nested procedure gives a mean {SCORE_NAMES[main]} of {mean}."
    if found.p is not None:
        shows += f" The study's own {number(found.value)} is reached or passed with {p_words(found.p)}."
    limits = (
        "The test is one-sided and asks about chance alone. The observed value is a mean over repeats, each permutation "
        f"has one, and the smallest p-value possible here is {probability(1 / (len(values) + 1))}."
    )
    return shows, limits


def bootstrap(results: StudyResults) -> tuple[str, str]:
    """Under the histograms of resampled patients."""
    twin, main = results.parts["twin"], MAIN[results.endpoint]
    found = twin.numbers[main]
    wide = "includes no association" if _covers_nothing(found, main) else "leaves out no association"
    shows = f"95 % of the samples give a {SCORE_NAMES[main]} within {interval(found.ci_low, found.ci_high)}, which {wide}."
    limits = (
        "All copies of a patient stay in one fold, but a sample holds fewer different patients than the study, "
        "so the interval is approximate; it does not cover differences between hospitals."
    )
    return shows, limits


def _covers_nothing(found: Number, main: str) -> bool:
    nothing = 0.0 if main == "r" else 0.5
    return found.ci_low is None or found.ci_high is None or found.ci_low <= nothing <= found.ci_high


def selection(twin: Part) -> tuple[str, str]:
    """Under the selection frequencies."""
    found = twin.tables["selection"].data
    always, ever = int((found["frequency"] >= 0.9).sum()), int((found["frequency"] > 0).sum())
    shows = f"{always} features are selected in at least 90 % of the training folds; {ever} of {len(found)} at least once."
    limits = (
        "Training folds share most of their patients, so a high frequency is not evidence from different patients; "
        "correlated features stand in for one another."
    )
    return shows, limits


def calibration(results: StudyResults) -> tuple[str, str]:
    """Under the calibration plot."""
    said = []
    for side in ("protocol", "twin"):
        if (slope := results.parts[side].numbers.get("slope")) is not None and slope.value is not None:
            said.append(
                f"{side} {number(slope.value)}"
                + (f" (95 % CI {interval(slope.ci_low, slope.ci_high)})" if slope.ci_low is not None else "")
            )
    shows = (
        f"Calibration slope: {', '.join(said)}; 1 is perfect, below 1 predictions are too extreme."
        if said
        else "Bins near the dashed line are well calibrated."
    )
    return shows, "Five bins of these patients; whether predictions fit elsewhere is not shown."
