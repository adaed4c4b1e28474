"""The report's sentences say what was tested and found, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from report_cohort import results
from voxomics.report import sentences
from voxomics.report.tables import number as number_text
from voxomics.study.results import Number, Part, StudyResults, Table


def with_number(study: StudyResults, side: str, name: str, **changes: Any) -> StudyResults:
    """The same results with one number changed."""
    part = study.parts[side]
    numbers = {**part.numbers, name: replace(part.numbers[name], **changes)}
    return replace(study, parts={**study.parts, side: Part(part.name, numbers, part.tables)})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Number(0.3, "", 0.1, 0.5, 0.01), "chance alone is an unlikely explanation. This says nothing"),
        (Number(0.3, "", -0.1, 0.5, 0.01), "the interval includes the value of no association"),
        (Number(0.3, "", 0.1, 0.5, 0.2), "does not rule out chance"),
        (Number(0.3, ""), "No permutation test was run"),
    ],
)
def test_verdict(found: Number, said: str) -> None:
    assert said in sentences.headline(with_number(results("continuous"), "twin", "r", **vars(found)))[-1]


@pytest.mark.parametrize(
    ("number", "alpha", "said"),
    [
        (Number(0.3, "", 0.1, 0.5, 0.4), 1.0, "does not rule out chance"),  # alpha of the screen is no level of a verdict
        (Number(-0.02, "", -0.2, 0.3, 0.03), 0.05, "no better than guessing"),
        (Number(0.3, "", 0.1, 0.5, 0.01), 0.001, "unlikely explanation"),
    ],
)
def test_verdict_holds(number: Number, alpha: float, said: str) -> None:
    study = results("continuous")
    settings = {**study.settings, "protocol": {**study.settings["protocol"], "alpha": alpha}}
    changed = replace(with_number(study, "twin", "r", **vars(number)), settings=settings)
    assert said in sentences.headline(changed)[-1]


def test_the_permutation_sentence_says_what_was_tested() -> None:
    """The test compares single repeats; the mean over repeats is another number."""
    study = results("continuous")
    twin = study.parts["twin"]
    draws = twin.tables["permutation"].data.query("score == 'r'")["value"]
    assert twin.numbers["r"].p == pytest.approx((1 + (draws >= sentences.tested(twin, "r") - 1e-12).sum()) / (len(draws) + 1))
    shows, limits = sentences.permutation(study)
    assert f"first repeat of the study gives {number_text(sentences.tested(twin, 'r'))};" in shows
    assert "was not tested" in limits


def test_an_interval_below_nothing_is_no_association() -> None:
    study = results("continuous")
    for low, high, said in ((-0.5, -0.1, "worse than guessing"), (-0.1, 0.1, "includes the"), (0.1, 0.2, "excludes the")):
        assert said in sentences.bootstrap(with_number(study, "twin", "r", ci_low=low, ci_high=high))[0]


def test_groups_say_where_they_come_from() -> None:
    """A threshold that was fitted is called so; classes that were given are not."""
    study = results("continuous")
    assert "if anything, too small" in sentences.survival(study, "protocol", "real")[1]
    assert "training folds only" in sentences.survival(study, "twin", "real")[1]
    assert "classes themselves" in sentences.survival(results("binary"), "protocol", "real")[1]
    fixed = replace(study, settings={**study.settings, "protocol": {**study.settings["protocol"], "threshold": 15.0}})
    assert "the threshold was set to 15" in sentences.survival(fixed, "protocol", "predicted")[1]


def test_groups_of_a_predicted_class_say_when_their_p_does_not_hold() -> None:
    """Noise again, the class being the event itself: 18 % of 250 such p-values fell below 0.05."""
    binary = replace(results("continuous"), endpoint="binary")
    assert "As far as the class determines survival" in sentences.survival(binary, "twin", "predicted")[1]


def test_a_high_group_that_lives_longer_is_said_to() -> None:
    study = results("survival")
    part = study.parts["twin"]
    groups = part.tables["groups"].data.copy()
    groups.loc[groups["group"] == "high", ["observed", "expected"]] = [3, 9.0]
    turned = Part("twin", part.numbers, {**part.tables, "groups": Table("groups", groups)})
    shows, limits = sentences.survival(replace(study, parts={**study.parts, "twin": turned}), "twin", "predicted")
    assert "points in the wrong direction" in shows and "is not valid" in limits


def test_a_fixed_threshold_is_not_called_learned() -> None:
    study = results("continuous")
    fixed = replace(study, settings={**study.settings, "protocol": {**study.settings["protocol"], "threshold": 15.0}})
    said = sentences.survival(fixed, "twin", "real")[1]
    assert "threshold was set to 15" in said and "training folds" not in said


def test_a_roc_sentence_says_on_which_side_the_cases_are() -> None:
    areas = pd.DataFrame([{"curve": "real", "value": 0.7, "ci_low": 0.6, "ci_high": 0.8, "direction": ">"}])
    point = {"curve": "real", "threshold": 2.0, "sensitivity": 0.5, "specificity": 0.9, "chosen": True}
    assert "values below 2 are called cases" in sentences.roc(areas, pd.DataFrame([point]))[0]
    assert "too optimistic" in sentences.roc(areas, pd.DataFrame([point]), "protocol")[1]


def test_ranks_share_variance_as_ranks() -> None:
    part = results("continuous").parts["protocol"]
    screen = part.tables["screen"].data.assign(effect_name="Spearman r")
    ranked = Part("protocol", part.numbers, {**part.tables, "screen": Table("screen", screen)})
    assert "as ranks" in sentences.scatter(ranked, 0.05, 1)[0]
