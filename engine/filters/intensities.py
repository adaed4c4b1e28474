"""Images whose voxels are a function of their own intensity and of the largest magnitude of the whole image.

Where that magnitude leaves a function undefined (it is 0, NaN or infinite), voxels are NaN or infinite.
"""

from __future__ import annotations

import numpy as np

from voxomics.engine.batch import F64


def square(array: np.ndarray) -> F64:
    """(c x)² with c = 1 / √max|x|. A negative intensity becomes a positive one.

    Examples
    --------
    >>> square(np.array([-4.0, 2.0]))
    array([4., 1.])
    """
    x = array.astype(np.float64)
    with np.errstate(all="ignore"):
        x *= 1 / np.sqrt(np.max(np.abs(x)))
        x *= x
    return x


def square_root(array: np.ndarray) -> F64:
    """sign(x) √(|x| max|x|).

    Examples
    --------
    >>> square_root(np.array([-4.0, 1.0]))
    array([-4.,  2.])
    """
    x = array.astype(np.float64)
    with np.errstate(all="ignore"):
        found = np.abs(x)
        found *= np.max(found)
        np.sqrt(found, out=found)
    return np.copysign(found, x, out=found)


def logarithm(array: np.ndarray) -> F64:
    """sign(x) ln(|x| + 1), scaled so that its largest magnitude is max|x|.

    Examples
    --------
    >>> logarithm(np.array([-3.0, 1.0]))
    array([-3. ,  1.5])
    """
    x = array.astype(np.float64)
    with np.errstate(all="ignore"):
        found = np.abs(x)
        most = np.max(found)
        found += 1
        np.log(found, out=found)
        np.copysign(found, x, out=found)
        found *= most / np.max(np.abs(found))
    return found


def exponential(array: np.ndarray) -> F64:
    """exp(c x) with c = ln(max|x|) / max|x|.

    Examples
    --------
    >>> exponential(np.array([0.0, 2.0]))
    array([1., 2.])
    """
    x = array.astype(np.float64)
    with np.errstate(all="ignore"):
        most = np.max(np.abs(x))
        x *= np.log(most) / most
        np.exp(x, out=x)
    return x
