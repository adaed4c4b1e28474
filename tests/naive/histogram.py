"""Intensity histogram by its definition (IBSI ZVCW): every nominal level has its count."""

from __future__ import annotations

from math import log2

from naive.intensity import UNDEFINED, common, rounded
from naive.terms import total


def gradients(n):
    """H' of every level, from its number of voxels and those of the levels beside it; NaN where there is one level."""
    last = len(n) - 1
    if last == 0:
        return [UNDEFINED]
    return [
        total([n[1], -n[0]])
        if i == 0
        else total([n[i], -n[i - 1]])
        if i == last
        else total([n[i + 1] / 2, -n[i - 1] / 2])
        for i in range(len(n))
    ]


def mode(n, levels):
    """The most frequent level; of several the nearest to the mean, then the lower."""
    highest, weighted = max(n), sum(levels)
    most = [i for i, count in enumerate(n, start=1) if count == highest]
    # distances to the mean times the number of voxels, so that equal ones are equal
    return min(most, key=lambda i: (abs(i * len(levels) - weighted), i))


def histogram(levels, n_levels, rule="linear"):
    """The 23 features of a list of grey levels 1..n_levels, in the standard's order: {name: Value}."""
    n = [0] * n_levels
    for i in levels:
        n[i - 1] += 1
    p = [count / len(levels) for count in n if count > 0]
    result = {}
    for name, value in common(levels, rule).items():
        result[name] = value
        if name == "maximum":
            result["mode"] = total([mode(n, levels)])
    result["entropy"] = total(-v * log2(v) for v in p)
    result["uniformity"] = total(v * v for v in p)
    slopes = gradients(n)
    for name, choose in (("maximum", max), ("minimum", min)):
        found = choose(slopes, key=lambda slope: slope.value)
        where = slopes.index(found) + 1
        result[f"{name}_histogram_gradient"] = found
        result[f"{name}_histogram_gradient_intensity"] = total([where]) if n_levels > 1 else UNDEFINED
    return rounded(result)
