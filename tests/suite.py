"""Every family and its naive twin, in one form (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from batches import batch_of
from naive import (
    glcm,
    gldzm,
    glrlm,
    glszm,
    histogram,
    intensity,
    ivh,
    local,
    maximal_correlation,
    morphology,
    ngldm,
    ngtdm,
    planar,
    spatial,
)
from naive.terms import Value, assert_twin
from naive.weighting import weight
from voxomics.engine import discretise, families
from voxomics.engine.families import FAMILIES
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


def _is_conventional(settings):
    return settings.degenerate == "conventional"


def _intensity_volume_histogram(v, a, o):
    """The intensities as the histogram's own discretisation leaves them, and the range of the curve (IBSI P88C)."""
    chosen, x = o.ivh_discretisation, np.array(inside(v), float)
    if chosen.method == "none":
        return ivh.ivh(x.tolist(), 1, int(x.max()))  # from the lower bound of RANGE
    if chosen.method == "fbn":
        bins = np.minimum(np.floor(chosen.bins * (x - x.min()) / np.ptp(x)), chosen.bins - 1) + 1
        return ivh.ivh(bins.tolist(), 1, chosen.bins)
    centres = 1 + (np.floor((x - 1) / chosen.width) + 0.5) * chosen.width
    return ivh.ivh(centres.tolist(), 1 + chosen.width / 2, centres.max(), chosen.width)


def _local_intensity(v, a, o):
    """`batch_of` leaves a gap of one voxel behind a VOI, which must be alone: spheres reach into the image around it."""
    image, mask = (np.pad(x, ((0, 0), (0, 0), (0, 1))) for x in (v.levels, v.levels > 0))
    return local.local_intensity(image, mask, SPACING)


TWINS: dict[Family, Twin] = {
    families.glcm.FAMILY: lambda v, a, o: glcm.glcm(
        v.levels, v.levels.max(), a, o.glcm.distance, _weight(o.glcm.weighting), o.glcm.shells, o.glcm.symmetric,
        _is_conventional(o),
    ),
    families.maximal_correlation.FAMILY: lambda v, a, o: maximal_correlation.maximal_correlation(
        v.levels, a, o.glcm.distance, _weight(o.glcm.weighting), o.glcm.shells, o.glcm.symmetric, _is_conventional(o)
    ),
    families.glrlm.FAMILY: lambda v, a, o: glrlm.glrlm(
        v.levels, a, _weight(o.glrlm.weighting), o.glrlm.directions == "aligned"
    ),
    families.zones.GLSZM: lambda v, a, o: glszm.glszm(v.levels, a),
    families.zones.GLDZM: lambda v, a, o: gldzm.gldzm(v.levels, v.mask, a),
    families.ngtdm.FAMILY: lambda v, a, o: ngtdm.ngtdm(
        v.levels, a, o.ngtdm.distance, o.ngtdm.shells, o.ngtdm.isolated == "counted", _is_conventional(o)
    ),
    families.ngldm.FAMILY: lambda v, a, o: ngldm.ngldm(
        v.levels, a, o.ngldm.distance, o.ngldm.coarseness, o.ngldm.shells
    ),
    families.intensity_histogram.FAMILY: lambda v, a, o: histogram.histogram(
        inside(v), int(v.levels.max()), o.percentile
    ),
    families.intensity_statistics.FAMILY: lambda v, a, o: intensity.statistics(
        [float(x) for x in inside(v)], o.percentile
    ),
    families.intensity_volume_histogram.FAMILY: _intensity_volume_histogram,
    families.local_intensity.FAMILY: _local_intensity,
    families.morphology.FAMILY: lambda v, a, o: morphology.morphology(
        v.levels, v.mask, v.levels > 0, SPACING, o.morphology.mesh
    ),
    families.planar_diameters.FAMILY: lambda v, a, o: planar.planar_diameters(v.mask, SPACING),
    families.planar_morphology.FAMILY: lambda v, a, o: planar.planar_morphology(v.mask, SPACING),
    families.spatial_autocorrelation.FAMILY: lambda v, a, o: spatial.spatial_autocorrelation(
        v.levels, v.levels > 0, SPACING
    ),
}
ON_DEVICE = [family for family in FAMILIES if family.device]
CASES = [(family, aggregation) for family in ON_DEVICE for aggregation in family.aggregations or ("",)]


def table(family, aggregations, vois, options, device=None):
    """Features [k, aggregations, features] of VOIs by the family's CPU code, or on a device, and the settings."""
    batch, settings = batch_of([v.levels for v in vois], {**RANGE, **options}, SPACING, [v.mask for v in vois])
    channel = batch.channels["none"] if family.channel == "level" else None
    if family.channel == "ivh":
        channel = discretise.channel(batch, settings.ivh_discretisation, settings, level_min=-(2**62))[0]
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
