"""Directions between neighbours, and how an aggregation groups them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from voxomics.engine.batch import F64, I64, Channel, VoiBatch
    from voxomics.engine.settings import Weighting

_FLAGS = {  # planar, by slice, by direction
    "2d_averaged": (1, 1, 1),
    "2d_slice_merged": (1, 1, 0),
    "2_5d_direction_merged": (1, 0, 1),
    "2_5d_merged": (1, 0, 0),
    "3d_averaged": (0, 0, 1),
    "3d_merged": (0, 0, 0),
}
_LEAST = 1e-140  # its square is a normal float64; of any other weight it is nothing


def aggregation_flags(aggregations: tuple[str, ...]) -> I64:
    """Aggregations as the kernels know them, int64 [A, 3]: only in plane, by slice, by direction."""
    return np.array([_FLAGS[a] for a in aggregations], dtype=np.int64).reshape(-1, 3)


def grouping(distance: int, aggregations: tuple[str, ...]) -> tuple[I64, int, bool]:
    """Directions to count, how many of them lie in plane, and whether those are kept slice by slice."""
    kinds = aggregation_flags(aggregations)
    dirs = directions(distance, planar=bool(kinds[:, 0].all()))
    return dirs, int((dirs[:, 0] == 0).sum()), bool(kinds[:, 1].any())


def n_groups(batch: VoiBatch, vois: I64, dirs: I64, n_planar: int, per_slice: bool) -> I64:
    """Matrices to count for each VOI, int64 [k]."""
    slices = batch.geometry.shape[vois, 0].astype(np.int64) if per_slice else np.ones(len(vois), np.int64)
    return slices * n_planar + len(dirs) - n_planar


def zonal_cells(batch: VoiBatch, channel: Channel, vois: I64, columns: I64, per_slice: bool) -> I64:
    """Cells of a VOI's matrices by level and by something without a direction that has `columns` values, int64 [k]."""
    groups = batch.geometry.shape[vois, 0].astype(np.int64) if per_slice else np.ones(len(vois), np.int64)
    return groups * (channel.n_present[vois] + 1) * columns


def matrices(
    batch: VoiBatch, vois: I64, n_planar: int, n_dirs: int, per_slice: bool, flags: I64
) -> tuple[npt.NDArray[np.int32], I64]:
    """The matrices that every VOI and aggregation averages over: a work list for a GPU.

    Parameters
    ----------
    batch : VoiBatch
    vois : ndarray int64 [k]
    n_planar, n_dirs : int
        Directions within the slice, and all; 1 and 1 for matrices without a direction.
    per_slice : bool
        Whether planar groups are kept slice by slice.
    flags : ndarray int64 [A, 3]
        From `aggregation_flags`.

    Returns
    -------
    work : ndarray int32 [m, 5]
        Row of the batch; first and last (exclusive) padded slice, 0 and 1 where groups are not kept by slice; first and last
        (exclusive) direction. Ordered by VOI, aggregation, slice, direction.
    first : ndarray int64 [k · A + 1]
        Where the matrices of each VOI and aggregation begin.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(geometry=SimpleNamespace(shape=np.array([[5, 5, 5]]), pad=1))
    >>> work, first = matrices(batch, np.array([0]), 4, 13, False, aggregation_flags(("3d_averaged", "3d_merged")))
    >>> len(work), first.tolist(), work[-1].tolist()
    (14, [0, 13, 14], [0, 0, 1, 0, 13])
    """
    slices = batch.geometry.shape[vois, 0].astype(np.int64)
    pad = batch.geometry.pad
    lists, numbers = [], []
    for planar, by_slice, by_direction in flags:
        last = n_planar if planar else n_dirs
        of_slice = last if by_direction else 1
        number = (slices - 2 * pad if by_slice else np.ones(len(vois), np.int64)) * of_slice
        own = np.repeat(np.arange(len(vois)), number)
        at = np.arange(len(own)) - np.repeat(np.cumsum(number) - number, number)
        z, d = at // of_slice + pad, at % of_slice
        whole = slices[own] if per_slice else np.ones(len(own), np.int64)
        columns = (vois[own], z if by_slice else 0 * z, z + 1 if by_slice else whole, d, d + 1 if by_direction else 0 * d + last)
        lists.append(np.stack(columns, axis=1))
        numbers.append(number)
    group = np.concatenate([np.repeat(np.arange(len(vois)) * len(flags) + j, n) for j, n in enumerate(numbers)])
    work = np.concatenate(lists)[np.argsort(group, kind="stable")].astype(np.int32)
    return work, np.concatenate((np.zeros(1, np.int64), np.cumsum(np.stack(numbers, axis=1).ravel())))


@cache
def directions(distance: int, planar: bool = False) -> I64:
    """Steps from a voxel to its neighbours, one of each pair of opposite ones.

    The 13 (in plane 4) directions to the voxels around, times the Chebyshev distance: the standard looks along the same ones
    further away. PyRadiomics takes every voxel at that distance instead.

    Parameters
    ----------
    distance : int
        Chebyshev distance, ≥ 1.
    planar : bool
        Only steps within a slice (dz = 0).

    Returns
    -------
    ndarray int64 [D, 3], read-only
        Steps (dz, dy, dx); those within the slice come first. D = 13, or 4 in plane.

    Examples
    --------
    >>> len(directions(1)), directions(2, planar=True).tolist()
    (13, [[0, 0, 2], [0, 2, -2], [0, 2, 0], [0, 2, 2]])
    """
    steps = (-1, 0, 1)
    half = [
        (dz, dy, dx)
        for dz in ((0,) if planar else steps)
        for dy in steps
        for dx in steps
        if (dz, dy, dx) > (0, 0, 0)
    ]  # fmt: skip
    found = distance * np.array(sorted(half, key=lambda step: (step[0] != 0, step)), dtype=np.int64)
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
        All 1 without weighting. Features follow from ratios of the weights of a VOI (non-uniformities are all but 0 here), so
        where none would reach e^-230 under "gaussian" (voxels of more than 15 mm) all are raised by one factor to keep them
        above the smallest float64; and none is below _LEAST, so that a direction alone still has its matrix.
    """
    g = batch.geometry
    size = g.spacing_mm[g.image_of[vois]] if chosen.unit == "mm" else np.ones((len(vois), 3))
    steps = np.abs(dirs) * size[:, None, :]
    norm = {"manhattan": steps.sum(2), "euclidean": np.sqrt((steps**2).sum(2)), "chebyshev": steps.max(2)}[chosen.norm]
    if chosen.function == "gaussian":
        square = norm**2
        raised = np.maximum(square.min(axis=1, keepdims=True, initial=np.inf) - 230.0, 0.0)
        weights: F64 = np.maximum(np.exp(-(square - raised)), _LEAST)
        return weights
    return 1.0 / norm if chosen.function == "inverse" else np.ones(norm.shape)
