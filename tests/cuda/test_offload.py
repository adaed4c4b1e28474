"""How a batch is cut for a device: into no more than its memory holds, and enough pieces for both streams."""

from __future__ import annotations

import dataclasses
import threading
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from threads import Threads

from volumes import noise_and_labels
from voxomics import Extractor
from voxomics.engine import images, offload
from voxomics.engine.backends import Backend
from voxomics.engine.measure import measure
from voxomics.engine.plan import Plan
from voxomics.engine.prepare import Prepared, build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.settings.image_types import ImageType
from voxomics.engine.volume import Image, MaskStack


class Weighed(Threads):
    """Notes the most bytes that arrays on the device take at a time."""

    def __init__(self, **options):
        super().__init__(**options)
        self.taken = self.most = 0
        self.lock = threading.RLock()

    def _noted(self, array):
        import weakref

        with self.lock:
            self.taken += array.nbytes
            self.most = max(self.most, self.taken)
        weakref.finalize(array, self._gone, array.nbytes)
        return array

    def _gone(self, size):
        with self.lock:
            self.taken -= size

    def put(self, array):
        return self._noted(super().put(array))

    def empty(self, shape, dtype):
        return self._noted(super().empty(shape, dtype))

    def zeros(self, shape, dtype):
        return self._noted(super().zeros(shape, dtype))


@pytest.mark.parametrize("bins", [4, 64, 300])
@pytest.mark.parametrize("memory", [6_000_000, 40_000_000])
def test_a_device_is_asked_for_no_more_than_its_free_memory(offer, bins, memory):
    device = offer(Weighed(checked=False, memory=memory))
    image = np.random.default_rng(0).normal(0.0, 1.0, (24, 24, 40))
    labels = np.kron(np.arange(1, 17).reshape(2, 2, 4), np.ones((12, 12, 10), np.int32))
    labels[:, :, ::10] = 0
    settings = {"discretisation": [{"method": "fbn", "bins": bins}]}
    Extractor(settings=settings, backend="cuda").extract(image, labels, spacing_mm=(1, 1, 1))
    assert 0 < device.most <= memory
    assert len(device.findings) > 0


def test_scratch_is_part_of_a_streams_share():
    for free in (1 << 20, 1 << 30, 4 << 30, 80 << 30):
        most, scratch = offload.limit(SimpleNamespace(free_bytes=lambda free=free: free), Settings.of({"memory": "100GB"}))
        assert scratch > 0
        assert (most + 8 * scratch) * offload.STREAMS <= offload.SHARE * free


def test_a_large_batch_keeps_both_streams_busy(offer, monkeypatch):
    """It fits the device as it is; else one stream would do it all."""
    device = offer(Threads(checked=False, memory=1 << 40))
    ours = Extractor(settings={"features": ["glcm"]}, backend="cuda")
    whole = ours.extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
    launches = len(device.findings)
    monkeypatch.setattr(offload, "PIECE", 10_000)
    cut = ours.extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
    assert len(device.findings) - launches >= offload.STREAMS * launches
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


def test_two_images_and_two_image_types_share_a_batch_on_the_device(offer, monkeypatch):
    """The geometry is copied once, and each value is that of the image and the image type alone, under settings of its own."""

    class Doubled(ImageType):
        type: Literal["doubled"] = "doubled"

        def derive(self, image, threads):
            yield dataclasses.replace(image, array=2 * image.array)

    monkeypatch.setitem(images.IMAGE_TYPES, "doubled", Doubled)
    rng = np.random.default_rng(1)
    scans = []
    for shape, spacing_mm in (((9, 10, 11), (2.0, 1.0, 1.0)), ((8, 7, 12), (1.0, 0.7, 3.0))):
        labels = np.kron([[[1, 2]]], np.ones((shape[0], shape[1], shape[2] // 2), np.int32)).astype(np.int32)
        scans.append((Image(rng.normal(100, 30, labels.shape), spacing_mm), MaskStack((labels,))))
    own = {"type": "doubled", "discretisation": "fbn:6", "glcm": {"distance": 2}, "ngtdm": {"distance": 2}}
    settings = Settings.of({"image_types": ["original", own], "discretisation": ["fbn:8"], "exclude": ["local_intensity"]})
    plan = Plan.of(settings)
    packed = [build(image, stack, find_vois(stack), settings) for image, stack in scans]
    device = offer(Threads(checked=False))
    put, copies = device.put, []
    monkeypatch.setattr(device, "put", lambda array: copies.append(array.nbytes) or put(array))
    together = measure(Prepared.join(packed), plan, settings, 1, backend=Backend("cuda", device)).values
    region = sum(len(one.geometry.region) for one in packed)
    assert copies.count(region) - 2 == 1, "two image types have levels of a byte each; the masks are there once"
    alone = np.concatenate([measure(one, plan, settings, 1, backend=Backend("cuda", device)).values for one in packed])
    np.testing.assert_array_equal(together, alone)
    cpu = measure(Prepared.join(packed), plan, settings, 1).values
    np.testing.assert_allclose(together, cpu, rtol=1e-9, atol=1e-9)
