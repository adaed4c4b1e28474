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
    calls = first("engine.plan:calls")(columns(chosen), chosen)
    return lambda: measure(prepared, calls, chosen, threads, device=device).values


def offload() -> Any:
    """The module whose STREAMS says how many pieces of a batch are on a device at once."""
    return first("engine:offload")


def available_threads() -> int:
    """Threads that this process may use."""
    found: int = first("engine.pool:available_threads")()
    return found


def counting(prepared: Any, chosen: Any) -> dict[str, Callable[[], Any]]:
    """A call for each counting kernel, on all VOIs of a batch in 3D; the call makes and zeroes its arrays of counts."""
    batch = prepared.batch
    (channel, *_) = batch.channels.values()
    vois = np.arange(len(batch), dtype=np.int64)
    directional = ("3d_averaged", "3d_merged")

    def call(place: str, *arguments: Any) -> Callable[[], Any]:
        return lambda: first(f"engine.families.{place}")(*arguments)

    return {
        "levels": lambda: first("engine.prepare:channel")(batch, chosen.discretisation[0], chosen, 1),
        "glcm": call("glcm:counts", batch, channel, vois, 1, directional),
        "glrlm": call("glrlm:counts", batch, channel, vois, directional),
        "zones": call("glszm:zones", batch, channel, vois, False, False),
        "zones and distances": call("glszm:zones", batch, channel, vois, False, True),
        "ngtdm": call("ngtdm:counts", batch, channel, vois, 1, False, False),
        "ngldm": call("ngldm:counts", batch, channel, vois, chosen, False, False),
        "mesh": lambda: _survey(batch, vois),
    }


def _survey(batch: Any, vois: np.ndarray) -> None:
    """Cells of the mesh, moments and extents."""
    g = batch.geometry
    n_moments = first("kernels.mesh:N_MOMENTS")
    counts, moments, extent = (np.zeros((len(vois), n), np.int64) for n in (256, n_moments, 3))
    weighted = np.zeros((len(vois), 4))
    survey = first("kernels.mesh:survey")
    survey(g.region, g.start, g.shape, vois, g.pad, batch.value, batch.value_start, counts, moments, weighted, extent)
