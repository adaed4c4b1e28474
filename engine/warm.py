"""Compile kernels in advance on several processes, because Numba compiles on only one thread of a process.

Environment variable
--------------------
VOXOMICS_COMPILE_PROCESSES : how many processes compile at most when the cache lacks kernels; "1" starts none beside the caller's.
    By default as many as the caller has threads. Read when kernels are missing.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from voxomics.engine.errors import SettingsError
from voxomics.engine.families import FAMILIES
from voxomics.engine.measure import measure
from voxomics.engine.plan import Plan
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack

logger = logging.getLogger("voxomics")

VARIABLE = "VOXOMICS_COMPILE_PROCESSES"
_PACKAGE = Path(__file__).resolve().parents[1]


_COST = {"shape": 22, "directional": 11, "zones": 8, "intensity": 6, "spatial": 4}  # seconds to compile a group's kernels


def _parts(families: Sequence[str], processes: int) -> list[list[str]]:
    """What each process compiles, as names that the setting `features` takes; the first part takes longest.

    Families that share kernels stay together. The dearest group goes first, and each to the process that has least to do.
    Features that the standard does not define are seldom wanted: what they need alone is compiled when it is first called.
    """
    groups: dict[str, list[str]] = {}
    standard = [family for family in FAMILIES if any(feature.ibsi for feature in family.features)]
    for family in standard:
        if family.name in families:
            alone = sum(other.name == family.name for other in standard) == 1
            names = [family.name] if alone else [f"{family.name}.{feature.name}" for feature in family.features]
            groups.setdefault(family.kernels, []).extend(names)
    parts: list[list[str]] = [[] for _ in range(min(processes, len(groups)))]
    cost = [0] * len(parts)
    for group in sorted(groups, key=lambda group: -_COST[group]):
        k = cost.index(min(cost))
        parts[k] += groups[group]
        cost[k] += _COST[group]
    return parts


@functools.lru_cache(maxsize=64)
def ensure(families: tuple[str, ...], threads: int) -> None:
    """Compile on several processes what the cache lacks; asked once a process for the same families.

    Nothing is started where that could surprise: from a worker of multiprocessing, joblib or Dask, from a thread that is not
    the main one, or from a program that embeds Python. There each kernel is compiled when it is first called.

    Parameters
    ----------
    families : tuple of str
    threads : int
        What the caller computes with.
    """
    processes = int(min(threads, _most_processes()))
    if processes > 1 and may_start_processes() and is_cold(families):
        logger.info("compiling kernels on %d processes", processes)
        warm_all(processes, families)


def _most_processes() -> float:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return float("inf")
    if not text.isdecimal():
        raise SettingsError(f"{VARIABLE}={text}: accepted is a number of processes; 1 starts none beside this one")
    return int(text)


def may_start_processes() -> bool:
    """Whether this is the main thread of a Python program that no other program started as its worker."""
    mine = multiprocessing.current_process()
    is_main = mine.name == "MainProcess" and not mine.daemon and multiprocessing.parent_process() is None
    is_python = Path(sys.executable or "").name.lower().startswith(("python", "pypy")) and not hasattr(sys, "frozen")
    return is_main and is_python and threading.current_thread() is threading.main_thread()


def is_cold(families: Sequence[str]) -> bool:
    """Whether the compiled kernels of these families are missing from the cache."""
    from voxomics.kernels import jit
    from voxomics.kernels.pack.levels import discretise

    names = {family.last_kernel for family in FAMILIES if family.name in families and family.last_kernel}
    return not all(jit.is_cached(kernel) for kernel in (discretise, *map(_kernel, names)))


def _kernel(name: str) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(import_module(f"voxomics.kernels.{module}"), function)


def warm(features: Sequence[str]) -> None:
    """Compile in this process what these features need for the default settings, by measuring two VOIs: a small and a larger one.

    Parameters
    ----------
    features : sequence of str
        Names of families, or ``family.feature``.
    """
    settings = Settings.of({"features": features})
    image = np.random.default_rng(0).integers(-50, 50, (12, 40, 56)).astype(np.int16)
    mask = np.zeros(image.shape, np.uint8)
    mask[:6, :7, :8], mask[:, :, 16:] = 1, 2  # Moran's I of small and of large VOIs is found in different ways
    masks = MaskStack((mask,))
    prepared = build(Image(image, (2.0, 1.0, 1.0)), masks, find_vois(masks), settings)
    measure(prepared, Plan.of(settings), settings, threads=1)


def warm_all(processes: int, families: Sequence[str]) -> None:
    """Compile kernels into the cache, on several processes.

    Parameters
    ----------
    processes : int
        This one and others beside it. What another one could not do is compiled here.
    families : sequence of str
        Those that will be needed.
    """
    parts = _parts(families, processes) or [[]]
    others = [_started(part) for part in parts[1:]]
    warm(parts[0])
    for other in others:
        other.wait()
    warm(families)


def _started(features: Sequence[str]) -> subprocess.Popen[bytes]:
    """`voxomics warm` for some features in a process that starts no other."""
    options = [word for name in features for word in ("--features", name)]
    # it finds the packages that this process finds, and never those that lie in the user's folder
    found = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-m", "voxomics", "warm", "--threads", "1", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=_PACKAGE.parent,
        env={**os.environ, "PYTHONPATH": found, VARIABLE: "1"},
    )
