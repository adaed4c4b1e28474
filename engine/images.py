"""The images that a run measures: the one that was given, and those derived from it.

A new image type is a subclass of `ImageType` and one entry of `IMAGE_TYPES`. Its images lie on the grid of the
resampled original and are measured on the same voxels: re-segmentation looks at the original alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from voxomics.engine.errors import ResourceError, SettingsError, nearest, text_of_bytes
from voxomics.engine.filters import pyradiomics
from voxomics.engine.settings.image_types import BASE, ImageType, Original
from voxomics.engine.settings.reading import validated

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings
    from voxomics.engine.volume import Image

__all__ = ["BASE", "IMAGE_TYPES", "check", "derived", "named", "names"]

IMAGE_TYPES: dict[str, type[ImageType]] = {
    BASE: Original,
    "pyradiomics_log": pyradiomics.Log,
    "pyradiomics_wavelet": pyradiomics.Wavelet,
    "pyradiomics_square": pyradiomics.Square,
    "pyradiomics_square_root": pyradiomics.SquareRoot,
    "pyradiomics_logarithm": pyradiomics.Logarithm,
    "pyradiomics_exponential": pyradiomics.Exponential,
    "pyradiomics_gradient": pyradiomics.Gradient,
    "pyradiomics_lbp_2d": pyradiomics.Lbp2D,
}
"""By the word that `type` has in settings."""


def named(given: Any) -> ImageType:
    """An image type from its name, or from a mapping with its name as `type` and its settings.

    Raises
    ------
    SettingsError
        It is neither, the name is unknown, or a setting is not accepted.

    Examples
    --------
    >>> named({"type": "pyradiomics_log", "sigma_mm": [1.0, 3]}).names
    ('log-sigma-1-0-mm-3D', 'log-sigma-3-mm-3D')
    """
    if isinstance(given, ImageType):
        return given
    chosen = {"type": given} if isinstance(given, str) else given
    if not isinstance(chosen, Mapping) or not isinstance(chosen.get("type"), str):
        raise SettingsError(f"{given!r} is no image type; give its name, or a mapping whose `type` is its name")
    name = chosen["type"]
    if name not in IMAGE_TYPES:
        meant = f"pyradiomics_{name.lower()}"
        close = nearest(meant if meant in IMAGE_TYPES else name, IMAGE_TYPES)
        raise SettingsError(f"image type {name!r} is unknown; {close}")
    return validated(IMAGE_TYPES[name], chosen, f"image type {name}")


def names(settings: Settings) -> tuple[str, ...]:
    """Names of all images of a run, as columns begin with them.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    tuple of str
    """
    return tuple(settings.by_image)


def check(settings: Settings) -> None:
    """Raise where an image type of a run cannot be made on this machine.

    Parameters
    ----------
    settings : Settings

    Raises
    ------
    MissingExtraError, SettingsError
        See ImageType.check.
    """
    for kind in settings.image_types:
        kind.check()


def derived(image: Image, settings: Settings, threads: int = 1) -> Iterator[tuple[str, Image | str]]:
    """The images of a run by name, one at a time: only one derived image needs to be in memory.

    Parameters
    ----------
    image : Image
        Resampled, as it will be measured.
    settings : Settings
    threads : int
        Changes no bit.

    Yields
    ------
    name : str
    image : Image or str
        Of the same grid; or the reason why this image has none of that name.

    Raises
    ------
    ResourceError
        An image type needs more memory than the limit.
    """
    for kind in settings.image_types:
        need = float(kind.bytes_per_voxel) * prod(image.array.shape)
        if need > settings.memory_bytes:
            size = " × ".join(map(str, image.array.shape))
            raise ResourceError(
                f"image type {kind.type} needs {text_of_bytes(need)} for {size} voxels, but the limit is "
                f"{settings.memory}; raise `memory`, or crop the image"
            )
        yield from zip(kind.names, kind.derive(image, threads), strict=True)
