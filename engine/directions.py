"""Directions between neighbours, and the weights of their counts."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from voxomics.engine.batch import F64, I64, VoiBatch
    from voxomics.engine.settings import Weighting

_LEAST = 1e-140  # its square is a normal float64; of any other weight it is nothing


@cache
def directions(distance: int, planar: bool = False) -> I64:
    """Steps from a voxel to its neighbours; of two opposite steps, only one is listed.

    The 13 (in plane 4) directions to the voxels around, times the Chebyshev distance: the standard looks along the same
    ones further away. PyRadiomics takes every voxel at that distance instead.

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


@cache
def shell(distances: tuple[int, ...], planar: bool = False) -> I64:
    """Steps from a voxel to all voxels at some Chebyshev distances.

    Parameters
    ----------
    distances : tuple of int
        Chebyshev distances, ≥ 0.
    planar : bool
        Only steps within a slice (dz = 0).

    Returns
    -------
    ndarray int64 [n, 3], read-only
        Steps (dz, dy, dx), in the order of z, y and x.

    Examples
    --------
    >>> [len(shell((1,))), len(shell((2,))), len(shell((0, 1, 2)))]
    [26, 98, 125]
    """
    side = np.arange(-max(distances), max(distances) + 1)
    steps = np.stack(np.meshgrid(side[side == 0] if planar else side, side, side, indexing="ij"), -1).reshape(-1, 3)
    found: I64 = steps[np.isin(np.abs(steps).max(1), distances)].astype(np.int64)
    found.setflags(write=False)
    return found


@cache
def shell_directions(shells: tuple[int, ...], planar: bool = False) -> I64:
    """As `directions`: one of each two opposite steps to the voxels at some Chebyshev distances.

    Examples
    --------
    >>> len(shell_directions((2,))), len(shell_directions((1, 2))), len(shell_directions((2,), planar=True))
    (49, 62, 8)
    >>> bool((shell_directions((1,)) == directions(1)).all())
    True
    """
    steps = shell(shells, planar)
    half = steps[len(steps) // 2 :]  # opposite steps stand in opposite places
    found: I64 = half[np.argsort(half[:, 0] != 0, kind="stable")]
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
        All 1 without weighting. Features follow from ratios of the weights of a VOI (non-uniformities are all but 0
        here), so where none would reach e^-230 under "gaussian" (voxels of more than 15 mm) all are raised by one
        factor to keep them above the smallest float64; and none is below _LEAST, so that a direction alone still has
        its matrix.
    """
    if chosen.function == "none":
        return np.ones((len(vois), len(dirs)))
    g = batch.geometry
    size = g.spacing_mm[g.image_of[vois]] if chosen.unit == "mm" else np.ones((len(vois), 3))
    steps = np.abs(dirs) * size[:, None, :]
    norm = {"manhattan": steps.sum(2), "euclidean": np.sqrt((steps**2).sum(2)), "chebyshev": steps.max(2)}[chosen.norm]
    if chosen.function == "gaussian":
        square = norm**2
        raised = np.maximum(square.min(axis=1, keepdims=True, initial=np.inf) - 230.0, 0.0)
        weights: F64 = np.maximum(np.exp(-(square - raised)), _LEAST)
        return weights
    plain: F64 = norm if chosen.function == "distance" else 1.0 / norm
    return plain
