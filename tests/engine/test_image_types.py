"""Image types: filters against naive twins, names, settings of their own, and images that cannot be made."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from naive import filters as naive
from voxomics import Extractor, ResourceError, Settings, SettingsError
from voxomics.engine import images
from voxomics.engine.errors import MissingExtraError
from voxomics.engine.families import ngldm
from voxomics.engine.filters import wavelets
from voxomics.engine.prepare import Prepared, build, find_vois
from voxomics.engine.run import Case
from voxomics.engine.volume import Image, MaskStack

ALL = [
    "original", {"type": "pyradiomics_log", "sigma_mm": [1.0, 3]}, "pyradiomics_wavelet", "pyradiomics_square",
    "pyradiomics_square_root", "pyradiomics_logarithm", "pyradiomics_exponential", "pyradiomics_gradient",
    "pyradiomics_lbp_2d",
]  # fmt: skip
DETAILS = ["LLH", "LHL", "LHH", "HLL", "HLH", "HHL", "HHH"]
SPACING = (2.0, 1.0, 0.7)
LIGHT = {"features": ["intensity_statistics", "glcm", "ngtdm"], "discretisation": ["fbn:8"]}


def volume(seed=0, shape=(7, 10, 9), dtype="i2", low=-300, high=500):
    return Image(np.random.default_rng(seed).integers(low, high, shape).astype(dtype), SPACING)


def made(chosen, image, threads=1):
    """Images of one image type by name."""
    return dict(images.derived(image, Settings.of({"image_types": [chosen]}), threads))


def test_names_are_those_of_papers():
    assert images.names(Settings.of({"image_types": ALL})) == (
        "original", "log-sigma-1-0-mm-3D", "log-sigma-3-mm-3D", *(f"wavelet-{name}" for name in (*DETAILS, "LLL")),
        "square", "squareroot", "logarithm", "exponential", "gradient", "lbp-2D",
    )  # fmt: skip
    levels = {"type": "pyradiomics_wavelet", "level": 2, "start_level": 1}
    assert images.names(Settings.of({"image_types": [levels]})) == (
        *(f"wavelet-{name}" for name in DETAILS), *(f"wavelet2-{name}" for name in (*DETAILS, "LLL"))
    )  # fmt: skip
    flat = {"type": "pyradiomics_wavelet", "axes": "xy"}
    assert images.names(Settings.of({"image_types": [flat]})) == (
        "wavelet-LH",
        "wavelet-HL",
        "wavelet-HH",
        "wavelet-LL",
    )


@pytest.mark.parametrize("wavelet", ["coif1", "haar", "bior1.3"])
@pytest.mark.parametrize("axes", ["xyz", "xy", "xz", "yz"])
@pytest.mark.parametrize("shape", [(6, 8, 10), (7, 5, 9), (1, 4, 3)])
def test_wavelets_are_their_naive_twin(wavelet, axes, shape):
    image = volume(1, shape)
    for level, start_level in ((1, 0), (2, 0), (1, 1)):
        chosen = {
            "type": "pyradiomics_wavelet",
            "wavelet": wavelet,
            "axes": axes,
            "level": level,
            "start_level": start_level,
        }
        found = made(chosen, image)
        expected = naive.wavelets(image.array, wavelet, axes, level, start_level)
        assert list(found) == list(expected)
        for name, one in found.items():
            assert one.array.shape == shape and one.array.dtype == np.float64 and one.array.flags.c_contiguous
            np.testing.assert_allclose(one.array, expected[name], rtol=1e-12, atol=1e-10)


def test_the_first_letter_of_a_wavelet_is_x_and_a_constant_is_scaled():
    along_x = Image(np.broadcast_to(np.arange(8) % 2, (4, 6, 8)).astype(float), SPACING)
    power = {name: np.abs(one.array).max() for name, one in made("pyradiomics_wavelet", along_x).items()}
    assert [name for name, most in power.items() if most > 1e-9] == ["wavelet-HLL", "wavelet-LLL"]
    constant = made("pyradiomics_wavelet", Image(np.full((4, 4, 4), 5.0), SPACING))
    np.testing.assert_allclose(constant["wavelet-LLL"].array, 5 * 2 * np.sqrt(2), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern`:UserWarning")
def test_float32_stays_float32_and_integers_become_float64():
    for dtype, expected in (("f4", "f4"), ("f8", "f8"), ("i2", "f8"), ("u1", "f8"), (">i2", "f8"), (">f4", "f4")):
        image = volume(2, dtype=dtype, low=0, high=100)
        assert {one.array.dtype for one in made("pyradiomics_wavelet", image).values()} == {np.dtype(expected)}
        assert (
            made({"type": "pyradiomics_log", "sigma_mm": [1.0]}, image)["log-sigma-1-0-mm-3D"].array.dtype == np.float32
        )
        assert made("pyradiomics_gradient", image)["gradient"].array.dtype == np.float32
        assert made("pyradiomics_square", image)["square"].array.dtype == np.float64
        assert made("pyradiomics_lbp_2d", image)["lbp-2D"].array.dtype == np.dtype(dtype)


@pytest.mark.parametrize("name", ["square", "square_root", "logarithm", "exponential"])
@pytest.mark.parametrize(("low", "high"), [(-300, 500), (-500, 300), (0, 60), (-60, 0)])
def test_functions_of_intensities_are_their_naive_twin(name, low, high):
    image = volume(3, low=low, high=high)
    (one,) = made(f"pyradiomics_{name}", image).values()
    np.testing.assert_allclose(one.array, naive.of_intensities(image.array, name), rtol=1e-13)


@pytest.mark.parametrize("use_spacing", [True, False])
def test_the_gradient_is_its_naive_twin(use_spacing):
    image = volume(4)
    (one,) = made({"type": "pyradiomics_gradient", "use_spacing": use_spacing}, image).values()
    np.testing.assert_allclose(one.array, naive.gradient(image.array, SPACING if use_spacing else (1, 1, 1)), rtol=1e-6)


@pytest.mark.parametrize("across", "zyx")
def test_local_binary_patterns_are_their_naive_twin(across):
    """Four neighbours at a distance of one voxel need no interpolation."""
    image = volume(5, low=0, high=6)
    (one,) = made({"type": "pyradiomics_lbp_2d", "samples": 4, "across": across}, image).values()
    np.testing.assert_array_equal(one.array, naive.uniform_patterns(image.array, "zyx".index(across)))


def test_log_is_the_laplacian_of_a_gaussian_times_sigma_squared():
    """A recursive filter is an approximation: within 2 % of the largest value of the exact one, and linear."""
    image = Image(np.zeros((31, 41, 41), np.float32), (2.0, 1.0, 1.0))
    image.array[15, 20, 20] = 1000
    for sigma in (2.5, 4.0):
        (one,) = made({"type": "pyradiomics_log", "sigma_mm": [sigma]}, image).values()
        exact = 1000 * naive.laplacian_of_gaussian((31, 41, 41), (15, 20, 20), image.spacing_mm, sigma)
        assert np.abs(one.array - exact).max() < 0.02 * np.abs(exact).max()
        doubled = dataclasses.replace(image, array=2 * image.array)
        (twice,) = made({"type": "pyradiomics_log", "sigma_mm": [sigma]}, doubled).values()
        np.testing.assert_array_equal(twice.array, 2 * one.array)


def test_threads_change_no_bit():
    image = volume(6, (23, 41, 37))
    kinds = [kind for kind in ALL if kind != "pyradiomics_lbp_2d"]
    alone = dict(images.derived(image, Settings.of({"image_types": kinds}), 1))
    for threads in (2, 3, 8):
        for name, one in images.derived(image, Settings.of({"image_types": kinds}), threads):
            assert one.array.tobytes() == alone[name].array.tobytes(), name


def table(settings, image, mask):
    return Extractor(settings=settings, backend="cpu", threads=1).extract(image.array, mask, spacing_mm=SPACING)


def two_vois(shape=(7, 10, 9)):
    mask = np.zeros(shape, np.uint8)
    mask[1:4, 2:8, 2:7] = 1
    mask[4:6, 2:8, 3:9] = 2
    return mask


def test_an_image_type_is_measured_as_the_same_array_would_be():
    image, mask = volume(7), two_vois()
    found = table({**LIGHT, "image_types": ALL}, image, mask)
    assert found["status"].tolist() == ["ok", "ok"]
    for name, one in images.derived(image, Settings.of({"image_types": ALL})):
        alone = table(LIGHT, one, mask)
        for column in alone.columns[7:]:
            feature = column.removeprefix("original.")
            np.testing.assert_array_equal(found[f"{name}.{feature}"], alone[column], err_msg=name)


def test_settings_of_one_image_type_alone():
    """Each image's columns are those of a run with its settings."""
    image, mask = volume(8), two_vois()
    own = {
        "discretisation": ["fbs:5:minimum", "fbn:16"], "aggregations": ["2d", "2d_averaged"], "ngtdm": {"distance": 2},
        "glcm": {"distance": 2}, "percentile": "lower",
        "features": ["glcm", "intensity_statistics.percentile_10", "ngtdm"],
    }  # fmt: skip
    found = table({**LIGHT, "image_types": ["original", {"type": "pyradiomics_square", **own}]}, image, mask)
    both = [table({**LIGHT, **more}, image, mask) for more in ({}, {**own, "image_types": "pyradiomics_square"})]
    expected = pd.concat([both[0], both[1].iloc[:, 7:]], axis=1)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert "square.glcm.contrast.2d_averaged.fbs5_minimum" in found and "square.intensity_statistics.mean" not in found


