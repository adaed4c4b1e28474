"""The command line: voxomics extract | features | doctor | phantom."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from voxomics._version import __version__
from voxomics.engine.errors import InputError, SettingsError, VoxomicsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Radiomics features of volumes of interest (VOIs) on CT, MR or PET, by the IBSI standard.",
)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


class Format(str, Enum):
    """Shape of the table."""

    wide = "wide"
    long = "long"


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


@app.command()
def extract(
    image: Annotated[Path, typer.Argument(help="NIfTI, NRRD, MHA, or a folder with one DICOM series.", show_default=False)],
    mask: Annotated[Path, typer.Argument(help="Label image, or a 3D Slicer .seg.nrrd.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Table to write: .csv, .parquet or .json.", show_default=False)],
    labels: Annotated[
        list[str] | None, typer.Option("--labels", "-l", help="Label number or segment name; repeat. Default: all.")
    ] = None,
    profile: ProfileOption = "ibsi",
    settings: SettingsOption = None,
    features: FeaturesOption = None,
    exclude: ExcludeOption = None,
    aggregations: AggregationsOption = None,
    discretisation: DiscretisationOption = None,
    ivh_discretisation: IvhOption = None,
    resegmentation_range: RangeOption = None,
    outliers_sigma: SigmaOption = None,
    percentile: Annotated[str | None, typer.Option(help="linear, lower, higher, nearest, midpoint, inverted_cdf.")] = None,
    nonfinite: Annotated[str | None, typer.Option(help="NaN or infinity in a VOI: fail its row, or exclude them.")] = None,
    resample_mask: Annotated[
        bool | None, typer.Option("--resample-mask", help="Bring a mask on another grid onto the image's.")
    ] = None,
    min_voxels_texture: Annotated[int | None, typer.Option(help="No textures for VOIs with fewer voxels.")] = None,
    memory: Annotated[str | None, typer.Option(help="Working memory of the run, for example 4GB.")] = None,
    backend: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Default: every core.")] = None,
    format: Annotated[Format, typer.Option(help="One row per VOI, or one per feature with id and unit.")] = Format.wide,
    include_paths: Annotated[
        bool, typer.Option("--include-paths", help="Write paths as given, not file names (paths often name patients).")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False,
) -> None:
    """Measure every VOI of MASK on IMAGE and write one table.

    Exit status: 0 done (a VOI that cannot be measured is a row with status "failed"), 2 wrong input or settings.
    """
    with _reported():
        from voxomics.engine import table
        from voxomics.extraction import Extractor

        table.check_target(output)
        flags = {
            "features": features,
            "exclude": exclude,
            "aggregations": aggregations,
            "discretisation": discretisation,
            "ivh_discretisation": ivh_discretisation,
            "resegmentation_range": resegmentation_range,
            "outliers_sigma": outliers_sigma,
            "percentile": percentile,
            "nonfinite": nonfinite,
            "resample_mask": resample_mask,
            "min_voxels_texture": min_voxels_texture,
            "memory": memory,
        }
        ours = Extractor(profile, _settings(settings, flags), backend, threads)
        wanted: Any = "all" if not labels else [int(item) if item.lstrip("-").isdigit() else item for item in labels]
        _warm(ours.threads, quiet)
        with _progress(quiet) as progress:
            found = ours.extract(image, mask, wanted, include_paths=include_paths, progress=progress)
        counts = found["status"].value_counts().to_dict()
        failures = found.loc[found["status"] == "failed", ["label", "reason"]].to_numpy().tolist()
        remarked = int((found["reason"].ne("") & found["status"].eq("ok")).sum())
        if format is Format.long:
            found = table.long(found, ours.described)
        table.write(found, output)
    if not quiet:
        number = sum(counts.values())
        summary = ", ".join(f"{counts[key]} {key}" for key in ("ok", "partial", "failed") if key in counts)
        typer.echo(f"{output}: {number} VOI{'s' if number > 1 else ''} ({summary}), {len(ours.columns)} features", err=True)
        for label, reason in failures:
            _errors.print(f"label {label} failed: {reason}", style="yellow", markup=False)
        if remarked:
            _errors.print(f"{remarked} more with remarks; see the column reason", style="yellow")


@app.command()
def features(
    profile: ProfileOption = "ibsi",
    settings: SettingsOption = None,
    features: FeaturesOption = None,
    exclude: ExcludeOption = None,
    aggregations: AggregationsOption = None,
    discretisation: DiscretisationOption = None,
    ivh_discretisation: IvhOption = None,
    resegmentation_range: RangeOption = None,
    columns: Annotated[bool, typer.Option("--columns", help="Only the column names, one a line.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="The settings in force, as a YAML file.")] = False,
) -> None:
    """List the features and columns that these settings give."""
    with _reported():
        from voxomics.extraction import Extractor

        flags = {
            "features": features,
            "exclude": exclude,
            "aggregations": aggregations,
            "discretisation": discretisation,
            "ivh_discretisation": ivh_discretisation,
            "resegmentation_range": resegmentation_range,
        }
        ours = Extractor(profile, _settings(settings, flags))
    if yaml:
        typer.echo(ours.settings.to_yaml(), nl=False)
        return
    if columns:
        typer.echo("\n".join(ours.columns))
        return
    from rich.table import Table

    listing = Table("column", "IBSI id", "unit", "definition", box=None, header_style="bold", pad_edge=False)
    for item in ours.outputs:
        listing.add_row(item.name, item.ibsi_id or "–", item.unit, item.definition)
    console = Console(width=None if sys.stdout.isatty() else 240, highlight=False, markup=False)
    console.print(listing)
    console.print(f"{len(ours.outputs)} columns, profile {profile}")


@app.command("ibsi-check")
def ibsi_check(
    folder: Annotated[Path, typer.Argument(help="Phantoms, laid out like theibsi/data_sets.", show_default=False)],
    reference: Annotated[
        Path | None,
        typer.Option(help="Reference values; default: ibsi1_reference*.csv in DIR, else the ones shipped ('builtin')."),
    ] = None,
    misses: Annotated[Path, typer.Option(help="CSV to write the rows to that were missed or skipped.")] = Path("ibsi_misses.csv"),
    backend: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="Default: every core.")] = None,
) -> None:
    """Compare this engine with the IBSI-1 reference values, row by row.

    Exit status: 0 every row that could be compared passed, 1 a miss or no rows, 2 wrong input.
    """
    with _reported():
        from voxomics import ibsi_check as judge

        source = judge.reference_file(folder, reference)
        console = Console(highlight=False)
        console.print(f"reference: {source.name}", markup=False)
        outcomes = judge.check(
            folder,
            judge.references(source),
            backend,
            threads,
            lambda name: _errors.print(f"configuration {name} ...", style="dim"),
        )
    _print_outcomes(console, outcomes)
    bad = [outcome for outcome in outcomes if outcome.verdict != "passed"]
    _write_misses(misses, bad)
    console.print(f"{len(bad)} rows missed or skipped, in {misses}", markup=False)
    compared = sum(outcome.verdict != "skipped" for outcome in outcomes)
    if not compared or any(outcome.verdict == "missed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what this machine has: versions, CPU, threads, GPU and why not."""
    from voxomics.diagnosis import diagnose

    console = Console(highlight=False, soft_wrap=True)
    for topic, finding in diagnose():
        console.print(f"{topic:<14} {finding}", markup=False)


