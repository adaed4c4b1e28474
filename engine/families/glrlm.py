"""Grey level run length matrix, IBSI TP0I: 16 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import size_matrix
from voxomics.engine.aggregation import counts_start, directional, matrices, n_groups, undefined
from voxomics.engine.batch import F64, I64, Channel, VoiBatch, offsets, sizes
from voxomics.engine.directions import direction_weights
from voxomics.engine.feature import DIRECTIONAL, Family, Feature, OnDevice
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Glrlm, Settings
from voxomics.kernels.size_matrix import slots

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

EMPTY = "no voxel has a grey level"

CATALOGUE = {
    # r_ij: runs of nominal grey level i and length j in one aggregation's matrix, r_i., r_.j: its marginal sums, N_s:
    # all of its runs, N_v: voxels, summed over the matrices merged; p_ij = r_ij / N_s
    slots.SMALL_EMPHASIS: Feature("short_runs_emphasis", "22OV", "1", "Σ r_.j / j² / N_s", 0, 1, EMPTY),
    slots.LARGE_EMPHASIS: Feature("long_runs_emphasis", "W4KF", "1", "Σ j² r_.j / N_s", 1, undefined=EMPTY),
    slots.LOW_GREY_LEVEL: Feature("low_grey_level_run_emphasis", "V3SW", "1", "Σ r_i. / i² / N_s", 0, 1, EMPTY),
    slots.HIGH_GREY_LEVEL: Feature(
        "high_grey_level_run_emphasis", "G3QZ", "level2", "Σ i² r_i. / N_s", 1, undefined=EMPTY
    ),
    slots.SMALL_LOW: Feature("short_run_low_grey_level_emphasis", "HTZT", "1", "Σ r_ij / (i² j²) / N_s", 0, 1, EMPTY),
    slots.SMALL_HIGH: Feature(
        "short_run_high_grey_level_emphasis", "GD3A", "level2", "Σ i² r_ij / j² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_LOW: Feature(
        "long_run_low_grey_level_emphasis", "IVPO", "1", "Σ j² r_ij / i² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_HIGH: Feature(
        "long_run_high_grey_level_emphasis", "3KUM", "level2", "Σ i² j² r_ij / N_s", 1, undefined=EMPTY
    ),
    slots.LEVEL_NON_UNIFORMITY: Feature("grey_level_non_uniformity", "R5YN", "1", "Σ r_i.² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_LEVEL_NON_UNIFORMITY: Feature(
        "normalised_grey_level_non_uniformity", "OVBL", "1", "Σ r_i.² / N_s²", 0, 1, EMPTY
    ),
    slots.SIZE_NON_UNIFORMITY: Feature("run_length_non_uniformity", "W92Y", "1", "Σ r_.j² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_SIZE_NON_UNIFORMITY: Feature(
        "normalised_run_length_non_uniformity", "IC23", "1", "Σ r_.j² / N_s²", 0, 1, EMPTY
    ),
    slots.PERCENTAGE: Feature("run_percentage", "9ZK5", "1", "N_s / N_v", 0, 1, EMPTY),
    slots.LEVEL_VARIANCE: Feature(
        "grey_level_variance", "8CE5", "level2", "Σ (i - Σ i p_ij)² p_ij", 0, undefined=EMPTY
    ),
    slots.SIZE_VARIANCE: Feature("run_length_variance", "SXLW", "1", "Σ (j - Σ j p_ij)² p_ij", 0, undefined=EMPTY),
    slots.ENTROPY: Feature("run_entropy", "HJ9O", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
}
FEATURES, SLOTS = tuple(CATALOGUE.values()), np.array(list(CATALOGUE))

DENSE_CELLS = 1 << 18
"""Cells of a VOI's matrices that may always be dense; beyond, as many as four for each voxel and direction."""


def _longest(batch: VoiBatch, vois: I64) -> I64:
    """Longest run possible, int64 [k]: the longest side of each box without its padding."""
    longest: I64 = batch.geometry.sides[vois].max(1) - 2 * batch.geometry.pad
    return longest


