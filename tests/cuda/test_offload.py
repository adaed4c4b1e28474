"""How a batch is cut for a device: into no more than its memory holds, and enough pieces for both streams."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threads import Threads

from volumes import noise_and_labels
from voxomics import Extractor
from voxomics.engine import offload
from voxomics.engine.settings import Settings


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
