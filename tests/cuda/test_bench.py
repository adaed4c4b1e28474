"""bench/gpu.py runs from end to end, and tells a wrong device from a right one."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from threads import Threads

from shared import ROOT
from voxomics.engine.families import FAMILIES
from voxomics.kernels import device as seam


class Wrong(Threads):
    """A device that gives floats back a little too large."""

    name = "wrong"

    def get(self, array):
        return array * (1 + 1e-9) if array.dtype == np.float64 else array.copy()


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import gpu

    return gpu


def test_toy(gpu, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(seam, "DEVICES", [lambda: Threads(checked=False)])
    out = tmp_path / "gpu.json"
    status = gpu.main(["--toy", "--out", str(out)])
    printed, found = capsys.readouterr().out, json.loads(out.read_text(encoding="utf-8"))
    assert status == 0, printed
    assert found["timing"] == gpu.NOT_A_GPU
    assert gpu.NOT_A_GPU in printed
    families = {family.name for family in FAMILIES if family.device}
    assert {row["family"] for row in found["agreement"]} == families
    (times,) = found["times"]
    assert times["vois"] == 4
    assert times["wall"].keys() > families
    assert {"put", "get", "glcm.count.count_gpu"} < times["kernels"].keys()
    estimates = printed.partition("Estimates, made without a GPU")[2]
    assert estimates.count("not measured") == len(re.findall(r"^\| [^-p]", estimates, re.MULTILINE)) > 5
    assert found["machine"]["device"] == Threads.name


def test_a_wrong_device_is_found_out(gpu):
    rows = gpu.agreement(Wrong(checked=False), 2, 30, 4)
    assert rows
    assert not [row for row in rows if gpu.agrees(row)]
    assert all(row["same again"] and row["same alone"] for row in rows)


def test_nothing_is_timed_in_earnest_on_cpu_threads(gpu, monkeypatch, capsys):
    monkeypatch.setattr(seam, "DEVICES", [Threads])
    assert gpu.main([]) == 2
    assert "CPU threads is no GPU" in capsys.readouterr().out
