"""Distance weighting (IBSI 6CK8) against the naive twins: counts times a weight per direction, before matrices are merged."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest

from batches import assert_close, batch_of, random_volume
from naive import glcm as naive_glcm
from naive import glrlm as naive_glrlm
from voxomics.engine.directions import direction_weights, directions
from voxomics.engine.families import glcm, glrlm

SPACING = (2.5, 0.8, 1.0)
NORM = {
    "euclidean": lambda m: sqrt(sum(c * c for c in m)),
    "manhattan": lambda m: sum(abs(c) for c in m),
    "chebyshev": lambda m: max(abs(c) for c in m),
}
FUNCTION = {"none": lambda d: 1.0, "inverse": lambda d: 1.0 / d, "gaussian": lambda d: exp(-d * d)}
MERGED = ("2d_slice_merged", "2_5d_merged", "3d_averaged", "3d_merged")


def weight(function, norm, unit):
    size = SPACING if unit == "mm" else (1, 1, 1)
    return lambda offset: FUNCTION[function](NORM[norm]([c * s for c, s in zip(offset, size, strict=True)]))


@pytest.mark.parametrize("function", ["inverse", "gaussian"])
@pytest.mark.parametrize("norm", list(NORM))
@pytest.mark.parametrize("unit", ["voxel", "mm"])
def test_weighted_matrices_equal_the_twins(function, norm, unit):
    volume = random_volume(np.random.default_rng(1), (4, 5, 6), 5)
    chosen = {"weighting": {"function": function, "norm": norm, "unit": unit}}
    batch, options = batch_of([volume], {"glcm": chosen, "glrlm": chosen}, SPACING)
    by = weight(function, norm, unit)
    for j, aggregation in enumerate(MERGED):
        got = glcm.compute(batch, batch.channels["none"], np.arange(1), options, MERGED)[0, j]
        twin = naive_glcm.glcm(volume, volume.max(), aggregation, weight=by)
        assert_close(got, list(twin.values()), 5.0**4, f"glcm {aggregation}")
        got = glrlm.compute(batch, batch.channels["none"], np.arange(1), options, MERGED)[0, j]
        assert_close(got, list(naive_glrlm.glrlm(volume, aggregation, by).values()), 30.0**2, f"glrlm {aggregation}")


def test_weights_change_merged_matrices_and_leave_averages_alone():
    volume = random_volume(np.random.default_rng(2), (4, 5, 6), 5)
    results = []
    for function in ("none", "gaussian"):
        batch, options = batch_of([volume], {"glcm": {"weighting": {"function": function}}})
        results.append(glcm.compute(batch, batch.channels["none"], np.arange(1), options, ("3d_averaged", "3d_merged"))[0])
    assert_close(results[0][0], results[1][0], 5.0**4)
    assert abs(results[0][1] - results[1][1]).max() > 1e-3


def test_the_sparse_paths_weigh_too(monkeypatch):
    volume = random_volume(np.random.default_rng(3), (4, 5, 6), 9)
    chosen = {"weighting": {"function": "inverse"}}
    batch, options = batch_of([volume], {"glcm": chosen, "glrlm": chosen})
    channel, vois = batch.channels["none"], np.arange(1)
    dense = [family.compute(batch, channel, vois, options, MERGED) for family in (glcm, glrlm)]
    monkeypatch.setattr(glcm, "DENSE_LEVELS", 2)
    monkeypatch.setattr(glrlm, "_is_dense", lambda batch, vois, cells: np.zeros(len(cells), bool))
    for family, expected in zip((glcm, glrlm), dense, strict=True):
        assert_close(family.compute(batch, channel, vois, options, MERGED), expected, 100.0**2)


@pytest.mark.parametrize("spacing", [(30.0, 30.0, 30.0), (45.0, 0.8, 1.0), (60.0, 30.0, 30.5)])
def test_gaussian_weights_survive_large_voxels(spacing):
    volume = random_volume(np.random.default_rng(4), (4, 5, 6), 5)
    weighting = {"weighting": {"function": "gaussian", "unit": "mm"}}
    batch, options = batch_of([volume], {"glcm": weighting, "glrlm": weighting}, spacing)
    plain, unweighted = batch_of([volume], {}, spacing)
    for family in (glcm, glrlm):
        got = family.compute(batch, batch.channels["none"], np.arange(1), options, MERGED)[0]
        assert np.isfinite(got).all()
        averaged = family.compute(plain, plain.channels["none"], np.arange(1), unweighted, ("3d_averaged",))[0, 0]
        same = [j for j, f in enumerate(family.FEATURES) if "non_uniformity" not in f.name or "normalised" in f.name]
        assert_close(got[MERGED.index("3d_averaged")][same], averaged[same], 30.0**2)
    # the nearest direction alone is left: merged matrices are its own
    steps = np.sqrt(((directions(1) * spacing) ** 2).sum(1))
    nearest = np.flatnonzero(steps**2 < steps.min() ** 2 + 30)
    found = direction_weights(directions(1), batch, np.arange(1), options.glcm.weighting)[0]
    expected = np.exp(steps.min() ** 2 - steps**2)
    np.testing.assert_allclose(found[nearest] / found.max(), expected[nearest], rtol=1e-9)
