"""Zones on a device: found by union-find over voxels, measured from sorted codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.aggregation import feature_bytes, matrices, means_on_device, zonal
from voxomics.engine.batch import F64, I64, Channel, VoiBatch, offsets
from voxomics.engine.families.zones.catalogue import DISTANCE_SLOTS, DISTANCES, SIZE_SLOTS, SIZES
from voxomics.engine.families.zones.cpu import measures_distances
from voxomics.engine.feature import UNCOUNTABLE
from voxomics.engine.resident import Resident
from voxomics.engine.settings import Settings
from voxomics.kernels.size_matrix.slots import N_SLOTS

if TYPE_CHECKING:
    from voxomics.kernels.device import Array

CODE = 63
"""Bits of a zone's code: its matrix, rank, and size or distance."""


@dataclass(frozen=True)
class ZoneList:
    """Zones of some VOIs on a device, one after the other in any order; as `cpu.Zones`, but with the VOI of each.

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


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; boxes that int32 cannot number are left to the CPU."""
    from voxomics.kernels.zones.joins import MAX_VOXELS

    assert channel is not None
    g = batch.geometry
    boxes = g.box_voxels
    tables = 1 + measures_distances(settings)
    scratch = (4 + 4 + (4 + 2) * (tables - 1)) * boxes
    codes = (2 * tables + 1) * 8  # lists, and while one is sorted, what that takes
    lists = (5 * 4 + codes) * g.n_intensity  # each voxel may be a zone
    # the means are no more than the features
    features_of = sum(feature_bytes(batch, groups, 2 * tables * N_SLOTS) for _, _, groups in zonal(aggregations))
    size = scratch + lists + features_of
    too_long = sum(code_bits(batch, channel)) + np.frexp(g.shape[:, 0])[1] > CODE
    return np.where((boxes > MAX_VOXELS) | too_long, UNCOUNTABLE, size)


def depths(resident: Resident, vois: I64, planar: bool, place: Array, voxels: int) -> Array:
    """Distance of each voxel to the outside of the morphological mask, device uint16 [voxels]; see `cpu.find`.

    place : device int64 [n + 1], where each row's box begins; voxels : of all boxes.
    """
    from voxomics.kernels import block
    from voxomics.kernels.zones.depth import sweep_gpu
    from voxomics.kernels.zones.union import THREADS

    device, batch = resident.device, resident.batch
    depth = device.empty(voxels, np.uint16)
    shape = batch.geometry.shape.astype(np.int64)
    lines = np.ones_like(shape)
    lines[:, 0] = shape.prod(1) // shape.min(axis=1)
    row, first, length, _ = block.tiles(np.zeros(len(batch) + 1, np.int64), lines, vois, False, THREADS)
    work = device.put(row), device.put(first), device.put(length)
    for axis in (2, 1) if planar else (2, 1, 0):
        device.launch(
            sweep_gpu, len(row), THREADS, resident.region, *work, resident.start, place, resident.shape, axis, depth
        )
    return depth


def find(resident: Resident, channel: Channel, vois: I64, planar: bool, distances: bool) -> ZoneList:
    """As `cpu.find`."""
    from voxomics.kernels.zones import union as kernel

    device, g = resident.device, resident.batch.geometry
    boxes = np.zeros(len(resident.batch), np.int64)
    boxes[vois] = g.box_voxels[vois]
    total = int(boxes.sum())
    place = device.put(offsets(boxes))
    depth = depths(resident, vois, planar, place, total) if distances else device.empty(0, np.uint16)
    parent, size = device.empty(total, np.int32), device.empty(total, np.int32)
    near = device.empty(total if distances else 0, np.int32)
    row, first, length, _ = resident.tiles(vois, False)
    work = (resident.channel(channel).level, row, first, length, resident.start, place)
    n_zones = device.empty(row.size, np.int64)
    device.launch(kernel.runs_gpu, row.size, kernel.THREADS, *work, parent, size, near)
    device.launch(kernel.join_gpu, row.size, kernel.THREADS, *work, resident.shape, planar, parent)
    device.launch(kernel.total_gpu, row.size, kernel.THREADS, *work, depth, parent, size, near, n_zones)
    zone_start = offsets(device.get(n_zones))
    number = int(zone_start[-1])
    found = ZoneList(*(device.empty(n, np.int32) for n in (number, number, number, number, number if distances else 0)))
    device.launch(
        kernel.list_gpu, row.size, kernel.THREADS, *work, resident.shape, parent, size, near, device.put(zone_start),
        found.row, found.slice_of, found.rank, found.size, found.distance,
    )  # fmt: skip
    return found


