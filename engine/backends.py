"""Where to compute: only "auto" chooses."""

from __future__ import annotations

from voxomics.engine.errors import BackendError, nearest

BACKENDS = ("auto", "cpu", "cuda")


def choose(backend: str) -> str:
    """The backend that will run.

    Parameters
    ----------
    backend : {"auto", "cpu", "cuda"}

    Returns
    -------
    str
        "cpu"; "auto" picks it as long as no CUDA kernels are part of this version.

    Raises
    ------
    BackendError
        An unknown name, or "cuda" where it cannot run.

    Examples
    --------
    >>> choose("auto")
    'cpu'
    """
    if backend not in BACKENDS:
        raise BackendError(f"backend {backend!r} is unknown; {nearest(backend, BACKENDS)}")
    if backend == "cuda":
        raise BackendError(f'backend "cuda" cannot run: {cuda_status()}; use backend="auto" or "cpu"')
    return "cpu"


def cuda_status() -> str:
    """Why CUDA is not used, in a phrase."""
    return "this version of voxomics has no CUDA kernels yet"
