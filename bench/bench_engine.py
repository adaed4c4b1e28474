"""Preparation, the counting kernels and each family alone, on a batch that is ready."""

from __future__ import annotations

import adapter
import cases
import pytest

KERNELS = ("levels", "glcm", "glrlm", "zones", "zones and distances", "ngtdm", "ngldm", "mesh and moments")
SPATIAL = ["morphology.morans_i_index", "morphology.gearys_c_measure"]
FAMILIES = {
    "morphology": {"features": ["morphology"], "exclude": SPATIAL},
    "Moran's I, Geary's C": {"features": SPATIAL},
    "local_intensity": {"features": ["local_intensity"]},
    "intensity_statistics": {"features": ["intensity_statistics"]},
    "intensity_histogram": {"features": ["intensity_histogram"]},
    "intensity_volume_histogram": {"features": ["intensity_volume_histogram"]},
    "glcm": {"features": ["glcm"]},
    "glrlm": {"features": ["glrlm"]},
    "glszm": {"features": ["glszm"]},
    "gldzm": {"features": ["gldzm"]},
    "ngtdm": {"features": ["ngtdm"]},
    "ngldm": {"features": ["ngldm"]},
}


def bench_find_vois(timed, arrays):
    timed(adapter.find(arrays[1]))


def bench_prepare(timed, arrays):
    timed(adapter.preparing(*arrays, cases.SPACING_MM, adapter.settings(adapter.DISCRETISATION)))


@pytest.mark.parametrize("kernel", KERNELS)
def bench_kernel(timed, prepared, kernel):
    timed(adapter.counting(kernel, prepared, adapter.settings(adapter.DISCRETISATION)))


@pytest.mark.parametrize("family", FAMILIES)
def bench_family(timed, prepared, family):
    timed(adapter.measuring(prepared, adapter.settings({**adapter.DISCRETISATION, **FAMILIES[family]})))
