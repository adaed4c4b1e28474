"""Tables on disk: JSON that others can read, and outputs that cannot be written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from volumes import noise_and_box
from voxomics import InputError, extract
from voxomics.engine.table import IDENTITY, frame
from voxomics.io import outputs, tables

ONE = (1.0, 1.0, 1.0)
MEAN = {"features": ["intensity_statistics.mean"]}


def test_an_infinite_bound_of_the_range_is_an_open_side_in_json_that_others_read(tmp_path):
    image, mask = noise_and_box()
    found = extract(image, mask, spacing_mm=ONE, settings={**MEAN, "resegmentation": {"range": [0, float("inf")]}})

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    for name in ("a.json", "a.csv"):
        tables.write(found, tmp_path / name)
        meta = json.loads((tmp_path / f"{name}.meta.json").read_text(), parse_constant=refuse)
        assert meta["settings"]["resegmentation"]["range"] == [0, None]


def test_an_infinite_value_is_no_reason_to_lose_the_table(tmp_path):
    image, mask = noise_and_box()
    found = extract(image * 1e160, mask, spacing_mm=ONE, settings={"features": ["intensity_statistics.energy"]})
    tables.write(found, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["rows"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_written_as_json_that_others_read(tmp_path, value):
    import pyarrow.parquet

    identity = {key: np.array([1]) if key in ("label", "n_voxels") else ["x"] for key in IDENTITY}
    found = frame(identity, np.array([[value]]), ["f"], {"settings": {"range": (0.0, value)}})

    def refuse(text):
        raise AssertionError(f"{text} is no JSON")

    texts = []
    for ending in ("csv", "json", "parquet"):
        tables.write(found, tmp_path / f"o.{ending}")
        texts.append((tmp_path / f"o.{ending}.meta.json").read_text())
    texts.append(pyarrow.parquet.read_schema(tmp_path / "o.parquet").metadata[b"voxomics"].decode())
    said = None if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    for text in texts:
        assert json.loads(text, parse_constant=refuse)["settings"]["range"] == [0.0, said]
    assert json.loads((tmp_path / "o.json").read_text(), parse_constant=refuse)["rows"][0]["f"] == said
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "o.parquet")["f"], [value])
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "o.csv")["f"], [value])


def test_an_output_that_cannot_be_written_is_an_input_error(tmp_path):
    image, mask = noise_and_box()
    found = extract(image, mask, spacing_mm=ONE, settings=MEAN)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError):
        tables.write(found, tmp_path / "folder.csv")
    with pytest.raises(InputError):
        tables.write(found, tmp_path / ("a" * 245 + ".csv"))


def test_an_output_without_permission_is_found_before_the_work(tmp_path, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(InputError, match=r"'o.csv' cannot be written: Permission denied; choose a folder"):
        tables.check_target(tmp_path / "o.csv")


def test_a_full_disk_replaces_no_file(tmp_path, monkeypatch):
    (tmp_path / "o.csv").write_text("old")
    write_bytes = Path.write_bytes

    def full(self, content):
        if content == b"second":
            raise OSError(28, "No space left on device")
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="free some space"):
        outputs.write_whole({tmp_path / "o.csv": b"first", tmp_path / "o.csv.meta.json": b"second"})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("o.csv", "old")]


def test_a_link_to_the_table_stays_a_link(tmp_path):
    image, mask = noise_and_box()
    (tmp_path / "real").mkdir()
    (tmp_path / "a.csv").symlink_to(tmp_path / "real" / "a.csv")
    tables.write(extract(image, mask, spacing_mm=ONE, settings=MEAN), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").is_symlink() and (tmp_path / "real" / "a.csv").stat().st_size > 0


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_as_outputs(tmp_path):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(InputError, match="leads back to itself"):
        outputs.check_writable(tmp_path / "loop.csv")
    (tmp_path / "lost.csv").symlink_to(tmp_path / "absent" / "o.csv")
    with pytest.raises(InputError, match="'absent' does not exist"):
        outputs.check_writable(tmp_path / "lost.csv")
    outputs.check_writable(Path("/dev/null"))
    outputs.write_whole({Path("/dev/null"): b"x"})
    assert not Path("/dev/null").is_file()
