"""Grey level distance zone matrix, IBSI VMDZ: 16 features, measured together with GLSZM, whose zones are the same."""

from __future__ import annotations

from voxomics.engine.families import glszm
from voxomics.engine.feature import ZONAL, Family, Feature

EMPTY = glszm.EMPTY

FEATURES = (
    # d_ij: zones of nominal grey level i at distance j from the edge of the morphological mask; d_i., d_.j: marginals;
    # N_s = Σ d_ij; p_ij = d_ij / N_s; μ_i = Σ i p_ij, μ_j = Σ j p_ij; N_v: voxels of the intensity mask (2d: of the slice)
    Feature("small_distance_emphasis", "0GBI", "1", "Σ d_.j / j² / N_s", 0, 1, EMPTY),
    Feature("large_distance_emphasis", "MB4I", "1", "Σ j² d_.j / N_s", 1, undefined=EMPTY),
    Feature("low_grey_level_zone_emphasis", "S1RA", "1", "Σ d_i. / i² / N_s", 0, 1, EMPTY),
    Feature("high_grey_level_zone_emphasis", "K26C", "level2", "Σ i² d_i. / N_s", 1, undefined=EMPTY),
    Feature("small_distance_low_grey_level_emphasis", "RUVG", "1", "Σ d_ij / (i² j²) / N_s", 0, 1, EMPTY),
    Feature("small_distance_high_grey_level_emphasis", "DKNJ", "level2", "Σ i² d_ij / j² / N_s", 0, undefined=EMPTY),
    Feature("large_distance_low_grey_level_emphasis", "A7WM", "1", "Σ j² d_ij / i² / N_s", 0, undefined=EMPTY),
    Feature("large_distance_high_grey_level_emphasis", "KLTH", "level2", "Σ i² j² d_ij / N_s", 1, undefined=EMPTY),
    Feature("grey_level_non_uniformity", "VFT7", "1", "Σ d_i.² / N_s", 0, undefined=EMPTY),
    Feature("normalised_grey_level_non_uniformity", "7HP3", "1", "Σ d_i.² / N_s²", 0, 1, EMPTY),
    Feature("zone_distance_non_uniformity", "V294", "1", "Σ d_.j² / N_s", 0, undefined=EMPTY),
    Feature("normalised_zone_distance_non_uniformity", "IATH", "1", "Σ d_.j² / N_s²", 0, 1, EMPTY),
    Feature("zone_percentage", "VIWW", "1", "N_s / N_v", 0, 1, EMPTY),
    Feature("grey_level_variance", "QK93", "level2", "Σ (i-μ_i)² p_ij", 0, undefined=EMPTY),
    Feature("zone_distance_variance", "7WT1", "1", "Σ (j-μ_j)² p_ij", 0, undefined=EMPTY),
    Feature("zone_distance_entropy", "GBDU", "bit", "-Σ p_ij log2 p_ij", 0, undefined=EMPTY),
)

FAMILY = Family(
    "gldzm", "VMDZ", FEATURES, ZONAL, "level", glszm.compute, glszm.need, len(glszm.FEATURES), glszm.DEVICE,
    discretised="discretisation", kernels="zones",
)  # fmt: skip
