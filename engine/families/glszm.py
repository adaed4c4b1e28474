"""Grey level size zone matrix, IBSI 9SAK: 16 features. Its `compute` also measures GLDZM, whose zones are the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch
from voxomics.engine.directions import matrices
from voxomics.engine.feature import UNCOUNTABLE, ZONAL, Family, Feature, OnDevice
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

EMPTY = "no voxel has a grey level"

FEATURES = (
    # s_ij: zones of nominal grey level i and of j voxels; s_i., s_.j: marginals; N_s = Σ s_ij; p_ij = s_ij / N_s; μ_i = Σ i p_ij,
    # μ_j = Σ j p_ij; N_v: voxels of the intensity mask (2d: of the slice).
    Feature("small_zone_emphasis", "5QRC", "1", "Σ s_.j / j² / N_s", 0, 1, EMPTY),
    Feature("large_zone_emphasis", "48P8", "1", "Σ j² s_.j / N_s", 1, undefined=EMPTY),
    Feature("low_grey_level_zone_emphasis", "XMSY", "1", "Σ s_i. / i² / N_s", 0, 1, EMPTY),
    Feature("high_grey_level_zone_emphasis", "5GN9", "level2", "Σ i² s_i. / N_s", 1, undefined=EMPTY),
    Feature("small_zone_low_grey_level_emphasis", "5RAI", "1", "Σ s_ij / (i² j²) / N_s", 0, 1, EMPTY),
    Feature("small_zone_high_grey_level_emphasis", "HW1V", "level2", "Σ i² s_ij / j² / N_s", 0, undefined=EMPTY),
    Feature("large_zone_low_grey_level_emphasis", "YH51", "1", "Σ j² s_ij / i² / N_s", 0, undefined=EMPTY),
    Feature("large_zone_high_grey_level_emphasis", "J17V", "level2", "Σ i² j² s_ij / N_s", 1, undefined=EMPTY),
    Feature("grey_level_non_uniformity", "JNSA", "1", "Σ s_i.² / N_s", 0, undefined=EMPTY),
    Feature("normalised_grey_level_non_uniformity", "Y1RO", "1", "Σ s_i.² / N_s²", 0, 1, EMPTY),
    Feature("zone_size_non_uniformity", "4JP3", "1", "Σ s_.j² / N_s", 0, undefined=EMPTY),
    Feature("normalised_zone_size_non_uniformity", "VB3A", "1", "Σ s_.j² / N_s²", 0, 1, EMPTY),
    Feature("zone_percentage", "P30P", "1", "N_s / N_v", 0, 1, EMPTY),
    Feature("grey_level_variance", "BYLV", "level2", "Σ (i-μ_i)² p_ij", 0, undefined=EMPTY),
    Feature("zone_size_variance", "3NSA", "1", "Σ (j-μ_j)² p_ij", 0, undefined=EMPTY),
    Feature("zone_size_entropy", "GU8N", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
)


@dataclass(frozen=True)
class Zones:
    """Zones of k VOIs; those of VOI k stand at start[k] .. start[k] + number[k], in raster order of their first voxels.

    Attributes
    ----------
    start : ndarray int64 [k + 1]
    number : ndarray int64 [k]
    rank : ndarray int32 [start[k]]
        Rank of the grey level, 1..n_present.
    size : ndarray int32 [start[k]]
        Voxels.
    distance : ndarray int32 [start[k]]
        Smallest number of steps out of the morphological mask through faces, 1 on its edge; empty when not asked for.
    slice_of : ndarray int32 [start[k]]
        Slice of the first voxel in the padded box: of the zone, when zones are planar.
    """

    start: I64
    number: I64
    rank: I32
    size: I32
    distance: I32
    slice_of: I32


def zones(batch: VoiBatch, channel: Channel, vois: I64, planar: bool, distances: bool) -> Zones:
    """Zones of some VOIs: linked to 26 neighbours, or to the 8 within the slice; distances through 6 faces, or 4."""
    from voxomics.kernels import zones as kernel

    g = batch.geometry
    start = np.concatenate(([0], np.cumsum(g.n_intensity[vois])))
    number = np.zeros(len(vois), np.int64)
    rank, size, slice_of = (np.empty(start[-1], np.int32) for _ in range(3))
    boxes = np.diff(g.start)[vois] if distances else np.zeros(len(vois), np.int64)
    depth_start = np.concatenate(([0], np.cumsum(boxes)))
    depth = np.empty(depth_start[-1], np.uint16)
    distance = np.empty(start[-1] if distances else 0, np.int32)
    if distances:
        kernel.depths(g.region, g.start, g.shape, vois, planar, depth_start, depth)
    kernel.find(
        channel.level, g.start, g.shape, vois, g.pad, planar, depth, depth_start,
        start, number, rank, size, distance, slice_of,
    )  # fmt: skip
    return Zones(start, number, rank, size, distance, slice_of)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]; no memory is enough for a VOI whose voxels int32 cannot number."""
    from voxomics.kernels.zones import MAX_VOXELS

    assert channel is not None
    g = batch.geometry
    shape = g.shape.astype(np.int64)
    lists = (4 + 4) * 4 + 3 * 8  # four int32 of runs, four of zones, three int64 of cells; each at most one per voxel
    boxes = 2 * shape.prod(1) if settings.wants("gldzm") else 0
    slices = (2 + 2 * 4) * shape[:, 1:].prod(1) + 8 * shape[:, 0]
    size = lists * g.n_intensity + 8 * (g.n_morphological + channel.n_present) + boxes + slices
    return np.where(g.n_morphological > MAX_VOXELS, UNCOUNTABLE, size)


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """GLSZM features and after them GLDZM features, float64 [k, aggregations, 16 + 16]; see `Family.first`.

    GLDZM is NaN when the settings want none of it.
    """
    from voxomics.kernels import zones as kernel

    assert channel is not None
    width = len(FEATURES)
    out = np.full((len(vois), len(aggregations), 2 * width), np.nan)
    distances = settings.wants("gldzm")
    for planar in (True, False):
        chosen = [j for j, aggregation in enumerate(aggregations) if (aggregation != "3d") == planar]
        if not chosen:
            continue
        found = zones(batch, channel, vois, planar, distances)
        for family, column in enumerate((found.size, found.distance)[: 1 + distances]):
            for j in chosen:
                part = np.empty((len(vois), width))
                kernel.measure(
                    found.start, found.number, found.rank, column, found.size, found.slice_of,
                    channel.level_of, channel.level_start, vois, aggregations[j] == "2d", part,
                )  # fmt: skip
                out[:, j, family * width : (family + 1) * width] = part
    return out


