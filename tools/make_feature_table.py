"""Write docs/features.md from the registry: every feature, its id, unit and definition, and where it is computed.

python tools/make_feature_table.py
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from voxomics.engine.families import FAMILIES
from voxomics.engine.feature import Family, Feature

PAGE = Path(__file__).resolve().parents[1] / "docs" / "features.md"
INTRODUCTION = """# Features and where they are computed

`python tools/make_feature_table.py` writes this page from the catalogue in `engine/families/`.
Do not edit it.

The id is the permanent id of the IBSI.
A feature without an id is not defined by the standard; it is measured only where its own name is listed in `features`.
A column is called `IMAGE.FAMILY.FEATURE[.AGGREGATION][.DISCRETISATION]`.
IMAGE is `original`, or the name of an image that a filter derives from it ([image types](image-types.md)).

In the column CUDA, *yes* means that the GPU computes the feature,
and *host* means that the CPU computes it while the GPU works on the other features.
A VOI that a GPU does not take (too many grey levels, too little memory) is measured on the CPU,
with the same definitions.
`voxomics features` shows the definition of each feature.
"""


def where(family: Family, feature: Feature) -> str:
    """Whether a GPU ("yes") or the CPU ("host") computes a feature with the CUDA backend."""
    return "yes" if family.device and feature.name not in family.device.host else "host"


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|")


def overview() -> Iterator[str]:
    """A line per family."""
    yield from ("| family | IBSI | features | CPU | CUDA | aggregations |", "|---|---|---:|---:|---:|---|")
    for (name, ibsi), families in groupby(FAMILIES, key=lambda family: (family.name, family.ibsi)):
        several = list(families)
        features = [where(family, feature) for family in several for feature in family.features]
        aggregations = ", ".join(several[0].aggregations) or "–"
        number = len(features)
        yield f"| [{name}](#{name}) | {ibsi or '–'} | {number} | {number} | {features.count('yes')} | {aggregations} |"


def details() -> Iterator[str]:
    """A table per family."""
    for name, families in groupby(FAMILIES, key=lambda family: family.name):
        yield from ("", f"## {name}", "", "| feature | IBSI | unit | definition | CPU | CUDA |", "|---|---|---|---|---|---|")
        for family in families:
            for one in family.features:
                words = (one.name, one.ibsi or "–", one.unit, f"`{cell(one.definition)}`", "yes", where(family, one))
                yield f"| {' | '.join(words)} |"


def text() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *overview(), *details(), ""])


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8", newline="\n")
