"""Settings: validated, one YAML file, wrong words answered with the right ones."""

from __future__ import annotations

import pytest
import yaml

from voxomics import Extractor, InputError, Settings, SettingsError
from voxomics.engine import plan
from voxomics.engine.families import FAMILIES
from voxomics.engine.settings import Discretisation


def test_yaml_round_trip(tmp_path):
    settings = Settings.of(
        {
            "discretisation": [{"method": "fbs", "width": 25, "origin": -1000}, {"method": "fbn", "bins": 64}],
            "resegmentation": {"range": [-500, None], "outliers_sigma": 3},
            "features": ["glcm", "morphology.sphericity"],
            "ngldm": {"coarseness": 1},
        }
    )
    path = tmp_path / "settings.yaml"
    path.write_text(settings.to_yaml())
    assert Settings.of(path) == settings
    assert Settings.of(yaml.safe_load(settings.to_yaml())) == settings


def test_an_empty_file_is_the_defaults(tmp_path):
    (tmp_path / "s.yaml").write_text("")
    assert Settings.of(tmp_path / "s.yaml") == Settings()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"discretization": []}, "unknown key 'discretization'; did you mean 'discretisation'"),
        ({"glcm": {"distnace": 2}}, r"unknown key 'glcm\.distnace'; did you mean 'distance'"),
        ({"features": ["glcm.contrst"]}, "'glcm.contrst' is unknown; did you mean 'glcm.contrast'"),
        ({"exclude": ["glcn"]}, "'glcn' is unknown; did you mean 'glcm'"),
        ({"aggregations": ["3d_average"]}, "'3d_average' is unknown; did you mean '3d_averaged'"),
        ({"discretisation": [{"method": "fbs", "width": 25}]}, "needs to know where level 1 begins"),
        ({"discretisation": [{"method": "fbn", "width": 25}]}, "does not belong to method 'fbn'"),
        ({"discretisation": [{"method": "fbn"}]}, r"needs \['bins'\]"),
        ({"discretisation": [{"method": "fbn", "bins": 8}] * 2}, "is given twice"),
        ({"discretisation": []}, "discretisation is empty"),
        ({"discretisation": [{"method": "bounds", "bins": 8, "low": 5, "high": 5}]}, "low must be below high"),
        ({"discretisation": [{"method": "fbn", "bins": 0}]}, "greater than or equal to 1, got 0"),
        ({"resegmentation": {"range": [5, 1]}}, "lower bound must not exceed"),
        ({"percentile": "lineal"}, "percentile: Input should be 'linear'"),
        ({"memory": "lots"}, "memory 'lots' is not a size; accepted"),
        ({"nonfinite": "ignore"}, "nonfinite: Input should be 'fail' or 'exclude'"),
    ],
)
def test_wrong_settings_say_what_is_right(given, message):
    with pytest.raises(SettingsError, match=message):
        Settings.of(given)


@pytest.mark.parametrize(
    "settings",
    [
        {"resegmentation": {"range": [None, float("nan")]}},
        {"discretisation": [{"method": "fbs", "width": 25, "origin": float("nan")}]},
        {"discretisation": [{"method": "fbs", "width": 25}], "resegmentation": {"range": [float("-inf"), 400]}},
        {"discretisation": [{"method": "fbn", "bins": 10**30}]},
        {"ngldm": {"coarseness": 10**30}},
    ],
)
def test_settings_without_meaning_are_refused(settings):
    with pytest.raises(SettingsError):
        Extractor(settings=settings)


def test_settings_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match=r"absent\.yaml: cannot be read"):
        Settings.of(tmp_path / "absent.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(SettingsError, match="must be a mapping of keys, got list"):
        Settings.of(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        Settings.of(tmp_path / "broken.yaml")


def test_memory_is_read_in_bytes():
    assert Settings.of({"memory": "1.5 GB"}).memory_bytes == 1_500_000_000
    assert Settings.of({"memory": "200MB"}).memory_bytes == 200_000_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("fbn:32", "fbn32"),
        ("fbs:25:-1000", "fbs25"),
        ("fbs:0.25:0", "fbs0.25"),
        ("fbs:25:minimum", "fbs25_minimum"),
        ("bounds:64:-1000:1000", "bounds64_-1000_1000"),
        ("none", "none"),
    ],
)
def test_discretisation_on_the_command_line(text, name):
    assert Discretisation.parse(text).name == name


def test_a_misspelt_discretisation():
    with pytest.raises(SettingsError, match="did you mean 'fbs' or 'fbn'"):
        Discretisation.parse("fbm:32")
    with pytest.raises(SettingsError, match="none takes none"):
        Discretisation.parse("none:3")


