"""What PyRadiomics does to an image and a mask before it measures, label by label.

In its order: normalise the whole image; resample onto a grid that is aligned at the mask's corner, or crop (preCrop); check the
VOI; re-segment it. Resampling is SimpleITK's own, in the image's type, because integer images are truncated there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError, ResourceError, text_of_bytes
from voxomics.engine.prepare import Refusal, View, Voi, find_vois
from voxomics.engine.process import Processed
from voxomics.engine.volume import Image, Index, MaskStack
from voxomics.profiles.pyradiomics.columns import named
from voxomics.profiles.pyradiomics.diagnostics import Diagnostics
from voxomics.profiles.pyradiomics.grids import TOLERANCE, check_inside, difference, itk_image, itk_type, nearest
from voxomics.profiles.pyradiomics.parameters import Setting

if TYPE_CHECKING:
    import SimpleITK as sitk

    from voxomics.profiles.pyradiomics import PyradiomicsSettings

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Roi:
    """One VOI, with the image that it is measured on and the label volume that it lies in.

    Attributes
    ----------
    image : Image
    labels : ndarray integer [z, y, x]
        As large as the image, and on its grid.
    voi : Voi
    """

    image: Image
    labels: Labels
    voi: Voi

    @property
    def box(self) -> tuple[slice, ...]:
        """The VOI's bounding box."""
        return tuple(slice(a, b + 1) for a, b in zip(self.voi.low, self.voi.high, strict=True))

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """The VOI's voxels in its box."""
        inside: npt.NDArray[np.bool_] = self.labels[self.box] == self.voi.value
        return inside


def views(image: Image, masks: MaskStack, vois: Sequence[Voi], settings: PyradiomicsSettings) -> Iterator[View | Refusal]:
    """The VOIs of a case as PyRadiomics prepares them.

    VOIs that are measured on one and the same image share a view.

    Parameters
    ----------
    image : Image
    masks : MaskStack
        On its own grid.
    vois : sequence of Voi
    settings : PyradiomicsSettings

    Yields
    ------
    View or Refusal

    Raises
    ------
    InputError
        The mask lies on another grid, and nothing brings it to the image's.
    """
    setting = settings.parameters.setting
    is_planar = bool(setting.force2D) and "shape2D" in named(settings.parameters)
    _check_memory(image, settings)
    told = Diagnostics(settings.parameters, image, masks)
    base = normalised(image, setting) if setting.normalize else image
    source = _Resampled(base, masks, setting) if setting.resamples else _Placed(base, masks, setting)
    shared = []
    for row, voi in enumerate(vois):
        told.original(row, voi)
        try:
            roi = source.roi(voi)
            if source.stage:
                told.add(row, source.stage, roi)
            check(roi, setting, is_planar=is_planar)
            if setting.preCrop and not setting.resamples:
                roi = cropped(roi, setting.padDistance)
            drawn = kept = roi
            if setting.resegmentRange is not None:
                drawn, kept = source.resegmented(roi)
                check(kept, setting)
                told.add(row, "resegmented", kept)
        except InputError as error:
            yield Refusal(row, str(error), told.of(row))
            continue
        if drawn.image is base:
            shared.append((row, drawn, kept))
        else:
            yield _view([(row, drawn, kept)], masks, told)
    if shared:
        yield _view(shared, masks, told)


def _check_memory(image: Image, settings: PyradiomicsSettings) -> None:
    """Raise ResourceError if what is made of the whole image does not fit."""
    setting = settings.parameters.setting
    copies = 2 * bool(setting.normalize) + 3 * setting.resamples  # in float64, and what the image has been cast to
    need = 8.0 * copies * image.array.size
    if need > settings.memory_bytes:
        done = " and ".join(["normalising"] * bool(setting.normalize) + ["resampling"] * setting.resamples)
        raise ResourceError(
            f"{done} an image of {image.array.shape} voxels needs {text_of_bytes(need)}, but the limit is {settings.memory}; "
            "raise `memory`, or crop the image"
        )


def _view(rois: list[tuple[int, Roi, Roi]], masks: MaskStack, told: Diagnostics) -> View:
    """A view of VOIs that lie in one image."""
    image = rois[0][1].image
    layers = {id(drawn.labels): (drawn.labels, kept.labels) for _, drawn, kept in rois}
    place = {number: k for k, number in enumerate(layers)}
    drawn, kept = (replace(masks, layers=tuple(pair[k] for pair in layers.values()), grid=None) for k in (0, 1))
    vois = [one.voi._replace(layer=place[id(one.labels)]) for _, one, _ in rois]
    rows = np.array([row for row, _, _ in rois], dtype=np.int64)
    told_of = tuple(told.of(row) for row, _, _ in rois)
    is_kept = any(one is not other for _, one, other in rois)
    return View(rows, vois, Processed(image, None, image.grid.shape), drawn, kept if is_kept else None, told_of)


