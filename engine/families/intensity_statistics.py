"""Intensity-based statistics, IBSI UHIW: 18 features of the intensities, not discretised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch, sizes
from voxomics.engine.feature import UNCOUNTABLE, Family, Feature, OnDevice

if TYPE_CHECKING:
    from voxomics.engine.resident import Resident
    from voxomics.engine.settings import Settings
    from voxomics.kernels.device import Array, Device

EMPTY = "the intensity mask is empty"
BEYOND = f"{EMPTY}, or the value is beyond float64"

FEATURES = (
    # X: intensities of the intensity mask; N: their number; μ, σ: mean and standard deviation (population); P_q: percentile under
    # the rule `percentile` of the settings; M: median
    Feature("mean", "Q4LE", "intensity", "μ = ΣX / N", undefined=BEYOND),
    Feature("variance", "ECT3", "intensity2", "σ² = Σ(X-μ)² / N", 0, undefined=BEYOND),
    Feature("skewness", "KE2A", "1", "Σ(X-μ)³ / N / σ³; 0 if σ = 0", undefined=BEYOND),
    Feature("kurtosis", "IPH6", "1", "excess: Σ(X-μ)⁴ / N / σ⁴ - 3; 0 if σ = 0", -2, undefined=BEYOND),
    Feature("median", "Y12H", "intensity", "M: middle of the sorted X, or the mean of the middle two", undefined=EMPTY),
    Feature("minimum", "1GSF", "intensity", "min X", undefined=EMPTY),
    Feature("percentile_10", "QG58", "intensity", "P10", undefined=EMPTY),
    Feature("percentile_90", "8DWT", "intensity", "P90", undefined=EMPTY),
    Feature("maximum", "84IY", "intensity", "max X", undefined=EMPTY),
    Feature("interquartile_range", "SALO", "intensity", "P75 - P25", 0, undefined=BEYOND),
    Feature("range", "2OJQ", "intensity", "max X - min X", 0, undefined=BEYOND),
    Feature("mean_absolute_deviation", "4FUA", "intensity", "Σ|X-μ| / N", 0, undefined=BEYOND),
    Feature(
        "robust_mean_absolute_deviation", "1128", "intensity", "mean absolute deviation of the X with P10 ≤ X ≤ P90", 0,
        undefined="no voxel between the 10th and the 90th percentile",
    ),
    Feature("median_absolute_deviation", "N72L", "intensity", "Σ|X-M| / N", 0, undefined=BEYOND),
    Feature("coefficient_of_variation", "7TET", "1", "σ / μ", undefined="no voxel, or a mean of 0"),
    Feature(
        "quartile_coefficient_of_dispersion", "9S40", "1", "(P75-P25) / (P75+P25)", undefined="no voxel, or P75 = -P25"
    ),
    Feature("energy", "N8CA", "intensity2", "ΣX²", 0, undefined=BEYOND),
    Feature("root_mean_square", "5ZWQ", "intensity", "√(ΣX² / N)", 0, undefined=BEYOND),
)  # fmt: skip


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes `compute` takes for each VOI, int64 [n]: at worst all values are copied once, and again for the next step."""
    return 16 * sizes(batch.value_start) + 2048


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Statistics, float64 [k, 1, features]; see `Family.compute`."""
    from voxomics.kernels.intensity import features, percentiles, selection

    value, start = batch.value, batch.value_start
    n = start[vois + 1] - start[vois]
    at = percentiles.positions(n, settings.percentile)
    found = selection.order_statistics(value, start, vois, percentiles.ranks(at, n))
    out = np.empty((len(vois), 1, len(FEATURES)))
    features.measure(value, np.ones(1), 0, start, vois, found, at, out[:, 0])
    out[np.isinf(out)] = np.nan
    return out


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]."""
    from voxomics.kernels.intensity.selection import COUNTS

    n = sizes(batch.value_start)
    return np.where(n >= 1 << 31, UNCOUNTABLE, 4 * COUNTS + 1024 + n // 64)  # 128 bytes a tile


def value_tiles(device: Device, first: I64, last: I64) -> tuple[Array, Array, Array, Array]:
    """Cut stretches of an array of values into tiles of `device.tile` values at most, on the device.

    Parameters
    ----------
    device : Device
    first, last : ndarray int64 [k]
        VOI k owns first[k]:last[k].

    Returns
    -------
    tile_voi : device int32 [tiles]
        k; ascending, its tiles in order.
    tile_first : device int64 [tiles]
    tile_length : device int32 [tiles]
    tile_start : device int64 [k + 1]
        Where the tiles of each VOI begin.
    """
    size = device.tile
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(-(-(last - first) // size))))
    voi = np.repeat(np.arange(len(first)), sizes(start))
    begin = first[voi] + (np.arange(len(voi)) - start[voi]) * size
    length = np.minimum(size, last[voi] - begin)
    return device.put(voi.astype(np.int32)), device.put(begin), device.put(length.astype(np.int32)), device.put(start)


def order_statistics_on_device(device: Device, value: Array, tiles: tuple[Array, ...], ranks: I64) -> Array:
    """Values of given ranks, device float64 [k, 10].

    Parameters
    ----------
    device : Device
    value : device float64 [voxels]
    tiles : tuple
        From `value_tiles`.
    ranks : ndarray int64 [k, 10]
        From `percentiles.ranks`.
    """
    from voxomics.kernels.intensity import selection as kernel

    voi, first, length, _ = tiles
    key, same = device.zeros(ranks.shape, np.int64), device.zeros(ranks.shape, np.int32)
    left = device.put(ranks)
    counts = device.zeros(len(ranks) * kernel.COUNTS, np.int32)
    bits = value.view(np.int64)
    for shift in range(56, -1, -8):
        device.launch(kernel.count_gpu, voi.size, kernel.THREADS, bits, voi, first, length, key, same, shift, counts)
        device.launch(kernel.choose_gpu, len(ranks), 64, key, left, same, shift, counts)
    return key.view(np.float64)


def moments_on_device(
    device: Device, value: Array, weight: Array, stride: int, tiles: tuple[Array, ...], found: Array, at: Array
) -> Array:
    """As `features.measure`, device float64 [k, features].

    All arrays are on the device; `tiles` come from `value_tiles`.
    """
    from voxomics.kernels.intensity import features
    from voxomics.kernels.intensity import moments as kernel

    voi, first, _, start = tiles
    n = at.shape[0]
    seen, out = device.empty((n, kernel.N_SEEN), np.float64), device.empty((n, len(FEATURES)), np.float64)
    part = device.empty((voi.size, kernel.N_SEEN), np.float64)
    device.launch(kernel.look_gpu, voi.size, kernel.THREADS, value, weight, stride, *tiles, found, at, part)
    device.launch(kernel.join_gpu, -(-n // 128), 128, part, start, seen)
    part = device.empty((voi.size, kernel.N_SUMS), np.float64)
    device.launch(kernel.deviate_gpu, voi.size, kernel.THREADS, value, weight, stride, *tiles, found, at, seen, part)
    device.launch(features.describe_gpu, -(-n // 128), 128, value, first, start, found, at, seen, part, out)
    return out


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Statistics, float64 [k, 1, features]; see `OnDevice.compute`."""
    from voxomics.kernels.intensity import percentiles

    device, value, start = resident.device, resident.value, resident.batch.value_start
    n = start[vois + 1] - start[vois]
    at = percentiles.positions(n, settings.percentile)
    tiles = value_tiles(device, start[vois], start[vois + 1])
    found = order_statistics_on_device(device, value, tiles, percentiles.ranks(at, n))
    out = device.get(moments_on_device(device, value, device.put(np.ones(1)), 0, tiles, found, device.put(at)))
    out[np.isinf(out)] = np.nan
    return out[:, None]


FAMILY = Family(
    "intensity_statistics", "UHIW", FEATURES, (), "value", compute, need, device=OnDevice(compute_on_device, need_on_device),
    kernels="intensity",
)  # fmt: skip
