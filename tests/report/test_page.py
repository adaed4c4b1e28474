"""The report: its numbers are the study's, its files are whole, its page asks for nothing, and it says what it does not show."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from matplotlib.colors import to_hex
from matplotlib.path import Path as MplPath

from report_cohort import IDS, results, write_images
from voxomics.engine.errors import InputError
from voxomics.report import curves, figures, ink, page, tables, write_report
from voxomics.report.exhibits import drawn
from voxomics.report.images import OUTLINE, examples, largest_slices, representatives
from voxomics.study.results import StudyResults

ENDPOINTS = ("continuous", "binary", "survival")


class Page(HTMLParser):
    """Ids, references, links and the rows of every table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._section = ""
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.ids += [given["id"]] if given.get("id") else []
        self.labels += (given.get("aria-labelledby") or "").split()
        if tag == "a":
            self.links.append(given.get("href") or "")
        elif tag != "use":
            self.fetched += [v for k, v in attributes if k in ("src", "href", "xlink:href", "data", "srcset") and v]
        if "listing" in (given.get("class") or ""):
            self._section = given["id"] or ""
            self.tables[self._section] = []
        if tag == "tr" and self._section:
            self.tables[self._section].append([])
        if tag in ("td", "th") and self._section:
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._section][-1].append("".join(self._cell).strip())
            self._cell = None
        if tag == "table":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each endpoint; the continuous one with images."""
    made = {}
    for endpoint in ENDPOINTS:
        folder = tmp_path_factory.mktemp(endpoint)
        images = None
        if endpoint == "continuous":
            images = write_images(folder, list(representatives(results(endpoint)).values()))
        write_report(results(endpoint), folder / "report", images=images)
        made[endpoint] = folder / "report"
    return made


def text_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_page_is_whole(folders: dict[str, Path], endpoint: str) -> None:
    folder = folders[endpoint]
    found = Page(text_of(folder))
    assert [one for one, n in Counter(found.ids).items() if n > 1] == []
    assert set(found.labels) <= set(found.ids)
    for link in found.links:
        assert link[1:] in found.ids if link.startswith("#") else (folder / link).is_file(), link
    assert all(one.startswith("data:") for one in found.fetched)
    used = set(re.findall(r'<use xlink:href="#([^"]+)"', text_of(folder))) | set(re.findall(r"url\(#([^)]+)\)", text_of(folder)))
    assert used and used <= set(found.ids)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_figure_is_two_files(folders: dict[str, Path], endpoint: str) -> None:
    from PIL import Image

    drawings = sorted((folders[endpoint] / "figures").glob("*.svg"))
    on_page = re.findall(r'<figure id="([^"]+)"', text_of(folders[endpoint]))
    assert sorted(on_page) == sorted(path.stem for path in drawings)
    for path in drawings:
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
        with Image.open(path.with_suffix(".png")) as picture:
            assert np.asarray(picture.convert("L")).std() > 5  # not blank


def test_figures_follow_the_pages_colours(folders: dict[str, Path]) -> None:
    """What keeps its own colour in dark mode stands on an image: outlines, the bar of millimetres and its label."""
    for endpoint in ENDPOINTS:
        for one in re.findall(r"<svg.*?</svg>", text_of(folders[endpoint]), flags=re.DOTALL):
            pictureless = re.sub(r'xlink:href="data:[^"]*"', "", one)
            assert set(re.findall(r"#[0-9a-f]{6}\b", pictureless)) <= {OUTLINE, "#ffffff"}
            assert "var(--ink)" in one


def test_numbers_are_the_studys(folders: dict[str, Path]) -> None:
    """Cells of the tables, formatted by the plainest means, in the order that is promised."""
    study, shown = results("continuous"), Page(text_of(folders["continuous"])).tables
    screen = study.parts["protocol"].tables["screen"].data.sort_values("p", kind="stable")
    rows = shown["table-protocol-screen"]
    names = [re.sub(r"\W+$", "", cell) for cell in rows[0]]
    assert [row[0] for row in rows[1:]] == screen["feature"].tolist()
    for row, (_, wanted) in zip(rows[1:], screen.iterrows(), strict=True):
        assert float(row[names.index("effect")].replace("−", "-")) == pytest.approx(wanted["effect"], abs=5.1e-4)
        p = row[names.index("p")]
        assert wanted["p"] < 1e-3 if p.startswith("<") else float(p) == pytest.approx(wanted["p"], abs=5.1e-3)
        low, high = (float(v.replace("−", "-")) for v in row[names.index("95 % CI")].split(" to "))
        assert (low, high) == pytest.approx((wanted["ci_low"], wanted["ci_high"]), abs=5.1e-4)
    r = study.parts["twin"].numbers["r"]
    assert r.value is not None and f"correlation r = {r.value:.3f} (95 % CI" in text_of(folders["continuous"])


def test_no_patient_is_named(folders: dict[str, Path]) -> None:
    for endpoint in ENDPOINTS:
        text = text_of(folders[endpoint])
        assert not [one for one in IDS if one in text]
        assert not [p.name for p in (folders[endpoint] / "figures").glob("*.svg") if "NAME-" in p.read_text(encoding="utf-8")]
    named = StudyResults.read(folders["survival"] / "results.json")
    named.note("input", f"2 patients are left out, no outcome: {IDS[0]}, {IDS[1]}")
    assert IDS[0] not in page.render(named, [], "paper")


def test_text_is_escaped(folders: dict[str, Path]) -> None:
    assert "<h1>Marker &amp; features &lt;test&gt;</h1>" in text_of(folders["continuous"])


def test_representatives_are_in_the_middle() -> None:
    patients = results("continuous").parts["cohort"].tables["patients"].data
    threshold = results("continuous").parts["protocol"].numbers["threshold"].value
    for group, row in representatives(results("continuous")).items():
        values = [v for v in patients["truth"] if (v > threshold) == (group == "high")]
        below = sum(v < patients["truth"][row] for v in values)
        above = sum(v > patients["truth"][row] for v in values)
        assert 0 <= above - below <= 1


def test_outline_is_the_voi(folders: dict[str, Path]) -> None:
    """The outline encloses the voxels of the mask's largest slice, and no others."""
    shown = examples(results("continuous"), folders["continuous"].parent / "images.csv")
    with ink.drawing("test"):
        figure = largest_slices(shown, "marker")
    for axis, one in zip(figure.axes, shown, strict=True):
        largest = one.voi[one.voi.sum(axis=(1, 2)).argmax()]
        y, x = np.indices(largest.shape)
        centres = np.column_stack([(x.ravel() + 0.5) * one.spacing_mm[2], (y.ravel() + 0.5) * one.spacing_mm[1]])
        inside = np.zeros(largest.size, bool)
        for corners in axis.collections[0].get_paths()[0].to_polygons():
            inside ^= MplPath(corners).contains_points(centres)
        assert (inside == largest.ravel()).all()


