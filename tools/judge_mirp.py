"""Run MIRP on cases both programs can read and write its numbers to tests/judges/mirp.csv.

    /path/to/mirp/bin/python tools/judge_mirp.py ../shared/data tests/judges/mirp.csv [case ...]

MIRP 2.7.0 reads images as float32 and would give its statistics seven digits; the reader is told to keep float64. Its features
for the oriented box and the smallest ellipsoid hide what a comparison needs, so boxes are noted as they are computed, and a
second ellipsoid is sought by its iteration with the term it has wrong put right (`smallest_ellipsoid`).
"""

from __future__ import annotations

import csv
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

DIRECTIONAL = ["2d_average", "2d_slice_merge", "2.5d_direction_merge", "2.5d_volume_merge", "3d_average", "3d_volume_merge"]
ZONAL = ["2d", "2.5d", "3d"]
COMMON = {
    "no_approximation": True,
    "ibsi_compliant": False,
    "glcm_spatial_method": DIRECTIONAL,
    "glrlm_spatial_method": DIRECTIONAL,
    **{f"{name}_spatial_method": ZONAL for name in ("glszm", "gldzm", "ngtdm", "ngldm")},
}
PET = {
    "image_modality": "pet",
    "resegmentation_intensity_range": [0.0, np.nan],
    "base_discretisation_method": ["fixed_bin_size", "fixed_bin_number"],
    "base_discretisation_bin_width": 0.25,
    "base_discretisation_n_bins": 32,
    "ivh_discretisation_method": "fixed_bin_number",
    "ivh_discretisation_n_bins": 1000,
}
FAR = {"glcm_distance": 2.0, "ngldm_distance": 3.0, "ngldm_difference_level": 1.0}
CASES = {
    "digital": ("ibsi1/digital_phantom/{}.nii.gz", {"image_modality": "ct", "base_discretisation_method": "none"}),
    "ct": (
        "ibsi1/ct_phantom/nifti/{}.nii.gz",
        {
            "image_modality": "ct",
            "resegmentation_intensity_range": [-500.0, 400.0],
            "base_discretisation_method": "fixed_bin_size",
            "base_discretisation_bin_width": 25.0,
        },
    ),
    **{f"STS_{n}": (f"cohort_sts_pet/STS_{n}/PET_{{}}.nii.gz", PET) for n in ("002", "019", "018")},
    "STS_019 far": (
        "cohort_sts_pet/STS_019/PET_{}.nii.gz",
        {**PET, "base_feature_families": ["glcm", "ngldm"], "base_discretisation_method": "fixed_bin_number", **FAR},
    ),
}


def smallest_ellipsoid(points: np.ndarray, gap: float = 1e-9) -> tuple[np.ndarray, float]:
    """Semi-axes, ascending, of an ellipsoid no larger than the smallest one, and the factor of volume up to one no smaller.

    Khachiyan's iteration as MIRP has it, with away steps so that it ends. For any weights u the matrix Σ u p pᵀ - c cᵀ with
    c = Σ u p gives an ellipsoid no larger than the smallest (weak duality), and scaled until it holds all points one no smaller.
    MIRP 2.7.0 subtracts the inner product c·c from every entry instead of the outer product c cᵀ, which is right only for c = 0.
    """
    p = points.T
    d, n = p.shape
    q = np.vstack((p, np.ones(n)))
    u = np.full(n, 1.0 / n)
    for _ in range(2_000_000):
        inverse = np.linalg.inv((q * u) @ q.T)
        m = np.einsum("ij,ij->j", q, inverse @ q)
        held = np.where(u > 0, m, np.inf)
        add, drop = int(np.argmax(m)), int(np.argmin(held))
        up, down = m[add] / (d + 1) - 1.0, 1.0 - held[drop] / (d + 1)
        if max(up, down) < gap:
            break
        j = add if up >= down else drop
        beta = (m[j] - d - 1) / ((d + 1) * (m[j] - 1))
        if up < down:
            beta = max(beta, -u[j] / (1.0 - u[j]))
        u *= 1.0 - beta
        u[j] = max(u[j] + beta, 0.0)
    c = p @ u
    matrix = d * ((p * u) @ p.T - np.outer(c, c))
    away = p - c[:, None]
    reach = np.einsum("ij,ij->j", away, np.linalg.inv(matrix) @ away).max()
    return np.sqrt(np.linalg.eigvalsh(matrix)), max(reach, 1.0) ** (d / 2)


