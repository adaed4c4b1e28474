"""How matrices are grouped, which of them an aggregation averages over, and their means.

The work list is one for the CPU and for devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from voxomics.engine.directions import directions, shell, shell_directions

if TYPE_CHECKING:
    from voxomics.engine.batch import F64, I64, Channel, VoiBatch
    from voxomics.engine.feature import Feature
    from voxomics.engine.settings import Settings
    from voxomics.kernels.device import Array, Device

_FLAGS = {  # planar, by slice, by direction
    "2d_averaged": (1, 1, 1),
    "2d_slice_merged": (1, 1, 0),
    "2_5d_direction_merged": (1, 0, 1),
    "2_5d_merged": (1, 0, 0),
    "3d_averaged": (0, 0, 1),
    "3d_merged": (0, 0, 0),
    "2d": (1, 1, 0),
    "2_5d": (1, 0, 0),
    "3d": (0, 0, 0),
}
WORK_BYTES = 20
"""Of a row of the work list."""


@dataclass(frozen=True)
class Groups:
    """The groups that are counted for each VOI, and the aggregations that are made of them; see kernels/grouping.py.

    Attributes
    ----------
    flags : ndarray int64 [A, 3]
        Of each aggregation: only directions in plane, by slice, by direction.
    n_planar, n_dirs : int
        Directions within the slice, and all; n_dirs is 1 for matrices without a direction.
    per_slice : bool
        Whether groups within the slice are kept slice by slice.
    """

    flags: I64
    n_planar: int
    n_dirs: int
    per_slice: bool

    @cached_property
    def n_matrices(self) -> tuple[int, int]:
        """Matrices that all aggregations average over: so many in each slice, and so many of the volume."""
        of_slice = of_volume = 0
        for planar, by_slice, by_direction in self.flags.tolist():
            number = (self.n_planar if planar else self.n_dirs) if by_direction else 1
            of_slice, of_volume = (of_slice + number, of_volume) if by_slice else (of_slice, of_volume + number)
        return of_slice, of_volume

    def feature_bytes(self, n_slots: int) -> tuple[int, int]:
        """Bytes that the work list and the features of every matrix take: for each slice, and for each VOI."""
        of_slice, of_volume = self.n_matrices
        return of_slice * (WORK_BYTES + 8 * n_slots), of_volume * (WORK_BYTES + 8 * n_slots)

    def sliced(self) -> Groups:
        """The same aggregations of groups that are kept slice by slice."""
        return Groups(self.flags, self.n_planar, self.n_dirs, True)


def aggregation_flags(aggregations: tuple[str, ...]) -> I64:
    """Aggregations as numbers, int64 [A, 3]: only in plane, by slice, by direction."""
    return np.array([_FLAGS[a] for a in aggregations], dtype=np.int64).reshape(-1, 3)


@cache
def directional(
    distance: int, aggregations: tuple[str, ...], shells: tuple[int, ...] | None = None
) -> tuple[I64, Groups]:
    """Directions to count, int64 [D, 3], and the groups of matrices that are counted along them."""
    flags = aggregation_flags(aggregations)
    planar = bool(flags[:, 0].all())
    dirs = shell_directions(shells, planar) if shells else directions(distance, planar)
    return dirs, Groups(flags, int((dirs[:, 0] == 0).sum()), len(dirs), bool(flags[:, 1].any()))


@cache
def zonal(aggregations: tuple[str, ...]) -> tuple[tuple[bool, I64, Groups], ...]:
    """Neighbourhoods to count: whether they are planar, the numbers of the aggregations each serves, and its groups."""
    found = []
    for planar in (False, True):
        chosen = [j for j, name in enumerate(aggregations) if (name != "3d") == planar]
        if chosen:
            flags = aggregation_flags(tuple(aggregations[j] for j in chosen))
            found.append((planar, np.array(chosen), Groups(flags, int(planar), 1, bool(flags[:, 1].any()))))
    return tuple(found)


@cache
def zonal_kinds(aggregations: tuple[str, ...], n_slots: int, distances: tuple[int, ...] = ()) -> I64:
    """The neighbourhoods of `zonal`, as kernels/memory.py takes them, int64 [m, 4]; neighbours lie at the distances."""
    kinds = [
        (len(shell((0, *distances), planar)), groups.per_slice, *groups.feature_bytes(n_slots))
        for planar, _, groups in zonal(aggregations)
    ]
    return np.array(kinds, dtype=np.int64).reshape(-1, 4)


def n_slices(batch: VoiBatch, vois: I64, per_slice: bool) -> I64 | int:
    """Groups of matrices without a direction: padded slices of each VOI, int64 [k], if per_slice, else 1."""
    return batch.geometry.sides[vois, 0] if per_slice else 1


def n_groups(batch: VoiBatch, vois: I64, groups: Groups) -> I64 | int:
    """Groups to count: of each VOI, int64 [k], or one number for all."""
    return n_slices(batch, vois, groups.per_slice) * groups.n_planar + groups.n_dirs - groups.n_planar


def feature_bytes(batch: VoiBatch, groups: Groups, n_slots: int) -> I64 | int:
    """Bytes that the work list and the features of every matrix take: of each VOI, int64 [n], or one number for all."""
    of_slice, of_volume = groups.feature_bytes(n_slots)
    return of_slice * batch.geometry.n_slices + of_volume if of_slice else of_volume


def matrices(batch: VoiBatch, vois: I64, groups: Groups) -> tuple[npt.NDArray[np.int32], I64]:
    """The matrices that every VOI and aggregation averages over: the work list of the kernels that measure.

    Parameters
    ----------
    batch : VoiBatch
    vois : ndarray int64 [k]
    groups : Groups

    Returns
    -------
    work : ndarray int32 [m, 5]
        VOI, 0 .. k - 1; first and last (exclusive) padded slice, 0 and 1 where groups are not kept by slice; first and
        last (exclusive) direction. Ordered by VOI, aggregation, slice, direction.
    first : ndarray int64 [k · A + 1]
        Where the matrices of each VOI and aggregation begin.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(geometry=SimpleNamespace(shape=np.array([[5, 5, 5]], np.int32), pad=1))
    >>> groups = Groups(aggregation_flags(("3d_averaged", "3d_merged")), n_planar=4, n_dirs=13, per_slice=False)
    >>> work, first = matrices(batch, np.array([0]), groups)
    >>> len(work), first.tolist(), work[-1].tolist()
    (14, [0, 13, 14], [0, 0, 1, 0, 13])
    """
    from voxomics.kernels.grouping import list_matrices

    g = batch.geometry
    work, first = list_matrices(g.shape, vois, g.pad, groups.flags, groups.n_planar, groups.n_dirs, groups.per_slice)
    return work, first


def conventions(
    features: tuple[Feature, ...], places: npt.NDArray[np.int_], n_slots: int, settings: Settings
) -> F64:
    """What stands for undefined values of a matrix, float64 [slots], NaN for nothing.

    Parameters
    ----------
    features : tuple of Feature
    places : ndarray int [features]
        The slot of each.
    n_slots : int
    settings : Settings
    """
    if settings.degenerate == "undefined":
        return undefined(n_slots)
    found = np.full(n_slots, np.nan)
    found[places] = [np.nan if feature.convention is None else feature.convention for feature in features]
    return found


@cache
def undefined(n_slots: int) -> F64:
    """As `conventions` for features without any."""
    return np.full(n_slots, np.nan)


def means_on_device(
    device: Device, feature: Array, first: I64, groups: Groups, convention: F64 | None = None
) -> F64:
    """Means as `grouping.means` writes them, of every slot of features in a device's memory; in the host's, [k, A, slots]."""
    from voxomics.kernels import grouping

    n_slots = feature.shape[1]
    out = device.empty((len(first) - 1, n_slots), np.float64)
    chosen = device.put(undefined(n_slots) if convention is None else convention)
    blocks = -(-(len(first) - 1) * n_slots // 128)
    device.launch(grouping.means_gpu, blocks, 128, feature, device.put(first), chosen, out)
    return device.get(out).reshape(-1, len(groups.flags), n_slots)


def zonal_cells(batch: VoiBatch, channel: Channel, vois: I64, columns: I64, per_slice: bool) -> I64:
    """Cells of a VOI's matrices by level, 0 included, and by something that has `columns` values, int64 [k]."""
    return n_slices(batch, vois, per_slice) * (channel.n_present[vois] + 1) * columns


def counts_start(batch: VoiBatch, channel: Channel, vois: I64, columns: I64, n_planar: int, n_dirs: int, per_slice: bool) -> I64:
    """Where the groups of each VOI begin in its counts, and their end, int64 [k + 1]; see `begin` of kernels/grouping.py."""
    from voxomics.kernels import grouping

    start = np.empty(len(vois) + 1, np.int64)
    grouping.begin(batch.geometry.shape, channel.level_start, vois, columns, n_planar, n_dirs, per_slice, start)
    return start
