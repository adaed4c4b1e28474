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
    """Layout of the table."""

    wide = "wide"
    long = "long"


ImageArgument = Annotated[
    Path,
    typer.Argument(
        help="NIfTI, NRRD or MetaImage file, folder with one DICOM series, or CSV list of cases.", show_default=False
    ),
]
MaskArgument = Annotated[
    Path | None, typer.Argument(help="Label image, or .seg.nrrd file of 3D Slicer.", show_default=False)
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", help="Table to write: .csv, .parquet or .json.", show_default=False)
]
LabelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--labels",
        "-l",
        help="Label number or segment name to measure (name:7 if the name is 7). Repeatable. Default: all.",
    ),
]
ProfileOption = Annotated[
    str,
    typer.Option(
        "--profile",
        "-p",
        help="ibsi; pyradiomics, for its features, names and parameter files; or lifex, for the 45 LIFEx features of "
        "Hoshino et al. 2020.",
    ),
]
SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings", "-s", help="YAML file of settings. `voxomics features --yaml` prints one to start from."
    ),
]
ImageTypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--image-types",
        "-i",
        help="Image to measure: original, or the name of a filter such as pyradiomics_wavelet, or with settings "
        "'{type: pyradiomics_log, sigma_mm: [1.0, 3.0]}'. Repeatable. Default: original.",
    ),
]
FeaturesOption = Annotated[
    list[str] | None,
    typer.Option("--features", "-f", help="Family or family.feature to measure. Repeatable. Default: all."),
]
ExcludeOption = Annotated[
    list[str] | None, typer.Option("--exclude", "-x", help="Family or family.feature to leave out. Repeatable.")
]
AggregationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--aggregations",
        "-a",
        help="Aggregation of texture matrices: 3d_averaged, 3d_merged, 3d, 2d_averaged, ... Repeatable.",
    ),
]
DiscretisationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--discretisation",
        "-d",
        help="Grey levels: fbn:BINS, fbs:WIDTH:ORIGIN, bounds:BINS:LOW:HIGH or none. Repeatable.",
    ),
]
IvhOption = Annotated[
    str | None,
    typer.Option("--ivh-discretisation", help="Discretisation of the intensity-volume histogram, written as for -d."),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--resegmentation-range",
        help="Intensities to keep, as LOW:HIGH, both included. An empty side is no limit, as in 0:",
    ),
]
SigmaOption = Annotated[
    float | None,
    typer.Option("--outliers-sigma", help="Keep only intensities within this many standard deviations of the mean."),
]
SpacingOption = Annotated[
    str | None,
    typer.Option(
        "--resampling-spacing",
        help="New voxel size in mm: one value, or Z:Y:X. An empty value keeps the size along that axis.",
    ),
]
RoundOption = Annotated[
    bool | None, typer.Option("--round-intensities", help="Round intensities to integers after resampling (for CT).")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any setting of `voxomics features --yaml`, as KEY=VALUE, for example ngldm.coarseness=1. Repeatable.",
    ),
]
PercentileOption = Annotated[
    str | None,
    typer.Option(
        "--percentile", help="Method of percentiles: linear, lower, higher, nearest, midpoint or inverted_cdf."
    ),
]
NonfiniteOption = Annotated[
    str | None, typer.Option("--nonfinite", help="If a VOI contains NaN or infinity: fail, or exclude these voxels.")
]
ResampleOption = Annotated[
    bool | None,
    typer.Option("--resample-mask", help="Resample a mask that is on another grid to the grid of the image."),
]
MinVoxelsOption = Annotated[
    int | None, typer.Option("--min-voxels-texture", help="Leave out the texture features of VOIs with fewer voxels.")
]
MemoryOption = Annotated[
    str | None, typer.Option("--memory", help="Memory limit in addition to the image, for example 4GB.")
]
BackendOption = Annotated[str, typer.Option("--backend", help="auto, cpu or cuda. auto uses a GPU if one can be used.")]
ThreadsOption = Annotated[int | None, typer.Option("--threads", help="Number of threads. Default: every core.")]
FormatOption = Annotated[
    Format, typer.Option("--format", help="wide: one row per VOI. long: one row per feature, with id and unit.")
]
PathsOption = Annotated[
    bool,
    typer.Option(
        "--include-paths", help="Write paths as given instead of file names. Paths often contain patient names."
    ),
]
StudyArgument = Annotated[Path | None, typer.Argument(help="STUDY.yaml. --example prints one.", show_default=False)]
StudyOutputOption = Annotated[
    Path, typer.Option("--output", "-o", help="Folder for the results; created if it does not exist.")
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace existing files that voxomics did not write or that have changed since. An input is never replaced.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar and no summary.")]


def cases_of(image: Path, mask: Path | None) -> list[Case]:
    """Read the cases if IMAGE is a list of cases; return none if it is an image.

    Raises
    ------
    InputError
        An image without a mask, or a list of cases with one.
    """
    from voxomics.cases import read_cases
    from voxomics.engine.errors import InputError

    if image.suffix.lower() != ".csv":
        if mask is None:
            raise InputError(
                f"{image.name}: a mask is needed too (voxomics extract IMAGE MASK -o TABLE); "
                "for many cases, give a CSV list instead"
            )
        return []
    if mask is not None:
        raise InputError(f"{image.name} is a list of cases and already names their masks; leave {mask.name} out")
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
    """Convert the values of --labels for `Extractor.extract`.

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
    """Settings of the YAML file, overridden by the options that were given.

    Raises
    ------
    InputError, SettingsError
        As for the settings of the profile. Those of the file are checked first, so that the message names the file.
    """
    from voxomics.engine.settings import read_yaml
    from voxomics.profiles import profile_named

    if path:
        profile_named(profile).settings(path)
    chosen: dict[str, Any] = dict(read_yaml(path)) if path else {}
    given = {key: value for key, value in flags.items() if value is not None and value != []}
    if "image_types" in given:
        given["image_types"] = [_image_type(item) for item in given["image_types"]]
    for item in given.pop("set", []):
        key, sign, text = item.partition("=")
        if not sign:
            raise SettingsError(f"--set {item!r}: give KEY=VALUE, for example ngldm.coarseness=1")
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
        raise SettingsError(f"--threads must be at least 1, got {threads}")
    return settings.model_copy(update={"twin": settings.twin.model_copy(update={"threads": threads})})


def _put(settings: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        inner = settings.get(key)
        settings[key] = dict(inner) if isinstance(inner, dict) else {}
        settings = settings[key]
    settings[keys[-1]] = value


def _image_type(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(
            f"--image-types {text!r}: give a name, or a mapping such as {{type: pyradiomics_log, sigma_mm: [1.0, 3.0]}}"
        ) from None


def _range(text: str) -> tuple[float | None, float | None]:
    try:
        low, high = (float(side) if side.strip() else None for side in text.split(":"))
    except ValueError:
        raise SettingsError(
            f"--resegmentation-range {text!r}: give LOW:HIGH, for example -500:400, or 0: for no upper limit"
        ) from None
    return low, high


def _spacing(text: str) -> list[float | None]:
    sides = text.split(":")
    try:
        z, y, x = (float(side) if side.strip() else None for side in (sides if len(sides) > 1 else sides * 3))
    except ValueError:
        raise SettingsError(
            f"--resampling-spacing {text!r}: give one size in mm, or Z:Y:X; :2:2 keeps the size along z"
        ) from None
    return [z, y, x]
