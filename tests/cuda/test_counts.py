"""What a device counts is what the naive twins count, to the last integer, with the checks of every access on."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from threads import Threads

from batches import batch_of, random_volume
from naive import glcm as naive_glcm
from naive import gldzm as naive_gldzm
from naive import glrlm as naive_glrlm
from naive import glszm as naive_glszm
from naive import ngldm as naive_ngldm
from naive import ngtdm as naive_ngtdm
from suite import RANGE, SPACING, Voi
from voxomics.engine.aggregation import directional, zonal
from voxomics.engine.families import glcm, glrlm, intensity_histogram, morphology, ngldm, ngtdm
from voxomics.engine.families.zones import device as zones_on_device
from voxomics.engine.resident import MAX_SHARED, Resident

DIRECTIONAL, ZONAL = glcm.FAMILY.aggregations, ngldm.FAMILY.aggregations
ORDERS = ("forward", "reverse", "random")


@dataclass(frozen=True)
class Asked:
    """VOIs of a batch in a device's memory, and how they are to be counted."""

    resident: Resident
    channel: Any
    vois: np.ndarray
    settings: Any
    aggregations: tuple[str, ...]

    def levels(self, k: int) -> list[int]:
        return self.channel.level_of[self.channel.level_start[k] : self.channel.level_start[k + 1]].tolist()

    def slices(self, k: int, per_slice: bool) -> list:
        """The slice in the test's volume of each group kept by slice, padding too; None where all slices are one group."""
        g = self.resident.batch.geometry
        return [int(g.corner[k, 0]) + z for z in range(g.shape[k, 0])] if per_slice else [None]


# ---- what the device counted, {aggregation: counts} of each VOI, in the twins' form -----------------------------------------


def cells(matrix, rows, first):
    """{(row, column): count} of a table where it is not 0, its rows and columns by their names."""
    return {(rows[a], int(c) + first): int(matrix[a, c]) for a, c in np.argwhere(matrix)}


def grouped(asked, k, distance, matrices, shells=None):
    """Counts of groups by slice and direction, put together as each aggregation says."""
    dirs, groups = directional(distance, asked.aggregations, shells)
    ways = [tuple(d.tolist()) for d in dirs]
    n_planar = groups.n_planar
    places = [*product(asked.slices(k, groups.per_slice), ways[:n_planar]), *product([None], ways[n_planar:])]
    twins_ways = naive_glcm.shell_directions(shells) if shells else naive_glcm.directions(distance)
    result: dict = {aggregation: {} for aggregation in asked.aggregations}
    for (z, way), matrix in zip(places, matrices, strict=True):
        for aggregation, found in result.items():
            planar, key = naive_glcm.AGGREGATION_GROUPS[aggregation]
            if matrix and not (planar and way[0]):
                way = way if way in twins_ways else tuple(-c for c in way)
                found.setdefault(key(z, way), Counter()).update(matrix)
    return result


def both_ways(row, levels):
    """A symmetric matrix of a triangle of pairs counted once."""
    low, high = np.triu_indices(len(levels))
    matrix: Counter = Counter()
    for c in np.flatnonzero(row):
        i, j = levels[low[c]], levels[high[c]]
        matrix[i, j] += int(row[c])
        matrix[j, i] += int(row[c])
    return matrix


