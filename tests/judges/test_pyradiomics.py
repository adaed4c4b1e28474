"""PyRadiomics 3.1.0: its oracle values and its shipped baselines, against our features under settings that mean the same.

PyRadiomics' own preparation (normalisation over the whole image, sitkBSpline on a grid aligned at the image's corner) is done
here with SimpleITK, and our engine gets the arrays; its bins begin at the multiple of the bin width below the VOI's minimum,
which is an `origin` of ours. What no setting reproduces is in DIFFERS.
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from shared import shared
from voxomics import Extractor

SAME = {  # PyRadiomics' name: our family and feature, when value and definition are the same
    "shape_MeshVolume": "morphology.volume_mesh",
    "shape_VoxelVolume": "morphology.volume_voxel_counting",
    "shape_SurfaceArea": "morphology.surface_area",
    "shape_SurfaceVolumeRatio": "morphology.surface_to_volume_ratio",
    "shape_Compactness1": "morphology.compactness_1",
    "shape_Compactness2": "morphology.compactness_2",
    "shape_SphericalDisproportion": "morphology.spherical_disproportion",
    "shape_Sphericity": "morphology.sphericity",
    "shape_Maximum3DDiameter": "morphology.maximum_3d_diameter",
    "shape_Maximum2DDiameterSlice": "morphology.maximum_2d_diameter_slice",
    "shape_Maximum2DDiameterColumn": "morphology.maximum_2d_diameter_column",
    "shape_Maximum2DDiameterRow": "morphology.maximum_2d_diameter_row",
    "shape_Elongation": "morphology.elongation",
    "shape_Flatness": "morphology.flatness",
    "firstorder_10Percentile": "intensity_statistics.percentile_10",
    "firstorder_90Percentile": "intensity_statistics.percentile_90",
    "firstorder_InterquartileRange": "intensity_statistics.interquartile_range",
    "firstorder_Maximum": "intensity_statistics.maximum",
    "firstorder_Mean": "intensity_statistics.mean",
    "firstorder_MeanAbsoluteDeviation": "intensity_statistics.mean_absolute_deviation",
    "firstorder_Median": "intensity_statistics.median",
    "firstorder_Minimum": "intensity_statistics.minimum",
    "firstorder_Range": "intensity_statistics.range",
    "firstorder_RobustMeanAbsoluteDeviation": "intensity_statistics.robust_mean_absolute_deviation",
    "firstorder_Skewness": "intensity_statistics.skewness",
    "firstorder_Variance": "intensity_statistics.variance",
    "firstorder_Entropy": "intensity_histogram.entropy",
    "firstorder_Uniformity": "intensity_histogram.uniformity",
    "glcm_Autocorrelation": "glcm.autocorrelation",
    "glcm_ClusterProminence": "glcm.cluster_prominence",
    "glcm_ClusterShade": "glcm.cluster_shade",
    "glcm_ClusterTendency": "glcm.cluster_tendency",
    "glcm_Contrast": "glcm.contrast",
    "glcm_Correlation": "glcm.correlation",
    "glcm_DifferenceAverage": "glcm.difference_average",
    "glcm_DifferenceEntropy": "glcm.difference_entropy",
    "glcm_DifferenceVariance": "glcm.difference_variance",
    "glcm_Id": "glcm.inverse_difference",
    "glcm_Idm": "glcm.inverse_difference_moment",
    "glcm_Idmn": "glcm.normalised_inverse_difference_moment",
    "glcm_Idn": "glcm.normalised_inverse_difference",
    "glcm_Imc1": "glcm.information_correlation_1",
    "glcm_Imc2": "glcm.information_correlation_2",
    "glcm_InverseVariance": "glcm.inverse_variance",
    "glcm_JointAverage": "glcm.joint_average",
    "glcm_JointEnergy": "glcm.angular_second_moment",
    "glcm_JointEntropy": "glcm.joint_entropy",
    "glcm_MaximumProbability": "glcm.joint_maximum",
    "glcm_SumAverage": "glcm.sum_average",
    "glcm_SumEntropy": "glcm.sum_entropy",
    "glcm_SumSquares": "glcm.joint_variance",
    "glrlm_GrayLevelNonUniformity": "glrlm.grey_level_non_uniformity",
    "glrlm_GrayLevelNonUniformityNormalized": "glrlm.normalised_grey_level_non_uniformity",
    "glrlm_GrayLevelVariance": "glrlm.grey_level_variance",
    "glrlm_HighGrayLevelRunEmphasis": "glrlm.high_grey_level_run_emphasis",
    "glrlm_LongRunEmphasis": "glrlm.long_runs_emphasis",
    "glrlm_LongRunHighGrayLevelEmphasis": "glrlm.long_run_high_grey_level_emphasis",
    "glrlm_LongRunLowGrayLevelEmphasis": "glrlm.long_run_low_grey_level_emphasis",
    "glrlm_LowGrayLevelRunEmphasis": "glrlm.low_grey_level_run_emphasis",
    "glrlm_RunEntropy": "glrlm.run_entropy",
    "glrlm_RunLengthNonUniformity": "glrlm.run_length_non_uniformity",
    "glrlm_RunLengthNonUniformityNormalized": "glrlm.normalised_run_length_non_uniformity",
    "glrlm_RunPercentage": "glrlm.run_percentage",
    "glrlm_RunVariance": "glrlm.run_length_variance",
    "glrlm_ShortRunEmphasis": "glrlm.short_runs_emphasis",
    "glrlm_ShortRunHighGrayLevelEmphasis": "glrlm.short_run_high_grey_level_emphasis",
    "glrlm_ShortRunLowGrayLevelEmphasis": "glrlm.short_run_low_grey_level_emphasis",
    "glszm_GrayLevelNonUniformity": "glszm.grey_level_non_uniformity",
    "glszm_GrayLevelNonUniformityNormalized": "glszm.normalised_grey_level_non_uniformity",
    "glszm_GrayLevelVariance": "glszm.grey_level_variance",
    "glszm_HighGrayLevelZoneEmphasis": "glszm.high_grey_level_zone_emphasis",
    "glszm_LargeAreaEmphasis": "glszm.large_zone_emphasis",
    "glszm_LargeAreaHighGrayLevelEmphasis": "glszm.large_zone_high_grey_level_emphasis",
    "glszm_LargeAreaLowGrayLevelEmphasis": "glszm.large_zone_low_grey_level_emphasis",
    "glszm_LowGrayLevelZoneEmphasis": "glszm.low_grey_level_zone_emphasis",
    "glszm_SizeZoneNonUniformity": "glszm.zone_size_non_uniformity",
    "glszm_SizeZoneNonUniformityNormalized": "glszm.normalised_zone_size_non_uniformity",
    "glszm_SmallAreaEmphasis": "glszm.small_zone_emphasis",
    "glszm_SmallAreaHighGrayLevelEmphasis": "glszm.small_zone_high_grey_level_emphasis",
    "glszm_SmallAreaLowGrayLevelEmphasis": "glszm.small_zone_low_grey_level_emphasis",
    "glszm_ZoneEntropy": "glszm.zone_size_entropy",
    "glszm_ZonePercentage": "glszm.zone_percentage",
    "glszm_ZoneVariance": "glszm.zone_size_variance",
    "gldm_DependenceEntropy": "ngldm.dependence_count_entropy",
    "gldm_DependenceNonUniformity": "ngldm.dependence_count_non_uniformity",
    "gldm_DependenceNonUniformityNormalized": "ngldm.normalised_dependence_count_non_uniformity",
    "gldm_DependenceVariance": "ngldm.dependence_count_variance",
    "gldm_GrayLevelNonUniformity": "ngldm.grey_level_non_uniformity",
    "gldm_GrayLevelVariance": "ngldm.grey_level_variance",
    "gldm_HighGrayLevelEmphasis": "ngldm.high_grey_level_count_emphasis",
    "gldm_LargeDependenceEmphasis": "ngldm.high_dependence_emphasis",
    "gldm_LargeDependenceHighGrayLevelEmphasis": "ngldm.high_dependence_high_grey_level_emphasis",
    "gldm_LargeDependenceLowGrayLevelEmphasis": "ngldm.high_dependence_low_grey_level_emphasis",
    "gldm_LowGrayLevelEmphasis": "ngldm.low_grey_level_count_emphasis",
    "gldm_SmallDependenceEmphasis": "ngldm.low_dependence_emphasis",
    "gldm_SmallDependenceHighGrayLevelEmphasis": "ngldm.low_dependence_high_grey_level_emphasis",
    "gldm_SmallDependenceLowGrayLevelEmphasis": "ngldm.low_dependence_low_grey_level_emphasis",
    "ngtdm_Busyness": "ngtdm.busyness",
    "ngtdm_Coarseness": "ngtdm.coarseness",
    "ngtdm_Complexity": "ngtdm.complexity",
    "ngtdm_Contrast": "ngtdm.contrast",
    "ngtdm_Strength": "ngtdm.strength",
}
DERIVED = {  # the same quantity after a formula: (our features, formula(values, case))
    # covariance divided by n where the IBSI divides by n - 1
    **{
        f"shape_{theirs}AxisLength": ((f"morphology.{ours}_axis_length",), lambda v, case: v[0] * np.sqrt(1 - 1 / case.n_drawn))
        for theirs, ours in (("Major", "major"), ("Minor", "minor"), ("Least", "least"))
    },
    "firstorder_Kurtosis": (("intensity_statistics.kurtosis",), lambda v, case: v[0] + 3),  # not excess, unlike the IBSI's
    "firstorder_Energy": (("intensity_statistics.energy", "intensity_statistics.mean"), lambda v, case: case.energy(v)),
    "firstorder_TotalEnergy": (
        ("intensity_statistics.energy", "intensity_statistics.mean"),
        lambda v, case: case.energy(v) * np.prod(case.spacing_mm),
    ),
    "firstorder_RootMeanSquared": (
        ("intensity_statistics.energy", "intensity_statistics.mean"),
        lambda v, case: np.sqrt(case.energy(v) / case.n),
    ),
}
NOT_STANDARD = [name for name in SAME if name.startswith("shape_Maximum2DDiameter")]
"""Features that the standard does not define; ours have no id."""
ABSENT = {
    "glcm_MCC": "maximal correlation coefficient: not an IBSI feature",
}
MESH = {f"shape_{name}" for name in ("MeshVolume", "SurfaceArea", "SurfaceVolumeRatio", "Sphericity")}
DIFFERS = {
    "older mesh": "the baseline of brain1 is of PyRadiomics 2.0.1, whose table of triangles was another one; 3.1.0 and 3.1.4 "
    "give our values",
    "one level": "0/0 when all pairs have the same grey level: PyRadiomics returns 1 (Correlation) and 0 (Imc1), ours is NaN "
    "and says why",
}
"""Reasons for values that are not equal to 1e-9."""
BASELINE_CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape")
SHAPE_2D = {
    "MeshSurface": "mesh_surface",
    "PixelSurface": "pixel_surface",
    "Perimeter": "perimeter",
    "PerimeterSurfaceRatio": "perimeter_to_surface_ratio",
    "Sphericity": "sphericity",
    "SphericalDisproportion": "spherical_disproportion",
    "MaximumDiameter": "maximum_diameter",
    "MajorAxisLength": "major_axis_length",
    "MinorAxisLength": "minor_axis_length",
    "Elongation": "elongation",
}
"""PyRadiomics' features of shape2D: those of our planar_morphology."""
MEASURED = sorted({*SAME.values(), *(source for sources, _ in DERIVED.values() for source in sources)})


