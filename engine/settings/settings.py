"""Settings of a run: one checked object that can be read from and written to YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import Field, field_serializer, field_validator, model_validator

from voxomics.engine.errors import nearest
from voxomics.engine.feature import DIRECTIONAL, ZONAL, Family, Feature
from voxomics.engine.settings.image_types import BASE, ImageType, Original, one_is_a_list, spelt_out, spelt_out_alone
from voxomics.engine.settings.parts import (
    Discretisation,
    Glcm,
    Glrlm,
    Morphology,
    Ngldm,
    Ngtdm,
    Part,
    Percentile,
    Resampling,
    Resegmentation,
)
from voxomics.engine.settings.reading import bytes_of, read_yaml, short, validated

_LARGEST = 2**31 - 1
S = TypeVar("S", bound="Settings")


class Settings(Part):
    """Settings of a run. An unknown key or name raises SettingsError, which suggests the nearest accepted one.

    Attributes
    ----------
    image_types : list of ImageType
        Images that are measured: "original", and those that are derived from it (docs/image-types.md). Each is a name, or a
        mapping of `type`, the settings of the type, and settings of the run that this type replaces (ImageType says which).
    features : "all" or list of str
        Families ("glcm") and features ("morphology.sphericity") to measure. A feature that the standard does not define is
        measured only where its own name is listed.
    exclude : list of str
        Families and features to leave out, for example the costly ["morphology.morans_i_index", "morphology.gearys_c_measure"].
    aggregations : list of str
        Of matrices with directions (GLCM, GLRLM): 2d_averaged, 2d_slice_merged, 2_5d_direction_merged, 2_5d_merged, 3d_averaged,
        3d_merged; of the other matrices: 2d, 2_5d, 3d.
    slice_axis : {"z", "y", "x"}
        Axis across which slices lie, for the aggregations 2d and 2_5d: z for axial slices of a volume that is stored so.
    resampling : Resampling
    round_intensities : bool
        Round intensities to integers after resampling, as the standard asks for CT.
    discretisation : list of Discretisation
        For textures, and for the intensity histogram unless it has its own. Each discretisation has its own columns.
    histogram_discretisation : list of Discretisation, optional
        For the intensity histogram only.
    ivh_discretisation : Discretisation
        For the intensity-volume histogram. none: steps of one unit; fbs: bin centres; fbn: 1000 levels is IBSI's advice for
        arbitrary units.
    resegmentation : Resegmentation
    percentile : str
        Method of percentiles, with NumPy's names: linear, lower, higher, nearest, midpoint or
        inverted_cdf (nearest rank).
    morphology, glcm, glrlm, ngtdm, ngldm : Morphology, Glcm, Glrlm, Ngtdm, Ngldm
    degenerate : {"undefined", "conventional"}
        A feature of a texture matrix whose formula is 0 / 0, because the matrix has one grey level for example. undefined: the
        matrix has no part in the mean over matrices, and the value is missing where no matrix has one. conventional:
        such a matrix takes PyRadiomics' value, `Feature.convention`.
    nonfinite : {"fail", "exclude"}
        NaN or infinity inside a VOI: fail its row, or leave those voxels out of the intensity mask (their count is in `reason`).
    resample_mask : bool
        Bring a mask that lies on another grid onto the image's grid (nearest label) instead of refusing it.
    min_voxels_texture : int
        VOIs with fewer voxels get no texture features and status "partial". 0: no limit.
    memory : str
        Working memory of a run beyond the image itself, for example "4GB". A larger file is not read at all, unless
        it takes less than 4 GB.
    """

    image_types: tuple[ImageType, ...] = (Original(),)
    features: Literal["all"] | tuple[str, ...] = "all"
    exclude: tuple[str, ...] = ()
    aggregations: tuple[str, ...] = ("3d_averaged", "3d_merged", "3d")
    slice_axis: Literal["z", "y", "x"] = "z"
    resampling: Resampling = Resampling()
    round_intensities: bool = False
    discretisation: tuple[Discretisation, ...] = (Discretisation(method="fbn", bins=32),)
    histogram_discretisation: tuple[Discretisation, ...] | None = None
    ivh_discretisation: Discretisation = Discretisation(method="fbn", bins=1000)
    resegmentation: Resegmentation = Resegmentation()
    percentile: Percentile = "linear"
    morphology: Morphology = Morphology()
    glcm: Glcm = Glcm()
    glrlm: Glrlm = Glrlm()
    ngtdm: Ngtdm = Ngtdm()
    ngldm: Ngldm = Ngldm()
    degenerate: Literal["undefined", "conventional"] = "undefined"
    nonfinite: Literal["fail", "exclude"] = "fail"
    resample_mask: bool = False
    min_voxels_texture: int = Field(0, ge=0, le=_LARGEST)
    memory: str = "4GB"

    _one_is_a_list = field_validator("features", "exclude", "aggregations", mode="before")(one_is_a_list)
    _spelt_out = field_validator("discretisation", "histogram_discretisation", mode="before")(spelt_out)
    _spelt_out_alone = field_validator("ivh_discretisation", mode="before")(spelt_out_alone)

    @field_validator("image_types", mode="before")
    @classmethod
    def _known_image_types(cls, value: Any) -> Any:
        from voxomics.engine.images import named

        several = (value,) if isinstance(value, (str, Mapping, ImageType)) else value
        if not isinstance(several, (Sequence, Set)) or not several:
            raise ValueError(f"give a list of image types, got {value!r}")
        kinds = tuple(dict.fromkeys(named(item) for item in (sorted(several) if isinstance(several, Set) else several)))
        images = [name for kind in kinds for name in kind.names]
        twice = sorted({name for name in images if images.count(name) > 1})
        if twice:
            raise ValueError(f"two image types give the image {twice[0]}, so columns would have the same name")
        return kinds

    @field_serializer("image_types")
    def _in_short(self, value: tuple[ImageType, ...]) -> list[Any]:
        return [kind.shortest() for kind in value]

    @field_validator("aggregations")
    @classmethod
    def _known_aggregations(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in DIRECTIONAL + ZONAL:
                raise ValueError(f"aggregation {name!r} is unknown; {nearest(name, DIRECTIONAL + ZONAL)}")
        return tuple(dict.fromkeys(value))

    @field_validator("features", "exclude")
    @classmethod
    def _known_features(cls, value: Any) -> Any:
        if value != "all":
            known = _selectable()
            for name in value:
                if name not in known:
                    raise ValueError(f"feature {name!r} is unknown; {nearest(name, known)}")
        return value

    @field_validator("memory")
    @classmethod
    def _readable_memory(cls, value: str) -> str:
        bytes_of(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for chosen in (self.discretisation, self.for_histogram):
            names = [d.name for d in chosen]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"discretisation {sorted(twice)} is given twice, so columns would have the same name")
            if not names:
                raise ValueError("discretisation is empty; for intensities that are grey levels already use method none")
        meant: dict[str, Discretisation] = {}
        for d in (*self.discretisation, *self.for_histogram):
            if meant.setdefault(d.name, d) != d:
                raise ValueError(f"{d.name} names two discretisations with different origins; give them the same")
        self._check_image_types()
        low = (self.resegmentation.range or (None, None))[0]
        for d in (*self.discretisation, *self.for_histogram, self.ivh_discretisation):
            if d.method == "fbs" and d.origin is None and low is None:
                raise ValueError(
                    f"fixed bin size {short(d.width)} needs to know where level 1 begins: set `origin` (a number, or "
                    '"minimum"), or a lower bound in `resegmentation.range`'
                )
        return self

    def _check_image_types(self) -> None:
        """Raise where an image type's own settings contradict one another, or leave open where its level 1 begins."""
        for kind, own in zip(self.image_types, self._changed, strict=True):
            if own is None and kind.type != BASE:
                for d in (*self.discretisation, *self.for_histogram, self.ivh_discretisation):
                    if d.method == "fbs" and d.origin is None:
                        raise ValueError(
                            f"on image type {kind.type}, fixed bin size {short(d.width)} needs an `origin` (a number, or "
                            '"minimum"): the lower bound of `resegmentation.range` is an intensity of the original'
                        )

    @cached_property
    def _changed(self) -> tuple[Settings | None, ...]:
        """The settings of each image type; None where it replaces none. Never these settings themselves: == would not end."""
        run = {name: getattr(self, name) for name in Settings.model_fields}  # a profile's own say nothing of one image

        def changed(kind: ImageType) -> Settings | None:
            own = kind.of_its_own()
            alone = (kind.without_its_own(),)
            where = f"image type {kind.type}"
            return validated(Settings, {**run, **own, "image_types": alone}, where) if own else None

        return tuple(changed(kind) for kind in self.image_types)

    @property
    def by_image(self) -> dict[str, Settings]:
        """Settings under which each image is measured, by its name and in the order of columns."""
        each = zip(self.image_types, self._changed, strict=True)
        return {name: own or self for kind, own in each for name in kind.names}

    @property
    def for_histogram(self) -> tuple[Discretisation, ...]:
        """Discretisations of the intensity histogram."""
        return self.discretisation if self.histogram_discretisation is None else self.histogram_discretisation

    @cached_property
    def memory_bytes(self) -> int:
        """`memory` as a number of bytes."""
        return bytes_of(self.memory)

    @cached_property
    def pad(self) -> int:
        """Empty voxels around every box: the largest neighbour distance in any image."""
        from voxomics.engine.families import FAMILIES

        each = {id(own): own for own in self.by_image.values()}.values()
        return max(family.reach(own) for own in each for family in FAMILIES)

    @cached_property
    def _selected(self) -> frozenset[str]:
        from voxomics.engine.families import FAMILIES

        asked, left_out = () if self.features == "all" else self.features, self.exclude

        def is_chosen(family: Family, feature: Feature, name: str) -> bool:
            standard = bool(feature.ibsi) and (self.features == "all" or family.name in asked)
            return (standard or name in asked) and not (name in left_out or family.name in left_out)

        every = [(family, feature, f"{family.name}.{feature.name}") for family in FAMILIES for feature in family.features]
        chosen = {name for family, feature, name in every if is_chosen(family, feature, name)}
        return frozenset(chosen | {name.split(".")[0] for name in chosen})

    def wants(self, name: str) -> bool:
        """True when the feature "family.feature", or any feature of "family", is to be measured."""
        return name in self._selected

    @classmethod
    def of(cls: type[S], settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None) -> S:
        """Read settings from a mapping, a YAML file or other settings; None gives the defaults.

        Raises
        ------
        SettingsError
            Unknown key or name, or a value that is not accepted.
        """
        if isinstance(settings, cls):
            return settings
        if settings is None:
            return cls()
        if isinstance(settings, Settings):  # of another profile: what was chosen there
            settings = {key: getattr(settings, key) for key in settings.model_fields_set}
        if isinstance(settings, Mapping):
            return validated(cls, settings, "settings")
        return validated(cls, read_yaml(settings), f"settings file {Path(settings).name}")

    def to_yaml(self) -> str:
        """All settings as YAML, which `Settings.of` reads back to an equal object.

        Examples
        --------
        >>> Settings.of(yaml.safe_load(Settings().to_yaml())) == Settings()
        True
        """
        content = self.model_dump(mode="json")
        for key in ("discretisation", "histogram_discretisation"):
            content[key] = content[key] and [_filled(item) for item in content[key]]
        content["ivh_discretisation"] = _filled(content["ivh_discretisation"])
        return yaml.safe_dump(content, sort_keys=False)


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _selectable() -> list[str]:
    from voxomics.engine.families import FAMILIES

    names = [f"{family.name}.{feature.name}" for family in FAMILIES for feature in family.features]
    return list(dict.fromkeys(family.name for family in FAMILIES)) + names