def _dense(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> tuple[I64, I64]:
    """Where the dense matrices of each VOI begin, int64 [k + 1], and their columns, int64 [k]: longest side + 1."""
    _, groups = directional(1, aggregations)
    columns = _longest(batch, vois) + 1
    return counts_start(batch, channel, vois, columns, groups.n_planar, groups.n_dirs, groups.per_slice), columns


def _is_dense(batch: VoiBatch, vois: I64, cells: I64) -> np.ndarray:
    """Whether dense matrices take no more memory than the runs may, bool [k]. Both ways give the same bits."""
    from voxomics.kernels.memory import is_dense

    return np.asarray(is_dense(cells, batch.geometry.n_intensity[vois], DENSE_CELLS))


def _weights(dirs: I64, batch: VoiBatch, channel: Channel, vois: I64, chosen: Glrlm) -> F64:
    """Weight of each direction in each VOI, float64 [k, D]; 0 for those that the settings leave out."""
    from voxomics.kernels import glrlm as kernel

    weight = direction_weights(dirs, batch, vois, chosen.weighting)
    if chosen.directions == "all":
        return weight
    g, aligned = batch.geometry, np.empty(weight.shape, np.bool_)
    kernel.align(channel.level, g.start, g.shape, vois, g.pad, dirs, aligned)
    return weight * aligned


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.memory import glrlm as bytes_needed

    assert channel is not None
    g, held = batch.geometry, np.empty(len(batch), np.int64)
    _, groups = directional(1, aggregations)
    bytes_needed(
        g.shape, channel.level_start, g.n_intensity, g.pad, groups.n_planar, groups.n_dirs, groups.per_slice, DENSE_CELLS,
        *groups.feature_bytes(slots.N_SLOTS), held,
    )  # fmt: skip
    return held


def counts(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> tuple[np.ndarray, I64, I64]:
    """Runs of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, R + 1]: by rank and run length; row and column 0 are no runs. R: longest side of the
        VOI's box.
    counts_start : ndarray int64 [k + 1]
    columns : ndarray int64 [k]
        R + 1.
    """
    from voxomics.kernels import glrlm as kernel

    dirs, groups = directional(1, aggregations)
    start, columns = _dense(batch, channel, vois, aggregations)
    found = np.zeros(start[-1], np.int32)
    g = batch.geometry
    kernel.count(
        channel.level, g.start, g.shape, channel.level_start, vois, g.pad, dirs, groups.n_planar, groups.per_slice,
        found, start,
    )  # fmt: skip
    return found, start, columns


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLRLM features, float64 [k, aggregations, 16]; see `Family.compute`."""
    assert channel is not None
    start, _ = _dense(batch, channel, vois, aggregations)
    dense = _is_dense(batch, vois, sizes(start))
    if np.count_nonzero(dense) == len(vois):
        return _measure(batch, channel, vois, settings, aggregations)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    for chosen, measure in ((dense, _measure), (~dense, _measure_sparse)):
        if chosen.any():
            out[chosen] = measure(batch, channel, vois[chosen], settings, aggregations)
    return out


def _measure(batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Features of VOIs from dense matrices, float64 [k, aggregations, 16]."""
    dirs, groups = directional(1, aggregations)
    counted = counts(batch, channel, vois, aggregations)
    weight = _weights(dirs, batch, channel, vois, settings.glrlm)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    size_matrix.measure(batch, channel, vois, groups, counted, weight, True, SLOTS, out, np.arange(len(aggregations)))
    return out


def _measure_sparse(
    batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Features of VOIs from their sorted runs, float64 [k, aggregations, 16]; memory follows the number of runs."""
    from voxomics.kernels import glrlm as kernel
    from voxomics.kernels.grouping import means

    g = batch.geometry
    dirs, groups = directional(1, aggregations)
    work, first = matrices(batch, vois, groups.sliced())
    feature = np.empty((len(work), slots.N_SLOTS))
    kernel.measure_sparse(
        channel.level, g.start, g.shape, channel.level_of, channel.level_start, vois, g.pad, dirs,
        _weights(dirs, batch, channel, vois, settings.glrlm), work, len(dirs) *
        int(g.n_intensity[vois].max()), feature,
    )  # fmt: skip
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    means(feature, first, SLOTS, undefined(slots.N_SLOTS), out, np.arange(len(aggregations)), 0)
    return out


def _cells_on_device(batch: VoiBatch, channel: Channel, vois: I64, aggregations: tuple[str, ...]) -> I64:
    """Cells of all matrices of each VOI on a device, int64 [k]: levels × longest side × groups."""
    _, groups = directional(1, aggregations)
    return n_groups(batch, vois, groups) * channel.n_present[vois] * _longest(batch, vois)


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; see `size_matrix.need_on_device`."""
    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    _, groups = directional(1, aggregations)
    cells = _cells_on_device(batch, channel, vois, aggregations)
    return size_matrix.need_on_device(batch, channel, [groups], [cells], [_longest(batch, vois)])


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, aggregations: tuple[str, ...]
) -> tuple[Array, I64, I64]:
    """Runs of every group.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L, longest]: by rank and run length, both less 1.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    longest : ndarray int64 [n]
        Longest side of each VOI's box.
    """
    from voxomics.kernels import glrlm as kernel
    from voxomics.kernels.size_matrix import table

    device, batch = resident.device, resident.batch
    dirs, groups = directional(1, aggregations)
    size = np.zeros(len(batch), np.int64)
    size[vois] = _cells_on_device(batch, channel, vois, aggregations)
    counts_start = offsets(size)
    found = device.zeros(counts_start[-1], np.int32)
    longest = _longest(batch, np.arange(len(batch)))
    room = min(int((channel.n_present[vois] * longest[vois]).max(initial=0)), table.ROOM)
    row, first, length, z = resident.tiles(vois, groups.per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, (row.size, len(dirs)), table.COUNTING, there.level, row, first, length, z, resident.shape,
        there.level_start, device.put(dirs.astype(np.int32)), groups.n_planar, groups.per_slice,
        device.put(longest.astype(np.int32)), room, found, device.put(counts_start), shared=4 * room,
    )  # fmt: skip
    return found, counts_start, longest


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLRLM features, float64 [k, aggregations, 16]; see `OnDevice.compute`."""
    assert channel is not None
    dirs, groups = directional(1, aggregations)
    counted = counts_on_device(resident, channel, vois, aggregations)
    weight = _weights(dirs, resident.batch, channel, vois, settings.glrlm)
    return size_matrix.features_on_device(resident, channel, vois, groups, counted, weight, True)[..., SLOTS]


FAMILY = Family(
    "glrlm", "TP0I", FEATURES, DIRECTIONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", kernels="directional",
)  # fmt: skip
