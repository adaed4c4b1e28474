"""Moran's I and Geary's C by their definitions (IBSI N365 and NPT7): a loop over all pairs of voxels."""

from __future__ import annotations

from math import hypot

import numpy as np

from naive.intensity import UNDEFINED
from naive.terms import Value, product, quotient, total


def spatial_autocorrelation(image, intensity_mask, spacing_mm):
    """Both features of one VOI, {name: Value}; image, intensity_mask [z, y, x], spacing_mm (z, y, x)."""
    where = np.argwhere(intensity_mask) * np.array(spacing_mm, float)
    return moran_geary(where, image[np.asarray(intensity_mask, bool)].astype(float))


def moran_geary(points, values):
    """Sums over ordered pairs of voxels with w = 1 / distance; NaN for fewer than two, or a single intensity.

    Moran's I is N / Σw · Σ w (X - μ)(X' - μ) / Σ (X - μ)². Geary's C is (N - 1) / 2Σw · Σ w (X - X')² / Σ (X - μ)².
    """
    n = len(values)
    if n < 2 or np.all(values == values[0]):
        return {"morans_i_index": UNDEFINED, "gearys_c_measure": UNDEFINED}
    mean = sum(values) / n
    weights, products, differences = [], [], []
    for i in range(n):
        for j in range(n):
            if i != j:
                w = 1 / hypot(*(points[i] - points[j]))
                weights.append(w)
                products.append(w * (values[i] - mean) * (values[j] - mean))
                differences.append(w * (values[i] - values[j]) ** 2)
    below = product(total(weights), total((v - mean) ** 2 for v in values))
    return {
        "morans_i_index": quotient(product(Value(n, 0.0), total(products)), below),
        "gearys_c_measure": quotient(product(Value((n - 1) / 2, 0.0), total(differences)), below),
    }