def test_the_catalogue_is_the_standard():
    """172 definitions give 174 values: the intensity-volume histogram's two curves are read at 10 % and 90 % each."""
    assert [family.name for family in FAMILIES] == [
        "morphology", "morphology", "morphology", "planar_morphology", "local_intensity",
        "intensity_statistics", "intensity_histogram", "intensity_volume_histogram",
        "glcm", "glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm",
    ]  # fmt: skip
    every = [(family.name, feature) for family in FAMILIES for feature in family.features]
    values = [(family, feature) for family, feature in every if feature.ibsi]
    assert len(values) == 174
    assert len({feature.ibsi for _, feature in values}) == 172
    assert len({(family, feature.name) for family, feature in values}) == 174
    assert len({(family, feature.name) for family, feature in every}) == len(every)
    for _, feature in every:
        assert len(feature.ibsi) in (0, 4)
        assert feature.unit
        assert feature.definition
        assert feature.low <= feature.high


def test_columns_follow_from_the_settings():
    names = [column.name for column in plan.columns(Settings())]
    assert len(names) == 174 + 25 + 16
    assert len(set(names)) == len(names)
    assert "original.morphology.sphericity" in names
    assert "original.intensity_histogram.mode.fbn32" in names
    assert "original.glszm.zone_percentage.3d.fbn32" in names
    several = Settings.of({"discretisation": [{"method": "fbn", "bins": n} for n in (8, 16)], "features": ["glcm.contrast"]})
    assert [c.name for c in plan.columns(several)] == [
        f"original.glcm.contrast.{aggregation}.{name}"
        for name in ("fbn8", "fbn16")
        for aggregation in ("3d_averaged", "3d_merged")
    ]


def test_a_family_without_its_aggregation_is_refused():
    with pytest.raises(SettingsError, match=r"contain none for glszm; add one of 2d, 2_5d, 3d"):
        plan.columns(Settings.of({"aggregations": ["3d_merged"]}))


def test_exclude_and_features():
    names = [c.name for c in plan.columns(Settings.of({"features": ["ngtdm"], "exclude": ["ngtdm.busyness"]}))]
    assert len(names) == 4
    assert not any("busyness" in name for name in names)


def test_one_thing_needs_no_list_and_text_is_spelt_out():
    short = Settings.of(
        {"features": "glcm", "discretisation": "fbs:25:-1000", "ivh_discretisation": "none", "aggregations": "3d_merged"}
    )
    assert short == Settings.of(
        {
            "features": ["glcm"],
            "discretisation": [{"method": "fbs", "width": 25, "origin": -1000}],
            "ivh_discretisation": {"method": "none"},
            "aggregations": ["3d_merged"],
        }
    )
    assert Settings.of({"discretisation": {"method": "fbn", "bins": 8}}).discretisation[0].name == "fbn8"


def test_the_yaml_names_every_choice_even_those_not_made():
    text = Settings().to_yaml()
    for key in ("spacing_mm: null", "range: null", "outliers_sigma: null", "histogram_discretisation: null"):
        assert key in text


def test_case_is_no_reason_to_be_lost():
    with pytest.raises(SettingsError, match="did you mean 'glcm'"):
        Settings.of({"features": ["GLCM"]})


def test_settings_made_for_another_profile_are_refused():
    from voxomics import Extractor

    written = yaml.safe_load(Extractor("ibsi").settings.to_yaml())
    assert written["profile"] == "ibsi"
    with pytest.raises(SettingsError, match="these settings are for profile ibsi, but profile lifex was requested"):
        Extractor("lifex", written)
    assert Extractor("ibsi", written).settings == Extractor("ibsi").settings


def test_a_feature_that_the_standard_does_not_define_is_measured_only_by_its_own_name(monkeypatch):
    from dataclasses import replace

    from voxomics.engine import families

    (ngtdm,) = [family for family in families.FAMILIES if family.name == "ngtdm"]
    first, *others = ngtdm.features
    foreign = replace(ngtdm, features=(replace(first, ibsi=""), *others))
    monkeypatch.setattr(families, "FAMILIES", (foreign,))
    name = f"ngtdm.{first.name}"

    def wanted(**given):
        settings = Settings.of(given)
        return {f"ngtdm.{feature.name}" for feature in foreign.features if settings.wants(f"ngtdm.{feature.name}")}

    standard = {f"ngtdm.{feature.name}" for feature in others}
    assert wanted() == wanted(features=["ngtdm"]) == standard
    assert wanted(features=["ngtdm", name]) == standard | {name}
    assert wanted(features=[name]) == {name}
    assert wanted(features=["ngtdm", name], exclude=["ngtdm"]) == set()
