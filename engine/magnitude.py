"""Features of intensities so large or so small that a sum, a square or a product of them leaves float64.

Such VOIs are measured once more in another unit, a power of two, and the values are brought back. Both steps are exact.
Ordinary intensities are measured once, and their values are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxomics.engine.batch import F64, I64, VoiBatch, offsets
from voxomics.engine.families import intensity_statistics, local_intensity, morphology
from voxomics.engine.feature import Family
from voxomics.engine.settings import Settings

_POWER = {"intensity": 1, "intensity2": 2, "intensity mm3": 1}  # how a feature grows with the unit, by its own unit
_TINY = 2.0**-900  # a product of smaller numbers may have lost digits


def mend(family: Family, batch: VoiBatch, rows: I64, settings: Settings, found: F64) -> None:
    """Replace the values that over- or underflow had touched.

    Parameters
    ----------
    family : Family
    batch : VoiBatch
    rows : ndarray int64 [k]
        Measured VOIs.
    settings : Settings
    found : ndarray float64 [k, aggregations, features]
        What the family found; changed. Where a value is no float64 it becomes NaN, and never 0.
    """
    mending = _MENDING.get(family.compute)
    if mending and len(rows):
        seems_right, mended = mending
        if not seems_right(found[:, 0]):
            mended(_Measured(family, batch, rows, settings, found[:, 0]))


@dataclass(frozen=True)
class _Measured:
    """The arguments of `mend`; found is float64 [k, features]."""

    family: Family
    batch: VoiBatch
    rows: I64
    settings: Settings
    found: F64

    def intensities(self, k: int) -> F64:
        """Intensities of VOI rows[k]."""
        return _own(self.batch, self.rows[k])

    def replace(self, slots: Sequence[int], k: I64, exponent: I64) -> None:
        """Replace features of rows[k] by what they are when intensities are in units of 2^exponent."""
        if len(k):
            again = _in_units(self.family, self.batch, self.rows[k], exponent, self.settings)
            for slot in slots:
                power = _POWER.get(self.family.features[slot].unit, 0)
                self.found[k, slot] = _back(again[:, slot], power * exponent)


def _statistics(given: _Measured) -> None:
    """Intensity statistics. Order statistics of large intensities are right: in another unit the small ones would vanish."""
    from voxomics.kernels.intensity import features as slot

    sums = (
        slot.MEAN, slot.VARIANCE, slot.SKEWNESS, slot.KURTOSIS, slot.MEAN_ABSOLUTE_DEVIATION, slot.MEDIAN_ABSOLUTE_DEVIATION,
        slot.COEFFICIENT_OF_VARIATION, slot.ENERGY, slot.ROOT_MEAN_SQUARE,
    )  # fmt: skip
    found = given.found
    lowest, highest = found[:, slot.MINIMUM], found[:, slot.MAXIMUM]
    exponent = _exponent(np.maximum(-lowest, highest))
    large, small = np.flatnonzero(exponent > 0), np.flatnonzero(exponent < 0)
    given.replace(sums, large, exponent[large])
    given.replace(range(found.shape[1]), small, exponent[small])
    low, high = found[:, slot.PERCENTILE_10], found[:, slot.PERCENTILE_90]
    outlying = (0.5 * highest - 0.5 * lowest) / slot.OUTLYING > 0.5 * high - 0.5 * low
    robust = found[:, slot.ROBUST_MEAN_ABSOLUTE_DEVIATION]
    robust[(low == high) & (outlying | (exponent != 0))] = 0.0  # of equal intensities, whatever the others
    k = np.flatnonzero((outlying | (exponent != 0)) & (low < high))
    if len(k):
        inside = []
        for i in k.tolist():
            own = given.intensities(i)
            inside.append(own[(low[i] <= own) & (own <= high[i])])
        between = replace(given.batch, value=np.concatenate(inside), value_start=offsets(np.array([len(own) for own in inside])))
        units = _exponent(np.maximum(np.abs(low), np.abs(high))[k])
        again = _in_units(given.family, between, np.arange(len(k)), units, given.settings)
        robust[k] = _back(again[:, slot.MEAN_ABSOLUTE_DEVIATION], units)


def _morphology(given: _Measured) -> None:
    """The two features of morphology that weigh intensities."""
    from voxomics.kernels.shape import features as slot

    integrated, shift = given.found[:, slot.INTEGRATED_INTENSITY], given.found[:, slot.CENTRE_OF_MASS_SHIFT]
    suspect = ~(np.abs(integrated) > _TINY) | np.isnan(shift)
    k = np.flatnonzero(suspect & (given.batch.geometry.n_intensity[given.rows] > 0))
    exponent = _exponent(np.array([np.abs(given.intensities(i)).max() for i in k.tolist()]))
    far = np.flatnonzero(exponent)
    given.replace((slot.INTEGRATED_INTENSITY, slot.CENTRE_OF_MASS_SHIFT), k[far], exponent[far])


def _local_intensity(given: _Measured) -> None:
    """Means of more than two hundred intensities near the end of float64, around a VOI or in it."""
    k = np.flatnonzero(np.isnan(given.found).any(1) & (given.batch.geometry.n_intensity[given.rows] > 0))
    given.replace(range(given.found.shape[1]), k, np.full(len(k), 64))


def _statistics_seem_right(found: F64) -> bool:
    from voxomics.kernels.intensity.features import ordinary

    return bool(ordinary(found))


def _morphology_seems_right(found: F64) -> bool:
    """No value is missing, and none is small enough to have lost digits. Both may be right: then intensities are ordinary."""
    from voxomics.kernels.shape import features as slot

    return bool(np.abs(found[:, slot.INTEGRATED_INTENSITY]).min() > _TINY and _none_missing(found[:, slot.CENTRE_OF_MASS_SHIFT]))


def _none_missing(found: F64) -> bool:
    return math.isfinite(found.sum())


_MENDING: dict[Callable[..., object], tuple[Callable[[F64], bool], Callable[[_Measured], None]]] = {
    intensity_statistics.compute: (_statistics_seem_right, _statistics),
    morphology.compute: (_morphology_seems_right, _morphology),
    local_intensity.compute: (_none_missing, _local_intensity),
}
"""By how a family is computed. Moran's I and Geary's C take units of the VOI's range anyway; the others count levels."""


