"""Every argument of a texture kernel is described: in its docstring, in its file's, or in one that these name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared import ROOT

KERNELS = ROOT / "kernels"
FOLDERS = ("glcm", "ngtdm", "size_matrix", "zones")
FILES = [KERNELS / f"{name}.py" for name in ("block", "glrlm", "grouping", "ngldm", "search", "sorting")]
FILES += [path for folder in FOLDERS for path in sorted((KERNELS / folder).glob("*.py")) if path.stem != "__init__"]


def functions(path):
    """The compiled functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list]


def referred(text, path):
    """Docstrings that a docstring names: of files (kernels/grouping.py, slots.py), of functions (`count`, `runs.find`)."""
    for folder, name in re.findall(r"(?<![\w/])(kernels/)?(\w+\.py)", text):
        file = (KERNELS if folder else path.parent) / name
        yield ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    for module, name in re.findall(r"`(?:(\w+)\.)?(\w+)`", text):
        for file in [path.with_name(f"{module}.py"), path.parent / module / "__init__.py"] if module else [path]:
            if file.exists():
                yield from (ast.get_docstring(node) or "" for node in functions(file) if node.name == name)


def is_described(name, text):
    """Whether a name stands in front of its type or meaning, alone or in a list: ``shape, vois``, ``first : int``."""
    listed = rf"^\s*(?:\w+, )*{name}(?:, \w+)*(?: :.*|;.*|,)?$"
    in_prose = rf"(?:^|[\s,(`]){name}(?:`|, \w+)* (?::|\()"
    return bool(re.search(listed, text, re.M) or re.search(in_prose, text, re.M) or f"`{name}`" in text)


def undescribed(path):
    """(function, argument) of a file's compiled functions."""
    page = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    for node in functions(path):
        own = f"{ast.get_docstring(node) or ''}\n{page}"
        texts = [own, *referred(own, path)]
        texts += [more for text in texts[1:] for more in referred(text, path)]
        for argument in node.args.args:
            if not any(is_described(argument.arg, text) for text in texts):
                yield node.name, argument.arg


@pytest.mark.parametrize("path", FILES, ids=lambda path: Path(path).relative_to(KERNELS).as_posix())
def test_every_argument_is_described(path):
    assert list(undescribed(path)) == []


def test_an_argument_without_a_description_is_seen(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text('"""Page."""\n@jit.cpu\ndef run(x, y):\n    """Add.\n\n    x : int64 [k]\n    """\n')
    assert list(undescribed(path)) == [("run", "y")]
