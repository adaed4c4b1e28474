"""What bench/gpu.py does before and after a device: cases, the comparison, and silence without a GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from shared import ROOT
from voxomics.engine.families import FAMILIES
from voxomics.kernels import device


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    for name in ("gpu", "gpu_tables", "metered", "cases", "adapter", "timing"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu

    return gpu


@pytest.mark.parametrize(("vois", "voxels"), [(1, 100), (8, 300), (9, 2000), (1, 30_000), (30, 50)])
def test_many_vois_of_the_size_asked_for(gpu: ModuleType, vois: int, voxels: int) -> None:
    volume, mask = gpu.many(vois, voxels)
    assert volume.shape == mask.shape
    labels, number = np.unique(mask, return_counts=True)
    assert labels.tolist() == list(range(vois + 1))
    assert np.ptp(number[1:]) == 0
    assert number[1] == pytest.approx(voxels, rel=0.2 if voxels < 1000 else 0.03)
    assert (volume.min(), volume.max()) == pytest.approx((-200.0, 300.0))


def test_uneven_vois_begin_with_one_voxel(gpu: ModuleType) -> None:
    _, mask = gpu.uneven(3000, 12)
    labels, number = np.unique(mask[mask > 0], return_counts=True)
    assert labels.tolist() == list(range(1, 13))
    assert number[0] == 1
    assert 2000 < number.max() <= 3000


def test_difference_is_in_units_of_what_is_allowed(gpu: ModuleType) -> None:
    expected = np.array([[1.0, np.nan, 1e6], [-2.0, 3.0, 0.0]])
    assert gpu.difference(expected.copy(), expected) == 0.0
    for place, change, allowed in (((0, 0), 1e-9, 1.02e-10), ((1, 2), 1e-5, 1e-6), ((1, 1), 1e-9, 3.03e-10)):
        got = expected.copy()
        got[place] += change
        assert gpu.difference(got, expected) == pytest.approx(change / allowed, rel=1e-5)
    for place, value in (((0, 1), 1.0), ((0, 0), np.nan)):
        got = expected.copy()
        got[place] = value
        assert gpu.difference(got, expected) == np.inf


def test_every_feature_of_a_device_is_timed(gpu: ModuleType) -> None:
    found = gpu.choices()
    wanted = {
        f"{f.name}.{one.name}" for f in FAMILIES if f.device for one in f.features if one.name not in f.device.host
    }
    *families, everything = (choice["features"] for choice in found.values())
    assert set(everything) == wanted
    assert sorted(name for names in families for name in names) == sorted(everything)


def test_without_a_gpu_nothing_is_timed(
    gpu: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def absent() -> device.Device:
        raise RuntimeError("no driver here")

    monkeypatch.setattr(device, "DEVICES", [absent])
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out)]) == 2
    assert capsys.readouterr().out == "Nothing to time: no driver here\n"
    assert not out.exists()
