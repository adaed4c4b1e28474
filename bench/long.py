"""The checks that take too long for every change: each part's time, and a total that stays under an hour on two cores.

A part that fails is reported, the others still run, and the exit status is 1. Words are names of parts to run alone:
``python bench/long.py slow scale``. The examples of the property tests are new in every run; the seed is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MINUTES = 60
ROUNDS = 10  # of new examples
PROPERTIES = ("-m", "hypothesis and not slow", "tests/kernels", "tests/engine")


@dataclass(frozen=True)
class Part:
    """A command whose exit status says whether it went well."""

    name: str
    command: tuple[str, ...]


def python(*words: str) -> tuple[str, ...]:
    """Command of this interpreter."""
    return (sys.executable, *words)


def parts() -> Iterator[Part]:
    """All that is run, the most telling first."""
    make = (os.environ.get("MAKE", "make"), f"VENV={sys.prefix}", "ARGS=")  # ARGS of `make long` are ours alone
    yield Part("slow", python("-m", "pytest", "-q", "-m", "slow", "tests", "--ignore=tests/cuda"))
    yield Part("slow-cuda", (*make[:2], "ARGS=-m slow", "cuda"))
    yield Part("bounds", (*make, "bounds"))
    for number in range(1, ROUNDS + 1):
        seed = f"--hypothesis-seed={random.randrange(2**32)}"
        yield Part(f"examples-{number}", python("-m", "pytest", "-q", seed, *PROPERTIES))
    yield Part("parity", (*make, "parity"))
    yield Part("study-truth", (*make, "study-truth"))
    yield Part("study-null", (*make, "study-null"))
    yield Part("scale-one", python("bench/scale.py", "one", "--size", "200", "--memory", "1GB", "--against", "4GB"))
    yield Part("scale-many", python("bench/scale.py", "many", "--size", "120", "--memory", "400MB", "--against", "2GB"))


def run(part: Part) -> tuple[int, float, float]:
    """Exit status, wall and CPU seconds of a part."""
    print(f"\n== {part.name}: {' '.join(part.command)}", flush=True)
    began = time.perf_counter()
    environment = {name: text for name, text in os.environ.items() if name != "CI"}  # CI repeats the same examples
    child = subprocess.Popen(part.command, cwd=ROOT, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.perf_counter() - began, used.ru_utime + used.ru_stime


def main() -> int:
    """Run the parts; 1 where one failed or all together took too long."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [part.name for part in parts()]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; by default all")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.parts) - set(names)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(names)}")
    lines, failed, total = [], False, 0.0
    for part in parts():
        if asked.parts and part.name not in asked.parts:
            continue
        status, wall, cpu = run(part)
        failed |= bool(status)
        total += wall
        lines.append(
            f"{part.name:<14} {wall / 60:6.1f} min  {cpu / 60:6.1f} min CPU  {f'FAILED: {status}' if status else 'ok'}"
        )
    lines.append(f"{'all':<14} {total / 60:6.1f} min of {MINUTES}")
    print("", *lines, sep="\n")
    return int(failed or total > 60 * MINUTES)


if __name__ == "__main__":
    sys.exit(main())
