"""PyRadiomics 3.1.4: the textures of its oracle's setting variants against ours, under the settings made for them.

What stands before the textures (image, mask, re-segmentation, bins) is prepared here; the oracle's folder says how each
variant was made. `force2D` along another axis is our 2.5D of the turned image.
"""

from __future__ import annotations

import csv
import functools
import gzip
import json
from collections import Counter

import numpy as np
import pytest

from judges.test_pyradiomics import NORM, SAME
from shared import shared
from voxomics import Extractor

CLASSES = ("glcm", "glrlm", "glszm", "gldm", "ngtdm")
OURS = {**SAME, "glcm_MCC": "glcm.maximal_correlation_coefficient"}
VARIANTS = {  # how many texture values there are of a variant; all agree
    "default": 2 * 75, "binCount32": 75, "binWidth5": 75,
    "distances12": 75, "distances2": 75, "distances3": 75, "asymmetric": 75,
    "weight_euclidean": 75, "weight_manhattan": 75, "weight_infinity": 75, "weight_no_weighting": 75,
    "gldm_a1": 75, "force2D_0": 75, "force2D_1": 75, "force2D_2": 75, "weights_force2D": 75,
    "reseg_absolute1": 75, "reseg_absolute2": 75, "flat": 75, "line_dims1": 75, "full_mask": 75,
    "no_featureClass_2Dmask_force2D": 75, "shape2D": 2 * 24, "true2D": 75, "square": 75,
}  # fmt: skip
SLICE = {"brain1": 16, "breast1": 9}


@functools.cache
def oracle():
    """Variants, and the values of each: {variant: {(case, feature): value}}."""
    folder = shared("data", "pyradiomics", "oracle_3.1.4")
    variants = json.loads((folder / "variants.json").read_text(encoding="utf-8"))["variants"]
    values: dict = {}
    with gzip.open(folder / "values.csv.gz", "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            _, _, feature = row["feature"].partition("_")
            if feature.split("_")[0] in CLASSES:
                values.setdefault(row["variant"], {})[row["case"], feature] = float(row["value"])
    return variants, values


@functools.cache
def arrays(case):
    """Intensities, mask and spacing [z, y, x] in mm."""
    import SimpleITK as sitk

    image, mask = (
        sitk.ReadImage(str(shared("data", "pyradiomics", f"{case}_{kind}.nrrd"))) for kind in ("image", "label")
    )
    return sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1, image.GetSpacing()[::-1]


def chosen_mask(kind, case, mask):
    """The mask of a variant."""
    found = np.zeros_like(mask)
    if kind in ("2Dfull", "true2D"):
        found[SLICE[case]] = mask[SLICE[case]]
    elif kind == "line":
        z, y, x = np.argwhere(mask)[0]
        found[z, y, x : x + 6] = True
    elif kind == "full":
        found[:] = True
    else:
        return mask
    return found


def textures(setting, values, mask, spacing_mm):
    """Our texture features under a variant's settings, by our names."""
    if setting.get("force2D") and setting.get("force2Ddimension", 0):
        axis = setting["force2Ddimension"]
        values, mask = (np.ascontiguousarray(np.moveaxis(one, axis, 0)) for one in (values, mask))
        spacing_mm = (spacing_mm[axis], *np.delete(spacing_mm, axis))
    kept, resegmentation = values[mask], {}
    if setting.get("resegmentRange"):
        low, high = [*sorted(setting["resegmentRange"]), None][:2]
        resegmentation = {"range": [low, high]}
        kept = kept[(kept >= low) & (kept <= (np.inf if high is None else high))]
    width = setting.get("binWidth", 25)
    bins = {"method": "fbs", "width": width, "origin": float(kept.min() - kept.min() % width)}
    if setting.get("binCount"):
        bins = {"method": "fbn", "bins": setting["binCount"]}
    norm, shells = setting.get("weightingNorm"), setting.get("distances", [1])
    directional = "2_5d_merged" if setting.get("force2D") else "3d_merged"
    if not norm:
        directional = "2_5d_direction_merged" if setting.get("force2D") else "3d_averaged"
    weighted = {"norm": NORM[norm], "unit": "mm"} if norm in NORM else {}
    ours = Extractor(
        settings={
            "discretisation": [bins],
            "resegmentation": resegmentation,
            "features": ["glcm", "glcm.maximal_correlation_coefficient", "glrlm", "glszm", "ngldm", "ngtdm"],
            "aggregations": [directional, "2_5d" if setting.get("force2D") else "3d"],
            "degenerate": "conventional",
            "glcm": {
                "shells": shells,
                "symmetric": setting.get("symmetricalGLCM", True),
                "weighting": {"function": "gaussian", **weighted} if weighted else {},
            },
            "glrlm": {"directions": "aligned", "weighting": {"function": "distance", **weighted} if weighted else {}},
            "ngtdm": {"shells": shells, "isolated": "counted"},
            "ngldm": {"shells": shells, "coarseness": setting.get("gldm_a", 0)},
        },
        threads=1,
    )
    table = ours.extract(values, mask.astype(np.uint8), spacing_mm=spacing_mm).iloc[0]
    assert table["status"] == "ok", table["reason"]
    return {".".join(name.split(".")[1:3]): float(table[name]) for name in ours.columns}


def compared(variant):
    """How many values of a variant agree to 1e-9 (or are 0 to 1e-12), and those that do not."""
    variants, values = oracle()
    spec, found = variants[variant], Counter()
    for case in spec["cases"]:
        image, mask, spacing_mm = arrays(case)
        mask = chosen_mask(spec["mask"], case, mask)
        if spec["mask"] == "flat":
            image = np.full(image.shape, 50, np.int16)
        if "Square" in spec["params"]["imageType"]:
            image = (image * (1 / np.sqrt(np.abs(image.astype(float)).max()))) ** 2
        ours = textures(spec["params"]["setting"], image, mask, spacing_mm)
        for (of, feature), theirs in values[variant].items():
            if of == case and feature in OURS:
                mine = ours[OURS[feature]]
                agrees = abs(mine - theirs) <= max(1e-9 * abs(theirs), 1e-12)
                found["agree" if agrees else f"{case} {feature}: {mine!r} is not {theirs!r}"] += 1
    return dict(found)


@pytest.mark.parametrize("variant", VARIANTS)
def test_textures_of_a_variant(variant):
    assert compared(variant) == {"agree": VARIANTS[variant]}


def test_each_setting_is_needed():
    """Without the setting that stands for it, a variant's values do not agree."""
    _, values = oracle()
    image, mask, spacing_mm = arrays("breast1")
    plain = textures({}, image, mask, spacing_mm)
    for variant, least in (("distances2", 20), ("distances12", 20), ("asymmetric", 8), ("weight_euclidean", 30)):
        wrong = [f for (_, f), x in values[variant].items() if f in OURS and abs(plain[OURS[f]] - x) > 1e-9 * abs(x)]
        assert len(wrong) >= least, variant
