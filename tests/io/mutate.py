"""Reads files with damaged headers, each in its format's own way, and says which outcome is neither right nor an InputError.

Run as a process of its own: python mutate.py FORMAT SEED COUNT FOLDER. A crash, much memory or a long time shows there.
"""

from __future__ import annotations

import gzip
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom

from files import dicom_slice, voxels, written
from voxomics.engine.errors import VoxomicsError
from voxomics.engine.volume import Image
from voxomics.io import read_image, read_mask
from voxomics.io.streams import PADDING

TOKENS = [
    "", "-1", "0", "1", "2", "100", "2147483648", "-2147483648", "1e9", "1e400", "nan", "inf", "x" * 300, "%s%n",
    "%03d 1 9 1", "%d.raw", "../secret", "/etc/passwd", "LIST", "LOCAL", "True", "F", "t", "1 2", "1 2 3 4",
    "(1,0,0) (0,1,0)", "none", "gzip", "raw", "hex", "ascii", "bzip2", "big", "little", "float", "uchar", "MET_FLOAT",
    "MET_UCHAR", "left-anterior-superior", "\u00fc", "\0", "\r", ";", "=", ":", "x" * 1100, "1 " * 3000, "(" * 900, '"a" ' * 300,
    "none none none", "domain domain time",
]  # fmt: skip
FORMATS = ["a.nii", "a.nii.gz", "a.nrrd", "c.nrrd", "a.nhdr", "a.mha", "c.mha", "a.mhd", "dicom"]
SECONDS, MEGABYTES = 5.0, 600


def text_header(raw: bytes, end: bytes, rng: np.random.Generator) -> bytes:
    """Another header in front of the same voxels."""
    cut = raw.index(end) + len(end)
    header, body = raw[:cut], raw[cut:]
    lines = header.split(b"\n")
    at = int(rng.integers(len(lines)))
    token = str(rng.choice(TOKENS)).encode()
    how = int(rng.integers(6))
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(int(rng.integers(len(lines))), lines[at])
    elif how == 2 and lines[at]:
        mark = b"=" if b"=" in lines[at] else b":"
        lines[at] = lines[at].split(mark)[0] + mark + b" " + token
    elif how == 3 and lines[at]:
        words = lines[at].split(b" ")
        words[int(rng.integers(len(words)))] = token
        lines[at] = b" ".join(words)
    elif how == 4 and lines[at]:
        byte = int(rng.integers(len(lines[at])))
        lines[at] = lines[at][:byte] + bytes([int(rng.integers(256))]) + lines[at][byte + 1 :]
    else:
        lines.insert(at, lines[at].swapcase() + token)
    return b"\n".join(lines) + body


def binary_header(raw: bytes, size: int, rng: np.random.Generator) -> bytes:
    """A byte or a field of the first `size` bytes is another."""
    changed = bytearray(raw)
    at = int(rng.integers(size))
    if rng.random() < 0.5:
        changed[at] = int(rng.integers(256))
    else:
        at -= at % 2
        value = int(rng.choice([0, -1, 1, 2, 16, 512, 32767, -32768]))
        changed[at : at + 2] = np.array(value, "<i2").tobytes()
    return bytes(changed)


def files(name: str, folder: Path, count: int, rng: np.random.Generator) -> Iterator[Path]:
    """One damaged file, or folder, after the other."""
    if name == "dicom":
        for k in range(3):
            dicom_slice(folder / f"{k}.dcm", k, slope=0.5)
        wholes = [(folder / f"{k}.dcm").read_bytes() for k in range(3)]
        for _ in range(count):
            k = int(rng.integers(3))
            if rng.random() < 0.5:
                changed = binary_header(wholes[k], len(wholes[k]) - 40, rng)
            else:
                changed = without_a_tag(folder / f"{k}.dcm", rng)
            (folder / f"{k}.dcm").write_bytes(changed)
            yield folder
            (folder / f"{k}.dcm").write_bytes(wholes[k])
        return
    path = written(folder / name, voxels(), compress=name[0] == "c")
    whole = path.read_bytes()
    plain = gzip.decompress(whole) if name.endswith("gz") else whole
    end = {"nrrd": b"\n\n", "nhdr": b".raw\n", "mha": b"LOCAL\n", "mhd": b".raw\n"}.get(path.suffix[1:], b"")
    for _ in range(count):
        changed = binary_header(plain, 352, rng) if ".nii" in name else text_header(whole, end, rng)
        path.write_bytes(gzip.compress(changed) if name.endswith("gz") else changed)
        yield path


