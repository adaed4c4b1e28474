"""What names a column of the table."""

from __future__ import annotations

from typing import NamedTuple


class ColumnKey(NamedTuple):
    """One value of every VOI: which feature, measured on what.

    Attributes
    ----------
    image : str
        Name of the image, for example "original"; an image type may have several.
    family, feature : str
        IBSI's names.
    aggregation : str
        How matrices are aggregated; "" where the family has none.
    discretisation : str
        Name of the discretisation (`Discretisation.name`); "" where the family reads none.

    Examples
    --------
    >>> ColumnKey("original", "glcm", "contrast", "3d_averaged", "fbs25").name
    'original.glcm.contrast.3d_averaged.fbs25'
    """

    image: str
    family: str
    feature: str
    aggregation: str = ""
    discretisation: str = ""

    @property
    def name(self) -> str:
        """``<image>.<family>.<feature>[.<aggregation>][.<discretisation>]``."""
        return ".".join(filter(None, self))
