"""One flipped bit in compressed voxels: the right array, or an InputError; never another array."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from files import SPACING_XYZ, itk_image, saved_nifti, written
from voxomics.engine.errors import InputError
from voxomics.io import headers, read_image, read_mask, streams

SHAPE = (6, 20, 20)
FLIPS = 100
SEGMENT = "Segment0_ID:=a\nSegment0_Name:=a\nSegment0_LabelValue:=1\nSegment0_Layer:=0\n"
CODECS = ["zlib", "isal.isal_zlib", "zlib_ng.zlib_ng"]


def nrrd(path: Path, array: np.ndarray, encoding: str, packed: bytes, more: str = "") -> Path:
    kind = {1: "uchar", 2: "short"}[array.itemsize]
    z, y, x = array.shape
    header = f"NRRD0004\ntype: {kind}\ndimension: 3\nsizes: {x} {y} {z}\nencoding: {encoding}\nendian: little\n"
    vectors = " ".join(f"({','.join(str(s * (i == k)) for i in range(3))})" for k, s in enumerate(SPACING_XYZ))
    header += f"space: left-posterior-superior\nspace directions: {vectors}\nspace origin: (0,0,0)\n{more}\n"
    path.write_bytes(header.encode() + packed)
    return path


def stored(folder: Path, name: str) -> tuple[Path, Path, int, np.ndarray]:
    """A compressed file, the file with its voxels, where they begin, and what is read from it."""
    rng = np.random.default_rng(5)
    array = rng.integers(0, 50, SHAPE).astype("<i2")
    path = folder / name
    if name == "mask.seg.nrrd":
        array = (rng.random(SHAPE) < 0.02).astype("u1")  # long runs: a flip changes many voxels
        packed = gzip.compress(array.tobytes())
        nrrd(path, array, "gzip", packed, SEGMENT)
    elif name == "bzip2.nrrd":
        packed = bz2.compress(array.tobytes())
        nrrd(path, array, "bzip2", packed)
    elif name == "members.nii.gz":
        plain = saved_nifti(folder / "a.nii", array).read_bytes()
        packed = b"".join(gzip.compress(plain[i : i + 1000]) for i in range(0, len(plain), 1000))
        path.write_bytes(packed)
    elif name == "a.nii.gz":
        saved_nifti(path, array)
        packed = path.read_bytes()
    else:
        written(path, array, compress=True)
        data = path.with_suffix(".zraw") if path.suffix == ".mhd" else path.with_suffix(".raw.gz")
        data = data if data.exists() else path
        start = {"a.nrrd": b"\n\n", "a.mha": b"LOCAL\n"}.get(name, b"")
        return path, data, data.read_bytes().index(start) + len(start), array
    return path, path, path.stat().st_size - len(packed), array


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "name", ["a.nii.gz", "members.nii.gz", "a.nrrd", "a.nhdr", "bzip2.nrrd", "mask.seg.nrrd", "a.mha", "a.mhd"]
)
def test_a_flipped_bit_in_compressed_voxels(tmp_path, monkeypatch, name, codec):
    monkeypatch.setattr(streams, "inflate", pytest.importorskip(codec))
    path, data, start, array = stored(tmp_path, name)
    whole = data.read_bytes()
    image = read_image(itk_image(np.zeros(SHAPE, "i2"), (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)))

    def voxels() -> np.ndarray:
        return read_mask(path, aligned).layers[0] if "seg" in name else read_image(path).array

    aligned = read_image(path) if "seg" in name else image
    np.testing.assert_array_equal(voxels(), array)
    rng = np.random.default_rng(11)
    ends = [8 * (len(whole) - 1 - back) + bit for back in range(8) for bit in (0, 6)]  # the checksum and the length
    refused = 0
    for bit in [*ends, *rng.integers(8 * start, 8 * len(whole), FLIPS).tolist()]:
        raw = bytearray(whole)
        raw[bit // 8] ^= 1 << bit % 8
        data.write_bytes(raw)
        try:
            found = voxels()
        except InputError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, array)
    assert refused > 0.9 * (FLIPS + len(ends))


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.nii"])
@pytest.mark.parametrize("more", [-2, 2, 600, 2000])
def test_sizes_about_which_header_and_bytes_disagree(tmp_path, name, more):
    """Up to 1 kB of zeros may follow compressed voxels, nothing plain ones; a voxel less, or more than that, is an error."""
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype("i2")
    plain = written(tmp_path / name, array)
    whole = plain.read_bytes()
    header, body = whole[: len(whole) - array.nbytes], whole[len(whole) - array.nbytes :]
    body = body[:more] if more < 0 else body + bytes(more)
    files = {name: header + body}
    if name == "a.nii":
        files["p.nii.gz"] = gzip.compress(header + body)
    elif name == "a.nrrd":
        files["p.nrrd"] = header.replace(b"encoding: raw", b"encoding: gzip") + gzip.compress(body)
    else:
        files["p.mha"] = header.replace(b"CompressedData = False", b"CompressedData = True") + zlib.compress(body)
    for one, content in files.items():
        (tmp_path / one).write_bytes(content)
        if more in (2, 600) and one.startswith("p."):
            np.testing.assert_array_equal(read_image(tmp_path / one).array, array)
        else:
            with pytest.raises(InputError, match="truncated" if more < 0 else "damaged"):
                read_image(tmp_path / one)


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("ending", ["nrrd", "mha"])
def test_gigabytes_announced_over_a_kilobyte(tmp_path, ending, encoding, monkeypatch):
    """Refused before memory is taken."""
    for module in (streams, headers):
        monkeypatch.setattr(module, "empty", None)
    path = written(tmp_path / f"a.{ending}", np.zeros((10, 10, 10), "i2"), compress=encoding == "gzip")
    key = {"nrrd": b"sizes: ", "mha": b"DimSize = "}[ending]
    path.write_bytes(path.read_bytes().replace(key + b"10 10 10", key + b"2000 2000 2000"))
    with pytest.raises(InputError, match="announces 16,000,000,000"):
        read_image(path)
