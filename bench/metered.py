"""A device that is timed from the inside."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voxomics.kernels.device import Cuda, Device

Taken = dict[str, Any]


@dataclass
class Metered:
    """A device that notes how long launches, copies and sorts take, in stream time on a GPU, else by the wall clock."""

    device: Device
    noted: list[tuple[str, Any, Any]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.device, name)

    @property
    def is_gpu(self) -> bool:
        """Whether its times are a GPU's."""
        return isinstance(self.device, Cuda)

    def put(self, array: Any) -> Any:
        """See `Device.put`; with the host's copy into pinned memory."""
        return self._note("put", self.device.put, array)

    def get(self, array: Any) -> Any:
        """See `Device.get`."""
        return self._note("get", self.device.get, array)

    def sort(self, codes: Any) -> Any:
        """See `Device.sort`."""
        return self._note("sort", self.device.sort, codes)

    def launch(self, kernel: Any, *arguments: Any, shared: int = 0) -> None:
        """See `Device.launch`."""
        self._note(kernel.name, self.device.launch, kernel, *arguments, shared=shared)

    def _note(self, name: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        start = self._now()
        result = call(*arguments, **options)
        self.noted.append((name, start, self._now()))
        return result

    def _now(self) -> Any:
        if not self.is_gpu:
            return time.perf_counter()
        import cupy

        event = cupy.cuda.Event()
        event.record()
        return event

    def taken(self) -> dict[str, Taken]:
        """Number and ms of everything noted since the last call, by name; the device must have finished."""
        found: dict[str, Taken] = defaultdict(lambda: {"number": 0, "ms": 0.0})
        for name, start, stop in self.noted:
            found[name]["number"] += 1
            found[name]["ms"] += self._between(start, stop)
        self.noted.clear()
        return dict(found)

    def _between(self, start: Any, stop: Any) -> float:
        if not self.is_gpu:
            return 1e3 * float(stop - start)
        import cupy

        return float(cupy.cuda.get_elapsed_time(start, stop))
