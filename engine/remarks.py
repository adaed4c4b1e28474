"""Remarks on a row whose features all have values, for the reader of these values."""

from __future__ import annotations

import numpy as np

from voxomics.engine import images
from voxomics.engine.batch import I64, MORPHOLOGICAL, Geometry, VoiBatch, offsets
from voxomics.engine.prepare import Prepared
from voxomics.engine.settings import Settings


def remarks(prepared: Prepared, settings: Settings) -> list[list[str]]:
    """Remarks on each VOI.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings

    Returns
    -------
    list of n lists of str
    """
    noted: list[list[str]] = [[] for _ in range(len(prepared))]
    if settings.nonfinite == "exclude":
        for i in prepared.nonfinite.nonzero()[0]:
            noted[i].append(f"{prepared.nonfinite[i]} NaN or infinite voxels were left out")
    for (image, name), below in prepared.below.items():
        for i in below.nonzero()[0]:
            noted[i].append(f"{below[i]} voxels{_of(image)} below the origin of {name} are counted in level 1")
    settings_of = settings.by_image
    for image, batch in prepared.batches.items():
        own = settings_of[image]
        between = {d.name for d in (*own.discretisation, *own.for_histogram) if d.method == "bounds"}
        for name in filter(between.__contains__, batch.channels):
            for i in _crowded(batch, name).nonzero()[0]:
                noted[i].append(
                    f"all intensities{_of(image)} are in at most two levels of {name}; check its bounds (PET needs bounds in SUV)"
                )
    return noted


def _of(image: str) -> str:
    return "" if image == images.BASE else f" of the {image} image"


def _crowded(batch: VoiBatch, name: str) -> np.ndarray:
    """VOIs with many intensities of which a discretisation leaves one or two of many levels, bool [n]."""
    channel = batch.channels[name]
    few: np.ndarray = (channel.n_present <= 2) & (channel.n_nominal > 8) & (batch.geometry.n_intensity >= 64)
    return few


def clusters(geometry: Geometry) -> I64:
    """Number of clusters of each drawn mask, int64 [n]; a cluster's voxels are linked through faces, edges and corners."""
    from voxomics.kernels.zones import runs

    g, vois = geometry, np.arange(len(geometry.label), dtype=np.int64)
    room = offsets(g.n_morphological)
    number = np.zeros(len(vois), np.int64)
    rank, size, slice_of = (np.empty(room[-1], np.int32) for _ in range(3))
    no_depth, no_distance = np.empty(0, np.uint16), np.empty(0, np.int32)
    runs.find(
        g.region & MORPHOLOGICAL, g.start, g.shape, vois, g.pad, False, no_depth, np.zeros(len(vois) + 1, np.int64),
        room, number, rank, size, no_distance, slice_of,
    )  # fmt: skip
    return number
