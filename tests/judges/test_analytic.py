"""Shapes and textures whose features are known from a formula or can be counted by hand."""

from __future__ import annotations

import functools
from itertools import product

import numpy as np
import pytest

from voxomics import Extractor

SPACINGS = [(1.0, 1.0, 1.0), (2.5, 0.8, 1.1), (0.3, 4.0, 0.7)]
LEVELS = {"discretisation": [{"method": "none"}], "ivh_discretisation": {"method": "none"}}


@functools.cache
def extractor(family, aggregations, distance):
    return Extractor(
        settings={
            **LEVELS,
            "features": [family],
            "aggregations": list(aggregations),
            **{name: {"distance": distance} for name in ("glcm", "ngtdm", "ngldm")},
        },
        threads=1,
    )


def measured(family, image, mask=None, spacing_mm=(1.0, 1.0, 1.0), aggregation="3d", distance=1):
    """{feature: value} of one family; images are grey levels, the whole of them without a mask."""
    image = np.asarray(image, float)
    mask = np.ones(image.shape, np.uint8) if mask is None else mask.astype(np.uint8)
    ours = extractor(family, (aggregation,), distance)
    row = ours.extract(image, mask, spacing_mm=spacing_mm).iloc[0]
    assert row["status"] != "failed", row["reason"]
    return {name.split(".")[2]: float(row[name]) for name in ours.columns}


def directions(distance=1, planar=False):
    """One of each pair of opposite neighbours, times the distance: the manual's 13 directions (4 in plane) at each distance."""
    every = [d for d in product((-1, 0, 1), repeat=3) if d > (0, 0, 0) and not (planar and d[0])]
    return [tuple(distance * k for k in d) for d in every]


def indices(shape):
    return np.indices(shape)


def checkerboard(shape):
    return 1 + indices(shape).sum(0) % 2


def stripes(shape):
    """Planes of 1 and 2 in turn along x."""
    return np.broadcast_to(1 + np.arange(shape[2]) % 2, shape)


# --- morphology


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 4), (3, 1, 2), (2, 5, 3)])
def test_a_box_of_voxels(size, spacing):
    """Its mesh at level 0.5 is the box with chamfered edges, and with a triangle for each corner."""
    n, s = np.array(size), np.array(spacing)
    got = measured("morphology", np.arange(1, n.prod() + 1).reshape(size), spacing_mm=spacing)
    volume = s.prod() * (n.prod() - 4 * (n - 1).sum() / 8 - 8 * (1 / 8 - 1 / 48))
    area = 8 * 0.5 * np.sqrt(((s[[0, 1, 2]] * s[[1, 2, 0]] / 4) ** 2).sum())
    for axis in range(3):
        b, c = (axis + 1) % 3, (axis + 2) % 3
        area += 2 * (n[b] - 1) * s[b] * (n[c] - 1) * s[c] + 4 * (n[axis] - 1) * s[axis] * np.hypot(s[b], s[c]) / 2
    reach = [((n[axis] * s[axis]) ** 2 + (((n - 1) * s) ** 2).sum() - ((n[axis] - 1) * s[axis]) ** 2) for axis in range(3)]
    sides = n * s
    expected = {
        "volume_mesh": volume,
        "volume_voxel_counting": (n * s).prod(),
        "surface_area": area,
        "surface_to_volume_ratio": area / volume,
        "sphericity": (36 * np.pi * volume**2) ** (1 / 3) / area,
        "compactness_1": volume / (np.sqrt(np.pi) * area**1.5),
        "compactness_2": 36 * np.pi * volume**2 / area**3,
        "spherical_disproportion": area / (36 * np.pi * volume**2) ** (1 / 3),
        "asphericity": area / (36 * np.pi * volume**2) ** (1 / 3) - 1,
        "maximum_3d_diameter": np.sqrt(max(reach)),
        "volume_density_convex_hull": 1,
        "area_density_convex_hull": 1,
        "volume_density_aabb": volume / sides.prod(),
        "area_density_aabb": area / (2 * (sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2])),
        "integrated_intensity": volume * (n.prod() + 1) / 2,
    }
    if n.prod() > 1:
        axes = np.sort(4 * s * np.sqrt((n**2 - 1) / 12 * n.prod() / (n.prod() - 1)))[::-1]
        for name, value in zip(("major", "minor", "least"), axes, strict=True):
            expected[f"{name}_axis_length"] = value
        expected |= {"elongation": axes[1] / axes[0], "flatness": axes[2] / axes[0]}
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("spacing", SPACINGS)
def test_one_voxel_is_an_octahedron(spacing):
    """Its smallest ellipsoid has the voxel's half sides as semi-axes, so that 1/π of it is filled."""
    got = measured("morphology", [[[7]]], spacing_mm=spacing)
    assert got["volume_mesh"] == pytest.approx(np.prod(spacing) / 6, rel=1e-14)
    assert got["volume_density_mvee"] == pytest.approx(1 / np.pi, rel=1e-9)


