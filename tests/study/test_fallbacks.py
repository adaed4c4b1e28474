"""What a study falls back on where values are missing, constant or censored: the result says so, and no NaN is silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from study_tables import N, changed, clinical, features, notes, run, table
from voxomics.engine.errors import InputError


@pytest.mark.parametrize(("rule", "patients", "left"), [("drop_features", N, 4), ("drop_patients", N - 2, 5)])
def test_missing_features_by_rule(tmp_path: Path, rule: str, patients: int, left: int) -> None:
    found = run(tmp_path, changed(features(), "b", [3, 4], None), clinical(), features={"missing": rule})
    numbers = found.parts["cohort"].numbers
    assert (numbers["patients"].value, numbers["features"].value) == (patients, left)
    assert "missing" in notes(found)
    described = table(found, "cohort", "features").set_index("feature")
    assert described.loc["b", "missing"] == 2
    assert (described.loc["b", "reason"] == "missing values") == (rule == "drop_features")


def test_patients_without_outcome_by_rule(tmp_path: Path) -> None:
    found = run(tmp_path, features(), changed(clinical(), "marker", [3, 9], None), clinical={"missing": "drop_patients"})
    assert "2 patients are left out, no outcome: P03, P09" in notes(found)
    assert found.parts["cohort"].numbers["patients"].value == N - 2


def test_missing_covariates_leave_the_rest_alone(tmp_path: Path) -> None:
    found = run(tmp_path, features(), changed(clinical(), "age", [3, 9], None))
    assert "age is missing in 2 patients; Cox models leave these out" in notes(found)
    univariate = table(found, "protocol", "cox").query("model == 'univariate'").set_index("term")["n"]
    assert (univariate["age"], univariate["real"]) == (N - 2, N)


def test_constant_feature(tmp_path: Path) -> None:
    found = run(tmp_path, features().assign(b=7.0), clinical())
    row = table(found, "protocol", "screen").set_index("feature").loc["b"]
    assert row["excluded"] == "constant" and not row["selected"]
    assert "constant features cannot be tested: b" in notes(found)


def test_nothing_selected(tmp_path: Path) -> None:
    found = run(tmp_path, features(), clinical(), features={"columns": ["b", "c"]}, protocol={"folds": 5, "alpha": 1e-9})
    assert "no feature is selected: the mean of the training folds is predicted for every patient" in notes(found)
    assert "in 5 of 5 training folds: no feature selected: the training mean is predicted" in notes(found)
    assert found.parts["protocol"].numbers["r"].value is not None
    assert table(found, "protocol", "scatter").empty


def test_all_censored(tmp_path: Path) -> None:
    found = run(tmp_path, features(), clinical().assign(event=0))
    assert "all patients are censored" in notes(found)
    for part in ("protocol", "twin"):
        assert table(found, part, "log_rank")["message"].str.len().gt(0).all()
        assert table(found, part, "cox")["message"].str.contains("censored").all()
    assert found.parts["twin"].numbers["r"].value is not None


def test_one_event(tmp_path: Path) -> None:
    found = run(tmp_path, features(), clinical().assign(event=[1] + [0] * (N - 1)))
    for part in ("protocol", "twin"):
        cox = table(found, part, "cox")
        assert (cox["hr"].notna() | (cox["message"].str.len() > 0)).all()


def test_a_fold_without_threshold_is_named(tmp_path: Path) -> None:
    right = clinical().assign(event=[1] + [0] * (N - 1), fold=np.arange(N) % 5)
    found = run(tmp_path, features(), right, clinical={"fold": "fold"})
    assert "fold 0 has no threshold, its patients count as low" in notes(found)


def test_marker_with_zeros(tmp_path: Path) -> None:
    found = run(tmp_path, features(), changed(clinical(), "marker", 3, 0.0), sensitivity=["log_marker", "spearman"])
    rows = table(found, "sensitivity", "choices")
    assert rows.query("analysis == 'log_marker'")["message"].str.contains("the logarithm needs positive values").all()
    assert rows.query("analysis == 'spearman' and score == 'r'")["value"].notna().all()
    assert "log_marker could not be done" in notes(found)


def test_cox_model_without_a_maximum(tmp_path: Path) -> None:
    """A category whose patients never die has no hazard ratio."""
    right = clinical()
    right.loc[right["event"] == 0, "grade"] = "II"
    right.loc[right["event"] == 1, "grade"] = "III"
    row = (
        table(run(tmp_path, features(), right), "protocol", "cox").query("term == 'grade=III' and model == 'univariate'").iloc[0]
    )
    assert np.isnan(row["hr"]) and "perfect separation" in row["message"]


def test_perfect_separation(tmp_path: Path) -> None:
    left = features()
    left["b"] = np.where(clinical()["grade"] == "III", 5.0, -5.0) + 0.01 * left["c"]
    found = run(tmp_path, left, clinical(), endpoint="binary", clinical={"label": "grade"})
    assert table(found, "protocol", "coefficients")["message"].str.contains("perfect separation").all()
    assert "fitted with a ridge penalty of 1" in notes(found)
    assert found.parts["twin"].numbers["auc"].value == 1.0


def test_undetermined_cycles_are_listed(tmp_path: Path) -> None:
    right = changed(clinical().assign(ct=25.0 + features()["a"], ref=20.0), "ct", [3, 9], "Undetermined")
    qpcr = {"target": "ct", "reference": "ref"}
    for rule, kept in (("exclude", N - 2), ("limit", N)):
        found = run(tmp_path, features(), right, clinical={"marker": None, "qpcr": qpcr | {"undetermined": rule}})
        assert found.parts["cohort"].numbers["patients"].value == kept
        assert f"ct was not detected in P03, P09; rule: {rule}" in notes(found)
    with pytest.raises(InputError, match="rows 3, 9"):
        run(tmp_path, features(), right, clinical={"marker": None, "qpcr": qpcr})


@pytest.mark.parametrize("rule", ["median", 1.5])
def test_other_thresholds(tmp_path: Path, rule: Any) -> None:
    found = run(tmp_path, features(), clinical(), protocol={"folds": 5, "threshold": rule})
    marker = clinical()["marker"]
    assert found.parts["protocol"].numbers["threshold"].value == pytest.approx(marker.median() if rule == "median" else rule)
    thresholds = table(found, "twin", "thresholds")["threshold"]
    assert (thresholds.nunique() > 1) == (rule == "median")


def test_without_follow_up_there_is_no_survival(tmp_path: Path) -> None:
    found = run(tmp_path, features(), clinical(), clinical={"time": None, "event": None})
    assert "km" not in found.parts["protocol"].tables and "km" not in found.parts["twin"].tables
    assert found.parts["protocol"].numbers["threshold"].message