def normalised(image: Image, setting: Setting) -> Image:
    """(x - mean) / standard deviation of the whole image, float64; clipped at removeOutliers, then times normalizeScale."""
    import SimpleITK as sitk

    array = sitk.GetArrayFromImage(sitk.Normalize(itk_image(image.array, image.grid)))
    if setting.removeOutliers is not None:
        array = np.clip(array, -setting.removeOutliers, setting.removeOutliers)
    scale = 1.0 if setting.normalizeScale is None else setting.normalizeScale
    return replace(image, array=array * scale)


class _Placed:
    """VOIs on the grid of the image, which is as it was read."""

    def __init__(self, image: Image, masks: MaskStack, setting: Setting) -> None:
        self.image, self.setting = image, setting
        own = masks.grid or image.grid
        apart = difference(own, image.grid, setting.geometryTolerance or TOLERANCE)
        if apart and not setting.correctMask:
            raise InputError(
                f"mask {masks.name or 'array'} is not on the image's grid: {apart}; use the image that it was drawn on, set "
                "correctMask to bring it onto the image's grid, or geometryTolerance where the difference is rounding"
            )
        self.stage = "corrected" if apart else ""
        self._masks, self._own = masks, own
        self._layers = masks.layers
        self._there: dict[tuple[int, int], Voi] = {}
        if apart:
            self._layers = tuple(nearest(layer, own, image) for layer in masks.layers)
            found = find_vois(MaskStack(self._layers))
            self._there = {(voi.layer, voi.value): voi for voi in found}

    @cached_property
    def _edited(self) -> tuple[tuple[Labels, Labels], ...]:
        """Copies of each layer: for VOIs clipped to the box of what re-segmentation left, and for what it left."""
        return tuple((layer.copy(), layer.copy()) for layer in self._layers)

    def roi(self, voi: Voi) -> Roi:
        """A VOI on the image."""
        if self.stage:
            check_inside(voi, self._own, self.image)
            there = self._there.get((voi.layer, voi.value))
            if there is None:
                raise InputError("no voxel has this label on the image's grid: the VOI is too small for it")
            voi = there
        return Roi(self.image, self._layers[voi.layer], voi)

    def resegmented(self, roi: Roi) -> tuple[Roi, Roi]:
        """See `resegmented`; VOIs of one image share the volumes that are written."""
        if roi.image is not self.image:  # cropped
            return resegmented(roi, self.setting, roi.labels.copy(), roi.labels.copy())
        return resegmented(roi, self.setting, *self._edited[roi.voi.layer])


class _Resampled:
    """VOIs on a new grid each, with the voxels around them."""

    stage = "interpolated"

    def __init__(self, image: Image, masks: MaskStack, setting: Setting) -> None:
        self.image, self.setting = image, setting
        self._own = masks.grid or image.grid
        self._layers = masks.layers
        self._itk, self._interpolator = _interpolated(image, setting.interpolator or "sitkBSpline")
        self._itk_layers = [itk_image(np.asarray(layer), self._own) for layer in masks.layers]

    def roi(self, voi: Voi) -> Roi:
        """A VOI and `padDistance` voxels around it on its new grid."""
        import SimpleITK as sitk

        check_inside(voi, self._own, self.image)
        old = np.array(self._own.spacing_mm[::-1])
        low, high = (np.array(end[::-1]) for end in (voi.low, voi.high))
        new = np.array(self.setting.resampledPixelSpacing)
        new = np.where((new == 0) | (low == high), old, new)  # an axis of one slice keeps its voxel size
        pad = 5 if self.setting.padDistance is None else self.setting.padDistance
        if np.allclose(self.image.spacing_mm[::-1], new):
            labels = nearest(self._layers[voi.layer], self._own, self.image)
            return cropped(_found(Roi(self.image, labels, voi)), pad)
        ratio = old / new
        first = np.maximum(np.floor((low - 0.5) * ratio - pad), 0)
        size = np.array(self._layers[voi.layer].shape[::-1])
        last = np.minimum(np.ceil((high + 0.5) * ratio + pad), np.ceil(size * ratio) - 1)
        to = sitk.ResampleImageFilter()
        to.SetOutputSpacing(new.tolist())
        to.SetOutputDirection(self._own.direction)
        to.SetSize((last - first + 1).astype(int).tolist())
        mask = self._itk_layers[voi.layer]
        to.SetOutputOrigin(mask.TransformContinuousIndexToPhysicalPoint((0.5 * (new - old) / old + first / ratio).tolist()))
        to.SetInterpolator(self._interpolator)
        to.SetOutputPixelType(itk_type(self.image))
        moved = to.Execute(self._itk)
        to.SetInterpolator(sitk.sitkNearestNeighbor)
        to.SetOutputPixelType(mask.GetPixelID())
        labels = sitk.GetArrayFromImage(to.Execute(mask))
        z, y, x = moved.GetSpacing()[::-1]
        where = {"spacing_mm": (z, y, x), "origin_mm": moved.GetOrigin(), "direction": moved.GetDirection()}
        image = replace(self.image, array=sitk.GetArrayFromImage(moved), **where)
        return _found(Roi(image, np.where(labels == voi.value, labels, 0), voi))

    def resegmented(self, roi: Roi) -> tuple[Roi, Roi]:
        """See `resegmented`."""
        return resegmented(roi, self.setting, roi.labels.copy(), roi.labels.copy())


