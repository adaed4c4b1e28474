"""A device whose kernels run on CPU threads: what numba-cuda compiled for a GPU, arrays in NumPy's memory."""

from __future__ import annotations

import contextlib

import numpy as np
from emulator import Kernel, driverless


class There(np.ndarray):
    """An array in the device's memory."""


def there(array):
    """The array as if the device held it."""
    return np.ascontiguousarray(array).view(There)


class Threads:
    """See voxomics.kernels.device.Device.

    checked, order, seed : as for emulator.Kernel. tile : voxels of a tile. memory : bytes that the device says it has.
    findings : one for each launch, with the kernel's name. copied : bytes that `put` copied. blocks : of each launch.
    """

    name = "CPU threads"

    def __init__(self, checked=True, order="forward", seed=0, tile=1 << 15, memory=1 << 30):
        self.checked, self.order, self.seed = checked, order, seed
        self.tile, self.memory = tile, memory
        self.findings = []
        self.copied = 0
        self.blocks = []

    def free_bytes(self):
        return self.memory

    def stream(self):
        return contextlib.nullcontext()

    def put(self, array):
        if isinstance(array, There):
            return array
        self.copied += array.nbytes
        return there(array.copy())  # never the caller's memory: a kernel must not change it

    def empty(self, shape, dtype):
        return there(np.full(shape, 0x55, dtype))  # what a kernel must not rely on

    def zeros(self, shape, dtype):
        return there(np.zeros(shape, dtype))

    def get(self, array):
        return np.array(array)

    def sort(self, codes):
        codes.sort()
        return codes

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        if np.prod(blocks) == 0:
            return
        compiled = Kernel(kernel, signature_for(kernel, arguments), self.checked)
        self.run(compiled, kernel, blocks, threads, arguments, shared)

    def run(self, compiled, kernel, blocks, threads, arguments, shared):
        how = {"dynamic_shared": shared, "order": self.order, "seed": self.seed, "relaxed": kernel.relaxed}
        found = compiled.launch(blocks, threads, *arguments, **how)
        self.findings.append((kernel.name, found))
        self.blocks.append((kernel.name, int(np.prod(blocks))))

    def assert_clean(self):
        """No launch so far has a finding."""
        faults = [f"{name}: {found.text}" for name, found in self.findings if not found.clean]
        assert not faults, "\n".join(faults[:5])


def signature_for(kernel, arguments):
    """The signature whose arrays have the types of these; numba-cuda would choose it, or refuse the call."""
    for signature in kernel.signatures:
        types = driverless.argument_types(signature)
        assert len(types) == len(arguments), f"{kernel.name} takes {len(types)} arguments, got {len(arguments)}"
        arrays = [(t, a) for t, a in zip(types, arguments, strict=True) if isinstance(a, np.ndarray)]
        if all(str(t.dtype) == str(a.dtype) and t.ndim == a.ndim for t, a in arrays):
            return signature
    got = ", ".join(f"{a.dtype}[{a.ndim}]" if isinstance(a, np.ndarray) else type(a).__name__ for a in arguments)
    raise TypeError(f"{kernel.name} is declared for {' or '.join(kernel.signatures)}; got {got}")
