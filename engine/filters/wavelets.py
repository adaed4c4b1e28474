"""Stationary (undecimated) wavelet transform of PyWavelets, one decomposition at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from voxomics.engine.errors import MissingExtraError, SettingsError, nearest

_AXIS = {"z": 0, "y": 1, "x": 2}


def letters(n_axes: int) -> list[str]:
    """Names of the decompositions of a level in their order: L is low-pass and H high-pass, one letter for each axis.

    Examples
    --------
    >>> letters(2)
    ['LH', 'HL', 'HH', 'LL']
    """
    every = [format(k, f"0{n_axes}b").replace("0", "L").replace("1", "H") for k in range(2**n_axes)]
    return [*every[1:], every[0]]


def check(wavelet: str) -> None:
    """Raise where PyWavelets is not installed or knows no discrete wavelet of this name.

    Raises
    ------
    MissingExtraError, SettingsError
    """
    try:
        import pywt
    except ImportError:
        raise MissingExtraError("the image type pyradiomics_wavelet", "filters") from None
    known = pywt.wavelist(kind="discrete")
    if wavelet not in known:
        raise SettingsError(f"wavelet {wavelet!r} is unknown to PyWavelets; {nearest(wavelet, known)}")


def transformed(array: np.ndarray, wavelet: str, axes: str, level: int, start_level: int) -> Iterator[np.ndarray]:
    """Details of each level, and at the end the approximation of the last one.

    The image continues periodically. An odd axis is first made even with a copy of its first voxel, which is cut off at
    the end. Each level takes the approximation of the level before as a new image.

    Parameters
    ----------
    array : ndarray [z, y, x]
    wavelet : str
        Name in PyWavelets.
    axes : str
        Axes that are transformed, for example "xyz"; the first letter of a name is that of the first axis.
    level : int
        Number of levels, at least 1.
    start_level : int
        Levels that come before and are not returned.

    Yields
    ------
    ndarray [z, y, x]
        `letters(len(axes))[:-1]` of each level, then the last of them of the last level. float32 where the array is
        float32, else float64.
    """
    size = array.shape
    data = np.pad(array.astype(array.dtype.newbyteorder("="), copy=False), [(0, n % 2) for n in size], "wrap")
    order = [_AXIS[axis] for axis in axes]
    for number in range(start_level + level):
        details = _decomposed(data, wavelet, order)
        data = next(details)
        if number >= start_level:
            yield from (_cut(one, size) for one in details)
        del details
    yield _cut(data, size)


def _decomposed(data: np.ndarray, wavelet: str, axes: list[int]) -> Iterator[np.ndarray]:
    """All decompositions of one level, the approximation first; only those on the way to the next one are in memory."""
    import pywt

    if not axes:
        yield data
        return
    ((low, high),) = pywt.swt(data, wavelet, level=1, start_level=0, axis=axes[0])
    yield from _decomposed(low, wavelet, axes[1:])
    del low
    yield from _decomposed(high, wavelet, axes[1:])


def _cut(data: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(data[tuple(slice(n) for n in size)])
