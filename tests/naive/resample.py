"""Resampling by its definition (IBSI VTM2): a grid centred on the old one, one voxel at a time."""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from naive.terms import Value, product, total


def centres(n, spacing, new_spacing):
    """Where the new voxels lie on one axis, in old voxels."""
    size = ceil(round(n * spacing / new_spacing, 9))
    middle = (n - 1) / 2
    return [middle + (k - (size - 1) / 2) * new_spacing / spacing for k in range(size)]


def linear(array, at):
    """Trilinear interpolation at fractional indices (z, y, x), the outermost voxels continued outside.

    A weight is the distance of two positions along each axis: these positions are its terms.
    """
    parts = []
    for corner in np.ndindex(2, 2, 2):
        weights, index = [], []
        for c, position, size in zip(corner, at, array.shape, strict=True):
            low = floor(position)
            weights.append(total([position, -low]) if c else total([1.0, low, -position]))
            index.append(min(max(low + c, 0), size - 1))
        parts.append(product(*weights, total([float(array[tuple(index)])])))
    return Value(sum(part.value for part in parts), sum(part.terms for part in parts))


def nearest(array, at):
    """The nearest voxel, halves upward."""
    return total(
        [float(array[tuple(min(max(floor(p + 0.5), 0), s - 1) for p, s in zip(at, array.shape, strict=True))])]
    )


def resample(array, spacing, new_spacing, how):
    """A volume on the new grid: its values and their terms, float64 [z, y, x] each."""
    axes = [centres(n, s, t or s) for n, s, t in zip(array.shape, spacing, new_spacing, strict=True)]
    found = np.array([[[how(array, (z, y, x)) for x in axes[2]] for y in axes[1]] for z in axes[0]])
    return found[..., 0], found[..., 1]