@dataclass(frozen=True)
class Case:
    """One VOI as PyRadiomics prepares it, and our table of it."""

    row: dict[str, float]
    spacing_mm: tuple[float, float, float]
    n_drawn: int
    n: int
    shift: float

    def energy(self, v):
        """Σ (X + shift)² from ΣX² and the mean: voxelArrayShift."""
        return v[0] + 2 * self.shift * self.n * v[1] + self.n * self.shift**2

    def value(self, feature):
        if feature in SAME:
            return self.row[SAME[feature]]
        sources, formula = DERIVED[feature]
        return formula([self.row[source] for source in sources], self)


def resampled(image, mask, spacing):
    """imageoperations.resampleImage: a grid aligned at the mask's corner, cut to the VOI's box and five voxels around it."""
    import SimpleITK as sitk

    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    box = np.array(shape.GetBoundingBox(1))
    old, new = np.array(mask.GetSpacing()), np.array(spacing, float)
    new = np.where((new == 0) | (box[3:] == 1), old, new)
    ratio = old / new
    low = np.maximum(np.floor((box[:3] - 0.5) * ratio - 5), 0)
    high = np.minimum(np.ceil((box[:3] + box[3:] - 0.5) * ratio + 5), np.ceil(np.array(mask.GetSize()) * ratio) - 1)
    to = sitk.ResampleImageFilter()
    to.SetOutputSpacing(new.tolist())
    to.SetOutputDirection(mask.GetDirection())
    to.SetSize((high - low + 1).astype(int).tolist())
    to.SetOutputOrigin(mask.TransformContinuousIndexToPhysicalPoint((0.5 * (new - old) / old + low / ratio).tolist()))
    results = []
    for source, how in ((image, sitk.sitkBSpline), (mask, sitk.sitkNearestNeighbor)):
        to.SetOutputPixelType(source.GetPixelID())
        to.SetInterpolator(how)
        results.append(to.Execute(source))
    return results


