"""Sums over pairs of voxels by transforms: rows (ROWS), slices (LAGS) or whole boxes (FFT); see kernels/spatial.py."""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit

WEIGHTS, PRODUCTS, SQUARES = range(3)  # places of Σ w m m, Σ w g g and Σ w m h over ordered pairs
SPECTRUM = 1 << 17
"""Points of a spectrum that are held at once, unless 32 frequencies along x have more."""
SLICES = 1 << 18
"""Points of the slices that are transformed along x at once, unless one slice has more."""
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

    Parameters
    ----------
    nx : int64
    """
    return (nx + 3) // 4 * 4


@jit.body
def waves(nx):
    """Cosines, then sines, of each x at each frequency of ROWS: float64 [nx, 2 · frequencies(nx)].

    Parameters
    ----------
    nx : int64
    """
    n_f = frequencies(nx)
    size = 2 * n_f - 1
    wave, cosine, sine = np.empty((nx, 2 * n_f)), np.empty(size), np.empty(size)
    for k in range(size):
        cosine[k] = math.cos(2.0 * math.pi * k / size)
        sine[k] = math.sin(2.0 * math.pi * k / size)
    for x in range(nx):
        for f in range(n_f):
            wave[x, f] = cosine[x * f % size]
            wave[x, n_f + f] = sine[x * f % size]
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
        weight[at] *= 0.5  # frequency 0 has no negative
        for f in range(n_f):
            weight[at + n_f + f] = weight[at + f]
    return weight


@jit.body
def row_spectra(place, g, wave, spectra, z, y):
    """Spectra of m, g and h of the occupied rows of a VOI.

    Parameters
    ----------
    place : ndarray int32 [3, n]
        Of the voxels in the box, (z, y, x), in the box's order.
    g : ndarray float64 [n]
        Intensities from `spatial.centre`.
    wave : ndarray float64 [nx, 2 · n_f]
        From `waves`.
    spectra : ndarray float64 [≥ rows · 3 · 2 · n_f]
        Written; 0 at first.
    z, y : ndarray int64 [≥ rows]
        Written: where the rows lie.

    Returns
    -------
    int64
        Number of rows.
    """
    width = np.uint64(wave.shape[1])
    rows = 0
    for k in range(g.size):
        if k == 0 or place[1, k] != place[1, k - 1] or place[0, k] != place[0, k - 1]:
            z[rows] = place[0, k]
            y[rows] = place[1, k]
            rows += 1
        m = np.uint64(3 * rows - 3) * width
        x = place[2, k]
        value = g[k]
        square = value * value
        for f in range(width):
            spectra[m + f] += wave[x, f]
            spectra[m + width + f] += value * wave[x, f]
            spectra[m + width + width + f] += square * wave[x, f]
    return rows


@jit.body
def add_spectra(spectra, z, y, ny, n_items, weight, width, near, total, sums):
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
        Spectrum of the weights between items that are dz and dy apart, at lag dz · ny + dy, for each of the numbers;
        half of it at a frequency that does not stand for its negative too.
    width : int64
    near, total : ndarray float64 [≥ 3 · width]
        Scratch.
    sums : ndarray float64 [3]
        Added to, but for a common factor: places WEIGHTS to SQUARES.
    """
    n = np.uint64(width)
    two, three = n + n, n + n + n
    for c in range(three):
        total[c] = 0.0
    for i in range(n_items):
        own = np.uint64(i) * three
        for c in range(n):
            half = 0.5 * weight[c]
            near[c] = half * spectra[own + c]
            near[n + c] = half * spectra[own + n + c]
            near[two + c] = half * spectra[own + two + c]
        for k in range(i):
            lag = np.uint64((z[i] - z[k]) * ny + abs(y[i] - y[k])) * n
            other = np.uint64(k) * three
            for c in range(n):
                w = weight[lag + c]
                near[c] += w * spectra[other + c]
                near[n + c] += w * spectra[other + n + c]
                near[two + c] += w * spectra[other + two + c]
        for c in range(n):
            m = spectra[own + c]
            h = spectra[own + two + c]
            total[c] += m * near[c]
            total[n + c] += spectra[own + n + c] * near[n + c]
            total[two + c] += m * near[two + c] + h * near[c]
    for c in range(n):
        sums[WEIGHTS] += 2.0 * total[c]
        sums[PRODUCTS] += 2.0 * total[n + c]
        sums[SQUARES] += total[two + c]


