"""Morphology against its naive twin, closed forms, the digital phantom, PyRadiomics and MIRP."""

from __future__ import annotations

import csv

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from batches import assert_close, batch_of, random_volume
from naive import morphology as naive
from naive.spatial import spatial_autocorrelation
from naive.terms import assert_twin
from shared import shared
from voxomics.engine.families import morphology
from voxomics.engine.families import spatial_autocorrelation as spatial
from voxomics.engine.settings import Settings
from voxomics.kernels.shape import ellipsoid, hull, outline

FEATURES = morphology.FEATURES + spatial.FEATURES
NAMES = [feature.name for feature in FEATURES]
SPACING = (2.5, 0.8, 1.1)


def compute(batch, options):
    families = (morphology, spatial)
    return np.concatenate([f.compute(batch, None, np.arange(len(batch)), options, ())[:, 0] for f in families], axis=1)


def check(volumes, spacing=SPACING, options=None, masks=None):
    batch, options = batch_of(volumes, options, spacing, masks)
    got = compute(batch, options)
    low, high = options.resegmentation.range or (-np.inf, np.inf)
    for k, volume in enumerate(volumes):
        mask = volume > 0 if masks is None else masks[k]
        kept = mask & (volume >= low) & (volume <= high)
        kind = options.morphology.mesh
        twin = naive.morphology(volume, mask, kept, spacing, kind) | spatial_autocorrelation(volume, kept, spacing)
        assert list(twin) == NAMES
        assert_twin(got[k], twin, f"VOI {k}")
    return got


def test_every_id_stands_once():
    assert len({feature.ibsi for feature in FEATURES}) == 29


@settings(max_examples=20)
@given(
    size=st.tuples(*[st.integers(1, 6)] * 3),
    fill=st.sampled_from([0.2, 0.6, 0.9, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois_equal_the_twin(size, fill, seed):
    rng = np.random.default_rng(seed)
    check([random_volume(rng, size, 9, fill) for _ in range(2)], tuple(rng.uniform(0.5, 3, 3)))


def test_the_mesh_with_holes_equals_the_twin():
    rng = np.random.default_rng(8)
    volumes = [random_volume(rng, shape, 9, 0.5) for shape in ((3, 4, 5), (6, 5, 4), (1, 6, 7), (8, 3, 3))]
    got = check(volumes, options={"morphology": {"mesh": "complementary"}})
    assert (got[:, NAMES.index("volume_mesh")] != check(volumes)[:, NAMES.index("volume_mesh")]).any()


def test_masks_that_differ():
    rng = np.random.default_rng(1)
    volume = rng.integers(1, 10, (5, 6, 7))
    check([volume], masks=[rng.random(volume.shape) < 0.7], options={"resegmentation": {"range": [3, 8]}})


def test_no_voxel_left_in_the_intensity_mask():
    got = dict(zip(NAMES, check([np.full((2, 3, 2), 5)], options={"resegmentation": {"range": [6, 8]}})[0], strict=True))
    undefined = {name for name, value in got.items() if np.isnan(value)}
    assert undefined == {"centre_of_mass_shift", "integrated_intensity", "morans_i_index", "gearys_c_measure"}


def test_one_voxel_a_line_a_diagonal_and_a_plane():
    diagonal = np.zeros((4, 4, 4), int)
    diagonal[np.arange(4), np.arange(4), np.arange(4)] = [1, 2, 3, 9]
    got = check([np.full((1, 1, 1), 7), np.array([[[3, 5]]]), diagonal, np.arange(1, 7).reshape(1, 2, 3)])
    by_name = [dict(zip(NAMES, row, strict=True)) for row in got]
    for row in by_name:
        for name, feature in zip(NAMES, FEATURES, strict=True):
            assert feature.undefined or np.isfinite(row[name])
            assert np.isnan(row[name]) or feature.low - 1e-12 <= row[name] <= feature.high + 1e-12, name
    assert np.isnan(by_name[0]["major_axis_length"]) and np.isnan(by_name[0]["morans_i_index"])
    for row in by_name[1:3]:
        assert row["elongation"] == row["flatness"] == 0
        assert np.isnan(row["volume_density_aee"]) and np.isnan(row["area_density_aee"])
    assert by_name[3]["flatness"] == 0 and np.isnan(by_name[3]["volume_density_aee"])


def test_hull_of_lattice_points_equals_scipys():
    rng = np.random.default_rng(2)
    for n, top in ((8, 3), (60, 4), (300, 12), (400, 60)):
        points = np.concatenate([rng.integers(0, top, (n, 3)), np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)])])
        facets = hull.convex_hull(points)
        found = naive.ConvexHull(points)
        assert abs(facets[:, hull.OFFSET].sum() / 6 - found.volume) < 1e-9 * found.volume
        size = np.linalg.norm(facets[:, hull.NORMAL : hull.NORMAL + 3], axis=1).sum() / 2
        assert abs(size - found.area) < 1e-9 * found.area
        heights = points @ facets[:, hull.NORMAL : hull.NORMAL + 3].T - facets[:, hull.OFFSET]
        assert heights.max() == 0
        for f, row in enumerate(facets):
            for j in range(3):
                g = row[hull.BESIDE + j]
                edge = (row[hull.CORNER + j], row[hull.CORNER + (j + 1) % 3])
                back = [(facets[g, (s + 1) % 3], facets[g, s]) for s in range(3) if facets[g, hull.BESIDE + s] == f]
                assert edge in back


