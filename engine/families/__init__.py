"""The catalogue: every family, in the order of the columns."""

from __future__ import annotations

from voxomics.engine.families import (
    glcm,
    glrlm,
    intensity_histogram,
    intensity_statistics,
    intensity_volume_histogram,
    local_intensity,
    maximal_correlation,
    morphology,
    ngldm,
    ngtdm,
    planar_diameters,
    planar_morphology,
    spatial_autocorrelation,
    zones,
)
from voxomics.engine.feature import Family

FAMILIES: tuple[Family, ...] = (
    morphology.FAMILY,
    spatial_autocorrelation.FAMILY,  # morphology too
    planar_diameters.FAMILY,  # morphology too
    planar_morphology.FAMILY,
    local_intensity.FAMILY,
    intensity_statistics.FAMILY,
    intensity_histogram.FAMILY,
    intensity_volume_histogram.FAMILY,
    glcm.FAMILY,
    maximal_correlation.FAMILY,  # GLCM too
    glrlm.FAMILY,
    zones.GLSZM,
    zones.GLDZM,
    ngtdm.FAMILY,
    ngldm.FAMILY,
)