def test_the_boxes_of_a_regular_octahedron():
    """Lying on a facet it fills half of the smallest box, hexagon × distance of facets; along the axes it fills a sixth."""
    got = measured("morphology", [[[7]]], spacing_mm=(2, 2, 2))
    edge = np.sqrt(2)
    sides = np.array([2 / np.sqrt(3), 1, np.sqrt(2 / 3)]) * edge
    box = 2 * (sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2])
    assert got["volume_density_aabb"] == pytest.approx(1 / 6, rel=1e-14)
    assert got["volume_density_ombb"] == pytest.approx(1 / 2, rel=1e-12)
    assert got["area_density_ombb"] == pytest.approx(2 * np.sqrt(3) * edge**2 / box, rel=1e-12)
    assert got["area_density_mvee"] == pytest.approx(np.sqrt(3) / np.pi, rel=1e-9)


def ellipsoid(semi_axes, spacing, turn=None):
    """Voxels whose centres lie in an ellipsoid (z, y, x in mm), around a point that is no voxel's centre."""
    turn = np.eye(3) if turn is None else turn
    s = np.array(spacing)
    half = np.ceil(max(semi_axes) / s).astype(int) + 1
    mm = (indices(2 * half + 1).reshape(3, -1).T - half - (0.21, 0.13, 0.37)) * s
    inside = ((mm @ turn / semi_axes) ** 2).sum(1) <= 1
    return inside.reshape(2 * half + 1)


SHAPE_ONLY = Extractor(
    settings={"features": ["morphology"], "exclude": ["morphology.morans_i_index", "morphology.gearys_c_measure"]}, threads=1
)


def shape_of(mask, spacing):
    row = SHAPE_ONLY.extract(np.ones(mask.shape), mask.astype(np.uint8), spacing_mm=spacing).iloc[0]
    return {name.split(".")[2]: float(row[name]) for name in SHAPE_ONLY.columns}


def test_balls_come_nearer_to_a_ball():
    errors = []
    for radius in (4.0, 8.0, 16.0, 32.0):
        got = shape_of(ellipsoid((radius,) * 3, (1.0, 1.0, 1.0)), (1.0, 1.0, 1.0))
        errors.append(abs(got["volume_mesh"] / (4 / 3 * np.pi * radius**3) - 1))
        # a mesh of a 0/1 mask stays stepped: its area is some 8 % too large at each size, never too small
        assert 1.0 < got["surface_area"] / (4 * np.pi * radius**2) < 1.12
        assert 0.90 < got["sphericity"] < 1.0
        assert got["sphericity"] * got["spherical_disproportion"] == pytest.approx(1, rel=1e-14)
        assert got["compactness_2"] == pytest.approx(got["sphericity"] ** 3, rel=1e-13)
        assert got["asphericity"] == pytest.approx(1 / got["sphericity"] - 1, abs=1e-14)
        assert 0 <= got["maximum_3d_diameter"] / (2 * radius) - (1 - 1 / radius) < 2 / radius
    assert errors[0] < 0.06 and errors[1] < 0.02 and errors[2] < 0.005 and errors[3] < 0.002


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.9, 1.3)])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_the_axes_of_an_ellipsoid(spacing, angle):
    """A full ellipsoid's variance along a semi-axis a is a² / 5, so an axis length of 4 √λ is 4 a / √5."""
    a, b, c = 28.0, 19.0, 12.0
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    got = shape_of(ellipsoid((c, a, b), spacing, turn), spacing)
    for name, value in (("major", a), ("minor", b), ("least", c)):
        assert got[f"{name}_axis_length"] * np.sqrt(5) / 4 == pytest.approx(value, rel=0.005), name
    assert got["elongation"] == pytest.approx(b / a, rel=0.005)
    assert got["flatness"] == pytest.approx(c / a, rel=0.005)
    assert got["volume_mesh"] == pytest.approx(4 / 3 * np.pi * a * b * c, rel=0.005)
    assert got["volume_density_aee"] == pytest.approx(np.sqrt(125) / 8, rel=0.01)
    assert 0.85 < got["volume_density_mvee"] < 1
    assert got["volume_density_ombb"] == pytest.approx(np.pi / 6, rel=0.06)  # a box 2a × 2b × 2c, whichever way it is turned
    assert got["volume_density_ombb"] >= got["volume_density_aabb"] - 1e-12


