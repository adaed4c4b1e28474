"""Neighbouring grey level dependence matrix, IBSI REK0: 17 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import size_matrix
from voxomics.engine.aggregation import counts_start, n_slices, zonal, zonal_kinds
from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch, offsets
from voxomics.engine.directions import shell
from voxomics.engine.feature import UNCOUNTABLE, ZONAL, Family, Feature, OnDevice
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Ngldm, Settings
from voxomics.engine.slabs import add_counts
from voxomics.kernels.size_matrix import slots

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

EMPTY = "no voxel has a grey level"

CATALOGUE = {
    # s_ij: voxels of nominal grey level i with j dependent voxels, itself and those within the distance whose levels
    # differ by at most the coarseness; s_i., s_.j: its marginal sums; N_s: all of them, N_v: voxels (the same number);
    # p_ij = s_ij / N_s
    slots.SMALL_EMPHASIS: Feature("low_dependence_emphasis", "SODN", "1", "Σ s_.j / j² / N_s", 0, 1, EMPTY),
    slots.LARGE_EMPHASIS: Feature("high_dependence_emphasis", "IMOQ", "1", "Σ j² s_.j / N_s", 1, undefined=EMPTY),
    slots.LOW_GREY_LEVEL: Feature("low_grey_level_count_emphasis", "TL9H", "1", "Σ s_i. / i² / N_s", 0, 1, EMPTY),
    slots.HIGH_GREY_LEVEL: Feature(
        "high_grey_level_count_emphasis", "OAE7", "level2", "Σ i² s_i. / N_s", 1, undefined=EMPTY
    ),
    slots.SMALL_LOW: Feature(
        "low_dependence_low_grey_level_emphasis", "EQ3F", "1", "Σ s_ij / (i² j²) / N_s", 0, 1, EMPTY
    ),
    slots.SMALL_HIGH: Feature(
        "low_dependence_high_grey_level_emphasis", "JA6D", "level2", "Σ i² s_ij / j² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_LOW: Feature(
        "high_dependence_low_grey_level_emphasis", "NBZI", "1", "Σ j² s_ij / i² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_HIGH: Feature(
        "high_dependence_high_grey_level_emphasis", "9QMG", "level2", "Σ i² j² s_ij / N_s", 1, undefined=EMPTY
    ),
    slots.LEVEL_NON_UNIFORMITY: Feature("grey_level_non_uniformity", "FP8K", "1", "Σ s_i.² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_LEVEL_NON_UNIFORMITY: Feature(
        "normalised_grey_level_non_uniformity", "5SPA", "1", "Σ s_i.² / N_s²", 0, 1, EMPTY
    ),
    slots.SIZE_NON_UNIFORMITY: Feature(
        "dependence_count_non_uniformity", "Z87G", "1", "Σ s_.j² / N_s", 0, undefined=EMPTY
    ),
    slots.NORMALISED_SIZE_NON_UNIFORMITY: Feature(
        "normalised_dependence_count_non_uniformity", "OKJI", "1", "Σ s_.j² / N_s²", 0, 1, EMPTY
    ),
    slots.PERCENTAGE: Feature("dependence_count_percentage", "6XV8", "1", "N_s / N_v, which is 1", 1, 1, EMPTY),
    slots.LEVEL_VARIANCE: Feature(
        "grey_level_variance", "1PFV", "level2", "Σ (i - Σ i p_ij)² p_ij", 0, undefined=EMPTY
    ),
    slots.SIZE_VARIANCE: Feature(
        "dependence_count_variance", "DNX2", "1", "Σ (j - Σ j p_ij)² p_ij", 0, undefined=EMPTY
    ),
    slots.ENTROPY: Feature("dependence_count_entropy", "FCBV", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
    slots.ENERGY: Feature("dependence_count_energy", "CAS9", "1", "Σ p_ij²", 0, 1, EMPTY),
}
FEATURES, SLOTS = tuple(CATALOGUE.values()), np.array(list(CATALOGUE))


def _highest(n_intensity: I64, chosen: Ngldm, planar: bool) -> I64:
    """Highest dependence possible, int64 [k]: by the window and by the voxels there are."""
    return np.minimum(len(shell((0, *chosen.distances), planar)), n_intensity)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.memory import ngldm as bytes_needed

    assert channel is not None
    g, held, chosen = batch.geometry, np.empty(len(batch), np.int64), settings.ngldm
    kinds = zonal_kinds(aggregations, slots.N_SLOTS, chosen.distances)
    bytes_needed(g.shape, channel.level_start, g.n_intensity, g.pad, kinds, chosen.reach, held)
    return held


def counts(
    batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, planar: bool, per_slice: bool
) -> tuple[np.ndarray, I64, I64]:
    """Dependence counts of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, columns]: by rank and number of dependent voxels; row and column 0 stay 0. A group is a
        padded slice if per_slice, else the whole volume.
    counts_start : ndarray int64 [k + 1]
    columns : ndarray int64 [k]
    """
    from voxomics.kernels import ngldm as kernel

    chosen = settings.ngldm
    columns = _highest(batch.geometry.n_intensity[vois], chosen, planar) + 1
    begin = counts_start(batch, channel, vois, columns, 1, 1, per_slice)
    found = np.zeros(begin[-1], np.int32)
    g = batch.geometry
    steps = shell((0, *chosen.distances), planar).copy()  # one that can be written, as compiled kernels expect

    def count(start: I64, shape: I32, found: np.ndarray) -> None:
        kernel.count(
            channel.level, start, shape, channel.level_of, channel.level_start, vois, g.pad, steps, per_slice,
            chosen.coarseness, columns, found, begin,
        )  # fmt: skip

    add_counts(count, g, vois, per_slice, found)
    return found, begin, columns


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """NGLDM features, float64 [k, aggregations, 17]; see `Family.compute`."""
    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    weight = np.ones((len(vois), 1))
    for planar, chosen, groups in zonal(aggregations):
        counted = counts(batch, channel, vois, settings, planar, groups.per_slice)
        size_matrix.measure(batch, channel, vois, groups, counted, weight, False, SLOTS, out, chosen)
    return out


def _cells_on_device(batch: VoiBatch, channel: Channel, vois: I64, chosen: Ngldm, planar: bool, per_slice: bool) -> I64:
    """Cells of all matrices of each VOI on a device, int64 [k]: levels × highest dependence × groups."""
    highest = _highest(batch.geometry.n_intensity[vois], chosen, planar)
    return n_slices(batch, vois, per_slice) * channel.n_present[vois] * highest


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; see `size_matrix.need_on_device`."""
    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    chosen = settings.ngldm
    kinds = list(zonal(aggregations))
    cells = [_cells_on_device(batch, channel, vois, chosen, planar, groups.per_slice) for planar, _, groups in kinds]
    highest = [_highest(batch.geometry.n_intensity, chosen, planar) for planar, _, _ in kinds]
    memory = size_matrix.need_on_device(batch, channel, [groups for _, _, groups in kinds], cells, highest)
    return np.where(chosen.is_whole, memory, UNCOUNTABLE)  # the device's loops are over a whole window


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, settings: Settings, planar: bool, per_slice: bool
) -> tuple[Array, I64, I64]:
    """Dependence counts of every group.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L, highest]: by rank and number of dependent voxels, both less 1. Groups as for `counts`.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    highest : ndarray int64 [n]
        Highest dependence possible in each VOI.
    """
    from voxomics.kernels import ngldm as kernel
    from voxomics.kernels.size_matrix import table

    device, batch, chosen = resident.device, resident.batch, settings.ngldm
    size = np.zeros(len(batch), np.int64)
    size[vois] = _cells_on_device(batch, channel, vois, chosen, planar, per_slice)
    counts_start = offsets(size)
    found = device.zeros(counts_start[-1], np.int32)
    highest = _highest(batch.geometry.n_intensity, chosen, planar)
    room = min(int((channel.n_present[vois] * highest[vois]).max(initial=0)), table.ROOM)
    row, first, length, z = resident.tiles(vois, per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, row.size, table.COUNTING, there.level, row, first, length, z, resident.shape, there.level_of,
        there.level_start, 0 if planar else chosen.reach, chosen.reach, chosen.coarseness,
        device.put(highest.astype(np.int32)), room, found, device.put(counts_start), shared=4 * room,
    )  # fmt: skip
    return found, counts_start, highest


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """NGLDM features, float64 [k, aggregations, 17]; see `OnDevice.compute`."""
    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    weight = np.ones((len(vois), 1))
    for planar, chosen, groups in zonal(aggregations):
        counted = counts_on_device(resident, channel, vois, settings, planar, groups.per_slice)
        found = size_matrix.features_on_device(resident, channel, vois, groups, counted, weight, False)
        out[:, chosen] = found[..., SLOTS]
    return out


FAMILY = Family(
    "ngldm", "REK0", FEATURES, ZONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", reach=lambda s: s.ngldm.reach, kernels="directional",
)  # fmt: skip
