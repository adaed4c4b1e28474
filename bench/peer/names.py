"""Which of our features a peer's feature is, and how many agree."""

from __future__ import annotations

import functools
import math
import runpy
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from peer.case import ROOT

DEPRECATED = ("shape_Compactness1", "shape_Compactness2", "shape_SphericalDisproportion")  # not among PyRadiomics' 107
BY_NAME = {  # pictologics' names whose end is not the IBSI's id of the feature, or an id that two features have
    "10th_discretised_intensity_percentile_1PR": "intensity_histogram.percentile_10",
    "90th_discretised_intensity_percentile_GPMT": "intensity_histogram.percentile_90",
    "small_zone_emphasis_P001": "glszm.small_zone_emphasis",
    "volume_at_intensity_fraction_0.10_BC2M_10": "intensity_volume_histogram.volume_at_intensity_fraction_10",
    "volume_at_intensity_fraction_0.90_BC2M_90": "intensity_volume_histogram.volume_at_intensity_fraction_90",
    "intensity_at_volume_fraction_0.10_GBPN_10": "intensity_volume_histogram.intensity_at_volume_fraction_10",
    "intensity_at_volume_fraction_0.90_GBPN_90": "intensity_volume_histogram.intensity_at_volume_fraction_90",
}
REASONS = {  # a piece of a name of pictologics: why that feature differs from ours
    "10th_intensity": "its percentiles are values of the data (inverted_cdf), ours are interpolated",
    "90th_intensity": "its percentiles are values of the data (inverted_cdf), ours are interpolated",
    "10th_discretised": "its percentiles are values of the data (inverted_cdf), ours are interpolated",
    "90th_discretised": "its percentiles are values of the data (inverted_cdf), ours are interpolated",
    "robust_mean_absolute_deviation": "its percentiles are values of the data (inverted_cdf), ours are interpolated",
    "ombb": "its box lies along the principal axes, ours is the smallest of all faces of the hull",
    "mvee": "its ellipsoid stops at 3e-3 of the smallest",
    "normalised_inverse_difference": "its number of levels is the span of those present, ours the highest level",
    "volume_fraction": "its curve is of the texture's grey levels, ours of 1,000 bins",
    "intensity_fraction": "its curve is of the texture's grey levels, ours of 1,000 bins",
    "area_under_the_ivh": "its curve is of the texture's grey levels, ours of 1,000 bins",
}
RELATIVE, ABSOLUTE = 1e-9, 1e-12
Values = Mapping[str, float]


@functools.cache
def judge() -> Any:
    """tests/judges/test_pyradiomics.py: its names, formulas and `Case`; what is known of PyRadiomics stands there once."""
    sys.path.append(str(ROOT / "tests"))
    return SimpleNamespace(**runpy.run_path(str(ROOT / "tests/judges/test_pyradiomics.py")))


def of_pyradiomics() -> list[str]:
    """The 103 of PyRadiomics' 107 default features that the standard defines, or that follow from such by a formula."""
    left_out = (*DEPRECATED, *judge().NOT_STANDARD)
    return [name for name in (*judge().SAME, *judge().DERIVED) if name not in left_out]


def needed_for_pyradiomics() -> list[str]:
    """Our features that the 103 are or follow from."""
    known = judge()
    sources = [(known.SAME[name],) if name in known.SAME else known.DERIVED[name][0] for name in of_pyradiomics()]
    return list(dict.fromkeys(feature for source in sources for feature in source))


def as_pyradiomics(row: Values, n_voxels: int, spacing_mm: tuple[float, float, float]) -> dict[str, float]:
    """Our values under PyRadiomics' names."""
    case = judge().Case(row, spacing_mm, n_voxels, n_voxels, 0.0)
    return {name: float(case.value(name)) for name in of_pyradiomics()}


def spelt_like(theirs: Iterable[str], ours: Values) -> dict[str, float]:
    """Our values, named as PyRadiomics does, under the names of a peer that spells these names differently.

    >>> spelt_like(["firstorder_10th_percentile", "own"], {"firstorder_10Percentile": 1.0})
    {'firstorder_10th_percentile': 1.0}
    """
    plain = {name.replace("_", "").lower(): value for name, value in ours.items()}
    keys = {name: name.replace("0th_", "0").replace("_", "").lower() for name in theirs}
    return {name: plain[key] for name, key in keys.items() if key in plain}


def by_ibsi_id(theirs: Iterable[str], ids: Mapping[str, str]) -> dict[str, str]:
    """Our feature for each of pictologics' names, which end in the IBSI's id.

    Parameters
    ----------
    theirs : iterable of str
        Such as ``joint_entropy_TU9B``.
    ids : mapping
        The IBSI's id of each of our features, ``family.feature``.

    Returns
    -------
    dict
        Without the names that have no feature of ours.
    """
    ours = {ibsi_id: name for name, ibsi_id in ids.items()}
    found = {name: BY_NAME.get(name) or ours.get(name.rpartition("_")[2]) for name in theirs}
    return {name: feature for name, feature in found.items() if feature is not None}


@dataclass
class Agreement:
    """How the values of a peer compare with ours, over all VOIs of all cases that were compared.

    Attributes
    ----------
    agree : set of str
        Features that agree in every VOI.
    differ : dict
        The largest relative deviation of each of the others.
    unknown : set of str
        Features that we do not have, or whose name leads nowhere.
    vois : int
    """

    agree: set[str] = field(default_factory=set)
    differ: dict[str, float] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    vois: int = 0

    def add(self, ours: Values, theirs: Values) -> None:
        """One VOI; both under the peer's names."""
        self.vois += 1
        for name, value in theirs.items():
            if name not in ours:
                self.unknown.add(name)
            elif (off := deviation(ours[name], value)) > 0:
                self.differ[name] = max(off, self.differ.get(name, 0.0))
                self.agree.discard(name)
            elif name not in self.differ:
                self.agree.add(name)


def reasons(peer: str, differing: Mapping[str, float]) -> dict[str, list[str]]:
    """The features of a peer that differ from ours, by reason; what is known is known of pictologics."""
    known = REASONS if peer == "pictologics" else {}
    found: dict[str, list[str]] = {}
    for name in differing:
        reason = next((why for piece, why in known.items() if piece in name), "the reason is not known")
        found.setdefault(reason, []).append(name)
    return found


def deviation(ours: float, theirs: float) -> float:
    """0 where two values agree, to 1e-9 of the value or 1e-12; else what they differ by, relative to the larger."""
    if math.isnan(ours) or math.isnan(theirs):
        return 0.0 if math.isnan(ours) and math.isnan(theirs) else math.inf
    difference, largest = abs(ours - theirs), max(abs(ours), abs(theirs))
    if not math.isfinite(difference):
        return 0.0 if ours == theirs else math.inf
    return 0.0 if difference <= max(RELATIVE * largest, ABSOLUTE) else difference / largest
