"""Every family that a device measures and its naive twin, in one form (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from batches import batch_of
from naive import glcm, gldzm, glrlm, glszm, histogram, intensity, morphology, ngldm, ngtdm
from naive.terms import Value, assert_twin
from naive.weighting import weight
from voxomics.engine import families
from voxomics.engine.families import FAMILIES
from voxomics.engine.families.morphology import FEATURES as shape_features
from voxomics.engine.feature import Family
from voxomics.engine.resident import Resident

RANGE = {"resegmentation": {"range": [1, None]}}
"""Zeros inside the mask: the morphological mask is larger than the intensity mask."""
SPACING = (2.5, 0.8, 1.1)


@dataclass(frozen=True)
class Voi:
    """Grey levels [z, y, x], 0 outside the intensity mask, and the mask as it was drawn."""

    levels: np.ndarray
    mask: np.ndarray


Twin = Callable[[Voi, str, Any], "dict[str, Value | None] | None"]
"""Features of a VOI for an aggregation ("" for a family without) and settings; None where there is no matrix."""


def inside(voi):
    return voi.levels[voi.levels > 0].tolist()


def _weight(chosen):
    return weight(chosen.function, chosen.norm, chosen.unit, SPACING)


def _scaled(found, scale):
    """Features of a twin that does not know its terms yet."""
    scales = np.broadcast_to(scale, len(found))
    return {name: None if x is None else Value(x, s) for (name, x), s in zip(found.items(), scales, strict=True)}


def _moments(voi, number):
    """Scale of first-order statistics, see tests/kernels/test_intensity.py and test_histogram.py."""
    scale = np.full(number, float(voi.levels.max()))
    scale[1] *= voi.levels.max()
    scale[[2, 3]] = 100.0
    if number == 18:
        scale[16] = voi.levels.max() ** 2 * len(inside(voi))
    return scale


_OF_INTENSITIES = np.array([f.name in ("integrated_intensity", "centre_of_mass_shift") for f in shape_features])


def _shape(v, a, o):
    found = morphology.morphology(v.levels, v.mask, v.levels > 0, SPACING)
    ours = {f.name: found[f.name] for f in shape_features}
    return _scaled(ours, np.where(_OF_INTENSITIES, float(v.levels.max()) * 1e3, 1.0))


TWINS: dict[Family, Twin] = {
    families.glcm.FAMILY: lambda v, a, o: glcm.glcm(v.levels, v.levels.max(), a, o.glcm.distance, _weight(o.glcm.weighting)),
    families.glrlm.FAMILY: lambda v, a, o: glrlm.glrlm(v.levels, a, _weight(o.glrlm.weighting)),
    families.glszm.FAMILY: lambda v, a, o: glszm.glszm(v.levels, a),
    families.gldzm.FAMILY: lambda v, a, o: gldzm.gldzm(v.levels, v.mask, a),
    families.ngtdm.FAMILY: lambda v, a, o: ngtdm.ngtdm(v.levels, a, o.ngtdm.distance),
    families.ngldm.FAMILY: lambda v, a, o: ngldm.ngldm(v.levels, a, o.ngldm.distance, o.ngldm.coarseness),
    families.intensity_histogram.FAMILY: lambda v, a, o: _scaled(
        histogram.histogram(inside(v), int(v.levels.max()), o.percentile), _moments(v, 23)
    ),
    families.intensity_statistics.FAMILY: lambda v, a, o: _scaled(
        intensity.statistics([float(x) for x in inside(v)], o.percentile), _moments(v, 18)
    ),
    families.morphology.FAMILY: _shape,
}
ON_DEVICE = [family for family in FAMILIES if family.device]
CASES = [(family, aggregation) for family in ON_DEVICE for aggregation in family.aggregations or ("",)]


def table(family, aggregations, vois, options, device=None):
    """Features [k, aggregations, features] of VOIs by the family's CPU code, or on a device, and the settings."""
    batch, settings = batch_of([v.levels for v in vois], {**RANGE, **options}, SPACING, [v.mask for v in vois])
    channel = batch.channels["none"] if family.channel == "level" else None
    rows = np.arange(len(batch))
    if device is None:
        found = family.compute(batch, channel, rows, settings, aggregations)
    else:
        found = family.device.compute(Resident(device, batch), channel, rows, settings, aggregations)
    return found[:, :, family.first : family.first + len(family.features)], settings


def measured(family, aggregation, vois, options, device=None):
    """As `table` for one aggregation, "" for a family without: features [k, features], and the settings."""
    found, settings = table(family, (aggregation,) if aggregation else (), vois, options, device)
    return found[:, 0], settings


def check(family, aggregation, vois, options, device=None):
    """The family's features of each VOI are its twin's."""
    got, settings = measured(family, aggregation, vois, options, device)
    for k, voi in enumerate(vois):
        assert_twin(got[k], TWINS[family](voi, aggregation, settings), f"VOI {k}, {family.name} {aggregation}")
