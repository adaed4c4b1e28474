"""Moran's I and Geary's C: all pairs of voxels, weighted by the inverse of their distance.

The weight depends on the offset alone, so with the indicator m, the centred intensity g and h = g² inside the mask, the
sums Σ w m m, Σ w g g and Σ w m h over ordered pairs are correlations. There are four ways to take them:

PAIRS : voxel by voxel, for few voxels in a wide box.
ROWS : each occupied row along x is transformed. Its spectra are multiplied with those of every other row, times the
    spectrum of the weights at their distance along z and y. For small VOIs.
LAGS : slices are transformed, and their spectra are multiplied pair by pair as those of rows are.
FFT : the box is transformed along all axes.

`choose` picks the way from the VOI's own box and number of voxels.
"""

from __future__ import annotations

import math

import numpy as np

from voxomics.kernels import jit, spectra
from voxomics.kernels.spectra import PRODUCTS, SQUARES, WEIGHTS

PAIRS, ROWS, LAGS, FFT = range(4)
COST = np.array([2.0, 0.65, 0.55, 20.0, 30.0, 150e3])
"""ns on one EPYC core: of a pair of voxels (PAIRS), of a frequency and pair of rows (ROWS), of a point of the padded
spectra and a slice (LAGS), of such a point beside (LAGS), of such a point (FFT), of a VOI (LAGS and FFT)."""

MORANS_I_INDEX, GEARYS_C_MEASURE = range(2)  # places of the features, in the order of the family's catalogue


@jit.cpu
def choose(shape, pad, number, cost, size, way, need):
    """The way that takes least time for each VOI, and the memory that it takes.

    Parameters
    ----------
    shape : ndarray int32 [n, 3]
        Padded box sizes (z, y, x).
    pad : int
        Empty voxels on every side of a box.
    number : ndarray int64 [n]
        Voxels of each intensity mask.
    cost : ndarray float64 [6]
        COST.
    size : ndarray int64 [n, 3]
        Written: sizes of the transforms along (z, y, x); LAGS has none along z, where the number of slices stands.
    way : ndarray int64 [n]
        Written: PAIRS, ROWS, LAGS or FFT.
    need : ndarray int64 [n]
        Written: bytes.
    """
    for i in range(number.size):
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        n, box, n_f = float(number[i]), float(nz) * ny * nx, spectra.frequencies(nx)
        rows = min(n, 0.8 * nz * ny)  # four fifths of the rows of an ellipsoid's box meet it
        plane = float(spectra.padded(ny)) * spectra.padded(nx)
        times = (
            cost[0] * n * n / 2.0,
            cost[1] * n_f * (rows * rows + box),
            cost[5] + plane * nz * (cost[2] * nz + cost[3]),
            cost[5] + plane * spectra.padded(nz) * cost[4],
        )
        way[i] = PAIRS
        for k in range(1, 4):
            if times[k] < times[way[i]]:
                way[i] = k
        size[i, 0], size[i, 1], size[i, 2] = nz if way[i] == LAGS else spectra.padded(nz), spectra.padded(ny), spectra.padded(nx)
        held = 4096.0 + 64.0 * n
        if way[i] == ROWS:
            held += 16.0 * n_f * (nz * ny + 3.0 * min(n, nz * ny) + nx + 16)
        elif way[i] != PAIRS:
            held += 1.05 * spectra.bytes_of_box(nz, ny, nx, size[i])
        need[i] = np.int64(held)


@jit.cpu
def centre(value, g):
    """Distances of intensities to their mean in units of their range.

    The lowest is taken away first: that leaves every digit of values that lie close together and far from 0. Both
    features are ratios, so the unit does not matter, and no square over- or underflows.

    Parameters
    ----------
    value : ndarray float64 [n]
        Intensities of a VOI, in the image's unit.
    g : ndarray float64 [n]
        Written.

    Returns
    -------
    float64
        Σ g²; 0 where all intensities are equal, and g is not written.
    """
    low, high = value[0], value[0]
    for v in value:
        low, high = min(low, v), max(high, v)
    if low == high:
        return 0.0
    unit = 0.5 if high * 0.5 - low * 0.5 > 1e307 else 1.0  # halves cannot overflow
    low, span = low * unit, high * unit - low * unit
    for k in range(value.size):
        g[k] = (value[k] * unit - low) / span
    for _ in range(2):  # the second time takes away what rounding left
        mean = 0.0
        for x in g:
            mean += x
        mean /= value.size
        for k in range(value.size):
            g[k] -= mean
    square = 0.0
    for x in g:
        square += x * x
    return square


@jit.cpu
def moran_geary(n, square, sums, out):
    """Moran's I and Geary's C from sums over voxels and over ordered pairs of voxels.

    Parameters
    ----------
    n : int
        Number of voxels.
    square : float
        Σ g² over the voxels.
    sums : ndarray float64 [3]
        Places WEIGHTS to SQUARES.
    out : ndarray float64 [2]
        Written.
    """
    differences = 2.0 * (sums[SQUARES] - sums[PRODUCTS])  # Σ w (g - g')²
    out[MORANS_I_INDEX] = n / sums[WEIGHTS] * sums[PRODUCTS] / square
    out[GEARYS_C_MEASURE] = (n - 1) / (2.0 * sums[WEIGHTS]) * differences / square


