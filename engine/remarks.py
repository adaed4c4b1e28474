"""Remarks on a row whose features all have values, for the reader of these values."""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import VoiBatch
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
        for i in np.flatnonzero(prepared.nonfinite):
            noted[i].append(f"{prepared.nonfinite[i]} NaN or infinite voxels were left out")
    for (_, name), below in prepared.below.items():
        for i in np.flatnonzero(below):
            noted[i].append(f"{below[i]} voxels below the origin of {name} are counted in level 1")
    between = {d.name for d in (*settings.discretisation, *settings.for_histogram) if d.method == "bounds"}
    for batch in prepared.batches.values():
        for name in filter(between.__contains__, batch.channels):
            for i in np.flatnonzero(_crowded(batch, name)):
                noted[i].append(
                    f"all intensities are in at most two levels of {name}; check its bounds (PET needs bounds in SUV)"
                )
    return noted


def _crowded(batch: VoiBatch, name: str) -> np.ndarray:
    """VOIs with many intensities of which a discretisation leaves one or two of many levels, bool [n]."""
    channel = batch.channels[name]
    few: np.ndarray = (channel.n_present <= 2) & (channel.n_nominal > 8) & (batch.geometry.n_intensity >= 64)
    return few
