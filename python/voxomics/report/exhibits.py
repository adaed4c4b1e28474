"""Figures of the report, with their titles and captions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxomics.report import curves, figures, sentences, tables
from voxomics.report.images import Example, largest_slices, montage
from voxomics.report.ink import Colours, drawing
from voxomics.study.results import Part, StudyResults

SIDES = {"protocol": "protocol", "twin": "nested twin"}
_MOST_PANELS = 12
MARKERS = {
    "continuous": {"real": "real marker", "predicted": "predicted marker"},
    "binary": {"real": "real class", "predicted": "predicted probability"},
    "survival": {"predicted": "predicted hazard"},
}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure with its title, caption and description."""

    section: str
    stem: str  #: of its files and of its place on the page
    title: str
    paper: str  #: the corresponding figure of Hoshino et al. 2020, if any
    figure: Figure
    alt: str
    shows: str
    limits: str


def drawn(results: StudyResults, shown: list[Example], colours: Colours) -> Iterator[Drawn]:
    """Draw every figure that the study has data for, one at a time."""
    yield from _images(results, shown)
    yield from _controls(results)
    yield from _association(results, colours)
    yield from _prediction(results, colours)
    for side in SIDES:
        yield from _survival(results, side, colours)
    yield from _twin(results)


def rows_of(part: Part | None, name: str) -> pd.DataFrame:
    """Data of a table; empty if the part or the table does not exist."""
    return part.tables[name].data if part is not None and name in part.tables else pd.DataFrame()


def _marker(results: StudyResults) -> str:
    return results.names.get("marker", "outcome")


def _unit(results: StudyResults) -> str:
    if results.endpoint == "binary":
        return "probability"
    return results.names.get("unit", "") or _marker(results)


def _images(results: StudyResults, shown: list[Example]) -> Iterator[Drawn]:
    if not shown:
        return
    marker = _marker(results)
    rows = ", ".join(f"row {one.row} ({one.group}, {tables.number(one.truth)})" for one in shown)
    why = (
        "A rule selects the patient in the middle of each group. Two patients show what was measured, not how the "
        "groups differ."
    )
    low, high = shown[0].window
    said = (
        f"Patients: {rows}. Grey values range from {tables.number(low)} to {tables.number(high)} {shown[0].unit}. The "
        "outline is amber."
    )
    with drawing("figure-1"):
        figure = largest_slices(shown, marker)
        alt = (
            "The slice with the largest cross-section of the VOI and its outline, for a patient with a high and one "
            "with a low marker."
        )
        yield Drawn("images", "figure-1", "What was measured", "1", figure, alt, said, why)
    with drawing("figure-4"):
        figure = montage(shown, marker)
        alt = (
            "Slices of each VOI from the first to the last with the outline, and the surface from the front and from "
            "the side."
        )
        said += " The outline can be checked in every slice. Both surfaces have the same scale."
        why = (
            "The surfaces are smoothed for display, and nothing was measured on them. The figure has no outline of a "
            "second reader."
        )
        yield Drawn("images", "figure-4", "The VOIs in three dimensions", "4", figure, alt, said, why)


def _controls(results: StudyResults) -> Iterator[Drawn]:
    part = results.parts.get("controls")
    areas, best = rows_of(part, "roc_areas"), rows_of(part, "operating_points")
    if part is None or areas.empty:
        return
    with drawing("figure-roc"):
        shows, limits = sentences.roc(areas, best)
        alt = "ROC curve of the marker for patients and controls. A ring marks the chosen threshold."
        yield Drawn(
            "controls",
            "figure-roc",
            "Patients against controls",
            "",
            curves.roc(rows_of(part, "roc"), areas, best),
            alt,
            shows,
            limits,
        )


def _association(results: StudyResults, colours: Colours) -> Iterator[Drawn]:
    protocol = results.parts["protocol"]
    points, marker = rows_of(protocol, "scatter"), _marker(results)
    if results.endpoint == "continuous" and not points.empty:
        order = rows_of(protocol, "screen").sort_values("p", kind="stable")["feature"]
        best = [name for name in order if name in set(points["feature"])][:_MOST_PANELS]
        points = pd.concat([points[points["feature"] == name] for name in best])
        with drawing("figure-2a"):
            shows, limits = sentences.scatter(protocol, results.settings["protocol"]["alpha"], len(best))
            figure = figures.scatter(points, f"{marker}\n({_unit(results)})", colours)
            alt = (
                f"Scatter plots of {len(best)} selected features against {marker}, each with a dashed least-squares "
                "line."
            )
            yield Drawn(
                "features", "figure-2a", "Selected features against the marker", "2A", figure, alt, shows, limits
            )


