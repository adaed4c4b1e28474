"""The parts of a run's settings: discretisation, re-segmentation, resampling, and what single families read."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property
from math import inf, isnan
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from voxomics.engine.errors import SettingsError, nearest
from voxomics.engine.settings.reading import short, validated

_LARGEST = 2**31 - 1
_LEAST = 1e-290  # between it and its inverse, no difference or quotient of edges and widths leaves float64
Percentile = Literal["linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf"]


def in_order(value: Any) -> Any:
    """The same, unless it is a set: its elements have no order, and a list would get one by chance."""
    if isinstance(value, Set):
        raise ValueError("a set has no order; give a list")
    return value


class Part(BaseModel):
    """A group of settings: it cannot be changed once made, and it refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Discretisation(Part):
    """How intensities become grey levels (IBSI 02, section Intensity discretisation).

    Attributes
    ----------
    method : {"fbn", "fbs", "bounds", "pyradiomics", "none"}
        fbn: fixed bin number K15C, ``bins`` between the VOI's extremes. fbs: fixed bin size Q3RU, ``width`` from ``origin``.
        bounds: ``bins`` between ``low`` and ``high``, intensities outside truncated to them (LIFEx' absolute resampling).
        pyradiomics: edges as PyRadiomics and NumPy place them in the image's own type: ``bins`` between the VOI's extremes,
        or ``width`` from its multiple at or below the VOI's minimum; level 1 holds the minimum.
        none: intensities are levels already; they must be integers, and ≥ 1 for textures and histogram.
    bins : int
        Number of levels (fbn, bounds, pyradiomics).
    width : float
        Bin width in intensity units (fbs, pyradiomics).
    origin : float or "minimum" or None
        Lower edge of level 1 (fbs). In textures and histogram, lower intensities take level 1, and the row gives their
        number. None: the lower bound of the re-segmentation range, which must then be set.
        "minimum": the minimum of each VOI, which the standard advises against.
    low, high : float
        Bounds in intensity units (bounds).
    """

    method: Literal["fbn", "fbs", "bounds", "pyradiomics", "none"] = "fbn"
    bins: int | None = Field(None, ge=1, le=_LARGEST)
    width: float | None = Field(None, gt=0, allow_inf_nan=False)
    origin: Annotated[float, Field(allow_inf_nan=False)] | Literal["minimum"] | None = None
    low: float | None = Field(None, allow_inf_nan=False)
    high: float | None = Field(None, allow_inf_nan=False)

    @field_validator("width", "origin", "low", "high")
    @classmethod
    def _measurable(cls, value: float | str | None) -> float | str | None:
        if isinstance(value, float) and value != 0 and not _LEAST <= abs(value) <= 1 / _LEAST:
            raise ValueError(
                f"got {value:g}, accepted are 0 and magnitudes from {_LEAST:g} to {1 / _LEAST:g}; "
                "give the image another unit of intensity, or use fbn"
            )
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Discretisation:
        accepted = {
            "fbn": {"bins"}, "fbs": {"width", "origin"}, "bounds": {"bins", "low", "high"}, "pyradiomics": {"width", "bins"},
            "none": set(),
        }  # fmt: skip
        needed = {"fbn": {"bins"}, "fbs": {"width"}, "bounds": {"bins", "low", "high"}, "pyradiomics": set(), "none": set()}
        given = {key for key in ("bins", "width", "origin", "low", "high") if getattr(self, key) is not None}
        if given - accepted[self.method]:
            raise ValueError(f"{sorted(given - accepted[self.method])} does not belong to method {self.method!r}")
        if needed[self.method] - given:
            raise ValueError(f"method {self.method!r} needs {sorted(needed[self.method] - given)}")
        if self.method == "pyradiomics" and (self.bins is None) == (self.width is None):
            raise ValueError("method 'pyradiomics' needs one of 'width' and 'bins'")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low:g} and {self.high:g}")
        return self

    @cached_property
    def name(self) -> str:
        """Name used in columns: fbn32, fbs25, bounds64_-1000_1000, none."""
        if self.method == "fbn":
            return f"fbn{self.bins}"
        if self.method == "fbs":
            return f"fbs{short(self.width)}{'_minimum' if self.origin == 'minimum' else ''}"
        if self.method == "bounds":
            return f"bounds{self.bins}_{short(self.low)}_{short(self.high)}"
        if self.method == "pyradiomics":
            return f"pyradiomics_{f'width{short(self.width)}' if self.bins is None else f'bins{self.bins}'}"
        return "none"

    @classmethod
    def parse(cls, text: str) -> Discretisation:
        """Read "fbn:32", "fbs:25", "fbs:25:-1000", "bounds:64:-1000:1000", "pyradiomics:25" or "none".

        Examples
        --------
        >>> Discretisation.parse("bounds:64:-1000:1000").name
        'bounds64_-1000_1000'
        """
        method, *rest = text.split(":")
        keys: dict[str, tuple[str, ...]] = {
            "fbn": ("bins",), "fbs": ("width", "origin"), "bounds": ("bins", "low", "high"), "pyradiomics": ("width",),
            "none": (),
        }  # fmt: skip
        if method not in keys:
            raise SettingsError(f"discretisation {text!r}: {nearest(method, keys)}")
        if len(rest) > len(keys[method]):
            raise SettingsError(f"discretisation {text!r}: {method} takes {':'.join((method, *keys[method]))}")
        return validated(cls, {"method": method, **dict(zip(keys[method], rest, strict=False))}, f"discretisation {text!r}")


