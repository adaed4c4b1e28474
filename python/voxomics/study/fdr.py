"""Correction for multiple tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from voxomics.engine.errors import InputError
from voxomics.study.checks import Floats, as_floats


def q_values(p: ArrayLike) -> Floats:
    """Benjamini–Hochberg adjusted p-values, as R's p.adjust; NaN (not tested) stays NaN and is not counted.

    Raises
    ------
    InputError
        A p-value outside 0..1.

    Examples
    --------
    >>> q_values([0.01, 0.04, np.nan]).tolist()
    [0.02, 0.04, nan]
    """
    values = as_floats(p, "p")
    tested = ~np.isnan(values)
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise InputError("p-values lie between 0 and 1")
    adjusted = np.full_like(values, np.nan)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(values[tested], method="bh")
    return adjusted
