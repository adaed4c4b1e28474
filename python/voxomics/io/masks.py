"""From whatever the user has to a MaskStack: labels as integers, on the image's grid, nothing lost in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from voxomics.engine.errors import InputError
from voxomics.engine.volume import Image, Index, MaskStack, PhysicalGrid
from voxomics.io.grid import differences, whole_voxel_offset
from voxomics.io.images import array_3d
from voxomics.io.memory import real_array
from voxomics.io.readers import read_volume, reader_of
from voxomics.io.regions import Labels, stacked
from voxomics.io.regrid import resampled
from voxomics.io.slicer import segments
from voxomics.io.source import Volume, opened

MAX_LABEL = 2**31 - 1
# A mask saved from floats under an integer header comes back with labels such as 0.99985 for 1.
ROUNDED = 0.01


def read_mask(
    source: Any, image: Image, *, resample: bool = False, own_grid: bool = False, max_bytes: int | None = None
) -> MaskStack:
    """Read a mask that belongs to an image.

    Parameters
    ----------
    source : str, path-like, SimpleITK.Image or ndarray [z, y, x]
        A 3D label image in any format of `read_image`, or a 3D Slicer segmentation (.seg.nrrd, 3D or layered).
        An array must have the image's shape.
    image : Image
        The image that the mask was drawn on.
    resample : bool
        Put a mask of another grid onto the image's grid, by nearest neighbour: an image voxel gets the label that
        the mask has at its centre. Labels never mix and none is invented.
    own_grid : bool
        Leave a label image on its own grid, whatever the image's, with `grid` saying where it lies. Several values a voxel
        are layers then, declared or not.
    max_bytes : int, optional
        Refuse a file whose header announces more bytes of voxels than this.

    Returns
    -------
    MaskStack
        Layers [z, y, x] of an integer type. A mask whose voxels coincide with the image's but cover another extent
        keeps its own size, cut to the image, with `corner` (z, y, x) saying where it lies. `names` and `declared` come
        from a Slicer file; after resampling, `declared` lists every label that the mask held before. `digest` is the
        XXH3-128 of the bytes that were read.

    Raises
    ------
    InputError
        Unreadable; on another grid and not `resample`; voxels outside of the image; values that are no label
        (fractions, NaN, negative).
    ResourceError
        Larger than `max_bytes`.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image(np.zeros((4, 5, 6), np.int16), (2.5, 1.0, 1.0))
    >>> mask = np.zeros((4, 5, 6), bool)
    >>> mask[1:3, 2, 2:4] = True
    >>> stack = read_mask(mask, image)
    >>> int(stack.layers[0].sum()), stack.corner
    (4, (0, 0, 0))
    """
    with opened(source, "mask", max_bytes) as looked_at:
        reader = reader_of(looked_at)
        if reader.regions is not None:
            stack = stacked(reader.regions(looked_at, image, resample), looked_at.name)
        else:
            stack = _label_volume(read_volume(looked_at, reader), image, resample, own_grid)
    return replace(stack, digest=looked_at.digest_text) if looked_at.path else stack


def _label_volume(volume: Volume, image: Image, resample: bool, own_grid: bool) -> MaskStack:
    called = volume.name or "mask"
    if volume.grid is None:
        volume = replace(volume, array=array_3d(volume.array))
    elif volume.flat and image.array.shape[0] == 1:  # one slice, as high as the image's
        volume = replace(volume, grid=replace(volume.grid, spacing_mm=(image.spacing_mm[0], *volume.grid.spacing_mm[1:])))
    if volume.grid is None and volume.array.shape != image.array.shape:
        raise InputError(
            f"mask: array of shape {volume.array.shape}, the image has {image.array.shape}; an array must have the "
            "image's shape. Pass a file or a SimpleITK image for a mask with its own grid."
        )
    declared = segments(volume.metadata, 1 if volume.array.ndim == 3 else volume.array.shape[3], called)
    found = [_labels(a, called) for a in _layers(volume.array, bool(declared) or own_grid, called)]
    layers = tuple(layer for layer, _ in found)
    off = max(apart for _, apart in found)
    rounded = (f"mask labels rounded to whole numbers, by up to {off:.2g}",) if off else ()
    placed, corner = layers, (0, 0, 0)
    resampled_labels: tuple[tuple[int, int], ...] = ()
    if not own_grid:
        placed, corner, resampled_labels = _on_grid(layers, volume.grid, image, resample, called)
    return MaskStack(
        layers=placed,
        corner=corner,
        grid=volume.grid if own_grid else None,
        names={(layer, value): name for layer, value, name in declared if name},
        name=volume.name,
        declared=tuple((layer, value) for layer, value, _ in declared) or resampled_labels,
        remarks=(*volume.remarks, *rounded),
    )


def _layers(array: npt.NDArray[Any], declared: bool, name: str) -> list[npt.NDArray[Any]]:
    if array.ndim == 3:
        return [array]
    if not declared:
        raise InputError(
            f"{name}: {array.shape[3]} values a voxel and no segments declared; a 3D label image or a 3D Slicer "
            ".seg.nrrd is needed. Save overlapping masks as .seg.nrrd, or one file each."
        )
    return [array[..., layer] for layer in range(array.shape[3])]


def _labels(array: npt.NDArray[Any], name: str) -> tuple[Labels, float]:
    """The mask as integers, and by how much it had to be rounded; floats become the smallest type that holds them."""
    array, off = real_array(array, name), 0.0
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = np.rint(array).astype(np.int32)
            apart = np.abs(array - whole)
        _refuse(~(apart <= ROUNDED), array, f"are no whole numbers (or above {MAX_LABEL})", name)
        array, off = whole, float(apart.max())
        narrow = np.min_scalar_type(int(array.max()))
        if array.min() >= 0 and narrow.itemsize < 4:
            array = array.astype(narrow)
    if array.dtype.kind == "i" and array.min() < 0:
        _refuse(array < 0, array, "are negative", name)
    if array.dtype.itemsize >= 4 and array.max() > MAX_LABEL:
        _refuse(array > MAX_LABEL, array, f"are above {MAX_LABEL}", name)
    return array, off


def _refuse(wrong: npt.NDArray[np.bool_], array: npt.NDArray[Any], what: str, name: str) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        at = tuple(int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise InputError(
            f"{name}: {count:,} voxels {what}, first {array[at]} at [z, y, x] = {list(at)}. A mask holds labels: "
            "0 for background, 1, 2, 3 … for VOIs. Threshold or relabel it, and check that it is not the image."
        )


def _on_grid(
    layers: tuple[Labels, ...], grid: PhysicalGrid | None, image: Image, resample: bool, name: str
) -> tuple[tuple[Labels, ...], Index, tuple[tuple[int, int], ...]]:
    """Layers on the image's grid, where they begin in it, and the labels that there were if they had to be resampled."""
    offset = whole_voxel_offset(grid, image.grid) if grid else (0, 0, 0)
    if offset is not None:
        return *_placed(layers, offset, image, name), ()
    assert grid is not None
    if not resample:
        raise _other_grid(grid, image, name)
    return *resampled(layers, grid, image.grid, name), _present(layers)


