"""What must not matter does not matter: batch, order, labels, surroundings, threads, flips and turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxomics import Extractor

ONE = (1.0, 1.0, 1.0)
OURS = Extractor(threads=1)
MERGED = [c for c in OURS.columns if ".3d_merged." in c or ".3d." in c or "morphology" in c or "intensity" in c]


def features(table):
    return table[OURS.columns].to_numpy()


def blob(rng, shape):
    image = np.round(rng.normal(100, 40, shape))
    mask = rng.random(shape) < 0.75
    mask[tuple(s // 2 for s in shape)] = True
    return image, mask.astype(np.int32)


@settings(max_examples=8, deadline=None)
@given(shape=st.tuples(*[st.integers(2, 6)] * 3), seed=st.integers(0, 2**32 - 1))
def test_surroundings_do_not_matter(shape, seed):
    rng = np.random.default_rng(seed)
    image, mask = blob(rng, shape)
    alone = features(OURS.extract(image, mask, spacing_mm=ONE))
    before, after = rng.integers(0, 4, 3), rng.integers(0, 4, 3)
    pads = list(zip(before, after, strict=True))
    # local intensity looks outside the mask on purpose: give it the same surroundings, NaN
    wide = np.pad(image.astype(float), pads, constant_values=np.nan)
    np.testing.assert_array_equal(features(OURS.extract(wide, np.pad(mask, pads), spacing_mm=ONE)), alone)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_batch_order_and_label_numbers_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    parts = [blob(rng, tuple(rng.integers(2, 6, 3))) for _ in range(4)]
    alone = [features(OURS.extract(i, m, spacing_mm=ONE))[0] for i, m in parts]
    order = rng.permutation(4)
    labels = rng.choice(np.arange(1, 60_000), 4, replace=False)
    depth = max(i.shape[0] for i, _ in parts)
    height = max(i.shape[1] for i, _ in parts)
    gap = 8  # beyond the reach of local intensity
    image = np.full((depth, height, sum(i.shape[2] + gap for i, _ in parts)), np.nan)
    mask = np.zeros(image.shape, np.int32)
    x = 0
    for k in order:
        i, m = parts[k]
        here = (slice(0, i.shape[0]), slice(0, i.shape[1]), slice(x, x + i.shape[2]))
        image[here], mask[here] = i, m * labels[k]
        x += i.shape[2] + gap
    for threads in (1, 3):
        found = Extractor(threads=threads).extract(image, mask, [int(v) for v in labels], ONE)
        np.testing.assert_array_equal(features(found), np.array(alone))


@pytest.mark.parametrize("move", ["flip z", "flip y", "flip x", "turn xy", "turn yz"])
def test_flips_and_turns_keep_what_has_no_direction(move):
    image, mask = blob(np.random.default_rng(7), (6, 7, 8))
    apply = {
        "flip z": lambda a: a[::-1],
        "flip y": lambda a: a[:, ::-1],
        "flip x": lambda a: a[:, :, ::-1],
        "turn xy": lambda a: np.rot90(a, axes=(1, 2)),
        "turn yz": lambda a: np.rot90(a, axes=(0, 1)),
    }[move]
    before = OURS.extract(image, mask, spacing_mm=ONE).iloc[0]
    after = OURS.extract(apply(image).copy(), apply(mask).copy(), spacing_mm=ONE).iloc[0]
    for name in MERGED:
        scale = max(1.0, abs(before[name]))
        tolerance = 1e-6 if "mvee" in name or "ombb" in name else 1e-10
        assert after[name] == pytest.approx(before[name], abs=tolerance * scale, nan_ok=True), name
