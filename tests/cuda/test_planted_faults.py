"""Faults planted in the real kernels' source: the harness must object to each, and to nothing in the sound kernels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from emulator import Kernel, planted
from suite import ON_DEVICE, Voi, measured
from threads import Threads, signature_for

from batches import random_volume


class Faulty(Threads):
    """Threads, with one kernel's source changed."""

    def __init__(self, kernel, old, new, **options):
        super().__init__(order="random", **options)
        self.victim, self.function = kernel, planted(kernel, old, new)

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        if kernel is not self.victim:
            super().launch(kernel, blocks, threads, *arguments, shared=shared)
            return
        self.run(Kernel(self.function, signature_for(kernel, arguments)), kernel, blocks, threads, arguments, shared)


@dataclasses.dataclass(frozen=True)
class Fault:
    """`old` replaced by `new` in `kernel` (module.name); the finding it must cause."""

    family: str
    kernel: str
    old: str
    new: str
    finding: str


FAULTS = [
    Fault(
        "glcm",
        "glcm.count_gpu",
        "        c += threads\n    jit.cuda.syncthreads()\n    q,",
        "        c += threads\n    q,",
        "races",
    ),
    Fault("glcm", "glcm.count_gpu", "jit.cuda.atomic.add(shared, c, 1)", "shared[c] += 1", "races"),
    Fault(
        "glcm", "glcm.count_gpu", "jit.cuda.atomic.add(counts, table + c, shared[c])", "counts[table + c] += shared[c]", "races"
    ),
    Fault("glcm", "glcm.count_gpu", "while q < length:", "while q <= length + 30000:", "out_of_bounds"),
    Fault("glcm", "glcm.count_gpu", "shared[c] = 0", "pass", "uninitialised"),
    Fault("glcm", "glcm.measure_gpu", "while m < work.shape[0]:", "while m <= work.shape[0]:", "out_of_bounds"),
    Fault("glcm", "glcm.measure_gpu", "if thread == 0:", "if thread <= 1:", "races"),
    Fault("glrlm", "emphasis.measure_dense_gpu", "if thread == 0:", "if thread <= 1:", "races"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.kernel}-{f.new.strip()[:30]}")
def test_a_planted_fault_is_found(fault):
    from voxomics.kernels.jit import GPU_KERNELS

    family = next(f for f in ON_DEVICE if f.name == fault.family)
    rng = np.random.default_rng(8)
    vois = [Voi(v, v > 0) for v in (random_volume(rng, (5, 6, 7), 6, 0.8), random_volume(rng, (3, 4, 5), 3, 0.9))]
    aggregation = family.aggregations[-1] if family.aggregations else ""
    sound = Threads(order="random", tile=60)
    measured(family, aggregation, vois, {}, sound)
    sound.assert_clean()
    faulty = Faulty(GPU_KERNELS[fault.kernel], fault.old, fault.new, tile=60)
    measured(family, aggregation, vois, {}, faulty)
    found = {kind for name, f in faulty.findings if name == fault.kernel for kind in vars(f) if getattr(f, kind)}
    assert fault.finding in found, f"found {found}"
