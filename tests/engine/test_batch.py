"""VoiBatch: packing, padding, masks, channels, and the thread pool beneath it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from batches import batch_of, random_volume
from voxomics.engine import pool
from voxomics.engine.batch import INTENSITY, MORPHOLOGICAL
from voxomics.engine.discretise import channel
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Discretisation, Settings
from voxomics.engine.volume import Image, MaskStack


def boxes(batch):
    g = batch.geometry
    return [g.region[g.start[i] : g.start[i + 1]].reshape(g.shape[i]) for i in range(len(batch))]


def labelled(seed=0, shape=(7, 9, 11), labels=(2, 5, 300)):
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, *labels], shape)
    return rng.normal(0, 100, shape), mask


def test_find_vois_gives_every_label_its_count_and_box():
    _, mask = labelled()
    mask[:2] = 0
    found = find_vois(MaskStack((mask,)))
    assert [voi.value for voi in found] == [2, 5, 300]
    for voi in found:
        where = np.argwhere(mask == voi.value)
        assert voi.n_voxels == len(where)
        assert voi.low == tuple(where.min(0))
        assert voi.high == tuple(where.max(0))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u4", "i8"])
@pytest.mark.parametrize("shape", [(3, 5, 8), (4, 4, 7), (2, 3, 16), (1, 1, 1), (5, 1, 3), (2, 0, 8), (2, 3, 0)])
@pytest.mark.parametrize("filled", [0.02, 0.3, 0.9])
def test_find_vois_whether_rows_are_whole_words_or_not(dtype, shape, filled):
    rng = np.random.default_rng(len(dtype) + sum(shape))
    mask = (rng.integers(1, 5, shape) * (rng.random(shape) < filled)).astype(dtype)
    bytes_ = np.zeros(mask.nbytes + 1, np.uint8)
    shifted = bytes_[1:].view(dtype).reshape(shape)  # words are not aligned
    shifted[...] = mask
    for labels in (mask, mask[:, :, ::-1], mask.transpose(2, 1, 0), shifted):
        places = {int(value): np.argwhere(labels == value) for value in np.unique(labels) if value}
        expected = [(v, len(at), tuple(at.min(0)), tuple(at.max(0))) for v, at in places.items()]
        assert [(voi.value, voi.n_voxels, voi.low, voi.high) for voi in find_vois(MaskStack((labels,)))] == expected


def test_find_vois_with_huge_label_numbers():
    mask = np.zeros((3, 3, 3), np.int64)
    mask[0, 0, 0], mask[2, 2, 2] = 7_000_000_000, 3
    assert [(voi.value, voi.n_voxels) for voi in find_vois(MaskStack((mask,)))] == [(3, 1), (7_000_000_000, 1)]


@pytest.mark.parametrize("pad", [1, 2, 3])
def test_the_box_holds_the_mask_and_an_empty_border(pad):
    image, mask = labelled()
    stack = MaskStack((mask,))
    settings = Settings.of({"glcm": {"distance": pad}})
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), settings).batches["original"]
    g = batch.geometry
    assert g.pad == pad
    for i, box in enumerate(boxes(batch)):
        inner = box[pad:-pad, pad:-pad, pad:-pad]
        low = g.corner[i] + pad
        here = tuple(slice(a, a + s) for a, s in zip(low, inner.shape, strict=True))
        assert (inner == np.where(mask[here] == g.label[i], MORPHOLOGICAL | INTENSITY, 0)).all()
        assert box.sum() == inner.sum()
        values = batch.value[batch.value_start[i] : batch.value_start[i + 1]]
        assert (values == image[here][mask[here] == g.label[i]]).all()


def test_features_do_not_depend_on_the_pad():
    from voxomics import Extractor

    image, mask = labelled()
    one = Extractor().extract(image, mask, spacing_mm=(1, 1, 1))
    three = Extractor(settings={"ngtdm": {"distance": 3}, "exclude": ["ngtdm"]}).extract(image, mask, spacing_mm=(1, 1, 1))
    for name in three.columns[7:]:
        np.testing.assert_array_equal(one[name], three[name], err_msg=name)


def test_channels_hold_ranks_of_the_nominal_levels():
    image, mask = labelled()
    stack = MaskStack((mask,))
    settings = Settings.of({"discretisation": [{"method": "fbs", "width": 25, "origin": -1000}]})
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), settings).batches["original"]
    c = batch.channels["fbs25"]
    for i, box in enumerate(boxes(batch)):
        values = batch.value[batch.value_start[i] : batch.value_start[i + 1]]
        nominal = np.floor((values + 1000) / 25).astype(int) + 1
        levels = c.level_of[c.level_start[i] : c.level_start[i + 1]]
        assert (levels == np.unique(nominal)).all()
        level = c.level[batch.geometry.start[i] : batch.geometry.start[i + 1]].reshape(box.shape)
        assert (level[box == 0] == 0).all()
        assert (levels[level[box > 0].astype(int) - 1] == nominal).all()
        assert c.n_nominal[i] == nominal.max()


def test_fixed_bin_number_by_its_definition():
    image, mask = labelled()
    stack = MaskStack((mask,))
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), Settings()).batches["original"]
    c = batch.channels["fbn32"]
    assert (c.n_nominal == 32).all()
    for i in range(len(batch)):
        values = batch.value[batch.value_start[i] : batch.value_start[i + 1]]
        low, high = values.min(), values.max()
        nominal = np.where(values == high, 32, np.floor(32 * (values - low) / (high - low)) + 1)
        assert (c.level_of[c.level_start[i] : c.level_start[i + 1]] == np.unique(nominal)).all()


def test_a_channel_is_added_without_rebuilding_geometry():
    image, mask = labelled()
    stack = MaskStack((mask,))
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), Settings()).batches["original"]
    geometry, before = batch.geometry, batch.geometry.region.copy()
    added, refused, _ = channel(batch, Discretisation(method="fbn", bins=8), Settings())
    assert batch.geometry is geometry
    assert (geometry.region == before).all()
    assert (refused == 0).all()
    assert added.level.shape == geometry.region.shape
    assert added.n_present.max() == 8


def test_70000_nominal_levels_cost_nothing():
    volume = np.zeros((3, 3, 3), int)
    volume[1, 1] = [1, 35_000, 70_000]
    batch, _ = batch_of([volume])
    c = batch.channels["none"]
    assert c.n_nominal.tolist() == [70_000]
    assert c.level_of.tolist() == [1, 35_000, 70_000]
    assert c.level.dtype == np.uint8
    assert sorted(c.level[c.level > 0]) == [1, 2, 3]


def test_levels_far_apart_are_ranked_too():
    batch, _ = batch_of([np.array([[[1, 10**9, 5, 10**9, 10**7]]])])
    c = batch.channels["none"]
    assert c.level_of.tolist() == [1, 5, 10**7, 10**9]
    assert c.level[c.level > 0].tolist() == [1, 4, 2, 4, 3]


def test_more_than_255_levels_take_two_bytes():
    batch, _ = batch_of([np.arange(1, 301).reshape(1, 10, 30)])
    assert batch.channels["none"].level.dtype == np.uint16
    assert batch.channels["none"].n_present.tolist() == [300]


def test_overlapping_masks_are_layers():
    image = np.arange(60.0).reshape(3, 4, 5)
    whole = np.ones((3, 4, 5), np.uint8)
    part = np.zeros((3, 4, 5), np.uint8)
    part[1:, 1:, 1:] = 1
    stack = MaskStack((whole, part), names={(0, 1): "organ", (1, 1): "lesion"})
    vois = find_vois(stack)
    assert [(voi.layer, voi.value, voi.name) for voi in vois] == [(0, 1, "organ"), (1, 1, "lesion")]
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, vois, Settings()).batches["original"]
    assert batch.geometry.n_morphological.tolist() == [60, 24]
    assert (batch.value[: batch.value_start[1]] == image.ravel()).all()
    assert (batch.value[batch.value_start[1] :] == image[1:, 1:, 1:].ravel()).all()


def test_a_mask_that_covers_another_extent_is_placed():
    image = np.arange(60.0).reshape(3, 4, 5)
    stack = MaskStack((np.ones((1, 2, 2), np.uint8),), corner=(2, 1, 3))
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), Settings()).batches["original"]
    assert batch.value.tolist() == image[2, 1:3, 3:5].ravel().tolist()


def test_resegmentation_takes_the_range_then_the_outliers():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 100, (6, 7, 8))
    image[0, 0, 0] = 1e6
    stack = MaskStack((np.ones(image.shape, np.uint8),))
    settings = Settings.of({"resegmentation": {"range": [-150, 150], "outliers_sigma": 1.5}})
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), settings).batches["original"]
    kept = image[(image >= -150) & (image <= 150)]
    kept = kept[np.abs(kept - kept.mean()) <= 1.5 * kept.std()]
    assert batch.value.tolist() == kept.tolist()
    assert batch.geometry.n_morphological.tolist() == [image.size]
    assert batch.geometry.n_intensity.tolist() == [len(kept)]
    (box,) = boxes(batch)
    assert ((box & MORPHOLOGICAL) > 0).sum() == image.size
    assert ((box & INTENSITY) > 0).sum() == len(kept)


def test_range_bounds_belong_to_the_range():
    image = np.array([[[-1.0, 0.0, 5.0, 5.5]]])
    stack = MaskStack((np.ones(image.shape, np.uint8),))
    settings = Settings.of({"resegmentation": {"range": [0, 5]}})
    batch = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), settings).batches["original"]
    assert batch.value.tolist() == [0.0, 5.0]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_change_a_batch(threads):
    rng = np.random.default_rng(1)
    volumes = [random_volume(rng, (20, 60, 70), 9) for _ in range(5)]
    one, _ = batch_of(volumes, threads=1)
    many, _ = batch_of(volumes, threads=threads)
    np.testing.assert_array_equal(one.geometry.region, many.geometry.region)
    np.testing.assert_array_equal(one.value, many.value)
    np.testing.assert_array_equal(one.channels["none"].level, many.channels["none"].level)


def test_the_pool_runs_everything_once_and_the_largest_first():
    seen = []
    pool.run([pool.Task(c, lambda c=c: seen.append(c)) for c in (1, 5, 3)], threads=1)
    assert seen == [5, 3, 1]
    seen.clear()
    pool.run([pool.Task(c, lambda c=c: seen.append(c)) for c in range(50)], threads=4)
    assert sorted(seen) == list(range(50))


def test_the_pool_uses_several_threads():
    both = threading.Barrier(2, timeout=20)
    pool.run([pool.Task(1, lambda: both.wait() and None) for _ in range(2)], threads=2)


def test_the_pool_passes_an_error_on():
    def fail():
        raise ZeroDivisionError("on purpose")

    for threads in (1, 3):
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            pool.run([pool.Task(1, fail), pool.Task(2, lambda: None)], threads)


def test_intensities_count_only_where_another_mask_keeps_them():
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 3, size=(9, 11, 13)).astype(np.uint8)
    kept = np.where(rng.random(labels.shape) < 0.6, labels, 0).astype(np.uint8)
    image = rng.normal(size=labels.shape)
    stack = MaskStack((labels,))
    prepared = build(Image(image, (1.0, 1.0, 1.0)), stack, find_vois(stack), Settings(), kept=MaskStack((kept,)))
    batch = prepared.batches["original"]
    for row, label in enumerate((1, 2)):
        part = slice(batch.value_start[row], batch.value_start[row + 1])
        assert batch.value[part].tolist() == image[kept == label].tolist()
        assert batch.geometry.n_morphological[row] == (labels == label).sum()
        assert batch.geometry.n_intensity[row] == (kept == label).sum()