@jit.body
def add_pairs(position, g, sums):
    """Sums over pairs of voxels, one by one.

    Parameters
    ----------
    position : ndarray float64 [3, n]
        Of the voxels, (z, y, x) in mm.
    g : ndarray float64 [n]
        Intensities from `centre`.
    sums : ndarray float64 [3]
        Added to: places WEIGHTS to SQUARES.
    """
    n = g.size
    weight = np.empty(n)
    for i in range(1, n):
        for k in range(i):
            dz, dy, dx = position[0, k] - position[0, i], position[1, k] - position[1, i], position[2, k] - position[2, i]
            weight[k] = 1.0 / math.sqrt(dz * dz + dy * dy + dx * dx)
        weights, products, squares = 0.0, 0.0, 0.0
        for k in range(i):
            weights += weight[k]
            products += weight[k] * g[k]
            squares += weight[k] * (g[k] * g[k] + g[i] * g[i])
        sums[WEIGHTS] += 2.0 * weights
        sums[PRODUCTS] += 2.0 * products * g[i]
        sums[SQUARES] += squares


@jit.body
def by_pairs(box, g, spacing, sums):
    """Sums over pairs of voxels, as `by_rows`."""
    position, n = np.empty((3, g.size)), 0
    for z in range(box.shape[0]):
        for y in range(box.shape[1]):
            for x in range(box.shape[2]):
                if box[z, y, x] & 2:
                    position[0, n], position[1, n], position[2, n] = z * spacing[0], y * spacing[1], x * spacing[2]
                    n += 1
    add_pairs(position, g, sums)


@jit.body
def by_rows(box, g, wave, weight, sums):
    """Sums over pairs of rows.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    g : ndarray float64 [n]
        Its intensities, from `centre`.
    wave, weight : ndarray float64
        From `spectra.waves` and `spectra.row_weights`.
    sums : ndarray float64 [3]
        Added to: places WEIGHTS to SQUARES.
    """
    width = wave.shape[1]
    most = min(g.size, box.shape[0] * box.shape[1])
    room, often = np.empty((6, width)), np.full(width, 2.0)
    often[0] = 1.0
    z, y, found = np.empty(most + 1, np.int64), np.empty(most + 1, np.int64), np.zeros(3 * most * width)
    rows = spectra.row_spectra(box, g, wave, found, z, y)
    spectra.add_spectra(found, z, y, box.shape[1], rows, weight, often, room, sums)
    for k in range(3):
        sums[k] /= width - 1


@jit.body
def same_lattice(i, k, shape, image_of):
    """Whether two VOIs have boxes of one shape on one image, and so the same weights."""
    for axis in range(3):
        if shape[i, axis] != shape[k, axis]:
            return False
    return image_of[i] == image_of[k]


@jit.cpu
def small(region, start, shape, pad, value, value_start, spacing, image_of, vois, way, out):
    """Moran's I and Geary's C of the VOIs whose way is PAIRS or ROWS; neither where the intensities do not vary.

    Parameters
    ----------
    region, start, shape, pad, image_of
        As in Geometry.
    value : ndarray float64
        Intensities of the intensity masks; those of VOI i begin at value_start[i].
    value_start : ndarray int64 [n + 1]
    spacing : ndarray float64 [images, 3]
        mm, (z, y, x).
    vois : ndarray int64 [k]
    way : ndarray int64 [n]
        From `choose`.
    out : ndarray float64 [k, 1, 2]
        Written; NaN at first.
    """
    sums, before = np.zeros(3), np.int64(-1)
    wave, weight = np.empty((1, 8)), np.empty(1)
    for k in range(vois.size):
        i = vois[k]
        values = value[value_start[i] : value_start[i + 1]]
        if way[i] > ROWS or values.size < 2:
            continue
        g = np.empty(values.size)
        square = centre(values, g)
        if square == 0.0:
            continue
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        padded_box = region[start[i] : start[i + 1]].reshape((shape[i, 0], shape[i, 1], shape[i, 2]))
        box = padded_box[pad : pad + nz, pad : pad + ny, pad : pad + nx]
        sums[WEIGHTS] = sums[PRODUCTS] = sums[SQUARES] = 0.0
        if way[i] == PAIRS:
            by_pairs(box, g, spacing[image_of[i]], sums)
        else:
            if before < 0 or not same_lattice(i, before, shape, image_of):
                wave = spectra.waves(nx, spectra.frequencies(nx))
                weight = spectra.row_weights(nz, ny, spacing[image_of[i]], wave)
            before = i
            by_rows(box, g, wave, weight, sums)
        moran_geary(values.size, square, sums, out[k, 0])


def large(box, value, spacing, size, out):
    """Moran's I and Geary's C of a VOI whose way is LAGS or FFT, as `small`.

    Parameters
    ----------
    box : ndarray uint8 [nz, ny, nx]
        Bit 1 marks the intensity mask.
    value : ndarray float64 [n]
        Its intensities, in the image's unit.
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    size : ndarray int64 [3]
        From `choose`.
    out : ndarray float64 [2]
        Written; NaN at first.
    """
    g = np.empty(len(value))
    square = centre(value, g) if len(value) > 1 else 0.0
    if square > 0.0:
        moran_geary(len(value), square, spectra.sums_of_box(box, g, spacing, size.tolist()), out)
