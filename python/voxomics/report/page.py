"""One page from a study's results: figures, tables, plain words and checklists in one HTML file that loads nothing else."""

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
    "controls": "The marker against healthy controls",
    "features": "Features and the outcome",
    "prediction": "Prediction: protocol and twin side by side",
    "twin-checks": "How far the twin can be trusted",
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
    """Write a report: report.html, figures/ (SVG and PNG) and, through `StudyResults.write`, results.json and tables/.

    Parameters
    ----------
    results : StudyResults
    folder : path
        Made where it does not exist.
    images : path, optional
        CSV with the columns id, image and mask, paths starting from its folder, for figures 1 and 4: a patient with a high and
        one with a low marker. Patients are named by their row alone; the table of patients keeps the ids.
    colours : {"paper", "safe"}
        Of survivors and non-survivors in the files: red and blue as in the paper, or a pair that every kind of colour
        vision tells apart. The page can switch.
    overwrite : bool
        Replace files that voxomics did not write, or that have changed since.

    Returns
    -------
    Path
        Of report.html.

    Raises
    ------
    InputError
        Images that cannot be read, unknown colours, a folder that cannot be written to, or a file that would be lost.

    Examples
    --------
    >>> from voxomics.study.results import StudyResults
    >>> write_report(StudyResults.read(Path("results.json")), "report").name  # doctest: +SKIP
    'report.html'
    """
    if colours not in GROUPS:
        raise InputError(f"colours {colours!r}: accepted are {', '.join(GROUPS)}")
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
        raise InputError(f"folder {target.name!r}: cannot be written to ({error.strerror}); choose another one") from None
    write_whole(contents, record=target / RECORD, overwrite=overwrite)
    return page


def _placed(one: Drawn, svg: str) -> dict[str, Any]:
    """A figure as the page's template wants it."""
    width = one.figure.get_figwidth()
    said = {"section": one.section, "title": one.title, "paper": one.paper, "shows": one.shows, "limits": one.limits}
    return {"stem": one.stem, "svg": inlined(svg, one.stem, one.title, one.alt), "width": width, "wide": width > 5, **said}


def render(results: StudyResults, figures: list[dict[str, Any]], colours: Colours) -> str:
    """The page's HTML."""
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
    """Protocol and twin, score by score, and the footnotes on tests: text to letter."""
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
    """What a reader has to know; lists of patients are cut off, their ids stay in the tables."""
    known = {str(one) for name in ("patients", "left_out") for one in results.parts["cohort"].tables[name].data["id"]}
    rows = []
    for note in results.notes:
        head, colon, rest = note.text.rpartition(": ")
        named = [word.strip() for word in rest.replace(" and ", ",").split(",")]
        text = f"{head} (ids: tables/cohort_left_out.csv)" if colon and any(word in known for word in named) else note.text
        rows.append((note.where, text))
    return rows
