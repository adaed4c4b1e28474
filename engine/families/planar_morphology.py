"""Shape of a mask that is one slice thick along z: PyRadiomics' class shape2D, which the standard lacks.

Its features are measured only where they are named, on the CPU.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.families import planar_diameters
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Settings

THICK = "the mask spans more than one slice"
ONE = f"{THICK}, or one voxel"

FEATURES = (
    # A, P: surface and perimeter of the outline (marching squares at 0.5 of the morphological mask; pixels that share
    # only a corner are apart); λ: eigenvalues of the covariance (n, not n - 1) of the pixel centres
    Feature("mesh_surface", "", "mm2", "A", 0, undefined=THICK),
    Feature("pixel_surface", "", "mm2", "pixels of the morphological mask · surface of a pixel", 0, undefined=THICK),
    Feature("perimeter", "", "mm", "P", 0, undefined=THICK),
    Feature("perimeter_to_surface_ratio", "", "1/mm", "P / A", 0, undefined=THICK),
    Feature("sphericity", "", "1", "2 √(π A) / P", 0, 1, undefined=THICK),
    Feature("spherical_disproportion", "", "1", "P / (2 √(π A))", 1, undefined=THICK),
    Feature("maximum_diameter", "", "mm", "largest distance between two vertices of the outline", 0, undefined=THICK),
    Feature("major_axis_length", "", "mm", "4 √λ_major", 0, undefined=THICK),
    Feature("minor_axis_length", "", "mm", "4 √λ_minor", 0, undefined=THICK),
    Feature("elongation", "", "1", "√(λ_minor / λ_major)", 0, 1, undefined=ONE),
)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]: its cells by configuration, its moments, and its diameter."""
    result: I64 = 4096 + planar_diameters.need(batch, channel, settings, aggregations)
    return result


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """Features of masks that are one slice thick, float64 [k, 1, features]; see `Family.compute`."""
    from voxomics.kernels.shape import mesh, planar
    from voxomics.kernels.shape import moments as kernel
    from voxomics.kernels.shape.ellipsoid import semi_axes
    from voxomics.kernels.shape.features import covariances
    from voxomics.kernels.shape.planar_diameter import planar_diameters

    g = batch.geometry
    out = np.full((len(vois), 1, len(FEATURES)), np.nan)
    moments, extent = np.zeros((len(vois), kernel.N_MOMENTS), np.int64), np.zeros((len(vois), 3), np.int64)
    weighted = np.zeros((len(vois), kernel.N_WEIGHTED))
    kernel.survey(g.region, g.start, g.shape, vois, g.pad, batch.value, batch.value_start, moments, weighted, extent)
    thin = np.flatnonzero(extent[:, 0] == 1)
    chosen, moments = vois[thin], moments[thin]
    counts, matrices = np.zeros((len(thin), mesh.CONFIGURATIONS), np.int64), np.empty((len(thin), 3, 3))
    diameter, spacing = np.empty((len(thin), 1)), g.spacing_mm[g.image_of[chosen]]
    mesh.count(g.region, g.start, g.shape, chosen, g.pad, counts)
    covariances(moments, spacing, matrices)
    planar_diameters(g.region, g.start, g.shape, chosen, g.pad, spacing, diameter)
    out[thin, 0] = planar.measure(counts, moments[:, kernel.N], semi_axes(matrices), diameter[:, 0], spacing)
    return out


FAMILY = Family("planar_morphology", "", FEATURES, (), "mask", compute, need, kernels="shape")
