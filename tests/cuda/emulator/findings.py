"""What a checked launch found, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emulator.arguments import Region

KINDS = ("races", "out_of_bounds", "divergent_barriers", "exited_before_barrier", "deadlocks", "uninitialised")  # runtime.h
_RACE, _BOUNDS, _DIVERGENT, _EXITED, _DEADLOCK, _UNINITIALISED = range(len(KINDS))
_ACCESSES = ("read", "write", "atomic update", "atomic exchange")  # runtime.h
_SEVERAL = -2  # runtime.h
_NOWHERE = {-1: "no array", -3: "a local array, outside its elements"}  # runtime.h

Sizes = tuple[int, int, int]


@dataclass(frozen=True)
class Findings:
    """Faults of one launch, counted; `text` describes the first few of each kind, one a line."""

    races: int = 0
    out_of_bounds: int = 0
    divergent_barriers: int = 0
    exited_before_barrier: int = 0
    deadlocks: int = 0
    uninitialised: int = 0
    accesses: int = 0
    text: str = ""

    @property
    def clean(self) -> bool:
        """True when no fault was found. An unchecked kernel is always clean."""
        return not any(getattr(self, kind) for kind in KINDS)


def described(note: Any, regions: list[Region], grid: Sizes, block: Sizes) -> str:
    """One line on a fault that the runtime noted."""
    who = f"block {_place(note.block, grid)}, thread {_place(note.thread, block)}"
    access = _ACCESSES[note.access]
    if note.kind == _DIVERGENT:
        return f"divergent barrier: threads of block {_place(note.block, grid)} wait at different barriers"
    if note.kind == _EXITED:
        return f"exited before a barrier: {who} waits, other threads of the block have ended"
    if note.kind == _DEADLOCK:
        return f"deadlock: {who} does not come to an end"
    if note.kind == _BOUNDS:
        where = _element(regions[note.region], note.offset) if note.region >= 0 else _NOWHERE[note.region]
        return f"out of bounds: {access} of {where}, by {who}"
    element = _element(regions[note.region], note.offset)
    if note.kind == _UNINITIALISED:
        return f"uninitialised: {access} of {element} by {who}, before any thread of the block wrote it"
    other = f"block {_place(note.other_block, grid)}, thread {_place(note.other_thread, block)}"
    other = "several blocks" if note.other_block == _SEVERAL else other
    return f"race: {access} of {element} by {who}, and {_ACCESSES[note.other_access]} by {other}"


def _element(region: Region, offset: int) -> str:
    """An element by its indices, or by its place in memory when it lies outside or the array has gaps."""
    index = offset // region.granule
    if not 0 <= offset < region.size:
        return f"{region.name}[{index}], outside its {region.size // region.granule} elements"
    if region.constant:
        return f"{region.name}[{index}], which is read-only"
    indices = np.unravel_index(index, region.shape) if region.shape else (index,)
    return f"{region.name}[{', '.join(str(int(i)) for i in indices)}]"


def _place(number: int, sizes: Sizes) -> str:
    """A block or a thread by its (x, y, z); by one number where there is but one axis."""
    x, y = sizes[0], sizes[1]
    if sizes[1:] == (1, 1):
        return str(number)
    return f"({number % x}, {number // x % y}, {number // x // y})"
