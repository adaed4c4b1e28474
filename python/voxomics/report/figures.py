"""Figures of a study: features against the marker, predicted against real values, and results of the twin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from voxomics.report.ink import ACCENT, ACCENT_SOFT, GROUPS, INK, MUTED, Colours, canvas

Floats = npt.NDArray[np.float64]
PANEL_IN = 2.35  # width of a small panel; three of them fill a page's column


def scatter(points: pd.DataFrame, marker: str, colours: Colours) -> Figure:
    """Figure 2A: each selected feature against the marker.

    Parameters
    ----------
    points : DataFrame
        Table `scatter`: feature, x, truth, event.
    marker : str
        What the vertical axis says.
    colours : {"paper", "safe"}
    """
    names = list(dict.fromkeys(points["feature"]))
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure, axes = canvas(PANEL_IN * 3 if columns > 1 else 3.6, 1.95 * rows + 0.3, rows, columns, sharey=True)
    for axis, name in zip(axes, names, strict=False):
        mine = points[points["feature"] == name]
        _outcome_points(axis, mine["x"], mine["truth"], mine["event"], colours)
        _fitted_line(axis, _floats(mine["x"]), _floats(mine["truth"]))
        axis.set_xlabel(_wrapped(name))
    for axis in axes[::columns]:
        axis.set_ylabel(marker)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    _outcome_legend(figure, points["event"], colours)
    return figure


def predicted_against_real(predictions: pd.DataFrame, unit: str, colours: Colours, limit: float | None) -> Figure:
    """Figure 2B: out-of-fold prediction against the real marker, with and without the patients left out post hoc.

    Parameters
    ----------
    predictions : DataFrame
        id, truth, prediction, event, kept; one row a patient.
    unit : str
    colours : {"paper", "safe"}
    limit : float or None
        The value above which patients are left out; None draws one panel.
    """
    panels = [("All patients", predictions)]
    if limit is not None and predictions["kept"].any() and not predictions["kept"].all():
        panels.append((f"Without those above {limit:g} (post hoc)", predictions[predictions["kept"]]))
    figure, axes = canvas(3.7, 2.45 * len(panels) + 0.4, len(panels), 1)
    for axis, (title, mine) in zip(axes, panels, strict=True):
        _outcome_points(axis, mine["truth"], mine["prediction"], mine["event"], colours)
        _fitted_line(axis, _floats(mine["truth"]), _floats(mine["prediction"]))
        low = min(axis.get_xlim()[0], axis.get_ylim()[0])
        high = min(axis.get_xlim()[1], axis.get_ylim()[1])
        axis.plot([low, high], [low, high], color=MUTED, linewidth=0.7, zorder=0)
        axis.set(title=title, xlabel=f"Real ({unit})", ylabel=f"Predicted ({unit})")
    _outcome_legend(figure, predictions["event"], colours)
    return figure


def by_class(predictions: pd.DataFrame, positive: str) -> Figure:
    """Out-of-fold probability in the two classes, each patient a point."""
    figure, (axis,) = canvas(4.2, 3.1)
    rng = np.random.default_rng(0)
    for place in (0, 1):
        values = _floats(predictions.loc[predictions["truth"] == place, "prediction"])
        axis.scatter(
            place + rng.uniform(-0.16, 0.16, len(values)), values, s=14, color=ACCENT, alpha=0.75, linewidths=0
        )
        if len(values):
            axis.plot([place - 0.27, place + 0.27], [np.median(values)] * 2, color=INK, linewidth=1.6)
            axis.annotate(f"n = {len(values)}", (place, 1.03), ha="center", fontsize=8, color=MUTED)
        axis.set_xticks([0, 1], ["others", positive])
    axis.set(xlim=(-0.6, 1.6), ylim=(-0.03, 1.1), ylabel=f"Predicted probability of {positive}")
    return figure


def _edges(values: Floats) -> list[float]:
    """Edges of 28 bins. Values that agree up to rounding lie in the middle of a range that can be divided."""
    low, high = float(values.min()), float(values.max())
    least = 1e-6 * max(abs(low), abs(high), 1e-300)
    if high - low < least:
        low, high = low - least, high + least
    edges: list[float] = np.histogram_bin_edges(values, bins=28, range=(low, high)).tolist()
    return edges


def histograms(draws: pd.DataFrame, observed: dict[str, float], names: dict[str, str], *, tail: bool) -> Figure:
    """Distributions of scores, with the observed value as a line.

    Parameters
    ----------
    draws : DataFrame
        score, draw, value: permutations or bootstrap samples.
    observed : dict
        Score to its value in the study.
    names : dict
        Score to what the axis says; its keys choose the panels.
    tail : bool
        True: shade the draws at or above the observed value. False: mark the 2.5th and the 97.5th percentile.
    """
    shown = [score for score in names if (draws["score"] == score).any()]
    figure, axes = canvas(3.55 * len(shown), 2.7, 1, len(shown))
    for axis, score in zip(axes, shown, strict=True):
        values = _floats(draws.loc[draws["score"] == score, "value"].dropna())
        seen = observed.get(score)
        bins = _edges(np.r_[values, [] if seen is None else seen])
        axis.hist(values, bins=bins, color=ACCENT_SOFT)
        if tail and seen is not None:
            axis.hist(values[values >= seen], bins=bins, color=ACCENT)
        if not tail:
            for limit in np.percentile(values, [2.5, 97.5]):
                axis.axvline(limit, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        if seen is not None:
            axis.axvline(seen, color=INK, linewidth=1.6)
            right = seen > np.mean(axis.get_xlim())
            axis.annotate(
                f"observed {seen:.2f}",
                (seen, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-4 if right else 4, -2),
                textcoords="offset points",
                ha="right" if right else "left",
                va="top",
                fontsize=8,
            )
        axis.set(xlabel=names[score], ylabel="Permutations" if tail else "Samples")
        axis.set_ylim(top=axis.get_ylim()[1] * 1.16)
    return figure


def selection(frequencies: pd.DataFrame, selected: list[str], most: int = 20) -> Figure:
    """How often each feature was selected in the training folds; the protocol's selection in full colour."""
    shown = frequencies[frequencies["frequency"] > 0].sort_values("frequency", kind="stable").tail(most)
    figure, (axis,) = canvas(6.4, 0.21 * len(shown) + 0.7)
    colours = [ACCENT if name in selected else ACCENT_SOFT for name in shown["feature"]]
    axis.barh(shown["feature"], shown["frequency"] * 100, color=colours, height=0.68)
    for place, share in enumerate(shown["frequency"]):
        text = f"{share:.0%}" if share >= 0.005 else "< 1%"
        axis.annotate(text, (share * 100, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5)
    axis.set(xlim=(0, 112), ylim=(-0.7, len(shown) - 0.3), xlabel="Training folds that selected the feature (%)")
    axis.set_xticks([0, 25, 50, 75, 100])
    axis.tick_params(axis="y", length=0)
    return figure


def _outcome_points(axis: Axes, x: pd.Series, y: pd.Series, event: pd.Series, colours: Colours) -> None:
    """Survivors and non-survivors by colour and by shape; one colour where no follow-up is given."""
    if event.isna().all():
        axis.scatter(x, y, s=15, color=ACCENT, alpha=0.75, linewidths=0)
        return
    for alive, name, symbol in ((True, "alive", "o"), (False, "dead", "^")):
        mine = (event == 0) if alive else (event == 1)
        axis.scatter(x[mine], y[mine], s=17, marker=symbol, color=GROUPS[colours][name], alpha=0.78, linewidths=0)


def _outcome_legend(figure: Figure, event: pd.Series, colours: Colours) -> None:
    if event.isna().all():
        return
    for name, symbol, text in (("alive", "o", "no event (survivor)"), ("dead", "^", "event (non-survivor)")):
        figure.axes[0].scatter([], [], s=20, marker=symbol, color=GROUPS[colours][name], label=text, linewidths=0)
    figure.axes[0].plot([], [], color=INK, linewidth=1.1, linestyle=(0, (4, 3)), label="least-squares line")
    columns = 3 if figure.get_figwidth() > 5 else 2
    figure.legend(loc="outside upper left", ncols=columns, handletextpad=0.4, columnspacing=1.4)


def _fitted_line(axis: Axes, x: Floats, y: Floats) -> None:
    if np.ptp(x) > 0:
        slope, intercept = np.polyfit(x, y, 1)
        ends = np.array([x.min(), x.max()])
        axis.plot(ends, intercept + slope * ends, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))


def _wrapped(name: str, width: int = 26) -> str:
    """A long feature name on several lines, cut at its dots and underscores."""
    lines = [""]
    for piece in name.replace(".", ".\0").replace("_", "_\0").split("\0"):
        if len(lines[-1]) + len(piece) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)


def _floats(values: pd.Series) -> Floats:
    return values.to_numpy(dtype=float)
