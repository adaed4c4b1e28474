"""The options of the command line, and what they mean for the engine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from voxomics.engine.errors import SettingsError

if TYPE_CHECKING:
    from voxomics.cases import Case
    from voxomics.study.settings import StudySettings


class Format(str, Enum):
    """Shape of the table."""

    wide = "wide"
    long = "long"


ImageArgument = Annotated[
    Path, typer.Argument(help="NIfTI, NRRD, MHA, a folder with one DICOM series, or a CSV list of cases.", show_default=False)
]
MaskArgument = Annotated[Path | None, typer.Argument(help="Label image, or a 3D Slicer .seg.nrrd.", show_default=False)]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", help="Table to write: .csv, .parquet or .json.", show_default=False)
]
LabelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--labels", "-l", help="Label number or segment name (name:7 for a segment that is called 7); repeat. Default: all."
    ),
]
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="ibsi, or lifex: the 45 features of Hoshino et al. 2020.")]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", "-s", help="YAML file; `voxomics features --yaml` prints one to start from.")
]
FeaturesOption = Annotated[
    list[str] | None, typer.Option("--features", "-f", help="Family or family.feature; repeat. Default: all.")
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", "-x", help="Family or family.feature to leave out; repeat.")
]
AggregationsOption = Annotated[
    list[str] | None,
    typer.Option("--aggregations", "-a", help="3d_averaged, 3d_merged, 3d, 2d_averaged, ...; repeat."),
]
DiscretisationOption = Annotated[
    list[str] | None,
    typer.Option("--discretisation", "-d", help="fbn:BINS, fbs:WIDTH:ORIGIN, bounds:BINS:LOW:HIGH or none; repeat."),
]
IvhOption = Annotated[str | None, typer.Option("--ivh-discretisation", help="The same, for the intensity-volume histogram.")]
RangeOption = Annotated[
    str | None, typer.Option("--resegmentation-range", help="LOW:HIGH, inclusive; leave a side empty for no limit: 0:")
]
SigmaOption = Annotated[
    float | None, typer.Option("--outliers-sigma", help="Re-segment to the mean ± this many standard deviations.")
]
SpacingOption = Annotated[
    str | None,
    typer.Option("--resampling-spacing", help="New voxel size in mm, one for all axes or Z:Y:X; an empty one keeps an axis."),
]
RoundOption = Annotated[bool | None, typer.Option("--round-intensities", help="Round to integers after resampling (CT).")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other setting of `voxomics features --yaml` as KEY=VALUE, like ngldm.coarseness=1; repeat."),
]
PercentileOption = Annotated[
    str | None, typer.Option("--percentile", help="linear, lower, higher, nearest, midpoint, inverted_cdf.")
]
NonfiniteOption = Annotated[
    str | None, typer.Option("--nonfinite", help="NaN or infinity in a VOI: fail its row, or exclude them.")
]
ResampleOption = Annotated[bool | None, typer.Option("--resample-mask", help="Bring a mask on another grid onto the image's.")]
MinVoxelsOption = Annotated[int | None, typer.Option("--min-voxels-texture", help="No textures for VOIs with fewer voxels.")]
MemoryOption = Annotated[str | None, typer.Option("--memory", help="Working memory of the run, for example 4GB.")]
BackendOption = Annotated[str, typer.Option("--backend", help="auto, cpu or cuda.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Default: every core.")]
FormatOption = Annotated[Format, typer.Option("--format", help="One row per VOI, or one per feature with id and unit.")]
PathsOption = Annotated[
    bool, typer.Option("--include-paths", help="Write paths as given, not file names (paths often name patients).")
]
StudyArgument = Annotated[Path | None, typer.Argument(help="STUDY.yaml; --example prints one.", show_default=False)]
StudyOutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; made if absent.")]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files that voxomics did not write or that have changed since, but never an input."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]


def cases_of(image: Path, mask: Path | None) -> list[Case]:
    """Cases when IMAGE is a list of them, none when it is an image.

    Raises
    ------
    InputError
        An image without a mask, or a list of cases with one.
    """
    from voxomics.cases import read_cases
    from voxomics.engine.errors import InputError

    if image.suffix.lower() != ".csv":
        if mask is None:
            raise InputError(f"{image.name}: a mask is needed too (voxomics extract IMAGE MASK -o TABLE), or a CSV list of cases")
        return []
    if mask is not None:
        raise InputError(f"{image.name} is a list of cases, which names its masks; leave {mask.name} out")
    return read_cases(image)


def inputs_of(*given: Path | None, cases: Iterable[Any] = ()) -> list[Path]:
    """Every path that a command reads, so that none is written to.

    Parameters
    ----------
    *given : Path or None
        Arguments and options; None where one was left out.
    cases : iterable
        Cases or scans, with the attributes image and mask.
    """
    return [path for path in (*given, *(path for case in cases for path in (case.image, case.mask))) if path is not None]


def study_inputs(settings: StudySettings, file: Path) -> list[Path]:
    """Every path that a study reads: its settings, its tables, its list of images and the images themselves."""
    from voxomics.cases import read_cases
    from voxomics.engine.errors import InputError

    sources = (settings.features, settings.clinical, settings.controls)
    images = settings.report.images
    try:
        cases = read_cases(images) if images is not None else []
    except InputError:
        cases = []  # the study says what is wrong with its list
    return inputs_of(file, images, *(source.table for source in sources if source is not None), cases=cases)


def labels_of(items: list[str] | None) -> Any:
    """Labels for `Extractor.extract`.

    Parameters
    ----------
    items : list of str or None
        A whole number is a label, anything else a segment's name; "name:" in front makes it a name whatever follows.

    Returns
    -------
    "all" or list of int and str

    Examples
    --------
    >>> labels_of(["2", "Tumour", "name:7"]), labels_of(None)
    ([2, 'Tumour', '7'], 'all')
    """
    if not items:
        return "all"
    return [int(item) if re.fullmatch(r"-?[0-9]{1,18}", item) else item.removeprefix("name:") for item in items]


def settings_of(profile: str, path: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The YAML file's settings overridden by the flags that were given.

    Raises
    ------
    InputError, SettingsError
        As of the profile's settings; the file's own are checked first, so that the message names it.
    """
    from voxomics.engine.settings import read_yaml
    from voxomics.profiles import profile_named

    if path:
        profile_named(profile).settings(path)
    chosen: dict[str, Any] = dict(read_yaml(path)) if path else {}
    given = {key: value for key, value in flags.items() if value is not None and value != []}
    for item in given.pop("set", []):
        key, sign, text = item.partition("=")
        if not sign:
            raise SettingsError(f"--set {item!r}: give KEY=VALUE, like ngldm.coarseness=1")
        _put(chosen, key.split("."), yaml.safe_load(text))
    for flag, keys, read in (
        ("resegmentation_range", ["resegmentation", "range"], _range),
        ("outliers_sigma", ["resegmentation", "outliers_sigma"], float),
        ("resampling_spacing", ["resampling", "spacing_mm"], _spacing),
    ):
        if flag in given:
            _put(chosen, keys, read(given.pop(flag)))
    return {**chosen, **given}


