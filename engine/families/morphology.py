"""Morphology, IBSI HCUG: 27 of its 29 features; the other two are in spatial_autocorrelation.py."""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Settings

ONE = "one voxel"
LINE = "all voxel centres on one line"
FLAT = "all voxel centres in one plane"
EMPTY = "no voxel in the intensity mask, or intensities whose sum is beyond float64"

FEATURES = (
    # V, A: volume and area of the surface mesh (marching cubes at 0.5 of the morphological mask); X: intensities of the intensity
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
        undefined="no voxel in the intensity mask, or intensities that add up to 0 or beyond float64",
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
_HULL = ("maximum_3d_diameter", "volume_density_convex_hull", "area_density_convex_hull", *_BOX, *_ELLIPSOID)


def _wants(settings: Settings, names: tuple[str, ...]) -> bool:
    return any(settings.wants(f"morphology.{name}") for name in names)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    g = batch.geometry
    shape = g.shape.astype(np.int64)
    # a convex polygon on an m × m lattice has at most about 3.5 m^(2/3) corners; up to six vertices lie beside each
    outline = np.minimum(2 * shape[:, 1], 4 * shape[:, 1:].max(1) ** (2 / 3) + 8)
    corners = (6 * shape[:, 0] * outline).astype(np.int64)
    result = np.full(len(batch), 4096, np.int64)
    if _wants(settings, _HULL):
        result += 700 * corners
    return result


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Morphological features, float64 [k, 1, 27]; see `Family.compute`. Those not wanted and costly are NaN."""
    from voxomics.kernels import mesh, shape

    g = batch.geometry
    k = len(vois)
    spacing = g.spacing_mm[g.image_of[vois]]
    counts, moments, extent = (np.zeros((k, n), np.int64) for n in (256, mesh.N_MOMENTS, 3))
    weighted = np.zeros((k, 4))
    mesh.survey(g.region, g.start, g.shape, vois, g.pad, batch.value, batch.value_start, counts, moments, weighted, extent)
    around = np.full((k, 8), np.nan)
    if _wants(settings, _HULL):
        wanted = shape.BOX * _wants(settings, _BOX) + shape.ELLIPSOID * _wants(settings, _ELLIPSOID)
        around = shape.around(g.region, g.start, g.shape, vois, g.pad, spacing, wanted)
    out = np.full((k, 1, len(FEATURES)), np.nan)
    area, volume = mesh.surface(counts, g.image_of[vois], g.spacing_mm)
    axes = shape.axes(moments, spacing)
    shape.measure(area, volume, moments, weighted, axes, around, extent, g.n_intensity[vois], spacing, out[:, 0])
    out[np.isinf(out)] = np.nan  # an intensity or its sum left float64
    return out


FAMILY = Family("morphology", "HCUG", FEATURES, (), "mask", compute, need)
