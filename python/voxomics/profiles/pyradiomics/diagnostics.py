"""The diagnostics_* columns: what image and mask were, before and after each step."""

from __future__ import annotations

import hashlib
import platform
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from voxomics._version import __version__
from voxomics.engine.prepare import Voi
from voxomics.engine.volume import Image, MaskStack, PhysicalGrid
from voxomics.profiles.pyradiomics.parameters import Parameters, Setting

if TYPE_CHECKING:
    from voxomics.profiles.pyradiomics.preparation import Roi

PREFIX = "diagnostics_"
_DEFAULTS: dict[str, Any] = {
    "minimumROIDimensions": 2, "minimumROISize": None, "normalize": False, "normalizeScale": 1, "removeOutliers": None,
    "resampledPixelSpacing": None, "interpolator": "sitkBSpline", "preCrop": False, "padDistance": 5, "distances": [1],
    "force2D": False, "force2Ddimension": 0, "resegmentRange": None, "label": 1, "additionalInfo": True,
}  # fmt: skip
_IMAGE = ("Spacing", "Size", "Mean", "Minimum", "Maximum")
_MASK = ("Spacing", "Size", "BoundingBox", "VoxelNum", "VolumeNum", "CenterOfMassIndex", "CenterOfMass")
_OF_VOI = ("Mean", "Minimum", "Maximum")


def names(setting: Setting) -> list[str]:
    """The columns that follow from settings, in PyRadiomics' order; [] with additionalInfo off."""
    if setting.additionalInfo is False:
        return []
    found = [f"Versions_{name}" for name in ("PyRadiomics", "Numpy", "SimpleITK", "PyWavelet", "Python")]
    found += ["Configuration_Settings", "Configuration_EnabledImageTypes"]
    found += [f"Image-original_{name}" for name in ("Hash", "Dimensionality", *_IMAGE)]
    found += [f"Mask-original_{name}" for name in ("Hash", *_MASK)]
    stages = {
        "interpolated": setting.resamples,
        "corrected": setting.correctMask and not setting.resamples,
        "resegmented": setting.resegmentRange is not None,
    }
    for stage in (stage for stage, is_on in stages.items() if is_on):
        if stage == "interpolated":
            found += [f"Image-{stage}_{name}" for name in _IMAGE]
        found += [f"Mask-{stage}_{name}" for name in (*_MASK, *_OF_VOI)]
    return [PREFIX + name for name in found]


class Diagnostics:
    """What is told of every VOI of a case."""

    def __init__(self, parameters: Parameters, image: Image, masks: MaskStack) -> None:
        self._parameters, self._image, self._masks = parameters, image, masks
        self._is_on = parameters.setting.additionalInfo is not False
        self._of: dict[int, dict[str, Any]] = {}

    def of(self, row: int) -> dict[str, Any]:
        """All that is known of a VOI, by column."""
        return {PREFIX + name: value for name, value in self._of.get(row, {}).items()}

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What is the same for all VOIs of the case."""
        hashed = {"Hash": _sha1(self._image.array), "Dimensionality": "3D"}
        of_image = hashed | _of_image(self._image)
        return {f"Versions_{k}": v for k, v in _versions().items()} | {f"Image-original_{k}": v for k, v in of_image.items()}

    @cached_property
    def _hashes(self) -> list[str]:
        return [_sha1(layer.astype(np.uint32)) for layer in self._masks.layers]

    def original(self, row: int, voi: Voi) -> None:
        """Begin with a VOI as it was drawn."""
        if not self._is_on:
            return
        parameters, given = self._parameters, self._parameters.setting.given
        shared, types = dict(self._shared), parameters.imageType or {"Original": Setting()}
        told: dict[str, Any] = {name: shared.pop(name) for name in list(shared) if name.startswith("Versions_")}
        told["Configuration_Settings"] = _DEFAULTS | given | {"label": voi.value}
        told["Configuration_EnabledImageTypes"] = {name: setting.given for name, setting in types.items()}
        told |= shared
        told["Mask-original_Hash"] = self._hashes[voi.layer]
        layer = self._masks.layers[voi.layer]
        grid = self._masks.grid or self._image.grid
        told |= {f"Mask-original_{k}": v for k, v in _of_mask(layer, voi, grid).items()}
        self._of[row] = told

    def add(self, row: int, stage: str, roi: Roi) -> None:
        """Add a VOI after a stage: interpolated, corrected or resegmented."""
        if not self._is_on:
            return
        told = self._of[row]
        if stage == "interpolated":
            told |= {f"Image-{stage}_{k}": v for k, v in _of_image(roi.image).items()}
        values = roi.image.array[roi.box][roi.inside].astype(float)
        of_voi = {"Mean": float(np.mean(values)), "Minimum": float(values.min()), "Maximum": float(values.max())}
        of_mask = _of_mask(roi.labels, roi.voi, roi.image.grid) | of_voi
        told |= {f"Mask-{stage}_{k}": v for k, v in of_mask.items()}


def _of_image(image: Image) -> dict[str, Any]:
    array: npt.NDArray[Any] = image.array
    mean = float(array.mean(dtype=np.float64))
    found = (image.spacing_mm[::-1], _size(array), mean, float(array.min()), float(array.max()))
    return dict(zip(_IMAGE, found, strict=True))


def _of_mask(labels: npt.NDArray[Any], voi: Voi, grid: PhysicalGrid) -> dict[str, Any]:
    """All of _MASK; places and sizes (x, y, z)."""
    inside = labels[tuple(slice(a, b + 1) for a, b in zip(voi.low, voi.high, strict=True))] == voi.value
    clusters = int(ndimage.label(inside, np.ones((3, 3, 3)))[1])
    box = (*voi.low[::-1], *(b - a + 1 for a, b in zip(voi.low[::-1], voi.high[::-1], strict=True)))
    places = np.argwhere(inside) + np.array(voi.low)
    centre = np.mean(places, axis=0)
    where = grid.points([centre])[0]
    found = (
        grid.spacing_mm[::-1], _size(labels), box, voi.n_voxels, clusters, tuple(centre[::-1].tolist()), tuple(where.tolist()),
    )  # fmt: skip
    return dict(zip(_MASK, found, strict=True))


def _size(array: npt.NDArray[Any]) -> tuple[int, ...]:
    return tuple(int(n) for n in array.shape[::-1])


def _sha1(array: npt.NDArray[Any]) -> str:
    """SHA-1 of the voxels, as SimpleITK.Hash gives it."""
    return hashlib.sha1(np.ascontiguousarray(array).data, usedforsecurity=False).hexdigest()


@cache
def _versions() -> dict[str, str]:
    found = {"PyRadiomics": f"3.1.0-compatible (voxomics {__version__})"}
    for name, package in (("Numpy", "numpy"), ("SimpleITK", "SimpleITK"), ("PyWavelet", "PyWavelets")):
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            found[name] = ""
    return {**found, "Python": platform.python_version()}
