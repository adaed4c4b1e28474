"""Neighbourhood grey tone difference matrix, IBSI IPET: 5 features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.aggregation import (
    conventions,
    counts_start,
    matrices,
    means_on_device,
    zonal,
    zonal_cells,
    zonal_kinds,
)
from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch, offsets
from voxomics.engine.directions import shell
from voxomics.engine.feature import UNCOUNTABLE, ZONAL, Family, Feature, OnDevice
from voxomics.engine.resident import MAX_SHARED, Resident
from voxomics.engine.settings import Ngtdm, Settings
from voxomics.engine.slabs import add_counts
from voxomics.kernels.ngtdm import slots

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

ALONE = "no voxel has a neighbour"
EQUAL = "no voxel has a neighbour, or i p_i is the same for all of several levels"

FEATURES = (
    # n_i: voxels of nominal grey level i with a neighbour in the mask within the distance; N_vc = Σ n_i; p_i = n_i /
    # N_vc; s_i: sum over them of |i - mean level of the neighbours|; N_gp: levels with n_i > 0; sums over i, j run over
    # those
    Feature("coarseness", "QCDE", "1", "1 / Σ p_i s_i, at most 10⁶, also where the sum is 0", 0, 1e6, ALONE),
    Feature(
        "contrast", "65HE", "level3", "Σ_ij p_i p_j (i-j)² / (N_gp (N_gp-1)) · Σ s_i / N_vc; 0 if N_gp = 1", 0,
        undefined=ALONE,
    ),
    Feature(
        "busyness", "NQ30", "1", "Σ p_i s_i / Σ_ij |i p_i - j p_j|; 0 if N_gp = 1", 0, undefined=EQUAL, convention=0.0
    ),
    Feature(
        "complexity", "HDEZ", "level2", "Σ_ij |i-j| (p_i s_i + p_j s_j) / (p_i + p_j) / N_vc", 0, undefined=ALONE
    ),
    Feature("strength", "1X9X", "level", "Σ_ij (p_i + p_j) (i-j)² / Σ s_i; 0 if Σ s_i = 0", 0, undefined=ALONE),
)  # fmt: skip
SLOTS = np.array([getattr(slots, feature.name.upper()) for feature in FEATURES])


def _columns(n_intensity: I64, chosen: Ngtdm, planar: bool) -> I64:
    """Numbers of neighbours possible, 0 included, int64 [k]: by the window and by the voxels there are."""
    return np.minimum(len(shell(chosen.distances, planar)) + 1, np.maximum(n_intensity, 1))


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]; UNCOUNTABLE where levels lie so far apart that sums leave 64 bits."""
    from voxomics.kernels.memory import ngtdm as bytes_needed

    assert channel is not None
    g, held, chosen = batch.geometry, np.empty(len(batch), np.int64), settings.ngtdm
    kinds = zonal_kinds(aggregations, slots.N_SLOTS, chosen.distances)
    bytes_needed(
        g.shape, channel.level_of, channel.level_start, g.n_intensity, g.pad, kinds, chosen.reach, UNCOUNTABLE, held
    )
    return held


