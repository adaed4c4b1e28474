"""Run tests with one fault planted in the source of a kernel: python tests/planted_kernel.py OLD NEW [pytest's arguments].

The kernel's file is not touched. Its module is made from the changed source when it is first imported. It and the kernel modules
that import it are compiled anew and nothing of them is kept on disk; all other kernels come from the cache.

The exit status is PASSED if every test passed, SEEN if one failed by an assertion, and another if anything else went wrong.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

KERNELS = Path(__file__).resolve().parents[1] / "kernels"
PACKAGE = "voxomics.kernels"
PASSED, SEEN = 0, 10  # Python ends with 1 and pytest with 1 to 5 for many reasons


def modules() -> dict[str, str]:
    """Source of every kernel module by its full name."""
    found = {}
    for path in sorted(KERNELS.rglob("*.py")):
        parts = path.relative_to(KERNELS).with_suffix("").parts
        found[".".join((PACKAGE, *parts)).removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def place_of(old: str) -> str:
    """The kernel module whose source holds a text that stands in all of them together exactly once."""
    places = [name for name, source in modules().items() for _ in range(source.count(old))]
    if len(places) != 1:
        raise ValueError(f"{old!r} stands in {', '.join(places) or 'no kernel'}; it must stand in one place")
    return places[0]


def imports(source: str) -> set[str]:
    """Full names that a module imports of the kernels."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.module]
    return {name for node in nodes for alias in node.names for name in (node.module, f"{node.module}.{alias.name}")}


def users_of(name: str) -> set[str]:
    """A kernel module, and all that import it, directly or not."""
    found, sources = {name}, modules()
    while more := {user for user, source in sources.items() if user not in found and imports(source) & found}:
        found |= more
    return found


class Planted(importlib.machinery.SourceFileLoader):
    """Loads a module from its source with one text replaced."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        super().__init__(name, path)
        self.old, self.new = old, new

    def path_stats(self, path: str) -> Any:
        """Refuse, so that no bytecode is read or written."""
        raise OSError

    def get_data(self, path: str) -> bytes:
        """The changed source."""
        return super().get_data(path).decode().replace(self.old, self.new).encode()


class Finder:
    """Finds the one module that has a fault."""

    def __init__(self, name: str, old: str, new: str) -> None:
        self.name, self.old, self.new = name, old, new

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """The module's specification, with a loader that plants the fault."""
        if name != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if not (spec and spec.origin and Path(spec.origin).resolve().is_relative_to(KERNELS)):
            raise ImportError(f"{name} would come from another copy: {spec and spec.origin}")
        spec.loader = Planted(name, spec.origin, self.old, self.new)
        return spec


def plant(old: str, new: str) -> None:
    """Let the module that holds `old` be imported with `new` in its place."""
    place = place_of(old)
    changed = users_of(place)
    sys.meta_path.insert(0, Finder(place, old, new))
    from voxomics.kernels import jit

    keep = jit._keep
    jit._keep = lambda kernel: None if kernel.py_func.__module__ in changed else keep(kernel)


class Watch:
    """Notes why tests fail, and has Hypothesis stop at the first counterexample."""

    def __init__(self) -> None:
        self.failed: list[tuple[str, type[BaseException]]] = []

    def pytest_collection(self) -> None:
        """Once the conftest has loaded its profile, and before tests are imported."""
        from hypothesis import Phase, settings  # pytest rewrites the assertions of what is imported after it has begun

        brief = settings.get_profile("voxomics")
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "planted", brief, phases=phases, derandomize=True, database=None, report_multiple_bugs=False, print_blob=False
        )
        settings.load_profile("planted")

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """A test or its collection has failed."""
        self.failed.append((node.nodeid, call.excinfo.type))


def main(old: str, new: str, *arguments: str) -> int:
    """Plant the fault and run the tests until one fails."""
    plant(old, new)
    watch = Watch()
    status = int(pytest.main(["-q", "-x", "--tb=line", "-p", "no:cacheprovider", *arguments], plugins=[watch]))
    for name, kind in watch.failed:
        print(f"failed by {kind.__name__}: {name}")
    by_assertion = watch.failed and all(issubclass(kind, AssertionError) for _, kind in watch.failed)
    return SEEN if status == pytest.ExitCode.TESTS_FAILED and by_assertion else status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
