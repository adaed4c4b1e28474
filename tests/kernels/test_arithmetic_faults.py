"""Faults planted in the arithmetic of the CPU's kernels: the twin tests of the family must see each of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import pytest

import planted_kernel
from shared import ROOT

NO_ARITHMETIC = {"jit", "cache", "device"}
ON_DEVICE_ONLY = {"block", "shape.tiles", "size_matrix.table", "zones.union"}  # tests/cuda/test_arithmetic_faults.py


@dataclass(frozen=True)
class Fault:
    """`old`, which stands once in all kernels together, replaced by `new`; the tests that must see it."""

    tests: str
    old: str
    new: str
    named: str = "twin"

    def __str__(self) -> str:
        return f"{self.place or self.old.split()[0]}-{' '.join(self.new.split())[:40]}"

    @property
    def place(self) -> str:
        """The kernel file that holds the text; "" where none does, or several, so that tests can still be collected."""
        try:
            return planted_kernel.place_of(self.old).removeprefix("voxomics.kernels.")
        except ValueError:
            return ""


FAULTS = [
    Fault(f"tests/{tests}.py", old, new, *named)
    for tests, faults in {
        "kernels/test_glcm": [
            ("return (dirs[d, 0] * ny + dirs[d, 1]) * nx + dirs[d, 2]", "return (dirs[d, 0] * ny + dirs[d, 1]) * nx"),
            ("return z * n_planar + direction", "return z * n_planar"),
            ("work[m, SLICE_END] = z + 1 if", "work[m, SLICE_END] = z + 2 if"),
            ("return total / number if", "return total / (last - first) if"),
            ("+ level[p + np.uint64(step[d])]] += 1", "+ level[p + np.uint64(step[d])]] += a > 1"),
            ("before, after = above - nx, above + nx", "before, after = above - nx, above + ONE"),
            ("counts[c12 + (a + level[after + ONE])]", "counts[c11 + (a + level[after + ONE])]"),
            ("if a > 0 and b > 0:\n                    if", "if a > 1 and b > 0:\n                    if"),
            ("out[slots.DIFFERENCE_VARIANCE] += (k - mean) ** 2", "out[slots.DIFFERENCE_VARIANCE] += (k - mean) ** 3"),
            ("p / (1.0 + (k / n_nominal) ** 2)", "p / (1.0 + (k / n_nominal))"),
            ("weight = 2 if b > a else 1", "weight = 1"),
            ("x = x if b > a else 2.0 * x", "x = 1.0 * x"),
            ("math.sqrt(1.0 - math.exp(-2.0 * gap))", "math.sqrt(1.0 - math.exp(-gap))"),
            ("out[slots.CLUSTER_SHADE] += centred**3 * p", "out[slots.CLUSTER_SHADE] += abs(centred) ** 3 * p"),
            ("x = matrix[right] + matrix[down]", "x = 2.0 * matrix[right]"),
            ("own = 2.0 * matrix[at]", "own = matrix[at]"),
            ("x = 2.0 * x if symmetric and a == b else x\n            minus", "x = 2.0 * x\n            minus"),
            ("return log2_total - log2_of[np.int64(x)]", "return log2_total - log2_of[np.int64(x) + 1]"),
            ("return -math.log2(x / total)", "return -math.log(x / total)"),
            ("room[n] = levels[b] - levels[a]", "room[n] = levels[b] - levels[0]"),
            ("room[n] = (levels[a] - levels[0]) +", "room[n] = levels[a] +"),
            ("sums[pairs] = (a - levels[0]) +", "sums[pairs] = a +"),
            ("< least:\n            first = middle + 1", "< least:\n            first = middle + 2"),
        ],
        "kernels/test_weighting": [
            ("matrix[c] += weight[d] * group[c]", "matrix[c] += group[c]"),
            ("(a << RANK_BITS) + b << OFFSET_BITS) + d", "(a << RANK_BITS) + b << OFFSET_BITS)", "twins and sparse"),
            ("total += weight[codes[k] & directions]", "total += weight[0]", "twins and sparse"),
        ],
        "kernels/test_texture_settings": [
            ("a, b = min(a, b), max(a, b)", "a, b = a, b", "test_glcm"),
            ("differences[pairs] = abs(b - a)", "differences[pairs] = b - a", "test_glcm or thousand"),
            ("if not symmetric:\n                column[b]", "if not symmetric:\n                column[a]", "test_glcm"),
            ("column[b] += x\n        total", "column[a] += x\n        total", "test_glcm"),
            ("spread = math.sqrt(variance * variance_y)", "spread = variance", "test_glcm"),
            ("entropy + entropy_y, max(entropy, entropy_y)", "entropy + entropy_y, min(entropy, entropy_y)", "test_glcm"),
            ("+ (mean - mean_y) ** 2) / 4.0", ") / 4.0", "test_glcm"),
            ("* (columns[j] / total) + ADDED)", "* (rows[j] / total) + ADDED)", "test_glcm"),
            ("square[i, j] -= v[i] * p[j] + p[i] * v[j]", "square[i, j] -= 2.0 * v[i] * p[j]", "test_glcm or hundreds"),
            ("-eigenvalue(diagonal, beside, r, r))", "0.0)", "test_glcm"),
            ("if x != x and feature[m, 0] == feature[m, 0]:", "if x != x:", "empty"),
            ("if n >= least:\n                            at", "if n > least:\n                            at", "test_ngtdm"),
            ("if a > 0 and n >= least:", "if a > 0 and n > 0:", "test_ngtdm or alone"),
            ("window += code[level[p + offsets[m]]]", "window += code[level[p + abs(offsets[m])]]", "test_ngtdm"),
            ("p // nx % ny + dirs[d, 1], p % nx + dirs[d, 2]", "p // nx % ny + dirs[d, 1], p % nx", "aligned"),
            ("z, y, x = z + dirs[d, 0], y + dirs[d, 1], x", "z, y, x = z + nz, y + dirs[d, 1], x", "aligned"),
        ],
        "kernels/test_glrlm": [
            ("& (a != 0))\n                        length", "& (a > 1))\n                        length"),
            ("& (a != 0))\n        length", "& (a > 1))\n        length"),
            ("run = run * np.uint64(a == last) + ONE", "run = run * np.uint64(a >= last) + ONE"),
            ("counts[r] -= counts[r + 1]", "counts[r] -= counts[r + 1] > 0"),
            ("columns <= 256 and", "columns <= 257 and"),
            ("+ length_of(level, p, step) <<", "+ length_of(level, p, step) + 1 <<"),
            ("out[slots.SMALL_LOW] += low * small", "out[slots.SMALL_LOW] += p * small / i"),
            ("+= (j - mean_size) * (j - mean_size) * p", "+= abs(j - mean_size) * p"),
            ("n += count[c] * (size[c] if by_size else 1)", "n += count[c]"),
            ("cells.voxels_of(size, count, n_cells, by_size)", "cells.voxels_of(size, count, n_cells, not by_size)"),
            ("cells.cells_of_matrix(matrix, n_rows, width,", "cells.cells_of_matrix(matrix, n_rows - 1, width,"),
            ("columns[size[c] - 1] += count[c]", "columns[size[c] - 1] += 1.0"),
        ],
        "kernels/test_ngldm": [
            ("np.int32((b >= tile_low[q]) & (b <= tile_high[q]))", "np.int32((b >= tile_low[q]) & (b < tile_high[q]))"),
            ("(steps[m, 0] * ny + steps[m, 1]) * nx + steps[m, 2]", "(steps[m, 0] * ny + steps[m, 1]) * nx"),
            ("np.uint8(level[there + q] == level[first + q])", "np.uint8(level[there + q] >= level[first + q])"),
            ("if a > 0:\n            counts[np.uint64(cell", "if a > 1:\n            counts[np.uint64(cell"),
            ("if levels[a] - levels[middle] > coarseness", "if levels[a] - levels[middle] >= coarseness"),
            ("return squares / total / total", "return squares / total"),
        ],
        "kernels/test_ngtdm": [
            ("abs((n + 1) * (code[a] >> bits)", "abs(n * (code[a] >> bits)"),
            ("+= value - ring[old + x]", "+= value - ring[old]"),
            ("((level_of[first + a] - level_of[first]) << bits) + 1", "(a << bits) + 1"),
            ("s[a] += together / n", "s[a] += together / (n + 1)"),
            ("* k * (counted - k)", "* k * k"),
            ("(size * s_distance + number[b] * s[b] * distance)", "(size * s_distance)"),
        ],
        "kernels/test_glszm": [
            ("& ue) << np.uint16(8)", "& ue & u) << np.uint16(8)"),
            ("free & n & (not (w & nw))", "free & n & (not (w | nw))"),
            ("size[t] = length[r] + (0 if is_first", "size[t] = length[r] + (1 if is_first"),
            ("flags &= flags - one", "flags &= one - one"),
            ("parent[max(a, b)] = min(a, b)", "parent[max(a, b)] = max(a, b)"),
            ("voxels += size[first + t]", "voxels += 1"),
            ("first, last, work[m, SLICE_END])", "first, last, work[m, SLICE_END] - 1)"),
            ("if values[middle] < least:", "if values[middle] <= least:"),
            ("size[n_cells] = cell & 0xFFFFFFFF", "size[n_cells] = max(1, (cell & 0xFFFFFFFF) - 1)"),
            ("varying |= codes[k] ^ codes[0]", "varying &= codes[k] ^ codes[0]"),
        ],
        "kernels/test_gldzm": [
            ("np.int64(min(box[p - nx], box[p - across]))) + 1", "np.int64(box[p - nx])) + 1"),
            ("np.int64(min(box[p + nx], box[p + across]))) + 1", "np.int64(box[p + nx])) + 1"),
            ("is_first else min(distance[t], near[r])", "is_first else max(distance[t], near[r])"),
        ],
        "kernels/test_histogram": [
            ("entropy -= p * math.log2(p)\n        uniformity", "entropy -= p * math.log(p)\n        uniformity"),
            ("if level[s] == max(i - 1, 1)", "if level[s] == max(i - 2, 1)"),
            ("if not slope <= steepest", "if not slope < steepest"),
            ("number[place + n] = table[c]", "number[place + n] = table[c] + 1"),
        ],
        "kernels/test_intensity": [
            ("squares + w * (v * v)", "squares + w * abs(v)"),
            ("m3 + w * (d * d * d)", "m3 + w * abs(d * d * d)"),
            ("(v <= high)\n    return (\n        m1", "(v < high)\n    return (\n        m1"),
            ("= from_median / n", "= from_median / (n + 1.0)"),
            ("math.sqrt(variance) / scale / mean if", "math.sqrt(variance) / scale / abs(mean) if"),
            ("return b - (b - a) * (1.0 - fraction)", "return b - (b - a) * fraction"),
            ("at = (n - 1) * _Q", "at = n * _Q"),
            ("finer[n_finer, BELOW] = base + below", "finer[n_finer, BELOW] = base + below - 1"),
            ("while end[b] <= rank:", "while end[b] < rank:"),
            ("if child + 1 < size and", "if child + 2 < size and"),
        ],
        "kernels/test_columns": [
            ("= found[k, source[c]]", "= found[k, c]"),
            ("values[rows[k], target[c]] =", "values[k, target[c]] ="),
        ],
        "kernels/test_memory": [
            ("(2 + 3 * 4) * plane + 8 * nz", "(2 + 2 * 4) * plane + 8 * nz"),
            ("one = (n + 1) * (longest - 2 * pad + 1)", "one = (n + 1) * (longest - pad + 1)"),
        ],
        "kernels/test_ivh": [
            ("(span % 100 * percent + 99) // 100", "(span % 100 * percent) // 100", "none or fixed"),
            ("if level[r] >= step", "if level[r] > step", "none or fixed"),
            ("if reach * 100 > n * percent", "if reach * 100 >= n * percent", "none or fixed"),
            ("(0.5 if level[r] >= high else 0.0)", "(0.5 if level[r] > high else 0.0)", "none or fixed"),
        ],
        "kernels/test_local_intensity": [
            ("+= sums[first + c] + sums[right + c]", "+= 2.0 * sums[right + c]"),
            ("+ box[at + c] + box[other + c]", "+ 2.0 * box[at + c]"),
            ("full += 2 * rows[r, HALF_WIDTH] + 1", "full += 2 * rows[r, HALF_WIDTH]"),
            ("v == top[k] and mean > out[k,", "v == top[k] and mean < out[k,", "several"),
            ("everywhere += 2 * h + 1", "everywhere += 2 * h"),
            ("missing[x] += sums[x - h] +", "missing[x] += sums[x + h] +"),
        ],
        "kernels/test_mesh": [
            ("faces[q] | faces[q + one] << 1", "faces[q] | faces[q] << 1", "definition"),
            ("full += 8", "full += 7", "definition"),
            ("for q in range(n, 8 * n_eights)", "for q in range(n, n)", "definition"),
        ],
        "kernels/test_morphology": [
            ("return near | far << 4", "return near | far << 2"),
            ("corners[:, 2] - corners[:, 0])", "corners[:, 2] + corners[:, 0])"),
            ("47, 42, 47, 47, 48,", "47, 42, 47, 47, 47,"),
            ("np.array((y * x, z * x, z * y))", "np.array((y * x, z * x, z * x))"),
            ("m[ZX] += sx * uz", "m[ZX] += sx * uy"),
            ("along += value[at] * (np.int64(q) + first - middle)", "along += value[at] * (np.int64(q) + first + middle)"),
            ("u = inside * (np.int64(q) + first - middle)", "u = inside * (np.int64(q) + first)"),
            ("max(n - 1.0, 1.0)", "max(n, 1.0)"),
            ("return z * z + y * y + x * x", "return z * z + y * y + y * x"),
            ("out[k, HULL_VOLUME], out[k, HULL_AREA] = hull", "out[k, HULL_AREA], out[k, HULL_VOLUME] = hull"),
            ("out[k, BOX_VOLUME], out[k, BOX_AREA], _ =", "out[k, BOX_AREA], out[k, BOX_VOLUME], _ ="),
            ("2.0 * (z * y + z * x + y * x)", "2.0 * (z * y + z * x)"),
            ("if height(points, q, f, facets) > 0:", "if height(points, q, f, facets) > 9:"),
            ("m in range(n):\n            f = lists", "m in range(n - 1):\n            f = lists"),
            ("high / length, depth, best)", "high / length, 1.01 * depth, best)"),
            ("2.0 * (a * b + a * c + b * c)", "2.0 * (a * b + a * c)"),
            ("- v * product2 * before)", "- product2 * before)"),
            ("MVEE_TOLERANCE = 1e-9", "MVEE_TOLERANCE = 1e-3"),
            ("matrix[a, b] += n * weight[k]", "matrix[a, b] += (n + 1) * weight[k]"),
            ("if region[p + d] & region[p - d] & 1", "if region[p + d] & 1"),
            ("points[n, axis] += sign", "points[n, axis] += 2 * sign"),
        ],
        "kernels/test_around": [
            ("(1.0 - 1e-12) - np.sqrt(outermost)", "(1.0 - 1e-12)", "diameter"),
            ("position[i, 1] - position[j, 1], position[i, 2]", "position[i, 1] - position[i, 1], position[i, 2]", "diameter"),
            ("then_high = c * pu + s * pv, c * qv - s * qu", "then_high = c * pu + s * pv, c * qv + s * qu", "bound"),
            ("min(least, abs(wide * high),", "min(least, 1.1 * abs(wide * high),", "bound"),
            ("(2 * column + 1) / n_cells - 1.0", "(2 * column + 1) / n_cells", "few"),
            ("= n if first > 0 else -n", "= n", "box"),
        ],
        "kernels/test_planar": [
            ("CORNER = 6\n", "CORNER = 5\n", "pyradiomics"),
            ("holes[k] -= sums[LOW + axis] *", "holes[k] -= pad *", "holes"),
            ("at = (z, y, place + q - y * nx)", "at = (z, y, place + q)", "pyradiomics"),
            ("- HALF_FACE * JOINED[:, :, 1].sum(1)", "- HALF_FACE * JOINED[:, 1].sum(1)", "pyradiomics"),
            ("farthest_apart(before, n_before, now, n, 0,", "farthest_apart(now, n, now, n, 0,"),
            ("(v + beyond) * place_mm", "v * place_mm + beyond"),
            ("nx, nz, ny, 1, by_z, by_y, z, y)", "nx, nz, ny, 1, by_z, by_y, y, z)"),
            ("1, 4, 2, 7, 1, 2, 4, 7, 4, 7, 7, 8]", "1, 4, 6, 7, 1, 6, 4, 7, 4, 7, 7, 8]"),
            ("along_y * y + along_x * x", "along_y * x + along_x * y"),
        ],
        "kernels/test_spatial": [
            ("squares += weight[k] * (g[k] * g[k] + g[i] * g[i])", "squares += weight[k] * 2.0 * g[k] * g[k]"),
            ("2.0 * (sums[SQUARES] - sums[PRODUCTS])", "2.0 * (sums[SQUARES] + sums[PRODUCTS])"),
            ("weight[at] *= 0.5", "weight[at] *= 1.0"),
            ("known = before >= 0 and image_of[i] == image_of[before]", "known = before >= 0", "image"),
            ("* ny + abs(y[i] - y[k]))", "* ny + y[i] - y[k])"),
            ("half = 0.5 * weight[c]", "half = weight[c]"),
            ("m * near[two + c] + h * near[c]", "2.0 * m * near[two + c]"),
            ("(2.0 if x else 1.0) / math.sqrt(dz", "2.0 / math.sqrt(dz"),
            ("return 0.5 if x == 0 or x == n - 1", "return 0.5 if x == 0"),
            ("* weight[i, min(y, ny - y), x]", "* weight[i, y % (ny // 2 + 1), x]"),
            ("squares += w * (m.real * h.real + m.imag", "squares += w * (m.real * h.real - m.imag"),
        ],
        "engine/test_batch": [
            ("np.floor((v - low) / width) + 1.0", "np.floor((v - low) / width) + 2.0", "ranks"),
            ("np.uint8((low <= v) & (v <= high))", "np.uint8((low < v) & (v <= high))", "range"),
            ("out[n] = v\n", "out[n] = v + 1.0\n", "range"),
        ],
        "engine/test_resample": [
            ("(far[1] if dy else 1.0 - far[1])", "(far[1] if dy else 1.0 + far[1])"),
            ("if part >= threshold - _HALF", "if part >= threshold + _HALF"),
        ],
    }.items()
    for old, new, *named in faults
]  # fmt: skip


def run(tests, named, old, new):
    """Run the tests of a file whose names match, with a fault planted, in a process of their own."""
    command = [sys.executable, planted_kernel.__file__, old, new, "-k", named, str(ROOT / tests)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_the_twins_see_a_planted_fault(fault):
    done = run(fault.tests, fault.named, fault.old, fault.new)
    assert done.returncode == planted_kernel.SEEN, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("tests", "named"), dict.fromkeys((fault.tests, fault.named) for fault in FAULTS))
def test_the_twins_are_content_with_the_sound_source(tests, named):
    """What makes these tests fail is the fault, and not the way it was planted."""
    fault = next(fault for fault in FAULTS if (fault.tests, fault.named) == (tests, named))
    done = run(tests, named, fault.old, fault.old)
    assert done.returncode == planted_kernel.PASSED, done.stdout + done.stderr


def with_functions():
    """The kernel files that count or measure: all but those of constants, which define no function."""
    files = planted_kernel.modules().items()
    names = {name for name, source in files if any(isinstance(n, ast.FunctionDef) for n in ast.walk(ast.parse(source)))}
    return {name.removeprefix("voxomics.kernels.") for name in names} - NO_ARITHMETIC - ON_DEVICE_ONLY


def test_every_file_that_counts_or_measures_has_two_faults():
    """Whoever changes a line that a fault replaces changes the fault."""
    assert [fault.old for fault in FAULTS if not fault.place] == []
    number = Counter(fault.place for fault in FAULTS)
    assert {name: number[name] for name in with_functions() if number[name] < 2} == {}
