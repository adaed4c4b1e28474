"""A huge VOI cut into slabs: the same bits as from a whole, on any number of threads; and tiles shared by a pool."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from voxomics import Extractor
from voxomics.engine import pool, prepare, slabs
from voxomics.engine.batch import offsets

ONE = (1.0, 1.0, 1.0)


@pytest.fixture
def small_slabs(monkeypatch):
    """Slabs of a few slices, so that small VOIs count as huge."""
    monkeypatch.setattr(slabs, "SLAB_VOXELS", 1 << 14)
    monkeypatch.setattr(slabs, "_LEAST_SLICES", 1)
    monkeypatch.setattr(prepare, "SLAB_VOXELS", 1 << 8)  # labels are searched in parts too


def phantom():
    """Two VOIs of one image, one huge, with values that are not finite and holes."""
    rng = np.random.default_rng(5)
    image = np.round(rng.normal(100, 40, (41, 42, 43)))
    mask = (rng.random(image.shape) < 0.9).astype(np.uint8)
    mask[2:4] = 0
    mask[:3, :3, :3] = 2
    return image, mask


SETTINGS = [
    {},
    {"aggregations": ["2d_averaged", "3d_merged", "2d", "3d"], "glcm": {"distance": 2}, "ngtdm": {"distance": 2}},
    {"resegmentation": {"range": [20, 170]}, "discretisation": ["fbs:10:0", "fbn:300"]},
    {"resegmentation": {"outliers_sigma": 2}},
    {"resampling": {"spacing_mm": [0.8, 1.3, 1.1]}},
]


@pytest.mark.parametrize("given", SETTINGS)
def test_slabs_do_not_show(given, small_slabs):
    image, mask = phantom()
    one = Extractor(settings=given, threads=1)
    alone = one.extract(image, mask, spacing_mm=ONE)
    for threads in (2, 5):
        found = Extractor(settings=given, threads=threads).extract(image, mask, spacing_mm=ONE)
        np.testing.assert_array_equal(found[one.columns].to_numpy(), alone[one.columns].to_numpy())


def test_a_voxel_that_is_not_finite_is_named_by_its_first_slab(small_slabs):
    image, mask = phantom()
    for place in ((11, 3, 5), (10, 7, 1), (30, 2, 2)):
        image[place], mask[place] = np.nan, 1
    texts = [Extractor(threads=n).extract(image, mask, spacing_mm=ONE)["reason"].iloc[0] for n in (1, 3)]
    assert texts[0] == texts[1]
    assert "(10, 7, 1)" in texts[0]


def test_slabs_cover_every_box_once(small_slabs):
    shape = np.array([[5, 6, 7], [80, 30, 30], [41, 100, 90], [3, 3, 3]], np.int32)
    corner = np.zeros((4, 3), np.int32)
    start = offsets(shape.astype(np.int64).prod(1))
    found = slabs.cut(start, shape, corner, 2, 4)
    assert len(found.row) > 8
    assert np.array_equal(found.of_vois(found.voxels), start[1:] - start[:-1])
    inner = found.of_vois(found.shape[:, 0].astype(np.int64) - 4)
    assert np.array_equal(inner, shape[:, 0] - 4)
    assert np.array_equal(slabs.cut(start, shape, corner, 2, 1).row, np.arange(4))


def test_threads_without_a_task_take_tiles():
    both, ran = threading.Barrier(2, timeout=30), []

    def tile(k):
        if k < 2:
            both.wait()  # two threads at a time, or it breaks
        ran.append(k)

    pool.run([pool.Task(1.0, lambda: pool.for_tiles(5, tile))], 2, one_by_one=True)
    assert sorted(ran) == list(range(5))
    assert pool.helpers() == 1


def test_an_error_of_a_tile_is_raised_and_the_rest_dropped():
    def tile(k):
        if k == 1:
            raise ValueError("tile 1")

    for threads in (1, 3):
        tasks = [pool.Task(1.0, lambda: pool.for_tiles(6, tile)), pool.Task(1.0, lambda: None)]
        with pytest.raises(ValueError, match="tile 1"):
            pool.run(tasks, threads)
