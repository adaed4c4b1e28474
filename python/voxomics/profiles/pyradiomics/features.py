"""PyRadiomics' features: of what each is made here.

Most are IBSI features of another name. The formulas below are all the differences that no setting expresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voxomics.engine.batch import F64
from voxomics.profiles.profile import N_INTENSITY, N_VOXELS

IMAGE_TYPES = {
    "Original": "original",
    "LoG": "pyradiomics_log",
    "Wavelet": "pyradiomics_wavelet",
    "Square": "pyradiomics_square",
    "SquareRoot": "pyradiomics_square_root",
    "Logarithm": "pyradiomics_logarithm",
    "Exponential": "pyradiomics_exponential",
    "Gradient": "pyradiomics_gradient",
    "LBP2D": "pyradiomics_lbp_2d",
    "LBP3D": "",  # PyRadiomics itself cannot compute it with today's SciPy
}
"""The engine's image type of each of PyRadiomics'."""


@dataclass(frozen=True)
class Entry:
    """One feature.

    Attributes
    ----------
    sources : tuple of str
        "family.feature" of the engine, or N_VOXELS and N_INTENSITY.
    derive : callable, optional
        From their values, and the setting voxelArrayShift where `is_shifted`, to the feature; None for one that is the same.
    is_deprecated : bool
        Measured only where it is named.
    is_shifted : bool
    definition, unit : str
        Where it is not one feature of the engine.
    """

    sources: tuple[str, ...]
    derive: Callable[..., F64] | None = None
    is_deprecated: bool = False
    is_shifted: bool = False
    definition: str = ""
    unit: str = ""


def _same(name: str, *, is_deprecated: bool = False) -> Entry:
    return Entry((name,), None, is_deprecated)


def _axis(name: str) -> Entry:
    sources = (f"morphology.{name}_axis_length", N_VOXELS.feature)
    return Entry(sources, lambda v, n: v * np.sqrt(1.0 - 1.0 / n), definition="4 √λ, λ of the covariance divided by N", unit="mm")


def _energy(energy: F64, mean: F64, n: F64, shift: float) -> F64:
    total: F64 = energy + 2.0 * shift * n * mean + n * shift**2
    return total


_SUMS = ("intensity_statistics.energy", "intensity_statistics.mean", N_INTENSITY.feature)
_VOLUME = ("morphology.volume_voxel_counting", N_VOXELS.feature)

SHAPE = {
    "Elongation": _same("morphology.elongation"),
    "Flatness": _same("morphology.flatness"),
    "LeastAxisLength": _axis("least"),
    "MajorAxisLength": _axis("major"),
    "Maximum2DDiameterColumn": _same("morphology.maximum_2d_diameter_column"),
    "Maximum2DDiameterRow": _same("morphology.maximum_2d_diameter_row"),
    "Maximum2DDiameterSlice": _same("morphology.maximum_2d_diameter_slice"),
    "Maximum3DDiameter": _same("morphology.maximum_3d_diameter"),
    "MeshVolume": _same("morphology.volume_mesh"),
    "MinorAxisLength": _axis("minor"),
    "Sphericity": _same("morphology.sphericity"),
    "SurfaceArea": _same("morphology.surface_area"),
    "SurfaceVolumeRatio": _same("morphology.surface_to_volume_ratio"),
    "VoxelVolume": _same("morphology.volume_voxel_counting"),
    "Compactness1": _same("morphology.compactness_1", is_deprecated=True),
    "Compactness2": _same("morphology.compactness_2", is_deprecated=True),
    "SphericalDisproportion": _same("morphology.spherical_disproportion", is_deprecated=True),
}
FIRSTORDER = {
    "10Percentile": _same("intensity_statistics.percentile_10"),
    "90Percentile": _same("intensity_statistics.percentile_90"),
    "Energy": Entry(_SUMS, _energy, is_shifted=True, definition="Σ (x + voxelArrayShift)²", unit="intensity2"),
    "Entropy": _same("intensity_histogram.entropy"),
    "InterquartileRange": _same("intensity_statistics.interquartile_range"),
    "Kurtosis": Entry(
        ("intensity_statistics.kurtosis", "intensity_statistics.variance"),
        lambda excess, variance: np.where(variance == 0, 0.0, excess + 3.0),
        definition="excess kurtosis + 3; 0 of equal intensities", unit="1",
    ),
    "Maximum": _same("intensity_statistics.maximum"),
    "MeanAbsoluteDeviation": _same("intensity_statistics.mean_absolute_deviation"),
    "Mean": _same("intensity_statistics.mean"),
    "Median": _same("intensity_statistics.median"),
    "Minimum": _same("intensity_statistics.minimum"),
    "Range": _same("intensity_statistics.range"),
    "RobustMeanAbsoluteDeviation": _same("intensity_statistics.robust_mean_absolute_deviation"),
    "RootMeanSquared": Entry(
        _SUMS, lambda e, m, n, shift: np.sqrt(_energy(e, m, n, shift) / n), is_shifted=True, definition="√(Energy / N)",
        unit="intensity",
    ),
    "Skewness": _same("intensity_statistics.skewness"),
    "TotalEnergy": Entry(
        (*_SUMS, *_VOLUME), lambda e, m, n, volume, drawn, shift: _energy(e, m, n, shift) * (volume / drawn),
        is_shifted=True, definition="Energy · volume of a voxel", unit="intensity2 mm3",
    ),
    "Uniformity": _same("intensity_histogram.uniformity"),
    "Variance": _same("intensity_statistics.variance"),
    "StandardDeviation": Entry(
        ("intensity_statistics.variance",), np.sqrt, is_deprecated=True, definition="√variance", unit="intensity"
    ),
}  # fmt: skip
GLCM = {
    "Autocorrelation": _same("glcm.autocorrelation"),
    "ClusterProminence": _same("glcm.cluster_prominence"),
    "ClusterShade": _same("glcm.cluster_shade"),
    "ClusterTendency": _same("glcm.cluster_tendency"),
    "Contrast": _same("glcm.contrast"),
    "Correlation": _same("glcm.correlation"),
    "DifferenceAverage": _same("glcm.difference_average"),
    "DifferenceEntropy": _same("glcm.difference_entropy"),
    "DifferenceVariance": _same("glcm.difference_variance"),
    "Id": _same("glcm.inverse_difference"),
    "Idm": _same("glcm.inverse_difference_moment"),
    "Idmn": _same("glcm.normalised_inverse_difference_moment"),
    "Idn": _same("glcm.normalised_inverse_difference"),
    "Imc1": _same("glcm.information_correlation_1"),
    "Imc2": _same("glcm.information_correlation_2"),
    "InverseVariance": _same("glcm.inverse_variance"),
    "JointAverage": _same("glcm.joint_average"),
    "JointEnergy": _same("glcm.angular_second_moment"),
    "JointEntropy": _same("glcm.joint_entropy"),
    "MCC": _same("glcm.maximal_correlation_coefficient"),
    "MaximumProbability": _same("glcm.joint_maximum"),
    "SumAverage": _same("glcm.sum_average"),
    "SumEntropy": _same("glcm.sum_entropy"),
    "SumSquares": _same("glcm.joint_variance"),
}
GLDM = {
    "DependenceEntropy": _same("ngldm.dependence_count_entropy"),
    "DependenceNonUniformity": _same("ngldm.dependence_count_non_uniformity"),
    "DependenceNonUniformityNormalized": _same("ngldm.normalised_dependence_count_non_uniformity"),
    "DependenceVariance": _same("ngldm.dependence_count_variance"),
    "GrayLevelNonUniformity": _same("ngldm.grey_level_non_uniformity"),
    "GrayLevelVariance": _same("ngldm.grey_level_variance"),
    "HighGrayLevelEmphasis": _same("ngldm.high_grey_level_count_emphasis"),
    "LargeDependenceEmphasis": _same("ngldm.high_dependence_emphasis"),
    "LargeDependenceHighGrayLevelEmphasis": _same("ngldm.high_dependence_high_grey_level_emphasis"),
    "LargeDependenceLowGrayLevelEmphasis": _same("ngldm.high_dependence_low_grey_level_emphasis"),
    "LowGrayLevelEmphasis": _same("ngldm.low_grey_level_count_emphasis"),
    "SmallDependenceEmphasis": _same("ngldm.low_dependence_emphasis"),
    "SmallDependenceHighGrayLevelEmphasis": _same("ngldm.low_dependence_high_grey_level_emphasis"),
    "SmallDependenceLowGrayLevelEmphasis": _same("ngldm.low_dependence_low_grey_level_emphasis"),
}
GLRLM = {
    "GrayLevelNonUniformity": _same("glrlm.grey_level_non_uniformity"),
    "GrayLevelNonUniformityNormalized": _same("glrlm.normalised_grey_level_non_uniformity"),
    "GrayLevelVariance": _same("glrlm.grey_level_variance"),
    "HighGrayLevelRunEmphasis": _same("glrlm.high_grey_level_run_emphasis"),
    "LongRunEmphasis": _same("glrlm.long_runs_emphasis"),
    "LongRunHighGrayLevelEmphasis": _same("glrlm.long_run_high_grey_level_emphasis"),
    "LongRunLowGrayLevelEmphasis": _same("glrlm.long_run_low_grey_level_emphasis"),
    "LowGrayLevelRunEmphasis": _same("glrlm.low_grey_level_run_emphasis"),
    "RunEntropy": _same("glrlm.run_entropy"),
    "RunLengthNonUniformity": _same("glrlm.run_length_non_uniformity"),
    "RunLengthNonUniformityNormalized": _same("glrlm.normalised_run_length_non_uniformity"),
    "RunPercentage": _same("glrlm.run_percentage"),
    "RunVariance": _same("glrlm.run_length_variance"),
    "ShortRunEmphasis": _same("glrlm.short_runs_emphasis"),
    "ShortRunHighGrayLevelEmphasis": _same("glrlm.short_run_high_grey_level_emphasis"),
    "ShortRunLowGrayLevelEmphasis": _same("glrlm.short_run_low_grey_level_emphasis"),
}
GLSZM = {
    "GrayLevelNonUniformity": _same("glszm.grey_level_non_uniformity"),
    "GrayLevelNonUniformityNormalized": _same("glszm.normalised_grey_level_non_uniformity"),
    "GrayLevelVariance": _same("glszm.grey_level_variance"),
    "HighGrayLevelZoneEmphasis": _same("glszm.high_grey_level_zone_emphasis"),
    "LargeAreaEmphasis": _same("glszm.large_zone_emphasis"),
    "LargeAreaHighGrayLevelEmphasis": _same("glszm.large_zone_high_grey_level_emphasis"),
    "LargeAreaLowGrayLevelEmphasis": _same("glszm.large_zone_low_grey_level_emphasis"),
    "LowGrayLevelZoneEmphasis": _same("glszm.low_grey_level_zone_emphasis"),
    "SizeZoneNonUniformity": _same("glszm.zone_size_non_uniformity"),
    "SizeZoneNonUniformityNormalized": _same("glszm.normalised_zone_size_non_uniformity"),
    "SmallAreaEmphasis": _same("glszm.small_zone_emphasis"),
    "SmallAreaHighGrayLevelEmphasis": _same("glszm.small_zone_high_grey_level_emphasis"),
    "SmallAreaLowGrayLevelEmphasis": _same("glszm.small_zone_low_grey_level_emphasis"),
    "ZoneEntropy": _same("glszm.zone_size_entropy"),
    "ZonePercentage": _same("glszm.zone_percentage"),
    "ZoneVariance": _same("glszm.zone_size_variance"),
}
NGTDM = {name: _same(f"ngtdm.{name.lower()}") for name in ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength")}
SHAPE2D = {
    "Elongation": _same("planar_morphology.elongation"),
    "MajorAxisLength": _same("planar_morphology.major_axis_length"),
    "MaximumDiameter": _same("planar_morphology.maximum_diameter"),
    "MeshSurface": _same("planar_morphology.mesh_surface"),
    "MinorAxisLength": _same("planar_morphology.minor_axis_length"),
    "Perimeter": _same("planar_morphology.perimeter"),
    "PerimeterSurfaceRatio": _same("planar_morphology.perimeter_to_surface_ratio"),
    "PixelSurface": _same("planar_morphology.pixel_surface"),
    "Sphericity": _same("planar_morphology.sphericity"),
    "SphericalDisproportion": _same("planar_morphology.spherical_disproportion", is_deprecated=True),
}

CLASSES: dict[str, dict[str, Entry]] = {
    "firstorder": FIRSTORDER,
    "glcm": GLCM,
    "gldm": GLDM,
    "glrlm": GLRLM,
    "glszm": GLSZM,
    "ngtdm": NGTDM,
    "shape": SHAPE,
    "shape2D": SHAPE2D,
}
"""Features of each class by name, in PyRadiomics' order."""

LEFT_OUT = {
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}
"""Deprecated features that PyRadiomics accepts by name and does not compute."""
