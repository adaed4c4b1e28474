"""Textures of thousands of small random VOIs, by PyRadiomics and by voxomics, under random settings of PyRadiomics.

python tools/judge_textures.py /path/to/pyradiomics/bin/python [number of VOIs] [seed]

Grey levels are random, so that there is no discretisation to differ about. Prints the largest difference of each feature,
and the settings and the values of those that differ by more than 1e-9, and ends with 1 if there are any.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
RELATIVE, NOTHING = 1e-9, 1e-12
ROUNDED_TO_A_ROOT = {"glcm_Imc2", "glcm_MCC"}
"""Roots of what is 0 but for its rounding: PyRadiomics gives up to 1e-7, or leaves the matrix out."""


def cases(number: int, seed: int) -> list[dict[str, Any]]:
    """Random volumes of grey levels, 0 outside the mask, with a spacing and settings each."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    while len(found) < number:
        shape = rng.integers(1, 7, 3)
        levels = rng.integers(1, rng.integers(2, 9), shape) * (rng.random(shape) < rng.choice([0.3, 0.7, 1.0]))
        if (levels > 0).sum() < 2:
            continue
        setting = {
            "distances": [[1], [1], [2], [1, 2], [3]][rng.integers(5)],
            "symmetricalGLCM": bool(rng.integers(2)),
            "gldm_a": int(rng.integers(3)),
            "weightingNorm": [None, None, "euclidean", "manhattan", "infinity", "no_weighting"][rng.integers(6)],
            "force2D": bool(rng.integers(4) == 0),
        }
        spacing = rng.choice([0.5, 1.0, 1.25], 3).tolist()
        found.append({"levels": levels.tolist(), "spacing_mm": spacing, "setting": setting})
    return found


def theirs(path: str) -> None:
    """Write PyRadiomics' values of the cases in a file; run by PyRadiomics' own Python."""
    import warnings

    import radiomics
    import SimpleITK as sitk

    warnings.simplefilter("ignore")
    radiomics.setVerbosity(60)
    classes, results = radiomics.getFeatureClasses(), []
    for case in json.loads(Path(path).read_text(encoding="utf-8")):
        levels = np.array(case["levels"], np.int32)
        where = np.argwhere(levels > 0)
        box = tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))
        image = sitk.GetImageFromArray(levels[box])
        image.SetSpacing(case["spacing_mm"][::-1])
        mask = sitk.GetImageFromArray((levels[box] > 0).astype(np.uint8))
        mask.CopyInformation(image)
        values = {}
        for name in CLASSES:
            one = classes[name](image, mask, binWidth=1, label=1, **case["setting"])
            one.enableAllFeatures()
            try:
                found = one.execute()
            except (IndexError, ValueError, RuntimeError):  # no offset fits into the box
                continue
            values.update({f"{name}_{key}": float(value) for key, value in found.items()})
        results.append(values)
    Path(path).with_suffix(".out").write_text(json.dumps(results), encoding="utf-8")


def settings_of(setting: dict[str, Any]) -> dict[str, Any]:
    """Our settings that mean the same."""
    norm, flat = setting["weightingNorm"], setting["force2D"]
    merged, averaged = ("2_5d_merged", "2_5d_direction_merged") if flat else ("3d_merged", "3d_averaged")
    norms = {"euclidean": "euclidean", "manhattan": "manhattan", "infinity": "chebyshev"}
    weighted = {"norm": norms[norm], "unit": "mm"} if norm in norms else {}
    shells = setting["distances"]
    return {
        "features": ["glcm", "glcm.maximal_correlation_coefficient", "glrlm", "glszm", "ngldm", "ngtdm"],
        "discretisation": "none",
        "resegmentation": {"range": [1, None]},
        "aggregations": [merged if norm else averaged, "2_5d" if flat else "3d"],
        "degenerate": "conventional",
        "glcm": {
            "shells": shells, "symmetric": setting["symmetricalGLCM"],
            "weighting": {"function": "gaussian", **weighted} if weighted else {},
        },
        "glrlm": {"directions": "aligned", "weighting": {"function": "distance", **weighted} if weighted else {}},
        "ngtdm": {"shells": shells, "isolated": "counted"},
        "ngldm": {"shells": shells, "coarseness": setting["gldm_a"]},
    }  # fmt: skip


def ours(case: dict[str, Any]) -> dict[str, float]:
    """Our values of a case, by our names. Level 1 is the lowest one, as it is for PyRadiomics."""
    from voxomics import Extractor

    levels = np.array(case["levels"])
    levels = np.where(levels > 0, levels - levels[levels > 0].min() + 1, 0)
    extractor = Extractor(settings=settings_of(case["setting"]), threads=1)
    mask = (levels > 0).astype(np.uint8)
    row = extractor.extract(levels.astype(np.int32), mask, spacing_mm=case["spacing_mm"]).iloc[0]
    return {".".join(name.split(".")[1:3]): float(row[name]) for name in extractor.columns}


def is_nothing(name: str, x: float, mine: dict[str, float]) -> bool:
    """Whether PyRadiomics' value is made of no matrix (NaN, or 0 where a sum is empty), or of the rounding of 0 / 0."""
    family = name.split("_")[0]
    empty = {"glcm": "glcm.joint_maximum", "glrlm": "glrlm.run_percentage"}.get(family)
    rounded = name == "glcm_Correlation" and abs(x) < NOTHING and mine["glcm.correlation"] == 1.0
    return rounded or (empty is not None and bool(np.isnan(mine[empty])))


def main(python: str, number: int = 300, seed: int = 0) -> int:
    """Compare, and print what there is to say."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from judges.test_pyradiomics_textures import OURS

    every = cases(number, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cases.json")
        path.write_text(json.dumps(every), encoding="utf-8")
        subprocess.run([python, __file__, "--theirs", str(path)], check=True)
        found = json.loads(path.with_suffix(".out").read_text(encoding="utf-8"))
    largest: dict[str, float] = {}
    wrong = 0
    for case, values in zip(every, found, strict=True):
        mine = ours(case)
        for name, x in values.items():
            if name in OURS and not is_nothing(name, x, mine):
                y = mine[OURS[name]]
                off = 0.0 if x == y or (x != x and y != y) else abs(x - y) / max(abs(x), NOTHING / RELATIVE)
                if not off <= RELATIVE:
                    wrong += not (name in ROUNDED_TO_A_ROOT and not abs(x - y) > 1e-6)
                    print(f"{name}: {y!r} is not {x!r}", case["setting"], np.shape(case["levels"]))
                largest[name] = max(largest.get(name, 0.0), off) if off == off else float("inf")
    for name, off in sorted(largest.items()):
        print(f"{name:50} {off:.1e}")
    print(f"{len(every)} VOIs, {len(largest)} features, {wrong} values that differ")
    return int(wrong > 0)


if __name__ == "__main__":
    if sys.argv[1] == "--theirs":
        theirs(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
