"""Faults planted in the arithmetic of the GPU's kernels: the family's twin must see each of them.

Bodies that both targets share have their faults in tests/kernels/test_arithmetic_faults.py.
"""

from __future__ import annotations

from collections import Counter

import pytest
from faulty import Fault, Faulty, every_kernel, vois
from threads import Threads

from suite import ON_DEVICE, check

FAULTS = {
    "glcm": [
        ("glcm.count_gpu", "* shape[i, 2] + dirs[d, 2]", "* shape[i, 2]"),
        ("glcm.count_gpu", "c = cell_of(min(a, b) - 1, max(a, b) - 1, n_levels)", "c = cell_of(0, max(a, b) - 1, n_levels)"),
        ("glcm.measure_gpu", "x += 2.0 * mine[c]", "x += mine[c]"),
        ("glcm.measure_gpu", "work[m, 1] + 1):", "work[m, 1]):", "merge"),
        ("glcm.measure_gpu", "tally(a, b, 2.0 * x if a == b else x,", "tally(a, b, x,", "distribute"),
        ("block.mean_gpu", "total += feature[m, f]", "total = feature[m, f]"),
    ],
    "glrlm": [
        ("glrlm.count_gpu", "if a > 0 and level[p - step] != a:", "if a > 0 and level[p - step] < a:"),
        ("glrlm.count_gpu", "while level[p + step] == a:", "while level[p + step] == a and r < 2:"),
        ("glrlm.count_gpu", "(rank - 1) * width + size - 1, 1)", "(rank - 1) * width, 1)", "emphasis.enter"),
        ("emphasis.measure_dense_gpu", "float(levels[c // width])", "float(c // width + 1)"),
        ("emphasis.measure_dense_gpu", "of_sizes += (s + 1) * x", "of_sizes += s * x", "marginals"),
        ("block.mean_gpu", "number += 1", "number = 1"),
    ],
    "ngldm": [
        ("ngldm.count_gpu", "(b >= low) & (b <= high)", "(b >= low) & (b < high + 2)", "depending"),
        ("ngldm.count_gpu", "if a > 0:", "if a > 1:"),
        ("emphasis.measure_dense_gpu", "own[N_FEATURES] = energy(", "own[N_FEATURES] = 2.0 * energy("),
    ],
    "ngtdm": [
        ("ngtdm.count_gpu", "difference = abs(n *", "difference = abs((n - 1) *"),
        ("ngtdm.count_gpu", "dy = -distance\n", "dy = np.int32(0)\n"),
        ("ngtdm.measure_gpu", "x[other] < x[k] or", "x[other] > x[k] or", "sort"),
        ("ngtdm.measure_gpu", "if first == a and number[a] > 0:", "if number[a] > 0:", "own_complexity"),
    ],
    "gldzm": [
        ("zones.sweep_gpu", "left = min(here, left + 1)", "left = min(here, left + 2)"),
        ("zones.runs_gpu", "size[place[i] + p] = 0", "size[place[i] + p] = 1"),
        ("zones.join_gpu", "nx * ny, 1, not planar)", "nx * ny, 1, False)"),
        ("zones.total_gpu", "nearest = min(nearest,", "nearest = max(nearest - FAR,"),
        ("zones.list_gpu", "zone_rank[t] = box[p]", "zone_rank[t] = box[p + 1] + (box[p + 1] == 0)"),
        ("zones.measure_gpu", "own[8] += of_rank * of_rank / total", "own[8] += of_rank / total", "measure_list"),
    ],
    "glszm": [
        ("zones.code_gpu", "(m << rank_bits << column_bits) | column[t]", "(m << rank_bits << column_bits) | column[t] >> 1"),
        ("zones.total_gpu", "r - p)", "r - p + 1)"),
        ("zones.measure_gpu", "of_columns += entries[k] & last_column", "of_columns += 1", "measure_list"),
    ],
    "intensity_histogram": [
        ("histogram.count_gpu", "jit.cuda.atomic.add(shared, a, 1)", "jit.cuda.atomic.add(shared, 0, 1)"),
        ("histogram.shape_gpu", "left >= counts[r]", "left > counts[r]"),
        ("histogram.shape_gpu", "value[r], weight[r] = float(level_of[r]), float(counts[r])",
         "value[r], weight[r] = float(level_of[r]), float(counts[r] + 1)"),
    ],
    "intensity_statistics": [
        ("intensity.count_gpu", "(mine >> shift) & (DIGITS - 1)", "(mine >> shift) & (DIGITS - 2)"),
        ("intensity.choose_gpu", "rank >= counts[at + digit]", "rank > counts[at + digit]"),
        ("intensity.look_gpu", "keep(block.max_of(highest, room)", "keep(block.max_of(origin, room)"),
        ("intensity.join_gpu", "seen[k, f] += part[t, f]", "seen[k, f] = part[t, f]"),
        ("intensity.deviate_gpu", "keep(block.sum_of(m3, room), part, tile, 2)", "keep(block.sum_of(m2, room), part, tile, 2)"),
        ("intensity.describe_gpu", "m4 += part[t, 3]", "m4 += part[t, 2]"),
        ("intensity.deviate_gpu", "room[t] += room[t + half]", "room[t] -= room[t + half]", "block.sum_of"),
        ("intensity.look_gpu", "max(room[t], room[t + half])", "room[t]", "block.max_of"),
    ],
    "morphology": [
        ("mesh.count_gpu", "(region[far + 1] & 1) << 5", "(region[far + 1] & 1) << 4"),
        ("mesh.surface_gpu", "own_parts += counts[i, c] * of_volume[c]", "own_parts += counts[i, c] * 24"),
        ("mesh.moments_gpu", "add_row(1, ux, ux * ux,", "add_row(1, ux, ux * ux + 1,"),
        ("mesh.moments_gpu", "jit.cuda.atomic.max(far, 5, high_x)", "jit.cuda.atomic.max(far, 5, high_x - 1)"),
        ("mesh.weigh_gpu", "value[mine] * (x - nx // 2)", "value[mine] * x"),
        ("mesh.total_gpu", "total += of_tile[t, s]", "total = of_tile[t, s]"),
        ("outline.corners_gpu", "ny, 2 * thread - 1,", "ny, 1 - 2 * thread,"),
        ("outline.corners_gpu", "tips(region, p, z - pad, y - pad,", "tips(region, p, z - pad, y - pad + (z & 1),"),
        ("shape.pairs_gpu", "other[2, thread] = points[q, 0] * dz, points[q, 1] * dy, points[q, 2] * dx",
         "other[2, thread] = points[q, 0] * dz, points[q, 1] * dy, points[q, 2] * dy"),
        ("shape.pairs_gpu", "found = max(found, square(z - other[0, c],", "found = max(found, square(0.5 * z - other[0, c],"),
    ],
}  # fmt: skip
CASES = [
    (family, Fault(kernel, "", old, new, *inside)) for family, faults in FAULTS.items() for kernel, old, new, *inside in faults
]


def measure(name, device):
    """Compare a family with its twin under its first and its last aggregation."""
    family = next(f for f in ON_DEVICE if f.name == name)
    ways = family.aggregations
    for aggregation in dict.fromkeys((ways[0], ways[-1])) if ways else ("",):
        check(family, aggregation, vois(), {}, device)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "fault"), CASES, ids=str)
def test_the_twin_sees_a_planted_fault(name, fault):
    device = Faulty(fault, tile=60)  # checked: an access out of bounds is left out
    with pytest.raises(AssertionError):
        measure(name, device)
    assert device.planted


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_the_twin_is_content_with_the_sound_kernels(name):
    """What makes the tests above raise is the fault alone."""
    measure(name, Threads(tile=60))


def test_every_file_has_two_faults():
    """Each can be planted: what it replaces stands once in its kernel."""
    for _, fault in CASES:
        assert callable(fault.function)
    number = Counter((fault.inside if "." in fault.inside else fault.kernel).partition(".")[0] for _, fault in CASES)
    for file in {name.partition(".")[0] for name in every_kernel()}:
        assert number[file] >= 2, file
    assert {fault.kernel for _, fault in CASES} == set(every_kernel())
