"""Unusual cohorts, from their tables to the page: no wrong number, no traceback and no warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.engine.errors import InputError
from voxomics.report import checklists, sentences, write_report
from voxomics.study.cox import ScreenedCox, cox
from voxomics.study.folds import fold_vector
from voxomics.study.nested import cross_predict
from voxomics.study.results import StudyResults
from voxomics.study.run import study

FEW = {"repeats": 2, "permutations": 9, "bootstrap": 9}


def tables(folder: Path, n: int = 36) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features of which "a" follows the marker, and a clinical table."""
    rng = np.random.default_rng(3)
    ids = [f"P{i:02d}" for i in range(n)]
    features = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd")).assign(id=ids)
    clinical = pd.DataFrame({"id": ids, "marker": np.exp(1 + 0.6 * features["a"] + 0.6 * rng.normal(size=n))})
    clinical["time"], clinical["event"] = rng.exponential(30, n) + 1, (rng.random(n) < 0.6).astype(int)
    clinical["label"] = np.where(features["a"] + rng.normal(size=n) > 0, "yes", "no")
    clinical["centre"] = rng.choice(["A", "B"], n)
    return features, clinical


def run(folder: Path, features: pd.DataFrame, clinical: pd.DataFrame, /, **changes: Any) -> StudyResults:
    """The study of two tables, with its page; a dictionary is added to that of the same key."""
    features.to_csv(folder / "features.csv", index=False)
    clinical.to_csv(folder / "clinical.csv", index=False)
    content: dict[str, Any] = {
        "features": {"table": folder / "features.csv", "id": "id"},
        "clinical": {"table": folder / "clinical.csv", "id": "id", "marker": "marker", "time": "time", "event": "event"},
        "protocol": {"folds": 4},
        "twin": FEW,
    }
    for key, value in changes.items():
        content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
    found = study(content)
    write_report(found, folder / "out")
    return found


def notes(found: StudyResults) -> str:
    return "\n".join(note.text for note in found.notes)


def test_exclusion_at_zero_excludes(tmp_path: Path) -> None:
    """0 is a value, not the absence of one; markers on a log scale have it in their middle."""
    features, clinical = tables(tmp_path)
    clinical["marker"] = np.log(clinical["marker"]) - 1
    found = run(tmp_path, features, clinical, protocol={"exclude_above": 0.0}, sensitivity=["exclude_above"])
    table = found.parts["sensitivity"].tables["choices"].data
    assert set(table.loc[table["analysis"] == "exclude_above", "n"]) == {(clinical["marker"] <= 0).sum()}


def test_exclusion_of_everybody_has_a_page(tmp_path: Path) -> None:
    found = run(tmp_path, *tables(tmp_path), protocol={"exclude_above": -5})
    assert "36 patients above -5 are left out" in notes(found)


def test_median_groups_need_no_events(tmp_path: Path) -> None:
    """All censored: the median still makes groups, Youden's threshold says why it does not."""
    features, clinical = tables(tmp_path)
    clinical["event"] = 0
    found = run(tmp_path, features, clinical, protocol={"threshold": "median"})
    assert found.parts["protocol"].numbers["threshold"].value == pytest.approx(clinical["marker"].median())
    assert "with and without the event" in notes(run(tmp_path, features, clinical))


def test_p_values_of_a_prediction_of_survival_do_not_hold(tmp_path: Path) -> None:
    """Pure noise: a Cox model of the pooled out-of-fold hazards is significant far too often, so the tables say so."""
    rng, p = np.random.default_rng(0), []
    for _ in range(60):
        X, time, event = rng.normal(size=(80, 20)), rng.exponential(30, 80), rng.random(80) < 0.6
        folds = fold_vector(80, 10, rng, labels=event.astype(int))
        hazard = cross_predict(ScreenedCox(0.1), X, np.column_stack([time, event]), folds).prediction
        p.append(cox(hazard[:, None], time, event).p[0] if np.ptp(hazard) > 0 else 1.0)
    assert np.mean(np.array(p) <= 0.05) > 0.12  # 0.05 ± 0.07 would be a test: 99 % of a binomial with 60 draws
    features, clinical = tables(tmp_path)
    clinical["time"] = clinical["time"] * np.exp(-features["a"])
    found = run(tmp_path, features, clinical, endpoint="survival")
    for side in ("protocol", "twin"):
        cox_table = found.parts[side].tables["cox"].data.query("term == 'predicted'")
        assert cox_table["p"].notna().all() and cox_table["message"].str.startswith("p is not valid").all()
        assert found.parts[side].tables["log_rank"].data["message"].str.startswith("p is not valid").all()
    assert "is not valid" in sentences.survival(found, "twin", "predicted")[1]


