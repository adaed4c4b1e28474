"""The shape and the tissue of a synthetic oesophageal tumour, as numbers and as a mask.

The specification fixes length, radius, wall, lumen and texture in terms of the truth. Left open and set here, so that the
correlations of LIFEx's features with the marker come out as specified: how far the outline follows invasion, the profile along
the oesophagus, the width of the lumen and its bend.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from voxomics.engine.batch import F64
from voxomics.phantom.truth import Truth

HARMONICS = np.arange(2, 7)
"""Fourier terms of the outline: 2 is an ellipse, 6 has six lobes. Term 1 would only move it."""
ENDS = 0.45
"""Radius where the tumour ends, as a part of the largest one: there begins the oesophagus as it was."""


@dataclass(frozen=True)
class Tumour:
    """Parameters of one tumour.

    Attributes
    ----------
    length_mm, radius_mm : float
        Along the oesophagus, and its mean outer radius in the middle.
    irregularity : float
        Standard deviation of the outline's radius around its mean, as a part of it.
    lumen_fraction : float
        Radius of the lumen as a part of the outer one.
    air : bool
        Whether the lumen holds air; else fluid.
    wall_hu : float
        Mean of the wall.
    texture_hu, correlation_mm : float
        Standard deviation of the wall's texture, and c of its autocorrelation exp(-r²/(2 c²)).
    off_slice_mm : float
        From the tumour's middle to the nearest slice's, -2.5 to 2.5.
    bend_mm : ndarray [2]
        How far (y, x) the axis is off a straight line 50 mm from the middle.
    amplitudes, phases, twists : ndarray [5]
        Fourier terms of the outline: relative size, angle in the middle, and turn towards the ends.
    """

    length_mm: float
    radius_mm: float
    irregularity: float
    lumen_fraction: float
    air: bool
    wall_hu: float
    texture_hu: float
    correlation_mm: float
    off_slice_mm: float
    bend_mm: F64
    amplitudes: F64
    phases: F64
    twists: F64


def draw_tumour(truth: Truth, rng: np.random.Generator) -> Tumour:
    """The tumour of a patient.

    Parameters
    ----------
    truth : Truth
    rng : numpy.random.Generator

    Returns
    -------
    Tumour

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> small, large = (np.median([draw_tumour(Truth(g, 0, 0), rng).length_mm for _ in range(999)]) for g in (-1, 1))
    >>> round(float(large / small), 1)
    1.8
    """
    length = exp(log(42.0) + 0.30 * truth.g + 0.20 * rng.standard_normal())
    amplitudes = rng.uniform(0.5, 1.5, len(HARMONICS)) / HARMONICS
    return Tumour(
        length_mm=float(np.clip(length, 15.0, 100.0)),
        radius_mm=float(np.clip(rng.normal(12.5 + truth.g, 1.35), 8.0, 22.0)),
        irregularity=0.04 + 0.055 * exp(0.5 * truth.g + 0.1 * rng.standard_normal()),
        lumen_fraction=float(rng.uniform(0.12, 0.34)) - 0.01 * truth.g,  # a growing tumour narrows it
        air=bool(rng.random() < 0.55),
        wall_hu=float(rng.normal(72.0, 8.0)),
        texture_hu=11.0 * exp(0.45 * truth.h),
        correlation_mm=float(rng.uniform(1.6, 3.2)),
        off_slice_mm=float(rng.uniform(-2.5, 2.5)),
        bend_mm=rng.normal(0.0, 4.0, 2),
        amplitudes=amplitudes / np.sqrt((amplitudes**2).sum() / 2.0),
        phases=rng.uniform(0.0, 2.0 * np.pi, len(HARMONICS)),
        twists=rng.normal(0.0, 1.0, len(HARMONICS)),
    )


def distances(tumour: Tumour, z_mm: F64, y_mm: F64, x_mm: F64) -> tuple[F64, F64]:
    """Position of each voxel in the oesophagus.

    Parameters
    ----------
    tumour : Tumour
    z_mm, y_mm, x_mm : ndarray [n_z], [n_y], [n_x]
        Voxel centres; the tumour's centre is the origin.

    Returns
    -------
    distance_mm : ndarray [n_z, n_y, n_x]
        From the axis, in plane.
    outer_mm : ndarray [n_z, n_y, n_x]
        Radius of the outer surface in that direction. Above and below the tumour it is the oesophagus' own.
    """
    bend = tumour.bend_mm[:, None] * (z_mm / 50.0) ** 2
    y = y_mm[None, :, None] - bend[0][:, None, None]
    x = x_mm[None, None, :] - bend[1][:, None, None]
    angle = np.arctan2(y, x)
    along = np.clip(2.0 * z_mm / tumour.length_mm, -1.0, 1.0)[:, None, None]
    outline = np.zeros(angle.shape)
    for order, size, phase, twist in zip(HARMONICS, tumour.amplitudes, tumour.phases, tumour.twists, strict=True):
        outline += size * np.cos(order * angle + phase + twist * along)
    profile = ENDS + (1.0 - ENDS) * (1.0 - along**2)
    return np.hypot(y, x), tumour.radius_mm * profile * np.maximum(1.0 + tumour.irregularity * outline, 0.3)
