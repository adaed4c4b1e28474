"""Time voxomics and its peers on the same arrays: in turns, one thread each and all threads, values compared first.

Each peer has an environment of its own below .bench/peers, made once. What is like for like, and how a figure is
read, stands in docs/benchmarks.md. Figures are never asserted: a slow one fails nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import adapter
from peer import floor, names, report
from peer.case import NAMES, ROOT, Absent, Case, made
from peer.environments import ALWAYS, FEATURES, PEERS, interpreter
from peer.turns import OURS, Measured, Runner, Worker

RESULTS = ROOT / ".bench" / "results"
PAGE, PICTURE = ROOT / "docs/benchmarks.md", ROOT / "docs/img/peers.png"
QUICK = ("2 voxels", "2k", "30k", "200 labels")


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_choices(parser)
    number = parser.add_argument_group("how long")
    number.add_argument("--rounds", type=int, default=3, help="turns of each program on each case (%(default)s)")
    number.add_argument("--seconds", type=float, default=1.0, help="least time of a turn (%(default)s)")
    few = "CPU seconds of a peer for all labels of a case, above which five are measured and scaled (%(default)s)"
    number.add_argument("--limit", type=float, default=60.0, help=few)
    second = "threads of the second pass; 1 leaves it out (by default all cores: %(default)s)"
    number.add_argument("--threads", type=int, default=adapter.available_threads(), help=second)
    quick = f"under 3 minutes: {', '.join(QUICK)}; one round, one thread, a limit of 10 s"
    number.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", type=Path, help="where the figures go; by default into .bench/results")
    docs = "write the tables into docs/benchmarks.md and the plot into docs/img"
    parser.add_argument("--docs", action="store_true", help=docs)
    asked = parser.parse_args()
    asked.cases = asked.cases or list(QUICK if asked.quick else NAMES)
    if asked.quick:
        asked.rounds, asked.seconds, asked.limit, asked.threads = 1, 0.3, 10.0, 1
    return asked


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Options that choose peers, cases and features."""
    more = ", ".join(name for name in PEERS if name not in ALWAYS)
    which = parser.add_argument_group("what is measured")
    peers = f"peers beside {' and '.join(ALWAYS)}: {more}"
    which.add_argument("--peers", nargs="+", default=[], choices=list(PEERS), metavar="NAME", help=peers)
    which.add_argument("--only", action="store_true", help="the peers of --peers alone, without those two")
    some = f"some of the cases, quoted: {', '.join(NAMES)}"
    which.add_argument("--cases", nargs="+", default=[], choices=NAMES, metavar="CASE", help=some)
    sets = f"some of the sets of features: {', '.join(FEATURES)}"
    which.add_argument("--features", nargs="+", default=list(FEATURES), choices=FEATURES, metavar="KEY", help=sets)


def ibsi_ids() -> dict[str, str]:
    """The IBSI's id of each of our features, `family.feature`."""
    from voxomics import Extractor

    levels = {"discretisation": [{"method": "fbs", "width": 25, "origin": 0}]}
    described = Extractor(settings=levels, backend="cpu").described
    return {".".join(column.split(".")[1:3]): ibsi_id for column, (ibsi_id, _) in described.items()}


def compare(peer: str, case: Case, ours: dict[str, Any], theirs: dict[str, Any], found: names.Agreement) -> None:
    """Add the VOIs of a case. PyRadiomics' bins begin below each VOI's own minimum, so VOIs with other bins are left out."""
    ids = ibsi_ids()
    for label in theirs.keys() & ours.keys():
        values, mine = theirs[label], ours[label]
        if peer == "pictologics":
            known = names.by_ibsi_id(values, ids)
            found.add({name: mine[feature] for name, feature in known.items()}, values)
        elif mine["intensity_statistics.minimum"] // case.width * case.width == case.lowest:
            known = names.as_pyradiomics(mine, int(mine["n_voxels"]), tuple(case.spacing_mm))
            found.add(names.spelt_like(values, known), values)


class Session:
    """The workers of one pass, on so many threads, and what was found so far."""

    def __init__(self, asked: argparse.Namespace, pythons: dict[str, Path], threads: int) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.asked, self.threads = asked, threads
        self.workers = {
            name: Worker(name, python, threads, RESULTS / f"peers_{name}_{threads}.log")
            for name, python in pythons.items()
        }

    def measure(self, case: Case, agreement: dict[str, names.Agreement]) -> list[Measured]:
        """All programs on one case, for each set of features."""
        rows: list[Measured] = []
        for features in self.asked.features:
            programs = [name for name in self.workers if name == OURS or features in PEERS[name].features]
            if len(programs) == 1 and len(self.workers) > 1:
                continue  # nobody to compare with
            runners = {name: Runner(self.workers[name], name, self.threads, case, features) for name in programs}
            values = {name: runner.start(self.asked.limit) for name, runner in runners.items()}
            if self.threads == 1 and features != "107" and case.voxels > 2:  # in two voxels most is left undefined
                ours = values.pop(OURS)
                for name, theirs in values.items():
                    compare(name, case, ours, theirs, agreement[name])
            for _ in range(self.asked.rounds):
                for runner in runners.values():
                    runner.turn(self.asked.seconds)
            rows += [runner.found for runner in runners.values()]
            print_rows(rows[-len(runners) :])
        return rows

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers.values():
            worker.close()