def test_intensities_in_another_unit_and_memory_follow_the_settings_of_the_image_type():
    image, mask = volume(8, dtype="f8"), two_vois()
    tiny = dataclasses.replace(image, array=image.array * 1e-300)
    statistics = {"features": ["intensity_statistics"]}
    own = table({**statistics, "image_types": [{"type": "original", "percentile": "lower"}]}, tiny, mask)
    pd.testing.assert_frame_equal(own, table({**statistics, "percentile": "lower"}, tiny, mask), check_exact=True)
    assert not own.equals(table(statistics, tiny, mask))
    asked, need = {}, ngldm.FAMILY.need

    def noted(batch, channel, settings, aggregations):
        asked[settings.image_types[-1].type] = settings.ngldm.distance
        return need(batch, channel, settings, aggregations)

    object.__setattr__(ngldm.FAMILY, "need", noted)
    try:
        kinds = [{"type": "pyradiomics_square", "ngldm": {"distance": 3}}, "original"]
        table({"features": ["ngldm"], "image_types": kinds}, image, mask)
    finally:
        object.__setattr__(ngldm.FAMILY, "need", need)
    assert asked == {"original": 1, "pyradiomics_square": 3}


def test_a_list_of_images_gives_what_each_alone_gives():
    ours = Extractor(settings={**LIGHT, "image_types": ALL}, backend="cpu", threads=2)
    scans = [(volume(20 + k, (7 + k, 10, 9)), MaskStack((two_vois((7 + k, 10, 9)),))) for k in range(4)]
    together = [rows.values for rows in ours.run([Case(k, lambda one=one: one) for k, one in enumerate(scans)])]
    for (image, stack), values in zip(scans, together, strict=True):
        alone = table({**LIGHT, "image_types": ALL}, image, stack.layers[0])
        np.testing.assert_array_equal(alone.iloc[:, 7:].to_numpy(float), values)


