"""Whole calls on one thread and on two, wall and CPU time, and pictologics beside them.

`--peer PYTHON` names an interpreter that has pictologics; it measures the same arrays in the same run.
docs/benchmarks.md says how the peer is installed. It has no call for many labels: each of them is a call.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import adapter
import cases
import numpy as np
from timing import Timing, timed

CASES = {"2k": cases.small, "30k": cases.big, "200 labels": cases.labels}
COSTLY = ["morphology.morans_i_index", "morphology.gearys_c_measure", "local_intensity"]


def ours(threads: int, heavy: bool, repeats: int) -> dict[str, Timing]:
    """`Extractor.extract` on every case."""
    from voxomics import Extractor

    settings = {**adapter.DISCRETISATION, "exclude": [] if heavy else COSTLY}
    extractor = Extractor(settings=settings, backend="cpu", threads=threads)
    found = {}
    for name, make in CASES.items():
        volume, mask = make()
        found[name] = timed(lambda v=volume, m=mask: extractor.extract(v, m, spacing_mm=cases.SPACING_MM), repeats)
    return found


def pictologics(heavy: bool, repeats: int) -> dict[str, Timing]:
    """pictologics on every case; only its own interpreter can import it."""
    from pictologics import Image, RadiomicsPipeline

    def made(array: np.ndarray, modality: str) -> Image:
        spacing = cases.SPACING_MM[::-1]
        turned = np.ascontiguousarray(array.transpose(2, 1, 0))
        return Image(array=turned, spacing=spacing, origin=(0.0, 0.0, 0.0), direction=np.eye(3), modality=modality)

    pipeline = RadiomicsPipeline()
    families = ["intensity", "morphology", "texture", "histogram", "ivh"]
    wanted = {"families": families, "include_spatial_intensity": heavy, "include_local_intensity": heavy}
    levels = {"method": "FBS", "bin_width": 25.0, "min_val": -100.0}
    steps = [{"step": "discretise", "params": levels}, {"step": "extract_features", "params": wanted}]
    pipeline.add_config("c", steps)
    found = {}
    for name, make in CASES.items():
        volume, mask = make()
        image = made(volume, "CT")
        masks = [made((mask == value).astype(np.uint8), "SEG") for value in np.unique(mask) if value]
        found[name] = timed(lambda i=image, m=masks: [pipeline.run(i, one, config_names=["c"]) for one in m], repeats)
    return found


def peer(python: str, repeats: int) -> dict[str, dict[str, Timing]]:
    """What the peer's interpreter measures with `pictologics`."""
    command = [python, __file__, "--inside", "--repeats", str(repeats)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, dict[str, Timing]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has pictologics")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    kinds = {"without Moran, Geary, local": False, "all": True}
    if asked.inside:
        print(json.dumps({kind: pictologics(heavy, asked.repeats) for kind, heavy in kinds.items()}))
        return
    rows: dict[str, dict[str, Timing]] = {}
    for kind, heavy in kinds.items():
        for threads in (1, 2):
            rows[f"voxomics, {kind}, {threads} thread{'s' * (threads > 1)}"] = ours(threads, heavy, asked.repeats)
    if asked.peer:
        rows |= {f"pictologics, {kind}": row for kind, row in peer(asked.peer, asked.repeats).items()}
    print(f"| ms, wall / CPU, median of {asked.repeats} | {' | '.join(CASES)} |\n|---{'|--:' * len(CASES)}|")
    for name, row in rows.items():
        cells = " | ".join(f"{one['wall']:.1f} / {one['cpu']:.1f}" for one in row.values())
        print(f"| {name} | {cells} |")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
