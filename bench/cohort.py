"""Time and memory of a list of cases, from files to a table: 36 PET patients, `voxomics extract CASES.csv`.

Every run is a fresh process. Wall time, its CPU time (user and system, children included) and its peak memory are
what the operating system counted. `--checkout` measures another commit's code; only the standard library is
imported here, because a child's peak memory includes what its parent held when it was started.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ("--resampling-spacing", "3", "--set", "resampling.image=cubic_spline", "--discretisation", "fbn:32")


def write_cases(data: Path, target: Path) -> int:
    """Write a list of the patients in `data`; how many there are."""
    patients = sorted(path.name for path in data.glob("STS_*"))
    if not patients:
        raise SystemExit(f"no folder STS_* in {data}; name the cohort's folder with --data")
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("id", "image", "mask"))
        for name in patients:
            table.writerow((name, data / name / "PET_image.nii.gz", data / name / "PET_mask.nii.gz"))
    return len(patients)


def run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Wall and CPU seconds, and peak memory in bytes, of a process and its children."""
    began = time.perf_counter()
    child = subprocess.Popen(command, env=environment)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"exit status {child.returncode}: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak": float(used.ru_maxrss * unit)}


def measured(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Figures of every run, after one that compiles kernels into the cache and is not counted."""
    cases, table = folder / "cases.csv", folder / "features.csv"
    number = write_cases(asked.data.resolve(), cases)
    command = [str(asked.python), "-m", "voxomics.cli", "extract", str(cases), "-o", str(table), "--quiet"]
    command += ["--backend", "cpu", "--threads", str(asked.threads), *SETTINGS, *asked.more]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **single, "PYTHONPATH": str(asked.checkout.resolve() / "python")}
    run(command, environment)
    runs = []
    for _ in range(asked.runs):
        runs.append({**run(command, environment), "load": os.getloadavg()[0]})
        wall, cpu, peak, load = runs[-1].values()
        print(f"{wall:7.2f} s wall {cpu:7.2f} s CPU {peak / 1e6:7.0f} MB peak; load {load:.1f}", flush=True)
    return {
        "cases": number,
        "threads": asked.threads,
        "runs": runs,
        "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
    }


def main() -> None:
    """Run what was asked for and print it."""
    other = "Other words go to `voxomics extract`: --features glcm"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=other)
    data = Path(os.environ.get("VOXOMICS_SHARED") or ROOT.parent / "shared") / "data/cohort_sts_pet"
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose code is measured; by default this one")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="an interpreter that has its dependencies"
    )
    parser.add_argument("--data", type=Path, default=data, help="folder of the patients")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked, asked.more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        found = measured(asked, Path(name))
    middle = {key: statistics.median(one[key] for one in found["runs"]) for key in ("wall_s", "cpu_s", "peak")}
    print(
        f"{found['cases']} cases, {found['threads']} threads, median of {asked.runs}: {middle['wall_s']:.2f} s wall, "
        f"{middle['cpu_s']:.2f} s CPU, {middle['peak'] / 1e6:.0f} MB; table {found['sha256'][:12]}"
    )
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
