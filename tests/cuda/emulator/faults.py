"""Planting a fault in a kernel, to see that a test notices."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
import types
from collections.abc import Callable
from typing import Any


def plain(function: Any) -> Any:
    """The Python function of a kernel: itself, or what a numba dispatcher (`py_func`) or our kernel object (`function`) holds."""
    for name in ("py_func", "function"):
        function = getattr(function, name, function)
    if not isinstance(function, types.FunctionType):
        raise TypeError(f"a kernel is a Python function, or an object with .py_func or .function; got {function!r}")
    return function


def planted(kernel: Any, old: str, new: str) -> Callable[..., Any]:
    """The kernel with one piece of its source replaced; without its decorators.

    `old` must stand in the source exactly once. A device function is planted likewise, then compiled with `numba.njit` and given
    to its kernel with `rebound`.

    >>> planted(count_levels, "cuda.atomic.add(hist, level, 1)", "hist[level] += 1")
    """
    function = plain(kernel)
    if function.__closure__:
        raise ValueError(f"{function.__name__} takes variables from a function around it; define it at the top of its file")
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise ValueError(f"{old!r} stands {source.count(old)} times in {function.__name__}, it must stand there once")
    source = source.replace(old, new)
    tree = ast.parse(source)
    tree.body[0].decorator_list = []  # type: ignore[attr-defined]
    file = f"<{function.__name__} with {new!r} for {old!r}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # numba's messages show the line
    names: dict[str, Any] = {}
    exec(compile(tree, file, "exec", dont_inherit=True), function.__globals__, names)
    return names[function.__name__]  # type: ignore[no-any-return]


def rebound(kernel: Any, **names: Any) -> Callable[..., Any]:
    """The kernel with some of its module's names meaning something else."""
    function = plain(kernel)
    missing = sorted(set(names) - set(function.__globals__))
    if missing:
        raise ValueError(f"{function.__name__} knows no {', '.join(missing)}")
    return types.FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)
