"""Generators that run ahead of whoever reads them, in a thread of their own, and no further than a bounded queue lets them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from queue import Empty, Full, Queue
from typing import TypeVar

T = TypeVar("T")
_END = object()
_PATIENCE_S = 0.1  # how often a thread that waits looks whether it is still wanted


def ahead(items: Iterable[T], number: int) -> Generator[T, None, None]:
    """The same items, of which up to `number` are made before they are asked for.

    Parameters
    ----------
    items : iterable
    number : int
        0: nothing is made ahead, and there is no thread.

    Yields
    ------
    object
        An error of `items` is raised where its item would have come.

    Examples
    --------
    >>> list(ahead(range(3), 1))
    [0, 1, 2]
    """
    if number == 0:
        yield from items
        return
    queue: Queue[object] = Queue(number)
    unwanted = threading.Event()
    errors: list[BaseException] = []

    def put(item: object) -> bool:
        while not unwanted.is_set():
            try:
                queue.put(item, timeout=_PATIENCE_S)
                return True
            except Full:
                continue
        return False

    def fill() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again by the reader
            errors.append(error)
        finally:
            if isinstance(items, Generator):
                items.close()
        put(_END)

    thread = threading.Thread(target=fill, name="voxomics-ahead", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = queue.get(timeout=_PATIENCE_S)
            except Empty:
                continue  # a signal is seen between two waits
            if item is _END:
                break
            yield item  # type: ignore[misc]
        if errors:
            raise errors[0]
    finally:
        unwanted.set()
        thread.join()
