"""PyRadiomics 3.1.0: its oracle values and its shipped baselines, against our features under settings that mean the same.

PyRadiomics' own preparation (normalisation over the whole image, sitkBSpline on a grid aligned at the image's corner) is done here
with SimpleITK, and our engine gets the arrays; its bins begin at the multiple of the bin width below the VOI's minimum, which is an
`origin` of ours. What no setting reproduces is in DIFFERS.
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
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
ABSENT = {
    "glcm_MCC": "maximal correlation coefficient: not an IBSI feature",
    **{f"shape_Maximum2DDiameter{axis}": "not an IBSI feature" for axis in ("Column", "Row", "Slice")},
}
