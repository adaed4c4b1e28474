"""Distance weighting by its definition (IBSI 6CK8): a weight for each direction, by its length."""

from __future__ import annotations

from math import exp, sqrt

NORM = {
    "euclidean": lambda m: sqrt(sum(c * c for c in m)),
    "manhattan": lambda m: sum(abs(c) for c in m),
    "chebyshev": lambda m: max(abs(c) for c in m),
}
FUNCTION = {"none": lambda d: 1, "inverse": lambda d: 1 / d, "gaussian": lambda d: exp(-d * d), "distance": lambda d: d}


def weight(function, norm, unit, spacing_mm):
    """The weight of a direction (dz, dy, dx) as a function of it; its length is in voxels or in mm."""
    size = spacing_mm if unit == "mm" else (1, 1, 1)
    return lambda offset: FUNCTION[function](NORM[norm]([c * s for c, s in zip(offset, size, strict=True)]))
