"""Kernels with a fault planted in their source, and a device that runs one of them in the place of the sound one."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
import types

import numba
import numpy as np
from emulator import Kernel, planted, rebound
from threads import Threads, signature_for

from batches import random_volume
from suite import Voi
from voxomics import kernels
from voxomics.kernels.jit import GPU_KERNELS


@functools.cache
def every_kernel():
    """All kernels for a GPU by name; a kernel is known once its module has been imported."""
    for module in pkgutil.walk_packages(kernels.__path__, "voxomics.kernels."):
        importlib.import_module(module.name)
    return GPU_KERNELS


@dataclasses.dataclass(frozen=True)
class Fault:
    """`old` replaced by `new` in a kernel (module.name), or in the device function that it calls `inside`.

    finding : what the checks must find, "" where the fault is one of arithmetic.
    """

    kernel: str
    finding: str
    old: str
    new: str
    inside: str = ""

    def __str__(self):
        return f"{self.kernel}-{self.inside or self.old.split()[0]}-{self.new.strip()[:24]}".replace("\n", " ")

    @functools.cached_property
    def function(self):
        """The kernel's Python function with the fault."""
        kernel = every_kernel()[self.kernel]
        if not self.inside:
            return planted(kernel, self.old, self.new)
        module, _, name = self.inside.rpartition(".")
        scope = kernel.function.__globals__
        sound = getattr(scope[module], name) if module else scope[name]
        faulty = numba.njit(error_model="numpy")(planted(sound, self.old, self.new))
        if not module:
            return rebound(kernel, **{name: faulty})
        changed = types.ModuleType(module)
        changed.__dict__.update({**vars(scope[module]), name: faulty})
        return rebound(kernel, **{module: changed})


class Faulty(Threads):
    """Threads, with one kernel's source changed."""

    def __init__(self, fault, **options):
        super().__init__(**options)
        self.fault = fault
        self.planted = False

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        if kernel.name != self.fault.kernel:
            super().launch(kernel, blocks, threads, *arguments, shared=shared)
        elif np.prod(blocks):
            faulty = Kernel(self.fault.function, signature_for(kernel, arguments), self.checked)
            self.planted = True
            self.run(faulty, kernel, blocks, threads, arguments, shared)


@functools.cache
def vois():
    """A small VOI and a larger one, whose every corner is in the mask, and a row; levels are absent between those present."""
    rng = np.random.default_rng(8)
    volumes = [random_volume(rng, (3, 4, 5), 3, 0.9), random_volume(rng, (5, 6, 7), 6, 0.8), np.arange(1, 6).reshape(1, 1, 5)]
    for volume in volumes:
        volume[[0, -1], [0, -1], [0, -1]] = 1
    levels = np.array([0, 1, 3, 4, 8, 9, 12])
    return [Voi(levels[volume], volume > 0) for volume in volumes]
