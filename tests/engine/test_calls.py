"""Each matrix is counted once per discretisation, geometry and mesh once per VOI, whatever is asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np

from voxomics import Extractor
from voxomics.engine.feature import DIRECTIONAL, ZONAL
from voxomics.kernels import glrlm, intensity, mesh, pack
from voxomics.kernels.glcm import count as glcm
from voxomics.kernels.zones import depth, runs

ONCE_PER_VOI = [(pack, "survey"), (pack, "mark"), (pack, "collect"), (mesh, "survey")]
ONCE_PER_DISCRETISATION = [(glcm, "count"), (glrlm, "count"), (pack, "scatter")]


def named(module, name):
    return f"{module.__name__.removeprefix('voxomics.kernels.')}.{name}"


def counted(monkeypatch, settings):
    """How often each kernel ran, by name, in one extraction of two VOIs."""
    calls: Counter[str] = Counter()

    def spy(module, name):
        original = getattr(module, name)

        def wrapper(*arguments):
            calls[named(module, name)] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, wrapper)

    for module, name in ONCE_PER_VOI + ONCE_PER_DISCRETISATION + [(runs, "find"), (depth, "depths"), (intensity, "measure")]:
        spy(module, name)
    rng = np.random.default_rng(0)
    mask = np.zeros((8, 9, 10), int)
    mask[1:4, 1:8, 1:9], mask[5:7, 1:8, 1:9] = 1, 2
    table = Extractor(settings=settings, threads=1).extract(rng.normal(0, 50, mask.shape), mask, spacing_mm=(2.0, 1.0, 1.0))
    assert table["status"].tolist() == ["ok", "ok"]
    return calls


def test_all_aggregations_and_three_discretisations(monkeypatch):
    three = [{"method": "fbn", "bins": n} for n in (8, 16, 32)]
    calls = counted(monkeypatch, {"aggregations": DIRECTIONAL + ZONAL, "discretisation": three})
    for module, name in ONCE_PER_VOI:
        assert calls[named(module, name)] == 1, name
    for module, name in ONCE_PER_DISCRETISATION:
        assert calls[named(module, name)] == 3, name
    assert calls["zones.runs.find"] == 2 * 3  # zones in 3D, and zones in plane, which 2D and 2.5D share


def test_one_of_each(monkeypatch):
    calls = counted(monkeypatch, {"aggregations": ["3d_merged", "3d"]})
    assert calls["glcm.count.count"] == calls["glrlm.count"] == calls["zones.runs.find"] == calls["mesh.survey"] == 1