def _placed(layers: tuple[Labels, ...], offset: Index, image: Image, name: str) -> tuple[tuple[Labels, ...], Index]:
    """Layers cut to the image, and where they begin in it; InputError if that cuts a VOI."""
    shape, own = image.array.shape, layers[0].shape
    start = [max(0, -o) for o in offset]
    stop = [min(n, s - o) for n, s, o in zip(own, shape, offset, strict=True)]
    if any(a >= b for a, b in zip(start, stop, strict=True)):
        raise InputError(
            f"{name}: the mask, {own} voxels at offset {offset} (z, y, x), lies wholly outside of "
            f"{_called(image)} of {shape} voxels. Check that mask and image belong together."
        )
    if list(own) == [b - a for a, b in zip(start, stop, strict=True)]:
        return layers, offset
    inside = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    cut = tuple(np.ascontiguousarray(layer[inside]) for layer in layers)
    lost = sum(int(np.count_nonzero(a)) - int(np.count_nonzero(b)) for a, b in zip(layers, cut, strict=True))
    if lost:
        raise InputError(
            f"{name}: {lost:,} mask voxels lie outside of {_called(image)} (mask of {own} voxels at offset "
            f"{offset}, image of {shape}, z, y, x). Use the image that the mask was drawn on, or crop the mask."
        )
    return cut, (offset[0] + start[0], offset[1] + start[1], offset[2] + start[2])


def _present(layers: tuple[Labels, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((k, int(v)) for k, layer in enumerate(layers) for v in np.unique(layer) if v)


def _called(image: Image) -> str:
    return f"the image {image.name}" if image.name else "the image"


def _other_grid(mask: PhysicalGrid, image: Image, name: str) -> InputError:
    return InputError(
        f"{name}: the mask is not on the grid of {_called(image)}: {differences(mask, image.grid)}. "
        "Use the image that the mask was drawn on, or have it resampled by nearest neighbour onto the image's grid "
        "with resample_mask=True (command line: --resample-mask)."
    )