def test_imputed_study_has_a_page(tmp_path: Path) -> None:
    features, clinical = tables(tmp_path)
    features.loc[3, "a"] = np.nan
    found = run(tmp_path, features, clinical, features={"missing": "impute"})
    assert "replaced by the median" in {item.number: item.answer for item in checklists.clear(found)}[29]


def test_infinite_marker_is_named(tmp_path: Path) -> None:
    features, clinical = tables(tmp_path)
    clinical.loc[3, "marker"] = np.inf
    with pytest.raises(InputError, match=r"infinite outcome for 1 patients \(P03\)"):
        run(tmp_path, features, clinical)


@pytest.mark.parametrize("endpoint", ["continuous", "binary", "survival"])
def test_perfect_separation_is_quiet(tmp_path: Path, endpoint: str) -> None:
    """Weights vanish on the way; warnings are errors here."""
    features, clinical = tables(tmp_path)
    clinical["time"], clinical["event"] = 100 - features["a"].rank(), 1
    clinical["label"] = np.where(features["a"] > 0, "yes", "no")
    clinical["marker"] = features["a"] * 2 + 5
    found = run(tmp_path, features, clinical, endpoint=endpoint, clinical={"label": "label"})
    assert found.parts["twin"].numbers[sentences.MAIN[endpoint]].value == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("endpoint", ["continuous", "binary", "survival"])
def test_a_centre_that_cannot_be_left_out_costs_only_that(tmp_path: Path, endpoint: str) -> None:
    features, clinical = tables(tmp_path)
    clinical["centre"] = "A"
    there = clinical["id"].isin(["P05"] if endpoint == "continuous" else ["P03", "P04", "P05"])
    clinical["centre"] = there.map({True: "B", False: "A"})
    clinical["event"] = clinical["event"].mask(there, 0)
    clinical["label"] = clinical["label"].mask(there, "no")
    centres = {"combat": True, "leave_one_out": True}
    found = run(tmp_path, features, clinical, endpoint=endpoint, clinical={"label": "label", "centre": "centre"}, centres=centres)
    assert "leave one centre out could not be done: fold 0" in notes(found)
    assert set(found.parts["centres"].tables["designs"].data["design"]) == {"random folds"}


def test_a_covariate_that_nobody_has_is_in_the_table(tmp_path: Path) -> None:
    features, clinical = tables(tmp_path)
    clinical = clinical.assign(sex=None, ward="one")
    found = run(tmp_path, features, clinical, clinical={"covariates": {"sex": "category", "ward": "category"}})
    cox = found.parts["protocol"].tables["cox"].data.set_index("term")
    assert cox.loc["sex", "message"] == "no patient has every covariate of this model"
    assert cox.loc["ward", "message"] == "no covariate varies: ward"


def test_nothing_selected_is_not_called_too_good(tmp_path: Path) -> None:
    """The mean of the other folds runs against a patient's own value: r far below 0, with a tiny p-value."""
    features, clinical = tables(tmp_path)
    found = run(tmp_path, features.assign(a=1.0), clinical)
    assert found.parts["protocol"].numbers["selected"].value == 0
    assert "nothing is selected" in found.parts["protocol"].numbers["r"].test
    said = " ".join([*sentences.headline(found), *sentences.predicted(found, "protocol")])
    assert "the same" not in said and "had a say" not in said and "average of the other folds" in said


def test_folds_are_counted_not_believed(tmp_path: Path) -> None:
    features, clinical = tables(tmp_path)
    found = run(tmp_path, features, clinical.assign(fold=np.arange(36) % 6), clinical={"fold": "fold"})
    assert "6-fold" in {item.number: item.answer for item in checklists.clear(found)}[15]