@app.command()
def warm(threads: Annotated[int | None, typer.Option(help="Processes to compile with. Default: every core.")] = None) -> None:
    """Compile all kernels now rather than on the first run, for example while a container image is built."""
    from voxomics.engine import pool

    _warm(threads or pool.available_threads(), quiet=False, always=True)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="Where image.nii.gz and mask.nii.gz go; made if absent.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed, another phantom.")] = 0,
) -> None:
    """Write a synthetic CT with three tumours and their mask, to try things on."""
    with _reported():
        from voxomics.phantom import write

        for path in write(folder, seed):
            typer.echo(path)


def _print_outcomes(console: Console, outcomes: list[Any]) -> None:
    """Configuration × family: passed / present / skipped."""
    from collections import Counter

    from rich.table import Table

    counts = Counter((o.reference.config, o.reference.family, o.verdict) for o in outcomes)
    table = Table("configuration", "family", box=None, header_style="bold", pad_edge=False)
    for heading in ("passed", "present", "skipped"):
        table.add_column(heading, justify="right")
    total = Counter(o.verdict for o in outcomes)
    for config, family in dict.fromkeys((o.reference.config, o.reference.family) for o in outcomes):
        passed, missed, skipped = (counts[config, family, verdict] for verdict in ("passed", "missed", "skipped"))
        style = "red" if missed else "yellow" if skipped else ""
        table.add_row(config, family, str(passed), str(passed + missed + skipped), str(skipped), style=style)
    table.add_row("total", "", str(total["passed"]), str(len(outcomes)), str(total["skipped"]), style="bold")
    console.print(table)


