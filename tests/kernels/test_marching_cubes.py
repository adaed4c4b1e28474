"""The generated table of kernels/shape/marching_cubes.py."""

from __future__ import annotations

import importlib.util
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from naive import morphology as naive
from voxomics.kernels.shape import marching_cubes

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "make_marching_cubes.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_marching_cubes", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def directed_edges(triangles):
    return Counter((tuple(t[i]), tuple(t[(i + 1) % 3])) for t in triangles for i in range(3))


def test_the_file_is_what_the_script_writes(script, capsys):
    script.main()
    assert capsys.readouterr().out == (ROOT / "kernels" / "shape" / "marching_cubes.py").read_text(encoding="utf-8")


def test_random_masks_have_closed_oriented_surfaces():
    """Each edge belongs to as many triangles in one direction as in the other, and to no more than two but where voxels touch."""
    rng = np.random.default_rng(0)
    for fill in (0.2, 0.5, 0.8):
        for _ in range(10):
            mask = rng.random((4, 5, 4)) < fill
            edges = directed_edges(naive.mesh(mask, (2, 2, 2)).round().astype(int).tolist())
            assert all(n == 1 and edges[b, a] == 1 for (a, b), n in edges.items())


def test_inside_and_outside_swap(script):
    """Swapped, the same surface turned inside out, with diagonal corners joined instead of apart."""
    for c in range(256):
        one, other = list(script.triangles_of(c)), [t[::-1] for t in script.triangles_of(255 - c, joined=True)]
        assert script.volume_of(c) + script.volume_of(255 - c, joined=True) == 48
        assert script.measures(one)[0] == script.measures(other)[0]
        rims = [set(directed_edges(t)) - {(b, a) for a, b in directed_edges(t)} for t in (one, other)]
        assert rims[0] == rims[1]


def test_area_and_volume_do_not_depend_on_how_the_cell_lies(script):
    rng = np.random.default_rng(1)
    spacing = rng.uniform(1, 2, 3)
    for order, mirrored, _ in script.symmetries():
        moved = np.array([_moved(c, order, mirrored) for c in range(256)])
        np.testing.assert_array_equal(marching_cubes.VOLUME[moved], marching_cubes.VOLUME)
        np.testing.assert_allclose(areas(spacing[list(order)])[moved], areas(spacing), rtol=1e-13)


def _moved(configuration, order, mirrored):
    result = 0
    for corner in itertools.product((0, 1), repeat=3):
        if configuration >> (4 * corner[0] + 2 * corner[1] + corner[2]) & 1:
            z, y, x = (1 - corner[o] if m else corner[o] for o, m in zip(order, mirrored, strict=True))
            result |= 1 << (4 * z + 2 * y + x)
    return result


def areas(spacing):
    """Area of each configuration in a cell of this size, float64 [256]."""
    return np.linalg.norm(marching_cubes.NORMALS * (np.prod(spacing) / spacing), axis=2).sum(1) / 8


def test_few_voxels_have_closed_forms():
    octahedron = 8 * np.sqrt(3) / 8
    for corners, expected in (((0,), octahedron / 8), ((0, 1), np.sqrt(0.5)), ((0, 1, 2, 3), 1.0), ((0, 3), octahedron / 4)):
        assert abs(areas(np.ones(3))[sum(1 << c for c in corners)] - expected) < 1e-15
    assert marching_cubes.VOLUME[[0, 1, 3, 15, 255]].tolist() == [0, 1, 6, 24, 48]


def test_classic_tables_agree():
    """Areas in a cell of 1 × 1.3 × 1.7 mm by scikit-image 0.26.0, marching_cubes(method="lorensen"), summed by corners inside.

    Each of the 256 equals ours. Its method "lewiner" (MIRP, z-rad) equals ours in 168, among them all
    without diagonal corners on a face.
    """
    got = areas(np.array([1.0, 1.3, 1.7]))
    bits = np.array([bin(c).count("1") for c in range(256)])
    np.testing.assert_allclose([got[bits == n].sum() for n in range(9)], LORENSEN, rtol=1e-12, atol=1e-12)


LORENSEN = (
    0.0,
    3.076377740135304,
    27.290114051141206,
    96.95487228322955,
    171.5815192159944,
    153.1032579389337,
    45.74838049195304,
    3.076377740135304,
    0.0,
)