def watch(noted: dict[str, float]) -> None:
    """Keep float64 when images are read; note box sizes and ellipsoids as MIRP computes them."""
    from mirp._data_import import itk_file
    from mirp._features import morph_3d_data as data

    owner = itk_file.ImageITKFile
    load = owner.load_data

    def load_data(self, *args, **kwargs):
        load(self, *args, **kwargs)
        if self.image_data is not None and self.image_data.dtype == np.float32:
            self.image_data = self.image_data.astype(np.float64)

    owner.load_data = load_data
    box = data.Data3DOrientedMinimumBoundingBox.compute_bounding_box

    def compute_bounding_box(self):
        box(self)
        noted["mesh_volume"], noted["mesh_area"] = self.volume, self.area
        noted["ombb_volume"], noted["ombb_area"] = self.bounding_box_volume, self.bounding_box_area

    data.Data3DOrientedMinimumBoundingBox.compute_bounding_box = compute_bounding_box
    axes = data.Data3DMinimumEnvelopingEllipsoid.compute_semi_axes

    def compute_semi_axes(self, *args, **kwargs):
        axes(self, *args, **kwargs)
        noted["mvee_volume"] = 4.0 / 3.0 * np.pi * np.prod(self.semi_axes)
        known, (self.semi_axes, factor) = self.semi_axes, smallest_ellipsoid(self.convex_hull_vertices)
        noted["mended_mvee_volume_at_least"] = 4.0 / 3.0 * np.pi * np.prod(self.semi_axes)
        noted["mended_mvee_volume_at_most"] = 4.0 / 3.0 * np.pi * np.prod(self.semi_axes) * factor
        noted["mended_mvee_area"] = self.get_ellipsoid_surface_area(n_degree=20)
        self.semi_axes = known

    data.Data3DMinimumEnvelopingEllipsoid.compute_semi_axes = compute_semi_axes


def rows_of(folder: str, case: str, noted: dict[str, float], **more: object) -> list[tuple[str, str, str]]:
    """Lines of the table for one case; `more` settings replace those of the case."""
    import mirp

    path, settings = CASES[case]
    noted.clear()
    given = {name: str(Path(folder, path.format(name))) for name in ("image", "mask")}
    table = mirp.extract_features(write_features=False, export_features=True, **{**given, **COMMON, **settings, **more})[0]
    first = table.columns.get_loc("image_mask_adapt_size") + 1
    rows = [(case, name, repr(float(table[name].iloc[0]))) for name in table.columns[first:]]
    return rows + [(case, f"inside:{name}", repr(float(value))) for name, value in sorted(noted.items())]


def main(folder: str, target: str, *cases: str) -> None:
    warnings.simplefilter("ignore")
    noted: dict[str, float] = {}
    watch(noted)
    rows = [row for case in cases or CASES for row in rows_of(folder, case, noted)]
    with open(target, "w", newline="", encoding="utf-8") as stream:
        stream.write(
            f"# MIRP {version('mirp')}, Python {platform.python_version()}, numpy {version('numpy')}, scikit-image "
            f"{version('scikit-image')}; images kept in float64\n"
            "# tools/judge_mirp.py; inputs and settings: CASES and COMMON there; inside:* are sizes in mm2 and mm3 that MIRP\n"
            "# computes and does not export, inside:mended_* those of the smallest ellipsoid with a mistake of MIRP's put right\n"
        )
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("case", "feature", "value"))
        writer.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