def test_the_centre_of_mass_moves_along_a_ramp():
    """Intensity 1 + k along x: the mean of x weighted by it is off the middle by var(x) / mean intensity."""
    n, spacing = 9, (2.5, 0.8, 1.1)
    got = measured("morphology", np.broadcast_to(1.0 + np.arange(n), (2, 3, n)), spacing_mm=spacing)
    assert got["centre_of_mass_shift"] == pytest.approx((n**2 - 1) / 12 / ((n + 1) / 2) * spacing[2], rel=1e-12)


def test_spatial_correlation_of_two_and_three_voxels():
    got = measured("morphology", [[[3, 8]]], spacing_mm=SPACINGS[1])
    assert (got["morans_i_index"], got["gearys_c_measure"]) == (pytest.approx(-1, rel=1e-12), pytest.approx(1, rel=1e-12))
    # -1, 0, 1 with weights 1, 1, 1/2: I = 3 · (-1) / (5 · 2), C = 2 · 2 (1 + 1 + 4/2) / (2 · 5 · 2)
    got = measured("morphology", [[[1, 2, 3]]], spacing_mm=SPACINGS[1])
    assert (got["morans_i_index"], got["gearys_c_measure"]) == (pytest.approx(-0.3, rel=1e-12), pytest.approx(0.8, rel=1e-12))


def test_spatial_correlation_of_a_gradient_and_of_alternation():
    shape = (9, 8, 10)
    gradient = measured("morphology", 1.0 + indices(shape)[0], spacing_mm=(1, 1, 1))
    alternating = measured("morphology", checkerboard(shape), spacing_mm=(1, 1, 1))
    expected = -1 / (np.prod(shape) - 1)  # of intensities without any pattern
    assert gradient["morans_i_index"] > 0.1 > expected > alternating["morans_i_index"]
    assert gradient["gearys_c_measure"] < 0.9 < 1 < alternating["gearys_c_measure"]


# --- intensities


@pytest.mark.parametrize("n", [2, 10, 1000])
def test_the_first_n_integers(n):
    got = measured("intensity_statistics", np.random.default_rng(n).permutation(np.arange(1.0, n + 1)).reshape(1, 2, -1))
    sd = np.sqrt((n**2 - 1) / 12)
    expected = {
        "mean": (n + 1) / 2,
        "variance": sd**2,
        "skewness": 0,
        "kurtosis": -6 / 5 * (n**2 + 1) / (n**2 - 1),
        "median": (n + 1) / 2,
        "minimum": 1,
        "maximum": n,
        "range": n - 1,
        "percentile_10": 1 + 0.1 * (n - 1),
        "percentile_90": 1 + 0.9 * (n - 1),
        "interquartile_range": 0.5 * (n - 1),
        "mean_absolute_deviation": n / 4,  # n is even
        "median_absolute_deviation": n / 4,
        "coefficient_of_variation": sd / ((n + 1) / 2),
        "quartile_coefficient_of_dispersion": 0.5 * (n - 1) / (n + 1),
        "energy": n * (n + 1) * (2 * n + 1) / 6,
        "root_mean_square": np.sqrt((n + 1) * (2 * n + 1) / 6),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-13, abs=1e-13), name
    if n > 2:  # the middle eight tenths lie between the percentiles
        assert got["robust_mean_absolute_deviation"] == pytest.approx(0.8 * n / 4, rel=1e-13)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_two_values(share):
    n = 400
    p, q = share, 1 - share
    image = np.where(np.arange(n) < p * n, 7.0, 3.0).reshape(4, 10, 10)
    got = measured("intensity_statistics", image)
    assert got["mean"] == pytest.approx(3 + 4 * p, rel=1e-14)
    assert got["variance"] == pytest.approx(16 * p * q, rel=1e-13)
    assert got["skewness"] == pytest.approx((q - p) / np.sqrt(p * q), abs=1e-12)
    assert got["kurtosis"] == pytest.approx((1 - 6 * p * q) / (p * q), abs=1e-12)
    assert got["mean_absolute_deviation"] == pytest.approx(8 * p * q, rel=1e-13)


