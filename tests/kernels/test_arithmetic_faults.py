"""Faults planted in the arithmetic of the CPU's kernels: the twin tests of the family must see each of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

import pytest

import planted_kernel
from shared import ROOT

NO_ARITHMETIC = {"__init__", "jit", "device", "cache", "marching_cubes"}  # the last one is a table, written by a tool
ON_DEVICE_ONLY = {"block"}  # tests/cuda/test_arithmetic_faults.py


@dataclass(frozen=True)
class Fault:
    """`old`, which stands once in all kernels together, replaced by `new`; the tests that must see it."""

    tests: str
    old: str
    new: str
    named: str = "twin"

    def __str__(self) -> str:
        return f"{self.place}-{' '.join(self.new.split())[:40]}"

    @property
    def place(self) -> str:
        return planted_kernel.place_of(self.old).removeprefix("voxomics.kernels.")


FAULTS = [
    Fault(f"tests/{tests}.py", old, new, *named)
    for tests, faults in {
        "kernels/test_glcm": [
            ("(dirs[d, 0] * ny + dirs[d, 1]) * nx + dirs[d, 2]\n        for z in range(pad, nz - pad):\n            for d",
             "(dirs[d, 0] * ny + dirs[d, 1]) * nx\n        for z in range(pad, nz - pad):\n            for d"),
            ("out[5] += (k - out[4]) ** 2", "out[5] += (k - out[4]) ** 3"),
            ("out[16] += p / (1.0 + (k / n_nominal) ** 2)", "out[16] += p / (1.0 + (k / n_nominal))"),
            ("weight = 1 if a == b else 2", "weight = 1"),
            ("out[24] = math.sqrt(1.0 - math.exp(-2.0 * gap))", "out[24] = math.sqrt(1.0 - math.exp(-gap))"),
            ("out[21] += centred**3 * p", "out[21] += abs(centred) ** 3 * p"),
            ("x = 2.0 * x if a == b else x\n            tally(", "x = 2.0 * x\n            tally("),
            ("if a > 0 and b > 0:\n                    codes", "if a > 1 and b > 0:\n                    codes"),
        ],
        "kernels/test_glrlm": [
            ("& (a != 0))\n                            length", "& (a > 1))\n                            length"),
            ("codes[n] = (a << 32) + (q - p) // step", "codes[n] = (a << 32) + (q - p) // step + 1"),
            ("out[4] += p / (ii * jj)", "out[4] += p / (i * jj)"),
            ("out[14] += (j - mean_size) * (j - mean_size) * p", "out[14] += abs(j - mean_size) * p"),
            ("n += count[c] * (size[c] if by_size else 1)", "n += count[c]"),
        ],
        "kernels/test_ngldm": [
            ("np.int32((b >= tile_low[q]) & (b <= tile_high[q]))", "np.int32((b >= tile_low[q]) & (b < tile_high[q]))"),
            ("offsets[m] = (dz * ny + dy) * nx + dx", "offsets[m] = (dz * ny + dy) * nx"),
            ("if levels[a] - levels[middle] > coarseness", "if levels[a] - levels[middle] >= coarseness"),
            ("return squares / total / total", "return squares / total"),
        ],
        "kernels/test_ngtdm": [
            ("abs((n + 1) * (code[a] >> bits)", "abs(n * (code[a] >> bits)"),
            ("s[a] += together / n", "s[a] += together / (n + 1)"),
            ("busy += (products[k] - products[k - 1]) * k * (counted - k)", "busy += (products[k] - products[k - 1]) * k * k"),
            ("(size * s_distance + number[b] * s[b] * distance)", "(size * s_distance)"),
        ],
        "kernels/test_glszm": [
            ("& ue) << np.uint16(8)", "& ue) << np.uint16(7)"),
            ("size[t] += length[r]", "size[t] += 1"),
            ("voxels += size[t]", "voxels += 1"),
            ("size[n_cells] = code & 0xFFFFFFFF", "size[n_cells] = (code & 0xFFFFFFFF) + 1"),
            ("varying |= codes[k] ^ codes[0]", "varying &= codes[k] ^ codes[0]"),
        ],
        "kernels/test_gldzm": [
            ("left = min(left, min(box[p - nx], box[p - across])) + 1", "left = min(left, box[p - nx]) + 1"),
            ("distance[t] = min(distance[t], near[r])", "distance[t] = max(distance[t], near[r])"),
        ],
        "kernels/test_histogram": [
            ("entropy -= p * math.log2(p)\n        uniformity", "entropy -= p * math.log(p)\n        uniformity"),
            ("if level[s] == max(i - 1, 1)", "if level[s] == max(i - 2, 1)"),
            ("if not slope <= out[3]", "if not slope < out[3]"),
            ("number[first + n] = table[t]", "number[first + n] = table[t] + 1"),
        ],
        "kernels/test_intensity": [
            ("squares + w * (v * v)", "squares + w * abs(v)"),
            ("m3 + w * (d * d * d)", "m3 + w * abs(d * d * d)"),
            ("out[13] = from_median / n", "out[13] = from_median / (n + 1.0)"),
            ("robust + (w * abs(v - origin - robust_mean) if low <= v", "robust + (w * abs(v - origin - robust_mean) if low < v"),
            ("return b - (b - a) * (1.0 - fraction)", "return b - (b - a) * fraction"),
            ("finer[n_finer, 3] = base + below", "finer[n_finer, 3] = base + below - 1"),
            ("if child + 1 < size and", "if child + 2 < size and"),
        ],
        "kernels/test_ivh": [
            ("(span % 100 * percent + 99) // 100", "(span % 100 * percent) // 100", "none or fixed"),
            ("if level[r] < step", "if level[r] <= step", "none or fixed"),
            ("if reach * 100 > n * percent", "if reach * 100 >= n * percent", "none or fixed"),
            ("(0.5 if level[r] >= high else 0.0)", "(0.5 if level[r] > high else 0.0)", "none or fixed"),
        ],
        "kernels/test_local_intensity": [
            ("total[x] += sums[x - h] + sums[x + h]", "total[x] += 2.0 * sums[x + h]"),
            ("full += 2 * rows[r, 0] + 1", "full += 2 * rows[r, 0]"),
            ("(v == top[k] and mean > out[k, 0])", "(v == top[k] and mean < out[k, 0])", "several"),
        ],
        "kernels/test_morphology": [
            ("| (region[far + x] & 1) << 4\n", "| (region[far + x] & 1) << 2\n"),
            ("m[8] += sx * uz", "m[8] += sx * uy"),
            ("along += value[j] * (x - middle)", "along += value[j] * (x + middle)"),
            ("np.maximum(n - 1.0, 1.0)", "np.maximum(n, 1.0)"),
            ("return z * z + y * y + x * x", "return z * z + y * y + y * x"),
            ("2.0 * (z * y + z * x + y * x)", "2.0 * (z * y + z * x)"),
            ("if height(points, q, f, facets) > 0:", "if height(points, q, f, facets) > 9:"),
            ("for m in range(n):\n            f = lists[of, m]", "for m in range(n - 1):\n            f = lists[of, m]"),
            ("high / length, depth, best)", "high / length, 1.01 * depth, best)"),
            ("2.0 * (a * b + a * c + b * c)", "2.0 * (a * b + a * c)"),
            ("- v * product2 * before)", "- product2 * before)"),
            ("MVEE_TOLERANCE = 1e-9", "MVEE_TOLERANCE = 1e-3"),
            ("matrix[a, b] += n * weight[k]", "matrix[a, b] += (n + 1) * weight[k]"),
            ("if region[p + d] & region[p - d] & 1", "if region[p + d] & 1"),
            ("points[n, axis] += sign", "points[n, axis] += 2 * sign"),
        ],
        "kernels/test_spatial": [
            ("differences += weight[k] * (g[k] - g[i]) ** 2", "differences += weight[k] * (g[k] + g[i]) ** 2"),
            ("else 2.0 * plane", "else plane"),
            ("2.0 * (squares - products)", "2.0 * (squares + products)"),
        ],
        "engine/test_batch": [
            ("np.floor((v - low) / width)) + 1", "np.floor((v - low) / width)) + 2", "ranks"),
            ("elif low <= v and v <= high:", "elif low < v and v <= high:", "range"),
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
@pytest.mark.parametrize("tests", dict.fromkeys(fault.tests for fault in FAULTS))
def test_the_twins_are_content_with_the_sound_source(tests):
    """What makes these tests fail is the fault, and not the way it was planted."""
    fault = next(fault for fault in FAULTS if fault.tests == tests)
    done = run(tests, fault.named, fault.old, fault.old)
    assert done.returncode == planted_kernel.PASSED, done.stdout + done.stderr


def test_every_file_that_counts_or_measures_has_two_faults():
    """A fault whose text no kernel holds any more raises here, so that whoever changes the kernel changes the fault."""
    number = Counter(fault.place for fault in FAULTS)
    files = {name.removeprefix("voxomics.kernels.") for name in planted_kernel.modules()}
    for name in files - NO_ARITHMETIC - ON_DEVICE_ONLY - {planted_kernel.PACKAGE}:
        assert number[name] >= 2, name
