"""The engine's settings that mean what a parameter file says."""

from __future__ import annotations

import logging
from typing import Any

from voxomics.engine import images
from voxomics.profiles.pyradiomics import columns
from voxomics.profiles.pyradiomics.features import IMAGE_TYPES
from voxomics.profiles.pyradiomics.parameters import Parameters, Setting

logger = logging.getLogger("voxomics")

_NORMS = {"euclidean": "euclidean", "manhattan": "manhattan", "infinity": "chebyshev"}
_PLANES = ("xy", "xz", "yz")  # by force2Ddimension


def engine_settings(parameters: Parameters) -> dict[str, Any]:
    """All of them.

    Raises
    ------
    ValueError
        An image type has slices along another axis than the others.
    """
    setting = parameters.setting
    axes = {own.force2Ddimension or 0 for own in (setting, *parameters.image_types.values()) if own.force2D}
    if len(axes) > 1:
        raise ValueError("force2Ddimension differs between image types; slices of one run lie along one axis")
    return {
        "features": columns.sources(parameters),
        "image_types": tuple(image_types(parameters)),
        "slice_axis": "zyx"[axes.pop() if axes else 0],
        "morphology": {"mesh": "complementary"},
        "degenerate": "conventional",
        **measuring(setting),
    }


def image_types(parameters: Parameters) -> list[dict[str, Any]]:
    """The image types of a run. The original is among them for what is measured on the mask, if for nothing else."""
    asked, general = parameters.image_types, measuring(parameters.setting)
    found: list[dict[str, Any]] = []
    of_mask = tuple(name for name in columns.sources(parameters) if columns.reads_mask(name))
    if "Original" not in asked:
        found.append({"type": images.BASE, "features": of_mask})
    for name, own in asked.items():
        made, changed = _made(name, own), measuring(own)
        if made:
            found.append({**made, **{key: value for key, value in changed.items() if value != general[key]}})
    return found


def _made(name: str, own: Setting) -> dict[str, Any] | None:
    """An image type as the engine takes it; None for one that gives no image."""
    axis = own.force2Ddimension or 0
    if name == "LoG" and not own.sigma:
        logger.warning("image type LoG has no sigma, so no image is made of it; give sigma in mm, for example [1.0, 3.0]")
        return None
    if not IMAGE_TYPES[name]:
        logger.warning("image type %s gives no image: PyRadiomics itself cannot compute it with today's SciPy", name)
        return None
    options: dict[str, dict[str, Any]] = {
        "LoG": {"sigma_mm": own.sigma},
        "Wavelet": {
            "wavelet": own.wavelet,
            "level": own.level,
            "start_level": own.start_level,
            "axes": _PLANES[axis] if own.force2D else None,
        },
        "Gradient": {"use_spacing": own.gradientUseSpacing},
        "LBP2D": {
            "radius": own.lbp2DRadius,
            "samples": own.lbp2DSamples,
            "method": own.lbp2DMethod,
            "across": "zyx"[axis],
        },
    }
    chosen = {key: value for key, value in options.get(name, {}).items() if value is not None}
    return {"type": IMAGE_TYPES[name], **chosen}


def measuring(setting: Setting) -> dict[str, Any]:
    """What an image type may have of its own: aggregations, grey levels, and the options of the textures."""
    slices, norm = bool(setting.force2D), setting.weightingNorm
    directional = f"{'2_5d' if slices else '3d'}_{'merged' if norm else 'direction_merged' if slices else 'averaged'}"
    levels = {"bins": setting.binCount} if setting.binCount is not None else {"width": setting.binWidth or 25.0}
    near = {"shells": setting.distances} if setting.distances not in (None, (1,)) else {}
    weights = {"norm": _NORMS[norm], "unit": "mm"} if norm in _NORMS else None
    return {
        "aggregations": (directional, "2_5d" if slices else "3d"),
        "discretisation": ({"method": "pyradiomics", **levels},),
        "glcm": {
            **near,
            "symmetric": setting.symmetricalGLCM is not False,
            **({"weighting": {"function": "gaussian", **weights}} if weights else {}),
        },
        "glrlm": {
            "directions": "aligned",
            **({"weighting": {"function": "distance", **weights}} if weights else {}),
        },
        "ngtdm": {**near, "isolated": "counted"},
        "ngldm": {**near, "coarseness": setting.gldm_a or 0},
    }
