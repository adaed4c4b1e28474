"""The IBSI's diagnostic features: what image and mask are like before and after each processing step."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxomics.engine import images
from voxomics.engine.batch import INTENSITY, MORPHOLOGICAL, VoiBatch
from voxomics.engine.prepare import build, find_vois
from voxomics.engine.process import process
from voxomics.engine.settings import Settings
from voxomics.engine.volume import Image
from voxomics.io import read_image, read_mask


def diagnose(image_path: Path, mask_path: Path, settings: Settings) -> dict[str, float]:
    """The standard's diagnostic features of image and mask, before and after each processing step.

    Parameters
    ----------
    image_path, mask_path : Path
    settings : Settings

    Returns
    -------
    dict str -> float
        Keyed "<step>: <feature>", for example "interpolated image: Mean intensity".
    """
    image = read_image(image_path)
    mask = read_mask(mask_path, image)
    vois = find_vois(mask)
    whole = settings.model_copy(update={"resegmentation": type(settings.resegmentation)()})
    initial = whole.model_copy(update={"resampling": type(settings.resampling)()})
    steps = {
        "initial": initial,
        "interpolated": whole,
        "resegmented": settings,
    }
    result: dict[str, float] = {}
    for step, chosen in steps.items():
        processed = process(image, chosen)
        if step != "resegmented":
            result |= _of_image(f"{step} image", processed.image)
        batch = build(processed, mask, vois, chosen).batches[images.BASE]
        result |= _of_roi(f"{step} ROI", batch, processed.image)
    return result


def _of_image(where: str, image: Image) -> dict[str, float]:
    found = {"Mean intensity": image.array.mean(), "Minimum intensity": image.array.min(), "Maximum intensity": image.array.max()}
    for axis, size, spacing in zip("zyx", image.array.shape, image.spacing_mm, strict=True):
        found |= {f"Image dimension {axis}": size, f"Voxel dimension {axis}": spacing}
    return {f"{where}: {name}": float(value) for name, value in found.items()}


def _of_roi(where: str, batch: VoiBatch, image: Image) -> dict[str, float]:
    box = batch.geometry.region.reshape(batch.geometry.shape[0])
    found = {
        "Int. mask mean intensity": batch.value.mean(),
        "Int. mask minimum intensity": batch.value.min(),
        "Int. mask maximum intensity": batch.value.max(),
    }
    for name, bit in (("Int.", INTENSITY), ("Morph.", MORPHOLOGICAL)):
        where_set = np.argwhere(box & bit)
        found[f"{name} mask voxel count"] = len(where_set)
        for axis, size, extent in zip("zyx", image.array.shape, np.ptp(where_set, axis=0) + 1, strict=True):
            found |= {f"{name} mask dimension {axis}": size, f"{name} mask bounding box dimension {axis}": extent}
    return {f"{where}: {name}": float(value) for name, value in found.items()}
