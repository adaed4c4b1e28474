"""Which figures and tables a study's report shows, in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from voxomics.report import curves, figures, sentences, tables
from voxomics.report.images import Example, largest_slices, montage
from voxomics.report.ink import Colours, drawing
from voxomics.study.results import Part, StudyResults

SIDES = {"protocol": "published protocol", "twin": "nested twin"}
_MOST_PANELS = 12
MARKERS = {"real": "real marker", "predicted": "predicted marker"}


@dataclass(frozen=True, eq=False)
class Drawn:
    """A figure and what is said of it."""

    section: str
    stem: str  #: of its files and of its place on the page
    title: str
    paper: str  #: the figure of Hoshino et al. 2020 that it answers to, or none
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
    paper: str
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
    said = f"Patients: {rows}. Grey levels from {tables.number(low)} to {tables.number(high)} {shown[0].unit}; outline in amber."
    with drawing("figure-1"):
        figure = largest_slices(shown, marker)
        alt = "The slice with the largest cross-section of the VOI, outlined, for a patient with a high and one with a low marker."
        yield Drawn("images", "figure-1", "What was measured", "1", figure, alt, said, why)
    with drawing("figure-4"):
        figure = montage(shown, marker)
        alt = "Slices from the first to the last of each VOI, outlined, and the VOI's surface from the front and from the side."
        check = "The outline can be checked slice by slice. The surfaces are smoothed for display alone; nothing was measured on them."
        yield Drawn("images", "figure-4", "The VOIs in three dimensions", "4", figure, alt, said, check)


def _controls(results: StudyResults) -> Iterator[Drawn]:
    part = results.parts.get("controls")
    areas, best = _table(part, "roc_areas"), _table(part, "operating_points")
    if part is None or areas.empty:
        return
    with drawing("figure-roc"):
        shows, limits = sentences.roc(areas, best)
        alt = "ROC curve of the marker, patients against controls, with the chosen threshold ringed."
        yield Drawn("controls", "figure-roc", "Patients against controls", "", curves.roc(_table(part, "roc"), areas, best), alt, shows, limits)


def _association(results: StudyResults, colours: Colours) -> Iterator[Drawn]:
    protocol, twin = results.parts["protocol"], results.parts["twin"]
    points, marker = _table(protocol, "scatter"), _marker(results)
    if results.endpoint == "continuous" and not points.empty:
        order = _table(protocol, "screen").sort_values("p", kind="stable")["feature"]
        best = [name for name in order if name in set(points["feature"])][:_MOST_PANELS]
        points = pd.concat([points[points["feature"] == name] for name in best])
        with drawing("figure-2a"):
            shows, limits = sentences.scatter(protocol, results.settings["protocol"]["alpha"], len(best))
            figure = figures.scatter(points, f"{marker}\n({_unit(results)})", colours)
            alt = f"Scatter plots of {points['feature'].nunique()} selected features against {marker}, each with a dashed least-squares line."
            yield Drawn("features", "figure-2a", "Selected features against the marker", "2A", figure, alt, shows, limits)
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
            yield Drawn(side, stem, f"Predicted against real, {SIDES[side]}", "2B", figure, alt, shows, limits)
        areas, best = _table(part, "roc_areas"), _table(part, "operating_points")
        if not areas.empty:
            with drawing(f"figure-roc-{side}"):
                shows, limits = sentences.roc(areas, best)
                figure = curves.roc(_table(part, "roc"), areas, best)
                alt = "ROC curves, with each chosen threshold ringed."
                yield Drawn(side, f"figure-roc-{side}", f"ROC curves, {SIDES[side]}", "", figure, alt, shows, limits)


def _predictions(part: Part) -> pd.DataFrame:
    """One row a patient: the mean over the repeats."""
    found = _table(part, "predictions")
    first = found.groupby("id", sort=False).first()
    return first.assign(prediction=found.groupby("id", sort=False)["prediction"].mean()).reset_index()


def _survival(results: StudyResults, side: str, colours: Colours) -> Iterator[Drawn]:
    part = results.parts[side]
    km, at_risk, tests = _table(part, "km"), _table(part, "at_risk"), _table(part, "log_rank")
    time = re.sub(r"_(days|weeks|months|years)$", r" (\1)", results.names.get("time", "time")).replace("_", " ").capitalize()
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
            title = f"Survival by {MARKERS[marker]}, {SIDES[side]}"
            alt = f"Kaplan–Meier curves of the high and the low group by {MARKERS[marker]}, with patients at risk. {said}"
            yield Drawn("survival", stem, title, f"3{letter}", figure, alt, shows, limits)


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
            yield Drawn("twin-checks", "figure-permutation", "Permutation test of the nested procedure", "", figure, alt, shows, limits)
    if not (draws := _table(part, "bootstrap")).empty:
        with drawing("figure-bootstrap"):
            shows, limits = sentences.bootstrap(results)
            figure = figures.histograms(draws, observed, names, tail=False)
            alt = "Histograms of the scores of resampled patients; dotted lines are the 2.5th and the 97.5th percentile."
            yield Drawn("twin-checks", "figure-bootstrap", "Bootstrap of the nested procedure", "", figure, alt, shows, limits)
    found = _table(part, "selection")
    if not found.empty and (found["frequency"] > 0).any():
        with drawing("figure-selection"):
            screen = _table(results.parts["protocol"], "screen")
            chosen = screen.loc[screen["selected"].astype(bool), "feature"].tolist()
            shows, limits = sentences.selection(part)
            alt = "Bars: share of training folds that selected each feature; dark bars are the features that the protocol selected."
            yield Drawn("twin-checks", "figure-selection", "Selection frequency", "", figures.selection(found, chosen), alt, shows, limits)
    sides = {name: found for side, name in SIDES.items() if not (found := _table(results.parts[side], "calibration")).empty}
    if sides:
        with drawing("figure-calibration"):
            shows, limits = sentences.calibration(results)
            figure = curves.calibration({k[0].upper() + k[1:]: v for k, v in sides.items()}, _unit(results))
            alt = "Mean real against mean predicted value in fifths of the patients, with 95 % intervals; dashed line: perfect calibration."
            yield Drawn("twin-checks", "figure-calibration", "Calibration", "", figure, alt, shows, limits)


def listed(results: StudyResults) -> Iterator[Listed]:
    """Every table that the study has rows for."""
    for wanted in WANTED:
        part = results.parts.get(wanted.part)
        found = _table(part, wanted.name)
        if part is None or found.empty:
            continue
        found, strong = _for_reading(found, wanted, results)
        shown = tables.shown(found, wanted.columns.split(), strong)
        file = f"tables/{wanted.part}_{wanted.name}.csv"
        yield Listed(wanted.section, f"table-{wanted.part}-{wanted.name}", wanted.title, wanted.paper, shown, wanted.note, file, len(found) > 16)


def _for_reading(found: pd.DataFrame, wanted: Wanted, results: StudyResults) -> tuple[pd.DataFrame, pd.Series | None]:
    """Rows that a reader needs on the page, in a useful order; the CSV file has all."""
    if wanted.name == "screen":
        found = found.sort_values("p", kind="stable")
        return found, found["selected"].fillna(False).astype(bool)
    if wanted.name == "cox" and wanted.part == "twin":
        found = found[(found["model"] != "univariate") | found["term"].isin(MARKERS)]
    if "score" in found:
        found = found[found["score"].isin([sentences.MAIN[results.endpoint], "q2", "brier_skill"])]
    return found, None


@dataclass(frozen=True)
class Wanted:
    """A table of the results that the page shows, if there is one."""

    section: str
    part: str
    name: str
    title: str
    columns: str
    note: str = ""
    paper: str = ""


WANTED = (
    Wanted("cohort", "cohort", "baseline", "Patient characteristics", "covariate level n share mean sd median minimum maximum", paper="3"),
    Wanted(
        "controls",
        "controls",
        "against_controls",
        "Patients against controls, all and by stage",
        "group n median n_controls median_controls W p method superiority",
        "Stages are compared with the same controls; the p-values are not corrected for their number.",
    ),
    Wanted(
        "features",
        "protocol",
        "screen",
        "Association of every feature with the outcome",
        "feature n effect ci statistic p q excluded",
        "In order of p. Features in bold pass the screen; q corrects for the number of features tested.",
        "1",
    ),
    Wanted(
        "protocol",
        "protocol",
        "coefficients",
        "Model on the selected features, all patients",
        "term coef ratio se ci p message",
        "Intervals and p-values take no account of the selection.",
    ),
    Wanted(
        "survival",
        "protocol",
        "cox",
        "Cox regression, published protocol",
        "model term n events hr ci p message",
        "Hazard ratios are for one unit of the term.",
        "2",
    ),
    Wanted(
        "survival",
        "twin",
        "cox",
        "Cox regression, nested twin",
        "model term n events hr ci p message",
        "Clinical covariates alone are the same as in the protocol.",
    ),
    Wanted(
        "survival",
        "twin",
        "cox_models",
        "Cox models, nested twin",
        "model n events events_per_variable concordance optimism corrected likelihood_ratio_p message",
        "Fewer than about ten events for each variable make a model unstable.",
    ),
    Wanted(
        "survival",
        "twin",
        "proportional_hazards",
        "Tests of proportional hazards, nested twin",
        "model term chi2 df p",
        "A small p-value speaks against a constant hazard ratio.",
    ),
    Wanted(
        "survival",
        "twin",
        "time_dependent_auc",
        "Time-dependent area under the curve, nested twin",
        "marker time auc",
        "Death by the time against survival beyond it.",
    ),
    Wanted(
        "sensitivity",
        "centres",
        "designs",
        "Random folds beside leaving one centre out",
        "design combat score value p test",
        "Leaving a centre out asks the harder question.",
    ),
    Wanted(
        "sensitivity",
        "centres",
        "by_centre",
        "Scores in each centre",
        "design combat centre n score value message",
        "Few patients in a centre make its score uncertain.",
    ),
    Wanted(
        "sensitivity",
        "sensitivity",
        "choices",
        "The same analysis under other choices",
        "analysis side n n_selected score value p",
        "The protocol's p-values do not hold here either. Choices made after seeing the data are for orientation alone.",
    ),
)
