"""Intensity-volume histogram, IBSI P88C: 5 definitions, 7 values.

What its range is, and where the manual leaves a choice: docs/decisions/0020-intensity-volume-histogram.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.families.intensity_histogram import counts
from voxomics.engine.feature import Family, Feature

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings

EMPTY = "the intensity mask is empty, or intensities that have no levels"
ONE_STEP = "no levels, or a range of a single step"
_EXACT = 2.0**53  # integers beyond are not exact in float64

FEATURES = (
    # i: discretised intensity; ν_i: fraction of voxels with at least i; G: total range; γ_i = (i - min G) / (max G - min G).
    # Intensities are the image's own under none and fbs (bin centres), levels under fbn and bounds
    Feature("volume_at_intensity_fraction_10", "BC2M", "1", "V10: greatest ν_i with γ_i ≥ 0.1", 0, 1, ONE_STEP),
    Feature("volume_at_intensity_fraction_90", "BC2M", "1", "V90: greatest ν_i with γ_i ≥ 0.9", 0, 1, ONE_STEP),
    Feature("intensity_at_volume_fraction_10", "GBPN", "intensity", "I10: least i with ν_i ≤ 0.1", undefined=EMPTY),
    Feature("intensity_at_volume_fraction_90", "GBPN", "intensity", "I90: least i with ν_i ≤ 0.9", undefined=EMPTY),
    Feature("volume_fraction_difference_10_90", "DDTU", "1", "V10 - V90", 0, 1, ONE_STEP),
    Feature("intensity_fraction_difference_10_90", "CNV2", "intensity", "I10 - I90", 0, undefined=EMPTY),
    Feature("area_under_curve", "9CMM", "1", "∫ν dγ over G, trapezoids; 0 if one level is present", 0, 1, ONE_STEP),
)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes `compute` takes for each VOI, int64 [n]."""
    assert channel is not None
    return 48 * (channel.n_present + 1) + 512


def steps(batch: VoiBatch, vois: I64, level: I64, start: I64, settings: Settings) -> tuple[I64, I64, F64, float]:
    """Range of the curve in steps of the discretisation, and what a step means.

    Parameters
    ----------
    level, start : ndarray int64
        Levels present, as from `counts`.

    Returns
    -------
    low, high : ndarray int64 [k]
        First and last step of G.
    zero : ndarray float64 [k]
        Intensity of step 0.
    width : float
        Intensity from one step to the next.
    """
    chosen = settings.ivh_discretisation
    if chosen.method in ("fbn", "bounds"):
        first = np.ones(len(vois), np.int64)
        return first, first * (chosen.bins or 1), np.zeros(len(vois)), 1.0
    lower, upper = (_finite(bound) for bound in settings.resegmentation.range or (None, None))
    filled = start[1:] > start[:-1]
    lowest, highest = np.zeros(len(vois), np.int64), np.ones(len(vois), np.int64)
    lowest[filled] = level[start[:-1][filled]]
    highest[filled] = level[start[1:][filled] - 1]
    if chosen.method == "none":
        low = lowest if lower is None else np.full(len(vois), math.ceil(lower))
        high = highest if upper is None else np.full(len(vois), math.floor(upper))
        return low, high, np.zeros(len(vois)), 1.0
    width = chosen.width or 1.0
    origin = lower if chosen.origin is None else chosen.origin
    if origin == "minimum":
        edge = np.zeros(len(vois))
        for k in np.flatnonzero(filled):
            edge[k] = batch.value[batch.value_start[vois[k]] : batch.value_start[vois[k] + 1]].min()
    else:
        edge = np.full(len(vois), float(origin or 0.0))
    if upper is not None:
        bins = (upper - edge) / width
        whole = np.rint(bins)  # 2.3 / 0.1 is meant to be 23
        bins = np.where(np.abs(bins - whole) <= 1e-9 * np.abs(whole), whole, np.ceil(bins))
        highest = np.clip(bins, 1, _EXACT).astype(np.int64)
    return np.ones_like(lowest), np.maximum(highest, 1), edge - 0.5 * width, width


def _finite(bound: float | None) -> float | None:
    """A bound of the re-segmentation range; None where it leaves its side open."""
    if bound is None or math.isinf(bound):
        return None
    return min(max(bound, -_EXACT), _EXACT)


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """IVH features, float64 [k, 1, features]; see `Family.compute`.

    The channel is that of `settings.ivh_discretisation`.
    """
    from voxomics.kernels import ivh as kernel

    assert channel is not None
    level, found, start = counts(channel, vois)
    low, high, zero, width = steps(batch, vois, level, start, settings)
    out = np.empty((len(vois), len(FEATURES)))
    kernel.measure(level, found, start, low, high, zero, width, out)
    return out[:, None]


FAMILY = Family(
    "intensity_volume_histogram", "P88C", FEATURES, (), "ivh", compute, need,
    discretised="ivh_discretisation", kernels="zones",
)  # fmt: skip
