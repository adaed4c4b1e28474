"""What a feature and a family are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voxomics.engine.batch import F64, I64, Channel, VoiBatch
    from voxomics.engine.settings import Settings, Weighting

DIRECTIONAL = ("2d_averaged", "2d_slice_merged", "2_5d_direction_merged", "2_5d_merged", "3d_averaged", "3d_merged")
"""Aggregations of matrices counted per direction (IBSI BTW3, SUJT, JJUI, ZW7Z, ITBB, IAZD)."""
ZONAL = ("2d", "2_5d", "3d")
"""Aggregations of matrices without a direction (IBSI 8QNN, 62GR, KOBO)."""


@dataclass(frozen=True)
class Feature:
    """One definition of the standard.

    Attributes
    ----------
    name : str
        IBSI's name in lower case with underscores.
    ibsi : str
        Permanent 4-character id, "" where the standard has none.
    unit : str
        "1", "mm", "mm2", "mm3", "intensity", "intensity2", "level", "level2" ...
    definition : str
        The formula, in one line of text.
    low, high : float
        Range of possible values.
    undefined : str
        When the value is NaN, as a phrase ("fewer than two grey levels"); "" when it is always defined.
    """

    name: str
    ibsi: str
    unit: str
    definition: str
    low: float = -inf
    high: float = inf
    undefined: str = ""


@dataclass(frozen=True)
class Family:
    """A group of features measured on one structure.

    Attributes
    ----------
    name, ibsi : str
        Name in columns, and IBSI's id of the family.
    features : tuple of Feature
        In the order of `compute`'s last axis.
    aggregations : tuple of str
        Accepted aggregations; () for a family without.
    channel : str
        What `compute` cannot do without: "mask" (the drawn mask; intensities may be gone), "value" (intensities), "level" (a
        discretised channel), "ivh" (the intensity-volume histogram's channel).
    compute : callable
        ``compute(batch, channel, vois, settings, aggregations) -> float64 [k, max(1, len(aggregations)), len(features)]``.
        `channel` is None unless the family reads "level"; `vois` int64 [k] are the rows of the batch to do. NaN means undefined.
        Called from several threads at once; imports its kernels when called, so that the registry costs nothing to import.
    need : callable
        ``need(batch, channel, settings, aggregations) -> int64 [n]``: bytes of working memory `compute` takes for each VOI of
        the batch. engine/plan.py cuts the VOIs into calls that fit the memory limit and refuses a VOI that cannot.
    first : int
        Where the family's features begin on `compute`'s last axis. Families that share one `compute` (GLSZM and GLDZM measure the
        same zones) are computed in one call, whose last axis holds the features of all of them.
    """

    name: str
    ibsi: str
    features: tuple[Feature, ...]
    aggregations: tuple[str, ...]
    channel: str
    compute: Callable[[VoiBatch, Channel | None, I64, Settings, tuple[str, ...]], F64]
    need: Callable[[VoiBatch, Channel | None, Settings, tuple[str, ...]], I64]
    first: int = 0


@cache
def directions(distance: int, planar: bool = False) -> I64:
    """Half of the neighbours at a Chebyshev distance: one of each pair of opposite offsets.

    Parameters
    ----------
    distance : int
        Chebyshev distance, ≥ 1.
    planar : bool
        Only offsets within a slice (dz = 0).

    Returns
    -------
    ndarray int64 [D, 3], read-only
        Offsets (dz, dy, dx); those within the slice come first. D = 13 in 3D and 4 in plane for distance 1.

    Examples
    --------
    >>> len(directions(1)), len(directions(1, planar=True)), len(directions(2))
    (13, 4, 49)
    """
    span = range(-distance, distance + 1)
    half = [
        (dz, dy, dx)
        for dz in ((0,) if planar else span)
        for dy in span
        for dx in span
        if (dz, dy, dx) > (0, 0, 0) and max(abs(dz), abs(dy), abs(dx)) == distance
    ]
    found = np.array(sorted(half, key=lambda offset: (offset[0] != 0, offset)), dtype=np.int64)
    found.setflags(write=False)
    return found


def direction_weights(dirs: I64, batch: VoiBatch, vois: I64, chosen: Weighting) -> F64:
    """Weight of each direction's counts in each VOI (IBSI 6CK8).

    Parameters
    ----------
    dirs : ndarray int64 [D, 3]
    batch : VoiBatch
        For the voxel size, where distances are in mm.
    vois : ndarray int64 [k]
    chosen : Weighting

    Returns
    -------
    ndarray float64 [k, D]
        All 1 without weighting.
    """
    g = batch.geometry
    size = g.spacing_mm[g.image_of[vois]] if chosen.unit == "mm" else np.ones((len(vois), 3))
    steps = np.abs(dirs) * size[:, None, :]
    norm = {"manhattan": steps.sum(2), "euclidean": np.sqrt((steps**2).sum(2)), "chebyshev": steps.max(2)}[chosen.norm]
    weights: dict[str, F64] = {"none": np.ones(norm.shape), "inverse": 1.0 / norm, "gaussian": np.exp(-(norm**2))}
    return weights[chosen.function]
