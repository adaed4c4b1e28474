"""What compares the CPU's results with the twins sees every feature that is wrong: see tests/mutants.py."""

from __future__ import annotations

import pytest

from mutants import PATHS, Mutant, listing, plant
from voxomics.engine.families import FAMILIES


@pytest.fixture(scope="module")
def planted():
    """Mutants so far; `python -m pytest -s -k mutants` lists them at the end."""
    found: list[Mutant] = []
    yield found
    print("\n" + listing({"CPU": found}))


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_every_mutant_is_seen(path, planted, monkeypatch):
    for name, value in path.patches.items():
        monkeypatch.setattr(name, value)
    mutants = plant(path)
    planted += mutants
    assert [m for m in mutants if not m.seen] == []


def test_every_family_has_a_path():
    assert {path.family for path in PATHS} == set(FAMILIES)