def without_a_tag(path: Path, rng: np.random.Generator) -> bytes:
    """A slice that lacks an element, or has another value of it."""
    data = pydicom.dcmread(path)
    tags = [element.tag for element in data if element.keyword != "PixelData"]
    tag = tags[int(rng.integers(len(tags)))]
    if rng.random() < 0.5:
        del data[tag]
    else:
        value = data[tag].value
        data[tag].value = value + 1 if isinstance(value, int) else str(value) + "1" if isinstance(value, str) else value
    copy = path.with_name(".copy")
    data.save_as(copy, enforce_file_format=True)
    return copy.read_bytes()


def misplaced(path: Path, name: str, image: Image) -> str:
    """Why an image does not lie where the judge has it; "" if it does."""
    if name == "dicom":
        slices = [pydicom.dcmread(p) for p in path.glob("[0-9].dcm")]
        ends = [tuple(float(v) for v in d.ImagePositionPatient) for d in slices]
        spacing = tuple(float(v) for v in slices[0].PixelSpacing)
        return "" if image.origin_mm in ends and np.allclose(image.spacing_mm[1:], spacing, rtol=2e-4) else "misplaced"
    if ".nii" not in name:
        return ""
    with nib.openers.ImageOpener(path) as file:
        header = nib.Nifti1Header.from_fileobj(file, check=False)
    header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1  # as the NIfTI library has it
    unit = {1: 1000.0, 3: 0.001}.get(int(header["xyzt_units"]) & 7, 1.0)
    forms = [form for form, code in (header.get_qform(coded=True), header.get_sform(coded=True)) if code > 0]
    corners = image.grid.corners()
    ours = image.grid.points(corners) * (-1, -1, 1)
    step = min(image.spacing_mm)
    apart = [np.abs((corners[:, ::-1] @ f[:3, :3].T + f[:3, 3]) * unit - ours).max() / step for f in forms]
    return "" if not apart or min(apart) < 0.3 else f"misplaced by {min(apart):.3g} voxels"


def wrong(path: Path, name: str, array: np.ndarray) -> str:
    """Why an array that was read is not what the file says; "" if it is."""
    if name == "dicom":
        slices = sorted((pydicom.dcmread(p) for p in path.glob("[0-9].dcm")), key=lambda d: float(d.ImagePositionPatient[2]))
        judge = np.stack([d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept) for d in slices])
        # A normal that points down turns the order of the slices around.
        return "" if np.array_equal(judge, array) or np.array_equal(judge[::-1], array) else "pydicom reads other values"
    if ".nii" in name:
        try:
            judge = nib.load(path).get_fdata(dtype=np.float64)
        except nib.spatialimages.HeaderDataError:  # more than we need is wrong with the header
            return "" if np.array_equal(array, voxels()) else "nibabel reads nothing, we read other values"
        judge = judge.reshape(judge.shape[:3]).T
        same = np.allclose(judge, array, rtol=1e-6, atol=1e-6 * float(np.nanmax(np.abs(judge), initial=0)), equal_nan=True)
        return "" if same else "nibabel reads other values"
    stored, body = array.tobytes(), voxels().tobytes()
    same = stored in (body, voxels().byteswap().tobytes()) or array.byteswap().tobytes() == body
    return "" if same else "the bytes are not those that were written"


def main(name: str, seed: int, count: int, folder: Path) -> int:
    """Print what went wrong; returns how often."""
    rng = np.random.default_rng([seed, FORMATS.index(name)])
    failures = refused = 0
    for number, path in enumerate(files(name, folder, count, rng)):
        began, said = time.monotonic(), ""
        try:
            image = read_image(path)
            read_mask(path, image) if rng.random() < 0.2 else None
        except VoxomicsError as error:
            refused += 1
            said = "a text of several lines" if "\n" in str(error) else ""
            if str(folder) in str(error):
                said = "the folder in its text"
        except BaseException as error:  # noqa: BLE001  what a reader lets through is what is looked for
            said = f"{type(error).__name__}: {error}"
        else:
            said = wrong(path, name, image.array) or misplaced(path, name, image)
        if time.monotonic() - began > SECONDS:
            said = said or "too long"
        if said:
            failures += 1
            kept = folder.parent / f"failed-{number}"
            shutil.copytree(path, kept) if path.is_dir() else shutil.copy(path, kept)
            print(number, said[:200])
    peak = peak_megabytes()
    print(f"{name}: {count} read, {refused} refused, {failures} wrong, {peak} MB, padding {PADDING}")
    return failures + (peak > MEGABYTES) + (refused == 0)


def peak_megabytes() -> int:
    """Most memory of this process. On Linux, ru_maxrss begins at what the process had that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])) > 0)
