"""The one seam to a device: memory, copies, streams, launches, sorting.

`Cuda` drives a GPU through CuPy (memory, streams) and numba-cuda (kernels). The tests add a device that runs the compiled kernels
on CPU threads (tests/cuda); whoever registers a device first in `DEVICES` offers it first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from voxomics.kernels.jit import Kernel

Array = Any
"""An array in a device's memory."""


class Device(Protocol):
    """What kernels and the engine ask of a device. Work of one host thread runs in order, in the stream it has opened.

    Attributes
    ----------
    name : str
        For people.
    tile : int
        Voxels of a VOI that a block works on; see kernels/block.py.
    """

    name: str
    tile: int

    def free_bytes(self) -> int:
        """Memory that can still be taken."""
        ...

    def stream(self) -> contextlib.AbstractContextManager[Any]:
        """A stream of its own for what the calling thread does in the block."""
        ...

    def put(self, array: npt.NDArray[Any] | Array) -> Array:
        """The array in device memory, contiguous; one that is there already is not copied. What the default stream was given
        before is waited for; what another stream still writes is not."""
        ...

    def empty(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Device memory with anything in it."""
        ...

    def zeros(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Device memory full of zeros."""
        ...

    def get(self, array: Array) -> npt.NDArray[Any]:
        """A copy in host memory, once the stream's work so far is done."""
        ...

    def sort(self, codes: Array) -> Array:
        """A vector of integers, sorted in its place."""
        ...

    def launch(self, kernel: Kernel, blocks: int | tuple[int, int], threads: int, *arguments: Any, shared: int = 0) -> None:
        """Start a kernel; `shared` is its dynamic shared memory in bytes. Nothing is launched for 0 blocks."""
        ...


class Cuda:
    """A CUDA device: the one that is current for CuPy and Numba alike.

    Raises
    ------
    RuntimeError
        It cannot be used; the text is the reason.
    """

    tile = 1 << 15  # some tiles per multiprocessor for a batch, and little to add up for each

    def __init__(self) -> None:
        reason = self.unavailable()
        if reason:
            raise RuntimeError(reason)
        import cupy

        self._cupy = cupy
        self._number = cupy.cuda.runtime.getDevice()
        self._idle: list[Any] = []  # streams: CuPy's pool keeps memory for each, and would not free a dead one's
        self.name = str(cupy.cuda.runtime.getDeviceProperties(self._number)["name"].decode())
        self._try()

    def _try(self) -> None:
        """Run a kernel: an old device, or libraries that do not go together, show then and not before."""
        from voxomics.kernels import grouping

        try:
            with self.stream():
                there = self.empty((1, 1), np.float64)
                two, first, none = self.put(np.array([[1.0], [3.0]])), self.put(np.array([0, 2])), self.put(np.full(1, np.nan))
                self.launch(grouping.means_gpu, 1, 32, two, first, none, there)
                mean = self.get(there)
        except Exception as error:
            raise RuntimeError(f"a trial on {self.name} failed: {type(error).__name__}: {error}") from error
        if mean[0, 0] != 2.0:
            raise RuntimeError(f"a trial on {self.name} failed: the mean of 1 and 3 came out as {mean[0, 0]}")

    @staticmethod
    def unavailable() -> str:
        """Why no CUDA device can be used; "" if one can."""
        try:
            import cupy
        except ImportError as error:
            return f'CuPy cannot be imported ({error}); install the extra: pip install "voxomics[cuda]"'
        from voxomics.kernels import jit

        try:
            if jit.cuda.is_available() and cupy.cuda.runtime.getDeviceCount() > 0:
                return ""
            if jit.cuda.cuda_error():
                return "the CUDA driver says: " + " ".join(str(jit.cuda.cuda_error()).split())
        except cupy.cuda.runtime.CUDARuntimeError as error:
            return f"the CUDA driver says: {error}"
        except ImportError as error:
            return f'numba-cuda cannot be imported ({error}); install the extra: pip install "voxomics[cuda]"'
        return 'there is no device, or NVIDIA\'s compiler (libnvvm) is missing; install the extra: pip install "voxomics[cuda]"'

    def free_bytes(self) -> int:
        """Free memory of the device and what CuPy's pool holds unused, within the pool's limit where it has one."""
        pool = self._cupy.get_default_memory_pool()
        with self._cupy.cuda.Device(self._number):
            free = self._cupy.cuda.runtime.memGetInfo()[0] + pool.free_bytes()
            limit = pool.get_limit()
            return int(min(free, limit - pool.used_bytes()) if limit else free)

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """See `Device.stream`. The default stream and this one wait for each other: arrays may have been made there."""
        with self._cupy.cuda.Device(self._number):  # each new host thread begins on device 0
            try:
                stream = self._idle.pop()
            except IndexError:
                stream = self._cupy.cuda.Stream()
            try:
                with stream:
                    yield
            finally:
                self._idle.append(stream)  # whoever takes it next comes after what is still under way

    def put(self, array: npt.NDArray[Any] | Array) -> Array:
        """See `Device.put`; takes ``__cuda_array_interface__`` and DLPack too."""
        if hasattr(array, "__cuda_array_interface__"):
            return self._cupy.ascontiguousarray(self._cupy.asarray(array))
        if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
            return self._cupy.ascontiguousarray(self._cupy.from_dlpack(array))
        # by way of pinned memory that CuPy keeps until the copy is made; the caller's array may go at once
        return self._cupy.asarray(np.ascontiguousarray(array))

    def empty(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """See `Device.empty`."""
        return self._cupy.empty(shape, dtype)

    def zeros(self, shape: int | tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """See `Device.zeros`."""
        return self._cupy.zeros(shape, dtype)

    def get(self, array: Array) -> npt.NDArray[Any]:
        """See `Device.get`."""
        return np.asarray(array.get())

    def sort(self, codes: Array) -> Array:
        """See `Device.sort`."""
        codes.sort()  # cupy.sort would copy with a kernel of CuPy's own, for which it needs NVIDIA's NVRTC
        return codes

    def launch(self, kernel: Kernel, blocks: int | tuple[int, int], threads: int, *arguments: Any, shared: int = 0) -> None:
        """See `Device.launch`."""
        if np.prod(blocks) == 0:
            return
        from voxomics.kernels import jit

        stream = jit.cuda.external_stream(self._cupy.cuda.get_current_stream().ptr)
        kernel.compiled[blocks, threads, stream, shared](*arguments)


DEVICES: list[Callable[[], Device]] = [Cuda]
"""Makers of devices, the first that is asked first."""


def find() -> Device:
    """The first device that can be used.

    Raises
    ------
    RuntimeError
        None can; the text gives each one's reason.
    """
    reasons = []
    for make in DEVICES:
        try:
            return make()
        except RuntimeError as error:
            reasons.append(str(error))
    raise RuntimeError("; ".join(reasons))
