"""What a profile is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.batch import VoiBatch
from voxomics.engine.errors import SettingsError
from voxomics.engine.settings import Settings, validated

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Output:
    """One feature column of a profile's table.

    Attributes
    ----------
    name : str
        Column name.
    ibsi_id : str
        4-character id, "" when the standard has none.
    unit : str
    definition : str
        The formula in one line.
    sources : tuple of str
        IBSI columns it is made of.
    derive : callable or None
        From the source columns (ndarray float64 [n] each) to the values; None takes the only source as it is.
    """

    name: str
    ibsi_id: str
    unit: str
    definition: str
    sources: tuple[str, ...]
    derive: Callable[..., F64] | None = None


@dataclass(frozen=True)
class Profile:
    """Settings to start from and names for the columns.

    Attributes
    ----------
    name : str
    about : str
        One line for --help.
    defaults : mapping
        Settings that differ from the engine's own defaults; a user's settings override them key by key.
    outputs : callable
        ``outputs(settings) -> list of Output``: the columns, which follow from the settings alone.
    remarks : callable or None
        ``remarks(batch) -> list of str``: a warning per VOI, "" for none; it is logged and added to the row's `reason`.
    """

    name: str
    about: str
    defaults: Mapping[str, Any]
    outputs: Callable[[Settings], list[Output]]
    remarks: Callable[[VoiBatch], list[str]] | None = None

    def settings(self, given: Settings | Mapping[str, Any] | str | os.PathLike[str] | None) -> Settings:
        """The profile's defaults overridden by what was given (only the keys that were set).

        Raises
        ------
        SettingsError
            As `Settings.of`.
        """
        if given is None:
            return validated(Settings, {**self.defaults, "profile": self.name}, f"profile {self.name}")
        checked = Settings.of(given)
        if checked.profile not in (None, self.name):
            raise SettingsError(
                f"these settings are for profile {checked.profile}, and profile {self.name} was asked for; choose that one, or "
                "take `profile` out of the settings"
            )
        chosen = {key: getattr(checked, key) for key in checked.model_fields_set}
        return validated(Settings, {**self.defaults, **chosen, "profile": self.name}, f"profile {self.name}")
