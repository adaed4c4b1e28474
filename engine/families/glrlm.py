"""Grey level run length matrix, IBSI TP0I: 16 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.directions import aggregation_flags, direction_weights, directions, grouping, matrices, n_groups
from voxomics.engine.feature import DIRECTIONAL, UNCOUNTABLE, Family, Feature, OnDevice
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

EMPTY = "no voxel has a grey level"

FEATURES = (
    # r_ij: runs of nominal grey level i and length j in one aggregation's matrix, r_i., r_.j: its marginal sums, N_s: all of its
    # runs, N_v: voxels, summed over the matrices merged; p_ij = r_ij / N_s
    Feature("short_runs_emphasis", "22OV", "1", "Σ r_.j / j² / N_s", 0, 1, EMPTY),
    Feature("long_runs_emphasis", "W4KF", "1", "Σ j² r_.j / N_s", 1, undefined=EMPTY),
    Feature("low_grey_level_run_emphasis", "V3SW", "1", "Σ r_i. / i² / N_s", 0, 1, EMPTY),
    Feature("high_grey_level_run_emphasis", "G3QZ", "level2", "Σ i² r_i. / N_s", 1, undefined=EMPTY),
    Feature("short_run_low_grey_level_emphasis", "HTZT", "1", "Σ r_ij / (i² j²) / N_s", 0, 1, EMPTY),
    Feature("short_run_high_grey_level_emphasis", "GD3A", "level2", "Σ i² r_ij / j² / N_s", 0, undefined=EMPTY),
    Feature("long_run_low_grey_level_emphasis", "IVPO", "1", "Σ j² r_ij / i² / N_s", 0, undefined=EMPTY),
    Feature("long_run_high_grey_level_emphasis", "3KUM", "level2", "Σ i² j² r_ij / N_s", 1, undefined=EMPTY),
    Feature("grey_level_non_uniformity", "R5YN", "1", "Σ r_i.² / N_s", 0, undefined=EMPTY),
    Feature("normalised_grey_level_non_uniformity", "OVBL", "1", "Σ r_i.² / N_s²", 0, 1, EMPTY),
    Feature("run_length_non_uniformity", "W92Y", "1", "Σ r_.j² / N_s", 0, undefined=EMPTY),
    Feature("normalised_run_length_non_uniformity", "IC23", "1", "Σ r_.j² / N_s²", 0, 1, EMPTY),
    Feature("run_percentage", "9ZK5", "1", "N_s / N_v", 0, 1, EMPTY),
    Feature("grey_level_variance", "8CE5", "level2", "Σ (i - Σ i p_ij)² p_ij", 0, undefined=EMPTY),
    Feature("run_length_variance", "SXLW", "1", "Σ (j - Σ j p_ij)² p_ij", 0, undefined=EMPTY),
    Feature("run_entropy", "HJ9O", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
)

DENSE_CELLS = 1 << 18
"""Cells of a VOI's matrices that may always be dense; beyond, as many as four for each voxel and direction."""


