"""Features of dense matrices of grey level by a size, on the CPU or on a device: what GLRLM and NGLDM share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.aggregation import Groups, feature_bytes, matrices, means_on_device, undefined
from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import UNCOUNTABLE
from voxomics.engine.resident import Resident
from voxomics.kernels.size_matrix.slots import N_SLOTS

if TYPE_CHECKING:
    from voxomics.kernels.device import Array


def measure(
    batch: VoiBatch,
    channel: Channel,
    vois: I64,
    groups: Groups,
    counted: tuple[np.ndarray, I64, I64],
    weight: F64,
    by_size: bool,
    slots: I64,
    out: F64,
    chosen: I64,
) -> None:
    """Features of some VOIs under some aggregations.

    Parameters
    ----------
    batch : VoiBatch
    channel : Channel
    vois : ndarray int64 [k]
    groups : Groups
    counted : tuple of ndarray
        The counts, int32, ragged [k][group, L + 1, columns]; where each VOI's begin, int64 [k + 1]; its columns, int64
        [k].
    weight : ndarray float64 [k, directions]
    by_size : bool
        Whether an entry stands for as many voxels as its size says, or for one.
    slots : ndarray int64 [features]
        Those of kernels/size_matrix/slots.py that are wanted.
    out : ndarray float64 [k, A, features]
        Written, for the aggregations that are chosen.
    chosen : ndarray int64 [a]
        Which of A these are.
    """
    from voxomics.kernels.grouping import means
    from voxomics.kernels.size_matrix import measure as kernel

    counts, start, columns = counted
    work, first = matrices(batch, vois, groups)
    feature = np.empty((len(work), N_SLOTS))
    kernel.measure(
        counts, start, columns, channel.level_of, channel.level_start, batch.geometry.shape, vois, work, weight,
        groups.n_planar, groups.per_slice, by_size, feature,
    )  # fmt: skip
    means(feature, first, slots, undefined(N_SLOTS), out, chosen, 0)


def need_on_device(
    batch: VoiBatch, channel: Channel, groups: list[Groups], cells: list[I64], columns: list[I64]
) -> I64:
    """Bytes of device memory beside the batch, int64 [n]; VOIs of very large matrices are left to the CPU.

    Parameters
    ----------
    batch : VoiBatch
    channel : Channel
    groups : list of Groups
        Of each kind of matrix that is counted.
    cells : list of ndarray int64 [n]
        Cells of all matrices of that kind in each VOI.
    columns : list of ndarray int64 [n]
        Largest size possible.
    """
    from voxomics.kernels.size_matrix.measure import is_taken, places

    scratch = np.max([places(channel.n_present, most) for most in columns], axis=0)
    taken = is_taken(sum(cells), scratch, batch.geometry.box_voxels)
    features_of = sum(
        feature_bytes(batch, kind, 2 * N_SLOTS) for kind in groups
    )  # the means are no more than the features
    return np.where(taken, 4 * sum(cells) + 8 * scratch + features_of, UNCOUNTABLE)


def features_on_device(
    resident: Resident,
    channel: Channel,
    vois: I64,
    groups: Groups,
    counted: tuple[Array, I64, I64],
    weight: F64,
    by_size: bool,
) -> F64:
    """All slots of kernels/size_matrix/slots.py for some VOIs, float64 [k, aggregations, N_SLOTS].

    Parameters
    ----------
    resident : Resident
    channel : Channel
    vois : ndarray int64 [k]
    groups : Groups
    counted : tuple
        The counts, device int32, ragged [row][group, L, largest]; where each row's begin, int64 [n + 1]; its largest
        size possible, int64 [n].
    weight, by_size
        As for `measure`.
    """
    from voxomics.kernels.size_matrix import measure as kernel

    device, there = resident.device, resident.channel(channel)
    counts, start, largest = counted
    work, first = matrices(resident.batch, vois, groups)
    stride = int(kernel.places(channel.n_present[vois], largest[vois]).max(initial=1))
    blocks = int(min(len(work), max(1, resident.scratch // stride)))
    feature = device.empty((len(work), N_SLOTS), np.float64)
    device.launch(
        kernel.measure_gpu, blocks, kernel.MEASURING, counts, device.put(start[vois]),
        device.put(largest[vois].astype(np.int32)), there.level_of, there.level_start, resident.shape, device.put(vois),
        device.put(work), device.put(weight), groups.n_planar, groups.per_slice, by_size,
        device.empty(blocks * stride, np.float64), stride, feature,
    )  # fmt: skip
    return means_on_device(device, feature, first, groups)
