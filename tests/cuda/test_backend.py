"""`backend="cuda"` from files to the table, on a device that runs the compiled kernels on CPU threads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from threads import Threads, there

from batches import batch_of, random_volume
from shared import DATA, shared
from voxomics import Extractor, ibsi_check
from voxomics.engine import backends
from voxomics.engine.errors import BackendError
from voxomics.engine.families import FAMILIES, glcm
from voxomics.engine.resident import Resident
from voxomics.kernels import device as seam

TEXTURES = [family for family in FAMILIES if family.channel == "level" and family.device]


@pytest.fixture
def use(monkeypatch):
    """Make a device the one that `backend="cuda"` finds."""

    def offer(**options):
        found = Threads(**options)
        monkeypatch.setattr(seam, "DEVICES", [lambda: found])
        return found

    return offer


def assert_same_tables(cuda, cpu, what=""):
    """Every text equal; every number equal to about 1e-9, NaN where NaN is."""
    assert list(cuda.columns) == list(cpu.columns)
    numbers = [c for c in cpu.columns if pd.api.types.is_float_dtype(cpu[c])]
    pd.testing.assert_frame_equal(cuda.drop(columns=numbers), cpu.drop(columns=numbers))
    for column in numbers:
        a, b = cuda[column].to_numpy(), cpu[column].to_numpy()
        np.testing.assert_allclose(
            a, b, rtol=1e-9, atol=1e-9 * max(1.0, np.nanmax(np.abs(b), initial=0.0)), err_msg=what + column
        )


def blocks(edge, apart, seed=0, size=30):
    """An image of noise and a label image of boxes, sides 1..edge, every `apart` voxels."""
    rng = np.random.default_rng(seed)
    image, labels = rng.normal(100.0, 30.0, (size,) * 3), np.zeros((size,) * 3, np.int32)
    corners = [(z, y, x) for z in range(0, size, apart) for y in range(0, size, apart) for x in range(0, size, apart)]
    for number, (z, y, x) in enumerate(corners, start=1):
        sides = rng.integers(1, edge + 1, 3)
        labels[z : z + sides[0], y : y + sides[1], x : x + sides[2]] = number
    return image, labels


def both(image, labels, settings, spacing_mm=(2.0, 1.0, 1.0)):
    return [Extractor(settings=settings, backend=b).extract(image, labels, spacing_mm=spacing_mm) for b in ("cuda", "cpu")]


@pytest.mark.parametrize("config", ["digital", *(pytest.param(c, marks=pytest.mark.shared) for c in "ABCDE")])
def test_the_ibsi_phantoms_have_their_reference_values(use, config):
    device = use(checked=False)
    rows = [row for row in ibsi_check.references(ibsi_check.BUILTIN) if row.config == config]
    folder = DATA if config == "digital" else shared("data", "ibsi1")
    outcomes = ibsi_check.check(folder, rows, backend="cuda")
    assert [(o.reference.feature, o.verdict, o.why) for o in outcomes if o.verdict != "passed"] == []
    assert len(device.findings) > 0


def test_pet_patients_have_the_cpus_rows(use):
    use(checked=False)
    patients = sorted(p for p in shared("data", "cohort_sts_pet").iterdir() if p.is_dir())[:6]
    settings = {
        "resampling": {"spacing_mm": [3, 3, 3]}, "resegmentation": {"range": [0, None]},
        "discretisation": [{"method": "fbs", "width": 0.25}],
    }  # fmt: skip
    for patient in patients:
        files = (patient / "PET_image.nii.gz", patient / "PET_mask.nii.gz")
        cuda, cpu = (Extractor(settings=settings, backend=b).extract(*files) for b in ("cuda", "cpu"))
        assert_same_tables(cuda, cpu, patient.name + " ")


def test_a_batch_larger_than_the_device_goes_in_pieces(use):
    image, labels = blocks(9, 10)
    settings = {"discretisation": [{"method": "fbn", "bins": 16}, {"method": "fbn", "bins": 300}]}
    whole = use()
    cuda, cpu = both(image, labels, settings)
    assert_same_tables(cuda, cpu)
    whole.assert_clean()
    pieces = use(memory=4_500_000)  # the largest VOI fits
    again, _ = both(image, labels, settings)
    pieces.assert_clean()
    assert len(pieces.findings) > 2 * len(whole.findings), "the batch was not cut"
    pd.testing.assert_frame_equal(again, cuda, check_exact=True)


def test_bits_do_not_depend_on_the_batch_or_its_order(use):
    image, labels = blocks(9, 20)
    settings = {"discretisation": [{"method": "fbn", "bins": 16}]}
    use(checked=False)
    ours = Extractor(settings=settings, backend="cuda")
    together = ours.extract(image, labels, spacing_mm=(1, 1, 1)).set_index("label")
    features = ours.columns
    for label in together.index[:4]:
        alone = ours.extract(image, np.where(labels == label, label, 0), spacing_mm=(1, 1, 1)).set_index("label")
        pd.testing.assert_frame_equal(alone[features], together.loc[[label], features], check_exact=True)
    turned = labels.max() + 1 - labels
    turned[labels == 0] = 0
    backwards = ours.extract(image, turned, spacing_mm=(1, 1, 1)).set_index("label")
    backwards.index = labels.max() + 1 - backwards.index
    pd.testing.assert_frame_equal(backwards.loc[together.index, features], together[features], check_exact=True)


def test_voids_and_refusals_are_the_cpus(use):
    """No voxel left by re-segmentation, too few voxels for texture, a NaN in the image."""
    image, labels = blocks(5, 10)
    image[labels == 3] = -500.0
    image[tuple(np.argwhere(labels == 5)[0])] = np.nan
    use(checked=False)
    cuda, cpu = both(image, labels, {"resegmentation": {"range": [-100, None]}, "min_voxels_texture": 20, **NONE_LOST})
    assert_same_tables(cuda, cpu)
    assert {"ok", "partial", "failed"} == set(cuda["status"])


NONE_LOST = {"discretisation": [{"method": "fbs", "width": 10, "origin": -100}]}


def test_many_levels_are_left_to_the_cpu(use):
    rng = np.random.default_rng(1)
    image = rng.permutation(12**3).reshape(12, 12, 12) + 1.0
    device = use(checked=False)
    cuda, cpu = both(image, np.ones((12, 12, 12), np.int32), {"discretisation": [{"method": "none"}], "features": ["glcm"]})
    assert_same_tables(cuda, cpu)
    assert not device.findings


def test_auto_takes_the_device_and_cpu_does_not(use):
    use()
    assert Extractor(backend="auto").backend == "cuda"
    assert Extractor(backend="cpu").backend == "cpu"
    assert backends.cuda_status() == "CPU threads"


def test_cuda_without_a_device_says_why(monkeypatch):
    def none():
        raise RuntimeError("the CUDA driver says: none today")

    monkeypatch.setattr(seam, "DEVICES", [none])
    with pytest.raises(BackendError, match='"cuda" cannot run: the CUDA driver says: none today; use backend="auto" or "cpu"'):
        Extractor(backend="cuda")
    assert Extractor(backend="auto").backend == "cpu"


@pytest.fixture
def break_device():
    """Let a family's computation on the device raise; it stands as it was afterwards."""
    whole = glcm.FAMILY.device
    calls = []

    def broken(error):
        def fault(*_):
            calls.append(1)
            raise error

        object.__setattr__(glcm.FAMILY, "device", dataclasses.replace(whole, compute=fault))
        return calls

    yield broken
    object.__setattr__(glcm.FAMILY, "device", whole)