def _in_order(points: Any) -> np.ndarray:
    return np.array(sorted(map(tuple, np.asarray(points, dtype=float))))


@pytest.mark.parametrize("colours", ink.GROUPS)
def test_points_are_coloured_by_outcome(colours: ink.Colours) -> None:
    """Survivors red and non-survivors blue; the second panel leaves out those above the limit, and no others."""
    predictions = results("continuous").parts["protocol"].tables["predictions"].data
    with ink.drawing("test"):
        figure = figures.predicted_against_real(predictions, "unit", colours, 50.0)
    for axis, mine in zip(figure.axes, (predictions, predictions[predictions["truth"] <= 50]), strict=True):
        for name, event in (("alive", 0), ("dead", 1)):
            points = next(c for c in axis.collections if to_hex(c.get_facecolor()[0]) == ink.GROUPS[colours][name])
            wanted = mine.loc[mine["event"] == event, ["truth", "prediction"]]
            assert _in_order(points.get_offsets()) == pytest.approx(_in_order(wanted))


def test_survival_curves_are_the_tables() -> None:
    part = results("continuous").parts["protocol"]
    km, at_risk = (part.tables[name].data.query("marker == 'real'") for name in ("km", "at_risk"))
    with ink.drawing("test"):
        figure = curves.kaplan_meier(km, at_risk, "said", "Time", "paper")
    axis, below = figure.axes
    for group, colour in (("high", "dead"), ("low", "alive")):
        mine = km[km["group"] == group]
        steps = next(line for line in axis.lines if to_hex(line.get_color()) == ink.GROUPS["paper"][colour])
        assert steps.get_drawstyle() == "steps-post"
        assert np.column_stack(steps.get_data()) == pytest.approx(np.column_stack([mine["time"], 100 * mine["survival"]]))
    counts = at_risk[at_risk["group"] == "high"].set_index("time")["n_risk"]
    label = [tick.get_text() for tick in below.get_yticklabels()].index("high")
    counted = {text.xy[0]: int(text.get_text()) for text in below.texts if text.xy[1] == label}
    assert counted == counts.to_dict()


