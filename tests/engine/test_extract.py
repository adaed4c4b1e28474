"""The face: one row per VOI, columns from the settings alone, wrong input answered."""

from __future__ import annotations

import json
import threading

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import xxhash

from shared import shared
from volumes import noise_and_box
from voxomics import BackendError, Extractor, InputError, SettingsError, extract
from voxomics.engine import run as engine_run
from voxomics.io import tables

IDENTITY = ["image", "mask", "label", "name", "n_voxels", "status", "reason"]
ONE = (1.0, 1.0, 1.0)


def case(seed=0, shape=(8, 9, 10), labels=(1, 4)):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.int16)
    mask[1:5, 1:7, 1:6] = labels[0]
    mask[5:7, 2:8, 3:9] = labels[-1]
    return rng.normal(100, 30, shape).astype(np.float32), mask


@pytest.fixture(scope="module")
def default():
    return Extractor()


def test_one_row_per_voi_and_the_documented_columns(default):
    image, mask = case()
    found = default.extract(image, mask, spacing_mm=ONE)
    assert list(found.columns) == IDENTITY + default.columns
    assert found["label"].tolist() == [1, 4]
    assert found["n_voxels"].tolist() == [120, 72]
    assert found["status"].tolist() == ["ok", "ok"]
    assert found["reason"].tolist() == ["", ""]
    assert not found.isna().any().any()
    assert (found.dtypes.iloc[7:] == "float64").all()


def test_values_against_numpy_by_hand(default):
    image, mask = case()
    found = default.extract(image, mask, spacing_mm=(2.0, 1.0, 0.5)).iloc[1]
    inside = image[mask == 4].astype(float)
    assert found["original.intensity_statistics.mean"] == pytest.approx(inside.mean(), rel=1e-12)
    assert found["original.intensity_statistics.percentile_90"] == pytest.approx(np.percentile(inside, 90), rel=1e-12)
    assert found["original.morphology.volume_voxel_counting"] == 72.0
    assert found["original.morphology.integrated_intensity"] == pytest.approx(
        found["original.morphology.volume_mesh"] * inside.mean(), rel=1e-12
    )


def test_arrays_sitk_images_and_files_agree(default, tmp_path):
    image, mask = case()
    volume, labels = sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask)
    for item in (volume, labels):
        item.SetSpacing((0.5, 1.0, 2.0))
    sitk.WriteImage(volume, str(tmp_path / "ct.nii.gz"))
    sitk.WriteImage(labels, str(tmp_path / "seg.nrrd"))
    arrays = default.extract(image, mask, spacing_mm=(2.0, 1.0, 0.5))
    for other in (default.extract(volume, labels), default.extract(tmp_path / "ct.nii.gz", str(tmp_path / "seg.nrrd"))):
        pd.testing.assert_frame_equal(other.iloc[:, 7:], arrays.iloc[:, 7:], check_exact=True)
    assert other["image"].tolist() == ["ct.nii.gz"] * 2
    assert other["mask"].tolist() == ["seg.nrrd"] * 2


def test_attrs_hold_settings_versions_and_hashes(default, tmp_path):

    image, mask = case()
    for name, array in (("a.mha", image), ("b.mha", mask)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / name))
    meta = default.extract(tmp_path / "a.mha", tmp_path / "b.mha").attrs["voxomics"]
    assert meta["schema"] == 1
    assert meta["profile"] == "ibsi"
    assert meta["settings"] == default.settings.model_dump(mode="json")
    assert meta["versions"]["numpy"] == np.__version__
    assert meta["inputs"]["image"] == {
        "name": "a.mha",
        "xxh3_128": xxhash.xxh3_128_hexdigest((tmp_path / "a.mha").read_bytes()),
    }
    assert str(tmp_path) not in json.dumps(meta)


def test_labels_select_rows_in_the_order_asked_for(default):
    image, mask = case()
    both = default.extract(image, mask, spacing_mm=ONE)
    assert default.extract(image, mask, [4, 1], ONE)["label"].tolist() == [4, 1]
    only = default.extract(image, mask, 4, ONE)
    np.testing.assert_array_equal(only.iloc[0, 7:].to_numpy(float), both.iloc[1, 7:].to_numpy(float))


def test_an_absent_label_lists_those_there_are(default):
    image, mask = case()
    with pytest.raises(InputError, match=r"label 7 is not in mask array; there are: 1, 4"):
        default.extract(image, mask, 7, ONE)


