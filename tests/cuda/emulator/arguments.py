"""Arguments of a launch: checked against the kernel's signature, laid out as it takes them, watched by the runtime."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba.cuda import types

from emulator.ir import APART, SharedLayout

GAP = 64 << 10  # bytes around each array of a checked launch: running off one must not end in the next


@dataclass
class Region:
    """Memory that a kernel may touch. For shared memory `base` is an offset."""

    name: str
    base: int
    size: int
    granule: int  # bytes of an element
    shape: tuple[int, ...] = ()  # of a C-contiguous array, to name an element by its indices
    constant: bool = False


@dataclass
class Arguments:
    """The words a kernel is called with, and the regions it may touch through them."""

    words: list[int] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    copies: list[tuple[Any, Any]] = field(default_factory=list)  # (caller's array, ours)
    memory: Any = None

    def store_back(self) -> None:
        for theirs, ours in self.copies:
            if theirs.flags.writeable:
                np.copyto(theirs, ours)


def arranged(values: tuple[Any, ...], parameters: dict[str, Any], guarded: bool) -> Arguments:
    """The arguments of a launch. Guarded: arrays are copied apart from each other, so that running off one is seen."""
    if len(values) != len(parameters):
        raise TypeError(f"the kernel takes {len(parameters)} arguments ({', '.join(parameters)}), got {len(values)}")
    arrays = {
        name: _checked_array(name, value, kind)
        for (name, kind), value in zip(parameters.items(), values, strict=True)
        if isinstance(kind, types.Array)
    }
    arguments = Arguments()
    moved = _moved_apart(arrays, arguments) if guarded else {name: array.ctypes.data for name, array in arrays.items()}
    for (name, kind), value in zip(parameters.items(), values, strict=True):
        if name in arrays:
            array = arrays[name]
            arguments.words += [0, 0, array.size, array.itemsize, moved[name], *array.shape, *array.strides]
        else:
            arguments.words.append(_scalar(name, value, kind))
    return arguments


def _checked_array(name: str, value: Any, kind: Any) -> Any:
    wanted = f"a {kind.ndim}-dimensional array of {kind.dtype}, layout {kind.layout}"
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name}: the kernel takes {wanted}, got {type(value).__name__}")
    contiguous = {"A": True, "C": value.flags.c_contiguous, "F": value.flags.f_contiguous}[kind.layout]
    if value.dtype != np.dtype(str(kind.dtype)) or value.ndim != kind.ndim or not contiguous:
        got = f"a {value.ndim}-dimensional array of {value.dtype}{'' if contiguous else ', not contiguous'}"
        raise TypeError(f"{name}: the kernel takes {wanted}, got {got}")
    return value


def _scalar(name: str, value: Any, kind: Any) -> int:
    """The integer that holds a scalar's bits."""
    if isinstance(kind, types.Float):
        return int.from_bytes(struct.pack("<d" if kind.bitwidth == 64 else "<f", float(value)), "little")
    if isinstance(kind, types.Boolean):
        return int(bool(value))
    if not isinstance(kind, types.Integer):
        raise NotImplementedError(f"{name}: the emulator passes arrays, numbers and booleans, not {kind}")
    if int(value) != value or not kind.minval <= value <= kind.maxval:
        raise TypeError(f"{name}: the kernel takes {kind}, got {value!r}")
    return int(value)


def _moved_apart(arrays: dict[str, Any], arguments: Arguments) -> dict[str, int]:
    """Copies of the arrays, gaps between them, and their addresses. Arrays that overlap stay together in one region."""
    groups: list[tuple[int, int, list[str]]] = []
    bounds = {name: _bounds(array) for name, array in arrays.items()}
    for name in sorted(arrays, key=lambda name: bounds[name]):
        low, high = bounds[name]
        if groups and low < groups[-1][1]:
            low, top, names = groups.pop()
            groups.append((low, max(top, high), [*names, name]))
        else:
            groups.append((low, high, [name]))
    room = [-(-(high - low) // APART) * APART + GAP for low, high, _ in groups]
    arguments.memory = np.zeros(sum(room) + GAP + APART, np.uint8)
    place = -(-(arguments.memory.ctypes.data + GAP) // APART) * APART
    moved = {}
    for (low, high, names), size in zip(groups, room, strict=True):
        arguments.regions.append(_region(names, arrays, place, high - low))
        for name in names:
            moved[name] = place + arrays[name].ctypes.data - low
            ours = _view(arguments.memory, moved[name], arrays[name])
            np.copyto(ours, arrays[name])
            arguments.copies.append((arrays[name], ours))
        place += size
    return moved


def _bounds(array: Any) -> tuple[int, int]:
    """First byte of an array, and the one behind its last."""
    if not array.size:
        return array.ctypes.data, array.ctypes.data
    reach = [(n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)]
    low = array.ctypes.data + sum(min(step, 0) for step in reach)
    return low, low + sum(abs(step) for step in reach) + array.itemsize


def _view(memory: Any, address: int, like: Any) -> Any:
    """An array like another, in our memory."""
    return np.ndarray(like.shape, like.dtype, memory.data, address - memory.ctypes.data, like.strides)


def _region(names: list[str], arrays: dict[str, Any], base: int, size: int) -> Region:
    first = arrays[names[0]]
    shape = first.shape if len(names) == 1 and first.flags.c_contiguous else ()
    constant = not any(arrays[name].flags.writeable for name in names)
    return Region("/".join(names), base, size, min(arrays[name].itemsize for name in names), shape, constant)


def shared_regions(layout: SharedLayout, dynamic: int) -> list[Region]:
    """The regions of a block's shared memory. Arrays on the dynamic memory are the same memory, so they are one region."""
    regions = [
        Region(array.name, array.offset, array.length * array.itemsize, array.itemsize)
        for array in layout.arrays.values()
        if array.length
    ]
    sizes = [array.itemsize for array in layout.arrays.values() if not array.length]
    if sizes and dynamic:
        regions.append(Region("dynamic shared memory", layout.static_bytes, dynamic, min(sizes)))
    return regions
