"""Compare the images of every image type with those of PyRadiomics, bit for bit.

/path/to/pyradiomics/bin/python tools/judge_pyradiomics_images.py write ../shared/data/pyradiomics FOLDER
python tools/judge_pyradiomics_images.py compare FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CASES = ("brain1", "brain2", "breast1")
SIGMAS = [0.5, 1, 2.0, 3.0, 5.0, 100.0]
RUNS = (  # PyRadiomics' image type and settings, and ours
    ("LoG", {"sigma": SIGMAS}, {"type": "pyradiomics_log", "sigma_mm": SIGMAS}),
    ("Wavelet", {}, {"type": "pyradiomics_wavelet"}),
    ("Wavelet", {"level": 2}, {"type": "pyradiomics_wavelet", "level": 2}),
    ("Wavelet", {"start_level": 1, "level": 2}, {"type": "pyradiomics_wavelet", "start_level": 1, "level": 2}),
    ("Wavelet", {"wavelet": "bior1.3"}, {"type": "pyradiomics_wavelet", "wavelet": "bior1.3"}),
    ("Wavelet", {"force2D": True}, {"type": "pyradiomics_wavelet", "axes": "xy"}),
    ("Wavelet", {"force2D": True, "force2Ddimension": 1}, {"type": "pyradiomics_wavelet", "axes": "xz"}),
    ("Wavelet", {"force2D": True, "force2Ddimension": 2}, {"type": "pyradiomics_wavelet", "axes": "yz"}),
    ("Square", {}, {"type": "pyradiomics_square"}),
    ("SquareRoot", {}, {"type": "pyradiomics_square_root"}),
    ("Logarithm", {}, {"type": "pyradiomics_logarithm"}),
    ("Exponential", {}, {"type": "pyradiomics_exponential"}),
    ("Gradient", {}, {"type": "pyradiomics_gradient"}),
    ("Gradient", {"gradientUseSpacing": False}, {"type": "pyradiomics_gradient", "use_spacing": False}),
    ("LBP2D", {"force2D": True}, {"type": "pyradiomics_lbp_2d"}),
    ("LBP2D", {"force2D": True, "force2Ddimension": 2, "lbp2DRadius": 1.5, "lbp2DSamples": 6, "lbp2DMethod": "ror"},
     {"type": "pyradiomics_lbp_2d", "across": "x", "radius": 1.5, "samples": 6, "method": "ror"}),
    ("LBP2D", {"force2D": True, "lbp2DMethod": "var"}, {"type": "pyradiomics_lbp_2d", "method": "var"}),
)  # fmt: skip


def inputs(folder: str) -> Iterator[tuple[str, np.ndarray, tuple[float, ...]]]:
    """Name, array [z, y, x] and spacing (z, y, x) of each image."""
    import SimpleITK as sitk

    for case in CASES:
        image = sitk.ReadImage(str(Path(folder, f"{case}_image.nrrd")))
        array, spacing = sitk.GetArrayFromImage(image), image.GetSpacing()[::-1]
        yield case, array, spacing
        yield f"{case}_negative", array.astype(np.int16) - np.int16(100), spacing
        yield f"{case}_float32", (array / np.float32(10)).astype(np.float32), spacing
        yield f"{case}_float64", array / 10, spacing
    rng = np.random.default_rng(13)
    for k in range(200):
        shape, spacing = rng.integers(1, 14, 3), rng.choice([0.5, 0.7, 1.0, 2.3, 3.0], 3)
        kind = rng.choice([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
        array = np.abs(rng.normal(0, 30, shape)) if kind in (np.uint8, np.uint16) else rng.normal(0, 300, shape)
        yield f"random{k}", array.astype(kind), tuple(spacing.tolist())


def write(data: str, folder: str) -> None:
    """Write PyRadiomics' images, one file for each input."""
    import radiomics
    import SimpleITK as sitk
    from radiomics import imageoperations

    radiomics.setVerbosity(60)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, array, spacing in inputs(data):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(spacing[::-1])
        found = {"array": array, "spacing": np.array(spacing)}
        for k, (kind, settings, _) in enumerate(RUNS):
            for derived, called, _ in getattr(imageoperations, f"get{kind}Image")(image, None, **settings):
                found[f"{k}:{called}"] = sitk.GetArrayFromImage(derived)
        np.savez(Path(folder, f"{name}.npz"), **found)


def compare(folder: str) -> int:
    """Compare with ours; the number of images that differ."""
    import warnings

    from voxomics.engine import images
    from voxomics.engine.volume import Image

    warnings.simplefilter("ignore")
    equal, absent, wrong = 0, 0, 0
    for path in sorted(Path(folder).glob("*.npz")):
        stored = np.load(path)
        image = Image(stored["array"], tuple(stored["spacing"].tolist()))
        for k, (_, _, chosen) in enumerate(RUNS):
            kind = images.named(chosen)
            for name, one in zip(kind.names, kind.derive(image, 2), strict=True):
                theirs = stored.get(f"{k}:{name}")
                if theirs is None and isinstance(one, str):
                    absent += 1
                elif theirs is not None and not isinstance(one, str) and is_equal(theirs, one.array):
                    equal += 1
                else:
                    wrong += 1
                    print(f"{path.stem} {json.dumps(chosen)} {name} differs")
    print(f"{equal} images equal bit for bit, {absent} absent in both, {wrong} differ")
    return wrong


def is_equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have the same type and the same bits; NaN is NaN."""
    return one.dtype == other.dtype and (one.tobytes() == other.tobytes() or np.array_equal(one, other, equal_nan=True))


if __name__ == "__main__":
    sys.exit({"write": write, "compare": compare}[sys.argv[1]](*sys.argv[2:]))
