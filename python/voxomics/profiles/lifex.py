"""LIFEx's features of 2018 under LIFEx's names, with the settings of Hoshino et al. 2020.

Each is an IBSI feature, or follows from some by the formula here. Evidence and open questions: docs/lifex.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log10
from typing import Literal

import numpy as np

from voxomics.engine import images
from voxomics.engine.batch import F64, VoiBatch
from voxomics.engine.columns import ColumnKey
from voxomics.engine.errors import SettingsError
from voxomics.engine.families import FAMILIES
from voxomics.engine.remarks import clusters
from voxomics.engine.settings import Part, Settings
from voxomics.profiles.profile import N_VOXELS, Output, Profile


class Lifex(Part):
    """The profile's own options.

    Attributes
    ----------
    columns : {"hoshino45", "hoshino45_excess_kurtosis", "all46"}
        The paper's 45 as inferred (with HUstd, without ExcessKurtosis), its other reading (the reverse), or all 46.
    """

    columns: Literal["hoshino45", "hoshino45_excess_kurtosis", "all46"] = "hoshino45"


class LifexSettings(Settings):
    """Settings of the lifex profile: the engine's, and its options.

    Attributes
    ----------
    lifex : Lifex
    """

    profile: Literal["lifex"] = "lifex"
    lifex: Lifex = Lifex()


@dataclass(frozen=True)
class Entry:
    """One LIFEx feature, the IBSI features that it depends on, and the formula if it is not equal to one of them."""

    name: str
    sources: tuple[str, ...]
    derive: Callable[..., F64] | None = None
    unit: str = ""
    definition: str = ""


def _to_log10(bits: F64) -> F64:
    # LIFEx adds 2e-16 inside the logarithm; that changes no digit that float64 keeps of a sum
    return bits * log10(2.0)


def _with_three(excess: F64) -> F64:
    return excess + 3.0


def _to_ml(mm3: F64) -> F64:
    return mm3 / 1000.0


def _compacity(area: F64, volume: F64) -> F64:
    compacity: F64 = area**1.5 / volume
    return compacity


ENTRIES = (
    Entry("CONVENTIONAL_HUmin", ("intensity_statistics.minimum",)),
    Entry("CONVENTIONAL_HUmean", ("intensity_statistics.mean",)),
    Entry("CONVENTIONAL_HUstd", ("intensity_statistics.variance",), np.sqrt, "intensity", "√((1/N) Σ (x-mean)²)"),
    Entry("CONVENTIONAL_HUmax", ("intensity_statistics.maximum",)),
    Entry("HISTO_Skewness", ("intensity_histogram.skewness",)),
    Entry("HISTO_Kurtosis", ("intensity_histogram.kurtosis",), _with_three, "1", "C3I7 (excess kurtosis) + 3"),
    Entry("HISTO_ExcessKurtosis", ("intensity_histogram.kurtosis",)),
    Entry("HISTO_Entropy_log10", ("intensity_histogram.entropy",), _to_log10, "1", "-Σ p log10 p"),
    Entry("HISTO_Entropy_log2", ("intensity_histogram.entropy",)),
    Entry("HISTO_Energy", ("intensity_histogram.uniformity",)),
    Entry("SHAPE_Volume(mL)", ("morphology.volume_voxel_counting",), _to_ml, "mL", "N · voxel volume / 1000"),
    Entry("SHAPE_Volume(vx)", ("n_voxels",), None, "voxel", "N, the voxels of the mask"),
    Entry("SHAPE_Sphericity", ("morphology.sphericity",)),
    Entry("SHAPE_Compacity", ("morphology.surface_area", "morphology.volume_mesh"), _compacity, "1", "A^(3/2) / V"),
    Entry("GLCM_Homogeneity", ("glcm.inverse_difference",)),
    Entry("GLCM_Energy", ("glcm.angular_second_moment",)),
    Entry("GLCM_Contrast", ("glcm.contrast",)),
    Entry("GLCM_Correlation", ("glcm.correlation",)),
    Entry("GLCM_Entropy_log10", ("glcm.joint_entropy",), _to_log10, "1", "-Σ p log10 p"),
    Entry("GLCM_Entropy_log2", ("glcm.joint_entropy",)),
    Entry("GLCM_Dissimilarity", ("glcm.dissimilarity",)),
    Entry("GLRLM_SRE", ("glrlm.short_runs_emphasis",)),
    Entry("GLRLM_LRE", ("glrlm.long_runs_emphasis",)),
    Entry("GLRLM_LGRE", ("glrlm.low_grey_level_run_emphasis",)),
    Entry("GLRLM_HGRE", ("glrlm.high_grey_level_run_emphasis",)),
    Entry("GLRLM_SRLGE", ("glrlm.short_run_low_grey_level_emphasis",)),
    Entry("GLRLM_SRHGE", ("glrlm.short_run_high_grey_level_emphasis",)),
    Entry("GLRLM_LRLGE", ("glrlm.long_run_low_grey_level_emphasis",)),
    Entry("GLRLM_LRHGE", ("glrlm.long_run_high_grey_level_emphasis",)),
    Entry("GLRLM_GLNU", ("glrlm.grey_level_non_uniformity",)),
    Entry("GLRLM_RLNU", ("glrlm.run_length_non_uniformity",)),
    Entry("GLRLM_RP", ("glrlm.run_percentage",)),
    Entry("NGLDM_Coarseness", ("ngtdm.coarseness",)),
    Entry("NGLDM_Contrast", ("ngtdm.contrast",)),
    Entry("NGLDM_Busyness", ("ngtdm.busyness",)),
    Entry("GLZLM_SZE", ("glszm.small_zone_emphasis",)),
    Entry("GLZLM_LZE", ("glszm.large_zone_emphasis",)),
    Entry("GLZLM_LGZE", ("glszm.low_grey_level_zone_emphasis",)),
    Entry("GLZLM_HGZE", ("glszm.high_grey_level_zone_emphasis",)),
    Entry("GLZLM_SZLGE", ("glszm.small_zone_low_grey_level_emphasis",)),
    Entry("GLZLM_SZHGE", ("glszm.small_zone_high_grey_level_emphasis",)),
    Entry("GLZLM_LZLGE", ("glszm.large_zone_low_grey_level_emphasis",)),
    Entry("GLZLM_LZHGE", ("glszm.large_zone_high_grey_level_emphasis",)),
    Entry("GLZLM_GLNU", ("glszm.grey_level_non_uniformity",)),
    Entry("GLZLM_ZLNU", ("glszm.zone_size_non_uniformity",)),
    Entry("GLZLM_ZP", ("glszm.zone_percentage",)),
)
"""LIFEx's NGLDM is IBSI's NGTDM, its GLZLM is IBSI's GLSZM."""

