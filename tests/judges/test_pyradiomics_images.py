"""PyRadiomics 3.1.4's values on derived images: LoG, wavelets, functions of intensity, gradient, binary patterns.

The images themselves are compared bit for bit by tools/judge_pyradiomics_images.py, which needs PyRadiomics.
"""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pytest

from judges.test_pyradiomics import ABSENT, LEFT_OUT, Case, resampled, verdicts
from shared import shared
from voxomics import Extractor
from voxomics.engine import images
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image

OURS = {  # PyRadiomics' words for ours
    "LoG": ("pyradiomics_log", {"sigma": "sigma_mm"}),
    "Wavelet": ("pyradiomics_wavelet", {"wavelet": "wavelet", "level": "level", "start_level": "start_level"}),
    "Square": ("pyradiomics_square", {}),
    "SquareRoot": ("pyradiomics_square_root", {}),
    "Logarithm": ("pyradiomics_logarithm", {}),
    "Exponential": ("pyradiomics_exponential", {}),
    "Gradient": ("pyradiomics_gradient", {"gradientUseSpacing": "use_spacing"}),
    "LBP2D": ("pyradiomics_lbp_2d", {}),
}
VARIANTS = (  # of the oracle; how many images each has, and how many values agree
    ("log", 5, 458), ("log_precrop", 2, 36), ("log_resample", 2, 82), ("wavelet", 8, 736),
    ("wavelet_precrop10", 8, 144),
    ("wavelet_level2", 15, 270), ("wavelet_start1", 8, 144), ("wavelet_haar_bins", 8, 328), ("wavelet_bior", 8, 144),
    ("wavelet_force2D", 4, 72), ("wavelet_float32", 8, 144), ("square", 1, 92), ("squareroot", 1, 92),
    ("logarithm", 1, 92), ("exponential", 1, 92), ("gradient", 1, 92), ("square_negative", 1, 18),
    ("squareroot_negative", 1, 18),
    ("logarithm_negative", 1, 18), ("exponential_negative", 1, 18), ("gradient_pixels", 1, 18), ("lbp2d", 1, 39),
)  # fmt: skip
ONE_LEVEL = {"log": 2, "lbp2d": 2}
"""Values that do not agree because all pairs have the same grey level: judges.test_pyradiomics.DIFFERS."""


def opened(spec):
    """Image and mask as the oracle prepared them: SimpleITK images."""
    import SimpleITK as sitk

    (case,) = spec["cases"]
    image, mask = (
        sitk.ReadImage(str(shared("data", "pyradiomics", f"{case}_{kind}.nrrd"))) for kind in ("image", "label")
    )
    if spec["image"] == "float32":
        image = sitk.Cast(image, sitk.sitkFloat32) / 10
    elif spec["image"] == "negative":
        image = sitk.Cast(image, sitk.sitkInt16) - 100
    setting = spec["params"]["setting"]
    if setting.get("resampledPixelSpacing"):
        image, mask = resampled(image, mask, setting["resampledPixelSpacing"])
    if setting.get("preCrop"):
        shape = sitk.LabelShapeStatisticsImageFilter()
        shape.Execute(mask)
        box, far = np.array(shape.GetBoundingBox(1)), setting.get("padDistance", 5)
        low = np.maximum(box[:3] - far, 0)
        high = np.minimum(box[:3] + box[3:] + far, image.GetSize())
        image, mask = (
            one[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))] for one in (image, mask)
        )
    return image, mask


def image_type(spec):
    """The engine's image type for a variant, and the settings PyRadiomics applies to it."""
    ((kind, own),) = spec["params"]["imageType"].items()
    name, words = OURS[kind]
    chosen = {"type": name, **{words[key]: value for key, value in own.items() if key in words}}
    if kind == "Wavelet" and spec["params"]["setting"].get("force2D"):
        chosen["axes"] = "xy"
    return chosen, {**spec["params"]["setting"], **own}


def levels_of(values, width):
    """PyRadiomics' grey levels: each value compared with edges that begin at a multiple of the width."""
    low = values.min()
    return np.digitize(values, np.arange(low - low % width, values.max() + 2 * width, width))


def measured(spec):
    """Our features of each derived image. Grey levels come from PyRadiomics' rule: images are what is judged here."""
    import SimpleITK as sitk

    image, mask = opened(spec)
    array, spacing, inside = sitk.GetArrayFromImage(image), image.GetSpacing()[::-1], sitk.GetArrayFromImage(mask) == 1
    drawn = inside.astype(np.uint8)
    chosen, setting = image_type(spec)
    settings = Settings.of({"image_types": [chosen], "features": ["intensity_statistics"]})
    table = Extractor(settings=settings, threads=1).extract(array, drawn, spacing_mm=spacing).iloc[0]
    ours = Extractor(settings={"discretisation": ["none"], "exclude": [*LEFT_OUT, "morphology"]}, threads=1)
    found = {}
    for name, one in images.derived(Image(array, spacing), settings):
        levels = np.zeros(array.shape, np.int32)
        levels[inside] = levels_of(one.array[inside], setting.get("binWidth", 25))
        textures = ours.extract(levels, drawn, spacing_mm=spacing).iloc[0]
        row = {".".join(key.split(".")[1:3]): textures[key] for key in ours.columns if "3d_merged" not in key}
        row |= {key.removeprefix(f"{name}."): value for key, value in table.items() if key.startswith(f"{name}.")}
        found[name] = Case(row, spacing, int(inside.sum()), int(inside.sum()), 0, 0.0)
    return found


@pytest.fixture(scope="module")
def oracle():
    folder = shared("data", "pyradiomics", "oracle_3.1.4")
    variants = json.loads((folder / "variants.json").read_text(encoding="utf-8"))["variants"]
    values = {}
    with gzip.open(folder / "values.csv.gz", "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            values.setdefault(row["variant"], []).append((row["feature"], float(row["value"])))
    return variants, values


@pytest.mark.parametrize(("variant", "n_images", "n_values"), VARIANTS)
def test_values_on_derived_images(oracle, variant, n_images, n_values):
    variants, values = oracle
    ours = measured(variants[variant])
    assert len(ours) == n_images
    compared = []
    for key, value in values[variant]:
        name, feature = key.rsplit("_", 2)[0], "_".join(key.rsplit("_", 2)[1:])
        is_2d = "force2D" in variant and "glcm" in feature  # pairs within slices only: not what is judged here
        if feature not in ABSENT and not is_2d:
            compared.append((ours[name], feature, value))
    assert {id(case) for case, _, _ in compared} == {id(case) for case in ours.values()}
    others = {"one level": ONE_LEVEL[variant]} if variant in ONE_LEVEL else {}
    assert verdicts(compared) == {"agree": n_values, **others}
