"""Headers of NRRD that ITK cannot be given: it would end the process, compute for minutes, or take times for slices."""

from __future__ import annotations

import numpy as np
import pytest

from voxomics.engine.errors import InputError
from voxomics.io import read_image

NRRD = "NRRD0005\ntype: short\ndimension: {}\nsizes: {}\nendian: little\nencoding: raw\n{}\n"


def nrrd(path, sizes, more):
    data = np.arange(np.prod([int(n) for n in sizes.split()]), dtype="<i2").tobytes()
    path.write_bytes(NRRD.format(len(sizes.split()), sizes, more).encode() + data)
    return path


FIELDS = ["sizes", "kinds", "space directions", "labels", "space", "type", "encoding", "odd", "data file"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("length", [950, 200_000])
def test_a_long_line_of_an_nrrd_ends_no_process(tmp_path, field, length):
    """ITK's parser writes its complaint, the line in it, into 1,024 bytes."""
    path = tmp_path / "a.nrrd"
    path.write_text(f"NRRD0005\ndimension: 3\n{field}: {'1 ' * (length // 2)}\nsizes: 2 2 2\n\n")
    with pytest.raises(InputError, match=r"a\.nrrd: line 3 of its header has .* bytes; at most 512|'sizes' twice|does not exist"):
        read_image(path)


def test_long_texts_of_an_nrrd_are_read(tmp_path):
    more = f"spacings: 1 2 3\ncontent: {'x' * 5000}\n# {'y' * 5000}\nhistory:={'z' * 5000}\n"
    assert read_image(nrrd(tmp_path / "a.nrrd", "6 5 4", more)).spacing_mm == (3, 2, 1)


def test_an_nrrd_of_more_keys_than_itk_can_compare(tmp_path):
    with pytest.raises(InputError, match=r"20,00\d lines in its header; at most 16,384 are read"):
        read_image(nrrd(tmp_path / "a.nrrd", "6 5 4", "".join(f"k{k}:=v\n" for k in range(20_000))))


def test_an_nrrd_at_the_end_of_a_long_path(tmp_path, monkeypatch):
    folder = tmp_path.joinpath(*["d" * 200] * 6)
    folder.mkdir(parents=True)
    path = nrrd(folder / "a.nrrd", "6 5 4", "spacings: 1 2 3\n")
    with pytest.raises(InputError, match=r"its path, or that of its data, is longer than 900 bytes"):
        read_image(path)
    monkeypatch.chdir(folder)
    assert read_image("a.nrrd").array.shape == (4, 5, 6)


LPS, IN_SPACE = "space: left-posterior-superior\nspace directions: ", "(1,0,0) (0,2,0) (0,0,3)"


@pytest.mark.parametrize(
    ("sizes", "more", "says"),
    [
        ("6 5 4 3", f"{LPS}{IN_SPACE} none\nkinds: domain domain domain time\n", "axis 4 of 4 .* of size 3, is an axis of time"),
        ("3 6 5 4", f"{LPS}none {IN_SPACE}\nkinds: time domain domain domain\n", "axis 1 of 4 .* an axis of time"),
        ("6 5 4", f"{LPS}(1,0,0) (0,2,0) none\nkinds: domain domain time\n", "axis 3 of 3 .* an axis of time"),
        ("6 5 4", f"{LPS}{IN_SPACE}\nkinds: Domain domain Time\n", "axis 3 of 3 .* an axis of time"),
        ("6 5 4", "spacings: 1 2 3\nunits: \"mm\" \"mm\" \"s\"\nkinds: domain domain time\n", "axis 3 of 3 .* an axis of time"),
        ("6 5 4 3", f"{LPS}{IN_SPACE} none\n", "axis 4 of 4 .* of size 3, is without a direction in space"),
        ("6 5 4", f"{LPS}(1,0,0) (0,2,0) none\n", "axis 3 of 3 .* is without a direction in space"),
        ("6 5", f"{LPS}(1,0,0) (0,2,0)\nkinds: domain domain\n", "two axes in space"),
        ("3 6 5", f"{LPS}none (1,0,0) (0,2,0)\nkinds: list domain domain\n", "two axes in space"),
    ],
)  # fmt: skip
def test_axes_of_an_nrrd_that_are_not_in_space(tmp_path, sizes, more, says):
    """ITK takes them for slices: a dynamic series 6 x 5 at 4 times was a volume with 1 mm between its times."""
    with pytest.raises(InputError, match=says):
        read_image(nrrd(tmp_path / "a.nrrd", sizes, more))


def test_the_one_time_point_of_an_nrrd(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", "6 5 4 1", "spacings: 1 2 3 1\nkinds: domain domain domain time\n")
    image = read_image(path)
    assert image.array.shape == (4, 5, 6) and image.spacing_mm == (3, 2, 1)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_line_that_runs_on_into_a_name_is_not_repeated(tmp_path, name):
    """A byte of the header is damaged: two lines are one, and the second names the patient."""
    if name == "a.mha":
        lines = ["ObjectType = Image", "NDims = 3", "DimSize = 2 2 2", "ElementType = MET_UCHAR?Patient = Doe"]
        (tmp_path / name).write_text("\n".join([*lines, "ElementSpacing = 1 1 1", "ElementDataFile = LOCAL", "12345678"]))
    else:
        (tmp_path / name).write_text("NRRD0005?patient:=Doe\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\n12345678")
    with pytest.raises(InputError) as caught:
        read_image(tmp_path / name)
    assert "Doe" not in str(caught.value) and "…" in str(caught.value)
