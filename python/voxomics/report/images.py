"""Figures 1 and 4: the VOIs of a patient with a high and of one with a low marker, on their images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from voxomics.engine.errors import InputError
from voxomics.io import read_image, read_mask
from voxomics.report.ink import canvas
from voxomics.study.results import StudyResults

OUTLINE = "#ffb000"
_SOFT_TISSUE_HU = (-160.0, 240.0)
_MARGIN_MM = 30.0
_BAR_MM = 20.0
_SLICES = 5
_FINE_MM = 0.5

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Example:
    """The box around the VOI of one patient; patients are identified by their row only.

    Attributes
    ----------
    row : int
        From 1, in the study's order of patients.
    group : {"high", "low"}
    truth : float
    image : ndarray [z, y, x]
        Intensities of the box.
    voi : ndarray bool [z, y, x]
    spacing_mm : (float, float, float)
    window : (float, float)
        Intensities shown as black and as white.
    unit : {"HU", ""}
    """

    row: int
    group: str
    truth: float
    image: Floats
    voi: Bools
    spacing_mm: tuple[float, float, float]
    window: tuple[float, float]
    unit: str


def representatives(results: StudyResults) -> dict[str, int]:
    """Row numbers (from 0) of the patient in the middle of the high and of the low group, so that nobody picks them.

    High and low are the real marker's groups; without a real marker, the prediction's. With an even number of patients it is
    the one below the middle.
    """
    patients = results.parts["cohort"].tables["patients"].data
    for side, values in (("protocol_real_high", "truth"), ("protocol_predicted_high", "protocol_prediction")):
        if patients[side].notna().all():
            high = patients[side].astype(bool)
            ordered = {
                group: patients.loc[mine, values].sort_values(kind="stable")
                for group, mine in (("high", high), ("low", ~high))
            }
            return {group: int(rows.index[(len(rows) - 1) // 2]) for group, rows in ordered.items() if len(rows)}
    return {}


def examples(results: StudyResults, table: Path) -> list[Example]:
    """Read the images of the representative patients.

    Parameters
    ----------
    results : StudyResults
    table : Path
        CSV with the columns id, image and mask; paths start from the table's folder.

    Returns
    -------
    list of Example
        High first; empty where the study has no groups.

    Raises
    ------
    InputError
        A table without these columns or patients, or images that cannot be read.
    """
    try:
        places = pd.read_csv(table, dtype=str)
    except (OSError, ValueError) as error:
        raise InputError(
            f"table of images {table.name} cannot be read ({error}); give a CSV file with the columns id, image and "
            "mask"
        ) from None
    if absent := [name for name in ("id", "image", "mask") if name not in places.columns]:
        raise InputError(f"table of images {table.name} has no column {', '.join(absent)}; it needs id, image and mask")
    places = places.drop_duplicates("id").set_index("id")
    patients = results.parts["cohort"].tables["patients"].data
    found = []
    for group, row in representatives(results).items():
        name = str(patients["id"].iloc[row])
        if name not in places.index:
            raise InputError(
                f"table of images {table.name} has no row for the study's patient in row {row + 1}; use the same ids "
                "as the study"
            )
        image, mask = (table.parent / str(places.at[name, kind]) for kind in ("image", "mask"))
        found.append(_example(image, mask, row + 1, group, float(patients["truth"].iloc[row])))
    return found


def _example(image_path: Path, mask_path: Path, row: int, group: str, truth: float) -> Example:
    image = read_image(image_path)
    mask = read_mask(mask_path, image)
    voi = np.zeros(image.array.shape, bool)
    for layer in mask.layers:
        voi[tuple(slice(c, c + n) for c, n in zip(mask.corner, layer.shape, strict=True))] |= layer > 0
    if not voi.any():
        raise InputError(f"mask of the patient in row {row} is empty")
    box = []
    for axis, spacing in enumerate(image.spacing_mm):
        inside = np.flatnonzero(voi.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(_MARGIN_MM / spacing)) if axis else 1
        box.append(slice(max(int(inside[0]) - margin, 0), int(inside[-1]) + margin + 1))
    values = image.array[tuple(box)].astype(float)
    is_ct = float(image.array.min()) <= -500
    window = _SOFT_TISSUE_HU if is_ct else tuple(np.percentile(values[np.isfinite(values)], [1, 99]))
    return Example(
        row,
        group,
        truth,
        values,
        voi[tuple(box)],
        image.spacing_mm,
        (float(window[0]), float(window[1])),
        "HU" if is_ct else "",
    )


def largest_slices(shown: list[Example], marker: str) -> Figure:
    """Figure 1: the slice in which the VOI is largest, with the VOI's outline."""
    figure, axes = canvas(3.5 * len(shown), 3.4, 1, len(shown))
    for axis, one in zip(axes, shown, strict=True):
        k = int(one.voi.sum(axis=(1, 2)).argmax())
        _slice(axis, one.image[k], one.voi[k], one.spacing_mm[1:], one.window)
        axis.set_title(_said(one, marker))
        _bar(axis)
    return figure