def test_candidates_hold_every_corner_of_the_hull():
    rng = np.random.default_rng(3)
    for fill in (0.05, 0.3, 0.8):
        mask = rng.random((7, 9, 8)) < fill
        region = np.pad(mask, 1).astype(np.uint8)
        found = outline.hull_candidates(region.ravel(), 0, *region.shape, 1)
        every = np.concatenate([2 * np.argwhere(mask) + sign * step for step in np.eye(3, dtype=int) for sign in (-1, 1)])
        corners = every[naive.ConvexHull(every).vertices]
        assert {tuple(c) for c in corners} <= {tuple(c) for c in found}
        assert {tuple(c) for c in found} <= {tuple(c) for c in every}


def smallest_ellipsoid(points):
    matrix = np.empty((3, 3))
    ellipsoid.enclosing_ellipsoid(points, matrix)
    axes = ellipsoid.semi_axes(matrix)
    return 4 / 3 * np.pi * axes.prod(), ellipsoid.area(*axes)


def test_smallest_ellipsoid_equals_the_slow_one():
    rng = np.random.default_rng(4)
    for n in (8, 40, 120):
        points = rng.normal(size=(n, 3)) * (5, 2, 1)
        a, b, c = np.sqrt(naive.smallest_ellipsoid(points))
        volume, area = smallest_ellipsoid(points)
        assert abs(volume / (4 / 3 * np.pi * a * b * c) - 1) < 1e-8
        assert abs(area / naive.ellipsoid_area(a, b, c).value - 1) < 1e-8


def test_smallest_ellipsoid_of_a_box_is_known():
    corners = np.array(np.meshgrid([0, 2], [0, 3], [0, 5])).reshape(3, -1).T.astype(float)
    volume, _ = smallest_ellipsoid(corners)
    assert abs(volume / (np.pi * np.sqrt(3) / 2 * 30) - 1) < 1e-12


