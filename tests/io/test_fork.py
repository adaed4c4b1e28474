"""A process that forks while its other threads read files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

START = """
import os, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from voxomics.io import itk
def child_reads():
    with itk.quiet():
        pass
    import slow
def forked():
    pid = os.fork()
    if pid == 0:
        child_reads()
        print(itk._quiet_depth, itk._warning_switch().GetGlobalWarningDisplay(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
inside = threading.Event()
"""
HOLDS_THE_LOCK = """
def other():
    with itk._quiet_lock:
        inside.set()
        time.sleep(0.5)
"""
READS = """
def other():
    with itk.quiet():
        inside.set()
        time.sleep(1)
"""
IMPORTS = """
sys.inside = inside
def other():
    import slow
"""
END = """
thread = threading.Thread(target=other)
thread.start()
inside.wait()
forked()
thread.join()
print(itk._quiet_depth, itk._warning_switch().GetGlobalWarningDisplay())
"""


@pytest.mark.parametrize("other", [HOLDS_THE_LOCK, READS, IMPORTS], ids=["holds the lock", "reads", "imports"])
def test_a_child_of_a_process_whose_threads_read_can_read(tmp_path: Path, other: str) -> None:
    (tmp_path / "slow.py").write_text("import sys, time\nif hasattr(sys, 'inside'):\n    sys.inside.set()\n    time.sleep(0.5)\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", START + other + END],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "True", "0", "True"]


COMPILES = """
import os, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import numba
from voxomics.kernels import jit
names = {}
exec("def long(x):\\n" + "".join(f"    x += (x > {i}) * abs(x - {i})\\n" for i in range(200)) + "    return x\\n", names)
thread = threading.Thread(target=numba.njit(names["long"]), args=(1.0,))
thread.start()
time.sleep(0.3)  # it compiles for seconds
pid = os.fork()
if pid == 0:
    print(numba.njit(lambda x: x + 1)(1), flush=True)
    os._exit(0)
print(os.waitpid(pid, 0)[1])
thread.join()
"""


def test_a_child_of_a_process_whose_threads_compile_can_compile() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILES], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.split() == ["2", "0"]
