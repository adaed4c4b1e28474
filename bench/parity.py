"""Profile pyradiomics beside real PyRadiomics: the same files, the same parameters, every value, and the CPU time of both.

PyRadiomics is installed below .bench/peers once. The images are those of ../shared/data: its own test cases with its
example parameter files, and 36 PET patients, with all image types. Each program computes in one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests")]
RELATIVE, ABSOLUTE = 1e-9, 1e-12
ROOTS = {"MCC": 1e-8, "Imc2": 1e-8}
"""Features that are roots of what may be 0, and how far the root of its rounding, 1e-16 or so, may differ."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1"
)
CLASSES = dict.fromkeys(("shape", "firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm"))
TYPES: dict[str, dict[str, Any]] = {
    "Original": {}, "LoG": {"sigma": [1.0, 3.0]}, "Wavelet": {}, "Square": {}, "SquareRoot": {}, "Logarithm": {},
    "Exponential": {}, "Gradient": {}, "LBP2D": {},
}  # fmt: skip

Case = tuple[str, Path, Path, dict[str, Any]]


def cases(only: str) -> Iterator[Case]:
    """Name, image, mask and parameters of every case whose name begins with `only`."""
    import yaml

    from shared import shared

    folder = shared("data/pyradiomics")
    for name in ("brain1", "brain2", "breast1"):
        pair = folder / f"{name}_image.nrrd", folder / f"{name}_label.nrrd"
        yield (f"{name} default", *pair, {"featureClass": CLASSES})
        yield (f"{name} all types", *pair, {"featureClass": CLASSES, "imageType": TYPES})
        for file in sorted((folder / "exampleSettings").glob("*.yaml")):
            if "Voxel" not in file.name:
                yield (f"{name} {file.stem}", *pair, yaml.safe_load(file.read_text(encoding="utf-8")))
    for patient in sorted(shared("data/cohort_sts_pet").glob("STS_*")):
        pair = patient / "PET_image.nii.gz", patient / "PET_mask.nii.gz"
        parameters = {"featureClass": CLASSES, "imageType": TYPES, "setting": {"binWidth": 0.5}}
        yield (f"{patient.name} all types", *pair, parameters)


class Peer:
    """Real PyRadiomics in a process of its own."""

    def __init__(self) -> None:
        from peer.environments import interpreter

        command = [str(interpreter("pyradiomics")), str(ROOT / "bench/peer/radiomics_values.py")]
        environment = {**os.environ, **ONE_THREAD}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, cwd=ROOT / ".bench"
        )

    def measure(self, image: Path, mask: Path, parameters: dict[str, Any]) -> dict[str, Any]:
        """Values and CPU seconds, or the error."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([str(image), str(mask), parameters]) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


def ours(image: Path, mask: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """The same of this checkout."""
    from voxomics import Extractor
    from voxomics.engine.errors import VoxomicsError

    began = time.process_time()
    try:
        extractor = Extractor("pyradiomics", parameters, "cpu", threads=1)
        row = extractor.extract(image, mask).iloc[0]
        found: dict[str, Any] = {"values": {name: float(row[name]) for name in extractor.columns}}
        if row["status"] == "failed":
            found = {"error": row["reason"]}
    except VoxomicsError as error:
        found = {"error": str(error)}
    return {**found, "cpu_s": time.process_time() - began}


def apart(feature: str, one: float, other: float) -> float:
    """How far two values of a feature differ, in units of what is allowed."""
    if one != one or other != other:
        return 0.0 if one != one and other != other else float("inf")
    return abs(one - other) / (RELATIVE * abs(other) + ROOTS.get(feature.rsplit("_", 1)[1], ABSOLUTE))


def main() -> int:
    """Compare all cases; 1 where a value differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="?", default="", help="compare the cases whose names begin so")
    parser.add_argument("--list", action="store_true", help="print every value that differs")
    asked = parser.parse_args()
    os.environ.update(ONE_THREAD)
    peer, worst = Peer(), defaultdict(lambda: (0.0, ""))
    number = wrong = 0
    seconds = [0.0, 0.0]
    ours(*next(cases(""))[1:])  # kernels are loaded
    for name, image, mask, parameters in cases(asked.only):
        if not name.startswith(asked.only):
            continue
        theirs, mine = peer.measure(image, mask, parameters), ours(image, mask, parameters)
        seconds = [seconds[0] + mine["cpu_s"], seconds[1] + theirs["cpu_s"]]
        ratio = theirs["cpu_s"] / mine["cpu_s"]
        if "error" in theirs or "error" in mine:
            agree = "error" in theirs and "error" in mine
            wrong += not agree
            print(f"{name:<34} {'both refuse' if agree else 'ONE REFUSES'}: {theirs.get('error')} | {mine.get('error')}")
            continue
        values, found = theirs["values"], mine["values"]
        differ = [feature for feature in values if apart(feature, found.get(feature, float("nan")), values[feature]) > 1]
        differ += [feature for feature in found if feature not in values and found[feature] == found[feature]]
        for feature in values:
            by = apart(feature, found.get(feature, float("nan")), values[feature]) * RELATIVE
            short = feature.split("_", 1)[1]
            worst[short] = max(worst[short], (by, f"{name}: {feature}"))
        number, wrong = number + len(values), wrong + len(differ)
        times = f"{theirs['cpu_s']:.2f} s and {mine['cpu_s']:.3f} s: {ratio:.0f} x"
        print(f"{name:<34} {len(values):>5} values, {len(differ)} differ; {times}")
        for feature in differ if asked.list else ():
            print(f"    {feature}: {values.get(feature)} and {found.get(feature)}")
    print("\nlargest relative difference of each feature over all image types and cases")
    for feature, (by, where) in sorted(worst.items(), key=lambda item: -item[1][0]):
        print(f"  {feature:<45} {by:.1e}  {where if by > RELATIVE else ''}".rstrip())
    times = f"PyRadiomics {seconds[1]:.1f}, voxomics {seconds[0]:.1f}, {seconds[1] / seconds[0]:.0f} x"
    print(f"\n{number} values, {wrong} differ; CPU s: {times}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
