"""Cells as people write them: read for what they are, or refused by name; no row and no column is lost unseen."""

from __future__ import annotations

import csv
import gzip
import io
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from study_tables import notes
from voxomics.engine.errors import InputError, SettingsError
from voxomics.report import sentences
from voxomics.study.cohort import Cohort, read_cohort
from voxomics.study.results import StudyResults
from voxomics.study.settings import StudySettings
from voxomics.study.tables import read_table

IDS = ["P1", "P2", "P3", "P4", "P5"]
VOLUMES = [1.5, 12.25, 3.0, 0.5, 7.125]
CLINICAL = "patient,marker\nP1,2\nP2,3\nP3,5\nP4,7\nP5,11\n"


def cohort(folder: Path, features: str, clinical: str = CLINICAL, **changes: Any) -> tuple[Cohort, StudyResults]:
    """What the study reads from two files of this text; `features` and `clinical` may be settings too."""
    (folder / "f.csv").write_text(features, encoding="utf-8")
    (folder / "c.csv").write_text(clinical, encoding="utf-8")
    content: dict[str, Any] = {
        "features": {"table": folder / "f.csv", "id": "id"},
        "clinical": {"table": folder / "c.csv", "id": "patient", "marker": "marker"},
    }
    for key, value in changes.items():
        content[key.rstrip("_")] = content.get(key.rstrip("_"), {}) | value if isinstance(value, dict) else value
    settings = StudySettings.of(content)
    results = StudyResults(settings.title, settings.endpoint, {}, settings.shown(), {})
    return read_cohort(settings, results), results


def lines(separator: str, cells: list[str], name: str = "volume", quote: str = "") -> str:
    """Ids, one column of these cells, and a column of plain numbers."""
    rows = [f"id{separator}{name}{separator}other"]
    for k, (one, cell) in enumerate(zip(IDS, cells, strict=True)):
        rows.append(f"{one}{separator}{quote}{cell}{quote}{separator}{k * k}")
    return "\n".join(rows) + "\n"


# ---------------------------------------------------------------------- words are text

