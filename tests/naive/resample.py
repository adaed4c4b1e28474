"""Resampling by its definition (IBSI VTM2): a grid centred on the old one, one voxel at a time."""

from __future__ import annotations

from math import ceil, floor

import numpy as np


def centres(n, spacing, new_spacing):
    """Where the new voxels lie on one axis, in old voxels."""
    size = ceil(round(n * spacing / new_spacing, 9))
    middle = (n - 1) / 2
    return [middle + (k - (size - 1) / 2) * new_spacing / spacing for k in range(size)]


def linear(array, at):
    """Trilinear interpolation at fractional indices (z, y, x), the outermost voxels continued outside."""
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        weight, index = 1.0, []
        for c, position, size in zip(corner, at, array.shape, strict=True):
            low = floor(position)
            weight *= position - low if c else 1.0 - (position - low)
            index.append(min(max(low + c, 0), size - 1))
        total += weight * float(array[tuple(index)])
    return total


def nearest(array, at):
    """The nearest voxel, halves upward."""
    return float(array[tuple(min(max(floor(p + 0.5), 0), s - 1) for p, s in zip(at, array.shape, strict=True))])


def resample(array, spacing, new_spacing, how):
    """A volume on the new grid."""
    axes = [centres(n, s, t or s) for n, s, t in zip(array.shape, spacing, new_spacing, strict=True)]
    return np.array([[[how(array, (z, y, x)) for x in axes[2]] for y in axes[1]] for z in axes[0]])
