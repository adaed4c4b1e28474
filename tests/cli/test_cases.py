"""Many cases: a list in, one table out, and nothing lost on the way."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from voxomics import Extractor, InputError, phantom
from voxomics.cases import Case, extract_cases, read_cases
from voxomics.cli import app
from voxomics.engine.families import intensity_statistics
from voxomics.io import delimited

FEW = {"features": ["morphology.volume_voxel_counting", "intensity_statistics.mean"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two phantoms and a list of three cases; the mask of one is missing."""
    where = tmp_path_factory.mktemp("cases")
    for name, seed in (("a", 0), ("b", 1)):
        phantom.write(where / name, seed)
    with (where / "cases.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "age", "image", "mask"])
        for name, mask in (("a", "mask"), ("gone", "absent"), ("b", "mask")):
            at = name if name != "gone" else "a"
            rows.writerow([name, 60, f"{at}/image.nii.gz", f"{at}/{mask}.nii.gz"])
    return where


def test_rows_are_those_of_each_case_alone(folder):
    ours = Extractor(settings=FEW)
    told = []
    found = extract_cases(ours, read_cases(folder / "cases.csv"), progress=told.append)
    assert found["id"].tolist() == ["a"] * 3 + ["gone"] + ["b"] * 3
    for name in "ab":
        alone = ours.extract(folder / name / "image.nii.gz", folder / name / "mask.nii.gz")
        mine = found[found["id"] == name].drop(columns="id").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone, check_exact=True)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_case_that_fails_is_a_row_with_its_reason(folder):
    found = extract_cases(Extractor(settings=FEW), read_cases(folder / "cases.csv")).set_index("id")
    row = found.loc["gone"]
    assert (row["status"], row["label"], row["image"], row["mask"]) == ("failed", 0, "image.nii.gz", "absent.nii.gz")
    assert "absent.nii.gz" in row["reason"]
    assert row[Extractor(settings=FEW).columns].isna().all()
    assert set(found.loc[["a", "b"], "status"]) == {"ok"}


