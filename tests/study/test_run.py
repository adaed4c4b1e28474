"""A whole study against R, against a slow obvious twin, and on real patients."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

import yaml

from shared import ROOT, shared
from voxomics.extractor import Extractor
from voxomics.study.catalogue import COLUMNS, NUMBERS, PARTS, TABLES
from voxomics.study.combat import ComBat
from voxomics.study.regression import ScreenedRegression
from voxomics.study.results import StudyResults
from voxomics.study.run import study
from voxomics.study.settings import StudySettings, example

FAMILIES = ["CONVENTIONAL_*", "HISTO_*", "SHAPE_*", "GLCM_*", "GLRLM_*", "NGLDM_*", "GLZLM_*"]
COVARIATES = {"age": "number", "sex": "number", "T": "number", "N": "number", "M": "number", "SCC": "number", "CEA": "number"}
FEW = {"repeats": 2, "permutations": 19, "bootstrap": 19}


def cohort92(folder: Path, **changes: Any) -> dict[str, Any]:
    """STUDY.yaml of the synthetic cohort, with R's folds as a column."""
    expected = json.loads(shared("oracle", "cohort92_expected.json").read_text())
    table = pd.read_csv(shared("oracle", "cohort92.csv")).assign(fold=expected["fold"])
    table.to_csv(folder / "cohort.csv", index=False)
    pd.read_csv(shared("oracle", "controls35.csv")).to_csv(folder / "controls.csv", index=False)
    cycles = {"target": "ct_mir1246", "reference": "ct_cel39", "scale": 1000}
    return {
        "features": {"table": "cohort.csv", "columns": FAMILIES, "drop": ["HISTO_ExcessKurtosis"]},
        "clinical": {
            "table": "cohort.csv", "qpcr": cycles, "time": "time_months", "event": "event", "fold": "fold",
            "covariates": COVARIATES,
        },
        "controls": {"table": "controls.csv", "qpcr": cycles},
        "protocol": {"exclude_above": 50},
        "twin": FEW,
    } | changes  # fmt: skip


