"""Compiled code on disk: what is cut or damaged is compiled again, and a disk that is full is no reason to stop.

Numba reads its files as they are. A cut one ends in a traceback, one whose code has changed in a crash or in wrong numbers, and
after a write that failed its index may name code of other sources.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite  # type: ignore[import-untyped]
import numba
from numba.core.caching import CacheImpl


@contextlib.contextmanager
def real_folders() -> Iterator[None]:
    """Context in which Numba makes no folder called ~ for a user without a home."""
    before = CacheImpl._locator_classes
    if os.path.expanduser("~").startswith("~") and not os.environ.get("XDG_CACHE_HOME"):
        CacheImpl._locator_classes = [locator for locator in before if locator.__name__ != "UserWideCacheLocator"]
    try:
        yield
    finally:
        CacheImpl._locator_classes = before


def guard(cache: Any, stamp: Callable[[], str] | None) -> None:
    """Let a kernel's cache check what it reads, and go on when it cannot write.

    Parameters
    ----------
    cache : numba.core.caching.Cache
        Or numba-cuda's, which has the same parts.
    stamp : callable, optional
        Of the sources that compiled code depends on; asked when the cache is first read or written. By default Numba's own.
    """
    file = cache._cache_file
    file.__class__ = _sealed(file.__class__, stamp)
    cache.__class__ = _patient(cache.__class__)


class _Sealed:
    """Numba's index and its files of compiled code, each with a digest in front."""

    def save(self: Any, key: Any, data: Any) -> None:
        """Keep code, and only then say so in the index."""
        names = self._load_index()
        taken = set(names.values())
        name = names.get(key) or next(free for free in map(self._data_name, itertools.count(1)) if free not in taken)
        self._write(self._data_path(name), (key, data))
        self._save_index({**names, key: name})

    def load(self: Any, key: Any) -> Any:
        """Code of a key; None where there is none, or another process has put that of another key in its place."""
        name = self._load_index().get(key)
        found = None if name is None else self._read(self._data_path(name))
        return found[1] if found and found[0] == key else None

    def _load_index(self: Any) -> Any:
        return self._read(self._index_path) or {}

    def _save_index(self: Any, names: Any) -> None:
        self._write(self._index_path, names)

    def _seal(self: Any, content: bytes) -> bytes:
        made_by = f"{numba.__version__} {llvmlite.__version__} {self._source_stamp!r}"
        return hashlib.sha256(made_by.encode() + content).digest()

    def _write(self: Any, path: str, what: Any) -> None:
        content = self._dump(what)
        with self._open_for_write(path) as file:
            file.write(self._seal(content) + content)

    def _read(self: Any, path: str) -> Any:
        """What was written; None where nothing was, or other sources or another Numba wrote it, or it is not whole."""
        try:
            with open(path, "rb") as file:
                seal, content = file.read(hashlib.sha256().digest_size), file.read()
        except OSError:
            return None
        return pickle.loads(content) if seal == self._seal(content) else None


class _Patient:
    """Numba's cache of a kernel; one that cannot be written to is no reason to stop."""

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)  # type: ignore[misc]
        except OSError as error:
            _warn_once(error.strerror or type(error).__name__)


@functools.cache
def _sealed(kind: Any, stamp: Callable[[], str] | None) -> Any:
    own = {} if stamp is None else {"_source_stamp": property(lambda _: stamp())}
    return type(kind.__name__, (_Sealed, kind), own)


@functools.cache
def _patient(kind: Any) -> Any:
    return type(kind.__name__, (_Patient, kind), {})


@functools.cache
def _warn_once(why: str) -> None:
    warnings.warn(
        f"compiled kernels cannot be kept ({why}), so the next run compiles them again (up to a minute); free some space, or set "
        "NUMBA_CACHE_DIR to another folder",
        stacklevel=1,
    )
