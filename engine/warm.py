"""Compile every kernel before it is needed, on several processes: Numba compiles on one thread of a process at a time."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np

from voxomics.engine import plan
from voxomics.engine.measure import measure
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack

_GROUPS = (  # first and third, second and fourth take as long to compile; those that share kernels are together
    ("morphology",),
    ("glcm", "glrlm", "ngldm"),
    ("ngtdm", "intensity_statistics", "intensity_histogram"),
    ("glszm", "gldzm", "local_intensity", "intensity_volume_histogram"),
)


def is_cold(families: tuple[str, ...]) -> bool:
    """True when this installation has not kept the compiled kernels of these families yet."""
    from voxomics.kernels import jit, local, mesh, pack
    from voxomics.kernels.glcm.measure import measure as measure_glcm
    from voxomics.kernels.zones.runs import find

    signs: dict[str, Any] = {"glcm": measure_glcm, "morphology": mesh.survey, "glszm": find, "local_intensity": local.peaks}
    return not all(jit.is_cached(kernel) for kernel in (pack.discretise, *(signs[name] for name in families if name in signs)))


def warm(families: tuple[str, ...]) -> None:
    """Compile what these families need for the default settings, by measuring a VOI of a few voxels.

    Parameters
    ----------
    families : tuple of str
    """
    settings = Settings.of({"features": families})
    image = np.random.default_rng(0).integers(-50, 50, (6, 7, 8)).astype(np.int16)
    masks = MaskStack((np.ones(image.shape, np.uint8),))
    prepared = build(Image(image, (2.0, 1.0, 1.0)), masks, find_vois(masks), settings)
    measure(prepared, plan.calls(plan.columns(settings), settings), settings, threads=1)


def warm_all(processes: int, families: tuple[str, ...] = sum(_GROUPS, ())) -> None:
    """Compile kernels into the cache, on several processes.

    Parameters
    ----------
    processes : int
        This one and others beside it. What another one could not do is compiled here.
    families : tuple of str
        Those that will be needed.
    """
    groups = [wanted for group in _GROUPS if (wanted := tuple(name for name in group if name in families))]
    parts: list[tuple[str, ...]] = [sum(groups[k::processes], ()) for k in range(min(processes, len(groups)))]
    # the other processes find what this one finds, and not what lies in the user's folder
    code = "import sys; sys.path[:] = {!r}; from voxomics.engine.warm import warm; warm({!r})"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code.format(sys.path, part)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for part in parts[1:]
    ]
    warm(parts[0])
    for other in others:
        other.wait()
    warm(families)
