"""The clinical table of the synthetic cohort: TNM, tumour markers, qPCR cycles, survival, and the healthy controls.

Planted, and looked for by a study's tests: the hazard (`hazard_per_month`), and the marker in the two Ct values.

Set by this project, since the tables of the paper it follows (Hoshino et al., Scientific Reports 2020;10:2532) were not at hand:
the shares of T and N, and the distributions of age, sex, SCC and CEA. They are round figures, plausible for resected squamous
cell carcinoma of the oesophagus, and nobody's result.
"""

from __future__ import annotations

from math import exp, log, log1p, log2, sqrt

import numpy as np
from scipy.stats import norm

from voxomics.phantom.truth import INVASION_LOADING, MARKER_LOG_SD, MARKER_MEDIAN, Truth

# T0 and T4 are absent: tumours that can be seen and resected.
T_SHARES = {1: 0.30, 2: 0.13, 3: 0.57}
N_SHARES = {0: 0.55, 1: 0.30, 2: 0.13, 3: 0.02}
M1_SHARE = 0.054
MALE_SHARE = 0.88
AGE_MEAN_SD_YEARS = (66.0, 9.0)
SCC_MEAN_SD = (1.8, 3.0)  # ng/mL
CEA_MEAN_SD = (3.3, 3.0)  # ng/mL

# Liability (threshold) model of an ordinal trait: a standard normal score, cut where the shares of its classes say.
T_LOADING_G = 0.62
N_LOADING_T = 0.32
N_LOADING_U = 0.48

MARKER_SCALE = 1000.0
REFERENCE_CT_MEAN_SD = (20.0, 0.45)

BASELINE_PER_MONTH = 0.0046
LOG_HAZARD_MIR1246 = 0.0130
LOG_HAZARD_N = 0.434
CENSORING_MONTHS = (24.0, 96.0)

CONTROLS_AUC = 0.75
CONTROLS_LOG_SD = 1.1


def patient(truth: Truth, rng: np.random.Generator) -> dict[str, float | int | str]:
    """One row of the clinical table, files and centre aside.

    Parameters
    ----------
    truth : Truth
    rng : numpy.random.Generator

    Returns
    -------
    dict
        age (years), sex (1 = male), T, N, M, stage ("I" to "IV", UICC 2009), SCC and CEA (ng/mL), ct_mir1246 and ct_cel39
        (cycles), time_months, event (1 = died).

    Examples
    --------
    >>> from voxomics.phantom.truth import Truth
    >>> row = patient(Truth(0.0, 0.0, 0.0), np.random.default_rng(0))
    >>> round(1000 * 2 ** -(row["ct_mir1246"] - row["ct_cel39"]), 9)
    9.0
    """
    t_score, n_score = liabilities(truth, rng)
    t, n = ordinal(t_score, T_SHARES), ordinal(n_score, N_SHARES)
    m = int(rng.random() < M1_SHARE)
    time, event = survival(hazard_per_month(truth.mir1246, n), rng)
    ct_mir1246, ct_cel39 = cycles(truth.mir1246, rng)
    return {
        "age": int(np.clip(round(rng.normal(*AGE_MEAN_SD_YEARS)), 35, 90)),
        "sex": int(rng.random() < MALE_SHARE),
        "T": t,
        "N": n,
        "M": m,
        "stage": stage(t, n, m),
        "SCC": round(log_normal(rng, *SCC_MEAN_SD), 2),
        "CEA": round(log_normal(rng, *CEA_MEAN_SD), 2),
        "ct_mir1246": ct_mir1246,
        "ct_cel39": ct_cel39,
        "time_months": time,
        "event": event,
    }


def control(rng: np.random.Generator) -> dict[str, float]:
    """The two Ct values of one healthy control.

    The marker is log-normal with log-SD 1.1 and the median at which patients and controls have an AUC of 0.75: for two normal
    variables AUC = Φ(Δ / √(σ₁² + σ₂²)).

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    dict
        ct_mir1246, ct_cel39 (cycles).
    """
    median = log(MARKER_MEDIAN) - norm.ppf(CONTROLS_AUC) * sqrt(MARKER_LOG_SD**2 + CONTROLS_LOG_SD**2)
    ct_mir1246, ct_cel39 = cycles(exp(rng.normal(median, CONTROLS_LOG_SD)), rng)
    return {"ct_mir1246": ct_mir1246, "ct_cel39": ct_cel39}


