"""What a hostile review of the study found: each a wrong number, a false sentence, a traceback or a warning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from report_cohort import results
from voxomics.cases import Case, read_cases
from voxomics.engine.errors import InputError
from voxomics.report import checklists, sentences, write_report
from voxomics.report.tables import number as number_text
from voxomics.study.catalogue import TABLES
from voxomics.study.combat import ComBat
from voxomics.study.cox import ScreenedCox, cox
from voxomics.study.folds import fold_vector
from voxomics.study.nested import cross_predict
from voxomics.study.results import Number, Part, StudyResults, Table
from voxomics.study.run import study
from voxomics.study.tables import read_table

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


# ---------------------------------------------------------------------- numbers


def test_combat_learns_nothing_from_copies_of_one_patient() -> None:
    """A bootstrap sample may hold a centre as copies of a single patient: its variance is 0."""
    rng = np.random.default_rng(0)
    X, batch = rng.normal(size=(24, 3)), np.repeat(["A", "B"], [20, 4])
    X[20:] = X[20]
    learned = ComBat(otherwise="unchanged").fit(X, batch=batch)
    assert learned.centres_.tolist() == ["A"]
    np.testing.assert_allclose(learned.transform(X, batch=batch), X, rtol=1e-12)
    with pytest.raises(InputError, match="copies count once"):
        ComBat().fit(X, batch=batch)


def test_combat_leaves_one_feature_that_is_constant_in_a_centre_finite() -> None:
    """The other feature varies and has no part in it, as where everything else is constant."""
    X = np.column_stack([np.random.default_rng(0).normal(size=20), np.repeat(1.0, 20)])
    X[10:, 0], X[10:, 1] = 3.0, 1.0
    batch = np.repeat(["A", "B"], 10)
    assert np.isfinite(ComBat(otherwise="unchanged").fit_transform(X, batch=batch)).all()


def test_combat_of_one_centre_changes_nothing() -> None:
    """Else training rows are rescaled and the centre that is left out is not."""
    X = np.random.default_rng(1).normal(size=(10, 3))
    np.testing.assert_allclose(ComBat().fit_transform(X, batch=["A"] * 10), X, rtol=1e-12)


def test_exclusion_at_zero_excludes(tmp_path: Path) -> None:
    """0 is a value, not the absence of one; markers on a log scale have it in their middle."""
    features, clinical = tables(tmp_path)
    clinical["marker"] = np.log(clinical["marker"]) - 1
    found = run(tmp_path, features, clinical, protocol={"exclude_above": 0.0}, sensitivity=["exclude_above"])
    table = found.parts["sensitivity"].tables["choices"].data
    assert set(table.loc[table["analysis"] == "exclude_above", "n"]) == {(clinical["marker"] <= 0).sum()}


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


def test_groups_of_a_predicted_class_say_when_their_p_does_not_hold() -> None:
    """Noise again, the class being the event itself: 18 % of 250 such p-values fell below 0.05."""
    binary = replace(results("continuous"), endpoint="binary")
    assert "As far as the class determines survival" in sentences.survival(binary, "twin", "predicted")[1]


# ---------------------------------------------------------------------- bad input


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


def test_exclusion_of_everybody_has_a_page(tmp_path: Path) -> None:
    found = run(tmp_path, *tables(tmp_path), protocol={"exclude_above": -5})
    assert "36 patients above -5 are left out" in notes(found)


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


def test_fields_without_a_name_are_refused(tmp_path: Path) -> None:
    """pandas would take the ids for row names, and every column for its neighbour."""
    path = tmp_path / "t.csv"
    path.write_text("id,a,b\nP1,1,2,3\nP2,4,5,6\n")
    with pytest.raises(InputError, match="more fields than the header"):
        read_table(path)


def test_a_decimal_comma_may_come_late(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id;a\nP1;1\nP2;2\nP3;0,5\n")
    assert read_table(path)["a"].tolist() == [1.0, 2.0, 0.5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,image,mask\na,b,c,d\n", "line 2: more fields than the header"),
        ("id,image,image,mask\na,b,x,c\n", "column image is there more than once"),
        ("id,image,mask\na,b,c\n\n,e,f\n", "line 4: id is empty"),
        ("id,image,mask\na\0,b,c\n", "line 2: id is not text"),
        ("", "no cases"),
    ],
)
def test_odd_lists_of_cases_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_cases(path)


@pytest.mark.parametrize(
    "text", ["\ufeffid;image;mask\n007;b;c\n", "id, image ,mask\n 007, b, c\n", "mask\tid\timage\nc\t007\tb\n"]
)
def test_lists_of_cases_as_people_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(text, encoding="utf-8")
    assert read_cases(path) == [Case("007", tmp_path / "b", tmp_path / "c")]


# ---------------------------------------------------------------------- sentences


def with_number(study: StudyResults, side: str, name: str, **changes: Any) -> StudyResults:
    """The same results with one number changed."""
    part = study.parts[side]
    numbers = {**part.numbers, name: replace(part.numbers[name], **changes)}
    return replace(study, parts={**study.parts, side: Part(part.name, numbers, part.tables)})


def test_the_permutation_sentence_says_what_was_tested() -> None:
    """The test compares single repeats; the mean over repeats is another number."""
    study = results("continuous")
    twin = study.parts["twin"]
    draws = twin.tables["permutation"].data.query("score == 'r'")["value"]
    assert twin.numbers["r"].p == pytest.approx((1 + (draws >= sentences.tested(twin, "r") - 1e-12).sum()) / (len(draws) + 1))
    shows, limits = sentences.permutation(study)
    assert f"first repeat of the study gives {number_text(sentences.tested(twin, 'r'))};" in shows
    assert "was not tested" in limits


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


def test_nothing_selected_is_not_called_too_good(tmp_path: Path) -> None:
    """The mean of the other folds runs against a patient's own value: r far below 0, with a tiny p-value."""
    features, clinical = tables(tmp_path)
    found = run(tmp_path, features.assign(a=1.0), clinical)
    assert found.parts["protocol"].numbers["selected"].value == 0
    assert "nothing is selected" in found.parts["protocol"].numbers["r"].test
    said = " ".join([*sentences.headline(found), *sentences.predicted(found, "protocol")])
    assert "the same" not in said and "had a say" not in said and "average of the other folds" in said


def test_an_interval_below_nothing_is_no_association() -> None:
    study = results("continuous")
    for low, high, said in ((-0.5, -0.1, "worse than guessing"), (-0.1, 0.1, "includes the"), (0.1, 0.2, "excludes the")):
        assert said in sentences.bootstrap(with_number(study, "twin", "r", ci_low=low, ci_high=high))[0]


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


def test_folds_are_counted_not_believed(tmp_path: Path) -> None:
    features, clinical = tables(tmp_path)
    found = run(tmp_path, features, clinical.assign(fold=np.arange(36) % 6), clinical={"fold": "fold"})
    assert "6-fold" in {item.number: item.answer for item in checklists.clear(found)}[15]
