"""Synthetic CT: a small image with three tumours, and a cohort whose true relations are known."""

from voxomics.phantom.dataset import Cohort, cohort
from voxomics.phantom.three_tumours import make, write

__all__ = ["Cohort", "cohort", "make", "write"]
