"""Write kernels/shape/marching_cubes.py: a 0/1 volume's surface in one cell, for all 256 configurations of its corners.

    python tools/make_marching_cubes.py > kernels/shape/marching_cubes.py

A cell spans 2 × 2 × 2 voxel centres. Lengths are doubled, so that corners lie at 0 and 2 and the surface's vertices, the middles
of edges between an inside and an outside corner, at odd places: all arithmetic is in integers.

1. On each of the six faces, segments part the inside corners from the outside ones. Where two inside corners lie diagonally,
   both ways of drawing are right; `joined` chooses for all cells alike, so that neighbouring cells always agree and the surface
   is closed. The engine uses joined = False: two voxels that share only an edge are apart (docs/decisions/0010-surface-mesh.md).
2. Segments join to loops, and each loop is triangulated. A loop that is not flat can be triangulated in several ways, with other
   areas and volumes. The one taken has no edge within a face beyond the segments (four triangles could share such an edge),
   measures the same after every symmetry that the loop has (so area and volume do not depend on how the patient lies), and bends
   least (fewest planes). Where that leaves two (a loop of seven), the larger: so do the tables in common use.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from math import gcd, hypot

Point = tuple[int, int, int]
Triangle = tuple[Point, Point, Point]

CORNERS = tuple(itertools.product((0, 2), repeat=3))  # corner number 4 z + 2 y + x = bit of a configuration
EDGES = tuple(sorted({tuple((p + q) // 2 for p, q in zip(a, b, strict=True)) for a in CORNERS for b in CORNERS
                      if sum(p != q for p, q in zip(a, b, strict=True)) == 1}))  # fmt: skip


def faces() -> Iterator[list[int]]:
    """The corner numbers around each face, counter-clockwise seen from outside the cell."""
    for axis in range(3):
        for side in (0, 1):
            ring = []
            for i, j in ((0, 0), (1, 0), (1, 1), (0, 1)):
                bits = [0, 0, 0]
                bits[axis], bits[(axis + 1) % 3], bits[(axis + 2) % 3] = side, i, j
                ring.append(4 * bits[0] + 2 * bits[1] + bits[2])
            yield ring if side else ring[::-1]


def segments(inside: int, ring: list[int], joined: bool) -> list[tuple[Point, Point]]:
    """Directed segments on one face, each a pair of crossed edges: where the ring enters the inside, and where it leaves it."""
    crossings = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        if (inside >> a & 1) != (inside >> b & 1):
            middle = tuple((p + q) // 2 for p, q in zip(CORNERS[a], CORNERS[b], strict=True))
            crossings.append((inside >> b & 1, middle))
    other = -1 if joined else 1
    return [(point, crossings[(k + other) % len(crossings)][1]) for k, (enters, point) in enumerate(crossings) if enters]


def loops(inside: int, joined: bool) -> list[tuple[Point, ...]]:
    """The closed polygons that bound the inside within the cell, ordered so that normals point outside."""
    following = {}
    for ring in faces():
        following.update(segments(inside, ring, joined))
    found = []
    while following:
        loop = [min(following)]
        while (point := following.pop(loop[-1])) != loop[0]:
            loop.append(point)
        found.append(tuple(loop))
    return found


def triangulations(loop: tuple[Point, ...]) -> Iterator[list[Triangle]]:
    """Every way to cut a polygon into triangles along diagonals."""
    if len(loop) < 3:
        yield []
        return
    for k in range(1, len(loop) - 1):
        for left in triangulations(loop[: k + 1]):
            for right in triangulations(loop[k:]):
                yield [(loop[0], loop[k], loop[-1]), *left, *right]


def cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def plane(triangle: Triangle) -> tuple[int, ...]:
    """Oriented plane of a triangle: reduced normal and distance from the origin."""
    a, b, c = triangle
    n = cross(tuple(q - p for p, q in zip(a, b, strict=True)), tuple(q - p for p, q in zip(a, c, strict=True)))
    d = gcd(*n)
    n = tuple(v // d for v in n)
    return (*n, sum(p * q for p, q in zip(n, a, strict=True)))


def measures(triangles: list[Triangle]) -> tuple:
    """All that area (at any voxel size) and volume depend on: the size of each plane's area vector along z, y, x; the volume."""
    vectors: dict = {}
    for t in triangles:
        a, b, c = t
        n = cross(tuple(q - p for p, q in zip(a, b, strict=True)), tuple(q - p for p, q in zip(a, c, strict=True)))
        vectors[plane(t)] = tuple(p + q for p, q in zip(vectors.get(plane(t), (0, 0, 0)), n, strict=True))
    centred = [[tuple(v - 1 for v in p) for p in t] for t in triangles]
    volume = sum(sum(p * q for p, q in zip(a, cross(b, c), strict=True)) for a, b, c in centred)
    return tuple(sorted(tuple(abs(v) for v in n) for n in vectors.values())), volume


@cache
def symmetries() -> list[tuple[tuple[int, ...], tuple[int, ...], bool]]:
    """The 48 symmetries of the cell: order of axes, mirrored axes, and whether they turn left into right."""
    found = []
    for order in itertools.permutations(range(3)):
        odd = order in ((0, 2, 1), (1, 0, 2), (2, 1, 0))
        for mirrored in itertools.product((0, 1), repeat=3):
            found.append((order, mirrored, (odd + sum(mirrored)) % 2 == 1))
    return found


