"""Profile pyradiomics: PyRadiomics' features, under its names and from its parameter files.

What it does differently from the standard is a documented setting of the engine, chosen in translation.py; its preparation of
an image is preparation.py, its names are columns.py. Feature by feature: docs/coming-from-pyradiomics.md.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import yaml
from pydantic import model_validator

from voxomics.engine.errors import InputError, nearest
from voxomics.engine.select import Labels
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack
from voxomics.io import read_mask
from voxomics.profiles.profile import Output, Profile
from voxomics.profiles.pyradiomics import columns, diagnostics
from voxomics.profiles.pyradiomics.parameters import Parameters
from voxomics.profiles.pyradiomics.preparation import views
from voxomics.profiles.pyradiomics.translation import engine_settings

_OWN = tuple(Parameters.model_fields)
_ENGINES = ("profile", "memory", "nonfinite")


class PyradiomicsSettings(Settings):
    """Settings of the pyradiomics profile: a parameter file, and what the engine makes of it.

    A file has PyRadiomics' keys `setting`, `imageType`, `featureClass` and `voxelSetting`, and of the engine's settings
    `memory` and `nonfinite`. The engine's others follow from it.

    Attributes
    ----------
    parameters : Parameters
    """

    profile: Literal["pyradiomics"] = "pyradiomics"
    parameters: Parameters = Parameters()

    @model_validator(mode="before")
    @classmethod
    def _translated(cls, given: Any) -> Any:
        theirs = {key: given[key] for key in _OWN if key in given}
        parameters = Parameters.model_validate(theirs or given.get("parameters", {}))
        if "parameters" not in given:  # else these settings were made here, the engine's among them
            for key in given:
                if key not in (*_OWN, *_ENGINES):
                    accepted = (*_OWN, *_ENGINES[1:])
                    raise ValueError(f"key {key!r} does not belong to profile pyradiomics; {nearest(str(key), accepted)}")
        kept = {key: given[key] for key in _ENGINES if key in given}
        return {**engine_settings(parameters), **kept, "parameters": parameters}

    def to_yaml(self) -> str:
        """The parameter file, with the engine's settings that it may have; it reads back to an equal object."""
        theirs = {key: value for key, value in self.parameters.model_dump(mode="json").items() if value is not None}
        return yaml.safe_dump({**theirs, **{key: getattr(self, key) for key in _ENGINES}}, sort_keys=False)


def outputs(settings: PyradiomicsSettings) -> list[Output]:
    """PyRadiomics' columns."""
    return list(columns.outputs(settings.parameters, settings))


def _details(settings: PyradiomicsSettings) -> list[str]:
    return diagnostics.names(settings.parameters.setting)


def _labels(settings: PyradiomicsSettings) -> Labels:
    return "all" if settings.parameters.setting.label is None else settings.parameters.setting.label


def _drawn(source: Any, image: Image, settings: PyradiomicsSettings, max_bytes: int) -> MaskStack:
    """The mask on its own grid: all its layers, or the one that label_channel names."""
    stack = read_mask(source, image, own_grid=True, max_bytes=max_bytes)
    layer = settings.parameters.setting.label_channel
    if layer is None:
        return stack
    if layer >= len(stack.layers):
        raise InputError(f"label_channel is {layer}, but the mask has {len(stack.layers)} layers, counted from 0")
    declared = tuple((0, value) for k, value in stack.declared if k == layer)
    names = {(0, value): name for (k, value), name in stack.names.items() if k == layer}
    return replace(stack, layers=(stack.layers[layer],), declared=declared, names=names)


PROFILE = Profile(
    "pyradiomics",
    "PyRadiomics' features, under its names and from its parameter files",
    PyradiomicsSettings,
    {},
    outputs,
    prepare=views,
    details=_details,
    labels=_labels,
    read_mask=_drawn,
)

__all__ = ["PROFILE", "PyradiomicsSettings"]
