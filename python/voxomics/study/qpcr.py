"""From threshold cycles of quantitative PCR to the amount of a serum marker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Bools, Floats, as_floats, column, listed, same_length

_NOT_SEEN = {"undetermined", "undet", "nd", "n/d", "na", "n/a", "nan", ""}
_RULES = ("raise", "exclude", "limit")


@dataclass(frozen=True, eq=False)
class Expression:
    """Relative expression of a target, one value for each sample."""

    value: Floats  #: scale · 2^−ΔCt; NaN where excluded
    delta_ct: Floats  #: Ct of the target minus Ct of the reference, in cycles
    undetermined: Bools  #: samples whose target was not detected
    excluded: Bools  #: samples without a value, by the rule
    scale: float
    rule: str


def is_not_seen(value: object) -> bool:
    """Whether a cell says that nothing was detected.

    Examples
    --------
    >>> is_not_seen("Undetermined"), is_not_seen("24.3")
    (True, False)
    """
    return isinstance(value, str) and value.strip().lower() in _NOT_SEEN


def cycles_of(values: ArrayLike, name: str) -> Floats:
    """Threshold cycles as numbers; a machine's "Undetermined" becomes NaN.

    Raises
    ------
    InputError
        Another text, or a cycle that is not positive.

    Examples
    --------
    >>> cycles_of(["24.3", "Undetermined"], "target").tolist()
    [24.3, nan]
    """
    plain = [np.nan if is_not_seen(v) else v for v in pd.Series(values).tolist()]
    found = as_floats(plain, name)
    if wrong := np.flatnonzero((found <= 0) | np.isinf(found)).tolist():
        raise InputError(f"{name}: a threshold cycle is a positive number; rows {listed(wrong)} (from 0) are not")
    return found


def relative_expression(
    target_ct: ArrayLike,
    reference_ct: ArrayLike,
    *,
    scale: float = 1.0,
    undetermined: Literal["raise", "exclude", "limit"] = "raise",
    cycles: float = 40.0,
) -> Expression:
    """Expression of a target relative to a spiked-in reference: scale · 2^−ΔCt.

    Parameters
    ----------
    target_ct, reference_ct : array-like [n]
        Threshold cycles; NaN or a text such as "Undetermined" where nothing was detected.
    scale : float
        Factor that brings the values to a handy size. It changes no rank, correlation or p-value.
    undetermined : {"raise", "exclude", "limit"}
        What a missing cycle means: an error; a sample left out; or, for the target only, the number of cycles run, which
        gives the smallest amount that could have been seen. A sample without its reference is never given a value.
    cycles : float
        Cycles run, for "limit".

    Returns
    -------
    Expression

    Raises
    ------
    InputError
        Missing cycles under "raise"; the rows are named.

    References
    ----------
    Livak KJ, Schmittgen TD. Methods 25:402-408 (2001).

    Examples
    --------
    >>> relative_expression([24.0, "Undetermined"], [20.0, 20.0], scale=16, undetermined="exclude").value.tolist()
    [1.0, nan]
    """
    if undetermined not in _RULES:
        raise SettingsError(f"undetermined={undetermined!r}; accepted: {', '.join(_RULES)}")
    if not (np.isfinite(scale) and scale > 0):
        raise SettingsError(f"scale={scale}; a positive number is needed")
    target, reference = cycles_of(target_ct, "target_ct"), cycles_of(reference_ct, "reference_ct")
    same_length(target_ct=target, reference_ct=reference)
    unseen = np.isnan(target)
    if undetermined == "limit":
        target = np.where(unseen, cycles, target)
    delta = target - reference
    excluded = np.isnan(delta)
    if undetermined == "raise" and excluded.any():
        raise InputError(
            f"no threshold cycle for the target or the reference in rows {listed(np.flatnonzero(excluded).tolist())} (from 0); "
            'remove them, or set undetermined to "exclude" or "limit"'
        )
    return Expression(scale * 2.0**-delta, delta, unseen, excluded, float(scale), undetermined)


def fold_change(delta_ct: ArrayLike, calibrator_delta_ct: ArrayLike) -> Floats:
    """Expression relative to the mean ΔCt of a calibrator group: 2^−ΔΔCt.

    Examples
    --------
    >>> fold_change([3.0, 5.0], [4.0, 6.0]).tolist()
    [4.0, 1.0]
    """
    return np.asarray(2.0 ** -(column(delta_ct, "delta_ct") - column(calibrator_delta_ct, "calibrator_delta_ct").mean()))


def log_marker(values: ArrayLike, offset: float = 0.0) -> Floats:
    """Natural logarithm of a marker.

    Parameters
    ----------
    values : array-like [n]
    offset : float
        Added first; a choice that has to be reported.

    Raises
    ------
    InputError
        Values that are not positive; their rows are named. Nothing is replaced in silence.

    Examples
    --------
    >>> log_marker([1.0, 1.0]).tolist()
    [0.0, 0.0]
    """
    shifted = column(values, "marker") + offset
    if wrong := np.flatnonzero(shifted <= 0).tolist():
        raise InputError(
            f"the logarithm needs positive values; rows {listed(wrong)} (from 0) are not; "
            "exclude them, leave log_marker out, or in Python set an offset"
        )
    return np.asarray(np.log(shifted))
