"""The emulator itself: right answers in every order, and each planted fault caught and named."""

from __future__ import annotations

import importlib
import math
import types
from typing import Any

import numba
import numpy as np
import pytest
from numba import cuda

from emulator import Findings, Kernel, planted, rebound

ORDERS = ("forward", "reverse", "random")
LEVELS = 32
TABLE = np.arange(12, dtype=np.int32).reshape(4, 3) * 7



def _numba_cuda(name: str) -> Any:
    if name == "cuda":
        return importlib.import_module("numba.cuda")
    raise AttributeError(name)


lazy = types.ModuleType("lazy")  # kernels/jit.py gets numba.cuda like this, so that importing it costs nothing
lazy.__getattr__ = _numba_cuda  # type: ignore[method-assign]


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


def found(function: Any, signature: str, grid: Any, block: Any, *arguments: Any, order: str = "forward", **options: Any) -> Findings:
    return Kernel(function, signature).launch(grid, block, *arguments, order=order, **options)


# ---- kernels ---------------------------------------------------------------------------------------------------------------


def where_am_i(ids):
    t = (cuda.threadIdx.z * cuda.blockDim.y + cuda.threadIdx.y) * cuda.blockDim.x + cuda.threadIdx.x
    b = (cuda.blockIdx.z * cuda.gridDim.y + cuda.blockIdx.y) * cuda.gridDim.x + cuda.blockIdx.x
    ids[b, t] = b * 1000 + t


def histogram(levels, counts):
    hist = cuda.shared.array(LEVELS, np.int32)
    t = cuda.threadIdx.x
    i = t
    while i < LEVELS:
        hist[i] = 0
        i += cuda.blockDim.x
    cuda.syncthreads()
    i = cuda.blockIdx.x * cuda.blockDim.x + t
    while i < levels.size:
        cuda.atomic.add(hist, levels[i], 1)
        i += cuda.gridDim.x * cuda.blockDim.x
    cuda.syncthreads()
    if t < LEVELS:
        cuda.atomic.add(counts, t, hist[t])


@numba.njit
def block_sum(value, partial):
    t = cuda.threadIdx.x
    partial[t] = value
    cuda.syncthreads()
    n = cuda.blockDim.x >> 1
    while n > 0:
        if t < n:
            partial[t] += partial[t + n]
        cuda.syncthreads()
        n >>= 1
    total = partial[0]
    cuda.syncthreads()
    return total


@numba.njit(error_model="numpy")
def moments(x):
    return x, x * x


def sums(values, starts, out):
    partial = lazy.cuda.shared.array(64, np.float64)
    v = lazy.cuda.blockIdx.x
    voi = values[starts[v] : starts[v + 1]]
    first, second = 0.0, 0.0
    i = lazy.cuda.threadIdx.x
    while i < voi.size:
        x, square = moments(voi[i])
        first += x
        second += square
        i += lazy.cuda.blockDim.x
    first = block_sum(first, partial)
    second = block_sum(second, partial)
    if lazy.cuda.threadIdx.x == 0:
        out[v, 0] = first
        out[v, 1] = second


