"""Batches for tests, packed by the real engine/prepare.py, and the tolerance of DESIGN §5."""

from __future__ import annotations

import numpy as np

from voxomics.engine.prepare import build, find_vois
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image, MaskStack


def batch_of(volumes, settings=None, spacing_mm=(1.0, 1.0, 1.0), masks=None, threads=1):
    """VoiBatch of several level volumes [z, y, x], laid side by side in one image with a gap of one voxel.

    volumes : arrays; a voxel belongs to the VOI where it is > 0 (or where the mask of the same place in `masks` is set).
    settings : mapping or Settings; discretisation "none" unless it says otherwise.
    """
    if settings is None or isinstance(settings, dict):
        settings = Settings.of({"discretisation": [{"method": "none"}], **(settings or {})})
    masks = masks if masks is not None else [v > 0 for v in volumes]
    size = np.max([v.shape for v in volumes], axis=0)
    image = np.zeros((size[0], size[1], sum(v.shape[2] + 1 for v in volumes)))
    labels = np.zeros(image.shape, np.int32)
    x = 0
    for number, (volume, mask) in enumerate(zip(volumes, masks, strict=True), start=1):
        box = (slice(0, volume.shape[0]), slice(0, volume.shape[1]), slice(x, x + volume.shape[2]))
        image[box] = volume
        labels[box] = np.where(mask, number, 0)
        x += volume.shape[2] + 1
    stack = MaskStack((labels,))
    vois = find_vois(stack)
    assert len(vois) == len(volumes), "every test volume needs a voxel"
    return build(Image(image, spacing_mm), stack, vois, settings, threads).batches["original"], settings


def random_volume(rng, shape, n_levels, fill=0.7):
    """Random integer levels 1..n_levels; about `fill` of the box belongs to the VOI, the rest is 0. At least one voxel."""
    volume = rng.integers(1, n_levels + 1, shape) * (rng.random(shape) < fill)
    if not volume.any():
        volume.flat[rng.integers(volume.size)] = 1
    return volume


def assert_close(got, expected, scale=1.0, what=""):
    """|Δ| ≤ 1e-12 · scale + 1e-10 · |expected|, NaN equal to NaN (DESIGN §5)."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    assert got.shape == expected.shape, what
    same = (
        (np.isnan(got) & np.isnan(expected))
        | (np.abs(got - expected) <= 1e-12 * scale + 1e-10 * np.abs(expected))
        | (got == expected)
    )
    assert same.all(), f"{what}: {got[~same]} is not {expected[~same]}"
