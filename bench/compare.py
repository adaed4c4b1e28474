"""Time this checkout against another commit, in turns, and print both; a slow figure fails nothing.

The other commit is unpacked below .bench/ and installed into an environment of its own, once. Both are timed with
the benches of this checkout, by turns in fresh processes, so that what else the machine does falls on both. Words
that are not options of this script go to pytest: ``python bench/compare.py -k glcm``. Every turn's figures stay in
.bench/results as JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".bench"
WITHOUT_TAG = "6432221"  # what is compared with until a release is tagged: the commit before the house was rebuilt
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
SAME = ("numpy", "numba", "scipy", "pandas", "pytest", "pytest-benchmark")  # of the same release in both environments


def git(*arguments: str) -> str:
    """What git prints in this checkout."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def commit_of(asked: str) -> str:
    """Full hash of the commit asked for; by default of the last tag before HEAD."""
    if not asked:
        try:
            asked = git("describe", "--tags", "--abbrev=0", "HEAD^")
        except subprocess.CalledProcessError:
            asked = WITHOUT_TAG
    try:
        return git("rev-parse", "--verify", f"{asked}^{{commit}}")
    except subprocess.CalledProcessError:
        raise SystemExit(
            f"{asked!r} names no commit of this repository; fetch it, or name another: AGAINST=<commit>"
        ) from None


def installed(commit: str) -> tuple[Path, Path]:
    """Interpreter and sources of a commit, made when they are not there yet."""
    folder = KEPT / commit[:12]
    sources, python, done = folder / "sources", folder / "venv/bin/python", folder / "done"
    if not done.exists():
        print(f"Installing {commit[:12]} into {folder.relative_to(ROOT)} (once; some minutes)", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        sources.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(sources, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        wanted = [f"{name}=={metadata.version(name)}" for name in SAME]
        pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        if subprocess.run([*pip, *wanted, "-e", sources]).returncode:
            raise SystemExit(f"the environment of {commit[:12]} cannot be built: see above")
        done.touch()
    return python, sources


def turn(python: Path, sources: Path, out: Path, words: list[str]) -> dict[str, Any]:
    """Figures of one run of all benches."""
    command = [
        python,
        "-m",
        "pytest",
        "-c",
        ROOT / "bench/pytest.ini",
        ROOT / "bench",
        f"--benchmark-json={out}",
        *words,
    ]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(sources / "python")}
    before = os.getloadavg()[0]
    done = subprocess.run(command, env=environment, cwd=ROOT / "bench", capture_output=True, text=True)
    out.with_suffix(".txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    if not out.exists() or not out.stat().st_size:
        raise SystemExit(f"nothing was timed in {sources}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if Path(found["measured"]["folder"]) != sources / "python/voxomics":
        raise SystemExit(f"{found['measured']['folder']} was timed instead of {sources / 'python/voxomics'}")
    found["load"] = (before, os.getloadavg()[0])
    return found


def medians(turns: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Median CPU time in ms of each bench, one a turn."""
    found: dict[str, list[float]] = {}
    for one in turns:
        for bench in one["benchmarks"]:
            name = bench["fullname"].partition("::")[2].removeprefix("bench_")
            found.setdefault(name, []).append(1e3 * bench["stats"]["median"])
    return found


def verdict(before: list[float], after: list[float]) -> str:
    """Faster or slower; or noise, where the medians differ by no more than both sides' turns do among themselves."""
    change = statistics.median(after) - statistics.median(before)
    if abs(change) <= max(before) - min(before) + max(after) - min(after):
        return "noise"
    return "faster" if change < 0 else "slower"


def rows(before: dict[str, list[float]], after: dict[str, list[float]]) -> list[list[str]]:
    """Cells of the table: name, both medians with their ranges, ratio, verdict."""
    found = []
    for name in dict.fromkeys([*after, *before]):
        cells = []
        for side in (before.get(name), after.get(name)):
            spread = f"({min(side):.3g}–{max(side):.3g})" if side else ""
            cells += [f"{statistics.median(side):.3g} {spread}" if side else "–"]
        if name in before and name in after:
            ratio = statistics.median(after[name]) / statistics.median(before[name])
            cells += [f"{ratio:.2f}", verdict(before[name], after[name])]
        else:
            cells += ["–", "–"]
        found.append([name, *cells])
    return found


def heading(commit: str, sides: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Commits, versions, machine and threads."""
    machine = sides["after"][0]["machine_info"]
    loads = [load for turns in sides.values() for one in turns for load in one["load"]]
    here = git("describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")
    said = {"before": commit[:12], "after": here}
    lines = []
    for side, turns in sides.items():
        commit_line = git("show", "--no-patch", "--format=%cs %s", said[side].removesuffix("-dirty"))
        versions = ", ".join(f"{name} {number}" for name, number in turns[0]["measured"]["versions"].items())
        lines.append(f"{side:<8} {said[side]}, {commit_line} ({versions})")
    return [
        *lines,
        f"machine  {machine['cpu'].get('brand_raw', 'unknown')}, {os.cpu_count()} cores, Python "
        f"{machine['python_version']}, load {min(loads):.1f}–{max(loads):.1f}",
        f"figures  one thread; median of {len(sides['after'])} turns' medians, and their range",
        "noise    the medians differ by no more than the ranges of both sides together",
    ]


def report(commit: str, sides: dict[str, list[dict[str, Any]]]) -> str:
    """What is printed: the heading, the table, and what gave no figure."""
    head = ["name", "before, ms CPU", "after, ms CPU", "after / before", ""]
    lines = [*heading(commit, sides), ""]
    table = [head, *rows(medians(sides["before"]), medians(sides["after"]))]
    width = [max(len(row[k]) for row in table) for k in range(len(head))]
    for row in table:
        cells = (cell.rjust(w) if k else cell.ljust(w) for k, (cell, w) in enumerate(zip(row, width, strict=True)))
        lines.append("  ".join(cells).rstrip())
    for side, turns in sides.items():
        for name, reason in turns[-1]["measured"]["not timed"].items():
            lines.append(f"{side}: {name.partition('::')[2]} gave no figure: {reason}")
    return "\n".join(lines)


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Other words go to pytest: -k glcm")
    parser.add_argument("--against", default="", metavar="COMMIT", help=f"default: the last tag, else {WITHOUT_TAG}")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    asked, words = parser.parse_known_args()
    commit = commit_of(asked.against)
    places = {"before": installed(commit), "after": (Path(sys.executable), ROOT)}
    results = KEPT / "results" / time.strftime("%Y%m%d-%H%M%S")
    results.mkdir(parents=True)
    sides: dict[str, list[dict[str, Any]]] = {side: [] for side in places}
    for number in range(1, asked.rounds + 1):
        for side, (python, sources) in places.items():
            began = time.perf_counter()
            sides[side].append(turn(python, sources, results / f"{side}-{number}.json", words))
            print(f"turn {number}, {side}: {time.perf_counter() - began:.0f} s", flush=True)
    text = report(commit, sides)
    (results / "table.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nkept in {results.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
