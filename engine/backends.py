"""Choice of the backend. Only "auto" may choose; a backend requested by name runs or raises."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voxomics.engine.errors import BackendError, nearest

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

logger = logging.getLogger("voxomics")

BACKENDS = ("auto", "cpu", "cuda")


@dataclass
class Backend:
    """Where an extractor computes.

    Attributes
    ----------
    asked : {"auto", "cpu", "cuda"}
    device : Device or None
        None: on the CPU alone.
    """

    asked: str
    device: Device | None

    @property
    def name(self) -> str:
        """Where it computes: "cuda" while there is a device, else "cpu"."""
        return "cuda" if self.device else "cpu"

    def failed(self, error: Exception) -> None:
        """A device has failed: under "auto" the CPU does its rows, and all the following if it was more than lack of memory.

        Parameters
        ----------
        error : Exception
            MemoryError or BackendError.

        Raises
        ------
        BackendError
            "cuda" was asked for by name.
        """
        if self.asked == "cuda":
            raise BackendError(f'backend "cuda" failed: {error}; use backend="auto" to let the CPU take over') from error
        if isinstance(error, MemoryError) and not isinstance(error, BackendError):
            logger.warning("the device ran out of memory (%s); the CPU measures these VOIs", error)
            return
        if self.device:
            logger.warning("%s; the CPU takes over", error)
        self.device = None


def choose(backend: str) -> Backend:
    """The backend of that name, ready to compute.

    Parameters
    ----------
    backend : {"auto", "cpu", "cuda"}
        "auto" takes a CUDA device if there is one that can be used.

    Raises
    ------
    BackendError
        An unknown name, or "cuda" where it cannot run; the text has the driver's reason.

    Examples
    --------
    >>> choose("cpu").name
    'cpu'
    """
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown; {nearest(backend, BACKENDS)}")
    if backend == "cpu":
        return Backend(backend, None)
    from voxomics.kernels import device

    try:
        return Backend(backend, device.find())
    except RuntimeError as error:
        if backend == "auto":
            return Backend(backend, None)
        raise BackendError(f'backend "cuda" cannot run: {error}; use backend="auto" or "cpu"') from None


def cuda_status() -> str:
    """The CUDA device's name, or why there is none."""
    from voxomics.kernels import device

    try:
        return device.find().name
    except RuntimeError as error:
        return str(error)
