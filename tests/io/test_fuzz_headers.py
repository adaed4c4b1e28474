"""Headers damaged at random, in every format: the right voxels, or an InputError of one line, soon and with little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FORMATS = ["a.nii", "a.nii.gz", "a.nrrd", "c.nrrd", "a.nhdr", "a.mha", "c.mha", "a.mhd", "dicom"]


def mutated(folder: Path, name: str, seed: int, count: int) -> None:
    """In a process of its own, which a reader may end."""
    pytest.importorskip("resource")  # not on Windows
    inside = folder / "inside"
    inside.mkdir()
    paths = os.pathsep.join([str(HERE.parent), *sys.path])
    done = subprocess.run(
        [sys.executable, str(HERE / "mutate.py"), name, str(seed), str(count), str(inside)],
        capture_output=True, text=True, timeout=20 + count / 10, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_headers(tmp_path, name):
    mutated(tmp_path, name, seed=1, count=100 if name == "dicom" else 250)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 4))
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_headers(tmp_path, name, seed):
    mutated(tmp_path, name, seed, count=600)
