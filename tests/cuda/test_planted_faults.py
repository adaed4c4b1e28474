"""Faults planted in the real kernels' source: the harness must object to each, and to nothing in the sound kernels."""

from __future__ import annotations

import dataclasses
import functools
import types

import numba
import numpy as np
import pytest
from emulator import Kernel, planted, rebound
from threads import Threads, signature_for

from batches import random_volume
from suite import ON_DEVICE, Voi, measured
from voxomics.kernels.jit import GPU_KERNELS

RACE, BOUNDS, UNSET = "races", "out_of_bounds", "uninitialised"


@dataclasses.dataclass(frozen=True)
class Fault:
    """`old` replaced by `new` in a kernel (module.name), or in the device function that it calls `inside`; what it must cause."""

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
        kernel = GPU_KERNELS[self.kernel]
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


class Caught(Exception):
    """The fault was found. What its kernel leaves behind may lead what comes after it anywhere, so nothing does."""


class Faulty(Threads):
    """Threads, with one kernel's source changed."""

    def __init__(self, fault, **options):
        super().__init__(**options)
        self.fault = fault

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        if kernel.name != self.fault.kernel:
            super().launch(kernel, blocks, threads, *arguments, shared=shared)
        elif np.prod(blocks):
            faulty = Kernel(self.fault.function, signature_for(kernel, arguments))
            self.run(faulty, kernel, blocks, threads, arguments, shared)
            if getattr(self.findings[-1][1], self.fault.finding):
                raise Caught


BARRIER = "jit.cuda.syncthreads()"
SUM = {"inside": "block.sum_of", "old": f"room[t] = value\n    {BARRIER}", "new": "room[t] = value"}
CLEARED = {"old": f"c += threads\n    {BARRIER}\n    q", "new": "c += threads\n    q"}
OPENED = {"inside": "emphasis.open_table", "old": f"blockDim.x\n    {BARRIER}", "new": "blockDim.x"}
ENTERED = {
    "inside": "emphasis.enter",
    "old": "jit.cuda.atomic.add(shared, (rank - 1) * width + size - 1, 1)",
    "new": "shared[(rank - 1) * width + size - 1] += 1",
}
CLOSED = {"inside": "emphasis.close_table", "old": f"    {BARRIER}\n", "new": ""}
TALLIED = {
    "inside": "emphasis.close_table",
    "old": "jit.cuda.atomic.add(counts, matrix + c // width * n_columns + c % width, shared[c])",
    "new": "counts[matrix + c // width * n_columns + c % width] += shared[c]",
}