def test_the_padding_is_that_of_the_farthest_neighbour_in_any_image():
    settings = Settings.of({"image_types": ["original", {"type": "pyradiomics_square", "ngldm": {"distance": 4}}]})
    assert settings.pad == 4 and settings.by_image["original"].pad == 4 and Settings().pad == 1


def test_image_types_survive_yaml():
    chosen = [
        "original",
        {"type": "pyradiomics_log", "sigma_mm": [1, 2.0], "discretisation": "fbs:5:0"},
        "pyradiomics_square",
    ]
    settings = Settings.of({"image_types": chosen})
    written = settings.to_yaml()
    again = Settings.of(yaml.safe_load(written))
    assert again == settings and images.names(again)[1:3] == ("log-sigma-1-mm-3D", "log-sigma-2-0-mm-3D")
    assert yaml.safe_load(written)["image_types"][::2] == ["original", "pyradiomics_square"]
    assert Settings.of({"image_types": {"pyradiomics_square", "original"}}).to_yaml()
    own = settings.model_dump(mode="json")["image_types"][1]
    assert own["discretisation"] == [{"method": "fbs", "width": 5.0, "origin": 0.0}] and "glcm" not in own


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["wavelet"], "'wavelet' is unknown; did you mean 'pyradiomics_wavelet'"),
        (["LoG"], "'LoG' is unknown; did you mean 'pyradiomics_log'"),
        (["pyradiomics_logg"], "did you mean 'pyradiomics_log'"),
        ([], "give a list of image types"),
        ([3], "3 is no image type"),
        ([{"sigma_mm": [1]}], "is no image type; give its name, or a mapping whose `type`"),
        (["pyradiomics_log"], "sigma_mm: Field required"),
        ([{"type": "pyradiomics_log", "sigma_mm": [0]}], "must be positive"),
        ([{"type": "pyradiomics_log", "sigma_mm": [float("nan")]}], "must be positive"),
        ([{"type": "pyradiomics_log", "sigma_mm": [1, 1]}], "two image types give the image log-sigma-1-mm-3D"),
        (["pyradiomics_wavelet", {"type": "pyradiomics_wavelet", "wavelet": "haar"}], "two image types give the image"),
        ([{"type": "pyradiomics_square", "sigma": 1}], "unknown key 'sigma'"),
        (
            [{"type": "pyradiomics_square", "features": "glcx"}],
            "image type pyradiomics_square: .*'glcx' is unknown; did you",
        ),
        ([{"type": "pyradiomics_square", "aggregations": "3d_average"}], "'3d_average' is unknown; did you mean"),
        ([{"type": "pyradiomics_square", "discretisation": []}], "discretisation is empty"),
        ([{"type": "pyradiomics_wavelet", "axes": "zyx"}], "axes: Input should be 'xyz'"),
    ],
)
def test_wrong_image_types_say_what_is_right(chosen, message):
    with pytest.raises(SettingsError, match=message):
        Settings.of({"image_types": chosen})


