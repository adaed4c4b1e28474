"""Permutation test, bootstrap and optimism of a whole procedure, the same for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import sklearn
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from voxomics.engine.errors import InputError, SettingsError
from voxomics.study.checks import Floats, Ints
from voxomics.study.folds import Labels, check_folds, codes, fold_vector
from voxomics.study.metrics import Score
from voxomics.study.nested import as_outcome, as_table, cross_predict, predicted, rows_of

Progress: TypeAlias = Callable[[int, int], None]  #: done, of how many
_CHUNK = 10  # tasks a worker takes at a time: the progress bar moves, and passing them on costs little
_MOST_FAILED = 0.1  # of a bootstrap's samples; more, and the rest no longer describes the procedure


def _chunks(
    task: Callable[..., Any], fixed: tuple[Any, ...], n: int, seed: int, n_jobs: int, progress: Progress | None
) -> Iterator[Any]:
    """task(*fixed, stream) for n streams of random numbers, in order; a stream depends on the seed and its index alone."""
    if n < 1:
        raise SettingsError(f"{n} resamples; at least 1 is needed")
    streams = np.random.SeedSequence(seed).spawn(n)
    parts = [streams[i : i + _CHUNK] for i in range(0, n, _CHUNK)]
    done = 0
    for results in Parallel(n_jobs=n_jobs, return_as="generator")(delayed(_run)(task, fixed, part) for part in parts):
        done += len(results)
        yield from results
        if progress is not None:
            progress(done, n)


def _run(task: Callable[..., Any], fixed: tuple[Any, ...], streams: list[np.random.SeedSequence]) -> list[Any]:
    X = fixed[1]  # checked once for all samples, where it can be; missing values may be there for an imputing step
    finite = isinstance(X, np.ndarray) and X.dtype.kind in "fiu" and bool(np.isfinite(X).all())
    with sklearn.config_context(assume_finite=finite, skip_parameter_validation=True):
        return [task(*fixed, np.random.default_rng(stream)) for stream in streams]


@dataclass(frozen=True, eq=False)
class PermutationTest:
    """Permutation test of a whole procedure; larger is better for every statistic."""

    observed: dict[str, float]
    null: dict[str, Floats]  #: [n] of each statistic
    p: dict[str, float]  #: (1 + #{T* ≥ T})/(n + 1)
    n: int
    seed: int


def _permuted(
    estimator: Any, X: Any, y: Any, folds: Ints, strata: Ints, score: Score, rng: np.random.Generator
) -> dict[str, float]:
    order = np.arange(len(X))
    for stratum in range(int(strata.max()) + 1):
        rows = np.flatnonzero(strata == stratum)
        order[rows] = rng.permutation(rows)
    return score(y, cross_predict(estimator, rows_of(X, order), y, folds).prediction)


def permutation_test(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    folds: ArrayLike,
    score: Score,
    *,
    statistics: tuple[str, ...] = ("r", "q2"),
    n: int = 999,
    seed: int = 0,
    within: Labels | None = None,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> PermutationTest:
    """Permutation test of a procedure against chance: the whole procedure is repeated on permuted patients.

    The rows of X are permuted against the outcome and its folds, which stay together: folds stratified by the outcome
    remain stratified. Cost: n + 1 times one cross-validation.

    Parameters
    ----------
    estimator, X, y, folds
        As `cross_predict`.
    score : callable
        Outcome and prediction to named numbers: `continuous_scores`, `binary_scores` or `survival_scores`.
    statistics : tuple of str
        Those of `score` to be tested; larger must be better.
    n : int
        Permutations.
    seed : int
    within : sequence [n], optional
        Permute only inside these groups, the centres when leaving one centre out.
    n_jobs : int
        Worker processes; they do not change the result.
    progress : callable, optional
        Called with the number done and the total.

    Returns
    -------
    PermutationTest

    Examples
    --------
    >>> from voxomics.study.metrics import continuous_scores
    >>> from voxomics.study.regression import ScreenedRegression
    >>> X, y = np.arange(12.0)[:, None], np.arange(12.0)
    >>> permutation_test(ScreenedRegression(), X, y, np.arange(12) % 3, continuous_scores, n=19).p["r"]
    0.05
    """
    values = as_table(X)
    fold, outcome = check_folds(folds, len(values)), as_outcome(y, len(values))
    strata = np.zeros(len(values), np.int64) if within is None else codes(within, "within")[0]
    everything = score(outcome, cross_predict(estimator, values, outcome, fold).prediction)
    if unknown := [name for name in statistics if name not in everything]:
        raise SettingsError(f"statistics: no {', '.join(unknown)}; this score gives {', '.join(everything)}")
    null = list(_chunks(_permuted, (estimator, values, outcome, fold, strata, score), n, seed, n_jobs, progress))
    drawn = {name: np.array([one[name] for one in null]) for name in statistics}
    p = {name: float((1 + (drawn[name] >= everything[name] - 1e-12).sum()) / (n + 1)) for name in statistics}
    return PermutationTest({name: everything[name] for name in statistics}, drawn, p, n, seed)


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Percentile intervals of every score of a procedure."""

    samples: dict[str, Floats]  #: [n − failed]
    interval: dict[str, tuple[float, float]]
    level: float
    n: int
    failed: list[str]  #: reason for each sample on which the procedure could not be run
    seed: int


