"""Each matrix is counted once per discretisation, geometry and mesh once per VOI, whatever is asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np

from voxomics import Extractor
from voxomics.engine.feature import DIRECTIONAL, ZONAL
from voxomics.kernels import glcm, glrlm, pack, zones
from voxomics.kernels.intensity import features
from voxomics.kernels.shape import mesh
from voxomics.kernels.shape import moments as shape_moments

ONCE_PER_VOI = [
    (pack, "survey"), (pack, "mark"), (pack, "resegment"), (pack, "gather"), (mesh, "count"), (shape_moments, "survey"),
]  # fmt: skip
ONCE_PER_DISCRETISATION = [(glcm, "count"), (glrlm, "count"), (pack, "scatter")]


def counted(monkeypatch, settings):
    """How often each kernel ran, by name, in one extraction of two VOIs."""
    calls: Counter[str] = Counter()

    def spy(module, name):
        original = getattr(module, name)

        def wrapper(*arguments):
            calls[f"{module.__name__.split('.')[-1]}.{name}"] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, wrapper)

    others = [(zones, "find"), (zones, "depths"), (features, "measure")]
    for module, name in ONCE_PER_VOI + ONCE_PER_DISCRETISATION + others:
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
        assert calls[f"{module.__name__.split('.')[-1]}.{name}"] == 1, name
    for module, name in ONCE_PER_DISCRETISATION:
        assert calls[f"{module.__name__.split('.')[-1]}.{name}"] == 3, name
    assert calls["zones.find"] == 2 * 3  # zones in 3D, and zones in plane, which 2D and 2.5D share


def test_one_of_each(monkeypatch):
    calls = counted(monkeypatch, {"aggregations": ["3d_merged", "3d"]})
    assert calls["glcm.count"] == calls["glrlm.count"] == calls["zones.find"] == calls["mesh.count"] == 1