def moved(triangles: list[Triangle], order: tuple[int, ...], mirrored: tuple[int, ...], flips: bool) -> list[Triangle]:
    def move(p: Point) -> Point:
        return tuple(2 - p[o] if m else p[o] for o, m in zip(order, mirrored, strict=True))

    result = [tuple(move(p) for p in t) for t in triangles]
    return [t[::-1] for t in result] if flips else result


def within_a_face(a: Point, b: Point) -> bool:
    return any(p == q != 1 for p, q in zip(a, b, strict=True))


def flatten(loop: tuple[Point, ...]) -> list[Triangle]:
    """The triangulation of one loop: see the rule in the module's text."""
    sides = {frozenset(side) for side in zip(loop, loop[1:] + loop[:1], strict=True)}
    keeping = [s for s in symmetries() if _same_loop(moved([loop], *s)[0], loop)]
    choices = []
    for triangles in triangulations(loop):
        drawn = {frozenset(e) for t in triangles for e in zip(t, t[1:] + t[:1], strict=True)} - sides
        if not any(within_a_face(*edge) for edge in drawn):
            found = measures(triangles)
            if all(measures(moved(triangles, *s)) == found for s in keeping):
                choices.append(((len(found[0]), -round(sum(hypot(*n) for n in found[0]), 6)), sorted(triangles), found))
    first = min(order for order, _, _ in choices)
    best = [c for c in choices if c[0] == first]
    assert len({c[2] for c in best}) == 1, "the rule must leave one area and one volume"
    return min(c[1] for c in best)


def _same_loop(a: tuple[Point, ...], b: tuple[Point, ...]) -> bool:
    k = a.index(b[0]) if b[0] in a else 0
    return a[k:] + a[:k] == b


@cache
def triangles_of(inside: int, joined: bool = False) -> tuple[Triangle, ...]:
    """The surface of a configuration, normals pointing outside; vertices in doubled coordinates (z, y, x)."""
    return tuple(t for loop in loops(inside, joined) for t in flatten(loop))


def volume_of(inside: int, joined: bool = False) -> int:
    """Inside volume of the cell in 48ths: signed tetrahedra over the surface and over the inside part of the six faces."""
    total = list(triangles_of(inside, joined))
    for ring in faces():
        parts = dict(segments(inside, ring, joined))
        if not parts and inside >> ring[0] & 1:
            parts = {CORNERS[ring[0]]: CORNERS[ring[0]]}
        walk = [p for a, b in zip(ring, ring[1:] + ring[:1], strict=True)
                for p in (CORNERS[a], tuple((u + v) // 2 for u, v in zip(CORNERS[a], CORNERS[b], strict=True)))]  # fmt: skip
        allowed = {CORNERS[a] for a in ring if inside >> a & 1} | set(parts) | set(parts.values())
        polygon = [p for p in walk if p in allowed]
        if joined or len(parts) < 2:
            total += [(polygon[0], a, b) for a, b in itertools.pairwise(polygon[1:])]
        else:
            total += [(polygon[k - 1], polygon[k], polygon[(k + 1) % 6]) for k in range(6) if polygon[k] in CORNERS]
    return sum(sum(p * q for p, q in zip(a, cross(b, c), strict=True)) for a, b, c in total)


HEADER = '''"""Surface and volume inside one cell of 2 × 2 × 2 voxels. Written by tools/make_marching_cubes.py; do not edit."""

from __future__ import annotations

import numpy as np

EDGES = {edges}
"""Doubled coordinates (z, y, x) of the middles of a cell's twelve edges; a, b, c ... below."""

TRIANGLES = {triangles}.split(".")
"""Triangles of each configuration (bit 4 z + 2 y + x set = corner (z, y, x) inside), three letters each, normals outward."""

VOLUME = np.array({volume})  # fmt: skip
"""Inside volume of each configuration in 48ths of a cell, int64 [256]."""


def _normals() -> np.ndarray:
    """Eight times the area vector of each triangle in a cell of size 1, int64 [256, 5, 3]; 0 where there are fewer than five."""
    found = np.zeros((256, 5, 3), np.int64)
    for configuration, letters in enumerate(TRIANGLES):
        corners = np.array([EDGES[ord(letter) - ord("a")] for letter in letters]).reshape(-1, 3, 3)
        if len(corners):
            found[configuration, : len(corners)] = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return found


NORMALS = _normals()
'''


def wrapped(text: str, left: str, right: str) -> str:
    lines = [text[i : i + 110] for i in range(0, len(text), 110)]
    return "(\n" + "".join(f"    {left}{line}{right}\n" for line in lines) + ")"


def main() -> None:
    letters = {edge: chr(ord("a") + k) for k, edge in enumerate(EDGES)}
    words = ["".join(letters[p] for t in triangles_of(c) for p in t) for c in range(256)]
    volumes = [str(volume_of(c)) for c in range(256)]
    rows = [", ".join(volumes[i : i + 16]) for i in range(0, 256, 16)]
    print(
        HEADER.format(
            edges="(\n" + "".join(f"    {e},\n" for e in EDGES) + ")",
            triangles=wrapped(".".join(words), '"', '"'),
            volume="[\n" + "".join(f"    {row},\n" for row in rows) + "]",
        ),
        end="",
    )


if __name__ == "__main__":
    main()
