"""What a study will need at its end is looked at before the long work begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("sklearn", reason="needs the study extra")

from study_tables import clinical, features, run
from voxomics.cases import Case
from voxomics.engine.errors import InputError
from voxomics.study import run as study_run
from voxomics.study.pictured import read_pictured
from voxomics.study.results import make_folder

IDS = [f"P{i:02d}" for i in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image, a mask with labels 1 and 2, an empty mask and a file that is none."""
    rng = np.random.default_rng(5)
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[1:3, 2:5, 2:6], labels[1, 6, 6] = 1, 2
    for name, array in (("image", rng.normal(size=(4, 8, 8))), ("mask", labels), ("empty", labels * 0)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"{name}.nii.gz"))
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bno image")
    return tmp_path


def study(folder: Path, text: str | None, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """The study with this list of images, as far as the twin, which takes the time."""

    def twin(*_: Any) -> None:
        raise AssertionError("the twin was reached")

    monkeypatch.setattr(study_run, "run_twin", twin)
    if text is not None:
        (folder / "images.csv").write_text(text)
    run(folder, features(), clinical(), report={"images": folder / "images.csv"}, **more)


def images(image: str, mask: str, ids: list[str] = IDS, label: str = "") -> str:
    return "id,image,mask,label\n" + "".join(f"{one},{image},{mask},{label}\n" for one in ids)


@pytest.mark.parametrize(("text", "said"), [
    (None, r"images\.csv: cannot be read"),
    ("", "no cases"),
    ("id,image\nP00,a\n", "no column mask"),
    (images("image.nii.gz", "mask.nii.gz", ["X"]), r"images\.csv has no row for the study's patient in row"),
    (images("absent.nii.gz", "mask.nii.gz"), r"absent\.nii\.gz"),
    (images("image.nii.gz", "absent.nii.gz"), r"absent\.nii\.gz"),
    (images("broken.nii.gz", "mask.nii.gz"), r"broken\.nii\.gz"),
    (images("image.nii.gz", "empty.nii.gz"), "has no voxel"),
    (images("image.nii.gz", "mask.nii.gz", label="7"), "has no voxel of label 7"),
    (images("image.nii.gz", "mask.nii.gz") + "P00,image.nii.gz,mask.nii.gz,\n", "id P00 comes more than once"),
])  # fmt: skip
def test_a_list_of_images_that_fails_does_so_before_the_twin(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        study(folder, text, monkeypatch)


def test_a_sound_list_reaches_the_twin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="the twin was reached"):
        study(folder, images("image.nii.gz", "mask.nii.gz", label="2"), monkeypatch)


@pytest.mark.parametrize(("labels", "voxels"), [([None], 25), ([1], 24), ([2], 1), ([1, 2], 25)])
def test_labels_of_the_list_choose_what_is_shown(folder: Path, labels: list[int | None], voxels: int) -> None:
    cases = [Case("P00", folder / "image.nii.gz", folder / "mask.nii.gz", label) for label in labels]
    _, voi = read_pictured(cases, 0)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "mask.nii.gz")))
    np.testing.assert_array_equal(voi, mask > 0 if labels == [None] else np.isin(mask, labels))
    assert voi.sum() == voxels


@pytest.mark.parametrize("name", ["report.html", "results.json", "tables", "figures"])
def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A folder where a file goes, a file where a folder goes."""

    def nothing(*_: Any) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr(study_run, "_run", nothing)
    (tmp_path / "out").mkdir()
    if "." in name:
        (tmp_path / "out" / name).mkdir()
    else:
        (tmp_path / "out" / name).write_text("")
    content = {"features": {"table": "f.csv"}, "clinical": {"table": "c.csv", "marker": "m"}}
    with pytest.raises(InputError):
        study_run.study(content, tmp_path / "out")


@pytest.mark.parametrize("name", ["tables", "figures"])
def test_a_folder_within_the_output_that_takes_no_file_is_refused_first(tmp_path: Path, name: str) -> None:
    """Such as a link to a disk that is mounted read-only; /proc takes no file from anybody."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to("/proc", target_is_directory=True)
    with pytest.raises(InputError, match=r"cannot be (written|created)"):
        make_folder(tmp_path / "out")
