"""Values of a family go to the columns that the plan says."""

from __future__ import annotations

import numpy as np

from voxomics.kernels import columns


def test_values_go_where_the_twin_puts_them():
    rng = np.random.default_rng(0)
    found, values = rng.normal(size=(3, 7)), np.full((5, 9), np.nan)
    source, rows, target = np.array([6, 0, 3]), np.array([4, 0, 2]), np.array([1, 8, 2])
    twin = values.copy()
    for k, row in enumerate(rows):
        for c, column in enumerate(target):
            twin[row, column] = found[k, source[c]]
    columns.put(found, source, rows, target, values)
    np.testing.assert_array_equal(values, twin)
