"""Compare voxomics with the reference values of IBSI-1: `voxomics ibsi-check DIR`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxomics.engine import images
from voxomics.engine.columns import ColumnKey
from voxomics.engine.errors import InputError
from voxomics.engine.families import FAMILIES
from voxomics.engine.feature import DIRECTIONAL, ZONAL
from voxomics.engine.settings import Settings
from voxomics.extractor import Extractor
from voxomics.ibsi_diagnostics import diagnose
from voxomics.io import formulas, outputs

BUILTIN = Path(__file__).parent / "reference" / "ibsi1.csv"
"""Reference values of every configuration, made from the manual by tools/make_ibsi_reference.py."""

_PLANAR = tuple(name for name in DIRECTIONAL + ZONAL if name.startswith("2"))
_SPATIAL = tuple(name for name in DIRECTIONAL + ZONAL if name.startswith("3"))
_FBN32, _FBS25 = {"method": "fbn", "bins": 32}, {"method": "fbs", "width": 25}
_NONE = {"method": "none"}
_ISOTROPIC = {"spacing_mm": [2, 2, 2]}
_CT = {"round_intensities": True, "ivh_discretisation": _NONE}  # the manual: CT intensities are integers

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "digital": {"discretisation": [_NONE], "ivh_discretisation": _NONE, "aggregations": DIRECTIONAL + ZONAL},
    "A": {**_CT, "aggregations": _PLANAR, "resegmentation": {"range": [-500, 400]}, "discretisation": [_FBS25]},
    "B": {
        **_CT,
        "aggregations": _PLANAR,
        "resampling": {"spacing_mm": [None, 2, 2]},
        "resegmentation": {"range": [-500, 400]},
        "discretisation": [_FBN32],
    },
    "C": {
        **_CT,
        "aggregations": _SPATIAL,
        "resampling": _ISOTROPIC,
        "resegmentation": {"range": [-1000, 400]},
        "discretisation": [_FBS25],
        "ivh_discretisation": {"method": "fbs", "width": 2.5},
    },
    "D": {
        **_CT,
        "aggregations": _SPATIAL,
        "resampling": _ISOTROPIC,
        "resegmentation": {"outliers_sigma": 3},
        "discretisation": [_FBN32],
    },
    "E": {
        **_CT,
        "aggregations": _SPATIAL,
        "resampling": {**_ISOTROPIC, "image": "cubic_spline"},
        "resegmentation": {"range": [-1000, 400], "outliers_sigma": 3},
        "discretisation": [_FBN32],
        "ivh_discretisation": {"method": "fbn", "bins": 1000},
    },
}
"""Settings of the standard's configurations (IBSI manual, chapter on reference data sets)."""

_FOLDERS = {"digital": ("ibsi_1_digital_phantom", "digital_phantom"), "ct": ("ibsi_1_ct_radiomics_phantom", "ct_phantom")}
_SEVERAL = {  # one id, two values: the reference's name tells which
    "Volume fraction at 10% intensity": "volume_at_intensity_fraction_10",
    "Volume fraction at 90% intensity": "volume_at_intensity_fraction_90",
    "Intensity at 10% volume": "intensity_at_volume_fraction_10",
    "Intensity at 90% volume": "intensity_at_volume_fraction_90",
}


@dataclass(frozen=True)
class Reference:
    """One row of a reference file.

    Attributes
    ----------
    config, family, feature, ibsi_id, aggregation : str
        As in the file; ibsi_id is "" for diagnostics.
    printed : str
        The value as printed: its digits matter.
    tolerance : float
    """

    config: str
    family: str
    feature: str
    ibsi_id: str
    aggregation: str
    printed: str
    tolerance: float


@dataclass(frozen=True)
class Outcome:
    """A reference row and what the engine gave: `verdict` is "passed", "missed" or "skipped", `why` explains the last."""

    reference: Reference
    value: float
    verdict: str
    why: str = ""