def montage(shown: list[Example], marker: str) -> Figure:
    """Figure 4: the VOI from its first to its last slice, and its surface seen from the front and from the side."""
    figure, axes = canvas(7.2, 1.75 * len(shown), len(shown), _SLICES + 2, width_ratios=[1] * _SLICES + [0.8, 0.8])
    reach = 0.55 * max(float(np.max((np.ptp(np.argwhere(one.voi), axis=0) + 1) * one.spacing_mm)) for one in shown)
    for number, one in enumerate(shown):
        mine = axes[number * (_SLICES + 2) : (number + 1) * (_SLICES + 2)]
        inside = np.flatnonzero(one.voi.any(axis=(1, 2)))
        picked = np.unique(np.linspace(inside[0], inside[-1], _SLICES).round().astype(int))
        for axis in mine:
            axis.set_axis_off()
        for axis, k in zip(mine, picked, strict=False):
            axis.set_axis_on()
            _slice(axis, one.image[k], one.voi[k], one.spacing_mm[1:], one.window, width=0.8)
            axis.set_xlabel(f"{(k - inside[0]) * one.spacing_mm[0]:.0f} mm", fontsize=7)
        mine[0].set_title(_said(one, marker), fontsize=8)
        for axis, view, name in ((mine[-2], 1, "front"), (mine[-1], 2, "side")):
            _surface(axis, one, view, reach)
            axis.set_title(name, fontsize=7.5, fontweight="normal", loc="center")
    return figure


def _said(one: Example, marker: str) -> str:
    return f"{one.group.capitalize()}, row {one.row}: {marker} {one.truth:.3g}"


def _slice(
    axis: Axes, image: Floats, voi: Bools, spacing: tuple[float, ...], window: tuple[float, float], width: float = 1.2
) -> None:
    rows, columns = image.shape
    extent = (0.0, columns * spacing[1], rows * spacing[0], 0.0)
    axis.imshow(image, cmap="gray", vmin=window[0], vmax=window[1], extent=extent, interpolation="bilinear")
    x = (np.arange(columns) + 0.5) * spacing[1]
    y = (np.arange(rows) + 0.5) * spacing[0]
    if voi.any() and not voi.all():
        axis.contour(x, y, voi.astype(float), [0.5], colors=OUTLINE, linewidths=width)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _bar(axis: Axes) -> None:
    (left, right), (bottom, _) = axis.get_xlim(), axis.get_ylim()
    x, y = right - 0.05 * (right - left) - _BAR_MM, bottom - 5.0
    axis.plot([x, x + _BAR_MM], [y, y], color="white", linewidth=2, solid_capstyle="butt")
    axis.annotate(
        f"{_BAR_MM:.0f} mm",
        (x + _BAR_MM / 2, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color="white",
        fontsize=7.5,
    )


def _surface(axis: Axes, one: Example, view: int, reach: float) -> None:
    """The VOI's surface lit from the upper left: the depth of the first voxel along `view`, on 0.5 mm voxels; one scale."""
    fine: Any = ndimage.zoom(np.pad(one.voi, 2).astype(float), np.array(one.spacing_mm) / _FINE_MM, order=1)
    inside: Bools = ndimage.gaussian_filter(fine, 2.4) >= 0.5
    hit = np.asarray(inside.any(axis=view))
    depth = np.where(hit, inside.argmax(axis=view), np.nan)
    depth = np.where(hit, ndimage.gaussian_filter(np.where(hit, depth, np.nanmean(depth)), 2.0), np.nan)
    down, right = np.gradient(depth)
    light = (0.55 * down + 0.45 * right + 1.0) / np.sqrt((1 + down**2 + right**2) * (0.55**2 + 0.45**2 + 1))
    shade = np.clip(np.nan_to_num(light, nan=0.35), 0.0, 1.0)
    warm = np.array([1.0, 0.78, 0.36])
    picture = np.dstack([np.clip(0.35 + 0.65 * shade[..., None] * warm, 0, 1), hit.astype(float)])
    rows, columns = np.flatnonzero(hit.any(axis=1)), np.flatnonzero(hit.any(axis=0))
    picture = picture[rows[0] - 1 : rows[-1] + 2, columns[0] - 1 : columns[-1] + 2]
    height, width = picture.shape[0] * _FINE_MM, picture.shape[1] * _FINE_MM
    axis.imshow(picture[::-1], interpolation="bilinear", extent=(-width / 2, width / 2, -height / 2, height / 2))
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach))
