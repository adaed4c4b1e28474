"""Is the study honest where there is nothing to find? In each cohort the marker is permuted: no feature knows it.

The twin's permutation p-values have to be uniform. The paper's protocol, which selects features on all patients,
has to show its bias: where it selects anything, its pooled correlation lies above 0 on average. Each cohort is new:
features that share latent factors, as radiomic features do, and a log-normal marker that belonged to one of them
before it was permuted.
"""

from __future__ import annotations

import argparse
import os
import sys

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from scipy import stats
from threadpoolctl import threadpool_limits

from voxomics.study.correlation import correlation_table
from voxomics.study.folds import fold_vector
from voxomics.study.metrics import continuous_scores
from voxomics.study.nested import cross_predict
from voxomics.study.regression import ScreenedRegression
from voxomics.study.resampling import permutation_test

# Fewer factors would often select nothing; such permutations tie, and ties count against the procedure.
PATIENTS, FEATURES, FACTORS, FOLDS = 92, 45, 15, 10


def cohort(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features [n, p] and a permuted marker [n]."""
    factors = rng.normal(size=(PATIENTS, FACTORS))
    X = factors @ rng.normal(size=(FACTORS, FEATURES)) + rng.normal(size=(PATIENTS, FEATURES))
    marker = np.exp(np.log(9) + 1.15 * (0.6 * factors[:, 0] + 0.8 * rng.normal(size=PATIENTS)))
    return X, rng.permutation(marker)


def one(stream: np.random.SeedSequence, permutations: int) -> dict[str, float]:
    """The protocol's r and p, and the twin's r and p-values, on one cohort."""
    rng = np.random.default_rng(stream)
    with threadpool_limits(1):
        X, marker = cohort(rng)
        folds = fold_vector(PATIENTS, FOLDS, rng)
        seed = int(rng.integers(2**31))
        twin = permutation_test(ScreenedRegression(), X, marker, folds, continuous_scores, n=permutations, seed=seed)
        selected = correlation_table(X, marker)["selected"].to_numpy()
        chosen = X[:, selected] if selected.any() else np.zeros((PATIENTS, 1))
        leaky = cross_predict(ScreenedRegression(alpha=1), chosen, marker, folds).prediction
    r = continuous_scores(marker, leaky)["r"]
    t = r * np.sqrt((PATIENTS - 2) / (1 - r * r))
    return {
        "selected": float(selected.sum()),
        "protocol_r": r,
        "protocol_p": float(2 * stats.t.sf(abs(t), PATIENTS - 2)),
        "twin_r": twin.observed["r"],
        "twin_p_r": twin.p["r"],
        "twin_p_q2": twin.p["q2"],
    }


def null_study(cohorts: int = 200, permutations: int = 99, seed: int = 1246, jobs: int = 1) -> pd.DataFrame:
    """One row a cohort; the same for any number of jobs."""
    streams = np.random.SeedSequence(seed).spawn(cohorts)
    with parallel_config("loky", inner_max_num_threads=1):
        return pd.DataFrame(Parallel(n_jobs=jobs)(delayed(one)(stream, permutations) for stream in streams))


def verdicts(found: pd.DataFrame) -> dict[str, tuple[bool, str]]:
    """What has to hold, whether it does, and the figures."""
    n = len(found)
    low, high = stats.binom.ppf([0.005, 0.995], n, 0.05)
    judged = {}
    for name in ("twin_p_r", "twin_p_q2"):
        p = found[name]
        ks, below = float(stats.kstest(p, "uniform").pvalue), int((p <= 0.05).sum())
        judged[f"{name} uniform"] = (ks > 0.01, f"KS p = {ks:.3f}")
        judged[f"{name} <= .05"] = (bool(low <= below <= high), f"{below} of {n}; 99 % band {low:.0f} to {high:.0f}")
    published = found[found["selected"] > 0]  # with nothing selected the paper's protocol has nothing to report
    bias = stats.ttest_1samp(published["protocol_r"], 0, alternative="greater")
    share = float(((published["protocol_p"] <= 0.05) & (published["protocol_r"] > 0)).mean())
    text = f"{len(published)} cohorts with a selected feature: mean r = {published['protocol_r'].mean():+.3f} "
    text += f"(t-test p = {bias.pvalue:.2g}), "
    text += f"cor.test finds r > 0 with p <= .05 in {share:.0%} of them, where 2.5 % were due"
    judged["the protocol is biased"] = (bool(bias.pvalue < 0.01), text)
    return judged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=99)
    parser.add_argument("--seed", type=int, default=1246)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    found = null_study(asked.cohorts, asked.permutations, asked.seed, asked.jobs)
    print(f"{asked.cohorts} cohorts, B = {asked.permutations}; mean r of the twin {found['twin_r'].mean():+.3f}")
    judged = verdicts(found)
    for name, (holds, figures) in judged.items():
        print(f"{'ok  ' if holds else 'FAIL'}  {name}: {figures}")
    return 0 if all(holds for holds, _ in judged.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
