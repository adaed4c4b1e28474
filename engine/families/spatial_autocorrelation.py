"""Moran's I and Geary's C: the two of the 29 morphological features (IBSI HCUG) that depend on all pairs of voxels.

A family object of its own with morphology's name: it takes memory in proportion to the box, and a VOI whose box is too large for
that keeps the other 27.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine import pool
from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Settings

VARIED = "fewer than two voxels in the intensity mask, or a single intensity"

FEATURES = (
    # X: intensities of the intensity mask, N of them, μ: their mean
    Feature("morans_i_index", "N365", "1", "N Σ w (X-μ)(X'-μ) / (Σ w Σ (X-μ)²), w = 1 / distance", undefined=VARIED),
    Feature("gearys_c_measure", "NPT7", "1", "(N-1) Σ w (X-X')² / (2 Σ w Σ (X-μ)²), w = 1 / distance", 0, undefined=VARIED),
)


def _ways(batch: VoiBatch) -> tuple[I64, I64, I64]:
    """How each VOI is measured: transform sizes int64 [n, 3], way int64 [n] and bytes int64 [n]; see `spatial.choose`."""
    from voxomics.kernels import spatial

    g = batch.geometry
    size, way, held = np.empty((len(batch), 3), np.int64), np.empty(len(batch), np.int64), np.empty(len(batch), np.int64)
    spatial.choose(g.shape, g.pad, g.n_intensity, spatial.COST, size, way, held)
    return size, way, held


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    return _ways(batch)[2]


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Moran's I and Geary's C, float64 [k, 1, 2]; see `Family.compute`."""
    from voxomics.kernels import spatial

    g = batch.geometry
    size, way, _ = _ways(batch)
    out = np.full((len(vois), len(FEATURES)), np.nan)
    spatial.small(
        g.region, g.start, g.shape, g.pad, batch.value, batch.value_start, g.spacing_mm, g.image_of, vois, way, out
    )  # fmt: skip
    for k in np.flatnonzero(way[vois] > spatial.ROWS):
        i = vois[k]
        box = g.region[g.start[i] : g.start[i + 1]].reshape(g.shape[i])
        box = box[g.pad : -g.pad, g.pad : -g.pad, g.pad : -g.pad]
        value = batch.value[batch.value_start[i] : batch.value_start[i + 1]]
        spatial.large(box, value, g.spacing_mm[g.image_of[i]], size[i], pool.helpers(), out[k])
    return out[:, None]


FAMILY = Family(
    "morphology", "HCUG", FEATURES, (), "value", compute, need,
    kernels="spatial",
)  # fmt: skip