@jit.body
def share(x, n):
    """Half for a frequency along x that does not stand for its negative too: the first and the last.

    Parameters
    ----------
    x, n : int64
        The frequency, and how many there are.
    """
    return 0.5 if x == 0 or x == n - 1 else 1.0


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
        Added to, but for a common factor: places WEIGHTS to SQUARES.
    """
    _, nz, ny, n = fields.shape
    z, zero = np.arange(nz), np.zeros(nz, np.int64)
    spectra, own, near, total = np.empty(nz * 3 * BLOCK), np.empty(nz * BLOCK), np.empty(3 * BLOCK), np.empty(3 * BLOCK)
    for y in range(ny):
        for start in range(0, n, BLOCK):
            width, begin = np.uint64(min(BLOCK, n - start)), np.uint64(start)
            for i in range(nz):
                for q in range(3):
                    at = np.uint64(3 * i + q) * width
                    for c in range(width):
                        spectra[at + c] = fields[q, i, y, begin + c]
                for c in range(0, np.int64(width), 2):
                    x = first + (start + c) // 2
                    w = share(x, weight.shape[2]) * weight[i, min(y, ny - y), x]
                    own[i * np.int64(width) + c] = w
                    own[i * np.int64(width) + c + 1] = w
            add_spectra(spectra, z, zero, 1, nz, own, width, near, total, sums)


@jit.cpu
def add_box(fields, weight, first, sums):
    """Sums over all pairs of voxels at some frequencies.

    Parameters
    ----------
    fields : ndarray complex128 [3, x, z, y]
        Spectra of m, g and h at the frequencies along x from `first` on.
    weight : ndarray float64 [z // 2 + 1, y // 2 + 1, all x]
        One octant of the spectrum of the weights, which is even.
    first : int
    sums : ndarray float64 [3]
        Added to, but for a common factor: places WEIGHTS to SQUARES.
    """
    _, n, nz, ny = fields.shape
    for x in range(n):
        part = share(first + x, weight.shape[2])
        for z in range(nz):
            weights, products, squares = 0.0, 0.0, 0.0
            for y in range(ny):
                w = part * weight[min(z, nz - z), min(y, ny - y), first + x]
                m, g, h = fields[0, x, z, y], fields[1, x, z, y], fields[2, x, z, y]
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
    n_f, by_lags = size[2] // 2 + 1, size[0] == nz
    octant = 8.0 * (nz if by_lags else size[0] // 2 + 1) * (size[1] // 2 + 1) * n_f
    some = 48.0 * min(n_f, held_at_once(nz, size)) * size[1] * (size[0] if by_lags else size[0] + nz)
    few = 48.0 * min(max(SLICES, ny * n_f), nz * ny * n_f)  # slices, and their transforms before they are copied
    return 2.0 * octant + 48.0 * nz * ny * n_f + max(few, some) + 2048.0 * nz


@jit.cpu
def held_at_once(nz, size):
    """Frequencies along x whose spectra along all axes are held at once: whole blocks for LAGS.

    Parameters
    ----------
    nz : int64
    size : ndarray int64 [3]
        As in `bytes_of_box`.
    """
    least = BLOCK // 2 if size[0] == nz else 1
    return least * max(1, SPECTRUM // (least * size[0] * size[1]))


@jit.cpu
def fill(box, g, power, field):
    """Write powers of the intensities to the voxels of a VOI: m, g or h.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Its intensities, from `spatial.centre`.
    power : int
        0 to 2.
    field : ndarray float64 [nz, ny, ≥ nx]
        Written; 0 at first.
    """
    k = 0
    for z in range(box.shape[0]):
        for y in range(box.shape[1]):
            for x in range(box.shape[2]):
                if box[z, y, x] & 2:
                    field[z, y, x] = 1.0
                    for _ in range(power):
                        field[z, y, x] *= g[k]
                    k += 1


def spectra_along_x(box, g, n, x_first, threads):
    """Spectra along x of m, g and h, a few slices at a time, so that what is transformed stays in the cache.

    Parameters
    ----------
    box, g
        As for `sums_of_box`.
    n : int
        Points of a transform.
    x_first : bool
        Whether all numbers of a frequency lie together.
    threads : int
        Of the transforms.

    Returns
    -------
    ndarray complex128 [3, nz, ny, n // 2 + 1]
        A view, if `x_first`.
    """
    from scipy import fft

    nz, ny, _ = box.shape
    n_f = int(n) // 2 + 1
    if x_first:
        found = np.empty((3, n_f, nz, ny), complex).transpose(0, 2, 3, 1)
    else:
        found = np.empty((3, nz, ny, n_f), complex)
    slices, first = max(1, SLICES // (ny * int(n))), 0
    for z in range(0, nz, slices):
        some = box[z : z + slices]
        last = first + int(np.count_nonzero(some & 2))
        for power in range(3):
            field = np.zeros((len(some), ny, n))
            fill(some, g[first:last], power, field)
            found[power, z : z + slices] = fft.rfft(field, overwrite_x=True, workers=threads)
        first = last
    return found


def sums_of_box(box, g, spacing, size, threads):
    """Sums over ordered pairs of voxels by LAGS or FFT, but for a common factor.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Its intensities, from `spatial.centre`.
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    size : ndarray int64 [3]
        Of the transforms, from `spatial.choose`; nz in place of the first for LAGS.
    threads : int
        Of the transforms; each line of voxels is transformed by one.

    Returns
    -------
    ndarray float64 [3]
        Places WEIGHTS to SQUARES.
    """
    from scipy import fft

    nz, ny, _ = box.shape
    by_lags = size[0] == nz
    extent = (size[0] if by_lags else size[0] // 2 + 1, size[1] // 2 + 1, size[2] // 2 + 1)
    z, y, x = ((np.arange(n) * s) ** 2 for n, s in zip(extent, spacing, strict=True))
    weight = z[:, None, None] + y[:, None] + x
    weight[0, 0, 0] = np.inf  # a voxel has no weight with itself
    np.sqrt(weight, out=weight)
    np.divide(1.0, weight, out=weight)
    axes = (1, 2) if by_lags else (0, 1, 2)
    weight = fft.dctn(weight, type=1, axes=axes, overwrite_x=True, workers=threads)  # of the even extension
    along_x = spectra_along_x(box, g, size[2], not by_lags, threads)
    sums, many = np.zeros(3), held_at_once(nz, size)
    if by_lags:
        for first in range(0, extent[2], many):
            part = along_x[..., first : first + many]
            add_lags(fft.fft(part, size[1], axis=2, workers=threads).view(np.float64), weight, first, sums)
        return sums
    # memory that is used again: the system gives no fresh pages, and fills none with 0
    sz, sy = int(size[0]), int(size[1])
    rows, columns = np.empty(3 * many * nz * sy, complex), np.empty(3 * many * sz * sy, complex)
    for first in range(0, extent[2], many):
        part = along_x[..., first : first + many].transpose(0, 3, 1, 2)
        n = part.shape[1]
        along_y = rows[: 3 * n * nz * sy].reshape(3, n, nz, sy)
        along_y[..., :ny], along_y[..., ny:] = part, 0.0
        along_z = columns[: 3 * n * sz * sy].reshape(3, n, sz, sy)
        along_z[:, :, :nz], along_z[:, :, nz:] = fft.fft(along_y, overwrite_x=True, workers=threads), 0.0
        add_box(fft.fft(along_z, axis=2, overwrite_x=True, workers=threads), weight, first, sums)
    return sums
