"""Each matrix is counted once per discretisation, geometry and mesh once per VOI, whatever is asked for.

Every call of a compiled kernel is noted, whatever it is called and wherever it stands. What it reads is known by its parameters:
`level` of uint8 or uint16 are the voxels' grey levels, `dirs` are directions, `region` are masks, `image` and `labels` the input.
"""

from __future__ import annotations

import inspect
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

from voxomics import Extractor
from voxomics.engine.feature import DIRECTIONAL, ZONAL

BINS = [{"method": "fbn", "bins": n} for n in (8, 16, 32)]


class Reader(NamedTuple):
    """A kernel, and what it reads of a VOI: "levels", "directions" (levels along directions) or "mask"."""

    name: str
    reads: str


def reader(kernel, arguments):
    """The kernel as a reader of voxels; None if it reads none."""
    given = dict(zip(inspect.signature(kernel.py_func).parameters, arguments, strict=False))
    name = f"{kernel.py_func.__module__}.{kernel.py_func.__name__}"
    if "level" in given and given["level"].dtype in (np.uint8, np.uint16):
        return Reader(name, "directions" if "dirs" in given else "levels")
    if {"region", "image", "labels"} & set(given):
        return Reader(name, "mask")
    return None


@pytest.fixture
def calls(monkeypatch):
    """calls(settings): how often each reader ran in one extraction of two VOIs."""
    noted: Counter[Reader] = Counter()
    call = CPUDispatcher.__call__

    def note(kernel, *arguments):
        found = reader(kernel, arguments)
        if found:
            noted[found] += 1
        return call(kernel, *arguments)

    monkeypatch.setattr(CPUDispatcher, "__call__", note, raising=False)

    def extract(aggregations, discretisation):
        noted.clear()
        rng = np.random.default_rng(0)
        mask = np.zeros((8, 9, 10), int)
        mask[1:4, 1:8, 1:9], mask[5:7, 1:8, 1:9] = 1, 2
        settings = {"aggregations": aggregations, "discretisation": discretisation}
        image = rng.normal(0, 50, mask.shape)
        table = Extractor(settings=settings, threads=1).extract(image, mask, spacing_mm=(2.0, 1.0, 1.0))
        assert table["status"].tolist() == ["ok", "ok"]
        return dict(noted)

    return extract


def test_levels_are_read_once_more_for_each_discretisation_and_masks_are_not(calls):
    one, three = calls(DIRECTIONAL + ZONAL, BINS[:1]), calls(DIRECTIONAL + ZONAL, BINS)
    assert one.keys() == three.keys()
    assert {kernel.reads for kernel in one} == {"directions", "levels", "mask"}
    for kernel, number in one.items():
        # depths of voxels depend on the mask alone, but GLDZM finds them anew for each discretisation
        again = kernel.reads != "mask" or kernel.name.endswith(".depths")
        assert three[kernel] == (3 * number if again else number), kernel


def test_aggregations_share_what_is_counted(calls):
    every, few = calls(DIRECTIONAL + ZONAL, BINS[:1]), calls(("3d_merged", "3d"), BINS[:1])
    assert every.keys() == few.keys()
    for kernel, number in few.items():
        # on one thread a call takes all VOIs; only the hull is found VOI by VOI
        assert number == 1 or kernel.reads == "mask", kernel
        # zones, neighbours and distances are found once in 3D and once in plane, for 2D and 2.5D together
        neighbourhoods = 1 if kernel.reads == "directions" else 2
        assert every[kernel] <= neighbourhoods * number, kernel
    assert sum(kernel.reads == "directions" for kernel in few) == 2, "GLCM and GLRLM"
