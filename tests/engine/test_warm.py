"""Compiling ahead: afterwards a fresh process compiles next to nothing."""

from __future__ import annotations

import os
import shutil
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


def test_what_other_processes_could_not_compile_is_compiled_here(monkeypatch):
    wanted, here = ("ngtdm", "glcm", "morphology"), []
    monkeypatch.setattr(warm, "warm", here.append)
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    warm.warm_all(3, wanted)
    assert set(here[0]) < set(wanted), "the others were asked for a share"
    assert set().union(*here) == set(wanted)


def test_another_process_is_asked_for_the_rest(monkeypatch):
    asked, here = [], []
    monkeypatch.setattr(warm, "warm", here.append)
    monkeypatch.setattr(warm.subprocess, "Popen", lambda command, **_: asked.append(command[-1]) or Done())
    warm.warm_all(2, ("ngtdm", "glcm"))
    assert [name for name in ("ngtdm", "glcm") if f"{name!r}" in asked[0].partition("warm(")[2]] == ["ngtdm"]
    assert here[0] == ("glcm",)


class Done:
    """A process that has ended."""

    def wait(self):
        return 0


@pytest.mark.slow
def test_after_warming_nothing_is_compiled(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(code):
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert run("from voxomics.engine import warm; print(warm.is_cold(('glcm',)))") == ["True"]
    run("from voxomics.engine import warm; warm.warm_all(2)")
    assert run(COUNT) == ["False", "0"]