def agrees(value: float, printed: str, tolerance: float) -> bool:
    """Whether a value agrees with a reference by the standard's rule.

    Within the tolerance, allowing for the reference's own rounding; with tolerance 0, equal once both are rounded to the printed
    number of significant digits, at least three.

    Examples
    --------
    >>> agrees(1494.6, "1.49e3", 0), agrees(1496.0, "1.49e3", 0), agrees(0.8695, "0.869", 0.005)
    (True, False, True)
    """
    if math.isnan(value):
        return False
    expected = float(printed)
    digits = len(printed.lower().split("e")[0].lstrip("+-").replace(".", "").lstrip("0"))
    if tolerance == 0:
        return _rounded(value, max(3, digits)) == _rounded(expected, max(3, digits))
    half = 0.5 * 10.0 ** (math.floor(math.log10(abs(expected))) - digits + 1) if expected else 0.0
    return abs(value - expected) <= tolerance + half


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def references(path: Path) -> list[Reference]:
    """Rows of a reference file.

    Parameters
    ----------
    path : Path
        CSV with columns config, family, feature, ibsi_code, aggregation, value, tolerance.

    Returns
    -------
    list of Reference

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or holds no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"reference file {path.name} cannot be read: {error}") from None
    needed = {"config", "family", "feature", "ibsi_code", "aggregation", "value", "tolerance"}
    if not rows or needed - set(rows[0]):
        missing = sorted(needed - set(rows[0])) if rows else "every row"
        raise InputError(f"reference file {path.name} lacks {missing}; accepted: a CSV like {BUILTIN.name} of this package")
    return [
        Reference(
            r["config"], r["family"], r["feature"], r["ibsi_code"], r["aggregation"], r["value"], float(r["tolerance"] or 0)
        )
        for r in rows
    ]


def reference_file(folder: Path, chosen: Path | None) -> Path:
    """The file to compare with: the chosen one ("builtin" for ours), else ibsi1_reference*.csv in the folder, else ours."""
    if chosen is not None:
        return BUILTIN if str(chosen) == "builtin" else chosen
    there = sorted(folder.glob("ibsi1_reference*.csv"))
    return there[0] if there else BUILTIN


def check(
    folder: Path,
    rows: list[Reference],
    backend: str = "auto",
    threads: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Run every configuration that has rows and judge each row.

    Parameters
    ----------
    folder : Path
        Laid out like theibsi/data_sets, or with digital_phantom/ and ct_phantom/.
    rows : list of Reference
    backend : str
    threads : int, optional
    progress : callable, optional
        Told the configuration that begins.

    Returns
    -------
    list of Outcome
        One per row, in order.
    """
    if not folder.is_dir():
        raise InputError(
            f"folder {folder.name} does not exist; give the folder of the IBSI phantoms "
            "(https://github.com/theibsi/data_sets)"
        )
    outcomes = []
    for config in dict.fromkeys(row.config for row in rows):
        if progress:
            progress(config)
        mine = [row for row in rows if row.config == config]
        if config not in CONFIGURATIONS:
            outcomes += [Outcome(row, math.nan, "skipped", f"no settings for configuration {config!r}") for row in mine]
            continue
        try:
            image, mask = phantom(folder, config)
        except InputError as error:
            outcomes += [Outcome(row, math.nan, "skipped", str(error)) for row in mine]
            continue
        outcomes += _run(config, mine, image, mask, backend, threads)
    return outcomes


def write_outcomes(path: Path, outcomes: list[Outcome], **kept: Any) -> None:
    """Write rows with what the engine gave as CSV.

    Parameters
    ----------
    path : Path
    outcomes : list of Outcome
    **kept
        Keywords `record`, `inputs` and `overwrite` of `voxomics.io.outputs.write_whole`.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(
        ["config", "family", "feature", "ibsi_code", "aggregation", "reference", "tolerance", "value", "verdict", "why"]
    )
    for o in outcomes:
        r = o.reference
        texts = (r.config, r.family, r.feature, r.ibsi_id, r.aggregation, r.printed, r.tolerance, repr(o.value), o.verdict, o.why)
        writer.writerow([formulas.guarded(text) for text in texts])
    outputs.write_whole({path: text.getvalue().encode()}, **kept)


def phantom(folder: Path, config: str) -> tuple[Path, Path]:
    """Image and mask file of a configuration's phantom.

    Raises
    ------
    InputError
        They are not below `folder`; says where they were looked for.
    """
    names = _FOLDERS["digital" if config == "digital" else "ct"]
    for name in names:
        for base in (folder / name / "nifti", folder / name):
            found = [_one_file(base, kind) for kind in ("image", "mask")]
            if found[0] and found[1]:
                return found[0], found[1]
    expected = f"{' or '.join(names)} with image and mask as NIfTI"
    raise InputError(f"no phantom for configuration {config}; expected {expected}")


def _one_file(base: Path, kind: str) -> Path | None:
    direct = base / f"{kind}.nii.gz"
    inside = sorted((base / kind).glob("*.nii.gz"))
    return direct if direct.is_file() else (inside[0] if len(inside) == 1 else None)


def _run(config: str, rows: list[Reference], image: Path, mask: Path, backend: str, threads: int | None) -> Iterator[Outcome]:
    ours = Extractor(settings=CONFIGURATIONS[config], backend=backend, threads=threads)
    table = ours.extract(image, mask)
    if len(table) != 1:
        raise InputError(f"mask {mask.name} holds {len(table)} labels; the phantom has one")
    values = table.iloc[0]
    diagnostics: dict[str, float] = {}
    for row in rows:
        if not row.ibsi_id:
            diagnostics = diagnostics or diagnose(image, mask, ours.settings)
            value = diagnostics.get(f"{row.family.split('-')[-1]}: {row.feature}")
        else:
            value = values.get(_column(row, ours.settings))
        if value is None:
            yield Outcome(row, math.nan, "skipped", "no such feature or aggregation in this configuration")
        else:
            verdict = "passed" if agrees(float(value), row.printed, row.tolerance) else "missed"
            yield Outcome(row, float(value), verdict)


def _column(row: Reference, settings: Settings) -> str:
    """Name of the column that holds a reference row's feature."""
    family, feature = _BY_ID.get(row.ibsi_id, ("", ""))
    feature = _SEVERAL.get(row.feature, feature)
    aggregation = row.aggregation.lower().replace(", ", "_").replace("-", "_").replace(".", "_")
    if not family:
        return ""
    chosen = _FAMILY[row.ibsi_id].discretisations(settings)[0]
    return ColumnKey(images.BASE, family, feature, aggregation, chosen.name if chosen else "").name


_FAMILY = {feature.ibsi: family for family in FAMILIES for feature in family.features}
_BY_ID = {feature.ibsi: (family.name, feature.name) for family in FAMILIES for feature in family.features}
