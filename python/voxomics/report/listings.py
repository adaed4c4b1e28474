"""Tables of the report, with their titles and notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from voxomics.report import sentences, tables
from voxomics.report.exhibits import MARKERS, rows_of
from voxomics.study.results import StudyResults


@dataclass(frozen=True, eq=False)
class Listed:
    """A table with its title and note."""

    section: str
    stem: str
    title: str
    paper: str
    table: tables.Shown
    note: str
    file: str  #: below the report's folder
    long: bool = False  #: scrolls on the screen


@dataclass(frozen=True)
class Wanted:
    """A table of the results that the page shows if it exists."""

    section: str
    part: str
    name: str
    title: str
    columns: str
    note: str = ""
    paper: str = ""


WANTED = (
    Wanted(
        "cohort",
        "cohort",
        "baseline",
        "Patient characteristics",
        "covariate level n share mean sd median minimum maximum",
        paper="3",
    ),
    Wanted(
        "controls",
        "controls",
        "against_controls",
        "Patients against controls, all and by stage",
        "group n median n_controls median_controls W p method superiority",
        "All stages are compared with the same controls. The p-values are not corrected for the number of tests.",
    ),
    Wanted(
        "features",
        "protocol",
        "screen",
        "Association of every feature with the outcome",
        "feature n effect ci statistic p q excluded",
        "Features are in order of p. Features in bold pass the screen. q is corrected for the number of features "
        "tested.",
        "1",
    ),
    Wanted(
        "prediction",
        "protocol",
        "coefficients",
        "Model on the selected features, all patients",
        "term coef ratio se ci p message",
        "Intervals and p-values do not account for the selection of features.",
    ),
    Wanted(
        "survival",
        "protocol",
        "cox",
        "Cox regression, protocol",
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
        "The models of clinical covariates alone are the same as in the protocol.",
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
        "Patients with the event by that time are compared with patients who survived longer.",
    ),
    Wanted(
        "sensitivity",
        "centres",
        "designs",
        "Random folds and leave-one-centre-out",
        "design combat score value p test",
        "Leaving out a centre is the harder test.",
    ),
    Wanted(
        "sensitivity",
        "centres",
        "by_centre",
        "Scores in each centre",
        "design combat centre n score value message",
        "The score of a centre with few patients is uncertain.",
    ),
    Wanted(
        "sensitivity",
        "sensitivity",
        "choices",
        "The same analysis with other choices",
        "analysis side n n_selected score value p",
        "The p-values of the protocol are not valid here either. Choices made after seeing the data are for "
        "orientation only.",
    ),
)
_LONG = 16  # rows; a longer table scrolls on a screen


def listed(results: StudyResults) -> Iterator[Listed]:
    """Yield every table that the study has rows for."""
    for wanted in WANTED:
        part = results.parts.get(wanted.part)
        found = rows_of(part, wanted.name)
        if part is None or found.empty:
            continue
        found, strong = _for_reading(found, wanted, results)
        shown = tables.shown(found, wanted.columns.split(), strong)
        file = f"tables/{wanted.part}_{wanted.name}.csv"
        yield Listed(
            wanted.section,
            f"table-{wanted.part}-{wanted.name}",
            wanted.title,
            wanted.paper,
            shown,
            wanted.note,
            file,
            len(found) > _LONG,
        )


def _for_reading(found: pd.DataFrame, wanted: Wanted, results: StudyResults) -> tuple[pd.DataFrame, pd.Series | None]:
    """Rows that the page shows, in the order of the page; the CSV file has all rows."""
    if wanted.name == "screen":
        found = found.sort_values("p", kind="stable")
        return found, found["selected"].fillna(False).astype(bool)
    if wanted.name == "cox" and wanted.part == "twin":
        found = found[(found["model"] != "univariate") | found["term"].isin(MARKERS[results.endpoint])]
    if "score" in found:
        found = found[found["score"].isin([sentences.MAIN[results.endpoint], "q2", "brier_skill"])]
    return found, None
