"""Programs measured in turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from peer.case import ROOT, Case

WORKER = Path(__file__).with_name("worker.py")
LIMITS = (
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "PICTOLOGICS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
FEWEST_LABELS = 5
KINDS = ("wall", "cpu")
OURS = "voxomics"


class Died(Exception):
    """A program ended or raised an error; the message is its last line."""


class Worker:
    """A program in its own interpreter, on so many threads; a dead one is started anew when it is asked again."""

    def __init__(self, program: str, python: Path, threads: int, log: Path) -> None:
        limits = dict.fromkeys(LIMITS, str(threads))
        self.environment = {**os.environ, **limits, "PYTHONPATH": str(ROOT / "python")}
        if program != OURS:
            del self.environment["PYTHONPATH"]
        self.command = [str(python), str(WORKER), program, str(threads)]
        self.log = log
        self.process: subprocess.Popen[str] | None = None

    def ask(self, case: Case, features: str, labels: list[int], seconds: float = 0.0) -> Any:
        """Times of calls, or with no seconds the values and the CPU time of one call."""
        if self.process is None:
            with self.log.open("w", encoding="utf-8") as log:
                pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
                self.process = subprocess.Popen(self.command, env=self.environment, text=True, **pipes)
        assert self.process.stdin and self.process.stdout
        request = {"case": case.asked(), "features": features, "labels": labels, "seconds": seconds}
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it died; the answer is empty
        answer = self.process.stdout.readline()
        if not answer:
            status = self.process.wait()
            self.process = None
            said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Died(said[-1] if said else f"exit status {status}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process; it ends by itself when its input does."""
        if self.process is not None and self.process.stdin:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


@dataclass
class Measured:
    """Times of one program on one case: the medians of each turn, in seconds.

    Attributes
    ----------
    case, features, program : str
    threads : int
    labels, of : int
        VOIs that were measured, and VOIs of the case. Fewer: the times are scaled to all of them.
    wall, cpu : list of float
        One a turn.
    error : str
        Why there are no times.
    """

    case: str
    features: str
    program: str
    threads: int
    labels: int
    of: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    error: str = ""


def spread(labels: list[int], count: int) -> list[int]:
    """So many of the labels, evenly from the first to the last."""
    places = np.unique(np.linspace(0, len(labels) - 1, min(count, len(labels))).round().astype(int))
    return [labels[k] for k in places]


def scaled(first: float, several: float, count: int, of: int) -> float:
    """Time of `of` labels: that of the first, and for each further one what it costs among `count`."""
    return first + (of - 1) * (several - first) / (count - 1)


class Runner:
    """One program on one case: its values, how many labels it is given, and its turns."""

    def __init__(self, worker: Worker, program: str, threads: int, case: Case, features: str) -> None:
        self.worker, self.case, self.features = worker, case, features
        self.labels = case.labels
        self.found = Measured(case.name, features, program, threads, len(case.labels), len(case.labels))

    def start(self, limit: float) -> dict[str, dict[str, float]]:
        """Values of the labels that are measured: fewer where all would take a peer more than `limit` s of CPU time."""
        try:
            self.worker.ask(self.case, self.features, self.case.labels[:1])
            one = self.worker.ask(self.case, self.features, self.case.labels[:1])["cpu"]
            count = len(self.labels)
            if self.found.program != OURS and count > FEWEST_LABELS and one * count > limit:
                two = self.worker.ask(self.case, self.features, spread(self.labels, 2))["cpu"]
                if scaled(one, two, 2, count) > limit:
                    self.labels = spread(self.labels, FEWEST_LABELS)
                    self.found.labels = len(self.labels)
            values: dict[str, dict[str, float]] = self.worker.ask(self.case, self.features, self.labels)["values"]
            return values
        except Died as reason:
            self.found.error = str(reason)
            return {}

    def turn(self, seconds: float) -> None:
        """Time it once more."""
        if self.found.error:
            return
        try:
            several = self.worker.ask(self.case, self.features, self.labels, seconds)
            first: Mapping[str, list[float]] = several
            if self.found.labels < self.found.of:
                first = self.worker.ask(self.case, self.features, self.labels[:1], seconds)
        except Died as reason:
            self.found.error = str(reason)
            return
        for kind in KINDS:
            median = statistics.median(several[kind])
            if self.found.labels < self.found.of:
                one = statistics.median(first[kind])
                median = scaled(one, median, self.found.labels, self.found.of)
            getattr(self.found, kind).append(median)
