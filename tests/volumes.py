"""Images and masks that several tests extract from."""

from __future__ import annotations

import numpy as np


def noise_and_box(shape: tuple[int, int, int] = (12, 13, 14), margin: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Noise [z, y, x] of mean 0 and standard deviation 50, and a mask that is 1 beyond `margin` voxels from each face."""
    mask = np.zeros(shape, np.uint8)
    mask[margin:-margin, margin:-margin, margin:-margin] = 1
    return np.random.default_rng(0).normal(0, 50, shape), mask


def noise_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """Noise [z, y, x] of mean 100 and standard deviation 30, and labels of two boxes, a voxel and a row of voxels."""
    labels = np.zeros((14, 15, 16), np.int32)
    labels[:6, :7, :8], labels[7:, 8:, 9:], labels[7, 2, 3], labels[8, 0, :] = 1, 2, 3, 4
    return np.random.default_rng(0).normal(100.0, 30.0, labels.shape), labels
