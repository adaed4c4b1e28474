"""Which figures and tables a study's report shows, in the order of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from voxomics.report import curves, figures, sentences, tables
from voxomics.report.images import Example, largest_slices, montage
from voxomics.report.ink import Colours, drawing
from voxomics.study.results import Part, StudyResults

SIDES = {"protocol": "published protocol", "twin": "nested twin"}
MARKERS = {"real": "real marker", "predicted": "predicted marker"}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and what is said of it."""

    section: str
    stem: str  #: of its files and of its place on the page
    title: str
    figure: Figure
    alt: str
    shows: str
    limits: str


@dataclass(frozen=True, eq=False)
class Listed:
    """A table and what is said of it."""

    section: str
    stem: str
    title: str
    table: tables.Shown
    note: str
    file: str  #: below the report's folder
    long: bool = False  #: folded until a reader opens it


def drawn(results: StudyResults, shown: list[Example], colours: Colours) -> Iterator[Drawn]:
    """Every figure that the study has data for; each is drawn when it is asked for."""
    yield from _images(results, shown)
    yield from _controls(results)
    yield from _association(results, colours)
    for side in SIDES:
        yield from _survival(results, side, colours)
    yield from _twin(results)


def _table(part: Part | None, name: str) -> pd.DataFrame:
    """The table, or an empty one."""
    return part.tables[name].data if part is not None and name in part.tables else pd.DataFrame()


def _marker(results: StudyResults) -> str:
    return results.names.get("marker", "outcome")


def _unit(results: StudyResults) -> str:
    return results.names.get("unit", "") or _marker(results)


def _images(results: StudyResults, shown: list[Example]) -> Iterator[Drawn]:
    if not shown:
        return
    marker = _marker(results)
    rows = ", ".join(f"row {one.row} ({one.group}, {tables.number(one.truth)})" for one in shown)
    why = "Each is the patient in the middle of the group, chosen by rule; two patients show what was measured, not a difference between groups."
    low, high = shown[0].window
    said = f"Patients: {rows}. Shown from {low:.0f} to {high:.0f}; outline in amber."
    with drawing("figure-1"):
        figure = largest_slices(shown, marker)
        alt = "The slice with the largest cross-section of the VOI, outlined, for a patient with a high and one with a low marker."
        yield Drawn("images", "figure-1", "Figure 1. What was measured", figure, alt, said, why)
    with drawing("figure-4"):
        figure = montage(shown, marker)
        alt = "Slices from the first to the last of each VOI, outlined, and the VOI's surface from the front and from the side."
        check = "The outline can be checked slice by slice. The surfaces are smoothed for display alone; nothing was measured on them."
        yield Drawn("images", "figure-4", "Figure 4. The VOIs in three dimensions", figure, alt, said, check)


def _controls(results: StudyResults) -> Iterator[Drawn]:
    part = results.parts.get("controls")
    areas, best = _table(part, "roc_areas"), _table(part, "operating_points")
    if part is None or areas.empty:
        return
    with drawing("figure-roc"):
        shows, limits = sentences.roc(areas, best)
        alt = "ROC curve of the marker, patients against controls, with the chosen threshold ringed."
        yield Drawn("controls", "figure-roc", "Patients against controls", curves.roc(_table(part, "roc"), areas, best), alt, shows, limits)


