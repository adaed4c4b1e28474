"""Definitions of a feature and of a family of features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voxomics.engine.batch import F64, I64, Channel, VoiBatch
    from voxomics.engine.resident import Resident
    from voxomics.engine.settings import Discretisation, Settings

UNCOUNTABLE = 1 << 60
"""Bytes a family asks for when no memory would do."""
DIRECTIONAL = ("2d_averaged", "2d_slice_merged", "2_5d_direction_merged", "2_5d_merged", "3d_averaged", "3d_merged")
"""Aggregations of matrices counted per direction (IBSI BTW3, SUJT, JJUI, ZW7Z, ITBB, IAZD)."""
ZONAL = ("2d", "2_5d", "3d")
"""Aggregations of matrices without a direction (IBSI 8QNN, 62GR, KOBO)."""


@dataclass(frozen=True)
class Feature:
    """One feature as defined by the standard.

    Attributes
    ----------
    name : str
        IBSI's name in lower case with underscores.
    ibsi : str
        Permanent 4-character id, "" where the standard has none.
    unit : str
        "1", "mm", "mm2", "mm3", "intensity", "intensity2", "level", "level2" ...
    definition : str
        The formula, in one line of text.
    low, high : float
        Range of possible values.
    undefined : str
        When the value is NaN, as a phrase ("fewer than two grey levels"); "" when it is always defined.
    convention : float, optional
        What stands for an undefined value of a texture matrix under the setting `degenerate: conventional`.
    """

    name: str
    ibsi: str
    unit: str
    definition: str
    low: float = -inf
    high: float = inf
    undefined: str = ""
    convention: float | None = None


def next_voxels(settings: Settings) -> int:
    """A neighbourhood of the 26 voxels around a voxel."""
    return 1


@dataclass(frozen=True)
class OnDevice:
    """How a family is measured on a device.

    Attributes
    ----------
    compute : callable
        As `Family.compute`, with a `Resident` in place of the batch.
    need : callable
        As `Family.need`: bytes of device memory beside the batch. UNCOUNTABLE for a VOI that the device does not take (too many
        grey levels, for one): it is measured on the CPU.
    host : tuple of str
        Features that are computed on the CPU all the same.
    """

    compute: Callable[[Resident, Channel | None, I64, Settings, tuple[str, ...]], F64]
    need: Callable[[VoiBatch, Channel | None, Settings, tuple[str, ...]], I64]
    host: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A group of features measured on one structure.

    Attributes
    ----------
    name, ibsi : str
        Name in columns, and IBSI's id of the family.
    features : tuple of Feature
        In the order of `compute`'s last axis.
    aggregations : tuple of str
        Accepted aggregations; () for a family without.
    channel : str
        What `compute` cannot do without: "mask" (the drawn mask; intensities may be gone), "value" (intensities), "level" (a
        discretised channel), "ivh" (the intensity-volume histogram's channel).
    compute : callable
        ``compute(batch, channel, vois, settings, aggregations) -> float64 [k, max(1, len(aggregations)), len(features)]``.
        `channel` is None unless the family reads "level"; `vois` int64 [k] are the rows of the batch to do. NaN means undefined.
        Called from several threads at once; imports its kernels when called, so that the registry costs nothing to import.
    need : callable
        ``need(batch, channel, settings, aggregations) -> int64 [n]``: bytes of working memory `compute` takes for each VOI of
        the batch. engine/plan.py cuts the VOIs into calls that fit the memory limit and refuses a VOI that cannot.
    first : int
        Where the family's features begin on `compute`'s last axis. Families that share one `compute` (GLSZM and GLDZM measure the
        same zones) are computed in one call, whose last axis holds the features of all of them.
    device : OnDevice, optional
        None: the family is always measured on the CPU.
    discretised : str
        Name of the setting with the family's discretisations; "" for a family that reads none.
    reach : callable
        ``reach(settings) -> int``: how many voxels away a neighbour may lie. Boxes are padded by the largest.
    surroundings_mm : float
        How far outside of a VOI's box the family reads the image.
    kernels : str
        Families that name the same share kernels, so that one process compiles them.
    last_kernel : str
        ``module.kernel`` below voxomics.kernels that is compiled after the family's others; "" if those of its companions tell.
    """

    name: str
    ibsi: str
    features: tuple[Feature, ...]
    aggregations: tuple[str, ...]
    channel: str
    compute: Callable[[VoiBatch, Channel | None, I64, Settings, tuple[str, ...]], F64]
    need: Callable[[VoiBatch, Channel | None, Settings, tuple[str, ...]], I64]
    first: int = 0
    device: OnDevice | None = None
    discretised: str = ""
    reach: Callable[[Settings], int] = next_voxels
    surroundings_mm: float = 0.0
    kernels: str = ""
    last_kernel: str = ""

    @property
    def is_texture(self) -> bool:
        """Whether it measures matrices, which have aggregations."""
        return bool(self.aggregations)

    def discretisations(self, settings: Settings) -> tuple[Discretisation | None, ...]:
        """Discretisations with which the family is measured; (None,) if it needs none."""
        if not self.discretised:
            return (None,)
        chosen = getattr(settings, self.discretised)
        return chosen if isinstance(chosen, tuple) else (chosen,)
