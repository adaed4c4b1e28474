"""Kernels give the right answer in the emulator, in every order of threads, and nothing is found in sound ones."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import specimens
from emulator import Kernel
from numba import cuda
from specimens import LEVELS, histogram, roots, sums

ORDERS = ("forward", "reverse", "random")


@pytest.fixture(params=[(checked, order) for checked in (True, False) for order in ORDERS], ids=str)
def way(request: pytest.FixtureRequest) -> tuple[bool, str]:
    """Checked or not, and the order of threads."""
    return request.param  # type: ignore[no-any-return]


def run(way: tuple[bool, str], function: Any, signature: str, grid: Any, block: Any, *arguments: Any, **options: Any) -> None:
    """Launch, and insist that nothing was found."""
    checked, order = way
    findings = Kernel(function, signature, checked).launch(grid, block, *arguments, order=order, **options)
    assert findings.clean, findings.text
    assert (findings.accesses > 0) == checked


def test_ids_of_threads_and_blocks(way: tuple[bool, str]) -> None:
    ids = np.zeros((24, 30), np.int32)
    run(way, specimens.where_am_i, "void(int32[:,::1])", (2, 3, 4), (5, 3, 2), ids)
    assert np.array_equal(ids, np.arange(24)[:, None] * 1000 + np.arange(30))


def test_shared_and_global_atomics(way: tuple[bool, str]) -> None:
    levels = np.random.default_rng(0).integers(0, LEVELS, 5000, dtype=np.uint8)
    counts = np.zeros(LEVELS, np.int32)
    run(way, histogram, "void(uint8[::1], int32[::1])", 7, 96, levels, counts)
    assert np.array_equal(counts, np.bincount(levels, minlength=LEVELS))


def test_device_functions_with_barriers_tuples_and_slices(way: tuple[bool, str]) -> None:
    rng = np.random.default_rng(1)
    starts = np.array([0, 10, 10, 300, 1000], np.int64)
    values, out = rng.random(1000), np.zeros((4, 2))
    run(way, sums, "void(float64[::1], int64[::1], float64[:,::1])", 4, 64, values, starts, out)
    pieces = np.split(values, starts[1:-1])
    assert np.allclose(out, [[piece.sum(), (piece**2).sum()] for piece in pieces], rtol=1e-13)


def test_dynamic_shared_and_local_arrays(way: tuple[bool, str]) -> None:
    out = np.zeros(32)
    run(way, specimens.workspace, "void(float64[::1], int32)", 1, 32, out, 128, dynamic_shared=128 + 256)
    t = np.arange(32)
    u = 31 - t
    assert np.array_equal(out, u + 0.5 * u + u + (u % 8 - t) % 8)


def test_constant_tables(way: tuple[bool, str]) -> None:
    out = np.zeros(12, np.int32)
    run(way, specimens.tables, "void(int32[::1])", 1, 12, out)
    assert np.array_equal(out, 2 * specimens.TABLE.ravel())


@pytest.mark.parametrize("seed", range(4))
def test_union_find_with_relaxed_reads(way: tuple[bool, str], seed: int) -> None:
    n = 200
    edges = np.random.default_rng(seed).integers(0, n, (180, 2)).astype(np.int32)
    parent = np.arange(n, dtype=np.int32)
    run(way, roots, "void(int32[::1], int32[:,::1])", 6, 32, parent, edges, relaxed=("parent",), seed=seed)
    expected = np.arange(n)
    for _ in range(n):
        for a, b in edges:
            expected[[a, b]] = min(expected[a], expected[b])
    while not np.array_equal(parent, parent[parent]):
        parent = parent[parent]
    assert np.array_equal(parent, expected)


ATOMICS = {
    "add": np.add.reduce,
    "min": np.min,
    "max": np.max,
    "or_": np.bitwise_or.reduce,
}
ATOMIC_KERNEL = """
def kernel(given, out, old):
    memory = cuda.shared.array(1, np.{dtype})
    t = cuda.threadIdx.x
    if t == 0:
        {place}[0] = given[0]
    cuda.syncthreads()
    old[t] = cuda.atomic.{operation}({place}, 0, given[t])
    cuda.syncthreads()
    if t == 0:
        out[0] = {place}[0]
