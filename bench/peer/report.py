"""The tables of bench/peers.py as Markdown, between two markers of docs/benchmarks.md, and its plot."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peer.names import Agreement, reasons
from peer.turns import OURS, Measured

BEGIN, END = "<!-- bench-peers: begin -->", "<!-- bench-peers: end -->"
AXES = {  # panel: its cases and what of a case is on the x axis
    "voxels of one VOI": ("2k", "30k", "300k", "2M"),
    "grey levels": ("30k", "64 levels", "200 levels"),
    "VOIs": ("20 labels", "200 labels", "5000 labels"),
}
THREADED = ("2k", "30k", "2M", "200 labels")  # cases of the panel of threads
Rows = Sequence[Measured]


def milliseconds(seconds: Sequence[float], scaled: bool) -> str:
    """Median and range; an asterisk where it is scaled up from some labels."""
    if not seconds:
        return "–"
    text = (
        f"{1e3 * statistics.median(seconds):,.3g}" if max(seconds) < 1 else f"{1e3 * statistics.median(seconds):,.0f}"
    )
    if len(seconds) > 1:
        low, high = (
            f"{1e3 * end:,.3g}" if max(seconds) < 1 else f"{1e3 * end:,.0f}" for end in (min(seconds), max(seconds))
        )
        text += f" ({low}–{high})"
    return text + ("\\*" if scaled else "")


def ratio(theirs: Measured, ours: Measured, kind: str) -> float | None:
    """How many times our time the peer takes; below 1 it is ahead."""
    pair = [getattr(one, kind) for one in (theirs, ours)]
    return statistics.median(pair[0]) / statistics.median(pair[1]) if all(pair) else None


def find(rows: Rows, **wanted: Any) -> Measured | None:
    """The only row with these attributes."""
    matching = [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]
    return matching[0] if matching else None


def cells(rows: Rows, peer: str, case: str, features: str, threads: int, kind: str) -> list[str]:
    """Our time, the peer's, and the ratio."""
    pair = [find(rows, case=case, features=features, threads=threads, program=name) for name in (OURS, peer)]
    if None in pair:
        return ["–", "–", "–"]
    ours, theirs = pair
    assert ours and theirs
    times = ratio(theirs, ours, kind)
    said = "–" if times is None else f"{times:.2f}" if times < 10 else f"{times:.0f}"
    mark = "**" if times is not None and times < 1 else ""
    return [
        *(milliseconds(getattr(one, kind), one.labels < one.of) for one in (ours, theirs)),
        f"{mark}{said}{mark}",
    ]


def table(rows: Rows, peer: str, title: str, features: str, many: int) -> list[str]:
    """One table of a peer: a row a case."""
    head = ["case", f"{OURS}, ms CPU, 1 thread", f"{title}", "ratio"]
    if many > 1:
        head += [f"{OURS}, ms wall, {many} threads", f"{title}", "ratio"]
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    for case in dict.fromkeys(row.case for row in rows if row.features == features):
        line = [case, *cells(rows, peer, case, features, 1, "cpu")]
        if many > 1:
            line += cells(rows, peer, case, features, many, "wall")
        lines.append(f"| {' | '.join(line)} |")
    return lines


def ahead(rows: Rows, titles: Mapping[str, str]) -> str:
    """Where a peer takes less time than we do, in plain words."""
    found = []
    for row in rows:
        ours = find(rows, case=row.case, features=row.features, threads=row.threads, program=OURS)
        if row.program == OURS or ours is None:
            continue
        kind = "cpu" if row.threads == 1 else "wall"
        times = ratio(row, ours, kind)
        if times is not None and times < 1:
            where = "one thread, CPU time" if row.threads == 1 else f"{row.threads} threads, wall time"
            found.append(
                f"- {titles[row.program]} is ahead on *{row.case}*, {row.features} features, {where}: "
                f"it takes {times:.2f} of our time."
            )
    return "\n".join(found) if found else "No peer is ahead of voxomics in any of these rows."


def notes(rows: Rows, titles: Mapping[str, str]) -> list[str]:
    """What the reader must know of single rows: scaled times, and errors."""
    found = []
    for row in rows:
        name, threads = (
            titles.get(row.program, row.program),
            "one thread" if row.threads == 1 else f"{row.threads} threads",
        )
        if row.error:
            found.append(f"- {name}, *{row.case}*, {row.features} features, {threads}, gave no time: `{row.error}`")
        elif row.labels < row.of:
            found.append(
                f"- \\* {name}, *{row.case}*, {row.features} features, {threads}: "
                f"{row.labels} of {row.of} labels were measured, and scaled."
            )
    return found