TABLE = Path(__file__).parent / "pyradiomics.csv"
NORM = {"euclidean": "euclidean", "manhattan": "manhattan", "infinity": "chebyshev"}


@functools.cache
def prepared(image_path, mask_path, settings_text):
    """Our features of one VOI under PyRadiomics' settings (YAML text)."""
    import SimpleITK as sitk

    chosen = yaml.safe_load(settings_text)
    image, mask = (sitk.ReadImage(str(path)) for path in (image_path, mask_path))
    if chosen.get("normalize"):
        image = sitk.Normalize(image) * chosen.get("normalizeScale", 1)
    if chosen.get("resampledPixelSpacing"):
        image, mask = resampled(image, mask, chosen["resampledPixelSpacing"])
    values, inside = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) == 1
    kept, resegmentation = values[inside], {}
    if chosen.get("resegmentRange"):
        limits = sorted(chosen["resegmentRange"])
        if chosen.get("resegmentMode") == "sigma":
            assert limits == [-3, 3]
            resegmentation["outliers_sigma"] = 3
            kept = kept[np.abs(kept - kept.mean()) <= 3 * kept.std()]
        else:
            resegmentation["range"] = [*limits, None][:2]
            kept = kept[kept >= limits[0]]
            assert len(limits) == 1
    width = chosen.get("binWidth", 25)
    bins = {"method": "fbs", "width": width, "origin": float(kept.min() - kept.min() % width)}
    if chosen.get("binCount"):
        bins = {"method": "fbn", "bins": chosen["binCount"]}
    directional, zonal = "3d_averaged", "3d"
    weighting, reach = {}, max(chosen.get("distances", [1]))  # a list of all distances up to the reach of the neighbourhood
    assert chosen.get("distances", [1]) == [*range(1, reach + 1)]
    if chosen.get("force2D"):
        assert chosen["force2Ddimension"] == 0
        directional, zonal = "2_5d_direction_merged", "2_5d"
    if chosen.get("weightingNorm"):
        directional = "3d_merged"
    if chosen.get("weightingNorm") in NORM:
        weighting = {"function": "gaussian", "norm": NORM[chosen["weightingNorm"]], "unit": "mm"}
    ours = Extractor(
        settings={
            "discretisation": [bins],
            "resegmentation": resegmentation,
            "features": MEASURED,
            "morphology": {"mesh": "complementary"},
            "aggregations": [directional, zonal],
            "glcm": {"weighting": weighting},
            "ngtdm": {"distance": reach},
            "ngldm": {"distance": reach, "coarseness": chosen.get("gldm_a", 0)},
        },
        threads=1,
    )
    spacing_mm = image.GetSpacing()[::-1]
    table = ours.extract(values, inside.astype(np.uint8), spacing_mm=spacing_mm).iloc[0]
    assert table["status"] != "failed", table["reason"]
    row = {".".join(name.split(".")[1:3]): float(table[name]) for name in ours.columns}
    return Case(row, spacing_mm, int(inside.sum()), len(kept), float(chosen.get("voxelArrayShift", 0)))


