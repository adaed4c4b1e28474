"""Local intensity, IBSI 9ST6: 2 features of means over a sphere of 1 cm³, which includes voxels outside the mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings

EMPTY = "the intensity mask is empty, or the value is beyond float64"
_SLAB = 1 << 20  # voxels of a dilated box that are gathered at once, unless a single slice needs more
_GROUP = 1 << 17  # voxels of smaller boxes that are gathered together

FEATURES = (
    # m(v): mean intensity of the image's voxels, inside the mask or not, whose centres lie within 6.2 mm of that of voxel v
    Feature("local_intensity_peak", "VJGA", "intensity", "m at the most intense voxel; of several the highest", undefined=EMPTY),
    Feature("global_intensity_peak", "0F91", "intensity", "highest m of all voxels of the intensity mask", undefined=EMPTY),
)


def _reach(batch: VoiBatch) -> I64:
    """How many voxels the sphere reaches along (z, y, x) in each VOI's image, int64 [n, 3].

    Along z and y no further than the image: what lies beyond is lacking wherever the centre is. Along x rows keep their
    width, on which the order of additions depends.
    """
    from voxomics.kernels.local import RADIUS_MM

    g = batch.geometry
    reach = np.floor(RADIUS_MM / g.spacing_mm).astype(np.int64)
    reach[:, :2] = np.minimum(reach[:, :2], np.array([image.array.shape[:2] for image in batch.images]) - 1)
    of_voi: I64 = reach[g.image_of]
    return of_voi


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes `compute` takes for each VOI, int64 [n]: one slab of its dilated box, what it lacks, and the sphere's rows."""
    from voxomics.kernels.local import RADIUS_MM

    g = batch.geometry
    reach = _reach(batch)
    size = g.shape.astype(np.int64) - 2 * g.pad + 2 * reach
    plane = size[:, 1] * size[:, 2]
    slices = np.minimum(size[:, 0], 1 + 2 * reach[:, 0] + reach[:, 0] // 2 + _SLAB // np.maximum(plane, 1))
    sphere = (2 * RADIUS_MM / g.spacing_mm[:, :2] + 3).prod(1).astype(np.int64)[g.image_of]
    total: I64 = 18 * plane * slices + 24 * size[:, 2] + 64 * sphere
    return total


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Local intensity, float64 [k, 1, features]; see `Family.compute`."""
    from voxomics.kernels import local as kernel

    g = batch.geometry
    out = np.full((len(vois), len(FEATURES)), np.nan)
    top = np.full(len(vois), -np.inf)
    for number in np.unique(g.image_of[vois]):
        image = batch.images[number]
        nz, ny, _ = image.array.shape
        rows = kernel.sphere(tuple(g.spacing_mm[number].tolist()))
        rows = rows[(np.abs(rows[:, kernel.DZ]) < nz) & (np.abs(rows[:, kernel.DY]) < ny)]  # see _reach
        reach = rows[:, [kernel.DZ, kernel.DY, kernel.HALF_WIDTH]].max(0)
        chosen = np.flatnonzero((g.image_of[vois] == number) & (g.n_intensity[vois] > 0))
        k, low, size = slabs(batch, vois, chosen, reach)
        start = np.concatenate((np.zeros(1, np.int64), np.cumsum(size.prod(1))))
        for part in np.split(np.arange(len(k)), np.flatnonzero(np.diff(start[1:] // _GROUP)) + 1):
            box, gone, lacking = gather(image.array, g.corner[vois[k[part]]] - image.corner + low[part] - reach, size[part])
            i = vois[k[part]]
            shape = g.shape[i].astype(np.int64)
            first = g.start[i] + (low[part, 0] * shape[:, 1] + low[part, 1]) * shape[:, 2] + low[part, 2]
            kernel.peaks(
                box, gone, lacking, start[part] - start[part[:1]], size[part], g.region, first, shape, k[part],
                rows, reach, top, out,
            )  # fmt: skip
    out[np.isinf(out)] = np.nan  # a sum left float64
    return out[:, None]


def slabs(batch: VoiBatch, vois: I64, chosen: I64, reach: I64) -> tuple[I64, I64, I64]:
    """The boxes of VOIs cut into slabs of slices, so that a dilated slab is not much larger than _SLAB.

    Returns
    -------
    k : ndarray int64 [t]
        Which of `vois`, ascending.
    low : ndarray int64 [t, 3]
        Where the undilated slab begins in the VOI's padded box.
    size : ndarray int64 [t, 3]
        Size (z, y, x) of the dilated slab.
    """
    g = batch.geometry
    size = g.shape[vois[chosen]].astype(np.int64) - 2 * g.pad
    plane = (size[:, 1] + 2 * reach[1]) * (size[:, 2] + 2 * reach[2])
    slices = np.maximum(_SLAB // plane - 2 * reach[0], 1 + np.maximum(_SLAB // plane // 4, reach[0] // 2))
    number = -(-size[:, 0] // slices)
    own = np.repeat(np.arange(len(chosen)), number)
    z = (np.arange(len(own)) - np.repeat(np.cumsum(number) - number, number)) * slices[own]
    low = np.full((len(own), 3), g.pad, np.int64)
    low[:, 0] += z
    size = size[own]
    size[:, 0] = np.minimum(slices[own], size[:, 0] - z)
    return chosen[own], low, size + 2 * reach


def gather(image: np.ndarray, corner: I64, size: I64) -> tuple[F64, F64, I64]:
    """Boxes of an image of any real dtype, one after the other.

    They are copied here so that no kernel is compiled for each dtype.

    Returns
    -------
    box : ndarray float64 [total]
        0 outside the image and where the intensity is not finite.
    gone : ndarray float64 [total]
        1 at those voxels; empty when no box has any.
    lacking : ndarray int64 [t]
        Number of those voxels in each box.
    """
    number = size.prod(1)
    flat = np.empty(int(number.sum()))
    last = np.cumsum(number)
    low, high = np.maximum(corner, 0), np.minimum(corner + size, image.shape)
    for t in range(len(size)):
        box = flat[last[t] - number[t] : last[t]].reshape(size[t])
        z, y, x = (slice(a, b) for a, b in zip(low[t], high[t], strict=True))
        if (high[t] - low[t] < size[t]).any():
            box[:] = np.nan
            cz, cy, cx = corner[t]
            box = box[z.start - cz : z.stop - cz, y.start - cy : y.stop - cy, x.start - cx : x.stop - cx]
        box[:] = image[z, y, x]
    finite = np.isfinite(flat)
    if finite.all():
        return flat, np.empty(0), np.zeros(len(size), np.int64)
    np.logical_not(finite, out=finite)
    flat[finite] = 0.0
    lacking = [np.count_nonzero(finite[last[t] - number[t] : last[t]]) for t in range(len(size))]
    return flat, finite.astype(np.float64), np.array(lacking, dtype=np.int64)


FAMILY = Family(
    "local_intensity", "9ST6", FEATURES, (), "value", compute, need,
    surroundings_mm=6.3, kernels="zones", last_kernel="local.peaks",
)  # fmt: skip