def test_a_histogram_of_equal_bins():
    got = measured("intensity_histogram", 1 + np.arange(512).reshape(8, 8, 8) % 16)
    expected = {"entropy": 4, "uniformity": 1 / 16, "mean": 8.5, "variance": (16**2 - 1) / 12, "mode": 8, "range": 15}
    expected |= {"maximum_histogram_gradient": 0, "minimum_histogram_gradient": 0, "median": 8.5}
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-14, abs=1e-14), name


def test_the_intensity_volume_histogram_of_a_ramp():
    """Intensities 1..101, four voxels each: ν falls in a straight line from 1 to 1/101 while γ climbs from 0 to 1."""
    n = 101
    got = measured("intensity_volume_histogram", np.repeat(np.arange(1.0, n + 1), 4).reshape(4, 101, 1))
    expected = {
        "volume_at_intensity_fraction_10": 91 / n,  # γ ≥ 0.1 from i = 11 on
        "volume_at_intensity_fraction_90": 11 / n,
        "volume_fraction_difference_10_90": 80 / n,
        "intensity_at_volume_fraction_10": 92,  # ten of 101 are at least 92
        "intensity_at_volume_fraction_90": 12,
        "intensity_fraction_difference_10_90": 80,
        "area_under_curve": (1 + 1 / n) / 2,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-14), name


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_local_peak_of_a_constant_image(spacing):
    mask = np.zeros((9, 9, 9))
    mask[3:6, 4:7, 2:5] = 1
    got = measured("local_intensity", np.full(mask.shape, 3.7), mask, spacing)
    assert got == {"local_intensity_peak": pytest.approx(3.7, rel=1e-14), "global_intensity_peak": pytest.approx(3.7, rel=1e-14)}


@pytest.mark.parametrize("spacing", SPACINGS[:2])
def test_the_local_peak_of_one_bright_voxel(spacing):
    """Its mean is its share of the voxels whose centres lie within the radius of a sphere of 1 cm³."""
    shape = (17, 21, 17)
    away = (indices(shape).reshape(3, -1).T - (8, 10, 8)) * spacing
    inside = (away**2).sum(1) <= (3 / (4 * np.pi)) ** (2 / 3) * 100
    image = np.zeros(shape)
    image[8, 10, 8] = 5.0
    got = measured("local_intensity", image, image > 0, spacing)
    assert got["local_intensity_peak"] == got["global_intensity_peak"] == pytest.approx(5 / inside.sum(), rel=1e-13)


