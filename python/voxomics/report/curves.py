"""Curves of a study: Kaplan–Meier with the number at risk, ROC, and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voxomics.report.ink import ACCENT, ACCENT_SOFT, GROUPS, INK, MUTED, Colours, canvas

_DASHES = {"high": "solid", "low": (0, (5, 1.5))}


def kaplan_meier(km: pd.DataFrame, at_risk: pd.DataFrame, said: str, time: str, colours: Colours) -> Figure:
    """Figure 3: survival of the high and the low group, with the patients at risk below.

    Parameters
    ----------
    km, at_risk : DataFrame
        Tables of one marker.
    said : str
        The test's result, written into the axes.
    time : str
        What the horizontal axis says.
    colours : {"paper", "safe"}
    """
    figure, (axis, below) = canvas(3.55, 3.5, 2, 1, sharex=True, height_ratios=[5, 1])
    palette = {"high": GROUPS[colours]["dead"], "low": GROUPS[colours]["alive"]}
    for group, colour in palette.items():
        mine = km[km["group"] == group]
        if mine.empty:
            continue
        style: dict[str, Any] = {"color": colour, "linestyle": _DASHES[group]}
        axis.step(
            mine["time"],
            mine["survival"] * 100,
            where="post",
            label=f"{group} (n = {mine['n_risk'].iloc[0]:.0f})",
            **style,
        )
        axis.fill_between(
            mine["time"], mine["ci_low"] * 100, mine["ci_high"] * 100, step="post", color=colour, alpha=0.13, lw=0
        )
        gone = mine[mine["n_censor"] > 0]
        axis.plot(gone["time"], gone["survival"] * 100, "|", color=colour, markersize=5, markeredgewidth=1)
    axis.set(ylim=(0, 104), ylabel="Survival (%)")
    axis.legend(loc="lower left", title="95 % CI: log scale", title_fontsize=7.5, alignment="left", borderaxespad=0.2)
    axis.annotate(said, (1, 1.02), xycoords="axes fraction", ha="right", va="top", fontsize=8)
    for place, group in enumerate(("low", "high")):
        mine = at_risk[at_risk["group"] == group]
        for when, n in zip(mine["time"], mine["n_risk"], strict=True):
            below.annotate(f"{n:.0f}", (when, place), ha="center", va="center", fontsize=7.5)
    below.set(ylim=(-0.6, 1.6), yticks=[0, 1], yticklabels=["low", "high"], xlabel=time)
    below.set_title("At risk", fontsize=8, fontweight="normal", color=MUTED, pad=2)
    for group, label in zip(("low", "high"), below.get_yticklabels(), strict=True):
        label.set_color(palette[group])
    below.set_xticks(sorted(at_risk["time"].unique()))
    below.spines["left"].set_visible(False)
    below.tick_params(axis="y", length=0, pad=12)
    axis.set_xlim(left=0)
    return figure


def roc(points: pd.DataFrame, areas: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """Draw ROC curves with their areas; a ring marks each threshold that was used."""
    figure, (axis,) = canvas(3.7, 3.7)
    axis.plot([0, 100], [0, 100], color=MUTED, linewidth=0.7, zorder=0)
    styles = zip([ACCENT, INK, MUTED, ACCENT_SOFT], ["solid", (0, (5, 1.5)), (0, (1, 1.2)), "solid"], strict=True)
    for (_, area), (colour, dashes) in zip(areas.iterrows(), styles, strict=False):
        mine = points[points["curve"] == area["curve"]].sort_values(
            ["specificity", "sensitivity"], ascending=[False, True]
        )
        label = f"{area['curve']}\nAUC {area['value']:.3f} ({area['ci_low']:.3f} to {area['ci_high']:.3f})"
        x, y = 100 * (1 - mine["specificity"]), 100 * mine["sensitivity"]
        axis.plot(x, y, color=colour, linestyle=dashes, label=label, solid_joinstyle="miter")
        used = best[(best["curve"] == area["curve"]) & best["chosen"].astype(bool) & np.isfinite(best["threshold"])]
        ring: dict[str, Any] = {"mec": INK, "mfc": "none", "markersize": 7}
        axis.plot(100 * (1 - used["specificity"]), 100 * used["sensitivity"], "o", **ring)
    axis.set(xlim=(-2, 102), ylim=(-2, 102), xlabel="1 − specificity (%)", ylabel="Sensitivity (%)", aspect="equal")
    axis.legend(loc="lower right", borderaxespad=0.3)
    return figure


def calibration(sides: dict[str, pd.DataFrame], unit: str) -> Figure:
    """Mean outcome against mean prediction in bins of equal number, with the identity line."""
    figure, axes = canvas(3.55 * len(sides), 3.1, 1, len(sides))
    for axis, (name, table) in zip(axes, sides.items(), strict=True):
        error = np.abs(table[["ci_low", "ci_high"]].to_numpy(dtype=float).T - table["observed"].to_numpy(dtype=float))
        axis.errorbar(
            table["expected"], table["observed"], error, fmt="o", color=ACCENT, markersize=4.5, elinewidth=1, capsize=2
        )
        low = min(axis.get_xlim()[0], axis.get_ylim()[0])
        high = max(axis.get_xlim()[1], axis.get_ylim()[1])
        axis.plot([low, high], [low, high], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
        axis.set(title=name, xlabel=f"Mean predicted ({unit})", ylabel=f"Mean real ({unit})")
    return figure
