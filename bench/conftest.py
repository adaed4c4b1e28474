"""What all benches share: cases made once, and a skip where a commit lacks what is timed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Any

import adapter
import cases
import numpy as np
import pytest

CASES = {"2k": cases.small, "30k": cases.big, "2M": cases.huge, "200 labels": cases.labels}
made = functools.cache(lambda name: CASES[name]())
not_timed: dict[str, str] = {}


@functools.cache
def prepared_of(name: str) -> Any:
    """Batch of a case; the same for every family."""
    return adapter.preparing(*made(name), cases.SPACING_MM, adapter.settings(adapter.DISCRETISATION))()


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    """Name of each case in turn."""
    name: str = request.param
    return name


@pytest.fixture
def arrays(case: str) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask of the case."""
    found: tuple[np.ndarray, np.ndarray] = made(case)
    return found


@pytest.fixture
def prepared(case: str) -> Any:
    """The case as a batch."""
    return prepared_of(case)


@pytest.fixture
def timed(benchmark: Any) -> Callable[[Callable[[], object]], None]:
    """Time a call after one that is not timed: it compiles, or loads what was compiled."""

    def time(call: Callable[[], object]) -> None:
        call()
        benchmark(call)

    return time


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip what the commit lacks."""
    try:
        yield
    except adapter.Absent as absent:
        pytest.skip(str(absent))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip what the commit lacks."""
    try:
        yield
    except adapter.Absent as absent:
        pytest.skip(str(absent))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep why a bench gave no figure."""
    if report.skipped or report.failed:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        not_timed[report.nodeid] = text.strip().splitlines()[-1]


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    """Say what was measured, and what was not."""
    import numba

    import voxomics

    versions = {"voxomics": voxomics.__version__, "numpy": np.__version__, "numba": numba.__version__}
    output_json["measured"] = {"folder": voxomics.__path__[0], "versions": versions, "not timed": not_timed}
