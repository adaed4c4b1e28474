"""Print a checkout's own figures: lines of code, long functions and files, GPU code that the CPU shares.

python tools/house.py [CHECKOUT]

A line of code holds something other than a comment or a docstring. A function's length is what stands on the
screen: from ``def`` to its end, with blank lines and comments, without its docstring. The share of GPU code in
shared bodies is, of all lines of code of the functions that a kernel under ``@jit.gpu`` reaches, itself included,
the part in functions that a kernel under ``@jit.cpu`` reaches too. Calls are followed by name through imports, from
one compiled function to another.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("kernels", "engine", "python", "tests", "bench", "tools")
LONG_FUNCTION, LONG_FILE = 50, 300
PACKAGE = "voxomics.kernels"
SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Source:
    """A file: its tree, the numbers of its lines, those of them that hold code, and those of docstrings."""

    path: Path
    tree: ast.Module
    n_lines: int
    code: set[int]
    docstrings: set[int]

    @classmethod
    def read(cls, path: Path) -> Source:
        """Parse a file."""
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, filename=str(path))
        docstrings: set[int] = set()
        for node in ast.walk(tree):  # a bare string documents the module, class, function or name before it
            text_alone = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if text_alone and isinstance(node.value.value, str):
                docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        code: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in SILENT:
                code.update(range(token.start[0], token.end[0] + 1))
        return cls(path, tree, len(text.splitlines()), code - docstrings, docstrings)

    def lines_of(self, node: Function) -> set[int]:
        """Lines of code of a function, decorators included."""
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return self.code & set(range(first, (node.end_lineno or first) + 1))

    def length_of(self, node: Function) -> int:
        """Lines from def to the end, without docstrings."""
        return len(set(range(node.lineno, (node.end_lineno or node.lineno) + 1)) - self.docstrings)


def sources(root: Path) -> list[Source]:
    """Every Python file below the folders of the house; a link is not followed."""
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            parents = list(path.parents)[: len(path.relative_to(root).parts) - 1]
            if not any(parent.is_symlink() or parent.name == "__pycache__" for parent in parents):
                found.append(Source.read(path))
    return found


# ---------------------------------------------------------------------- what kernels reach


@dataclass
class Compiled:
    """A function that Numba compiles: its kind (gpu, cpu or body), its lines of code and what it calls."""

    kind: str
    n_lines: int
    calls: set[str] = field(default_factory=set)


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of such an expression, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def module_of(path: Path, root: Path) -> str:
    """Full name of a file below kernels/."""
    inside = path.relative_to(root / "kernels").with_suffix("").parts
    return ".".join((PACKAGE, *(part for part in inside if part != "__init__")))


def names_in(source: Source, module: str) -> dict[str, str]:
    """Full names of what a module imports or defines at its top, by the name it uses."""
    package = module if source.path.name == "__init__.py" else module.rpartition(".")[0]
    found = {}
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found.update({alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, Function):
            found[node.name] = f"{module}.{node.name}"
    return found


def compiled_in(found: list[Source], root: Path) -> dict[str, Compiled]:
    """Every compiled function of the kernels by its full name, with the full names of what it calls."""
    files = {module_of(one.path, root): one for one in found if one.path.is_relative_to(root / "kernels")}
    names = {module: names_in(source, module) for module, source in files.items()}

    def resolved(name: str, module: str) -> str:
        """Full name of what a module calls `name`, through modules that only pass it on."""
        first, _, rest = name.partition(".")
        full = ".".join(filter(None, (names[module].get(first, first), rest)))
        home, _, last = full.rpartition(".")
        passed_on = home in names and home != module and names[home].get(last, full) != full
        return resolved(last, home) if passed_on else full

    compiled = {}
    for module, source in files.items():
        for node in source.tree.body:
            if not isinstance(node, Function):
                continue
            for decorator in node.decorator_list:
                name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
                home, _, kind = resolved(name, module).rpartition(".")
                if home == f"{PACKAGE}.jit":
                    calls = {resolved(dotted(one.func), module) for one in ast.walk(node) if isinstance(one, ast.Call)}
                    compiled[f"{module}.{node.name}"] = Compiled(kind, len(source.lines_of(node)), calls)
    return compiled


def reached(compiled: dict[str, Compiled], kind: str) -> set[str]:
    """Full names of the kernels of a kind and of all that they call, directly or not."""
    found: set[str] = set()
    new = {name for name, one in compiled.items() if one.kind == kind}
    while new:
        found |= new
        new = {called for name in new for called in compiled[name].calls if called in compiled} - found
    return found


# ---------------------------------------------------------------------- all of it


def code_lines(found: list[Source], root: Path) -> Iterator[str]:
    """Lines of code and of text, folder by folder."""
    number: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in found:
        inside = one.path.parent.relative_to(root)
        for folder in {inside.as_posix(), f"{inside.parts[0]}, all"}:
            for k, more in enumerate((len(one.code), one.n_lines, 1)):
                number[folder][k] += more
    yield f"{'folder':<28} {'code':>7} {'raw':>7} {'files':>6}"
    for folder, (code, raw, files) in sorted(number.items(), key=lambda item: item[0].replace(", all", "/~")):
        yield f"{folder:<28} {code:>7,} {raw:>7,} {files:>6}"


def long_ones(found: list[Source], root: Path) -> Iterator[str]:
    """Long functions and files, the longest first."""
    functions, files = [], []
    for one in found:
        place = one.path.relative_to(root).as_posix()
        if one.n_lines > LONG_FILE:
            files.append((one.n_lines, place))
        for node in ast.walk(one.tree):
            if isinstance(node, Function) and one.length_of(node) > LONG_FUNCTION:
                functions.append((one.length_of(node), f"{place}:{node.lineno} {node.name}"))
    for what, limit, those in (("functions", LONG_FUNCTION, functions), ("files", LONG_FILE, files)):
        shipped = sum(not name.startswith(("tests", "bench", "tools")) for _, name in those)
        yield f"{len(those)} {what} above {limit} lines, {shipped} of them shipped"
        yield from (f"{length:>6}  {name}" for length, name in sorted(those, reverse=True))


def shared(found: list[Source], root: Path) -> Iterator[str]:
    """How much of what the GPU runs the CPU runs too."""
    compiled = compiled_in(found, root)
    gpu, cpu = reached(compiled, "gpu"), reached(compiled, "cpu")
    lines = {name: sum(compiled[one].n_lines for one in group) for name, group in (("gpu", gpu), ("both", gpu & cpu))}
    kernels = {name for name in gpu if compiled[name].kind == "gpu"}
    yield (
        f"GPU code: {lines['gpu']:,} lines of {len(gpu)} functions, {len(kernels)} of them kernels; in bodies that "
        f"the CPU shares: {lines['both']:,} lines of {len(gpu & cpu)}, {lines['both'] / max(lines['gpu'], 1):.1%}"
    )
    modules = sorted({name.rpartition(".")[0] for name in gpu})
    for module in modules:
        own = [name for name in gpu if name.rpartition(".")[0] == module]
        total = sum(compiled[name].n_lines for name in own)
        both = sum(compiled[name].n_lines for name in own if name in cpu)
        yield f"{module.removeprefix(PACKAGE + '.'):<28} {total:>5} lines, {both:>4} shared, {both / total:>4.0%}"


def main() -> None:
    """Print the figures of a checkout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?", default=ROOT)
    root = parser.parse_args().checkout.resolve()
    found = sources(root)
    for part in (code_lines, long_ones, shared):
        print(*part(found, root), sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
