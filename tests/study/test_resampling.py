"""Folds, the nested procedure, permutations and bootstrap: honest where the paper's protocol is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from voxomics.engine.errors import InputError
from voxomics.study.combat import ComBat
from voxomics.study.correlation import correlation_table
from voxomics.study.cox import ScreenedCox
from voxomics.study.folds import fold_vector, leave_one_centre_out, repeated_folds
from voxomics.study.logistic import ScreenedLogistic
from voxomics.study.metrics import binary_scores, continuous_scores, survival_scores
from voxomics.study.nested import cross_predict, repeated_cross_predict, selection_frequency, training_thresholds
from voxomics.study.regression import ScreenedRegression
from voxomics.study.resampling import bootstrap, optimism, permutation_test
from voxomics.study.roc import YoudenThreshold


def cohort(seed: int, n: int = 60, p: int = 20, signal: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Features that hang together, as radiomics' do, and a marker that may follow the first."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) @ rng.normal(size=(4, p)) + rng.normal(size=(n, p))
    return X, np.exp(rng.normal(size=n) + signal * stats.zscore(X[:, 0]))


# ---------------------------------------------------------------------- folds


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_even_stratified_and_grouped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert set(np.bincount(fold_vector(92, 10, rng))) == {9, 10}
    labels = rng.random(92) < 0.3
    fold = fold_vector(92, 10, rng, labels=labels)
    assert np.ptp(np.bincount(fold[labels], minlength=10)) <= 1
    rows = rng.integers(92, size=92)
    fold = fold_vector(92, 10, rng, groups=rows, labels=labels[rows])
    assert all(len(set(fold[rows == patient])) == 1 for patient in rows)
    assert len(set(fold)) == 10


def test_repeats_do_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(repeated_folds(92, 10, 20, 1)[:3], repeated_folds(92, 10, 3, 1))
    assert len(np.unique(repeated_folds(92, 10, 20, 1), axis=0)) == 20


class Remembers(RegressorMixin, BaseEstimator):
    """Predicts the largest id of the training rows that it knows again: -1 for a patient it has never seen."""

    def fit(self, X: Any, y: Any) -> Remembers:
        self.seen_ = set(np.asarray(X)[:, 0].tolist())
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.array([1.0 if value in self.seen_ else -1.0 for value in np.asarray(X)[:, 0]])


def nobody_known(truth: Any, prediction: Any) -> dict[str, float]:
    return {"known": float((prediction > 0).sum())}


def test_no_row_and_no_copy_of_a_patient_is_predicted_by_a_model_that_saw_it() -> None:
    X = np.arange(40.0)[:, None]
    run = cross_predict(Remembers(), X, X[:, 0], fold_vector(40, 10, np.random.default_rng(0)))
    assert (run.prediction == -1).all()
    found = bootstrap(Remembers(), X, X[:, 0], nobody_known, n=30)
    assert (found.samples["known"] == 0).all()


def test_leaving_one_centre_out_trains_on_the_others() -> None:
    fold, centres = leave_one_centre_out(["B", "A", "B", "C"])
    assert [centres[k] for k in fold] == ["B", "A", "B", "C"]
    run = cross_predict(Remembers(), [[2.0], [1.0], [2.0], [3.0]], [0.0, 0.0, 0.0, 0.0], fold)
    assert (run.prediction == -1).all()


# ---------------------------------------------------------------------- the same whoever computes it


@pytest.mark.parametrize(
    ("estimator", "score", "names"),
    [
        (ScreenedRegression(), continuous_scores, ("r", "q2")),
        (ScreenedLogistic(), binary_scores, ("auc",)),
        (ScreenedCox(), survival_scores, ("c",)),
    ],
)
def test_results_do_not_depend_on_the_workers(estimator: Any, score: Any, names: tuple[str, ...]) -> None:
    X, marker = cohort(1, signal=1.0)
    outcomes = {"r": marker, "auc": (marker > 1).astype(int), "c": np.column_stack([1 / marker, np.arange(60) % 3 > 0])}
    y = outcomes[names[0]]
    folds = fold_vector(60, 5, np.random.default_rng(0))
    told: list[tuple[int, int]] = []
    one = permutation_test(estimator, X, y, folds, score, statistics=names, n=25, seed=7, progress=lambda *a: told.append(a))
    two = permutation_test(estimator, X, y, folds, score, statistics=names, n=25, seed=7, n_jobs=2)
    assert told == [(10, 25), (20, 25), (25, 25)]
    first, second = (bootstrap(estimator, X, y, score, k=5, n=20, seed=7, n_jobs=jobs) for jobs in (1, 2))
    for name in names:
        np.testing.assert_array_equal(one.null[name], two.null[name])
        np.testing.assert_array_equal(first.samples[name], second.samples[name])
        assert one.p[name] == (1 + (one.null[name] >= one.observed[name] - 1e-12).sum()) / 26
    assert first.interval[names[0]][0] <= first.interval[names[0]][1]


def test_frequencies_count_every_fold_of_every_repeat() -> None:
    X, y = cohort(2, signal=2.0)
    runs = repeated_cross_predict(ScreenedRegression(), X, y, repeated_folds(60, 5, 4, seed=3))
    share = selection_frequency(runs, [f"f{j}" for j in range(20)])
    masks = np.concatenate([run.selected for run in runs if run.selected is not None])
    assert masks.shape == (20, 20)
    assert share["f0"] == masks[:, 0].mean()
    assert share["f0"] > 0.9
    assert share.is_monotonic_decreasing


def test_an_empty_selection_predicts_the_training_mean() -> None:
    X, y = cohort(3)
    folds = np.arange(60) % 5
    run = cross_predict(ScreenedRegression(alpha=1e-12), X, y, folds)
    for k in range(5):
        np.testing.assert_allclose(run.prediction[folds == k], y[folds != k].mean(), rtol=1e-12)
    assert run.notes == [f"fold {k}: no feature selected: the training mean is predicted" for k in range(5)]


def test_thresholds_come_from_the_other_folds() -> None:
    X, y = cohort(4)
    event, folds = (np.arange(60) % 2).astype(int), np.arange(60) % 5
    found = training_thresholds(y, event, folds, X[:, 0])
    for k in range(5):
        alone = YoudenThreshold().fit(y[folds != k], event[folds != k]).threshold_
        assert (found.threshold[folds == k] == alone).all()
    np.testing.assert_array_equal(found.high, X[:, 0] > found.threshold)
    changed = np.where(folds == 0, y + 1000 * event, y)  # what a patient shows never moves his own threshold
    assert found.threshold[0] == training_thresholds(changed, event, folds, X[:, 0]).threshold[0]


# ---------------------------------------------------------------------- right under the null, powerful under a signal


def test_p_is_uniform_under_the_null_while_the_papers_protocol_is_biased() -> None:
    """40 cohorts without any signal, B = 39. The protocol: select on everybody, cross-validate only the regression."""
    p, protocol = [], []
    for seed in range(40):
        X, y = cohort(100 + seed, n=50)
        folds = fold_vector(50, 5, np.random.default_rng(seed))
        p.append(permutation_test(ScreenedRegression(), X, y, folds, continuous_scores, n=39, seed=seed).p["r"])
        selected = correlation_table(X, y)["selected"].to_numpy()
        if selected.any():
            leaky = cross_predict(ScreenedRegression(alpha=1), X[:, selected], y, folds)
            protocol.append(continuous_scores(y, leaky.prediction)["r"])
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert (np.array(p) <= 0.05).sum() <= stats.binom.ppf(0.995, 40, 0.05)
    assert stats.ttest_1samp(protocol, 0.0, alternative="greater").pvalue < 0.01


def test_a_signal_is_found() -> None:
    X, y = cohort(5, n=90, signal=1.5)
    folds = fold_vector(90, 10, np.random.default_rng(0))
    found = permutation_test(ScreenedRegression(), X, y, folds, continuous_scores, n=99)
    assert found.p["r"] == 0.01
    assert found.observed["r"] > found.null["r"].max()


def test_permuting_within_centres_keeps_the_centres_difference() -> None:
    """Marker and feature differ between two centres and are unrelated inside them: only permuting inside tells."""
    rng = np.random.default_rng(6)
    centre = np.repeat([0, 1], 40)
    X, y = (centre * 5.0 + rng.normal(size=80))[:, None], centre * 5.0 + rng.normal(size=80)
    folds = fold_vector(80, 5, rng)
    free = permutation_test(ScreenedRegression(), X, y, folds, continuous_scores, n=39)
    inside = permutation_test(ScreenedRegression(), X, y, folds, continuous_scores, n=39, within=centre)
    assert free.p["r"] == 1 / 40
    assert inside.p["r"] > 0.1


def test_missing_values_and_names_reach_the_steps_that_ask_for_them() -> None:
    """Imputing and harmonising are steps of the procedure: resampling passes a table on as it is."""
    X, y = cohort(11, signal=2.0)
    X[5, 3] = np.nan
    frame = pd.DataFrame(X, columns=[f"f{j}" for j in range(20)]).assign(centre=np.repeat(["A", "B"], 30))
    features = [name for name in frame if name != "centre"]
    whole = make_pipeline(ComBat("centre"), ScreenedRegression())
    imputed = frame.fillna(0.0)
    folds = fold_vector(60, 5, np.random.default_rng(0))
    assert permutation_test(whole, imputed, y, folds, continuous_scores, n=9).p["r"] == 0.1
    assert len(bootstrap(whole, imputed, y, continuous_scores, k=5, n=5).samples["r"]) == 5
    step = make_pipeline(SimpleImputer(), ScreenedRegression())
    named, plain = (permutation_test(step, t, y, folds, continuous_scores, n=9) for t in (frame[features], X))
    np.testing.assert_array_equal(named.null["r"], plain.null["r"])
    with pytest.raises(InputError, match="SimpleImputer"):
        permutation_test(ScreenedRegression(), X, y, folds, continuous_scores, n=9)


def test_optimism_of_noise_is_what_the_fit_gained() -> None:
    """In one data set luck remains; over several the correction takes away what fitting noise had gained."""
    apparent, corrected = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(70, 6)), np.column_stack([rng.exponential(size=70), rng.random(70) < 0.7])
        found = optimism(ScreenedCox(alpha=1), X, y, survival_scores, n=30)
        apparent.append(found.apparent["c"])
        corrected.append(found.corrected["c"])
        assert corrected[-1] == pytest.approx(apparent[-1] - found.optimism["c"])
    assert np.mean(apparent) > 0.58
    assert abs(np.mean(corrected) - 0.5) < 0.03


def test_a_bootstrap_that_mostly_fails_says_so() -> None:
    X, _ = cohort(9, n=12)
    rare = np.zeros(12, int)
    rare[0] = 1
    with pytest.raises(InputError, match="bootstrap samples could not be used; the first: "):
        bootstrap(ScreenedLogistic(), X, rare, binary_scores, k=3, n=10)