FAULTS = [MemoryError("out of device memory"), RuntimeError("an illegal memory access was encountered")]


@pytest.mark.parametrize("error", FAULTS, ids=["memory", "sticky"])
def test_rows_that_the_device_fails_are_measured_on_the_cpu_under_auto(use, break_device, error, caplog):
    use(checked=False)
    image, labels = blocks(5, 20)
    cpu = Extractor(backend="cpu").extract(image, labels, spacing_mm=(1, 1, 1))
    calls = break_device(error)
    ours = Extractor(backend="auto")
    assert ours.backend == "cuda"
    table = ours.extract(image, labels, spacing_mm=(1, 1, 1))
    assert_same_tables(table, cpu)
    textures = [column for column in ours.columns if ".glcm." in column]
    pd.testing.assert_frame_equal(table[textures], cpu[textures], check_exact=True)
    assert len(calls) == 1 and "the CPU" in caplog.text
    ours.extract(image, labels, spacing_mm=(1, 1, 1))
    lost = isinstance(error, RuntimeError)  # a device out of memory may do the next batch, one with an error may not
    assert ours.backend == ("cpu" if lost else "cuda") and len(calls) == (1 if lost else 2)


@pytest.mark.parametrize("error", FAULTS, ids=["memory", "sticky"])
def test_a_device_that_fails_raises_under_cuda(use, break_device, error):
    use(checked=False)
    break_device(error)
    image, labels = blocks(5, 20)
    with pytest.raises(BackendError, match=f'backend "cuda" failed: .*{error}; use backend="auto"'):
        Extractor(backend="cuda").extract(image, labels, spacing_mm=(1, 1, 1))


