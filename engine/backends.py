"""Where to compute: only "auto" chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxomics.engine.errors import BackendError, nearest

if TYPE_CHECKING:
    from voxomics.kernels.device import Device

BACKENDS = ("auto", "cpu", "cuda")


def choose(backend: str) -> Device | None:
    """The device to compute on, or None for the CPU alone.

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
    >>> choose("cpu") is None
    True
    """
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown; {nearest(backend, BACKENDS)}")
    if backend == "cpu":
        return None
    from voxomics.kernels import device

    try:
        return device.find()
    except RuntimeError as error:
        if backend == "auto":
            return None
        raise BackendError(f'backend "cuda" cannot run: {error}; use backend="auto" or "cpu"') from None


def cuda_status() -> str:
    """The CUDA device's name, or why there is none."""
    from voxomics.kernels import device

    try:
        return device.find().name
    except RuntimeError as error:
        return str(error)