def test_boxes_have_closed_forms():
    """A box of voxels is chamfered: edges by half a voxel, corners by a sixth of a voxel's eighth."""
    nz, ny, nx = 4, 3, 5
    got = dict(zip(NAMES, check([np.ones((nz, ny, nx), int)], (1.0, 1.0, 1.0))[0], strict=True))
    edges = 4 * (nz - 1 + ny - 1 + nx - 1)
    # each edge loses a prism 1/2 · 1/2 · 1/2 per voxel; what is left at a corner of the eighth of a voxel is 1/48
    volume = nz * ny * nx - edges / 8 - 8 * (1 / 8 - 1 / 48)
    faces = 2 * ((nz - 1) * (ny - 1) + (nz - 1) * (nx - 1) + (ny - 1) * (nx - 1))
    area = faces + edges * np.sqrt(0.5) + 8 * np.sqrt(3) / 8
    assert abs(got["volume_mesh"] - volume) < 1e-12 * volume
    assert abs(got["surface_area"] - area) < 1e-12 * area
    for name, expected in (("convex_hull", 1), ("ombb", volume / 60), ("aabb", volume / 60)):
        assert abs(got[f"volume_density_{name}"] - expected) < 1e-14
    expected = 4 * np.sqrt(np.array([nx**2 - 1, nz**2 - 1, ny**2 - 1]) / 12 * 60 / 59)
    np.testing.assert_allclose([got[f"{a}_axis_length"] for a in ("major", "minor", "least")], expected, rtol=1e-13)


def test_a_ball_comes_near_its_limits():
    z, y, x = np.ogrid[-16:17, -16:17, -16:17]
    volume = (z**2 + y**2 + x**2 <= 15.5**2).astype(int)
    batch, options = batch_of([volume])
    got = dict(zip(NAMES, morphology.compute(batch, None, np.arange(1), options, ())[0, 0], strict=False))
    assert abs(got["volume_mesh"] / (4 / 3 * np.pi * 15.5**3) - 1) < 0.01
    assert abs(got["maximum_3d_diameter"] / 31 - 1) < 0.03
    assert abs(got["elongation"] - 1) < 1e-12 and abs(got["flatness"] - 1) < 1e-12
    assert abs(got["volume_density_aee"] - np.sqrt(125) / 8) < 0.01  # axes of a full ball: 4 r / √5
    assert (15.4 / 16) ** 3 < got["volume_density_mvee"] < 1 and 0.96 < got["volume_density_convex_hull"] < 1


def test_the_area_of_an_ellipsoid_is_ibsis_series():
    """IBSI prints eccentricities that make the series differ from the true area; its reference value 1.36 follows the print."""
    axes = [(2.0, 2.0, 2.0), (5.7, 4.65, 4.27), (3.0, 2.0, 2.0), (3.0, 3.0, 2.0), (9.0, 1.0, 0.5)]
    got = [ellipsoid.area(*row) for row in axes]
    assert abs(got[0] - 16 * np.pi) < 1e-12
    np.testing.assert_allclose(got, [naive.ellipsoid_area(*row).value for row in axes], rtol=1e-12)


def test_what_is_not_wanted_is_left_out():
    batch, options = batch_of([random_volume(np.random.default_rng(5), (4, 5, 6), 5)], {})
    everything = morphology.compute(batch, None, np.arange(1), options, ())[0, 0]
    some = morphology.compute(batch, None, np.arange(1), _only("volume_mesh"), ())[0, 0]
    skipped = {NAMES[j] for j in np.flatnonzero(np.isnan(some))}
    assert skipped == set(morphology._HULL)
    kept = ~np.isnan(some)
    np.testing.assert_array_equal(some[kept], everything[kept])


class _only:
    """Settings that want one feature."""

    morphology = Settings().morphology

    def __init__(self, name):
        self.name = f"morphology.{name}"

    def wants(self, name):
        return name == self.name


def test_a_voi_is_the_same_alone_and_in_a_batch():
    rng = np.random.default_rng(6)
    volumes = [random_volume(rng, (5, 6, 7), n, fill) for n, fill in ((3, 0.9), (90, 0.5), (5, 1.0))]
    together, options = batch_of(volumes)
    whole = compute(together, options)
    for k, volume in enumerate(volumes):
        alone, options = batch_of([np.pad(volume, k)], {"glcm": {"distance": 1 + k}})
        np.testing.assert_array_equal(compute(alone, options)[0], whole[k])


