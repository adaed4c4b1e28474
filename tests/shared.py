"""Test data that are not part of the repository because of their size or their licence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ABSENT = "shared data absent"  # conftest counts the skips whose reason begins so


def shared(*parts: str) -> Path:
    """Path of a shared file or folder, or a skip that says what is missing and how to provide it.

    The data lie in the folder ``VOXOMICS_SHARED``, by default ``../shared`` beside the checkout. With
    ``VOXOMICS_REQUIRE_SHARED=1`` a missing file fails the test: so does CI where the folder exists.

    >>> shared("data", "ibsi1", "ibsi1_configurations.csv").name  # doctest: +SKIP
    'ibsi1_configurations.csv'
    """
    __tracebackhide__ = True  # a skip is reported at the test that asked
    folder = Path(os.environ.get("VOXOMICS_SHARED") or ROOT.parent / "shared")
    path = folder.joinpath(*parts)
    if path.exists():
        return path
    reason = f"{ABSENT}: no {Path(*parts)} in {folder} (VOXOMICS_SHARED names the folder)"
    if os.environ.get("VOXOMICS_REQUIRE_SHARED", "") not in ("", "0"):
        pytest.fail(f"{reason}; VOXOMICS_REQUIRE_SHARED is set, so this is not a skip", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
