"""From intensities to grey levels: one channel of a batch for each discretisation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from voxomics.engine import pool
from voxomics.engine.batch import F64, I64, Channel, VoiBatch, offsets, sizes
from voxomics.engine.settings import Discretisation, Settings
from voxomics.engine.work import PACKED_VOXELS


def channel(
    batch: VoiBatch, chosen: Discretisation, settings: Settings, threads: int = 1, level_min: int = 1, places: bool = True,
    rows: I64 | None = None, dtype: npt.DTypeLike = np.float64,
) -> tuple[Channel, np.ndarray, I64]:
    """Grey levels of a batch under one discretisation; the geometry is only read.

    Parameters
    ----------
    batch : VoiBatch
    chosen : Discretisation
    settings : Settings
        Its re-segmentation range is the origin of a fixed bin size that names none.
    threads : int
    level_min : int
        Lowest level accepted.
    places : bool
        Whether Channel.level is wanted.
    rows : ndarray int64 [k], optional
        VOIs that have levels, ascending; by default all.
    dtype : dtype
        Type of the image's voxels, in which PyRadiomics places its edges.

    Returns
    -------
    Channel
    refused : ndarray uint8 [n]
        Why a VOI has no levels (see prepare.Prepared.refused); 0 where it has.
    below : ndarray int64 [n]
        See prepare.Prepared.below.
    """
    from voxomics.kernels.pack import levels as kernel

    n = len(batch)
    value = batch.value if chosen.method != "pyradiomics" else _edged(batch, chosen, dtype)
    method = {"fbn": kernel.FBN, "fbs": kernel.FBS, "bounds": kernel.BOUNDS, "none": kernel.NONE}.get(chosen.method, kernel.NONE)
    origin = chosen.origin if chosen.origin is not None else (settings.resegmentation.range or (None,))[0]
    rank = np.empty(len(batch.value) if places else 0, np.uint16)
    most = min(chosen.bins or kernel.MAX_PRESENT, kernel.MAX_PRESENT)
    n_voxels = sizes(batch.value_start)
    place = offsets(np.minimum(n_voxels, most))
    levels, number = np.empty(place[-1], np.int64), np.empty(place[-1], np.int64)
    n_present, n_nominal, below = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    refused = np.zeros(n, np.uint8)

    def discretise_part(part: I64, value: F64 = value) -> None:
        kernel.discretise(
            value, batch.value_start, part, method, chosen.bins or 0, chosen.width or 0.0,
            np.nan if origin in (None, "minimum") else float(origin), chosen.low or 0.0, chosen.high or 0.0, level_min,
            rank, levels, number, place, n_present, n_nominal, below, refused,
        )  # fmt: skip

    pool.for_parts(n_voxels, PACKED_VOXELS, threads, discretise_part, rows)
    if method == kernel.FBN and refused.any():  # bins · (v - low) left float64; levels do not depend on the unit
        huge = np.flatnonzero(refused)
        refused[huge] = 0
        discretise_part(huge, batch.value * 2.0**-64)
    level_start = offsets(n_present)
    level_of, count = np.empty(level_start[-1], np.int64), np.empty(level_start[-1], np.int64)
    kernel.compact(levels, place, n_present, level_of, level_start)
    kernel.compact(number, place, n_present, count, level_start)
    level = _placed(batch, rank, n_present, threads) if places else np.empty(0, np.uint8)
    return Channel(level, level_of, level_start, count, n_nominal), refused, below


def _edged(batch: VoiBatch, chosen: Discretisation, dtype: npt.DTypeLike) -> F64:
    """Grey levels of all intensities as PyRadiomics finds them: each VOI's own edges, which NumPy places in the image's type."""
    result = np.empty_like(batch.value)
    ends = batch.value_start
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        own = batch.value[first:last]
        if not np.isfinite(own).all() or first == last:
            result[first:last] = 1.0  # such a VOI has no levels
            continue
        values = own.astype(np.float32) if dtype == np.float32 else own
        if chosen.width is None:
            edges = np.histogram(values, chosen.bins or 1)[1]
            edges[-1] += 1
        else:
            low, high = values.min(), values.max()
            edges = np.arange(low - low % chosen.width, high + 2 * chosen.width, chosen.width)
        result[first:last] = _digitised(values, edges)
    return result


def _digitised(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """numpy.digitize for edges that lie about equally far apart, none above the lowest value: by arithmetic, not by search."""
    step = (edges[1] - edges[0]) if len(edges) > 1 else 1
    place = np.clip((values - edges[0]) / step, 0, len(edges) - 1).astype(np.int64)
    place -= values < edges[place]
    place += values >= np.append(edges, np.inf)[place + 1]
    levels: np.ndarray = place + 1
    return levels


def _placed(batch: VoiBatch, rank: np.ndarray, n_present: I64, threads: int) -> np.ndarray:
    """Channel.level from the voxels' ranks, in the smallest type that holds them."""
    from voxomics.kernels.pack import levels as kernel

    g = batch.geometry
    level = np.zeros(len(g.region), np.uint8 if n_present.max(initial=0) < 256 else np.uint16)

    def scatter_part(part: I64) -> None:
        kernel.scatter(g.region, g.start, part, rank, batch.value_start, n_present, level)

    pool.for_parts(g.box_voxels, PACKED_VOXELS, threads, scatter_part)
    return level
