"""Cox models that separate or do not converge, cohorts with one event or none: each says what it is."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from shared import shared
from voxomics.study import cox as cox_module
from voxomics.study.cox import ScreenedCox, cox
from voxomics.study.likelihood import maximise
from voxomics.study.survival import kaplan_meier

X6 = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 4.0], [4.0, 1.5], [5.0, 5.0], [6.0, 2.0]])
T6 = np.array([5.0, 3.0, 6.0, 2.0, 1.0, 4.0])


def test_perfect_separation_in_a_cox_model() -> None:
    found = cox(pd.DataFrame({"order": [1.0, 2, 3, 4, 5, 6]}), [6, 5, 4, 3, 2, 1], [0, 1, 1, 1, 1, 1])
    assert (found.status, found.wald) == ("separated", None)
    assert np.isnan(found.hr).all()
    assert "no maximum" in found.message
    assert found.table()["message"].str.contains("order").all()
    assert found.likelihood_ratio.p < 0.05  # what separation leaves: the likelihood's supremum
    assert np.isfinite(found.concordance)


def test_quasi_separation_by_a_group_that_never_dies() -> None:
    """The M stage of the paper can do this: nobody of a group has an event."""
    rng = np.random.default_rng(0)
    group = np.repeat([0.0, 1.0], [40, 8])
    event = (rng.random(48) < 0.6) & (group == 0)
    found = cox(np.column_stack([rng.normal(size=48), group]), rng.exponential(size=48), event, names=["x", "M"])
    assert found.status == "separated"
    assert "x, M" in found.message


@pytest.mark.parametrize("who", range(5))
def test_one_event(who: int) -> None:
    event = np.arange(6) == who
    found = cox(X6[:, :1], [1, 2, 3, 4, 5, 6], event)
    assert (found.events, found.events_per_variable) == (1, 1.0)
    assert np.isfinite(found.hr[0]) == (found.message == "")


def test_a_model_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton with step-halving converges wherever there is a maximum, so the steps are rationed here."""
    monkeypatch.setattr(cox_module, "maximise", partial(maximise, max_iterations=2))
    X = np.random.default_rng(0).normal(size=(60, 3)) ** 3
    found = cox(X, np.exp(-X.sum(axis=1) / 3), np.arange(60) % 4 > 0)
    assert found.status in ("not converged", "separated")
    assert np.isnan(found.hr).all()
    assert found.message


def test_200_resamples_of_a_cox_model_converge_or_are_separated() -> None:
    table = pd.read_csv(shared("oracle", "cohort92.csv"))
    terms = ["age", "sex", "T", "N", "M", "SCC", "CEA", "mir1246"]
    rng = np.random.default_rng(0)
    for _ in range(200):
        d = table.iloc[rng.integers(len(table), size=len(table))]
        found = cox(d[terms], d["time_months"], d["event"])
        rare = [d[k] == value for k, value in (("M", 1), ("sex", 0))]  # one of the five with M1 died, and few women
        none_dies = any(group.any() and not d.loc[group, "event"].any() for group in rare)
        assert found.status == ("separated" if none_dies else "ok")
        assert np.isfinite(found.hr).all() == (found.status == "ok")
        assert bool(found.message) == (found.status != "ok")


def test_separated_training_fold_of_a_cox_model_falls_back() -> None:
    y = np.column_stack([[6, 5, 4, 3, 2, 1], [0, 1, 1, 1, 1, 1]]).astype(float)
    fitted = ScreenedCox(alpha=1).fit(X6[:, :1], y)
    assert "ridge" in fitted.notes_[0]
    assert np.isfinite(fitted.predict(X6[:, :1])).all()


def test_all_censored_is_a_flat_curve() -> None:
    found = kaplan_meier(T6, np.zeros(6))
    assert (found.survival == 1).all()
    assert (found.ci_low == 1).all()
    assert np.isnan(found.median)
