"""The command line: voxomics extract | features | stability | study | ibsi-check | doctor | warm | phantom."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from voxomics import options as o
from voxomics import terminal
from voxomics._version import __version__
from voxomics.engine.errors import SettingsError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Radiomics features of volumes of interest (VOIs) on CT, MR or PET, by the IBSI standard.",
)


@app.command()
def extract(
    image: o.ImageArgument,
    output: o.OutputOption,
    mask: o.MaskArgument = None,
    labels: o.LabelsOption = None,
    profile: o.ProfileOption = "ibsi",
    settings: o.SettingsOption = None,
    features: o.FeaturesOption = None,
    exclude: o.ExcludeOption = None,
    aggregations: o.AggregationsOption = None,
    discretisation: o.DiscretisationOption = None,
    ivh_discretisation: o.IvhOption = None,
    resegmentation_range: o.RangeOption = None,
    outliers_sigma: o.SigmaOption = None,
    resampling_spacing: o.SpacingOption = None,
    round_intensities: o.RoundOption = None,
    percentile: o.PercentileOption = None,
    nonfinite: o.NonfiniteOption = None,
    resample_mask: o.ResampleOption = None,
    min_voxels_texture: o.MinVoxelsOption = None,
    memory: o.MemoryOption = None,
    set: o.SetOption = None,
    backend: o.BackendOption = "auto",
    threads: o.ThreadsOption = None,
    format: o.FormatOption = o.Format.wide,
    include_paths: o.PathsOption = False,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Measure every VOI of MASK on IMAGE and write one table.

    IMAGE may be a list of cases instead, without MASK: a CSV file with the columns id, image and mask, files beside it.

    Exit status: 0 done (a VOI that cannot be measured is a row with status "failed"), 1 an internal error failed a case of the
    list (the other rows are written), 2 wrong input or settings.
    """
    with terminal.reported():
        from voxomics.cases import extract_cases
        from voxomics.extractor import Extractor
        from voxomics.io import tables

        cases = o.cases_of(image, mask)
        inputs = o.inputs_of(image, mask, settings, cases=cases)
        tables.check_target(output, inputs=inputs, overwrite=overwrite)
        flags = {
            "features": features,
            "exclude": exclude,
            "aggregations": aggregations,
            "discretisation": discretisation,
            "ivh_discretisation": ivh_discretisation,
            "resegmentation_range": resegmentation_range,
            "outliers_sigma": outliers_sigma,
            "resampling_spacing": resampling_spacing,
            "round_intensities": round_intensities,
            "percentile": percentile,
            "nonfinite": nonfinite,
            "resample_mask": resample_mask,
            "min_voxels_texture": min_voxels_texture,
            "memory": memory,
            "set": set,
        }
        ours = Extractor(profile, o.settings_of(profile, settings, flags), backend, threads)
        terminal.warm(ours.threads, ours.families, quiet)
        with terminal.progress(quiet) as progress:
            chosen = o.labels_of(labels)
            if cases:
                found = extract_cases(ours, cases, chosen, include_paths=include_paths, progress=progress)
            else:
                found = ours.extract(image, mask, chosen, include_paths=include_paths, progress=progress)
        table = tables.long(found, ours.described) if format is o.Format.long else found
        tables.write(table, output, inputs=inputs, overwrite=overwrite)
    if not quiet:
        terminal.print_summary(found, output, len(ours.columns))
    if found.attrs["voxomics"].get("internal_errors"):
        raise typer.Exit(1)


