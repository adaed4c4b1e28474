"""Statistics against libraries we do not ship with, published numbers, and slow twins."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sklearn", reason="needs the study extra")

from scipy import stats

from shared import shared
from voxomics.study.agreement import icc_1_1, icc_table
from voxomics.study.collinear import independent_columns
from voxomics.study.combat import ComBat
from voxomics.study.concordance import censoring_survival, concordance, time_dependent_auc
from voxomics.study.correlation import correlation, correlation_table
from voxomics.study.cox import cox, cox_univariate, score_tests
from voxomics.study.groups import mann_whitney, mann_whitney_columns, mann_whitney_table
from voxomics.study.logistic import calibration, logistic
from voxomics.study.metrics import binary_scores, continuous_scores
from voxomics.study.roc import roc
from voxomics.study.survival import kaplan_meier, log_rank

TABLES = {
    "gbsg2": ("time", "cens", ["age", "tsize", "pnodes", "progrec", "estrec"]),
    "rossi": ("week", "arrest", ["fin", "age", "race", "wexp", "mar", "paro", "prio"]),
    "larynx": ("time", "death", ["age", "Stage_II", "Stage_III", "Stage_IV"]),
    "kidney_transplant": ("time", "death", ["age", "black_male", "white_male", "black_female"]),
}


def survival_table(name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    time, event, terms = TABLES[name]
    table = pd.read_csv(shared("data", "stats", "survival", f"{name}.csv"))
    return table[terms].astype(float), table[time].to_numpy(float), table[event].to_numpy(float)


@pytest.mark.parametrize("name", TABLES)
def test_cox_as_lifelines(name: str) -> None:
    lifelines = pytest.importorskip("lifelines")
    X, time, event = survival_table(name)
    tight = {"precision": 1e-12, "r_precision": 1e-14, "step_size": 0.95}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lifelines.CoxPHFitter().fit(X.assign(T=time, E=event), "T", "E", fit_options=tight)
    ours = cox(X, time, event)
    np.testing.assert_allclose(ours.coef, theirs.params_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.se, theirs.standard_errors_, rtol=1e-6)
    np.testing.assert_allclose(ours.p, theirs.summary["p"], rtol=1e-5, atol=1e-12)
    assert ours.loglik == pytest.approx(theirs.log_likelihood_, rel=1e-10)
    assert ours.concordance == pytest.approx(theirs.concordance_index_, abs=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_as_statsmodels(ties: str) -> None:
    duration = pytest.importorskip("statsmodels.duration.hazard_regression")
    X, time, event = survival_table("rossi")
    theirs = duration.PHReg(time, X.to_numpy(), status=event, ties=ties).fit(disp=0)
    ours = cox(X, time, event, ties=ties)
    np.testing.assert_allclose(ours.coef, theirs.params, rtol=1e-6)
    np.testing.assert_allclose(ours.se, theirs.bse, rtol=1e-6)


@pytest.mark.parametrize("name", TABLES)
def test_curves_and_log_rank_as_lifelines(name: str) -> None:
    lifelines = pytest.importorskip("lifelines")
    X, time, event = survival_table(name)
    group = pd.qcut(X.iloc[:, 0].rank(method="first"), 3, labels=False)
    fitter = lifelines.KaplanMeierFitter().fit(time, event)
    ours = kaplan_meier(time, event, interval="log-log")
    np.testing.assert_allclose(ours.survival, fitter.survival_function_at_times(ours.time), rtol=1e-12)
    inside = (ours.survival > 0) & (ours.survival < 1)
    bounds = fitter.confidence_interval_.reindex(ours.time).to_numpy()
    np.testing.assert_allclose(np.column_stack([ours.ci_low, ours.ci_high])[inside], bounds[inside], rtol=1e-10)
    theirs = lifelines.statistics.multivariate_logrank_test(time, group, event)
    found = log_rank(time, event, group)
    assert (found.chi2, found.p) == (pytest.approx(theirs.test_statistic), pytest.approx(theirs.p_value))


def test_univariate_score_tests_are_coxs() -> None:
    X, time, event = survival_table("rossi")
    chi2, p = score_tests(X.to_numpy(), time, event == 1)
    single = [cox(X[[name]], time, event).score for name in X]
    np.testing.assert_allclose(chi2, [test.chi2 for test in single], rtol=1e-10)
    np.testing.assert_allclose(p, [test.p for test in single], rtol=1e-10)


def test_univariate_table_leaves_out_only_the_missing() -> None:
    lung = pd.read_csv(shared("data", "stats", "survival", "lung.csv"))
    event = lung["status"] - lung["status"].min()
    table = cox_univariate(lung[["age", "ph.ecog"]].assign(flat=1.0), lung["time"], event)
    assert table.loc["ph.ecog", "n"] == lung["ph.ecog"].notna().sum()
    assert "no covariate varies" in table.loc["flat", "message"]
    assert table.loc["age", "hr"] == pytest.approx(cox(lung[["age"]], lung["time"], event).hr[0])


def test_logistic_as_statsmodels() -> None:
    sm = pytest.importorskip("statsmodels.api")
    X, _, event = survival_table("gbsg2")
    ours = logistic(X, event)
    theirs = sm.Logit(event, sm.add_constant(X.to_numpy())).fit(disp=0, tol=1e-12, method="newton")
    np.testing.assert_allclose(ours.coef, theirs.params, rtol=1e-8)
    np.testing.assert_allclose(ours.se, theirs.bse, rtol=1e-8)
    np.testing.assert_allclose(ours.p, theirs.pvalues, rtol=1e-7)
    np.testing.assert_allclose([ours.loglik, ours.loglik_null], [theirs.llf, theirs.llnull], rtol=1e-10)
    np.testing.assert_allclose(ours.fitted, theirs.predict(), rtol=1e-8)


def test_roc_as_scikit_learn_and_mann_whitney() -> None:
    from sklearn.metrics import brier_score_loss, roc_auc_score

    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 2, 80), rng.integers(0, 12, 80) / 12
    curve = roc(y, x, direction="<")
    assert curve.auc == pytest.approx(roc_auc_score(y, x), abs=1e-14)
    assert curve.auc == pytest.approx(mann_whitney(x[y == 1], x[y == 0]).superiority, abs=1e-14)
    assert binary_scores(y, x)["brier"] == pytest.approx(brier_score_loss(y, x), abs=1e-14)
    for point in curve.best:  # high is value > threshold
        assert point.tp == ((x > point.threshold) & (y == 1)).sum()
        assert point.fp == ((x > point.threshold) & (y == 0)).sum()


@pytest.mark.parametrize(("n", "digits"), [(30, 12), (30, 1), (120, 12), (120, 1)])
def test_mann_whitney_of_all_columns_is_that_of_each(n: int, digits: int) -> None:
    rng = np.random.default_rng(n)
    X, case = rng.normal(size=(n, 5)).round(digits), rng.random(n) < 0.4
    X[:, 1] = 2.0
    u, p = mann_whitney_columns(X, case)
    for j in (0, 2, 3, 4):
        one = mann_whitney(X[case, j], X[~case, j])
        assert (u[j], p[j]) == (one.statistic, pytest.approx(one.p, rel=1e-12))
    assert np.isnan(p[1])


def test_spearman_as_scipy() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=40).round(1), rng.normal(size=40)
    found, scipys = correlation(x, y, method="spearman"), stats.spearmanr(x, y)
    assert (found.r, found.p) == (pytest.approx(scipys.statistic), pytest.approx(scipys.pvalue))
    assert correlation_table(x[:, None], y, method="spearman")["r"].iloc[0] == pytest.approx(found.r)


# ---------------------------------------------------------------------- published numbers, the authors' outputs


@pytest.mark.parametrize("kind", ["adjusted", "unadjusted"])
def test_combat_as_the_authors(kind: str) -> None:
    """Their program stops iterating at a change of 1e-4; ours goes on unless told so."""
    folder = "data", "stats", "combat"
    X = pd.read_csv(shared(*folder, "testdata.csv")).to_numpy().T
    theirs = pd.read_csv(shared(*folder, f"testdata_combat_parametric_{kind}_r.csv")).to_numpy().T
    batch, pheno = np.repeat([1, 2], 5), np.array([1, 0] * 5)
    known = {"batch": batch} | ({"covariates": pheno} if kind == "adjusted" else {})
    np.testing.assert_allclose(ComBat(tol=1e-4).fit_transform(X, **known), theirs, atol=1e-10)
    np.testing.assert_allclose(ComBat().fit_transform(X, **known), theirs, atol=1e-4)


def test_icc_of_shrout_and_fleiss() -> None:
    """Psychol Bull 86:420 (1979), table 2: mean squares 11.24 and 6.26, ICC(1,1) = .17; interval by R's psych: -.13, .72."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = icc_1_1(ratings)
    assert (round(found.icc, 2), round(found.ci_low, 2), round(found.ci_high, 2)) == (0.17, -0.13, 0.72)
    assert found.f == pytest.approx(11.24 / 6.26, rel=1e-3)
    shuffled = np.random.default_rng(0).permutation(24)
    rows = pd.DataFrame({"a": np.ravel(ratings).astype(float), "flat": 1.0}).iloc[shuffled]
    table = icc_table(rows, np.repeat(list("ABCDEF"), 4)[shuffled])
    assert table.loc["a", "icc"] == pytest.approx(found.icc, rel=1e-12)
    assert table.loc["flat", "message"] == "all values are the same"


