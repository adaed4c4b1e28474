"""Tables of bench/gpu.py, as Markdown."""

from __future__ import annotations

from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]
ESTIMATES = {  # ms, docs/gpu.md; and the kernels to compare them with
    "copy to the device": ("6 (levels only: 1.2)", ("put",)),
    "GLCM, counting": ("0.2–1.7", ("glcm.count",)),
    "GLCM, features": ("0.2", ("glcm.measure",)),
    "GLRLM, counting": ("0.1", ("glrlm.count",)),
    "NGTDM and NGLDM, counting": ("0.1 each", ("ngtdm.count", "ngldm.count")),
    "zones (GLSZM, GLDZM)": ("20–60", ("zones.",)),
    "largest diameter": ("7", ("shape.diameter.",)),
    "Moran's I, Geary's C": ("20", ("spatial.",)),
    "everything": ("50–90", ("",)),
}
ESTIMATED_CASE = (1000, 30_000, 64)


def print_agreement(console: Console, rows: list[Figures]) -> None:
    """Table of `agreement`."""
    table = Table(
        "family", "levels", "VOIs", "columns", "launches", "largest |Δ| / allowed", "again", "alone", box=MARKDOWN
    )
    for row in rows:
        bits = ("bit-equal" if row[key] else "DIFFERS" for key in ("same again", "same alone"))
        numbers = (str(row[key]) for key in ("levels", "vois", "columns", "launches"))
        table.add_row(row["family"], *numbers, f"{row['of what is allowed']:.2g}", *bits)
    console.print(table)


def print_times(console: Console, found: Figures, label: str) -> None:
    """Tables of `times`."""
    console.print(f"\n{found['vois']:,} VOIs of {found['voxels']:,.0f} voxels, {found['levels']} levels; {label}\n")
    table = Table("ms, wall", "CPU", "with the device", "CPU / device", box=MARKDOWN)
    for name, row in found["wall"].items():
        cpu, device = (row[key]["wall"] if key in row else None for key in ("cpu", "device"))
        cells = [f"{value:,.1f}" if value is not None else "–" for value in (cpu, device)]
        table.add_row(name, *cells, f"{cpu / device:.2f}" if device else "–")
    console.print(table)
    table = Table("kernel or copy", "times", "ms in all", box=MARKDOWN)
    for name, row in sorted(found["kernels"].items(), key=lambda item: -item[1]["ms"]):
        table.add_row(name, str(row["number"]), f"{row['ms']:,.3f}")
    console.print(table)


def print_estimates(console: Console, found: list[Figures], is_gpu: bool) -> None:
    """What was thought before anything was measured, beside the case that comes near it."""
    near = [one for one in found if abs(one["voxels"] / ESTIMATED_CASE[1] - 1) < 0.1]
    near = [one for one in near if is_gpu and (one["vois"], one["levels"]) == ESTIMATED_CASE[::2]]
    console.print(
        "\nEstimates, made without a GPU: 1,000 VOIs of 30k voxels, 64 levels, H100; expect 3–5 times as much.\n"
    )
    table = Table("part", "estimated ms", "measured ms", box=MARKDOWN)
    for part, (text, prefixes) in ESTIMATES.items():
        taken = [row["ms"] for one in near for name, row in one["kernels"].items() if name.startswith(prefixes)]
        table.add_row(part, text, f"{sum(taken):.2f}" if taken else "not measured")
    console.print(table)
