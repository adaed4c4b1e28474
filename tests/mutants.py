"""Mutants: a family's result with one feature made wrong. The comparison with the twins must see every one of them.

A path is one way through a family's code: dense or sorted matrices, another distance, weights, levels far apart. Each
feature of each aggregation on each path is made 0, and wrong by a millionth, in the array that `compute` returned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from batches import random_volume
from naive.terms import assert_twin, unlike
from suite import TWINS, Voi, table
from voxomics.engine import families
from voxomics.engine.feature import Family

FAULTS = {"0": 0.0, "× (1 + 1e-6)": 1 + 1e-6}


@dataclass(frozen=True)
class Path:
    """A way through a family's code.

    vois : each feature has a value other than 0 in one of them at least. options : settings. patches : what to set, by
    its dotted name, to send the CPU this way; a device does not go there. host : a device leaves these options to the CPU.
    """

    family: Family
    name: str
    vois: tuple[Voi, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    host: bool = False

    def __str__(self) -> str:
        return f"{self.family.name}, {self.name}"


@dataclass(frozen=True)
class Mutant:
    """A fault planted in a feature of an aggregation ("" for a family without), and whether it was seen.

    fault : "" where nothing can be planted, since the feature is 0 or undefined in all VOIs.
    """

    path: Path
    aggregation: str
    feature: str
    fault: str
    seen: bool


def _near():
    """Levels near each other; the second VOI's mask is a whole box, deep enough for zones at several distances."""
    rng = np.random.default_rng(1)
    one, other = random_volume(rng, (4, 5, 6), 5, 0.8), random_volume(rng, (5, 6, 7), 12, 0.95)
    return Voi(one, one > 0), Voi(other, np.ones(other.shape, bool))


def _far():
    """Nine levels up to a billion."""
    rng = np.random.default_rng(2)
    ranks = random_volume(rng, (5, 5, 6), 9, 0.9)
    levels = np.concatenate(([0], np.sort(rng.choice(10**9, 9, replace=False)) + 1))
    return (Voi(levels[ranks], np.ones(ranks.shape, bool)),)


def _slices():
    """Two masks of one slice, and one of two."""
    rng = np.random.default_rng(3)
    volumes = [random_volume(rng, (n, 7, 6), 5, fill) for n, fill in ((1, 0.5), (1, 0.9), (2, 0.9))]
    return tuple(Voi(volume, volume > 0) for volume in volumes)


def _flat():
    """One slice: nine of the 13 directions do not fit."""
    levels = random_volume(np.random.default_rng(3), (1, 6, 7), 3, 0.8)
    return (Voi(levels, levels > 0),)


