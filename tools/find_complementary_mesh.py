"""Find by experiment how PyRadiomics triangulates a cell of its mesh: the facts in kernels/shape/complementary.py.

    /path/to/pyradiomics/bin/python tools/find_complementary_mesh.py      (two minutes)

PyRadiomics measures an array of 2 × 2 × 2 voxels as one cell, with the middle of voxel (0, 0, 0) as origin.

1. Each of the 256 configurations is measured at several spacings. Every way to draw it is tried: the two ways to part
   or join diagonal corners on each face, and every way to cut the loops into triangles. Those that give PyRadiomics'
   area and signed volume at each spacing must agree on the faces, and so on what the neighbouring cells see.
2. They are compared with kernels/shape/marching_cubes.py: the configuration's own triangles there, or those of its
   complement turned over. Which of the two follows from a single corner of the cell.
3. That rule is checked on random masks, for area, volume and diameters.
"""

from __future__ import annotations

import itertools
import platform
from collections.abc import Iterator

import make_marching_cubes as ours
import numpy as np
from radiomics import __version__, cShape

RNG = np.random.default_rng(0)
SPACINGS = [RNG.uniform(0.5, 3, 3).round(3) for _ in range(4)]
RINGS = list(ours.faces())


def same(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two measurements are equal but for rounding."""
    return np.allclose(a, b, rtol=1e-12, atol=1e-12)


def theirs(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, ...]:
    """PyRadiomics' area, volume and four diameters: in planes of equal z, of equal y, of equal x, and in space."""
    area, volume, diameters = cShape.calculate_coefficients(np.ascontiguousarray(mask, np.int8), spacing)
    return area, volume, *diameters


def measures(triangles: list[ours.Triangle], spacing: np.ndarray) -> tuple[float, float]:
    """Area and signed volume about the origin, of triangles in doubled coordinates."""
    t = np.array(triangles, float).reshape(-1, 3, 3) * (spacing / 2)
    normals = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    return np.linalg.norm(normals, axis=1).sum() / 2, (t[:, 0] * normals).sum() / 6


def drawings(inside: int) -> Iterator[tuple[tuple[bool, ...], list[ours.Triangle]]]:
    """Every way to draw a configuration: whether each ambiguous face joins its diagonal corners, and the triangles."""
    ambiguous = [k for k, ring in enumerate(RINGS) if len(ours.segments(inside, ring, False)) == 2]
    for choice in itertools.product((False, True), repeat=len(ambiguous)):
        joined = dict(zip(ambiguous, choice, strict=True))
        following = {}
        for k, ring in enumerate(RINGS):
            following.update(ours.segments(inside, ring, joined.get(k, False)))
        loops = []
        while following:
            loop = [min(following)]
            while (point := following.pop(loop[-1])) != loop[0]:
                loop.append(point)
            loops.append(tuple(loop))
        for cut in itertools.product(*map(ours.triangulations, loops)):
            yield choice, [triangle for part in cut for triangle in part]


def joins(inside: int) -> bool:
    """Whether PyRadiomics joins diagonal corners on the faces of a configuration; False where there are none."""
    cell = np.array([inside >> k & 1 for k in range(8)]).reshape(2, 2, 2)
    expected = [theirs(cell, spacing)[:2] for spacing in SPACINGS]
    found = {
        choice
        for choice, triangles in drawings(inside)
        if all(same(measures(triangles, s), e) for s, e in zip(SPACINGS, expected, strict=True))
    }
    assert len(found) == 1, f"configuration {inside}: {len(found)} ways to draw its faces fit"
    (choice,) = found
    assert len(set(choice)) <= 1, f"configuration {inside} parts on some faces and joins on others"
    turned = [t[::-1] for t in ours.triangles_of(255 - inside)]
    fits = turned if any(choice) else list(ours.triangles_of(inside))
    assert all(same(measures(fits, s), e) for s, e in zip(SPACINGS, expected, strict=True)), inside
    return any(choice)


def surface(mask: np.ndarray, corner: int) -> list[ours.Triangle]:
    """All triangles of a mask in doubled coordinates; cells with this corner inside have their complement's."""
    found = []
    for place in itertools.product(*(range(n - 1) for n in mask.shape)):
        cell = mask[tuple(slice(p, p + 2) for p in place)]
        inside = sum(int(v) << k for k, v in enumerate(cell.ravel()))
        own = ours.triangles_of(inside)
        if inside >> corner & 1:
            own = [t[::-1] for t in ours.triangles_of(255 - inside)]
        found += [tuple(tuple(v + 2 * p for v, p in zip(point, place, strict=True)) for point in t) for t in own]
    return found


def diameters(mask: np.ndarray, spacing: np.ndarray) -> list[float]:
    """Largest distance between middles of edges that the surface crosses: with equal z, equal y, equal x, and any."""
    points = []
    for axis in range(3):
        crossed = 2 * np.argwhere(np.diff(mask.astype(int), axis=axis))
        crossed[:, axis] += 1
        points.append(crossed)
    apart = np.concatenate(points)[:, None] - np.concatenate(points)[None]
    length = np.sqrt(((apart * (spacing / 2)) ** 2).sum(2))
    return [*(length[apart[..., axis] == 0].max() for axis in range(3)), length.max()]


def main() -> None:
    """Print what was found, or fail."""
    joined = {inside: joins(inside) for inside in range(1, 255)}
    parted = [c for c in joined if joined[255 - c] and not joined[c]]
    drawn = [*parted, *(255 - c for c in parted)]
    corners = [k for k in range(8) if all(joined[c] == bool(c >> k & 1) for c in drawn)]
    print(f"PyRadiomics {__version__}, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"{len(parted)} configurations part diagonal corners, and their complements join them")
    print(f"those that join them have this corner inside: {corners}")
    (corner,) = corners
    n = 0
    while n < 1000:
        mask = RNG.random(RNG.integers(1, 6, 3)) < RNG.choice([0.2, 0.5, 0.8])
        if not mask.any():
            continue
        mask, spacing, n = np.pad(mask, 1), RNG.uniform(0.5, 3, 3), n + 1
        expected = (*measures(surface(mask, corner), spacing), *diameters(mask, spacing))
        assert same(expected, theirs(mask, spacing)), (mask.astype(int).tolist(), spacing)
    print(f"area, volume and diameters of {n} random masks agree")


if __name__ == "__main__":
    main()
