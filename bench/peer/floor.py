"""The C floor: bench/floor.c beside the kernels that count textures, on the 30k case and one thread."""

from __future__ import annotations

import ctypes
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peer.case import ORIGIN, Absent, Case

SOURCE = Path(__file__).resolve().parents[1] / "floor.c"
COUNTING = ("glcm", "glrlm", "zones and distances", "ngtdm", "ngldm")
CALLS = 50


def compiled(folder: Path) -> ctypes.CDLL:
    """bench/floor.c as a library.

    Raises
    ------
    Absent
        Where there is no C compiler.
    """
    if shutil.which("cc") is None:
        raise Absent("there is no C compiler, cc")
    library = folder / "floor.so"
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return ctypes.CDLL(str(library))


def pairs(library: ctypes.CDLL, level: np.ndarray) -> tuple[Callable[[], None], np.ndarray]:
    """A call that counts the pairs of a box, and where they are counted.

    Parameters
    ----------
    library : ctypes.CDLL
    level : ndarray uint8 [z, y, x]
        Grey levels from 1, 0 outside the VOI.

    Returns
    -------
    call : callable
    tally : ndarray int32 [n_levels + 1, n_levels + 1]
    """
    box = np.ascontiguousarray(np.pad(level, 1))
    listed = np.flatnonzero(box)
    n_levels = int(box.max())
    tally = np.zeros((n_levels + 1, n_levels + 1), np.int32)
    row, slice_ = box.shape[2], box.shape[1] * box.shape[2]
    numbers = [ctypes.c_int64(n) for n in (len(listed), row, slice_, n_levels)]

    def call() -> None:
        tally.fill(0)
        at = [array.ctypes.data_as(ctypes.c_void_p) for array in (box, listed, tally)]
        library.count(at[0], at[1], *numbers[:3], at[2], numbers[3])

    return call, tally


def seconds(call: Callable[[], Any]) -> float:
    """Median CPU time of a warm call."""
    call()
    found = []
    for _ in range(CALLS):
        before = time.process_time()
        call()
        found.append(time.process_time() - before)
    return statistics.median(found)


def levels(case: Case) -> np.ndarray:
    """Grey levels of a case's VOIs in their smallest box, uint8 [z, y, x]."""
    volume, mask = case.arrays()
    inside = np.nonzero(mask)
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in inside)
    found = np.maximum(np.floor((volume[box] - ORIGIN) / case.width) + 1, 1).astype(np.uint8)
    found[mask[box] == 0] = 0
    return found


def measured(case: Case, rounds: int) -> dict[str, float]:
    """Milliseconds of the floor and of each counting kernel; the least of `rounds` turns' medians."""
    import adapter
    import cases

    chosen = adapter.settings({"discretisation": [{"method": "fbs", "width": case.width, "origin": ORIGIN}]})
    prepared = adapter.preparing(*case.arrays(), cases.SPACING_MM, chosen)()
    with tempfile.TemporaryDirectory() as folder:
        call, _ = pairs(compiled(Path(folder)), levels(case))
        calls = {"floor": call, **{name: adapter.counting(name, prepared, chosen) for name in COUNTING}}
        turns: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, one in calls.items():
                turns[name].append(1e3 * seconds(one))
    return {name: min(one) for name, one in turns.items()}


def sentence(found: dict[str, float]) -> str:
    """What the report says of it."""
    counting = sum(found[name] for name in COUNTING)
    parts = ", ".join(f"{name} {found[name]:.2f}" for name in COUNTING)
    return (
        f"Counting all textures of the 30k case takes {counting:.2f} ms of CPU time on one thread ({parts}), "
        f"{counting / found['floor']:.1f} times the C floor of {found['floor']:.2f} ms "
        f"(`bench/floor.c`, {sys.platform}, cc -O3)."
    )
