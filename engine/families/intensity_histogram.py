"""Intensity histogram, IBSI ZVCW: 23 features of the grey levels, independent of their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch, offsets
from voxomics.engine.families import intensity_statistics as statistics
from voxomics.engine.feature import UNCOUNTABLE, Family, Feature, OnDevice
from voxomics.engine.resident import MAX_SHARED, Resident

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings
    from voxomics.kernels.device import Array

EMPTY = "the intensity mask is empty"
ONE_BIN = "no voxel, or a discretisation of one level"

FEATURES = (
    # n_i: voxels of grey level i = 1..N_g, absent levels included; N = Σ n_i; p_i = n_i / N; μ, σ: mean and standard deviation
    # (population) of the levels; P_q: percentile under the rule `percentile` of the settings; M: median; H': histogram gradient
    Feature("mean", "X6K6", "level", "μ = Σ i p_i", 1, undefined=EMPTY),
    Feature("variance", "CH89", "level2", "σ² = Σ(i-μ)² p_i", 0, undefined=EMPTY),
    Feature("skewness", "88K1", "1", "Σ(i-μ)³ p_i / σ³; 0 if σ = 0", undefined=EMPTY),
    Feature("kurtosis", "C3I7", "1", "excess: Σ(i-μ)⁴ p_i / σ⁴ - 3; 0 if σ = 0", -2, undefined=EMPTY),
    Feature("median", "WIFQ", "level", "M: level of the middle voxel, or the mean of the middle two", 1, undefined=EMPTY),
    Feature("minimum", "1PR8", "level", "lowest level present", 1, undefined=EMPTY),
    Feature("percentile_10", "GPMT", "level", "P10", 1, undefined=EMPTY),
    Feature("percentile_90", "OZ0C", "level", "P90", 1, undefined=EMPTY),
    Feature("maximum", "3NCY", "level", "highest level present", 1, undefined=EMPTY),
    Feature("mode", "AMMC", "level", "i of the greatest n_i; of several the nearest to μ, then the lower", 1, undefined=EMPTY),
    Feature("interquartile_range", "WR0O", "level", "P75 - P25", 0, undefined=EMPTY),
    Feature("range", "5Z3W", "level", "highest level present - lowest", 0, undefined=EMPTY),
    Feature("mean_absolute_deviation", "D2ZX", "level", "Σ|i-μ| p_i", 0, undefined=EMPTY),
    Feature(
        "robust_mean_absolute_deviation", "WRZB", "level", "mean absolute deviation of the voxels with P10 ≤ i ≤ P90", 0,
        undefined="no voxel between the 10th and the 90th percentile",
    ),
    Feature("median_absolute_deviation", "4RNL", "level", "Σ|i-M| p_i", 0, undefined=EMPTY),
    Feature("coefficient_of_variation", "CWYJ", "1", "σ / μ", 0, undefined=EMPTY),
    Feature("quartile_coefficient_of_dispersion", "SLWD", "1", "(P75-P25) / (P75+P25)", 0, 1, EMPTY),
    Feature("entropy", "TLU2", "bit", "-Σ p_i log2 p_i", 0, undefined=EMPTY),
    Feature("uniformity", "BJ5W", "1", "Σ p_i²", 0, 1, EMPTY),
    Feature(
        "maximum_histogram_gradient", "12CE", "voxel",
        "max H', where H'_1 = n_2-n_1, H'_i = (n_{i+1}-n_{i-1})/2, H'_{N_g} = n_{N_g}-n_{N_g-1}", undefined=ONE_BIN,
    ),
    Feature("maximum_histogram_gradient_intensity", "8E6O", "level", "lowest i of the greatest H'_i", 1, undefined=ONE_BIN),
    Feature("minimum_histogram_gradient", "VQB3", "voxel", "min H'", undefined=ONE_BIN),
    Feature("minimum_histogram_gradient_intensity", "RHQZ", "level", "lowest i of the least H'_i", 1, undefined=ONE_BIN),
)  # fmt: skip

_PLACES = {feature.name: k for k, feature in enumerate(statistics.FEATURES)}
_HERE = np.array([k for k, feature in enumerate(FEATURES) if feature.name in _PLACES])
_THERE = np.array([_PLACES[FEATURES[k].name] for k in _HERE])  # the same features of intensity statistics


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes `compute` takes for each VOI, int64 [n]."""
    assert channel is not None
    return 64 * (channel.n_present + 1) + 1024


