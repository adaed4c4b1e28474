"""Plain words under every figure: what its numbers show, and what they cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from voxomics.report.tables import SCORE_NAMES, interval, number, percent, probability
from voxomics.study.checks import listed
from voxomics.study.results import Number, Part, StudyResults

MAIN = {"continuous": "r", "binary": "auc", "survival": "c"}
_LEVEL = 0.05  # of the verdict; the protocol's alpha is for its screen


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
    return [*said, *not_used(results), _verdict(twin.get(main), main)]


def not_used(results: StudyResults) -> list[str]:
    """Columns of the table of features that the study did without, by reason; nothing where it used all."""
    cohort = results.parts["cohort"].tables
    unused = [(str(row.feature), str(row.reason)) for row in cohort["unused_columns"].data.itertuples()]
    if "features" in cohort:
        unused += [(str(row.feature), str(row.reason)) for row in cohort["features"].data.itertuples() if row.reason]
    reasons = dict.fromkeys(why for _, why in unused)
    named = [f"{listed([name for name, reason in unused if reason == why])} ({why})" for why in reasons]
    return [f"Columns that were not used as features: {'; '.join(named)}."] if named else []


def _why_not(protocol: dict[str, Number]) -> str:
    if protocol["selected"].value == 0:
        return "No feature passed the screen, so everybody is predicted without any: by the average of the other folds."
    return "It chose the features with every patient in view, which favours it, and its p-value does not hold."


def _of(numbers: dict[str, Number], name: str) -> str:
    found = numbers.get(name)
    return "–" if found is None or found.value is None else f"{found.value:.0f}"


def _verdict(found: Number | None, main: str) -> str:
    if found is None or found.p is None:
        return "Without a permutation test nothing is said about chance."
    if found.p >= _LEVEL:
        return "The permutation test does not rule out chance: on this cohort the features are not shown to predict the outcome."
    if found.value is None or found.value <= _NOTHING[main]:
        return (
            "Shuffled outcomes score lower still, which such procedures do; yet the predictions order patients no better than "
            "guessing: the features are not shown to predict the outcome."
        )
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
    ranks = " as ranks" if str(strongest["effect_name"]).startswith("Spearman") else ""
    shows = (
        f"{len(chosen)} of {len(screen)} features pass p < {alpha:g}. The strongest is {strongest['feature']} with "
        f"{strongest['effect_name']} = {number(strongest['effect'])} (95 % CI {limits}); "
        f"its square, {percent(float(strongest['effect']) ** 2)}, is the share of variance the two{ranks} have in common."
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
    if side == "protocol" and numbers["selected"].value == 0:
        limits = (
            "No feature was chosen. Each patient is predicted by the average of the other folds, which is lower where his own "
            "fold is higher: agreement below guessing comes from that alone, and its p-value does not hold."
        )
    elif side == "protocol":
        limits = (
            "The patients predicted here had a say in which features were chosen, which favours agreement; "
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
    for observed, expected in groups.loc[groups.index == "high", ["observed", "expected"]].itertuples(index=False):
        shows += f" Without a difference {expected:.1f} events would be expected in the high group."
        if observed < expected and marker == "predicted" and results.endpoint == "survival":
            shows += " It has fewer: the prediction runs the wrong way."
    return shows, _where_groups_come_from(results, side, marker)


def _where_groups_come_from(results: StudyResults, side: str, marker: str) -> str:
    if results.endpoint == "binary" and marker == "real":
        return "The groups are the classes themselves; nothing was predicted here."
    rule = results.settings["protocol"]["threshold"]
    if side == "twin":
        fixed = isinstance(rule, int | float)
        origin = f"The threshold was set: {rule}" if fixed else "Thresholds come from the training folds alone"
        if results.endpoint == "survival":
            return (
                f"{origin}, in one repeat. The p-value does not hold: each patient was predicted from the survival of the "
                "others, and without any association far more than 5 % of such p-values fall below 0.05. "
                "The permutation test of the concordance is the test."
            )
        pooled = "" if marker == "real" else " Predictions of different folds are pooled, and the p-value is approximate."
        if results.endpoint == "binary":
            pooled = (
                " Predictions of different folds are pooled: as far as the class decides survival, the p-value does not hold."
            )
        return (
            f"{origin}, in one repeat.{pooled} Cutting a marker in two loses information; "
            "the Cox model on the continuous value is the main analysis."
        )
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


_AREAS = {
    "": "",
    "protocol": " The features were chosen with these patients in view, so the area of the prediction is not an honest one.",
    "twin": " The curve is of the mean prediction of the repeats, and the interval takes the predictions as given: the score of "
    "the nested procedure, with its permutation test, is the main result.",
}


def roc(areas: pd.DataFrame, best: pd.DataFrame, side: str = "") -> tuple[str, str]:
    """Under a figure of ROC curves, of the protocol's or the twin's predictions or of neither."""
    shows = []
    for _, area in areas.iterrows():
        text = f"{area['curve']}: AUC {number(area['value'])} (95 % CI {interval(area['ci_low'], area['ci_high'])}, DeLong)"
        used = best[(best["curve"] == area["curve"]) & best["chosen"].astype(bool) & np.isfinite(best["threshold"])]
        where = "above" if area["direction"] == "<" else "below"
        for _, point in used.iterrows():
            text += f"; calling a case {where} {number(point['threshold'], 4)}: sensitivity {percent(point['sensitivity'])}"
            text += f", specificity {percent(point['specificity'])}"
        shows.append(text)
    return (
        ". ".join(one[0].upper() + one[1:] for one in shows) + ".",
        f"Thresholds, and what they reach here, are the best of these data; expect worse in new ones.{_AREAS[side]}",
    )


def permutation(results: StudyResults) -> tuple[str, str]:
    """Under the histograms of permuted outcomes."""
    twin = results.parts["twin"]
    main = MAIN[results.endpoint]
    draws = twin.tables["permutation"].data
    values, found, seen = draws.loc[draws["score"] == main, "value"].dropna(), twin.numbers[main], tested(twin, main)
    mean = number(float(values.mean()))
    shows = f"With the outcome shuffled {len(values)} times, the nested procedure gives a mean {SCORE_NAMES[main]} of {mean}."
    if found.p is not None:
        shows += f" The study's first repeat, {number(seen)}, is reached or passed with {p_words(found.p)}."
    limits = (
        "The test is one-sided and asks about chance alone. It compares single repeats on the same folds; the mean over "
        f"repeats, {number(found.value)}, is not what was tested. "
        f"The smallest p-value possible here is {probability(1 / (len(values) + 1))}."
    )
    return shows, limits


def tested(twin: Part, score: str) -> float:
    """What the permutation test compares with its draws: the score of the first repeat."""
    scores = twin.tables["scores"].data
    return float(scores.loc[(scores["repeat"] == 0) & (scores["score"] == score), "value"].iloc[0])


def bootstrap(results: StudyResults) -> tuple[str, str]:
    """Under the histograms of resampled patients."""
    twin, main = results.parts["twin"], MAIN[results.endpoint]
    found = twin.numbers[main]
    if _covers_nothing(found, main):
        wide = "includes no association"
    elif found.ci_low is not None and found.ci_low > _NOTHING[main]:
        wide = "leaves out no association"
    else:
        wide = "lies below no association: in resampled patients the predictions order worse than guessing"
    limits = interval(found.ci_low, found.ci_high)
    shows = f"The middle 95 % of the samples give {SCORE_NAMES[main]} within {limits}, which {wide}."
    limits = (
        "All copies of a patient stay in one fold, but a sample holds fewer different patients than the study, "
        "so the interval is approximate; it does not cover differences between hospitals."
    )
    return shows, limits


_NOTHING = {"r": 0.0, "auc": 0.5, "c": 0.5}  #: the score of no association


def _covers_nothing(found: Number, main: str) -> bool:
    return found.ci_low is None or found.ci_high is None or found.ci_low <= _NOTHING[main] <= found.ci_high


def selection(twin: Part) -> tuple[str, str]:
    """Under the selection frequencies."""
    found = twin.tables["selection"].data
    always, ever = int((found["frequency"] >= 0.9).sum()), int((found["frequency"] > 0).sum())
    what = "feature is" if always == 1 else "features are"
    shows = f"{always} {what} selected in at least 90 % of the training folds; {ever} of {len(found)} at least once."
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
        f"Calibration slope: {', '.join(said)}; 1 is perfect, between 0 and 1 predictions are too extreme, "
        "at 0 or below they do not follow the outcome."
        if said
        else "Bins near the dashed line are well calibrated."
    )
    return shows, "Five bins of these patients; whether predictions fit elsewhere is not shown."