# --- textures


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_glcm_of_stripes(distance):
    """Planes of 1 and 2 along x: neighbours differ by |dx| mod 2, whatever dy and dz are."""
    shape = (4, 6, 8)
    image = stripes(shape)
    assert (len(directions(distance)), len(directions(distance, planar=True))) == (13, 4)
    every = directions(distance)
    odd = [abs(d[2]) % 2 for d in every]
    got = measured("glcm", image, aggregation="3d_averaged", distance=distance)
    assert got["contrast"] == pytest.approx(np.mean(odd), rel=1e-14)
    assert got["dissimilarity"] == pytest.approx(np.mean(odd), rel=1e-14)
    assert got["joint_entropy"] == pytest.approx(1, rel=1e-14)  # (1,1) and (2,2), or (1,2) and (2,1), with 1/2 each
    assert got["angular_second_moment"] == pytest.approx(1 / 2, rel=1e-14)
    assert got["correlation"] == pytest.approx(np.mean(1 - 2 * np.array(odd)), rel=1e-13)
    assert got["joint_average"] == pytest.approx(1.5, rel=1e-14)
    assert got["inverse_difference"] == pytest.approx(1 - np.mean(odd) / 2, rel=1e-14)
    assert got["normalised_inverse_difference_moment"] == pytest.approx(1 - np.mean(odd) / 5, rel=1e-14)
    pairs = [np.prod([n - abs(k) for n, k in zip(shape, d, strict=True)]) for d in every]
    differ = np.dot(pairs, odd) / np.sum(pairs)
    merged = measured("glcm", image, aggregation="3d_merged", distance=distance)
    entropy = -sum(p * np.log2(p) for p in (differ, 1 - differ) if p)
    assert merged["contrast"] == pytest.approx(differ, rel=1e-14)
    assert merged["correlation"] == pytest.approx(1 - 2 * differ, rel=1e-12)
    assert merged["joint_entropy"] == pytest.approx(1 + entropy, rel=1e-12)
    planar = [abs(d[2]) % 2 for d in directions(distance, planar=True)]
    assert measured("glcm", image, aggregation="2d_averaged", distance=distance)["contrast"] == pytest.approx(np.mean(planar))


def test_glcm_of_a_checkerboard():
    """Along axes and space diagonals (7 of 13) neighbours differ; along face diagonals they are equal."""
    got = measured("glcm", checkerboard((4, 4, 4)), aggregation="3d_averaged")
    assert got["contrast"] == pytest.approx(7 / 13, rel=1e-14)
    assert got["correlation"] == pytest.approx(-1 / 13, rel=1e-12)
    assert got["joint_maximum"] == pytest.approx(1 / 2, rel=1e-14)


def test_glcm_of_a_constant_image():
    got = measured("glcm", np.full((3, 4, 5), 6), aggregation="3d_averaged")
    assert (got["contrast"], got["joint_entropy"], got["joint_maximum"], got["autocorrelation"]) == (0, 0, 1, 36)
    assert np.isnan(got["correlation"]) and np.isnan(got["information_correlation_1"])


def test_glrlm_of_stripes():
    """One slice, rows of 1 2 1 2 …: runs of one voxel in three directions, of the whole column in one."""
    n = 8
    got = measured("glrlm", stripes((1, n, 10)), aggregation="2d_averaged")
    expected = {
        "short_runs_emphasis": (3 + 1 / n**2) / 4,
        "long_runs_emphasis": (3 + n**2) / 4,
        "run_percentage": (3 + 1 / n) / 4,
        "low_grey_level_run_emphasis": (1 + 1 / 4) / 2,
        "high_grey_level_run_emphasis": (1 + 4) / 2,
        "normalised_grey_level_non_uniformity": 1 / 2,
        "normalised_run_length_non_uniformity": 1,
        "run_length_variance": 0,
        "grey_level_variance": 1 / 4,
        "run_entropy": 1,
        "long_run_high_grey_level_emphasis": (3 + n**2) / 4 * 5 / 2,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-14, abs=1e-14), name


def test_glrlm_of_a_constant_cube():
    """Runs of a cube of n: n² of length n along an axis; the lines of length k < n along a face diagonal come 2 n times."""
    n = 5
    got = measured("glrlm", np.full((n, n, n), 3), aggregation="3d_merged")
    lengths = [n] * (3 * n * n)
    lengths += 6 * n * [*range(1, n), *range(1, n + 1)]
    diagonal = [n - max(a, b) for a in range(n) for b in range(n)]  # first voxel on z = 0; then on y = 0 and on x = 0
    diagonal += [n - max(a, b) for a in range(1, n) for b in range(n)] + [n - max(a, b) for a in range(1, n) for b in range(1, n)]
    lengths += 4 * diagonal
    assert sum(lengths) == 13 * n**3
    lengths = np.array(lengths, float)
    assert got["long_runs_emphasis"] == pytest.approx((lengths**2).mean(), rel=1e-13)
    assert got["short_runs_emphasis"] == pytest.approx((lengths**-2).mean(), rel=1e-13)
    assert got["run_percentage"] == pytest.approx(len(lengths) / (13 * n**3), rel=1e-13)
    assert got["run_length_variance"] == pytest.approx(lengths.var(), rel=1e-12)


