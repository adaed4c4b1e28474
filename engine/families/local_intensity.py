"""Local intensity, IBSI 9ST6: 2 features of means over a sphere of 1 cm³, which includes voxels outside the mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voxomics.engine import work
from voxomics.engine.batch import F64, I64, Channel, VoiBatch
from voxomics.engine.feature import Family, Feature

if TYPE_CHECKING:
    from voxomics.engine.settings import Settings

EMPTY = "the intensity mask is empty, or the value is beyond float64"
_SLAB = 1 << 18  # voxels of a dilated box that are gathered at once, unless a single slice needs more
_GROUP = 1 << 16  # voxels of smaller boxes that are gathered together

FEATURES = (
    # m(v): mean intensity of the image's voxels, inside the mask or not, whose centres lie within 6.2 mm of that of voxel v
    Feature("local_intensity_peak", "VJGA", "intensity", "m at the most intense voxel; of several the highest", undefined=EMPTY),
    Feature("global_intensity_peak", "0F91", "intensity", "highest m of all voxels of the intensity mask", undefined=EMPTY),
)


def need(batch: VoiBatch, channel: Channel | None, settings: Settings, aggregations: tuple[str, ...]) -> I64:
    """Bytes `compute` takes for each VOI, int64 [n]: one slab of its dilated box, what it lacks, and the sphere's rows."""
    from voxomics.kernels import local

    g = batch.geometry
    held = np.empty(len(batch), np.int64)
    last = np.array([image.array.shape for image in batch.images]) - 1
    local.bytes_needed(g.shape, g.pad, g.image_of, g.spacing_mm, last, _SLAB, held)
    return held


def compute(batch: VoiBatch, channel: Channel | None, vois: I64, settings: Settings, aggregations: tuple[str, ...]) -> F64:
    """Local intensity, float64 [k, 1, features]; see `Family.compute`."""
    from voxomics.kernels import local

    g = batch.geometry
    out, top = np.full((len(vois), len(FEATURES)), np.nan), np.full(len(vois), -np.inf)
    of_images = g.image_of[vois]
    for number in np.unique(of_images):
        image = batch.images[number]
        rows, reach = _sphere(batch, number)
        chosen = np.flatnonzero(of_images == number)
        slabs = local.slabs_of(g.shape, g.corner, g.start, g.pad, vois, chosen, reach, image.corner, _SLAB)
        lines = slabs[:, local.NZ] * slabs[:, local.NY]
        voxels = lines * slabs[:, local.NX]
        room = min(int(voxels.sum()), max(int(voxels.max()), _GROUP))
        box, gone = np.empty(room), np.empty(room, np.uint8)
        for part in work.parts(np.arange(len(slabs)), [(voxels, _GROUP)]):
            some, lacks, lacking = slabs[part], np.empty(int(lines[part].sum()), np.int64), np.empty(len(part), np.int64)
            local.gather(image.array, some, box, gone, lacks, lacking)
            local.peaks(box, gone, lacks, lacking, some, g.region, g.shape, vois, rows, reach, top, out)
    out[np.isinf(out)] = np.nan  # a sum left float64
    return out[:, None]


def _sphere(batch: VoiBatch, number: int) -> tuple[I64, I64]:
    """Rows of the sphere on an image, see `local.sphere`, and how far they reach along (z, y, x), int64 [3].

    Along z and y no further than the image: what lies beyond is lacking wherever the centre is. Along x rows keep their
    width, on which the order of additions depends.
    """
    from voxomics.kernels import local

    rows = local.sphere(tuple(batch.geometry.spacing_mm[number].tolist()))
    nz, ny, _ = batch.images[number].array.shape
    reach = rows.max(0)[[local.DZ, local.DY, local.HALF_WIDTH]]
    if reach[0] >= nz or reach[1] >= ny:
        rows = rows[(np.abs(rows[:, local.DZ]) < nz) & (np.abs(rows[:, local.DY]) < ny)]
        reach[:2] = min(reach[0], nz - 1), min(reach[1], ny - 1)
    return rows, reach


FAMILY = Family(
    "local_intensity", "9ST6", FEATURES, (), "value", compute, need,
    surroundings_mm=6.3, kernels="zones", last_kernel="local.peaks",
)  # fmt: skip
