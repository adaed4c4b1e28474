"""The columns of a run under PyRadiomics' names, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from voxomics.engine import images
from voxomics.engine.columns import ColumnKey
from voxomics.engine.families import FAMILIES
from voxomics.engine.settings import Settings
from voxomics.profiles.profile import N_INTENSITY, N_VOXELS, Output
from voxomics.profiles.pyradiomics.features import CLASSES, IMAGE_TYPES, LEFT_OUT, Entry

if TYPE_CHECKING:
    from voxomics.profiles.pyradiomics.parameters import Parameters

_FAMILIES = {f"{family.name}.{feature.name}": family for family in FAMILIES for feature in family.features}
_FEATURES = {f"{family.name}.{feature.name}": feature for family in FAMILIES for feature in family.features}
_OF_MASK = ("shape", "shape2D")
_COUNTS = {key.feature: key for key in (N_VOXELS, N_INTENSITY)}


def named(parameters: Parameters) -> dict[str, dict[str, Entry]]:
    """The features of each class that a parameter file asks for, in its order; shape goes first, whatever the order.

    Without `featureClass` all classes are measured, `shape2D` in slices (force2D) alone.
    """
    asked = parameters.featureClass
    chosen = dict.fromkeys(CLASSES) if asked is None else dict(asked)
    ordered = sorted(chosen, key=lambda name: _OF_MASK.index(name) if name in _OF_MASK else len(_OF_MASK))
    found = {}
    for name in ordered:
        if name == "shape2D" and asked is None and not parameters.setting.force2D:
            continue
        features = chosen[name] or [feature for feature, entry in CLASSES[name].items() if not entry.is_deprecated]
        found[name] = {feature: CLASSES[name][feature] for feature in features if feature not in LEFT_OUT.get(name, ())}
    return found


def sources(parameters: Parameters) -> tuple[str, ...]:
    """The engine's features that a parameter file needs, "family.feature" each."""
    entries = [entry for features in named(parameters).values() for entry in features.values()]
    return tuple(dict.fromkeys(name for entry in entries for name in entry.sources if name not in _COUNTS))


def reads_mask(source: str) -> bool:
    """Whether a feature of the engine, "family.feature", reads the mask alone."""
    return _FAMILIES[source].channel == "mask"


def outputs(parameters: Parameters, settings: Settings) -> Iterator[Output]:
    """Every column, in PyRadiomics' order; `settings` are the engine's that follow from the parameters."""
    classes = named(parameters)
    for name, features in classes.items():
        if name in _OF_MASK:
            yield from (_output(images.BASE, name, f, e, parameters, settings, "Original") for f, e in features.items())
    made = {one.type: one.names for one in settings.image_types}
    for kind in parameters.image_types:
        for image in made.get(IMAGE_TYPES[kind], ()):
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


_ACROSS = {"z": "slice", "y": "column", "x": "row"}


def turned(source: str, slice_axis: str) -> str:
    """A feature of the volume as the feature of that volume with its slices along another axis: 2D diameters change names.

    Examples
    --------
    >>> turned("morphology.maximum_2d_diameter_slice", "x")
    'morphology.maximum_2d_diameter_row'
    """
    first, other = _ACROSS["z"], _ACROSS[slice_axis]
    head, _, tail = source.rpartition("_")
    if not head.endswith("maximum_2d_diameter") or tail not in (first, other):
        return source
    return f"{head}_{other if tail == first else first}"


def _key(image: str, source: str, settings: Settings) -> ColumnKey:
    source = turned(source, settings.slice_axis)
    family, feature = source.split(".")
    own, of = settings.by_image[image], _FAMILIES[source]
    aggregation = next((a for a in of.aggregations if a in own.aggregations), "")
    (chosen,) = of.discretisations(own)
    where = images.BASE if reads_mask(source) else image
    return ColumnKey(where, family, feature, aggregation, chosen.name if chosen else "")
