"""Races and accesses out of bounds planted in the real kernels' source: the harness must object to each."""

from __future__ import annotations

import functools

import pytest
from faulty import Fault, Faulty, vois
from threads import Threads

from suite import ON_DEVICE, measured

RACE, BOUNDS, UNSET = "races", "out_of_bounds", "uninitialised"


class Caught(Exception):
    """The fault was found. What its kernel leaves behind may lead what comes after it anywhere, so nothing does."""


class Suspect(Faulty):
    """A device that stops when the checks have found the fault."""

    def run(self, compiled, kernel, blocks, threads, arguments, shared):
        super().run(compiled, kernel, blocks, threads, arguments, shared)
        if kernel.name == self.fault.kernel and getattr(self.findings[-1][1], self.fault.finding):
            raise Caught


BARRIER = "jit.cuda.syncthreads()"
SUM = {"inside": "block.sum_of", "old": f"room[t] = value\n    {BARRIER}", "new": "room[t] = value"}
CLEARED = {"old": f"c += threads\n    {BARRIER}\n    q", "new": "c += threads\n    q"}
OPENED = {"inside": "table.open_table", "old": f"blockDim.x\n    {BARRIER}", "new": "blockDim.x"}
ENTERED = {
    "inside": "table.enter",
    "old": "jit.cuda.atomic.add(shared, (rank - 1) * width + size - 1, 1)",
    "new": "shared[(rank - 1) * width + size - 1] += 1",
}
CLOSED = {"inside": "table.close_table", "old": f"    {BARRIER}\n", "new": ""}
TALLIED = {
    "inside": "table.close_table",
    "old": "jit.cuda.atomic.add(counts, matrix + c // width * n_columns + c % width, shared[c])",
    "new": "counts[matrix + c // width * n_columns + c % width] += shared[c]",
}

