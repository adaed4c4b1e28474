"""Wall and CPU time of warm calls, for the scripts that compare backends, threads or programs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Timing = dict[str, float]


def timed(call: Callable[[], object], repeats: int) -> Timing:
    """Median and extremes of wall time and median of CPU time, in ms, after one call that is not counted."""
    call()
    wall, cpu = [], []
    for _ in range(repeats):
        before, cpu_before = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - before))
        cpu.append(1e3 * (time.process_time() - cpu_before))
    return {"wall": statistics.median(wall), "min": min(wall), "max": max(wall), "cpu": statistics.median(cpu)}
