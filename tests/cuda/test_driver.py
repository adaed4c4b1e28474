"""The way to the driver: every host thread on the chosen device, and what a driver raises is named."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from threads import Threads

from volumes import noise_and_labels
from voxomics import Extractor
from voxomics.engine import offload
from voxomics.engine.errors import BackendError
from voxomics.kernels import device as seam


class DriverFault(Exception):
    """Numba's and cuda.core's errors are plain Exceptions, CuPy's are RuntimeErrors."""


class Here:
    """A place that a host thread is in, as CuPy's Device and Stream are."""

    def __init__(self, now, name, ptr):
        self.now, self.name, self.ptr = now, name, ptr

    def __enter__(self):
        setattr(self.now, self.name, self.ptr)

    def __exit__(self, *_):
        delattr(self.now, self.name)


@pytest.fixture
def standin(monkeypatch):
    """`Cuda` where CuPy's arrays are NumPy's and device 3 is chosen; kernels run on CPU threads, `launched` says whence."""
    now, streams, launched = threading.local(), [], []

    def stream():
        streams.append(Here(now, "stream", len(streams)))
        return streams[-1]

    chosen = {"getDevice": lambda: 3, "getDeviceProperties": lambda number: {"name": b"stand-in %d" % number}}
    pool = SimpleNamespace(free_bytes=lambda: 0, used_bytes=lambda: 0, get_limit=lambda: 1 << 30)
    runtime = SimpleNamespace(**chosen, memGetInfo=lambda: (1 << 40, 1 << 40))
    cupy = SimpleNamespace(
        cuda=SimpleNamespace(runtime=runtime, Stream=stream, Device=lambda number: Here(now, "device", number)),
        get_default_memory_pool=lambda: pool,
        **{name: getattr(Threads(), name) for name in ("empty", "zeros")},
        asarray=Threads().put,
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(seam.Cuda, "unavailable", staticmethod(lambda: ""))

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        launched.append((now.device, now.stream))
        Threads(checked=False).launch(kernel, blocks, threads, *arguments, shared=shared)

    monkeypatch.setattr(seam.Cuda, "launch", launch)
    monkeypatch.setattr(seam.Cuda, "get", lambda self, array: np.array(array))
    return SimpleNamespace(streams=streams, launched=launched)


def test_every_host_thread_is_on_the_chosen_device_and_streams_are_kept(offer, standin):
    device = offer(seam.Cuda())
    assert (device.name, device.free_bytes()) == ("stand-in 3", 1 << 30)  # the pool's limit
    settings = {"features": ["glcm"], "memory": "2MB"}
    tables = [Extractor(settings=settings, backend="cuda").extract(*noise_and_labels(), spacing_mm=(1, 1, 1)) for _ in range(3)]
    assert {where for where, _ in standin.launched} == {3}
    assert len(standin.streams) <= offload.STREAMS
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


@pytest.mark.parametrize("fault", ["raises", "is wrong"])
def test_a_device_whose_trial_fails_is_not_used(monkeypatch, standin, fault):
    def get(self, array):
        if fault == "raises":
            raise DriverFault("no kernel image is available")
        return np.array(array) + 1.0

    monkeypatch.setattr(seam.Cuda, "get", get)
    assert Extractor(backend="auto").backend == "cpu"
    reason = "DriverFault: no kernel image is available" if fault == "raises" else "the mean of 1 and 3 came out as 3.0"
    with pytest.raises(BackendError, match=f"a trial on stand-in 3 failed: {reason}"):
        Extractor(backend="cuda")


@pytest.mark.parametrize("kind", [DriverFault, RuntimeError])
def test_what_a_driver_raises_is_a_backend_error_and_under_auto_the_cpus_work(offer, kind):
    class Broken(Threads):
        def launch(self, kernel, *arguments, **options):
            if kernel.name.startswith("glcm."):
                raise kind("CUDA_ERROR_LAUNCH_FAILED")
            super().launch(kernel, *arguments, **options)

    offer(Broken(checked=False))
    chosen = {"features": ["glcm", "glrlm"]}
    with pytest.raises(BackendError, match=f"CPU threads failed: {kind.__name__}: CUDA_ERROR_LAUNCH_FAILED"):
        Extractor(settings=chosen, backend="cuda").extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
    rows = Extractor(settings=chosen, backend="auto").extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
    cpu = Extractor(settings=chosen, backend="cpu").extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
    glcm = [column for column in rows if ".glcm." in column]
    pd.testing.assert_frame_equal(rows[["status", "reason", *glcm]], cpu[["status", "reason", *glcm]], check_exact=True)


def test_a_stream_that_cannot_be_opened_is_a_backend_error(offer):
    class Closed(Threads):
        def stream(self):
            raise DriverFault("CUDA_ERROR_DEVICE_UNAVAILABLE")

    offer(Closed(checked=False))
    with pytest.raises(BackendError, match="CPU threads failed: DriverFault: CUDA_ERROR_DEVICE_UNAVAILABLE"):
        Extractor(settings={"features": ["glcm"]}, backend="cuda").extract(*noise_and_labels(), spacing_mm=(1, 1, 1))