FAULTS = {
    "glcm": [
        Fault("glcm.count_gpu", RACE, **CLEARED),
        Fault("glcm.count_gpu", RACE, "jit.cuda.atomic.add(shared, c, 1)", "shared[c] += 1"),
        Fault("glcm.count_gpu", RACE, "jit.cuda.atomic.add(counts, table + c, shared[c])", "counts[table + c] += shared[c]"),
        Fault("glcm.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("glcm.count_gpu", UNSET, "shared[c] = 0", "pass"),
        Fault("glcm.measure_gpu", BOUNDS, "while m < work.shape[0]:", "while m <= work.shape[0]:"),
        Fault("glcm.measure_gpu", RACE, "if thread == 0:", "if thread <= 1:"),
        Fault("glcm.measure_gpu", RACE, f"        {BARRIER}\n", "", inside="distribute"),
    ],
    "glrlm": [
        Fault("glrlm.count_gpu", RACE, **OPENED),
        Fault("glrlm.count_gpu", RACE, **ENTERED),
        Fault("glrlm.count_gpu", RACE, **TALLIED),
        Fault("glrlm.count_gpu", BOUNDS, "while q < n:", "while q <= n:"),
        Fault("glrlm.count_gpu", BOUNDS, "while c < n_levels", "while c <= n_levels", inside="emphasis.open_table"),
        Fault("emphasis.measure_dense_gpu", RACE, "if thread == 0:", "if thread <= 1:"),
        Fault("emphasis.measure_dense_gpu", RACE, **SUM),
        Fault("emphasis.measure_dense_gpu", BOUNDS, "while m < work.shape[0]:", "while m <= work.shape[0]:"),
        Fault("emphasis.measure_dense_gpu", BOUNDS, "while s < n_columns:", "while s <= n_columns:", inside="marginals"),
        Fault("block.mean_gpu", BOUNDS, "if at < out", "if at <= out"),
    ],
    "ngldm": [
        Fault("ngldm.count_gpu", RACE, **CLOSED),
        Fault("ngldm.count_gpu", RACE, **TALLIED),
        Fault("ngldm.count_gpu", BOUNDS, "nx - distance, depth", "nx - distance + 1, depth"),
        Fault("ngldm.count_gpu", BOUNDS, "while c < n_levels", "while c <= n_levels", inside="emphasis.close_table"),
    ],
    "ngtdm": [
        Fault("ngtdm.count_gpu", RACE, **CLEARED),
        Fault("ngtdm.count_gpu", RACE, "jit.cuda.atomic.add(shared, c, 1)", "shared[c] += 1"),
        Fault("ngtdm.count_gpu", RACE, "jit.cuda.atomic.add(shared, c + n, np.int32(difference))", "shared[c + n] += difference"),
        Fault("ngtdm.count_gpu", RACE, "jit.cuda.atomic.add(sums, table + c, shared[c])", "sums[table + c] += shared[c]"),
        Fault("ngtdm.count_gpu", BOUNDS, "end = p + 2 * distance", "end = p + 2 * distance + 1"),
        Fault("ngtdm.measure_gpu", RACE, f"{BARRIER}\n    if thread == 0:", "if thread == 0:"),
        Fault("ngtdm.measure_gpu", RACE, f"{BARRIER}\n    if moment", "if moment"),
        Fault("ngtdm.measure_gpu", BOUNDS, "elif thread < N_FEATURES:", "if thread <= N_FEATURES:"),
    ],
    "gldzm": [
        Fault("zones.sweep_gpu", BOUNDS, "line * n < nz * ny * nx", "line * n <= nz * ny * nx"),
        Fault("zones.runs_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault(
            "zones.join_gpu", RACE, "before = jit.cuda.atomic.min(parent, late, early)",
            "before = parent[late]\n        parent[late] = min(before, early)", inside="unite",
        ),
        Fault("zones.join_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("zones.total_gpu", RACE, "jit.cuda.atomic.add(size, place[i] + root, r - p)", "size[place[i] + root] += r - p"),
        Fault(
            "zones.total_gpu", RACE, "jit.cuda.atomic.min(near, place[i] + root, nearest)",
            "near[place[i] + root] = min(near[place[i] + root], nearest)",
        ),
        Fault("zones.total_gpu", RACE, **SUM),
        Fault("zones.total_gpu", BOUNDS, "n_zones[tile] = roots", "n_zones[tile + 1] = roots"),
        Fault("zones.list_gpu", RACE, f"taken[0] = 0\n    {BARRIER}", "taken[0] = 0"),
        Fault("zones.list_gpu", RACE, "jit.cuda.atomic.add(taken, 0, 1)", "taken[0]\n            taken[0] += 1"),
        Fault("zones.code_gpu", BOUNDS, "if t < row.size:", "if t <= row.size:"),
        Fault("zones.measure_gpu", RACE, "0 and f < N_FEATURES:\n            out", "thread and f < N_FEATURES:\n            out"),
        Fault("zones.measure_gpu", BOUNDS, "while first == last and f < out.shape[1]:", "while f <= out.shape[1]:"),
    ],
    "intensity_histogram": [
        Fault("histogram.count_gpu", RACE, f"{BARRIER}\n    q", "q"),
        Fault("histogram.count_gpu", RACE, "jit.cuda.atomic.add(shared, a, 1)", "shared[a] += 1"),
        Fault("histogram.count_gpu", RACE, "jit.cuda.atomic.add(counts, own + a, shared[a])", "counts[own + a] += shared[a]"),
        Fault("histogram.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("histogram.shape_gpu", RACE, "if thread == SHAPING - 1:", "if thread >= SHAPING - 2:"),
        Fault("histogram.shape_gpu", BOUNDS, "if thread < ranks.shape[1]:", "if thread <= ranks.shape[1]:"),
    ],
    "intensity_statistics": [
        Fault("intensity.count_gpu", RACE, f"several[0] = n\n    {BARRIER}", "several[0] = n"),
        Fault(
            "intensity.count_gpu", RACE, "jit.cuda.atomic.add(shared, j * DIGITS + np.int32((mine >> shift) & (DIGITS - 1)), 1)",
            "shared[j * DIGITS + np.int32((mine >> shift) & (DIGITS - 1))] += 1",
        ),
        Fault("intensity.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("intensity.choose_gpu", RACE, f"(digit << shift)\n    {BARRIER}", "(digit << shift)"),
        Fault("intensity.choose_gpu", BOUNDS, "while c < COUNTS:", "while c <= COUNTS:"),
        Fault("intensity.look_gpu", RACE, "if jit.cuda.threadIdx.x == 0:", "if jit.cuda.threadIdx.x <= 1:", inside="keep"),
        Fault("intensity.look_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("intensity.join_gpu", BOUNDS, "+ 1, tile_start[k + 1])", "+ 1, tile_start[k + 1] + 1)"),
        Fault("intensity.deviate_gpu", RACE, **SUM),
        Fault("intensity.describe_gpu", BOUNDS, "if k < out.shape[0]:", "if k <= out.shape[0]:"),
    ],
    "morphology": [
        Fault("mesh.count_gpu", RACE, f"{BARRIER}\n    last", "last"),
        Fault("mesh.count_gpu", RACE, "jit.cuda.atomic.add(shared, configuration, 1)", "shared[configuration] += 1"),
        Fault("mesh.count_gpu", RACE, "jit.cuda.atomic.add(counts, (i, c), shared[c])", "counts[i, c] += shared[c]"),
        Fault("mesh.count_gpu", BOUNDS, "plane - nx - 1)", "plane - nx)"),
        Fault("mesh.surface_gpu", RACE, **SUM),
        Fault("mesh.surface_gpu", BOUNDS, "while c < 256:", "while c <= 256:"),
        Fault("mesh.moments_gpu", RACE, f"far[thread] = 0\n    {BARRIER}", "far[thread] = 0"),
        Fault("mesh.moments_gpu", RACE, "jit.cuda.atomic.max(far, 4, high_y)", "far[4] = max(far[4], high_y)"),
        Fault("mesh.moments_gpu", RACE, f"half]\n        {BARRIER}", "half]", inside="add_up"),
        Fault("mesh.weigh_gpu", RACE, f"else 0\n        {BARRIER}", "else 0", inside="sum_before"),
        Fault("mesh.weigh_gpu", BOUNDS, "p = min(q + RUN, length[tile]) - 1", "p = min(q + RUN, length[tile])"),
        Fault("mesh.total_gpu", BOUNDS, "if t < row.size and", "if t <= row.size and"),
        Fault("outline.corners_gpu", RACE, f"y += threads\n        {BARRIER}", "y += threads"),
        Fault(
            "outline.corners_gpu", RACE, "jit.cuda.atomic.add(number, i, n)",
            "number[i]\n                number[i] += n",
        ),
        Fault("shape.pairs_gpu", RACE, f"{BARRIER}\n            c =", "c ="),
        Fault("shape.pairs_gpu", BOUNDS, "largest[b] = found", "largest[b + 1] = found"),
    ],
}  # fmt: skip


@functools.cache
def vois():
    """A small VOI and a larger one, whose every corner is in the mask."""
    rng = np.random.default_rng(8)
    volumes = [random_volume(rng, (3, 4, 5), 3, 0.9), random_volume(rng, (5, 6, 7), 6, 0.8)]
    for volume in volumes:
        volume[[0, -1], [0, -1], [0, -1]] = 1
    return [Voi(volume, volume > 0) for volume in volumes]


def measure(name, device):
    family = next(f for f in ON_DEVICE if f.name == name)
    features = "morphology.maximum_3d_diameter" if name == "morphology" else name  # without what the CPU finds out
    measured(family, family.aggregations[-1] if family.aggregations else "", vois(), {"features": [features]}, device)
    return device


@functools.cache
def launched(family):
    """The kernels that a family launches, none of which has a finding."""
    sound = measure(family, Threads(order="random", tile=60))
    sound.assert_clean()
    return {name for name, _ in sound.findings}


@pytest.mark.parametrize(("family", "fault"), [(family, fault) for family, faults in FAULTS.items() for fault in faults], ids=str)
def test_a_planted_fault_is_found(family, fault):
    assert fault.kernel in launched(family)
    with pytest.raises(Caught):
        measure(family, Faulty(fault, order="random", tile=60))


def test_every_kernel_has_a_fault():
    missing = set().union(*map(launched, FAULTS)) - {fault.kernel for faults in FAULTS.values() for fault in faults}
    assert not missing
