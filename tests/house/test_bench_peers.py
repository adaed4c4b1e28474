"""The arithmetic of bench/peers.py: names, agreement, scaling, tables, the page, and the floor. No time is asserted."""

from __future__ import annotations

import importlib
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared import ROOT


@pytest.fixture(autouse=True)
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))


def module(name: str) -> Any:
    return importlib.import_module(name)


def row(program: str, case: str = "30k", features: str = "170", threads: int = 1, **more: Any) -> Any:
    given = {"labels": 1, "of": 1, "wall": [0.010], "cpu": [0.010], **more}
    return module("peer.turns").Measured(case, features, program, threads, **given)


def test_every_name_of_pictologics_with_an_ibsi_id_of_ours_is_found() -> None:
    ids = module("peers").ibsi_ids()
    theirs = {
        "mean_intensity_Q4LE": "intensity_statistics.mean",
        "90th_discretised_intensity_percentile_GPMT": "intensity_histogram.percentile_90",
        "small_zone_emphasis_P001": "glszm.small_zone_emphasis",
        "10th_discretised_intensity_percentile_1PR": "intensity_histogram.percentile_10",
        "contrast_ACUI": "glcm.contrast",
        "contrast_65HE": "ngtdm.contrast",
        "grey_level_variance_8CE5": "glrlm.grey_level_variance",
        "volume_at_intensity_fraction_0.10_BC2M_10": "intensity_volume_histogram.volume_at_intensity_fraction_10",
        "intensity_at_volume_fraction_0.90_GBPN_90": "intensity_volume_histogram.intensity_at_volume_fraction_90",
    }
    found = module("peer.names").by_ibsi_id([*theirs, "nobodys_feature_ZZZZ", "no_id"], ids)
    assert found == theirs
    assert set(module("peer.names").BY_NAME.values()) <= set(ids)


def test_of_pyradiomics_107_features_103_are_compared() -> None:
    names = module("peer.names")
    assert len(set(names.of_pyradiomics())) == 103
    assert set(names.needed_for_pyradiomics()) <= set(module("peers").ibsi_ids())


def test_pyradiomics_values_follow_from_ours() -> None:
    names = module("peer.names")
    ours = {feature: float(k) for k, feature in enumerate(names.needed_for_pyradiomics(), 2)}
    found = names.as_pyradiomics(ours, 8, (2.0, 1.0, 0.5))
    assert found["glcm_Contrast"] == ours["glcm.contrast"]
    assert found["firstorder_Kurtosis"] == ours["intensity_statistics.kurtosis"] + 3
    assert found["firstorder_RootMeanSquared"] == pytest.approx(math.sqrt(ours["intensity_statistics.energy"] / 8))
    assert found["shape_MajorAxisLength"] == pytest.approx(ours["morphology.major_axis_length"] * math.sqrt(7 / 8))


@pytest.mark.parametrize(
    ("ours", "theirs", "off"),
    [
        (1.0, 1.0 + 5e-10, 0.0),
        (1.0, 1.0 + 3e-9, 3e-9),
        (0.0, 5e-13, 0.0),
        (2.0, -2.0, 2.0),
        (math.nan, math.nan, 0.0),
        (math.nan, 0.0, math.inf),
        (math.inf, 1.0, math.inf),
        (math.inf, math.inf, 0.0),
    ],
)
def test_what_agrees(ours: float, theirs: float, off: float) -> None:
    assert module("peer.names").deviation(ours, theirs) == pytest.approx(off, rel=1e-6)