LEFT_OUT = {
    "hoshino45": ("HISTO_ExcessKurtosis",),
    "hoshino45_excess_kurtosis": ("CONVENTIONAL_HUstd",),
    "all46": (),
}
_AGGREGATION = {"glcm": "3d_averaged", "glrlm": "3d_averaged", "glszm": "3d", "ngtdm": "3d"}
_FEATURES = {f"{family.name}.{feature.name}": feature for family in FAMILIES for feature in family.features}
_FAMILY = {f"{family.name}.{feature.name}": family for family in FAMILIES for feature in family.features}


def outputs(settings: LifexSettings) -> list[Output]:
    """LIFEx's columns.

    Raises
    ------
    SettingsError
        The settings leave out something a LIFEx feature is made of, or ask for other images.
    """
    if [kind.shortest() for kind in settings.image_types] != [images.BASE]:
        raise SettingsError("profile lifex measures the original image alone; use profile ibsi for other image types")
    names = [d.name for d in settings.discretisation]
    if len(names) != 1 or len(settings.for_histogram) != 1:
        raise SettingsError(f"profile lifex takes one discretisation, got {names}; use profile ibsi for several")
    return [_output(e, settings) for e in ENTRIES if e.name not in LEFT_OUT[settings.lifex.columns]]


def _output(entry: Entry, settings: Settings) -> Output:
    sources = tuple(_key(source, settings) for source in entry.sources)
    if entry.definition:
        return Output(entry.name, "", entry.unit, entry.definition, sources, entry.derive)
    feature = _FEATURES[entry.sources[0]]
    return Output(entry.name, feature.ibsi, feature.unit, feature.definition, sources, entry.derive)


def _key(source: str, settings: Settings) -> ColumnKey:
    if source == N_VOXELS.feature:
        return N_VOXELS
    family, feature = source.split(".")
    aggregation = _AGGREGATION.get(family, "")
    if not settings.wants(source) or (aggregation and aggregation not in settings.aggregations):
        raise SettingsError(
            f"profile lifex needs {source} {aggregation}".rstrip()
            + "; leave `features`, `exclude` and `aggregations` as the profile sets them, or use profile ibsi"
        )
    (chosen,) = _FAMILY[source].discretisations(settings)
    return ColumnKey(images.BASE, family, feature, aggregation, chosen.name if chosen else "")


def remarks(batch: VoiBatch) -> list[str]:
    """Remark on each VOI: a warning if it has more than one cluster of voxels, which LIFEx does not accept, or ""."""
    return [f"{n} separate clusters of voxels; LIFEx expects one" if n > 1 else "" for n in clusters(batch.geometry)]


PROFILE = Profile(
    "lifex",
    "the 45 LIFEx features of Hoshino et al. 2020 under LIFEx's names; 64 levels from -1000 to 1000 HU",
    LifexSettings,
    {
        "features": tuple(dict.fromkeys(s for e in ENTRIES for s in e.sources if s != "n_voxels")),
        "aggregations": ("3d_averaged", "3d"),
        "discretisation": ({"method": "bounds", "bins": 64, "low": -1000.0, "high": 1000.0},),
    },
    outputs,
    remarks,
)
