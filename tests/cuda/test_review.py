"""What a hostile review found: each of these once failed, or could be shown by reading only."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from emulator import driverless
from threads import Threads, signature_for

from voxomics import Extractor
from voxomics.engine import offload
from voxomics.engine.errors import BackendError
from voxomics.engine.settings import Settings
from voxomics.kernels import device as seam
from voxomics.kernels import jit


@pytest.fixture
def use(monkeypatch):
    """Make a device the one that `backend="cuda"` finds."""

    def offer(found):
        monkeypatch.setattr(seam, "DEVICES", [lambda: found])
        return found

    return offer


def case(seed=0):
    """Noise, and labels of 1 to 4 with few and many voxels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((14, 15, 16), np.int32)
    labels[:6, :7, :8], labels[7:, 8:, 9:], labels[7, 2, 3], labels[8, 0, :] = 1, 2, 3, 4
    return rng.normal(100.0, 30.0, labels.shape), labels


class Interfaced:
    """An array as CuPy offers it to Numba."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __dlpack_device__(self):
        return 2, 0  # kDLCUDA

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return self.array.__dlpack__(max_version=max_version)


class Dispatched(Threads):
    """Also asks numba-cuda's dispatcher, told to compile no more, which compiled kernel it would launch."""

    def __init__(self):
        super().__init__(checked=False)
        self.dispatchers = {}

    def launch(self, kernel, blocks, threads, *arguments, shared=0):
        from numba.cuda import dispatcher
        from numba.cuda.cext import _dispatcher

        if np.prod(blocks) > 0:
            if kernel.name not in self.dispatchers:
                ours = dispatcher.CUDADispatcher(kernel.function, targetoptions={})
                for signature in kernel.signatures:
                    compiled = SimpleNamespace(signature=signature, entry_point=None)
                    ours.add_overload(compiled, driverless.argument_types(signature))
                ours.disable_compile()
                self.dispatchers[kernel.name] = ours
            given = [Interfaced(a) if isinstance(a, np.ndarray) else a for a in arguments]
            config = {dispatcher._LAUNCH_CONFIG_KW: object()}
            chosen = _dispatcher.Dispatcher._cuda_call(self.dispatchers[kernel.name], *given, **config)
            assert chosen.signature == signature_for(kernel, arguments), kernel.name
            sizes = blocks if isinstance(blocks, tuple) else (blocks,)
            assert all(type(n) is int for n in (*sizes, threads, shared)), kernel.name
        super().launch(kernel, blocks, threads, *arguments, shared=shared)


def test_numba_cudas_dispatcher_takes_every_launch(use):
    """Arrays of all sizes, 0 among them, Python's numbers for i4 and i8, and uint8 or uint16 levels."""
    device = use(Dispatched())
    image, labels = case()
    image[labels == 4] = -1000.0
    settings = {
        "discretisation": [{"method": "fbn", "bins": 8}, {"method": "fbn", "bins": 300}],
        "resegmentation": {"range": [0, None]},
        "aggregations": ["2d_averaged", "3d_merged", "2d", "2_5d", "3d"],
    }
    Extractor(settings=settings, backend="cuda").extract(image, labels, spacing_mm=(2, 1, 1))
    assert set(device.dispatchers) == set(jit.GPU_KERNELS)


def test_small_launches_are_no_reason_for_a_warning(monkeypatch):
    jit.__getattr__("cuda")
    from numba.cuda import dispatcher

    monkeypatch.setattr(dispatcher.driver, "_to_core_stream", lambda stream: stream)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dispatcher._LaunchConfiguration(None, (1, 1, 1), (64, 1, 1), 0, 0)


class DriverFault(Exception):
    """Numba's and cuda.core's errors are plain Exceptions, CuPy's are RuntimeErrors."""


@pytest.mark.parametrize("kind", [DriverFault, RuntimeError, TypeError])
def test_what_a_driver_raises_is_named_in_the_rows(use, kind):
    class Broken(Threads):
        def launch(self, kernel, *arguments, **options):
            if kernel.name.startswith("glcm."):
                raise kind("CUDA_ERROR_LAUNCH_FAILED")
            super().launch(kernel, *arguments, **options)

    use(Broken(checked=False))
    logging.getLogger("voxomics").disabled = True
    try:
        rows = Extractor(settings={"features": ["glcm", "glrlm"]}, backend="cuda").extract(*case(), spacing_mm=(1, 1, 1))
    finally:
        logging.getLogger("voxomics").disabled = False
    assert (rows["status"] == "partial").all()
    assert rows["reason"].str.contains(f"BackendError: CPU threads failed: {kind.__name__}: CUDA_ERROR_LAUNCH_FAILED").all()
    assert rows[[c for c in rows if ".glcm." in c]].isna().all(axis=None)
    assert rows[[c for c in rows if ".glrlm." in c]].notna().all(axis=None)


def test_a_stream_that_cannot_be_opened_is_a_backend_error(use):
    class Closed(Threads):
        def stream(self):
            raise DriverFault("CUDA_ERROR_DEVICE_UNAVAILABLE")

    use(Closed(checked=False))
    with pytest.raises(BackendError, match="CPU threads failed: DriverFault: CUDA_ERROR_DEVICE_UNAVAILABLE"):
        Extractor(settings={"features": ["glcm"]}, backend="cuda").extract(*case(), spacing_mm=(1, 1, 1))


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
def test_a_device_is_asked_for_no_more_than_its_free_memory(use, bins, memory):
    device = use(Weighed(checked=False, memory=memory))
    image = np.random.default_rng(0).normal(0.0, 1.0, (24, 24, 40))
    labels = np.kron(np.arange(1, 17).reshape(2, 2, 4), np.ones((12, 12, 10), np.int32))
    labels[:, :, ::10] = 0
    settings = {"discretisation": [{"method": "fbn", "bins": bins}]}
    Extractor(settings=settings, backend="cuda").extract(image, labels, spacing_mm=(1, 1, 1))
    assert 0 < device.most <= memory
    assert len(device.findings) > 0


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


def test_every_host_thread_is_on_the_chosen_device_and_streams_are_kept(use, standin):
    device = use(seam.Cuda())
    assert (device.name, device.free_bytes()) == ("stand-in 3", 1 << 30)  # the pool's limit
    settings = {"features": ["glcm"], "memory": "2MB"}
    tables = [Extractor(settings=settings, backend="cuda").extract(*case(), spacing_mm=(1, 1, 1)) for _ in range(3)]
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


def test_a_large_batch_keeps_both_streams_busy(use, monkeypatch):
    """It fits the device as it is; else one stream would do it all."""
    device = use(Threads(checked=False, memory=1 << 40))
    ours = Extractor(settings={"features": ["glcm"]}, backend="cuda")
    whole = ours.extract(*case(), spacing_mm=(1, 1, 1))
    launches = len(device.findings)
    monkeypatch.setattr(offload, "PIECE", 10_000)
    cut = ours.extract(*case(), spacing_mm=(1, 1, 1))
    assert len(device.findings) - launches >= offload.STREAMS * launches
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


def test_scratch_is_part_of_a_streams_share():
    for free in (1 << 20, 1 << 30, 4 << 30, 80 << 30):
        most, scratch = offload.limit(SimpleNamespace(free_bytes=lambda free=free: free), Settings.of({"memory": "100GB"}))
        assert scratch > 0
        assert (most + 8 * scratch) * offload.STREAMS <= offload.SHARE * free
