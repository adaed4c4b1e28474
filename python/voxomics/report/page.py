"""Write the results of a study as one HTML page with figures, tables, captions and checklists."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from voxomics.engine.errors import InputError
from voxomics.io.outputs import RECORD, write_whole
from voxomics.report import checklists, sentences, tables
from voxomics.report.exhibits import SIDES, Drawn, drawn
from voxomics.report.images import examples
from voxomics.report.ink import GROUPS, Colours, files_of, inlined
from voxomics.report.listings import listed
from voxomics.study.catalogue import NUMBERS
from voxomics.study.results import StudyResults

SECTIONS = {
    "cohort": "Patients",
    "images": "Images",
    "controls": "Patients and healthy controls",
    "features": "Features and the outcome",
    "prediction": "Prediction by protocol and nested twin",
    "twin-checks": "Checks of the nested twin",
    "survival": "Survival",
    "sensitivity": "Centres and other choices",
}


def write_report(
    results: StudyResults,
    folder: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    colours: Colours = "paper",
    overwrite: bool = False,
) -> Path:
    """Write the report of a study: report.html, figures/ (SVG and PNG), results.json and tables/.

    Parameters
    ----------
    results : StudyResults
    folder : path
        Created if it does not exist.
    images : path, optional
        CSV file with the columns id, image and mask; paths are relative to its folder. Figures 1 and 4 show a patient with
        a high and one with a low marker. The page names patients by their row only; the table of patients keeps the ids.
    colours : {"paper", "safe"}
        Colours of survivors and non-survivors in the files: red and blue as in the paper, or a pair that can be
        distinguished with every type of colour vision. A button on the page changes them.
    overwrite : bool
        Replace files that voxomics did not write, or that have changed since.

    Returns
    -------
    Path
        Path of report.html.

    Raises
    ------
    InputError
        If images cannot be read, colours are unknown, the folder cannot be written to, or a file would be lost.

    Examples
    --------
    >>> from voxomics.study.results import StudyResults
    >>> write_report(StudyResults.read(Path("results.json")), "report").name  # doctest: +SKIP
    'report.html'
    """
    if colours not in GROUPS:
        raise InputError(f"colours {colours!r} are unknown; accepted: {', '.join(GROUPS)}")
    target = Path(folder)
    shown = [] if images is None else examples(results, Path(images))
    results.write(target, overwrite=overwrite)
    contents: dict[Path, bytes] = {}
    figures: list[dict[str, Any]] = []
    for one in drawn(results, shown, colours):
        svg, png = files_of(one.figure)
        contents |= {target / "figures" / f"{one.stem}.svg": svg.encode(), target / "figures" / f"{one.stem}.png": png}
        figures.append(_placed(one, svg))
    page = target / "report.html"
    contents[page] = render(results, figures, colours).encode()
    try:
        (target / "figures").mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder {target.name!r} cannot be written to ({error.strerror}); choose another folder"
        ) from None
    write_whole(contents, record=target / RECORD, overwrite=overwrite)
    return page


def _placed(one: Drawn, svg: str) -> dict[str, Any]:
    """A figure in the form that the template of the page needs."""
    width = one.figure.get_figwidth()
    said = {"section": one.section, "title": one.title, "paper": one.paper, "shows": one.shows, "limits": one.limits}
    return {
        "stem": one.stem,
        "svg": inlined(svg, one.stem, one.title, one.alt),
        "width": width,
        "wide": width > 5,
        **said,
    }


def render(results: StudyResults, figures: list[dict[str, Any]], colours: Colours) -> str:
    """HTML of the page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("voxomics.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = tables.number
    environment.filters["typeset"] = lambda text: str(text).replace("'", "’")
    template = environment.get_template("page.j2")
    found = list(listed(results))
    order = list(SECTIONS)
    numbers = {one["stem"]: i for i, one in enumerate(sorted(figures, key=lambda one: order.index(one["section"])), 1)}
    numbers |= {one.stem: i for i, one in enumerate(sorted(found, key=lambda one: order.index(one.section)), 1)}
    scores, footnotes = _scores(results)
    return template.render(
        results=results,
        headline=sentences.headline(results),
        scores=scores,
        footnotes=footnotes,
        numbers=numbers,
        sections={key: title for key, title in SECTIONS.items() if key == "prediction" or _holds(key, figures, found)},
        sides=SIDES,
        figures=figures,
        tables=found,
        clear=checklists.clear(results),
        metrics=checklists.metrics(results),
        authors=checklists.AUTHORS,
        palettes=GROUPS,
        colours=colours,
        notes=_notes(results),
        settings=yaml.safe_dump(results.settings, sort_keys=False, allow_unicode=True),
        style=Markup(_own("style.css")),
        script=Markup(_own("script.j2")),
    )


def _own(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _holds(section: str, figures: list[dict[str, Any]], found: list[Any]) -> bool:
    return any(one["section"] == section for one in figures) or any(one.section == section for one in found)


def _scores(results: StudyResults) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Scores of protocol and twin, and the letter of each footnote on tests."""
    rows: list[dict[str, Any]] = []
    letters: dict[str, str] = {}
    main = sentences.MAIN[results.endpoint]
    for name, meaning in sorted(NUMBERS.items(), key=lambda item: item[0] != main):
        found = {side: results.parts[side].numbers.get(name) for side in SIDES}
        if name not in tables.SCORE_NAMES or not any(found.values()):
            continue
        row: dict[str, Any] = {"name": tables.SCORE_NAMES[name], "meaning": meaning}
        for side, one in found.items():
            tests = [] if one is None else [text for text in one.test.split("; ") if text]
            marks = [letters.setdefault(text, chr(ord("a") + len(letters))) for text in tests]
            row[side] = ("–" if one is None else sentences.estimate(one), ", ".join(marks))
        rows.append(row)
    return rows, letters


def _notes(results: StudyResults) -> list[tuple[str, str]]:
    """Notes of the study without lists of patients; the tables keep the ids."""
    known = {str(one) for name in ("patients", "left_out") for one in results.parts["cohort"].tables[name].data["id"]}
    rows = []
    for note in results.notes:
        head, colon, rest = note.text.rpartition(": ")
        named = [word.strip() for word in rest.replace(" and ", ",").split(",")]
        text = (
            f"{head} (ids: tables/cohort_left_out.csv)" if colon and any(word in known for word in named) else note.text
        )
        rows.append((note.where, text))
    return rows