WORDS = [
    "None", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "<NA>", "#N/A", "#NA", "#N/A N/A", "1.#IND", "-1.#QNAN",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_no_word_is_missing_unless_the_study_says_so(tmp_path: Path, word: str) -> None:
    """Every word that pandas takes for missing, as centre, treatment and id."""
    clinical = "patient,marker,centre,treatment\n" + "".join(
        f"{one},{k},{centre},{treatment}\n"
        for k, (one, centre, treatment) in enumerate(
            zip([*IDS[:4], word], [word, "A", word, "A", "A"], [word, "drug", "drug", word, "drug"], strict=True)
        )
    )
    features = lines(",", ["1", "2", "4", "8", "16"]).replace("P5", word)
    asked = {"clinical_": {"centre": "centre", "covariates": {"treatment": "category"}}}
    found, _ = cohort(tmp_path, features, clinical, **asked)
    assert found.ids == [*IDS[:4], word] and found.n == 5 and not found.left_out
    assert [found.centres[k] for k in found.centre] == [word, "A", word, "A", "A"]
    assert found.covariates["treatment"].tolist() == [word, "drug", "drug", word, "drug"]
    with pytest.raises(InputError, match=r"1 rows of f\.csv have no id"):
        cohort(tmp_path, features, clinical, **asked, missing_values=[word])


def test_listed_words_and_empty_cells_are_missing(tmp_path: Path) -> None:
    features = lines(",", ["1", "n.d.", "", " ", "-99"])
    asked = {"features_": {"missing": "impute"}}
    found, _ = cohort(tmp_path, features, **asked, missing_values=["n.d.", -99.0])
    assert found.features["volume"].isna().tolist() == [False, True, True, True, True]
    with pytest.raises(InputError, match=r"feature volume: expected numbers, but 'n.d.' \(P2\); .*missing_values"):
        cohort(tmp_path, features, **asked)
    for wrong in (True, None, " "):
        with pytest.raises(SettingsError, match="is no word; put it in quotes"):
            cohort(tmp_path, features, missing_values=[wrong])


def test_a_word_in_the_marker_or_the_event_never_leaves_a_patient_out(tmp_path: Path) -> None:
    clinical = "patient,marker,time,event\nP1,2,1,1\nP2,NA,2,0\nP3,5,3,1\nP4,7,4,NA\nP5,11,5,1\n"
    asked = {"clinical_": {"missing": "drop_patients"}}
    for more, word in (({}, r"marker marker: .*'NA' \(P2\)"), ({"time": "time", "event": "event"}, r"event: .*'NA' \(P4\)")):
        with pytest.raises(InputError, match=word):
            cohort(tmp_path, lines(",", list("12345")), clinical, clinical_=asked["clinical_"] | more)
    found, _ = cohort(tmp_path, lines(",", list("12345")), clinical, **asked, missing_values=["NA"])
    assert found.ids == ["P1", "P3", "P4", "P5"]


# ---------------------------------------------------------------------- every way to write a number

WRITTEN = {
    "points and commas": lines(",", [str(v) for v in VOLUMES]),
    "points and semicolons": lines(";", [str(v) for v in VOLUMES]),
    "points and tabs": lines("\t", [str(v) for v in VOLUMES]),
    "decimal commas and semicolons": lines(";", [str(v).replace(".", ",") for v in VOLUMES]),
    "decimal commas and tabs": lines("\t", [str(v).replace(".", ",") for v in VOLUMES]),
    "decimal commas in quotes": lines(",", [str(v).replace(".", ",") for v in VOLUMES], quote='"'),
    "decimal commas, semicolons and quotes": lines(";", [str(v).replace(".", ",") for v in VOLUMES], quote='"'),
    "a name with commas": lines(";", [str(v) for v in VOLUMES], name='"volume, in mL, of the tumour"'),
    "a name with commas and no quotes": lines("\t", [str(v) for v in VOLUMES], name="volume, in mL, of it"),
    "exponents": lines(",", [f"{v * 100:e}".replace("e", "E") for v in VOLUMES]).replace("E+0", "E+0"),
    "signs and spaces": lines(",", [f" +{v} " for v in VOLUMES]),
    "carriage returns": lines(",", [str(v) for v in VOLUMES]).replace("\n", "\r\n"),
    "old carriage returns": lines(",", [str(v) for v in VOLUMES]).replace("\n", "\r"),
    "the line of a spreadsheet": "sep=;\n" + lines(";", [str(v) for v in VOLUMES]),
    "empty columns and rows at the end": lines(",", [str(v) for v in VOLUMES]).replace("\n", ",,\n") + ",,,,\n\n",
    "blank lines": lines(",", [str(v) for v in VOLUMES]).replace("\nP3", "\n\nP3"),
    "a byte order mark": "\ufeff" + lines(",", [str(v) for v in VOLUMES]),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_numbers_are_read_however_they_are_written(tmp_path: Path, way: str) -> None:
    found, _ = cohort(tmp_path, WRITTEN[way])
    factor = 100 if way == "exponents" else 1
    assert found.ids == IDS
    np.testing.assert_array_equal(found.features.iloc[:, 0], np.array([float(f"{v * factor:e}") for v in VOLUMES]))
    assert found.features["other"].tolist() == [0, 1, 4, 9, 16]


def test_each_number_is_the_nearest_one(tmp_path: Path) -> None:
    """pandas' own reader is off by a rounding here and there."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.random(200), np.exp(rng.normal(scale=200, size=200))])
    path = tmp_path / "t.csv"
    path.write_text("id,a\n" + "".join(f"P{k},{value!r}\n" for k, value in enumerate(values.tolist())))
    assert read_table(path).numbers("a", "a").tolist() == values.tolist()


def test_packed_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"id,a\nP1,1\n"))
    assert read_table(tmp_path / "t.csv.gz").numbers("a", "a").tolist() == [1.0]
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(InputError, match=r"book.csv: cannot be read \(it is a workbook"):
        read_table(tmp_path / "book.csv")


ODD = [
    "<0.5", ">100", "≤ 3", "n.d.", "nan", "NA", "#DIV/0!", "#N/A", "#WERT!", "1 234", "1'234", "1,234", "1,234.5", "1.234,5",
    "5 %", "5 mm", "1e", "0x1F", "1_000", "--1", "1.2.3", "\u20131.5", "1\u00a0234.5", "１", "½", "true", "?", "-", "2,5",
]  # fmt: skip


@pytest.mark.parametrize("cell", ODD)
def test_one_odd_cell_stops_the_study_and_is_named(tmp_path: Path, cell: str) -> None:
    features = lines(";", ["1.5", "12.25", cell, "0.5", "7.125"])
    with pytest.raises(InputError, match="feature volume: expected numbers") as caught:
        cohort(tmp_path, features)
    assert f"{cell!r} (P3)" in str(caught.value) and "features.drop" in str(caught.value)
    found, _ = cohort(tmp_path, features, features_={"drop": ["volume"]})
    assert list(found.features) == ["other"]


@pytest.mark.parametrize("cells", [
    ["1,234", "2,345", "3,456", "4,567", "5,678"],  # thousands, or decimals: nothing in the table says which
    ["<1", "<2", "<3", "<4", "<5"], ["1 %", "2 %", "3 %", "4 %", "5 %"], ["1.234,5"] * 5, ["#DIV/0!"] * 5, ["12 000"] * 5,
])  # fmt: skip
def test_a_column_of_almost_numbers_is_not_text(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(InputError, match="feature volume: expected numbers"):
        cohort(tmp_path, lines(",", cells, quote='"'))


def test_thousands_with_points_beside_decimal_commas_stop(tmp_path: Path) -> None:
    text = "id;a;b\nP1;1.234;0,5\nP2;2.345;1,5\nP3;3.456;2,5\nP4;4.567;3,5\nP5;5.678;4,5\n"
    with pytest.raises(InputError, match=r"feature a: expected numbers, but '1\.234'"):
        cohort(tmp_path, text)


def test_a_minus_of_typography_is_a_minus(tmp_path: Path) -> None:
    found, _ = cohort(tmp_path, lines(",", ["\u22121.5", "2", "3", "\u22124e-3", "5"]))
    assert found.features["volume"].tolist() == [-1.5, 2, 3, -0.004, 5]


def test_infinite_values_and_truths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="volume are missing or infinite in 1 patients"):
        cohort(tmp_path, lines(",", ["1", "Inf", "3", "4", "6"]))
    found, _ = cohort(tmp_path, lines(",", ["TRUE", "False", "true", "FALSE", "TRUE"]))
    assert found.features["volume"].tolist() == [1, 0, 1, 0, 1]


# ---------------------------------------------------------------------- columns that are no features


@pytest.mark.parametrize(("name", "cells", "why"), [
    ("", ["1", "2", "3", "4", "5"], "numbers of rows"),  # R's write.csv
    ("", ["0", "1", "2", "3", "4"], "numbers of rows"),  # pandas
    ("", ["9", "4", "2", "7", "1"], "numbers of rows"),  # the same, once rows were sorted
    ("", ["a", "b", "c", "d", "e"], "text"),
    ("Unnamed: 0", ["1", "2", "3", "4", "5"], "numbers of rows"),
    ("X", ["8", "3", "5", "7", "2"], "numbers of rows"),
    ("patient number", ["11", "12", "13", "14", "15"], "numbers of rows"),
    ("row", ["1.0", "2.0", "3.0", "4.0", "5.0"], "numbers of rows"),
    ("visit", ["007", "003", "001", "005", "002"], "codes with leading zeros"),
    ("comment", ["good", "bad", "good", "", "bad"], "text"),
    ("scanned", ["2020-01-02", "2020-01-05", "2020-02-02", "2021-01-02", "2020-01-09"], "text"),
    ("Marker", ["2", "3.0", "5", "7", "11"], "a copy of marker"),
])  # fmt: skip
def test_a_column_that_is_no_feature_is_named_in_the_headline(tmp_path: Path, name: str, cells: list[str], why: str) -> None:
    found, results = cohort(tmp_path, lines(",", cells, name=name))
    shown = name or "Unnamed: 1"
    assert list(found.features) == ["other"]
    assert results.parts["cohort"].tables["unused_columns"].data.values.tolist() == [[shown, why]]
    assert f"columns that are no features, {why}: {shown}" in notes(results)
    assert sentences.not_used(results) == [f"Columns that were not used as features: {shown} ({why})."]


def test_copies_of_ids_times_and_events_are_no_features(tmp_path: Path) -> None:
    clinical = "patient,months,died,cycles,spiked\n01,4,1,21,20\n02,9,0,22,20\n03,2,1,25,20\n04,7,0,24,20\n05,1,1,26,20\n"
    known = enumerate([(4, 1, 21), (9, 0, 22), (2, 1, 25), (7, 0, 24), (1, 1, 26)])
    features = "id,PatientID,follow_up,dead,ct,age,a\n"
    features += "".join(f"0{k + 1},{k + 1},{t}.0,{e},{c},{t + 1},{k * k}\n" for k, (t, e, c) in known)
    asked = {"marker": None, "qpcr": {"target": "cycles", "reference": "spiked"}, "time": "months", "event": "died"}
    found, results = cohort(tmp_path, features, clinical, clinical_=asked)
    assert list(found.features) == ["age", "a"]
    unused = results.parts["cohort"].tables["unused_columns"].data.set_index("feature")["reason"].to_dict()
    assert unused == {
        "PatientID": "numbers of rows", "follow_up": "a copy of months", "dead": "a copy of died", "ct": "a copy of cycles",
    }  # fmt: skip
    shuffled = features.splitlines()
    found, results = cohort(tmp_path, "\n".join([shuffled[0], *shuffled[:0:-2], *shuffled[-2:0:-2]]), clinical, clinical_=asked)
    unused = results.parts["cohort"].tables["unused_columns"].data.set_index("feature")["reason"].to_dict()
    assert unused["PatientID"] == "a copy of the ids" and list(found.features) == ["age", "a"]


def test_names_that_keep_a_column_from_being_a_feature_are_told(tmp_path: Path) -> None:
    """A feature called as the marker is, or as a column of ours; nothing is told of a table that is ours altogether."""
    text = "id,marker,age,n_voxels,a\nP1,4,5,9,1\nP2,6,2,8,4\nP3,1,9,7,9\n"
    clinical = "patient,marker,age\nP1,1,60\nP2,2,61\nP3,4,50\n"
    found, results = cohort(tmp_path, text, clinical, clinical_={"covariates": {"age": "number"}})
    assert list(found.features) == ["a"]
    assert sentences.not_used(results) == [
        "Columns that were not used as features: n_voxels (a name of voxomics' own columns); "
        "marker, age (a column of the clinical settings)."
    ]
    text = "id,image,mask,label,name,n_voxels,status,reason,a\n" + "".join(f"P{k},i,m,1,,{k},ok,,{k * k}\n" for k in (1, 2, 3))
    assert sentences.not_used(cohort(tmp_path, text, clinical)[1]) == []


def test_patients_left_out_are_counted_in_the_headline(tmp_path: Path) -> None:
    clinical = "patient,marker\nP1,2\nP2,3\nP3,\nP4,7\nP9,8\n"
    _, results = cohort(tmp_path, lines(",", ["1", "2", "4", "8", "9"]), clinical, clinical_={"missing": "drop_patients"})
    assert sentences.left_out(results) == [
        "Left out of the tables' patients: 1 not in the clinical table; 1 no features; 1 no outcome "
        "(ids: tables/cohort_left_out.csv)."
    ]


def test_a_discretisation_that_is_not_there_loses_no_texture(tmp_path: Path) -> None:
    names = ["original.glcm.contrast.3d_merged.fbn32", "original.morphology.sphericity"]
    text = lines(",", ["1.5", "2", "4", "8", "9"], names[0]).replace("other", names[1])
    found, _ = cohort(tmp_path, text, features_={"discretisation": "fbn32"})
    assert list(found.features) == names
    with pytest.raises(InputError, match=r"no column of f\.csv has discretisation 'fbn64'; there are fbn32"):
        cohort(tmp_path, text, features_={"discretisation": "fbn64"})


def test_a_column_asked_for_by_its_name_is_a_feature(tmp_path: Path) -> None:
    found, _ = cohort(tmp_path, lines(",", ["1", "2", "3", "4", "5"], name="X"), features_={"columns": ["X", "o*"]})
    assert list(found.features) == ["X", "other"]


@pytest.mark.parametrize("header", ["id,a,a", "id,id,a", "id,a , a"])
def test_two_columns_of_one_name_are_refused_where_they_are_used(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match="is there more than once, and nothing says which one counts"):
        cohort(tmp_path, header + "\nP1,1,2\nP2,3,4\n")


def test_a_column_that_is_there_twice_with_the_same_cells_counts_once(tmp_path: Path) -> None:
    found, _ = cohort(tmp_path, "id,a,a\nP1,1,1\nP2,3,3\n", "patient,marker,note,note\nP1,2,x,y\nP2,3,x,z\n")
    assert list(found.features) == ["a"] and found.n == 2


# ---------------------------------------------------------------------- categories are text


def test_categories_are_text(tmp_path: Path) -> None:
    clinical = "patient,marker,ward,centre,stage\nP1,2,1.1,01,1\nP2,3,1.10,1,10\nP3,5,1.1,01,9\nP4,7,1.10,1,2\nP5,11,,01,\n"
    asked = {"centre": "centre", "stage": "stage", "covariates": {"ward": "category"}}
    found, _ = cohort(tmp_path, lines(",", ["1", "2", "4", "8", "16"]), clinical, clinical_=asked)
    assert found.covariates["ward"].tolist() == ["1.1", "1.10", "1.1", "1.10", None]
    assert found.centres == ["01", "1"] and found.centre.tolist() == [0, 1, 0, 1, 0]
    assert found.stage.tolist() == ["1", "10", "9", "2", None]


@pytest.mark.parametrize(("cells", "positive", "cases", "name"), [
    (["1", "0", "1", "0", "1"], None, [1, 0, 1, 0, 1], "1"),
    (["1.0", "0.0", "1.0", "0.0", "1.0"], 1, [1, 0, 1, 0, 1], "1.0"),
    (["TRUE", "FALSE", "TRUE", "FALSE", "TRUE"], False, [0, 1, 0, 1, 0], "FALSE"),
    (["None", "NA", "None", "NA", "None"], "NA", [0, 1, 0, 1, 0], "NA"),
    (["1.1", "1.10", "1.1", "1.10", "1.1"], "1.10", [0, 1, 0, 1, 0], "1.10"),
])  # fmt: skip
def test_classes_are_text(tmp_path: Path, cells: list[str], positive: Any, cases: list[int], name: str) -> None:
    clinical = "patient,class\n" + "".join(f"{one},{cell}\n" for one, cell in zip(IDS, cells, strict=True))
    asked = {"marker": None, "label": "class", "positive": positive}
    found, results = cohort(tmp_path, lines(",", ["1", "2", "4", "8", "16"]), clinical, clinical_=asked, endpoint="binary")
    assert found.truth.tolist() == cases and results.names["positive"] == name


def test_where_takes_text_as_it_stands_and_numbers_by_value(tmp_path: Path) -> None:
    rows = "".join(f"{one},{label},{name},{k}\n" for k, one in enumerate(IDS) for label, name in (("1.0", "NA"), ("2", "None")))
    for wanted in ({"label": 2}, {"label": 2.0}, {"kind": "None"}, {"label": "2"}):
        found, _ = cohort(tmp_path, "id,label,kind,a\n" + rows, features_={"where": wanted})
        assert found.n == 5 and "kind" not in found.features
    with pytest.raises(InputError, match=r"no row of f.csv has label = '1'; it has 1.0, 2"):
        cohort(tmp_path, "id,label,kind,a\n" + rows, features_={"where": {"label": "1"}})


def test_folds_by_their_numbers(tmp_path: Path) -> None:
    clinical = "patient,marker,fold\nP1,2,10\nP2,3,9\nP3,5,1\nP4,7,10\nP5,11,9\n"
    found, _ = cohort(tmp_path, lines(",", ["1", "2", "4", "8", "16"]), clinical, clinical_={"fold": "fold"})
    assert found.folds.tolist() == [2, 1, 0, 2, 1]


# ---------------------------------------------------------------------- rows


@pytest.mark.parametrize(("text", "said"), [
    ('id,a,b\nP1,1,"2\nP2,3,4\nP3,5,"\nP4,7,8\n', "line 2: a quote opens here"),
    ('id,a,b\nP1,1,2\nP2,3,"4\nP3,5,6\n', "cannot be read as CSV"),
    ("id,a\nP1,1,2\n", "line 2: more fields than the header"),
    ("id;a,b\nP1;1,5\nP2;2,5\n", "',' and ';' both make columns"),
    ("id,a\nP1,1\0\n", "NUL"),
])  # fmt: skip
def test_rows_that_run_together_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cohort(tmp_path, text)


def test_a_short_row_lacks_its_last_cells(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"other are missing or infinite in 1 patients \(P5\)"):
        cohort(tmp_path, lines(",", ["1", "2", "4", "8", "9"]).removesuffix(",16\n") + "\n")


def test_a_blank_line_keeps_its_place_where_rows_are_joined_by_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"volume are missing or infinite in 1 patients \(3\)"):
        cohort(
            tmp_path, "volume\n1\n2\n\n4\n5\n\n", "marker\n2\n3\n5\n7\n11\n", features_={"id": None}, clinical_={"id": None},
        )  # fmt: skip


def test_a_line_separator_inside_a_cell_is_no_row(tmp_path: Path) -> None:
    odd = "P\u20283"
    found, _ = cohort(tmp_path, lines(",", ["1", "2", "4", "8", "9"]).replace("P3", odd), CLINICAL.replace("P3", odd))
    assert found.n == 5


# ---------------------------------------------------------------------- Parquet


def test_parquet_keeps_its_types_and_its_words(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"id": [1, 2, 3, 4, 5], "a": [1.5, math.nan, 2.0, 8.0, 1.0]})
    frame["kind"], frame["b"] = ["None", "NA", None, "x", "y"], ["1.5", "2", "3", "5", "9"]
    frame.to_parquet(tmp_path / "f.parquet")
    (tmp_path / "c.csv").write_text(CLINICAL.replace("\nP", "\n"))
    settings = StudySettings.of(
        {
            "features": {"table": tmp_path / "f.parquet", "id": "id", "missing": "impute"},
            "clinical": {"table": tmp_path / "c.csv", "id": "patient", "marker": "marker"},
        }
    )
    found = read_cohort(settings, results := StudyResults("", "continuous", {}, settings.shown(), {}))
    assert list(found.features) == ["a", "b"] and found.features["b"].tolist() == [1.5, 2, 3, 5, 9]
    assert found.ids == ["1", "2", "3", "4", "5"] and math.isnan(found.features["a"].iloc[1])
    assert read_table(tmp_path / "f.parquet").text("kind").tolist() == ["None", "NA", None, "x", "y"]
    assert "kind" in notes(results)


# ---------------------------------------------------------------------- at random

CELLS = [
    "None", "NA", "nan", "a,b", "x;y", "tab\tx", 'quote"d', "two\nlines", "'", "=A1", "001", "1.10", "\u2028", "  sp  ", "",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_random_tables_read_back(tmp_path: Path, seed: int) -> None:
    """Python's csv module writes them: separator, decimal mark, quotes, line ends and byte order mark by the seed."""
    rng = random.Random(seed)
    path = tmp_path / "t.csv"
    for _ in range(60):
        separator, mark = rng.choice(",;\t"), rng.choice(".,")
        numbers = [rng.gauss(0, 1) * 10 ** rng.choice([0, 6, -300, 300]) for _ in range(rng.randint(3, 8))]
        texts = [rng.choice(CELLS) for _ in numbers]
        stream = io.StringIO(newline="")
        quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        out = csv.writer(stream, delimiter=separator, quoting=quoting, lineterminator=rng.choice(["\n", "\r\n"]))
        out.writerow(["id", "v", "t", "k"])
        for k, (number, text) in enumerate(zip(numbers, texts, strict=True)):
            out.writerow([f"P{k}", repr(number).replace(".", mark), text, k * k])
        path.write_bytes(stream.getvalue().encode(rng.choice(["utf-8", "utf-8-sig"])))
        found = read_table(path)
        assert list(found.frame.columns) == ["id", "v", "t", "k"]
        assert found.text("id").tolist() == [f"P{k}" for k in range(len(numbers))]
        assert found.text("t").tolist() == [text.strip() or None for text in texts]
        assert found.numbers("v", "v").tolist() == numbers
        assert found.numbers("k", "k").tolist() == [k * k for k in range(len(numbers))]


@pytest.mark.parametrize("seed", range(4))
def test_damaged_tables_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    """Bytes changed, added and taken away: a table or an error of ours, and no number that its cell does not show."""
    rng = random.Random(seed)
    sound = list(WRITTEN.values())
    path = tmp_path / "t.csv"
    for _ in range(100):
        content = bytearray(rng.choice(sound).encode())
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(content))
            added = bytes(rng.choice(b',;\t"\n\r.-0<\x00\xff') for _ in range(rng.randint(0, 2)))
            content[place : place + rng.choice([0, 1, 1, 3])] = added
        path.write_bytes(content)
        try:
            found = read_table(path)
        except InputError:
            continue
        for name in found.frame.columns:
            if name in found.doubled:
                continue
            values, odd = found.parsed(name)
            cells = found.column(name)
            for value, wrong, cell in zip(values, odd, cells, strict=True):
                if cell is None or wrong:
                    assert math.isnan(value) and (wrong or cell is None)
                else:
                    assert value == float(cell.replace(",", ".")), cell


def test_columns_of_one_name_in_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = [pyarrow.array(IDS), pyarrow.array(VOLUMES), pyarrow.array(VOLUMES)]
    parquet.write_table(pyarrow.table(columns, names=["id", "volume", "volume"]), tmp_path / "f.parquet")
    with pytest.raises(InputError, match=r"^table f\.parquet: columns of one name: volume; rename them$"):
        read_table(tmp_path / "f.parquet")


@pytest.mark.parametrize(("content", "said"), [
    (lines("|", [str(v) for v in VOLUMES]).encode(), r"'\|' separates its columns; commas, semicolons or tabs are needed"),
    (lines(",", [str(v) for v in VOLUMES]).encode("utf-16"), "another encoding than UTF-8; a spreadsheet can save it"),
    (lines(",", [str(v) for v in VOLUMES], name="für alle").encode("cp1252"), "another encoding than UTF-8"),
])  # fmt: skip
def test_tables_that_spreadsheets_write_in_other_ways(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_table(tmp_path / "f.csv")


@pytest.mark.parametrize("line", ["SEP=;\n", "sep=;\r"])
def test_the_line_of_a_spreadsheet_in_its_other_forms(tmp_path: Path, line: str) -> None:
    text = line + lines(";", [str(v).replace(".", ",") for v in VOLUMES]).replace("\n", line[-1])
    found, _ = cohort(tmp_path, text)
    assert found.features["volume"].tolist() == VOLUMES


def test_words_that_yaml_takes_for_truths_are_named(tmp_path: Path) -> None:
    clinical = "patient,marker,centre,mutant\nP1,2,NO,no\nP2,3,A,yes\nP3,5,A,no\nP4,7,A,no\nP5,11,A,yes\n"
    with pytest.raises(InputError, match=r"has centre = 0 \(YAML reads yes and no as 1 and 0: put text in quotes\); it"):
        cohort(tmp_path, lines(",", list("12468")), clinical, clinical_={"where": {"centre": False}})
    with pytest.raises(InputError, match=r"'True' is not a class of mutant; it has no, yes\. Put it in quotes"):
        cohort(tmp_path, lines(",", list("12468")), clinical, clinical_={"label": "mutant", "positive": True}, endpoint="binary")