def agreements(found: Mapping[str, Agreement], titles: Mapping[str, str]) -> list[str]:
    """Which values agree, and the reasons of those that do not."""
    lines = [
        "| program | VOIs compared | features that agree | that differ | that voxomics lacks |",
        "|---|---:|---:|---:|---:|",
    ]
    below = []
    for peer, one in found.items():
        if one.vois:
            counts = f"{len(one.agree)} | {len(one.differ)} | {len(one.unknown)}"
            lines.append(f"| {titles[peer]} | {one.vois:,} | {counts} |")
        for reason, features in reasons(peer, one.differ).items():
            worst = max(one.differ[name] for name in features)
            size = "NaN on one side" if np.isinf(worst) else f"up to {worst:.1e} of the value"
            below.append(f"- {titles[peer]}: {reason} ({size}): {', '.join(f'`{name}`' for name in features)}.")
    return [*lines, "", *below]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Least squares on logarithms: the power of x that y grows with."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def series(rows: Rows, place: Mapping[str, float], program: str, features: str) -> tuple[list[float], list[float]]:
    """x and median CPU ms on one thread of the cases in `place` that have a time."""
    points = []
    for case, x in place.items():
        row = find(rows, case=case, features=features, program=program, threads=1)
        if row is not None and row.cpu:
            points.append((x, 1e3 * statistics.median(row.cpu)))
    return [x for x, _ in points], [y for _, y in points]


def kinds(rows: Rows) -> list[tuple[str, str]]:
    """Programs and their features, ours beside each peer's."""
    return list(dict.fromkeys((row.program, row.features) for row in rows))


def slopes(rows: Rows, places: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Table of slopes: a column for each axis."""
    lines = [f"| time grows with the power of | {' | '.join(places)} |", "|---" + "|---:" * len(places) + "|"]
    for program, features in kinds(rows):
        line = [f"{program}, {features} features"]
        for place in places.values():
            x, y = series(rows, place, program, features)
            line.append(f"{slope(x, y):.2f}" if len(x) > 1 else "–")
        lines.append(f"| {' | '.join(line)} |")
    return lines


def ticked(axes: Any) -> None:
    """Logarithmic axes: x marked where there are points, y at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set(xscale="log", yscale="log")
    places = sorted({float(x) for line in axes.lines for x in line.get_xdata()})
    axes.set_xticks(places, [f"{x:,.0f}" for x in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
    axes.grid(True, alpha=0.3)


def plot(rows: Rows, places: Mapping[str, Mapping[str, float]], target: Path) -> None:
    """Time against voxels, levels and VOIs on one thread, and against threads; log–log, slopes in the legends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 9), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    styles = {kind: {"marker": "osd^v"[k % 5], "color": f"C{k % 10}"} for k, kind in enumerate(kinds(rows))}
    for axes, (name, place) in zip(panels, places.items(), strict=False):
        for kind, style in styles.items():
            x, y = series(rows, place, *kind)
            if x:
                label = f"{kind[0]}, {kind[1]}" + (f": slope {slope(x, y):.2f}" if len(x) > 1 else "")
                axes.plot(x, y, label=label, **style)
        axes.set(xlabel=name, ylabel="CPU ms, one thread")
    for kind, style in styles.items():
        for case, line in zip(THREADED, ("-", "--", ":", "-."), strict=True):
            matching = sorted(
                (row for row in rows if (row.program, row.features) == kind and row.case == case and row.wall),
                key=lambda row: row.threads,
            )
            if len(matching) > 1:
                x, y = [row.threads for row in matching], [1e3 * statistics.median(row.wall) for row in matching]
                panels[3].plot(x, y, line, label=f"{kind[0]}, {kind[1]}, {case}: {slope(x, y):.2f}", **style)
    panels[3].set(xlabel="threads", ylabel="wall ms")
    for axes in panels:
        axes.set_visible(bool(axes.lines))
        if axes.lines:
            ticked(axes)
            axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1, 1))
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)


def rewritten(page: str, text: str) -> str:
    """The page with what stands between the markers replaced."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page needs {BEGIN} and then {END}, once each")
    return f"{page[: page.index(BEGIN)]}{BEGIN}\n{text.strip()}\n{page[page.index(END) :]}"
