"""What compares a device's results with the twins sees every feature that is wrong: see tests/mutants.py."""

from __future__ import annotations

import pytest
from threads import Threads

from mutants import PATHS, Mutant, listing, plant


@pytest.fixture(scope="module")
def planted():
    """Mutants so far; `python -m pytest -s -k mutants` lists them at the end."""
    found: list[Mutant] = []
    yield found
    print("\n" + listing({"device": found}))


@pytest.mark.parametrize("path", [p for p in PATHS if p.family.device and not p.patches and not p.host], ids=str)
def test_every_mutant_is_seen(path, planted):
    device = Threads(tile=100)
    mutants = plant(path, device)
    device.assert_clean()
    planted += mutants
    assert [m for m in mutants if not m.seen] == []