def run(folder: Path, content: dict[str, Any], **more: Any) -> StudyResults:
    (folder / "STUDY.yaml").write_text(yaml.safe_dump(content))
    return study(folder / "STUDY.yaml", **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cohort92")


@pytest.fixture(scope="module")
def found(folder: Path) -> StudyResults:
    return run(folder, cohort92(folder), out=folder / "out")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return dict(json.loads(shared("oracle", "cohort92_expected.json").read_text()))


def table(found: StudyResults, part: str, name: str) -> pd.DataFrame:
    return found.parts[part].tables[name].data


# ---------------------------------------------------------------------- R's numbers, from the YAML file on


def test_screen_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    screen = table(found, "protocol", "screen").set_index("feature")
    assert len(screen) == 45
    for name, want in expected["pearson"].items():
        row = screen.loc[name, ["effect", "p", "ci_low", "ci_high", "q"]].to_numpy(dtype=float)
        np.testing.assert_allclose(row, [want["r"], want["p"], want["lo"], want["hi"], expected["bh"][name]], rtol=1e-8)
    assert screen.index[screen["selected"]].tolist() == expected["selected"]


def test_leaky_predictions_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    predictions = table(found, "protocol", "predictions")
    np.testing.assert_allclose(predictions["prediction"], expected["leaky"]["pred"], rtol=1e-8)
    numbers = found.parts["protocol"].numbers
    got = [numbers["r"].value, numbers["r"].p, numbers["rmse"].value, numbers["q2"].value]
    np.testing.assert_allclose(got, [expected["leaky"]["stats"][k] for k in ("r", "p", "rmse", "q2")], rtol=1e-8)


def test_nested_predictions_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    """The twin's first repeat uses the folds of the table, so R's nested run is its twin."""
    predictions = table(found, "twin", "predictions")
    first = predictions[predictions["repeat"] == 0]
    np.testing.assert_allclose(first["prediction"], expected["nested"]["pred"], rtol=1e-8)
    assert (first["fold"] + 1).tolist() == expected["fold"]
    scores = table(found, "twin", "scores").query("repeat == 0").set_index("score")["value"]
    np.testing.assert_allclose(
        scores[["r", "rmse", "q2"]], [expected["nested"]["stats"][k] for k in ("r", "rmse", "q2")], rtol=1e-8
    )


def test_selection_frequency_counts_r(folder: Path, expected: dict[str, Any]) -> None:
    single = run(folder, cohort92(folder, twin={"repeats": 1, "permutations": 0, "bootstrap": 0}))
    share = table(single, "twin", "selection").set_index("feature")["frequency"]
    counts = pd.Series([name for fold in expected["nested"]["selected"] for name in fold]).value_counts()
    for name, frequency in share.items():
        plain = str(name).replace("(", ".").replace(")", ".")  # R's make.names
        assert frequency == pytest.approx(counts.get(plain, 0) / 10)


def test_threshold_and_log_rank_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    best = expected["roc_surv"]["best"][0]
    point = table(found, "protocol", "operating_points").query("curve == 'real against event' and chosen").iloc[0]
    for name in ("threshold", "sensitivity", "specificity"):
        assert point[name] == pytest.approx(best[name], rel=1e-10)
    area = table(found, "protocol", "roc_areas").set_index("curve").loc["real against event"]
    np.testing.assert_allclose([area["ci_low"], area["value"], area["ci_high"]], expected["roc_surv"]["ci"], rtol=1e-8)
    tests = table(found, "protocol", "log_rank").set_index("marker")
    for marker, want in (("real", expected["logrank_real"]), ("predicted", expected["logrank_pred_same_threshold"])):
        assert tests.loc[marker, "chi2"] == pytest.approx(want["chisq"], rel=1e-8)
        assert tests.loc[marker, "p"] == pytest.approx(want["p"], rel=1e-8)
        groups = table(found, "protocol", "groups").query("marker == @marker").set_index("group")
        np.testing.assert_allclose(groups.loc[["low", "high"], "expected"], want["exp"], rtol=1e-8)
        assert groups.loc[["low", "high"], "observed"].tolist() == want["obs"]


def test_cox_models_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    cox = table(found, "protocol", "cox")
    names = {"mir": "real", "pred": "predicted"}
    for name, want in expected["cox_uni"].items():
        row = cox[(cox["model"] == "univariate") & (cox["term"] == names.get(name, name))].iloc[0]
        np.testing.assert_allclose([row["hr"], row["se"], row["p"]], [want["hr"], want["se"], want["p"]], rtol=1e-6)
    for model, key in (("real", "cox_multi_real"), ("predicted", "cox_multi_pred")):
        rows = cox[cox["model"] == model].set_index("term").loc[["N", model]]
        for column, name in (("hr", "hr"), ("p", "p"), ("ci_low", "lo"), ("ci_high", "hi")):
            np.testing.assert_allclose(rows[column], expected[key][name], rtol=1e-6)


def test_controls_as_r(found: StudyResults, expected: dict[str, Any]) -> None:
    row, want = table(found, "controls", "against_controls").iloc[0], expected["controls"]
    assert (row["W"], row["p"]) == (pytest.approx(want["W"]), pytest.approx(want["p"], rel=1e-8))
    assert found.parts["controls"].numbers["threshold"].value == pytest.approx(want["best"][0]["threshold"], rel=1e-10)


# ---------------------------------------------------------------------- the results as an object and as files


def test_results_read_back(found: StudyResults, folder: Path) -> None:
    path = folder / "out" / "results.json"
    again = StudyResults.read(path)
    assert again.to_json() == found.to_json() == path.read_text()
    for part in found.parts.values():
        for name, one in part.tables.items():
            frame = pd.read_csv(folder / "out" / "tables" / f"{part.name}_{name}.csv")
            assert list(frame.columns) == list(TABLES[name].columns)
            assert len(frame) == len(one.data)


def test_no_path_of_this_machine_in_the_results(found: StudyResults, folder: Path) -> None:
    assert str(folder.parent) not in found.to_json()


def test_everything_has_a_meaning() -> None:
    used = {column for spec in TABLES.values() for column in spec.columns}
    assert used == set(COLUMNS)
    assert all([*COLUMNS.values(), *NUMBERS.values(), *PARTS.values(), *(s.title and s.row for s in TABLES.values())])


def test_the_example_is_a_study() -> None:
    assert StudySettings.model_validate(yaml.safe_load(example())).endpoint == "continuous"


def test_workers_do_not_change_the_result_and_the_seed_does(folder: Path, found: StudyResults) -> None:
    stages: list[str] = []
    two = run(folder, cohort92(folder, twin=FEW | {"threads": 2}), progress=lambda stage, done, total: stages.append(stage))
    ours, theirs = json.loads(found.to_json()), json.loads(two.to_json())
    del ours["settings"], theirs["settings"]
    assert ours == theirs
    assert {"twin: repeats", "twin: permutations", "twin: bootstrap"} <= set(stages)
    other = run(folder, cohort92(folder, twin=FEW | {"seed": 7}))
    assert not table(other, "twin", "permutation").equals(table(found, "twin", "permutation"))


# ---------------------------------------------------------------------- nothing leaks


def marked(n: int = 60) -> pd.DataFrame:
    """A small cohort of three centres that differ in mean and spread."""
    rng = np.random.default_rng(5)
    centre = np.repeat(["A", "B", "C"], n // 3)
    signal = rng.normal(size=n)
    shift = np.select([centre == "A", centre == "B"], [0.0, 4.0], -3.0)
    features = {f"f{j}": signal * (j < 3) + rng.normal(size=n) + shift for j in range(8)}
    time = rng.exponential(20 * np.exp(-1.5 * signal))
    return pd.DataFrame(features).assign(
        id=[f"P{i:02d}" for i in range(n)], centre=centre, marker=np.exp(signal), time=np.minimum(time, 40), event=time < 40
    )


def without_centres(rows: pd.DataFrame) -> pd.DataFrame:
    """The same with one mean for all centres, and a class."""
    names = [f"f{j}" for j in range(8)]
    rows[names] -= rows.groupby("centre")[names].transform("mean")
    return rows.assign(label=np.where(rows["marker"] > rows["marker"].median(), "high", "low"))


def small(path: Path, rows: pd.DataFrame, **changes: Any) -> dict[str, Any]:
    rows.to_csv(path, index=False)
    clinical = {"table": str(path), "id": "id", "marker": "marker", "time": "time", "event": "event", "centre": "centre"}
    return {
        "features": {"table": str(path), "id": "id", "columns": ["f?"]},
        "clinical": clinical | changes.pop("clinical", {}),
        "protocol": {"folds": 5},
        "twin": {"repeats": 1, "permutations": 0, "bootstrap": 0},
    } | changes


def test_combat_learns_in_the_training_folds(tmp_path: Path) -> None:
    rows = marked()
    found = study(small(tmp_path / "t.csv", rows, centres={"combat": True, "leave_one_out": True}))
    predictions = table(found, "twin", "predictions")
    X, y, centre = rows[[f"f{j}" for j in range(8)]].to_numpy(), rows["marker"].to_numpy(), rows["centre"].to_numpy()
    for k in range(5):
        held = (predictions["fold"] == k).to_numpy()
        harmony = ComBat().fit(X[~held], batch=centre[~held])
        model = ScreenedRegression().fit(harmony.transform(X[~held], batch=centre[~held]), y[~held])
        want = model.predict(harmony.transform(X[held], batch=centre[held]))
        np.testing.assert_allclose(predictions.loc[held, "prediction"], want, rtol=1e-9)
    designs = table(found, "centres", "designs").query("score == 'r'")
    assert designs[["design", "combat"]].drop_duplicates().shape[0] == 4
    assert set(table(found, "centres", "by_centre")["centre"]) == {"A", "B", "C"}


def test_the_median_is_learned_in_the_training_folds(tmp_path: Path) -> None:
    rows = without_centres(marked())
    rows.loc[::7, "f0"] = np.nan
    found = study(small(tmp_path / "t.csv", rows, features=small(tmp_path / "u.csv", rows)["features"] | {"missing": "impute"}))
    predictions, names = table(found, "twin", "predictions"), [f"f{j}" for j in range(8)]
    for k in range(5):
        held = (predictions["fold"] == k).to_numpy()
        median = rows.loc[~held, names].median()
        model = ScreenedRegression().fit(rows.loc[~held, names].fillna(median).to_numpy(), rows.loc[~held, "marker"])
        want = model.predict(rows.loc[held, names].fillna(median).to_numpy())
        np.testing.assert_allclose(predictions.loc[held, "prediction"], want, rtol=1e-9)
    assert any("9 values of f0 are imputed by the median" in note.text for note in found.notes)


def test_differences_between_centres_alone_are_no_evidence(tmp_path: Path) -> None:
    """Features and marker that only share their centre: random folds are impressed, permuting inside centres is not."""
    rng, rows = np.random.default_rng(8), marked()
    shift = rows["centre"].map({"A": 0.0, "B": 4.0, "C": -3.0})
    rows["marker"] = 10 + shift + rng.normal(size=len(rows))
    for j in range(8):
        rows[f"f{j}"] = shift + rng.normal(size=len(rows))
    twin = {"repeats": 1, "permutations": 99, "bootstrap": 0}
    found = study(small(tmp_path / "t.csv", rows, centres={"leave_one_out": True}, twin=twin))
    p = table(found, "centres", "designs").query("score == 'r'").set_index("design")["p"]
    assert p["random folds"] == 0.01 and p["leave one centre out"] > 0.05


def test_patients_at_risk_are_those_of_the_curve(found: StudyResults) -> None:
    for part in ("protocol", "twin"):
        curves, counts = table(found, part, "km"), table(found, part, "at_risk")
        assert len(counts) >= 4 * 5
        for _, row in counts.iterrows():
            steps = curves[
                (curves["marker"] == row["marker"]) & (curves["group"] == row["group"]) & (curves["time"] >= row["time"])
            ]
            assert row["n_risk"] == (steps["n_event"] + steps["n_censor"]).sum()


@pytest.mark.parametrize("endpoint", ["continuous", "binary", "survival"])
def test_a_patients_own_outcome_never_reaches_his_prediction_or_threshold(tmp_path: Path, endpoint: str) -> None:
    """Change one patient's outcome: in the twin his own prediction and threshold stay; in the protocol they move."""
    rows = without_centres(marked())
    rows["fold"] = np.arange(len(rows)) % 5
    who = 17
    clinical: dict[str, Any] = {"fold": "fold", "label": "label"}
    before = study(small(tmp_path / "a.csv", rows, endpoint=endpoint, clinical=clinical))
    rows.loc[who, ["marker", "time", "event"]] = [400.0, 0.01, not rows.loc[who, "event"]]
    rows.loc[who, "label"] = "low" if rows.loc[who, "label"] == "high" else "high"
    after = study(small(tmp_path / "b.csv", rows, endpoint=endpoint, clinical=clinical))
    predictions = [table(r, "twin", "predictions")["prediction"] for r in (before, after)]
    moved = abs(predictions[0] - predictions[1])
    mine = (rows["fold"] == rows.loc[who, "fold"]).to_numpy()
    assert moved[mine].max() == 0 < moved[~mine].min()
    fold = int(rows.loc[who, "fold"])
    thresholds = [table(r, "twin", "thresholds").set_index("fold")["threshold"] for r in (before, after)]
    assert thresholds[0][fold] == thresholds[1][fold]
    assert endpoint == "continuous" or (thresholds[0] != thresholds[1]).sum() == 4  # a rank's change may leave a midpoint
    leaky = [table(r, "protocol", "screen")["p"] for r in (before, after)]
    assert not leaky[0].equals(leaky[1])


@pytest.mark.parametrize(
    ("endpoint", "model"),
    [
        ("continuous", "elastic_net"),
        ("continuous", "boosting"),
        ("binary", "elastic_net"),
        ("binary", "random_forest"),
        ("survival", "cox_elastic_net"),
    ],
)
def test_beyond_linear_finds_what_is_planted(tmp_path: Path, endpoint: str, model: str) -> None:
    rows = without_centres(marked(90))
    found = study(
        small(tmp_path / "t.csv", rows, endpoint=endpoint, model=model, clinical={"label": "label"}, protocol={"folds": 3})
    )
    main = {"continuous": "r", "binary": "auc", "survival": "c"}[endpoint]
    assert (found.parts["twin"].numbers[main].value or 0) > {"r": 0.4, "auc": 0.75, "c": 0.6}[main]
    selects = model == "elastic_net"  # trees select nothing, and lifelines' penalty leaves no coefficient at exactly 0
    assert ("selection" in found.parts["twin"].tables) == selects
    if selects:
        assert set(table(found, "twin", "selection")["feature"][:3]) == {"f0", "f1", "f2"}
    assert any(f"the model is {model}" in note.text for note in found.notes)


# ---------------------------------------------------------------------- nothing there


def test_p_values_are_uniform_where_nothing_is() -> None:
    bench = runpy.run_path(str(ROOT / "bench" / "study_null.py"))
    judged = bench["verdicts"](bench["null_study"](cohorts=40, jobs=2))
    assert all(holds for holds, _ in judged.values()), judged


# ---------------------------------------------------------------------- real patients


def glioma(endpoint: str, **clinical: Any) -> StudyResults:
    """T1CE shape and intensity features of TCGA's gliomas; the site is in the id."""
    tables = {"death": "TCGA_LGG_clinical.csv", "pfs": "TCGA_LGG_clinical.csv", "idh": "outcome_IDH.csv"}
    return study(
        {
            "endpoint": "binary" if endpoint == "idh" else "survival",
            "features": {
                "table": shared("data", "stats", "glioma", "features_T1CE.csv.gz"),
                "id": "PatientID",
                "columns": ["morph_3D*", "stats_3D*", "intHist_3D*"],
                "missing": "drop_features",
            },
            "clinical": {"table": shared("data", "stats", "glioma", tables[endpoint]), "centre_pattern": "TCGA-(..)"} | clinical,
            "centres": {"combat": True, "leave_one_out": True},
            "twin": {"repeats": 1, "permutations": 19, "bootstrap": 0},
            "missing_values": ["NA"],
        }
    )


def test_idh_of_gliomas() -> None:
    found = glioma("idh", id="PatientID", centre="PatientID", label="IDH-binary")
    cohort = found.parts["cohort"].numbers
    assert (cohort["patients"].value, cohort["cases"].value) == (103, 76)
    assert set(table(found, "cohort", "patients")["centre"]) == {"CS", "DU", "FG", "HT"}
    assert len(table(found, "centres", "designs").query("score == 'auc'")) == 4
    assert 0.5 < (found.parts["twin"].numbers["auc"].value or 0) < 0.9


@pytest.mark.parametrize(
    ("endpoint", "time", "event"),
    [("pfs", "ProgFreeSurvTime_days", "ProgFreeSurvEvent01"), ("death", "daystolastordeath", "death01")],
)
def test_survival_of_gliomas(endpoint: str, time: str, event: str) -> None:
    covariates = {"age_at_initial_pathologic": "number", "gender": "category", "tumor_location": "category"}
    found = glioma(endpoint, id="Tumor", centre="Tumor", time=time, event=event, covariates=covariates, missing="drop_patients")
    left_out = table(found, "cohort", "left_out")
    joined = 100 - (left_out["reason"] == "no outcome").sum() - (left_out["reason"] == "no follow-up").sum()
    assert found.parts["cohort"].numbers["patients"].value == joined
    age = table(found, "protocol", "cox").query("model == 'univariate' and term == 'age_at_initial_pathologic'").iloc[0]
    assert age["hr"] > 1
    assert set(table(found, "centres", "designs")["design"]) == {"random folds", "leave one centre out"}


def test_metastasis_of_sarcomas_from_pet_files(tmp_path: Path) -> None:
    """36 patients: files, features of our engine, binary study."""
    folder = shared("data", "cohort_sts_pet")
    ours = Extractor(settings={"features": ["intensity_statistics", "intensity_histogram"], "discretisation": "fbn:32"})
    tables = [
        ours.extract(case / "PET_image.nii.gz", case / "PET_mask.nii.gz").assign(patient=case.name)
        for case in sorted(folder.glob("STS_*"))
    ]
    pd.concat(tables).to_csv(tmp_path / "features.csv", index=False)
    found = study(
        {
            "endpoint": "binary",
            "features": {"table": tmp_path / "features.csv", "id": "patient"},
            "clinical": {"table": folder / "outcome.csv", "id": "patient", "label": "lung_metastasis"},
            "twin": {"repeats": 2, "permutations": 19, "bootstrap": 0},
            "remarks": ["lung metastasis was joined to the patients by position in its source"],
        }
    )
    numbers = found.parts["cohort"].numbers
    assert (numbers["patients"].value, numbers["cases"].value) == (36, 13)
    assert found.notes[0].text.endswith("by position in its source")
    assert not any(name in ("n_voxels", "label") for name in table(found, "cohort", "features")["feature"])
    assert (found.parts["protocol"].numbers["auc"].value or 0) > (found.parts["twin"].numbers["auc"].value or 1)


def test_head_and_neck_leaves_each_hospital_out() -> None:
    path = shared("data", "stats", "head_neck", "hn_300_clinical_outcomes.csv")
    key = ["cohort", "index_in_cohort"]
    found = study(
        {
            "endpoint": "survival",
            "features": {
                "table": path, "id": key, "columns": ["age", "T_stage", "N_stage", "TNM_stage"], "missing": "drop_patients",
            },
            "clinical": {
                "table": path, "id": key, "time": "death_days", "event": "death_event", "centre": "cohort",
                "covariates": {"age": "number", "T_stage": "number", "N_stage": "number", "HPV": "category"},
            },
            "centres": {"leave_one_out": True},
            "twin": {"repeats": 1, "permutations": 39, "bootstrap": 0},
        }
    )  # fmt: skip
    designs = table(found, "centres", "designs").set_index("design")
    assert (designs["value"] > 0.6).all() and (designs["p"] < 0.05).all()
    by_centre = table(found, "centres", "by_centre")
    assert by_centre.groupby("design")["n"].sum().tolist() == [found.parts["cohort"].numbers["patients"].value] * 2
    assert any("features too" in note.text for note in found.notes)