def test_icc_interval_covers() -> None:
    rng = np.random.default_rng(1)
    truth, hits = 0.8, 0
    for _ in range(400):
        values = rng.normal(0, np.sqrt(truth), (25, 1)) + rng.normal(0, np.sqrt(1 - truth), (25, 5))
        found = icc_1_1(values)
        hits += found.ci_low <= truth <= found.ci_high
    assert stats.binomtest(hits, 400, 0.95).pvalue > 0.001


# ---------------------------------------------------------------------- slow, obvious twins


def naive_pivot(X: np.ndarray, tol: float = 1e-7) -> list[int]:
    """Keep a column unless least squares on the kept ones and a constant leaves nothing of it."""
    kept: list[int] = []
    for j in range(X.shape[1]):
        design = np.column_stack([np.ones(len(X)), X[:, kept]])
        q, _ = np.linalg.qr(design)
        rest = X[:, j] - q @ (q.T @ X[:, j])
        if len(kept) + 1 < len(X) and np.linalg.norm(rest) >= tol * np.linalg.norm(X[:, j]) > 0:
            kept.append(j)
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_pivot_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 40))
    X = rng.normal(size=(n, 12)) * 10.0 ** rng.integers(-6, 9, 12) + 10.0 ** rng.integers(-3, 3, 12)
    X[:, 3] = X[:, 0] * 2.5
    X[:, 6] = 7.0
    X[:, 8] = X[:, 1] / np.abs(X[:, 1]).max() + X[:, 2] / np.abs(X[:, 2]).max()
    X[:, 10] = X[:, 4] * (1 + 1e-9 * rng.normal(size=n))
    assert independent_columns(X).tolist() == naive_pivot(X)