def _cells(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> I64:
    """Cells of all dense matrices of each VOI, int64 [k]: (ranks + 1) × (longest side + 1) × groups."""
    groups: I64 = n_groups(batch, vois, *grouping(1, aggregations))
    return groups * (channel.n_present[vois] + 1) * _columns(batch, vois)


def _columns(batch: VoiBatch, vois: I64) -> I64:
    """Longest run possible + 1, int64 [k]: the longest side of each box without its padding, + 1."""
    columns: I64 = batch.geometry.shape[vois].astype(np.int64).max(1) - 2 * batch.geometry.pad + 1
    return columns


def _is_dense(batch: VoiBatch, vois: I64, cells: I64) -> np.ndarray:
    """Whether dense matrices take no more memory than the runs may, bool [k]. Both ways give the same bits."""
    return np.asarray(cells <= DENSE_CELLS + 4 * 13 * batch.geometry.n_intensity[vois])


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    shape = batch.geometry.shape.astype(np.int64)
    cells = _cells(batch, channel, vois, aggregations)
    one = cells // n_groups(batch, vois, *grouping(1, aggregations))
    dense = 4 * cells + 4 * 8 * one
    sparse = (1 + 5 * 13 + 3 * 13) * 8 * batch.geometry.n_intensity  # one direction; all, sorted, weighted; their cells
    planes = 8 * shape[:, 1] * shape[:, 2] + 16 * shape[:, 0] * shape[:, 1]
    marginals: I64 = 16 * (channel.n_present + shape.max(1))
    return np.where(_is_dense(batch, vois, cells), dense + planes, sparse) + marginals


def counts(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> tuple[np.ndarray, I64]:
    """Runs of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, R + 1]: by rank and run length; row and column 0 are no runs. R: longest side of the VOI's box.
    counts_start : ndarray int64 [k + 1]
    """
    from voxomics.kernels import glrlm as kernel

    dirs, n_planar, per_slice = grouping(1, aggregations)
    counts_start = np.concatenate(([0], np.cumsum(_cells(batch, channel, vois, aggregations))))
    found = np.zeros(counts_start[-1], np.int32)
    g = batch.geometry
    kernel.count(
        channel.level, g.start, g.shape, channel.level_start, vois, g.pad, dirs, n_planar, per_slice, found, counts_start
    )
    return found, counts_start


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """GLRLM features, float64 [k, aggregations, 16]; see `Family.compute`."""
    from voxomics.kernels import emphasis

    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    dense = _is_dense(batch, vois, _cells(batch, channel, vois, aggregations))
    some = vois[dense]
    found, counts_start = counts(batch, channel, some, aggregations)
    dirs, n_planar, per_slice = grouping(1, aggregations)
    part = np.empty((len(some), len(aggregations), len(FEATURES)))
    emphasis.measure_dense(
        found, counts_start, _columns(batch, some), channel.level_of, channel.level_start, batch.geometry.shape, some,
        n_planar, direction_weights(dirs, batch, some, settings.glrlm.weighting), per_slice, True,
        aggregation_flags(aggregations), part,
    )  # fmt: skip
    out[dense] = part
    for k in np.flatnonzero(~dense):
        out[k] = _sparse(batch, channel, vois[k], settings, aggregations)
    return out


def _sparse(batch: VoiBatch, channel: Channel, i: int, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """GLRLM features of one VOI from its sorted runs, float64 [aggregations, 16]; memory follows the number of runs."""
    from voxomics.kernels import glrlm as kernel

    g = batch.geometry
    levels = channel.level_of[channel.level_start[i] : channel.level_start[i + 1]]
    _, ny, nx = (int(s) for s in g.shape[i])
    slices = range(g.pad, int(g.shape[i, 0]) - g.pad)
    buffer = np.empty(int(g.n_intensity[i]), np.int64)

    def codes(offset: I64, first: int, last: int) -> I64:
        step = (offset[0] * ny + offset[1]) * nx + offset[2]
        return buffer[: kernel.runs(channel.level, g.start[i], g.shape[i], g.pad, step, first, last, buffer)].copy()

    out = np.empty((len(aggregations), len(FEATURES)))
    for j, (planar, by_slice, by_direction) in enumerate(aggregation_flags(aggregations)):
        dirs = directions(1, planar=bool(planar))
        spans = [(z, z + 1) for z in slices] if by_slice else [(slices.start, slices.stop)]
        weights = direction_weights(dirs, batch, np.array([i]), settings.glrlm.weighting)[0]
        bundles = [[d] for d in range(len(dirs))] if by_direction else [list(range(len(dirs)))]
        total, number = np.zeros(len(FEATURES)), 0
        for first, last in spans:
            for bundle in bundles:
                found = [codes(dirs[d], first, last) for d in bundle]
                together = np.concatenate(found)
                if len(together):
                    order = np.argsort(together, kind="stable")
                    weight = np.repeat(weights[bundle], [len(part) for part in found])
                    row = np.empty(len(FEATURES))
                    kernel.measure_sparse(together[order], weight[order], levels, row)
                    total += row
                    number += 1
        out[j] = total / number if number else np.nan
    return out


def _size_on_device(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> I64:
    """Cells of all matrices of each VOI on a device, int64 [k]: levels × longest side × groups."""
    groups: I64 = n_groups(batch, vois, *grouping(1, aggregations))
    return groups * channel.n_present[vois] * (_columns(batch, vois) - 1)


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; what dense matrices would take too much of is left to the CPU."""
    from voxomics.kernels.emphasis import is_taken, places

    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    cells = _size_on_device(batch, channel, vois, aggregations)
    scratch = places(channel.n_present, _columns(batch, vois) - 1)
    matrices_of = len(FEATURES) * 8 * 15 * batch.geometry.shape[:, 0].astype(np.int64) * len(aggregations)
    taken = is_taken(cells, scratch, np.diff(batch.geometry.start))
    return np.where(taken, 4 * cells + 8 * scratch + matrices_of, UNCOUNTABLE)


def counts_on_device(resident: Resident, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> tuple[Array, I64, Array]:
    """Runs of every group.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L, longest]: by rank and run length, both less 1.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    longest : device int32 [n]
        Longest side of each VOI's box.
    """
    from voxomics.kernels import emphasis
    from voxomics.kernels import glrlm as kernel

    device, batch = resident.device, resident.batch
    dirs, n_planar, per_slice = grouping(1, aggregations)
    size = np.zeros(len(batch), np.int64)
    size[vois] = _size_on_device(batch, channel, vois, aggregations)
    counts_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(size)))
    found = device.zeros(counts_start[-1], np.int32)
    sides = _columns(batch, np.arange(len(batch))) - 1
    longest = device.put(sides.astype(np.int32))
    room = min(int((channel.n_present[vois] * sides[vois]).max(initial=0)), emphasis.ROOM)
    row, first, length, z = resident.tiles(vois, per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, (row.size, len(dirs)), emphasis.COUNTING, there.level, row, first, length, z, resident.shape,
        there.level_start, device.put(dirs.astype(np.int32)), n_planar, per_slice, longest, room, found,
        device.put(counts_start), shared=4 * room,
    )  # fmt: skip
    return found, counts_start, longest


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLRLM features, float64 [k, aggregations, 16]; see `OnDevice.compute`."""
    from voxomics.kernels import emphasis

    assert channel is not None
    device, batch = resident.device, resident.batch
    found, counts_start, longest = counts_on_device(resident, channel, vois, aggregations)
    dirs, n_planar, per_slice = grouping(1, aggregations)
    work, first = matrices(batch, vois, n_planar, len(dirs), per_slice, aggregation_flags(aggregations))
    weight = direction_weights(dirs, batch, np.arange(len(batch)), settings.glrlm.weighting)
    stride = int(emphasis.places(channel.n_present[vois], _columns(batch, vois) - 1).max(initial=1))
    there = resident.channel(channel)
    means = emphasis.mean_on_device(
        device, found, device.put(counts_start), longest, there.level_of, there.level_start, resident.shape, work, first,
        device.put(weight), n_planar, per_slice, True, resident.scratch, stride, len(FEATURES),
    )  # fmt: skip
    return device.get(means).reshape(len(vois), len(aggregations), len(FEATURES))


FAMILY = Family(
    "glrlm", "TP0I", FEATURES, DIRECTIONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", kernels="directional",
)  # fmt: skip
