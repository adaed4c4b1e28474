"""The cases of docs/benchmarks.md: smoothed noise and ellipsoids, scaled alike for larger VOIs."""

from __future__ import annotations

import numpy as np

SPACING_MM = (2.5, 0.8, 0.8)


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


def labels() -> tuple[np.ndarray, np.ndarray]:
    """200 ellipsoids of 805 voxels."""
    volume = image()
    mask = np.zeros(volume.shape, np.uint8)
    centres = [(6 + 13 * k, 9 + 18 * j, 9 + 18 * i) for k in range(5) for j in range(7) for i in range(7)][:200]
    for label, centre in enumerate(centres, start=1):
        mask[ellipsoid(volume.shape, centre, (4.0, 7.0, 7.0))] = label
    return volume, mask
