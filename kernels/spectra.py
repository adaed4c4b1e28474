"""Sums over pairs of voxels by transforms: rows (ROWS), slices (LAGS) or whole boxes (FFT); see kernels/spatial.py."""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit

WEIGHTS, PRODUCTS, SQUARES = range(3)  # places of Σ w m m, Σ w g g and Σ w m h over ordered pairs
SPECTRUM = 1 << 17
"""Points of a spectrum that are held at once, unless 32 frequencies along x have more."""
BLOCK = 64
"""Real numbers of a slice's spectrum that are multiplied at once: so many of all slices stay in the cache."""


@jit.body
def padded(n):
    """Size of a transform of n voxels: even, a product of small primes, and at least 2 n.

    Parameters
    ----------
    n : int64
    """
    size = n
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return 2 * size
        size += 1


@jit.body
def frequencies(nx):
    """Frequencies of a row of nx voxels in ROWS: a multiple of 4, which fills the processor's vectors.

    The transform has 2 · frequencies - 1 points, so that no row meets itself.
    """
    return (nx + 3) // 4 * 4


@jit.body
def waves(nx, n_f):
    """Cosines, then sines, of each x at each frequency of ROWS: float64 [nx, 2 · n_f]."""
    size = 2 * n_f - 1
    turn = np.empty((2, size))
    for k in range(size):
        turn[0, k], turn[1, k] = math.cos(2.0 * math.pi * k / size), math.sin(2.0 * math.pi * k / size)
    wave = np.empty((nx, 2 * n_f))
    for x in range(nx):
        for f in range(n_f):
            wave[x, f], wave[x, n_f + f] = turn[0, x * f % size], turn[1, x * f % size]
    return wave


@jit.body
def row_weights(nz, ny, spacing, wave):
    """Spectra along x of the weights between rows that are dz, dy apart: float64 [nz · ny · 2 · n_f], at dz · ny + dy.

    Parameters
    ----------
    nz, ny : int64
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    wave : ndarray float64 [nx, 2 · n_f]
        From `waves`.
    """
    width = np.uint64(wave.shape[1])
    n_f = width // np.uint64(2)
    weight = np.zeros(nz * ny * wave.shape[1])
    for row in range(nz * ny):
        at = np.uint64(row) * width
        dz, dy = row // ny * spacing[0], row % ny * spacing[1]
        for x in range(1 if row == 0 else 0, wave.shape[0]):  # a voxel has no weight with itself
            w = (2.0 if x else 1.0) / math.sqrt(dz * dz + dy * dy + (x * spacing[2]) ** 2)
            for f in range(n_f):
                weight[at + f] += w * wave[x, f]
        for f in range(n_f):
            weight[at + n_f + f] = weight[at + f]
    return weight


@jit.body
def row_spectra(box, g, wave, spectra, z, y):
    """Spectra of m, g and h of the occupied rows of a VOI.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Intensities from `centre`.
    wave : ndarray float64 [nx, 2 · n_f]
        From `waves`.
    spectra : ndarray float64 [rows · 3 · 2 · n_f]
        Written; 0 at first.
    z, y : ndarray int64 [rows + 1]
        Written: where the rows lie.

    Returns
    -------
    int64
        Number of rows.
    """
    width = np.uint64(wave.shape[1])
    rows, k = 0, 0
    for row in range(box.shape[0] * box.shape[1]):
        z[rows], y[rows] = row // box.shape[1], row % box.shape[1]
        m, before = np.uint64(3 * rows) * width, k
        for x in range(box.shape[2]):
            if box[z[rows], y[rows], x] & 2:
                value, square = g[k], g[k] * g[k]
                for f in range(width):
                    spectra[m + f] += wave[x, f]
                    spectra[m + width + f] += value * wave[x, f]
                    spectra[m + width + width + f] += square * wave[x, f]
                k += 1
        rows += k > before
    return rows