def workspace(out, bytes_of_ints):
    ints = cuda.shared.array(0, np.int32)
    floats = cuda.shared.array(0, np.float64)[bytes_of_ints // 8 :]
    small = cuda.shared.array((4, 8), np.uint8)
    local = cuda.local.array(8, np.int64)
    t = cuda.threadIdx.x
    ints[t] = t
    floats[t] = 0.5 * t
    small[t // 8, t % 8] = t
    for i in range(8):
        local[(i + t) % 8] = i
    cuda.syncthreads()
    u = 31 - t
    out[t] = ints[u] + floats[u] + small[u // 8, u % 8] + local[u % 8]


def tables(out):
    t = cuda.threadIdx.x
    copied = cuda.const.array_like(TABLE)
    out[t] = TABLE[t // 3, t % 3] + copied[t // 3, t % 3]


def roots(parent, edges):
    """Union-find: the smaller root wins."""
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < edges.shape[0]:
        a, b = edges[i, 0], edges[i, 1]
        while True:
            while parent[a] < a:
                a = parent[a]
            while parent[b] < b:
                b = parent[b]
            if a == b:
                break
            if a < b:
                a, b = b, a
            seen = cuda.atomic.min(parent, a, b)
            if seen == a:
                break
            a = seen


# ---- right answers ---------------------------------------------------------------------------------------------------------


def test_ids_of_threads_and_blocks(way: tuple[bool, str]) -> None:
    ids = np.zeros((24, 30), np.int32)
    run(way, where_am_i, "void(int32[:,::1])", (2, 3, 4), (5, 3, 2), ids)
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
    pieces = [values[a:b] for a, b in zip(starts[:-1], starts[1:], strict=True)]
    assert np.allclose(out, [[piece.sum(), (piece**2).sum()] for piece in pieces], rtol=1e-13)


def test_dynamic_shared_and_local_arrays(way: tuple[bool, str]) -> None:
    out = np.zeros(32)
    run(way, workspace, "void(float64[::1], int32)", 1, 32, out, 128, dynamic_shared=128 + 256)
    t = np.arange(32)
    u = 31 - t
    assert np.array_equal(out, u + 0.5 * u + u + (u % 8 - t) % 8)


def test_constant_tables(way: tuple[bool, str]) -> None:
    out = np.zeros(12, np.int32)
    run(way, tables, "void(int32[::1])", 1, 12, out)
    assert np.array_equal(out, 2 * TABLE.ravel())


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


def claim(owners, wins):
    i = cuda.grid(1)
    if cuda.atomic.cas(owners, i % owners.size, -1, i) == -1:
        cuda.atomic.add(wins, 0, 1)


def test_compare_and_swap_has_one_winner(way: tuple[bool, str]) -> None:
    owners, wins = np.full(10, -1, np.int64), np.zeros(1, np.int32)
    run(way, claim, "void(int64[::1], int32[::1])", 4, 50, owners, wins)
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


@pytest.mark.parametrize("expression", MATHS)
@pytest.mark.parametrize("in_device_function", [False, True])
def test_mathematics(expression: str, in_device_function: bool) -> None:
    names: dict[str, Any] = {"np": np, "math": math, "cuda": cuda, "numba": numba}
    body = "@numba.njit\ndef f(x):\n    return {e}\ndef kernel(x, out):\n    i = cuda.threadIdx.x\n    out[i] = {call}\n"
    exec(body.format(e=expression, call="f(x[i])" if in_device_function else expression.replace("x", "x[i]").replace("ex[i]p", "exp").replace("max[i]", "max")), names)
    x = np.random.default_rng(3).uniform(0.1, 40.0, 64)
    out = np.zeros(64)
    run((True, "forward"), names["kernel"], "void(float64[::1], float64[::1])", 1, 64, x, out)
    assert np.allclose(out, [MATHS[expression](value) for value in x.tolist()], rtol=1e-14)


# ---- planted faults --------------------------------------------------------------------------------------------------------

HISTOGRAM = "void(uint8[::1], int32[::1])"


def of_histogram(kernel: Any, order: str = "forward") -> Findings:
    return found(kernel, HISTOGRAM, 3, 64, np.arange(500, dtype=np.uint8) % LEVELS, np.zeros(LEVELS, np.int32), order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_shared_add_made_plain(order: str) -> None:
    findings = of_histogram(planted(histogram, "cuda.atomic.add(hist, levels[i], 1)", "hist[levels[i]] += 1"), order)
    assert findings.races and not findings.out_of_bounds
    assert "shared array 1 (32 x i32)[" in findings.text


@pytest.mark.parametrize("order", ORDERS)
def test_global_add_made_plain(order: str) -> None:
    findings = of_histogram(planted(histogram, "cuda.atomic.add(counts, t, hist[t])", "counts[t] += hist[t]"), order)
    assert findings.races
    assert "of counts[" in findings.text and "by block" in findings.text


@pytest.mark.parametrize("order", ORDERS)
def test_barrier_removed(order: str) -> None:
    kernel = planted(histogram, "i += cuda.blockDim.x\n    cuda.syncthreads()", "i += cuda.blockDim.x")
    assert of_histogram(kernel, order).races


@pytest.mark.parametrize("order", ORDERS)
def test_barrier_removed_in_a_device_function(order: str) -> None:
    without = planted(block_sum, "partial[t] += partial[t + n]\n        cuda.syncthreads()", "partial[t] += partial[t + n]")
    kernel = rebound(sums, block_sum=numba.njit(without))
    values, starts = np.ones(100), np.array([0, 100], np.int64)
    findings = found(kernel, "void(float64[::1], int64[::1], float64[:,::1])", 1, 64, values, starts, np.zeros((1, 2)), order=order)
    assert findings.races


def test_read_past_the_end() -> None:
    findings = of_histogram(planted(histogram, "while i < levels.size:", "while i <= levels.size:"))
    assert findings.out_of_bounds == 1
    assert "read of levels[500], which has 500 elements by block 1, thread 52" in findings.text


def test_write_past_the_end() -> None:
    findings = of_histogram(planted(histogram, "if t < LEVELS:", "if t <= LEVELS:"))
    assert findings.out_of_bounds == 6  # hist and counts, in each of three blocks
    assert "of counts[32], which has 32 elements by block 0, thread 32" in findings.text


def far_away(out):
    out[cuda.threadIdx.x - 100_000_000] = 1
    out[0] = out[1_000_000_000_000]


def test_far_out_of_bounds_does_not_crash() -> None:
    findings = found(far_away, "void(int64[::1])", 1, 1, np.zeros(4, np.int64))
    assert findings.out_of_bounds == 2
    assert "no array" in findings.text


def local_overrun(out):
    local = cuda.local.array(4, np.int64)
    for i in range(out[0]):
        local[i] = i
    out[0] = local[out[1]]


def test_local_array_overrun() -> None:
    findings = found(local_overrun, "void(int64[::1])", 1, 1, np.array([5, 2]))
    assert findings.out_of_bounds == 1
    assert "local array" in findings.text


def test_write_to_read_only() -> None:
    counts = np.zeros(LEVELS, np.int32)
    counts.flags.writeable = False
    findings = found(histogram, HISTOGRAM, 1, 64, np.zeros(10, np.uint8), counts)
    assert "which is read-only" in findings.text


def test_barrier_in_a_divergent_branch() -> None:
    findings = of_histogram(planted(histogram, "cuda.syncthreads()\n    i = cuda", "if t < 32:\n        cuda.syncthreads()\n    i = cuda"))
    assert findings.divergent_barriers
    assert "divergent barrier: threads of block 0" in findings.text


def test_exit_before_a_barrier() -> None:
    findings = of_histogram(planted(histogram, "i = t\n", "if t == 5:\n        return\n    i = t\n"))
    assert findings.exited_before_barrier
    assert "exited before a barrier: block 0" in findings.text


@pytest.mark.parametrize("order", ORDERS)
def test_shared_memory_not_cleared(order: str) -> None:
    findings = of_histogram(planted(histogram, "hist[i] = 0", "pass"), order)
    assert findings.uninitialised and not findings.races
    assert "uninitialised: atomic update of shared array 1" in findings.text


def neighbour_block(out):
    b = cuda.blockIdx.x
    out[b] = b
    out[b + cuda.gridDim.x] = out[(b + 1) % cuda.gridDim.x]


@pytest.mark.parametrize("order", ORDERS)
def test_race_of_two_blocks(order: str) -> None:
    findings = found(neighbour_block, "void(int32[::1])", 3, 1, np.zeros(6, np.int32), order=order)
    assert findings.races
    assert "race: " in findings.text and "of out[" in findings.text


def many_read_one_writes(out, writer):
    t = cuda.threadIdx.x
    out[t + 1] = out[0]
    if t == writer:
        out[0] = 1


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("writer", [0, 15, 31])
def test_many_read_then_one_of_them_writes(writer: int, order: str) -> None:
    findings = found(many_read_one_writes, "void(int32[::1], int32)", 1, 32, np.zeros(33, np.int32), writer, order=order)
    assert findings.races
    assert "of out[0]" in findings.text


def test_reading_what_others_update_is_a_race_unless_relaxed() -> None:
    parent, edges = np.arange(50, dtype=np.int32), np.random.default_rng(4).integers(0, 50, (64, 2)).astype(np.int32)
    findings = found(roots, "void(int32[::1], int32[:,::1])", 2, 32, parent, edges)
    assert findings.races and "of parent[" in findings.text


def wait_for_ever(flag):
    if cuda.threadIdx.x == 0:
        while cuda.atomic.add(flag, 0, 0) == 0:
            pass


def test_waiting_in_vain() -> None:
    findings = found(wait_for_ever, "void(int32[::1])", 1, 2, np.zeros(1, np.int32), patience=10_000)
    assert findings.deadlocks == 1
    assert "deadlock: block 0, thread 0" in findings.text


# ---- what is refused -------------------------------------------------------------------------------------------------------


def float_atomic(out):
    cuda.atomic.add(out, 0, 1.0)


def shuffle(out):
    out[cuda.threadIdx.x] = cuda.shfl_down_sync(0xFFFFFFFF, cuda.threadIdx.x, 1)


@pytest.mark.parametrize(("function", "signature", "named"), [(float_atomic, "void(float64[::1])", "fadd|atomic.load.add.f64"), (shuffle, "void(int32[::1])", "shfl")])
def test_unsupported_instructions_are_named(function: Any, signature: str, named: str) -> None:
    with pytest.raises(NotImplementedError, match=named):
        Kernel(function, signature)


def test_arguments_must_fit_the_signature() -> None:
    kernel = Kernel(histogram, HISTOGRAM)
    with pytest.raises(TypeError, match="counts: the kernel takes a 1-dimensional array of int32"):
        kernel.launch(1, 1, np.zeros(3, np.uint8), np.zeros(32, np.int64))
    with pytest.raises(TypeError, match="takes 2 arguments"):
        kernel.launch(1, 1, np.zeros(3, np.uint8))


def test_a_fault_must_be_planted_once() -> None:
    with pytest.raises(ValueError, match="stands 2 times"):
        planted(histogram, "cuda.syncthreads()", "")
