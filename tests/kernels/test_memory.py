"""Bounds of memory are the sums of the arrays that kernels and families allocate, added up again one by one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from voxomics.kernels import memory

MOST = 1 << 60


def vois(n=60, pad=2):
    """Random boxes, levels and numbers of voxels; the levels of VOI i are 1, 1 + step, 1 + 2 step …"""
    rng = np.random.default_rng(7)
    shape = rng.integers(2 * pad + 1, 24, (n, 3)).astype(np.int32)
    levels = rng.integers(0, 40, n)
    start = np.concatenate(([0], np.cumsum(levels)))
    step = 10 ** rng.integers(0, 15, n)
    level_of = np.concatenate([1 + np.arange(count) * step[i] for i, count in enumerate(levels)])
    inside = rng.integers(1, 3000, n)
    return SimpleNamespace(shape=shape, level_of=level_of, start=start, levels=levels, inside=inside, pad=pad)


def boxes(v):
    """(row, slices, rows, voxels of a row, levels, voxels) of each VOI as Python's integers."""
    for i in range(len(v.levels)):
        yield (i, *v.shape[i].tolist(), int(v.levels[i]), int(v.inside[i]))


def number_of_groups(nz, n_planar, n_dirs, per_slice):
    return nz * n_planar + n_dirs - n_planar if per_slice else n_dirs


@pytest.mark.parametrize("per_slice", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("most_levels", [1024, 20])
def test_bytes_of_co_occurrences_equal_the_twin(per_slice, symmetric, most_levels):
    v = vois()
    held = np.empty(len(v.levels), np.int64)
    memory.glcm(v.shape, v.start, v.inside, v.pad, 4, 13, per_slice, symmetric, most_levels, 7, 11, held)
    for i, nz, _, _, n, voxels in boxes(v):
        if n > most_levels:
            of_voi = 13 * voxels * (40 + 48 + 16)
        else:
            of_voi = 4 * number_of_groups(nz, 4, 13, per_slice) * (n + 1) ** 2 + 24 * (n + 1) ** 2 + 40 * n**2
            of_voi += 0 if symmetric else 24 * (n + 1) ** 2
        assert held[i] == of_voi + 48 * 64 + 8 * n + 7 * (nz - 4) + 11


@pytest.mark.parametrize("per_slice", [False, True])
@pytest.mark.parametrize("least", [1 << 18, 0])
def test_bytes_of_runs_equal_the_twin(per_slice, least):
    v = vois()
    held = np.empty(len(v.levels), np.int64)
    memory.glrlm(v.shape, v.start, v.inside, v.pad, 4, 13, per_slice, least, 7, 11, held)
    for i, nz, ny, nx, n, voxels in boxes(v):
        longest = max(nz, ny, nx)
        one = (n + 1) * (longest - 4 + 1)
        cells = number_of_groups(nz, 4, 13, per_slice) * one
        if cells <= least + 52 * voxels:
            of_voi = 4 * cells + 32 * one + 26 * ny * nx + 16 * nz * ny + 18 * 4096
        else:
            of_voi = 8 * voxels + 13 * 5 * 8 * voxels + 13 * 3 * 8 * voxels
        assert held[i] == of_voi + 16 * n + 16 * longest + 7 * (nz - 4) + 11


def kinds(distance):
    """The volume, every slice, and slices together."""
    side = 2 * distance + 1
    return np.array([(side**3, 0, 0, 24), (side**2, 1, 5, 0), (side**2, 0, 0, 9)])


@pytest.mark.parametrize("distances", [False, True])
def test_bytes_of_zones_equal_the_twin(distances):
    v = vois()
    held = np.empty(len(v.levels), np.int64)
    drawn = v.inside + 5
    memory.zones(v.shape, v.start, v.inside, drawn, v.pad, kinds(0), distances, 2000, MOST, held)
    for i, nz, ny, nx, n, voxels in boxes(v):
        lists = voxels * (4 * 4 + 4 * 4 + 3 * 8)
        of_voi = lists + 8 * (voxels + 5) + 8 * n + 14 * ny * nx + 8 * nz + (2 * nz * ny * nx if distances else 0)
        assert held[i] == (MOST if drawn[i] > 2000 else of_voi + 24 + 5 * (nz - 4) + 9)


@pytest.mark.parametrize("distance", [1, 2])
def test_bytes_of_neighbourhoods_equal_the_twin(distance):
    v = vois()
    sums, counts = np.empty(len(v.levels), np.int64), np.empty(len(v.levels), np.int64)
    memory.ngtdm(v.shape, v.level_of, v.start, v.inside, v.pad, kinds(distance), distance, MOST, sums)
    memory.ngldm(v.shape, v.start, v.inside, v.pad, kinds(distance), distance, counts)
    side = 2 * distance + 1
    refused = 0
    for i, nz, ny, nx, n, voxels in boxes(v):
        of_features = 24 + 5 * (nz - 4) + 9
        windows = [(min(side**3, voxels), 1), (min(side**2, voxels), nz), (min(side**2, voxels), 1)]
        of_sums = sum(8 * slices * (n + 1) * window for window, slices in windows) + 8 * ny * nx * (side + 3) + 40 * n
        span = int(v.level_of[v.start[i + 1] - 1] - v.level_of[v.start[i]]) if n else 0
        too_wide = span * side**3 * max(2 * side**3, voxels) >= 2**62
        refused += too_wide
        assert sums[i] == (MOST if too_wide else of_sums + of_features)
        of_counts = sum((n + 1) * (window + 1) * (4 * slices + 32) for window, slices in windows)
        assert counts[i] == of_counts + 24 * n + 8 * side**3 + of_features
    assert 0 < refused < len(v.levels)


def test_bytes_of_shapes_equal_the_twin():
    v = vois()
    held, without = np.empty(len(v.levels), np.int64), np.empty(len(v.levels), np.int64)
    memory.morphology(v.shape, True, held)
    memory.morphology(v.shape, False, without)
    assert (without == 12_288).all()
    for i, nz, ny, nx, _, _ in boxes(v):
        corners = 6 * nz * min(2 * ny, 4 * max(ny, nx) ** (2 / 3) + 8)
        assert held[i] == pytest.approx(12_288 + 700 * corners, abs=701)
