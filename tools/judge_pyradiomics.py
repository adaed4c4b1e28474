"""PyRadiomics under settings that no published table has: distance weighting of GLCM, wider neighbourhoods of NGTDM and GLDM.

/path/to/pyradiomics/bin/python tools/judge_pyradiomics.py ../shared/data tests/judges/pyradiomics.csv
"""

from __future__ import annotations

import csv
import json
import platform
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

CASES = ("brain2", "breast1")
RUNS = (
    *(("glcm", {"weightingNorm": norm}) for norm in ("euclidean", "manhattan", "infinity")),
    ("ngtdm", {"distances": [1, 2]}),
    ("gldm", {"distances": [1, 2], "gldm_a": 1}),
)


def main(folder: str, target: str) -> None:
    import radiomics

    radiomics.setVerbosity(40)
    classes = radiomics.getFeatureClasses()
    with open(target, "w", newline="", encoding="utf-8") as stream:
        stream.write(
            f"# PyRadiomics {radiomics.__version__}, Python {platform.python_version()}, numpy {np.__version__}, SimpleITK "
            f"{sitk.__version__}\n"
            "# tools/judge_pyradiomics.py; pyradiomics/CASE_image.nrrd and CASE_label.nrrd, binWidth 25 and the settings shown\n"
        )
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("case", "settings", "feature", "value"))
        for case in CASES:
            image, mask = (sitk.ReadImage(str(Path(folder, "pyradiomics", f"{case}_{kind}.nrrd"))) for kind in ("image", "label"))
            for name, settings in RUNS:
                found = classes[name](image, mask, binWidth=25, label=1, **settings)
                found.enableAllFeatures()
                for feature, value in sorted(found.execute().items()):
                    writer.writerow((case, json.dumps(settings), f"{name}_{feature}", repr(float(value))))


if __name__ == "__main__":
    main(*sys.argv[1:])