@app.command()
def stability(
    cases: Annotated[
        Path, typer.Argument(help="CSV with the columns id, image, mask; paths relative to it.", show_default=False)
    ],
    output: o.OutputOption,
    perturbations: Annotated[int, typer.Option("--perturbations", "-n", help="Of each case.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed, the same perturbations of a case.")] = 0,
    shift: Annotated[float, typer.Option(help="Shift in voxels, ± along each axis.")] = 0.5,
    angle: Annotated[float, typer.Option(help="Rotation in plane in degrees, ±.")] = 5.0,
    rim: Annotated[int, typer.Option(help="Growing and shrinking in voxels (shortest side), ±.")] = 1,
    noise: Annotated[float, typer.Option(help="Added noise, in units of the image's own.")] = 1.0,
    label: Annotated[
        str | None, typer.Option("--label", "-l", help="Number or segment name of the VOI, where masks hold several.")
    ] = None,
    profile: o.ProfileOption = "ibsi",
    settings: o.SettingsOption = None,
    features: o.FeaturesOption = None,
    exclude: o.ExcludeOption = None,
    set: o.SetOption = None,
    backend: o.BackendOption = "auto",
    threads: o.ThreadsOption = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Find the features that outlines and noise hardly change: ICC(1,1) with 95 % interval over perturbed masks and images.

    Every perturbation shifts, turns and grows or shrinks the mask and adds noise, at random; 0 leaves one of them out.

    With -o NAME.csv: NAME.csv has one row per feature, NAME.cases.csv one per case with why it failed if it did, and
    NAME.measured.csv every value.

    Exit status: 0 done (a case that cannot be measured is named), 2 wrong input or settings, or fewer than 2 cases measured.
    """
    with terminal.reported():
        from voxomics.extractor import Extractor
        from voxomics.io import tables
        from voxomics.study import stability as study
        from voxomics.study.perturbation import Amplitudes

        beside = {name: output.with_name(f"{output.stem}.{name}.csv") for name in ("cases", "measured")}
        given = study.read_scans(cases)
        inputs = o.inputs_of(cases, settings, cases=given)
        tables.check_target(output, *beside.values(), inputs=inputs, overwrite=overwrite)
        chosen = o.settings_of(profile, settings, {"features": features, "exclude": exclude, "set": set})
        ours = Extractor(profile, chosen, backend, threads)
        terminal.warm(ours.threads, ours.families, quiet)
        with terminal.progress(quiet) as progress:
            found = study.stability(
                given, ours, perturbations=perturbations, seed=seed, amplitudes=Amplitudes(shift, angle, rim, noise),
                label=o.labels_of([label])[0] if label else None, progress=progress,
            )  # fmt: skip
        frames = {beside["cases"]: found.cases, beside["measured"]: found.measured}
        tables.write(
            found.table.reset_index(names="feature"), output, beside=frames, inputs=inputs, overwrite=overwrite
        )
    if not quiet:
        stable = int((found.table["ci_low"] > 0.9).sum())
        typer.echo(
            f"{output}: {stable} of {len(found.table)} features with an ICC surely above 0.9 (its interval), "
            f"{len(found.measured) // perturbations} of {len(given)} cases measured",
            err=True,
        )
        for row in found.cases[found.cases["reason"] != ""].itertuples():
            terminal.errors.print(f"{row.id} {row.status}: {row.reason}", style="yellow", markup=False)


@app.command()
def features(
    profile: o.ProfileOption = "ibsi",
    settings: o.SettingsOption = None,
    features: o.FeaturesOption = None,
    exclude: o.ExcludeOption = None,
    aggregations: o.AggregationsOption = None,
    discretisation: o.DiscretisationOption = None,
    ivh_discretisation: o.IvhOption = None,
    resegmentation_range: o.RangeOption = None,
    set: o.SetOption = None,
    columns: Annotated[bool, typer.Option("--columns", help="Only the column names, one a line.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="The settings in force, as a YAML file.")] = False,
) -> None:
    """List the features and columns that these settings give."""
    with terminal.reported():
        from voxomics.extractor import Extractor

        flags = {
            "features": features,
            "exclude": exclude,
            "aggregations": aggregations,
            "discretisation": discretisation,
            "ivh_discretisation": ivh_discretisation,
            "resegmentation_range": resegmentation_range,
            "set": set,
        }
        ours = Extractor(profile, o.settings_of(profile, settings, flags))
    if yaml:
        typer.echo(ours.settings.to_yaml(), nl=False)
    elif columns:
        typer.echo("\n".join(ours.columns))
    else:
        terminal.print_features(ours.outputs, profile)


@app.command()
def study(
    settings: o.StudyArgument = None,
    output: o.StudyOutputOption = Path("study-out"),
    example: Annotated[bool, typer.Option("--example", help="Print a STUDY.yaml with comments, and leave.")] = False,
    threads: Annotated[int | None, typer.Option(help="Worker processes; they do not change the result.")] = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Run the study that STUDY.yaml describes: the paper's protocol, and the nested twin beside it.

    Writes report.html, figures/, results.json and tables/ into the output folder. Exit status: 0 done, 2 wrong input or settings.
    """
    with terminal.reported():
        from voxomics.report import write_report
        from voxomics.study import results as study_results
        from voxomics.study import settings as study_settings
        from voxomics.study.run import study as run

        if example:
            typer.echo(study_settings.example(), nl=False)
            return
        if settings is None:
            raise SettingsError(
                "which study? Give a STUDY.yaml; `voxomics study --example > STUDY.yaml` writes one to start from"
            )
        chosen = o.with_threads(study_settings.StudySettings.of(settings), threads)
        study_results.make_folder(output, o.study_inputs(chosen, settings), overwrite=overwrite)
        with terminal.stages(quiet) as progress:
            found = run(chosen, progress=progress)
        report = chosen.report
        write_report(found, output, images=report.images, colours=report.colours, overwrite=overwrite)
    if not quiet:
        terminal.print_study(found, output)


@app.command("ibsi-check")
def ibsi_check(
    folder: Annotated[Path, typer.Argument(help="Phantoms, laid out like theibsi/data_sets.", show_default=False)],
    reference: Annotated[
        Path | None,
        typer.Option(help="Reference values; default: ibsi1_reference*.csv in DIR, else the ones shipped ('builtin')."),
    ] = None,
    misses: Annotated[Path, typer.Option(help="CSV to write the rows to that were missed or skipped.")] = Path("ibsi_misses.csv"),
    backend: o.BackendOption = "auto",
    threads: o.ThreadsOption = None,
    overwrite: o.OverwriteOption = False,
) -> None:
    """Compare this engine with the IBSI-1 reference values, row by row.

    Exit status: 0 every row that could be compared passed, 1 a miss or no rows, 2 wrong input.
    """
    with terminal.reported():
        from voxomics import ibsi_check as judge
        from voxomics.io import outputs

        source = judge.reference_file(folder, reference)
        kept: dict[str, Any] = {
            "record": misses.with_name(f"{misses.name}.meta.json"),
            "inputs": [source, *folder.rglob("*.nii*")],
            "overwrite": overwrite,
        }
        outputs.check_writable(misses, **kept)
        console = terminal.output(soft_wrap=True)
        console.print(f"reference: {source.name}")
        rows = judge.references(source)
        outcomes = judge.check(
            folder, rows, backend, threads, lambda name: terminal.errors.print(f"configuration {name} ...", style="dim")
        )
        terminal.print_outcomes(outcomes)
        bad = [outcome for outcome in outcomes if outcome.verdict != "passed"]
        judge.write_outcomes(misses, bad, **kept)
    console.print(f"{len(bad)} rows missed or skipped, in {misses}")
    compared = sum(outcome.verdict != "skipped" for outcome in outcomes)
    if not compared or any(outcome.verdict == "missed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what this machine has: versions, CPU, threads, GPU and why not."""
    from voxomics.diagnosis import diagnose

    console = terminal.output(soft_wrap=True)
    for topic, finding in diagnose():
        console.print(f"{topic:<14} {finding}")


@app.command()
def warm(threads: Annotated[int | None, typer.Option(help="Processes to compile with. Default: every core.")] = None) -> None:
    """Compile all kernels now rather than on the first run, for example while a container image is built."""
    from voxomics.engine import pool
    from voxomics.engine.families import FAMILIES

    families = tuple(dict.fromkeys(family.name for family in FAMILIES))
    terminal.warm(threads or pool.available_threads(), families, quiet=False, always=True)


@app.command()
def phantom(
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if absent.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed, other patients; the same seed, the same files.")] = 0,
    patients: Annotated[int | None, typer.Option(help="Write a cohort of so many patients.", show_default=False)] = None,
    controls: Annotated[
        int | None, typer.Option(help="Healthy controls of the cohort: 35 if not said.", show_default=False)
    ] = None,
    centres: Annotated[
        int | None, typer.Option(help="Centres, each with its own scanner: 1 if not said.", show_default=False)
    ] = None,
    threads: o.ThreadsOption = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write synthetic CT, to try things on: three tumours in one image, or a cohort for a study.

    Without --patients: image.nii.gz and mask.nii.gz.

    With --patients 92: CT of 92 patients with oesophageal cancer in images/ and masks/, clinical.csv (TNM, SCC, CEA, Ct values
    of a serum marker, survival), controls.csv, and truth.csv: what was planted, for checking a study and never its input.
    Patient k of a seed is the same whatever their number.
    """
    with terminal.reported():
        from voxomics import phantom as synthetic
        from voxomics.engine.errors import InputError
        from voxomics.io import itk

        itk.path_text(folder)
        asked = {name: number for name, number in (("controls", controls), ("centres", centres)) if number is not None}
        if patients is None:
            if asked:
                raise InputError(f"--{next(iter(asked))} belongs to a cohort; say its size too: --patients 92")
            for path in synthetic.write(folder, seed, overwrite=overwrite):
                typer.echo(path)
            return
        with terminal.progress(quiet, "writing") as progress:
            written = synthetic.cohort(
                folder, patients, seed=seed, threads=threads, progress=progress, overwrite=overwrite, **asked
            )
        for path in (written.clinical, written.controls, written.truth, written.study):
            typer.echo(path)


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


if __name__ == "__main__":
    app()
