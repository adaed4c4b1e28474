"""Whole calls of `Extractor.extract` on arrays in memory, and fresh processes up to their first table."""

from __future__ import annotations

import resource
import subprocess
import sys

import cases
import pytest
from adapter import DISCRETISATION

COSTLY = ["morphology.morans_i_index", "morphology.gearys_c_measure", "local_intensity"]
WHOLE = {"all but Moran, Geary and local": COSTLY, "all": []}


@pytest.mark.parametrize("exclude", WHOLE)
def bench_extract(timed, arrays, exclude):
    from voxomics import Extractor

    ours = Extractor(settings={**DISCRETISATION, "exclude": WHOLE[exclude]}, backend="cpu", threads=1)
    timed(lambda: ours.extract(*arrays, spacing_mm=cases.SPACING_MM))


def of_children() -> float:
    """CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fresh(benchmark, code: str) -> None:
    """Time fresh Python processes that run `code`; the first is not timed, it compiles where the cache is cold."""
    command = [sys.executable, "-c", code]
    benchmark.pedantic(lambda: subprocess.run(command, check=True), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(timer=of_children)
@pytest.mark.parametrize("module", ["voxomics", "voxomics.cli", "voxomics.extraction"])
def bench_import(benchmark, module):
    fresh(benchmark, f"import {module}")


@pytest.mark.benchmark(timer=of_children)
def bench_first_table(benchmark, tmp_path):
    from voxomics.phantom import write

    image, mask = write(tmp_path)
    fresh(benchmark, f"import voxomics; assert len(voxomics.extract({str(image)!r}, {str(mask)!r}, threads=1)) == 3")
