"""The compile seam: caches that follow the source, a collector that comes back."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import event

from shared import ROOT
from voxomics.kernels import jit

PROBE = "import numpy as np; from voxomics.kernels import probe; print(probe.run(np.zeros(1)))"
OUTER = """
from voxomics.kernels import jit
from voxomics.kernels.inner import step


@jit.cpu
def run(x):
    return step(x[0])
"""
INNER = """
from voxomics.kernels import jit


@jit.body
def step(x):
    return x + {}
"""


@pytest.mark.parametrize(("hashed", "expected"), [("1", [1.0, 1.0, 2.0]), ("0", [1.0, 1.0, 1.0])])
def test_a_cached_kernel_follows_the_bodies_it_calls(tmp_path, hashed, expected):
    """Numba alone (VOXOMICS_HASH_SOURCES=0) goes on with the old body: it looks at the outer kernel's file only."""
    shutil.copytree(ROOT / "python" / "voxomics", tmp_path / "voxomics", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "voxomics" / "kernels"
    (folder / "probe.py").write_text(OUTER)
    results = []
    for number in (1, 1, 2):
        (folder / "inner.py").write_text(INNER.format(number))
        done = subprocess.run(
            [sys.executable, "-B", "-c", PROBE],
            env={
                **os.environ,
                "PYTHONPATH": str(tmp_path),
                "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
                "VOXOMICS_HASH_SOURCES": hashed,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        results.append(float(done.stdout))
    assert results == expected
    assert list(Path(tmp_path / "cache").rglob("*.nbc"))


ONE = "from voxomics.kernels import jit\n\n\n@jit.cpu\ndef run(x):\n    return x[0] + 1\n"
FULL_DISK = """
import builtins, errno
from voxomics.kernels import cache
def refuse(*_):
    raise OSError(errno.ENOSPC, "No space left on device")
{}
"""


@pytest.fixture
def probe(tmp_path):
    """Runs a kernel in a process of its own; gives its result, whether its code was kept before, and what was warned of."""
    shutil.copytree(ROOT / "python" / "voxomics", tmp_path / "voxomics", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "voxomics" / "kernels" / "probe.py").write_text(ONE)

    def run(before=""):
        done = subprocess.run(
            [sys.executable, "-B", "-c", f"{before}\n{PROBE}\nprint(sum(probe.run.stats.cache_hits.values()))"],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr

    return run


def kept_files(folder, ending):
    (file,) = (path for path in (folder / "cache").rglob(f"probe.run*{ending}"))
    return file


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_a_cut_or_damaged_file_of_the_cache_is_compiled_again(probe, tmp_path, ending):
    assert probe() == (["1.0", "0"], "")
    file = kept_files(tmp_path, ending)
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for content in (b"", whole[: len(whole) // 2], flipped(whole, rng)):
        file.write_bytes(content)
        assert probe() == (["1.0", "0"], "")
    assert probe() == (["1.0", "1"], "")


def flipped(content, rng):
    changed = bytearray(content)
    changed[rng.integers(40, len(content))] ^= 1 << rng.integers(8)
    return bytes(changed)


def test_a_file_of_the_cache_that_is_gone_or_cannot_be_read_is_compiled_again(probe, tmp_path):
    probe()
    kept_files(tmp_path, ".nbc").unlink()
    assert probe() == (["1.0", "0"], "")
    code = kept_files(tmp_path, ".nbc")
    code.unlink()
    code.mkdir()
    result, _ = probe()
    assert result == ["1.0", "0"]


@pytest.mark.parametrize(
    "fault",
    [
        "cache._Sealed._write = refuse",
        "import numba.core.caching as c; c._CacheLocator.ensure_cache_path = lambda self: None if not hasattr(self, 'was') and "
        "setattr(self, 'was', 1) is None else refuse()",
        "import os; replace = os.replace; os.replace = lambda *a: refuse() if '.nb' in str(a[1]) else replace(*a)",
    ],
    ids=["while writing", "before writing", "while renaming"],
)
def test_a_full_disk_is_a_warning(probe, tmp_path, fault):
    result, warned = probe(FULL_DISK.format(fault))
    assert result == ["1.0", "0"]
    assert warned.count("compiled kernels cannot be kept (No space left on device)") == 1
    assert probe() == (["1.0", "0"], "")


def test_code_of_other_sources_is_not_used_after_the_disk_was_full(probe, tmp_path):
    """The index is written for the new sources, the code is not."""
    probe()
    (tmp_path / "voxomics" / "kernels" / "probe.py").write_text(ONE.replace("+ 1", "+ 2"))
    fault = (
        "write = cache._Sealed._write\n"
        "cache._Sealed._write = lambda self, path, what: refuse() if path.endswith('nbc') else write(self, path, what)"
    )
    for before in (FULL_DISK.format(fault), "", ""):
        assert probe(before)[0][0] == "2.0"


@pytest.mark.parametrize(("hashed", "expected"), [("1", "0 True 1"), ("0", "0 True 0")])
def test_sources_are_hashed_when_a_kernel_is_first_looked_up(hashed, expected):
    code = (
        "import numpy as np\n"
        "from voxomics.kernels import jit\n"
        "from voxomics.kernels.pack import levels\n"
        "print(jit._sources.cache_info().misses)\n"
        "levels.compact(np.zeros(1), np.zeros(1, int), np.ones(1, int), np.zeros(1), np.zeros(1, int))\n"
        "print(jit.is_cached(levels.compact), jit._sources.cache_info().misses)\n"
    )
    assert " ".join(told(code, VOXOMICS_HASH_SOURCES=hashed)) == expected


@pytest.mark.parametrize(("left_on", "expected"), [("1", ["0"]), ("0", ["1"]), ("", ["1"])])
def test_the_garbage_collector_can_be_left_alone(left_on, expected):
    code = "from numba.core import event\nfrom voxomics.kernels import jit\nprint(len(event._registered['numba:compile']))\n"
    assert told(code, VOXOMICS_COMPILE_WITH_GC=left_on) == expected


def told(code, **env):
    """Words that a Python process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.split()


class CollectorWhile(event.Listener):
    """Whether the garbage collector is on when a compilation begins, after the listeners that were there before."""

    def __init__(self):
        self.on = []

    def on_start(self, found):
        self.on.append(gc.isenabled())

    def on_end(self, found):
        pass


@pytest.mark.parametrize(("module", "off"), [("voxomics.kernels.probe", True), ("users.own", False)])
def test_the_garbage_collector_is_off_while_a_kernel_compiles(module, off):
    def add(x):
        return x[0] + 1.0

    add.__module__ = module
    watch = CollectorWhile()
    assert gc.isenabled()
    with event.install_listener("numba:compile", watch):
        assert jit.numba.njit(add)(np.zeros(1)) == 1.0
    assert set(watch.on) == {not off}
    assert gc.isenabled()


def test_the_garbage_collector_comes_back_when_the_outer_compilation_ends():
    listener = jit._Undisturbed()
    ours = type("Event", (), {"data": {"dispatcher": type("D", (), {"py_func": jit.cpu})}})
    listener.on_start(ours)
    listener.on_start(ours)
    assert not gc.isenabled()
    listener.on_end(ours)
    assert not gc.isenabled()
    listener.on_end(ours)
    assert gc.isenabled()


def test_without_a_folder_to_keep_code_in_it_still_computes():
    code = (
        "import warnings\n"
        "from numba.core import caching\n"
        "def refuse(*_): raise RuntimeError('cannot cache function: no locator available')\n"
        "caching.CacheImpl.__init__ = refuse\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    from voxomics.kernels import jit\n"
        "    from voxomics.kernels.pack import levels\n"
        "import numpy as np\n"
        "out = np.zeros(2)\n"
        "levels.compact(np.array([3.0, 4.0]), np.array([0, 2]), np.array([2]), out, np.array([0, 2]))\n"
        "kernel = levels.compact\n"
        "print(out.tolist(), [str(w.message)[:40] for w in caught], jit.is_cached(kernel), repr(jit.cache_folder(kernel)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[3.0, 4.0] ['no folder for compiled kernels can be wr'] False ''"
