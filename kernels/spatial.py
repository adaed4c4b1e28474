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
        if number[i] == 0:  # nothing is left of it, not even a box
            size[i, 0] = size[i, 1] = size[i, 2] = 0
            way[i], need[i] = PAIRS, 0
            continue
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
        size[i, 0] = nz if way[i] == LAGS else spectra.padded(nz)
        size[i, 1], size[i, 2] = spectra.padded(ny), spectra.padded(nx)
        held = 4096.0 + (64.0 if way[i] < LAGS else 16.0) * n
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
        Places WEIGHTS to SQUARES. A common factor makes no difference.
    out : ndarray float64 [2]
        Written.
    """
    differences = 2.0 * (sums[SQUARES] - sums[PRODUCTS])  # Σ w (g - g')²
    out[MORANS_I_INDEX] = n / sums[WEIGHTS] * sums[PRODUCTS] / square
    out[GEARYS_C_MEASURE] = (n - 1) / (2.0 * sums[WEIGHTS]) * differences / square


@jit.body
def places(region, start, shape, pad, place):
    """Where the voxels of a VOI's intensity mask lie in its box without padding.

    Parameters
    ----------
    region : ndarray uint8 [total]
        Padded boxes in C order: bit 0 marks the mask, bit 1 the intensity mask.
    pad : int
    start : int64
        Where the VOI's padded box begins in `region`.
    shape : ndarray int32 [3]
        Its size (z, y, x).
    place : ndarray int32 [3, n]
        Written: (z, y, x).
    """
    n = 0
    for z in range(pad, shape[0] - pad):
        for y in range(pad, shape[1] - pad):
            row = start + (np.int64(z) * shape[1] + y) * shape[2]
            for x in range(pad, shape[2] - pad):
                if region[row + x] & 2:
                    place[0, n] = z - pad
                    place[1, n] = y - pad
                    place[2, n] = x - pad
                    n += 1


@jit.body
def by_pairs(place, g, spacing, weight, sums):
    """Sums over pairs of voxels, one by one.

    Parameters
    ----------
    place : ndarray int32 [3, n]
        From `places`.
    g : ndarray float64 [n]
        Intensities from `centre`.
    spacing : ndarray float64 [3]
        mm, (z, y, x).
    weight : ndarray float64 [n]
        Scratch.
    sums : ndarray float64 [3]
        Added to: places WEIGHTS to SQUARES.
    """
    for i in range(1, g.size):
        for k in range(i):
            dz = (place[0, i] - place[0, k]) * spacing[0]
            dy = (place[1, i] - place[1, k]) * spacing[1]
            dx = (place[2, i] - place[2, k]) * spacing[2]
            weight[k] = 1.0 / math.sqrt(dz * dz + dy * dy + dx * dx)
        weights, products, squares = 0.0, 0.0, 0.0
        for k in range(i):
            weights += weight[k]
            products += weight[k] * g[k]
            squares += weight[k] * (g[k] * g[k] + g[i] * g[i])
        sums[WEIGHTS] += 2.0 * weights
        sums[PRODUCTS] += 2.0 * products * g[i]
        sums[SQUARES] += squares


@jit.cpu
def small(region, start, shape, pad, value, value_start, spacing, image_of, vois, way, out):
    """Moran's I and Geary's C of the VOIs whose way is PAIRS or ROWS; neither where the intensities do not vary.

    Parameters
    ----------
    region : ndarray uint8 [total]
        Padded boxes in C order: bit 0 marks the mask, bit 1 the intensity mask.
    start : ndarray int64 [n + 1]
        VOI i owns region[start[i] : start[i + 1]].
    shape : ndarray int32 [n, 3]
        Size of each padded box.
    pad : int
    image_of : ndarray int64 [n]
        The image of each VOI.
    value : ndarray float64 [voxels]
        Intensities of the intensity masks; those of VOI i begin at value_start[i].
    value_start : ndarray int64 [n + 1]
    spacing : ndarray float64 [images, 3]
        mm, (z, y, x).
    vois : ndarray int64 [k]
    way : ndarray int64 [n]
        From `choose`.
    out : ndarray float64 [k, 2]
        Written; NaN at first.
    """
    sums, before = np.empty(3), np.int64(-1)
    wave, weight = np.empty((1, 8)), np.empty(1)
    for k in range(vois.size):
        i = vois[k]
        n = value_start[i + 1] - value_start[i]
        if way[i] > ROWS or n < 2:
            continue
        g, place = np.empty(n), np.empty((3, n), np.int32)
        square = centre(value[value_start[i] : value_start[i + 1]], g)
        if square == 0.0:
            continue
        nz, ny, nx = shape[i, 0] - 2 * pad, shape[i, 1] - 2 * pad, shape[i, 2] - 2 * pad
        places(region, start[i], shape[i], pad, place)
        for q in range(3):
            sums[q] = 0.0
        if way[i] == PAIRS:
            by_pairs(place, g, spacing[image_of[i]], np.empty(n), sums)
        else:
            known = before >= 0 and image_of[i] == image_of[before]
            for axis in range(3):
                known = known and shape[i, axis] == shape[before, axis]
            if not known:  # boxes of one shape on one image have the same weights
                wave = spectra.waves(nx)
                weight = spectra.row_weights(nz, ny, spacing[image_of[i]], wave)
            before, width, most = i, wave.shape[1], min(n, nz * ny)
            z, y, found = np.empty(most, np.int64), np.empty(most, np.int64), np.zeros(3 * most * width)
            rows = spectra.row_spectra(place, g, wave, found, z, y)
            spectra.add_spectra(found, z, y, ny, rows, weight, width, np.empty(3 * width), np.empty(3 * width), sums)
        moran_geary(n, square, sums, out[k])


def large(box, value, spacing, size, threads, out):
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
    threads : int
        Of the transforms; they make no difference to the result.
    out : ndarray float64 [2]
        Written; NaN at first.
    """
    g = np.empty(len(value))
    square = centre(value, g) if len(value) > 1 else 0.0
    if square > 0.0:
        moran_geary(len(value), square, spectra.sums_of_box(box, g, spacing, size, threads), out)