class Resegmentation(Part):
    """Re-segmentation (IBSI IFBS): keep the voxels within the range, then remove outliers among them.

    Attributes
    ----------
    range : (float or None, float or None), optional
        Inclusive bounds in intensity units. None or infinity means no bound.
    outliers_sigma : float, optional
        Keep intensities within the mean ± this many standard deviations (population).
    """

    range: tuple[float | None, float | None] | None = None
    outliers_sigma: float | None = Field(None, gt=0, allow_inf_nan=False)

    _in_order = field_validator("range", mode="before")(in_order)

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


class Resampling(Part):
    """A new voxel grid (IBSI VTM2): centred on the old one, its size rounded up.

    Attributes
    ----------
    spacing_mm : (float or None, float or None, float or None), optional
        New voxel size (z, y, x) in mm; None keeps an axis as it is. Without it nothing is resampled.
    image : {"linear", "nearest", "cubic_spline"}
        Interpolation of intensities. Beyond the outermost voxel centres, the value of the nearest voxel is used.
    mask : {"linear", "nearest"}
        Interpolation of the 0/1 mask of each VOI, one by one. Two VOIs that touch can therefore share a voxel.
    mask_threshold : float
        A voxel belongs to the VOI if its interpolated mask value is at least this (linear).
    """

    spacing_mm: tuple[float | None, float | None, float | None] | None = None
    image: Literal["linear", "nearest", "cubic_spline"] = "linear"
    mask: Literal["linear", "nearest"] = "linear"
    mask_threshold: float = Field(0.5, gt=0, le=1)

    _in_order = field_validator("spacing_mm", mode="before")(in_order)

    @field_validator("spacing_mm")
    @classmethod
    def _positive(cls, value: tuple[float | None, ...] | None) -> tuple[float | None, ...] | None:
        if value and any(v is not None and not 0 < v < float("inf") for v in value):
            raise ValueError(f"voxel sizes must be positive, got {list(value)}")
        return value


class Weighting(Part):
    """Distance weighting (IBSI 6CK8): each direction's counts times a function of its length, before matrices are merged.

    Attributes
    ----------
    function : {"none", "inverse", "gaussian", "distance"}
        1, 1 / d, exp(-d²), or d itself, with which PyRadiomics weights the GLRLM.
    norm : {"euclidean", "manhattan", "chebyshev"}
        Length d of a direction.
    unit : {"voxel", "mm"}
    """

    function: Literal["none", "inverse", "gaussian", "distance"] = "none"
    norm: Literal["euclidean", "manhattan", "chebyshev"] = "euclidean"
    unit: Literal["voxel", "mm"] = "voxel"


class Morphology(Part):
    """Morphology.

    Attributes
    ----------
    mesh : {"closed", "complementary"}
        Surface mesh whose area A and volume V the features read. closed: two voxels that share only an edge are apart
        everywhere, and the mesh has no holes. complementary: complementary configurations of a cell share one
        triangulation, as in PyRadiomics; voxels that share only an edge are apart or joined, depending on how they lie,
        and the mesh has holes there. Diameters, hull, boxes and ellipsoids are the same with both.
    """

    mesh: Literal["closed", "complementary"] = "closed"


