"""Intensity histogram, IBSI ZVCW: 23 features of the grey levels, wherever they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings

EMPTY = "no voxel left in the intensity mask"
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
    n_present = channel.n_present
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(n_present[vois])))
    own = np.repeat(channel.level_start[vois] - start[:-1], n_present[vois]) + np.arange(start[-1])
    return channel.level_of[own], channel.count[own], start


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Histogram features, float64 [k, 1, 23]; see `Family.compute`."""
    from voxomics.kernels import histogram as kernel
    from voxomics.kernels import intensity

    assert channel is not None
    level, found, start = counts(channel, vois)
    rows = np.arange(len(vois))
    value = level.astype(np.float64)
    # voxels up to each level, over all VOIs: the rank of a VOI's voxel, plus all voxels of the VOIs before, tells its level
    upto = np.concatenate((np.zeros(1, np.int64), np.cumsum(found)))
    n = upto[start[1:]] - upto[start[:-1]]
    at = intensity.positions(n, settings.percentile)
    rank = intensity.ranks(at, n) + upto[start[:-1]][:, None]
    of_rank = np.searchsorted(upto, rank, side="right") - 1
    sorted_values = value[np.minimum(of_rank, max(len(value) - 1, 0))] if len(value) else np.empty(rank.shape)
    common = np.empty((len(vois), len(intensity.FEATURES)))
    own = np.empty((len(vois), 7))
    intensity.measure(value, found.astype(np.float64), 1, start, rows, sorted_values, at, common)
    kernel.shapes(level, found, start, channel.n_nominal[vois], own)
    return np.concatenate((common[:, :9], own[:, :1], common[:, 9:16], own[:, 1:]), axis=1)[:, None]


FAMILY = Family("intensity_histogram", "ZVCW", FEATURES, (), "level", compute, need)
