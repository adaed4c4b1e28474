"""Which VOIs of a mask are measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from numbers import Integral, Real
from typing import Any

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.engine.prepare import Voi
from voxomics.engine.volume import MaskStack

Labels = str | int | Sequence[int | str] | Set[int | str]
"""A label number, the name of a segment, several of them, or "all"."""
_ACCEPTED = 'accepted: "all", a label number, the name of a segment, or a list of them'


def checked(labels: Any) -> list[int | str] | None:
    """Labels as numbers and names.

    Parameters
    ----------
    labels : "all", int, str or sequence or set of them
        A whole number may be a float, as pandas and NumPy often hold it.

    Returns
    -------
    list of int and str, or None
        None means all.

    Raises
    ------
    InputError
        Anything else, None and booleans among it.

    Examples
    --------
    >>> checked([2.0, "Tumour"]), checked("all")
    ([2, 'Tumour'], None)
    """
    if isinstance(labels, str) and labels == "all":
        return None
    if isinstance(labels, np.ndarray) and labels.ndim == 0:
        labels = labels.item()
    if isinstance(labels, (str, Real)):
        return [_label(labels)]
    if not isinstance(labels, Iterable) or isinstance(labels, (bytes, bytearray, Mapping, Iterator)):
        raise InputError(f"labels={labels!r}: {_ACCEPTED}")
    return [_label(label) for label in labels]


def _label(label: Any) -> int | str:
    if isinstance(label, str):
        return str(label)
    whole = isinstance(label, Integral) or (isinstance(label, Real) and math.isfinite(label) and label == math.floor(label))
    if not whole or isinstance(label, (bool, np.bool_)):
        raise InputError(f"{label!r} is no label, which is a whole number or the name of a segment; {_ACCEPTED}")
    return int(label)


def select(found: list[Voi], labels: Labels, masks: MaskStack) -> list[Voi]:
    """VOIs of the wanted labels (numbers or segment names).

    Parameters
    ----------
    found : list of Voi
        From `find_vois`.
    labels : "all", int, str or sequence or set of them
    masks : MaskStack

    Returns
    -------
    list of Voi
        In the order asked for; "all" and a set keep the mask's order.

    Raises
    ------
    InputError
        The mask is empty, something is no label, or a label is absent; lists those there are.
    """
    wanted = checked(labels)
    if not any(voi.n_voxels for voi in found):
        raise InputError(
            f"mask {masks.name or 'array'} is empty: every voxel is 0; a mask has a label > 0 in each voxel of a VOI"
        )
    if wanted is None:
        return found
    there = ", ".join(f"{voi.value} ({voi.name})" if voi.name else str(voi.value) for voi in found)
    if not wanted:
        raise InputError(f'labels is empty; accepted: "all", or some of {there}')
    by_value: dict[int | str, list[Voi]] = {}
    for voi in found:
        by_value.setdefault(voi.value, []).append(voi)
        if voi.name:
            by_value.setdefault(voi.name, []).append(voi)
    chosen: dict[tuple[int, int], Voi] = {}
    for label in wanted:
        matches = by_value.get(label, [])
        if not matches:
            raise InputError(f"label {label!r} is not in mask {masks.name or 'array'}; there are: {there}")
        chosen |= {(voi.layer, voi.value): voi for voi in matches}
    if isinstance(labels, Set):
        return [voi for voi in found if (voi.layer, voi.value) in chosen]
    return list(chosen.values())
