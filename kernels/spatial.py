"""Moran's I and Geary's C: all pairs of voxels, weighted by the inverse of their distance.

The weight depends on the offset alone, so for many voxels the three sums over pairs are correlations, taken by FFT: with the
indicator m, the centred intensity g and h = g² inside the mask, Σ w m m, Σ w g g and Σ w m h follow from four forward transforms
by Parseval's theorem. The transforms' sizes follow from the VOI's own box.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

DIRECT_PAIRS_PER_POINT = 12
"""FFT beyond this many pairs of voxels per point of the padded box; measured on one EPYC core, where both cost the same."""


@jit.cpu
def pair_sums(position, g, out):
    """Σ w, Σ w g g and Σ w (g - g)² over unordered pairs of voxels at position [3, n] (mm), into out [3]."""
    n = g.size
    weight = np.empty(n)
    out[:] = 0.0
    for i in range(1, n):
        for k in range(i):
            dz, dy, dx = position[0, k] - position[0, i], position[1, k] - position[1, i], position[2, k] - position[2, i]
            weight[k] = 1.0 / np.sqrt(dz * dz + dy * dy + dx * dx)
        weights, products, differences = 0.0, 0.0, 0.0
        for k in range(i):
            weights += weight[k]
            products += weight[k] * g[k]
            differences += weight[k] * (g[k] - g[i]) ** 2
        out[0] += weights
        out[1] += products * g[i]
        out[2] += differences


@jit.cpu
def weighed(a, b, weight):
    """Σ weight · Re(conj(a) b) over all frequencies, given half spectra a, b [nz, ny, nx / 2 + 1] and an even one's octant."""
    total = 0.0
    for z in range(a.shape[0]):
        wz = min(z, a.shape[0] - z)
        plane = 0.0
        for y in range(a.shape[1]):
            wy = min(y, a.shape[1] - y)
            row = 0.0
            for x in range(1, a.shape[2] - 1):
                row += weight[wz, wy, x] * (a[z, y, x].real * b[z, y, x].real + a[z, y, x].imag * b[z, y, x].imag)
            row *= 2.0  # the other half
            for x in range(0, a.shape[2], a.shape[2] - 1):
                row += weight[wz, wy, x] * (a[z, y, x].real * b[z, y, x].real + a[z, y, x].imag * b[z, y, x].imag)
            plane += row
        total += plane
    return total


def moran_geary(n, square, weights, products, differences):
    """Moran's I and Geary's C from Σ g², Σ w, Σ w g g and Σ w (X - X')² over ordered pairs."""
    return n / weights * products / square, (n - 1) / (2.0 * weights) * differences / square


def by_pairs(inside, g, spacing):
    """Moran's I and Geary's C of centred intensities g of the voxels `inside` a box [nz, ny, nx]: two at least, not all equal."""
    position = np.ascontiguousarray((np.argwhere(inside) * spacing).T)
    sums = np.empty(3)
    pair_sums(position, g, sums)
    return moran_geary(len(g), (g * g).sum(), *(2.0 * sums))


def padded(extent):
    """Size of the transforms along each axis, (int, int, int): even, a product of small primes, at least twice the box."""
    from scipy.fft import next_fast_len

    return tuple(2 * next_fast_len(int(n), real=True) for n in extent)


def by_fft(inside, g, spacing):
    """As `by_pairs`. Against it: relative error below 1e-12 of the sum of the absolute terms."""
    from scipy import fft

    size = padded(inside.shape)
    z, y, x = ((np.arange(n // 2 + 1) * s) ** 2 for n, s in zip(size, spacing, strict=True))
    squared = z[:, None, None] + y[:, None] + x
    squared[0, 0, 0] = np.inf  # a voxel has no weight with itself
    weight = fft.dctn(1.0 / np.sqrt(squared), type=1, overwrite_x=True)  # the transform of the even extension

    def spectrum(values):  # axis by axis, so that rows of the padding are never transformed
        box = np.zeros(inside.shape)
        box[inside] = values
        half = fft.rfft(box, size[2], axis=2)
        return fft.fft(fft.fft(half, size[1], axis=1), size[0], axis=0)

    points = size[0] * size[1] * size[2]
    transformed = spectrum(g)
    products = weighed(transformed, transformed, weight) / points
    transformed = spectrum(1.0)
    weights = weighed(transformed, transformed, weight) / points
    squares = weighed(transformed, spectrum(g * g), weight) / points
    return moran_geary(len(g), (g * g).sum(), weights, products, 2.0 * (squares - products))
