"""The documentation's examples run, its commands exist and its links lead somewhere."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import re
import shlex
from pathlib import Path

import pytest

from shared import ROOT

FOLDERS = {"voxomics": "python/voxomics", "voxomics.engine": "engine", "voxomics.kernels": "kernels"}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = ("README.md",)  # pages whose Python blocks are run, one after the other


def modules() -> list[str]:
    """Dotted names of all modules, found as files: a module that cannot be imported is a failure, not a gap."""
    names = []
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.relative_to(ROOT / folder).with_suffix("").parts
            if not (package == "voxomics" and inside[0] in ("engine", "kernels")) and inside[-1] != "__main__":
                names.append(".".join((package, *inside)).removesuffix(".__init__"))
    return sorted(names)


@pytest.mark.parametrize("name", modules())
def test_doctests(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(module, optionflags=options, verbose=False)
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {name} fail (see above)"


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks of a page in these languages."""
    fence = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [text for language, text in fence.findall(page.read_text(encoding="utf-8")) if language in languages]


@pytest.mark.parametrize("page", RUN)
def test_python_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a reader would: after `make demo`, whose files they may use, in one session."""
    code = blocks(ROOT / page, "python")
    assert code, f"{page} has no Python block"
    monkeypatch.chdir(tmp_path)
    command("phantom", "demo-out")
    names: dict[str, object] = {"__name__": "__main__"}
    for number, block in enumerate(code, 1):
        exec(compile(block, f"{page}, Python block {number}", "exec"), names)


def command(*arguments: str) -> None:
    """Run `voxomics …` in this process."""
    from typer.testing import CliRunner

    from voxomics.cli import app

    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, f"voxomics {shlex.join(arguments)}: {result.output}"


def lines(block: str) -> list[list[str]]:
    """Words of each command of a shell block, without prompts, comments and output."""
    joined = block.replace("\\\n", " ")
    return [words for line in joined.splitlines() if (words := shlex.split(line.removeprefix("$ "), comments=True))]


SHELL = [
    pytest.param(words, id=f"{page.name}: {shlex.join(words)[:60]}")
    for page in PAGES
    for block in blocks(page, "bash", "sh", "shell", "console")
    for words in lines(block)
]


@pytest.mark.parametrize("words", SHELL)
def test_shell_commands_exist(words: list[str]) -> None:
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        named = [word for word in rest if "=" not in word and not word.startswith("-")]
        assert set(named) <= set(targets)
    elif Path(program).name == "voxomics":
        check_voxomics(rest)
    elif Path(program).name == "pip":
        extras = importlib.metadata.metadata("voxomics").get_all("Provides-Extra") or []
        asked = re.findall(r"\[([^]]+)\]", " ".join(rest))
        assert {extra for group in asked for extra in group.split(",")} <= set(extras)
    else:
        assert program in ("git", "cd", "python", "python3", "ruff", "mypy", "pytest", ".venv/bin/python")


def check_voxomics(words: list[str]) -> None:
    """The command line knows the command and every option named."""
    import typer.main

    from voxomics.cli import app

    known = typer.main.get_command(app)
    while (commands := getattr(known, "commands", None)) and words and not words[0].startswith("-"):
        assert words[0] in commands, f"voxomics has no command {words[0]!r}; it has {sorted(commands)}"
        known, words = commands[words[0]], words[1:]
    options = {option for parameter in known.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= options | {"--help"}, f"unknown: {sorted(given - options)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    local = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert not [target for target in local if not (page.parent / target).exists()]