def test_a_fixed_bin_size_on_a_derived_image_needs_an_origin_of_its_own():
    run = {"discretisation": "fbs:25", "ivh_discretisation": "fbn:100", "resegmentation": {"range": [-1000, 400]}}
    assert Settings.of({**run, "image_types": "original"})
    with pytest.raises(SettingsError, match="on image type pyradiomics_square, fixed bin size 25 needs an `origin`"):
        Settings.of({**run, "image_types": ["original", "pyradiomics_square"]})
    square = {"type": "pyradiomics_square", "discretisation": "fbs:25:0"}
    assert Settings.of({**run, "image_types": ["original", square]})


def test_an_unknown_wavelet_and_a_missing_package_are_told_before_anything_is_read(monkeypatch):
    with pytest.raises(SettingsError, match="wavelet 'coiff1' is unknown to PyWavelets; did you mean 'coif1"):
        Extractor(settings={"image_types": [{"type": "pyradiomics_wavelet", "wavelet": "coiff1"}]})
    for package, kind in (("pywt", "pyradiomics_wavelet"), ("skimage.feature", "pyradiomics_lbp_2d")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf'{kind} needs an optional package.*"voxomics\[filters\]"'):
            Extractor(settings={"image_types": kind})
        Extractor(settings={"image_types": "pyradiomics_square"})


