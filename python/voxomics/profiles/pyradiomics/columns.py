"""The columns of a run under PyRadiomics' names, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from voxomics.engine import images
from voxomics.engine.columns import ColumnKey
from voxomics.engine.families import FAMILIES
from voxomics.engine.settings import Settings
from voxomics.profiles.profile import N_INTENSITY, N_VOXELS, Output
from voxomics.profiles.pyradiomics.features import CLASSES, LEFT_OUT, Entry

if TYPE_CHECKING:
    from voxomics.profiles.pyradiomics.parameters import Parameters

_FAMILIES = {family.name: family for family in FAMILIES}
_FEATURES = {f"{family.name}.{feature.name}": feature for family in FAMILIES for feature in family.features}
_OF_MASK = ("shape", "shape2D")
_COUNTS = {key.feature: key for key in (N_VOXELS, N_INTENSITY)}


def named(parameters: Parameters) -> dict[str, dict[str, Entry]]:
    """The features of each class that a parameter file asks for, in its order; shape goes first, whatever the order.

    Without `featureClass` all classes are measured. `shape2D` is measured in slices (force2D) alone.
    """
    asked = parameters.featureClass
    chosen = dict.fromkeys(CLASSES) if asked is None else dict(asked)
    ordered = sorted(chosen, key=lambda name: _OF_MASK.index(name) if name in _OF_MASK else len(_OF_MASK))
    found = {}
    for name in ordered:
        if name == "shape2D" and not parameters.setting.force2D:
            continue  # as PyRadiomics, which warns
        features = chosen[name] or [feature for feature, entry in CLASSES[name].items() if not entry.is_deprecated]
        found[name] = {feature: CLASSES[name][feature] for feature in features if feature not in LEFT_OUT.get(name, ()) and all(x in _FEATURES or x in _COUNTS for x in CLASSES[name][feature].sources)}
    return found


def sources(parameters: Parameters) -> tuple[str, ...]:
    """The engine's features that a parameter file needs, "family.feature" each."""
    entries = [entry for features in named(parameters).values() for entry in features.values()]
    return tuple(dict.fromkeys(name for entry in entries for name in entry.sources if name not in _COUNTS and name in _FEATURES))


def outputs(parameters: Parameters, settings: Settings, types_of: Mapping[str, str]) -> Iterator[Output]:
    """Every column, in PyRadiomics' order.

    Parameters
    ----------
    parameters : Parameters
    settings : Settings
        The engine's, that follow from them.
    types_of : mapping str -> str
        PyRadiomics' image type of each image of the run.
    """
    classes = named(parameters)
    for name, features in classes.items():
        if name in _OF_MASK:
            yield from (_output(images.BASE, name, f, e, parameters, settings, "Original") for f, e in features.items())
    for image, kind in types_of.items():
        for name, features in classes.items():
            if name not in _OF_MASK:
                yield from (_output(image, name, f, e, parameters, settings, kind) for f, e in features.items())


def _output(
    image: str, group: str, name: str, entry: Entry, parameters: Parameters, settings: Settings, kind: str
) -> Output:  # fmt: skip
    keys = tuple(_COUNTS.get(source) or _key(image, source, settings) for source in entry.sources)
    derive = entry.derive
    if derive and entry.is_shifted:
        shift = float(parameters.image_types.get(kind, parameters.setting).voxelArrayShift or 0)
        derive = partial(derive, shift=shift)
    if entry.definition:
        return Output(f"{image}_{group}_{name}", "", entry.unit, entry.definition, keys, derive)
    feature = _FEATURES[entry.sources[0]]
    return Output(f"{image}_{group}_{name}", feature.ibsi, feature.unit, feature.definition, keys, derive)


def _key(image: str, source: str, settings: Settings) -> ColumnKey:
    family, feature = source.split(".")
    own = settings
    aggregation = next((a for a in _FAMILIES[family].aggregations if a in own.aggregations), "")
    (chosen,) = _FAMILIES[family].discretisations(own)
    where = images.BASE if _FAMILIES[family].channel == "mask" else image
    return ColumnKey(where, family, feature, aggregation, chosen.name if chosen else "")