def _prediction(results: StudyResults, colours: Colours) -> Iterator[Drawn]:
    """Figures of the predictions, of the protocol and of the twin."""
    for side in SIDES if results.endpoint != "survival" else ():
        stem = f"figure-2b-{side}"
        with drawing(stem):
            found = _predictions(results.parts[side])
            if results.endpoint == "continuous":
                figure = figures.predicted_against_real(
                    found, _unit(results), colours, results.settings["protocol"]["exclude_above"]
                )
                alt = (
                    "Scatter plot of the predicted against the real marker. Thin line: equality. Dashed line: least "
                    "squares."
                )
            else:
                figure = figures.by_class(found, results.names.get("positive", "the second class"))
                alt = "Predicted probability of every patient in the two classes. Bars are medians."
            shows, limits = sentences.predicted(results, side)
            yield Drawn("prediction", stem, f"Predicted against real, {SIDES[side]}", "2B", figure, alt, shows, limits)
    for side in SIDES:
        part = results.parts[side]
        areas, best = rows_of(part, "roc_areas"), rows_of(part, "operating_points")
        if areas.empty:
            continue
        with drawing(f"figure-roc-{side}"):
            shows, limits = sentences.roc(areas, best, side)
            figure, alt = (
                curves.roc(rows_of(part, "roc"), areas, best),
                "ROC curves. A ring marks each chosen threshold.",
            )
            yield Drawn(
                "prediction", f"figure-roc-{side}", f"ROC curves, {SIDES[side]}", "", figure, alt, shows, limits
            )


def _predictions(part: Part) -> pd.DataFrame:
    """One row per patient, with the mean prediction over the repeats."""
    found = rows_of(part, "predictions")
    first = found.groupby("id", sort=False).first()
    return first.assign(prediction=found.groupby("id", sort=False)["prediction"].mean()).reset_index()


def _survival(results: StudyResults, side: str, colours: Colours) -> Iterator[Drawn]:
    part = results.parts[side]
    km, at_risk, tests = rows_of(part, "km"), rows_of(part, "at_risk"), rows_of(part, "log_rank")
    time = (
        re.sub(r"_(days|weeks|months|years)$", r" (\1)", results.names.get("time", "time"))
        .replace("_", " ")
        .capitalize()
    )
    for marker, letter in (("real", "A"), ("predicted", "B")):
        mine = km[km["marker"] == marker] if not km.empty else km
        if mine.empty:
            continue
        stem = f"figure-3{letter.lower()}-{side}"
        p = float(tests.loc[tests["marker"] == marker, "p"].iloc[0])
        said = "" if np.isnan(p) else f"log-rank {sentences.p_words(p)}"
        if said and results.endpoint == "survival":
            said += ", not valid"
        name = MARKERS[results.endpoint][marker]
        shows, limits = sentences.survival(results, side, marker)
        with drawing(stem):
            figure = curves.kaplan_meier(mine, at_risk[at_risk["marker"] == marker], said, time, colours)
            title = f"Survival by {name}, {SIDES[side]}"
            alt = f"Kaplan–Meier curves of the high and the low group by {name}, with patients at risk. {said}"
            yield Drawn("survival", stem, title, f"3{letter}", figure, alt, shows, limits)


def _twin(results: StudyResults) -> Iterator[Drawn]:
    part = results.parts["twin"]
    observed = {name: found.value for name, found in part.numbers.items() if found.value is not None}
    main = sentences.MAIN[results.endpoint]
    names = {main: tables.SCORE_NAMES[main]} | {
        k: tables.SCORE_NAMES[k] for k in ("q2", "brier_skill") if k in observed
    }
    if not (draws := rows_of(part, "permutation")).empty:
        with drawing("figure-permutation"):
            shows, limits = sentences.permutation(results)
            seen = {name: sentences.tested(part, name) for name in set(draws["score"])}
            figure = figures.histograms(draws, seen, names, tail=True)
            alt = "Histograms of the scores with permuted outcomes. Draws at or beyond the observed value are dark."
            yield Drawn(
                "twin-checks",
                "figure-permutation",
                "Permutation test of the nested procedure",
                "",
                figure,
                alt,
                shows,
                limits,
            )
    if not (draws := rows_of(part, "bootstrap")).empty:
        with drawing("figure-bootstrap"):
            shows, limits = sentences.bootstrap(results)
            figure = figures.histograms(draws, observed, names, tail=False)
            alt = (
                "Histograms of the scores of resampled patients. Dotted lines are the 2.5th and the 97.5th percentile."
            )
            yield Drawn(
                "twin-checks", "figure-bootstrap", "Bootstrap of the nested procedure", "", figure, alt, shows, limits
            )
    found = rows_of(part, "selection")
    if not found.empty and (found["frequency"] > 0).any():
        with drawing("figure-selection"):
            screen = rows_of(results.parts["protocol"], "screen")
            chosen = screen.loc[screen["selected"].astype(bool), "feature"].tolist()
            shows, limits = sentences.selection(part)
            alt = (
                "Bars show the share of training folds that selected each feature. Dark bars are the features "
                "selected by the protocol."
            )
            yield Drawn(
                "twin-checks",
                "figure-selection",
                "Selection frequency",
                "",
                figures.selection(found, chosen),
                alt,
                shows,
                limits,
            )
    sides = {
        name: found for side, name in SIDES.items() if not (found := rows_of(results.parts[side], "calibration")).empty
    }
    if sides:
        with drawing("figure-calibration"):
            shows, limits = sentences.calibration(results)
            figure = curves.calibration({k[0].upper() + k[1:]: v for k, v in sides.items()}, _unit(results))
            alt = (
                "Mean real against mean predicted value in fifths of the patients, with 95 % intervals. Dashed line: "
                "perfect calibration."
            )
            yield Drawn("twin-checks", "figure-calibration", "Calibration", "", figure, alt, shows, limits)