def _interpolated(image: Image, chosen: str | int) -> tuple[sitk.Image, int]:
    """What SimpleITK is given to interpolate an image, and by what.

    A B-spline's coefficients are found once for all VOIs; SimpleITK's own B-spline would find the same for each.
    """
    import SimpleITK as sitk

    source = itk_image(image.array, image.grid)
    if chosen != "sitkBSpline":
        return source, chosen if isinstance(chosen, int) else int(getattr(sitk, chosen))
    coefficients = sitk.BSplineDecomposition(sitk.Cast(source, sitk.sitkFloat64), 3)
    return coefficients, int(sitk.sitkBSplineResamplerOrder3)


def _found(roi: Roi) -> Roi:
    """The same with the VOI's box and size on its present grid."""
    found = [voi for voi in find_vois(MaskStack((roi.labels,))) if voi.value == roi.voi.value]
    if not found:
        raise InputError("no voxel has this label on the new grid: the VOI is too small for it")
    return replace(roi, voi=found[0]._replace(layer=roi.voi.layer, name=roi.voi.name))


def cropped(roi: Roi, pad: int | None) -> Roi:
    """The VOI with so many voxels around it, 5 by default, as far as the image reaches."""
    pad = 5 if pad is None else pad
    low = [max(a - pad, 0) for a in roi.voi.low]
    high = [min(b + pad + 1, n) for b, n in zip(roi.voi.high, roi.image.array.shape, strict=True)]
    part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    array, labels = (np.ascontiguousarray(one[part]) for one in (roi.image.array, roi.labels))
    origin = roi.image.grid.points([low])[0]
    ends = np.array([roi.voi.low, roi.voi.high]) - low
    voi = roi.voi._replace(low=_index(ends[0]), high=_index(ends[1]))
    return Roi(replace(roi.image, array=array, origin_mm=tuple(origin.tolist())), labels, voi)


def check(roi: Roi, setting: Setting, *, is_planar: bool = False) -> None:
    """Raise InputError for a VOI that PyRadiomics refuses; `is_planar` where shape2D is measured."""
    voi = roi.voi
    thickness = [b - a + 1 for a, b in zip(voi.low, voi.high, strict=True)][setting.force2Ddimension or 0]
    if is_planar and thickness > 1:
        raise InputError(
            f"the VOI spans {thickness} slices, and shape2D measures one; leave shape2D out of featureClass, or draw one slice"
        )
    extent = sum(b > a for a, b in zip(voi.low, voi.high, strict=True))
    least = 2 if setting.minimumROIDimensions is None else setting.minimumROIDimensions
    if not extent:
        raise InputError("the VOI is one voxel, of which PyRadiomics measures nothing; use profile ibsi")
    if extent < least:
        raise InputError(
            f"the VOI extends along {extent} of 3 axes, minimumROIDimensions is {least}; lower it, or leave the VOI out"
        )
    if setting.minimumROISize is not None and voi.n_voxels <= setting.minimumROISize:
        raise InputError(f"the VOI has {voi.n_voxels} voxels, minimumROISize {setting.minimumROISize} asks for more")


def resegmented(roi: Roi, setting: Setting, drawn: Labels, kept: Labels) -> tuple[Roi, Roi]:
    """A VOI after re-segmentation: what shape sees of it, and what intensities do.

    Shape sees the VOI before, within the bounding box of what is left; with resegmentShape, what is left.

    Parameters
    ----------
    roi : Roi
    setting : Setting
    drawn, kept : ndarray integer [z, y, x]
        Label volumes as the VOI's; written: voxels that go become 0.
    """
    inside, intensities = roi.inside, roi.image.array[roi.box]
    values: npt.NDArray[Any] = intensities[inside]
    assert setting.resegmentRange is not None
    limits: list[Any] = sorted(setting.resegmentRange)
    if setting.resegmentMode == "relative":
        limits = [values.max() * limit for limit in limits]
    elif setting.resegmentMode == "sigma":  # in the image's own type, as PyRadiomics
        mean, deviation = values.mean(), values.std()
        limits = [mean + deviation * limit for limit in limits]
    left = inside & (intensities >= limits[0])
    if len(limits) == 2:
        left &= intensities <= limits[1]
    number = int(np.count_nonzero(left))
    if number <= 1:
        raise InputError(f"re-segmentation left {number} of {roi.voi.n_voxels} voxels; widen resegmentRange")
    places = np.argwhere(left)
    low, high = places.min(axis=0), places.max(axis=0)
    within = np.zeros_like(left)
    within[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = True
    shape = left if setting.resegmentShape else inside & within
    for volume, remains in ((drawn, shape), (kept, left)):
        volume[roi.box][inside & ~remains] = 0
    corner = np.array(roi.voi.low)
    voi = roi.voi._replace(low=_index(corner + low), high=_index(corner + high))
    return (
        Roi(roi.image, drawn, voi._replace(n_voxels=int(np.count_nonzero(shape)))),
        Roi(roi.image, kept, voi._replace(n_voxels=number)),
    )


def _index(place: npt.NDArray[Any]) -> Index:
    z, y, x = place.tolist()
    return z, y, x
