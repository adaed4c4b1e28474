"""The cases of docs/benchmarks.md: smoothed noise and ellipsoids, scaled alike for larger VOIs."""

from __future__ import annotations

import itertools

import numpy as np

SPACING_MM = (2.5, 0.8, 0.8)
FIRST, STEP, LABEL_AXES = (6, 9, 9), (13, 18, 18), (4, 7, 7)  # of the labels: first centre, next centre, semi-axes


def image(scale: float = 1.0) -> np.ndarray:
    """float32 [64, 128, 128] · scale: N(0, 1) noise of seed 0, Gaussian σ 2, scaled to -200..300."""
    from scipy import ndimage

    shape = tuple(round(n * scale) for n in (64, 128, 128))
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    smooth = ndimage.gaussian_filter(noise, 2.0)
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) / (high - low) * 500.0 - 200.0).astype(np.float32)


def ellipsoid(shape: tuple[int, ...], centre: tuple[float, ...], axes: tuple[float, ...]) -> np.ndarray:
    """Boolean volume."""
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    return sum(((g - c) / a) ** 2 for g, c, a in zip(grid, centre, axes, strict=True)) <= 1.0


def single(axes: tuple[float, float, float], scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask with one ellipsoid in the middle."""
    volume = image(scale)
    middle = tuple(n / 2 for n in volume.shape)
    return volume, ellipsoid(volume.shape, middle, tuple(a * scale for a in axes)).astype(np.uint8)


def big() -> tuple[np.ndarray, np.ndarray]:
    """29,973 voxels."""
    return single((12.5, 22.0, 26.0))


def small() -> tuple[np.ndarray, np.ndarray]:
    """1,997 voxels."""
    return single((5.3, 9.0, 10.0))


def huge() -> tuple[np.ndarray, np.ndarray]:
    """About 2 million voxels."""
    return single((12.5, 22.0, 26.0), scale=4.06)


def two_voxels() -> tuple[np.ndarray, np.ndarray]:
    """Two voxels: what is left of a call's time is its fixed cost."""
    volume = image()
    mask = np.zeros(volume.shape, np.uint8)
    mask[32, 64, 64:66] = 1
    return volume, mask


def labels(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Ellipsoids of 805 voxels, 200 of them in the image of the other cases; more need a larger image."""
    volume = image(1.0 if count <= 245 else 2.85)
    mask = np.zeros(volume.shape, np.uint8 if count < 256 else np.uint16)
    fitting = [range((n - 2 * first) // step + 1) for n, first, step in zip(volume.shape, FIRST, STEP, strict=True)]
    places = itertools.islice(itertools.product(*fitting), count)
    for label, place in enumerate(places, start=1):
        centre = [first + step * k for first, step, k in zip(FIRST, STEP, place, strict=True)]
        low = [c - a for c, a in zip(centre, LABEL_AXES, strict=True)]
        box = tuple(slice(start, start + 2 * a + 1) for start, a in zip(low, LABEL_AXES, strict=True))
        mask[box][ellipsoid(mask[box].shape, LABEL_AXES, LABEL_AXES)] = label
    return volume, mask
