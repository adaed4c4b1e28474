"""Settings of a run."""

from __future__ import annotations

from voxomics.engine.settings.parts import (
    Discretisation,
    Glcm,
    Glrlm,
    Ngldm,
    Ngtdm,
    Part,
    Resampling,
    Resegmentation,
    Weighting,
)
from voxomics.engine.settings.reading import read_yaml, validated
from voxomics.engine.settings.settings import Settings

__all__ = [
    "Discretisation",
    "Glcm",
    "Glrlm",
    "Ngldm",
    "Ngtdm",
    "Part",
    "Resampling",
    "Resegmentation",
    "Settings",
    "Weighting",
    "read_yaml",
    "validated",
]
