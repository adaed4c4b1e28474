"""Compiling ahead: afterwards a fresh process compiles next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from voxomics.engine import warm

COUNT = """
import numpy as np
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, found):
        compiled.append(found.data["dispatcher"].py_func.__qualname__)
    def on_end(self, found):
        pass
event.register("numba:compile", Listener())
from voxomics import extract
from voxomics.engine import warm
print(warm.is_cold(('glcm', 'morphology', 'glszm')))
image = np.random.default_rng(0).integers(0, 90, (9, 9, 9)).astype(np.int16)
extract(image, np.ones(image.shape, np.uint8), spacing_mm=(1, 1, 1))
print(len(compiled))
"""


def test_what_a_failing_process_was_to_compile_is_compiled_here(monkeypatch):
    families, compiled = ("ngtdm", "glcm", "morphology"), []
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(warm, "warm", compiled.append)
    warm.warm_all(3, families)
    assert compiled == [("morphology",), families]


@pytest.mark.slow
def test_after_warming_nothing_is_compiled(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(code):
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert run("from voxomics.engine import warm; print(warm.is_cold(('glcm',)))") == ["True"]
    run("from voxomics.engine import warm; warm.warm_all(2)")
    assert run(COUNT) == ["False", "0"]
