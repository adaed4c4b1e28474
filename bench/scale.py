"""Time and memory at the two ends: one VOI of 50 million voxels, or a million VOIs of 27.

Every row of the table is `voxomics.extract` in a process of its own, on arrays in memory. "memory" is the most that
the process took beyond what it held before the call (the arrays, and Python with compiled kernels): what `--memory`
limits, and the table. With `--against` everything is also measured under another limit, and both tables must be
equal to the last bit: else the exit status is 1. A group that one of the limits refuses counts as different.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from voxomics import extract
from voxomics.diagnosis import diagnose

SPACING_MM = (1.0, 0.9, 0.9)
SIZES = {"one": 458, "many": 300}
SPATIAL = ["morphology.morans_i_index", "morphology.gearys_c_measure"]
GROUPS: dict[str, dict[str, list[str]]] = {
    "morphology": {"features": ["morphology"], "exclude": SPATIAL},
    "Moran, Geary": {"features": SPATIAL},
    "local intensity": {"features": ["local_intensity"]},
    "intensities": {"features": ["intensity_statistics", "intensity_histogram", "intensity_volume_histogram"]},
    "GLCM": {"features": ["glcm"]},
    "GLRLM": {"features": ["glrlm"]},
    "GLSZM, GLDZM": {"features": ["glszm", "gldzm"]},
    "NGTDM, NGLDM": {"features": ["ngtdm", "ngldm"]},
    "all": {},
}


def volume(size: int) -> np.ndarray:
    """int16 [size, size, size]: noise around 1000, Gaussian σ 2, made in slabs so that it takes little memory."""
    from scipy import ndimage

    rng = np.random.default_rng(0)
    found = np.empty((size,) * 3, np.int16)
    step, edge = 32, 8
    for first in range(0, size, step):
        slab = rng.standard_normal((min(step, size - first) + 2 * edge, size, size), np.float32)
        found[first : first + step] = np.rint(1000.0 + 500.0 * ndimage.gaussian_filter(slab, 2.0)[edge:-edge])
    return found


def ball(size: int) -> np.ndarray:
    """uint8 [size, size, size]: one VOI that touches every side."""
    half = np.square(np.arange(size, dtype=np.float32) - (size - 1) / 2)
    return (half[:, None, None] + half[:, None] + half <= (size / 2) ** 2).astype(np.uint8)


def blocks(size: int) -> np.ndarray:
    """uint32 [size, size, size]: a VOI for each 3 × 3 × 3 voxels."""
    across = -(-size // 3)
    label = np.arange(1, across**3 + 1, dtype=np.uint32).reshape((across,) * 3)
    for axis in range(3):
        label = label.repeat(3, axis)
    return np.ascontiguousarray(label[:size, :size, :size])


def held() -> tuple[int, int]:
    """Bytes that this process holds, and the most it has held; getrusage would know the most of its parent too."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines["VmRSS"].split()[0]), 1024 * int(lines["VmHWM"].split()[0])


def work(folder: Path, group: str, memory: str, threads: int) -> None:
    """Measure one group of features, write the table's numbers to `folder` and print the figures as JSON."""
    settings = {**GROUPS[group], "memory": memory}
    rng = np.random.default_rng(0)
    extract(
        rng.integers(0, 99, (4, 5, 6)).astype(np.int16),
        np.ones((4, 5, 6), np.uint8),
        settings=settings,
        spacing_mm=SPACING_MM,
    )
    image, mask = np.load(folder / "image.npy"), np.load(folder / "mask.npy")
    (before, _), wall, cpu = held(), time.perf_counter(), time.process_time()
    table = extract(image, mask, settings=settings, spacing_mm=SPACING_MM, threads=threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _, peak = held()
    np.save(folder / "values.npy", table.iloc[:, 7:].to_numpy())
    figures = {
        "wall_s": wall,
        "cpu_s": cpu,
        "before": before,
        "peak": peak,
        "rows": len(table),
        "columns": table.shape[1] - 7,
    }
    reasons = table["reason"][table["status"] != "ok"].value_counts()
    print(json.dumps({**figures, "status": table["status"].value_counts().to_dict(), "reasons": reasons[:3].to_dict()}))


def measured(folder: Path, case: str, group: str, memory: str, threads: int) -> tuple[dict[str, object], np.ndarray]:
    """Figures and values of `work` in a fresh process."""
    command = [
        sys.executable,
        __file__,
        case,
        "--memory",
        memory,
        "--threads",
        str(threads),
        "--work",
        group,
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"died": done.stderr.strip().splitlines()[-1:] or [f"signal {-done.returncode}"]}, np.empty(0)
    return json.loads(done.stdout.splitlines()[-1]), np.load(folder / "values.npy")


def shown(figures: dict) -> list[str]:
    """Cells of a row."""
    if "died" in figures:
        return ["", "", "", str(figures["died"])]
    reasons = "; ".join(f"{n} rows: {text}" for text, n in figures["reasons"].items())
    status = ", ".join(f"{n} {name}" for name, n in figures["status"].items())
    grown = (figures["peak"] - figures["before"]) / 1e9
    return [f"{figures['wall_s']:.1f}", f"{figures['cpu_s']:.1f}", f"{grown:.2f}", f"{status} {reasons}".strip()]


def main() -> int:
    """Run what was asked for and print it; 1 where a process died or two tables differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=SIZES)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--against", metavar="MEMORY", help="a second limit, for tables that must be equal")
    parser.add_argument(
        "--groups", nargs="+", choices=GROUPS, default=list(GROUPS), metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument("--size", type=int, help="edge of the volume in voxels; by default 458 (one) or 300 (many)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", nargs=2, metavar=("GROUP", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        work(Path(chosen.work[1]), chosen.work[0], chosen.memory, chosen.threads)
        return 0
    console = Console(width=150, highlight=False)
    found: dict[str, object] = {"machine": dict(diagnose())}
    rows: list[dict] = []
    table = Table("group", "limit", "wall s", "CPU s", "memory GB", "status", "equal", box=None, header_style="bold")
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), chosen.size or SIZES[chosen.case]
        np.save(folder / "image.npy", volume(size))
        np.save(folder / "mask.npy", ball(size) if chosen.case == "one" else blocks(size))
        for group in chosen.groups:
            kept = None
            for memory in filter(None, (chosen.memory, chosen.against)):
                figures, values = measured(folder, chosen.case, group, memory, chosen.threads)
                if kept is not None:
                    figures["equal"] = bool(kept.shape == values.shape and np.array_equal(kept, values, equal_nan=True))
                kept = values
                found[f"{group}, {memory}"] = figures
                rows.append(figures)
                table.add_row(group, memory, *shown(figures), str(figures.get("equal", "")))
                console.print(group, memory, *shown(figures), figures.get("equal", ""))
    console.print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))
    return int(any("died" in figures or not figures.get("equal", True) for figures in rows))


if __name__ == "__main__":
    sys.exit(main())
