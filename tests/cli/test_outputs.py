"""Commands never lose a file: not their own inputs, and not what somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from voxomics import phantom
from voxomics.cli import app
from voxomics.study.stability import read_scans

LIGHT = ["-f", "intensity_statistics.mean", "-q"]


def ran(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exit_code == status, done.output
    return " ".join(done.output.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    phantom.write(tmp_path)
    (tmp_path / "s.json").write_text("{}")
    (tmp_path / "cases.csv").write_text("id,image,mask\n=A1,image.nii.gz,mask.nii.gz\n-001,image.nii.gz,mask.nii.gz\n")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["extract", "cases.csv", "-o", "cases.csv"],
        ["extract", "cases.csv", "-o", "./other/../cases.csv"],
        ["extract", "cases.csv", "-o", "link.csv"],
        ["extract", "image.nii.gz", "mask.nii.gz", "-o", "image.csv"],
        ["extract", "image.nii.gz", "mask.nii.gz", "-o", "s.json", "-s", "s.json"],
        ["extract", "cases.csv", "-o", "image.csv"],
        ["stability", "cases.csv", "-o", "cases.csv"],
        ["stability", "x.cases.csv", "-o", "x.csv"],
        ["ibsi-check", ".", "--reference", "cases.csv", "--misses", "cases.csv"],
        ["ibsi-check", ".", "--reference", "cases.csv", "--misses", "image.nii.gz"],
    ],
)
def test_an_output_that_is_an_input_is_refused_before_anything_happens(folder, monkeypatch, arguments, overwrite):
    monkeypatch.chdir(folder)
    Path("other").mkdir()
    Path("link.csv").symlink_to("cases.csv")
    Path("image.csv").symlink_to("image.nii.gz")
    Path("x.cases.csv").write_bytes(Path("cases.csv").read_bytes())
    before = contents(folder)
    assert "is also an input" in ran(*arguments, *overwrite, status=2)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["extract", "image.nii.gz", "mask.nii.gz", "-o", "o.csv", *LIGHT], "o.csv"),
        (["extract", "image.nii.gz", "mask.nii.gz", "-o", "o.csv", *LIGHT], "o.csv.meta.json"),
        (["stability", "cases.csv", "-o", "o.csv", "-n", "2", "-l", "1", *LIGHT], "o.measured.csv"),
        (["phantom", ".", "--patients", "1", "--controls", "1", "-q"], "controls.csv"),
        (["phantom", "new"], "new/mask.nii.gz"),
    ],
)
def test_a_file_of_somebody_else_is_replaced_when_asked(folder, monkeypatch, arguments, name):
    monkeypatch.chdir(folder)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("mine")
    before = contents(folder)
    assert "--overwrite" in ran(*arguments, status=2)
    assert {path: text for path, text in contents(folder).items() if path in before} == before
    ran(*arguments, "--overwrite")
    assert Path(name).read_bytes() != b"mine"
    ran(*arguments)


def test_ids_that_look_like_formulas_or_numbers_come_back_as_they_were(folder, tmp_path):
    ran("extract", folder / "cases.csv", "-o", tmp_path / "o.csv", "-l", "1", *LIGHT)
    written = pd.read_csv(tmp_path / "o.csv", dtype=str)["id"].tolist()
    assert written == ["'=A1", "-001"]
    (tmp_path / "again.csv").write_text("id,image,mask\n'=A1,image.nii.gz,mask.nii.gz\n-001,image.nii.gz,mask.nii.gz\n")
    assert [scan.id for scan in read_scans(tmp_path / "again.csv")] == ["=A1", "-001"]
