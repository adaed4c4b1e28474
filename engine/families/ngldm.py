"""Neighbouring grey level dependence matrix, IBSI REK0: 17 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.directions import matrices, zonal_cells
from voxomics.engine.feature import UNCOUNTABLE, ZONAL, Family, Feature, OnDevice
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

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


def _kinds(aggregations: tuple[str, ...]) -> list[tuple[bool, bool, list[int], I64]]:
    """Neighbourhoods to count: planar, by slice, and the aggregations each serves, by number and by the kernels' flags."""
    found = []
    for planar in (False, True):
        chosen = [j for j, name in enumerate(aggregations) if (name != "3d") == planar]
        if chosen:
            flags = np.array([[planar, aggregations[j] == "2d", 0] for j in chosen], dtype=np.int64)
            found.append((planar, planar and "2d" in aggregations, chosen, flags))
    return found


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    distance = settings.ngldm.distance
    bytes_ = np.zeros(len(vois), np.int64)
    for planar, per_slice, _, _ in _kinds(aggregations):
        columns = _columns(batch, vois, distance, planar)
        bytes_ += 4 * zonal_cells(batch, channel, vois, columns, per_slice)
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
    for planar, per_slice, chosen, kinds in _kinds(aggregations):
        found, counts_start, columns = counts(batch, channel, vois, settings, planar, per_slice)
        part = np.empty((len(vois), len(chosen), len(FEATURES)))
        emphasis.measure_dense(
            found, counts_start, columns, channel.level_of, channel.level_start, batch.geometry.shape, vois,
            int(planar), np.ones((len(vois), 1)), per_slice, False, kinds, part,
        )  # fmt: skip
        out[:, chosen] = part
    return out


def _size_on_device(batch: VoiBatch, channel: Channel, vois: I64, distance: int, planar: bool, per_slice: bool) -> I64:
    """Cells of all matrices of each VOI on a device, int64 [k]: levels × highest dependence × groups."""
    groups = batch.geometry.shape[vois, 0].astype(np.int64) if per_slice else np.ones(len(vois), np.int64)
    return groups * channel.n_present[vois] * (_columns(batch, vois, distance, planar) - 1)


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; what dense matrices would take too much of is left to the CPU."""
    from voxomics.kernels.emphasis import is_taken, places

    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    distance = settings.ngldm.distance
    cells, scratch = np.zeros(len(vois), np.int64), np.zeros(len(vois), np.int64)
    for planar, per_slice, _, _ in _kinds(aggregations):
        cells += _size_on_device(batch, channel, vois, distance, planar, per_slice)
        scratch = np.maximum(scratch, places(channel.n_present, _columns(batch, vois, distance, planar) - 1))
    matrices_of = len(FEATURES) * 8 * 2 * batch.geometry.shape[:, 0].astype(np.int64) * len(aggregations)
    taken = is_taken(cells, scratch, np.diff(batch.geometry.start))
    return np.where(taken, 4 * cells + 8 * scratch + matrices_of, UNCOUNTABLE)


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, settings: Settings, planar: bool, per_slice: bool
) -> tuple[Array, I64, Array]:
    """Dependence counts of every group.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L, highest]: by rank and number of dependent voxels, both less 1. Groups as for `counts`.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    highest : device int32 [n]
        Highest dependence possible in each VOI.
    """
    from voxomics.kernels import emphasis
    from voxomics.kernels import ngldm as kernel

    device, batch, distance = resident.device, resident.batch, settings.ngldm.distance
    size = np.zeros(len(batch), np.int64)
    size[vois] = _size_on_device(batch, channel, vois, distance, planar, per_slice)
    counts_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(size)))
    found = device.zeros(counts_start[-1], np.int32)
    most = _columns(batch, np.arange(len(batch)), distance, planar) - 1
    highest = device.put(most.astype(np.int32))
    room = min(int((channel.n_present[vois] * most[vois]).max(initial=0)), emphasis.ROOM)
    row, first, length, z = resident.tiles(vois, per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, row.size, emphasis.COUNTING, there.level, row, first, length, z, resident.shape, there.level_of,
        there.level_start, 0 if planar else distance, distance, settings.ngldm.coarseness, highest, room, found,
        device.put(counts_start), shared=4 * room,
    )  # fmt: skip
    return found, counts_start, highest


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """NGLDM features, float64 [k, aggregations, 17]; see `OnDevice.compute`."""
    from voxomics.kernels import emphasis

    assert channel is not None
    device, batch, there = resident.device, resident.batch, resident.channel(channel)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    weight = device.put(np.ones((len(batch), 1)))
    for planar, per_slice, chosen, flags in _kinds(aggregations):
        found, counts_start, highest = counts_on_device(resident, channel, vois, settings, planar, per_slice)
        work, first = matrices(batch, vois, int(planar), 1, per_slice, flags)
        most = _columns(batch, vois, settings.ngldm.distance, planar) - 1
        stride = int(emphasis.places(channel.n_present[vois], most).max(initial=1))
        means = emphasis.mean_on_device(
            device, found, device.put(counts_start), highest, there.level_of, there.level_start, resident.shape, work, first,
            weight, int(planar), per_slice, False, resident.scratch, stride, len(FEATURES),
        )  # fmt: skip
        out[:, chosen] = device.get(means).reshape(len(vois), len(chosen), len(FEATURES))
    return out


FAMILY = Family(
    "ngldm", "REK0", FEATURES, ZONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", reach=lambda s: s.ngldm.distance, kernels="directional",
)  # fmt: skip
