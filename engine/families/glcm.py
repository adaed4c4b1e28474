"""Grey level co-occurrence matrix, IBSI LFYI: 25 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.aggregation import (
    Groups,
    conventions,
    counts_start,
    directional,
    feature_bytes,
    matrices,
    means_on_device,
    n_groups,
)
from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch, offsets
from voxomics.engine.directions import direction_weights
from voxomics.engine.feature import DIRECTIONAL, UNCOUNTABLE, Family, Feature, OnDevice
from voxomics.engine.resident import MAX_SHARED, Resident
from voxomics.engine.settings import Glcm, Settings
from voxomics.engine.slabs import add_counts
from voxomics.kernels.glcm import slots

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

PAIR = "no two voxels are neighbours"
VARIED = "no two neighbouring voxels, or a single grey level"

FEATURES = (
    # P: matrix of one aggregation, p_ij = P_ij / ΣP; i, j: nominal grey levels 1..N_g; μ = Σ i p_ij; p_x:
    # marginal; p_{x-y}(k) = Σ_{|i-j|=k} p_ij, p_{x+y}(k) = Σ_{i+j=k} p_ij; HX, HXY: entropies of p_x and of p
    Feature("joint_maximum", "GYBY", "1", "max p_ij", 0, 1, PAIR),
    Feature("joint_average", "60VM", "level", "μ = Σ i p_ij", 1, undefined=PAIR),
    Feature("joint_variance", "UR99", "level2", "Σ (i-μ)² p_ij", 0, undefined=PAIR),
    Feature("joint_entropy", "TU9B", "bit", "-Σ p_ij log2 p_ij", 0, undefined=PAIR),
    Feature("difference_average", "TF7R", "level", "Σ k p_{x-y}(k)", 0, undefined=PAIR),
    Feature("difference_variance", "D3YU", "level2", "Σ (k - difference average)² p_{x-y}(k)", 0, undefined=PAIR),
    Feature("difference_entropy", "NTRS", "bit", "-Σ p_{x-y}(k) log2 p_{x-y}(k)", 0, undefined=PAIR),
    Feature("sum_average", "ZGXS", "level", "Σ k p_{x+y}(k)", 2, undefined=PAIR),
    Feature("sum_variance", "OEEB", "level2", "Σ (k - sum average)² p_{x+y}(k)", 0, undefined=PAIR),
    Feature("sum_entropy", "P6QZ", "bit", "-Σ p_{x+y}(k) log2 p_{x+y}(k)", 0, undefined=PAIR),
    Feature("angular_second_moment", "8ZQL", "1", "Σ p_ij²", 0, 1, PAIR),
    Feature("contrast", "ACUI", "level2", "Σ (i-j)² p_ij", 0, undefined=PAIR),
    Feature("dissimilarity", "8S9J", "level", "Σ |i-j| p_ij", 0, undefined=PAIR),
    Feature("inverse_difference", "IB1Z", "1", "Σ p_ij / (1 + |i-j|)", 0, 1, PAIR),
    Feature("normalised_inverse_difference", "NDRX", "1", "Σ p_ij / (1 + |i-j| / N_g)", 0, 1, PAIR),
    Feature("inverse_difference_moment", "WF0Z", "1", "Σ p_ij / (1 + (i-j)²)", 0, 1, PAIR),
    Feature("normalised_inverse_difference_moment", "1QCO", "1", "Σ p_ij / (1 + (i-j)² / N_g²)", 0, 1, PAIR),
    Feature("inverse_variance", "E8JP", "1", "2 Σ_{i<j} p_ij / (i-j)²", 0, 1, PAIR),
    Feature("correlation", "NI2N", "1", "Σ (i-μ)(j-μ) p_ij / Σ (i-μ)² p_ij", -1, 1, VARIED, 1.0),
    Feature("autocorrelation", "QWB0", "level2", "Σ i j p_ij", 1, undefined=PAIR),
    Feature("cluster_tendency", "DG8W", "level2", "Σ (i+j-2μ)² p_ij", 0, undefined=PAIR),
    Feature("cluster_shade", "7NFM", "level3", "Σ (i+j-2μ)³ p_ij", undefined=PAIR),
    Feature("cluster_prominence", "AE86", "level4", "Σ (i+j-2μ)⁴ p_ij", 0, undefined=PAIR),
    Feature("information_correlation_1", "R8DG", "1", "(HXY + Σ p_ij log2(p_x(i) p_x(j))) / HX", -1, 0, VARIED, 0.0),
    Feature(
        "information_correlation_2",
        "JN9H",
        "1",
        "√(1 - exp(-2 (HXY2 - HXY))), HXY2 = 2 HX; 0 if HXY > HXY2",
        0,
        1,
        PAIR,
    ),
)
SLOTS = np.array([getattr(slots, feature.name.upper()) for feature in FEATURES])

DENSE_LEVELS = 1024
"""Grey levels present beyond which a VOI's matrices are sparse: the pairs of each are sorted and counted."""


