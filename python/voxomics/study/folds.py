"""Folds as explicit vectors. They are saved in the output and are the same for every method that is compared."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from voxomics.engine.errors import InputError
from voxomics.study.checks import Ints, listed, same_length

Labels = Sequence[Hashable] | NDArray[Any] | pd.Series


def codes(labels: Labels, name: str) -> tuple[Ints, list[Any]]:
    """Whole numbers for labels, and the labels in order, numbers as numbers; missing ones are refused."""
    found = np.asarray(labels)
    if found.ndim != 1:
        raise InputError(f"{name}: expected one label for each row, got an array of shape {found.shape}")
    if missing := np.flatnonzero(pd.isna(found)).tolist():
        raise InputError(f"{name}: missing in rows {listed(missing)} (from 0)")
    distinct, number = np.unique(found.astype(str) if found.dtype == object else found, return_inverse=True)
    return number.astype(np.int64), distinct.tolist()


def fold_vector(
    n: int,
    k: int,
    rng: np.random.Generator,
    *,
    labels: Labels | None = None,
    groups: Labels | None = None,
) -> Ints:
    """Fold of each row, at random and as even as can be.

    Parameters
    ----------
    n : int
        Rows.
    k : int
        Folds.
    rng : numpy.random.Generator
    labels : sequence [n], optional
        Classes (or events) to spread evenly over the folds.
    groups : sequence [n], optional
        Rows of one group share a fold, as all copies of a patient must in a bootstrap sample. With `labels`, a group has
        the label of its first row.

    Returns
    -------
    ndarray int64 [n]
        0..k − 1.

    Raises
    ------
    InputError
        Fewer than 2 folds, or fewer rows (groups) than folds.

    Examples
    --------
    >>> fold = fold_vector(6, 3, np.random.default_rng(0), groups=["a", "a", "b", "b", "c", "c"])
    >>> fold[::2].tolist() == fold[1::2].tolist()
    True
    """
    member = np.arange(n) if groups is None else codes(groups, "groups")[0]
    _, first, member = np.unique(member, return_index=True, return_inverse=True)
    if k < 2:
        raise InputError(f"{k} folds; at least 2 are needed")
    if len(first) < k:
        raise InputError(f"{len(first)} patients cannot fill {k} folds; use at most {len(first)} folds")
    order = rng.permutation(len(first))
    if labels is not None:
        label = codes(labels, "labels")[0]
        same_length(labels=label, rows=np.empty(n))
        order = order[np.argsort(label[first][order], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % k
    return np.asarray(fold[member])


def repeated_folds(n: int, k: int, repeats: int, seed: int, *, labels: Labels | None = None) -> Ints:
    """Fold vectors of repeated cross-validation; row r depends on the seed and on r alone.

    Returns
    -------
    ndarray int64 [repeats, n]

    Examples
    --------
    >>> repeated_folds(92, 10, 20, seed=1246).shape
    (20, 92)
    """
    streams = np.random.SeedSequence(seed).spawn(repeats)
    return np.array([fold_vector(n, k, np.random.default_rng(stream), labels=labels) for stream in streams])


def leave_one_centre_out(centre: Labels) -> tuple[Ints, list[Any]]:
    """One fold for each centre, and the centres in the order of their numbers.

    Raises
    ------
    InputError
        Missing centres, or only one.

    Examples
    --------
    >>> fold, centres = leave_one_centre_out(["B", "A", "B"])
    >>> fold.tolist(), centres
    ([1, 0, 1], ['A', 'B'])
    """
    number, centres = codes(centre, "centre")
    if len(centres) < 2:
        raise InputError(f"leaving one centre out needs two centres or more; all {len(number)} patients come from one")
    return number, centres


def check_folds(folds: ArrayLike, n: int) -> Ints:
    """A fold vector as whole numbers from 0; any labels are accepted.

    Raises
    ------
    InputError
        Another length, or a single fold.
    """
    number, names = codes(np.asarray(folds), "folds")
    if len(number) != n:
        raise InputError(f"{len(number)} folds for {n} rows; give one for each row")
    if len(names) < 2:
        raise InputError("all rows are in one fold, so no rows are left for training")
    return number