def counts(
    batch: VoiBatch, channel: Channel, vois: I64, chosen: Ngtdm, planar: bool, per_slice: bool
) -> tuple[I64, I64, I64]:
    """Counts and integer sums of every group of every VOI.

    Returns
    -------
    sums : ndarray int64 [total]
        Ragged [k][group, L + 1, columns]: by rank; column 0: voxels that are counted; column n: Σ |n i - Σ neighbours|
        over those with n neighbours. A group is a padded slice if per_slice, else the whole volume.
    sums_start : ndarray int64 [k + 1]
    columns : ndarray int64 [k]
    """
    from voxomics.kernels.ngtdm import count as kernel

    columns = _columns(batch.geometry.n_intensity[vois], chosen, planar)
    sums_start = counts_start(batch, channel, vois, columns, 1, 1, per_slice)
    sums = np.zeros(sums_start[-1], np.int64)
    g = batch.geometry
    least = int(chosen.isolated == "left_out")

    def count(start: I64, shape: I32, sums: np.ndarray) -> None:
        where = channel.level, start, shape, channel.level_of, channel.level_start, vois, g.pad
        if chosen.is_whole:
            kernel.count(*where, chosen.reach, planar, per_slice, least, columns, sums, sums_start)
        else:
            steps = shell(chosen.distances, planar).copy()  # one that can be written, as compiled kernels expect
            kernel.count_near(*where, steps, per_slice, least, columns, sums, sums_start)

    add_counts(count, g, vois, per_slice, sums)
    return sums, sums_start, columns


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """NGTDM features, float64 [k, aggregations, 5]; see `Family.compute`."""
    from voxomics.kernels.grouping import means
    from voxomics.kernels.ngtdm import measure as kernel

    assert channel is not None
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    convention = conventions(FEATURES, SLOTS, slots.N_SLOTS, settings)
    for planar, chosen, groups in zonal(aggregations):
        found = counts(batch, channel, vois, settings.ngtdm, planar, groups.per_slice)
        work, first = matrices(batch, vois, groups)
        feature = np.empty((len(work), slots.N_SLOTS))
        kernel.measure(*found, channel.level_of, channel.level_start, vois, work, feature)
        means(feature, first, SLOTS, convention, out, chosen, 0)
    return out


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n].

    Very many levels, or too far apart, and neighbourhoods that are no whole window, are left to the CPU.
    """
    from voxomics.kernels.ngtdm.measure import MOST_LEVELS

    assert channel is not None
    slices = batch.geometry.sides[:, 0]
    n_matrices = sum(slices if name == "2d" else np.ones_like(slices) for name in aggregations)
    on_cpu = need(batch, channel, settings, aggregations)
    bytes_ = on_cpu + n_matrices * (32 * channel.n_present + 128)
    left_out = (channel.n_present > MOST_LEVELS) | (on_cpu >= UNCOUNTABLE) | (not settings.ngtdm.is_whole)
    return np.where(left_out, UNCOUNTABLE, bytes_)


def counts_on_device(
    resident: Resident, channel: Channel, vois: I64, chosen: Ngtdm, planar: bool, per_slice: bool
) -> tuple[Array, I64, I64]:
    """As `counts`: sums in device memory; sums_start int64 [n + 1] and columns int64 [n] by row of the batch."""
    from voxomics.kernels.ngtdm import count as kernel

    device, batch = resident.device, resident.batch
    columns, size = np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
    columns[vois] = _columns(batch.geometry.n_intensity[vois], chosen, planar)
    size[vois] = zonal_cells(batch, channel, vois, columns[vois], per_slice)
    sums_start = offsets(size)
    sums = device.zeros(sums_start[-1], np.int64)
    room = min(int((channel.n_present[vois] * columns[vois]).max(initial=0)), MAX_SHARED // 4)
    row, first, length, z = resident.tiles(vois, per_slice)
    there = resident.channel(channel)
    device.launch(
        kernel.count_gpu, row.size, kernel.COUNTING, there.level, row, first, length, z, resident.shape, there.level_of,
        there.level_start, chosen.reach, planar, int(chosen.isolated == "left_out"), room, device.put(columns), sums,
        device.put(sums_start), shared=4 * room,
    )  # fmt: skip
    return sums, sums_start, columns


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """NGTDM features, float64 [k, aggregations, 5]; see `OnDevice.compute`."""
    from voxomics.kernels.ngtdm import measure as kernel

    assert channel is not None
    device, there = resident.device, resident.channel(channel)
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    convention = conventions(FEATURES, SLOTS, slots.N_SLOTS, settings)
    for planar, chosen, groups in zonal(aggregations):
        sums, start, columns = counts_on_device(resident, channel, vois, settings.ngtdm, planar, groups.per_slice)
        work, first = matrices(resident.batch, vois, groups)
        n = channel.n_present[vois[work[:, 0]]]
        feature = device.empty((len(work), slots.N_SLOTS), np.float64)
        device.launch(
            kernel.measure_gpu, len(work), kernel.MEASURING, sums, device.put(start[vois]), device.put(columns[vois]),
            there.level_of, there.level_start, device.put(vois), device.put(work), device.put(np.cumsum(n) - n),
            device.empty(n.sum(), np.int64), device.empty(3 * n.sum(), np.float64), feature,
        )  # fmt: skip
        out[:, chosen] = means_on_device(device, feature, first, groups, convention)[..., SLOTS]
    return out


FAMILY = Family(
    "ngtdm", "IPET", FEATURES, ZONAL, "level", compute, need, device=OnDevice(compute_on_device, need_on_device),
    discretised="discretisation", reach=lambda s: s.ngtdm.reach, kernels="intensity",
)  # fmt: skip
