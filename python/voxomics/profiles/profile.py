"""Definition of a profile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxomics.engine.batch import F64, VoiBatch
from voxomics.engine.columns import ColumnKey
from voxomics.engine.errors import SettingsError
from voxomics.engine.prepare import Refusal, View, Voi, one_view
from voxomics.engine.select import Labels
from voxomics.engine.settings import Settings, read_yaml, validated
from voxomics.engine.volume import Image, MaskStack
from voxomics.io import read_mask

N_VOXELS = ColumnKey("", "", "n_voxels")
"""A source of columns that is no feature: the number of voxels of the mask, as the table's column n_voxels has it."""
N_INTENSITY = ColumnKey("", "", "n_intensity")
"""The same of the intensity mask."""


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
    sources : tuple of ColumnKey
        The engine's columns that it is made of, or N_VOXELS.
    derive : callable or None
        From the source columns (ndarray float64 [n] each) to the values; None takes the only source as it is.
    """

    name: str
    ibsi_id: str
    unit: str
    definition: str
    sources: tuple[ColumnKey, ...]
    derive: Callable[..., F64] | None = None


def _no_details(settings: Settings) -> list[str]:
    return []


def _on_the_image(source: Any, image: Image, settings: Settings, max_bytes: int) -> MaskStack:
    return read_mask(source, image, resample=settings.resample_mask, max_bytes=max_bytes)


def _all_labels(settings: Settings) -> Labels:
    return "all"


@dataclass(frozen=True)
class Profile:
    """The way a program, or a standard, measures: its settings, its preparation of an image, and its columns.

    Attributes
    ----------
    name : str
    about : str
        One line for --help.
    model : type
        The engine's Settings with the profile's own options added, and `profile`, which says its name.
    defaults : mapping
        Settings that differ from the engine's own defaults; a user's settings override them key by key.
    outputs : callable
        ``outputs(settings) -> list of Output``: the columns, which follow from the settings alone.
    remarks : callable or None
        ``remarks(batch) -> list of str``: a warning per VOI, "" for none; it is logged and added to the row's `reason`.
    prepare : callable
        ``prepare(image, masks, vois, settings) -> iterator of View and Refusal``: resampling, rounding and what else comes
        before a VOI is cut out.
    details : callable
        ``details(settings) -> list of str``: columns before the features that `prepare` fills.
    labels : callable
        ``labels(settings) -> Labels``: which VOIs are measured where the caller names none.
    read_mask : callable
        ``read_mask(source, image, settings, max_bytes) -> MaskStack``.
    """

    name: str
    about: str
    model: type[Settings]
    defaults: Mapping[str, Any]
    outputs: Callable[[Any], list[Output]]
    remarks: Callable[[VoiBatch], list[str]] | None = None
    prepare: Callable[[Image, MaskStack, Sequence[Voi], Any], Iterator[View | Refusal]] = one_view
    details: Callable[[Any], list[str]] = _no_details
    labels: Callable[[Any], Labels] = _all_labels
    read_mask: Callable[[Any, Image, Any, int], MaskStack] = _on_the_image

    def settings(self, given: Settings | Mapping[str, Any] | str | os.PathLike[str] | None) -> Settings:
        """The profile's defaults overridden by what was given (only the keys that were set).

        Raises
        ------
        SettingsError
            As `Settings.of`; or the settings name another profile.
        """
        where = "settings"
        if given is None:
            chosen: dict[str, Any] = {}
        elif isinstance(given, Settings):
            chosen = {key: getattr(given, key) for key in given.model_fields_set}
        elif isinstance(given, Mapping):
            chosen = dict(given)
        else:
            chosen, where = dict(read_yaml(given)), f"settings file {Path(given).name}"
        asked = chosen.pop("profile", None)
        if asked not in (None, self.name):
            raise SettingsError(
                f"these settings are for profile {asked}, but profile {self.name} was requested; "
                f"use profile {asked}, or remove `profile` from the settings"
            )
        return validated(self.model, {**self.defaults, **chosen, "profile": self.name}, where)


def are_engines(outputs: list[Output], place: Mapping[ColumnKey, int]) -> bool:
    """Whether a profile's columns are all of the engine's, as they are and in their order; `place` as for `values_of`."""
    return [None if output.derive else output.sources for output in outputs] == [(key,) for key in place]


def values_of(
    outputs: list[Output], place: Mapping[ColumnKey, int], values: F64, counts: Mapping[ColumnKey, np.ndarray]
) -> F64:
    """Columns of a profile, derived from those of the engine.

    Parameters
    ----------
    outputs : list of Output
    place : mapping ColumnKey -> int
        Where each of the engine's columns stands in `values`.
    values : ndarray float64 [n, engine columns]
    counts : mapping ColumnKey -> ndarray int64 [n]
        Of N_VOXELS and N_INTENSITY.

    Returns
    -------
    ndarray float64 [n, outputs]
    """
    def source(key: ColumnKey) -> np.ndarray:
        return counts[key].astype(float) if key in counts else values[:, place[key]]

    result = np.empty((len(values), len(outputs)))
    for k, output in enumerate(outputs):
        given = [source(key) for key in output.sources]
        result[:, k] = output.derive(*given) if output.derive else given[0]
    return result
