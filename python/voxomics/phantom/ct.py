"""Contrast-enhanced CT of a tumour, and the mask of its VOI: wall and lumen.

Around the oesophagus lies fat, and further away what gives the picture its orientation: aorta, trachea, spine and lungs. They
keep clear of the outline, so that no feature of the VOI depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from voxomics.engine.batch import F64
from voxomics.phantom.tumour import Tumour, distances

SPACING_MM = (5.0, 0.68, 0.68)
SIZE = 128
"""Rows and columns of a slice: 87 mm."""
MARGIN_SLICES = 2
CLEARANCE_PX = 4
"""Fat around the oesophagus: as far as the blur of any scanner here reaches."""
FAT_HU, AIR_HU, FLUID_HU = -85.0, -880.0, 12.0
LUNG_HU = -850.0
# Ellipses, the later over the earlier: centre (y, x) and semi-axes in mm from the oesophagus, HU. y grows to the back.
SPINE = (((40.0, 0.0), (17.0, 20.0), 420.0), ((40.0, 0.0), (15.0, 18.0), 170.0))  # cortex, then marrow
AORTA = (((16.0, 23.0), (12.0, 12.0), 190.0),)
TRACHEA = (((-26.0, -2.0), (11.0, 12.0), 40.0), ((-26.0, -2.0), (9.0, 10.0), AIR_HU))


@dataclass(frozen=True)
class Scanner:
    """Noise, blur and HU of a CT scanner.

    Attributes
    ----------
    offset_hu : float
    noise_hu : float
        Standard deviation of white noise.
    blur_px : float
        Standard deviation of the Gaussian point spread in plane.
    """

    offset_hu: float = 0.0
    noise_hu: float = 9.0
    blur_px: float = 0.7


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """A scanner of another centre: HU off by some 10, more or less noise, a softer or a sharper kernel.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Scanner
    """
    return Scanner(float(rng.normal(0.0, 10.0)), float(9.0 * np.exp(rng.normal(0.0, 0.3))), float(rng.uniform(0.5, 1.1)))


def scan(tumour: Tumour, scanner: Scanner, rng: np.random.Generator) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Image and mask.

    Parameters
    ----------
    tumour : Tumour
    scanner : Scanner
    rng : numpy.random.Generator
        For texture, noise, and where the organs around it lie exactly.

    Returns
    -------
    image : ndarray int16 [n_z, 128, 128]
        HU; spacing SPACING_MM; z grows towards the head, y to the back, x to the patient's left.
    mask : ndarray uint8 [n_z, 128, 128]
        1 in the VOI.
    """
    z_mm, y_mm, x_mm = grid(tumour)
    distance, outer = distances(tumour, z_mm, y_mm, x_mm)
    wall, lumen = distance <= outer, distance <= tumour.lumen_fraction * outer
    image = surroundings(y_mm, x_mm, wall, rng)
    texture = tumour.texture_hu * random_field(image.shape, tumour.correlation_mm, rng)
    image[wall] = tumour.wall_hu + texture[wall]
    image[lumen] = AIR_HU if tumour.air else FLUID_HU
    blurred = ndimage.gaussian_filter(image, (0.0, scanner.blur_px, scanner.blur_px))
    noisy = blurred + scanner.offset_hu + scanner.noise_hu * rng.standard_normal(image.shape)
    inside = wall & (np.abs(z_mm) <= tumour.length_mm / 2.0)[:, None, None]
    return np.clip(np.round(noisy), -1024, 3071).astype(np.int16), inside.astype(np.uint8)


def grid(tumour: Tumour) -> tuple[F64, F64, F64]:
    """Voxel centres around a tumour, whose middle is the origin.

    Parameters
    ----------
    tumour : Tumour

    Returns
    -------
    z_mm, y_mm, x_mm : ndarray [n_z], [128], [128]
    """
    half = ceil(tumour.length_mm / 2.0 / SPACING_MM[0]) + MARGIN_SLICES
    in_plane: F64 = (np.arange(SIZE, dtype=np.float64) - (SIZE - 1) / 2.0) * SPACING_MM[1]
    return np.arange(-half, half + 1, dtype=np.float64) * SPACING_MM[0] + tumour.off_slice_mm, in_plane, in_plane


def random_field(shape: tuple[int, ...], correlation_mm: float, rng: np.random.Generator) -> F64:
    """Gaussian random field: white noise under a Gaussian filter, mean 0 and variance 1.

    Parameters
    ----------
    shape : (int, int, int)
    correlation_mm : float
        c of its autocorrelation exp(-r²/(2 c²)); the filter's standard deviation is c/√2.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray float64 [z, y, x]
    """
    field = ndimage.gaussian_filter(rng.standard_normal(shape), [correlation_mm / (sqrt(2.0) * step) for step in SPACING_MM])
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float64)


def surroundings(y_mm: F64, x_mm: F64, oesophagus: npt.NDArray[np.bool_], rng: np.random.Generator) -> F64:
    """HU outside the oesophagus: the upper chest in a few ellipses, each a little elsewhere in every patient.

    Parameters
    ----------
    y_mm, x_mm : ndarray [n_y], [n_x]
    oesophagus : ndarray bool [n_z, n_y, n_x]
    rng : numpy.random.Generator

    Returns
    -------
    ndarray float64 [n_z, n_y, n_x]
    """
    plane = np.full((len(y_mm), len(x_mm)), FAT_HU)
    y, x = y_mm[:, None], x_mm[None, :]
    right, left = rng.normal((-27.0, 37.0), 1.5)
    plane[(x < right + 0.004 * y**2) | (x > left - 0.003 * y**2)] = LUNG_HU
    for organ in (SPINE, AORTA, TRACHEA):
        shift = rng.normal(0.0, 1.5, 2)
        for (centre_y, centre_x), (semi_y, semi_x), hu in organ:
            inside = ((y - centre_y - shift[0]) / semi_y) ** 2 + ((x - centre_x - shift[1]) / semi_x) ** 2 <= 1.0
            plane[inside] = hu
    around = 2 * CLEARANCE_PX + 1
    return np.where(ndimage.maximum_filter(oesophagus, (1, around, around)), FAT_HU, plane)