def case_of(name, settings):
    """The prepared case called brain1, brain2, breast1 or STS_NNN."""
    text = yaml.safe_dump({key: value for key, value in settings.items() if value is not None})
    if name.startswith("STS"):
        folder = shared("data", "cohort_sts_pet", name)
        return prepared(folder / "PET_image.nii.gz", folder / "PET_mask.nii.gz", text)
    folder = shared("data", "pyradiomics")
    return prepared(folder / f"{name}_image.nrrd", folder / f"{name}_label.nrrd", text)


def oracle(folder, settings_of):
    """(case, feature, PyRadiomics' value) of the original_* values that PyRadiomics 3.1.0 gave here."""
    path = shared("data", folder, "oracle_pyradiomics_3.1.0.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            kind, _, feature = row["feature"].partition("_")
            if kind == "original" and feature not in ABSENT:
                case = case_of(row["case"], settings_of(row["settings"]))
                yield case, feature, float(row["value"])


def example_settings(name):
    if name == "(PyRadiomics defaults)":
        return {}
    return yaml.safe_load(shared("data", "pyradiomics", "exampleSettings", name).read_text(encoding="utf-8"))["setting"]


def suv_settings(name):
    assert name == "pet_suv.yaml"
    return yaml.safe_load(shared("data", "cohort_sts_pet", "oracle_settings.yaml").read_text(encoding="utf-8"))["setting"]


def baselines():
    """(case, feature, PyRadiomics' value) of the baselines PyRadiomics ships."""
    for kind in BASELINE_CLASSES:
        text = shared("data", "pyradiomics", "baseline", f"baseline_{kind}.csv").read_text(encoding="utf-8")
        rows = {row[0]: row[1:] for row in csv.reader(text.splitlines())}
        for column in range(len(rows["featureName"])):
            settings = yaml.safe_load(rows["diagnostics_Configuration_Settings"][column].replace("None", "null"))
            case = case_of(rows["diagnostics_Configuration_TestCase"][column], settings)
            for name, values in rows.items():
                feature = name.removeprefix("original_")
                if name != feature and feature not in ABSENT:
                    yield case, feature, float(values[column])


def reason(case, feature, theirs):
    """Why a value is allowed not to agree: a key of DIFFERS."""
    ours = case.value(feature)
    if feature in MESH and case.n_drawn == 4137 and abs(ours / theirs - 1) < 1e-3:
        return "older mesh"
    if case.row["intensity_histogram.entropy"] == 0 and (feature, theirs) in (("glcm_Correlation", 1.0), ("glcm_Imc1", 0.0)):
        return "one level"
    return f"{feature}: {ours!r} is not {theirs!r}"


def verdicts(values):
    """How many values agree to 1e-9 (or are 0 to 1e-12), and how many do not for which reason."""
    found = Counter()
    for case, feature, theirs in values:
        ours = case.value(feature)
        agrees = abs(ours - theirs) <= max(1e-9 * abs(theirs), 1e-12)
        found["agree" if agrees else reason(case, feature, theirs)] += 1
    return dict(found)


def test_each_name_is_compared_in_one_way():
    assert len(SAME) + len(DERIVED) + len(ABSENT) == len({*SAME, *DERIVED, *ABSENT})
    assert len(set(SAME.values())) == len(SAME)


def test_pyradiomics_on_its_own_cases():
    """brain1, brain2, breast1 with the defaults and the example files: native and normalised, resampled to 2 and 3 mm, 2D."""
    assert verdicts(oracle("pyradiomics", example_settings)) == {"agree": 1269}


def test_pyradiomics_on_three_pet_patients():
    """SUV resampled to 3 mm, bins of 0.25; STS_002, 003 and 004."""
    assert verdicts(oracle("cohort_sts_pet", suv_settings)) == {"agree": 318}


def test_the_baselines_it_ships():
    """Seven feature classes × base, 2D, 64 bins, directions merged, one level, normalised, resampled, 3 σ."""
    assert verdicts(baselines()) == {"agree": 1961, "older mesh": 4, "one level": 6}


def test_distance_weights_and_wider_neighbourhoods():
    """PyRadiomics 3.1.4 (tools/judge_pyradiomics.py): GLCM weighted by exp(-d²), d in mm by three norms, directions merged; NGTDM
    at distance 2; NGLDM at distance 2 with coarseness 1."""

    def values():
        lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        for row in csv.DictReader(lines):
            if row["feature"] not in ABSENT:
                yield case_of(row["case"], yaml.safe_load(row["settings"])), row["feature"], float(row["value"])

    assert verdicts(values()) == {"agree": 2 * (3 * 23 + 5 + 14)}


SLICE = {"brain1": 16, "brain2": 8, "breast1": 9}
"""The slice of each case that PyRadiomics measures as a plane."""


@functools.cache
def shape_of(name, kind):
    """Our features of shape of a case's mask, or of what make_oracle.py makes of it: a slice, a line, all of the image."""
    import SimpleITK as sitk

    folder = shared("data", "pyradiomics")
    image, mask = (sitk.ReadImage(str(folder / f"{name}_{part}.nrrd")) for part in ("image", "label"))
    label = (sitk.GetArrayFromImage(mask) == 1).astype(np.uint8)
    chosen = np.zeros_like(label)
    if kind == "slice":
        chosen[SLICE[name]] = label[SLICE[name]]
    elif kind == "line":
        z, y, x = np.argwhere(label)[0]
        chosen[z, y, x : x + 6] = 1
    else:
        chosen = np.ones_like(label) if kind == "full" else label
    features = [name for name in MEASURED if name.startswith("morphology.")]
    features += [f"planar_morphology.{name}" for name in SHAPE_2D.values()]
    ours = Extractor(settings={"features": features, "morphology": {"mesh": "complementary"}}, threads=1)
    spacing_mm = image.GetSpacing()[::-1]
    table = ours.extract(sitk.GetArrayFromImage(image), chosen, spacing_mm=spacing_mm).iloc[0]
    row = {".".join(column.split(".")[1:3]): float(table[column]) for column in ours.columns}
    return Case(row, spacing_mm, int(chosen.sum()), int(chosen.sum()), 0.0)


VARIANTS = {
    "default": "label", "deprecated_by_name": "label", "line_dims1": "line", "full_mask": "full", "shape2D": "slice",
    "no_featureClass_2Dmask_force2D": "slice", "shape2D_correctMask": "slice", "true2D": "slice",
}  # fmt: skip
"""Variants of the oracle of PyRadiomics 3.1.4 whose masks need no preparation, and what is measured."""


def test_shape_of_whole_masks_of_a_line_and_of_a_slice():
    """Noise of PyRadiomics' eigenvalues makes the thickness of a line 1e-8 mm where it is 0."""
    found = Counter()
    path = shared("data", "pyradiomics", "oracle_3.1.4", "values.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            _, family, feature = row["feature"].split("_", 2)
            if row["variant"] in VARIANTS and family in ("shape", "shape2D"):
                case, theirs = shape_of(row["case"], VARIANTS[row["variant"]]), float(row["value"])
                found[family, verdict_on(case, family, feature, theirs)] += 1
    assert dict(found) == {("shape", "agree"): 74, ("shape2D", "agree"): 45}


def test_the_baseline_of_planar_shape():
    text = shared("data", "pyradiomics", "baseline", "baseline_shape2D.csv").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in csv.reader(text.splitlines())}
    found = Counter()
    for column, test in enumerate(rows["featureName"]):
        case = shape_of(test.split("_")[0], "slice")
        for name, values in rows.items():
            if name.startswith("original_shape2D_"):
                found[verdict_on(case, "shape2D", name.split("_", 2)[2], float(values[column]))] += 1
    assert dict(found) == {"agree": 27}


def verdict_on(case, family, feature, theirs):
    """Whether a feature of shape agrees to 1e-9, or is 0 to 1e-7 mm."""
    planar = SHAPE_2D.get(feature, "")
    ours = case.row[f"planar_morphology.{planar}"] if family == "shape2D" else case.value(f"shape_{feature}")
    agrees = abs(ours - theirs) <= max(1e-9 * abs(theirs), 1e-7 * (ours == 0))
    return "agree" if agrees else f"{feature}: {ours!r} is not {theirs!r}"


def test_a_wrong_value_is_noticed():
    case = case_of("breast1", {})
    wrong = [(case, feature, case.value(feature) * (1 + 2e-9)) for feature in ("glcm_Contrast", "shape_SurfaceArea")]
    assert len(verdicts(wrong)) == 2 and "agree" not in verdicts(wrong)
