"""Each fault that is planted in a kernel is caught and named, whatever the order of threads."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import specimens
from emulator import Findings, Kernel, planted, rebound
from specimens import LEVELS, block_sum, histogram, roots, sums

ORDERS = ("forward", "reverse", "random")
HISTOGRAM = "void(uint8[::1], int32[::1])"


def found(function: Any, signature: str, grid: int, block: int, *arguments: Any, **options: Any) -> Findings:
    return Kernel(function, signature).launch(grid, block, *arguments, **options)


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
    findings = found(
        kernel, "void(float64[::1], int64[::1], float64[:,::1])", 1, 64, values, starts, np.zeros((1, 2)), order=order
    )
    assert findings.races


def test_read_past_the_end() -> None:
    findings = of_histogram(planted(histogram, "while i < levels.size:", "while i <= levels.size:"))
    assert findings.out_of_bounds == 1
    assert "read of levels[500], outside its 500 elements, by block 1, thread 52" in findings.text


def test_write_past_the_end() -> None:
    findings = of_histogram(planted(histogram, "if t < LEVELS:", "if t <= LEVELS:"))
    assert findings.out_of_bounds == 6  # hist and counts, in each of three blocks
    assert "of counts[32], outside its 32 elements, by block 0, thread 32" in findings.text


def test_far_out_of_bounds_does_not_crash() -> None:
    findings = found(specimens.far_away, "void(int64[::1])", 1, 1, np.zeros(4, np.int64))
    assert findings.out_of_bounds == 2
    assert "no array" in findings.text


def test_local_array_overrun() -> None:
    findings = found(specimens.local_overrun, "void(int64[::1])", 1, 1, np.array([5, 2]))
    assert findings.out_of_bounds == 1
    assert "local array" in findings.text


def test_read_past_a_constant_table() -> None:
    findings = found(specimens.past_the_table, "void(int32[::1])", 1, 1, np.array([0, 4], np.int32))
    assert findings.out_of_bounds == 1
    assert "read of constant table[48], outside its 48 elements" in findings.text


def test_running_off_one_argument_never_ends_in_another() -> None:
    one = np.zeros(64, np.int64)
    findings = found(specimens.neighbour_block, "void(int64[::1])", 40, 1, one[:41])  # one[41:] is next to it
    assert findings.out_of_bounds == 39
    assert not one[41:].any()


def test_write_to_read_only() -> None:
    counts = np.zeros(LEVELS, np.int32)
    counts.flags.writeable = False
    findings = found(histogram, HISTOGRAM, 1, 64, np.zeros(10, np.uint8), counts)
    assert "of counts[0], which is read-only" in findings.text
    assert not counts.any()


def test_barrier_in_a_divergent_branch() -> None:
    findings = of_histogram(
        planted(histogram, "cuda.syncthreads()\n    i = cuda", "if t < 32:\n        cuda.syncthreads()\n    i = cuda")
    )
    assert findings.divergent_barriers
    assert "divergent barrier: threads of block 0" in findings.text


def test_two_barriers_are_not_one() -> None:
    findings = found(specimens.two_barriers, "void(int32[::1])", 1, 64, np.zeros(1, np.int32))
    assert findings.divergent_barriers == 1


def test_exit_before_a_barrier() -> None:
    findings = of_histogram(planted(histogram, "i = t\n", "if t == 5:\n        return\n    i = t\n"))
    assert findings.exited_before_barrier
    assert "exited before a barrier: block 0" in findings.text


@pytest.mark.parametrize("order", ORDERS)
def test_shared_memory_not_cleared(order: str) -> None:
    findings = of_histogram(planted(histogram, "hist[i] = 0", "pass"), order)
    assert findings.uninitialised and not findings.races
    assert "uninitialised: atomic update of shared array 1" in findings.text


def test_what_an_earlier_block_left_in_shared_memory_does_not_count() -> None:
    findings = of_histogram(planted(histogram, "hist[i] = 0", "if cuda.blockIdx.x == 0:\n            hist[i] = 0"))
    assert findings.uninitialised
    assert "by block 1" in findings.text and "by block 0" not in findings.text


@pytest.mark.parametrize("order", ORDERS)
def test_race_of_two_blocks(order: str) -> None:
    findings = found(specimens.neighbour_block, "void(int32[::1])", 3, 1, np.zeros(6, np.int32), order=order)
    assert findings.races
    assert "race: " in findings.text and "of out[" in findings.text


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("writer", [0, 15, 31])
def test_many_read_then_one_of_them_writes(writer: int, order: str) -> None:
    findings = found(
        specimens.many_read_one_writes, "void(int32[::1], int32)", 1, 32, np.zeros(33, np.int32), writer, order=order
    )
    assert findings.races
    assert "of out[0]" in findings.text


def test_the_first_reader_writes_after_the_others() -> None:
    findings = found(specimens.first_reads_last_writes, "void(int32[::1])", 1, 32, np.zeros(80, np.int32))
    assert findings.races == 1
    assert "race: write of out[0] by block 0, thread 0, and read by block 0, thread 31" in findings.text


def test_the_last_of_several_blocks_writes() -> None:
    findings = found(specimens.blocks_read_last_writes, "void(int32[::1])", 4, 1, np.zeros(5, np.int32))
    assert findings.races == 1
    assert "race: write of out[0] by block 3, thread 0, and read by several blocks" in findings.text


def test_reading_what_others_update_is_a_race_unless_relaxed() -> None:
    parent, edges = np.arange(50, dtype=np.int32), np.random.default_rng(4).integers(0, 50, (64, 2)).astype(np.int32)
    findings = found(roots, "void(int32[::1], int32[:,::1])", 2, 32, parent, edges)
    assert findings.races and "of parent[" in findings.text


def test_waiting_in_vain() -> None:
    findings = found(specimens.wait_for_ever, "void(int32[::1])", 1, 2, np.zeros(1, np.int32), patience=10_000)
    assert findings.deadlocks == 1
    assert "deadlock: block 0, thread 0" in findings.text


# ---- what is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "signature", "named"),
    [(specimens.float_atomic, "void(float64[::1])", "fadd|atomic.load.add.f64"), (specimens.shuffle, "void(int32[::1])", "shfl")],
)
def test_unsupported_instructions_are_named(function: Any, signature: str, named: str) -> None:
    with pytest.raises(NotImplementedError, match=named):
        Kernel(function, signature)


def test_arguments_must_fit_the_signature() -> None:
    kernel = Kernel(histogram, HISTOGRAM)
    with pytest.raises(TypeError, match="counts: the kernel takes a 1-dimensional array of int32"):
        kernel.launch(1, 1, np.zeros(3, np.uint8), np.zeros(32, np.int64))
    with pytest.raises(TypeError, match="takes 2 arguments"):
        kernel.launch(1, 1, np.zeros(3, np.uint8))


def test_a_launch_must_make_sense() -> None:
    kernel, given = Kernel(histogram, HISTOGRAM), (np.zeros(3, np.uint8), np.zeros(32, np.int32))
    with pytest.raises(ValueError, match="1,024 at most"):
        kernel.launch(1, (64, 32), *given)
    with pytest.raises(ValueError, match="no parameter parent; it has levels, counts"):
        kernel.launch(1, 32, *given, relaxed=("parent",))
    with pytest.raises(ValueError, match="order is one of forward, reverse, random"):
        kernel.launch(1, 32, *given, order="backward")


def test_a_fault_must_be_planted_once() -> None:
    with pytest.raises(ValueError, match="stands 2 times"):
        planted(histogram, "cuda.syncthreads()", "")
