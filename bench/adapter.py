"""The engine's steps as the benches call them: the one file that follows when something inside the engine moves.

Benches run against older commits too. `first` takes what the commit has of several places, newest first, and a
commit that has none of them skips the bench.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

DISCRETISATION = {"discretisation": [{"method": "fbs", "width": 25, "origin": -100}]}


class Absent(Exception):
    """The commit that is measured does not have it."""


def first(*places: str) -> Any:
    """What stands at the first of these ``module:name`` below voxomics that there is."""
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(import_module(f"voxomics.{module}"), name)
        except (ImportError, AttributeError):
            continue
    raise Absent(f"this commit has no {' and no '.join(places)}")


def settings(options: dict[str, Any]) -> Any:
    """Settings object of these options."""
    return first("engine.settings:Settings").of(options)


def families() -> tuple[Any, ...]:
    """Every family of features, in order."""
    found: tuple[Any, ...] = first("engine.families:FAMILIES")
    return found


def find(mask: np.ndarray) -> Callable[[], Any]:
    """A call that finds the VOIs of a mask [z, y, x]."""
    find_vois = first("engine.prepare:find_vois")
    stack = first("engine.volume:MaskStack")((mask,))
    return lambda: find_vois(stack)


def preparing(
    volume: np.ndarray, mask: np.ndarray, spacing_mm: tuple[float, ...], chosen: Any, threads: int = 1
) -> Callable[[], Any]:
    """A call that prepares the VOIs of a case as a batch; they are found here."""
    build = first("engine.prepare:build")
    image = first("engine.volume:Image")(volume, spacing_mm)
    stack = first("engine.volume:MaskStack")((mask,))
    vois = first("engine.prepare:find_vois")(stack)
    return lambda: build(image, stack, vois, chosen, threads)


def columns(chosen: Any) -> list[Any]:
    """Columns that these settings give."""
    found: list[Any] = first("engine.plan:columns")(chosen)
    return found


def measuring(prepared: Any, chosen: Any, threads: int = 1, device: Any = None) -> Callable[[], np.ndarray]:
    """A call that measures a batch, as `preparing` gives it: float64 [vois, columns]."""
    measure = first("engine.measure:measure")
    try:
        plan = first("engine.plan:Plan").of(chosen)
        backend = first("engine.backends:Backend")("auto" if device else "cpu", device)
    except Absent:  # before a run was of many images
        plan = first("engine.plan:calls")(columns(chosen), chosen)
        return lambda: measure(prepared, plan, chosen, threads, device=device).values
    return lambda: measure(prepared, plan, chosen, threads, backend=backend).values


def offload() -> Any:
    """The module whose STREAMS says how many pieces of a batch are on a device at once."""
    return first("engine:offload")


def available_threads() -> int:
    """Threads that this process may use."""
    found: int = first("engine.pool:available_threads")()
    return found


def near(family: Any) -> Any:
    """What a texture family's counting takes to say which voxels are neighbours: its settings, before the distance alone."""
    return family if hasattr(family, "shells") else 1


def counting(kernel: str, prepared: Any, chosen: Any) -> Callable[[], Any]:
    """A call of a counting kernel on all VOIs of a batch, in 3D; the call makes and zeroes its arrays of counts."""
    batch = prepared.batches["original"] if hasattr(prepared, "batches") else prepared.batch
    (channel, *_) = batch.channels.values()
    vois = np.arange(len(batch), dtype=np.int64)
    if kernel == "mesh and moments":
        return _surveying(batch, vois)
    directional = ("3d_averaged", "3d_merged")
    zones = ("engine.families.zones.cpu:find", "engine.families.glszm:zones")
    places, arguments = {
        "levels": (("engine.discretise:channel", "engine.prepare:channel"), (batch, chosen.discretisation[0], chosen, 1)),
        "glcm": (("engine.families.glcm:counts",), (batch, channel, vois, near(chosen.glcm), directional)),
        "glrlm": (("engine.families.glrlm:counts",), (batch, channel, vois, directional)),
        "zones": (zones, (batch, channel, vois, False, False)),
        "zones and distances": (zones, (batch, channel, vois, False, True)),
        "ngtdm": (("engine.families.ngtdm:counts",), (batch, channel, vois, near(chosen.ngtdm), False, False)),
        "ngldm": (("engine.families.ngldm:counts",), (batch, channel, vois, chosen, False, False)),
    }[kernel]
    count = first(*places)
    return lambda: count(*arguments)


def _surveying(batch: Any, vois: np.ndarray) -> Callable[[], None]:
    """A call that counts the mesh's cells, moments and extents: one kernel once, two since shape/ is a folder."""
    g = batch.geometry
    box = (g.region, g.start, g.shape, vois, g.pad)
    survey = first("kernels.shape.moments:survey", "kernels.mesh:survey")
    n_moments = first("kernels.shape.moments:N_MOMENTS", "kernels.mesh:N_MOMENTS")
    alone = survey.__module__.endswith(".moments")
    count_cells = first("kernels.shape.mesh:count") if alone else None

    def call() -> None:
        cells, moments, extent = (np.zeros((len(vois), n), np.int64) for n in (256, n_moments, 3))
        weighted = np.zeros((len(vois), 4))
        values = (batch.value, batch.value_start)
        if count_cells:
            count_cells(*box, cells)
            survey(*box, *values, moments, weighted, extent)
        else:
            survey(*box, *values, cells, moments, weighted, extent)

    return call
