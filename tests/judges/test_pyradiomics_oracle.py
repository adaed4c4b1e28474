"""Profile pyradiomics against PyRadiomics 3.1.4 itself: its values under 107 variants of settings, images and masks.

`shared/data/pyradiomics/oracle_3.1.4` holds them in full precision; its variants.json says how each was made.
"""

from __future__ import annotations

import ast
import csv
import functools
import gzip
import json
import re

import numpy as np
import pytest

from shared import shared
from voxomics import Extractor
from voxomics.engine.errors import VoxomicsError
from voxomics.profiles.pyradiomics.parameters import Setting

SLICE = {"brain1": 16, "brain2": 8, "breast1": 9}
"""The slice of masks that are one slice thick."""
ANSWERED_WITH_NOTHING = ("log_too_large", "log_no_sigma", "lbp3d")
"""Refused by neither: PyRadiomics warns and gives no value."""
GIVES_MORE = {"shape2D_no_force": "shape2D of a mask of one slice is measured where it is named; PyRadiomics asks for force2D"}
ROOT_OF_NOISE = 1e-8
"""How far MCC may differ: of a direction whose true value is 0 it is the root of an eigenvalue's rounding, 1e-17 or so."""
NOT_COMPARED = ("diagnostics_Versions_",)


def folder():
    return shared("data/pyradiomics")


@functools.cache
def variants():
    content = json.loads((folder() / "oracle_3.1.4/variants.json").read_text())["variants"]
    return {(case, name): spec for name, spec in content.items() for case in spec["cases"]}


@functools.cache
def recorded(kind):
    """Values or diagnostics: (case, variant) -> name -> text."""
    found = {}
    with gzip.open(folder() / f"oracle_3.1.4/{kind}.csv.gz", "rt", newline="") as file:
        for case, variant, name, text in list(csv.reader(file))[1:]:
            found.setdefault((case, variant), {})[name] = text
    return found


@functools.cache
def refused():
    with open(folder() / "oracle_3.1.4/refusals.csv", newline="") as file:
        return {(row["case"], row["variant"]): row["message"] for row in csv.DictReader(file)}


def like(array, image):
    import SimpleITK as sitk

    result = sitk.GetImageFromArray(array)
    result.CopyInformation(image)
    return result


@functools.cache
def read(name):
    import SimpleITK as sitk

    return sitk.ReadImage(str(folder() / f"{name}.nrrd"))


def drawn(case, kind):
    """The mask of a variant."""
    import SimpleITK as sitk

    mask = read(f"{case}_label")
    array = sitk.GetArrayFromImage(mask)
    first, k = tuple(np.argwhere(array)[0]), SLICE[case]
    part = np.zeros_like(array)
    if kind == "2Dfull":
        part[k] = array[k]
    elif kind == "one":
        part[first] = 1
    elif kind == "line":
        part[first[0], first[1], first[2] : first[2] + 6] = 1
    elif kind == "full":
        part[:] = 1
    elif kind == "label7":
        part = (7 * array).astype(array.dtype)
    if kind == "2D":
        return mask[:, :, k : k + 1]
    if kind == "true2D":
        return mask[:, :, k]
    if kind == "vector":
        return sitk.Compose(like(np.zeros_like(array), mask), mask)
    if kind in ("shifted", "outside"):
        moved = sitk.Image(mask)
        x, y, z = mask.GetOrigin()
        moved.SetOrigin((x + (0.01 if kind == "shifted" else 500), y, z))
        return moved
    return mask if kind in ("label", "flat") else like(part, mask)


def imaged(case, kind, mask):
    """The image of a variant."""
    import SimpleITK as sitk

    image = read(f"{case}_image")
    if mask == "flat":
        return like(np.full(sitk.GetArrayFromImage(image).shape, 50, np.int16), image)
    if kind in ("float32", "float64"):
        return sitk.Cast(image, sitk.sitkFloat32 if kind == "float32" else sitk.sitkFloat64) / 10
    if kind == "negative":
        return sitk.Cast(image, sitk.sitkInt16) - 100
    return image[:, :, SLICE[case]] if kind == "true2D" else image


def measured(case, name, backend="cpu"):
    """The row of a variant; raises what the extractor raises."""
    spec = variants()[case, name]
    image, mask = imaged(case, spec["image"], spec["mask"]), drawn(case, spec["mask"])
    parameters = json.loads(json.dumps(spec["params"]))
    setting = parameters["setting"]
    if setting.get("resampledPixelSpacing") == "SAME":
        setting["resampledPixelSpacing"] = list(image.GetSpacing())
    setting |= {key: spec[key] for key in ("label", "label_channel") if spec[key]}
    ours = Extractor("pyradiomics", parameters, backend, threads=1)
    spacing = (1.0, *image.GetSpacing()[::-1]) if image.GetDimension() == 2 else None
    return ours, ours.extract(image, mask, spacing_mm=spacing).iloc[0]


def same(ours, theirs):
    """Equal as numbers, tuples and mappings, numbers to 1e-9."""
    if isinstance(theirs, (tuple, list)):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(theirs, dict):
        return set(ours) == set(theirs) and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, bool) or not isinstance(theirs, (int, float)):
        return ours == theirs
    return abs(float(ours) - theirs) <= 1e-9 * abs(theirs) + 1e-12


