"""Synthetic CT: a small image with three tumours, and a whole cohort with a truth that a study can look for."""

from voxomics.phantom.dataset import Cohort, cohort
from voxomics.phantom.three_tumours import make, write

__all__ = ["Cohort", "cohort", "make", "write"]
