"""docs/features.md says what the catalogue says."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from types import ModuleType

import pytest

from shared import ROOT


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_feature_table", ROOT / "tools" / "make_feature_table.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(script: ModuleType) -> None:
    written = script.PAGE.read_text(encoding="utf-8")
    assert written == script.text(), "the catalogue has changed: run `python tools/make_feature_table.py`"


def test_every_feature_has_a_line(script: ModuleType) -> None:
    lines = [line for line in script.text().splitlines() if line.startswith("| ") and "`" in line]
    names = [feature.name for family in script.FAMILIES for feature in family.features]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines] == names
    assert all(line.replace("\\|", "").count("|") == 7 for line in lines)  # six columns, whatever a formula holds


def test_a_feature_left_to_the_host_is_shown_as_such(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    glcm = next(family for family in script.FAMILIES if family.name == "glcm")
    assert glcm.device
    less = replace(glcm, device=replace(glcm.device, host=("contrast", "correlation")))
    monkeypatch.setattr(script, "FAMILIES", (less,))
    assert "| [glcm](#glcm) | LFYI | 25 | 25 | 23 |" in script.text()
    assert script.text().count("| yes | host |") == 2
    monkeypatch.setattr(script, "FAMILIES", (replace(glcm, device=None),))
    assert script.text().count("| yes | host |") == 25


def test_the_table_of_pyradiomics_features_is_what_its_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_pyradiomics_table", ROOT / "tools" / "make_pyradiomics_table.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.PAGE.read_text(encoding="utf-8")
    assert written == module.text(written), "the features have changed: run `python tools/make_pyradiomics_table.py`"
    assert written.count("| glcm |") == 24
