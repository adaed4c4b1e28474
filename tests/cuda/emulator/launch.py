"""Launching a kernel, and what was found on the way."""

from __future__ import annotations

import ctypes
import math
import threading
from typing import Any

import numpy as np

from emulator.arguments import Region, arranged, shared_regions
from emulator.compiled import compiled, runtime
from emulator.faults import plain
from emulator.findings import KINDS, Findings, Sizes, described
from emulator.ir import APART

ORDERS = ("forward", "reverse", "random")  # runtime.h
NOTED = 4  # runtime.h: faults of a kind that are described; all are counted
MOST_SHARED = 48 << 10  # bytes, without asking the driver for more

_one_at_a_time = threading.Lock()  # the runtime keeps a launch in static variables


def _words(names: str) -> list[tuple[str, type]]:
    return [(name, ctypes.c_int64) for name in names.split()]


# The structures of runtime.h.
class _Region(ctypes.Structure):
    _fields_ = _words("base size granule first shared constant relaxed")


class _Note(ctypes.Structure):
    _fields_ = _words("kind region offset access block thread other_access other_block other_thread")


class _Launch(ctypes.Structure):
    _fields_ = [
        *_words("entry arguments"),
        ("grid", ctypes.c_int64 * 3),
        ("block", ctypes.c_int64 * 3),
        *_words("shared_bytes dynamic_bytes order seed workers checked patience"),
        *_words("regions global_regions shared_regions global_granules shared_granules"),
        ("counts", ctypes.c_int64 * len(KINDS)),
        *_words("accesses noted"),
        ("notes", _Note * (len(KINDS) * NOTED)),
    ]


class Kernel:
    """A CUDA kernel that runs on CPU threads.

    Parameters
    ----------
    function : the plain Python function, or an object that holds it as `.py_func` or `.function`.
    signature : numba's, such as ``"void(uint8[::1], int64[::1], int32[:,::1], float64)"``.
    checked : look for faults. Without, it is some ten times faster and runs on several threads.
    """

    def __init__(self, function: Any, signature: str, checked: bool = True) -> None:
        self.checked = checked
        self._compiled = compiled(plain(function), signature, checked)

    def launch(
        self,
        grid: int | tuple[int, ...],
        block: int | tuple[int, ...],
        *arguments: Any,
        dynamic_shared: int = 0,
        order: str = "forward",
        seed: int = 0,
        workers: int = 2,
        relaxed: tuple[str, ...] = (),
        patience: int = 1 << 26,
    ) -> Findings:
        """Run the kernel; arrays are changed in place.

        Parameters
        ----------
        grid, block : blocks, and threads of a block: a number or (x, y, z).
        dynamic_shared : bytes of dynamic shared memory.
        order : of threads and blocks. "random" also changes threads between two accesses of a checked kernel, and keeps several
            blocks under way: lock-free code meets its rivals there.
        seed : of the random order.
        workers : CPU threads that share the blocks of an unchecked kernel.
        relaxed : parameters whose elements may be read while others update them by atomics, as union-find does.
        patience : accesses that a thread may make; one that makes more is taken to wait in vain, and is stopped.
        """
        names = list(self._compiled.parameters)
        if unknown := sorted(set(relaxed) - set(names)):
            raise ValueError(f"relaxed: the kernel has no parameter {', '.join(unknown)}; it has {', '.join(names)}")
        if order not in ORDERS:
            raise ValueError(f"order is one of {', '.join(ORDERS)}, got {order!r}")
        taken = arranged(arguments, self._compiled.parameters, guarded=self.checked)
        words = np.array([word & (1 << 64) - 1 for word in taken.words], np.uint64)
        call = _Launch(entry=self._compiled.entry, arguments=words.ctypes.data, order=ORDERS.index(order), seed=seed)
        call.grid[:], call.block[:] = _sizes("grid", grid), _sizes("block", block, most=1024)
        call.checked, call.patience = self.checked, patience
        call.workers = 1 if self.checked else max(1, min(workers, 64))
        call.dynamic_bytes = dynamic_shared
        if (used := self._compiled.shared.used + dynamic_shared) > MOST_SHARED:
            raise ValueError(f"a block has {MOST_SHARED:,} bytes of shared memory, the kernel wants {used:,}")
        call.shared_bytes = self._compiled.shared.static_bytes + dynamic_shared + APART
        inner = shared_regions(self._compiled.shared, dynamic_shared)
        constants = [Region("constant table", base, size, 1, constant=True) for base, size in self._compiled.constants]
        outer = sorted([*taken.regions, *constants], key=lambda region: region.base)
        table = _watched(call, outer, inner, relaxed)
        with _one_at_a_time:
            runtime().gpu_launch(ctypes.byref(call))
        del table  # the runtime looked at it until now
        taken.store_back()
        notes = [described(note, outer + inner, tuple(call.grid), tuple(call.block)) for note in call.notes[: call.noted]]
        return Findings(**dict(zip(KINDS, call.counts, strict=True)), accesses=call.accesses, text="\n".join(notes))


def _watched(call: _Launch, outer: list[Region], inner: list[Region], relaxed: tuple[str, ...]) -> Any:
    """Tell the runtime which memory the kernel may touch, and how much shadow memory that takes."""
    table = (_Region * len(outer + inner))()
    granules = [0, 0]
    for i, (row, region) in enumerate(zip(table, outer + inner, strict=True)):
        row.base, row.size, row.granule, row.constant = region.base, region.size, region.granule, region.constant
        row.shared = i >= len(outer)
        row.relaxed = not set(relaxed).isdisjoint(region.name.split("/"))
        row.first = granules[row.shared]
        granules[row.shared] += 0 if region.constant else -(-region.size // region.granule)
    call.regions, call.global_regions, call.shared_regions = ctypes.addressof(table), len(outer), len(inner)
    call.global_granules, call.shared_granules = granules
    return table


def _sizes(name: str, size: int | tuple[int, ...], most: int | None = None) -> Sizes:
    sizes = tuple(size) if isinstance(size, tuple) else (size,)
    if not 1 <= len(sizes) <= 3 or min(sizes) < 1:
        raise ValueError(f"{name} is a number or up to three of them, each at least 1; got {size!r}")
    if most and math.prod(sizes) > most:
        raise ValueError(f"{name}: {most:,} at most, got {math.prod(sizes):,}")
    x, y, z = (*(int(part) for part in sizes), 1, 1)[:3]
    return x, y, z