def agrees(feature, ours, theirs):
    """Equal to 1e-9, and MCC to the root of rounding."""
    return same(ours, theirs) or (feature.endswith("_MCC") and abs(ours - theirs) < ROOT_OF_NOISE)


def as_python(text):
    """What PyRadiomics' or our table wrote, as Python's objects."""
    text = re.sub(r"np\.float64\(([^)]*)\)", r"\1", str(text))
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


@pytest.fixture(scope="module", autouse=True)
def _oracle():
    folder()


def names():
    try:
        return sorted(variants())
    except BaseException:  # noqa: BLE001 - without the shared data the module's fixture skips with the reason
        return []


@pytest.mark.parametrize("case,name", names())
def test_a_variant(case, name):
    if (case, name) in refused() and name not in ANSWERED_WITH_NOTHING:
        with_reason(case, name)
        return
    ours, row = measured(case, name)
    values = recorded("values").get((case, name), {})
    found = [column for column in ours.columns if not np.isnan(row[column])]
    assert found == list(values) or (name in GIVES_MORE and set(found) > set(values))
    wrong = {f: (row[f], float(text)) for f, text in values.items() if not agrees(f, row[f], float(text))}
    assert not wrong
    told = {k: v for k, v in recorded("diagnostics").get((case, name), {}).items() if not k.startswith(NOT_COMPARED)}
    if imaged(case, variants()[case, name]["image"], "").GetDimension() == 3:
        assert not {k: (row[k], v) for k, v in told.items() if not same(as_python(row[k]), as_python(v))}


def with_reason(case, name):
    """What PyRadiomics refuses is refused: by the settings, for the whole image, or in the VOI's row."""
    try:
        _, row = measured(case, name)
    except VoxomicsError as error:
        assert len(str(error)) > 20
    else:
        assert row["status"] == "failed" and len(row["reason"]) > 20


def test_all_values_and_refusals_of_the_oracle_are_looked_at():
    values, looked_at = recorded("values"), set(names())
    assert set(values) | set(refused()) == looked_at
    assert sum(map(len, values.values())) == 9469 and len(refused()) == 25


OLDER = ("pyradiomics", "cohort_sts_pet")
"""Folders with values of PyRadiomics 3.1.0 to twelve digits, all its image types of parameter files."""


@functools.cache
def older(where):
    """(case, settings) -> feature -> value."""
    found = {}
    with gzip.open(shared("data", where, "oracle_pyradiomics_3.1.0.csv.gz"), "rt", newline="") as file:
        for case, settings, feature, value in list(csv.reader(file))[1:]:
            found.setdefault((case, settings), {})[feature] = float(value)
    return found


def older_runs():
    try:
        return [(where, *key) for where in OLDER for key in older(where)]
    except BaseException:  # noqa: BLE001 - as `names`
        return []


@pytest.mark.parametrize("where,case,settings", older_runs())
def test_a_run_of_3_1_0(where, case, settings):
    folder = shared("data", where)
    if where == "pyradiomics":
        image, mask = (folder / f"{case}_{kind}.nrrd" for kind in ("image", "label"))
        chosen = folder / "exampleSettings" / settings if settings.endswith("yaml") else None
    else:
        image, mask = (folder / case / f"PET_{kind}.nii.gz" for kind in ("image", "mask"))
        chosen = folder / "oracle_settings.yaml"
    row = Extractor("pyradiomics", chosen, "cpu", threads=1).extract(image, mask).iloc[0]
    values = older(where)[case, settings]
    assert not {f: (row[f], value) for f, value in values.items() if not agrees(f, row[f], value)}


def test_all_values_of_the_older_oracles_are_looked_at():
    values = [feature for where in OLDER for run in older(where).values() for feature in run]
    original = sum(feature.startswith("original_") for feature in values)
    assert (original, len(values) - original) == (1593, 7778)


OLDER_MESH = {"brain1": ("Sphericity", "SurfaceVolumeRatio", "MeshVolume", "SurfaceArea")}
"""Of an older release than 3.1.0, whose mesh was another; 3.1.0 and 3.1.4 give ours."""
BASELINES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")


@pytest.mark.parametrize("kind", BASELINES)
def test_the_baselines_that_pyradiomics_ships(kind):
    text = (folder() / "baseline" / f"baseline_{kind}.csv").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in csv.reader(text.splitlines())}
    known = set(Setting.model_fields)
    for column in range(len(rows["featureName"])):
        case = rows["diagnostics_Configuration_TestCase"][column].removesuffix("_2D")
        given = ast.literal_eval(rows["diagnostics_Configuration_Settings"][column])
        setting = {key: value for key, value in given.items() if key in known and value is not None}
        mask = read(f"{case}_label_2D" if kind == "shape2D" else f"{case}_label")
        ours = Extractor("pyradiomics", {"setting": setting, "featureClass": {kind: None}}, "cpu", threads=1)
        row = ours.extract(read(f"{case}_image"), mask).iloc[0]
        values = {name: float(cells[column]) for name, cells in rows.items() if name.startswith("original_")}
        wrong = {f: (row[f], value) for f, value in values.items() if f in row and not agrees(f, row[f], value)}
        if kind == "shape":
            wrong = {f: v for f, v in wrong.items() if f.split("_")[2] not in OLDER_MESH.get(case, ())}
        assert not wrong
        assert len([f for f in values if f in row]) >= 5
