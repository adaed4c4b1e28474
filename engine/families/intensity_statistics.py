"""Intensity-based statistics, IBSI UHIW: 18 features of the intensities, not discretised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import UNCOUNTABLE, Family, Feature, OnDevice

if TYPE_CHECKING:
    from voxomics.engine.resident import Resident
    from voxomics.engine.settings import Settings

EMPTY = "no voxel left in the intensity mask"
BEYOND = f"{EMPTY}, or a sum beyond float64"

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
    return 16 * np.diff(batch.value_start) + 2048


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Statistics, float64 [k, 1, 18]; see `Family.compute`."""
    from voxomics.kernels import intensity as kernel

    value, start = batch.value, batch.value_start
    n = start[vois + 1] - start[vois]
    at = kernel.positions(n, settings.percentile)
    found = kernel.order_statistics(value, start, vois, kernel.ranks(at, n))
    out = np.empty((len(vois), 1, len(FEATURES)))
    kernel.measure(value, np.ones(1), 0, start, vois, found, at, out[:, 0])
    out[np.isinf(out)] = np.nan
    return out


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]."""
    from voxomics.kernels.intensity import COUNTS

    n = np.diff(batch.value_start)
    return np.where(n >= 1 << 31, UNCOUNTABLE, 4 * COUNTS + 1024 + n // 64)  # 128 bytes a tile


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Statistics, float64 [k, 1, 18]; see `OnDevice.compute`."""
    from voxomics.kernels import intensity as kernel

    device, value, start = resident.device, resident.value, resident.batch.value_start
    n = start[vois + 1] - start[vois]
    at = kernel.positions(n, settings.percentile)
    cut = tuple(device.put(part) for part in kernel.tiles(start[vois], start[vois + 1], device.tile))
    found = kernel.order_statistics_on_device(device, value, cut, kernel.ranks(at, n))
    out = device.get(kernel.measure_on_device(device, value, device.put(np.ones(1)), 0, cut, found, device.put(at)))
    out[np.isinf(out)] = np.nan
    return out[:, None]


FAMILY = Family(
    "intensity_statistics", "UHIW", FEATURES, (), "value", compute, need, device=OnDevice(compute_on_device, need_on_device),
    kernels="intensity",
)  # fmt: skip
