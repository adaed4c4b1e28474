"""Every argument of every kernel is described."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared import ROOT

KERNELS = ROOT / "kernels"
SEAM = {"jit.py", "device.py"}  # ordinary Python, with types


def trees(folder: Path) -> dict[str, ast.Module]:
    """Every kernel file, parsed, by its name below `folder`."""
    found = sorted(folder.rglob("*.py"))
    return {str(path.relative_to(folder)): ast.parse(path.read_text(encoding="utf-8")) for path in found}


TEXTURES = ("block", "emphasis", "glcm", "glrlm", "ngldm", "ngtdm", "size_matrix", "sorting", "zones")
TREES = {name: tree for name, tree in trees(KERNELS).items() if name not in SEAM and not name.startswith(TEXTURES)}


def undescribed(tree: ast.Module) -> list[str]:
    """Arguments of a file's functions that neither the function's docstring nor the file's names."""
    text = ast.get_docstring(tree) or ""
    return [
        f"{function.name}: {argument.arg}"
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for argument in function.args.args
        if not re.search(rf"(?<!\w){argument.arg}(?!\w)", f"{text} {ast.get_docstring(function)}")
    ]


def test_the_check_objects() -> None:
    assert undescribed(ast.parse('def f(x, y):\n    """Of y."""\n')) == ["f: x"]


@pytest.mark.parametrize("name", TREES)
def test_every_argument_is_described(name: str) -> None:
    assert not undescribed(TREES[name])
