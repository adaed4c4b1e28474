"""Cycles of quantitative PCR that were not determined."""

from __future__ import annotations

import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from voxomics.study.qpcr import relative_expression


def test_undetermined_cycles_by_rule() -> None:
    ct, spike = [24.0, "Undetermined", 30.0], [20.0, 20.0, None]
    left = relative_expression(ct, spike, undetermined="exclude")
    assert left.excluded.tolist() == [False, True, True]
    limit = relative_expression(ct, spike, undetermined="limit", cycles=40)
    assert limit.excluded.tolist() == [False, False, True]
    assert limit.value[1] == 2.0**-20
