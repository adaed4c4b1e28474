"""Every number that R gave, in ../shared/oracle: each is compared, or left out by name with its reason.

Tolerance: |Δ| <= 1e-8·max(1, |R|), and 1e-8 relative for p-values; Cox models (R iterates to a tolerance) 1e-6 relative.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from r_layout import OURS, expected
from shared import shared

FILES = ("pearson", "lm", "cv", "roc", "logrank", "km", "cox", "wilcoxon", "qpcr", "cohort92_expected")
EXCLUDED = {  # path -> why no number of ours stands beside it
    r"cox/lung_months_exact/.*": "exact ties are not offered",
    r"pearson/p_adjust_(bonferroni|holm)/.*": "only Benjamini-Hochberg is offered",
    r"wilcoxon/small_inputs/.*": "the data of two tests, an input",
    r"cohort92_expected/fold/.*": "the folds, an input",
}
COX = r"cox/.*|cohort92_expected/cox_.*"
ROUNDED = r".*/wald/0"  # summary.coxph rounds this one to two decimals


def leaves(found: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value below found, with its path; 0-dimensional arrays and tuples are what JSON would make of them."""
    if isinstance(found, dict):
        for key, inner in found.items():
            yield from leaves(inner, f"{path}/{key}" if path else str(key))
    elif isinstance(found, list | tuple | np.ndarray | pd.Series):
        for i, inner in enumerate(list(found)):
            yield from leaves(inner, f"{path}/{i}")
    else:
        yield path, found


def agrees(path: str, ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, str) or isinstance(ours, str):
        return str(ours) == theirs
    if theirs is None:  # R's NA, or an infinite threshold
        return not np.isfinite(ours)
    if re.fullmatch(ROUNDED, path):
        return round(float(ours), 2) == theirs
    is_p = re.search(r"/(p|p_nocorrect|p_adjust_BH/.*|bh/.*)(/\d+)?$", path) is not None
    if re.fullmatch(COX, path):
        return abs(ours - theirs) <= 1e-6 * abs(theirs)
    return abs(ours - theirs) <= 1e-8 * (abs(theirs) if is_p else max(1.0, abs(theirs)))


LABELS = ("/_row", "note", "response", "fold_column")  # words that R's tables carry


def judged(name: str) -> dict[str, tuple[Any, Any]]:
    """Path -> (ours, R's) for everything in a file that is not excluded or a mere label or input."""
    ours = {f"{name}/{path}": value for path, value in leaves(OURS[name]())}
    pairs = {}
    for path, theirs in ((f"{name}/{path}", value) for path, value in leaves(expected(name))):
        label = isinstance(theirs, str) and (path.endswith(LABELS) or path.startswith("cv/features"))
        if not label and not any(re.fullmatch(pattern, path) for pattern in EXCLUDED):
            pairs[path] = (ours.pop(path, "nothing of ours"), theirs)
    return pairs


@pytest.mark.parametrize("name", FILES)
def test_r_agrees(name: str) -> None:
    wrong = [f"{path}: {ours} (R: {theirs})" for path, (ours, theirs) in judged(name).items() if not agrees(path, ours, theirs)]
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:20])


def test_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing in the folder is overlooked; the count is printed."""
    present = {path.stem for path in shared("oracle").glob("*.json")} - {"_versions", "ibsi_digital_phantom_expected"}
    assert present == set(FILES)
    passed = sum(not isinstance(theirs, str) for name in FILES for _, theirs in judged(name).values())
    everything = sum(not isinstance(value, str) for name in FILES for _, value in leaves(expected(name)))
    excluded = {
        why: sum(
            bool(re.fullmatch(pattern, f"{name}/{path}")) and not isinstance(value, str)
            for name in FILES
            for path, value in leaves(expected(name))
        )
        for pattern, why in EXCLUDED.items()
    }
    assert passed + sum(excluded.values()) == everything
    with capsys.disabled():
        print(f"\nR's numbers: {passed} of {everything} compared; left out: {excluded}")
    assert passed > 4000