def codes(
    resident: Resident, channel: Channel, vois: I64, found: ZoneList, by_slice: bool
) -> tuple[list[Array], int, int]:
    """Sorted codes of zones by size and by distance, and the bits of a code that hold a rank and a column.

    by_slice : a matrix for each slice of a VOI, else one for each VOI.
    """
    from voxomics.kernels.zones import measure as kernel

    device, g = resident.device, resident.batch.geometry
    rank_bits, column_bits = (int(bits[vois].max(initial=0)) for bits in code_bits(resident.batch, channel))
    slices = g.shape[vois, 0].astype(np.int64) - 2 * g.pad
    matrix_start = np.zeros(len(resident.batch), np.int64)
    matrix_start[vois] = offsets(slices)[:-1] - g.pad if by_slice else np.arange(len(vois))
    there = device.put(matrix_start)
    lists = []
    for column in (found.size, found.distance):
        entries, columns = device.empty(column.size, np.int64), device.empty(column.size, np.int64)
        device.launch(
            kernel.code_gpu, -(-column.size // kernel.CODING), kernel.CODING, found.row, found.slice_of, found.rank,
            column, there, by_slice, rank_bits, column_bits, entries, columns,
        )  # fmt: skip
        lists += [device.sort(entries), device.sort(columns)]
    return lists, rank_bits, column_bits


def features(resident: Resident, channel: Channel, vois: I64, found: ZoneList, aggregation: str) -> list[F64]:
    """Slots of zones by size and, where known, by distance: float64 [k, 1, N_SLOTS] each."""
    from voxomics.kernels.zones import measure as kernel

    device, levels = resident.device, resident.channel(channel)
    ((_, _, groups),) = zonal((aggregation,))
    work, first = matrices(resident.batch, vois, groups.sliced())
    lists, rank_bits, column_bits = codes(resident, channel, vois, found, aggregation == "2d")
    by_size = device.empty((len(work), N_SLOTS), np.float64)
    by_distance = device.empty((len(work) if found.distance.size else 0, N_SLOTS), np.float64)
    device.launch(
        kernel.measure_gpu, len(work), kernel.MEASURING, *lists, rank_bits, column_bits, levels.level_of,
        levels.level_start, device.put(vois), device.put(work), by_size, by_distance,
    )  # fmt: skip
    measured = [by_size, by_distance] if found.distance.size else [by_size]
    return [means_on_device(device, feature, first, groups) for feature in measured]


def compute(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """As `cpu.compute`; see `OnDevice.compute`."""
    assert channel is not None
    rank, column = (bits[vois].max(initial=0) for bits in code_bits(resident.batch, channel))
    if len(vois) > 1 and int(resident.batch.geometry.shape[vois, 0].sum()).bit_length() + rank + column > CODE:
        halves = np.array_split(vois, 2)
        return np.concatenate([compute(resident, channel, half, settings, aggregations) for half in halves])
    out = np.full((len(vois), len(aggregations), len(SIZES) + len(DISTANCES)), np.nan)
    for planar, chosen, _ in zonal(aggregations):
        found = find(resident, channel, vois, planar, measures_distances(settings))
        for j in chosen:
            by_size, *by_distance = features(resident, channel, vois, found, aggregations[j])
            out[:, j, : len(SIZES)] = by_size[:, 0, SIZE_SLOTS]
            if by_distance:
                out[:, j, len(SIZES) :] = by_distance[0][:, 0, DISTANCE_SLOTS]
    return out
