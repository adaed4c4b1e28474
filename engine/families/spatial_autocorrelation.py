"""Moran's I and Geary's C: the two of the 29 morphological features (IBSI HCUG) that depend on all pairs of voxels.

A family object of its own with morphology's name: it takes memory in proportion to the box, and a VOI whose box is too large for
that keeps the other 27.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64, I64, INTENSITY, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Settings

VARIED = "fewer than two voxels in the intensity mask, or a single intensity"

FEATURES = (
    # X: intensities of the intensity mask, N of them, μ: their mean
    Feature("morans_i_index", "N365", "1", "N Σ w (X-μ)(X'-μ) / (Σ w Σ (X-μ)²), w = 1 / distance", undefined=VARIED),
    Feature("gearys_c_measure", "NPT7", "1", "(N-1) Σ w (X-X')² / (2 Σ w Σ (X-μ)²), w = 1 / distance", 0, undefined=VARIED),
)


def _transforms(batch: VoiBatch) -> tuple[I64, I64]:
    """Size (z, y, x) of each VOI's padded box, int64 [n, 3], and whether the sums over pairs take the FFT, bool [n]."""
    from voxomics.kernels.spatial import DIRECT_PAIRS_PER_POINT, padded

    g = batch.geometry
    extent = g.shape.astype(np.int64) - 2 * g.pad
    distinct, which = np.unique(extent, return_inverse=True)
    size = np.array(padded(distinct), dtype=np.int64)[which].reshape(extent.shape)
    n = g.n_intensity
    return size, n * (n - 1) // 2 > DIRECT_PAIRS_PER_POINT * size.prod(1)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]."""
    from voxomics.kernels.spatial import SPECTRUM

    size, by_fft = _transforms(batch)
    spectra = 9 * size.prod(1) + 64 * np.maximum(size[:, 0] * size[:, 1], SPECTRUM)
    result: I64 = 4096 + 80 * batch.geometry.n_intensity + np.where(by_fft, spectra, 0)
    return result


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Moran's I and Geary's C, float64 [k, 1, 2]; see `Family.compute`."""
    from voxomics.kernels import spatial

    g = batch.geometry
    _, by_fft = _transforms(batch)
    out = np.full((len(vois), 1, len(FEATURES)), np.nan)
    for k, i in enumerate(vois):
        values = spatial.centred(batch.value[batch.value_start[i] : batch.value_start[i + 1]])
        if values is None:
            continue
        box = g.region[g.start[i] : g.start[i + 1]].reshape(g.shape[i])
        inside = box[g.pad : -g.pad, g.pad : -g.pad, g.pad : -g.pad] & INTENSITY > 0
        spacing = g.spacing_mm[g.image_of[i]]
        out[k, 0] = spatial.by_fft(inside, values, spacing) if by_fft[i] else spatial.by_pairs(inside, values, spacing)
    return out


FAMILY = Family(
    "morphology", "HCUG", FEATURES, (), "value", compute, need,
    kernels="shape",
)  # fmt: skip
