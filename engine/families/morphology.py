"""Morphology, IBSI HCUG: 27 of its 29 features; the other two are in spatial_autocorrelation.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import UNCOUNTABLE, Family, Feature, OnDevice
from voxomics.engine.settings import Settings

if TYPE_CHECKING:
    from voxomics.engine.resident import Resident
    from voxomics.kernels.device import Array

ONE = "one voxel"
LINE = "all voxel centres on one line"
FLAT = "all voxel centres in one plane"
EMPTY = "no voxel in the intensity mask, or the value is beyond float64"

FEATURES = (
    # V, A: volume and area of the surface mesh (marching cubes at 0.5 of the morphological mask, by the setting
    # `morphology.mesh`; only PyRadiomics' mesh may take V and A out of the ranges below); X: intensities of the intensity
    # mask; λ: eigenvalues of the covariance (n - 1) of the morphological mask's voxel centres; a, b, c = 2 √λ
    Feature("volume_mesh", "RNU0", "mm3", "V", 0),
    Feature("volume_voxel_counting", "YEKZ", "mm3", "voxels of the morphological mask · volume of a voxel", 0),
    Feature("surface_area", "C0JK", "mm2", "A", 0),
    Feature("surface_to_volume_ratio", "2PR5", "1/mm", "A / V", 0),
    Feature("compactness_1", "SKGS", "1", "V / (√π A^(3/2))", 0, 1 / (6 * np.pi)),
    Feature("compactness_2", "BQWJ", "1", "36 π V² / A³", 0, 1),
    Feature("spherical_disproportion", "KRCK", "1", "A / (36 π V²)^(1/3)", 1),
    Feature("sphericity", "QCFX", "1", "(36 π V²)^(1/3) / A", 0, 1),
    Feature("asphericity", "25C7", "1", "(A³ / (36 π V²))^(1/3) - 1", 0),
    Feature(
        "centre_of_mass_shift",
        "KLMA",
        "mm",
        "|Σ position / N of the mask - Σ X position / Σ X|",
        0,
        undefined="no voxel in the intensity mask, or intensities that add up to 0",
    ),
    Feature("maximum_3d_diameter", "L0JK", "mm", "largest distance between two vertices of the mesh", 0),
    Feature("major_axis_length", "TDIC", "mm", "2 a = 4 √λ_major", 0, undefined=ONE),
    Feature("minor_axis_length", "P9VJ", "mm", "2 b = 4 √λ_minor", 0, undefined=ONE),
    Feature("least_axis_length", "7J51", "mm", "2 c = 4 √λ_least", 0, undefined=ONE),
    Feature("elongation", "Q3CK", "1", "√(λ_minor / λ_major)", 0, 1, ONE),
    Feature("flatness", "N17B", "1", "√(λ_least / λ_major)", 0, 1, ONE),
    Feature("volume_density_aabb", "PBX1", "1", "V / volume of the axis-aligned bounding box of the mesh", 0, 1),
    Feature("area_density_aabb", "R59B", "1", "A / area of the axis-aligned bounding box of the mesh", 0),
    Feature("volume_density_ombb", "ZH1A", "1", "V / volume of the oriented minimum bounding box of the mesh", 0, 1),
    Feature("area_density_ombb", "IQYR", "1", "A / area of the oriented minimum bounding box of the mesh", 0),
    Feature("volume_density_aee", "6BDE", "1", "3 V / (4 π a b c)", 0, undefined=FLAT),
    Feature("area_density_aee", "RDD2", "1", "A / area of the ellipsoid with semi-axes a, b, c", 0, undefined=LINE),
    Feature("volume_density_mvee", "SWZ1", "1", "V / volume of the minimum volume enclosing ellipsoid of the mesh", 0, 1),
    Feature("area_density_mvee", "BRI8", "1", "A / area of the minimum volume enclosing ellipsoid of the mesh", 0),
    Feature("volume_density_convex_hull", "R3ER", "1", "V / volume of the mesh's convex hull", 0, 1),
    Feature("area_density_convex_hull", "7T7F", "1", "A / area of the mesh's convex hull", 0),
    Feature("integrated_intensity", "99N0", "intensity mm3", "V · mean of X", undefined=EMPTY),
)

_BOX = ("volume_density_ombb", "area_density_ombb")
_ELLIPSOID = ("volume_density_mvee", "area_density_mvee")
_DIAMETER = ("maximum_3d_diameter",)
_AROUND = ("volume_density_convex_hull", "area_density_convex_hull", *_BOX, *_ELLIPSOID)
_HULL = (*_DIAMETER, *_AROUND)


def _wants(settings: Settings, names: tuple[str, ...]) -> bool:
    return any(settings.wants(f"morphology.{name}") for name in names)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.memory import morphology as bytes_needed

    held = np.empty(len(batch), np.int64)
    bytes_needed(batch.geometry.shape, _wants(settings, _HULL), held)
    return held


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Morphological features, float64 [k, 1, features]; see `Family.compute`.

    Costly features that were not requested are NaN.
    """
    from voxomics.kernels.shape import complementary, mesh
    from voxomics.kernels.shape import moments as kernel

    g = batch.geometry
    k = len(vois)
    counts, moments, extent = (np.zeros((k, n), np.int64) for n in (mesh.CONFIGURATIONS, kernel.N_MOMENTS, 3))
    weighted = np.zeros((k, kernel.N_WEIGHTED))
    mesh.count(g.region, g.start, g.shape, vois, g.pad, counts)
    kernel.survey(g.region, g.start, g.shape, vois, g.pad, batch.value, batch.value_start, moments, weighted, extent)
    spacing = g.spacing_mm[g.image_of[vois]]
    around = _around(batch, vois, spacing, settings, _wants(settings, _DIAMETER))
    if settings.morphology.mesh == "complementary":
        area, volume = complementary.surface(counts, _holes(batch, vois), g.image_of[vois], g.spacing_mm)
    else:
        area, volume = mesh.surface(counts, g.image_of[vois], g.spacing_mm)
    return _features(batch, vois, spacing, area, volume, moments, weighted, extent, *around)


