"""Grey level size zone matrix, IBSI 9SAK: 16 features. Its `compute` also measures GLDZM, whose zones are the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxomics.engine.batch import F64, I32, I64, Channel, VoiBatch
from voxomics.engine.feature import ZONAL, Family, Feature
from voxomics.engine.settings import Settings

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
    return np.where(g.n_morphological > MAX_VOXELS, 1 << 60, size)


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


FAMILY = Family("glszm", "9SAK", FEATURES, ZONAL, "level", compute, need)
