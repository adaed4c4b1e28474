"""PyRadiomics' parameter files: `setting`, `imageType`, `featureClass` and `voxelSetting`, checked.

The keys and their ranges are those of PyRadiomics 3.1.4. Like there, an unknown key or name is refused, and a key without a
value (null) has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    Strict,
    field_validator,
    model_serializer,
    model_validator,
)

from voxomics.engine.errors import nearest
from voxomics.engine.settings import Part
from voxomics.profiles.pyradiomics.features import CLASSES, IMAGE_TYPES, LEFT_OUT

INTERPOLATORS = (
    "sitkNearestNeighbor", "sitkLinear", "sitkBSpline", "sitkGaussian", "sitkLabelGaussian", "sitkHammingWindowedSinc",
    "sitkCosineWindowedSinc", "sitkWelchWindowedSinc", "sitkLanczosWindowedSinc", "sitkBlackmanWindowedSinc",
)  # fmt: skip
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Numbers = Annotated[tuple[Annotated[float, Field(allow_inf_nan=False)], ...], Strict(False)]
_BSPLINE = 3  # what older SimpleITK called its B-spline; today's has nothing of this number


class Setting(Part):
    """PyRadiomics' settings, under its names. None is its default.

    Attributes
    ----------
    minimumROIDimensions : int
        Refuse a VOI that is thicker than one voxel along fewer axes; default 2.
    minimumROISize : int, optional
        Refuse a VOI of this many voxels or fewer.
    geometryTolerance : float, optional
        How far grids of image and mask may differ, in voxels; default 1e-6.
    correctMask : bool
        Bring a mask of another grid onto the image's.
    additionalInfo : bool
        Columns diagnostics_*; default true.
    label : int, optional
        The label to measure. None: all of the mask.
    label_channel : int
        The layer of a mask with several; default 0.
    binWidth, binCount : float, int
        Grey levels; binCount goes before binWidth, whose default is 25.
    normalize, normalizeScale, removeOutliers : bool, float, float
        Image minus mean, over standard deviation, of the whole image; times scale; clipped to ± outliers.
    resampledPixelSpacing : list of 3 floats, optional
        New voxel size (x, y, z) in mm; 0 keeps the mask's.
    interpolator : str
        SimpleITK's name; default sitkBSpline.
    padDistance : int
        Voxels kept around a resampled or cropped VOI; default 5.
    preCrop : bool
        Crop the image to the VOI and padDistance before it is filtered.
    distances : list of int
        Chebyshev distances to neighbours; default [1].
    force2D, force2Ddimension : bool, int
        No neighbours across slices; 0 for slices along z, 1 for y, 2 for x.
    resegmentRange, resegmentMode, resegmentShape
        One or two thresholds; absolute, relative to the VOI's maximum, or in standard deviations around its mean; whether
        shape sees the result too.
    sigma, start_level, level, wavelet, gradientUseSpacing, lbp2D*, lbp3D*
        Of image types.
    voxelArrayShift, symmetricalGLCM, weightingNorm, gldm_a
        Of feature classes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    minimumROIDimensions: int | None = Field(None, ge=1, le=3)
    minimumROISize: int | None = Field(None, gt=0)
    geometryTolerance: _Positive | None = None
    correctMask: bool | None = None
    additionalInfo: bool | None = None
    label: int | None = Field(None, gt=0)
    label_channel: int | None = Field(None, ge=0)
    binWidth: _Positive | None = None
    binCount: int | None = Field(None, gt=0)
    normalize: bool | None = None
    normalizeScale: _Positive | None = None
    removeOutliers: _Positive | None = None
    resampledPixelSpacing: _Numbers | None = None
    interpolator: str | int | None = None
    padDistance: int | None = Field(None, ge=0)
    distances: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Strict(False)] | None = None
    force2D: bool | None = None
    force2Ddimension: int | None = Field(None, ge=0, le=2)
    resegmentRange: _Numbers | None = None
    resegmentMode: Literal["absolute", "relative", "sigma"] | None = None
    resegmentShape: bool | None = None
    preCrop: bool | None = None
    sigma: Annotated[tuple[int | _Positive, ...], Strict(False)] | None = None
    start_level: int | None = Field(None, ge=0)
    level: int | None = Field(None, gt=0)
    wavelet: str | None = None
    gradientUseSpacing: bool | None = None
    lbp2DRadius: _Positive | None = None
    lbp2DSamples: int | None = Field(None, ge=1)
    lbp2DMethod: Literal["default", "ror", "uniform", "var"] | None = None
    lbp3DLevels: int | None = Field(None, ge=1)
    lbp3DIcosphereRadius: _Positive | None = None
    lbp3DIcosphereSubdivision: int | None = Field(None, ge=0)
    voxelArrayShift: int | None = None
    symmetricalGLCM: bool | None = None
    weightingNorm: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = None
    gldm_a: int | None = Field(None, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is None:
            return {}
        for key in value if isinstance(value, Mapping) else ():
            if key not in cls.model_fields:
                raise ValueError(f"setting {key!r} is unknown; {nearest(str(key), list(cls.model_fields))}")
        return value

    @field_validator("interpolator")
    @classmethod
    def _interpolator(cls, value: str | int | None) -> str | int | None:
        if value is None or value in INTERPOLATORS:
            return value
        if isinstance(value, int) and 1 <= value <= 10 and value != _BSPLINE:
            return value
        hint = "in today's SimpleITK 3 is no interpolator; write sitkBSpline" if value == _BSPLINE else ""
        raise ValueError(f"got {value!r}; {hint or nearest(str(value), INTERPOLATORS)}")

    @field_validator("resegmentRange")
    @classmethod
    def _one_or_two(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and len(value) not in (1, 2):
            raise ValueError(f"one or two thresholds are accepted, got {list(value)}")
        return value

    @field_validator("resampledPixelSpacing")
    @classmethod
    def _sizes(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and (len(value) != 3 or min(value) < 0):
            raise ValueError(f"three voxel sizes (x, y, z) of 0 mm or more are accepted, got {list(value)}")
        return value

    @property
    def given(self) -> dict[str, Any]:
        """What was set, as a parameter file has it."""
        return self.model_dump(mode="json")

    @model_serializer(mode="wrap")
    def _set_ones(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in dump(self).items() if key in self.model_fields_set}

    @property
    def resamples(self) -> bool:
        """Whether there is a new voxel size. An interpolator of null, other than none, switches resampling off."""
        off = self.interpolator is None and "interpolator" in self.model_fields_set
        return self.resampledPixelSpacing is not None and not off

    def over(self, other: Setting) -> Setting:
        """These settings, and those of `other` where these set none."""
        return Setting.model_construct(
            **{
                key: getattr(self, key) if getattr(self, key) is not None else getattr(other, key)
                for key in Setting.model_fields
            }
        )


class Parameters(Part):
    """A parameter file.

    Attributes
    ----------
    setting : Setting
    imageType : dict str -> Setting
        Image types in the order of the file, and what differs for each; Original where none is named.
    featureClass : dict str -> list of str or None, optional
        Classes in the order of the file: named features, or None for all but the deprecated. None: all classes.
    voxelSetting : dict, optional
        Of voxel-based extraction; not used here.
    """

    setting: Setting = Setting()
    imageType: dict[str, Setting] = Field(default_factory=dict)
    featureClass: dict[str, tuple[str, ...] | None] | None = None
    voxelSetting: dict[str, Any] | None = None

    @field_validator("setting", "imageType", mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("imageType")
    @classmethod
    def _known_types(cls, value: dict[str, Setting]) -> dict[str, Setting]:
        for name in value:
            if name not in IMAGE_TYPES:
                raise ValueError(f"image type {name!r} is unknown; {nearest(name, IMAGE_TYPES)}")
        return value

    @field_validator("featureClass")
    @classmethod
    def _known_features(cls, value: dict[str, tuple[str, ...] | None] | None) -> dict[str, tuple[str, ...] | None] | None:
        for name, features in (value or {}).items():
            if name not in CLASSES:
                raise ValueError(f"feature class {name!r} is unknown; {nearest(name, CLASSES)}")
            for feature in features or ():
                if feature not in CLASSES[name] and feature not in LEFT_OUT.get(name, ()):
                    raise ValueError(f"feature {feature!r} of class {name} is unknown; {nearest(feature, CLASSES[name])}")
        return value

    @property
    def image_types(self) -> dict[str, Setting]:
        """Settings of each image type, with the general ones where it has none of its own."""
        chosen = self.imageType or {"Original": Setting()}
        return {name: own.over(self.setting) for name, own in chosen.items()}
