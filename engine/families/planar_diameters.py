"""The largest diameters in planes across the axes: three of PyRadiomics' features of shape, which the standard lacks.

A family object of its own with morphology's name: they are measured only where they are named, on the CPU.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Settings

FEATURES = (
    # vertices of the surface mesh: middles between neighbouring voxels of which one is inside the morphological mask
    Feature("maximum_2d_diameter_slice", "", "mm", "largest distance of two vertices of the mesh with the same z", 0),
    Feature("maximum_2d_diameter_column", "", "mm", "largest distance of two vertices of the mesh with the same y", 0),
    Feature("maximum_2d_diameter_row", "", "mm", "largest distance of two vertices of the mesh with the same x", 0),
)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]: three lists of corners of a slice, and its rows."""
    result: I64 = 1024 + 128 * batch.geometry.sides.max(1).astype(np.int64)
    return result


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """The three diameters in mm, float64 [k, 1, 3]; see `Family.compute`."""
    from voxomics.kernels.shape.planar_diameter import planar_diameters

    g, out = batch.geometry, np.empty((len(vois), 1, len(FEATURES)))
    planar_diameters(g.region, g.start, g.shape, vois, g.pad, g.spacing_mm[g.image_of[vois]], out[:, 0])
    return out


FAMILY = Family("morphology", "HCUG", FEATURES, (), "mask", compute, need, kernels="shape")
