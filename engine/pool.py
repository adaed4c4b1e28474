"""A thread pool for kernels that release the GIL. The largest piece runs first; there is no global state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Task(NamedTuple):
    """A piece of work and its size relative to the others (any unit)."""

    cost: float
    call: Callable[[], None]


def available_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(tasks: Iterable[Task], threads: int, advance: Callable[[], None] | None = None) -> None:
    """Run every task, the largest first.

    Parameters
    ----------
    tasks : iterable of Task
        Independent of each other; each writes its own part of the output, so the order never shows in a result.
    threads : int
        ≥ 1. With one thread everything runs in the caller's.
    advance : callable, optional
        Called after each finished task, for a progress bar.

    Raises
    ------
    Exception
        The first one that a task raised; tasks already running are waited for, the others are dropped.

    Examples
    --------
    >>> seen = []
    >>> run([Task(1, lambda: seen.append("small")), Task(9, lambda: seen.append("large"))], threads=1)
    >>> seen
    ['large', 'small']
    """
    ordered = sorted(tasks, key=lambda task: -task.cost)
    if threads == 1 or len(ordered) < 2:
        for task in ordered:
            task.call()
            if advance:
                advance()
        return
    with ThreadPoolExecutor(min(threads, len(ordered)), thread_name_prefix="voxomics") as executor:
        futures = [executor.submit(task.call) for task in ordered]
        try:
            for future in futures:
                future.result()
                if advance:
                    advance()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def for_parts(
    cost: npt.NDArray[np.int64],
    most: int,
    threads: int,
    call: Callable[[npt.NDArray[np.int64]], None],
    rows: npt.NDArray[np.int64] | None = None,
) -> None:
    """Call with the rows of a batch in parts of about `most` cost.

    Parameters
    ----------
    cost : ndarray int64 [n]
        Of every row of the batch.
    most : int
    threads : int
    call : callable
        Told some rows, int64 [k], ascending.
    rows : ndarray int64, optional
        The rows to do; by default 0 .. n - 1.
    """
    chosen = np.arange(len(cost)) if rows is None else rows
    if not len(chosen):
        return
    if np.add.reduce(cost) < most:
        call(chosen)
        return
    part_of = cost[chosen].cumsum() // most
    parts = np.split(chosen, np.flatnonzero(np.diff(part_of)) + 1)
    run([Task(float(cost[part].sum()), lambda part=part: call(part)) for part in parts], threads)  # type: ignore[misc]