def _association(results: StudyResults, colours: Colours) -> Iterator[Drawn]:
    protocol, twin = results.parts["protocol"], results.parts["twin"]
    points, marker = _table(protocol, "scatter"), _marker(results)
    if results.endpoint == "continuous" and not points.empty:
        with drawing("figure-2a"):
            shows, limits = sentences.scatter(protocol, results.settings["protocol"]["alpha"])
            figure = figures.scatter(points, f"{marker}\n({_unit(results)})", colours)
            alt = f"Scatter plots of {points['feature'].nunique()} selected features against {marker}, each with a dashed least-squares line."
            yield Drawn("features", "figure-2a", "Figure 2A. Selected features against the marker", figure, alt, shows, limits)
    for side, part in (("protocol", protocol), ("twin", twin)):
        stem = f"figure-2b-{side}"
        with drawing(stem):
            found = _predictions(part)
            if results.endpoint == "continuous":
                limit = results.settings["protocol"]["exclude_above"]
                figure = figures.predicted_against_real(found, _unit(results), colours, limit)
                alt = "Scatter plot of predicted against real marker; grey line: prediction equals reality; dashed: least squares."
            elif results.endpoint == "binary":
                figure = figures.by_class(found, results.names.get("positive", "the second class"))
                alt = "Predicted probability of every patient, in the two classes; bars are medians."
            else:
                continue
            shows, limits = sentences.predicted(results, side)
            yield Drawn(side, stem, f"Figure 2B. Predicted against real, {SIDES[side]}", figure, alt, shows, limits)
        areas, best = _table(part, "roc_areas"), _table(part, "operating_points")
        if not areas.empty:
            with drawing(f"figure-roc-{side}"):
                shows, limits = sentences.roc(areas, best)
                figure = curves.roc(_table(part, "roc"), areas, best)
                alt = "ROC curves, with each chosen threshold ringed."
                yield Drawn(side, f"figure-roc-{side}", f"ROC curves, {SIDES[side]}", figure, alt, shows, limits)


def _predictions(part: Part) -> pd.DataFrame:
    """One row a patient: the mean over the repeats."""
    found = _table(part, "predictions")
    first = found.groupby("id", sort=False).first()
    return first.assign(prediction=found.groupby("id", sort=False)["prediction"].mean()).reset_index()


def _survival(results: StudyResults, side: str, colours: Colours) -> Iterator[Drawn]:
    part = results.parts[side]
    km, at_risk, tests = _table(part, "km"), _table(part, "at_risk"), _table(part, "log_rank")
    time = results.names.get("time", "time").replace("_", " ")
    for marker, letter in (("real", "A"), ("predicted", "B")):
        mine = km[km["marker"] == marker] if not km.empty else km
        if mine.empty:
            continue
        stem = f"figure-3{letter.lower()}-{side}"
        test = tests.set_index("marker").loc[marker]
        said = "" if pd.isna(test["p"]) else f"log-rank {sentences.p_words(float(test['p']))}"
        shows, limits = sentences.survival(part, marker, side)
        with drawing(stem):
            figure = curves.kaplan_meier(mine, at_risk[at_risk["marker"] == marker], said, time, colours)
            title = f"Figure 3{letter}. Survival by {MARKERS[marker]}, {SIDES[side]}"
            alt = f"Kaplan–Meier curves of the high and the low group by {MARKERS[marker]}, with patients at risk. {said}"
            yield Drawn("survival", stem, title, figure, alt, shows, limits)