def test_one_voi_that_differs_decides_about_a_feature() -> None:
    found = module("peer.names").Agreement()
    found.add({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    found.add({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0, "c": 1.0})
    found.add({"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 1.25, "c": 1.0})
    assert (found.agree, found.differ, found.unknown, found.vois) == ({"a"}, {"b": 0.5}, {"c"}, 3)


def test_differences_are_listed_by_reason() -> None:
    names, report = module("peer.names"), module("peer.report")
    found = names.Agreement(
        {"a"}, {"volume_density_ombb_ZH1A": 0.02, "own": math.inf, "area_density_ombb_IQYR": 0.01}, set(), 3
    )
    lines = report.agreements({"pictologics": found, "nyxus": names.Agreement()}, {"pictologics": "P 1", "nyxus": "N"})
    assert lines[2:4] == ["| P 1 | 3 | 1 | 3 | 0 |", ""]
    assert lines[4].endswith("(up to 2.0e-02 of the value): `volume_density_ombb_ZH1A`, `area_density_ombb_IQYR`.")
    assert lines[5] == "- P 1: the reason is not known (NaN on one side): `own`."
    assert names.reasons("fastrad", {"ombb": 1.0}) == {"the reason is not known": ["ombb"]}


def test_another_spelling_is_understood() -> None:
    ours = {"firstorder_10Percentile": 1.0, "glcm_Imc1": 2.0, "firstorder_TotalEnergy": 3.0}
    found = module("peer.names").spelt_like(
        ["firstorder_10th_percentile", "glcm_imc1", "glcm_mcc", "firstorder_total_energy"], ours
    )
    assert found == {"firstorder_10th_percentile": 1.0, "glcm_imc1": 2.0, "firstorder_total_energy": 3.0}


def test_labels_are_spread_and_their_time_is_scaled() -> None:
    turns = module("peer.turns")
    assert turns.spread(list(range(1, 201)), 5) == [1, 51, 101, 150, 200]
    assert turns.spread([3, 4], 5) == [3, 4]
    # reading takes 4 s and a label 2 s: 6 s for one, 14 s for five, 404 s for two hundred
    assert turns.scaled(6.0, 14.0, 5, 200) == pytest.approx(404.0)


@pytest.mark.parametrize(("program", "measured"), [("pyradiomics", 5), ("voxomics", 200)])
def test_only_a_slow_peer_is_given_fewer_labels(program: str, measured: int) -> None:
    turns, case = module("peer.turns"), module("peer.case")

    class Second:
        """A worker whose labels take a second each."""

        def ask(self, case: Any, features: str, labels: list[int], seconds: float = 0.0) -> Any:
            times = [float(len(labels))]
            return (
                {"wall": times, "cpu": times}
                if seconds
                else {"cpu": times[0], "values": dict.fromkeys(map(str, labels))}
            )

    labels = list(range(1, 201))
    one = case.Case("200 labels", "i.npy", "m.npy", labels, 805 * 200, 12, 25.0, -100.0, [1.0, 1.0, 1.0])
    for limit, expected in ((300.0, 200), (60.0, measured)):
        runner = turns.Runner(Second(), program, 1, one, "103")
        assert len(runner.start(limit)) == expected
        runner.turn(1.0)
        assert (runner.found.labels, runner.found.of, runner.found.cpu) == (expected, 200, [200.0])


def test_ratios_and_who_is_ahead() -> None:
    report = module("peer.report")
    rows = [
        row("voxomics", cpu=[0.012, 0.010, 0.011]),
        row("peer", cpu=[0.0055]),
        row("voxomics", "2M"),
        row("peer", "2M"),
    ]
    rows += [row("voxomics", "2k", cpu=[], error="no memory"), row("peer", "2k"), row("peer", "2M", threads=2)]
    lines = report.table(rows, "peer", "Peer 1.0", "170", 1)
    assert lines[2:] == [
        "| 30k | 11 (10–12) | 5.5 | **0.50** |",
        "| 2M | 10 | 10 | 1.00 |",
        "| 2k | – | 10 | – |",
    ]
    said = report.ahead(rows, {"peer": "Peer 1.0"})
    assert said == "- Peer 1.0 is ahead on *30k*, 170 features, one thread, CPU time: it takes 0.50 of our time."
    assert report.ahead(rows[2:], {"peer": "Peer 1.0"}).startswith("No peer is ahead")
    assert report.notes(rows, {}) == ["- voxomics, *2k*, 170 features, one thread, gave no time: `no memory`"]


def test_scaled_times_are_marked() -> None:
    report = module("peer.report")
    rows = [row("voxomics", of=200, labels=200), row("peer", of=200, labels=5, cpu=[75.25])]
    assert report.table(rows, "peer", "Peer", "170", 1)[2] == "| 30k | 10 | 75,250\\* | 7525 |"
    assert "5 of 200 labels were measured" in report.notes(rows, {})[0]


def test_a_slope_is_the_power() -> None:
    report = module("peer.report")
    assert report.slope([1, 10, 100], [3 * x**1.5 for x in (1, 10, 100)]) == pytest.approx(1.5)
    rows = [row("voxomics", "2k", cpu=[0.001]), row("voxomics", "2M", cpu=[0.1])]
    place = {"2k": 2e3, "2M": 2e6, "30k": 3e4}
    assert report.series(rows, place, "voxomics", "170") == ([2e3, 2e6], [1.0, 100.0])
    assert report.slopes(rows, {"voxels": place})[2] == "| voxomics, 170 features | 0.67 |"


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    report = module("peer.report")
    rows = [row(name, case, threads=n) for name in ("voxomics", "peer") for case in ("2k", "30k") for n in (1, 2)]
    report.plot(rows, {"voxels": {"2k": 2e3, "30k": 3e4}, "levels": {}, "VOIs": {}}, tmp_path / "img" / "peers.png")
    assert (tmp_path / "img" / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_only_what_stands_between_the_markers_is_rewritten() -> None:
    report = module("peer.report")
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.rewritten(page, "new\n") == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"
    for broken in ("no markers", report.BEGIN, f"{report.END}{report.BEGIN}", page + page):
        with pytest.raises(ValueError, match="once each"):
            report.rewritten(broken, "new")
    report.rewritten((ROOT / "docs/benchmarks.md").read_text(encoding="utf-8"), "new")


def test_cases_are_what_their_names_say(tmp_path: Path) -> None:
    case = module("peer.case")
    two, labels = case.made("2 voxels", tmp_path), case.made("20 labels", tmp_path)
    assert (two.labels, two.voxels) == ([1], 2)
    assert (labels.labels, labels.voxels, labels.from_files) == (list(range(1, 21)), 20 * 805, False)
    volume, mask = labels.arrays()
    assert (volume.shape, mask.max()) == ((64, 128, 128), 20)
    inside = volume[mask > 0]
    assert labels.lowest <= inside.min() < labels.lowest + labels.width


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_floor_counts_every_pair_once(tmp_path: Path) -> None:
    floor = module("peer.floor")
    level = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(np.uint8)
    call, tally = floor.pairs(floor.compiled(tmp_path), level)
    call()
    call()
    box = np.pad(level, 1)
    expected = np.zeros((4, 4), np.int64)
    halves = [(dz, dy, dx) for dz in (-1, 0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1)][14:]
    for here in np.argwhere(box):
        for step in halves:
            expected[box[tuple(here)], box[tuple(here + step)]] += 1
    assert len(halves) == 13
    np.testing.assert_array_equal(tally, expected)