def liabilities(truth: Truth, rng: np.random.Generator) -> tuple[float, float]:
    """Standard normal scores behind T (from invasion) and N (from T's score and the marker's).

    Parameters
    ----------
    truth : Truth
    rng : numpy.random.Generator

    Returns
    -------
    t_score, n_score : float
    """
    t_noise, n_noise = rng.standard_normal(2).tolist()
    t_score = T_LOADING_G * truth.g + sqrt(1.0 - T_LOADING_G**2) * t_noise
    correlation = T_LOADING_G * INVASION_LOADING  # of t_score and u
    explained = N_LOADING_T**2 + N_LOADING_U**2 + 2.0 * N_LOADING_T * N_LOADING_U * correlation
    return t_score, N_LOADING_T * t_score + N_LOADING_U * truth.u + sqrt(1.0 - explained) * n_noise


def ordinal(score: float, shares: dict[int, float]) -> int:
    """Class of a standard normal score, cut so that each class has its share of the population.

    Parameters
    ----------
    score : float
    shares : dict int -> float
        Classes in order; the shares sum to 1.

    Returns
    -------
    int

    Examples
    --------
    >>> [ordinal(score, {1: 0.5, 2: 0.5}) for score in (-0.1, 0.1)]
    [1, 2]
    """
    cuts = norm.ppf(np.cumsum(list(shares.values()))[:-1])
    return list(shares)[int(np.searchsorted(cuts, score))]


def stage(t: int, n: int, m: int) -> str:
    """Stage group of the TNM classification, 7th edition (UICC 2009), without the letters.

    Parameters
    ----------
    t : {1, 2, 3}
    n : {0, 1, 2, 3}
    m : {0, 1}

    Returns
    -------
    {"I", "II", "III", "IV"}

    Examples
    --------
    >>> stage(1, 0, 0), stage(3, 0, 0), stage(2, 1, 0), stage(3, 1, 0), stage(1, 0, 1)
    ('I', 'II', 'II', 'III', 'IV')
    """
    if m:
        return "IV"
    if n == 0:
        return "I" if t < 3 else "II"
    return "II" if n == 1 and t < 3 else "III"


def cycles(marker: float, rng: np.random.Generator) -> tuple[float, float]:
    """Threshold cycles of miR-1246 and of the spiked-in Ce-miR-39, so that 1000 · 2^-(first - second) is the marker.

    Parameters
    ----------
    marker : float
        > 0.
    rng : numpy.random.Generator

    Returns
    -------
    ct_mir1246, ct_cel39 : float
    """
    reference = float(rng.normal(*REFERENCE_CT_MEAN_SD))
    return reference - log2(marker / MARKER_SCALE), reference


def hazard_per_month(marker: float, n: int) -> float:
    """Constant hazard of death: 0.0046 · exp(0.0130 · marker + 0.434 · N) a month.

    Parameters
    ----------
    marker : float
    n : int

    Returns
    -------
    float

    Examples
    --------
    >>> round(hazard_per_month(20.0, 1), 5)
    0.00921
    """
    return BASELINE_PER_MONTH * exp(LOG_HAZARD_MIR1246 * marker + LOG_HAZARD_N * n)


def survival(hazard: float, rng: np.random.Generator) -> tuple[float, int]:
    """Exponential time to death, censored at the end of a follow-up that is uniform from 24 to 96 months.

    Parameters
    ----------
    hazard : float
        Deaths a month.
    rng : numpy.random.Generator

    Returns
    -------
    time_months : float
        To a tenth of a month, at least 0.1.
    event : {0, 1}
        1 = died.
    """
    death, end = rng.exponential(1.0 / hazard), rng.uniform(*CENSORING_MONTHS)
    return max(round(float(min(death, end)), 1), 0.1), int(death <= end)


def log_normal(rng: np.random.Generator, mean: float, sd: float) -> float:
    """A log-normal value of a given mean and SD.

    Parameters
    ----------
    rng : numpy.random.Generator
    mean, sd : float
        Of the values themselves, > 0.

    Returns
    -------
    float
    """
    variance = log1p((sd / mean) ** 2)
    return float(rng.lognormal(log(mean) - variance / 2.0, sqrt(variance)))
