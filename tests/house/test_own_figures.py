"""What tools/house.py counts: lines of code, long functions, and GPU code that the CPU shares."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from shared import ROOT

FILES = {
    "jit.py": "def gpu(signature): ...\n",
    "sums.py": '''"""Sums."""
from voxomics.kernels import jit

@jit.body
def add(a, b):
    """Both."""
    return a + b

@jit.body
def alone(a):
    # nobody but the GPU
    return a

def host(a):
    return a
''',
    "glcm/__init__.py": "from voxomics.kernels.glcm.shared import twice\n",
    "glcm/shared.py": """from voxomics.kernels import jit
from voxomics.kernels.sums import add as plus

@jit.body
def twice(a):
    return plus(a, a)
""",
    "glcm/count.py": """from voxomics.kernels import glcm, jit, sums

@jit.cpu
def count(a):
    return glcm.twice(a)

@jit.gpu("i4[::1]")
def count_gpu(a):

    a[0] = sums.alone(glcm.twice(a[0]))
    sums.host(a)
""",
}


@pytest.fixture
def house() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "house.py"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "kernels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_bodies_are_followed_through_folders_and_other_names(house: dict[str, Any], checkout: Path) -> None:
    compiled = house["compiled_in"](house["sources"](checkout), checkout)
    lines = {name.removeprefix("voxomics.kernels."): one.n_lines for name, one in compiled.items()}
    kernels = {"glcm.count.count": 3, "glcm.count.count_gpu": 4}
    assert lines == {"sums.add": 3, "sums.alone": 3, "glcm.shared.twice": 3, **kernels}
    shared = house["reached"](compiled, "gpu") & house["reached"](compiled, "cpu")
    assert shared == {"voxomics.kernels.glcm.shared.twice", "voxomics.kernels.sums.add"}
    first = next(house["shared"](house["sources"](checkout), checkout))
    assert first.startswith("GPU code: 13 lines of 4 functions, 1 of them kernels")
    assert first.endswith("6 lines of 2, 46.2%")


def test_docstrings_comments_and_blank_lines_are_no_code(house: dict[str, Any], tmp_path: Path) -> None:
    body = "".join(f"    x = {k}\n" for k in range(50))
    path = tmp_path / "tools" / "long.py"
    path.parent.mkdir()
    path.write_text(f'"""A\nB."""\n\n\ndef f():\n    """Long."""\n    # why\n{body}', encoding="utf-8")
    (source,) = house["sources"](tmp_path)
    assert (len(source.code), source.n_lines) == (51, 57)
    listed = list(house["long_ones"]([source], tmp_path))
    assert listed[:2] == ["1 functions above 50 lines, 0 of them shipped", "    52  tools/long.py:5 f"]


def test_links_are_not_followed(house: dict[str, Any], checkout: Path) -> None:
    package = checkout / "python" / "voxomics"
    package.mkdir(parents=True)
    (package / "kernels").symlink_to("../../kernels", target_is_directory=True)
    found = house["sources"](checkout)
    assert sorted(source.path.relative_to(checkout / "kernels").as_posix() for source in found) == sorted(FILES)