def _holes(batch: VoiBatch, vois: I64) -> I64:
    """What the holes of the complementary mesh add to the volume, int64 [k], as `complementary.count_holes` finds it."""
    from voxomics.kernels.shape import complementary

    g, holes = batch.geometry, np.zeros(len(vois), np.int64)
    complementary.count_holes(g.region, g.start, g.shape, vois, g.pad, complementary.SKEW, holes)
    return holes


def _around(batch: VoiBatch, vois: I64, spacing: F64, settings: Settings, diameter: bool) -> tuple[F64, F64]:
    """What follows from the convex hull, as `shape.around` finds it.

    The diameter is left out where it is not asked for.

    Returns
    -------
    sizes : ndarray float64 [k, 5]
        NaN where they are not wanted.
    matrices : ndarray float64 [k, 3, 3]
        Of the smallest ellipsoid around each VOI, mm².
    """
    from voxomics.kernels.shape import around as kernel

    g = batch.geometry
    sizes, matrices = np.full((len(vois), kernel.N_AROUND), np.nan), np.zeros((len(vois), 3, 3))
    if diameter or _wants(settings, _AROUND):
        wanted = kernel.BOX * _wants(settings, _BOX) + kernel.ELLIPSOID * _wants(settings, _ELLIPSOID)
        wanted += kernel.DIAMETER * diameter
        kernel.around(g.region, g.start, g.shape, vois, g.pad, spacing, wanted, sizes, matrices)
    return sizes, matrices


def _features(
    batch: VoiBatch, vois: I64, spacing: F64, area: F64, volume: F64, moments: I64, weighted: F64, extent: I64, sizes: F64,
    matrices: F64,
) -> F64:  # fmt: skip
    """Features of VOIs from their surface, their moments and the shapes around them, float64 [k, 1, features]."""
    from voxomics.kernels.shape import features as kernel
    from voxomics.kernels.shape.ellipsoid import semi_axes

    both = np.empty((2, len(vois), 3, 3))
    both[1] = matrices
    kernel.covariances(moments, spacing, both[0])
    axes, enclosing = semi_axes(both)
    out = np.empty((len(vois), 1, len(FEATURES)))
    n_intensity = batch.geometry.n_intensity[vois]
    kernel.measure(area, volume, moments, weighted, axes, sizes, enclosing, extent, n_intensity, spacing, out[:, 0])
    return out


