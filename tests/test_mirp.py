"""MIRP 2.7.0 (tests/judges/mirp.csv, made by tools/judge_mirp.py) on the digital phantom, the CT phantom and three PET patients.

The only judge of the features that the IBSI gives no values for: oriented box and smallest ellipsoid (ZH1A, IQYR, SWZ1, BRI8), and
the area under the intensity-volume histogram (9CMM) on real images.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

from shared import shared
from voxomics import Extractor
from voxomics.engine.families import FAMILIES
from voxomics.engine.feature import DIRECTIONAL, ZONAL

TABLE = Path(__file__).parent / "judges" / "mirp.csv"
FAMILY = {  # MIRP's prefix: our family, and MIRP's names in the order of our catalogue
    "morph": ("morphology", "volume vol_approx area_mesh av comp_1 comp_2 sph_dispr sphericity asphericity com diam pca_maj_axis "
        "pca_min_axis pca_least_axis pca_elongation pca_flatness vol_dens_aabb area_dens_aabb vol_dens_ombb area_dens_ombb "
        "vol_dens_aee area_dens_aee vol_dens_mvee area_dens_mvee vol_dens_conv_hull area_dens_conv_hull integ_int moran_i geary_c"),
    "loc": ("local_intensity", "peak_loc peak_glob"),
    "stat": ("intensity_statistics",
        "mean var skew kurt median min p10 p90 max iqr range mad rmad medad cov qcod energy rms"),
    "ih": ("intensity_histogram", "mean var skew kurt median min p10 p90 max mode iqr range mad rmad medad cov qcod entropy uniformity "
        "max_grad max_grad_g min_grad min_grad_g"),
    "ivh": ("intensity_volume_histogram", "v10 v90 i10 i90 diff_v10_v90 diff_i10_i90 auc"),
    "cm": ("glcm", "joint_max joint_avg joint_var joint_entr diff_avg diff_var diff_entr sum_avg sum_var sum_entr energy contrast "
        "dissimilarity inv_diff inv_diff_norm inv_diff_mom inv_diff_mom_norm inv_var corr auto_corr clust_tend clust_shade clust_prom "
        "info_corr1 info_corr2"),
    "rlm": ("glrlm", "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc gl_var rl_var rl_entr"),
    "szm": ("glszm", "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc gl_var zs_var zs_entr"),
    "dzm": ("gldzm", "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc gl_var zd_var zd_entr"),
    "ngt": ("ngtdm", "coarseness contrast busyness complexity strength"),
    "ngl": ("ngldm", "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc gl_var dc_var dc_entr dc_energy"),
}  # fmt: skip
ABSENT = {  # not IBSI features, or the IBSI's at other percentiles
    "cm_mcc", "stat_energy_offset", "stat_rms_offset", "stat_total_energy", "stat_total_energy_offset",
    *(f"morph_max_2d_diam_{axis}" for axis in "xyz"), *(f"ivh_{w}{p}" for w in "vi" for p in (25, 50, 75)),
    "ivh_diff_v25_v75", "ivh_diff_i25_i75",
}  # fmt: skip
SUFFIX = {
    **dict(zip(("2d_avg", "2d_s_mrg", "2.5d_d_mrg", "2.5d_v_mrg", "3d_avg", "3d_v_mrg"), DIRECTIONAL, strict=True)),
    **dict(zip(("2d", "2.5d", "3d"), ZONAL, strict=True)),
}
PET = {
    "resegmentation": {"range": [0, None]},
    "discretisation": [{"method": "fbs", "width": 0.25}, {"method": "fbn", "bins": 32}],
    "ivh_discretisation": {"method": "fbn", "bins": 1000},
}
CASES = {  # folder, file name, settings
    "digital": (
        ("ibsi1", "digital_phantom"), "{}.nii.gz", {"discretisation": [{"method": "none"}], "ivh_discretisation": {"method": "none"}}
    ),
    "ct": (
        ("ibsi1", "ct_phantom", "nifti"),
        "{}.nii.gz",
        {
            "resegmentation": {"range": [-500, 400]},
            "discretisation": [{"method": "fbs", "width": 25}],
            "ivh_discretisation": {"method": "none"},
        },
    ),
    **{f"STS_{n}": (("cohort_sts_pet", f"STS_{n}"), "PET_{}.nii.gz", PET) for n in ("019", "002", "018")},
}  # fmt: skip


@functools.cache
def judged(case):
    """MIRP's numbers: {name: value}."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {row["feature"]: float(row["value"]) for row in csv.DictReader(lines) if row["case"] == case}


@functools.cache
def ours(case):
    """Our row: {column: value}."""
    folder, name, settings = CASES[case]
    path = shared("data", *folder)
    extractor = Extractor(settings={**settings, "aggregations": [*DIRECTIONAL, *ZONAL]})
    row = extractor.extract(path / name.format("image"), path / name.format("mask")).iloc[0]
    assert row["status"] == "ok", row["reason"]
    return {column: float(row[column]) for column in extractor.columns}


def column_of(name, case):
    """Our column for MIRP's name; None where we have no such feature."""
    levels = CASES[case][2]["discretisation"][0]["method"]
    for tail, ours_name in (("_fbs_w0.25", "fbs0.25"), ("_fbs_w25.0", "fbs25"), ("_fbn_n32", "fbn32")):
        if name.endswith(tail):
            name, levels = name.removesuffix(tail), ours_name
    prefix, _, stem = name.partition("_")
    family, stems = FAMILY[prefix]
    suffix = next((s for s in sorted(SUFFIX, key=len, reverse=True) if stem.endswith(f"_{s}")), "")
    stem = stem.removesuffix(f"_{suffix}").removesuffix("_a0.0").removesuffix("_d1") if suffix else stem
    if f"{prefix}_{stem}" in ABSENT:
        return None
    catalogue = next(f for f in FAMILIES if f.name == family).features
    feature = dict(zip(stems.split(), catalogue, strict=True))[stem].name
    if not suffix:
        return f"original.{family}.{feature}" + (f".{levels}" if family == "intensity_histogram" else "")
    return f"original.{family}.{feature}.{SUFFIX[suffix]}.{levels}"