def _twin(results: StudyResults) -> Iterator[Drawn]:
    part = results.parts["twin"]
    observed = {name: found.value for name, found in part.numbers.items() if found.value is not None}
    main = sentences.MAIN[results.endpoint]
    names = {main: sentences.SCORE_NAMES[main]} | {k: sentences.SCORE_NAMES[k] for k in ("q2", "brier_skill") if k in observed}
    if not (draws := _table(part, "permutation")).empty:
        with drawing("figure-permutation"):
            shows, limits = sentences.permutation(results)
            figure = figures.histograms(draws, observed, names, tail=True)
            alt = "Histograms of the scores under shuffled outcomes; draws at or beyond the observed value are dark."
            yield Drawn("twin-checks", "figure-permutation", "Permutation test of the nested procedure", figure, alt, shows, limits)
    if not (draws := _table(part, "bootstrap")).empty:
        with drawing("figure-bootstrap"):
            shows, limits = sentences.bootstrap(results)
            figure = figures.histograms(draws, observed, names, tail=False)
            alt = "Histograms of the scores of resampled patients; dotted lines are the 2.5th and the 97.5th percentile."
            yield Drawn("twin-checks", "figure-bootstrap", "Bootstrap of the nested procedure", figure, alt, shows, limits)
    found = _table(part, "selection")
    if not found.empty and (found["frequency"] > 0).any():
        with drawing("figure-selection"):
            screen = _table(results.parts["protocol"], "screen")
            chosen = screen.loc[screen["selected"].astype(bool), "feature"].tolist()
            shows, limits = sentences.selection(part)
            alt = "Bars: share of training folds that selected each feature; dark bars are the features that the protocol selected."
            yield Drawn("twin-checks", "figure-selection", "Selection frequency", figures.selection(found, chosen), alt, shows, limits)
    sides = {name: found for side, name in SIDES.items() if not (found := _table(results.parts[side], "calibration")).empty}
    if sides:
        with drawing("figure-calibration"):
            shows, limits = sentences.calibration(results)
            figure = curves.calibration({k[0].upper() + k[1:]: v for k, v in sides.items()}, _unit(results))
            alt = "Mean real against mean predicted value in fifths of the patients, with 95 % intervals; dashed line: perfect calibration."
            yield Drawn("twin-checks", "figure-calibration", "Calibration", figure, alt, shows, limits)


def listed(results: StudyResults) -> Iterator[Listed]:
    """Every table that the study has rows for."""
    protocol, twin, cohort = (results.parts[name] for name in ("protocol", "twin", "cohort"))
    wanted: list[tuple[str, str, str, Part | None, str, str, str]] = [
        ("cohort", "table-3", "Table 3. Patient characteristics", cohort, "baseline", "covariate level n share mean sd median minimum maximum", ""),
        ("controls", "table-controls", "Patients against controls", results.parts.get("controls"), "against_controls", "group n median n_controls median_controls W p method superiority", "Stages are compared with the same controls; the p-values are not corrected for their number."),
        ("features", "table-1", "Table 1. Association of every feature with the outcome", protocol, "screen", "feature n effect ci statistic p q excluded", "Features in bold pass the screen. q corrects for the number of features tested."),
        ("protocol", "table-coefficients", "Model on the selected features, all patients", protocol, "coefficients", "term coef ratio se ci p message", "Intervals and p-values take no account of the selection."),
        ("survival", "table-2", "Table 2. Cox regression, published protocol", protocol, "cox", "model term n events hr ci p message", "Hazard ratios are for one unit of the term."),
        ("survival", "table-2-twin", "Cox regression, nested twin", twin, "cox", "model term n events hr ci p message", ""),
        ("survival", "table-models", "Cox models, nested twin", twin, "cox_models", "model n events events_per_variable concordance optimism corrected likelihood_ratio_p message", "Fewer than about ten events for each variable make a model unstable."),
        ("survival", "table-ph", "Tests of proportional hazards, nested twin", twin, "proportional_hazards", "model term chi2 df p", "A small p-value speaks against a constant hazard ratio."),
        ("survival", "table-tauc", "Time-dependent area under the curve, nested twin", twin, "time_dependent_auc", "marker time auc", ""),
        ("sensitivity", "table-designs", "Random folds beside leaving one centre out", results.parts.get("centres"), "designs", "design combat score value p test", ""),
        ("sensitivity", "table-centres", "Scores in each centre", results.parts.get("centres"), "by_centre", "design combat centre n score value message", ""),
        ("sensitivity", "table-choices", "The same analysis under other choices", results.parts.get("sensitivity"), "choices", "analysis side n n_selected score value p", "Choices made after seeing the data are for orientation alone."),
    ]  # fmt: skip
    for section, stem, title, part, name, columns, note in wanted:
        found = _table(part, name)
        if part is None or found.empty:
            continue
        strong = found["selected"].fillna(False).astype(bool) if name == "screen" else None
        shown = tables.shown(found, columns.split(), strong)
        yield Listed(section, stem, title, shown, note, f"tables/{part.name}_{name}.csv", long=len(found) > 16)
