"""Compiling ahead: afterwards a fresh process compiles next to nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from voxomics.engine import warm
from voxomics.engine.errors import SettingsError
from voxomics.engine.families import FAMILIES
from voxomics.engine.plan import Plan
from voxomics.engine.settings import Settings

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
    assert {name.partition(".")[0] for name in here[0]} == {"morphology"}, "the others were asked for a share"
    assert here[-1] == wanted


def test_another_process_is_asked_for_the_rest(monkeypatch):
    asked, here = [], []
    monkeypatch.setattr(warm, "warm", here.append)
    monkeypatch.setattr(warm.subprocess, "Popen", lambda command, **options: asked.append((command, options)) or Done())
    warm.warm_all(2, ("ngtdm", "glcm"))
    ((command, options),) = asked
    assert command == [sys.executable, "-m", "voxomics", "warm", "--threads", "1", "--features", "ngtdm"]
    assert options["env"][warm.VARIABLE] == "1", "it starts no other process"
    assert here[0] == ["glcm"]


def test_every_feature_is_compiled_by_one_process():
    names = [name for part in warm._parts(tuple({family.name for family in FAMILIES}), 3) for name in part]
    chosen = [Plan.of(Settings.of({"features": [name]})).columns for name in names]
    keys = [column.key for columns in chosen for column in columns]
    assert sorted(map(str, keys)) == sorted(str(column.key) for column in Plan.of(Settings()).columns)


class Done:
    """A process that has ended."""

    def wait(self):
        return 0


MAY = "from voxomics.engine.warm import may_start_processes as may\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(may())", "True"),
        ("from threading import Thread; t = Thread(target=lambda: print(may())); t.start(); t.join()", "False"),
        ("import multiprocessing as m; print(m.get_context('spawn').Pool(1).apply(may))", "False"),
        ("import multiprocessing as m; print(m.get_context('fork').Pool(1).apply(may))", "False"),
        ("from concurrent.futures import ProcessPoolExecutor as P; print(P(1).submit(may).result())", "False"),
        ("import joblib; print(*joblib.Parallel(n_jobs=2)([joblib.delayed(may)()]))", "False"),
        ("import sys; sys.executable = '/opt/viewer'; print(may())", "False"),
        ("import sys; sys.executable = ''; print(may())", "False"),
    ],
    ids=["main", "thread", "spawn", "fork", "executor", "joblib", "embedded", "unknown"],
)
def test_processes_are_started_by_a_main_program_alone(code, expected):
    script = MAY + "if __name__ == '__main__':\n    " + code
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [expected]


@pytest.mark.parametrize(("value", "threads", "expected"), [("", 3, [3]), ("2", 3, [2]), ("1", 3, []), ("", 1, [])])
def test_how_many_processes_compile(monkeypatch, value, threads, expected):
    started = []
    monkeypatch.setenv(warm.VARIABLE, value)
    monkeypatch.setattr(warm, "may_start_processes", lambda: True)
    monkeypatch.setattr(warm, "is_cold", lambda families: True)
    monkeypatch.setattr(warm, "warm_all", lambda processes, families: started.append(processes))
    warm.ensure.cache_clear()
    warm.ensure(("glcm",), threads)
    warm.ensure(("glcm",), threads)
    warm.ensure.cache_clear()
    assert started == expected


@pytest.mark.parametrize("value", ["many", "-1", "1.5"])
def test_a_number_of_processes_that_is_none_is_refused(monkeypatch, value):
    monkeypatch.setenv(warm.VARIABLE, value)
    warm.ensure.cache_clear()
    with pytest.raises(SettingsError, match=f"{warm.VARIABLE}={value}: accepted is a number"):
        warm.ensure(("glcm",), 2)


@pytest.mark.slow
def test_after_warming_nothing_is_compiled(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(code):
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert run("from voxomics.engine import warm; print(warm.is_cold(('glcm',)))") == ["True"]
    run("from voxomics.engine import warm; from voxomics.extractor import Extractor; warm.warm_all(2, Extractor().families)")
    assert run(COUNT) == ["False", "0"]


@pytest.mark.slow
def test_a_first_call_compiles_on_several_processes_what_it_needs(tmp_path):
    code = (
        "import numpy as np, voxomics; from voxomics.engine import warm\n"
        "ours = voxomics.Extractor(settings={'features': ['ngtdm', 'ngldm', 'local_intensity']}, threads=2)\n"
        "ours.extract(np.arange(60.0).reshape(3, 4, 5), np.ones((3, 4, 5), int), spacing_mm=(1, 1, 1))\n"
        "print(warm.is_cold(ours.families), warm.is_cold(('glcm',)))"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"], "what was asked for is compiled, and nothing else"
