"""Paths of test data. Some are in the repository; the others lie beside it, because of their size or their licence."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
PHANTOM = DATA / "ibsi_1_digital_phantom"  # image.nii.gz and mask.nii.gz of the IBSI's digital phantom
HERE = str(Path(__file__).parent) + os.sep
ABSENT = "shared data absent"  # conftest counts the skips whose reason begins so

running: list[pytest.Item] = []
"""The test that runs now; conftest keeps it."""


def shared(*parts: str) -> Path:
    """Path of a shared file or folder, or a skip that says what is missing and how to provide it.

    The data lie in the folder ``VOXOMICS_SHARED``, by default ``../shared`` beside the checkout. With
    ``VOXOMICS_REQUIRE_SHARED=1`` a missing file fails the test: so does CI where the folder exists.
    Only a test with the mark ``shared`` may ask; conftest gives the mark to tests whose code calls this function.

    >>> shared("data", "ibsi1", "ibsi1_configurations.csv").name  # doctest: +SKIP
    'ibsi1_configurations.csv'
    """
    __tracebackhide__ = True  # a skip is reported at the test that asked
    if running and running[-1].get_closest_marker("shared") is None:
        pytest.fail("this test reads shared data: mark it with pytest.mark.shared", pytrace=False)
    folder = Path(os.environ.get("VOXOMICS_SHARED") or ROOT.parent / "shared")
    path = folder.joinpath(*parts)
    if path.exists():
        return path
    reason = f"{ABSENT}: no {Path(*parts)} in {folder} (VOXOMICS_SHARED names the folder)"
    if os.environ.get("VOXOMICS_REQUIRE_SHARED", "") not in ("", "0"):
        pytest.fail(f"{reason}; VOXOMICS_REQUIRE_SHARED is set, so this is not a skip", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def needs_shared(item: pytest.Function) -> bool:
    """Whether the code of a test, of its fixtures or of test code that these use calls `shared`."""
    fixtures = [fixture.func for chosen in item._fixtureinfo.name2fixturedefs.values() for fixture in chosen]
    todo, seen = [item.function, *fixtures], set()
    while todo:
        function = inspect.unwrap(todo.pop())
        function = getattr(getattr(function, "hypothesis", None), "inner_test", function)
        if function is shared:
            return True
        if isinstance(function, FunctionType) and function not in seen:
            seen.add(function)
            todo += used(function)
    return False


@functools.cache
def used(function: FunctionType) -> list[Any]:
    """What the code of a function in tests/ names: functions, methods of classes, functions of modules in tests/."""
    if not below_tests(function.__code__.co_filename):
        return []
    names, found = set(named(function.__code__)), []
    for one in (function.__globals__.get(name) for name in names):
        if isinstance(one, type):
            found += vars(one).values()
        elif isinstance(one, ModuleType) and below_tests(getattr(one, "__file__", None)):
            found += [vars(one).get(name) for name in names]
        else:
            found.append(one)
    return found


def below_tests(file: str | None) -> bool:
    return file is not None and file.startswith(HERE)


def named(code: CodeType) -> Iterator[str]:
    """Names in a function's code and in that of the functions inside it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from named(inner)
