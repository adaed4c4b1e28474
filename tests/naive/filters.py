"""Image types, voxel by voxel."""

from __future__ import annotations

from itertools import product
from math import exp, log, pi, sqrt

import numpy as np

AXIS = {"z": 0, "y": 1, "x": 2}


def wavelets(array, wavelet, axes, level, start_level):
    """Stationary wavelet transform by name: the image is periodic, and odd axes are continued by one voxel."""
    import pywt

    table = pywt.Wavelet(wavelet)
    taps = {"L": table.dec_lo, "H": table.dec_hi}
    data = np.pad(array, [(0, n % 2) for n in array.shape], "wrap").astype(float)
    cut = tuple(slice(n) for n in array.shape)
    found = {}
    for number in range(start_level + level):
        images = {}
        for letters in product("LH", repeat=len(axes)):
            images["".join(letters)] = separable(
                data, [(AXIS[axis], taps[k]) for axis, k in zip(axes, letters, strict=True)]
            )
        smooth = "L" * len(axes)
        data = images.pop(smooth)
        if number >= start_level:
            n = number - start_level + 1
            title = "wavelet" if n == 1 else f"wavelet{n}"
            found |= {f"{title}-{name}": image[cut] for name, image in images.items()}
    found[f"{title}-{smooth}"] = data[cut]
    return found


def separable(data, steps):
    """Convolution along one axis after the other: tap k looks k voxels back from the middle of the filter."""
    for axis, taps in steps:
        middle = len(taps) // 2
        data = sum(weight * np.roll(data, k - middle, axis) for k, weight in enumerate(taps))
    return data


def of_intensities(array, name):
    """Square, square root, logarithm or exponential of each voxel."""
    most = float(max(abs(float(value)) for value in array.flat))

    def one(value):
        x, sign = float(value), int(value > 0) - int(value < 0)
        if name == "square":
            return x * x / most
        if name == "square_root":
            return sign * sqrt(abs(x) * most)
        if name == "logarithm":
            return sign * log(abs(x) + 1) * most / log(most + 1)
        return exp(x * log(most) / most)

    return np.array([one(value) for value in array.flat]).reshape(array.shape)


def gradient(array, spacing_mm):
    """Length of the gradient from central differences; outside of the image lies the value of the nearest voxel."""
    found = np.empty(array.shape)
    for at in np.ndindex(array.shape):
        total = 0.0
        for axis in range(3):
            sides = []
            for step in (-1, 1):
                other = list(at)
                other[axis] = min(max(at[axis] + step, 0), array.shape[axis] - 1)
                sides.append(float(array[tuple(other)]))
            total += ((sides[1] - sides[0]) / (2 * spacing_mm[axis])) ** 2
        found[at] = sqrt(total)
    return found


def uniform_patterns(array, axis):
    """Uniform local binary pattern of the four neighbours in a slice; outside of the image lies 0.

    With at most two changes between 0 and 1 around the circle it is the number of neighbours that are not below the
    voxel, else 5.
    """
    first, second = (k for k in range(3) if k != axis)
    found = np.empty_like(array)
    for at in np.ndindex(array.shape):
        bits = []
        for a, b in ((0, 1), (-1, 0), (0, -1), (1, 0)):
            other = list(at)
            other[first] += a
            other[second] += b
            inside = all(0 <= k < n for k, n in zip(other, array.shape, strict=True))
            bits.append((array[tuple(other)] if inside else 0) >= array[at])
        changes = sum(bits[k] != bits[k - 1] for k in range(4))
        found[at] = sum(bits) if changes <= 2 else 5
    return found


def laplacian_of_gaussian(shape, centre, spacing_mm, sigma_mm):
    """sigma² times the Laplacian of a Gaussian around a voxel, whose sum over voxels is 1."""
    found = np.empty(shape)
    volume = spacing_mm[0] * spacing_mm[1] * spacing_mm[2]
    for at in np.ndindex(*shape):
        r2 = sum(((a - c) * s) ** 2 for a, c, s in zip(at, centre, spacing_mm, strict=True))
        density = exp(-r2 / (2 * sigma_mm**2)) / (2 * pi * sigma_mm**2) ** 1.5
        found[at] = volume * (r2 / sigma_mm**2 - 3) * density
    return found
