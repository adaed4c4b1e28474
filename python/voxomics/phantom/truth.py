"""The true traits of a synthetic patient, which are never an input of a study: invasion, heterogeneity, and the serum marker.

Two standard normal traits make the tumour visible on CT: invasion g sets its size and outline, heterogeneity h its texture. The
marker follows both, with the larger part of it unexplained, as a published study found for serum miR-1246 (Hoshino et al.,
Scientific Reports 2020;10:2532). The loadings are this project's; only the marker's range (1 to over 50) is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

INVASION_LOADING = 0.47
HETEROGENEITY_LOADING = 0.36
MARKER_MEDIAN = 9.0
MARKER_LOG_SD = 1.15
MARKER_LIMIT = 150.0


@dataclass(frozen=True)
class Truth:
    """Latent traits of a patient.

    Attributes
    ----------
    g : float
        Invasion, standard normal in the population.
    h : float
        Heterogeneity, standard normal, independent of `g`.
    u : float
        The marker's latent score, standard normal: 0.47 g + 0.36 h + noise.
    """

    g: float
    h: float
    u: float

    @property
    def mir1246(self) -> float:
        """Relative expression of serum miR-1246, 0 to 150: log-normal with median 9, cut at 150."""
        return min(exp(log(MARKER_MEDIAN) + MARKER_LOG_SD * self.u), MARKER_LIMIT)


def draw_truth(rng: np.random.Generator) -> Truth:
    """One patient of the population.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Truth

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> g, u = np.array([(p.g, p.u) for p in (draw_truth(rng) for _ in range(20_000))]).T
    >>> round(float(np.corrcoef(g, u)[0, 1]), 2)
    0.47
    """
    g, h, noise = rng.standard_normal(3).tolist()
    unexplained = sqrt(1.0 - INVASION_LOADING**2 - HETEROGENEITY_LOADING**2)
    return Truth(g, h, INVASION_LOADING * g + HETEROGENEITY_LOADING * h + unexplained * noise)
