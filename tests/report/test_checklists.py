"""CLEAR and METRICS: every item is there, and only what was run is claimed."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from report_cohort import results
from voxomics.report import checklists
from voxomics.study.catalogue import TABLES
from voxomics.study.results import Part, Table


def test_checklists_are_complete() -> None:
    clear, metrics = checklists.clear(results("continuous")), checklists.metrics(results("continuous"))
    assert [item.number for item in clear] == list(range(1, 59))
    assert [item.number for item in metrics] == list(range(1, 31))
    assert sum(item.weight for item in metrics) == pytest.approx(1, abs=1e-9)
    assert len({item.section for item in metrics}) == 9
    by_number = {item.number: item for item in clear}
    assert "10-fold cross-validation, repeated 3 times" in by_number[15].answer
    assert "age, sex, N" in by_number[17].answer
    assert {by_number[i].answer for i in (1, 2, 8, 13, 16, 19, 20)} == {""}  # nobody but the authors knows


def test_checklists_claim_only_what_was_run() -> None:
    one, two = ({item.number: item.answer for item in checklists.metrics(results(e))} for e in ("continuous", "binary"))
    assert one[4] == one[27] == "" and two[4] == "2 centres."
    assert one[22].startswith("Slope") and "Cox" in one[24] and two[24] == ""


def test_harmonising_is_not_leaving_a_centre_out() -> None:
    study = results("binary")
    designs = study.parts["centres"].tables["designs"].data
    random = designs[designs["design"] == "random folds"].reset_index(drop=True)
    part = study.parts["centres"]
    only = Part(
        "centres", part.numbers, {**part.tables, "designs": Table("designs", random.reindex(columns=TABLES["designs"].columns))}
    )
    answer = {item.number: item.answer for item in checklists.metrics(replace(study, parts={**study.parts, "centres": only}))}
    assert "predicted from the others" not in answer[27]