def test_permutations_beyond_the_observed_value_are_dark() -> None:
    draws = results("continuous").parts["twin"].tables["permutation"].data
    seen = float(draws.loc[draws["score"] == "r", "value"].quantile(0.8))
    with ink.drawing("test"):
        axis = figures.histograms(draws, {"r": seen}, {"r": "r"}, tail=True).axes[0]
    dark = sum(bar.get_height() for bar in axis.patches if to_hex(bar.get_facecolor()) == ink.ACCENT)
    assert dark == ((draws["score"] == "r") & (draws["value"] >= seen)).sum() > 0


def test_colours_that_everybody_tells_apart() -> None:
    one = next(one for one in drawn(results("continuous"), [], "safe") if one.stem == "figure-2a")
    svg, _ = ink.files_of(one.figure)
    assert all(colour in svg for colour in ink.GROUPS["safe"].values())
    assert not any(colour in svg for colour in ink.GROUPS["paper"].values())
    assert '<html lang="en" data-palette="safe">' in page.render(results("continuous"), [], "safe")


@pytest.mark.parametrize("value", [0.0, 1.0, 12.34, 999.9, 0.0984, 0.00534, 4.2e-5, -0.31, 2.4e9, 123456.7])
def test_numbers_lose_little(value: float) -> None:
    text = tables.number(value).replace("−", "-")
    assert float(text) == pytest.approx(value, rel=0.06, abs=1e-12)
    assert len(text) <= 8


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_contrast() -> None:
    """WCAG 2.2: text at 4.5 to 1 and what a figure shows at 3 to 1, in light and dark, in both palettes."""
    style = (Path(page.__file__).parent / "style.css").read_text(encoding="utf-8")
    found = re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    papers = next(pair for name, *pair in found if name == "paper")
    least = {"ink": 7.0, "muted": 4.5, "accent": 4.5, "alive": 3.0, "dead": 3.0}
    assert Counter(name for name, *_ in found)["alive"] == 2
    for name, *colours in found:
        for colour, paper in zip(colours, papers, strict=True):
            dark, light = sorted((_luminance(colour), _luminance(paper)))
            assert (light + 0.05) / (dark + 0.05) >= least.get(name, 1.0), name


def test_wrong_input(tmp_path: Path) -> None:
    study = results("continuous")
    with pytest.raises(InputError, match="accepted: paper, safe"):
        write_report(study, tmp_path, colours="rainbow")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="cannot be read"):
        write_report(study, tmp_path, images=tmp_path / "none.csv")
    listed = tmp_path / "images.csv"
    pd.DataFrame({"id": ["x"], "image": ["a.nii"]}).to_csv(listed, index=False)
    with pytest.raises(InputError, match="no column mask"):
        write_report(study, tmp_path, images=listed)
    pd.DataFrame({"id": ["x"], "image": ["a.nii"], "mask": ["m.nii"]}).to_csv(listed, index=False)
    with pytest.raises(InputError, match="has no row for the study's patient in row"):
        write_report(study, tmp_path, images=listed)
    assert not (tmp_path / "report.html").exists()


def test_same_results_same_files(folders: dict[str, Path], tmp_path: Path) -> None:
    """Also from results.json, where a report is made later than its study."""
    write_report(StudyResults.read(folders["survival"] / "results.json"), tmp_path)
    for path in folders["survival"].rglob("*"):
        if path.is_file() and path.suffix != ".png":
            assert path.read_bytes() == (tmp_path / path.relative_to(folders["survival"])).read_bytes(), path.name
