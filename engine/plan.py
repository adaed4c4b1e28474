"""Plan of a run: its columns, and the calls that fill them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from voxomics.engine import images
from voxomics.engine.batch import I64
from voxomics.engine.columns import ColumnKey
from voxomics.engine.errors import SettingsError
from voxomics.engine.families import FAMILIES
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Discretisation, Settings


@dataclass(frozen=True)
class Column:
    """One feature column of the engine's table.

    Attributes
    ----------
    key : ColumnKey
    family : Family
    feature : Feature
    """

    key: ColumnKey
    family: Family
    feature: Feature

    @property
    def name(self) -> str:
        """The column's name."""
        return self.key.name


@dataclass(frozen=True)
class Call:
    """One `compute` on one image type and discretisation, and which of its values go to which column.

    Attributes
    ----------
    number : int
        Its place among the plan's calls.
    image : str
        Image type.
    families : tuple of Family
        Those that share the compute function.
    discretisation : Discretisation or None
    aggregations : tuple of str
    settings : Settings
        Those of its image type.
    source : ndarray int64 [m]
        Places in compute's flattened (aggregation, feature) axes ...
    target : ndarray int64 [m]
        ... and the columns they fill.
    """

    number: int
    image: str
    families: tuple[Family, ...]
    discretisation: Discretisation | None
    aggregations: tuple[str, ...]
    settings: Settings
    source: I64
    target: I64

    @cached_property
    def family(self) -> Family:
        """First of the families, whose compute and need serve all of them."""
        return self.families[0]


@dataclass(frozen=True)
class Plan:
    """Columns of a run, and the calls that fill them.

    Attributes
    ----------
    columns : tuple of Column
    calls : tuple of Call
        Each column is filled by exactly one.
    """

    columns: tuple[Column, ...]
    calls: tuple[Call, ...]

    @cached_property
    def call_of(self) -> dict[int, int]:
        """Number of the call that fills each column."""
        return {column: call.number for call in self.calls for column in call.target.tolist()}

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """The plan that follows from settings.

        Raises
        ------
        SettingsError
            A family is wanted but no aggregation of it is chosen.

        Examples
        --------
        >>> [c.name for c in Plan.of(Settings.of({"features": ["glcm.contrast"]})).columns]
        ['original.glcm.contrast.3d_averaged.fbn32', 'original.glcm.contrast.3d_merged.fbn32']
        """
        wanted = tuple(columns(settings))
        return cls(wanted, tuple(calls(wanted, settings)))


def columns(settings: Settings) -> list[Column]:
    """Every feature column in order. Columns depend only on the settings, never on a case.

    Raises
    ------
    SettingsError
        A family is wanted but no aggregation of it is chosen.
    """
    found = []
    for image, own in settings.by_image.items():
        for family in FAMILIES:
            wanted = [feature for feature in family.features if own.wants(f"{family.name}.{feature.name}")]
            if not wanted or not is_measured_on(family, image):
                continue
            chosen = aggregations(family, own)
            for discretisation in family.discretisations(own):
                label = discretisation.name if discretisation else ""
                for aggregation in chosen or ("",):
                    for feature in wanted:
                        key = ColumnKey(image, family.name, feature.name, aggregation, label)
                        found.append(Column(key, family, feature))
    return found


def is_measured_on(family: Family, image: str) -> bool:
    """Whether a family is measured on an image type: what reads the mask alone is measured on the base image only."""
    return image == images.BASE or family.channel != "mask"


def aggregations(family: Family, settings: Settings) -> tuple[str, ...]:
    """Chosen aggregations of a family; () if the family has none.

    Raises
    ------
    SettingsError
        The family has aggregations and none is chosen.
    """
    chosen = tuple(name for name in family.aggregations if name in settings.aggregations)
    if family.aggregations and not chosen:
        raise SettingsError(
            f"aggregations {list(settings.aggregations)} contain none for {family.name}; add one of "
            f"{', '.join(family.aggregations)}, or put {family.name!r} in `exclude`"
        )
    return chosen


def calls(wanted: tuple[Column, ...], settings: Settings) -> list[Call]:
    """The compute calls that fill the wanted columns: one per image type, compute function and discretisation."""
    place = {column.key: k for k, column in enumerate(wanted)}
    found: list[Call] = []
    for image, own in settings.by_image.items():
        by_compute: dict[Callable[..., object], list[Family]] = {}
        for family in FAMILIES:
            if any(c.family is family and c.key.image == image for c in wanted):
                by_compute.setdefault(family.compute, []).append(family)
        for families in by_compute.values():
            chosen = aggregations(families[0], own)
            for discretisation in families[0].discretisations(own):
                source, target = _wiring(image, families, discretisation, chosen, place)
                found.append(Call(len(found), image, tuple(families), discretisation, chosen, own, source, target))
    return found


def _wiring(
    image: str,
    families: list[Family],
    discretisation: Discretisation | None,
    chosen: tuple[str, ...],
    place: dict[ColumnKey, int],
) -> tuple[I64, I64]:
    """`Call.source` and `Call.target` of families that share a compute function."""
    width = max(f.first + len(f.features) for f in FAMILIES if f.compute is families[0].compute)
    label = discretisation.name if discretisation else ""
    pairs = []
    for family in families:
        for a, aggregation in enumerate(chosen or ("",)):
            for f, feature in enumerate(family.features):
                key = ColumnKey(image, family.name, feature.name, aggregation, label)
                if key in place:
                    pairs.append((a * width + family.first + f, place[key]))
    source, target = np.array(pairs, dtype=np.int64).T.copy()
    return source, target