def glcm_counts(asked):
    chosen = asked.settings.glcm
    found, start = glcm.counts_on_device(asked.resident, asked.channel, asked.vois, chosen, asked.aggregations)
    for k in asked.vois:
        n = len(asked.levels(k))
        rows = found[start[k] : start[k + 1]].reshape(-1, n * (n + 1) // 2)
        yield grouped(asked, k, chosen.distance, [both_ways(row, asked.levels(k)) for row in rows], chosen.shells)


def glrlm_counts(asked):
    found, start, longest = glrlm.counts_on_device(asked.resident, asked.channel, asked.vois, asked.aggregations)
    for k in asked.vois:
        levels = asked.levels(k)
        tables = found[start[k] : start[k + 1]].reshape(-1, len(levels), longest[k])
        yield grouped(asked, k, 1, [cells(table, levels, 1) for table in tables])


def around(asked, tables_of):
    """Counts by a voxel's neighbourhood: tables_of(planar, per_slice) has the tables of each VOI's groups."""
    results: list[dict] = [{} for _ in asked.vois]
    for planar, chosen, groups in zonal(asked.aggregations):
        for k, tables, result in zip(asked.vois, tables_of(planar, groups.per_slice), results, strict=True):
            for aggregation in (asked.aggregations[j] for j in chosen):
                found = result[aggregation] = {}
                for z, table in zip(asked.slices(k, groups.per_slice), tables, strict=True):
                    if table:
                        found.setdefault(z if aggregation == "2d" else 0, Counter()).update(table)
    return results


def ngldm_counts(asked):
    def tables_of(planar, per_slice):
        found, start, highest = ngldm.counts_on_device(
            asked.resident, asked.channel, asked.vois, asked.settings, planar, per_slice
        )
        for k in asked.vois:
            levels = asked.levels(k)
            tables = found[start[k] : start[k + 1]].reshape(-1, len(levels), highest[k])
            yield [cells(table, levels, 1) for table in tables]

    return around(asked, tables_of)


def ngtdm_counts(asked):
    def tables_of(planar, per_slice):
        chosen = asked.settings.ngtdm
        found, start, columns = ngtdm.counts_on_device(asked.resident, asked.channel, asked.vois, chosen, planar, per_slice)
        for k in asked.vois:
            levels = [0, *asked.levels(k)]
            tables = found[start[k] : start[k + 1]].reshape(-1, len(levels), columns[k])
            yield [cells(table, levels, 0) for table in tables]

    return around(asked, tables_of)


def zone_counts(asked, distances):
    (aggregation,) = asked.aggregations
    found = zones_on_device.find(asked.resident, asked.channel, asked.vois, aggregation != "3d", distances)
    assert set(found.row.tolist()) <= set(asked.vois.tolist())
    for k in asked.vois:
        levels, slices = asked.levels(k), asked.slices(k, True)
        columns = (found.slice_of, found.rank, found.size, *((found.distance,) if distances else ()))
        own = zip(*(column[found.row == k].tolist() for column in columns), strict=True)
        yield {aggregation: Counter((slices[z], levels[a - 1], *size) for z, a, *size in own)}


def depth_counts(asked):
    (aggregation,) = asked.aggregations
    g = asked.resident.batch.geometry
    boxes = np.zeros(len(g.label), np.int64)
    boxes[asked.vois] = np.diff(g.start)[asked.vois]
    place = np.concatenate(([0], np.cumsum(boxes)))
    depth = zones_on_device.depths(
        asked.resident, asked.vois, aggregation != "3d", asked.resident.device.put(place), int(place[-1])
    )
    for k in asked.vois:
        yield {aggregation: depth[place[k] : place[k + 1]].reshape(g.shape[k]).tolist()}


def histogram_counts(asked):
    found = intensity_histogram.counts_on_device(asked.resident, asked.channel, asked.vois)
    first = asked.channel.level_start
    assert sum(found.tolist()) == sum(found[first[k] : first[k + 1]].sum() for k in asked.vois)
    for k in asked.vois:
        yield {"": dict(zip(asked.levels(k), found[first[k] : first[k + 1]].tolist(), strict=True))}


def mesh_counts(asked):
    counts, moments, reach, kept = morphology.counts_on_device(asked.resident, asked.vois)
    row = asked.resident.tiles(asked.vois, False)[0]
    others = np.setdiff1d(np.arange(len(counts)), asked.vois)
    assert not counts[others].any() and not moments[others].any() and not reach[others].any()
    for k in asked.vois:
        extent = reach[k].reshape(2, 3).sum(0) - asked.resident.batch.geometry.shape[k] + 1
        yield {"": (cells(counts[k : k + 1], [0], 0), moments[k].tolist(), extent.tolist(), int(kept[row == k].sum()))}


# ---- what the twins count ---------------------------------------------------------------------------------------------------


def neighbour_sums(voi, aggregation, settings):
    """The whole numbers behind NGTDM's s_i: {key: {(level, n): Σ |n level - Σ neighbours|}}; at n = 0 the voxels counted."""
    result: dict = {}
    for voxel in np.argwhere(voi.levels > 0).tolist():
        near = naive_ngtdm.neighbours(voi.levels, voxel, settings.ngtdm.distance, aggregation != "3d")
        if near or settings.ngtdm.isolated == "counted":
            level = int(voi.levels[tuple(voxel)])
            matrix = result.setdefault(voxel[0] if aggregation == "2d" else 0, Counter())
            matrix[level, 0] += 1
            matrix[level, len(near)] += abs(len(near) * level - sum(near))
    return {key: {cell: n for cell, n in matrix.items() if n} for key, matrix in result.items()}


def zones(voi, planar, distances):
    """Zones by the slice of their first voxel, level, size and, if asked for, distance."""
    depth = naive_gldzm.distance_map(voi.mask, planar).tolist()
    return Counter(
        (zone[0][0], level, len(zone), *((min(depth[z][y][x] for z, y, x in zone),) if distances else ()))
        for level, zone in naive_glszm.zones(voi.levels, planar)
    )


def boxed(mask, pad):
    """A mask cut to its box, with empty voxels around."""
    where = np.argwhere(mask)
    box = tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))
    return np.pad(mask[box], pad)


