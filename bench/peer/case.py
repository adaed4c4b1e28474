"""The cases of bench/peers.py, written to disk once so that every program reads the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cases
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".bench" / "cases"
ORIGIN = -100.0  # where level 1 begins for voxomics and pictologics
ELLIPSOID = (12.5, 22.0, 26.0)

ARRAYS: dict[str, tuple[float, Any]] = {  # bin width and what makes the arrays
    "2 voxels": (25.0, cases.two_voxels),
    "2k": (25.0, cases.small),
    "30k": (25.0, cases.big),
    "300k": (25.0, partial(cases.single, ELLIPSOID, 2.154)),
    "2M": (25.0, cases.huge),
    "64 levels": (4.375, cases.big),
    "200 levels": (1.375, cases.big),
    "20 labels": (25.0, partial(cases.labels, 20)),
    "200 labels": (25.0, cases.labels),
    "5000 labels": (25.0, partial(cases.labels, 5000)),
}
WHOLE_BODY = "whole body"
NAMES = (*ARRAYS, WHOLE_BODY)


class Absent(Exception):
    """The case cannot be made here; the message says why."""


@dataclass(frozen=True)
class Case:
    """One image with its mask.

    Attributes
    ----------
    name : str
    image, mask : str
        Paths: .npy files [z, y, x], or files that the programs read themselves, as part of the call.
    labels : list of int
    voxels : int
        In all VOIs.
    levels : int
        Grey levels that are present.
    width : float
        Of a bin.
    lowest : float
        The multiple of the width below the smallest intensity of all VOIs: where PyRadiomics' bins begin.
    spacing_mm : list of float
        (z, y, x).
    """

    name: str
    image: str
    mask: str
    labels: list[int]
    voxels: int
    levels: int
    width: float
    lowest: float
    spacing_mm: list[float]

    @property
    def from_files(self) -> bool:
        return not self.image.endswith(".npy")

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Image and mask [z, y, x]."""
        return np.load(self.image), np.load(self.mask)

    def asked(self) -> dict[str, Any]:
        """What a worker makes the case from."""
        return asdict(self)


def described(
    name: str, paths: tuple[Path, Path], width: float, volume: np.ndarray, mask: np.ndarray, spacing_mm: Sequence[float]
) -> Case:
    """The case with what its arrays show."""
    sizes = np.bincount(mask.ravel())
    values = volume[mask > 0].astype(float)
    levels = len(np.unique(np.floor((values - ORIGIN) / width)))
    lowest = float(np.floor(values.min() / width) * width)
    labels = [int(label) for label in np.flatnonzero(sizes) if label]
    return Case(name, *map(str, paths), labels, len(values), levels, width, lowest, list(spacing_mm))


def made(name: str, folder: Path = KEPT) -> Case:
    """The case of this name; its files are written where they are not there yet."""
    if name == WHOLE_BODY:
        return whole_body(folder)
    width, make = ARRAYS[name]
    paths = (folder / f"{name}_image.npy", folder / f"{name}_mask.npy")
    volume, mask = make()
    folder.mkdir(parents=True, exist_ok=True)
    for path, array in zip(paths, (volume, mask), strict=True):
        np.save(path, array)
    return described(name, paths, width, volume, mask, cases.SPACING_MM)


def whole_body(folder: Path) -> Case:
    """300 × 512 × 512 voxels and 104 labels, as files; a script in the shared folder makes them."""
    tool = Path(os.environ.get("VOXOMICS_SHARED") or ROOT.parent / "shared") / "tools/make_organs.py"
    place = folder / "organs"
    paths = (place / "ct.nii.gz", place / "seg.nii.gz")
    if not paths[1].exists():
        if not tool.exists():
            raise Absent("no tools/make_organs.py in the folder that VOXOMICS_SHARED names")
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, tool.resolve()], cwd=place, check=True, stdout=subprocess.DEVNULL)
    import nibabel

    image, labels = (nibabel.load(path) for path in paths)
    spacing_mm = [float(size) for size in image.header.get_zooms()[::-1]]
    volume, mask = np.asanyarray(image.dataobj), np.asanyarray(labels.dataobj)
    return described(WHOLE_BODY, paths, 25.0, volume, mask, spacing_mm)
