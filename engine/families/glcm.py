"""Grey level co-occurrence matrix, IBSI LFYI: 25 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.directions import aggregation_flags, direction_weights, directions, grouping, matrices, n_groups
from voxomics.engine.feature import DIRECTIONAL, UNCOUNTABLE, Family, Feature, OnDevice
from voxomics.engine.resident import MAX_SHARED, Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

PAIR = "no two voxels are neighbours"
VARIED = "no two neighbouring voxels, or a single grey level"

FEATURES = (
    # P: symmetric matrix of one aggregation, p_ij = P_ij / ΣP; i, j: nominal grey levels 1..N_g; μ = Σ i p_ij; p_x: marginal;
    # p_{x-y}(k) = Σ_{|i-j|=k} p_ij, p_{x+y}(k) = Σ_{i+j=k} p_ij; HX, HXY: entropies of p_x and of p
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
    Feature("correlation", "NI2N", "1", "Σ (i-μ)(j-μ) p_ij / Σ (i-μ)² p_ij", -1, 1, VARIED),
    Feature("autocorrelation", "QWB0", "level2", "Σ i j p_ij", 1, undefined=PAIR),
    Feature("cluster_tendency", "DG8W", "level2", "Σ (i+j-2μ)² p_ij", 0, undefined=PAIR),
    Feature("cluster_shade", "7NFM", "level3", "Σ (i+j-2μ)³ p_ij", undefined=PAIR),
    Feature("cluster_prominence", "AE86", "level4", "Σ (i+j-2μ)⁴ p_ij", 0, undefined=PAIR),
    Feature("information_correlation_1", "R8DG", "1", "(HXY + Σ p_ij log2(p_x(i) p_x(j))) / HX", -1, 0, VARIED),
    Feature("information_correlation_2", "JN9H", "1", "√(1 - exp(-2 (HXY2 - HXY))), HXY2 = 2 HX; 0 if HXY > HXY2", 0, 1, PAIR),
)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.glcm import DENSE_LEVELS, ROOM

    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    n = channel.n_present
    pairs = batch.geometry.n_intensity * len(directions(settings.glcm.distance))
    dense = 4 * n_groups(batch, vois, *grouping(settings.glcm.distance, aggregations)) * (n + 1) ** 2 + 24 * (n + 1) ** 2
    # lists of differences and sums with their tallies: three times the span, which is limited; 16: where they are sorted
    return np.where(n > DENSE_LEVELS, (40 + 48 + 16) * pairs, dense + 40 * n**2) + 48 * ROOM + 8 * n


def _values(channel: Channel, vois: I64) -> tuple[I64, I64]:
    """Differences and sums of the levels of VOIs where these lie far apart, and where they stand; see the kernel's `measure`."""
    from voxomics.kernels import glcm as kernel

    first, last = channel.level_start[vois], channel.level_start[vois + 1]
    filled = last > first
    span, n = np.zeros(len(vois), np.int64), last - first
    span[filled] = channel.level_of[last[filled] - 1] - channel.level_of[first[filled]]
    size = np.zeros((len(vois), 2), np.int64)
    found = [np.empty(0, np.int64)]
    for k in np.flatnonzero(kernel.is_wide(span, n * (n + 1) // 2)):
        levels = channel.level_of[first[k] : last[k]]
        a, b = np.triu_indices(n[k])
        found += kernel.differences_and_sums(levels[a], levels[b], levels[0])
        size[k] = len(found[-2]), len(found[-1])
    start = np.concatenate((np.zeros(1, np.int64), np.cumsum(size.ravel())))
    return np.concatenate(found), np.stack((start[:-1:2], start[1::2], start[2::2]), axis=1)


def counts(batch: VoiBatch, channel: Channel, vois: I64, distance: int, aggregations: tuple[str, ...]) -> tuple[np.ndarray, I64]:
    """One-way counts of every group of every VOI.

    Returns
    -------
    counts : ndarray int32 [total]
        Ragged [k][group, L + 1, L + 1]; row and column 0 hold pairs that leave the mask.
    counts_start : ndarray int64 [k + 1]
    """
    from voxomics.kernels import glcm as kernel

    dirs, n_planar, per_slice = grouping(distance, aggregations)
    size = n_groups(batch, vois, dirs, n_planar, per_slice) * (channel.n_present[vois] + 1) ** 2
    counts_start = np.concatenate(([0], np.cumsum(size)))
    found = np.zeros(counts_start[-1], np.int32)
    g = batch.geometry
    kernel.count(
        channel.level, g.start, g.shape, channel.level_start, vois, g.pad, dirs, n_planar, per_slice, found, counts_start
    )
    return found, counts_start


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """GLCM features, float64 [k, aggregations, 25]; see `Family.compute`."""
    from voxomics.kernels import glcm as kernel

    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    dense = channel.n_present[vois] <= kernel.DENSE_LEVELS
    some = vois[dense]
    found, counts_start = counts(batch, channel, some, settings.glcm.distance, aggregations)
    dirs, n_planar, per_slice = grouping(settings.glcm.distance, aggregations)
    part = np.empty((len(some), len(aggregations), len(FEATURES)))
    kernel.measure(
        found, counts_start, channel.level_of, channel.level_start, *_values(channel, some), channel.n_nominal,
        batch.geometry.shape, some, n_planar, direction_weights(dirs, batch, some, settings.glcm.weighting), per_slice,
        aggregation_flags(aggregations), part,
    )  # fmt: skip
    out[dense] = part
    for k in np.flatnonzero(~dense):
        out[k] = _many_levels(batch, channel, vois[k], settings, aggregations)
    return out


def _many_levels(batch: VoiBatch, channel: Channel, i: int, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """GLCM features of one VOI with too many levels for dense matrices, float64 [aggregations, 25]."""
    from voxomics.kernels import glcm as kernel

    g = batch.geometry
    levels = channel.level_of[channel.level_start[i] : channel.level_start[i + 1]]
    _, ny, nx = (int(s) for s in g.shape[i])
    slices = range(g.pad, int(g.shape[i, 0]) - g.pad)
    buffer = np.empty(int(g.n_intensity[i]), np.int64)

    def codes(offset: I64, first: int, last: int) -> I64:
        step = (offset[0] * ny + offset[1]) * nx + offset[2]
        return buffer[: kernel.pairs(channel.level, g.start[i], g.shape[i], g.pad, step, first, last, buffer)].copy()

    out = np.empty((len(aggregations), len(FEATURES)))
    for j, (planar, by_slice, by_direction) in enumerate(aggregation_flags(aggregations)):
        dirs = directions(settings.glcm.distance, planar=bool(planar))
        weights = direction_weights(dirs, batch, np.array([i]), settings.glcm.weighting)[0]
        spans = [(z, z + 1) for z in slices] if by_slice else [(slices.start, slices.stop)]
        bundles = [[d] for d in range(len(dirs))] if by_direction else [list(range(len(dirs)))]
        rows = []
        for first, last in spans:
            for bundle in bundles:
                found = [codes(dirs[d], first, last) for d in bundle]
                together = np.concatenate(found)
                if len(together):
                    row = np.empty(len(FEATURES))
                    order = np.argsort(together, kind="stable")
                    weight = np.repeat(weights[bundle], [len(part) for part in found])[order]
                    together = together[order]
                    lists = (np.empty(0, np.int64),) * 2
                    if kernel.is_wide(levels[-1] - levels[0], len(together)):
                        distinct = together[np.flatnonzero(np.diff(together, prepend=-1))]
                        a, b = levels[(distinct >> 32) - 1], levels[(distinct & 0xFFFFFFFF) - 1]
                        lists = kernel.differences_and_sums(a, b, levels[0])
                    kernel.measure_sparse(together, weight, levels, channel.n_nominal[i], *lists, row)
                    rows.append(row)
        stack = np.array(rows).reshape(-1, len(FEATURES))
        defined = ~np.isnan(stack)
        with np.errstate(invalid="ignore"):
            out[j] = np.where(defined, stack, 0.0).sum(0) / defined.sum(0)
    return out


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; VOIs of more than DENSE_LEVELS levels are left to the CPU."""
    from voxomics.kernels.glcm import DENSE_LEVELS, is_wide

    assert channel is not None
    vois = np.arange(len(batch), dtype=np.int64)
    n = channel.n_present
    cells = n_groups(batch, vois, *grouping(settings.glcm.distance, aggregations)) * (n * (n + 1) // 2)
    matrices_of = len(FEATURES) * 8 * 15 * batch.geometry.shape[:, 0].astype(np.int64) * len(aggregations)
    span, pairs, filled = np.zeros_like(n), n * (n + 1) // 2, n > 0
    first, last = channel.level_start[:-1][filled], channel.level_start[1:][filled] - 1
    span[filled] = channel.level_of[last] - channel.level_of[first]
    # a matrix, its marginal sums, its differences and sums: by number, or by place in lists, which are copied too
    scratch = 8 * (pairs + n + np.where(is_wide(span, pairs), 4 * pairs, 3 * span + 2))
    return np.where(n > DENSE_LEVELS, UNCOUNTABLE, 4 * cells + matrices_of + scratch)


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, distance: int, aggregations: tuple[str, ...]
) -> tuple[Array, I64]:
    """Counts of every group, symmetric pairs counted once.

    Returns
    -------
    counts : device int32 [total]
        Ragged [n][group, L (L + 1) / 2]: see the kernel's `cell_of`.
    counts_start : ndarray int64 [n + 1]
        By row of the batch; rows that are not in `vois` have none.
    """
    from voxomics.kernels import glcm as kernel

    device, batch = resident.device, resident.batch
    dirs, n_planar, per_slice = grouping(distance, aggregations)
    n = channel.n_present[vois]
    size = np.zeros(len(batch), np.int64)
    size[vois] = n_groups(batch, vois, dirs, n_planar, per_slice) * (n * (n + 1) // 2)
    counts_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(size)))
    found = device.zeros(counts_start[-1], np.int32)
    room = min(int((n * (n + 1) // 2).max(initial=0)), MAX_SHARED // 4)
    row, first, length, z = resident.tiles(vois, per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, (row.size, len(dirs)), kernel.COUNTING, there.level, row, first, length, z, resident.shape,
        there.level_start, device.put(dirs.astype(np.int32)), n_planar, per_slice, room, found, device.put(counts_start),
        shared=4 * room,
    )  # fmt: skip
    return found, counts_start


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLCM features, float64 [k, aggregations, 25]; see `OnDevice.compute`."""
    from voxomics.kernels import block
    from voxomics.kernels import glcm as kernel

    assert channel is not None
    device, batch = resident.device, resident.batch
    everyone = np.arange(len(batch), dtype=np.int64)
    found, counts_start = counts_on_device(resident, channel, vois, settings.glcm.distance, aggregations)
    dirs, n_planar, per_slice = grouping(settings.glcm.distance, aggregations)
    work, first = matrices(batch, vois, n_planar, len(dirs), per_slice, aggregation_flags(aggregations))
    values, values_start = _values(channel, everyone)
    n = channel.n_present[vois]
    span = channel.level_of[channel.level_start[vois + 1] - 1] - channel.level_of[channel.level_start[vois]]
    listed = np.diff(values_start[vois], axis=1).sum(1)
    stride = int((n * (n + 1) // 2 + n + np.where(listed > 0, listed, 3 * span + 2)).max(initial=1))
    blocks = int(min(len(work), max(1, resident.scratch // stride)))
    there = resident.channel(channel)
    feature = device.empty((len(work), len(FEATURES)), np.float64)
    device.launch(
        kernel.measure_gpu, blocks, kernel.MEASURING, found, device.put(counts_start), there.level_of, there.level_start,
        device.put(values), device.put(values_start), there.n_nominal, resident.shape, device.put(work),
        device.put(direction_weights(dirs, batch, everyone, settings.glcm.weighting)), n_planar, per_slice,
        device.empty(blocks * stride, np.float64), stride, feature,
    )  # fmt: skip
    means = device.get(block.mean(device, feature, first, len(FEATURES)))
    return means.reshape(len(vois), len(aggregations), len(FEATURES))


FAMILY = Family(
    "glcm", "LFYI", FEATURES, DIRECTIONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", reach=lambda s: s.glcm.distance, kernels="directional", last_kernel="glcm.measure",
)  # fmt: skip