def surveyed(voi, pad):
    """Cells of the surface by configuration, moments, size in voxels, and voxels of the intensity mask."""
    mask = boxed(voi.mask, pad).astype(int)
    corners = list(product((0, 1), repeat=3))
    found: Counter = Counter()
    for z, y, x in product(*(range(n - 1) for n in mask.shape)):
        found[0, sum(int(mask[z + dz, y + dy, x + dx]) << (4 * dz + 2 * dy + dx) for dz, dy, dx in corners)] += 1
    del found[0, 0]
    z, y, x = (np.argwhere(mask) - np.array(mask.shape) // 2).T
    terms = (z * 0 + 1, z, y, x, z * z, y * y, x * x, z * y, z * x, y * x)
    size = np.ptp(np.argwhere(mask), axis=0) + 1
    return found, [int(term.sum()) for term in terms], size.tolist(), int((voi.levels > 0).sum())


@dataclass(frozen=True)
class Family:
    """What a device counts: `counts(asked)`; and its twin: `twin(voi, aggregation, settings)`."""

    name: str
    aggregations: tuple[str, ...]
    counts: Callable[[Asked], Iterator[dict]]
    twin: Callable[[Voi, str, Any], Any]


FAMILIES = [
    Family(
        "glcm", DIRECTIONAL, glcm_counts,
        lambda v, a, s: naive_glcm.matrices(v.levels, a, s.glcm.distance, shells=s.glcm.shells),
    ),
    Family(
        "glrlm", DIRECTIONAL, glrlm_counts, lambda v, a, s: {key: m for key, (m, _) in naive_glrlm.matrices(v.levels, a).items()}
    ),
    Family(
        "ngldm", ZONAL, ngldm_counts, lambda v, a, s: naive_ngldm.matrices(v.levels, a, s.ngldm.distance, s.ngldm.coarseness)
    ),
    Family("ngtdm", ZONAL, ngtdm_counts, neighbour_sums),
    Family("glszm", ("2d", "3d"), lambda asked: zone_counts(asked, False), lambda v, a, s: zones(v, a != "3d", False)),
    Family("gldzm", ("2d", "3d"), lambda asked: zone_counts(asked, True), lambda v, a, s: zones(v, a != "3d", True)),
    Family(
        "distances", ("2d", "3d"), depth_counts,
        lambda v, a, s: naive_gldzm.distance_map(boxed(v.mask, s.pad), a != "3d").tolist(),
    ),
    Family("histogram", ("",), histogram_counts, lambda v, a, s: Counter(v.levels[v.levels > 0].tolist())),
    Family("mesh", ("",), mesh_counts, lambda v, a, s: surveyed(v, s.pad)),
]  # fmt: skip
ALONE = [(family, (aggregation,)) for family in FAMILIES for aggregation in family.aggregations]
TOGETHER = [(family, family.aggregations) for family in FAMILIES if len(family.aggregations) > 2]
FEW = [*TOGETHER, *((family, asked) for family, asked in ALONE if len(family.aggregations) < 3)]


def each(cases):
    names = [f"{family.name}-{asked[0] if len(asked) == 1 else 'together'}".rstrip("-") for family, asked in cases]
    return pytest.mark.parametrize(("family", "asked"), cases, ids=names)


in_every_order = pytest.mark.parametrize("order", ORDERS)


def check(family, asked, vois, device, options=None, chosen=slice(None), twin=None):
    """The counts of the chosen VOIs are their twin's, and the checker has nothing to say."""
    batch, settings = batch_of([v.levels for v in vois], {**RANGE, **(options or {})}, SPACING, [v.mask for v in vois])
    rows = np.arange(len(batch))[chosen]
    there = Asked(Resident(device, batch), batch.channels["none"], rows, settings, asked)
    for k, found in zip(rows, family.counts(there), strict=True):
        for aggregation in asked:
            expected = twin(k, aggregation) if twin else family.twin(vois[k], aggregation, settings)
            assert found[aggregation] == expected, f"VOI {k}, {family.name} {aggregation}"
    assert device.findings
    device.assert_clean()


def random_voi(rng, shape, n_levels, fill=0.8):
    """A VOI whose mask as drawn is larger than its intensity mask."""
    levels = random_volume(rng, shape, n_levels, fill)
    return Voi(levels, (levels > 0) | (rng.random(shape) < 0.2))


def voi_of(n_levels):
    """A VOI that has each level, and not many voxels more."""
    rng = np.random.default_rng(n_levels)
    shape = (2, 5, n_levels // 9 + 2)
    levels = rng.permutation(np.arange(np.prod(shape)) % n_levels + 1).reshape(shape)
    return Voi(levels, levels > 0)


@functools.cache
def given_vois(name):
    """Batches that are the same for every case: their twins are counted once."""
    rng = np.random.default_rng(5)
    if name == "odd":
        return [random_voi(rng, shape, 3) for shape in ((1, 1, 1), (1, 1, 40), (2, 30, 3))]
    if name == "one":
        return [random_voi(rng, (3, 2, 4), 4)]
    if name.endswith("tiny"):
        return [random_voi(rng, tuple(rng.integers(1, 3, 3)), 3) for _ in range(int(name.split()[0]))]
    return [voi_of(int(n)) for n in name.split()]


@functools.cache
def twin_of(family, name, k, aggregation):
    return family.twin(given_vois(name)[k], aggregation, batch_of([np.ones((1, 1, 1))], RANGE)[1])


def check_given(family, asked, name, device):
    check(family, asked, given_vois(name), device, twin=lambda k, aggregation: twin_of(family, name, int(k), aggregation))


@each([*ALONE, *TOGETHER])
@in_every_order
@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    n_levels=st.sampled_from([2, 5, 30]),
    fill=st.sampled_from([0.3, 0.8, 1.0]),
    distance=st.sampled_from([1, 2]),
    tile=st.sampled_from([7, 100, 1 << 15]),
    seed=st.integers(0, 2**32 - 1),
)
def test_random_vois(family, asked, order, shape, n_levels, fill, distance, tile, seed):
    rng = np.random.default_rng(seed)
    vois = [random_voi(rng, shape, n_levels, fill), random_voi(rng, (1, 2, 3), 2), random_voi(rng, shape[::-1], n_levels)]
    options = {
        "glcm": {"distance": distance}, "ngtdm": {"distance": distance},
        "ngldm": {"distance": distance, "coarseness": int(rng.integers(2))},
    }  # fmt: skip
    device = Threads(order=order, tile=tile, seed=seed)
    check(family, asked, vois, device, options, chosen=[0, 2])  # a VOI that is not asked for has no counts


@each([*ALONE, *TOGETHER])
@in_every_order
@pytest.mark.parametrize("tile", [7, 100, 1 << 15])
def test_odd_shapes(family, asked, order, tile):
    check_given(family, asked, "odd", Threads(order=order, tile=tile))


@each([*ALONE, *TOGETHER])
@in_every_order
def test_one_voi_in_tiles_of_a_voxel(family, asked, order):
    check_given(family, asked, "one", Threads(order=order, tile=1))


LEVELS = {"2 155 156": np.uint8, "2 157": np.uint8, "255": np.uint8, "2 256": np.uint16, "1000": np.uint16}
"""Batches of one VOI for each number, and the type of their voxels."""


def test_level_batches_are_what_their_names_say():
    for name, kind in LEVELS.items():
        channel = batch_of([v.levels for v in given_vois(name)])[0].channels["none"]
        assert channel.level.dtype == kind
        assert channel.n_present.tolist() == [int(n) for n in name.split()]
    pairs = [n * (n + 1) // 2 for n in (156, 157)]
    assert pairs[0] <= MAX_SHARED // 4 < pairs[1], "156 levels are the most whose pairs fit in shared memory"


@each(FEW)
@in_every_order
@pytest.mark.parametrize("levels", LEVELS)
def test_level_counts(family, asked, order, levels):
    check_given(family, asked, levels, Threads(order=order))


@each(FEW)
@in_every_order
def test_200_vois(family, asked, order):
    check_given(family, asked, "200 tiny", Threads(order=order))


@each([(family, family.aggregations[-1:]) for family in FAMILIES])
def test_1000_vois(family, asked):
    check_given(family, asked, "1000 tiny", Threads(checked=False))
