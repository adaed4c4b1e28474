"""Tables as people have them: a clear message, or rows that are joined as stated, never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from study_tables import N, changed, clinical, features, notes, run, table
from voxomics.engine.errors import InputError
from voxomics.study.tables import read_table

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


def test_rows_without_ids_join_by_number_and_say_so(tmp_path: Path) -> None:
    found = run(tmp_path, features().drop(columns="id"), clinical(), features={"id": None}, clinical={"id": None})
    assert "joined by the row's number; nothing shows that rows belong together" in notes(found)
    with pytest.raises(InputError, match="39 rows of features and 40 of the clinical table"):
        run(tmp_path, features().drop(columns="id")[1:], clinical(), features={"id": None}, clinical={"id": None})


def test_numbers_as_ids_keep_their_zeros(tmp_path: Path) -> None:
    left = features().assign(id=[f"{i:03d}" for i in range(N)])
    right = clinical().assign(patient=[f"{i:03d}" for i in range(N)])
    assert table(run(tmp_path, left, right), "cohort", "patients")["id"].tolist()[:2] == ["000", "001"]


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