def test_an_empty_mask_is_an_error(default):
    image, mask = case()
    with pytest.raises(InputError, match="is empty: every voxel is 0"):
        default.extract(image, mask * 0, spacing_mm=ONE)


@pytest.mark.parametrize("where", [[(4, 4, 4)], [(4, 4, 4), (4, 4, 5)]], ids=["one voxel", "two voxels in a line"])
def test_tiny_vois_have_full_columns_and_are_partial(default, where):
    image, mask = case()
    mask[:] = 0
    for index in where:
        mask[index] = 1
    found = default.extract(image, mask, spacing_mm=ONE)
    assert list(found.columns) == IDENTITY + default.columns
    row = found.iloc[0]
    assert row["status"] == "partial"
    assert row["original.intensity_statistics.mean"] == pytest.approx(np.mean([image[w] for w in where]))
    assert row["original.morphology.volume_voxel_counting"] == len(where)
    assert np.isnan(row["original.morphology.elongation"]) == (len(where) == 1)
    assert "morphology" in row["reason"] or "glcm" in row["reason"]
    undefined = [c for c in default.columns if np.isnan(row[c])]
    assert len(where) == 2 or "original.glcm.contrast.3d_merged.fbn32" in undefined


def test_a_constant_voi_keeps_what_is_defined(default):
    image, mask = case()
    image[mask == 1] = 42.0
    row = default.extract(image, mask, spacing_mm=ONE).iloc[0]
    assert row["status"] == "partial"
    assert row["original.intensity_statistics.mean"] == 42.0
    assert row["original.intensity_statistics.variance"] == 0.0
    assert row["original.glcm.joint_entropy.3d_merged.fbn32"] == 0.0
    assert np.isnan(row["original.glcm.correlation.3d_merged.fbn32"])
    assert "single grey level" in row["reason"]
    assert "glcm.correlation" in row["reason"]


def test_nan_in_a_voi_fails_its_row_alone(default):
    image, mask = case()
    image[6, 3, 4] = np.nan
    image[6, 3, 5] = np.inf
    clean = default.extract(*case(), spacing_mm=ONE)
    found = default.extract(image, mask, spacing_mm=ONE)
    assert found["status"].tolist() == ["ok", "failed"]
    assert found.loc[1, "reason"].startswith("2 of 72 voxels are NaN or infinite, the first at (z, y, x) = (6, 3, 4)")
    assert found.iloc[1, 7:].isna().all()
    near = [name for name in default.columns if "local_intensity" not in name]  # its sphere reaches into the neighbour
    np.testing.assert_array_equal(found.loc[0, near].to_numpy(float), clean.loc[0, near].to_numpy(float))


def test_nan_may_be_excluded_and_is_counted():
    image, mask = case()
    image[6, 3, 4] = np.nan
    row = Extractor(settings={"nonfinite": "exclude"}).extract(image, mask, spacing_mm=ONE).iloc[1]
    assert row["status"] == "ok"
    assert row["reason"] == "1 NaN or infinite voxels were left out"
    inside = image[mask == 4].astype(float)
    assert row["original.intensity_statistics.mean"] == pytest.approx(inside[np.isfinite(inside)].mean())
    assert row["original.morphology.volume_voxel_counting"] == 72.0


def test_nan_outside_every_voi_does_no_harm(default):
    image, mask = case()
    image[0, 0, 0] = np.nan
    assert default.extract(image, mask, spacing_mm=ONE)["status"].tolist() == ["ok", "ok"]


def test_re_segmentation_that_leaves_nothing_is_partial():
    image, mask = case()
    ours = Extractor(settings={"resegmentation": {"range": [5000, 6000]}})
    found = ours.extract(image, mask, spacing_mm=ONE)
    assert found["status"].tolist() == ["partial", "partial"]
    assert "no voxel is left after re-segmentation" in found.loc[0, "reason"]
    assert found.loc[0, "original.morphology.volume_voxel_counting"] == 120.0
    assert np.isnan(found.loc[0, "original.intensity_statistics.mean"])


