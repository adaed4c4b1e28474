"""Faults planted in the arithmetic of the GPU's kernels: the family's twin must see each of them.

Bodies that both targets share have their faults in tests/kernels/test_arithmetic_faults.py.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from faulty import Fault, Faulty, every_kernel, vois
from threads import Threads

from shared import ROOT
from suite import ON_DEVICE, Voi, check

FAULTS = {
    "glcm": [
        ("glcm.count.count_gpu", "* nx + dirs[d, 2]", "* nx", "step_of"),
        ("glcm.count.count_gpu", "cell_of(min(a, b) - 1,", "cell_of(0,"),
        ("glcm.count.count_gpu", "if b > 0:", "if b > 1:"),
        ("glcm.measure.measure_gpu", "x += 2.0 * matrix[c]", "x += matrix[c]"),
        ("glcm.measure.measure_gpu", "one[SLICE] + 1):", "one[SLICE]):", "merge"),
        ("glcm.measure.measure_gpu", "(2.0 if a == b else 1.0)", "1.0", "distribute"),
        ("grouping.means_gpu", "total += x", "total = x", "mean_of"),
    ],
    "glrlm": [
        ("glrlm.count_gpu", "if a > 0 and level[p - step] != a:", "if a > 0 and level[p - step] < a:"),
        ("glrlm.count_gpu", "while level[p + step] == a:", "while level[p + step] == a and length < 2:", "length_of"),
        ("glrlm.count_gpu", "(rank - 1) * width + size - 1, 1)", "(rank - 1) * width, 1)", "table.enter"),
        ("glrlm.count_gpu", "if shared[c] > 0:", "if shared[c] > 1:", "table.close_table"),
        ("size_matrix.measure.measure_gpu", "float(levels[c // width])", "float(c // width + 1)"),
        ("size_matrix.measure.measure_gpu", "of_sizes += (s + 1) * x", "of_sizes += s * x", "marginals"),
        ("grouping.means_gpu", "number += 1", "number = 1", "mean_of"),
        ("grouping.means_gpu", "first[g + 1], f, convention)", "first[g] + 1, f, convention)"),
    ],
    "ngldm": [
        ("ngldm.count_gpu", "(b >= low) & (b <= high)", "(b >= low) & (b < high + 2)", "depending"),
        ("ngldm.count_gpu", "if a > 0:", "if a > 1:"),
        ("size_matrix.measure.measure_gpu", "own[slots.ENERGY] = ", "own[slots.ENERGY] = 2.0 * "),
    ],
    "ngtdm": [
        ("ngtdm.count.count_gpu", "difference = abs(n *", "difference = abs((n - 1) *"),
        ("ngtdm.count.count_gpu", "dy = -distance\n", "dy = np.int32(0)\n"),
        ("ngtdm.measure.measure_gpu", "x[other] < x[k] or", "x[other] > x[k] or", "sort"),
        ("ngtdm.measure.measure_gpu", "if first == a and number[a] > 0:", "if number[a] > 0:", "own_complexity"),
    ],
    "gldzm": [
        ("zones.depth.sweep_gpu", "left = min(here, left + 1)", "left = min(here, left + 2)"),
        ("zones.depth.sweep_gpu", "left = min(np.int64(box[p]), left + 1)", "left = np.int64(box[p])"),
        ("zones.union.runs_gpu", "size[place[i] + p] = 0", "size[place[i] + p] = 1"),
        ("zones.union.join_gpu", "nx * ny, 1, not planar)", "nx * ny, 1, False)"),
        ("zones.union.total_gpu", "nearest = min(nearest,", "nearest = max(nearest - FAR,"),
        ("zones.union.list_gpu", "zone_rank[t] = box[p]", "zone_rank[t] = box[p + 1] + (box[p + 1] == 0)"),
        ("zones.measure.measure_gpu", "+= of_rank * of_rank / total", "+= of_rank / total", "measure_list"),
    ],
    "glszm": [
        (
            "zones.measure.code_gpu", "(m << rank_bits << column_bits) | column[t]",
            "(m << rank_bits << column_bits) | column[t] >> 1",
        ),
        ("zones.union.total_gpu", "r - p)", "r - p + 1)"),
        ("zones.measure.measure_gpu", "of_columns += entries[k] & last_column", "of_columns += 1", "measure_list"),
    ],
    "intensity_histogram": [
        ("histogram.count_gpu", "jit.cuda.atomic.add(shared, a, 1)", "jit.cuda.atomic.add(shared, 0, 1)"),
        ("histogram.measure_gpu", "rank >= counts[r]", "rank > counts[r]", "level_of_voxel"),
        ("histogram.measure_gpu", "float(level[r]), float(counts[r])", "float(level[r]), float(counts[r] + 1)"),
    ],
    "intensity_statistics": [
        ("intensity.selection.count_gpu", "(mine >> shift) & (DIGITS - 1)", "(mine >> shift) & (DIGITS - 2)"),
        ("intensity.selection.choose_gpu", "rank >= counts[at + digit]", "rank > counts[at + digit]"),
        ("intensity.moments.look_gpu", "keep(block.max_of(highest, room)", "keep(block.max_of(origin, room)"),
        ("intensity.moments.join_gpu", "seen[k, f] += part[t, f]", "seen[k, f] = part[t, f]"),
        ("intensity.moments.deviate_gpu", "keep(block.sum_of(m3, room)", "keep(block.sum_of(m2, room)"),
        ("intensity.features.describe_gpu", "m4 += part[t, FOURTH]", "m4 += part[t, CUBE]"),
        ("intensity.features.describe_gpu", "robust += part[t, ROBUST]", "robust = part[t, ROBUST]"),
        ("intensity.moments.deviate_gpu", "room[t] += room[t + half]", "room[t] -= room[t + half]", "block.sum_of"),
        ("intensity.moments.look_gpu", "max(room[t], room[t + half])", "room[t]", "block.max_of"),
    ],
    "morphology": [
        ("shape.mesh.count_gpu", "near | far << 4", "near | far << 3", "face"),
        ("shape.mesh.surface_gpu", "own_parts += counts[i, c] * of_volume[c]", "own_parts += counts[i, c] * 24"),
        ("shape.moments.moments_gpu", "add_row(1, ux, ux * ux,", "add_row(1, ux, ux * ux + 1,"),
        ("shape.moments.moments_gpu", "far, ABOVE_X, high_x)", "far, ABOVE_X, high_x - 1)"),
        ("shape.moments.moments_gpu", "room[s, thread] += room", "room[s, thread] -= room", "add_up"),
        ("shape.moments.weigh_gpu", "value[mine] * (x - nx // 2)", "value[mine] * x"),
        ("shape.tiles.total_gpu", "total += of_tile[t, s]", "total = of_tile[t, s]"),
        ("shape.outline.corners_gpu", "ny, 2 * thread - 1,", "ny, 1 - 2 * thread,"),
        (
            "shape.outline.corners_gpu", "tips(region, p, z - pad, y - pad,",
            "tips(region, p, z - pad, y - pad + (z & 1),",
        ),
        ("shape.diameter.pairs_gpu", "points[q, 2] * dx", "points[q, 2] * dy"),
        ("shape.diameter.pairs_gpu", "square(z - other[0, c],", "square(0.5 * z - other[0, c],"),
    ],
}  # fmt: skip
CASES = [
    (family, Fault(kernel, "", old, new, *inside)) for family, faults in FAULTS.items() for kernel, old, new, *inside in faults
]


def every_file():
    """Files with code for a GPU alone, as modules below voxomics.kernels."""
    for path in sorted((ROOT / "kernels").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "kernels").with_suffix("").parts)
        if "jit.cuda.threadIdx" in path.read_text(encoding="utf-8"):
            yield name


def arm():
    """A VOI whose two ends lie in two slices, each in the middle one of three rows: vois() end in their boxes' corners."""
    levels = np.zeros((2, 3, 9), int)
    levels[:, ::2, 3:6] = 1
    levels[0, 1, :5], levels[1, 1, 4:] = 2, 4
    return Voi(levels, levels > 0)


def measure(name, device):
    """Compare a family with its twin under its first and its last aggregation."""
    family = next(f for f in ON_DEVICE if f.name == name)
    ways = family.aggregations
    for aggregation in dict.fromkeys((ways[0], ways[-1])) if ways else ("",):
        check(family, aggregation, [*vois(), arm()], {}, device)


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
    number = Counter(fault.place for _, fault in CASES)
    for file in every_file():
        assert number[file] >= 2, file
    assert {fault.kernel for _, fault in CASES} == set(every_kernel())
