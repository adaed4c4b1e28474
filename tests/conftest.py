"""Settings of the whole test run."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from shared import ABSENT

# No deadline: the first example of a test pays for compilation. CI tries the same examples each time.
settings.register_profile("voxomics", deadline=None, print_blob=True)
settings.register_profile("voxomics-ci", settings.get_profile("voxomics"), derandomize=True, database=None)
settings.load_profile("voxomics-ci" if os.environ.get("CI") else "voxomics")


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
