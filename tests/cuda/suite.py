"""Every family that a device measures: its naive twin and the scale of its tolerance (DESIGN §5), in one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from batches import assert_close, batch_of
from naive import glcm, gldzm, glrlm, glszm, histogram, intensity, morphology, ngldm, ngtdm
from voxomics.engine.families import FAMILIES
from voxomics.engine.families.morphology import FEATURES as shape_features
from voxomics.engine.resident import Resident

RANGE = {"resegmentation": {"range": [1, None]}}  # zeros inside the mask: the morphological mask is larger than the other
SPACING = (2.5, 0.8, 1.1)


@dataclass(frozen=True)
class Voi:
    """Grey levels [z, y, x], 0 outside the intensity mask, and the mask as it was drawn."""

    levels: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True)
class Twin:
    """A family and its slow twin: what `features(voi, aggregation, options)` says, a list or None where there are none."""

    features: Callable[[Voi, str, Any], list | None]
    scale: Callable[[Voi], Any]


def listed(found):
    return None if found is None else [getattr(v, "value", v) for v in found.values()]


def inside(voi):
    return voi.levels[voi.levels > 0].tolist()


def _moments(voi, number):
    """Scale of first-order statistics, see tests/kernels/test_intensity.py and test_histogram.py."""
    scale = np.full(number, float(voi.levels.max()))
    scale[1] *= voi.levels.max()
    scale[[2, 3]] = 100.0
    if number == 18:
        scale[16] = voi.levels.max() ** 2 * len(inside(voi))
    return scale


_OF_INTENSITIES = np.array([f.name in ("integrated_intensity", "centre_of_mass_shift") for f in shape_features])


def _shape(voi, aggregation, options):
    found = morphology.morphology(voi.levels, voi.mask, voi.levels > 0, SPACING)
    return [None if "mvee" in name else found[name].value for name in found]  # its tolerance is its own


TWINS = {
    "glcm": Twin(
        lambda v, a, o: listed(glcm.glcm(v.levels, v.levels.max(), a, o.glcm.distance)), lambda v: float(v.levels.max()) ** 4
    ),
    "glrlm": Twin(lambda v, a, o: listed(glrlm.glrlm(v.levels, a)), lambda v: float(v.levels.max() * max(v.levels.shape)) ** 2),
    "glszm": Twin(lambda v, a, o: listed(glszm.glszm(v.levels, a)), lambda v: float(v.levels.max() * v.mask.sum()) ** 2),
    "gldzm": Twin(
        lambda v, a, o: listed(gldzm.gldzm(v.levels, v.mask, a)), lambda v: float(v.levels.max() * max(v.levels.shape)) ** 2
    ),
    "ngtdm": Twin(lambda v, a, o: listed(ngtdm.ngtdm(v.levels, a, o.ngtdm.distance)), lambda v: float(v.levels.max()) ** 2),
    "ngldm": Twin(
        lambda v, a, o: listed(ngldm.ngldm(v.levels, a, o.ngldm.distance, o.ngldm.coarseness)),
        lambda v: float(v.levels.max() * (2 * 3 + 1) ** 3) ** 2,
    ),
    "intensity_histogram": Twin(
        lambda v, a, o: listed(histogram.histogram(inside(v), int(v.levels.max()), o.percentile)), lambda v: _moments(v, 23)
    ),
    "intensity_statistics": Twin(
        lambda v, a, o: listed(intensity.statistics([float(x) for x in inside(v)], o.percentile)), lambda v: _moments(v, 18)
    ),
    "morphology": Twin(_shape, lambda v: np.where(_OF_INTENSITIES, float(v.levels.max()) * 1e3, 1.0)),
}
ON_DEVICE = [family for family in FAMILIES if family.device]
CASES = [(family, aggregation) for family in ON_DEVICE for aggregation in family.aggregations or ("",)]


def measured(family, aggregation, vois, options, device=None):
    """Features [k, features] of VOIs by the family's CPU code, or on a device."""
    batch, settings = batch_of([v.levels for v in vois], {**RANGE, **options}, SPACING, [v.mask for v in vois])
    channel = batch.channels["none"] if family.channel == "level" else None
    rows, chosen = np.arange(len(batch)), (aggregation,) if aggregation else ()
    if device is None:
        found = family.compute(batch, channel, rows, settings, chosen)
    else:
        found = family.device.compute(Resident(device, batch), channel, rows, settings, chosen)
    return found[:, 0, family.first : family.first + len(family.features)], settings


def check(family, aggregation, vois, options, device=None):
    """The family's features of each VOI are its twin's."""
    got, settings = measured(family, aggregation, vois, options, device)
    twin = TWINS[family.name]
    for k, voi in enumerate(vois):
        expected = twin.features(voi, aggregation, settings)
        if expected is None:
            assert np.isnan(got[k]).all()
            continue
        scale = np.broadcast_to(twin.scale(voi), len(expected))
        for feature, found, want, size in zip(family.features, got[k], expected, scale, strict=True):
            if want is None:
                continue  # the twin leaves it to another judge
            what = f"VOI {k}, {family.name}.{feature.name} {aggregation}"
            if feature.name == "information_correlation_2":  # see tests/kernels/test_glcm.py
                assert abs(found - want) <= 2e-7, what
            else:
                assert_close(found, want, size, what)