def test_the_command_writes_the_table_and_the_inputs_of_each_case(folder, tmp_path):
    out = tmp_path / "features.csv"
    options = ["--features", "morphology.volume_voxel_counting", "-q"]
    done = CliRunner().invoke(app, ["extract", str(folder / "cases.csv"), "-o", str(out), *options])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(out)["id"].tolist() == ["a"] * 3 + ["gone"] + ["b"] * 3
    inputs = json.loads((tmp_path / "features.csv.meta.json").read_text())["inputs"]
    assert list(inputs) == ["a", "gone", "b"]
    assert inputs["a"]["image"]["xxh3_128"] != inputs["b"]["image"]["xxh3_128"]
    tall = tmp_path / "tall.csv"
    done = CliRunner().invoke(app, ["extract", str(folder / "cases.csv"), "-o", str(tall), *options, "--format", "long"])
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tall).columns.tolist()[:2] == ["id", "image"]
    assert len(pd.read_csv(tall)) == 7


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_paths_that_are_not_utf8_lose_no_rows(folder, tmp_path, ending):
    """Files in such a folder cannot be read; a table with their paths can be written."""
    where = tmp_path / os.fsdecode(b"Jos\xe9")
    where.mkdir()
    (where / "cases.csv").write_text(f"id,image,mask\nbad,i.nii,m.nii\ngood,{folder}/a/image.nii.gz,{folder}/a/mask.nii.gz\n")
    features = [word for name in FEW["features"] for word in ("-f", name)]
    target = tmp_path / f"o{ending}"
    arguments = ["extract", where / "cases.csv", "-o", target, "--include-paths", *features]
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    content = target.read_bytes()
    assert "Jos\ufffd".encode() in content and b"good" in content


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no cases"),
        ("id,image,mask\n", "no cases"),
        ("id,picture\n1,a\n", "no column image and no column mask; there are id, picture"),
        ("id,image,mask\n1,a,\n", "line 2: mask is empty"),
        ("id,image,mask\n1,a,b\n1,c,d\n", "id 1 comes more than once"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, text, says):
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_cases(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,image,mask\na,b,c,d\n", "line 2: more fields than the header"),
        ("id,image,image,mask\na,b,x,c\n", "column image is there more than once"),
        ("id,image,mask\na,b,c\n\n,e,f\n", "line 4: id is empty"),
        ("id,image,mask\na\0,b,c\n", "it is not text"),
        ("id,image,mask,label\n1,a,b,1\n1,a,b,1.0\n", r"id 1 comes more than once; .*rows of one id a label each"),
        ("id,image,mask,label\n1,a,b,1\n1,a,b,\n", "id 1 comes more than once"),
        ("id,image,mask,label\n1,a,b,1\n1,a,c,2\n", "id 1 comes with several images or masks"),
        ("id,image,mask,label,label\n1,a,b,1,2\n", "column label is there more than once"),
        ('id,image,mask\n1,"a,b\n2,c,d\n', "cannot be read as CSV"),
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


def test_words_and_separators_of_lines_are_text_in_a_list(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text('id,image,mask\nNone,NA,null\n"a\u2028b",c\x0c,"d\x85e"\n', encoding="utf-8")
    wanted = [("None", "NA", "null"), ("a\u2028b", "c", "d\x85e")]
    assert read_cases(path) == [Case(one, tmp_path / image, tmp_path / mask) for one, image, mask in wanted]


def test_the_column_label_chooses(folder: Path) -> None:
    """Each row is that of the call with its label, and a label that is not there fails alone."""
    path = folder / "labels.csv"
    rows = [("a", 3), ("b", 2), ("a", "1.0"), ("a", 77), ("b", "name:1")]
    path.write_text("id,image,mask,label\n" + "".join(f"{c},{c}/image.nii.gz,{c}/mask.nii.gz,{label}\n" for c, label in rows))
    cases = read_cases(path)
    assert [case.label for case in cases] == [3, 2, 1, 77, "1"]
    ours = Extractor(settings=FEW)
    found = extract_cases(ours, cases)
    assert found["id"].tolist() == ["a", "b", "a", "a", "b"]
    assert found["label"].tolist() == [3, 2, 1, 77, 0] and found["name"].tolist()[4] == "1"
    assert found["status"].tolist() == ["ok", "ok", "ok", "failed", "failed"]
    assert "label 77 is not in mask" in found["reason"][3]
    for k, (name, label) in enumerate([("a", 3), ("b", 2), ("a", 1)]):
        alone = ours.extract(folder / name / "image.nii.gz", folder / name / "mask.nii.gz", label)
        mine = found.iloc[[k]].drop(columns="id").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone, check_exact=True)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "a" / "mask.nii.gz")))
    assert found["n_voxels"].tolist()[0] == int((mask == 3).sum())
    assert list(found.attrs["voxomics"]["inputs"]) == ["a", "b"]
    with pytest.raises(InputError, match="labels are chosen twice"):
        extract_cases(ours, cases, labels=1)


def test_rows_of_one_image_share_its_reading(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Extractor(settings=FEW)
    read, seen = ours.read, []
    monkeypatch.setattr(ours, "read", lambda image, mask: seen.append(image.parent.name) or read(image, mask))
    paths = {name: (folder / name / "image.nii.gz", folder / name / "mask.nii.gz") for name in "ab"}
    cases = [Case("a", *paths["a"], 3), Case("a", *paths["a"], 99), Case("a", *paths["a"], 1), Case("b", *paths["b"], 2)]
    found = extract_cases(ours, cases)
    assert seen == ["a", "b"]
    assert found[["id", "label", "status"]].to_numpy().tolist() == [
        ["a", 3, "ok"], ["a", 99, "failed"], ["a", 1, "ok"], ["b", 2, "ok"],
    ]  # fmt: skip


def test_a_case_made_in_python_is_checked_at_once() -> None:
    case = Case("a", "image.nii", "mask.nii", np.float64(2.0))  # type: ignore[arg-type]
    assert (case.image, case.label) == (Path("image.nii"), 2)
    for label in (1.5, True, [1]):
        with pytest.raises(InputError, match="no label"):
            Case("a", Path("image.nii"), Path("mask.nii"), label)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [bz2, gzip, lzma])
