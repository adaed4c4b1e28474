"""Local intensity by its definition (IBSI 9ST6): for each voxel of the mask, look at every voxel of the image."""

from __future__ import annotations

from math import fsum, isfinite, pi

import numpy as np

from naive.terms import Value


def local_intensity(image, mask, spacing_mm):
    """Local and global peak of one VOI, {name: Value}; image, mask [z, y, x], spacing_mm (z, y, x)."""
    radius = 10.0 * (3 / (4 * pi)) ** (1 / 3)
    means = []
    for centre in np.argwhere(mask):
        inside = []
        for voxel in np.ndindex(image.shape):
            squares = sum(((a - b) * s) ** 2 for a, b, s in zip(voxel, centre, spacing_mm, strict=True))
            if squares <= radius**2 and isfinite(image[voxel]):
                inside.append(float(image[voxel]))
        mean = Value(fsum(inside) / len(inside), fsum(abs(x) for x in inside) / len(inside))
        means.append((float(image[tuple(centre)]), mean))
    top = max(value for value, _ in means)
    return {
        "local_intensity_peak": max(mean for value, mean in means if value == top),
        "global_intensity_peak": max(mean for _, mean in means),
    }
