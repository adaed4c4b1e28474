"""A synthetic cohort on disk: images, masks, and the tables that a study takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voxomics.engine import pool
from voxomics.engine.errors import InputError
from voxomics.io.formulas import csv_bytes
from voxomics.io.outputs import RECORD, check_writable, write_whole
from voxomics.phantom import clinical, ct
from voxomics.phantom.truth import Truth, draw_truth
from voxomics.phantom.tumour import Tumour, draw_tumour

if TYPE_CHECKING:
    import pandas as pd

Seed = np.random.SeedSequence
_STUDY = Path(__file__).with_name("study.yaml")


@dataclass(frozen=True)
class Patient:
    """A patient before the scan: the truth, the tumour, the row of the clinical table, and the seed of the image."""

    truth: Truth
    tumour: Tumour
    row: dict[str, float | int | str]
    image_seed: Seed


@dataclass(frozen=True)
class Cohort:
    """Paths of the files of a cohort.

    Attributes
    ----------
    clinical : Path
        clinical.csv: id, image, mask (below `folder`), centre, age, sex, T, N, M, stage, SCC, CEA, ct_mir1246, ct_cel39,
        time_months, event.
    controls : Path
        controls.csv: id, ct_mir1246, ct_cel39.
    truth : Path
        truth.csv: what was planted (g, h, u, mir1246, the tumour's numbers); never an input of a study.
    study : Path
        study.yaml: settings for `voxomics study`, once features.csv is there.
    """

    folder: Path
    clinical: Path
    controls: Path
    truth: Path
    study: Path


def patient(seed: Seed) -> Patient:
    """One patient of the population.

    Parameters
    ----------
    seed : numpy.random.SeedSequence
        Truth, tumour, table and image have a child each, so that one can change without the others.

    Returns
    -------
    Patient
    """
    of_truth, of_tumour, of_row, of_image = seed.spawn(4)
    truth = draw_truth(np.random.default_rng(of_truth))
    tumour = draw_tumour(truth, np.random.default_rng(of_tumour))
    return Patient(truth, tumour, clinical.patient(truth, np.random.default_rng(of_row)), of_image)


def population(seed: int, patients: int) -> list[Patient]:
    """Patients 0, 1, 2, ... of a seed; each of them does not depend on their number.

    Parameters
    ----------
    seed : int
        ≥ 0.
    patients : int

    Returns
    -------
    list of Patient

    Examples
    --------
    >>> population(1, 3)[2].truth == population(1, 5)[2].truth
    True
    """
    of_patients, _, _ = Seed(seed).spawn(3)
    return [patient(child) for child in of_patients.spawn(patients)]


def scan(patient: Patient, scanner: ct.Scanner) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.uint8]]:
    """Image and mask of a patient; see `ct.scan`."""
    return ct.scan(patient.tumour, scanner, np.random.default_rng(patient.image_seed))


def scanners(seed: int, centres: int) -> list[ct.Scanner]:
    """The scanner of each centre; the first centre's is the reference.

    Parameters
    ----------
    seed, centres : int

    Returns
    -------
    list of Scanner
    """
    _, _, of_centres = Seed(seed).spawn(3)
    return [ct.Scanner(), *(ct.draw_scanner(np.random.default_rng(child)) for child in of_centres.spawn(centres)[1:])]


def cohort(
    folder: str | Path,
    patients: int = 92,
    controls: int = 35,
    seed: int = 0,
    centres: int = 1,
    *,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    overwrite: bool = False,
) -> Cohort:
    """Write a synthetic cohort with oesophageal cancer: contrast CT, VOIs, clinical table, controls, and the simulated truth.

    Parameters
    ----------
    folder : path
        Made if absent. images/ and masks/ go into it (NIfTI, int16 HU and uint8, 0.68 × 0.68 × 5 mm), beside the tables.
    patients, controls : int
        ≥ 1 and ≥ 0. Patient k of a seed is the same whatever their number.
    seed : int
        ≥ 0.
    centres : int
        ≥ 1. Patients go to them in turn. Each centre but the first has a scanner that differs in noise, blur and HU.
    threads : int, optional
        All cores of this process by default. Files do not depend on it.
    progress : callable, optional
        ``progress(fraction)``: how much is written, 0 to 1.
    overwrite : bool
        Replace files that voxomics did not write, or that have changed since.

    Returns
    -------
    Cohort
        Paths of the tables.

    Raises
    ------
    InputError
        A number out of range, a folder that cannot be written to, or a file that would be lost.

    Examples
    --------
    >>> import pandas as pd
    >>> written = cohort("demo-cohort", patients=2, controls=3)
    >>> pd.read_csv(written.clinical)[["id", "image", "mask"]].values.tolist()
    [['P001', 'images/P001.nii.gz', 'masks/P001.nii.gz'], ['P002', 'images/P002.nii.gz', 'masks/P002.nii.gz']]
    """
    for name, number, least in (("patients", patients, 1), ("controls", controls, 0), ("seed", seed, 0), ("centres", centres, 1)):
        if number < least:
            raise InputError(f"{name} must be at least {least}, got {number}")
    target = Path(folder)
    files = Cohort(target, target / "clinical.csv", target / "controls.csv", target / "truth.csv", target / "study.yaml")
    _make_folders(target)
    ids = [f"P{k:03d}" for k in range(1, patients + 1)]
    scans = [target / place(name) for name in ids for place in (_image, _mask)]
    written = (files.clinical, files.controls, files.truth, files.study)
    check_writable(*written, *scans, record=target / RECORD, overwrite=overwrite)
    people, machines = population(seed, patients), scanners(seed, centres)
    done = iter(range(1, patients + 1))

    def write(k: int) -> Callable[[], None]:
        return lambda: _write_scan(target, ids[k], *scan(people[k], machines[k % centres]))

    pool.run(
        [pool.Task(person.tumour.length_mm, write(k)) for k, person in enumerate(people)],
        threads or pool.available_threads(),
        (lambda: progress(next(done) / patients)) if progress else None,
    )
    tables = {
        files.clinical: _clinical_table(ids, people, centres),
        files.controls: _controls_table(seed, controls),
        files.truth: _truth_table(ids, people),
    }
    contents = {**{path: csv_bytes(table) for path, table in tables.items()}, files.study: _STUDY.read_bytes()}
    write_whole(contents, record=target / RECORD, listed=scans, overwrite=overwrite)
    return files


def _make_folders(target: Path) -> None:
    try:
        for folder in (target / "images", target / "masks"):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"folder {target.name!r} cannot be created ({error.strerror}); choose a writable folder") from None


def _clinical_table(ids: list[str], people: list[Patient], centres: int) -> pd.DataFrame:
    import pandas as pd

    files = [
        {"id": name, "image": _image(name), "mask": _mask(name), "centre": f"C{k % centres + 1}"} for k, name in enumerate(ids)
    ]
    return pd.DataFrame([{**file, **person.row} for file, person in zip(files, people, strict=True)])


def _controls_table(seed: int, controls: int) -> pd.DataFrame:
    import pandas as pd

    _, of_controls, _ = Seed(seed).spawn(3)
    rows = [clinical.control(np.random.default_rng(child)) for child in of_controls.spawn(controls)]
    ids = [f"H{k:03d}" for k in range(1, controls + 1)]
    return pd.DataFrame(
        [{"id": name, **row} for name, row in zip(ids, rows, strict=True)], columns=["id", "ct_mir1246", "ct_cel39"]
    )


def _truth_table(ids: list[str], people: list[Patient]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for name, person in zip(ids, people, strict=True):
        numbers = {key: value for key, value in asdict(person.tumour).items() if np.ndim(value) == 0}
        rows.append({"id": name, **asdict(person.truth), "mir1246": person.truth.mir1246, **numbers})
    return pd.DataFrame(rows)


def _image(name: str) -> str:
    return f"images/{name}.nii.gz"


def _mask(name: str) -> str:
    return f"masks/{name}.nii.gz"


def _write_scan(folder: Path, name: str, image: npt.NDArray[Any], mask: npt.NDArray[Any]) -> None:
    """Write image and mask as gzipped NIfTI."""
    import SimpleITK as sitk

    for place, array in ((_image(name), image), (_mask(name), mask)):
        volume = sitk.GetImageFromArray(array)
        volume.SetSpacing(ct.SPACING_MM[::-1])
        sitk.WriteImage(volume, str(folder / place), True, 1)