def _directional(chosen: Glcm, aggregations: tuple[str, ...]) -> tuple[I64, Groups]:
    """Directions to count and the groups counted along them; see `directional`."""
    return directional(chosen.distance, aggregations, chosen.shells)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.memory import glcm as bytes_needed

    assert channel is not None
    g, held = batch.geometry, np.empty(len(batch), np.int64)
    _, groups = _directional(settings.glcm, aggregations)
    bytes_needed(
        g.shape, channel.level_start, g.n_intensity, g.pad, groups.n_planar, groups.n_dirs, groups.per_slice,
        settings.glcm.symmetric, DENSE_LEVELS, *groups.feature_bytes(slots.N_SLOTS), held,
    )  # fmt: skip
    return held


def _values(channel: Channel, vois: I64) -> tuple[I64, I64, I64]:
    """Differences and sums of widely spaced grey levels, for the kernels that measure dense matrices.

    Returns
    -------
    values : ndarray int64
    values_start : ndarray int64 [k, 3]
        See kernels/glcm/spans.py, list_spans.
    tallies : ndarray int64 [k]
        Places of the differences and sums of each VOI, listed or not.
    """
    from voxomics.kernels.glcm import spans

    n, span = channel.n_present[vois], channel.span[vois]
    pairs, values_start = n * (n + 1), np.zeros((len(vois), 3), np.int64)
    is_wide = spans.is_wide(span, pairs // 2)
    if not np.count_nonzero(is_wide):
        return np.empty(0, np.int64), values_start, 3 * span + 2
    room_start = offsets(np.where(is_wide, pairs, 0))
    values = np.empty(room_start[-1], np.int64)
    spans.list_spans(channel.level_of, channel.level_start, vois, room_start, values, values_start)
    listed = values_start[:, 2] - values_start[:, 0]
    return values, values_start, np.where(listed > 0, listed, 3 * span + 2)


def counts(
    batch: VoiBatch, channel: Channel, vois: I64, chosen: Glcm, aggregations: tuple[str, ...]
) -> tuple[np.ndarray, I64]:
    """One-way counts of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, L + 1]; row and column 0 hold pairs that leave the mask.
    counts_start : ndarray int64 [k + 1]
    """
    from voxomics.kernels.glcm import count as kernel

    dirs, groups = _directional(chosen, aggregations)
    width = channel.n_present[vois] + 1
    begin = counts_start(batch, channel, vois, width, groups.n_planar, groups.n_dirs, groups.per_slice)
    found = np.zeros(begin[-1], np.int32)
    g = batch.geometry

    def count(start: I64, shape: I32, found: np.ndarray) -> None:
        kernel.count(
            channel.level, start, shape, channel.level_start, vois, g.pad, dirs, groups.n_planar, groups.per_slice, found,
            begin,
        )  # fmt: skip

    add_counts(count, g, vois, groups.per_slice, found)
    return found, begin


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLCM features, float64 [k, aggregations, 25]; see `Family.compute`."""
    assert channel is not None
    dense = channel.n_present[vois] <= DENSE_LEVELS
    if np.count_nonzero(dense) == len(vois):
        return _measure(batch, channel, vois, settings, aggregations)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    for chosen, measure in ((dense, _measure), (~dense, _measure_sparse)):
        if chosen.any():
            out[chosen] = measure(batch, channel, vois[chosen], settings, aggregations)
    return out


def _measure(batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Features of VOIs from dense matrices, float64 [k, aggregations, 25]."""
    from voxomics.kernels.glcm import measure as kernel
    from voxomics.kernels.grouping import means

    dirs, groups = _directional(settings.glcm, aggregations)
    found, start = counts(batch, channel, vois, settings.glcm, aggregations)
    values, values_start, tallies = _values(channel, vois)
    n = channel.n_present[vois]
    work, first = matrices(batch, vois, groups)
    feature = np.empty((len(work), slots.N_SLOTS))
    kernel.measure(
        found, start, channel.level_of, channel.level_start, values, values_start, channel.n_nominal,
        batch.geometry.shape, vois, work, direction_weights(dirs, batch, vois, settings.glcm.weighting),
        groups.n_planar, groups.per_slice, settings.glcm.symmetric,
        int(np.maximum.reduce((n + 1) ** 2 + n + tallies)), feature,
    )  # fmt: skip
    convention = conventions(FEATURES, SLOTS, slots.N_SLOTS, settings)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    means(feature, first, SLOTS, convention, out, np.arange(len(aggregations)), 0)
    return out


def _measure_sparse(
    batch: VoiBatch, channel: Channel, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Features of VOIs with too many levels for dense matrices, float64 [k, aggregations, 25]."""
    from voxomics.kernels.glcm import measure as kernel
    from voxomics.kernels.grouping import means

    g = batch.geometry
    dirs, groups = _directional(settings.glcm, aggregations)
    work, first = matrices(batch, vois, groups.sliced())
    feature = np.empty((len(work), slots.N_SLOTS))
    kernel.measure_sparse(
        channel.level, g.start, g.shape, channel.level_of, channel.level_start, channel.n_nominal, vois, g.pad, dirs,
        direction_weights(dirs, batch, vois, settings.glcm.weighting), settings.glcm.symmetric, work,
        int(g.n_intensity[vois].max()) * len(dirs), feature,
    )  # fmt: skip
    convention = conventions(FEATURES, SLOTS, slots.N_SLOTS, settings)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    means(feature, first, SLOTS, convention, out, np.arange(len(aggregations)), 0)
    return out


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n].

    VOIs of more than DENSE_LEVELS levels, and matrices that are not symmetric, are left to the CPU.
    """
    from voxomics.kernels.glcm.spans import is_wide

    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    n, span = channel.n_present, channel.span
    pairs = n * (n + 1) // 2
    _, groups = _directional(settings.glcm, aggregations)
    cells = n_groups(batch, vois, groups) * pairs
    # a matrix, its marginal sums, its differences and sums: by number, or by place in lists, which are copied too
    scratch = 8 * (pairs + n + np.where(is_wide(span, pairs), 4 * pairs, 3 * span + 2))
    memory = (
        4 * cells + feature_bytes(batch, groups, 2 * slots.N_SLOTS) + scratch
    )  # the means are no more than the features
    return np.where((n > DENSE_LEVELS) | (not settings.glcm.symmetric), UNCOUNTABLE, memory)


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, chosen: Glcm, aggregations: tuple[str, ...]
) -> tuple[Array, I64]:
    """Counts of every group, symmetric pairs counted once.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L (L + 1) / 2]: see the kernel's `cell_of`.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    """
    from voxomics.kernels.glcm import count as kernel

    device, batch = resident.device, resident.batch
    dirs, groups = _directional(chosen, aggregations)
    n = channel.n_present[vois]
    size = np.zeros(len(batch), np.int64)
    size[vois] = n_groups(batch, vois, groups) * (n * (n + 1) // 2)
    counts_start = offsets(size)
    found = device.zeros(counts_start[-1], np.int32)
    room = min(int((n * (n + 1) // 2).max(initial=0)), MAX_SHARED // 4)
    row, first, length, z = resident.tiles(vois, groups.per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, (row.size, len(dirs)), kernel.COUNTING, there.level, row, first, length, z, resident.shape,
        there.level_start, device.put(dirs.astype(np.int32)), groups.n_planar, groups.per_slice, room, found,
        device.put(counts_start), shared=4 * room,
    )  # fmt: skip
    return found, counts_start


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLCM features, float64 [k, aggregations, 25]; see `OnDevice.compute`."""
    from voxomics.kernels.glcm import measure as kernel

    assert channel is not None
    device, batch, there = resident.device, resident.batch, resident.channel(channel)
    dirs, groups = _directional(settings.glcm, aggregations)
    found, counts_start = counts_on_device(resident, channel, vois, settings.glcm, aggregations)
    values, values_start, tallies = _values(channel, vois)
    n = channel.n_present[vois]
    stride = int((n * (n + 1) // 2 + n + tallies).max(initial=1))
    work, first = matrices(batch, vois, groups)
    blocks = int(min(len(work), max(1, resident.scratch // stride)))
    feature = device.empty((len(work), slots.N_SLOTS), np.float64)
    device.launch(
        kernel.measure_gpu, blocks, kernel.MEASURING, found, device.put(counts_start[vois]), there.level_of,
        there.level_start, device.put(values), device.put(values_start), there.n_nominal, resident.shape,
        device.put(vois), device.put(work), device.put(direction_weights(dirs, batch, vois, settings.glcm.weighting)),
        groups.n_planar, groups.per_slice, device.empty(blocks * stride, np.float64), stride, feature,
    )  # fmt: skip
    convention = conventions(FEATURES, SLOTS, slots.N_SLOTS, settings)
    return means_on_device(device, feature, first, groups, convention)[..., SLOTS]


FAMILY = Family(
    "glcm", "LFYI", FEATURES, DIRECTIONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", reach=lambda s: s.glcm.reach, kernels="directional", last_kernel="glcm.measure.measure",
)  # fmt: skip
