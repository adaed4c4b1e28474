"""One program in its own interpreter: `python worker.py PROGRAM THREADS` answers bench/peers.py, a line of JSON a request.

A request names the case, the features, the labels, and how many seconds to measure, or asks for the values.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # bench/, so that no file here hides a program of the same name

from peer.case import Case  # noqa: E402
from peer.programs import PROGRAMS, Program  # noqa: E402

MOST_CALLS = 50


def timed(program: Program, labels: list[int], seconds: float) -> dict[str, list[float]]:
    """Wall and CPU seconds of each call; calls until `seconds` have passed, at least one."""
    found: dict[str, list[float]] = {"wall": [], "cpu": []}
    while not found["wall"] or (sum(found["wall"]) < seconds and len(found["wall"]) < MOST_CALLS):
        wall, cpu = time.perf_counter(), time.process_time()
        program.call(labels)
        found["wall"].append(time.perf_counter() - wall)
        found["cpu"].append(time.process_time() - cpu)
    return found


def main() -> None:
    """Answer until the input ends. What a program prints goes to the standard error output."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    make, threads = PROGRAMS[sys.argv[1]], int(sys.argv[2])
    program: Program | None = None
    opened: Any = None
    for line in sys.stdin:
        asked = json.loads(line)
        if opened != (asked["case"], asked["features"]):
            program = None  # the last case is let go before the next is read
            program = make(Case(**asked["case"]), asked["features"], threads)
            opened = (asked["case"], asked["features"])
        assert program is not None
        if asked["seconds"]:
            answer: Any = timed(program, asked["labels"], asked["seconds"])
        else:
            began = time.process_time()
            raw = program.call(asked["labels"])
            answer = {"cpu": time.process_time() - began, "values": program.values(raw, asked["labels"])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
