"""The maximal correlation coefficient of the GLCM, which the standard does not define.

A family object of its own with the GLCM's name: it solves an eigenvalue problem for each matrix, counts the matrices for
itself, and costs nothing where it is not asked for by name.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine.aggregation import conventions, directional, feature_bytes, matrices, n_groups
from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.directions import direction_weights
from voxomics.engine.families import glcm
from voxomics.engine.feature import DIRECTIONAL, UNCOUNTABLE, Family, Feature
from voxomics.engine.settings import Settings

ONE = "no two voxels are neighbours, a single grey level, or more than 1,024 grey levels"

FEATURES = (
    # p, p_x, p_y: as for the other features of the GLCM
    Feature(
        "maximal_correlation_coefficient", "", "1",
        "root of the second largest eigenvalue of Q_ij = Σ_k p_ik p_jk / (p_x(i) p_y(k) + 2⁻⁵²)", 0, 1, ONE, 1.0,
    ),
)  # fmt: skip


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes that `compute` takes for each VOI, int64 [n]; a VOI of very many levels needs more than any machine has."""
    assert channel is not None
    _, groups = directional(settings.glcm.distance, aggregations, settings.glcm.shells)
    n = channel.n_present
    cells = n_groups(batch, np.arange(len(batch), dtype=np.int64), groups)
    memory = (4 * cells + 24) * (n + 1) ** 2 + 48 * n + feature_bytes(batch, groups, 2)
    return np.where(n > glcm.DENSE_LEVELS, UNCOUNTABLE, memory)


def compute(
    batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]
) -> F64:
    """The coefficient, float64 [k, aggregations, 1]; see `Family.compute`."""
    from voxomics.kernels.glcm import maximal as kernel
    from voxomics.kernels.grouping import means

    assert channel is not None
    chosen = settings.glcm
    dirs, groups = directional(chosen.distance, aggregations, chosen.shells)
    found, counts_start = glcm.counts(batch, channel, vois, chosen, aggregations)
    work, first = matrices(batch, vois, groups)
    feature = np.empty((len(work), 2))
    kernel.measure(
        found, counts_start, channel.level_start, batch.geometry.shape, vois, work,
        direction_weights(dirs, batch, vois, chosen.weighting), groups.n_planar, groups.per_slice, chosen.symmetric,
        feature,
    )  # fmt: skip
    place = np.array([kernel.COEFFICIENT])
    out = np.empty((len(vois), len(aggregations), len(FEATURES)))
    means(feature, first, place, conventions(FEATURES, place, 2, settings), out, np.arange(len(aggregations)), 0)
    return out


FAMILY = Family(
    "glcm", "LFYI", FEATURES, DIRECTIONAL, "level", compute, need, discretised="discretisation",
    reach=lambda s: s.glcm.reach, kernels="directional",
)  # fmt: skip