def with_threads(settings: StudySettings, threads: int | None) -> StudySettings:
    """A study's settings with another number of worker processes.

    Raises
    ------
    SettingsError
        Fewer than 1.
    """
    if threads is None:
        return settings
    if threads < 1:
        raise SettingsError(f"--threads {threads}: at least 1 is needed")
    return settings.model_copy(update={"twin": settings.twin.model_copy(update={"threads": threads})})


def _put(settings: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = settings.get(key)
        settings[key] = dict(inner) if isinstance(inner, dict) else {}
        settings = settings[key]
    settings[keys[-1]] = value


def _range(text: str) -> tuple[float | None, float | None]:
    try:
        low, high = (float(side) if side.strip() else None for side in text.split(":"))
    except ValueError:
        raise SettingsError(f"--resegmentation-range {text!r}: give LOW:HIGH, like -500:400, or 0: for no upper limit") from None
    return low, high


def _spacing(text: str) -> list[float | None]:
    sides = text.split(":")
    try:
        z, y, x = (float(side) if side.strip() else None for side in (sides if len(sides) > 1 else sides * 3))
    except ValueError:
        raise SettingsError(
            f"--resampling-spacing {text!r}: give one size in mm, or Z:Y:X; an empty one keeps an axis: :2:2"
        ) from None
    return [z, y, x]