def counts(channel: Channel, vois: I64) -> tuple[I64, I64, I64]:
    """Levels present and their voxels.

    Returns
    -------
    level, counts : ndarray int64 [total]
        Ragged: VOI vois[k] owns start[k]:start[k + 1], levels ascending.
    start : ndarray int64 [k + 1]
    """
    n_present = channel.n_present[vois]
    start = offsets(n_present)
    if len(vois) == len(channel.n_present) and (vois[1:] > vois[:-1]).all():  # every row
        return channel.level_of, channel.count, start
    own = np.repeat(channel.level_start[vois] - start[:-1], n_present) + np.arange(start[-1])
    return channel.level_of[own], channel.count[own], start


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Histogram features, float64 [k, 1, features]; see `Family.compute`."""
    from voxomics.kernels import histogram as kernel
    from voxomics.kernels.intensity import features, percentiles

    assert channel is not None
    level, count, start = counts(channel, vois)
    n = batch.geometry.n_intensity[vois]
    at = percentiles.positions(n, settings.percentile)
    ranks = percentiles.ranks(at, n)
    out, found = np.empty((len(vois), len(FEATURES))), np.empty(ranks.shape)
    kernel.measure(level, count, start, channel.n_nominal[vois], ranks, found, out)
    common = np.empty((len(vois), len(statistics.FEATURES)))
    value, weight = level.astype(np.float64), count.astype(np.float64)
    features.measure(value, weight, 1, start, np.arange(len(vois)), found, at, common)
    return _together(common, out)


def _together(common: F64, out: F64) -> F64:
    """Put the features that intensity statistics have too into `out`; float64 [k, 1, features]."""
    out[:, _HERE] = common[:, _THERE]
    return out[:, None]


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; VOIs of very many levels are left to the CPU."""
    from voxomics.kernels.histogram import MOST_LEVELS

    assert channel is not None
    return np.where(channel.n_present > MOST_LEVELS, UNCOUNTABLE, 24 * channel.n_present + 1024)


def counts_on_device(resident: Resident, channel: Channel, vois: I64) -> Array:
    """Voxels of each rank, device int64, laid out like Channel.count.

    It is 0 for rows of the batch that are not in `vois`.
    """
    from voxomics.kernels import histogram as kernel

    device, there = resident.device, resident.channel(channel)
    found = device.zeros(len(channel.level_of), np.int64)
    room = min(int(channel.n_present[vois].max(initial=0)), MAX_SHARED // 4)
    row, first, length, _ = resident.tiles(vois, False)
    device.launch(
        kernel.count_gpu, row.size, kernel.COUNTING, there.level, row, first, length, there.level_start, room, found,
        shared=4 * room,
    )  # fmt: skip
    return found


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Histogram features, float64 [k, 1, features]; see `OnDevice.compute`."""
    from voxomics.kernels import histogram as kernel
    from voxomics.kernels.intensity import percentiles

    assert channel is not None
    device, there = resident.device, resident.channel(channel)
    n = resident.batch.geometry.n_intensity[vois]
    at = percentiles.positions(n, settings.percentile)
    ranks = percentiles.ranks(at, n)
    value, weight = (device.empty(len(channel.level_of), np.float64) for _ in range(2))
    found, out = device.empty(ranks.shape, np.float64), device.empty((len(vois), len(FEATURES)), np.float64)
    device.launch(
        kernel.measure_gpu, len(vois), kernel.MEASURING, there.level_of, counts_on_device(resident, channel, vois),
        there.level_start, there.n_nominal, device.put(vois), device.put(ranks), value, weight, found, out,
    )  # fmt: skip
    tiles = statistics.value_tiles(device, channel.level_start[vois], channel.level_start[vois + 1])
    common = statistics.moments_on_device(device, value, weight, 1, tiles, found, device.put(at))
    return _together(device.get(common), device.get(out))


FAMILY = Family(
    "intensity_histogram", "ZVCW", FEATURES, (), "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="for_histogram", kernels="intensity",
)  # fmt: skip