def _own(batch: VoiBatch, row: int) -> F64:
    return batch.value[batch.value_start[row] : batch.value_start[row + 1]]


def _exponent(largest: F64) -> I64:
    """Power of two just above each magnitude; 0 where it is ordinary or NaN."""
    from voxomics.kernels.intensity.features import LEAST, MOST

    far = ((largest > 0) & (largest < LEAST)) | (largest >= MOST)
    return np.where(far, np.frexp(largest)[1], 0).astype(np.int64)


def _in_units(family: Family, batch: VoiBatch, rows: I64, exponent: I64, settings: Settings) -> F64:
    """Features of VOIs whose intensities are given in units of 2^exponent, float64 [k, features]."""
    value, images = batch.value.copy(), batch.images
    changed = replace(batch, value=value)
    with np.errstate(over="ignore", under="ignore"):
        for row, e in zip(rows, exponent, strict=True):
            own = _own(changed, row)
            np.ldexp(own, -e, out=own)
        if images:  # of local intensity, which has one unit for all
            units = [np.ldexp(image.array.astype(np.float64), -exponent[0]) for image in images]
            images = tuple(replace(image, array=array) for image, array in zip(images, units, strict=True))
        return family.compute(replace(changed, images=images), None, rows, settings, ())[:, 0]


def _back(value: F64, exponent: I64) -> F64:
    """The values times 2^exponent; NaN where that is no float64, or is 0 without being one."""
    with np.errstate(over="ignore", under="ignore"):
        found: F64 = np.ldexp(value, exponent)
    return np.where(np.isinf(found) | ((found == 0) & (value != 0)), np.nan, found)
