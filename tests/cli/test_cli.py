"""The command line as people use it: real processes, real files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from shared import DATA, shared
from voxomics import Extractor, terminal

LIGHT = ["-f", "intensity_statistics", "-f", "glcm"]


def run(*arguments, cwd=None, status=0, columns=200):
    done = subprocess.run(
        [sys.executable, "-m", "voxomics.cli", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    run("phantom", folder)
    return folder


def test_extract_writes_the_table_and_its_meta(phantom, tmp_path):
    done = run("extract", phantom / "image.nii.gz", phantom / "mask.nii.gz", "-o", tmp_path / "out.csv", *LIGHT)
    assert "3 VOIs (3 ok), 68 features" in done.stderr
    assert done.stdout == ""
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["label"].tolist() == [1, 2, 3]
    assert table["image"].tolist() == ["image.nii.gz"] * 3
    meta = json.loads((tmp_path / "out.csv.meta.json").read_text())
    assert meta["settings"]["features"] == ["intensity_statistics", "glcm"]
    assert str(phantom) not in (tmp_path / "out.csv").read_text() + json.dumps(meta)


def test_include_paths_writes_them(phantom, tmp_path):
    image = phantom / "image.nii.gz"
    run("extract", image, phantom / "mask.nii.gz", "-o", tmp_path / "out.csv", "--include-paths", *LIGHT)
    assert pd.read_csv(tmp_path / "out.csv")["image"].tolist() == [str(image)] * 3


def test_flags_and_yaml_say_the_same(phantom, tmp_path):
    (tmp_path / "s.yaml").write_text(
        "features: [glcm]\ndiscretisation:\n- {method: fbs, width: 10}\nresegmentation: {range: [-50, 150]}\n"
        "aggregations: [3d_merged]\n"
    )
    pair = (phantom / "image.nii.gz", phantom / "mask.nii.gz")
    run("extract", *pair, "-o", tmp_path / "a.csv", "-s", tmp_path / "s.yaml")
    run(
        "extract", *pair, "-o", tmp_path / "b.csv", "-f", "glcm", "-d", "fbs:10", "--resegmentation-range", "-50:150",
        "-a", "3d_merged",
    )  # fmt: skip
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    assert "original.glcm.contrast.3d_merged.fbs10" in (tmp_path / "a.csv").read_text()


def test_labels_and_the_long_format(phantom, tmp_path):
    pair = (phantom / "image.nii.gz", phantom / "mask.nii.gz")
    run("extract", *pair, "-o", tmp_path / "long.csv", "-l", "2", "--format", "long", *LIGHT)
    tall = pd.read_csv(tmp_path / "long.csv")
    assert set(tall["label"]) == {2}
    assert tall.set_index("feature").loc["original.intensity_statistics.mean", "ibsi_id"] == "Q4LE"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.nii.gz", "mask.nii.gz", "-o", "o.csv"], "absent.nii.gz"),
        (["image.nii.gz", "empty.nii.gz", "-o", "o.csv"], "is empty: every voxel is 0"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-l", "9"], "label 9 is not in mask mask.nii.gz; there are: 1, 2, 3"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.txt"], "accepted: .csv, .parquet, .json"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-f", "glcn"], "did you mean 'glcm'"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-d", "fbs:25"], "needs to know where level 1 begins"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "--resegmentation-range", "x:y"], "give LOW:HIGH"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "--backend", "cuda"], 'backend "cuda" cannot run'),
        (["cut.nii.gz", "mask.nii.gz", "-o", "o.csv"], "cut.nii.gz"),
        (["image.nii.gz", "shifted.nii.gz", "-o", "o.csv"], "--resample-mask"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-s", "absent.yaml"], "absent.yaml: cannot be read"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-l", "²"], "label '²' is not in mask"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "--labels=--5"], "label '--5' is not in mask"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-l", "name:1"], "label '1' is not in mask"),
        (["absent.nii.gz", "mask.nii.gz", "-o", "folder.csv"], "output 'folder.csv' is a folder"),  # before anything is read
        (["absent.nii.gz", "mask.nii.gz", "-o", "a" * 245 + ".csv"], "choose a shorter name"),
        (["image.nii.gz", "mask.nii.gz", "-o", "o.csv", "-d", "bounds:100:0:400:7"], "bounds:100:0:400:7"),
    ],
)
def test_wrong_input_ends_with_status_2_and_one_message(phantom, tmp_path, arguments, message):
    for name in ("image.nii.gz", "mask.nii.gz"):
        (tmp_path / name).write_bytes((phantom / name).read_bytes())
    mask = sitk.ReadImage(str(phantom / "mask.nii.gz"))
    sitk.WriteImage(mask * 0, str(tmp_path / "empty.nii.gz"))
    (tmp_path / "cut.nii.gz").write_bytes((phantom / "image.nii.gz").read_bytes()[:50_000])
    mask.SetOrigin((0.3, 0.0, 0.0))
    sitk.WriteImage(mask, str(tmp_path / "shifted.nii.gz"))
    (tmp_path / "folder.csv").mkdir()
    done = run("extract", *arguments, cwd=tmp_path, status=2)
    assert message in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o.csv").exists()


def test_resample_mask_mends_a_shifted_mask(phantom, tmp_path):
    mask = sitk.ReadImage(str(phantom / "mask.nii.gz"))
    mask.SetOrigin((0.3, 0.0, 0.0))
    sitk.WriteImage(mask, str(tmp_path / "shifted.nii.gz"))
    pair = (phantom / "image.nii.gz", tmp_path / "shifted.nii.gz")
    run("extract", *pair, "-o", tmp_path / "o.csv", "--resample-mask", *LIGHT)
    moved = pd.read_csv(tmp_path / "o.csv")["n_voxels"].to_numpy()
    original = np.bincount(sitk.GetArrayFromImage(mask).ravel())[1:]
    assert np.abs(moved - original).max() <= 0.1 * original.max()


def test_a_degenerate_voi_is_a_row_not_an_error(phantom, tmp_path):
    mask = sitk.ReadImage(str(phantom / "mask.nii.gz")) * 0
    mask[5, 5, 5] = 1
    sitk.WriteImage(mask, str(tmp_path / "one.nii.gz"))
    done = run("extract", phantom / "image.nii.gz", tmp_path / "one.nii.gz", "-o", tmp_path / "o.csv", *LIGHT)
    assert "1 VOI (1 partial)" in done.stderr
    assert pd.read_csv(tmp_path / "o.csv")["status"].tolist() == ["partial"]


def test_features_lists_the_catalogue_and_the_columns():
    listing = run("features").stdout
    assert "215 columns, profile ibsi" in listing
    assert "8ZQL" in listing
    names = run("features", "--columns", "-f", "ngtdm").stdout.split()
    assert names == [
        f"original.ngtdm.{name}.3d.fbn32" for name in ("coarseness", "contrast", "busyness", "complexity", "strength")
    ]
    assert len(run("features", "--columns", "-p", "lifex").stdout.split()) == 45


def test_features_into_a_file_is_one_line_a_column():
    lines = run("features", columns=80).stdout.splitlines()
    names = run("features", "--columns", columns=80).stdout.split()
    assert lines[0].split() == ["column", "IBSI", "id", "unit", "definition"]
    assert [line.split()[0] for line in lines[1:-1]] == names


@pytest.mark.parametrize("width", [40, 80, 300])
def test_features_on_a_terminal_keeps_every_name_and_definition_whole(monkeypatch, capsys, width):
    ours = Extractor()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    terminal.print_features(ours.outputs, "ibsi")
    lines = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()
    assert set(ours.columns) <= {line.split()[0] for line in lines}
    together = " ".join(" ".join(lines).split())
    for item in ours.outputs:
        assert " ".join(item.definition.split()) in together
    assert max(map(len, lines)) <= max(width, *map(len, ours.columns))


def test_features_prints_settings_that_can_be_used(tmp_path):
    (tmp_path / "s.yaml").write_text(run("features", "--yaml", "-p", "lifex").stdout)
    assert (
        run("features", "--columns", "-s", tmp_path / "s.yaml", "-p", "lifex").stdout
        == run("features", "--columns", "-p", "lifex").stdout
    )


def test_doctor_and_version_and_help():
    doctor = run("doctor").stdout
    for word in ("voxomics", "threads", "gpu", "jit cache", "numba"):
        assert word in doctor
    assert run("--version").stdout.startswith("voxomics ")
    for command in ("extract", "features", "doctor", "phantom"):
        assert command in run("--help").stdout
        assert "Usage" in run(command, "--help").stdout


@pytest.mark.parametrize("profile", [["-p", "lifex"], ["-d", "fbs:25:-1000", "-x", "local_intensity"]], ids=["lifex", "ibsi"])
def test_the_real_ct_as_nifti_and_as_dicom_gives_the_same_table(tmp_path, profile):
    folder = shared("data", "ibsi1", "ct_phantom")
    mask = folder / "nifti" / "mask.nii.gz"
    tables = []
    for kind, image in (("nifti", folder / "nifti" / "image.nii.gz"), ("dicom", folder / "dicom" / "image")):
        out = tmp_path / f"{kind}.csv"
        run("extract", image, mask, "-o", out, *profile)
        tables.append(pd.read_csv(out))
    nifti, dicom = tables
    assert nifti["status"].tolist() == ["ok"]
    assert nifti["n_voxels"].tolist() == dicom["n_voxels"].tolist()
    for name in nifti.columns[7:]:
        assert dicom.loc[0, name] == pytest.approx(nifti.loc[0, name], rel=1e-9), name


def test_slicer_segments_carry_their_names(tmp_path):
    """A .seg.nrrd with its own extent, as 3D Slicer writes it."""
    image = np.random.default_rng(0).normal(0, 30, (10, 11, 12)).astype(np.float32)
    volume = sitk.GetImageFromArray(image)
    volume.SetSpacing((0.5, 1.0, 2.0))
    volume.SetOrigin((5.0, 6.0, 7.0))
    sitk.WriteImage(volume, str(tmp_path / "ct.nrrd"))
    part = np.zeros((4, 5, 6), np.uint8)
    part[:2], part[2:] = 1, 2
    segments = sitk.GetImageFromArray(part)
    segments.SetSpacing((0.5, 1.0, 2.0))
    segments.SetOrigin((5.0 + 3 * 0.5, 6.0 + 2 * 1.0, 7.0 + 1 * 2.0))
    for number, (name, value) in enumerate((("Tumour", 1), ("Oedema", 2))):
        for key, text in (("ID", f"Segment_{number}"), ("Name", name), ("LabelValue", str(value)), ("Layer", "0")):
            segments.SetMetaData(f"Segment{number}_{key}", text)
    sitk.WriteImage(segments, str(tmp_path / "roi.seg.nrrd"))
    pair = (tmp_path / "ct.nrrd", tmp_path / "roi.seg.nrrd")
    run("extract", *pair, "-o", tmp_path / "o.csv", "-f", "intensity_statistics")
    table = pd.read_csv(tmp_path / "o.csv")
    assert table["name"].tolist() == ["Tumour", "Oedema"]
    inside = image[1:3, 2:7, 3:9].astype(float)
    assert table.loc[0, "original.intensity_statistics.mean"] == pytest.approx(inside.mean(), rel=1e-12)


def test_a_segment_that_is_called_by_a_number_is_chosen_by_name(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(6, 6, 6))), str(tmp_path / "i.nrrd"))
    part = np.zeros((6, 6, 6), np.uint8)
    part[1:3, 1:5, 1:5], part[3:5, 1:5, 1:5] = 1, 2
    mask = sitk.GetImageFromArray(part)
    for number, (name, value) in enumerate((("2", 1), ("name:1", 2))):
        for key, text in (("ID", f"Segment_{number}"), ("Name", name), ("LabelValue", str(value)), ("Layer", "0")):
            mask.SetMetaData(f"Segment{number}_{key}", text)
    sitk.WriteImage(mask, str(tmp_path / "m.seg.nrrd"))
    for asked, label in (("2", 2), ("name:2", 1), ("name:name:1", 2)):
        run("extract", tmp_path / "i.nrrd", tmp_path / "m.seg.nrrd", "-o", tmp_path / "o.csv", "-l", asked, *LIGHT[:2])
        assert pd.read_csv(tmp_path / "o.csv")["label"].tolist() == [label]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_phantom_folder_that_is_not_utf8(tmp_path):
    done = run("phantom", os.fsdecode(os.fsencode(tmp_path) + b"/\xff"), status=2)
    assert "not UTF-8" in done.stderr


def test_the_package_runs_without_a_home_to_write_to(tmp_path):
    """A read-only package keeps its JIT cache in the user's folder; nothing else is written."""
    assert Path(sys.executable).exists()
    assert "jit cache" in run("doctor", cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []


def test_ibsi_check_prints_the_table_and_its_status_follows(tmp_path):
    header = "config,family,feature,ibsi_code,aggregation,value,tolerance\n"
    good = 'digital,GLCM,Contrast,ACUI,"3D, averaged",5.32,0\n'
    (tmp_path / "good.csv").write_text(header + good)
    (tmp_path / "bad.csv").write_text(header + good + 'digital,GLCM,Contrast,ACUI,"3D, averaged",5.99,0\n')
    done = run("ibsi-check", DATA, "--reference", tmp_path / "good.csv", cwd=tmp_path)
    assert done.stdout.splitlines()[-2].split() == ["total", "1", "1", "0"]
    assert len(pd.read_csv(tmp_path / "ibsi_misses.csv")) == 0
    run("ibsi-check", DATA, "--reference", tmp_path / "bad.csv", cwd=tmp_path, status=1)
    misses = pd.read_csv(tmp_path / "ibsi_misses.csv")
    assert misses["verdict"].tolist() == ["missed"]
    assert misses["reference"].tolist() == [5.99]
    run("ibsi-check", tmp_path, "--reference", tmp_path / "good.csv", cwd=tmp_path, status=1)  # no row could be compared
    run("ibsi-check", DATA, "--reference", tmp_path / "absent.csv", cwd=tmp_path, status=2)
    done = run("ibsi-check", DATA, "--misses", tmp_path, cwd=tmp_path, status=2)
    assert "is a folder" in done.stderr


def test_every_setting_has_a_flag(tmp_path):
    flags = ["--set", "ngldm.coarseness=1", "--set", "resampling.image=cubic_spline", "--set", "lifex={columns: all46}"]
    flags += ["--profile", "lifex"]
    (tmp_path / "s.yaml").write_text("resampling: {mask_threshold: 0.6}\nngldm: {distance: 2}\n")
    written = run("features", "--yaml", "-s", tmp_path / "s.yaml", *flags).stdout
    for text in ("coarseness: 1", "distance: 2", "image: cubic_spline", "mask_threshold: 0.6", "columns: all46"):
        assert text in written
    assert "did you mean 'coarseness'" in run("features", "--set", "ngldm.coarsness=1", status=2).stderr.replace("\n", " ")
    assert "give KEY=VALUE" in run("features", "--set", "ngldm", status=2).stderr


def test_image_types_on_the_command_line(phantom, tmp_path):
    log = "{type: pyradiomics_log, sigma_mm: [3, 1.5]}"
    flags = ["-i", "original", "--image-types", "pyradiomics_square", "-i", log, "-f", "intensity_statistics.mean"]
    names = ["original", "square", "log-sigma-3-mm-3D", "log-sigma-1-5-mm-3D"]
    columns = [f"{name}.intensity_statistics.mean" for name in names]
    assert run("features", "--columns", *flags).stdout.split() == columns
    run("extract", phantom / "image.nii.gz", phantom / "mask.nii.gz", "-o", tmp_path / "a.csv", *flags)
    assert pd.read_csv(tmp_path / "a.csv")[columns].notna().all().all()
    chosen = json.loads((tmp_path / "a.csv.meta.json").read_text())["settings"]["image_types"]
    assert chosen == ["original", "pyradiomics_square", {"type": "pyradiomics_log", "sigma_mm": [3, 1.5]}]
    assert "did you mean 'pyradiomics_wavelet'" in run("features", "-i", "wavelet", status=2).stderr.replace("\n", " ")
    assert "give a name, or a mapping such as" in run("features", "-i", "{type: [", status=2).stderr.replace("\n", " ")


def test_resampling_flags_are_those_settings(phantom, tmp_path):
    pair = (phantom / "image.nii.gz", phantom / "mask.nii.gz")
    run("extract", *pair, "-o", tmp_path / "a.csv", "--resampling-spacing", "2", "--round-intensities", *LIGHT)
    meta = json.loads((tmp_path / "a.csv.meta.json").read_text())
    assert meta["settings"]["resampling"]["spacing_mm"] == [2, 2, 2]
    assert meta["settings"]["round_intensities"] is True
    run("extract", *pair, "-o", tmp_path / "b.csv", "--resampling-spacing", ":1.5:1.5", *LIGHT)
    assert json.loads((tmp_path / "b.csv.meta.json").read_text())["settings"]["resampling"]["spacing_mm"] == [None, 1.5, 1.5]
    done = run("extract", *pair, "-o", tmp_path / "c.csv", "--resampling-spacing", "1:2", status=2)
    assert "give one size in mm, or Z:Y:X" in done.stderr.replace("\n", " ")
