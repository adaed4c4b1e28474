"""A run of many images: the same bits as each image alone, whichever cases fail, and nothing read too far ahead."""

from __future__ import annotations

import dataclasses
import logging
import pickle
import threading
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from voxomics import Extractor, InputError
from voxomics.engine import run as engine_run
from voxomics.engine.families import glcm
from voxomics.engine.measure import measure
from voxomics.engine.plan import Plan
from voxomics.engine.prepare import Prepared, build, find_vois
from voxomics.engine.remarks import clusters
from voxomics.engine.run import Case
from voxomics.engine.settings import Settings
from voxomics.engine.settings.image_types import ImageType
from voxomics.engine.stages import ahead
from voxomics.engine.volume import Image, MaskStack

LIGHT = {"features": ["glcm", "intensity_statistics", "local_intensity"], "discretisation": ["fbn:8"]}


def scan(seed, shape=(9, 10, 11), spacing_mm=(2.0, 1.0, 1.0), dtype="f8", n_vois=2):
    """An image of noise with VOIs that follow each other along z."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int16)
    for k in range(n_vois):
        labels[1 + 3 * k : 3 + 3 * k, 1:8, 2:9] = (rng.random((2, 7, 7)) < 0.8) * (k + 1)
    return Image(rng.normal(100, 30, shape).astype(dtype), spacing_mm), MaskStack((labels,))


def cases(number, **how):
    return [Case(k, lambda k=k: scan(k, **how)) for k in range(number)]


def packed(image, stack, settings):
    return build(image, stack, find_vois(stack), settings)


@pytest.mark.parametrize("resampled", [False, True])
def test_vois_of_two_images_in_one_batch_have_the_bits_of_each_alone(resampled):
    given = {"aggregations": ["2d_averaged", "2_5d_merged", "3d_averaged", "3d_merged", "2d", "2_5d", "3d"],
             "discretisation": ["fbn:8", "fbn:300"], "glcm": {"weighting": {"function": "inverse", "unit": "mm"}}}  # fmt: skip
    if resampled:
        given["resampling"] = {"spacing_mm": [1.5, 1.5, 1.5]}
    settings = Settings.of(given)
    plan = Plan.of(settings)
    scans = [scan(0), scan(1, (12, 20, 9), (1.0, 0.7, 3.0), "f4", n_vois=3), scan(2, (30, 40, 50), (1, 1, 1), "i2", n_vois=1)]
    alone = [measure(packed(*one, settings), plan, settings, 1) for one in scans]
    together = Prepared.join([packed(*one, settings) for one in scans])
    assert together.geometry.image_of.tolist() == [0, 0, 1, 1, 1, 2]
    found = measure(together, plan, settings, 2)
    np.testing.assert_array_equal(found.values, np.concatenate([one.values for one in alone]))
    assert not np.isnan(found.values).all(axis=0).any()


def test_a_part_of_joined_vois_is_that_part():
    settings = Settings.of(LIGHT)
    together = Prepared.join([packed(*scan(0), settings), packed(*scan(1), settings)])
    batch = together.batches["original"]
    part, alone = batch.part(2, 4), packed(*scan(1), settings).batches["original"]
    np.testing.assert_array_equal(part.value, alone.value)
    np.testing.assert_array_equal(part.geometry.region, alone.geometry.region)
    np.testing.assert_array_equal(part.channels["fbn8"].level, alone.channels["fbn8"].level)
    np.testing.assert_array_equal(part.channels["fbn8"].level_of, alone.channels["fbn8"].level_of)


@pytest.mark.parametrize("memory", ["4GB", "150KB"])
@pytest.mark.parametrize("joined", [1, 600, 1 << 20])
def test_a_run_gives_what_each_image_gives_in_the_order_of_the_cases(memory, joined, monkeypatch):
    monkeypatch.setattr(engine_run, "JOINED_VOXELS", joined)
    ours = Extractor(settings={**LIGHT, "memory": memory}, backend="cpu")
    done = []
    found = list(ours.run(cases(7), done.append))
    assert [rows.case.key for rows in found] == list(range(7))
    for k, rows in enumerate(found):
        image, stack = scan(k)
        alone = ours.extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)
        np.testing.assert_array_equal(ours.values(rows), alone[ours.columns].to_numpy())
        assert rows.status == alone["status"].tolist() and rows.reason == alone["reason"].tolist()
        assert rows.n_voxels.tolist() == alone["n_voxels"].tolist()
    assert done == sorted(done) and done[-1] == pytest.approx(7)


def test_images_join_one_batch_and_a_large_image_makes_several(monkeypatch):
    sizes = []
    original = engine_run.measure

    def spy(prepared, *rest):
        sizes.append(len(prepared))
        return original(prepared, *rest)

    monkeypatch.setattr(engine_run, "measure", spy)
    ours = Extractor(settings=LIGHT, backend="cpu")
    list(ours.run(cases(5)))
    assert sizes == [10]
    sizes.clear()
    monkeypatch.setattr(engine_run, "JOINED_VOXELS", 1)
    list(ours.run(cases(5)))
    assert sizes == [2] * 5


def test_a_case_is_packed_in_parts_that_change_nothing(monkeypatch):
    ours = Extractor(settings=LIGHT, backend="cpu", threads=1)
    (whole,) = ours.run(cases(1))
    sizes = []
    original = engine_run.build

    def spy(image, masks, vois, *rest):
        sizes.append(len(vois))
        return original(image, masks, vois, *rest)

    monkeypatch.setattr(engine_run, "PART_VOXELS", 1)
    monkeypatch.setattr(engine_run, "build", spy)
    (parts,) = ours.run(cases(1))
    assert sizes == [1, 1]
    np.testing.assert_array_equal(parts.values, whole.values)
    assert parts.status == whole.status and parts.reason == whole.reason


def test_a_case_that_cannot_be_read_stops_no_other():
    def unreadable():
        raise InputError("no such file")

    several = cases(3)
    several[1] = Case(1, unreadable)
    several.append(Case(3, lambda: scan(3), labels=99))
    found = list(Extractor(settings=LIGHT, backend="cpu").run(several))
    assert [str(rows.error or "") for rows in found[:3]] == ["", "no such file", ""]
    assert "label 99 is not in mask" in str(found[3].error)
    assert found[2].status == ["ok", "ok"]


@pytest.fixture
def faulty(monkeypatch):
    """A family with a programming error that shows for VOIs of label 3 only."""
    original = glcm.FAMILY.compute

    def compute(batch, channel, vois, settings, aggregations):
        if (batch.geometry.label[vois] == 3).any():
            raise TypeError("a fault of ours")
        return original(batch, channel, vois, settings, aggregations)

    object.__setattr__(glcm.FAMILY, "compute", compute)
    yield
    object.__setattr__(glcm.FAMILY, "compute", original)


@pytest.mark.usefixtures("faulty")
def test_a_programming_error_raises_from_one_image():
    image, stack = scan(0, n_vois=3)
    with pytest.raises(TypeError, match="a fault of ours"):
        Extractor(settings=LIGHT, backend="cpu").extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)


@pytest.mark.usefixtures("faulty")
def test_a_programming_error_fails_its_case_alone_though_it_shared_a_batch():
    several = [Case(k, lambda k=k: scan(k, n_vois=3 if k == 1 else 2)) for k in range(3)]
    found = list(Extractor(settings=LIGHT, backend="cpu").run(several))
    assert [type(rows.error).__name__ for rows in found] == ["NoneType", "TypeError", "NoneType"]
    assert found[0].status == found[2].status == ["ok", "ok"]


def test_what_the_data_cause_is_a_cell_with_a_reason(monkeypatch):
    def full(*_):
        raise MemoryError("no more")

    original = glcm.FAMILY.compute
    object.__setattr__(glcm.FAMILY, "compute", full)
    try:
        image, stack = scan(0)
        found = Extractor(settings=LIGHT, backend="cpu").extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)
    finally:
        object.__setattr__(glcm.FAMILY, "compute", original)
    assert found["status"].tolist() == ["partial", "partial"]
    assert "MemoryError: no more: glcm" in found["reason"][0]


def test_an_extractor_pickles_and_measures_the_same():
    for profile in ("ibsi", "lifex"):
        ours = Extractor(profile, {"resegmentation": {"range": [-1000, 1000]}}, backend="auto", threads=1)
        again = pickle.loads(pickle.dumps(ours))
        assert again.settings == ours.settings and again.columns == ours.columns and again.threads == 1
        image, stack = scan(0)
        tables = [e.extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm) for e in (ours, again)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_an_image_type_shares_the_geometry_and_has_columns_of_its_own(monkeypatch):
    """The image axis, with a second image type that is the first one doubled."""
    from voxomics.engine import images

    class Doubled(ImageType):
        type: Literal["doubled"] = "doubled"

        def derive(self, image, threads):
            yield dataclasses.replace(image, array=2 * image.array)

    monkeypatch.setitem(images.IMAGE_TYPES, "doubled", Doubled)
    image, stack = scan(0)
    settings = {"image_types": ["original", "doubled"], "discretisation": ["fbn:8"], "resegmentation": {"range": [80, 150]}}
    ours = Extractor(settings=settings, backend="cpu")
    prepared = packed(image, stack, ours.settings)
    assert prepared.batches["doubled"].geometry is prepared.batches["original"].geometry
    table = ours.extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)
    base = [name for name in ours.columns if name.startswith("original.")]
    assert not [name for name in ours.columns if name.startswith("doubled.morphology.vol")]
    alone = Extractor(settings={**settings, "image_types": ["original"]}, backend="cpu")
    assert base == alone.columns
    pd.testing.assert_frame_equal(
        table[base], alone.extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)[base], check_exact=True
    )
    mean = "intensity_statistics.mean"
    np.testing.assert_array_equal(table[f"doubled.{mean}"], 2 * table[f"original.{mean}"])
    texture = "glcm.contrast.3d_merged.fbn8"  # levels between the VOI's extremes, and re-segmentation is the original's
    np.testing.assert_array_equal(table[f"doubled.{texture}"], table[f"original.{texture}"])


def test_a_derived_value_that_is_not_finite_is_named(monkeypatch):
    from voxomics.engine import images

    class Spoilt(ImageType):
        type: Literal["spoilt"] = "spoilt"

        def derive(self, image, threads):
            array = image.array.copy()
            array[1:3] = np.nan
            yield dataclasses.replace(image, array=array)

    monkeypatch.setitem(images.IMAGE_TYPES, "spoilt", Spoilt)
    image, stack = scan(0)
    ours = Extractor(settings={**LIGHT, "image_types": ["original", "spoilt"]}, backend="cpu")
    table = ours.extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)
    assert table["status"].tolist() == ["partial", "ok"]
    assert f"{table['n_voxels'][0]} values of the spoilt image are NaN or infinite" in table["reason"][0]
    assert table["original.intensity_statistics.mean"].notna().all()
    assert table["spoilt.intensity_statistics.mean"].isna().tolist() == [True, False]


def test_nothing_is_made_further_ahead_than_asked_for():
    made, go_on = [], threading.Event()

    def items():
        for k in range(10):
            made.append(k)
            if k == 3:
                go_on.set()
            yield k

    found = ahead(items(), 2)
    assert next(found) == 0
    assert go_on.wait(5)  # 0 was taken, 1 and 2 wait, 3 is in hand
    assert made == [0, 1, 2, 3]
    assert list(found) == list(range(1, 10))


def test_an_error_comes_where_its_item_would_have_come_and_a_reader_who_leaves_ends_the_thread():
    def items():
        yield 1
        raise KeyError("gone")

    found = ahead(items(), 3)
    assert next(found) == 1
    with pytest.raises(KeyError, match="gone"):
        next(found)
    endless = ahead(iter(int, 1), 1)
    next(endless)
    endless.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "voxomics-ahead"]


def test_remarks_are_logged(caplog):
    image, stack = scan(0)
    settings = {"features": ["intensity_histogram"], "discretisation": [{"method": "fbs", "width": 10, "origin": 120}]}
    with caplog.at_level(logging.INFO, logger="voxomics"):
        Extractor(settings=settings, backend="cpu").extract(image.array, stack.layers[0], spacing_mm=image.spacing_mm)
    assert "below the origin of fbs10" in caplog.text


def test_clusters_are_those_of_scipys_labels():
    rng = np.random.default_rng(6)
    labels = np.zeros((9, 12, 40), np.int32)
    for k in range(4):
        labels[1:8, 1:11, 10 * k + 1 : 10 * k + 9] = (rng.random((7, 10, 8)) < 0.02 + 0.06 * k) * (k + 1)
    stack = MaskStack((labels,))
    geometry = build(Image(labels.astype(float), (1, 1, 1)), stack, find_vois(stack), Settings()).geometry
    expected = [ndimage.label(labels == k + 1, np.ones((3, 3, 3)))[1] for k in range(4)]
    assert min(expected) > 1
    assert clusters(geometry).tolist() == expected


def test_remarks_on_the_image_and_the_mask_stand_in_every_row():
    image, stack = scan(0)
    told = Case(0, lambda: (dataclasses.replace(image, remarks=("a",)), dataclasses.replace(stack, remarks=("b", "c"))))
    (rows,) = Extractor(settings=LIGHT, backend="cpu").run([told])
    assert rows.status == ["ok", "ok"] and rows.reason == ["a; b; c"] * 2
