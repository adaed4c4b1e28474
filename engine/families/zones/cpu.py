"""Zones on the CPU: found once, measured by their sizes and by their distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxomics.engine.aggregation import matrices, undefined, zonal, zonal_kinds
from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch, offsets
from voxomics.engine.families.zones.catalogue import DISTANCE_SLOTS, DISTANCES, SIZE_SLOTS, SIZES
from voxomics.engine.feature import UNCOUNTABLE
from voxomics.engine.settings import Settings
from voxomics.kernels.size_matrix.slots import N_SLOTS


def measures_distances(settings: Settings) -> bool:
    """Whether a feature of GLDZM is wanted; else distances are neither computed nor measured."""
    return settings.wants("gldzm")


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


def find(batch: VoiBatch, channel: Channel, vois: I64, planar: bool, distances: bool) -> Zones:
    """Zones of some VOIs: linked to 26 neighbours, or to the 8 within the slice; distances through 6 faces, or 4."""
    from voxomics.kernels.zones import depth as distances_kernel
    from voxomics.kernels.zones import runs

    g = batch.geometry
    start = offsets(g.n_intensity[vois])
    number = np.zeros(len(vois), np.int64)
    rank, size, slice_of = (np.empty(start[-1], np.int32) for _ in range(3))
    boxes = g.box_voxels[vois] if distances else np.zeros(len(vois), np.int64)
    depth_start = offsets(boxes)
    depth = np.empty(depth_start[-1], np.uint16)
    distance = np.empty(start[-1] if distances else 0, np.int32)
    if distances:
        distances_kernel.depths(g.region, g.start, g.shape, vois, planar, depth_start, depth)
    runs.find(
        channel.level, g.start, g.shape, vois, g.pad, planar, depth, depth_start,
        start, number, rank, size, distance, slice_of,
    )  # fmt: skip
    return Zones(start, number, rank, size, distance, slice_of)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]; UNCOUNTABLE where int32 cannot number the voxels."""
    from voxomics.kernels.memory import zones as bytes_needed
    from voxomics.kernels.zones.joins import MAX_VOXELS

    assert channel is not None
    g, held, distances = batch.geometry, np.empty(len(batch), np.int64), measures_distances(settings)
    bytes_needed(
        g.shape, channel.level_start, g.n_intensity, g.n_morphological, g.pad,
        zonal_kinds(aggregations, (1 + distances) * N_SLOTS), distances, MAX_VOXELS, UNCOUNTABLE, held,
    )  # fmt: skip
    return held


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """GLSZM features and after them GLDZM features, float64 [k, aggregations, 16 + 16]; see `Family.first`.

    GLDZM is NaN when the settings want none of it.
    """
    from voxomics.kernels.grouping import means
    from voxomics.kernels.zones import measure as kernel

    assert channel is not None
    out = np.full((len(vois), len(aggregations), len(SIZES) + len(DISTANCES)), np.nan)
    for planar, chosen, groups in zonal(aggregations):
        found = find(batch, channel, vois, planar, measures_distances(settings))
        work, first = matrices(batch, vois, groups.sliced())
        feature = np.empty((len(work), N_SLOTS))
        lists = (found.start, found.number, found.rank)
        levels = (channel.level_of, channel.level_start, vois, work, feature)
        kernel.measure(*lists, found.size, found.size, found.slice_of, *levels)
        means(feature, first, SIZE_SLOTS, undefined(N_SLOTS), out, chosen, 0)
        if len(found.distance):
            kernel.measure(*lists, found.distance, found.size, found.slice_of, *levels)
            means(feature, first, DISTANCE_SLOTS, undefined(N_SLOTS), out, chosen, len(SIZES))
    return out