def test_pivot_keeps_the_same_columns_without_the_duplicates() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    twice = X[:, [0, 0, 1, 2, 1, 3]]
    assert independent_columns(twice).tolist() == [0, 2, 3, 5]


def test_concordance_twin() -> None:
    rng = np.random.default_rng(4)
    time, event, risk = rng.integers(1, 12, 50), rng.integers(0, 2, 50), rng.integers(0, 6, 50)
    good = pairs = 0.0
    for i in range(50):
        for j in range(50):
            if event[i] and (time[i] < time[j] or (time[i] == time[j] and not event[j])):
                pairs += 1
                good += 1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0
    assert concordance(risk, time, event)[0] == pytest.approx(good / pairs, abs=1e-14)


def test_patients_alike_are_tied_however_their_risk_was_rounded() -> None:
    time, event, risk = np.arange(1.0, 7.0), np.ones(6), np.array([3.0, 1.0, 2.0, 1.0, 2.0, 0.0])
    rounded = risk + 1e-15 * np.array([0, 1, -1, -1, 1, 0])
    assert concordance(rounded, time, event) == concordance(risk, time, event)
    assert time_dependent_auc(rounded, time, event, 3)[0] == time_dependent_auc(risk, time, event, 3)[0]


def test_time_dependent_auc_twin() -> None:
    rng = np.random.default_rng(5)
    time, event, risk = rng.integers(1, 20, 60), rng.integers(0, 2, 60), rng.integers(0, 9, 60)
    moment, top, bottom = 9, 0.0, 0.0

    def uncensored(before: int) -> float:
        """Kaplan-Meier of the censoring just before a time; who dies at a time is not at risk of censoring there."""
        survival = 1.0
        for t in range(1, before):
            at_risk = sum((time[k] > t) or (time[k] == t and not event[k]) for k in range(60))
            if at_risk:
                survival *= 1 - sum(time[k] == t and not event[k] for k in range(60)) / at_risk
        return survival

    for i in range(60):
        for j in range(60):
            if event[i] and time[i] <= moment < time[j]:
                top += (1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0) / uncensored(time[i])
                bottom += 1 / uncensored(time[i])
    assert time_dependent_auc(risk, time, event, moment)[0] == pytest.approx(top / bottom, rel=1e-12)
    assert censoring_survival(time, event == 1, np.array([9.0]))[0] == pytest.approx(uncensored(9), rel=1e-12)


def test_time_dependent_auc_without_censoring_is_the_area() -> None:
    rng = np.random.default_rng(6)
    time, risk = rng.exponential(size=80), rng.normal(size=80)
    assert time_dependent_auc(risk, time, np.ones(80), 0.7)[0] == pytest.approx(roc(time <= 0.7, risk, direction="<").auc)


def test_calibration_slope_is_a_regression() -> None:
    rng = np.random.default_rng(7)
    truth, guess = rng.normal(size=30), rng.normal(size=30)
    slope = stats.linregress(guess, truth)
    found = continuous_scores(truth, guess)
    assert (found["slope"], found["intercept"]) == (pytest.approx(slope.slope), pytest.approx(slope.intercept))


def test_binary_calibration_finds_what_was_done_to_the_odds() -> None:
    rng = np.random.default_rng(9)
    odds = rng.normal(size=4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-odds))
    found = calibration(labels, 1 / (1 + np.exp(-(2 * odds + 0.5))))  # twice too extreme, and shifted
    assert found.ci_low[1] < np.exp(0.5) < found.ci_high[1]
    assert found.ci_low[0] < np.exp(-0.25) < found.ci_high[0]


def test_mann_whitney_table_adjusts_over_what_was_tested() -> None:
    rng = np.random.default_rng(10)
    X = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd")).assign(c=1.0)
    table = mann_whitney_table(X, np.repeat(["no", "yes"], 20))
    tested = table.drop("c")
    np.testing.assert_allclose(tested["q"], stats.false_discovery_control(tested["p"]), rtol=1e-12)
    assert not table.loc["c", "selected"]
    assert table.loc["a", "W"] == mann_whitney(X["a"][20:], X["a"][:20]).statistic
