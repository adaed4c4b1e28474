"""The programs that bench/peers.py compares: how each is asked for one case, and what it answered.

Making a program for a case reads the arrays and makes the program's own images of them, which is not timed. `call` is
timed, from arrays or images to features. Where the case is of files, the call of voxomics, pictologics and PyRadiomics
reads them too, once for all labels.
"""

from __future__ import annotations

import tempfile
from typing import Any, Protocol

import numpy as np
from peer.case import ORIGIN, Case

COSTLY = ["morphology.morans_i_index", "morphology.gearys_c_measure", "local_intensity"]
NOT_OURS = {"glcm": {"MCC"}, "shape": {f"Maximum2DDiameter{axis}" for axis in ("Slice", "Column", "Row")}}
Answers = dict[str, dict[str, float]]


class Program(Protocol):
    """One program, ready for one case."""

    def __init__(self, case: Case, features: str, threads: int) -> None: ...

    def call(self, labels: list[int]) -> Any:
        """Measure these VOIs; this is timed."""

    def values(self, raw: Any, labels: list[int]) -> Answers:
        """Feature values of each label from what `call` returned."""


def itk(case: Case) -> tuple[Any, Any]:
    """Image and mask as SimpleITK images."""
    import SimpleITK as sitk

    if case.from_files:
        return sitk.ReadImage(case.image), sitk.ReadImage(case.mask)
    pair = tuple(sitk.GetImageFromArray(array) for array in case.arrays())
    for one in pair:
        one.SetSpacing(case.spacing_mm[::-1])
    return pair


class Voxomics:
    """`Extractor.extract`: all VOIs in one call. Two voxels come as SimpleITK images, the other cases as arrays."""

    def __init__(self, case: Case, features: str, threads: int) -> None:
        from voxomics import Extractor

        self.case = case
        self.every = case.labels
        settings: dict[str, Any]
        profile = "ibsi"
        if features == "107":
            profile, settings = "pyradiomics", {"setting": {"binWidth": case.width}}
        elif features == "103":
            from peer.names import needed_for_pyradiomics

            levels = {"method": "fbs", "width": case.width, "origin": case.lowest}
            settings = {"features": needed_for_pyradiomics(), "aggregations": ["3d_averaged", "3d"], "discretisation": [levels]}
        else:
            levels = {"method": "fbs", "width": case.width, "origin": ORIGIN}
            settings = {"exclude": COSTLY if features == "170" else [], "discretisation": [levels]}
        self.extractor = Extractor(profile, settings, backend="cpu", threads=threads)
        self.spacing_mm: tuple[float, ...] | None = None
        if case.from_files:
            self.given: tuple[Any, Any] = (case.image, case.mask)
        elif case.name == "2 voxels":
            self.given = itk(case)
        else:
            self.given, self.spacing_mm = case.arrays(), tuple(case.spacing_mm)

    def call(self, labels: list[int]) -> Any:
        wanted = "all" if labels == self.every else labels
        return self.extractor.extract(*self.given, wanted, spacing_mm=self.spacing_mm)

    def values(self, raw: Any, labels: list[int]) -> Answers:
        """Of several aggregations the one that the peers have: merged, or where there is no merged one, averaged."""
        found: Answers = {}
        for _, row in raw.iterrows():
            one = {"n_voxels": float(row["n_voxels"])}
            for column in self.extractor.columns if self.extractor.profile.name == "ibsi" else ():  # 107 is timed alone
                _, family, feature, *rest = column.split(".")
                name = f"{family}.{feature}"
                if name not in one or rest[0] == "3d_merged":
                    one[name] = float(row[column])
            found[str(row["label"])] = one
        return found


class Pictologics:
    """`RadiomicsPipeline.run_rois`, its call for the labels of one image; `run` where there is one label."""

    def __init__(self, case: Case, features: str, threads: int) -> None:
        from pictologics import RadiomicsPipeline

        self.pipeline = RadiomicsPipeline()
        self.alone = len(case.labels) == 1
        costly = features == "174"
        wanted = {
            "families": ["intensity", "morphology", "texture", "histogram", "ivh"],
            "include_spatial_intensity": costly,
            "include_local_intensity": costly,
        }
        levels = {"method": "FBS", "bin_width": case.width, "min_val": ORIGIN}
        steps = [{"step": "discretise", "params": levels}, {"step": "extract_features", "params": wanted}]
        self.pipeline.add_config("c", steps)
        if case.from_files:
            self.given: tuple[Any, Any] = (case.image, case.mask)
        else:
            self.given = tuple(map(self.image, case.arrays(), ("CT", "SEG"), (case.spacing_mm,) * 2))

    @staticmethod
    def image(array: np.ndarray, modality: str, spacing_mm: list[float]) -> Any:
        """Its image of an array [z, y, x]; its own arrays are [x, y, z]."""
        from pictologics import Image

        turned = np.ascontiguousarray(array.transpose(2, 1, 0))
        return Image(
            array=turned,
            spacing=tuple(spacing_mm[::-1]),
            origin=(0.0, 0.0, 0.0),
            direction=np.eye(3),
            modality=modality,
        )

    def call(self, labels: list[int]) -> Any:
        if self.alone:
            return {str(labels[0]): self.pipeline.run(*self.given, config_names=["c"])}
        return self.pipeline.run_rois(*self.given, labels=labels, config_names=["c"])

    def values(self, raw: Any, labels: list[int]) -> Answers:
        return {str(label): {k: float(v) for k, v in raw[str(label)]["c"].items()} for label in labels}