def _resampled(
    estimator: Any, X: Any, y: Any, k: int, stratify: Ints | None, score: Score, rng: np.random.Generator
) -> dict[str, float] | str:
    rows = rng.integers(len(X), size=len(X))
    try:
        folds = fold_vector(len(X), k, rng, groups=rows, labels=None if stratify is None else stratify[rows])
        return score(y[rows], cross_predict(estimator, rows_of(X, rows), y[rows], folds).prediction)
    except InputError as error:
        return str(error)


def bootstrap(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    score: Score,
    *,
    k: int = 10,
    labels: Labels | None = None,
    level: float = 0.95,
    n: int = 999,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Bootstrap:
    """Bootstrap interval of a cross-validated procedure: resample patients and repeat the whole procedure.

    All copies of a patient lie in one fold, so that nobody is predicted by a model that has seen him. Folds are drawn anew
    for each sample.

    Parameters
    ----------
    estimator, X, y, score
        As `permutation_test`.
    k : int
        Folds.
    labels : sequence [n], optional
        Classes (or events) to spread over the folds.
    level : float
    n, seed, n_jobs, progress
        As `permutation_test`.

    Returns
    -------
    Bootstrap

    Raises
    ------
    InputError
        More than a tenth of the samples cannot be used, with the first reason.

    Examples
    --------
    >>> from voxomics.study.metrics import continuous_scores
    >>> from voxomics.study.regression import ScreenedRegression
    >>> X, y = np.arange(12.0)[:, None], np.arange(12.0)
    >>> bootstrap(ScreenedRegression(), X, y, continuous_scores, k=3, n=20).interval["q2"]
    (1.0, 1.0)
    """
    values = as_table(X)
    outcome = as_outcome(y, len(values))
    stratify = None if labels is None else codes(labels, "labels")[0]
    found = list(_chunks(_resampled, (estimator, values, outcome, k, stratify, score), n, seed, n_jobs, progress))
    good, failed = [one for one in found if not isinstance(one, str)], [one for one in found if isinstance(one, str)]
    if len(failed) > _MOST_FAILED * n:
        raise InputError(f"{len(failed)} of {n} bootstrap samples could not be used; the first: {failed[0]}")
    samples = {name: np.array([one[name] for one in good]) for name in good[0]}
    tail = (1 - level) / 2
    interval = {name: (float(np.quantile(s, tail)), float(np.quantile(s, 1 - tail))) for name, s in samples.items()}
    return Bootstrap(samples, interval, level, n, failed, seed)


@dataclass(frozen=True, eq=False)
class Optimism:
    """Harrell's correction: how much better a model looks where it was made."""

    apparent: dict[str, float]
    optimism: dict[str, float]
    corrected: dict[str, float]
    n: int
    failed: list[str]
    seed: int


def _optimistic(estimator: Any, X: Any, y: Any, score: Score, rng: np.random.Generator) -> dict[str, float] | str:
    rows = rng.integers(len(X), size=len(X))
    try:
        fitted = clone(estimator).fit(rows_of(X, rows), y[rows])
        there, here = score(y[rows], predicted(fitted, rows_of(X, rows))), score(y, predicted(fitted, X))
    except InputError as error:
        return str(error)
    return {name: there[name] - here[name] for name in there}


def optimism(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    score: Score,
    *,
    n: int = 200,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Progress | None = None,
) -> Optimism:
    """Apparent scores of a model less their bootstrap optimism, such as the concordance of a Cox model.

    Parameters
    ----------
    estimator, X, y, score, n, seed, n_jobs, progress
        As `permutation_test`; the estimator does its selection in every sample.

    Returns
    -------
    Optimism

    Raises
    ------
    InputError
        More than a tenth of the samples cannot be used.

    References
    ----------
    Harrell FE et al. Stat Med 15:361-387 (1996).

    Examples
    --------
    >>> from voxomics.study.cox import ScreenedCox
    >>> from voxomics.study.metrics import survival_scores
    >>> X, y = np.array([[1.0], [3.0], [2.0], [4.0], [2.5]]), [[9, 1], [3, 1], [7, 1], [4, 1], [2, 1]]
    >>> optimism(ScreenedCox(alpha=1), X, y, survival_scores, n=10).apparent
    {'c': 0.7}
    """
    values = as_table(X)
    outcome = as_outcome(y, len(values))
    apparent = score(outcome, predicted(clone(estimator).fit(values, outcome), values))
    found = list(_chunks(_optimistic, (estimator, values, outcome, score), n, seed, n_jobs, progress))
    good, failed = [one for one in found if not isinstance(one, str)], [one for one in found if isinstance(one, str)]
    if len(failed) > _MOST_FAILED * n:
        raise InputError(f"{len(failed)} of {n} bootstrap samples could not be used; the first: {failed[0]}")
    mean = {name: float(np.mean([one[name] for one in good])) for name in apparent}
    return Optimism(apparent, mean, {name: apparent[name] - mean[name] for name in apparent}, n, failed, seed)
