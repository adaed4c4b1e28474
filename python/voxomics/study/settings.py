"""Settings of a study, read from STUDY.yaml and validated. Paths are relative to that file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from voxomics.engine.errors import InputError, SettingsError
from voxomics.engine.settings import validated

Endpoint = Literal["continuous", "binary", "survival"]
ModelName = Literal["linear", "elastic_net", "random_forest", "boosting", "cox_elastic_net", "random_survival_forest"]
MODELS: dict[str, tuple[str, ...]] = {
    "continuous": ("linear", "elastic_net", "random_forest", "boosting"),
    "binary": ("linear", "elastic_net", "random_forest", "boosting"),
    "survival": ("linear", "cox_elastic_net", "random_survival_forest"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Source(_Part):
    """A CSV (or Parquet) table and its column of ids.

    Attributes
    ----------
    table : Path
    id : str or list of str, optional
        Column of patient ids; several are joined with "_". None: the row's number from 1.
    id_pattern : str, optional
        Regular expression; its first group, or its whole match, is the id: "(P[0-9]+)" makes P07 of P07_CT.nii.gz.
    where : dict
        Values of columns: only rows with these values are used, for example {label: 1} if a patient has several VOIs.
    """

    table: Path
    id: str | tuple[str, ...] | None = None
    id_pattern: str | None = None
    where: dict[str, str | int | float] = {}

    @field_validator("id_pattern")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        return _compiles(value)


def _compiles(value: str | None) -> str | None:
    try:
        re.compile(value or "")
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


class Features(_Source):
    """The table of features: output of voxomics, a LIFEx export, or any CSV of numbers.

    Attributes
    ----------
    columns : "all" or list of str
        Names, or patterns such as "GLRLM_*". "all": every numeric column that is not an id or a remark.
    image_type, discretisation : str, optional
        For tables of voxomics: keep only this image type ("original") or discretisation ("fbn32"). Columns without a
        discretisation are kept.
    drop : list of str
        Names or patterns to leave out.
    missing : {"error", "drop_features", "drop_patients", "impute"}
        impute: replace missing values by the median, in the twin of the training folds, in the protocol of all patients.
    """

    columns: Literal["all"] | tuple[str, ...] = "all"
    image_type: str | None = None
    discretisation: str | None = None
    drop: tuple[str, ...] = ()
    missing: Literal["error", "drop_features", "drop_patients", "impute"] = "error"


class Qpcr(_Part):
    """Threshold cycles: marker = scale · 2^−(target − reference); see `voxomics.study.qpcr.relative_expression`."""

    target: str
    reference: str
    scale: float = Field(1.0, gt=0, allow_inf_nan=False)
    undetermined: Literal["raise", "exclude", "limit"] = "raise"
    cycles: float = Field(40.0, gt=0, allow_inf_nan=False)


class Clinical(_Source):
    """The clinical table.

    Attributes
    ----------
    marker : str, optional
        Column of the continuous marker; or give `qpcr`.
    qpcr : Qpcr, optional
    label : str, optional
        Column of the two classes (binary endpoint).
    positive : str, optional
        The class that is the case. None: the second in sorted order.
    time, event : str, optional
        Columns of follow-up and of 1 (event) and 0 (censored).
    covariates : dict of str to {"number", "category"}
        For the Cox models and the table of characteristics.
    stage : str, optional
        Column by which patients are compared with controls.
    centre : str, optional
    centre_pattern : str, optional
        Regular expression that extracts the centre from that column, as `id_pattern` does: "TCGA-(..)".
    fold : str, optional
        Column of folds for the protocol and the twin's first repeat. None: drawn by the seed.
    missing : {"error", "drop_patients"}
        What to do with patients without outcome, centre or fold. A missing covariate leaves a patient out of the Cox
        models that use it, never out of the rest of the study.
    """

    marker: str | None = None
    qpcr: Qpcr | None = None
    label: str | None = None
    positive: str | None = None
    time: str | None = None
    event: str | None = None
    covariates: dict[str, Literal["number", "category"]] = {}
    stage: str | None = None
    centre: str | None = None
    centre_pattern: str | None = None
    fold: str | None = None
    missing: Literal["error", "drop_patients"] = "error"

    @field_validator("positive", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float | bool) else value

    @field_validator("centre_pattern")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        return _compiles(value)

    @model_validator(mode="after")
    def _together(self) -> Clinical:
        if self.marker is not None and self.qpcr is not None:
            raise ValueError("give either `marker` (a column of values) or `qpcr` (two columns of cycles), not both")
        if (self.time is None) != (self.event is None):
            raise ValueError("`time` and `event` must be given together; one of them is missing")
        if self.time is not None and self.time == self.event:
            raise ValueError(f"`time` and `event` are the same column, {self.time!r}; give two columns")
        return self


class Controls(_Source):
    """Healthy controls and their marker, measured in the same way as that of the patients."""

    marker: str | None = None
    qpcr: Qpcr | None = None

    @model_validator(mode="after")
    def _one(self) -> Controls:
        if (self.marker is None) == (self.qpcr is None):
            raise ValueError("give either `marker` or `qpcr` for the controls")
        return self


class Protocol(_Part):
    """The paper's protocol.

    Attributes
    ----------
    alpha : float
        A feature with p < alpha is selected.
    method : {"pearson", "spearman"}
        Correlation used to select features for a continuous marker.
    folds : int
    exclude_above : float, optional
        A second analysis, declared post hoc, leaves out patients whose marker is above this value.
    threshold : "youden", "median" or float
        Threshold between the high and the low group. youden: the threshold of the real marker that best separates
        patients with and without the event.
    """

    alpha: float = Field(0.05, gt=0, le=1)
    method: Literal["pearson", "spearman"] = "pearson"
    folds: int = Field(10, ge=2)
    exclude_above: float | None = Field(None, allow_inf_nan=False)
    threshold: Literal["youden", "median"] | float = "youden"


class Twin(_Part):
    """The nested twin.

    Attributes
    ----------
    repeats : int
        Repeats of the cross-validation, for the estimate; 20 or more for a paper.
    permutations, bootstrap : int
        Number of permutations and bootstrap samples of the whole nested procedure, with one repeat each; 999 or more for
        a paper. 0: none.
    seed : int
    threads : int
        Number of worker processes. It does not affect the result.
    """

    repeats: int = Field(20, ge=1)
    permutations: int = Field(999, ge=0)
    bootstrap: int = Field(999, ge=0)
    seed: int = Field(1246, ge=0)
    threads: int = Field(1, ge=1)


class Centres(_Part):
    """Several centres: ComBat in each training fold of the twin, and leave-one-centre-out in addition to random folds."""

    combat: bool = False
    leave_one_out: bool = False


Sensitivity = Literal["spearman", "log_marker", "exclude_above"]


class Report(_Part):
    """The page.

    Attributes
    ----------
    images : Path or None
        CSV file with the columns id, image and mask; the page then shows the images of two patients.
    colours : {"paper", "safe"}
        Colours of survivors and non-survivors: red and blue as in the paper, or a pair for every type of colour vision.
    """

    images: Path | None = None
    colours: Literal["paper", "safe"] = "paper"


class StudySettings(_Part):
    """Every choice of a study. `voxomics study --example` prints one with comments.

    Attributes
    ----------
    title, unit : str
        Title of the report and unit of the marker.
    endpoint : {"continuous", "binary", "survival"}
    features, clinical, controls : Features, Clinical, Controls
    protocol, twin, centres : Protocol, Twin, Centres
    model : str
        Model of the twin. linear follows the selection of features; all others replace it.
    sensitivity : list of {"spearman", "log_marker", "exclude_above"}
        For a continuous marker only.
    remarks : list of str
        What readers should know about the data; they come first among the notes.
    report : Report
    """

    title: str = "Radiomics study"
    unit: str = ""
    endpoint: Endpoint = "continuous"
    features: Features
    clinical: Clinical
    controls: Controls | None = None
    protocol: Protocol = Protocol()
    twin: Twin = Twin()
    centres: Centres = Centres()
    model: ModelName = "linear"
    sensitivity: tuple[Sensitivity, ...] = ()
    remarks: tuple[str, ...] = ()
    report: Report = Report()

    @model_validator(mode="after")
    def _consistent(self) -> StudySettings:
        clinical = self.clinical
        has_marker = clinical.marker is not None or clinical.qpcr is not None
        for wrong, text in (
            (self.endpoint == "continuous" and not has_marker, "endpoint continuous needs clinical.marker or clinical.qpcr"),
            (self.endpoint == "binary" and clinical.label is None, "endpoint binary needs clinical.label"),
            (self.endpoint == "survival" and clinical.time is None, "endpoint survival needs clinical.time and clinical.event"),
            (self.controls is not None and not has_marker, "controls need clinical.marker or clinical.qpcr for comparison"),
            (self.endpoint != "continuous" and self.sensitivity, "sensitivity analyses are for endpoint continuous"),
            (self.endpoint != "continuous" and self.protocol.exclude_above is not None, "exclude_above needs a marker"),
            (
                "exclude_above" in self.sensitivity and self.protocol.exclude_above is None,
                "sensitivity exclude_above needs a value in protocol.exclude_above",
            ),
            ((self.centres.combat or self.centres.leave_one_out) and clinical.centre is None, "centres need clinical.centre"),
            (
                self.model not in MODELS[self.endpoint],
                f"model {self.model!r} cannot be used for endpoint {self.endpoint}; accepted: "
                f"{', '.join(MODELS[self.endpoint])}",
            ),
            (
                isinstance(self.protocol.threshold, float) and self.endpoint != "continuous",
                "a numeric threshold needs a continuous marker; choose youden or median",
            ),
        ):
            if wrong:
                raise ValueError(text)
        return self

    @classmethod
    def of(cls, settings: StudySettings | Mapping[str, Any] | str | os.PathLike[str]) -> StudySettings:
        """Read settings from a mapping or a YAML file; relative paths in a file start from its folder.

        Raises
        ------
        InputError
            No such file.
        SettingsError
            Not YAML, an unknown key (with the nearest accepted one), or values that contradict each other.
        """
        if isinstance(settings, StudySettings):
            return settings
        if isinstance(settings, Mapping):
            return validated(cls, settings, "study")
        path = Path(settings)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"study file {path.name} cannot be read ({error.strerror}); give the path of a YAML file") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"study file {path.name} is not YAML: {error}") from None
        if not isinstance(content, Mapping):
            raise SettingsError(f"study file {path.name} is not a mapping of keys; `voxomics study --example` prints an example")
        return validated(cls, content, f"study file {path.name}").from_folder(path.parent)

    def from_folder(self, folder: Path) -> StudySettings:
        """Copy of the settings whose relative paths start from a folder."""
        moved: dict[str, _Part] = {
            name: source.model_copy(update={"table": folder / source.table})
            for name in ("features", "clinical", "controls")
            if (source := getattr(self, name)) is not None
        }
        if self.report.images is not None:
            moved["report"] = self.report.model_copy(update={"images": folder / self.report.images})
        return self.model_copy(update=moved)

    def shown(self) -> dict[str, Any]:
        """Settings as plain values for the results, with file names in place of paths, because paths often name patients."""
        content = self.model_dump(mode="json")
        for name in ("features", "clinical", "controls"):
            if content[name] is not None:
                content[name]["table"] = getattr(self, name).table.name
        if self.report.images is not None:
            content["report"]["images"] = self.report.images.name
        return content


def example() -> str:
    """A commented STUDY.yaml."""
    return resources.files("voxomics.study").joinpath("example.yaml").read_text(encoding="utf-8")