def test_a_table_that_inflates_beyond_bounds_is_refused(tmp_path: Path, module: ModuleType, monkeypatch) -> None:
    monkeypatch.setattr(delimited, "MAX_BYTES", 10_000)
    for rows, fits in ((500, True), (700, False)):
        text = "id,image,mask\n" + "".join(f"{n},image,mask\n" for n in range(rows))
        (tmp_path / "list.csv").write_bytes(module.compress(text.encode()))
        assert (tmp_path / "list.csv").stat().st_size < 10_000
        if fits:
            assert len(read_cases(tmp_path / "list.csv")) == rows
        else:
            with pytest.raises(InputError, match="longer than 10,000 bytes"):
                read_cases(tmp_path / "list.csv")


def test_an_empty_label_chooses_nothing(folder: Path) -> None:
    path = folder / "some.csv"
    path.write_text("id;image;mask;label\na;a/image.nii.gz;a/mask.nii.gz;\nb;b/image.nii.gz;b/mask.nii.gz;2\n")
    assert extract_cases(Extractor(settings=FEW), read_cases(path))["label"].tolist() == [1, 2, 3, 2]


def test_paths_are_beside_the_list_unless_absolute(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text(f"id,image,mask\n1,sub/a.nii,{tmp_path}/b.nii\n")
    assert read_cases(path) == [Case("1", tmp_path / "sub" / "a.nii", tmp_path / "b.nii")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["image.nii.gz", "-o", "o.csv"], "a mask is needed too"),
        (["cases.csv", "mask.nii.gz", "-o", "o.csv"], "is a list of cases"),
        (["absent.csv", "-o", "o.csv"], "cannot be read"),
    ],
)
def test_wrong_arguments_say_so(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["extract", *arguments])
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_an_internal_error_is_its_cases_row_the_others_are_written_and_the_status_is_1(folder, tmp_path, caplog):
    image, masks = Extractor(settings=FEW).read(folder / "b" / "image.nii.gz", folder / "b" / "mask.nii.gz")
    second = image.array[masks.layers[0] > 0].astype(float)
    original = intensity_statistics.FAMILY.compute
    def compute(batch, channel, vois, settings, aggregations):
        # the second phantom's own intensities tell it from the first, alone and in a batch
        if np.isin(second, batch.value).all():
            raise AttributeError("a fault of ours")
        return original(batch, channel, vois, settings, aggregations)

    object.__setattr__(intensity_statistics.FAMILY, "compute", compute)
    try:
        out = tmp_path / "features.csv"
        options = ["-f", "morphology.volume_voxel_counting", "-f", "intensity_statistics.mean", "-q"]
        done = CliRunner().invoke(app, ["extract", str(folder / "cases.csv"), "-o", str(out), *options])
    finally:
        object.__setattr__(intensity_statistics.FAMILY, "compute", original)
    assert done.exit_code == 1, done.output
    rows = pd.read_csv(out)
    assert rows["id"].tolist() == ["a"] * 3 + ["gone", "b"]
    assert rows["status"].tolist() == ["ok"] * 3 + ["failed"] * 2
    assert rows["reason"].iloc[-1] == "internal error, please report it: AttributeError: a fault of ours"
    assert "Traceback" in caplog.text and "a fault of ours" in caplog.text
    assert json.loads(out.with_name("features.csv.meta.json").read_text())["internal_errors"] == ["b"]
