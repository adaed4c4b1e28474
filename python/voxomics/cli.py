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

app = terminal.App(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Extract radiomic features from volumes of interest (VOIs) in CT, MR or PET images, as defined by the IBSI.",
)


@app.command()
def extract(
    image: o.ImageArgument,
    output: o.OutputOption,
    mask: o.MaskArgument = None,
    labels: o.LabelsOption = None,
    profile: o.ProfileOption = "ibsi",
    settings: o.SettingsOption = None,
    image_types: o.ImageTypesOption = None,
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
    """Extract the features of every VOI in MASK from IMAGE and write them to a table.

    To measure many cases, give a CSV file with the columns id, image and mask as IMAGE, and leave MASK out.
    Paths in that file are relative to it.
    A column label, if it has one, chooses the VOI of each row: a number, or the name of a segment.

    A VOI that cannot be measured has a row with status "failed" and does not change the exit status.
    Exit status: 0 if the table was written,
    1 if an internal error failed a case of the list (the other rows are written),
    2 if the input or the settings are wrong.
    """
    with terminal.reported():
        from voxomics.cases import extract_cases
        from voxomics.extractor import Extractor
        from voxomics.io import tables

        cases = o.cases_of(image, mask)
        inputs = o.inputs_of(image, mask, settings, cases=cases)
        tables.check_target(output, inputs=inputs, overwrite=overwrite)
        flags = {
            "image_types": image_types,
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
        Path,
        typer.Argument(
            help="CSV file with the columns id, image, mask and, if masks hold several VOIs, label; paths are relative to it.",
            show_default=False,
        ),
    ],
    output: o.OutputOption,
    perturbations: Annotated[
        int, typer.Option("--perturbations", "-n", help="Number of perturbations of each case.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the random perturbations.")] = 0,
    shift: Annotated[float, typer.Option(help="Largest shift of the mask along each axis, in voxels.")] = 0.5,
    angle: Annotated[float, typer.Option(help="Largest rotation of the mask within the slice, in degrees.")] = 5.0,
    rim: Annotated[int, typer.Option(help="Largest growth or shrinkage of the mask, in voxels (shortest side).")] = 1,
    noise: Annotated[float, typer.Option(help="Added noise, as a multiple of the noise in the image.")] = 1.0,
    label: Annotated[
        str | None,
        typer.Option("--label", "-l", help="Label number or segment name of the VOI, if masks contain several."),
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
    """Test how stable each feature is under small changes of the outline and added noise.

    Each perturbation shifts, rotates, and grows or shrinks the mask by random amounts, and adds noise to the image.
    Set an amount to 0 to leave that change out.
    The result is the intraclass correlation coefficient ICC(1,1) of each feature with its 95 % confidence interval.

    With -o NAME.csv, three tables are written.
    NAME.csv has one row per feature.
    NAME.cases.csv has one row per case, with the reason if it failed.
    NAME.measured.csv has every measured value.

    Exit status: 0 if the tables were written (cases that could not be measured are listed),
    1 if an internal error made a case fail (the tables are written all the same),
    2 if the input or the settings are wrong or fewer than 2 cases could be measured.
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
            f"{output}: {stable} of {len(found.table)} features have an ICC whose 95 % interval lies above 0.9; "
            f"{len(found.measured) // perturbations} of {len(given)} cases were measured",
            err=True,
        )
        for row in found.cases[found.cases["reason"] != ""].itertuples():
            terminal.errors.print(f"{row.id} {row.status}: {row.reason}", style="yellow", markup=False)
    if found.table.attrs["voxomics"]["internal_errors"]:
        raise typer.Exit(1)


@app.command()
def features(
    profile: o.ProfileOption = "ibsi",
    settings: o.SettingsOption = None,
    image_types: o.ImageTypesOption = None,
    features: o.FeaturesOption = None,
    exclude: o.ExcludeOption = None,
    aggregations: o.AggregationsOption = None,
    discretisation: o.DiscretisationOption = None,
    ivh_discretisation: o.IvhOption = None,
    resegmentation_range: o.RangeOption = None,
    set: o.SetOption = None,
    columns: Annotated[bool, typer.Option("--columns", help="Print only the column names, one per line.")] = False,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print all settings as a YAML file instead of the list.")
    ] = False,
) -> None:
    """List the columns of the table that these settings give, with IBSI id, unit and definition."""
    with terminal.reported():
        from voxomics.extractor import Extractor

        flags = {
            "image_types": image_types,
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
    example: Annotated[
        bool, typer.Option("--example", help="Print an example STUDY.yaml with comments and exit.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="Number of worker processes. It does not affect the result.")
    ] = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Run the statistics of a study: a published protocol, and the same analysis with nested cross-validation.

    STUDY.yaml names the table of features, the clinical table and the settings.
    report.html, figures/, tables/ and results.json are written to the output folder.

    Exit status: 0 if the report was written, 2 if the input or the settings are wrong.
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
                "no STUDY.yaml was given; `voxomics study --example > STUDY.yaml` writes one to start from"
            )
        chosen = o.with_threads(study_settings.StudySettings.of(settings), threads)
        study_results.make_folder(output, o.study_inputs(chosen, settings), overwrite=overwrite)
        with terminal.stages(quiet) as progress:
            found = run(chosen, progress=progress)
        found.write(output, overwrite=overwrite)  # an image of the page that has gone meanwhile costs no results
        report = chosen.report
        write_report(found, output, images=report.images, colours=report.colours, overwrite=overwrite)
    if not quiet:
        terminal.print_study(found, output)


@app.command("ibsi-check")
def ibsi_check(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of the IBSI phantoms, with the layout of github.com/theibsi/data_sets.", show_default=False
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of reference values, or 'builtin' for those of voxomics. "
            "Default: ibsi1_reference*.csv in FOLDER if there is one, else builtin."
        ),
    ] = None,
    misses: Annotated[Path, typer.Option(help="CSV file for the rows that failed or were skipped.")] = Path(
        "ibsi_misses.csv"
    ),
    backend: o.BackendOption = "auto",
    threads: o.ThreadsOption = None,
    overwrite: o.OverwriteOption = False,
) -> None:
    """Compare voxomics with the reference values of IBSI-1.

    Exit status: 0 if every compared value is within tolerance,
    1 if one is not or none could be compared, 2 if the input is wrong.
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
    console.print(f"{misses}: {len(bad)} reference values were missed or skipped")
    compared = sum(outcome.verdict != "skipped" for outcome in outcomes)
    if not compared or any(outcome.verdict == "missed" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Show versions, CPU, threads and memory, and whether a GPU can be used or why not."""
    from voxomics.diagnosis import diagnose

    console = terminal.output(soft_wrap=True)
    for topic, finding in diagnose():
        console.print(f"{topic:<14} {finding}")


@app.command()
def warm(
    threads: Annotated[
        int | None, typer.Option(help="Number of processes to compile with. Default: every core.")
    ] = None,
    features: o.FeaturesOption = None,
) -> None:
    """Compile kernels in advance, for example while building a container image."""
    with terminal.reported():
        from voxomics.engine import pool
        from voxomics.extractor import Extractor

        ours = Extractor(settings={"features": features} if features else None, backend="cpu")
        terminal.warm(threads or pool.available_threads(), ours.families, quiet=False, always=True)


@app.command()
def phantom(
    folder: Annotated[
        Path, typer.Argument(help="Folder for the files; created if it does not exist.", show_default=False)
    ],
    seed: Annotated[int, typer.Option(help="Random seed. The same seed gives the same files.")] = 0,
    patients: Annotated[
        int | None,
        typer.Option(help="Number of patients of a cohort. Without it, a single image is written.", show_default=False),
    ] = None,
    controls: Annotated[
        int | None, typer.Option(help="Number of healthy controls of the cohort. Default: 35.", show_default=False)
    ] = None,
    centres: Annotated[
        int | None,
        typer.Option(
            help="Number of centres of the cohort, each with its own scanner. Default: 1.", show_default=False
        ),
    ] = None,
    threads: o.ThreadsOption = None,
    overwrite: o.OverwriteOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write synthetic CT images for trying voxomics: one image with three tumours, or a cohort for a study.

    Without --patients, image.nii.gz and mask.nii.gz are written.

    With --patients, a cohort with oesophageal cancer is written.
    Its files are images/, masks/, clinical.csv, controls.csv, truth.csv and study.yaml.
    clinical.csv contains TNM, SCC, CEA, the Ct values of a serum marker, and survival.
    truth.csv contains the simulated relations. Use it to check a study, never as its input.
    For a given seed, patient k does not depend on the number of patients.
    """
    with terminal.reported():
        from voxomics import phantom as synthetic
        from voxomics.engine.errors import InputError
        from voxomics.io import itk

        itk.path_text(folder)
        asked = {name: number for name, number in (("controls", controls), ("centres", centres)) if number is not None}
        if patients is None:
            if asked:
                raise InputError(
                    f"--{next(iter(asked))} needs --patients, the number of patients of the cohort; "
                    "for example --patients 92"
                )
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log progress messages to stderr.")] = False,
) -> None:
    """Read the options before the command."""
    terminal.open_closed_streams()
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"  # a user has no use for the source line
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr
    )


if __name__ == "__main__":
    app()