def test_flips_and_turns():
    rng = np.random.default_rng(7)
    volume = random_volume(rng, (5, 6, 7), 90, 0.6)
    order = (2, 0, 1)
    first, options = batch_of([volume], spacing_mm=SPACING)
    turned, _ = batch_of([volume.transpose(order)[::-1, :, ::-1]], spacing_mm=tuple(SPACING[o] for o in order))
    assert_close(compute(turned, options), compute(first, options), 1e3)


def test_intensities_whose_sum_leaves_float64_are_undefined():
    batch, options = batch_of([np.full((3, 3, 3), 1.5e308) * np.tri(3)])
    got = dict(zip(NAMES, compute(batch, options)[0], strict=True))
    assert np.isnan(got["integrated_intensity"]) and np.isnan(got["centre_of_mass_shift"])
    assert np.isfinite(got["volume_mesh"])


def blob():
    """A smooth, lopsided body of 713 voxels without two voxels that touch along an edge alone; any judge can make it."""
    z, y, x = np.mgrid[:11, :17, :19].astype(float)
    waves = 0.25 * np.sin(1.1 * z + 0.7 * y) * np.cos(0.5 * x - 0.4 * y)
    return ((z - 5.2) / 4.4) ** 2 + ((y - 8.1) / 6.3) ** 2 + ((x - 9.3) / 7.7) ** 2 + waves < 0.85


def test_a_blob_as_pyradiomics_and_mirp_measure_it():
    """PyRadiomics 3.1.4 (bhklab) divides the covariance by n; MIRP 2.7.0 searches the oriented box by turning step by step."""
    batch, options = batch_of([blob().astype(int)], spacing_mm=SPACING)
    got = dict(zip(NAMES, compute(batch, options)[0], strict=True))
    n = 713
    pyradiomics = {
        "volume_mesh": 1541.925,
        "surface_area": 828.0210848306351,
        "sphericity": 0.7795037854892295,
        "surface_to_volume_ratio": 0.5370047731443716,
        "maximum_3d_diameter": 21.56501796892365,
        "volume_voxel_counting": 1568.6,
        "major_axis_length": 18.283861895902035 * np.sqrt(n / (n - 1)),
        "minor_axis_length": 14.12877227827363 * np.sqrt(n / (n - 1)),
        "least_axis_length": 8.527782966309351 * np.sqrt(n / (n - 1)),
        "elongation": 0.7727455150730663,
        "flatness": 0.4664103795391653,
    }
    mirp = {
        "volume_mesh": 1541.9250000000006,
        "surface_area": 828.0210848306406,
        "volume_density_convex_hull": 1541.925 / 1780.9,
        "area_density_convex_hull": 828.0210848306406 / 795.7108757371986,
        "volume_density_aabb": 0.44927884615384633,
        "area_density_aabb": 0.5834421398186588,
    }
    for judge in (pyradiomics, mirp):
        for name, expected in judge.items():
            assert abs(got[name] / expected - 1) < 1e-9, name
    assert 0 < got["volume_density_ombb"] / 0.46006772412827057 - 1 < 1e-4  # a smaller box than MIRP's


def test_the_digital_phantom():
    import SimpleITK as sitk

    folder = shared("data", "ibsi1", "digital_phantom")
    image, mask = (sitk.ReadImage(str(folder / f"{name}.nii.gz")) for name in ("image", "mask"))
    volume = np.where(sitk.GetArrayFromImage(mask) > 0, sitk.GetArrayFromImage(image), 0).astype(int)
    batch, options = batch_of([volume], spacing_mm=image.GetSpacing()[::-1])
    got = compute(batch, options)[0]
    text = shared("data", "ibsi1", "ibsi1_reference_digital_A_C_D.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["config"] == "digital" and row["family_code"] == "HCUG"]
    assert len(rows) == 25
    for row in rows:
        j = [feature.ibsi for feature in FEATURES].index(row["ibsi_code"])
        slack = 0.5 * 10.0 ** (np.floor(np.log10(abs(float(row["value"])))) - 2)  # the reference is rounded to three digits
        assert abs(got[j] - float(row["value"])) <= float(row["tolerance"]) + slack, row["feature"]
