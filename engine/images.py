"""The images that a run measures: the one that was given, and those derived from it.

A new image type is one entry of `IMAGE_TYPES`. Its images lie on the grid of the resampled original and are measured on the same
voxels: re-segmentation looks at the original alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings
    from voxomics.engine.volume import Image

BASE = "original"
"""The image that re-segmentation looks at, and whose VOIs have a morphology."""


def _as_it_is(image: Image, settings: Settings) -> Iterator[Image]:
    yield image


def _one_name(settings: Settings) -> tuple[str, ...]:
    return (BASE,)


Names = Callable[["Settings"], tuple[str, ...]]
Derive = Callable[["Image", "Settings"], Iterator["Image"]]

IMAGE_TYPES: dict[str, tuple[Names, Derive]] = {BASE: (_one_name, _as_it_is)}
"""Each image type: the names its images have in columns under given settings, and the images in the same order."""


def names(settings: Settings) -> tuple[str, ...]:
    """Names of all images of a run, as columns begin with them.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    tuple of str
    """
    return tuple(name for kind in settings.image_types for name in IMAGE_TYPES[kind][0](settings))


def derived(image: Image, settings: Settings) -> Iterator[tuple[str, Image]]:
    """The images of a run by name, one at a time: only one derived image needs to be in memory.

    Parameters
    ----------
    image : Image
        Resampled, as it will be measured.
    settings : Settings

    Yields
    ------
    name : str
    image : Image
        Of the same grid.
    """
    for kind in settings.image_types:
        of, derive = IMAGE_TYPES[kind]
        yield from zip(of(settings), derive(image, settings), strict=True)
