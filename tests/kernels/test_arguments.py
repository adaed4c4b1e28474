"""Every argument of a kernel has a type, an array also a shape: in its docstring, in its file's, or in one named there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared import ROOT

KERNELS = ROOT / "kernels"
ORDINARY = ("__init__.py", "cache.py", "device.py", "jit.py")  # ordinary Python, with types
FILES = [path for path in sorted(KERNELS.rglob("*.py")) if path.name not in ORDINARY]


def functions(path):
    """The functions of a file, compiled or not."""
    return [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]


def referred(text, path):
    """Docstrings that a docstring names: of files (kernels/grouping.py, slots.py), of functions (`count`, `runs.find`)."""
    for folder, name in re.findall(r"(?<![\w/])(kernels/)?(\w+\.py)", text):
        file = (KERNELS if folder else path.parent) / name
        yield ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    for module, name in re.findall(r"`(?:(\w+)\.)?(\w+)`", text):
        for file in [path.with_name(f"{module}.py"), path.parent / module / "__init__.py"] if module else [path]:
            if file.exists():
                yield from (ast.get_docstring(node) or "" for node in functions(file) if node.name == name)


TYPE = r"(?:(?:device|shared|ndarray) )*(?:(?:u?int|float|complex)\d*|integer|bool|str|tuples?|sequence|number|real)\b"


def is_described(name, text, array):
    """Whether a name stands in front of a type, alone or in a list: ``shape, vois : int``; an array has a shape, too."""
    entry = rf"(?:^|[\s,(.])`?{name}`?(?:, `?\w+`?)* : {TYPE}(.*)"
    return any("[" in rest or not array for rest in re.findall(entry, text, re.M))


def arrays(function):
    """Names that a function indexes, or whose shape it reads."""
    for node in ast.walk(function):
        is_read = isinstance(node, ast.Attribute) and node.attr in ("shape", "size", "T")
        if (is_read or isinstance(node, ast.Subscript)) and isinstance(node.value, ast.Name):
            yield node.value.id


def undescribed(path):
    """(function, argument) of a file's functions."""
    page = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    for node in functions(path):
        own = f"{ast.get_docstring(node) or ''}\n{page}"
        texts = [own, *referred(own, path)]
        texts += [more for text in texts[1:] for more in referred(text, path)]
        indexed = set(arrays(node))
        for argument in (a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)):
            if not any(is_described(argument, text, argument in indexed) for text in texts):
                yield node.name, argument


@pytest.mark.parametrize("path", FILES, ids=lambda path: Path(path).relative_to(KERNELS).as_posix())
def test_every_argument_is_described(path):
    assert list(undescribed(path)) == []


@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        ("y : float64 [k]", True),
        ("x, y : float64 [k]", True),
        ("y : float64", False),
        ("y : that of x [0]", False),
        ("y\n        Added.", False),
        ("Of `y`.", False),
    ],
)
def test_an_argument_without_a_type_or_an_array_without_a_shape_is_seen(entry, seen, tmp_path):
    path = tmp_path / "kernel.py"
    docstring = f'"""Add.\n\n    x : int64\n    {entry}\n    """'
    path.write_text(f'"""Page."""\n@jit.cpu\ndef run(x, y):\n    {docstring}\n    y[0] = x\n')
    assert list(undescribed(path)) == ([] if seen else [("run", "y")])