CODE = 63
"""Bits of a zone's code: its matrix, rank, and size or distance."""


@dataclass(frozen=True)
class ZoneList:
    """Zones of some VOIs on a device, one after the other in any order; as `Zones`, but with the VOI of each.

    Attributes
    ----------
    row, slice_of, rank, size, distance : device int32 [zones]
        row : of the batch. distance : empty when not asked for.
    """

    row: Array
    slice_of: Array
    rank: Array
    size: Array
    distance: Array


def code_bits(batch: VoiBatch, channel: Channel) -> tuple[I64, I64]:
    """Bits that a rank takes in each VOI, and a size or a distance, int64 [n]."""
    rank, size = (np.frexp(n)[1].astype(np.int64) for n in (channel.n_present, batch.geometry.n_intensity))
    return rank, np.maximum(size, 16)


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; boxes that int32 cannot number are left to the CPU."""
    from voxomics.kernels.zones import MAX_VOXELS

    assert channel is not None
    g = batch.geometry
    boxes = np.diff(g.start)
    tables = 1 + settings.wants("gldzm")
    scratch = (4 + 4 + (4 + 2) * (tables - 1)) * boxes
    codes = (2 * tables + 1) * 8  # lists, and while one is sorted, what that takes
    lists = (5 * 4 + codes) * g.n_intensity  # each voxel may be a zone
    of_matrix = 20 + 8 * len(FEATURES) * tables
    size = scratch + lists + of_matrix * (g.shape[:, 0].astype(np.int64) + len(aggregations))
    too_long = sum(code_bits(batch, channel)) + np.frexp(g.shape[:, 0])[1] > CODE
    return np.where((boxes > MAX_VOXELS) | too_long, UNCOUNTABLE, size)


def depths_on_device(resident: Resident, vois: I64, planar: bool, place: Array, voxels: int) -> Array:
    """Distance of each voxel to the outside of the morphological mask, device uint16 [voxels]; see the kernel's `depths`.

    place : device int64 [n + 1], where each row's box begins; voxels : of all boxes.
    """
    from voxomics.kernels import block
    from voxomics.kernels import zones as kernel

    device, batch = resident.device, resident.batch
    depth = device.empty(voxels, np.uint16)
    shape = batch.geometry.shape.astype(np.int64)
    lines = np.ones_like(shape)
    lines[:, 0] = shape.prod(1) // shape.min(axis=1)
    row, first, length, _ = block.tiles(np.zeros(len(batch) + 1, np.int64), lines, vois, False, kernel.THREADS)
    work = device.put(row), device.put(first), device.put(length)
    for axis in (2, 1) if planar else (2, 1, 0):
        device.launch(
            kernel.sweep_gpu, len(row), kernel.THREADS, resident.region, *work, resident.start, place, resident.shape, axis, depth
        )
    return depth


def zones_on_device(resident: Resident, channel: Channel, vois: I64, planar: bool, distances: bool) -> ZoneList:
    """As `zones`."""
    from voxomics.kernels import zones as kernel

    device, g = resident.device, resident.batch.geometry
    boxes = np.zeros(len(resident.batch), np.int64)
    boxes[vois] = np.diff(g.start)[vois]
    total = int(boxes.sum())
    place = device.put(np.concatenate((np.zeros(1, np.int64), np.cumsum(boxes))))
    depth = depths_on_device(resident, vois, planar, place, total) if distances else device.empty(0, np.uint16)
    parent, size = device.empty(total, np.int32), device.empty(total, np.int32)
    near = device.empty(total if distances else 0, np.int32)
    row, first, length, _ = resident.tiles(vois, False)
    work = (resident.channel(channel).level, row, first, length, resident.start, place)
    n_zones = device.empty(row.size, np.int64)
    device.launch(kernel.runs_gpu, row.size, kernel.THREADS, *work, parent, size, near)
    device.launch(kernel.join_gpu, row.size, kernel.THREADS, *work, resident.shape, planar, parent)
    device.launch(kernel.total_gpu, row.size, kernel.THREADS, *work, depth, parent, size, near, n_zones)
    zone_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(device.get(n_zones))))
    number = int(zone_start[-1])
    found = ZoneList(*(device.empty(n, np.int32) for n in (number, number, number, number, number if distances else 0)))
    device.launch(
        kernel.list_gpu, row.size, kernel.THREADS, *work, resident.shape, parent, size, near, device.put(zone_start),
        found.row, found.slice_of, found.rank, found.size, found.distance,
    )  # fmt: skip
    return found


def features_on_device(resident: Resident, channel: Channel, vois: I64, found: ZoneList, by_slice: bool) -> Array:
    """Features of zones by size and, where known, by distance: device float64 [k, 16 or 32]."""
    from voxomics.kernels import block
    from voxomics.kernels import zones as kernel

    device, batch = resident.device, resident.batch
    number = found.row.size
    blocks = -(-number // kernel.THREADS)
    rank_bits, column_bits = (int(bits[vois].max(initial=0)) for bits in code_bits(batch, channel))
    work, first = matrices(batch, vois, 1, 1, by_slice, np.array([[1, by_slice, 0]]))
    matrix_start = np.zeros(len(batch), np.int64)
    matrix_start[vois] = first[:-1] - (batch.geometry.pad if by_slice else 0)
    there = device.put(matrix_start)
    codes = []
    for column in (found.size, found.distance):
        entries, columns = device.empty(column.size, np.int64), device.empty(column.size, np.int64)
        device.launch(
            kernel.code_gpu, blocks if column.size else 0, kernel.THREADS, found.row, found.slice_of, found.rank, column, there,
            by_slice, rank_bits, column_bits, entries, columns,
        )  # fmt: skip
        codes += [device.sort(entries), device.sort(columns)]
    width = len(FEATURES) * (2 if found.distance.size else 1)
    feature = device.empty((len(work), width), np.float64)
    levels = resident.channel(channel)
    device.launch(
        kernel.measure_gpu, len(work), kernel.MEASURING, *codes, rank_bits, column_bits, levels.level_of, levels.level_start,
        device.put(work), feature,
    )  # fmt: skip
    return block.mean(device, feature, first, width)


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """As `compute`; see `OnDevice.compute`."""
    assert channel is not None
    rank, column = (bits[vois].max(initial=0) for bits in code_bits(resident.batch, channel))
    if len(vois) > 1 and int(resident.batch.geometry.shape[vois, 0].sum()).bit_length() + rank + column > CODE:
        halves = np.array_split(vois, 2)
        return np.concatenate([compute_on_device(resident, channel, half, settings, aggregations) for half in halves])
    out = np.full((len(vois), len(aggregations), 2 * len(FEATURES)), np.nan)
    for planar in (True, False):
        chosen = [j for j, aggregation in enumerate(aggregations) if (aggregation != "3d") == planar]
        if chosen:
            found = zones_on_device(resident, channel, vois, planar, settings.wants("gldzm"))
        for j in chosen:
            part = resident.device.get(features_on_device(resident, channel, vois, found, aggregations[j] == "2d"))
            out[:, j, : part.shape[1]] = part
    return out


DEVICE = OnDevice(compute_on_device, need_on_device)
"""For GLDZM too."""

FAMILY = Family(
    "glszm", "9SAK", FEATURES, ZONAL, "level", compute, need, device=DEVICE,
    discretised="discretisation", kernels="zones", last_kernel="zones.find",
)  # fmt: skip
