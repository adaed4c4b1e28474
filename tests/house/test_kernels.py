"""What holds for every file of kernels/: arguments are described, and nothing is launched."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared import ROOT

KERNELS = ROOT / "kernels"
SEAM = {"jit.py", "device.py"}  # ordinary Python, with types; the device launches a trial
DEVICE = {"launch", "put", "get", "empty", "zeros", "sort"}


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


def launches(tree: ast.Module) -> list[str]:
    """Calls of a device in a file."""
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        ast.unparse(call)
        for call in calls
        if isinstance(call, ast.Attribute) and call.attr in DEVICE and ast.unparse(call.value) == "device"
    ]


def test_the_checks_object() -> None:
    bad = ast.parse('def f(x, device):\n    """Of device."""\n    device.launch(x)\n')
    assert undescribed(bad) == ["f: x"]
    assert launches(bad) == ["device.launch"]


@pytest.mark.parametrize("name", TREES)
def test_every_argument_is_described(name: str) -> None:
    assert not undescribed(TREES[name])


@pytest.mark.parametrize("name", TREES)
def test_kernels_do_not_launch(name: str) -> None:
    assert not launches(TREES[name])
