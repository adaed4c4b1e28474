"""What a run will do before it does it: columns, calls, and the memory they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from voxomics.engine.batch import I64
from voxomics.engine.errors import SettingsError
from voxomics.engine.families import FAMILIES
from voxomics.engine.feature import Family, Feature
from voxomics.engine.settings import Discretisation, Settings

CHUNK_VOXELS = 1 << 16
"""Voxels after which a call is closed: large enough to hide a call's cost, small enough to keep every thread busy."""


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes
    ----------
    name : str
        ``<image type>.<family>.<feature>[.<aggregation>][.<discretisation>]``.
    family : Family
    feature : Feature
    aggregation, discretisation : str
        "" where they do not apply.
    """

    name: str
    family: Family
    feature: Feature
    aggregation: str
    discretisation: str


@dataclass(frozen=True)
class Call:
    """One `compute` on one channel, and which of its values go to which column.

    Attributes
    ----------
    families : tuple of Family
        Those that share the compute function.
    discretisation : Discretisation or None
    aggregations : tuple of str
    source : ndarray int64 [m]
        Places in compute's flattened (aggregation, feature) axes ...
    target : ndarray int64 [m]
        ... and the columns they fill.
    """

    families: tuple[Family, ...]
    discretisation: Discretisation | None
    aggregations: tuple[str, ...]
    source: I64
    target: I64

    @property
    def family(self) -> Family:
        """The first of the families: its compute and need stand for all."""
        return self.families[0]


def columns(settings: Settings) -> list[Column]:
    """Every feature column in order; follows from the settings alone, never from a case.

    Raises
    ------
    SettingsError
        A family is wanted but no aggregation of it is chosen.

    Examples
    --------
    >>> [c.name for c in columns(Settings.of({"features": ["glcm.contrast"]}))]
    ['original.glcm.contrast.3d_averaged.fbn32', 'original.glcm.contrast.3d_merged.fbn32']
    """
    found = []
    for family in FAMILIES:
        wanted = [feature for feature in family.features if settings.wants(f"{family.name}.{feature.name}")]
        if not wanted:
            continue
        chosen = aggregations(family, settings)
        for discretisation in discretisations(family, settings):
            for aggregation in chosen or ("",):
                for feature in wanted:
                    label = discretisation.name if discretisation else ""
                    parts = ("original", family.name, feature.name, aggregation, label)
                    found.append(Column(".".join(filter(None, parts)), family, feature, aggregation, label))
    return found


def aggregations(family: Family, settings: Settings) -> tuple[str, ...]:
    """Chosen aggregations of a family, () for a family without.

    Raises
    ------
    SettingsError
        The family has aggregations and none is chosen.
    """
    chosen = tuple(name for name in family.aggregations if name in settings.aggregations)
    if family.aggregations and not chosen:
        raise SettingsError(
            f"aggregations {list(settings.aggregations)} name none of {family.name}, which is wanted; add one of "
            f"{', '.join(family.aggregations)}, or put {family.name!r} in `exclude`"
        )
    return chosen


def discretisations(family: Family, settings: Settings) -> tuple[Discretisation | None, ...]:
    """Discretisations a family is measured under; (None,) when it needs none."""
    if family.channel == "level":
        return settings.for_histogram if family.name == "intensity_histogram" else settings.discretisation
    return (settings.ivh_discretisation,) if family.channel == "ivh" else (None,)


def calls(wanted: list[Column], settings: Settings) -> list[Call]:
    """The compute calls that fill the wanted columns: one per compute function and discretisation."""
    place = {(c.family.name, c.feature.name, c.aggregation, c.discretisation): k for k, c in enumerate(wanted)}
    by_compute: dict[Callable[..., object], list[Family]] = {}
    for family in FAMILIES:
        if any(c.family is family for c in wanted):
            by_compute.setdefault(family.compute, []).append(family)
    found = []
    for families in by_compute.values():
        width = max(f.first + len(f.features) for f in FAMILIES if f.compute is families[0].compute)
        chosen = aggregations(families[0], settings)
        for discretisation in discretisations(families[0], settings):
            pairs = []
            for family in families:
                for a, aggregation in enumerate(chosen or ("",)):
                    for f, feature in enumerate(family.features):
                        label = discretisation.name if discretisation else ""
                        key = (family.name, feature.name, aggregation, label)
                        if key in place:
                            pairs.append((a * width + family.first + f, place[key]))
            source, target = np.array(pairs, dtype=np.int64).T
            found.append(Call(tuple(families), discretisation, chosen, source, target))
    return found


def chunks(vois: I64, need: I64, cost: I64, limit: int) -> Iterator[I64]:
    """Cut VOIs into calls that stay within `limit` bytes together and about CHUNK_VOXELS of cost.

    Parameters
    ----------
    vois : ndarray int64 [k]
        Rows of the batch.
    need, cost : ndarray int64 [n]
        Bytes and voxels of every row of the batch.
    limit : int
        Bytes; a single VOI above it gets a call of its own.

    Yields
    ------
    ndarray int64
    """
    first = 0
    taken_bytes = taken_cost = 0
    for k, i in enumerate(vois):
        if k > first and (taken_bytes + need[i] > limit or taken_cost + cost[i] > CHUNK_VOXELS):
            yield vois[first:k]
            first, taken_bytes, taken_cost = k, 0, 0
        taken_bytes += int(need[i])
        taken_cost += int(cost[i])
    if first < len(vois):
        yield vois[first:]
