"""Compile every kernel in advance on several processes, because Numba compiles on only one thread of a process."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np

from voxomics.engine.families import FAMILIES
from voxomics.engine.measure import measure
from voxomics.engine.plan import Plan
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack


def _groups(families: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Families that share kernels, together; the group that comes first takes longest to compile."""
    groups: dict[str, dict[str, None]] = {}
    for family in FAMILIES:
        if family.name in families:
            groups.setdefault(family.kernels, {})[family.name] = None
    return [tuple(groups[name]) for name in sorted(groups, key=lambda name: [*_ORDER, name].index(name))]


_ORDER = ("shape", "directional", "intensity", "zones")  # first and third, second and fourth take as long


def is_cold(families: tuple[str, ...]) -> bool:
    """Whether the compiled kernels of these families are missing from the cache."""
    from voxomics.kernels import jit, pack

    names = {family.last_kernel for family in FAMILIES if family.name in families and family.last_kernel}
    return not all(jit.is_cached(kernel) for kernel in (pack.discretise, *map(_kernel, names)))


def _kernel(name: str) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(import_module(f"voxomics.kernels.{module}"), function)


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
    measure(prepared, Plan.of(settings), settings, threads=1)


def warm_all(processes: int, families: tuple[str, ...] | None = None) -> None:
    """Compile kernels into the cache, on several processes.

    Parameters
    ----------
    processes : int
        This one and others beside it. What another one could not do is compiled here.
    families : tuple of str, optional
        Those that will be needed; by default all.
    """
    families = families or tuple(dict.fromkeys(family.name for family in FAMILIES))
    groups = _groups(families)
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
