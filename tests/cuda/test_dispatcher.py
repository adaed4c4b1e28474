"""What numba-cuda's dispatcher does with our launches, without a driver."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
from emulator import driverless
from threads import Threads, signature_for

from volumes import noise_and_labels
from voxomics import Extractor
from voxomics.kernels import jit


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


def test_numba_cudas_dispatcher_takes_every_launch(offer):
    """Arrays of all sizes, 0 among them, Python's numbers for i4 and i8, and uint8 or uint16 levels."""
    device = offer(Dispatched())
    image, labels = noise_and_labels()
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
