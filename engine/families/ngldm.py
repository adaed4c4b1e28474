"""Neighbouring grey level dependence matrix, IBSI REK0: 17 features."""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.directions import zonal_cells
from voxomics.engine.feature import ZONAL, Family, Feature
from voxomics.engine.settings import Settings

EMPTY = "no voxel has a grey level"

FEATURES = (
    # s_ij: voxels of nominal grey level i with j dependent voxels, itself and those within the distance whose levels differ by at
    # most the coarseness; s_i., s_.j: its marginal sums; N_s: all of them, N_v: voxels (the same number); p_ij = s_ij / N_s
    Feature("low_dependence_emphasis", "SODN", "1", "Σ s_.j / j² / N_s", 0, 1, EMPTY),
    Feature("high_dependence_emphasis", "IMOQ", "1", "Σ j² s_.j / N_s", 1, undefined=EMPTY),
    Feature("low_grey_level_count_emphasis", "TL9H", "1", "Σ s_i. / i² / N_s", 0, 1, EMPTY),
    Feature("high_grey_level_count_emphasis", "OAE7", "level2", "Σ i² s_i. / N_s", 1, undefined=EMPTY),
    Feature("low_dependence_low_grey_level_emphasis", "EQ3F", "1", "Σ s_ij / (i² j²) / N_s", 0, 1, EMPTY),
    Feature("low_dependence_high_grey_level_emphasis", "JA6D", "level2", "Σ i² s_ij / j² / N_s", 0, undefined=EMPTY),
    Feature("high_dependence_low_grey_level_emphasis", "NBZI", "1", "Σ j² s_ij / i² / N_s", 0, undefined=EMPTY),
    Feature("high_dependence_high_grey_level_emphasis", "9QMG", "level2", "Σ i² j² s_ij / N_s", 1, undefined=EMPTY),
    Feature("grey_level_non_uniformity", "FP8K", "1", "Σ s_i.² / N_s", 0, undefined=EMPTY),
    Feature("normalised_grey_level_non_uniformity", "5SPA", "1", "Σ s_i.² / N_s²", 0, 1, EMPTY),
    Feature("dependence_count_non_uniformity", "Z87G", "1", "Σ s_.j² / N_s", 0, undefined=EMPTY),
    Feature("normalised_dependence_count_non_uniformity", "OKJI", "1", "Σ s_.j² / N_s²", 0, 1, EMPTY),
    Feature("dependence_count_percentage", "6XV8", "1", "N_s / N_v, which is 1", 1, 1, EMPTY),
    Feature("grey_level_variance", "1PFV", "level2", "Σ (i - Σ i p_ij)² p_ij", 0, undefined=EMPTY),
    Feature("dependence_count_variance", "DNX2", "1", "Σ (j - Σ j p_ij)² p_ij", 0, undefined=EMPTY),
    Feature("dependence_count_entropy", "FCBV", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
    Feature("dependence_count_energy", "CAS9", "1", "Σ p_ij²", 0, 1, EMPTY),
)


def _columns(batch: VoiBatch, vois: I64, distance: int, planar: bool) -> I64:
    """Highest dependence possible + 1, int64 [k]: by the window and by the voxels there are."""
    return np.minimum((2 * distance + 1) ** (2 if planar else 3), batch.geometry.n_intensity[vois]) + 1


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    distance = settings.ngldm.distance
    bytes_ = np.zeros(len(vois), np.int64)
    for planar in (False, True):
        if any((name != "3d") == planar for name in aggregations):
            columns = _columns(batch, vois, distance, planar)
            bytes_ += 4 * zonal_cells(batch, channel, vois, columns, planar and "2d" in aggregations)
            bytes_ += 4 * 8 * (channel.n_present + 1) * columns
    return bytes_ + 24 * channel.n_present + 8 * (2 * distance + 1) ** 3


def counts(
    batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, planar: bool, per_slice: bool
) -> tuple[np.ndarray, I64, I64]:
    """Dependence counts of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, columns]: by rank and number of dependent voxels; row and column 0 stay 0. A group is a padded
        slice if per_slice, else the whole volume.
    counts_start : ndarray int64 [k + 1]
    columns : ndarray int64 [k]
    """
    from voxomics.kernels import ngldm as kernel

    distance = settings.ngldm.distance
    columns = _columns(batch, vois, distance, planar)
    counts_start = np.concatenate(([0], np.cumsum(zonal_cells(batch, channel, vois, columns, per_slice))))
    found = np.zeros(counts_start[-1], np.int32)
    g = batch.geometry
    kernel.count(
        channel.level, g.start, g.shape, channel.level_of, channel.level_start, vois, g.pad, distance, planar, per_slice,
        settings.ngldm.coarseness, columns, found, counts_start,
    )  # fmt: skip
    return found, counts_start, columns


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """NGLDM features, float64 [k, aggregations, 17]; see `Family.compute`."""
    from voxomics.kernels import emphasis

    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    for planar in (False, True):
        chosen = [j for j, name in enumerate(aggregations) if (name != "3d") == planar]
        if chosen:
            per_slice = planar and "2d" in aggregations
            found, counts_start, columns = counts(batch, channel, vois, settings, planar, per_slice)
            kinds = np.array([[planar, aggregations[j] == "2d", 0] for j in chosen], dtype=np.int64)
            part = np.empty((len(vois), len(chosen), len(FEATURES)))
            emphasis.measure_dense(
                found, counts_start, columns, channel.level_of, channel.level_start, batch.geometry.shape, vois,
                int(planar), np.ones((len(vois), 1)), per_slice, False, kinds, part,
            )  # fmt: skip
            out[:, chosen] = part
    return out


FAMILY = Family("ngldm", "REK0", FEATURES, ZONAL, "level", compute, need)