def test_glszm_of_a_checkerboard():
    """Neighbours across edges count (26-connected): two zones. With faces alone (6-connected) each voxel would be a zone."""
    n = 4
    got = measured("glszm", checkerboard((n, n, n)))
    assert got["zone_percentage"] == pytest.approx(2 / n**3, rel=1e-14)
    assert got["large_zone_emphasis"] == (n**3 / 2) ** 2
    assert got["zone_size_entropy"] == pytest.approx(1, rel=1e-14)
    sliced = measured("glszm", checkerboard((n, n, n)), aggregation="2d")
    assert sliced["large_zone_emphasis"] == (n**2 / 2) ** 2  # 8-connected in a slice


def test_glszm_of_voxels_that_never_meet_their_like():
    z, y, x = indices((4, 4, 4)) % 2
    got = measured("glszm", 1 + 4 * z + 2 * y + x)
    assert got["zone_percentage"] == got["small_zone_emphasis"] == got["large_zone_emphasis"] == 1
    assert got["zone_size_entropy"] == pytest.approx(3, rel=1e-14)


def test_gldzm_of_a_cube_in_shells():
    """A cube of 5: shells of 98, 26 and 1 voxels at distance 1, 2 and 3, each a level and a zone of its own."""
    depth = 3 - np.abs(indices((5, 5, 5)) - 2).max(0)
    image, mask = np.pad(depth, 2, constant_values=9), np.pad(np.ones((5, 5, 5)), 2)
    got = measured("gldzm", image, mask)
    expected = {
        "small_distance_emphasis": (1 + 1 / 4 + 1 / 9) / 3,
        "large_distance_emphasis": (1 + 4 + 9) / 3,
        "large_distance_high_grey_level_emphasis": (1 + 16 + 81) / 3,
        "zone_percentage": 3 / 125,
        "zone_distance_variance": 2 / 3,
        "zone_distance_entropy": np.log2(3),
        "zone_distance_non_uniformity": 1,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-14), name


def test_gldzm_counts_steps_across_faces():
    """The middle of a plus is two steps away from the outside, though the voxel diagonally beside it lies outside."""
    mask = np.zeros((1, 7, 7))
    mask[0, 3, :], mask[0, :, 3] = 1, 1
    image = np.ones(mask.shape)
    image[0, 3, 3] = 2
    got = measured("gldzm", image, mask, aggregation="2d")
    # the four arms are one zone, as they touch diagonally; distance 1
    assert got["large_distance_emphasis"] == (1 + 4) / 2
    assert got["zone_percentage"] == pytest.approx(2 / 13, rel=1e-14)


def test_ngtdm_of_a_constant_image_and_of_two_voxels():
    got = measured("ngtdm", np.full((3, 4, 5), 6))
    assert got == {"coarseness": 1e6, "contrast": 0, "busyness": 0, "complexity": 0, "strength": 0}
    # 1 and 3: p = 1/2, s = 2 each
    got = measured("ngtdm", [[[1, 3]]])
    expected = {"coarseness": 1 / 2, "contrast": 2, "busyness": 1, "complexity": 4, "strength": 2}
    assert got == {name: pytest.approx(value, rel=1e-14) for name, value in expected.items()}


def test_ngldm_of_a_constant_cube():
    """A voxel of a cube depends on itself and its neighbours: 8 in a corner, 12 on an edge, 18 on a face, 27 inside."""
    n = 5
    got = measured("ngldm", np.full((n, n, n), 4))
    size = np.array([8, 12, 18, 27])
    p = np.array([8, 12 * (n - 2), 6 * (n - 2) ** 2, (n - 2) ** 3]) / n**3
    expected = {
        "low_dependence_emphasis": (p / size**2).sum(),
        "high_dependence_emphasis": (p * size**2).sum(),
        "high_dependence_high_grey_level_emphasis": 16 * (p * size**2).sum(),
        "low_grey_level_count_emphasis": 1 / 16,
        "normalised_dependence_count_non_uniformity": (p**2).sum(),
        "dependence_count_percentage": 1,
        "dependence_count_variance": (p * size**2).sum() - (p * size).sum() ** 2,
        "dependence_count_entropy": -(p * np.log2(p)).sum(),
        "dependence_count_energy": (p**2).sum(),
        "grey_level_variance": 0,
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-13, abs=1e-13), name