class Neighbourhood(Part):
    """Which voxels are neighbours: by `distance`, as the standard says, or by `shells`, as PyRadiomics does.

    Attributes
    ----------
    distance : int
        Chebyshev distance in voxels, as each family says.
    shells : list of int, optional
        Neighbours are all voxels whose Chebyshev distance is one of these; `distance` must then be left out. PyRadiomics
        calls them `distances`. The shell of 1 is the 26 voxels around a voxel, the shell of 2 the 98 around those.
    """

    distance: int = Field(1, ge=1, le=20)
    shells: tuple[Annotated[int, Field(ge=1, le=20)], ...] | None = None

    _in_order = field_validator("shells", mode="before")(in_order)

    @field_validator("shells")
    @classmethod
    def _ascending(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and not value:
            raise ValueError("shells is empty; give at least one distance, or leave it out")
        return value and tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _one_of_both(self) -> Neighbourhood:
        if self.shells and self.distance != 1:
            raise ValueError(f"distance {self.distance} and shells {list(self.shells)} are both given; give one of them")
        return self

    @property
    def reach(self) -> int:
        """How far away a neighbour may lie: the largest Chebyshev distance."""
        return max(self.shells or (self.distance,))


class Window(Neighbourhood):
    """A neighbourhood around a voxel: all voxels up to `distance`, or those of the `shells`."""

    @property
    def distances(self) -> tuple[int, ...]:
        """Chebyshev distances of the neighbours, ascending."""
        return self.shells or tuple(range(1, self.distance + 1))

    @property
    def is_whole(self) -> bool:
        """Whether all voxels up to the largest distance are neighbours."""
        return len(self.distances) == self.reach


class Glcm(Neighbourhood):
    """GLCM: pairs of neighbours, and distance weighting of their offsets.

    Attributes
    ----------
    distance : int
        How many voxels along each of the 13 directions the neighbour lies (Chebyshev distance).
    shells : list of int, optional
        Instead, one direction for each pair of opposite voxels whose Chebyshev distance is one of these: 13 for [1], 49
        for [2], 62 for [1, 2].
    symmetric : bool
        Each pair is counted both ways. Otherwise P(i, j) counts a voxel of level i and its neighbour of level j in the
        direction that goes up in z, or within the slice up in y, or within the row up in x. Then p_x and p_y differ:
        joint average and variance are those of p_x, correlation divides by σ_x σ_y, the first information correlation
        by the larger of HX and HY. Only the CPU counts so.
    weighting : Weighting
    """

    symmetric: bool = True
    weighting: Weighting = Weighting()


class Glrlm(Part):
    """GLRLM: its directions, and their distance weighting.

    Attributes
    ----------
    directions : {"all", "aligned"}
        all: the 13, as the standard says; a direction that leaves a VOI at once has its runs of length 1. aligned: only
        directions along which some line holds two voxels of the VOI or more, as in PyRadiomics; a VOI of one slice
        has four at most.
    weighting : Weighting
    """

    directions: Literal["all", "aligned"] = "all"
    weighting: Weighting = Weighting()


class Ngtdm(Window):
    """NGTDM: the neighbourhood, and what becomes of voxels without neighbours.

    Attributes
    ----------
    distance : int
        Chebyshev radius of the neighbourhood in voxels.
    shells : list of int, optional
        Instead, the Chebyshev distances of the neighbours: [2] leaves the 26 nearest voxels out.
    isolated : {"left_out", "counted"}
        Voxels without a neighbour in the mask. left_out: they are in no sum, as the standard says. counted: they are
        among n_i and N_vc, with a difference of 0, as in PyRadiomics.
    """

    isolated: Literal["left_out", "counted"] = "left_out"


class Ngldm(Window):
    """NGLDM: neighbours count as dependent when levels differ by at most `coarseness`.

    Attributes
    ----------
    distance : int
        Chebyshev radius of the neighbourhood in voxels.
    shells : list of int, optional
        Instead, the Chebyshev distances of the neighbours: [2] leaves the 26 nearest voxels out.
    coarseness : int
    """

    coarseness: int = Field(0, ge=0, le=_LARGEST)
