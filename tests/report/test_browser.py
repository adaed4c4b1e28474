"""The report in a real browser: Chromium, driven by Playwright; skipped where one of them is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("playwright", reason="the report's browser tests need the package playwright")

from playwright.sync_api import sync_playwright

from report_cohort import patients_of, results, write_images
from voxomics.report import write_report
from voxomics.study.pictured import middle_patients

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="the report's browser tests need Chromium (Debian: chromium)"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    images = write_images(folder, list(middle_patients(patients_of(results("continuous"))).values()))
    return write_report(results("continuous"), folder / "out", images=images).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as started:
        # The sandbox needs a user who is not root; the page is our own.
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[tuple[Any, list[str]]]:
    """The page, light, and everything that went wrong on it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    tab, troubles = context.new_page(), []
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("requestfailed", lambda request: troubles.append(request.url))
    tab.on("request", lambda request: request.url == address or request.url.startswith("data:") or troubles.append(request.url))
    tab.goto(address)
    yield tab, troubles
    context.close()


def test_loads_alone_and_without_a_word(opened: tuple[Any, list[str]]) -> None:
    tab, troubles = opened
    tab.wait_for_load_state("networkidle")
    assert troubles == []
    assert tab.title() == "Marker & features <test>"


def test_every_figure_is_drawn(opened: tuple[Any, list[str]], tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    tab, _ = opened
    tab.screenshot(path=tmp_path / "page.png", full_page=True)
    figures = tab.locator("figure svg").all()
    assert len(figures) >= 10
    with Image.open(tmp_path / "page.png") as picture:
        seen = np.asarray(picture.convert("L"))
    for one in figures:
        x, y, width, height = (round(one.bounding_box()[name]) for name in ("x", "y", "width", "height"))
        assert width > 200 and height > 60
        assert seen[y : y + height, x : x + width].std() > 5
    decoded = tab.evaluate(
        """async () => Promise.all([...document.querySelectorAll('figure svg image')].map(async (one) => {
            const picture = new Image();
            picture.src = one.getAttribute('xlink:href') || one.getAttribute('href');
            await picture.decode();
            return picture.naturalWidth;
        }))"""
    )
    assert decoded and min(decoded) > 0


def test_no_sideways_scrolling(browser: Any, address: str) -> None:
    for width in (320, 390, 768, 1280, 2000):
        context = browser.new_context(viewport={"width": width, "height": 800})
        tab = context.new_page()
        tab.goto(address)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        context.close()


def _column(tab: Any, number: int) -> list[float]:
    keys = f"#table-protocol-screen tbody tr td:nth-child({number})"
    return [float(v) for v in tab.eval_on_selector_all(keys, "cells => cells.map(cell => cell.dataset.key)") if v]


def test_tables_sort_by_click_and_by_key(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    heading = tab.locator("#table-protocol-screen thead th", has_text="effect")
    number = tab.evaluate("heading => heading.cellIndex + 1", heading.element_handle())
    before = _column(tab, number)
    heading.get_by_role("button").click()
    assert _column(tab, number) == sorted(before) != before
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert _column(tab, number) == sorted(before, reverse=True)
    assert heading.get_attribute("aria-sort") == "descending"
    assert (
        tab.locator("#table-protocol-screen th[aria-sort=none]").count() == tab.locator("#table-protocol-screen th").count() - 1
    )


def _colours(tab: Any) -> dict[str, str]:
    return tab.evaluate(
        """() => ({
            paper: getComputedStyle(document.body).backgroundColor,
            text: getComputedStyle(document.querySelector('#figure-2a svg text')).fill,
            points: getComputedStyle(document.querySelector('#figure-2a svg use[style*="--dead"]')).fill,
        })"""
    )


def test_light_dark_and_safe_colours(opened: tuple[Any, list[str]]) -> None:
    tab, troubles = opened
    light = _colours(tab)
    tab.get_by_role("button", name="Dark").click()
    dark = _colours(tab)
    assert light["paper"] == "rgb(254, 254, 254)" and dark["paper"] == "rgb(22, 24, 27)"
    assert all(light[name] != dark[name] for name in light)
    tab.get_by_role("button", name="Colour-blind safe").click()
    assert _colours(tab)["points"] not in (dark["points"], light["points"])
    tab.get_by_role("button", name="Dark").click()
    tab.get_by_role("button", name="Colour-blind safe").click()
    assert _colours(tab) == light and troubles == []


def test_dark_where_the_reader_prefers_it(browser: Any, address: str) -> None:
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    tab.goto(address)
    assert _colours(tab)["paper"] == "rgb(22, 24, 27)"
    assert tab.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    tab.emulate_media(media="print")
    assert _colours(tab)["paper"] == "rgb(254, 254, 254)"
    context.close()


def test_everything_is_in_the_tab_order_and_named(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the results"
    nameless = tab.evaluate(
        "[...document.querySelectorAll('button, a, [role=region], [role=group], svg[role=img]')]"
        ".filter(one => !(one.textContent.trim() || one.ariaLabel)).length"
    )
    assert nameless == 0


def test_prints(opened: tuple[Any, list[str]], tmp_path: Path) -> None:
    """All of a long table is on paper, though it scrolls on the screen."""
    pdf = opened[0].pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert 5 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 25
    if (pdftotext := shutil.which("pdftotext")) is None:
        pytest.skip("the text of the PDF needs pdftotext (Debian: poppler-utils)")
    import subprocess

    (tmp_path / "page.pdf").write_bytes(pdf)
    text = subprocess.run([pdftotext, "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True).stdout
    assert "Colour-blind safe" not in text and "CLEAR" in text
    for name in results("continuous").parts["protocol"].tables["screen"].data["feature"]:
        assert name in text