@jit.body
def add_spectra(spectra, z, y, ny, n_items, weight, often, room, sums):
    """Sums over pairs of items that were transformed: rows, or slices at some frequencies.

    Parameters
    ----------
    spectra : ndarray float64 [≥ items · 3 · width]
        Of m, g and h of each item; a frequency's real and imaginary part are two of the `width` numbers.
    z, y : ndarray int64 [≥ items]
        Where the items lie.
    ny : int64
        The y that occur lie within 0 .. ny - 1.
    n_items : int64
    weight : ndarray float64 [≥ lags · width]
        Spectrum of the weights between items that are dz and dy apart, at lag dz · ny + dy, for each of the numbers.
    often : ndarray float64 [width]
        2 for a frequency that stands for its negative too, else 1.
    room : ndarray float64 [6, ≥ width]
        Scratch.
    sums : ndarray float64 [3]
        Added to, not yet divided by the size of the transforms: places WEIGHTS to SQUARES.
    """
    n = np.uint64(often.size)
    two, three = n + n, n + n + n
    near_m, near_g, near_h, weights, products, squares = room[0], room[1], room[2], room[3], room[4], room[5]
    for c in range(n):
        weights[c] = products[c] = squares[c] = 0.0
    for i in range(n_items):
        own = np.uint64(i) * three
        for c in range(n):
            half = 0.5 * weight[c]
            near_m[c], near_g[c], near_h[c] = half * spectra[own + c], half * spectra[own + n + c], half * spectra[own + two + c]
        for k in range(i):
            lag, other = np.uint64((z[i] - z[k]) * ny + abs(y[i] - y[k])) * n, np.uint64(k) * three
            for c in range(n):
                w = weight[lag + c]
                near_m[c] += w * spectra[other + c]
                near_g[c] += w * spectra[other + n + c]
                near_h[c] += w * spectra[other + two + c]
        for c in range(n):
            m, h = spectra[own + c], spectra[own + two + c]
            weights[c] += m * near_m[c]
            products[c] += spectra[own + n + c] * near_g[c]
            squares[c] += m * near_h[c] + h * near_m[c]
    for c in range(n):
        sums[WEIGHTS] += 2.0 * often[c] * weights[c]
        sums[PRODUCTS] += 2.0 * often[c] * products[c]
        sums[SQUARES] += often[c] * squares[c]


@jit.body
def multiplicity(x, n):
    """How many frequencies along x, of n from 0 on, one of them stands for: its negative too, unless it is its own."""
    return 1.0 if x == 0 or x == n - 1 else 2.0