PAIRS = 1 << 14
"""Vertices for which a VOI gets one more block to measure their distances."""


def _vertices(batch: VoiBatch) -> I64:
    """The most vertices that may be corners of a VOI's hull, int64 [n]: those beside the first and the last voxel of each row."""
    from voxomics.kernels.shape.outline import TIPS

    rows: I64 = (batch.geometry.shape[:, :2].astype(np.int64) - 2 * batch.geometry.pad).prod(1)
    return 2 * TIPS * rows


def need_on_device(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; boxes of 2³¹ voxels and more are left to the CPU."""
    box = batch.geometry.box_voxels
    tiles = 56 * (1 + (box >> 12))  # a device's tiles are larger
    shape = batch.geometry.shape.astype(np.int64)
    vertices = 12 * _vertices(batch) + 16 * shape[:, 0] * shape[:, 1] if _wants(settings, _DIAMETER) else np.zeros_like(box)
    result: I64 = np.where(box >= 1 << 31, UNCOUNTABLE, 2048 + tiles + vertices)
    return result


def counts_on_device(resident: Resident, vois: I64) -> tuple[Array, Array, Array, Array]:
    """The integers that `mesh.count` and `moments.survey` find, and voxels of each tile in the intensity mask.

    Returns
    -------
    counts : device int32 [n, 256]
        By row of the batch, as the next two.
    moments : device int64 [n, 10]
    reach : device int32 [n, 6]
        See the kernel `moments_gpu`.
    kept : device int32 [tiles]
    """
    from voxomics.kernels.shape import mesh
    from voxomics.kernels.shape import moments as kernel

    device, n = resident.device, len(resident.batch)
    row, first, length, _ = resident.tiles(vois, per_slice=False)
    counts, reach = device.zeros((n, mesh.CONFIGURATIONS), np.int32), device.zeros((n, kernel.N_REACH), np.int32)
    moments, kept = device.zeros((n, kernel.N_MOMENTS), np.int64), device.empty(row.size, np.int32)
    tiles = (resident.region, row, first, length, resident.start, resident.shape)
    device.launch(mesh.count_gpu, row.size, mesh.COUNTING, *tiles, counts)
    device.launch(kernel.moments_gpu, row.size, kernel.COUNTING, *tiles, moments, reach, kept)
    return counts, moments, reach, kept


def squares_on_device(resident: Resident, vois: I64) -> tuple[Array, I64]:
    """Largest squared distances in mm² between vertices of the mesh, on the device, and where each VOI's begin.

    Returns
    -------
    largest : device float64 [b]
        Of each share of a VOI's pairs.
    first : ndarray int64 [k]
    """
    from voxomics.kernels.shape import diameter, outline

    device, batch = resident.device, resident.batch
    g = batch.geometry
    room = np.zeros(len(batch), np.int64)
    room[vois] = _vertices(batch)[vois]
    points_start = np.concatenate((np.zeros(1, np.int64), np.cumsum(room)))
    number, points = device.zeros(len(batch), np.int64), device.empty((int(points_start[-1]), 3), np.int32)
    there = device.put(points_start)
    slices = g.shape[vois, 0].astype(np.int64) - 2 * g.pad
    row = np.repeat(vois, slices).astype(np.int32)
    slice_of = (np.arange(len(row)) - np.repeat(np.cumsum(slices) - slices, slices) + g.pad).astype(np.int32)
    rows = int(g.shape[vois, 1].max(initial=1))
    blocks = min(len(row), max(1, 2 * resident.scratch // (4 * rows)))
    device.launch(
        outline.corners_gpu, blocks, outline.SLICE, resident.region, device.put(row), device.put(slice_of), resident.start,
        resident.shape, g.pad, device.empty((blocks, 4, rows), np.int32), points, there, number,
    )  # fmt: skip
    parts = 1 + room[vois] // PAIRS
    first = np.cumsum(parts) - parts
    own = np.repeat(np.arange(len(vois)), parts)
    part = np.arange(len(own)) - first[own]
    largest = device.empty(len(own), np.float64)
    device.launch(
        diameter.pairs_gpu, len(own), diameter.PAIRING, points, there, number, device.put(g.spacing_mm[g.image_of]),
        *(device.put(a.astype(np.int32)) for a in (vois[own], part, parts[own])), largest,
    )  # fmt: skip
    return largest, first


def surface_on_device(resident: Resident, vois: I64, counts: Array, settings: Settings) -> tuple[Array, Array]:
    """Area in mm² and volume in 48ths of a voxel from the counts of cells, device float64 [n] and int64 [n].

    What the holes of the complementary mesh add to the volume is not in it.
    """
    from voxomics.kernels.shape import complementary, marching_cubes, mesh

    device, g = resident.device, resident.batch.geometry
    areas, of_volume = mesh.cell_areas(g.spacing_mm), marching_cubes.VOLUME
    if settings.morphology.mesh == "complementary":
        areas, of_volume = complementary.areas(g.spacing_mm), complementary.VOLUME
    area, parts = device.empty(len(g.label), np.float64), device.empty(len(g.label), np.int64)
    device.launch(
        mesh.surface_gpu, len(vois), mesh.COUNTING, counts, device.put(vois), device.put(areas), device.put(of_volume),
        device.put(g.image_of), area, parts,
    )  # fmt: skip
    return area, parts


def weighted_on_device(resident: Resident, vois: I64, kept: Array) -> Array:
    """The weighted moments that `moments.survey` finds, device float64 [n, 4]."""
    from voxomics.kernels.shape import moments as kernel
    from voxomics.kernels.shape import tiles

    device = resident.device
    row, first, length, _ = resident.tiles(vois, per_slice=False)
    of_tile, weighted = (device.empty((n, kernel.N_WEIGHTED), np.float64) for n in (row.size, len(resident.batch)))
    device.launch(
        kernel.weigh_gpu, row.size, kernel.COUNTING, resident.region, row, first, length, resident.start,
        resident.shape, resident.value, resident.value_start, kept, of_tile,
    )  # fmt: skip
    device.launch(tiles.total_gpu, -(-of_tile.size // 128), 128, row, first, resident.start, of_tile, weighted)
    return weighted


def compute_on_device(
    resident: Resident, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Morphological features, float64 [k, 1, features]; see `OnDevice.compute`.

    The CPU finds the hull, and the holes of the complementary mesh, while the device works.
    """
    from voxomics.kernels.shape import complementary
    from voxomics.kernels.shape.around import LARGEST_DIAMETER

    device, batch = resident.device, resident.batch
    g = batch.geometry
    counts, moments, reach, kept = counts_on_device(resident, vois)
    area, parts = surface_on_device(resident, vois, counts, settings)
    weighted = weighted_on_device(resident, vois, kept)
    apart = squares_on_device(resident, vois) if _wants(settings, _DIAMETER) else None
    spacing = g.spacing_mm[g.image_of[vois]]
    sizes, matrices = _around(batch, vois, spacing, settings, False)
    if apart:
        sizes[:, LARGEST_DIAMETER] = np.sqrt(np.maximum.reduceat(device.get(apart[0]), apart[1]))
    has_holes = settings.morphology.mesh == "complementary"
    holes = _holes(batch, vois) if has_holes else np.zeros(len(vois), np.int64)
    volume = complementary.volume_of(device.get(parts)[vois], holes, spacing)
    extent = device.get(reach)[vois].reshape(-1, 2, 3).sum(1) - g.shape[vois] + 1
    return _features(
        batch, vois, spacing, device.get(area)[vois], volume, device.get(moments)[vois], device.get(weighted)[vois], extent,
        sizes, matrices,
    )  # fmt: skip


FAMILY = Family(
    "morphology", "HCUG", FEATURES, (), "mask", compute, need, device=OnDevice(compute_on_device, need_on_device, _AROUND),
    kernels="shape", last_kernel="shape.features.measure",
)  # fmt: skip