class PyRadiomics:
    """`RadiomicsFeatureExtractor.execute`, a call for each label.

    103 features without diagnostics; or as it comes, 107 with them.
    """

    def __init__(self, case: Case, features: str, threads: int) -> None:
        import radiomics
        from radiomics.featureextractor import RadiomicsFeatureExtractor

        radiomics.setVerbosity(50)
        self.case = case
        self.given = None if case.from_files else itk(case)
        self.extractor = RadiomicsFeatureExtractor(binWidth=case.width, additionalInfo=features == "107")
        if features == "107":
            return
        self.extractor.disableAllFeatures()
        wanted = {}
        for name, kind in radiomics.getFeatureClasses().items():
            if name != "shape2D":
                names = {feature for feature, deprecated in kind.getFeatureNames().items() if not deprecated}
                wanted[name] = sorted(names - NOT_OURS.get(name, set()))
        self.extractor.enableFeaturesByName(**wanted)

    def call(self, labels: list[int]) -> Any:
        given = self.given or itk(self.case)
        return [self.extractor.execute(*given, label=label) for label in labels]

    def values(self, raw: Any, labels: list[int]) -> Answers:
        return {
            str(label): {
                name.removeprefix("original_"): float(value)
                for name, value in one.items()
                if name.startswith("original_")
            }
            for label, one in zip(labels, raw, strict=True)
        }


class Fastrad:
    """`FeatureExtractor.extract` on the CPU, a call for each label: its 112 features, PyRadiomics' 103 among them."""

    def __init__(self, case: Case, features: str, threads: int) -> None:
        import fastrad
        import torch

        torch.set_num_threads(threads)
        self.fastrad, self.torch = fastrad, torch
        self.extractor = fastrad.FeatureExtractor(fastrad.FeatureSettings(bin_width=case.width, device="cpu"))
        volume, self.mask = arrays_of(case)
        self.spacing_mm = tuple(case.spacing_mm)
        self.image = fastrad.MedicalImage(torch.from_numpy(volume.astype(np.float32)), self.spacing_mm)

    def call(self, labels: list[int]) -> Any:
        return [self.extractor.extract(self.image, self.mask_of(label)) for label in labels]

    def mask_of(self, label: int) -> Any:
        """The mask of one label; it is made within the call, because 5,000 of them would not fit into memory."""
        return self.fastrad.Mask(self.torch.from_numpy((self.mask == label).astype(np.uint8)), self.spacing_mm)

    def values(self, raw: Any, labels: list[int]) -> Answers:
        """Its names, such as ``firstorder:total_energy``, as PyRadiomics writes them but in small letters."""
        return {
            str(label): {name.replace(":", "_", 1): float(value) for name, value in one.items()}
            for label, one in zip(labels, raw, strict=True)
        }


class Flash:
    """`RadiomicsFeatureExtractor.execute` of flash-radiomics on the CPU, a call for each label; each writes an HDF5 file."""

    def __init__(self, case: Case, features: str, threads: int) -> None:
        from flash_radiomics import RadiomicsFeatureExtractor

        self.folder = tempfile.TemporaryDirectory()
        self.extractor = RadiomicsFeatureExtractor(
            backend="cpu", num_threads=threads, binWidth=case.width, hdf5OutputDirectory=self.folder.name
        )
        self.given = itk(case)

    def call(self, labels: list[int]) -> Any:
        return [self.extractor.execute(*self.given, label=label) for label in labels]

    def values(self, raw: Any, labels: list[int]) -> Answers:
        return {}


class Nyxus:
    """`Nyxus3D.featurize_files`: its 3D features with its own definitions, from files; all labels in one call."""

    def __init__(self, case: Case, features: str, threads: int) -> None:
        from nyxus import Nyxus3D

        self.folder = tempfile.TemporaryDirectory()
        self.spacing_mm = case.spacing_mm
        self.volume, self.mask = arrays_of(case)
        self.image = self.written("image", self.volume.astype(np.float32))
        self.masks: dict[tuple[int, ...], str] = {}
        z, y, x = case.spacing_mm
        spacing = {"anisotropy_x": x, "anisotropy_y": y, "anisotropy_z": z}
        self.extractor = Nyxus3D(["*3D_ALL*"], n_feature_calc_threads=threads, **spacing)

    def written(self, name: str, array: np.ndarray) -> str:
        """Path of a NIfTI file of an array [z, y, x]."""
        import nibabel

        path = f"{self.folder.name}/{name}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), np.diag([*self.spacing_mm[::-1], 1.0])), path)
        return path

    def call(self, labels: list[int]) -> Any:
        wanted = tuple(labels)
        if wanted not in self.masks:  # in the first call, which is not timed
            chosen = np.where(np.isin(self.mask, labels), self.mask, 0)
            self.masks[wanted] = self.written(f"mask{len(self.masks)}", chosen)
        return self.extractor.featurize_files([self.image], [self.masks[wanted]], single_roi=False)

    def values(self, raw: Any, labels: list[int]) -> Answers:
        return {}


def arrays_of(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Image and mask [z, y, x], also of a case of files."""
    if not case.from_files:
        return case.arrays()
    import nibabel

    image, mask = (np.asanyarray(nibabel.load(path).dataobj).transpose(2, 1, 0) for path in (case.image, case.mask))
    return image, mask


PROGRAMS: dict[str, type[Program]] = {
    "voxomics": Voxomics,
    "pictologics": Pictologics,
    "pyradiomics": PyRadiomics,
    "fastrad": Fastrad,
    "flash": Flash,
    "nyxus": Nyxus,
}
