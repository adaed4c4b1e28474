"""A synthetic CT with three tumours, for trying voxomics without patient data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.io.outputs import RECORD, check_writable, write_whole

SPACING_MM = (2.5, 0.8, 0.8)
_SHAPE = (64, 128, 128)
_TUMOURS = (  # centre and semi-axes in voxels (z, y, x), mean and spread of the HU
    ((20, 40, 40), (9.0, 18.0, 16.0), 45.0, 12.0),
    ((40, 86, 80), (12.0, 22.0, 26.0), 60.0, 25.0),
    ((52, 30, 98), (5.0, 8.0, 8.0), 20.0, 6.0),
)


def make(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask arrays.

    Parameters
    ----------
    seed : int

    Returns
    -------
    image : ndarray int16 [64, 128, 128]
        HU, spacing SPACING_MM.
    mask : ndarray uint8 [64, 128, 128]
        Labels 1, 2, 3.

    Examples
    --------
    >>> image, mask = make()
    >>> np.bincount(mask.ravel())[1:].tolist()
    [10799, 28689, 1335]
    """
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    grid = np.indices(_SHAPE, dtype=float)
    image = -80.0 + 15.0 * rng.standard_normal(_SHAPE)
    mask = np.zeros(_SHAPE, np.uint8)
    for label, (centre, axes, mean, spread) in enumerate(_TUMOURS, start=1):
        radius = sum(((g - c) / a) ** 2 for g, c, a in zip(grid, centre, axes, strict=True))
        inside = radius <= 1.0
        texture = ndimage.gaussian_filter(rng.standard_normal(_SHAPE), (0.6, 1.8, 1.8))
        image[inside] = (mean + spread * texture / texture.std() + 5.0 * rng.standard_normal(_SHAPE))[inside]
        mask[inside] = label
    return np.clip(np.round(image), -1000, 3000).astype(np.int16), mask


def write(folder: str | Path, seed: int = 0, *, overwrite: bool = False) -> list[Path]:
    """Write image.nii.gz and mask.nii.gz, and list them in voxomics.json.

    Parameters
    ----------
    folder : path
        Made if absent.
    seed : int
    overwrite : bool
        Replace files that voxomics did not write, or that have changed since.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    InputError
        If the folder cannot be created or written to, or a file would be lost.
    """
    import SimpleITK as sitk

    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"folder {target.name!r} cannot be created ({error.strerror}); choose a writable folder") from None
    paths = [target / name for name in ("image.nii.gz", "mask.nii.gz")]
    check_writable(*paths, record=target / RECORD, overwrite=overwrite)
    for path, array in zip(paths, make(seed), strict=True):
        volume = sitk.GetImageFromArray(array)
        volume.SetSpacing(SPACING_MM[::-1])
        sitk.WriteImage(volume, str(path), True)
    write_whole({}, record=target / RECORD, listed=paths, overwrite=True)
    return paths
