"""Tables and settings as people have them: each fault a clear message or a stated fallback, never a traceback or a silent NaN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from typer.testing import CliRunner

from voxomics.cli import app
from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.results import StudyResults
from voxomics.study.run import study
from voxomics.study.settings import StudySettings

N = 40


def features() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(rng.normal(size=(N, 5)), columns=list("abcde"))
    return table.assign(id=[f"P{i:02d}" for i in range(N)])


def clinical() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    time = rng.exponential(20, N) + 1
    return pd.DataFrame(
        {
            "patient": [f"P{i:02d}" for i in range(N)],
            "marker": np.exp(features()["a"] + 0.5 * rng.normal(size=N)),
            "grade": np.where(rng.random(N) < 0.5, "II", "III"),
            "time": np.minimum(time, 40),
            "event": (time < 40).astype(int),
            "age": rng.normal(60, 8, N),
            "stage": np.where(rng.random(N) < 0.5, "I", "II"),
        }
    )


def run(
    folder: Path, left: pd.DataFrame, right: pd.DataFrame, *, features: Any = None, clinical: Any = None, **more: Any
) -> StudyResults:
    left.to_csv(folder / "f.csv", index=False)
    right.to_csv(folder / "c.csv", index=False)
    columns = {"marker": "marker", "time": "time", "event": "event", "covariates": {"age": "number", "grade": "category"}}
    return study(
        {
            "features": {"table": folder / "f.csv", "id": "id"} | (features or {}),
            "clinical": {"table": folder / "c.csv", "id": "patient"} | columns | (clinical or {}),
            "protocol": {"folds": 5},
            "twin": {"repeats": 1, "permutations": 0, "bootstrap": 0},
        }
        | more
    )


def notes(found: StudyResults) -> str:
    return "\n".join(note.text for note in found.notes)


def table(found: StudyResults, part: str, name: str) -> pd.DataFrame:
    return found.parts[part].tables[name].data


# ---------------------------------------------------------------------- refused, in words


def changed(frame: pd.DataFrame, column: str, rows: Any, value: Any) -> pd.DataFrame:
    frame = frame.astype({column: object})
    frame.loc[rows, column] = value
    return frame


REFUSED: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "missing feature": (
        lambda f: changed(f, "b", [3, 4], None), None, {}, r"b are missing .* 2 patients \(P03, P04\); set features.missing",
    ),
    "infinite feature": (lambda f: changed(f, "b", 3, np.inf), None, {}, "b are missing or infinite"),
    "missing marker": (None, lambda c: changed(c, "marker", 3, None), {}, r"no outcome for 1 patients \(P03\)"),
    "missing time": (None, lambda c: changed(c, "time", 3, None), {}, r"no follow-up for 1 patients \(P03\)"),
    "negative time": (None, lambda c: changed(c, "time", 3, -1.0), {}, "1 negative values"),
    "event of 2": (None, lambda c: changed(c, "event", 3, 2), {}, "expected 0 .censored. and 1 .event."),
    "duplicate ids": (lambda f: changed(f, "id", 3, "P02"), None, {}, "more than once in f.csv: P02; keep one row"),
    "duplicate clinical ids": (None, lambda c: changed(c, "patient", 3, "P02"), {}, "more than once in c.csv: P02"),
    "no id": (lambda f: changed(f, "id", 3, None), None, {}, "1 rows of f.csv have no id"),
    "no id in common": (lambda f: f.assign(id="X" + f["id"]), None, {}, "no id of f.csv is in c.csv: features have XP00"),
    "text in the marker": (None, lambda c: changed(c, "marker", 3, "high"), {}, "marker marker: expected numbers.*'high'"),
    "text in a covariate": (None, None, {"clinical": {"covariates": {"grade": "number"}}}, "declare it a category"),
    "text in a feature": (None, None, {"features": {"columns": ["id"]}}, "feature id: expected numbers"),
    "constant marker": (None, lambda c: c.assign(marker=1.0), {}, "the marker has a single value"),
    "few patients": (lambda f: f[:4], None, {}, "4 patients cannot fill 5 folds; set protocol.folds to 2"),
    "all censored, survival": (None, lambda c: c.assign(event=0), {"endpoint": "survival"}, "0 events among 40 patients"),
    "one event, survival": (
        None, lambda c: c.assign(event=[1] + [0] * (N - 1)), {"endpoint": "survival"}, "1 events among 40 patients",
    ),
    "three classes": (
        None, lambda c: changed(c, "grade", 3, "IV"), {"endpoint": "binary", "clinical": {"label": "grade"}},
        "expected two classes, got 3",
    ),
    "one case": (
        None, lambda c: c.assign(grade=["III"] + ["II"] * (N - 1)), {"endpoint": "binary", "clinical": {"label": "grade"}},
        "1 cases and 39 others",
    ),
    "unknown class": (
        None, None, {"endpoint": "binary", "clinical": {"label": "grade", "positive": "V"}},
        "'V' is not a class of grade; it has II, III",
    ),
    "unknown column": (None, None, {"clinical": {"marker": "makrer"}}, "c.csv has no column 'makrer'; did you mean 'marker'"),
    "unknown feature": (None, None, {"features": {"columns": ["zzz"]}}, "'zzz' fits no column of f.csv"),
    "nothing left": (None, None, {"features": {"columns": ["a"], "drop": ["a"]}}, "no column of f.csv is left"),
    "no such row": (None, None, {"features": {"where": {"a": 99}}}, "no row of f.csv has a = 99"),
    "pattern without a match": (None, None, {"features": {"id_pattern": "Q[0-9]+"}}, "does not fit 'P00'"),
    "one centre": (
        None, lambda c: c.assign(site="S"), {"clinical": {"centre": "site"}, "centres": {"leave_one_out": True}},
        "all patients come from one centre",
    ),
    "missing stays missing": (
        lambda f: f.assign(b=np.nan, a=np.nan, c=np.nan, d=np.nan, e=np.nan), None, {"features": {"missing": "drop_features"}},
        "0 features and 40 patients are left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_words(tmp_path: Path, case: str) -> None:
    left, right, more, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        run(tmp_path, (left or (lambda f: f))(features()), (right or (lambda c: c))(clinical()), **more)


def test_absent_or_unreadable_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere.csv: cannot be read"):
        run(tmp_path, features(), clinical(), features={"table": tmp_path / "nowhere.csv"})
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty.csv: cannot be read"):
        run(tmp_path, features(), clinical(), features={"table": tmp_path / "empty.csv"})
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01,\x02\n\x80\x81,1\n")
    with pytest.raises(InputError, match=r"binary.csv: cannot be read"):
        run(tmp_path, features(), clinical(), features={"table": tmp_path / "binary.csv"})


BASE: dict[str, Any] = {"features": {"table": "f.csv"}, "clinical": {"table": "c.csv", "marker": "m"}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({**BASE, "twin": {"repeets": 3}}, "unknown key 'twin.repeets'; did you mean 'repeats'"),
        ({**BASE, "endpiont": "binary"}, "did you mean 'endpoint'"),
        ({**BASE, "endpoint": "binry"}, "endpoint: Input should be 'continuous', 'binary' or 'survival', got 'binry'"),
        ({**BASE, "endpoint": "binary"}, "endpoint binary needs clinical.label"),
        ({**BASE, "endpoint": "survival"}, "endpoint survival needs clinical.time"),
        ({"features": {"table": "f"}, "clinical": {"table": "c"}}, "endpoint continuous needs clinical.marker or clinical.qpcr"),
        ({**BASE, "model": "cox_elastic_net"}, "cannot be used for endpoint continuous; accepted: linear, elastic_net"),
        ({**BASE, "sensitivity": ["exclude_above"]}, "needs a value in protocol.exclude_above"),
        ({**BASE, "centres": {"combat": True}}, "centres need clinical.centre"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "time": "t"}}, "`time` and `event` must be given together"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "time": "t", "event": "t"}}, "are the same column, 't'"),
        ({**BASE, "clinical": {"table": "c", "marker": "m", "qpcr": {"target": "t", "reference": "r"}}}, "give either `marker`"),
        ({**BASE, "controls": {"table": "k"}}, "give either `marker` or `qpcr` for the controls"),
        ({**BASE, "features": {"table": "f", "id_pattern": "("}}, "not a regular expression"),
        ({"clinical": {"table": "c", "marker": "m"}}, "features: Field required"),
    ],
)
def test_settings_that_are_refused(content: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        StudySettings.of(content)


def test_a_study_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        StudySettings.of(tmp_path / "STUDY.yaml")
    (tmp_path / "STUDY.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        StudySettings.of(tmp_path / "STUDY.yaml")
    (tmp_path / "STUDY.yaml").write_text("- a\n")
    with pytest.raises(SettingsError, match="is not a mapping of keys"):
        StudySettings.of(tmp_path / "STUDY.yaml")


def test_forest_without_scikit_survival(tmp_path: Path) -> None:
    try:
        import sksurv  # noqa: F401
    except ImportError:
        with pytest.raises(SettingsError, match="scikit-survival, which is GPL-3"):
            run(tmp_path, features(), clinical(), endpoint="survival", model="random_survival_forest")
    else:
        pytest.skip("scikit-survival is installed here")


# ---------------------------------------------------------------------- a stated fallback


def test_ids_without_a_partner_are_listed_both_ways(tmp_path: Path) -> None:
    found = run(tmp_path, features()[2:], clinical()[:-1])
    left_out = table(found, "cohort", "left_out")
    assert left_out.values.tolist() == [
        ["P39", "features", "not in the clinical table"], ["P00", "clinical", "no features"], ["P01", "clinical", "no features"],
    ]  # fmt: skip
    assert "2 ids of the clinical table have no partner and are left out: P00, P01" in notes(found)
    assert table(found, "cohort", "patients")["id"].tolist() == [f"P{i:02d}" for i in range(2, 39)]


def test_rows_in_another_order_join_by_id(tmp_path: Path) -> None:
    straight = run(tmp_path, features(), clinical())
    shuffled = run(tmp_path, features().sample(frac=1, random_state=1), clinical())
    assert table(straight, "twin", "predictions").equals(table(shuffled, "twin", "predictions"))


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


# ---------------------------------------------------------------------- other people's tables


def test_a_lifex_export(tmp_path: Path) -> None:
    """Semicolons, decimal commas, a byte order mark, INFO columns, the id inside a file name."""
    table_ = features().rename(columns={"a": "SHAPE_Volume(mL)"}).assign(INFO_Series="CT", note="ok")
    table_["id"] = "CT_" + table_["id"] + ".nii.gz"
    table_.to_csv(tmp_path / "lifex.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    found = run(tmp_path, features(), clinical(), features={"table": tmp_path / "lifex.csv", "id_pattern": "P[0-9]+"})
    plain = run(tmp_path, features(), clinical())
    assert table(found, "cohort", "features")["feature"].tolist() == ["SHAPE_Volume(mL)", "b", "c", "d", "e"]
    np.testing.assert_allclose(
        table(found, "twin", "predictions")["prediction"], table(plain, "twin", "predictions")["prediction"], rtol=1e-9
    )
    assert "columns that are not numbers are not features: note" in notes(found)


def test_our_table_by_image_type_discretisation_and_label(tmp_path: Path) -> None:
    """One table with two VOIs a patient, two image types and two discretisations."""
    table_ = features().rename(columns={
        "a": "original.morphology.sphericity", "b": "original.glcm.contrast.3d_merged.fbn32",
        "c": "original.glcm.contrast.3d_merged.fbs25", "d": "log.glcm.contrast.3d_merged.fbn32", "e": "n_voxels",
    })  # fmt: skip
    both = pd.concat([table_.assign(label=1, status="ok"), table_.assign(label=2, status="ok")])
    chosen = {"where": {"label": 1}, "image_type": "original", "discretisation": "fbn32"}
    found = run(tmp_path, both, clinical(), features=chosen)
    names = table(found, "cohort", "features")["feature"].tolist()
    assert names == ["original.morphology.sphericity", "original.glcm.contrast.3d_merged.fbn32"]
    with pytest.raises(InputError, match=r"features.where, for example one VOI's label"):
        run(tmp_path, both, clinical())


def test_numbers_as_ids_keep_their_zeros(tmp_path: Path) -> None:
    left = features().assign(id=[f"{i:03d}" for i in range(N)])
    right = clinical().assign(patient=[f"{i:03d}" for i in range(N)])
    assert table(run(tmp_path, left, right), "cohort", "patients")["id"].tolist()[:2] == ["000", "001"]


def test_rows_without_ids_join_by_number_and_say_so(tmp_path: Path) -> None:
    found = run(tmp_path, features().drop(columns="id"), clinical(), features={"id": None}, clinical={"id": None})
    assert "joined by the row's number; nothing shows that rows belong together" in notes(found)
    with pytest.raises(InputError, match="39 rows of features and 40 of the clinical table"):
        run(tmp_path, features().drop(columns="id")[1:], clinical(), features={"id": None}, clinical={"id": None})


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


# ---------------------------------------------------------------------- the command


def test_the_command(tmp_path: Path) -> None:
    features().to_csv(tmp_path / "f.csv", index=False)
    clinical().to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "STUDY.yaml").write_text(
        "features: {table: f.csv, id: id}\nclinical: {table: c.csv, id: patient, marker: marker}\n"
        "twin: {repeats: 1, permutations: 9, bootstrap: 0}\n"
    )
    done = CliRunner().invoke(app, ["study", str(tmp_path / "STUDY.yaml"), "-o", str(tmp_path / "out"), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert "protocol" in done.output and "twin" in done.output
    assert StudyResults.read(tmp_path / "out" / "results.json").parts["twin"].numbers["permutations"].value == 9
    printed = CliRunner().invoke(app, ["study", "--example"])
    assert printed.exit_code == 0 and "endpoint: continuous" in printed.output
    for arguments, words in (
        ([], "no STUDY.yaml was given"),
        ([str(tmp_path / "STUDY.yaml"), "--threads", "0"], "must be at least 1"),
        ([str(tmp_path / "STUDY.yaml"), "-o", str(tmp_path / "f.csv")], "cannot be created"),
    ):
        refused = CliRunner().invoke(app, ["study", *arguments])
        assert refused.exit_code == 2 and words in " ".join(refused.output.split())
