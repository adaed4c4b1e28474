"""A thread pool for kernels that release the GIL. The largest piece runs first.

A task whose VOI is huge cuts itself into tiles, and threads of its pool that have nothing else to do take some of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Task(NamedTuple):
    """A piece of work and its size relative to the others (any unit)."""

    cost: float
    call: Callable[[], None]


class _Here(threading.local):
    """The pool whose task runs in this thread."""

    executor: ThreadPoolExecutor | None = None
    threads = 1


_here = _Here()


def available_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(
    tasks: Iterable[Task], threads: int, advance: Callable[[], None] | None = None, one_by_one: bool = False
) -> None:
    """Run every task, the largest first.

    Parameters
    ----------
    tasks : iterable of Task
        Independent of each other; each writes its own part of the output, so the order never shows in a result.
    threads : int
        ≥ 1. With one thread everything runs in the caller's.
    advance : callable, optional
        Called after each finished task, for a progress bar.
    one_by_one : bool
        Begin a task when the one before is done; the other threads take tiles of it alone.

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
    if threads == 1 or not ordered or (len(ordered) == 1 and not one_by_one):
        for task in ordered:
            task.call()
            if advance:
                advance()
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="voxomics") as executor:

        def call(task: Task) -> None:
            _here.executor, _here.threads = executor, threads
            task.call()

        for together in [[task] for task in ordered] if one_by_one else [ordered]:
            futures = [executor.submit(call, task) for task in together]
            try:
                for future in futures:
                    future.result()
                    if advance:
                        advance()
            except BaseException:
                for future in futures:
                    future.cancel()
                raise


def helpers() -> int:
    """Threads that may take tiles of the task that runs in this thread, its own included: 1 outside a pool."""
    return _here.threads


def for_tiles(number: int, call: Callable[[int], None]) -> None:
    """Call with 0 .. number - 1, in this thread and in those of its pool that have nothing else to do.

    Parameters
    ----------
    number : int
    call : callable
        Told the number of a tile; it writes what no other tile does, so the order never shows in a result.

    Raises
    ------
    Exception
        The first one that a tile raised; tiles already running are waited for, the others are dropped.

    Examples
    --------
    >>> seen = []
    >>> for_tiles(3, seen.append)
    >>> seen
    [0, 1, 2]
    """
    executor = _here.executor
    if executor is None or number < 2:
        for tile in range(number):
            call(tile)
        return
    futures = [executor.submit(call, tile) for tile in range(number)]
    try:
        begun = []
        for tile, future in enumerate(futures):
            if future.cancel():  # no other thread has begun it
                call(tile)
            else:
                begun.append(future)
        for future in begun:
            future.result()
    finally:
        wait([future for future in futures if not future.cancel()])


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
