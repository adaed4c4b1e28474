"""Cells of the surface by configuration, on the CPU, against their definition. On a GPU: tests/cuda/test_counts.py."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from voxomics.kernels.shape import mesh


def by_definition(mask):
    """Bit 4 z + 2 y + x of a cell is set where voxel (z, y, x) of it is inside; empty cells are not counted."""
    nz, ny, nx = (n - 1 for n in mask.shape)
    cells = np.zeros((nz, ny, nx), np.int64)
    for z, y, x in product((0, 1), repeat=3):
        cells += mask[z : z + nz, y : y + ny, x : x + nx].astype(np.int64) << (4 * z + 2 * y + x)
    found = np.bincount(cells.ravel(), minlength=mesh.CONFIGURATIONS)
    found[0] = 0
    return found


def counted(boxes, pad, vois):
    start = np.cumsum([0, *(box.size for box in boxes)])
    shape = np.array([box.shape for box in boxes], np.int32)
    region = np.concatenate([box.ravel() for box in boxes])
    counts = np.zeros((len(vois), mesh.CONFIGURATIONS), np.int64)
    mesh.count(region, start, shape, np.array(vois), pad, counts)
    return counts


@pytest.mark.parametrize("pad", [1, 2, 3])
def test_cells_of_every_box_equal_their_definition(pad):
    """Bit 1 of the region is not the mask's; the second and the last box have slices of more cells than a tile."""
    rng = np.random.default_rng(pad)
    masks = [rng.random(shape) < fill for shape, fill in (((1, 1, 1), 1), ((3, 40, 70), 0.999), ((4, 6, 5), 0.5))]
    masks.append(np.ones((2, 3, 5 * mesh.TILE // 4), bool))
    boxes = [np.pad(mask, pad) | np.pad(2 * (rng.random(mask.shape) < 0.5), pad).astype(np.uint8) for mask in masks]
    vois = [2, 0, 3, 1]
    for counts, k in zip(counted(boxes, pad, vois), vois, strict=True):
        np.testing.assert_array_equal(counts, by_definition(boxes[k] & 1))
