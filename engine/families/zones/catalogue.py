"""The features of GLSZM and GLDZM, and the slots of kernels/size_matrix that hold them."""

from __future__ import annotations

import numpy as np

from voxomics.engine.feature import Feature
from voxomics.kernels.size_matrix import slots

EMPTY = "no voxel has a grey level"

SIZES = {
    # s_ij: zones of nominal grey level i and of j voxels; s_i., s_.j: marginals; N_s = Σ s_ij; p_ij = s_ij / N_s; μ_i =
    # Σ i p_ij, μ_j = Σ j p_ij; N_v: voxels of the intensity mask (2d: of the slice).
    slots.SMALL_EMPHASIS: Feature("small_zone_emphasis", "5QRC", "1", "Σ s_.j / j² / N_s", 0, 1, EMPTY),
    slots.LARGE_EMPHASIS: Feature("large_zone_emphasis", "48P8", "1", "Σ j² s_.j / N_s", 1, undefined=EMPTY),
    slots.LOW_GREY_LEVEL: Feature("low_grey_level_zone_emphasis", "XMSY", "1", "Σ s_i. / i² / N_s", 0, 1, EMPTY),
    slots.HIGH_GREY_LEVEL: Feature(
        "high_grey_level_zone_emphasis", "5GN9", "level2", "Σ i² s_i. / N_s", 1, undefined=EMPTY
    ),
    slots.SMALL_LOW: Feature("small_zone_low_grey_level_emphasis", "5RAI", "1", "Σ s_ij / (i² j²) / N_s", 0, 1, EMPTY),
    slots.SMALL_HIGH: Feature(
        "small_zone_high_grey_level_emphasis", "HW1V", "level2", "Σ i² s_ij / j² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_LOW: Feature(
        "large_zone_low_grey_level_emphasis", "YH51", "1", "Σ j² s_ij / i² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_HIGH: Feature(
        "large_zone_high_grey_level_emphasis", "J17V", "level2", "Σ i² j² s_ij / N_s", 1, undefined=EMPTY
    ),
    slots.LEVEL_NON_UNIFORMITY: Feature("grey_level_non_uniformity", "JNSA", "1", "Σ s_i.² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_LEVEL_NON_UNIFORMITY: Feature(
        "normalised_grey_level_non_uniformity", "Y1RO", "1", "Σ s_i.² / N_s²", 0, 1, EMPTY
    ),
    slots.SIZE_NON_UNIFORMITY: Feature("zone_size_non_uniformity", "4JP3", "1", "Σ s_.j² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_SIZE_NON_UNIFORMITY: Feature(
        "normalised_zone_size_non_uniformity", "VB3A", "1", "Σ s_.j² / N_s²", 0, 1, EMPTY
    ),
    slots.PERCENTAGE: Feature("zone_percentage", "P30P", "1", "N_s / N_v", 0, 1, EMPTY),
    slots.LEVEL_VARIANCE: Feature("grey_level_variance", "BYLV", "level2", "Σ (i-μ_i)² p_ij", 0, undefined=EMPTY),
    slots.SIZE_VARIANCE: Feature("zone_size_variance", "3NSA", "1", "Σ (j-μ_j)² p_ij", 0, undefined=EMPTY),
    slots.ENTROPY: Feature("zone_size_entropy", "GU8N", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
}

DISTANCES = {
    # d_ij: zones of nominal grey level i at distance j from the edge of the morphological mask; d_i., d_.j: marginals;
    # N_s = Σ d_ij; p_ij = d_ij / N_s; μ_i = Σ i p_ij, μ_j = Σ j p_ij; N_v: voxels of the intensity mask (2d: of the
    # slice)
    slots.SMALL_EMPHASIS: Feature("small_distance_emphasis", "0GBI", "1", "Σ d_.j / j² / N_s", 0, 1, EMPTY),
    slots.LARGE_EMPHASIS: Feature("large_distance_emphasis", "MB4I", "1", "Σ j² d_.j / N_s", 1, undefined=EMPTY),
    slots.LOW_GREY_LEVEL: Feature("low_grey_level_zone_emphasis", "S1RA", "1", "Σ d_i. / i² / N_s", 0, 1, EMPTY),
    slots.HIGH_GREY_LEVEL: Feature(
        "high_grey_level_zone_emphasis", "K26C", "level2", "Σ i² d_i. / N_s", 1, undefined=EMPTY
    ),
    slots.SMALL_LOW: Feature(
        "small_distance_low_grey_level_emphasis", "RUVG", "1", "Σ d_ij / (i² j²) / N_s", 0, 1, EMPTY
    ),
    slots.SMALL_HIGH: Feature(
        "small_distance_high_grey_level_emphasis", "DKNJ", "level2", "Σ i² d_ij / j² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_LOW: Feature(
        "large_distance_low_grey_level_emphasis", "A7WM", "1", "Σ j² d_ij / i² / N_s", 0, undefined=EMPTY
    ),
    slots.LARGE_HIGH: Feature(
        "large_distance_high_grey_level_emphasis", "KLTH", "level2", "Σ i² j² d_ij / N_s", 1, undefined=EMPTY
    ),
    slots.LEVEL_NON_UNIFORMITY: Feature("grey_level_non_uniformity", "VFT7", "1", "Σ d_i.² / N_s", 0, undefined=EMPTY),
    slots.NORMALISED_LEVEL_NON_UNIFORMITY: Feature(
        "normalised_grey_level_non_uniformity", "7HP3", "1", "Σ d_i.² / N_s²", 0, 1, EMPTY
    ),
    slots.SIZE_NON_UNIFORMITY: Feature(
        "zone_distance_non_uniformity", "V294", "1", "Σ d_.j² / N_s", 0, undefined=EMPTY
    ),
    slots.NORMALISED_SIZE_NON_UNIFORMITY: Feature(
        "normalised_zone_distance_non_uniformity", "IATH", "1", "Σ d_.j² / N_s²", 0, 1, EMPTY
    ),
    slots.PERCENTAGE: Feature("zone_percentage", "VIWW", "1", "N_s / N_v", 0, 1, EMPTY),
    slots.LEVEL_VARIANCE: Feature("grey_level_variance", "QK93", "level2", "Σ (i-μ_i)² p_ij", 0, undefined=EMPTY),
    slots.SIZE_VARIANCE: Feature("zone_distance_variance", "7WT1", "1", "Σ (j-μ_j)² p_ij", 0, undefined=EMPTY),
    slots.ENTROPY: Feature("zone_distance_entropy", "GBDU", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
}

SIZE_SLOTS, DISTANCE_SLOTS = np.array(list(SIZES)), np.array(list(DISTANCES))
