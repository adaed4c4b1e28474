"""What is written never takes the place of an input, nor of a file of somebody else; text in CSV is never a formula."""

from __future__ import annotations

import csv
import json
import os
import time

import numpy as np
import pandas as pd
import pytest

from files import written
from voxomics import InputError, phantom
from voxomics.io import formulas, outputs, tables

TABLE = pd.DataFrame({"id": ["a"], "value": [1.0]})


@pytest.mark.parametrize("name", ["o.csv", "o.csv.meta.json", "o.more.csv"])
def test_a_file_of_somebody_else_is_replaced_only_when_asked(tmp_path, name):
    (tmp_path / name).write_text("years of work")
    beside = {tmp_path / "o.more.csv": TABLE}
    with pytest.raises(InputError, match=rf"'{name}' exists, and voxomics did not write it.*--overwrite"):
        tables.write(TABLE, tmp_path / "o.csv", beside=beside)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["years of work"]
    tables.write(TABLE, tmp_path / "o.csv", beside=beside, overwrite=True)
    assert pd.read_csv(tmp_path / "o.csv").equals(TABLE)


def test_our_own_file_is_replaced_until_somebody_changes_it(tmp_path):
    for _ in range(3):
        tables.write(TABLE, tmp_path / "o.csv")
    meta = json.loads((tmp_path / "o.csv.meta.json").read_text())
    assert list(meta["files"]) == ["o.csv"]
    (tmp_path / "o.csv").write_text((tmp_path / "o.csv").read_text() + "b,2\n")
    with pytest.raises(InputError, match="has changed since"):
        tables.check_target(tmp_path / "o.csv")
    (tmp_path / "o.csv").write_text("")  # as mktemp leaves it: nothing is lost
    tables.write(TABLE, tmp_path / "o.csv")


@pytest.mark.parametrize("link", ["symbolic", "hard", "of the record", "folder"])
def test_an_input_is_never_replaced(tmp_path, link):
    given = tmp_path / "clinical.csv"
    given.write_text("id\n1\n")
    target = tmp_path / "o.csv"
    if link == "symbolic":
        target.symlink_to(given)
    elif link == "hard":
        os.link(given, target)
    elif link == "of the record":
        (tmp_path / "o.csv.meta.json").symlink_to(given)
    else:
        (tmp_path / "other").symlink_to(tmp_path, target_is_directory=True)
        target = tmp_path / "other" / "clinical.csv"
    for overwrite in (False, True):
        with pytest.raises(InputError, match="is also an input"):
            tables.check_target(target, inputs=[given], overwrite=overwrite)
        with pytest.raises(InputError, match="is also an input"):
            tables.write(TABLE, target, inputs=[given], overwrite=overwrite)
    assert given.read_text() == "id\n1\n"


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_a_name_that_no_record_could_list_is_refused_before_the_work(tmp_path, ending):
    target = tmp_path / os.fsdecode(b"a\xff" + ending.encode())
    with pytest.raises(InputError, match=r"output 'a\ufffd.*': its name is not UTF-8 text; choose another name"):
        tables.check_target(target)
    folder = tmp_path / os.fsdecode(b"b\xff")
    folder.mkdir()
    tables.write(TABLE, folder / f"o{ending}")


def test_our_own_table_is_not_replaced_where_it_is_an_input(tmp_path):
    tables.write(TABLE, tmp_path / "o.csv")
    with pytest.raises(InputError, match="is also an input"):
        tables.write(TABLE, tmp_path / "o.csv", inputs=[tmp_path / "o.csv"])


def test_the_data_file_of_a_header_and_the_files_of_a_series_are_inputs(tmp_path):
    header = tmp_path / "a.mhd"
    written(header, np.zeros((4, 5, 6), np.int16))
    (tmp_path / "a.raw").rename(tmp_path / "a.csv")
    header.write_text(header.read_text().replace("a.raw", "a.csv"))
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "1.csv").write_bytes(b"a slice")
    for given, target in ((header, tmp_path / "a.csv"), (tmp_path / "series", tmp_path / "series" / "1.csv")):
        with pytest.raises(InputError, match="is also an input"):
            tables.check_target(target, inputs=[given], overwrite=True)
    tables.check_target(tmp_path / "series" / "o.csv", inputs=[tmp_path / "series"])


def test_two_outputs_that_are_one_file_are_refused(tmp_path):
    (tmp_path / "o.more.csv").symlink_to(tmp_path / "o.csv")
    with pytest.raises(InputError, match="are the same file"):
        tables.write(TABLE, tmp_path / "o.csv", beside={tmp_path / "o.more.csv": TABLE})


def test_a_phantom_replaces_only_its_own_files(tmp_path):
    image, _ = phantom.write(tmp_path)
    phantom.write(tmp_path, seed=1)
    image.write_bytes(b"a patient's")
    with pytest.raises(InputError, match=r"'image.nii.gz' exists, and voxomics did not write it"):
        phantom.write(tmp_path)
    assert image.read_bytes() == b"a patient's"
    phantom.write(tmp_path, overwrite=True)
    (tmp_path / "cohort").mkdir()
    (tmp_path / "cohort" / "clinical.csv").write_text("mine")
    with pytest.raises(InputError, match=r"'clinical.csv' exists"):
        phantom.cohort(tmp_path / "cohort", patients=1, controls=1)
    assert not any((tmp_path / "cohort" / "images").iterdir())
    (tmp_path / "cohort" / "clinical.csv").unlink()
    for _ in range(2):
        phantom.cohort(tmp_path / "cohort", patients=1, controls=1)


def test_drafts_of_a_process_that_was_killed_are_removed_by_a_later_one(tmp_path):
    old, young = (tmp_path / f".voxomics-{letter * 12}.part" for letter in "ab")
    foreign = tmp_path / ".download.part"
    for path in (old, young, foreign):
        path.touch()
        if path != young:
            os.utime(path, (time.time() - 90_000,) * 2)
    outputs.write_whole({tmp_path / "o.csv": b""})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([young.name, foreign.name, "o.csv"])


FORMULAS = [
    "=A1", "+A1", "-A1", "@A1", "\tA1", "\rA1", "\nA1", "=", "-", "--1", "=1", "'=A1", "''@x", "-1-1", "+1e", "=-1.5", "\t1"
]  # fmt: skip
PLAIN = [
    "-001", "+5", "-1.5", "-1,5", "+.5e-3", "-inf", "-1e308", "a=b", "A1", "", " =A1", "'tis", "'-001", "−1", "1-2", "'", "7"
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_would_run_is_written_with_a_prefix(text):
    assert formulas.guarded(text) == "'" + text
    assert formulas.unguarded(formulas.guarded(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_numbers_and_plain_text_are_written_as_they_are(text):
    assert formulas.guarded(text) == text
    assert formulas.unguarded(text) == text


def test_a_table_of_odd_text_reads_back_equal(tmp_path):
    table = pd.DataFrame({"id": FORMULAS + PLAIN, "-x": -1.5, "n": -7})
    tables.write(table, tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["id", "'-x", "n"]
    assert [row[0] for row in rows[1:]] == ["'" + text for text in FORMULAS] + PLAIN
    assert {(row[1], row[2]) for row in rows[1:]} == {("-1.5", "-7")}
    back = pd.read_csv(tmp_path / "o.csv", dtype={"id": str}, keep_default_na=False)
    pd.testing.assert_frame_equal(back.map(formulas.unguarded).rename(columns=formulas.unguarded), table)
    tables.write(table, tmp_path / "o.parquet")
    assert pd.read_parquet(tmp_path / "o.parquet")["id"].tolist() == table["id"].tolist()