def print_rows(rows: list[Measured]) -> None:
    """Progress: one line a program."""
    for row in rows:
        what = f"{row.case:<12} {row.features} features, {row.threads} threads  {row.program:<12}"
        scale = "" if row.labels == row.of else f" {row.labels} of {row.of} labels, scaled"
        times = (
            row.error or f"CPU {report.milliseconds(row.cpu, False)} ms, wall {report.milliseconds(row.wall, False)} ms"
        )
        print(f"{time.strftime('%H:%M:%S')}  {what} {times}{scale}", file=sys.stderr, flush=True)


def machine() -> str:
    """Processor, cores, Python and libraries, and the commit that was measured."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    commit = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "numba"))
    return f"voxomics {commit}; {processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def written(found: dict[str, Any], rows: list[Measured], agreement: dict[str, names.Agreement]) -> str:
    """The report as Markdown."""
    titles = {name: PEERS[name].title for name in agreement}
    many = max((row.threads for row in rows), default=1)
    lines = [
        f"{found['machine']}. {found['date']}, load {found['load'][0]:.1f} to {found['load'][1]:.1f}. "
        f"Median of {found['rounds']} turn{'s (least to most)' * (found['rounds'] > 1)}; "
        "*ratio* is the peer's time divided by ours.",
    ]
    for name in agreement:
        for features in dict.fromkeys(row.features for row in rows if row.program == name):
            lines += ["", f"**{titles[name]}**, {FEATURES[features]}:", ""]
            lines += report.table(rows, name, titles[name], features, many)
    lines += ["", *report.notes(rows, titles), "", report.ahead(rows, titles), ""]
    lines += ["**Values.** A value agrees if it differs by at most 1e-9 of itself, or 1e-12.", ""]
    lines += [*report.agreements(agreement, titles), "", "**Slopes**, one thread, CPU time:", ""]
    lines += [*report.slopes(rows, found["places"]), "", "**The floor.** " + found["floor said"]]
    return "\n".join(lines) + "\n"


def floored(case: Case | None, rounds: int) -> tuple[dict[str, float], str]:
    """Figures of the C floor and the sentence about them, or why there are none."""
    if case is None:
        return {}, "Not measured: the 30k case was left out."
    try:
        found = floor.measured(case, rounds)
    except Absent as reason:
        return {}, f"Not measured: {reason}."
    return found, floor.sentence(found)


def main() -> None:
    """Run what was asked for, print it, and keep it."""
    asked = options()
    chosen = list(dict.fromkeys([*(() if asked.only else ALWAYS), *asked.peers]))
    pythons = {OURS: Path(sys.executable)} | {name: interpreter(name) for name in chosen}
    agreement = {name: names.Agreement() for name in chosen}
    load, rows, known = os.getloadavg()[0], [], {}
    for threads in dict.fromkeys((1, asked.threads)):
        session = Session(asked, pythons, threads)
        for name in asked.cases:
            try:
                known[name] = known.get(name) or made(name)
            except Absent as reason:
                print(f"{name} is left out: {reason}", file=sys.stderr)
                continue
            rows += session.measure(known[name], agreement)
        session.close()
    places = {
        axis: {name: float(size(known[name])) for name in members if name in known}
        for (axis, members), size in zip(report.AXES.items(), SIZES, strict=True)
    }
    figures, said = floored(known.get("30k"), asked.rounds)
    found = {
        "machine": machine(), "date": time.strftime("%Y-%m-%d"), "rounds": asked.rounds, "load": (load, os.getloadavg()[0]),
        "peers": {name: PEERS[name].title for name in chosen}, "places": places, "floor": figures, "floor said": said,
        "cases": {name: case.asked() | {"labels": len(case.labels)} for name, case in known.items()},
        "rows": [asdict(row) for row in rows],
    }  # fmt: skip
    keep(asked, found, rows, agreement)


SIZES = (lambda case: case.voxels, lambda case: case.levels, lambda case: len(case.labels))  # the axes of report.AXES


def keep(
    asked: argparse.Namespace, found: dict[str, Any], rows: list[Measured], agreement: dict[str, names.Agreement]
) -> None:
    """Print the report; write it, the figures and the plot."""
    text = written(found, rows, agreement)
    print(text)
    target = asked.json or RESULTS / f"peers_{time.strftime('%Y%m%d_%H%M%S')}.json"
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(text, encoding="utf-8")
    report.plot(rows, found["places"], target.with_suffix(".png"))
    if asked.docs:
        PAGE.write_text(report.rewritten(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
        report.plot(rows, found["places"], PICTURE)


if __name__ == "__main__":
    main()
