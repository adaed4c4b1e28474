"""Profile pyradiomics: PyRadiomics' features, under its names and from its parameter files.

What it does differently from the standard is a documented setting of the engine, chosen in `engine_settings`; its preparation
of an image is preparation.py, its names are columns.py. Feature by feature: docs/coming-from-pyradiomics.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from voxomics.engine import images
from voxomics.engine.select import Labels
from voxomics.engine.settings import Settings
from voxomics.profiles.profile import Output, Profile
from voxomics.profiles.pyradiomics import columns, diagnostics
from voxomics.profiles.pyradiomics.parameters import Parameters, Setting
from voxomics.profiles.pyradiomics.preparation import views

OWN = tuple(Parameters.model_fields)


class PyradiomicsSettings(Settings):
    """Settings of the pyradiomics profile: a parameter file, and what the engine makes of it.

    A file has PyRadiomics' keys `setting`, `imageType`, `featureClass` and `voxelSetting`, and of the engine's settings
    `memory` and `nonfinite`. The others follow from it.

    Attributes
    ----------
    parameters : Parameters
    """

    profile: Literal["pyradiomics"] = "pyradiomics"
    parameters: Parameters = Parameters()

    @model_validator(mode="before")
    @classmethod
    def _translated(cls, given: Any) -> Any:
        given = dict(given)
        own = {key: given.pop(key) for key in OWN if key in given}
        if own or "parameters" not in given:
            given["parameters"] = Parameters.model_validate(own)
        parameters = Parameters.model_validate(given["parameters"])
        for key, value in engine_settings(parameters).items():
            given.setdefault(key, value)
        return given


def engine_settings(parameters: Parameters) -> dict[str, Any]:
    """The engine's settings that mean what a parameter file says."""
    setting = parameters.setting
    return {"features": columns.sources(parameters), **measuring(setting)}


def measuring(setting: Setting) -> dict[str, Any]:
    """The part of them that an image type may have of its own."""
    slices, merged = bool(setting.force2D), setting.weightingNorm is not None
    directional = ("2_5d_merged" if merged else "2_5d_direction_merged") if slices else ("3d_merged" if merged else "3d_averaged")
    levels = {"bins": setting.binCount} if setting.binCount is not None else {"width": setting.binWidth or 25.0}
    return {
        "aggregations": (directional, "2_5d" if slices else "3d"),
        "discretisation": ({"method": "pyradiomics", **levels},),
    }


def outputs(settings: PyradiomicsSettings) -> list[Output]:
    """PyRadiomics' columns."""
    return list(columns.outputs(settings.parameters, settings, {images.BASE: "Original"}))


def _details(settings: PyradiomicsSettings) -> list[str]:
    return diagnostics.names(settings.parameters.setting)


def _labels(settings: PyradiomicsSettings) -> Labels:
    return "all" if settings.parameters.setting.label is None else settings.parameters.setting.label


PROFILE = Profile(
    "pyradiomics",
    "PyRadiomics' features, under its names and from its parameter files",
    PyradiomicsSettings,
    {},
    outputs,
    prepare=views,
    details=_details,
    labels=_labels,
    has_own_grid=True,
)

__all__ = ["PROFILE", "Mapping", "PyradiomicsSettings"]
