"""`voxomics study`, from a study file to its results."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("sklearn", reason="needs the study extra")

import pandas as pd

from study_tables import clinical, features
from voxomics import InputError, report
from voxomics.cli import app
from voxomics.io import formulas
from voxomics.study.results import StudyResults


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


def test_a_study_replaces_neither_its_inputs_nor_what_somebody_else_wrote(tmp_path: Path) -> None:
    table = features()
    table["id"] = ["=A1", "-001", *table["id"][2:]]
    formulas.guarded_table(table).to_csv(tmp_path / "f.csv", index=False)
    people = clinical()
    people["patient"] = ["=A1", "-001", *people["patient"][2:]]
    people.to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "STUDY.yaml").write_text(
        "features: {table: f.csv, id: id}\nclinical: {table: c.csv, id: patient, marker: marker}\n"
        "twin: {repeats: 1, permutations: 9, bootstrap: 0}\n"
    )
    out = tmp_path / "out"
    command = ["study", str(tmp_path / "STUDY.yaml"), "-o", str(out), "--threads", "1"]
    (out / "tables").mkdir(parents=True)
    (out / "tables" / "cohort_patients.csv").write_text("mine")
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2 and "'cohort_patients.csv' exists" in " ".join(refused.output.split())
    for name in ("report.html", "results.json", "tables/cohort_features.csv"):
        (out / name).symlink_to(tmp_path / "c.csv")
        refused = CliRunner().invoke(app, [*command, "--overwrite"])
        assert refused.exit_code == 2 and "is also an input" in " ".join(refused.output.split())
        (out / name).unlink()
    for more in (["--overwrite"], []):
        done = CliRunner().invoke(app, [*command, *more])
        assert done.exit_code == 0, done.output
    patients = StudyResults.read(out / "results.json").parts["cohort"].tables["patients"].data
    assert patients["id"].tolist()[:2] == ["=A1", "-001"]
    assert pd.read_csv(out / "tables" / "cohort_patients.csv", dtype=str)["id"].tolist()[:2] == ["'=A1", "-001"]


def test_an_image_that_is_gone_in_the_end_costs_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours of computing end with the page, whose images may be gone by then, or on a disk that is."""

    def gone(*_: object, **__: object) -> None:
        raise InputError("image.nii.gz: no such image file")

    features().to_csv(tmp_path / "f.csv", index=False)
    clinical().to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "STUDY.yaml").write_text(
        "features: {table: f.csv, id: id}\nclinical: {table: c.csv, id: patient, marker: marker}\n"
        "twin: {repeats: 1, permutations: 0, bootstrap: 0}\n"
    )
    monkeypatch.setattr(report, "write_report", gone)
    done = CliRunner().invoke(app, ["study", str(tmp_path / "STUDY.yaml"), "-o", str(tmp_path / "out"), "--threads", "1"])
    assert done.exit_code == 2 and "no such image file" in done.output
    assert "twin" in StudyResults.read(tmp_path / "out" / "results.json").parts
    assert (tmp_path / "out" / "tables" / "cohort_patients.csv").is_file()
