"""Every compile option and its reason.

`body` marks arithmetic that CPU and CUDA share; `cpu` marks a loop over VOIs that runs on CPU threads.

Options
-------
nogil : threads of our own pool run kernels side by side.
cache : compiled code is kept beside the source, or in the user's cache folder when the package is read-only, so that only the
    first call on a machine compiles.
error_model="numpy" : 0/0 is NaN, as on a GPU; the check for a zero divisor would cost a branch in every formula.
fastmath stays off : sums must not be reordered, results are bit-equal across batch sizes and threads.
parallel stays off : Numba's default threading layer aborts when two user threads enter it; engine/pool.py does the work.
no_cfunc_wrapper, no_cpython_wrapper : entry points that nobody calls are a fifth of the compile time.
boundscheck : off; NUMBA_BOUNDSCHECK=1 turns it on for a test run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def cpu(function: F) -> F:
    """Compile a kernel that walks VOIs on a CPU thread."""
    return numba.njit(nogil=True, cache=True, error_model="numpy", no_cfunc_wrapper=True)(function)  # type: ignore[no-any-return]


def body(function: F) -> F:
    """Compile arithmetic shared by both targets: kernels call it, Python cannot (its `py_func` can be called).

    A CUDA kernel may call it too; numba-cuda compiles its source again.
    """
    return numba.njit(  # type: ignore[no-any-return]
        nogil=True, cache=True, error_model="numpy", no_cfunc_wrapper=True
    )(function)


def cache_folder(kernel: Callable[..., Any]) -> str:
    """Folder in which the compiled code of a kernel is kept."""
    return str(kernel.stats.cache_path)  # type: ignore[attr-defined]
