"""The one seam to a device: memory, copies, streams, launches, sorting.

`Cuda` drives a GPU through CuPy (memory, streams) and numba-cuda (kernels). The tests add a device that runs the compiled kernels
on CPU threads (tests/cuda); whoever registers a device first in `DEVICES` offers it first.
"""

from __future__ import annotations

import contextlib
import threading
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
        """A stream of its own for what the calling thread does in the block; at its end that work is finished."""
        ...

    def put(self, array: npt.NDArray[Any] | Array) -> Array:
        """The array in device memory, contiguous; one that is there already is not copied."""
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
        """A sorted copy of a vector of integers."""
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
        self._local = threading.local()  # what each host thread has staged for copies that may still be under way
        number = cupy.cuda.runtime.getDevice()
        self.name = str(cupy.cuda.runtime.getDeviceProperties(number)["name"].decode())

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
        except cupy.cuda.runtime.CUDARuntimeError as error:
            return f"the CUDA driver says: {error}"
        except ImportError as error:
            return f'numba-cuda cannot be imported ({error}); install the extra: pip install "voxomics[cuda]"'
        return f"the CUDA driver says: {jit.cuda.cuda_error() or 'no device'}"

    def free_bytes(self) -> int:
        """Free memory of the device and what CuPy's pool holds unused."""
        free, _ = self._cupy.cuda.runtime.memGetInfo()
        return int(free) + int(self._cupy.get_default_memory_pool().free_bytes())

    @contextlib.contextmanager
    def stream(self) -> Iterator[None]:
        """See `Device.stream`."""
        self._local.staged = []
        with self._cupy.cuda.Stream(non_blocking=True) as stream:
            yield
            stream.synchronize()
        self._local.staged = None

    def put(self, array: npt.NDArray[Any] | Array) -> Array:
        """See `Device.put`; takes ``__cuda_array_interface__`` and DLPack too."""
        if hasattr(array, "__cuda_array_interface__"):
            return self._cupy.ascontiguousarray(self._cupy.asarray(array))
        if not isinstance(array, np.ndarray) and hasattr(array, "__dlpack__"):
            return self._cupy.ascontiguousarray(self._cupy.from_dlpack(array))
        staged = getattr(self._local, "staged", None)
        if staged is None or array.nbytes == 0:
            return self._cupy.asarray(np.ascontiguousarray(array))
        pinned = self._cupy.cuda.alloc_pinned_memory(array.nbytes)  # from CuPy's pool; a copy of pageable memory would wait
        host = np.frombuffer(pinned, array.dtype, array.size).reshape(array.shape)
        host[...] = array
        staged.append(host)
        there = self._cupy.empty(array.shape, array.dtype)
        there.set(host)
        return there

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
        return self._cupy.sort(codes)

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
