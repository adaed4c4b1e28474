"""Moran's I and Geary's C: all pairs of voxels, weighted by the inverse of their distance.

The weight depends on the offset alone, so for many voxels the three sums over pairs are correlations, taken by FFT:
with the indicator m, the centred intensity g and h = g² inside the mask, Σ w m m, Σ w g g and Σ w m h follow from four
forward transforms by Parseval's theorem. The transforms' sizes follow from the VOI's own box. Along x they are taken
first; then each frequency along x is a problem of its own, so that full spectra are never held.
"""

from __future__ import annotations

import numpy as np

from voxomics.kernels import jit

DIRECT_PAIRS_PER_POINT = 12
"""FFT beyond this many pairs of voxels per point of the padded box; measured on one EPYC core, where both cost the same."""
SPECTRUM = 1 << 16
"""Points of the spectra that are held at once, unless a single frequency along x has more."""

MORANS_I_INDEX, GEARYS_C_MEASURE = range(2)  # places of the features, in the order of the family's catalogue
WEIGHTS, PRODUCTS, DIFFERENCES = range(3)  # places of sums over pairs


@jit.cpu
def pair_sums(position, g, out):
    """Σ w, Σ w g g' and Σ w (g - g')² over unordered pairs of voxels.

    Parameters
    ----------
    position : ndarray float64 [3, n]
        Of the voxels, (z, y, x) in mm.
    g : ndarray float64 [n]
        Intensities from `centred`.
    out : ndarray float64 [3]
        Written: places WEIGHTS to DIFFERENCES.
    """
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
        out[WEIGHTS] += weights
        out[PRODUCTS] += products * g[i]
        out[DIFFERENCES] += differences


@jit.cpu
def weighed(a, b, weight, first):
    """Σ weight · Re(conj(a) b) over some frequencies.

    A frequency along x stands for its negative too, unless it is its own.

    Parameters
    ----------
    a, b : ndarray complex128 [x, nz, ny]
        Spectra at the frequencies along x from `first` on.
    weight : ndarray float64 [z, y, x]
        One octant of the spectrum of the weights, which is even.
    first : int
    """
    total = 0.0
    for c in range(a.shape[0]):
        x = first + c
        plane = 0.0
        for z in range(a.shape[1]):
            wz = min(z, a.shape[1] - z)
            row = 0.0
            for y in range(a.shape[2]):
                w = weight[wz, min(y, a.shape[2] - y), x]
                row += w * (a[c, z, y].real * b[c, z, y].real + a[c, z, y].imag * b[c, z, y].imag)
            plane += row
        total += plane if x == 0 or x == weight.shape[2] - 1 else 2.0 * plane
    return total


def centred(values):
    """Distances of intensities, values float64 [n], to their mean in units of their range.

    The result is None where the range is 0 or n is below 2.

    The lowest is taken away first: that leaves every digit of values that lie close together and far from 0. Both
    features are ratios, so the unit does not matter, and no square over- or underflows.
    """
    if len(values) < 2:
        return None
    low, high = values.min(), values.max()
    if low == high:
        return None
    if high * 0.5 - low * 0.5 > 1e307:  # halves cannot overflow
        values, low, high = values * 0.5, low * 0.5, high * 0.5
    g = (values - low) / (high - low)
    g -= g.mean()
    return g


def moran_geary(n, square, weights, products, differences):
    """Moran's I and Geary's C of n (int) voxels: square is Σ g², and over ordered pairs weights Σ w, products Σ w g g',
    differences Σ w (g - g')²."""
    return n / weights * products / square, (n - 1) / (2.0 * weights) * differences / square


def by_pairs(inside, g, spacing):
    """Moran's I and Geary's C of a VOI.

    Parameters
    ----------
    inside : ndarray bool [nz, ny, nx]
        The intensity mask, two voxels at least.
    g : ndarray float64 [n]
        Its intensities, from `centred`.
    spacing : ndarray float64 [3]
        mm, (z, y, x).

    Returns
    -------
    tuple of 2 floats
        Places MORANS_I_INDEX and GEARYS_C_MEASURE.
    """
    position = np.ascontiguousarray((np.argwhere(inside) * spacing).T)
    sums = np.empty(3)
    pair_sums(position, g, sums)
    weights, products, differences = 2.0 * sums
    return moran_geary(len(g), (g * g).sum(), weights, products, differences)


def padded(extent):
    """Size of the transforms of a box of `extent` voxels, an int for each axis.

    Each is even, a product of small primes, and at least twice the box.
    """
    from scipy.fft import next_fast_len

    return tuple(2 * next_fast_len(int(n), real=True) for n in extent)


def by_fft(inside, g, spacing):
    """As `by_pairs`, of the same inside, g and spacing.

    It differs from that by less than 1e-12 of the sum of the absolute terms.
    """
    from scipy import fft

    size = padded(inside.shape)
    z, y, x = ((np.arange(n // 2 + 1) * s) ** 2 for n, s in zip(size, spacing, strict=True))
    weight = z[:, None, None] + y[:, None] + x
    weight[0, 0, 0] = np.inf  # a voxel has no weight with itself
    np.sqrt(weight, out=weight)
    np.divide(1.0, weight, out=weight)
    weight = fft.dctn(weight, type=1, overwrite_x=True)  # the transform of the even extension

    def half(values):
        """Spectrum along x alone, [nz, ny, frequency]."""
        box = np.zeros(inside.shape)
        box[inside] = values
        return fft.rfft(box, size[2], axis=2)

    points, many = size[0] * size[1] * size[2], max(1, SPECTRUM // (size[0] * size[1]))

    def correlate(a, b):
        total = 0.0
        for first in range(0, weight.shape[2], many):
            spectra = [
                fft.fft2(np.ascontiguousarray(side[:, :, first : first + many].transpose(2, 0, 1)), size[:2])
                for side in ((a,) if a is b else (a, b))
            ]
            total += weighed(spectra[0], spectra[-1], weight, first)
        return total / points

    side = half(g)
    products = correlate(side, side)
    side = half(1.0)
    weights = correlate(side, side)
    squares = correlate(side, half(g * g))
    return moran_geary(len(g), (g * g).sum(), weights, products, 2.0 * (squares - products))
