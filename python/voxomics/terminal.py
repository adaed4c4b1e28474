"""What the command line shows: errors, progress, summaries, and tables that are complete on 80 columns."""

from __future__ import annotations

import errno
import os
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer
from rich.console import Console
from rich.text import Text

from voxomics.engine.errors import VoxomicsError

if TYPE_CHECKING:
    import pandas as pd

    from voxomics.ibsi_check import Outcome
    from voxomics.profiles.profile import Output
    from voxomics.study.results import StudyResults

# Emoji are off, because rich would turn the ":100:" of "bounds:100:0:400" into one. Lines are wrapped, never cut.
errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def open_closed_streams() -> None:
    """Lead standard streams that were closed (``2>&-``) nowhere: else the next file opened takes their number, and their text."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the rest of the process


_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class App(typer.Typer):
    """The command line. A standard stream that cannot be written to, such as a full disk, is one message and status 2."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().__call__(*args, **kwargs)
        except OSError as error:
            if error.filename is not None or error.errno not in _UNWRITTEN:
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)  # else Python would try once more when it ends
            with suppress(OSError):
                errors.print(f"[bold red]error:[/] the output cannot be written: {error.strerror or error}")
            os.dup2(nowhere, 2)
            sys.exit(2)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def output(**options: Any) -> Console:
    """Standard output."""
    return Console(highlight=False, markup=False, emoji=False, **options)


_TOLD = 5  # different reasons that a summary spells out


@contextmanager
def reported() -> Iterator[None]:
    """Show errors of voxomics as one message and exit with status 2; other errors keep their traceback."""
    try:
        yield
    except VoxomicsError as error:
        errors.print("[bold red]error:[/] ", end="")
        errors.print(str(error), markup=False)
        raise typer.Exit(2) from None


def warm(threads: int, families: tuple[str, ...], quiet: bool, always: bool = False) -> None:
    """Compile kernels on all cores if the cache has none; later runs read them from the cache."""
    from voxomics.engine import warm as kernels

    if (always or kernels.is_cold(families)) and not quiet:
        errors.print("compiling kernels (up to a minute, only once on this machine) ...", style="dim")
    if always:
        kernels.warm_all(threads, families)
    else:
        kernels.ensure(families, threads)


@contextmanager
def progress(quiet: bool, doing: str = "measuring") -> Iterator[Callable[[float], None] | None]:
    """Show a progress bar if stderr is a terminal."""
    if quiet or not _is_terminal(sys.stderr):
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn(doing), BarColumn(), TimeElapsedColumn(), console=errors, transient=True) as bar:
        task = bar.add_task(doing, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


@contextmanager
def stages(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show a progress bar for each stage of a study if stderr is a terminal."""
    if quiet or not _is_terminal(sys.stderr):
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done)

        yield advance


def print_study(found: StudyResults, folder: Path) -> None:
    """Print the results of protocol and twin side by side, and the notes."""
    from rich.table import Table

    sides = [found.parts["protocol"].numbers, found.parts["twin"].numbers]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", overflow="fold")
    for heading in ("protocol", "twin", "95 % CI (twin)", "p (twin)"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in (name for name in sides[0] if name in sides[1]):
        ours = sides[1][name]
        limits = "" if ours.ci_low is None or ours.ci_high is None else f"{ours.ci_low:.3g} to {ours.ci_high:.3g}"
        table.add_row(name, *(_short(side[name].value) for side in sides), limits, _short(ours.p))
    output().print(table)
    for note in found.notes:
        errors.print(f"{note.where}: {note.text}", style="yellow", markup=False)
    number = sum(len(part.tables) for part in found.parts.values())
    typer.echo(f"wrote {folder / 'report.html'}, results.json and {number} tables", err=True)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def print_summary(found: pd.DataFrame, target: Path, columns: int) -> None:
    """Print how many VOIs were measured, and their reasons and remarks."""
    counts = found["status"].value_counts().to_dict()
    summary = ", ".join(f"{counts[key]} {key}" for key in ("ok", "partial", "failed") if key in counts)
    number = len(found)
    typer.echo(f"{target}: {number} VOI{'s' if number > 1 else ''} ({summary}), {columns} features", err=True)
    reasons = Counter(zip(found["status"], found["reason"], strict=True))
    told = [(status, reason, n) for (status, reason), n in reasons.most_common() if reason]
    for status, reason, n in told[:_TOLD]:
        errors.print(f"{n} {status}: {reason}", style="yellow", markup=False)
    if len(told) > _TOLD:
        errors.print(f"{len(told) - _TOLD} more reasons and remarks are in the column `reason`", style="yellow")


def print_features(outputs: Sequence[Output], profile: str) -> None:
    """Print one line per column; on a narrow terminal, print the name and put the rest below it, indented."""
    rows = [(item.name, item.ibsi_id or "–", item.unit, item.definition) for item in outputs]
    table = [("column", "IBSI id", "unit", "definition"), *rows]
    widths = [max(len(row[k]) for row in table) for k in range(4)]
    console = output(soft_wrap=True)
    if not _is_terminal(sys.stdout) or sum(widths) + 6 <= console.width:
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
        console.print(Text(lines[0], style="bold"))
        console.print("\n".join(lines[1:]))
    else:
        # A formula is not broken at its minus.
        below = textwrap.TextWrapper(console.width, "    ", " " * 8, break_on_hyphens=False, break_long_words=False)
        for name, *rest in rows:
            console.print(Text(name, style="bold"))
            console.print(below.fill("  ".join(rest)))
    console.print(f"{len(rows)} columns, profile {profile}")


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print the number of values passed, present and skipped by configuration and family, and why values were skipped."""
    from rich.table import Table

    counts = Counter((o.reference.config, o.reference.family, o.verdict) for o in outcomes)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("configuration", "family"):
        table.add_column(heading, overflow="fold")
    for heading in ("passed", "present", "skipped"):
        table.add_column(heading, justify="right", no_wrap=True)
    total = Counter(o.verdict for o in outcomes)
    for config, family in dict.fromkeys((o.reference.config, o.reference.family) for o in outcomes):
        passed, missed, skipped = (counts[config, family, verdict] for verdict in ("passed", "missed", "skipped"))
        style = "red" if missed else "yellow" if skipped else ""
        table.add_row(config, family, str(passed), str(passed + missed + skipped), str(skipped), style=style)
    table.add_row("total", "", str(total["passed"]), str(len(outcomes)), str(total["skipped"]), style="bold")
    output().print(table)
    for why in dict.fromkeys(o.why for o in outcomes if o.verdict == "skipped"):
        output(soft_wrap=True).print(f"skipped: {why}")
