"""Settings of the whole test run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from shared import ABSENT, needs_shared, running

# No deadline: the first example of a test pays for compilation. CI tries the same examples each time.
settings.register_profile("voxomics", deadline=None, print_blob=True)
settings.register_profile("voxomics-ci", settings.get_profile("voxomics"), derandomize=True, database=None)
settings.load_profile("voxomics-ci" if os.environ.get("CI") else "voxomics")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs shared data. A test that marks some of its parameters itself is left as it is."""
    tests = [item for item in items if isinstance(item, pytest.Function)]
    by_hand = {item.function for item in tests if item.get_closest_marker("shared")}
    for item in tests:
        if item.function not in by_hand and needs_shared(item):
            item.add_marker("shared")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Tell `shared` which test asks."""
    running.append(item)
    try:
        return (yield)
    finally:
        running.pop()


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say at the end how much was not tested for lack of shared data."""
    skipped = terminalreporter.stats.get("skipped", [])
    absent = [report for report in skipped if ABSENT in str(report.longrepr)]
    yield
    if absent:
        terminalreporter.write_line(
            f"{len(absent)} tests or test files skipped: {ABSENT} (VOXOMICS_SHARED names the folder)", yellow=True
        )
