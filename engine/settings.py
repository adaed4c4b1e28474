"""Everything a user may choose, as one validated object that is also one YAML file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from math import inf, isnan
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from voxomics.engine.errors import InputError, SettingsError, nearest
from voxomics.engine.feature import DIRECTIONAL, ZONAL

_LARGEST = 2**31 - 1
Percentile = Literal["linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf"]


Model = TypeVar("Model", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Discretisation(_Part):
    """How intensities become grey levels (IBSI 02, section Intensity discretisation).

    Attributes
    ----------
    method : {"fbn", "fbs", "bounds", "none"}
        fbn: fixed bin number K15C, ``bins`` between the VOI's extremes. fbs: fixed bin size Q3RU, ``width`` from ``origin``.
        bounds: ``bins`` between ``low`` and ``high``, intensities outside truncated to them (LIFEx' absolute resampling).
        none: intensities are levels already; they must be integers, and ≥ 1 for textures and histogram.
    bins : int
        Number of levels (fbn, bounds).
    width : float
        Bin width in intensity units (fbs).
    origin : float or "minimum" or None
        Lower edge of level 1 (fbs); in textures and histogram, intensities below it take level 1 and the row says how many.
        None: the lower bound of the re-segmentation range, which must then be set; "minimum": each VOI's own minimum, against the
        standard's advice.
    low, high : float
        Bounds in intensity units (bounds).
    """

    method: Literal["fbn", "fbs", "bounds", "none"] = "fbn"
    bins: int | None = Field(None, ge=1, le=_LARGEST)
    width: float | None = Field(None, gt=0, allow_inf_nan=False)
    origin: Annotated[float, Field(allow_inf_nan=False)] | Literal["minimum"] | None = None
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _belongs_together(self) -> Discretisation:
        accepted = {"fbn": {"bins"}, "fbs": {"width", "origin"}, "bounds": {"bins", "low", "high"}, "none": set()}
        needed = {"fbn": {"bins"}, "fbs": {"width"}, "bounds": {"bins", "low", "high"}, "none": set()}
        given = {key for key in ("bins", "width", "origin", "low", "high") if getattr(self, key) is not None}
        if given - accepted[self.method]:
            raise ValueError(f"{sorted(given - accepted[self.method])} does not belong to method {self.method!r}")
        if needed[self.method] - given:
            raise ValueError(f"method {self.method!r} needs {sorted(needed[self.method] - given)}")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        return self

    @property
    def name(self) -> str:
        """How column names call it: fbn32, fbs25, bounds64_-1000_1000, none."""
        if self.method == "fbn":
            return f"fbn{self.bins}"
        if self.method == "fbs":
            return f"fbs{_short(self.width)}{'_minimum' if self.origin == 'minimum' else ''}"
        if self.method == "bounds":
            return f"bounds{self.bins}_{_short(self.low)}_{_short(self.high)}"
        return "none"

    @classmethod
    def parse(cls, text: str) -> Discretisation:
        """Read "fbn:32", "fbs:25", "fbs:25:-1000", "bounds:64:-1000:1000" or "none", the command line's spelling.

        Examples
        --------
        >>> Discretisation.parse("bounds:64:-1000:1000").name
        'bounds64_-1000_1000'
        """
        method, *rest = text.split(":")
        keys = {"fbn": ("bins",), "fbs": ("width", "origin"), "bounds": ("bins", "low", "high"), "none": ()}
        if method not in keys:
            raise SettingsError(f"discretisation {text!r}: {nearest(method, keys)}")
        if len(rest) > len(keys[method]):
            raise SettingsError(f"discretisation {text!r}: {method} takes {':'.join((method, *keys[method]))}")
        return validated(cls, {"method": method, **dict(zip(keys[method], rest, strict=False))}, f"discretisation {text!r}")


class Resegmentation(_Part):
    """Which voxels of the drawn mask keep their intensity (IBSI IFBS): first the range, then the outliers among what is left.

    Attributes
    ----------
    range : (float or None, float or None), optional
        Inclusive bounds in intensity units; None, or infinity, leaves a side open.
    outliers_sigma : float, optional
        Keep intensities within the mean ± this many standard deviations (population).
    """

    range: tuple[float | None, float | None] | None = None
    outliers_sigma: float | None = Field(None, gt=0, allow_inf_nan=False)

    @field_validator("range")
    @classmethod
    def _ordered(cls, value: tuple[float | None, float | None] | None) -> tuple[float | None, float | None] | None:
        if value and any(side is not None and isnan(side) for side in value):
            raise ValueError(f"a bound is not a number, got {list(value)}; leave a side empty (null) for no limit")
        if value:
            low, high = value
            value = (None if low == -inf else low, None if high == inf else high)
        if value and value[0] is not None and value[1] is not None and not value[0] <= value[1]:
            raise ValueError(f"the lower bound must not exceed the upper one, got {list(value)}")
        return value


class Resampling(_Part):
    """A new voxel grid (IBSI VTM2): centred on the old one, its size rounded up.

    Attributes
    ----------
    spacing_mm : (float or None, float or None, float or None), optional
        New voxel size (z, y, x) in mm; None keeps an axis as it is. Without it nothing is resampled.
    image : {"linear", "nearest", "cubic_spline"}
        Interpolation of intensities; outside of the outermost voxel centres the nearest one counts.
    mask : {"linear", "nearest"}
        Interpolation of each VOI's 0/1 mask, on its own: two VOIs that touch may come to share a voxel.
    mask_threshold : float
        A voxel belongs to the VOI from this partial volume on (linear).
    """

    spacing_mm: tuple[float | None, float | None, float | None] | None = None
    image: Literal["linear", "nearest", "cubic_spline"] = "linear"
    mask: Literal["linear", "nearest"] = "linear"
    mask_threshold: float = Field(0.5, gt=0, le=1)

    @field_validator("spacing_mm")
    @classmethod
    def _positive(cls, value: tuple[float | None, ...] | None) -> tuple[float | None, ...] | None:
        if value and any(v is not None and not 0 < v < float("inf") for v in value):
            raise ValueError(f"voxel sizes must be positive, got {list(value)}")
        return value


class Weighting(_Part):
    """Distance weighting (IBSI 6CK8): each direction's counts times a function of its length, before matrices are merged.

    Attributes
    ----------
    function : {"none", "inverse", "gaussian"}
        1, 1 / d, or exp(-d²).
    norm : {"euclidean", "manhattan", "chebyshev"}
        Length d of a direction.
    unit : {"voxel", "mm"}
    """

    function: Literal["none", "inverse", "gaussian"] = "none"
    norm: Literal["euclidean", "manhattan", "chebyshev"] = "euclidean"
    unit: Literal["voxel", "mm"] = "voxel"


class Glcm(_Part):
    """GLCM: `distance` is how many voxels along each of the 13 directions the neighbour lies (Chebyshev distance)."""

    distance: int = Field(1, ge=1, le=20)
    weighting: Weighting = Weighting()


class Glrlm(_Part):
    """GLRLM: distance weighting of its directions."""

    weighting: Weighting = Weighting()


class Ngtdm(_Part):
    """NGTDM: `distance` is the Chebyshev radius of the neighbourhood in voxels."""

    distance: int = Field(1, ge=1, le=20)


class Ngldm(_Part):
    """NGLDM: `distance` as for NGTDM; neighbours count as dependent when levels differ by at most `coarseness`."""

    distance: int = Field(1, ge=1, le=20)
    coarseness: int = Field(0, ge=0, le=_LARGEST)


class Lifex(_Part):
    """The lifex profile: which of the 46 features become columns.

    Attributes
    ----------
    columns : {"hoshino45", "hoshino45_excess_kurtosis", "all46"}
        The paper's 45 as inferred (with HUstd, without ExcessKurtosis), its other reading (the reverse), or all 46.
    """

    columns: Literal["hoshino45", "hoshino45_excess_kurtosis", "all46"] = "hoshino45"


class Settings(_Part):
    """Every choice of a run. Unknown keys and names raise SettingsError and offer the nearest accepted one.

    Attributes
    ----------
    profile : {"ibsi", "lifex"}, optional
        The profile these settings were made for; using them with another is an error.
    features : "all" or list of str
        Families ("glcm") and features ("morphology.sphericity") to measure.
    exclude : list of str
        Families and features to leave out, for example the costly ["morphology.morans_i_index", "morphology.gearys_c_measure"].
    aggregations : list of str
        Of matrices with directions (GLCM, GLRLM): 2d_averaged, 2d_slice_merged, 2_5d_direction_merged, 2_5d_merged, 3d_averaged,
        3d_merged; of the other matrices: 2d, 2_5d, 3d.
    resampling : Resampling
    round_intensities : bool
        Round intensities to integers after resampling, as the standard asks for CT.
    discretisation : list of Discretisation
        For textures and, unless it has its own, the intensity histogram; each gives its own columns.
    histogram_discretisation : list of Discretisation, optional
        For the intensity histogram alone.
    ivh_discretisation : Discretisation
        For the intensity-volume histogram. none: steps of one unit; fbs: bin centres; fbn: 1000 levels is IBSI's advice for
        arbitrary units.
    resegmentation : Resegmentation
    percentile : str
        Rule between two order statistics, NumPy's names: linear, lower, higher, nearest, midpoint, inverted_cdf (nearest rank).
    glcm, glrlm, ngtdm, ngldm : Glcm, Glrlm, Ngtdm, Ngldm
    lifex : Lifex
        Read by the lifex profile alone.
    nonfinite : {"fail", "exclude"}
        NaN or infinity inside a VOI: fail its row, or leave those voxels out of the intensity mask (their count is in `reason`).
    resample_mask : bool
        Bring a mask that lies on another grid onto the image's grid (nearest label) instead of refusing it.
    min_voxels_texture : int
        VOIs with fewer voxels get no texture features and status "partial". 0: no limit.
    memory : str
        Working memory of a run beyond the image itself, for example "4GB".
    """

    profile: Literal["ibsi", "lifex"] | None = None
    features: Literal["all"] | tuple[str, ...] = "all"
    exclude: tuple[str, ...] = ()
    aggregations: tuple[str, ...] = ("3d_averaged", "3d_merged", "3d")
    resampling: Resampling = Resampling()
    round_intensities: bool = False
    discretisation: tuple[Discretisation, ...] = (Discretisation(method="fbn", bins=32),)
    histogram_discretisation: tuple[Discretisation, ...] | None = None
    ivh_discretisation: Discretisation = Discretisation(method="fbn", bins=1000)
    resegmentation: Resegmentation = Resegmentation()
    percentile: Percentile = "linear"
    glcm: Glcm = Glcm()
    glrlm: Glrlm = Glrlm()
    ngtdm: Ngtdm = Ngtdm()
    ngldm: Ngldm = Ngldm()
    lifex: Lifex = Lifex()
    nonfinite: Literal["fail", "exclude"] = "fail"
    resample_mask: bool = False
    min_voxels_texture: int = Field(0, ge=0, le=_LARGEST)
    memory: str = "4GB"

    @field_validator("features", "exclude", "aggregations", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) and value != "all" else value

    @field_validator("discretisation", "histogram_discretisation", mode="before")
    @classmethod
    def _spelt_out(cls, value: Any) -> Any:
        several = (value,) if isinstance(value, (str, Mapping, Discretisation)) else value
        return several and tuple(Discretisation.parse(item) if isinstance(item, str) else item for item in several)

    @field_validator("ivh_discretisation", mode="before")
    @classmethod
    def _spelt_out_alone(cls, value: Any) -> Any:
        return Discretisation.parse(value) if isinstance(value, str) else value

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
        _bytes(value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        for chosen in (self.discretisation, self.for_histogram):
            names = [d.name for d in chosen]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"discretisation {sorted(twice)} stands twice: the columns would share a name")
            if not names:
                raise ValueError("discretisation is empty; for intensities that are grey levels already use method none")
        meant: dict[str, Discretisation] = {}
        for d in (*self.discretisation, *self.for_histogram):
            if meant.setdefault(d.name, d) != d:
                raise ValueError(f"{d.name} stands for two discretisations that differ in origin; give both the same one")
        low = (self.resegmentation.range or (None, None))[0]
        for d in (*self.discretisation, *self.for_histogram, self.ivh_discretisation):
            if d.method == "fbs" and d.origin is None and low is None:
                raise ValueError(
                    f"fixed bin size {_short(d.width)} needs to know where level 1 begins: set its `origin` (a number, or "
                    '"minimum"), or a lower bound in `resegmentation.range`'
                )
        return self

    @property
    def for_histogram(self) -> tuple[Discretisation, ...]:
        """Discretisations of the intensity histogram."""
        return self.discretisation if self.histogram_discretisation is None else self.histogram_discretisation

    @property
    def memory_bytes(self) -> int:
        """`memory` as a number of bytes."""
        return _bytes(self.memory)

    @property
    def pad(self) -> int:
        """Empty voxels around every box: the largest neighbour distance."""
        return max(self.glcm.distance, self.ngtdm.distance, self.ngldm.distance)

    @cached_property
    def _selected(self) -> frozenset[str]:
        from voxomics.engine.families import FAMILIES

        every = [f"{family.name}.{feature.name}" for family in FAMILIES for feature in family.features]

        def matches(names: tuple[str, ...]) -> set[str]:
            return {name for name in every if name in names or name.split(".")[0] in names}

        chosen = (set(every) if self.features == "all" else matches(self.features)) - matches(self.exclude)
        return frozenset(chosen | {name.split(".")[0] for name in chosen})

    def wants(self, name: str) -> bool:
        """True when the feature "family.feature", or any feature of "family", is to be measured."""
        return name in self._selected

    @classmethod
    def of(cls, settings: Settings | Mapping[str, Any] | str | os.PathLike[str] | None) -> Settings:
        """Settings from themselves, from a mapping, from a YAML file, or the defaults from None.

        Raises
        ------
        SettingsError
            Unknown key or name, or a value that is not accepted.
        """
        if isinstance(settings, Settings):
            return settings
        if settings is None:
            return cls()
        if isinstance(settings, Mapping):
            return validated(cls, settings, "settings")
        path = Path(settings)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"settings file {path.name}: cannot be read ({error.strerror}); give a YAML file's path") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"settings file {path.name} is not YAML: {error}") from None
        if content is None:
            content = {}
        if not isinstance(content, Mapping):
            raise SettingsError(f"settings file {path.name}: a mapping of keys is needed, got {type(content).__name__}")
        return validated(cls, content, f"settings file {path.name}")

    def to_yaml(self) -> str:
        """The whole object as YAML; `Settings.of` reads it back equal.

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


def validated(model: type[Model], content: Mapping[str, Any], where: str) -> Model:
    """`model` filled from `content`; pydantic's findings become one SettingsError with the nearest accepted key."""
    try:
        return model.model_validate(dict(content))
    except ValidationError as error:
        raise SettingsError(f"{where}: " + "; ".join(_finding(model, item) for item in error.errors())) from None


def _finding(model: type[BaseModel], item: Any) -> str:
    path = [str(part) for part in item["loc"]]
    if item["type"] == "extra_forbidden":
        owner: Any = model
        for part in item["loc"][:-1]:
            if isinstance(part, str) and part in getattr(owner, "model_fields", {}):
                annotation = owner.model_fields[part].annotation
                inner = getattr(annotation, "__args__", (annotation,))[0]
                owner = inner
        fields = getattr(owner, "model_fields", model.model_fields)
        return f"unknown key {'.'.join(path)!r}; {nearest(path[-1], fields)}"
    message = re.sub(r"^Value error, ", "", item["msg"])
    if item["type"] in ("value_error",):
        return message if not path else f"{'.'.join(path)}: {message}"
    return f"{'.'.join(path)}: {message}, got {item['input']!r}"


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value is not None}


def _selectable() -> list[str]:
    from voxomics.engine.families import FAMILIES

    names = [f"{family.name}.{feature.name}" for family in FAMILIES for feature in family.features]
    return list(dict.fromkeys(family.name for family in FAMILIES)) + names


def _short(value: float | None) -> str:
    return repr(int(value)) if value is not None and float(value).is_integer() else repr(value)


def _bytes(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?\s*", text, re.IGNORECASE)
    if not match:
        raise ValueError(f"memory {text!r} is not a size; accepted: a number with KB, MB, GB or TB, for example 4GB")
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))
