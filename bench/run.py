"""Time the engine on the cases of bench/cases.py and print one table; `--json FILE` keeps the figures.

Every figure is a median over warm calls on arrays in memory, one call per case; loading files is not part of it. Wall and CPU
time of the whole process are both given. Machines differ: compare ratios within one run (`--peer` runs pictologics beside ours).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cases
import numpy as np
from rich.console import Console
from rich.table import Table

from voxomics.diagnosis import diagnose
from voxomics.engine import plan
from voxomics.engine.families import FAMILIES
from voxomics.engine.measure import measure
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.extraction import Extractor

BASE = {"discretisation": [{"method": "fbs", "width": 25, "origin": -100}]}
SPATIAL = ["morphology.morans_i_index", "morphology.gearys_c_measure"]
COSTLY = [*SPATIAL, "local_intensity"]
SIZES = {"small": cases.small, "big": cases.big, "2M": cases.huge}

Timing = dict[str, float]


def timed(call: Callable[[], object], repeats: int) -> Timing:
    """Median and spread of wall time and median of CPU time, in ms, of warm calls."""
    call()
    wall, cpu = [], []
    for _ in range(repeats):
        before, cpu_before = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - before))
        cpu.append(1e3 * (time.process_time() - cpu_before))
    return {"wall": statistics.median(wall), "min": min(wall), "max": max(wall), "cpu": statistics.median(cpu)}


def families(volume: np.ndarray, mask: np.ndarray, threads: int, repeats: int) -> dict[str, Timing]:
    """Preparation and each family alone, on one packed batch."""
    image, stack = Image(volume, cases.SPACING_MM), MaskStack((mask,))
    settings = Settings.of(BASE)
    found = {"find VOIs": timed(lambda: find_vois(stack), repeats)}
    vois = find_vois(stack)
    found["prepare"] = timed(lambda: build(image, stack, vois, settings, threads), repeats)
    prepared = build(image, stack, vois, settings, threads)
    choices = {family.name: {"features": [family.name]} for family in FAMILIES}
    choices["morphology"]["exclude"] = SPATIAL
    choices["Moran's I, Geary's C"] = {"features": SPATIAL}
    for name, choice in choices.items():
        chosen = Settings.of({**BASE, **choice})
        calls = plan.calls(plan.columns(chosen), chosen)
        found[name] = timed(lambda c=calls, s=chosen: measure(prepared, c, s, threads), repeats)
    return found


def whole(volume: np.ndarray, mask: np.ndarray, threads: int, repeats: int) -> dict[str, Timing]:
    """`Extractor.extract` from arrays to the table."""
    result = {}
    for name, exclude in (("all but Moran/Geary and local", COSTLY), ("all", [])):
        ours = Extractor(settings={**BASE, "exclude": exclude}, threads=threads)
        result[f"extract, {name}"] = timed(lambda o=ours: o.extract(volume, mask, spacing_mm=cases.SPACING_MM), repeats)
    return result


def fresh(code: str, repeats: int, **environment: str) -> float:
    """Median seconds of a fresh Python process that runs `code`."""
    taken = []
    for _ in range(repeats):
        before = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - before)
    return statistics.median(taken)


def starts() -> dict[str, float]:
    """Seconds: bare Python, `import voxomics`, the first table without and with the JIT cache (from NIfTI files)."""
    with tempfile.TemporaryDirectory() as folder:
        from voxomics.phantom import write

        image, mask = write(folder)
        first = f"import voxomics; assert len(voxomics.extract({str(image)!r}, {str(mask)!r})) == 3"
        cache = str(Path(folder, "cache"))
        return {
            "python -c pass": fresh("pass", 5),
            "import voxomics": fresh("import voxomics", 5),
            "first table, no JIT cache": fresh(first, 1, NUMBA_CACHE_DIR=cache),
            "first table, JIT cache": fresh(first, 5, NUMBA_CACHE_DIR=cache),
        }


PEER = """
import sys, time, statistics, json
sys.path.insert(0, {bench!r})
import cases, numpy as np
from pictologics import RadiomicsPipeline, Image
def run(volume, mask, heavy):
    spacing = cases.SPACING_MM[::-1]
    make = lambda a, m: Image(array=np.ascontiguousarray(a.transpose(2, 1, 0)), spacing=spacing, origin=(0.0, 0.0, 0.0),
                              direction=np.eye(3), modality=m)
    image = make(volume, "CT")
    pipeline = RadiomicsPipeline()
    pipeline.add_config("c", [
        {{"step": "discretise", "params": {{"method": "FBS", "bin_width": 25.0, "min_val": -100.0}}}},
        {{"step": "extract_features", "params": {{"families": ["intensity", "morphology", "texture", "histogram", "ivh"],
          "include_spatial_intensity": heavy, "include_local_intensity": heavy}}}}])
    masks = [make((mask == v).astype(np.uint8), "SEG") for v in np.unique(mask) if v]
    def call():
        return [pipeline.run(image, m, config_names=["c"]) for m in masks]
    call()
    wall, cpu = [], []
    for _ in range(7):
        a, b = time.perf_counter(), time.process_time()
        call()
        wall.append(1e3 * (time.perf_counter() - a)); cpu.append(1e3 * (time.process_time() - b))
    return {{"wall": statistics.median(wall), "min": min(wall), "max": max(wall), "cpu": statistics.median(cpu)}}
out = {{}}
for name in ("small", "big", "labels"):
    for heavy in (False, True):
        out[f"{{name}}, " + ("all" if heavy else "all but Moran/Geary and local")] = run(*getattr(cases, name)(), heavy)
print(json.dumps(out))
"""


def peer(python: str) -> dict[str, Timing]:
    """pictologics on the same arrays, with its own interpreter (docs/benchmarks.md says how to install it)."""
    code = PEER.format(bench=str(Path(__file__).parent))
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="without the 2 M voxel case and the fresh processes")
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has pictologics")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    console = Console(width=110, highlight=False)
    found: dict[str, object] = {"machine": dict(diagnose())}
    for topic, text in diagnose()[:5]:
        console.print(f"{topic:<10} {text}")

    table = Table(f"ms (median of {chosen.repeats}, warm)", box=None, header_style="bold")
    rows: dict[str, list[str]] = {}
    sizes = {k: v for k, v in SIZES.items() if not (chosen.quick and k == "2M")}
    for name, make in {**sizes, "200 labels": cases.labels}.items():
        volume, mask = make()
        for threads in (1, 2):
            table.add_column(f"{name}\n{threads} thread{'s' * (threads > 1)}", justify="right")
            result = {**families(volume, mask, threads, chosen.repeats), **whole(volume, mask, threads, chosen.repeats)}
            found[f"{name}, {threads} threads"] = result
            for row, timing in result.items():
                rows.setdefault(row, []).append(f"{timing['wall']:.2f}")
                if row.startswith("extract"):
                    rows.setdefault(f"  its CPU time, {row[9:]}", []).append(f"{timing['cpu']:.2f}")
    for row, cells in rows.items():
        table.add_row(row, *cells)
    console.print(table)
    if chosen.peer:
        found["pictologics"] = peer(chosen.peer)
        for name, timing in found["pictologics"].items():  # type: ignore[attr-defined]
            console.print(f"pictologics {name}: {timing['wall']:.2f} ms wall, {timing['cpu']:.2f} ms CPU")
    if not chosen.quick:
        found["starts"] = starts()
        for name, seconds in found["starts"].items():  # type: ignore[attr-defined]
            console.print(f"{name:<28} {seconds:.2f} s")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
