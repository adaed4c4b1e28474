"""Draw figures without a screen, as SVG with colours that follow the page's dark mode, and as PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Colours = Literal["paper", "safe"]

# Every colour has one hexadecimal spelling, used for nothing else: that is how a figure's colours become the page's variables.
INK, MUTED, GRID, PAPER = "#1b1d20", "#5f656c", "#dcdfe3", "#fefefe"
ACCENT, ACCENT_SOFT = "#3d5a80", "#a9bcd3"
GROUPS: dict[Colours, dict[str, str]] = {
    "paper": {"alive": "#c4372d", "dead": "#2060b0"},  # the paper's: survivors red, non-survivors blue
    "safe": {"alive": "#b35900", "dead": "#006d9c"},  # vermilion and blue, told apart by every kind of colour vision
}
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", ACCENT: "accent", ACCENT_SOFT: "accent-soft"}
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "figure.constrained_layout.use": True,
}
DPI = 200


@contextmanager
def drawing(stem: str) -> Iterator[None]:
    """Style of all figures. Ids in an SVG depend only on the figure's name, so a figure always gives the same file."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": stem}):
        yield


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of a size in inches, and its axes row by row."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, [one for row in axes for one in row]


def files_of(figure: Figure) -> tuple[str, bytes]:
    """The figure as SVG text and as PNG bytes on white, 200 dots an inch."""
    text, picture = io.StringIO(), io.BytesIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": "voxomics"})
    figure.savefig(picture, format="png", dpi=DPI, facecolor="white", metadata={"Software": "voxomics"})
    svg = text.getvalue().replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    return svg, picture.getvalue()


def inlined(svg: str, stem: str, title: str, description: str) -> Markup:
    """An SVG file's text as an element of the page: own ids, colours as the page's variables, a title and a description.

    Parameters
    ----------
    svg : str
    stem : str
        Name of the figure; ids start with it, so that two figures never share one.
    title, description : str
        What a screen reader says.

    Examples
    --------
    >>> print(inlined('<svg width="1pt" viewBox="0 0 1 1"><path id="a" style="fill: #1b1d20"/></svg>', "f", "A", "B"))
    <svg viewBox="0 0 1 1" role="img" aria-labelledby="f-title f-desc"><title id="f-title">A</title><desc id="f-desc">B</desc>\
<path id="f-a" style="fill: var(--ink)"/></svg>
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", element, flags=re.DOTALL)
    element = re.sub(r'\bid="', f'id="{stem}-', element)
    element = re.sub(r'(xlink:href="|url\()#', rf"\1#{stem}-", element)
    for colour, name in _VARIABLES.items():
        element = element.replace(colour, f"var(--{name})")
    for palette in GROUPS.values():
        for name, colour in palette.items():
            element = element.replace(colour, f"var(--{name})")
    said = Markup(
        ' role="img" aria-labelledby="{stem}-title {stem}-desc"><title id="{stem}-title">{title}</title>'
        '<desc id="{stem}-desc">{description}</desc>'
    ).format(stem=stem, title=title, description=description)
    head, rest = element.split(">", 1)
    head = re.sub(r'\s(width|height|version|xmlns(:\w+)?)="[^"]*"', "", head)
    return Markup(head) + said + Markup(rest)
