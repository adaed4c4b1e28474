"""What bench/compare.py makes of two commits' figures, and the benches themselves: each of them runs."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from typing import Any

import pytest

from shared import ROOT


@pytest.fixture
def compare() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "bench" / "compare.py"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([10.0, 10.1, 10.2], [9.0, 9.1, 9.2], "faster"),
        ([9.0, 9.1, 9.2], [10.0, 10.1, 10.2], "slower"),
        ([9.0, 10.0, 11.0], [11.5, 12.0, 12.5], "noise"),
        ([10.0], [10.0], "noise"),
    ],
)
def test_what_lies_within_the_spread_is_noise(
    compare: dict[str, Any], before: list[float], after: list[float], expected: str
) -> None:
    assert compare["verdict"](before, after) == expected


def test_a_bench_that_one_side_lacks_has_a_row(compare: dict[str, Any]) -> None:
    rows = compare["rows"]({"a": [1.0, 2.0, 3.0], "gone": [1.0]}, {"a": [4.0, 4.0, 4.0], "new": [5.0]})
    assert rows == [
        ["a", "2 (1–3)", "4 (4–4)", "2.00", "noise"],
        ["new", "–", "5 (5–5)", "–", "–"],
        ["gone", "1 (1–1)", "–", "–", "–"],
    ]


def test_every_small_bench_runs() -> None:
    pytest.importorskip("pytest_benchmark", reason="pip install -e .[dev]")
    small = ("-q", "-k", "2k or voxomics.cli", "--benchmark-disable")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "bench/pytest.ini"), str(ROOT / "bench"), *small]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout, done.stdout
