"""The catalogues and the places where kernels write are the same features, each once."""

from __future__ import annotations

import importlib

import pytest

from voxomics.engine.families import glcm, glrlm, ngldm, ngtdm
from voxomics.engine.families.zones import GLDZM, GLSZM, catalogue
from voxomics.kernels.glcm import slots as glcm_slots
from voxomics.kernels.ngtdm import slots as ngtdm_slots
from voxomics.kernels.size_matrix import slots as size_slots

IN_ORDER = {
    "intensity_statistics": "intensity.features",
    "intensity_histogram": "histogram",
    "intensity_volume_histogram": "ivh",
    "local_intensity": "local",
    "morphology": "shape.features",
    "planar_morphology": "shape.planar",
    "spatial_autocorrelation": "spatial",
}


@pytest.mark.parametrize("family", IN_ORDER)
def test_kernels_write_in_the_order_of_the_catalogue(family):
    kernel = importlib.import_module(f"voxomics.kernels.{IN_ORDER[family]}")
    features = importlib.import_module(f"voxomics.engine.families.{family}").FEATURES
    assert [getattr(kernel, feature.name.upper()) for feature in features] == list(range(len(features)))


@pytest.mark.parametrize(("family", "slots"), [(glcm, glcm_slots), (ngtdm, ngtdm_slots)])
def test_every_slot_is_a_feature_of_that_name(family, slots):
    assert sorted(family.SLOTS.tolist()) == list(range(slots.N_SLOTS))
    assert [getattr(slots, f.name.upper()) for f in family.FAMILY.features] == family.SLOTS.tolist()


SHARED = {
    "glrlm": (glrlm.FAMILY, glrlm.SLOTS, "run_length"),
    "ngldm": (ngldm.FAMILY, ngldm.SLOTS, "dependence_count"),
    "glszm": (GLSZM, catalogue.SIZE_SLOTS, "zone_size"),
    "gldzm": (GLDZM, catalogue.DISTANCE_SLOTS, "zone_distance"),
}


@pytest.mark.parametrize("name", SHARED)
def test_the_families_of_one_matrix_report_its_slots(name):
    family, slots, _ = SHARED[name]
    assert len(slots) == len(family.features) == len(set(slots.tolist()))
    assert set(slots.tolist()) <= set(range(size_slots.N_SLOTS))


@pytest.mark.parametrize("name", SHARED)
def test_names_say_what_their_slots_hold(name):
    family, slots, axis = SHARED[name]
    found = dict(zip(slots.tolist(), (feature.name for feature in family.features), strict=True))
    assert found[size_slots.LEVEL_NON_UNIFORMITY] == "grey_level_non_uniformity"
    assert found[size_slots.NORMALISED_LEVEL_NON_UNIFORMITY] == "normalised_grey_level_non_uniformity"
    assert found[size_slots.SIZE_NON_UNIFORMITY] == f"{axis}_non_uniformity"
    assert found[size_slots.NORMALISED_SIZE_NON_UNIFORMITY] == f"normalised_{axis}_non_uniformity"
    assert found[size_slots.LEVEL_VARIANCE] == "grey_level_variance"
    assert found[size_slots.SIZE_VARIANCE] == f"{axis}_variance"
    assert found[size_slots.PERCENTAGE].endswith("percentage")
    assert found[size_slots.ENTROPY].endswith("entropy")
    for slot, words in {
        size_slots.SMALL_LOW: ("low_grey_level", "emphasis"), size_slots.SMALL_HIGH: ("high_grey_level", "emphasis"),
        size_slots.LARGE_LOW: ("low_grey_level", "emphasis"), size_slots.LARGE_HIGH: ("high_grey_level", "emphasis"),
        size_slots.LOW_GREY_LEVEL: ("low_grey_level", "emphasis"), size_slots.HIGH_GREY_LEVEL: ("high_grey_level", "emphasis"),
    }.items():  # fmt: skip
        assert all(word in found[slot] for word in words), found[slot]


def test_every_shared_slot_is_reported_by_a_family():
    assert set().union(*(slots.tolist() for _, slots, _ in SHARED.values())) == set(range(size_slots.N_SLOTS))