"""


@pytest.mark.parametrize("place", ["memory", "out"])
@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("operation", [*ATOMICS, "exch"])
def test_atomics(operation: str, dtype: str, place: str) -> None:
    names: dict[str, Any] = {"np": np, "cuda": cuda}
    exec(ATOMIC_KERNEL.format(operation=operation, dtype=dtype, place=place), names)
    given = np.random.default_rng(2).integers(0 if dtype[0] == "u" else -99, 100, 40).astype(dtype)
    if dtype[0] == "u":
        given[7] = np.iinfo(dtype).max // 2 + 5  # as a signed number, the smallest
    for order in ORDERS:
        out, old = np.zeros(1, dtype), np.zeros_like(given)
        run((True, order), names["kernel"], f"void({dtype}[::1], {dtype}[::1], {dtype}[::1])", 1, 40, given, out, old)
        begun_with = np.append(given, given[0])
        if operation == "exch":  # each value is seen once, or is left at the end
            assert np.array_equal(np.sort(np.append(old, out)), np.sort(begun_with))
        else:
            assert out[0] == ATOMICS[operation](begun_with)


def test_compare_and_swap_has_one_winner(way: tuple[bool, str]) -> None:
    owners, wins = np.full(10, -1, np.int64), np.zeros(1, np.int32)
    run(way, specimens.claim, "void(int64[::1], int32[::1])", 4, 50, owners, wins)
    assert wins[0] == 10
    assert np.array_equal(owners % 10, np.arange(10))


MATHS = {
    "math.sqrt(x)": math.sqrt,
    "math.log2(x)": math.log2,
    "np.log2(x)": np.log2,
    "math.log(x)": math.log,
    "np.log(x)": np.log,
    "math.exp(x)": math.exp,
    "math.floor(x)": math.floor,
    "math.ceil(-x)": lambda x: math.ceil(-x),
    "cuda.cbrt(x)": np.cbrt,
    "cuda.fma(x, x, 1.0)": lambda x: x * x + 1.0,
    "abs(-x)": abs,
    "math.fabs(-x)": abs,
    "min(x, 2.0)": lambda x: min(x, 2.0),
    "max(x, 2.0)": lambda x: max(x, 2.0),
    "x ** 2": lambda x: x**2,
    "x ** 3": lambda x: x**3,
    "x ** 0.25": lambda x: x**0.25,
    "math.acos(x / 50.0)": lambda x: math.acos(x / 50.0),
    "math.cos(x)": math.cos,
    "math.atan2(x, 2.0)": lambda x: math.atan2(x, 2.0),
    "int(x)": int,
    "np.int64(-x)": lambda x: int(-x),
    "np.int32(x)": int,
    "np.uint8(x)": int,
    "float(int(x))": int,
    "np.float64(np.int32(x))": int,
    "int(x) // 3": lambda x: int(x) // 3,
    "-int(x) // 3": lambda x: -int(x) // 3,
    "-int(x) % 3": lambda x: -int(x) % 3,
    "x // 0.7": lambda x: x // 0.7,
    "x % 0.7": lambda x: x % 0.7,
    "math.isnan(x) + 2 * math.isinf(x)": lambda x: 0,
    "np.float32(x)": np.float32,
}


@pytest.mark.parametrize("in_device_function", [False, True])
def test_mathematics(in_device_function: bool) -> None:
    names: dict[str, Any] = {"np": np, "math": math, "cuda": cuda}
    for k, expression in enumerate(MATHS):
        exec(f"def f{k}(x):\n    return {expression}", names)
        names[f"f{k}"] = numba.njit(names[f"f{k}"])
    rows = [f"f{k}(x)" if in_device_function else expression for k, expression in enumerate(MATHS)]
    lines = ["def kernel(xs, out):", "i = cuda.threadIdx.x", "x = xs[i]", *(f"out[{k}, i] = {row}" for k, row in enumerate(rows))]
    exec("\n    ".join(lines), names)
    x = np.random.default_rng(3).uniform(0.1, 40.0, 64)
    out = np.zeros((len(MATHS), 64))
    run((True, "forward"), names["kernel"], "void(float64[::1], float64[:,::1])", 1, 64, x, out)
    for (expression, function), row in zip(MATHS.items(), out, strict=True):
        assert np.allclose(row, [function(value) for value in x.tolist()], rtol=1e-14, atol=1e-14), expression


def test_scalars_and_strided_arrays(way: tuple[bool, str]) -> None:
    values, out = np.arange(20)[::-3], np.zeros(4)
    signature = "void(boolean, int8, uint64, float32, int64[:], float64[::1])"
    run(way, specimens.mixed, signature, 1, 1, True, -5, 2**64 - 1, np.float32(0.3), values, out)
    assert np.array_equal(out, [-5, 15, np.float32(0.3) * 4, values.sum()])


def test_arguments_that_overlap(way: tuple[bool, str]) -> None:
    numbers = np.arange(33, dtype=np.int64)
    run(way, specimens.halves, "void(int64[::1], int64[::1])", 1, 16, numbers[:17], numbers[16:])
    assert np.array_equal(numbers, [*range(17), *range(16)])


def test_random_orders_differ() -> None:
    def order_of_coming(seed: int) -> list[int]:
        counter, came = np.zeros(1, np.int32), np.zeros(64, np.int32)
        run((True, "random"), specimens.come, "void(int32[::1], int32[::1])", 4, 16, counter, came, seed=seed)
        return list(came)

    orders = [order_of_coming(seed) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(64))
    assert any(np.ptp(block) > 15 for block in np.reshape(orders[2], (4, 16)))  # other blocks came in between


def test_compiled_once() -> None:
    first, second = (Kernel(histogram, "void(uint8[::1], int32[::1])") for _ in range(2))
    assert first._compiled is second._compiled


def test_says_why_it_is_not_available() -> None:
    reason = "LLVMLITE_ENABLE_IR_LAYER_TYPED_POINTERS=0 must be set before Python starts"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parent)}

    def said(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stderr

    assert said("import sys, emulator; sys.stderr.write(emulator.unavailable())") == reason
    assert f"ImportError: {reason}" in said("from emulator import Kernel")
