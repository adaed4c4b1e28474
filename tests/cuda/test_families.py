"""Every family and aggregation on both backends against the naive twins; the GPU's kernels with their checks on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from threads import Threads

from batches import random_volume
from suite import CASES, TWINS, Voi, check
from voxomics.engine.families import FAMILIES

ORDERS = ("forward", "reverse", "random")
BACKENDS = ("cpu", *(f"cuda-{order}" for order in ORDERS))
INVERSE = {"weighting": {"function": "inverse", "norm": "chebyshev", "unit": "mm"}}
GAUSSIAN = {"weighting": {"function": "gaussian"}}
OPTIONS = {
    "glcm": [{}, {"distance": 2}, INVERSE, {"distance": 2, **GAUSSIAN}, {"shells": [1, 2]}],
    "glrlm": [{}, INVERSE, GAUSSIAN, {"directions": "aligned", "weighting": {"function": "distance"}}],
    "ngtdm": [{}, {"distance": 2}, {"isolated": "counted"}, {"shells": [1, 2], "isolated": "counted"}],
    "morphology": [{}, {"mesh": "complementary"}],
    "ngldm": [{}, {"distance": 2}, {"coarseness": 1}, {"distance": 2, "coarseness": 3}],
}


def device_of(backend, tile=1 << 15, seed=0):
    return None if backend == "cpu" else Threads(order=backend.removeprefix("cuda-"), tile=tile, seed=seed)


def random_voi(rng, shape, n_levels, fill):
    levels = random_volume(rng, shape, n_levels, fill)
    return Voi(levels, (levels > 0) | (rng.random(shape) < 0.2))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("family", "aggregation"), CASES, ids=[f"{f.name}-{a}".rstrip("-") for f, a in CASES])
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    n_levels=st.sampled_from([1, 2, 5, 12, 40]),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    choice=st.integers(0, 11),
    tile=st.sampled_from([1, 7, 100, 1 << 15]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(family, aggregation, backend, shape, n_levels, fill, choice, tile, seed):
    rng = np.random.default_rng(seed)
    vois = [
        random_voi(rng, shape, n_levels, fill),
        random_voi(rng, shape[::-1], n_levels, 1.0),
        random_voi(rng, (1, 2, 3), 2, 0.5),
    ]
    device = device_of(backend, tile, seed)
    choices = OPTIONS.get(family.name)
    options = {family.name: choices[choice % len(choices)]} if choices else {}
    options["degenerate"] = ("undefined", "conventional")[seed % 2]
    check(family, aggregation, vois, options, device)
    if device:
        device.assert_clean()
        assert device.findings


def test_every_family_has_a_twin():
    assert set(FAMILIES) == set(TWINS)