@pytest.mark.parametrize("sigma", [0.3, 0.9, 1.0, 3.0])
def test_a_constant_voi_has_no_outliers(sigma):
    _, mask = noise_and_box()
    settings = {"features": ["intensity_statistics.mean"], "resegmentation": {"outliers_sigma": sigma}}
    row = extract(np.full(mask.shape, 0.1), mask, spacing_mm=ONE, settings=settings).iloc[0]
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("discretisation", "reason"),
    [
        ({"method": "none"}, "discretisation none needs integer intensities"),
        ({"method": "fbs", "width": 1e-18, "origin": 0}, "grey levels beyond"),
        ({"method": "fbs", "width": 5e-14, "origin": 0}, "grey levels too far apart, to be counted exactly"),
    ],
)
def test_levels_that_cannot_be_are_refused_and_the_rest_is_kept(discretisation, reason):
    image, mask = case()
    row = Extractor(settings={"discretisation": [discretisation]}).extract(image, mask, spacing_mm=ONE).iloc[0]
    assert row["status"] == "partial"
    assert reason in row["reason"]
    assert row["original.morphology.volume_voxel_counting"] == 120.0
    assert row["original.intensity_statistics.mean"] > 0


def test_integers_below_one_are_no_levels():
    image, mask = np.zeros((3, 3, 3)), np.ones((3, 3, 3), int)
    row = Extractor(settings={"discretisation": [{"method": "none"}]}).extract(image, mask, spacing_mm=ONE).iloc[0]
    assert "needs grey levels ≥ 1, but there are lower values" in row["reason"]


def test_voxels_below_the_origin_take_level_1_and_are_counted():
    image = np.array([[[90.0, 99.0, 100.0, 149.0]]])
    ours = Extractor(settings={"discretisation": [{"method": "fbs", "width": 25, "origin": 100}]})
    row = ours.extract(image, np.ones(image.shape, int), spacing_mm=ONE).iloc[0]
    assert row["original.intensity_histogram.mean.fbs25"] == 1.25
    assert "2 voxels below the origin of fbs25 are counted in level 1" in row["reason"]


def test_more_memory_than_allowed_is_refused_with_the_number_and_the_setting():
    rng = np.random.default_rng(0)
    image = rng.random((30, 30, 30))
    ours = Extractor(
        settings={"discretisation": [{"method": "fbn", "bins": 900}], "memory": "20MB", "features": ["glcm", "ngtdm"]}
    )
    row = ours.extract(image, np.ones(image.shape, int), spacing_mm=ONE).iloc[0]
    assert row["status"] == "partial"
    assert "but the limit is 20MB; raise `memory`" in row["reason"]
    assert "glcm" in row["reason"]
    assert row["original.ngtdm.coarseness.3d.fbn900"] > 0


def test_a_voi_that_cannot_be_packed_is_a_failed_row():
    image = np.random.default_rng(0).random((30, 30, 30))
    mask = np.ones(image.shape, int)
    mask[:3, :3, :3] = 2
    found = Extractor(settings={"memory": "1MB", "features": ["intensity_statistics"]}).extract(image, mask, spacing_mm=ONE)
    assert found["status"].tolist() == ["failed", "ok"]
    assert "to be packed, but the limit is 1MB; raise `memory`" in found.loc[0, "reason"]


def test_small_vois_may_be_kept_from_textures():
    image, mask = case()
    found = Extractor(settings={"min_voxels_texture": 100}).extract(image, mask, spacing_mm=ONE)
    assert found["status"].tolist() == ["ok", "partial"]
    assert found.loc[1, "reason"].startswith("72 voxels, fewer than min_voxels_texture = 100: glcm")
    assert found.loc[1, "original.intensity_statistics.mean"] > 0


def test_wrong_words_raise():
    with pytest.raises(SettingsError, match="did you mean 'lifex'"):
        Extractor("lifx")
    with pytest.raises(BackendError, match='"cuda" cannot run'):
        Extractor(backend="cuda")
    with pytest.raises(BackendError, match="'gpu' is unknown"):
        Extractor(backend="gpu")
    with pytest.raises(SettingsError, match="threads must be at least 1"):
        Extractor(threads=0)


def test_settings_objects_mappings_and_files_agree(tmp_path):
    from voxomics import Settings

    given = {"discretisation": [{"method": "fbn", "bins": 16}], "features": ["glcm"]}
    (tmp_path / "s.yaml").write_text(Settings.of(given).to_yaml())
    columns = Extractor(settings=given).columns
    assert Extractor(settings=Settings.of(given)).columns == columns
    assert Extractor(settings=tmp_path / "s.yaml").columns == columns
    assert all(name.endswith(".fbn16") for name in columns)