FAULTS = {
    "glcm": [
        Fault("glcm.count.count_gpu", RACE, **CLEARED),
        Fault("glcm.count.count_gpu", RACE, "jit.cuda.atomic.add(shared, c, 1)", "shared[c] += 1"),
        Fault(
            "glcm.count.count_gpu", RACE, "jit.cuda.atomic.add(counts, table + c, shared[c])",
            "counts[table + c] += shared[c]",
        ),
        Fault("glcm.count.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("glcm.count.count_gpu", UNSET, "shared[c] = 0", "pass"),
        Fault("glcm.measure.measure_gpu", BOUNDS, "while m < work.shape[0]:", "while m <= work.shape[0]:"),
        Fault("glcm.measure.measure_gpu", RACE, "if thread == 0:", "if thread <= 1:"),
        Fault("glcm.measure.measure_gpu", RACE, f"        {BARRIER}\n", "", inside="distribute"),
    ],
    "glrlm": [
        Fault("glrlm.count_gpu", RACE, **OPENED),
        Fault("glrlm.count_gpu", RACE, **ENTERED),
        Fault("glrlm.count_gpu", RACE, **TALLIED),
        Fault("glrlm.count_gpu", BOUNDS, "while q < n:", "while q <= n:"),
        Fault("glrlm.count_gpu", BOUNDS, "while c < n_levels", "while c <= n_levels", inside="table.open_table"),
        Fault("size_matrix.measure.measure_gpu", RACE, "if thread == 0:", "if thread <= 1:"),
        Fault("size_matrix.measure.measure_gpu", RACE, f"{BARRIER}\n        entries", "entries"),
        Fault("size_matrix.measure.measure_gpu", RACE, **SUM),
        Fault("size_matrix.measure.measure_gpu", BOUNDS, "while m < work.shape[0]:", "while m <= work.shape[0]:"),
        Fault(
            "size_matrix.measure.measure_gpu", BOUNDS, "while s < n_columns:",
            "while s <= n_columns:", inside="marginals",
        ),
        Fault("grouping.means_gpu", BOUNDS, "if at < out", "if at <= out"),
    ],
    "ngldm": [
        Fault("ngldm.count_gpu", RACE, **CLOSED),
        Fault("ngldm.count_gpu", RACE, **TALLIED),
        Fault("ngldm.count_gpu", BOUNDS, "nx - distance, depth", "nx - distance + 1, depth"),
        Fault("ngldm.count_gpu", BOUNDS, "while c < n_levels", "while c <= n_levels", inside="table.close_table"),
    ],
    "ngtdm": [
        Fault("ngtdm.count.count_gpu", RACE, **CLEARED),
        Fault("ngtdm.count.count_gpu", RACE, "jit.cuda.atomic.add(shared, c, 1)", "shared[c] += 1"),
        Fault(
            "ngtdm.count.count_gpu", RACE, "jit.cuda.atomic.add(shared, c + n, np.int32(difference))",
            "shared[c + n] += difference",
        ),
        Fault(
            "ngtdm.count.count_gpu", RACE, "jit.cuda.atomic.add(sums, table + c, shared[c])",
            "sums[table + c] += shared[c]",
        ),
        Fault("ngtdm.count.count_gpu", BOUNDS, "end = p + 2 * distance", "end = p + 2 * distance + 1"),
        Fault("ngtdm.measure.measure_gpu", RACE, f"{BARRIER}\n    if thread == 0:", "if thread == 0:"),
        Fault("ngtdm.measure.measure_gpu", RACE, f"{BARRIER}\n    if moment", "if moment"),
        Fault("ngtdm.measure.measure_gpu", BOUNDS, "elif thread < slots.N_SLOTS:", "if thread <= slots.N_SLOTS:"),
    ],
    "gldzm": [
        Fault("zones.depth.sweep_gpu", BOUNDS, "line * n < nz * ny * nx", "line * n <= nz * ny * nx"),
        Fault("zones.union.runs_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault(
            "zones.union.join_gpu", RACE, "before = jit.cuda.atomic.min(parent, late, early)",
            "before = parent[late]\n        parent[late] = min(before, early)", inside="unite",
        ),
        Fault("zones.union.join_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault(
            "zones.union.total_gpu", RACE, "jit.cuda.atomic.add(size, place[i] + root, r - p)",
            "size[place[i] + root] += r - p",
        ),
        Fault(
            "zones.union.total_gpu", RACE, "jit.cuda.atomic.min(near, place[i] + root, nearest)",
            "near[place[i] + root] = min(near[place[i] + root], nearest)",
        ),
        Fault("zones.union.total_gpu", RACE, **SUM),
        Fault("zones.union.total_gpu", BOUNDS, "n_zones[tile] = roots", "n_zones[tile + 1] = roots"),
        Fault("zones.union.list_gpu", RACE, f"taken[0] = 0\n    {BARRIER}", "taken[0] = 0"),
        Fault("zones.union.list_gpu", RACE, "jit.cuda.atomic.add(taken, 0, 1)", "taken[0]\n            taken[0] += 1"),
        Fault("zones.measure.code_gpu", BOUNDS, "if t < row.size:", "if t <= row.size:"),
        Fault(
            "zones.measure.measure_gpu", RACE, "0 and f < N_SLOTS:\n            feature",
            "thread and f < N_SLOTS:\n            feature",
        ),
        Fault(
            "zones.measure.measure_gpu", BOUNDS, "if first == last and thread < N_SLOTS:",
            "if thread <= N_SLOTS:",
        ),
    ],
    "intensity_histogram": [
        Fault("histogram.count_gpu", RACE, f"{BARRIER}\n    q", "q"),
        Fault("histogram.count_gpu", RACE, "jit.cuda.atomic.add(shared, a, 1)", "shared[a] += 1"),
        Fault("histogram.count_gpu", RACE, "jit.cuda.atomic.add(counts, own + a, shared[a])", "counts[own + a] += shared[a]"),
        Fault("histogram.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("histogram.measure_gpu", RACE, "if thread == MEASURING - 1:", "if thread >= MEASURING - 2:"),
        Fault("histogram.measure_gpu", BOUNDS, "if thread < ranks.shape[1]:", "if thread <= ranks.shape[1]:"),
    ],
    "intensity_statistics": [
        Fault("intensity.selection.count_gpu", RACE, f"several[0] = n\n    {BARRIER}", "several[0] = n"),
        Fault(
            "intensity.selection.count_gpu", RACE,
            "jit.cuda.atomic.add(shared, j * DIGITS + np.int32((mine >> shift) & (DIGITS - 1)), 1)",
            "shared[j * DIGITS + np.int32((mine >> shift) & (DIGITS - 1))] += 1",
        ),
        Fault("intensity.selection.count_gpu", BOUNDS, "while q < length:", "while q <= length:"),
        Fault("intensity.selection.choose_gpu", RACE, f"(digit << shift)\n    {BARRIER}", "(digit << shift)"),
        Fault("intensity.selection.choose_gpu", BOUNDS, "while c < COUNTS:", "while c <= COUNTS:"),
        Fault("intensity.moments.look_gpu", RACE, "threadIdx.x == 0:", "threadIdx.x <= 1:", inside="keep"),
        Fault("intensity.moments.look_gpu", BOUNDS, "last = first + tile_length[tile]", "last = first + tile_length[tile] + 1"),
        Fault("intensity.moments.join_gpu", BOUNDS, "+ 1, tile_start[k + 1])", "+ 1, tile_start[k + 1] + 1)"),
        Fault("intensity.moments.deviate_gpu", RACE, **SUM),
        Fault("intensity.features.describe_gpu", BOUNDS, "if k < out.shape[0]:", "if k <= out.shape[0]:"),
    ],
    "morphology": [
        Fault("shape.mesh.count_gpu", RACE, f"{BARRIER}\n    last", "last"),
        Fault("shape.mesh.count_gpu", RACE, "jit.cuda.atomic.add(shared, configuration, 1)", "shared[configuration] += 1"),
        Fault("shape.mesh.count_gpu", RACE, "jit.cuda.atomic.add(counts, (i, c), shared[c])", "counts[i, c] += shared[c]"),
        Fault("shape.mesh.count_gpu", BOUNDS, "plane - nx - 1)", "plane - nx)"),
        Fault("shape.mesh.surface_gpu", RACE, **SUM),
        Fault("shape.mesh.surface_gpu", BOUNDS, "while c < CONF", "while c <= CONF"),
        Fault("shape.moments.moments_gpu", RACE, f"far[thread] = 0\n    {BARRIER}", "far[thread] = 0"),
        Fault("shape.moments.moments_gpu", RACE, "jit.cuda.atomic.max(far, ABOVE_Y, high_y)", "far[4] = max(far[4], high_y)"),
        Fault("shape.moments.moments_gpu", RACE, f"half]\n        {BARRIER}", "half]", inside="add_up"),
        Fault("shape.moments.weigh_gpu", RACE, f"else 0\n        {BARRIER}", "else 0", inside="sum_before"),
        Fault("shape.moments.weigh_gpu", BOUNDS, "p = min(q + RUN, length[tile]) - 1", "p = min(q + RUN, length[tile])"),
        Fault("shape.tiles.total_gpu", BOUNDS, "if t < row.size and", "if t <= row.size and"),
        Fault("shape.outline.corners_gpu", RACE, f"y += threads\n        {BARRIER}", "y += threads"),
        Fault(
            "shape.outline.corners_gpu", RACE, "jit.cuda.atomic.add(number, i, n)",
            "number[i]\n                number[i] += n",
        ),
        Fault("shape.diameter.pairs_gpu", RACE, f"{BARRIER}\n            c =", "c ="),
        Fault("shape.diameter.pairs_gpu", BOUNDS, "largest[b] = found", "largest[b + 1] = found"),
    ],
}  # fmt: skip


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
        measure(family, Suspect(fault, order="random", tile=60))


def test_every_kernel_has_a_fault():
    missing = set().union(*map(launched, FAULTS)) - {fault.kernel for faults in FAULTS.values() for fault in faults}
    assert not missing
