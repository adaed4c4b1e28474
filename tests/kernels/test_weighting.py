"""Distance weighting (IBSI 6CK8) against the naive twins: matrices are counts times a weight for each direction."""

from __future__ import annotations

import numpy as np
import pytest

from batches import batch_of, random_volume
from naive import glcm as naive_glcm
from naive import glrlm as naive_glrlm
from naive.terms import assert_twin
from naive.weighting import NORM, weight
from voxomics.engine.directions import direction_weights, directions
from voxomics.engine.families import glcm, glrlm
from voxomics.engine.feature import DIRECTIONAL

SPACING = (2.5, 0.8, 1.0)
TWINS = {
    glcm: lambda volume, aggregation, by: naive_glcm.glcm(volume, volume.max(), aggregation, weight=by),
    glrlm: lambda volume, aggregation, by: naive_glrlm.glrlm(volume, aggregation, by),
}


@pytest.fixture(params=["dense", "sparse"])
def path(request, monkeypatch):
    """Both ways that the matrices of the two families take."""
    if request.param == "sparse":
        monkeypatch.setattr(glcm, "DENSE_LEVELS", 2)
        monkeypatch.setattr(glrlm, "_is_dense", lambda batch, vois, cells: np.zeros(len(cells), bool))


@pytest.mark.parametrize("function", ["inverse", "gaussian", "distance"])
@pytest.mark.parametrize("norm", list(NORM))
@pytest.mark.parametrize("unit", ["voxel", "mm"])
def test_weighted_matrices_equal_the_twins(path, function, norm, unit):
    volume = random_volume(np.random.default_rng(1), (4, 5, 6), 5)
    chosen = {"weighting": {"function": function, "norm": norm, "unit": unit}}
    batch, options = batch_of([volume], {"glcm": chosen, "glrlm": chosen}, SPACING)
    by = weight(function, norm, unit, SPACING)
    for family, twin in TWINS.items():
        got = family.compute(batch, batch.channels["none"], np.arange(1), options, DIRECTIONAL)[0]
        for row, aggregation in zip(got, DIRECTIONAL, strict=True):
            assert_twin(row, twin(volume, aggregation, by), f"{family.FAMILY.name} {aggregation}")


def test_weights_change_merged_matrices_and_leave_averages_alone():
    volume = random_volume(np.random.default_rng(2), (4, 5, 6), 5)
    chosen = ("3d_averaged", "3d_merged")
    results = []
    for function in ("none", "gaussian"):
        batch, options = batch_of([volume], {"glcm": {"weighting": {"function": function}}})
        results.append(glcm.compute(batch, batch.channels["none"], np.arange(1), options, chosen)[0])
        assert_twin(results[-1][0], naive_glcm.glcm(volume, volume.max(), "3d_averaged"), function)
    assert abs(results[0][1] - results[1][1]).max() > 1e-3


@pytest.mark.parametrize("spacing", [(30.0, 30.0, 30.0), (45.0, 0.8, 1.0), (60.0, 30.0, 30.5)])
def test_gaussian_weights_survive_large_voxels(spacing):
    volume = random_volume(np.random.default_rng(4), (4, 5, 6), 5)
    weighting = {"weighting": {"function": "gaussian", "unit": "mm"}}
    batch, options = batch_of([volume], {"glcm": weighting, "glrlm": weighting}, spacing)
    averaged = DIRECTIONAL.index("3d_averaged")
    for family, twin in TWINS.items():
        got = family.compute(batch, batch.channels["none"], np.arange(1), options, DIRECTIONAL)[0]
        assert np.isfinite(got).all()
        unweighted = twin(volume, "3d_averaged", lambda offset: 1)
        names = [f.name for f in family.FEATURES]
        # non-uniformities follow the weights themselves, which all are raised by one factor here
        same = [j for j, name in enumerate(names) if "non_uniformity" not in name or "normalised" in name]
        assert_twin(got[averaged, same], {names[j]: unweighted[names[j]] for j in same}, spacing)
    # the nearest direction alone is left: merged matrices are its own
    steps = np.sqrt(((directions(1) * spacing) ** 2).sum(1))
    nearest = np.flatnonzero(steps**2 < steps.min() ** 2 + 30)
    found = direction_weights(directions(1), batch, np.arange(1), options.glcm.weighting)[0]
    expected = np.exp(steps.min() ** 2 - steps**2)
    np.testing.assert_allclose(found[nearest] / found.max(), expected[nearest], rtol=1e-9)