def test_batches_under_a_memory_limit_give_the_same_table(default, monkeypatch):
    rng = np.random.default_rng(1)
    mask = np.kron(np.arange(1, 28).reshape(3, 3, 3), np.ones((5, 6, 7), int))
    image = rng.normal(0, 50, mask.shape)
    whole = default.extract(image, mask, spacing_mm=ONE)
    ours = Extractor(settings={"memory": "200KB", "exclude": ["morphology", "local_intensity"]}, threads=2)
    sizes, original = [], engine_run.measure
    monkeypatch.setattr(engine_run, "measure", lambda prepared, *rest: sizes.append(len(prepared)) or original(prepared, *rest))
    parts = ours.extract(image, mask, spacing_mm=ONE)
    assert len(sizes) > 3 and sum(sizes) == 27
    assert (parts["status"] == "ok").all(), parts["reason"].tolist()
    for name in ours.columns:
        np.testing.assert_array_equal(parts[name], whole[name], err_msg=name)


def test_calls_from_several_threads_at_once(default):
    cases = [case(seed) for seed in range(4)]
    alone = [default.extract(i, m, spacing_mm=ONE) for i, m in cases]
    found = [None] * 4

    def work(k):
        found[k] = default.extract(*cases[k], spacing_mm=ONE)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, found, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_callers_arrays_are_left_alone():
    image, mask = case()
    before = image.copy(), mask.copy()
    extract(image, mask, spacing_mm=ONE, settings={"resegmentation": {"range": [90, 110]}})
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_files_read_back_to_the_last_bit(default, tmp_path, ending):
    image, mask = case()
    image[mask == 1] = 42.0  # some NaN
    found = default.extract(image, mask, spacing_mm=ONE)
    path = tmp_path / f"out{ending}"
    tables.write(found, path)
    if ending == ".csv":
        back = pd.read_csv(path, dtype=str)  # float() below reads what was written, whatever pandas' own reader does
    elif ending == ".parquet":
        import pyarrow.parquet

        back = pd.read_parquet(path)
        assert json.loads(pyarrow.parquet.read_schema(path).metadata[b"voxomics"]) == found.attrs["voxomics"]
    else:
        content = json.loads(path.read_text())
        assert content["voxomics"] == found.attrs["voxomics"]
        back = pd.DataFrame(content["rows"])
    for name in default.columns:
        np.testing.assert_array_equal(back[name].to_numpy(float), found[name].to_numpy(), err_msg=name)
    meta = json.loads((tmp_path / f"out{ending}.meta.json").read_text())
    assert list(meta.pop("files")) == [f"out{ending}"]
    assert meta == {"voxomics": found.attrs["voxomics"]["versions"]["voxomics"], **found.attrs["voxomics"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"out{ending}", f"out{ending}.meta.json"]


def test_an_output_that_cannot_be(tmp_path, default):
    found = default.extract(*case(), spacing_mm=ONE)
    with pytest.raises(InputError, match=r"accepted: \.csv, \.parquet, \.json"):
        tables.write(found, tmp_path / "out.xlsx")
    with pytest.raises(InputError, match="does not exist; create it first"):
        tables.write(found, tmp_path / "absent" / "out.csv")


def test_long_format_has_ids_and_units(default):
    found = default.extract(*case(), spacing_mm=ONE)
    tall = tables.long(found, default.described)
    assert list(tall.columns) == [*IDENTITY, "feature", "ibsi_id", "unit", "value"]
    assert len(tall) == 2 * len(default.columns)
    row = tall[(tall["label"] == 4) & (tall["feature"] == "original.morphology.surface_area")].iloc[0]
    assert (row["ibsi_id"], row["unit"]) == ("C0JK", "mm2")
    assert row["value"] == found.loc[1, "original.morphology.surface_area"]


def test_all_36_pet_patients_have_a_complete_row():
    patients = sorted(p for p in shared("data", "cohort_sts_pet").iterdir() if p.is_dir())
    assert len(patients) == 36
    ours = Extractor(
        settings={
            "resegmentation": {"range": [0, None]},
            "discretisation": [{"method": "fbs", "width": 0.25}],
            "exclude": ["morphology.morans_i_index", "morphology.gearys_c_measure", "local_intensity"],
        }
    )
    for patient in patients:
        row = ours.extract(patient / "PET_image.nii.gz", patient / "PET_mask.nii.gz")
        assert row["status"].tolist() == ["ok"], (patient.name, row["reason"].tolist())


@pytest.mark.parametrize("spacing", [1, "abc", (1, 2), None])
def test_a_spacing_that_is_none_is_an_input_error(default, spacing):
    image, mask = case()
    with pytest.raises(InputError, match="spacing_mm"):
        default.extract(image, mask, spacing_mm=spacing)