NEAR, FAR, FLAT = _near(), _far(), _flat()
WEIGHTED = {"weighting": {"function": "inverse", "norm": "manhattan", "unit": "mm"}}
SPARSE = {"voxomics.engine.families.glcm.DENSE_LEVELS": 2}
SORTED = {"voxomics.engine.families.glrlm._is_dense": lambda batch, vois, cells: np.zeros(len(vois), bool)}
COST = "voxomics.kernels.spatial.COST"
BY_PAIRS, BY_ROWS = {COST: np.array([0, *[np.inf] * 5])}, {COST: np.array([np.inf, 0, *[np.inf] * 4])}
BY_LAGS, BY_FFT = {COST: np.array([np.inf, np.inf, 0, 0, np.inf, 0])}, {COST: np.array([*[np.inf] * 4, 0, 0])}
GLCM, GLRLM, NGTDM, NGLDM = (f.FAMILY for f in (families.glcm, families.glrlm, families.ngtdm, families.ngldm))
MAXIMAL = families.maximal_correlation.FAMILY
GLSZM, GLDZM = families.zones.GLSZM, families.zones.GLDZM
PATHS = (
    Path(GLCM, "dense", NEAR),
    Path(GLCM, "dense, distance 2", NEAR, {"glcm": {"distance": 2}}),
    Path(GLCM, "dense, weighted", NEAR, {"glcm": WEIGHTED}),
    Path(GLCM, "dense, wide span", FAR),
    Path(GLCM, "sparse", NEAR, {}, SPARSE),
    Path(GLCM, "sparse, distance 2", NEAR, {"glcm": {"distance": 2}}, SPARSE),
    Path(GLCM, "sparse, weighted", NEAR, {"glcm": WEIGHTED}, SPARSE),
    Path(GLCM, "sparse, wide span", FAR, {}, SPARSE),
    Path(GLCM, "dense, shells 2 and 3", NEAR, {"glcm": {"shells": [2, 3]}}),
    Path(GLCM, "sparse, shell 2", NEAR, {"glcm": {"shells": [2]}}, SPARSE),
    Path(GLCM, "dense, one way", NEAR, {"glcm": {"symmetric": False}}, host=True),
    Path(GLCM, "dense, one way, wide span", FAR, {"glcm": {"symmetric": False}}, host=True),
    Path(GLCM, "sparse, one way", NEAR, {"glcm": {"symmetric": False, **WEIGHTED}}, SPARSE),
    Path(GLCM, "sparse, one way, wide span", FAR, {"glcm": {"symmetric": False}}, SPARSE),
    Path(MAXIMAL, "symmetric", NEAR),
    Path(MAXIMAL, "one way", NEAR, {"glcm": {"symmetric": False, "shells": [1, 2]}}),
    Path(GLRLM, "dense", NEAR),
    Path(GLRLM, "dense, weighted", NEAR, {"glrlm": WEIGHTED}),
    Path(GLRLM, "dense, aligned", FLAT, {"glrlm": {"directions": "aligned"}}),
    Path(GLRLM, "sorted, aligned", FLAT, {"glrlm": {"directions": "aligned"}}, SORTED),
    Path(GLRLM, "dense, wide span", FAR),
    Path(GLRLM, "sorted", NEAR, {}, SORTED),
    Path(GLRLM, "sorted, weighted", NEAR, {"glrlm": WEIGHTED}, SORTED),
    Path(GLRLM, "sorted, wide span", FAR, {}, SORTED),
    Path(GLSZM, "zones", NEAR),
    Path(GLSZM, "zones, wide span", FAR),
    Path(GLDZM, "zones", NEAR),
    Path(GLDZM, "zones, wide span", FAR),
    Path(NGTDM, "sums", NEAR),
    Path(NGTDM, "sums, distance 2", NEAR, {"ngtdm": {"distance": 2}}),
    Path(NGTDM, "sums, isolated counted", NEAR, {"ngtdm": {"isolated": "counted"}}),
    Path(NGTDM, "shell 2", NEAR, {"ngtdm": {"shells": [2]}}, host=True),
    Path(NGTDM, "shell 2, isolated counted", FAR, {"ngtdm": {"shells": [2], "isolated": "counted"}}, host=True),
    Path(NGTDM, "sums, wide span", FAR),
    Path(NGLDM, "dense", NEAR),
    Path(NGLDM, "dense, distance 2", NEAR, {"ngldm": {"distance": 2}}),
    Path(NGLDM, "dense, shell 2", NEAR, {"ngldm": {"shells": [2]}}, host=True),
    Path(NGLDM, "dense, shells 1 and 3", NEAR, {"ngldm": {"shells": [1, 3], "coarseness": 1}}, host=True),
    Path(NGLDM, "dense, coarseness 1", NEAR, {"ngldm": {"coarseness": 1}}),
    Path(NGLDM, "dense, distance 2, coarseness 2", NEAR, {"ngldm": {"distance": 2, "coarseness": 2}}),
    Path(NGLDM, "dense, wide span", FAR, {"ngldm": {"coarseness": 10**8}}),
    Path(families.intensity_statistics.FAMILY, "linear", NEAR),
    Path(families.intensity_statistics.FAMILY, "inverted_cdf", NEAR, {"percentile": "inverted_cdf"}),
    Path(families.intensity_statistics.FAMILY, "wide span", FAR),
    Path(families.intensity_histogram.FAMILY, "linear", NEAR),
    Path(families.intensity_histogram.FAMILY, "inverted_cdf", NEAR, {"percentile": "inverted_cdf"}),
    Path(families.intensity_volume_histogram.FAMILY, "none", NEAR, {"ivh_discretisation": "none"}),
    Path(families.intensity_volume_histogram.FAMILY, "fbn", NEAR, {"ivh_discretisation": "fbn:9"}),
    Path(families.intensity_volume_histogram.FAMILY, "fbs", NEAR, {"ivh_discretisation": "fbs:0.3"}),
    Path(families.local_intensity.FAMILY, "one VOI", NEAR[1:]),
    Path(families.morphology.FAMILY, "27 features", NEAR),
    Path(families.morphology.FAMILY, "27 features, mesh with holes", NEAR, {"morphology": {"mesh": "complementary"}}),
    Path(families.planar_diameters.FAMILY, "3 diameters", NEAR),
    Path(families.planar_morphology.FAMILY, "one slice", _slices()),
    Path(families.spatial_autocorrelation.FAMILY, "by pairs", NEAR, {}, BY_PAIRS),
    Path(families.spatial_autocorrelation.FAMILY, "by rows", NEAR, {}, BY_ROWS),
    Path(families.spatial_autocorrelation.FAMILY, "by lags", NEAR, {}, BY_LAGS),
    Path(families.spatial_autocorrelation.FAMILY, "by FFT", NEAR, {}, BY_FFT),
)


