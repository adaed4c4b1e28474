"""Write the last table of docs/coming-from-pyradiomics.md: of what each of PyRadiomics' features is made.

python tools/make_pyradiomics_table.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from voxomics.engine.families import FAMILIES
from voxomics.profiles.pyradiomics.features import CLASSES, Entry

PAGE = Path(__file__).resolve().parents[1] / "docs" / "coming-from-pyradiomics.md"
MARK = "<!-- written by tools/make_pyradiomics_table.py -->\n"
_FEATURES = {f"{family.name}.{feature.name}": feature for family in FAMILIES for feature in family.features}


def lines() -> Iterator[str]:
    """The table."""
    yield from ("", "| class | feature | IBSI | voxomics |", "|---|---|---|---|")
    for group, entries in CLASSES.items():
        for name, entry in entries.items():
            ibsi, meaning = described(entry)
            deprecated = " (deprecated)" if entry.is_deprecated else ""
            yield f"| {group} | {name}{deprecated} | {ibsi} | {meaning} |"


def described(entry: Entry) -> tuple[str, str]:
    """IBSI id, where it is the standard's feature, and the engine's feature or the formula."""
    if entry.definition:
        return "–", entry.definition.replace("|", "\\|")
    (source,) = entry.sources
    return _FEATURES[source].ibsi or "–", f"`{source}`"


def text(page: str) -> str:
    """The page with its table."""
    return page[: page.index(MARK) + len(MARK)] + "\n".join([*lines(), ""])


if __name__ == "__main__":
    PAGE.write_text(text(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