@jit.cpu
def add_lags(fields, weight, first, sums):
    """Sums over pairs of slices at some frequencies.

    Parameters
    ----------
    fields : ndarray float64 [3, nz, y, 2 · x]
        Spectra along y and x of each slice of m, g and h, at the frequencies along x from `first` on; a frequency's real
        and imaginary part lie side by side.
    weight : ndarray float64 [nz, y // 2 + 1, all x]
        Spectra along y and x of the weights between slices that are dz apart; they are even.
    first : int
    sums : ndarray float64 [3]
        Added to, not yet divided by the size of the transforms: places WEIGHTS to SQUARES.
    """
    _, nz, ny, n = fields.shape
    z, zero, room = np.arange(nz), np.zeros(nz, np.int64), np.empty((6, BLOCK))
    spectra, own, often = np.empty(nz * 3 * BLOCK), np.empty(nz * BLOCK), np.empty(BLOCK)
    for y in range(ny):
        for start in range(0, n, BLOCK):
            width, begin = np.uint64(min(BLOCK, n - start)), np.uint64(start)
            for i in range(nz):
                for q in range(3):
                    at = np.uint64(3 * i + q) * width
                    for c in range(width):
                        spectra[at + c] = fields[q, i, y, begin + c]
                at, x = np.uint64(i) * width, first + start // 2
                for c in range(0, np.int64(width), 2):
                    own[at + np.uint64(c)] = own[at + np.uint64(c + 1)] = weight[i, min(y, ny - y), x]
                    x += 1
            for c in range(np.int64(width)):
                often[c] = multiplicity(first + (start + c) // 2, weight.shape[2])
            add_spectra(spectra, z, zero, 1, nz, own, often[:width], room, sums)


@jit.cpu
def add_box(fields, weight, first, sums):
    """Sums over all pairs of voxels at some frequencies.

    Parameters
    ----------
    fields : ndarray complex128 [3, z, y, x]
        Spectra of m, g and h at the frequencies along x from `first` on.
    weight : ndarray float64 [z // 2 + 1, y // 2 + 1, all x]
        One octant of the spectrum of the weights, which is even.
    first : int
    sums : ndarray float64 [3]
        Added to, not yet divided by the size of the transforms: places WEIGHTS to SQUARES.
    """
    _, nz, ny, n = fields.shape
    for z in range(nz):
        for y in range(ny):
            weights, products, squares = 0.0, 0.0, 0.0
            for x in range(n):
                w = multiplicity(first + x, weight.shape[2]) * weight[min(z, nz - z), min(y, ny - y), first + x]
                m, g, h = fields[0, z, y, x], fields[1, z, y, x], fields[2, z, y, x]
                weights += w * (m.real * m.real + m.imag * m.imag)
                products += w * (g.real * g.real + g.imag * g.imag)
                squares += w * (m.real * h.real + m.imag * h.imag)
            sums[WEIGHTS] += weights
            sums[PRODUCTS] += products
            sums[SQUARES] += squares


@jit.body
def bytes_of_box(nz, ny, nx, size):
    """Memory that `sums_of_box` takes: spectra along x, those of some frequencies along all axes, and the weights.

    Parameters
    ----------
    nz, ny, nx : int64
        Voxels of the box.
    size : ndarray int64 [3]
        Of the transforms, nz in place of the first for LAGS.
    """
    n_f, plane = size[2] // 2 + 1, float(size[0]) * size[1]
    octant = 8.0 * (nz if size[0] == nz else size[0] // 2 + 1) * (size[1] // 2 + 1) * n_f
    some = min(n_f, BLOCK // 2 * max(1, SPECTRUM // (BLOCK // 2 * size[0] * size[1])))
    along_all = some * (48.0 * plane if size[0] == nz else 48.0 * plane + 48.0 * nz * size[1])
    return 2.0 * octant + 48.0 * nz * ny * n_f + max(24.0 * nz * ny * nx, along_all) + 2048.0 * nz


@jit.cpu
def fill(box, g, fields):
    """Write m, g and h to the voxels of a VOI.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Its intensities, from `spatial.centre`.
    fields : ndarray float64 [3, nz, ny, nx]
        Written; 0 at first.
    """
    k = 0
    for z in range(box.shape[0]):
        for y in range(box.shape[1]):
            for x in range(box.shape[2]):
                if box[z, y, x] & 2:
                    fields[0, z, y, x], fields[1, z, y, x], fields[2, z, y, x] = 1.0, g[k], g[k] * g[k]
                    k += 1


def sums_of_box(box, g, spacing, size):
    """Sums over ordered pairs of voxels by LAGS or FFT.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Its intensities, from `spatial.centre`.
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    size : sequence of 3 int
        Of the transforms, from `spatial.choose`; nz in place of the first for LAGS.

    Returns
    -------
    ndarray float64 [3]
        Places WEIGHTS to SQUARES.
    """
    from scipy import fft

    by_lags = size[0] == len(box)
    extent = (size[0] if by_lags else size[0] // 2 + 1, size[1] // 2 + 1, size[2] // 2 + 1)
    z, y, x = ((np.arange(n) * s) ** 2 for n, s in zip(extent, spacing, strict=True))
    weight = z[:, None, None] + y[:, None] + x
    weight[0, 0, 0] = np.inf  # a voxel has no weight with itself
    np.sqrt(weight, out=weight)
    np.divide(1.0, weight, out=weight)
    weight = fft.dctn(weight, type=1, axes=(1, 2) if by_lags else None, overwrite_x=True)  # of the even extension
    fields = np.zeros((3, *box.shape))
    fill(box, g, fields)
    along_x = fft.rfft(fields, size[2])
    del fields
    sums, many = np.zeros(3), BLOCK // 2 * max(1, SPECTRUM // (BLOCK // 2 * size[0] * size[1]))
    for first in range(0, extent[2], many):
        spectra = fft.fft(along_x[..., first : first + many], size[1], axis=2)
        if by_lags:
            add_lags(spectra.view(np.float64), weight, first, sums)
        else:
            add_box(fft.fft(spectra, size[0], axis=1), weight, first, sums)
    return sums / (size[1] * size[2] * (1 if by_lags else size[0]))