def test_filters_are_imported_only_when_they_are_used():
    code = (
        "import sys; from voxomics import Extractor; "
        "Extractor(settings={'image_types': ['original', 'pyradiomics_square']}); "
        "print([name for name in ('pywt', 'skimage') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_versions_of_the_packages_that_filter_are_in_the_metadata():
    kinds = ["pyradiomics_wavelet", "pyradiomics_lbp_2d"]
    assert {"PyWavelets", "scikit-image"} <= Extractor(settings={"image_types": kinds}).meta["versions"].keys()
    assert "PyWavelets" not in Extractor().meta["versions"]


def test_an_image_too_small_for_a_sigma_gives_empty_cells_with_the_reason():
    """As PyRadiomics: 4 voxels along each axis, and a sigma and one voxel."""
    image, mask = volume(9), two_vois()
    kinds = ["original", {"type": "pyradiomics_log", "sigma_mm": [1.0, 12.5]}]
    found = table({**LIGHT, "image_types": kinds}, image, mask)
    assert found["status"].tolist() == ["partial", "partial"]
    assert "the image has 7 voxels along z, and a sigma of 12.5 mm needs 8" in found["reason"][0]
    names = [name for name in found.columns[7:] if found[name].isna().any()]
    assert names == [name for name in found.columns[7:] if name.startswith("log-sigma-12-5")]
    assert isinstance(made({"type": "pyradiomics_log", "sigma_mm": [5.5]}, image)["log-sigma-5-5-mm-3D"], Image)
    (why,) = made({"type": "pyradiomics_log", "sigma_mm": [0.5]}, volume(9, (3, 10, 9))).values()
    assert why == "the image has 3 voxels along z, and a sigma of 0.5 mm needs 4"


def test_an_image_without_a_type_shares_a_batch_with_one_that_has_it():
    settings = Settings.of({"image_types": ["original", {"type": "pyradiomics_log", "sigma_mm": [3.0]}]})
    parts = []
    for shape in ((7, 10, 9), (3, 10, 9)):
        stack = MaskStack((np.ones(shape, np.uint8),))
        parts.append(build(volume(10, shape), stack, find_vois(stack), settings))
    joined = Prepared.join(parts)
    assert [bool(text) for text in joined.absent["log-sigma-3-0-mm-3D"]] == [False, True]
    assert joined.derived_nonfinite["log-sigma-3-0-mm-3D"].tolist() == [0, 270]
    assert joined.absent["original"] == ("", "")


def test_one_nan_anywhere_in_the_image_reaches_every_voxel_of_a_recursive_filter():
    image, mask = volume(11, dtype="f8"), two_vois()
    image.array[0, 0, 0] = np.nan  # in no VOI
    kinds = ["original", {"type": "pyradiomics_log", "sigma_mm": [1.0]}, "pyradiomics_wavelet", "pyradiomics_square"]
    found = table({**LIGHT, "image_types": kinds}, image, mask)
    assert found["status"].tolist() == ["partial", "partial"]
    assert "90 values of the log-sigma-1-0-mm-3D image are NaN or infinite" in found["reason"][0]
    assert "90 values of the square image are NaN or infinite" in found["reason"][0]
    assert found["original.intensity_statistics.mean"].notna().all()
    reached = np.isnan(made("pyradiomics_wavelet", image)["wavelet-HHH"].array)
    for k in (1, 2):
        assert (
            found.loc[k - 1, "wavelet-HHH.intensity_statistics.mean"]
            != found.loc[k - 1, "original.intensity_statistics.mean"]
        )
        assert np.isnan(found.loc[k - 1, "wavelet-HHH.intensity_statistics.mean"]) == reached[mask == k].any()


@pytest.mark.parametrize("name", ["square", "square_root", "logarithm", "exponential"])
def test_an_image_of_zeros_has_missing_values_or_zeros_and_no_warning(name):
    (one,) = made(f"pyradiomics_{name}", Image(np.zeros((4, 5, 6), np.int16), SPACING)).values()
    assert np.isnan(one.array).all() or not one.array.any()


def test_codes_that_the_images_type_cannot_hold_are_refused():
    (one,) = made({"type": "pyradiomics_lbp_2d", "samples": 16, "method": "default"}, volume(12)).values()
    assert one == "codes up to 65535 do not fit an image of int16"


def test_memory_is_asked_for_before_a_filter_runs():
    image, mask = volume(13, (40, 50, 50)), np.zeros((40, 50, 50), np.uint8)
    mask[5:10, 5:10, 5:10] = 1
    settings = {**LIGHT, "memory": "5MB", "image_types": ["original", "pyradiomics_wavelet"]}
    with pytest.raises(
        ResourceError, match="image type pyradiomics_wavelet needs 8 MB for 40 × 50 × 50 voxels, but the limit"
    ):
        table(settings, image, mask)
    assert table({**settings, "memory": "20MB"}, image, mask)["status"][0] == "ok"


def test_derived_images_that_local_intensity_keeps_are_counted():
    image, stack = volume(13, (40, 50, 50)), MaskStack((np.ones((40, 50, 50), np.uint8),))
    kinds = ["original", "pyradiomics_square", "pyradiomics_square_root", "pyradiomics_exponential"]
    chosen = {"features": ["intensity_statistics", "local_intensity"], "image_types": kinds}
    whole = build(image, stack, find_vois(stack), Settings.of({**chosen, "memory": "3MB"}))
    assert [around.array.nbytes for batch in whole.batches.values() for around in batch.images] == [
        200_000,
        *[800_000] * 3,
    ]
    with pytest.raises(
        ResourceError, match=r"keeps 3 derived images in memory, 2\.4 MB or more, but the limit is 2MB; put"
    ):
        build(image, stack, find_vois(stack), Settings.of({**chosen, "memory": "2MB"}))
    build(image, stack, find_vois(stack), Settings.of({**chosen, "memory": "2MB", "exclude": "local_intensity"}))


def test_letters_count_in_binary():
    assert wavelets.letters(3) == [*DETAILS, "LLL"]
