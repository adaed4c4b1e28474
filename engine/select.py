"""Which VOIs of a mask are measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxomics.engine.errors import InputError
from voxomics.engine.prepare import Voi
from voxomics.engine.volume import MaskStack

Labels = str | int | Sequence[int | str]
"""A label number, the name of a segment, several of them, or "all"."""


def select(found: list[Voi], labels: Labels, masks: MaskStack) -> list[Voi]:
    """VOIs of the wanted labels (numbers or segment names).

    Parameters
    ----------
    found : list of Voi
        From `find_vois`.
    labels : "all", int, str or sequence of them
    masks : MaskStack

    Returns
    -------
    list of Voi
        In the order asked for; "all" keeps the mask's order.

    Raises
    ------
    InputError
        The mask is empty, or a label is absent; lists those there are.
    """
    if not any(voi.n_voxels for voi in found):
        raise InputError(
            f"mask {masks.name or 'array'} is empty: every voxel is 0; a mask has a label > 0 in each voxel of a VOI"
        )
    if isinstance(labels, str) and labels == "all":
        return found
    wanted = [labels] if isinstance(labels, (int, str, np.integer)) else list(labels)
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
        matches = by_value.get(label if isinstance(label, str) else int(label), [])
        if not matches:
            raise InputError(f"label {label!r} is not in mask {masks.name or 'array'}; there are: {there}")
        chosen |= {(voi.layer, voi.value): voi for voi in matches}
    return list(chosen.values())
