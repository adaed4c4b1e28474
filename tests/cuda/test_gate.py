"""The compile gate refuses what it must: see planted.py."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shared import ROOT

HERE = Path(__file__).parent
WHY = {
    "planted.registers": r"takes 1\d\d registers, its declaration allows 64",
    "planted.declared": r"takes 1\d\d registers, its declaration allows 128",
    "planted.unheard": "its declaration allows 200 registers; 128 is the most",
    "planted.spills": r"spills registers: \d{3,} bytes",
    "planted.shared": "takes 56,000 bytes of static shared memory; a block has 49,152",
    "planted.atomic": "uses a float atomic",
    "planted.warp": "uses a warp intrinsic",
    "planted.grid": "uses a sync of the whole grid",
    "planted.untyped": "does not compile: ",
}


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python without what the harness has set for this process."""
    environment = {key: value for key, value in os.environ.items() if key != "LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=cwd)


PAGE = "above\n<!-- written by tools/cuda_gate.py -->\nold\n<!-- end of what tools/cuda_gate.py writes -->\nbelow\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("numba_cuda", reason="the gate needs numba-cuda and nvidia-cuda-nvcc")
    done = python(str(HERE / "planted.py"), *arguments)
    if done.returncode == 2:
        pytest.skip(done.stdout)
    return done


def test_every_planted_fault_is_refused_and_nothing_written(page: Path) -> None:
    done = gate("all", "--arch", "75", "90", "--write", str(page))
    assert done.returncode == 1, done.stdout + done.stderr
    _, *lines = done.stdout.split("REFUSED ")
    assert {line.partition(":")[0] for line in lines} == WHY.keys()
    for kernel, why in WHY.items():
        named = [line for line in lines if re.match(f"{kernel}: {why}", line)]
        assert all(any(arch in line for line in named) for arch in ("sm_75", "sm_90")), f"{kernel}: {named}"
    assert re.search(r"planted.good +8 +8 ", done.stdout)
    assert set(re.findall(r"NOTE (\S+): takes 8 registers", done.stdout)) == {"planted.unheard"}
    assert page.read_text() == PAGE


def test_a_page_gets_the_table(page: Path) -> None:
    done = gate("good", "--arch", "75", "--write", str(page))
    assert done.returncode == 0, done.stdout + done.stderr
    text = page.read_text()
    assert "old" not in text
    assert (text[:45], text[-52:]) == (PAGE[:45], PAGE[-52:])
    assert "| planted.good | 8 | 64 | 0 | – | 0 |  |" in text


def test_says_what_to_install() -> None:
    code = "import sys; sys.modules['nvidia'] = None; sys.path.insert(0, 'tools'); import cuda_gate; sys.exit(cuda_gate.main([]))"
    done = python("-c", code)
    assert done.returncode == 2
    assert 'pip install -e ".[cuda-compile]"' in done.stdout


def test_no_kernel_hides_its_need_for_registers() -> None:
    """With max_registers the compiler spills instead; the gate compiles without it, and so must a launch."""
    paths = (ROOT / "kernels").rglob("*.py")
    assert not [path.name for path in paths if "max_registers" in path.read_text(encoding="utf-8")]
