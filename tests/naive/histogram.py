"""Intensity histogram by its definition (IBSI ZVCW): every nominal level has its count."""

from __future__ import annotations

from math import log2, nan

from naive.intensity import common


def histogram(levels, n_levels, rule="linear"):
    """The 23 features of a list of grey levels 1..n_levels, in the standard's order."""
    n = [0] * n_levels
    for i in levels:
        n[i - 1] += 1
    p = [c / len(levels) for c in n]
    shared = common(levels, rule)
    most_voxels = max(n)
    most = [i for i, c in enumerate(n, start=1) if c == most_voxels]
    # distances to the mean times the number of voxels, so that equal ones are equal
    mode = min(most, key=lambda i: (abs(i * len(levels) - sum(levels)), i))
    gradient = []
    for i in range(n_levels):
        if n_levels == 1:
            gradient.append(nan)
        elif i == 0:
            gradient.append(n[1] - n[0])
        elif i == n_levels - 1:
            gradient.append(n[i] - n[i - 1])
        else:
            gradient.append((n[i + 1] - n[i - 1]) / 2)
    result = {}
    for name, value in shared.items():
        result[name] = value
        if name == "maximum":
            result["mode"] = mode
    result["entropy"] = -sum(v * log2(v) for v in p if v > 0)
    result["uniformity"] = sum(v * v for v in p)
    defined = n_levels > 1
    result["maximum_histogram_gradient"] = max(gradient)
    result["maximum_histogram_gradient_intensity"] = gradient.index(max(gradient)) + 1 if defined else nan
    result["minimum_histogram_gradient"] = min(gradient)
    result["minimum_histogram_gradient_intensity"] = gradient.index(min(gradient)) + 1 if defined else nan
    return result