def plant(path: Path, device=None) -> list[Mutant]:
    """Mutants of a path, on the CPU or on a device; the result without a fault must equal the twins."""
    family = path.family
    got, settings = table(family, family.aggregations, path.vois, path.options, device)
    mutants = []
    for j, aggregation in enumerate(family.aggregations or ("",)):
        twins = [TWINS[family](voi, aggregation, settings) for voi in path.vois]
        for k, twin in enumerate(twins):
            assert_twin(got[k, j], twin, f"{path}, {aggregation}, VOI {k}")
        mutants += _of_features(path, family, aggregation, got[:, j], twins)
    return mutants


def _of_features(path: Path, family: Family, aggregation: str, got, twins) -> list[Mutant]:
    """Mutants of one aggregation's features [k, features]."""
    mutants = []
    for f, feature in enumerate(family.features):
        judged = [twin is not None and twin[feature.name] is not None for twin in twins]
        if not any(ok and isfinite(x) and x != 0 for ok, x in zip(judged, got[:, f], strict=True)):
            mutants.append(Mutant(path, aggregation, feature.name, "", False))
            continue
        for fault, factor in FAULTS.items():
            wrong = got.copy()
            wrong[:, f] *= factor
            seen = any(unlike(row, twin) for row, twin in zip(wrong, twins, strict=True))
            mutants.append(Mutant(path, aggregation, feature.name, fault, seen))
    return mutants


def listing(found: Mapping[str, list[Mutant]]) -> str:
    """A table of mutants by backend: family, path, backend, planted, seen."""
    lines = []
    for backend, mutants in found.items():
        planted = Counter((m.path.family.name, m.path.name) for m in mutants if m.fault)
        seen = Counter((m.path.family.name, m.path.name) for m in mutants if m.seen)
        lines += [f"{f:28}{p:34}{backend:6}{n:8}{seen[f, p]:6}" for (f, p), n in planted.items()]
        lines.append(f"{'all':28}{'':34}{backend:6}{planted.total():8}{seen.total():6}")
    return "\n".join([f"{'family':28}{'path':34}{'':6}{'planted':>8}{'seen':>6}", *lines])