@pytest.mark.parametrize("backend", ["auto", "cuda"])
def test_a_programming_error_on_the_device_raises(use, break_device, backend):
    use(checked=False)
    break_device(IndexError("a fault of ours"))
    image, labels = blocks(5, 20)
    with pytest.raises(IndexError, match="a fault of ours"):
        Extractor(backend=backend).extract(image, labels, spacing_mm=(1, 1, 1))


def test_a_device_that_cannot_open_a_stream_leaves_everything_to_the_cpu(use, monkeypatch):
    device = use(checked=False)

    def none():
        raise RuntimeError("no stream")

    monkeypatch.setattr(device, "stream", none)
    image, labels = blocks(5, 20)
    ours = Extractor(backend="auto")
    table = ours.extract(image, labels, spacing_mm=(1, 1, 1))
    pd.testing.assert_frame_equal(table, Extractor(backend="cpu").extract(image, labels, spacing_mm=(1, 1, 1)), check_exact=True)
    assert ours.backend == "cpu"


def test_arrays_on_the_device_are_taken_without_a_copy():
    rng = np.random.default_rng(3)
    batch, settings = batch_of([random_volume(rng, (9, 10, 11), 8), random_volume(rng, (5, 4, 3), 8)])
    channel = batch.channels["none"]
    device, again = Threads(), Threads()
    wanted = glcm.compute_on_device(Resident(device, batch), channel, np.arange(2), settings, ("3d_merged",))
    resident = dataclasses.replace(channel, level=there(channel.level))
    got = glcm.compute_on_device(Resident(again, batch), resident, np.arange(2), settings, ("3d_merged",))
    np.testing.assert_array_equal(got, wanted)
    assert device.copied - again.copied == channel.level.nbytes


def test_two_thousand_vois_are_those_of_the_cpu(use):
    device = use(checked=False)
    labels = np.zeros((52, 52, 52), np.int32)
    corners = np.arange(13) * 4
    number = 0
    for z in corners:
        for y in corners:
            for x in corners:
                number += 1
                labels[z : z + 3, y : y + 3, x : x + 3] = number
    image = np.random.default_rng(4).normal(0.0, 1.0, labels.shape)
    cuda, cpu = both(image, labels, {"discretisation": [{"method": "fbn", "bins": 8}], "features": [f.name for f in TEXTURES]})
    assert len(cuda) == 2197
    assert_same_tables(cuda, cpu)
    assert len(device.findings) < 100, "launches must not grow with the number of VOIs"


def test_a_voi_of_a_million_voxels_is_cut_into_tiles(use):
    device = use(checked=False)
    image = np.random.default_rng(5).normal(0.0, 1.0, (100, 100, 100))
    settings = {
        "discretisation": [{"method": "fbn", "bins": 8}],
        "exclude": ["local_intensity", "morphology.morans_i_index", "morphology.gearys_c_measure"],
    }
    cuda, cpu = both(image, np.ones(image.shape, np.uint8), settings)
    assert_same_tables(cuda, cpu)
    blocks = dict(device.blocks)
    assert blocks["glcm.count.count_gpu"] == 13 * -(-(102**3) // device.tile)
