"""Compile every kernel before it is needed, on several processes: Numba compiles on one thread of a process at a time."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from voxomics.engine import plan
from voxomics.engine.measure import measure
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack

_GROUPS = (  # of about the same compile time, those first that share kernels
    ("morphology", "local_intensity"),
    ("glcm", "glrlm", "ngldm", "intensity_statistics"),
    ("glszm", "gldzm", "ngtdm", "intensity_histogram", "intensity_volume_histogram"),
)


def is_cold() -> bool:
    """True when this installation has not kept compiled kernels yet."""
    from voxomics.kernels import glcm, jit, mesh

    return not all(jit.is_cached(kernel) for kernel in (glcm.measure, mesh.survey))


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


def warm_all(processes: int) -> None:
    """Compile every family's kernels into the cache.

    Parameters
    ----------
    processes : int
        This one and others beside it.

    Raises
    ------
    subprocess.CalledProcessError
        Another process failed; its own message is on stderr.
    """
    processes = min(processes, len(_GROUPS))
    parts = [sum(_GROUPS[k::processes], ()) for k in range(processes)]
    others = [subprocess.Popen([sys.executable, "-m", "voxomics.engine.warm", *part]) for part in parts[1:]]
    warm(parts[0])
    for other in others:
        if other.wait():
            raise subprocess.CalledProcessError(other.returncode, other.args)
    warm(sum(_GROUPS, ()))


if __name__ == "__main__":
    warm(tuple(sys.argv[1:]))
