"""The standard's own reference values. Each row is a test of its own: none can be skipped in silence."""

from __future__ import annotations

import csv
import functools
from collections import Counter

import pytest

from shared import DATA, shared
from voxomics import InputError
from voxomics import ibsi_check as judge


@functools.cache
def outcomes(config):
    rows = [row for row in judge.references(judge.BUILTIN) if row.config == config]
    folder = DATA if config == "digital" else shared("data", "ibsi1")
    return {outcome.reference: outcome for outcome in judge.check(folder, rows)}


def label(row):
    return f"{row.config}-{row.family}-{row.ibsi_id}-{row.aggregation}-{row.feature}".replace(" ", "_")


ROWS = [
    pytest.param(row, id=label(row), marks=() if row.config == "digital" else pytest.mark.shared)
    for row in judge.references(judge.BUILTIN)
]


@pytest.mark.parametrize("row", ROWS)
def test_reference_value(row):
    outcome = outcomes(row.config)[row]
    assert outcome.verdict == "passed", f"got {outcome.value!r}, reference {row.printed} ± {row.tolerance} {outcome.why}"


def test_the_digital_phantom_has_210_rows_in_3d_or_without_dimension():
    rows = [row for row in judge.references(judge.BUILTIN) if row.config == "digital"]
    assert len(rows) == 482
    assert sum(row.aggregation in ("", "3D, averaged", "3D, merged", "3D") for row in rows) == 210


def test_our_values_are_those_checked_in_three_sources():
    """The shared file was compared with the manual, MIRP and IBSI's own spreadsheet; it has digital, A, C and D."""

    def facts(path):
        return {
            (
                r["config"], r["family"], r["ibsi_code"], r["aggregation"],
                # the two sources word names differently; only where an id does not decide is the name needed
                r["feature"] if r["ibsi_code"] in ("", "BC2M", "GBPN") else "",
            ): (r["value"], float(r["tolerance"]))
            for r in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        }  # fmt: skip

    theirs = facts(shared("data", "ibsi1", "ibsi1_reference_digital_A_C_D.csv"))
    ours = facts(judge.BUILTIN)
    assert len(theirs) == 1428
    assert {key: ours.get(key) for key in theirs} == theirs
    assert {key[0] for key in ours} == {"digital", "A", "B", "C", "D", "E"}


@pytest.mark.parametrize(
    ("value", "printed", "tolerance", "verdict"),
    [
        (0.5034, "0.503", 0, True),
        (0.5036, "0.503", 0, False),
        (1494.6, "1.49e3", 0, True),
        (592.0, "592", 0, True),
        (2.1486, "2.15", 0, True),
        (1.0001, "1", 0, True),  # one printed digit still means three
        (1.006, "1", 0, False),
        (125256, "125256", 0, True),
        (125257, "125256", 0, False),  # counts are exact
        (556.33, "556", 4, True),
        (560.49, "556", 4, True),  # 556 may stand for 556.5
        (560.51, "556", 4, False),
        (-0.1574, "-0.157", 0, True),
        (0.0, "0", 0, True),
        (float("nan"), "0", 1, False),
    ],
)
def test_the_tolerance_rule(value, printed, tolerance, verdict):
    assert judge.agrees(value, printed, tolerance) is verdict


def test_a_wrong_value_is_a_miss(tmp_path):
    """The judge can fail: one reference changed by a digit, one row nobody has."""
    path = tmp_path / "wrong.csv"
    path.write_text(
        "config,family,feature,ibsi_code,aggregation,value,tolerance\n"
        "digital,GLCM,Contrast,ACUI,\"3D, averaged\",5.33,0\n"
        "digital,GLCM,Contrast,ACUI,\"3D, averaged\",5.32,0\n"
        "digital,GLCM,Nonsense,XXXX,\"3D, averaged\",5.32,0\n"
        "Z,GLCM,Contrast,ACUI,\"3D, averaged\",5.32,0\n"
    )  # fmt: skip
    found = judge.check(DATA, judge.references(path))
    assert [outcome.verdict for outcome in found] == ["missed", "passed", "skipped", "skipped"]


def test_files_that_are_no_reference(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        judge.references(tmp_path / "absent.csv")
    (tmp_path / "empty.csv").write_text("config,value\nA,1\n")
    with pytest.raises(InputError, match="lacks"):
        judge.references(tmp_path / "empty.csv")


def test_a_folder_without_phantoms_skips_with_the_reason(tmp_path):
    rows = [row for row in judge.references(judge.BUILTIN) if row.family == "local intensity"]
    found = judge.check(tmp_path, rows)
    assert Counter(outcome.verdict for outcome in found) == {"skipped": len(rows)}
    assert "expected" in found[0].why


def test_a_reference_in_the_folder_replaces_ours(tmp_path):
    assert judge.reference_file(tmp_path, None) == judge.BUILTIN
    (tmp_path / "ibsi1_reference_mine.csv").write_text("")
    assert judge.reference_file(tmp_path, None).name == "ibsi1_reference_mine.csv"
    assert judge.reference_file(tmp_path, "builtin") == judge.BUILTIN
