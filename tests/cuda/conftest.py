"""Tests of CUDA kernels. Those that run compiled kernels on CPU threads need a Python process of their own:

LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS=0 python -m pytest tests/cuda
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `from emulator import Kernel`; a package named cuda would hide NVIDIA's

from emulator import unavailable


class _Absent(pytest.Module):
    """A test file that cannot run here; it is not imported."""

    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip(unavailable(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if unavailable():
        return _Absent.from_parent(parent, path=module_path)
    return None


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Make a device the one that `backend="cuda"` finds."""
    from voxomics.kernels import device as seam

    def offered(device: Any) -> Any:
        monkeypatch.setattr(seam, "DEVICES", [lambda: device])
        return device

    return offered