def _write_misses(path: Path, bad: list[Any]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ["config", "family", "feature", "ibsi_code", "aggregation", "reference", "tolerance", "value", "verdict", "why"]
        )
        for o in bad:
            r = o.reference
            writer.writerow(
                [r.config, r.family, r.feature, r.ibsi_id, r.aggregation, r.printed, r.tolerance, repr(o.value), o.verdict, o.why]
            )


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voxomics {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    """Options before the command."""
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"  # the source line is no help to a reader
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)


def _settings(path: Path | None, flags: dict[str, Any]) -> dict[str, Any]:
    """The YAML file's settings overridden by the flags that were given."""
    from voxomics.engine.settings import Discretisation, Settings

    base = Settings.of(path) if path else Settings()
    chosen: dict[str, Any] = {key: getattr(base, key) for key in base.model_fields_set}
    given = {key: value for key, value in flags.items() if value is not None and value != []}
    if "discretisation" in given:
        given["discretisation"] = tuple(Discretisation.parse(text) for text in given["discretisation"])
    if "ivh_discretisation" in given:
        given["ivh_discretisation"] = Discretisation.parse(given["ivh_discretisation"])
    part = dict(chosen["resegmentation"].model_dump()) if "resegmentation" in chosen else {}
    if "resegmentation_range" in given:
        part["range"] = _range(given.pop("resegmentation_range"))
    if "outliers_sigma" in given:
        part["outliers_sigma"] = given.pop("outliers_sigma")
    if part:
        given["resegmentation"] = part
    return {**chosen, **given}


def _range(text: str) -> tuple[float | None, float | None]:
    sides = text.split(":")
    try:
        low, high = (float(side) if side.strip() else None for side in sides)
    except ValueError:
        raise SettingsError(f"--resegmentation-range {text!r}: give LOW:HIGH, like -500:400, or 0: for no upper limit") from None
    return low, high


@contextmanager
def _reported() -> Iterator[None]:
    """Errors made for people end in one message and exit status 2; anything else keeps its traceback."""
    try:
        yield
    except VoxomicsError as error:
        kind = "input" if isinstance(error, InputError) else type(error).__name__.removesuffix("Error").lower()
        _errors.print(f"[bold red]error[/] ({kind}): ", end="")
        _errors.print(str(error), markup=False)
        raise typer.Exit(2) from None


def _warm(threads: int, quiet: bool, always: bool = False) -> None:
    """Compile kernels on all cores where none are kept yet; later runs find them in the cache."""
    from voxomics.engine import warm as kernels

    if always or (threads > 1 and kernels.is_cold()):
        if not quiet:
            _errors.print("compiling kernels, once on this machine (about 20 s) ...", style="dim")
        kernels.warm_all(threads)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """A bar on a terminal's stderr, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(TextColumn("measuring"), BarColumn(), TimeElapsedColumn(), console=_errors, transient=True) as bar:
        task = bar.add_task("measuring", total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)


if __name__ == "__main__":
    app()
